// SPDX-License-Identifier: Apache-2.0
/*
 * Reports as JSON (docs/bench-json.md), by jansson. What is read may be anybody's, and goes to terminals and pages: every text and number is looked at. Derived
 * numbers are written for other programs, and not read.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"
#include "bench/stats.h"
#include "vmm/util/io.h"
#include "vmm/util/lib.h"
#include "vmm/util/log.h"

#define FORMAT "tinyvmm-bench"
#define NAME_MAX_BYTES 64
#define COUNT_LIMIT 1000000

#define JSON_CALLS(X)                                                                                                                          \
	X(json_loadb) X(json_delete) X(json_object_get) X(json_array_size) X(json_array_get) X(json_string_value) X(json_integer_value)        \
		X(json_number_value) X(json_object_set_new) X(json_array_append_new) X(json_pack) X(json_dumps) X(json_object_iter)            \
			X(json_object_iter_next) X(json_object_iter_key) X(json_object_iter_value)
LIB_STRUCT(json_lib, JSON_CALLS);

static int open_json(struct json_lib *lib)
{
	return LIB_OPEN(lib, "libjansson.so.4", "libjansson4", JSON_CALLS);
}

/* --- writing --------------------------------------------------------------------------------------------------------------------------- */

struct writer {
	struct json_lib lib;
	bool failed; /* no memory */
};

static void put(struct writer *w, json_t *object, const char *key, json_t *value)
{
	w->failed |= w->lib.json_object_set_new(object, key, value) != 0;
}

static void append(struct writer *w, json_t *array, json_t *value)
{
	w->failed |= w->lib.json_array_append_new(array, value) != 0;
}

/* What is packed with a part that could not be made is none either. */
static json_t *series_json(struct writer *w, const struct report_series *series, uint64_t seed)
{
	json_t *samples;
	struct stats stats;

	if (!series->count)
		return w->lib.json_pack("{s:s}", "missing", series->missing);
	samples = w->lib.json_pack("[]");
	for (unsigned i = 0; i < series->count; i++)
		append(w, samples, w->lib.json_pack("f", series->sample[i]));
	w->failed |= stats_of(&stats, series->sample, series->count, seed) != 0;
	return w->lib.json_pack("{s:o,s:f,s:f,s:f,s:f,s:i}", "samples", samples, "median", stats.median, "low", stats.low, "high", stats.high, "p95",
				stats.p95, "outliers", stats.outliers);
}

static json_t *measure_json(struct writer *w, const struct report *report, const struct report_measure *m)
{
	json_t *rungs = w->lib.json_pack("{}");

	for (unsigned r = 0; r < report->rung_count; r++) {
		if (m->series[r].count || m->series[r].missing)
			put(w, rungs, report->rung[r].name, series_json(w, &m->series[r], report->seed));
	}
	return w->lib.json_pack("{s:s,s:s,s:s,s:s,s:o}", "name", m->name, "title", m->title, "unit", m->unit, "better",
				m->more_is_better ? "more" : "less", "rungs", rungs);
}

static json_t *report_json(struct writer *w, const struct report *report)
{
	json_t *host = w->lib.json_pack("{}"), *warnings = w->lib.json_pack("[]"), *rungs = w->lib.json_pack("[]"), *measures = w->lib.json_pack("[]");

	for (unsigned i = 0; i < report->fact_count; i++)
		put(w, host, report->fact[i].name, w->lib.json_pack("s", report->fact[i].value));
	for (unsigned i = 0; i < report->warning_count; i++)
		append(w, warnings, w->lib.json_pack("s", report->warning[i]));
	for (unsigned i = 0; i < report->rung_count; i++)
		append(w, rungs, w->lib.json_pack("{s:s,s:s*}", "name", report->rung[i].name, "skipped", report->rung[i].skipped));
	for (unsigned i = 0; i < report->measure_count; i++)
		append(w, measures, measure_json(w, report, &report->measure[i]));
	return w->lib.json_pack("{s:s,s:i,s:s,s:s*,s:s*,s:I,s:i,s:i,s:o,s:o,s:o,s:o}", "format", FORMAT, "version", REPORT_VERSION, "program",
				report->program, "time", report->time, "command", report->command, "seed", (json_int_t)report->seed, "rounds",
				report->rounds, "warmups", report->warmups, "host", host, "warnings", warnings, "rungs", rungs, "measures", measures);
}

