// SPDX-License-Identifier: Apache-2.0
/* What a page is made of: escaped text, numbers, the frame, and the way into a file. */
#include "bench/page_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bench/packed.h"
#include "vmm/util/blob.h"

#define CHART_TEXT 18 /* characters */

static const void *packed_css(size_t *len);
BLOB(packed_css, "bench/page.css.gz")

/* At most `limit` characters. Control characters have no place on a page; bytes that are no UTF-8 a browser shows as such. */
static void put_text(FILE *out, const char *text, unsigned limit)
{
	static const char special[] = "&<>\"'";

	for (; text && *text; text++) {
		bool first_byte = (*text & 0xc0) != 0x80;
		if (first_byte && limit-- == 0) {
			fputs("…", out);
			return;
		}
		if (strchr(special, *text))
			fprintf(out, "&#%d;", *text);
		else
			putc((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text, out);
	}
}

/* 0.0123, 1.23, 12.3, 123, 12 345 */
static void put_number(FILE *out, double value, bool trimmed)
{
	char text[40];
	double size = value < 0 ? -value : value;
	int decimals = 2;

	if (size >= 1e15 || (size != 0 && size < 1e-6)) {
		fprintf(out, "%.3g", value);
		return;
	}
	for (double limit = 9.995; size >= limit && decimals > 0; limit *= 10)
		decimals--;
	for (double limit = 0.9995; size != 0 && size < limit; limit /= 10)
		decimals++;
	snprintf(text, sizeof(text), "%.*f", size == 0 ? 0 : decimals, value);
	char *point = strchr(text, '.');
	if (trimmed && point) {
		char *end = text + strlen(text);
		while (end[-1] == '0')
			*--end = '\0';
		if (end[-1] == '.')
			*(point = --end) = '\0';
	}
	size_t whole = point ? (size_t)(point - text) : strlen(text);
	for (size_t i = 0; text[i]; i++) {
		if (whole >= 4 && i > 0 && i < whole && (whole - i) % 3 == 0 && text[i - 1] != '-')
			fputs("\u202f", out);
		putc(text[i], out);
	}
}

void page_put(FILE *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	for (const char *c = format; *c; c++) {
		if (*c != '$') {
			putc(*c, out);
			continue;
		}
		switch (*++c) {
		case 's':
			put_text(out, va_arg(args, const char *), -1u);
			break;
		case 'c':
			put_text(out, va_arg(args, const char *), CHART_TEXT);
			break;
		case 'u':
			fprintf(out, "%u", va_arg(args, unsigned));
			break;
		case 'x':
			fprintf(out, "%.2f%%", va_arg(args, double));
			break;
		default:
			put_number(out, va_arg(args, double), *c == 't');
		}
	}
	va_end(args);
}

void page_open(FILE *out, const char *kind, const char *heading, bool code)
{
	size_t packed_len, len;
	const void *packed = packed_css(&packed_len);
	void *css = packed_open(packed, packed_len, &len);

	page_put(out,
		 "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
		 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
		 "<title>$s: $s</title><style>\n",
		 kind, heading);
	if (css)
		fwrite(css, 1, len, out);
	free(css);
	page_put(out, code ? "</style></head><body><main><p class=\"k\">$s</p><h1><code>$s</code></h1>\n"
			   : "</style></head><body><main><p class=\"k\">$s</p><h1>$s</h1>\n",
		 kind, heading);
}

int page_close(FILE *out, const char *program)
{
	page_put(out, "<footer>Made by $s. This page is complete in itself: it loads nothing.</footer></main></body></html>\n", program);
	return fflush(out) || ferror(out) ? -EIO : 0;
}

void page_list(FILE *out, const char *markup, char *const *text, unsigned count)
{
	if (count == 0)
		return;
	page_put(out, markup);
	for (unsigned i = 0; i < count; i++)
		page_put(out, "<li>$s</li>\n", text[i]);
	page_put(out, "</ul></aside>\n");
}

void page_table(FILE *out, const char *label, const char *heading)
{
	page_put(out, "<div role=\"region\" tabindex=\"0\" aria-label=\"$s\"><table><thead><tr>", label);
	page_heading(out, heading);
}

void page_heading(FILE *out, const char *heading)
{
	page_put(out, "<th scope=\"col\">$s</th>", heading);
}

void page_rows(FILE *out)
{
	page_put(out, "</tr></thead><tbody>\n");
}

void page_table_end(FILE *out)
{
	page_put(out, "</tbody></table></div>\n");
}

void page_skipped(FILE *out, const char *name, const char *why)
{
	if (why)
		page_put(out, "<p class=\"s\"><b>$s</b> is left out: $s</p>\n", name, why);
}

int page_write(int (*draw)(const void *what, FILE *out), const void *what, const char *path)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	bool whole = out && !draw(what, out);

	if (out && fclose(out))
		whole = false;
	int err = report_write_file(path, whole ? text : NULL, len);
	free(text);
	return err;
}
