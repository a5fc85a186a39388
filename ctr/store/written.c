// SPDX-License-Identifier: Apache-2.0
/* Documents as they are written: see written.h. */
#include "ctr/store/written.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 18 /* of which no number overflows 63 bits */

struct reader {
	const char *at, *end;
};

static bool literal(struct reader *r, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(r->end - r->at) < len || memcmp(r->at, text, len))
		return false;
	r->at += len;
	return true;
}

static bool number(struct reader *r, int64_t max, int64_t *value)
{
	const char *start = r->at;

	*value = 0;
	for (; r->at < r->end && *r->at >= '0' && *r->at <= '9' && r->at - start < DIGITS_MAX; r->at++)
		*value = *value * 10 + (*r->at - '0');
	/* No leading zero: that is no JSON. */
	return r->at > start && (*start != '0' || r->at == start + 1) && *value <= max;
}

/* The character that a backslash and this one are; 0: no such. */
static char escaped(char c)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *found = c ? strchr(names, c) : NULL;

	return found ? values[found - names] : '\0';
}

static bool string(struct reader *r, char **out)
{
	size_t len = 0;

	if (!literal(r, "\""))
		return false;
	char *text = malloc((size_t)(r->end - r->at) + 1);
	if (!text)
		return false;
	for (; r->at < r->end && *r->at != '"' && *r->at >= ' ' && *r->at <= '~'; r->at++) {
		char c = *r->at;
		if (c == '\\')
			c = ++r->at < r->end ? escaped(*r->at) : '\0';
		if (!c)
			break;
		text[len++] = c;
	}
	if (!literal(r, "\"")) {
		free(text);
		return false;
	}
	text[len] = '\0';
	/* Not in memory for the rest of the file. */
	*out = strdup(text);
	free(text);
	return *out != NULL;
}

static bool strings(struct reader *r, char ***list)
{
	size_t count = 0, room = 0;

	if (literal(r, "[]"))
		return (*list = calloc(1, sizeof(**list))) != NULL;
	if (!literal(r, "["))
		return false;
	do {
		if (count + 1 >= room) {
			room = room ? room * 2 : 16;
			char **more = reallocarray(*list, room, sizeof(**list));
			if (!more)
				return false;
			*list = more;
		}
		(*list)[count] = (*list)[count + 1] = NULL;
		if (count == CONFIG_ARGUMENTS_MAX || !literal(r, "\n    ") || !string(r, &(*list)[count]))
			return false;
		count++;
	} while (literal(r, ","));
	return literal(r, "\n  ]");
}

bool written_description(const char *text, size_t len, struct description *description)
{
	struct reader r = {text, text + len};

	*description = (struct description){0};
	bool whole = literal(&r, "{\n  \"version\": 1,\n  \"created\": ") && number(&r, INT64_MAX, &description->created) &&
		     literal(&r, ",\n  \"directory\": ") && string(&r, &description->directory) && description->directory[0] == '/' &&
		     literal(&r, ",\n  \"image\": ");
	description->image = whole && literal(&r, "true");
	whole = whole && (description->image || literal(&r, "false")) && literal(&r, ",\n  \"arguments\": ") &&
		strings(&r, &description->arguments) && literal(&r, "\n}");
	(void)literal(&r, "\n");
	if (!whole || r.at != r.end) {
		description_release(description);
		return false;
	}
	return true;
}

bool written_status(const char *text, size_t len, struct status *status)
{
	struct reader r = {text, text + len};
	int64_t pid = 0, code = 0;

	bool whole = literal(&r, "{\"version\": 1, \"pid\": ") && number(&r, INT_MAX, &pid) && literal(&r, ", \"started\": ") &&
		     number(&r, INT64_MAX, &status->started) && literal(&r, ", \"finished\": ") &&
		     number(&r, INT64_MAX, &status->finished) && literal(&r, ", \"status\": ") && number(&r, 255, &code) &&
		     literal(&r, "}\n") && r.at == r.end;
	*status = whole ? (struct status){.pid = (pid_t)pid, .started = status->started, .finished = status->finished, .status = (int)code}
			: (struct status){0};
	return whole;
}
