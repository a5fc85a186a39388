// SPDX-License-Identifier: Apache-2.0
/* What a probe says, which comes from inside a machine: each line that is taken is in bounds and printable, and any verdict on it has a
 * text that is, too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bench/contrast_impl.h"
#include "bench/probe_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *copy_of(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

static void check_text(const char *text, size_t max)
{
	size_t len = strlen(text);

	if (!len || len > max)
		abort();
	for (size_t i = 0; i < len; i++) {
		if (text[i] < ' ' || text[i] > '~')
			abort();
	}
}

static void take(struct said *said, char *text)
{
	*said = (struct said){.output = text};
	said->count = probe_lines(text, said->line, PROBE_LINES_MAX);
	if (said->count > PROBE_LINES_MAX)
		abort();
	for (unsigned i = 0; i < said->count; i++) {
		check_text(said->line[i].name, PROBE_FIELD_MAX);
		check_text(said->line[i].value, PROBE_FIELD_MAX);
		check_text(said->line[i].text, PROBE_FIELD_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char native[] = "native";
	static struct contrast contrast;
	struct targets targets = {.token = "0123456789abcdef0123456789abcdef"};
	/* The first byte says how much of it the host said. */
	size_t split = size ? data[0] % size : 0;
	char *host_text = copy_of(data, split), *rung_text = copy_of(data + split, size - split),
	     *can_text = copy_of(data + split, size - split);
	struct said host, see, can;

	take(&host, host_text);
	take(&see, rung_text);
	take(&can, can_text);
	contrast = (struct contrast){.rung_count = 1, .rung[0] = {.kind = size ? data[0] % (RUNG_FOREIGN + 1) : 0, .name = native}};
	judge_rows(&contrast);
	struct evidence evidence = {&host, &see, &can, &targets, size & 1, 1000};
	judge_rung(&contrast, 0, &evidence);
	for (unsigned i = 0; i < contrast.row_count; i++)
		check_text(contrast.row[i].cell[0].text, CONTRAST_TEXT_MAX - 1);
	free(host_text);
	free(rung_text);
	free(can_text);
	return 0;
}
