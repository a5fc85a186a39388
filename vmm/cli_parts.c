// SPDX-License-Identifier: Apache-2.0
/* The parts of --disk and --net: "first,name,name=value,...". */
#include <stdio.h>
#include <string.h>

#include "vmm/cli_options.h"
#include "vmm/util/parse.h"

#define GIVEN_MAX 512

static void part_fault(struct cli *cli, const char *first, const char *key, const char *value, const char *wrong, const char *takes)
{
	char given[GIVEN_MAX];

	snprintf(given, sizeof(given), "%s,%s%s%s", first, key, value ? "=" : "", value ? value : "");
	cli_fault(cli, given, wrong, takes);
}

static void unknown_part(struct cli *cli, const char *first, const char *key, const char *value, const struct cli_part *parts,
			 unsigned count)
{
	const char *near = cli_nearest(key, &parts->name, sizeof(*parts), count);
	char wrong[64];

	if (near)
		snprintf(wrong, sizeof(wrong), "unknown part, did you mean %s?", near);
	else
		snprintf(wrong, sizeof(wrong), "unknown part");
	part_fault(cli, first, key, value, wrong, cli->option->takes);
}

void cli_take_parts(struct cli *cli, const char *first, char *cursor, const struct cli_part *parts, unsigned part_count, void *target)
{
	uint32_t seen = 0;
	char *key, *value;

	while (parse_option(&cursor, &key, &value)) {
		unsigned i = 0;
		while (i < part_count && strcmp(parts[i].name, key))
			i++;
		if (i == part_count) {
			unknown_part(cli, first, key, value, parts, part_count);
			continue;
		}
		const struct cli_part *part = &parts[i];
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
			part_fault(cli, first, key, value, wrong, part->takes);
	}
}
