// SPDX-License-Identifier: Apache-2.0
/* Options that have parts, "first,name,name=value,...": see options.h. */
#include <stdio.h>
#include <string.h>

#include "vmm/util/options.h"
#include "vmm/util/parse.h"

#define GIVEN_MAX 512

static void part_fault(struct options *options, const char *first, const char *key, const char *value, const char *wrong, const char *takes)
{
	char given[GIVEN_MAX];

	snprintf(given, sizeof(given), "%s,%s%s%s", first, key, value ? "=" : "", value ? value : "");
	options_fault(options, given, wrong, takes);
}

static void unknown_part(struct options *options, const char *first, const char *key, const char *value, const struct option_part *parts,
			 unsigned count)
{
	const char *near = options_nearest(key, &parts->name, sizeof(*parts), count);
	char wrong[64];

	if (near)
		snprintf(wrong, sizeof(wrong), "unknown part, did you mean %s?", near);
	else
		snprintf(wrong, sizeof(wrong), "unknown part");
	part_fault(options, first, key, value, wrong, options->option->takes);
}

void options_take_parts(struct options *options, const char *first, char *cursor, const struct option_part *parts, unsigned part_count, void *target)
{
	uint32_t seen = 0;
	char *key, *value;

	while (parse_option(&cursor, &key, &value)) {
		unsigned i = 0;
		while (i < part_count && strcmp(parts[i].name, key))
			i++;
		if (i == part_count) {
			unknown_part(options, first, key, value, parts, part_count);
			continue;
		}
		const struct option_part *part = &parts[i];
		const char *wrong;
		if ((seen & 1u << i) && !part->repeats)
			wrong = "given a second time";
		else if (value && (!part->valued || !*value))
			wrong = part->valued ? "no value given" : "a value where none belongs";
		else if (!value && !part->bare)
			wrong = "no value given";
		else
			wrong = part->take(target, value);
		seen |= 1u << i;
		if (wrong)
			part_fault(options, first, key, value, wrong, part->takes);
	}
}
