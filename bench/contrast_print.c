// SPDX-License-Identifier: Apache-2.0
/* What contrast found, for terminals and as JSON: see contrast.h. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bench/contrast.h"
#include "bench/report.h"
#include "vmm/util/lib.h"

#define TITLE_WIDTH 32
#define CELL_WIDTH 14

const char *contrast_word(enum contrast_verdict verdict)
{
	static const char *const words[] = {"?", "host", "part", "own", "no"};

	return words[verdict];
}

void contrast_free(struct contrast *contrast)
{
	for (unsigned i = 0; contrast && i < contrast->rung_count; i++) {
		free(contrast->rung[i].name);
		free(contrast->rung[i].skipped);
		free(contrast->rung[i].calls_missing);
	}
	free(contrast);
}

/* --- the table --------------------------------------------------------------------------------------------------------------- */

enum column { COLUMN_NAME, COLUMN_WORD, COLUMN_TEXT, COLUMN_CALLS };

static const char *column_text(const struct contrast *c, const struct contrast_row *row, unsigned rung, enum column column, char number[16])
{
	switch (column) {
	case COLUMN_NAME:
		return c->rung[rung].name;
	case COLUMN_WORD:
		return contrast_word(row->cell[rung].verdict);
	case COLUMN_TEXT:
		return row->cell[rung].text;
	default:
		snprintf(number, 16, c->rung[rung].calls < 0 ? "?" : "%d", c->rung[rung].calls);
		return number;
	}
}

/* A line of the table: no blanks at its end. */
static void print_line(FILE *out, const struct contrast *c, const char *title, const struct contrast_row *row, enum column column)
{
	char number[16];
	int behind = TITLE_WIDTH - (int)strlen(title);

	(void)fputs(title, out);
	for (unsigned i = 0; i < c->rung_count; i++) {
		if (c->rung[i].skipped)
			continue;
		const char *text = column_text(c, row, i, column, number);
		behind = behind < 1 ? 1 : behind;
		(void)fprintf(out, "%*s%.*s", behind, "", CELL_WIDTH - 1, text);
		behind = CELL_WIDTH - (int)strnlen(text, CELL_WIDTH - 1);
	}
	(void)fputc('\n', out);
}

static void print_calls(FILE *out, const struct contrast *c)
{
	const char *missing = NULL;

	(void)fputc('\n', out);
	print_line(out, c, "system calls of the host", NULL, COLUMN_CALLS);
	for (unsigned i = 0; i < c->rung_count; i++)
		missing = c->rung[i].calls_missing ? c->rung[i].calls_missing : missing;
	(void)fprintf(out, "  (how many different ones, all its processes together, for 'true'%s%s)\n", missing ? "; not counted: " : "",
		      missing ? missing : "");
}

/* Why a cell is not "host": the mechanism, or what kept it from being found out. NULL: neither. */
static const char *reason_of(const struct contrast_cell *cell)
{
	return cell->verdict == CONTRAST_UNKNOWN ? cell->text : cell->by;
}

/* The reasons on one rung, each with the rows that have it. */
static void print_reasons(FILE *out, const struct contrast *c, unsigned rung)
{
	for (unsigned r = 0; r < c->row_count; r++) {
		const struct contrast_cell *cell = &c->row[r].cell[rung];
		const char *reason = reason_of(cell), *other = NULL;
		for (unsigned before = 0; reason && before < r; before++) {
			other = reason_of(&c->row[before].cell[rung]);
			if (other && !strcmp(other, reason))
				reason = NULL;
		}
		if (!reason)
			continue;
		(void)fprintf(out, "  %s%s:", cell->verdict == CONTRAST_UNKNOWN ? "? " : "", reason);
		for (unsigned i = r; i < c->row_count; i++) {
			other = reason_of(&c->row[i].cell[rung]);
			if (other && !strcmp(other, reason))
				(void)fprintf(out, "%s %s", i > r ? "," : "", c->row[i].key);
		}
		(void)fputc('\n', out);
	}
}

