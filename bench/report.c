// SPDX-License-Identifier: Apache-2.0
/* A report in memory, and as a list of samples: see report.h. */
#include "bench/report.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/util/io.h"
#include "vmm/util/log.h"

/* --- texts ------------------------------------------------------------------------------------------------------------------------------- */

/*
 * The length of the character that begins here if it may be shown, otherwise 0. UTF-8 by RFC 3629, 4. Not shown: C0 and C1 controls
 * (ECMA-48), and what embeds or isolates text of another direction (Unicode UAX 9, 2), behind which a line can be made to read otherwise
 * than it is.
 */
static unsigned shown(const unsigned char *at)
{
	unsigned len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2, code = at[0] & (0x7fu >> len);

	if (at[0] < 0x80)
		return at[0] >= ' ' && at[0] != 0x7f;
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	for (unsigned i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	bool turns = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
	return code < (len == 2 ? 0xa0 : len == 3 ? 0x800u : 0x10000) || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) || turns ? 0 : len;
}

char *report_text(const char *text)
{
	char *copy = malloc(strnlen(text, REPORT_TEXT_MAX) + 1);
	size_t used = 0;

	if (!copy)
		return NULL;
	while (*text) {
		unsigned len = shown((const unsigned char *)text), bytes = len ? len : 1;
		if (used + bytes > REPORT_TEXT_MAX)
			break;
		memcpy(copy + used, len ? text : "?", bytes);
		used += bytes;
		text += bytes;
	}
	copy[used] = '\0';
	return copy;
}

/* --- what is in it ----------------------------------------------------------------------------------------------------------------------- */

struct report *report_new(const char *program)
{
	struct report *report = calloc(1, sizeof(*report));

	if (report)
		report->program = report_text(program);
	if (report && !report->program) {
		free(report);
		return NULL;
	}
	return report;
}

void report_free(struct report *report)
{
	if (!report)
		return;
	for (unsigned i = 0; i < report->fact_count; i++) {
		free(report->fact[i].name);
		free(report->fact[i].value);
	}
	for (unsigned i = 0; i < report->warning_count; i++)
		free(report->warning[i]);
	for (unsigned i = 0; i < report->rung_count; i++) {
		free(report->rung[i].name);
		free(report->rung[i].skipped);
	}
	for (unsigned i = 0; i < report->measure_count; i++) {
		struct report_measure *m = &report->measure[i];
		free(m->name);
		free(m->title);
		free(m->unit);
		for (unsigned r = 0; r < REPORT_RUNGS_MAX; r++) {
			free(m->series[r].sample);
			free(m->series[r].missing);
		}
	}
	free(report->program);
	free(report->time);
	free(report->command);
	free(report);
}

int report_add_fact(struct report *report, const char *name, const char *value)
{
	struct report_fact *fact = &report->fact[report->fact_count];

	if (report->fact_count == REPORT_FACTS_MAX)
		return -ENOSPC;
	*fact = (struct report_fact){report_text(name), report_text(value)};
	report->fact_count++;
	return fact->name && fact->value ? 0 : -ENOMEM;
}

int report_add_warning(struct report *report, const char *text)
{
	if (report->warning_count == REPORT_FACTS_MAX)
		return -ENOSPC;
	char *copy = report->warning[report->warning_count] = report_text(text);
	report->warning_count += copy != NULL;
	return copy ? 0 : -ENOMEM;
}

int report_add_rung(struct report *report, const char *name, const char *skipped)
{
	struct report_rung *rung = &report->rung[report->rung_count];

	if (report->rung_count == REPORT_RUNGS_MAX)
		return -ENOSPC;
	*rung = (struct report_rung){report_text(name), skipped ? report_text(skipped) : NULL};
	report->rung_count++;
	return rung->name && (!skipped || rung->skipped) ? 0 : -ENOMEM;
}

int report_find_rung(const struct report *report, const char *name)
{
	for (unsigned i = 0; i < report->rung_count; i++) {
		if (!strcmp(report->rung[i].name, name))
			return (int)i;
	}
	return -1;
}

