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
#define TEXT_MAX_BYTES 4096
#define COUNT_LIMIT 1000000

#define JSON_CALLS(X)                                                                                                                     \
	X(json_loadb) X(json_delete) X(json_object_get) X(json_array_size) X(json_array_get) X(json_string_value) X(json_integer_value)   \
		X(json_number_value) X(json_object) X(json_object_set_new) X(json_array) X(json_array_append_new) X(json_string) X(json_integer) \
			X(json_real) X(json_dumps) X(json_object_iter) X(json_object_iter_next) X(json_object_iter_key) X(json_object_iter_value)
LIB_STRUCT(json_lib, JSON_CALLS);

static int open_json(struct json_lib *lib)
{
	return LIB_OPEN(lib, "libjansson.so.4", "libjansson4", JSON_CALLS);
}

/* --- writing --------------------------------------------------------------------------------------------------------------------------- */

struct writer {
	struct json_lib lib;
	bool failed; /* no memory, or a text that is no UTF-8 */
};

static void put(struct writer *w, json_t *object, const char *key, json_t *value)
{
	w->failed |= !value || w->lib.json_object_set_new(object, key, value);
}

static void put_text(struct writer *w, json_t *object, const char *key, const char *text)
{
	if (text)
		put(w, object, key, w->lib.json_string(text));
}

static void append(struct writer *w, json_t *array, json_t *value)
{
	w->failed |= !value || w->lib.json_array_append_new(array, value);
}

static json_t *series_json(struct writer *w, const struct report_series *series, uint64_t seed)
{
	json_t *object = w->lib.json_object(), *samples = series->count ? w->lib.json_array() : NULL;
	struct stats stats;

	if (!series->count)
		put_text(w, object, "missing", series->missing);
	for (unsigned i = 0; i < series->count; i++)
		append(w, samples, w->lib.json_real(series->sample[i]));
	if (series->count) {
		put(w, object, "samples", samples);
		w->failed |= stats_of(&stats, series->sample, series->count, seed) != 0;
		put(w, object, "median", w->lib.json_real(stats.median));
		put(w, object, "low", w->lib.json_real(stats.low));
		put(w, object, "high", w->lib.json_real(stats.high));
		put(w, object, "p95", w->lib.json_real(stats.p95));
		put(w, object, "outliers", w->lib.json_integer(stats.outliers));
	}
	return object;
}

static json_t *measure_json(struct writer *w, const struct report *report, const struct report_measure *m)
{
	json_t *object = w->lib.json_object(), *rungs = w->lib.json_object();

	put_text(w, object, "name", m->name);
	put_text(w, object, "title", m->title);
	put_text(w, object, "unit", m->unit);
	put_text(w, object, "better", m->more_is_better ? "more" : "less");
	for (unsigned r = 0; r < report->rung_count; r++) {
		if (m->series[r].count || m->series[r].missing)
			put(w, rungs, report->rung[r].name, series_json(w, &m->series[r], report->seed));
	}
	put(w, object, "rungs", rungs);
	return object;
}