void contrast_print(FILE *out, const struct contrast *c)
{
	(void)fprintf(out, "host: %s\n", c->host);
	for (unsigned i = 0; i < c->rung_count; i++) {
		if (c->rung[i].skipped)
			(void)fprintf(out, "%s left out: %s\n", c->rung[i].name, c->rung[i].skipped);
	}
	for (unsigned r = 0; r < c->row_count; r++) {
		if (!r || c->row[r].can != c->row[r - 1].can) {
			(void)fputc('\n', out);
			print_line(out, c, c->row[r].can ? "It can" : "It sees", NULL, COLUMN_NAME);
		}
		print_line(out, c, c->row[r].title, &c->row[r], COLUMN_WORD);
		if (!c->row[r].can)
			print_line(out, c, "", &c->row[r], COLUMN_TEXT);
	}
	print_calls(out, c);
	(void)fputs("\nhost: the host's; part: the host's, but less; own: the rung's own; no: refused, or not there; ?: not found out.\n",
		    out);
	for (unsigned i = 0; i < c->rung_count; i++) {
		if (c->rung[i].skipped)
			continue;
		(void)fprintf(out, "\n%s: what stands between", c->rung[i].name);
		for (const char *const *layer = c->rung[i].layer; *layer; layer++)
			(void)fprintf(out, "%s %s", layer == c->rung[i].layer ? " is" : ",", *layer);
		(void)fputs(c->rung[i].layer[0] ? "\n" : c->rung[i].kind == RUNG_NATIVE ? " is nothing\n" : " is not known\n", out);
		print_reasons(out, c, i);
	}
}

/* --- as JSON -------------------------------------------------------------------------------------------------------------------- */

#define JSON_CALLS(X) \
	X(json_pack) X(json_object_set_new) X(json_array_append_new) X(json_object_get) X(json_string) X(json_dumps) X(json_delete)
LIB_STRUCT(json_lib, JSON_CALLS);

static json_t *rung_json(struct json_lib *lib, const struct contrast_rung *rung)
{
	json_t *object = lib->json_pack("{s:s, s:s*, s:[]}", "name", rung->name, "skipped", rung->skipped, "layers");

	for (unsigned i = 0; object && rung->layer[i]; i++)
		lib->json_array_append_new(lib->json_object_get(object, "layers"), lib->json_string(rung->layer[i]));
	if (rung->calls >= 0)
		lib->json_object_set_new(object, "calls", lib->json_pack("i", rung->calls));
	else if (rung->calls_missing)
		lib->json_object_set_new(object, "calls_missing", lib->json_string(rung->calls_missing));
	return object;
}

static json_t *row_json(struct json_lib *lib, const struct contrast *c, const struct contrast_row *row)
{
	json_t *object = lib->json_pack("{s:s, s:s, s:b, s:{}}", "key", row->key, "title", row->title, "can", row->can, "rungs");

	for (unsigned i = 0; object && i < c->rung_count; i++) {
		const struct contrast_cell *cell = &row->cell[i];
		if (!c->rung[i].skipped)
			lib->json_object_set_new(lib->json_object_get(object, "rungs"), c->rung[i].name,
						 lib->json_pack("{s:s, s:s, s:s*}", "verdict", contrast_word(cell->verdict), "text",
								cell->text, "by", cell->by));
	}
	return object;
}

int contrast_write_json(const struct contrast *c, const char *path)
{
	struct json_lib lib;
	int err = LIB_OPEN(&lib, "libjansson.so.4", "libjansson4", JSON_CALLS);

	if (err)
		return err;
	json_t *root = lib.json_pack("{s:s, s:i, s:s, s:s, s:s, s:[], s:[]}", "format", "tinyvmm-contrast", "version", CONTRAST_VERSION,
				     "program", c->program, "time", c->time, "host", c->host, "rungs", "rows");
	/* What there is no memory for is missing in the end. */
	bool whole = root;
	for (unsigned i = 0; whole && i < c->rung_count; i++)
		whole = !lib.json_array_append_new(lib.json_object_get(root, "rungs"), rung_json(&lib, &c->rung[i]));
	for (unsigned i = 0; whole && i < c->row_count; i++)
		whole = !lib.json_array_append_new(lib.json_object_get(root, "rows"), row_json(&lib, c, &c->row[i]));
	char *text = whole ? lib.json_dumps(root, JSON_INDENT(1)) : NULL;
	err = report_write_file(path, text, text ? strlen(text) : 0);
	free(text);
	lib.json_delete(root);
	return err;
}
