// SPDX-License-Identifier: Apache-2.0
/* What guest/probe says: see probe_lines.h. */
#include "bench/probe_lines.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool is_field(const char *text, bool name)
{
	size_t len = text ? strlen(text) : 0;

	for (size_t i = 0; i < len; i++) {
		if (name ? !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", text[i]) : text[i] < ' ' || text[i] > '~')
			return false;
	}
	return len && len <= PROBE_FIELD_MAX;
}

unsigned probe_lines(char *output, struct probe_line *lines, unsigned max)
{
	unsigned count = 0;

	for (char *line; count < max && (line = strsep(&output, "\n")) && output;) {
		struct probe_line *l = &lines[count];
		l->name = strsep(&line, "\t");
		l->value = strsep(&line, "\t");
		l->text = line;
		count += is_field(l->name, true) && is_field(l->value, false) && is_field(l->text, false);
	}
	return count;
}