int report_write_json(const struct report *report, const char *path)
{
	struct writer w = {.failed = false};
	int err = open_json(&w.lib);

	if (err)
		return err;
	json_t *root = report_json(&w, report);
	char *text = w.failed ? NULL : w.lib.json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
	err = report_write_file(path, text, text ? strlen(text) : 0);
	free(text);
	w.lib.json_delete(root);
	return err;
}

/* --- reading --------------------------------------------------------------------------------------------------------------------------- */

/* The first fault is told and stays; what is read after it is of no use, and does no harm. */
struct reader {
	struct json_lib lib;
	const char *name;
	struct report *report;
	int err;
};

static void fault(struct reader *r, const char *what, const char *wrong)
{
	if (!r->err)
		log_error("%s: \"%s\" %s: it is damaged, or was not written by 'tinyvmm bench --json'", r->name, what, wrong);
	r->err = -EINVAL;
}

/* What the report said to `what`. */
static void added(struct reader *r, const char *what, int err)
{
	if (err == -ENOMEM && !r->err)
		r->err = err;
	else if (err)
		fault(r, what, err == -ENOSPC ? "has too many entries" : "has one that is no number");
}

static bool is_name(const char *text)
{
	size_t len = strlen(text);

	return len && len <= NAME_MAX_BYTES && strspn(text, REPORT_NAME_CHARS) == len;
}

/* "" where it is none, which is a fault. What report_text() would change drives terminals, or is too long. */
static const char *check_text(struct reader *r, const json_t *value, const char *key)
{
	const char *text = r->lib.json_string_value(value);
	char *clean = report_text(text ? text : "");

	if (!text || !clean || strcmp(clean, text) != 0) {
		fault(r, key, text ? "is too long, or has control characters" : "is missing, or no text");
		text = "";
	}
	free(clean);
	return text;
}

static const char *get_text(struct reader *r, const json_t *object, const char *key)
{
	return check_text(r, r->lib.json_object_get(object, key), key);
}

/* NULL: it is not there. */
static const char *get_optional(struct reader *r, const json_t *object, const char *key)
{
	return r->lib.json_object_get(object, key) ? get_text(r, object, key) : NULL;
}

static char *copy_optional(struct reader *r, const json_t *object, const char *key)
{
	const char *text = get_optional(r, object, key);
	char *copy = text ? report_text(text) : NULL;

	if (text && !copy)
		r->err = -ENOMEM;
	return copy;
}

static unsigned get_count(struct reader *r, const json_t *object, const char *key)
{
	const json_t *value = r->lib.json_object_get(object, key);
	json_int_t n = json_is_integer(value) ? r->lib.json_integer_value(value) : -1;

	if (n < 0 || n > COUNT_LIMIT)
		fault(r, key, "is missing, or no number of its kind");
	return (unsigned)n;
}

/* NULL where it is none; it has *size entries. Everything has its bound, and the report's own tables know theirs. */
static const json_t *get_array(struct reader *r, const json_t *object, const char *key, size_t *size)
{
	const json_t *array = r->lib.json_object_get(object, key);

	*size = r->lib.json_array_size(array);
	if (!json_is_array(array))
		fault(r, key, "is missing, or no list");
	return array;
}

/* The first member of an object, which has to be there. */
static void *get_members(struct reader *r, json_t *object, const char *key)
{
	if (!json_is_object(object))
		fault(r, key, "is missing, or no object");
	return r->lib.json_object_iter(object);
}

static void read_head(struct reader *r, const json_t *root)
{
	const json_t *seed = r->lib.json_object_get(root, "seed");
	struct report *report = r->report;

	unsigned version = get_count(r, root, "version");
	if (!r->err && version != REPORT_VERSION) {
		log_error("%s: it is of version %u of its format, and this program reads version %d", r->name, version, REPORT_VERSION);
		r->err = -EINVAL;
	}
	if (!json_is_integer(seed))
		fault(r, "seed", "is missing, or no whole number");
	report->seed = (uint64_t)r->lib.json_integer_value(seed);
	report->rounds = get_count(r, root, "rounds");
	report->warmups = get_count(r, root, "warmups");
	report->time = copy_optional(r, root, "time");
	report->command = copy_optional(r, root, "command");
}