/* Its place; measure_count: it is not there. */
static unsigned place_of(const struct report *report, const char *name)
{
	unsigned i = 0;

	while (i < report->measure_count && strcmp(report->measure[i].name, name) != 0)
		i++;
	return i;
}

const struct report_measure *report_find_measure(const struct report *report, const char *name)
{
	unsigned place = place_of(report, name);

	return place < report->measure_count ? &report->measure[place] : NULL;
}

struct report_measure *report_measure(struct report *report, const char *name, const char *title, const char *unit, bool more_is_better)
{
	unsigned place = place_of(report, name);
	struct report_measure *m = &report->measure[place];

	if (place < report->measure_count)
		return m;
	if (place == REPORT_MEASURES_MAX)
		return NULL;
	*m = (struct report_measure){.name = report_text(name), .title = report_text(title), .unit = report_text(unit), .more_is_better = more_is_better};
	report->measure_count++;
	return m->name && m->title && m->unit ? m : NULL;
}

int report_add_sample(struct report *report, struct report_measure *measure, unsigned rung, double value)
{
	struct report_series *series = &measure->series[rung < REPORT_RUNGS_MAX ? rung : 0];

	if (rung >= report->rung_count || !isfinite(value))
		return -EINVAL;
	if (series->count == REPORT_SAMPLES_MAX)
		return -ENOSPC;
	/* Room doubles. */
	if (!(series->count & (series->count - 1))) {
		double *sample = reallocarray(series->sample, series->count ? 2 * series->count : 1, sizeof(*sample));
		if (!sample)
			return -ENOMEM;
		series->sample = sample;
	}
	series->sample[series->count++] = value;
	return 0;
}

int report_miss(struct report *report, struct report_measure *measure, unsigned rung, const char *why)
{
	if (rung >= report->rung_count)
		return -EINVAL;
	if (!measure->series[rung].missing)
		measure->series[rung].missing = report_text(why);
	return measure->series[rung].missing ? 0 : -ENOMEM;
}

/* --- files ------------------------------------------------------------------------------------------------------------------------------ */

/* Anything but a plain file stays what it is: a device, a pipe, a link to whatever it is. */
static int write_into(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY);
	int err = fd < 0 ? -errno : write_full(fd, text, len);

	close_fd(&fd);
	return err;
}

int report_write_file(const char *path, const char *text, size_t len)
{
	struct stat st;
	bool plain = lstat(path, &st) || S_ISREG(st.st_mode);
	int err = !text ? -ENOMEM : plain ? write_file_atomic(path, text, len, 0644) : write_into(path, text, len);

	if (err)
		log_error("%s can't be written: %s", path, strerror(-err));
	return err;
}

/* --- CSV -------------------------------------------------------------------------------------------------------------------------------- */

/* And its comma. Quoted as RFC 4180 has it; lines end as all others here. */
static void put_field(FILE *out, const char *text)
{
	bool plain = !strpbrk(text, ",\"\r\n");

	if (!plain)
		(void)fputc('"', out);
	for (; *text; text++)
		(void)fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
	(void)fputs(plain ? "," : "\",", out);
}

static void put_series(FILE *out, const struct report_measure *m, const char *rung, const struct report_series *series)
{
	for (unsigned i = 0; i < series->count; i++) {
		put_field(out, m->name);
		put_field(out, m->unit);
		put_field(out, rung);
		(void)fprintf(out, "%u,%.9g\n", i + 1, series->sample[i]);
	}
}

int report_write_csv(const struct report *report, const char *path)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out)
		(void)fputs("measure,unit,rung,round,value\n", out);
	for (unsigned i = 0; out && i < report->measure_count; i++) {
		for (unsigned r = 0; r < report->rung_count; r++)
			put_series(out, &report->measure[i], report->rung[r].name, &report->measure[i].series[r]);
	}
	bool whole = out && !fclose(out);
	int err = report_write_file(path, whole ? text : NULL, len);
	free(text);
	return err;
}
