// SPDX-License-Identifier: Apache-2.0
/*
 * The page of a contrast: the ladder, each rung a stack of what stands between the workload on top and the host's kernel below, with how
 * many of that one's system calls were seen to be used; then what was seen and what could be done, as tables. The stacks are lists that the
 * style sheet draws: so their texts break into lines, and are read aloud, as any.
 */
#include "bench/contrast.h"
#include "bench/page.h"
#include "bench/page_impl.h"

static void stack(FILE *out, const struct contrast_rung *rung, int calls_max)
{
	page_put(out, "<section><h3>$s</h3><ol>", rung->name);
	/* A kernel of its own is one layer as any other, and more than all others: it is drawn as such. */
	for (unsigned i = 0; rung->layer[i]; i++)
		page_put(out, rung_is_machine(rung->kind) && i == 0 ? "<li class=\"v\">$s</li>" : "<li>$s</li>", rung->layer[i]);
	if (!rung->layer[0])
		page_put(out, "<li class=\"n\">$s</li>", rung->kind == RUNG_FOREIGN ? "(its own means)" : "(nothing)");
	page_put(out, "<li class=\"h\">the host’s kernel</li></ol>");
	if (rung->calls >= 0)
		page_put(out, "<i style=\"width:$x\"></i><p class=\"s\">$u of its system calls</p></section>\n",
			 calls_max ? 100.0 * rung->calls / calls_max : 0, (unsigned)rung->calls);
	else
		page_put(out, "<p class=\"s\">system calls not counted</p></section>\n");
}

static void ladder(FILE *out, const struct contrast *contrast)
{
	int most = 0;

	page_put(out,
		 "<h2>The ladder</h2><p>What stands between a workload and the host’s kernel, and how many of that kernel’s system "
		 "calls were made to run <code>true</code>, by all processes of the rung, setting it up included. Layers are listed "
		 "here, not weighed, but for a machine’s own kernel: a workload’s system calls end there.</p><div class=\"l\">\n");
	for (unsigned i = 0; i < contrast->rung_count; i++)
		most = contrast->rung[i].calls > most ? contrast->rung[i].calls : most;
	for (unsigned i = 0; i < contrast->rung_count; i++) {
		if (!contrast->rung[i].skipped)
			stack(out, &contrast->rung[i], most);
	}
	page_put(out, "</div>\n");
	for (unsigned i = 0; i < contrast->rung_count; i++) {
		if (!contrast->rung[i].skipped && contrast->rung[i].calls_missing)
			page_put(out, "<p class=\"s\"><b>$s</b>: system calls not counted: $s</p>\n", contrast->rung[i].name,
				 contrast->rung[i].calls_missing);
	}
}

static void put_cell(FILE *out, const struct contrast_cell *cell)
{
	static const char sign[][4] = {"?", "●", "◐", "○", "–"}, word[][8] = {"unknown", "host", "part", "own", "no"};

	page_put(out, "<td class=\"v$u\"><span aria-hidden=\"true\">$s</span> $s<small>$s</small>", cell->verdict, sign[cell->verdict],
		 word[cell->verdict], cell->text);
	page_put(out, cell->by ? "<small>by $s</small></td>" : "</td>", cell->by);
}

static void matrix(FILE *out, const struct contrast *contrast, bool can, const char *heading)
{
	page_put(out, "<h2>$s</h2>", heading);
	page_table(out, heading, can ? "Attempt" : "Thing");
	for (unsigned r = 0; r < contrast->rung_count; r++) {
		if (!contrast->rung[r].skipped)
			page_heading(out, contrast->rung[r].name);
	}
	page_rows(out);
	for (unsigned i = 0; i < contrast->row_count; i++) {
		const struct contrast_row *row = &contrast->row[i];
		if (row->can != can)
			continue;
		page_put(out, "<tr><th scope=\"row\">$s</th>", row->title);
		for (unsigned r = 0; r < contrast->rung_count; r++) {
			if (!contrast->rung[r].skipped)
				put_cell(out, &row->cell[r]);
		}
		page_put(out, "</tr>\n");
	}
	page_table_end(out);
}

int page_contrast(const struct contrast *contrast, FILE *out)
{
	page_open(out, "tinyvmm contrast", "What stands between", false);
	page_put(out, "<p class=\"s\">$s, $s, on $s</p>\n", contrast->program, contrast->time, contrast->host);
	for (unsigned i = 0; i < contrast->rung_count; i++)
		page_skipped(out, contrast->rung[i].name, contrast->rung[i].skipped);
	ladder(out, contrast);
	page_put(out,
		 "<h2>How to read the tables</h2><p>The same program ran on each rung. A cell says whose the thing is that it saw or "
		 "reached, what it found or which error it got, and what stood between. Every attempt was made against what this run "
		 "itself had made, and undone.</p><dl><dt>● host</dt><dd>the host’s own</dd><dt>◐ part</dt><dd>the host’s, but less "
		 "of it</dd><dt>○ own</dt><dd>one of the rung’s own</dd><dt>– no</dt><dd>nothing: refused, or not there</dd><dt>? "
		 "unknown</dt><dd>not found out</dd></dl>\n");
	matrix(out, contrast, false, "What it sees");
	matrix(out, contrast, true, "What it can do");
	return page_close(out, contrast->program);
}

static int draw(const void *contrast, FILE *out)
{
	return page_contrast(contrast, out);
}

int page_write_contrast(const struct contrast *contrast, const char *path)
{
	return page_write(draw, contrast, path);
}
