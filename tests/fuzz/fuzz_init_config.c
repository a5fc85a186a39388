// SPDX-License-Identifier: Apache-2.0
/* What guest/init parses: its configuration, the command line, PATH, the mount table and the log. */
#include <stdlib.h>
#include <string.h>

/* The guest's objects are built for the guest. */
#include "guest/init_parse.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_config(const char *records, size_t len)
{
	struct init_config config;
	const char *fault = NULL;
	void *slots = malloc(init_config_slots(records, len));
	char *merged[8];

	if (!slots)
		return;
	if (init_config_parse(&config, records, len, slots, &fault)) {
		char *const *const lists[] = { config.env, config.argv };
		env_merge(merged, 8, lists, 2);
		env_get(merged, "PATH");
	} else if (!fault) {
		abort();
	}
	free(slots);
}

static void parse_text(const char *text)
{
	char out[32];
	struct init_net net;
	const char *path = text;

	init_net_parse(&net, text);
	cmdline_value(text, "console=", out, sizeof(out));
	words_have(text, "hvc0");
	while (path_next(&path, "sh", out, sizeof(out)))
		;
	for (const char *line = text; line; line = mounts_next(line, out, sizeof(out)))
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = '\0';
	parse_config(copy, size);
	parse_text(copy);
	if (log_strip_levels(copy, size) > size)
		abort();
	free(copy);
	return 0;
}