static void read_host(struct reader *r, json_t *root)
{
	json_t *host = r->lib.json_object_get(root, "host");
	size_t size;

	for (void *at = get_members(r, host, "host"); at && !r->err; at = r->lib.json_object_iter_next(host, at)) {
		const char *name = r->lib.json_object_iter_key(at), *value = check_text(r, r->lib.json_object_iter_value(at), "host");
		char *clean = report_text(name);
		if (!clean || strcmp(clean, name) != 0)
			fault(r, "host", "has a name that is too long, or has control characters");
		free(clean);
		added(r, "host", report_add_fact(r->report, name, value));
	}
	const json_t *warnings = get_array(r, root, "warnings", &size);
	for (size_t i = 0; i < size && !r->err; i++)
		added(r, "warnings", report_add_warning(r->report, check_text(r, r->lib.json_array_get(warnings, i), "warnings")));
}

static void read_rungs(struct reader *r, const json_t *root)
{
	size_t size;
	const json_t *rungs = get_array(r, root, "rungs", &size);

	for (size_t i = 0; i < size && !r->err; i++) {
		const json_t *rung = r->lib.json_array_get(rungs, i);
		const char *name = get_text(r, rung, "name");
		if (!is_name(name) || report_find_rung(r->report, name) >= 0)
			fault(r, "rungs", "has a name that is none, or twice the same");
		added(r, "rungs", report_add_rung(r->report, name, get_optional(r, rung, "skipped")));
	}
}

static void read_series(struct reader *r, struct report_measure *m, unsigned rung, const json_t *object)
{
	const char *missing = get_optional(r, object, "missing");
	size_t size;

	if (missing) {
		added(r, "missing", report_miss(r->report, m, rung, missing));
		return;
	}
	const json_t *samples = get_array(r, object, "samples", &size);
	for (size_t i = 0; i < size && !r->err; i++) {
		const json_t *value = r->lib.json_array_get(samples, i);
		added(r, "samples", json_is_number(value) ? report_add_sample(r->report, m, rung, r->lib.json_number_value(value)) : -EINVAL);
	}
}

static void read_measure(struct reader *r, const json_t *object)
{
	const char *name = get_text(r, object, "name"), *title = get_text(r, object, "title"), *unit = get_text(r, object, "unit"),
		   *better = get_text(r, object, "better");
	json_t *rungs = r->lib.json_object_get(object, "rungs");
	bool more = !strcmp(better, "more");

	if (!is_name(name) || report_find_measure(r->report, name))
		fault(r, "measures", "has a name that is none, or twice the same");
	if (!more && strcmp(better, "less") != 0)
		fault(r, "better", "is neither 'more' nor 'less'");
	void *at = get_members(r, rungs, "rungs");
	struct report_measure *m = r->err ? NULL : report_measure(r->report, name, title, unit, more);
	if (!m)
		added(r, "measures", r->report->measure_count == REPORT_MEASURES_MAX ? -ENOSPC : -ENOMEM);
	for (; m && at && !r->err; at = r->lib.json_object_iter_next(rungs, at)) {
		int rung = report_find_rung(r->report, r->lib.json_object_iter_key(at));
		if (rung < 0)
			fault(r, "measures", "has a rung that is not on the ladder");
		else
			read_series(r, m, (unsigned)rung, r->lib.json_object_iter_value(at));
	}
}

int report_parse_json(struct report **report, const char *text, size_t len, const char *name)
{
	struct reader r = {.name = name};
	json_error_t error;
	size_t size;
	int err = open_json(&r.lib);

	*report = NULL;
	if (err)
		return err;
	json_t *root = r.lib.json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		log_error("%s: line %d, column %d: it is not the JSON of a report: %s", name, error.line, error.column, error.text);
		return -EINVAL;
	}
	if (strcmp(get_text(&r, root, "format"), FORMAT) != 0)
		fault(&r, "format", "is not '" FORMAT "'");
	r.report = report_new(get_text(&r, root, "program"));
	if (r.report) {
		read_head(&r, root);
		read_host(&r, root);
		read_rungs(&r, root);
		const json_t *measures = get_array(&r, root, "measures", &size);
		for (size_t i = 0; i < size && !r.err; i++)
			read_measure(&r, r.lib.json_array_get(measures, i));
	} else {
		r.err = -ENOMEM;
	}
	r.lib.json_delete(root);
	if (r.err)
		report_free(r.report);
	else
		*report = r.report;
	return r.err;
}

int report_read_json(struct report **report, const char *path)
{
	char *text;
	size_t len;
	int err = read_file(path, REPORT_BYTES_MAX, &text, &len);

	*report = NULL;
	if (err) {
		log_error("%s can't be read: %s", path, strerror(-err));
		return err;
	}
	err = report_parse_json(report, text, len, path);
	free(text);
	return err;
}
