// SPDX-License-Identifier: Apache-2.0
/*
 * make_pages DIRECTORY: writes the pages that test_pages.sh looks at in a browser, from what is made up here: a report and a contrast as
 * they usually are, both with hostile texts, a report of a command, and one of nothing. They hold every kind of chart: linear, logarithmic,
 * below zero, a single sample, many.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/contrast.h"
#include "bench/page.h"
#include "bench/report.h"

static uint64_t state = 42;

/* In [0, 1), the same on every machine: splitmix64. */
static double chance(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static void must(int err)
{
	if (err) {
		fprintf(stderr, "make_pages: %s\n", strerror(-err));
		exit(1);
	}
}

/* One value a rung; 0: none there. Samples scatter some 6 % above and below, and some of them far above. */
static struct report_measure *add(struct report *report, const char *name, const char *title, const char *unit, bool more,
				  const double *medians, unsigned count)
{
	struct report_measure *measure = report_measure(report, name, title, unit, more);

	for (unsigned rung = 0; rung < report->rung_count; rung++) {
		for (unsigned i = 0; medians[rung] != 0 && i < count; i++) {
			double value = medians[rung] * (0.94 + 0.04 * (chance() + chance() + chance()));
			must(report_add_sample(report, measure, rung, chance() > 0.96 ? value * 1.35 : value));
		}
	}
	return measure;
}

static struct report *new_report(const char *command)
{
	struct report *report = report_new("tinyvmm 0.1.0");

	if (!report)
		must(-ENOMEM);
	report->time = strdup("2026-03-14T09:26:53Z");
	report->rounds = 20;
	report->warmups = 2;
	report->seed = 7;
	report->command = command ? strdup(command) : NULL;
	return report;
}

static void ladder(struct report *report)
{
	static const char *const name[] = {"native", "chroot", "namespaces", "ctr", "ctr --unprivileged", "vm"};

	for (unsigned i = 0; i < 6; i++)
		must(report_add_rung(report, name[i], NULL));
	must(report_add_rung(report, "crun", "crun is not installed (apt-get install crun)"));
}

static void usual(struct report *report)
{
	ladder(report);
	must(report_add_fact(report, "Processor", "AMD EPYC 7763 64-Core Processor, 2 of its threads"));
	must(report_add_fact(report, "Kernel", "Linux 6.1.0-18-amd64"));
	must(report_add_fact(report, "Governor", "performance"));
	must(report_add_fact(report, "Mitigations", "Spectre v2: Retpolines, IBPB: conditional, IBRS_FW, STIBP: disabled, RSB filling"));
	must(report_add_fact(report, "Control groups", "version 2"));
	must(report_add_warning(
		report, "This machine is itself a virtual one whose /dev/kvm is emulated in software: ratios between the vm rung and "
			"the others don’t carry over to hardware."));
	must(report_add_warning(report, "The processor’s frequency was not fixed."));
	add(report, "start.exit", "Start to exit", "ms", false, (double[]){0.82, 0.91, 1.64, 4.9, 6.1, 118, 0}, 20);
	add(report, "syscall", "getpid(), a system call", "ns", false, (double[]){71.2, 71.4, 71.1, 84.3, 84.9, 69.5, 0}, 20);
	struct report_measure *memory = add(report, "memory.idle", "Memory of one idle instance", "MiB", false,
					    (double[]){0.31, 0.31, 0.33, 1.72, 1.9, 36.4, 0}, 5);
	must(report_miss(report, memory, 6, "crun is not there"));
	struct report_measure *disk =
		add(report, "disk.read", "Disk, random 4 KiB reads", "IOPS", true, (double[]){48200, 48100, 47700, 41900, 0, 28300, 0}, 12);
	must(report_miss(report, disk, 4, "an image can’t be mounted without root but by FUSE, and fuse2fs is not installed"));
	struct report_measure *drift =
		add(report, "drift", "Memory left behind", "MiB", false, (double[]){-0.4, 0, 0.6, 2.1, 1.3, -3.2, 0}, 40);
	must(report_add_sample(report, drift, 1, 0.2));
	add(report, "fork", "fork(), exec() and wait()", "µs", false, (double[]){412, 418, 425, 461, 470, 1240, 0}, 1500);
}

static char hostile_text[] =
	"</title></style><script>document.title='owned';throw 1</script><img src=http://127.0.0.1:9/x onerror=alert(1)>'\"&amp;";

static void hostile(struct report *report)
{
	const char *evil = hostile_text;

	must(report_add_rung(report, evil, NULL));
	must(report_add_rung(
		report, "a-name-of-a-rung-that-has-no-end-and-no-place-where-it-could-be-broken-into-lines-so-that-it-is-as-wide-as-can-be",
		NULL));
	must(report_add_rung(report, "crun", evil));
	must(report_add_fact(report, evil, evil));
	must(report_add_warning(report, evil));
	struct report_measure *measure = add(report, "x", evil, evil, false, (double[]){1e-5, 123456789012.0, 0}, 3);
	must(report_miss(report, measure, 2, evil));
	add(report, "y", "aworldofonewordthatnobreakcanhelpaworldofonewordthatnobreakcanhelp", "units/of/measure/of/no/end", true,
	    (double[]){1e-5, 2e-5, 0}, 3);
	add(report, "z", "None", "", true, (double[]){0, 0, 0}, 3);
	add(report, "w", "Huge", "", true, (double[]){1e308, -1e308, 0}, 1);
}

static void command(struct report *report)
{
	ladder(report);
	add(report, "wall", "Wall clock", "s", false, (double[]){12.4, 12.5, 12.6, 12.9, 13.4, 16.8, 0}, 10);
	add(report, "cpu", "Processor time", "s", false, (double[]){23.1, 23.2, 23.2, 23.9, 24.4, 31.0, 0}, 1);
}

static void nothing(struct report *report)
{
	must(report_add_rung(report, "native", NULL));
}

/* A ladder of seven, and some rows; `text` goes wherever a text does. */
static struct contrast *new_contrast(char *text)
{
	static const struct contrast_rung rung[] = {
		{.kind = RUNG_NATIVE, .name = "native", .calls = 38},
		{.kind = RUNG_CHROOT, .name = "chroot", .layer = {"another root directory"}, .calls = 39},
		{.kind = RUNG_NAMESPACES, .name = "namespaces", .layer = {"a root of its own", "namespaces"}, .calls = 54},
		{.kind = RUNG_CTR,
		 .name = "ctr",
		 .layer = {"a root of its own", "namespaces", "few capabilities", "a system-call filter", "control groups"},
		 .calls = 71},
		{.kind = RUNG_UNPRIVILEGED,
		 .name = "unprivileged",
		 .layer = {"a root of its own", "namespaces", "a user namespace", "few capabilities", "a system-call filter",
			   "control groups"},
		 .calls = -1,
		 .calls_missing = "strace can’t follow a program that changes its user"},
		{.kind = RUNG_VM,
		 .name = "vm",
		 .layer = {"a kernel of its own", "virtual processors and devices", "tinyvmm's own system-call filter"},
		 .calls = 62},
		{.kind = RUNG_FOREIGN, .name = "crun", .calls = 80},
		{.kind = RUNG_FOREIGN, .name = "qemu", .skipped = "it is not installed (apt-get install qemu-system-x86)", .calls = -1},
	};
	static const struct {
		const char *key, *title;
		bool can;
		const char *verdict, *by; /* a letter a rung */
	} rows[] = {
		{"kernel", "kernel", false, "hhhhhoh", "a kernel of its own"},
		{"hostname", "host name", false, "hhooooo", "UTS namespace"},
		{"processes", "processes", false, "hhooooo", "PID namespace"},
		{"memory", "memory", false, "hhhppop", "control group"},
		{"capabilities", "capabilities", false, "hhhpopp", "capabilities"},
		{"escape", "leave its root", true, "hhnnnnn", "mount namespace"},
		{"signal", "signal a process of the host", true, "hhnnnnn", "PID namespace"},
		{"mknod", "make a disk's node, read it", true, "hhhnno?", "capabilities"},
		{"gateway", "reach it by the user network", true, "hhnnn?n", "network namespace"},
	};
	struct contrast *contrast = calloc(1, sizeof(*contrast));

	if (!contrast)
		must(-ENOMEM);
	contrast->program = "tinyvmm 0.1.0";
	snprintf(contrast->time, sizeof(contrast->time), "2026-03-14T09:26:53Z");
	snprintf(contrast->host, sizeof(contrast->host), "%s", text ? text : "Linux 6.1.0-18-amd64 x86_64");
	contrast->rung_count = sizeof(rung) / sizeof(*rung);
	memcpy(contrast->rung, rung, sizeof(rung));
	for (unsigned i = 0; text && i < contrast->rung_count; i++) {
		struct contrast_rung *r = &contrast->rung[i];
		r->name = text;
		r->skipped = r->skipped ? text : NULL;
		r->calls_missing = r->calls_missing ? text : NULL;
	}
	contrast->row_count = sizeof(rows) / sizeof(*rows);
	for (unsigned i = 0; i < contrast->row_count; i++) {
		struct contrast_row *row = &contrast->row[i];
		*row = (struct contrast_row){.key = rows[i].key, .title = rows[i].title, .can = rows[i].can};
		for (unsigned r = 0; rows[i].verdict[r]; r++) {
			struct contrast_cell *cell = &row->cell[r];
			cell->verdict = (enum contrast_verdict)strcspn("?hpon", (char[]){rows[i].verdict[r], 0});
			cell->by = cell->verdict >= CONTRAST_PART ? rows[i].by : NULL;
			snprintf(cell->text, sizeof(cell->text), "%s",
				 text                           ? text
				 : cell->verdict == CONTRAST_NO ? "EPERM"
								: "6.1.0-18-amd64");
		}
	}
	return contrast;
}

static void write_contrast(const char *directory, const char *name, char *text)
{
	char path[4096];
	struct contrast *contrast = new_contrast(text);

	snprintf(path, sizeof(path), "%s/%s.html", directory, name);
	must(page_write_contrast(contrast, path));
	free(contrast);
}

static void write_report(const char *directory, const char *name, const char *line, void (*fill)(struct report *report))
{
	char path[4096];
	struct report *report = new_report(line);

	fill(report);
	snprintf(path, sizeof(path), "%s/%s.html", directory, name);
	must(page_write_report(report, path));
	report_free(report);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: make_pages DIRECTORY\n", stderr);
		return 2;
	}
	write_report(argv[1], "report", NULL, usual);
	write_report(argv[1], "hostile", "sh -c 'echo </title><script>throw 1</script>'", hostile);
	write_report(argv[1], "command", "make -j2 -C /usr/src/linux bzImage", command);
	write_report(argv[1], "nothing", NULL, nothing);
	write_contrast(argv[1], "contrast", NULL);
	write_contrast(argv[1], "contrast-hostile", hostile_text);
	return 0;
}