static json_t *report_json(struct writer *w, const struct report *report)
{
	json_t *root = w->lib.json_object(), *host = w->lib.json_object(), *warnings = w->lib.json_array(), *rungs = w->lib.json_array(),
	       *measures = w->lib.json_array();

	put_text(w, root, "format", FORMAT);
	put(w, root, "version", w->lib.json_integer(REPORT_VERSION));
	put_text(w, root, "program", report->program);
	put_text(w, root, "time", report->time);
	put_text(w, root, "command", report->command);
	put(w, root, "seed", w->lib.json_integer((json_int_t)report->seed));
	put(w, root, "rounds", w->lib.json_integer(report->rounds));
	put(w, root, "warmups", w->lib.json_integer(report->warmups));
	for (unsigned i = 0; i < report->fact_count; i++)
		put_text(w, host, report->fact[i].name, report->fact[i].value);
	put(w, root, "host", host);
	for (unsigned i = 0; i < report->warning_count; i++)
		append(w, warnings, w->lib.json_string(report->warning[i]));
	put(w, root, "warnings", warnings);
	for (unsigned i = 0; i < report->rung_count; i++) {
		json_t *rung = w->lib.json_object();
		put_text(w, rung, "name", report->rung[i].name);
		put_text(w, rung, "skipped", report->rung[i].skipped);
		append(w, rungs, rung);
	}
	put(w, root, "rungs", rungs);
	for (unsigned i = 0; i < report->measure_count; i++)
		append(w, measures, measure_json(w, report, &report->measure[i]));
	put(w, root, "measures", measures);
	return root;
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

struct reader {
	struct json_lib lib;
	const char *name;
	struct report *report;
};

static int fault(const struct reader *r, const char *what, const char *wrong)
{
	log_error("%s: %s %s: it is damaged, or was not written by 'tinyvmm bench --json'", r->name, what, wrong);
	return -EINVAL;
}

static bool is_name(const char *text)
{
	size_t len = text ? strlen(text) : 0;

	return len && len <= NAME_MAX_BYTES && strspn(text, REPORT_NAME_CHARS) == len;
}

/* Control characters drive terminals; C1's, in UTF-8, do too. */
static bool is_clean(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	for (; *c; c++) {
		if (*c < ' ' || *c == 127 || (c[0] == 0xc2 && c[1] < 0xa0))
			return false;
	}
	return c - (const unsigned char *)text <= TEXT_MAX_BYTES;
}

/* A text of this object's; NULL: it is not there and need not be. */
static int get_text(const struct reader *r, const json_t *object, const char *key, bool needed, const char **text)
{
	const json_t *value = r->lib.json_object_get(object, key);

	*text = r->lib.json_string_value(value);
	if (!value && !needed)
		return 0;
	if (!*text)
		return fault(r, key, "is missing, or no text");
	return is_clean(*text) ? 0 : fault(r, key, "is too long, or has control characters");
}

static int get_count(const struct reader *r, const json_t *object, const char *key, unsigned *count)
{
	const json_t *value = r->lib.json_object_get(object, key);
	json_int_t n = json_is_integer(value) ? r->lib.json_integer_value(value) : -1;

	*count = (unsigned)n;
	return n < 0 || n > COUNT_LIMIT ? fault(r, key, "is missing, or no number of its kind") : 0;
}

static int get_array(const struct reader *r, const json_t *object, const char *key, size_t max, const json_t **array, size_t *size)
{
	*array = r->lib.json_object_get(object, key);
	*size = json_is_array(*array) ? r->lib.json_array_size(*array) : 0;
	if (!json_is_array(*array))
		return fault(r, key, "is missing, or no list");
	return *size > max ? fault(r, key, "has too many entries") : 0;
}

static int copy(char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return text && !*to ? -ENOMEM : 0;
}

static int read_head(const struct reader *r, const json_t *root)
{
	const json_t *seed = r->lib.json_object_get(root, "seed");
	const char *program, *when, *command, *format = r->lib.json_string_value(r->lib.json_object_get(root, "format"));
	unsigned version;

	if (!format || strcmp(format, FORMAT) != 0)
		return fault(r, "\"format\"", "is not '" FORMAT "'");
	int err = get_count(r, root, "version", &version);
	if (!err && version != REPORT_VERSION) {
		log_error("%s: it is of version %u of its format, and this program reads version %d", r->name, version, REPORT_VERSION);
		return -EINVAL;
	}
	if (!err)
		err = get_text(r, root, "program", true, &program);
	if (!err)
		err = get_text(r, root, "time", false, &when);
	if (!err)
		err = get_text(r, root, "command", false, &command);
	if (!err)
		err = get_count(r, root, "rounds", &r->report->rounds);
	if (!err)
		err = get_count(r, root, "warmups", &r->report->warmups);
	if (!err && !json_is_integer(seed))
		err = fault(r, "\"seed\"", "is missing, or no whole number");
	if (err)
		return err;
	r->report->seed = (uint64_t)r->lib.json_integer_value(seed);
	free(r->report->program);
	err = copy(&r->report->program, program);
	if (!err)
		err = copy(&r->report->time, when);
	return err ? err : copy(&r->report->command, command);
}

static int read_host(const struct reader *r, json_t *root)
{
	json_t *host = r->lib.json_object_get(root, "host");
	const json_t *warnings;
	size_t size;
	int err = json_is_object(host) ? 0 : fault(r, "\"host\"", "is missing, or no object");

	for (void *at = err ? NULL : r->lib.json_object_iter(host); !err && at; at = r->lib.json_object_iter_next(host, at)) {
		const char *key = r->lib.json_object_iter_key(at), *value;
		err = is_clean(key) ? get_text(r, host, key, true, &value) : fault(r, "\"host\"", "has a name with control characters");
		if (!err)
			err = report_add_fact(r->report, key, value);
		if (err == -ENOSPC)
			err = fault(r, "\"host\"", "has too many entries");
	}
	if (!err)
		err = get_array(r, root, "warnings", REPORT_FACTS_MAX, &warnings, &size);
	for (size_t i = 0; !err && i < size; i++) {
		const char *text = r->lib.json_string_value(r->lib.json_array_get(warnings, i));
		err = text && is_clean(text) ? report_add_warning(r->report, text) : fault(r, "\"warnings\"", "has one that is no plain text");
	}
	return err;
}

static int read_rungs(const struct reader *r, const json_t *root)
{
	const json_t *rungs;
	const char *name, *skipped;
	size_t size;
	int err = get_array(r, root, "rungs", REPORT_RUNGS_MAX, &rungs, &size);

	for (size_t i = 0; !err && i < size; i++) {
		const json_t *rung = r->lib.json_array_get(rungs, i);
		err = get_text(r, rung, "name", true, &name);
		if (!err)
			err = get_text(r, rung, "skipped", false, &skipped);
		if (!err && (!is_name(name) || report_find_rung(r->report, name) >= 0))
			err = fault(r, "\"rungs\"", "has a name that is none, or twice the same");
		if (!err)
			err = report_add_rung(r->report, name, skipped);
	}
	return err;
}

static int read_series(const struct reader *r, struct report_measure *m, unsigned rung, const json_t *object)
{
	const json_t *samples;
	const char *missing;
	size_t size = 0;
	int err = get_text(r, object, "missing", false, &missing);

	if (!err && missing)
		return report_miss(r->report, m, rung, missing);
	if (!err)
		err = get_array(r, object, "samples", REPORT_SAMPLES_MAX, &samples, &size);
	for (size_t i = 0; !err && i < size; i++) {
		const json_t *value = r->lib.json_array_get(samples, i);
		err = json_is_number(value) ? report_add_sample(r->report, m, rung, r->lib.json_number_value(value)) : -EINVAL;
		if (err == -EINVAL)
			err = fault(r, "\"samples\"", "has one that is no number");
	}
	return err;
}

static int read_measure(const struct reader *r, json_t *object)
{
	const char *name, *title, *unit, *better;
	json_t *rungs = r->lib.json_object_get(object, "rungs");
	int err = get_text(r, object, "name", true, &name);

	if (!err)
		err = get_text(r, object, "title", true, &title);
	if (!err)
		err = get_text(r, object, "unit", true, &unit);
	if (!err)
		err = get_text(r, object, "better", true, &better);
	if (!err && (!is_name(name) || report_find_measure(r->report, name)))
		err = fault(r, "\"measures\"", "has a name that is none, or twice the same");
	if (!err && strcmp(better, "more") != 0 && strcmp(better, "less") != 0)
		err = fault(r, "\"better\"", "is neither 'more' nor 'less'");
	if (!err && !json_is_object(rungs))
		err = fault(r, "\"rungs\"", "of a measure is missing, or no object");
	struct report_measure *m = err ? NULL : report_measure(r->report, name, title, unit, *better == 'm');
	if (!err && !m)
		err = -ENOMEM;
	for (void *at = err ? NULL : r->lib.json_object_iter(rungs); !err && at; at = r->lib.json_object_iter_next(rungs, at)) {
		int rung = report_find_rung(r->report, r->lib.json_object_iter_key(at));
		err = rung < 0 ? fault(r, "\"measures\"", "has a rung that is not on the ladder")
			       : read_series(r, m, (unsigned)rung, r->lib.json_object_iter_value(at));
	}
	return err;
}

static int read_all(const struct reader *r, json_t *root)
{
	const json_t *measures;
	size_t size;
	int err = json_is_object(root) ? read_head(r, root) : fault(r, "it", "is no JSON object");

	if (!err)
		err = read_host(r, root);
	if (!err)
		err = read_rungs(r, root);
	if (!err)
		err = get_array(r, root, "measures", REPORT_MEASURES_MAX, &measures, &size);
	for (size_t i = 0; !err && i < size; i++)
		err = read_measure(r, r->lib.json_array_get(measures, i));
	return err;
}

int report_parse_json(struct report **report, const char *text, size_t len, const char *name)
{
	struct reader r = {.name = name};
	json_error_t error;
	int err = open_json(&r.lib);

	*report = NULL;
	if (err)
		return err;
	json_t *root = r.lib.json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		log_error("%s: line %d, column %d: it is not the JSON of a report: %s", name, error.line, error.column, error.text);
		return -EINVAL;
	}
	r.report = report_new("");
	err = r.report ? read_all(&r, root) : -ENOMEM;
	r.lib.json_delete(root);
	if (err)
		report_free(r.report);
	else
		*report = r.report;
	return err;
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
