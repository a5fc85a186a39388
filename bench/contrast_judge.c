// SPDX-License-Identifier: Apache-2.0
/*
 * From what a probe said on a rung to verdicts: whether it is the host's is found by comparing it with what the same probe said on the
 * host, and whether an attempt reached the host by what is at its target. Whatever was said there is only compared and shown: a rung can
 * lie about itself, and look better or worse, and no more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/contrast_impl.h"
#include "guest/probe.h"
#include "vmm/util/parse.h"

#define KINDS 6 /* of our own, in the order of enum rung_kind */

enum method {
	SEE_SAME,   /* the host's if it is the same text */
	SEE_SPACE,  /* the host's if the namespace is the same */
	SEE_AMOUNT, /* part of it, if it is not as much */
	SEE_PLACE,  /* the host's if the text beside it is the same */
	SEE_CLOCK,  /* the host's if it is as late as there */
	SEE_CAPS,
	CAN_TOKEN,  /* what it read is the token */
	CAN_SIGNAL, /* it came */
	CAN_SPACE,  /* whose the namespace is */
	CAN_KERNEL, /* whose the kernel is */
};

/* What stands between: a letter for each in the table below. */
static const struct {
	char letter;
	const char *name;
} mechanisms[] = {
	{'r', "root directory"},
	{'m', "mount namespace"},
	{'p', "PID namespace"},
	{'n', "network namespace"},
	{'u', "UTS namespace"},
	{'U', "user namespace"},
	{'g', "cgroup namespace"},
	{'l', "control group"},
	{'c', "capabilities"},
	{'s', "system-call filter"},
	{'x', "covered /proc"},
	{'C', "capabilities, system-call filter"},
	{'P', "PID namespace, system-call filter"},
	{'k', "kernel of its own"},
};

static const struct def {
	const char *key, *title;
	enum method method;
	char by[KINDS + 1]; /* a mechanism for each kind, '.': nothing */
	const char *name;   /* of the probe's line that decides; NULL: it has the key's name */
} defs[] = {
	{"kernel", "kernel", SEE_SAME, ".....k", NULL},
	{"cmdline", "kernel's command line", SEE_SAME, ".....k", NULL},
	{"hostname", "host name", SEE_SPACE, "..uuuk", "ns-uts"},
	{"processes", "processes", SEE_SPACE, "..pppk", "ns-pid"},
	{"users", "users", SEE_SPACE, "....Uk", "ns-user"},
	{"groups", "groups", SEE_SPACE, "....Uk", "ns-user"},
	{"mounts", "mounts", SEE_SPACE, ".mmmmk", "ns-mnt"},
	{"devices", "device nodes", SEE_PLACE, ".rmmmk", NULL},
	{"interfaces", "network interfaces", SEE_SPACE, "..nnnk", "ns-net"},
	{"cpus", "processors", SEE_AMOUNT, "...llk", NULL},
	{"memory", "memory", SEE_AMOUNT, "...llk", NULL},
	{"cgroup", "control groups", SEE_SPACE, "..gggk", "ns-cgroup"},
	{"uptime", "clock since start", SEE_CLOCK, ".....k", NULL},
	{"capabilities", "capabilities", SEE_CAPS, "...cUk", NULL},
	{"seccomp", "system calls", SEE_AMOUNT, "...ssk", NULL},
	{"lsm", "security module's label", SEE_SAME, ".....k", NULL},
	{"escape", "leave its root", CAN_TOKEN, "..mmmk", NULL},
	{"signal", "signal a process of the host", CAN_SIGNAL, "..pppk", NULL},
	{"trace", "trace a process of the host", CAN_SPACE, "..pPPk", "ns-pid"},
	{"mount", "mount", CAN_SPACE, ".mmCCk", "ns-mnt"},
	{"mknod", "make a disk's node, read it", CAN_TOKEN, "...cck", NULL},
	{"module", "load a kernel module", CAN_KERNEL, "...CCk", NULL},
	{"sethostname", "set the host name", CAN_SPACE, "..uCCk", "ns-uts"},
	{"settime", "set the clock", CAN_KERNEL, "...cck", NULL},
	{"sysctl", "write a sysctl", CAN_KERNEL, "...xUk", NULL},
	{"raw", "open a raw socket", CAN_SPACE, "..ncck", "ns-net"},
	{"loopback", "reach the host's loopback", CAN_TOKEN, "..nnnk", NULL},
	{"gateway", "reach it by the user network", CAN_TOKEN, "..nnnk", NULL},
	{"log", "read the kernel's log", CAN_KERNEL, "...CCk", NULL},
	{"kcore", "read the kernel's memory", CAN_KERNEL, "...xxk", NULL},
	{"reboot", "reboot", CAN_SPACE, "..pCCk", "ns-pid"},
	{"pids", "exceed its processes", CAN_KERNEL, "...llk", NULL},
	{"memory-limit", "exceed its memory", CAN_KERNEL, "...llk", "memory"},
};
_Static_assert(sizeof(defs) / sizeof(*defs) <= CONTRAST_ROWS_MAX, "rows");

static const char *mechanism(char letter)
{
	for (unsigned i = 0; i < sizeof(mechanisms) / sizeof(*mechanisms); i++) {
		if (mechanisms[i].letter == letter)
			return mechanisms[i].name;
	}
	return NULL;
}

void judge_rows(struct contrast *contrast)
{
	contrast->row_count = sizeof(defs) / sizeof(*defs);
	for (unsigned i = 0; i < contrast->row_count; i++)
		contrast->row[i] = (struct contrast_row){.key = defs[i].key, .title = defs[i].title, .can = defs[i].method >= CAN_TOKEN};
}

void judge_layers(const char *layer[CONTRAST_LAYERS_MAX], enum rung_kind kind)
{
	static const char *const layers[RUNG_FOREIGN][CONTRAST_LAYERS_MAX] = {
		[RUNG_CHROOT] = {"another root directory"},
		[RUNG_NAMESPACES] = {"a root of its own", "namespaces"},
		[RUNG_CTR] = {"a root of its own", "namespaces", "few capabilities", "a system-call filter", "control groups"},
		[RUNG_UNPRIVILEGED] = {"a root of its own", "namespaces", "a user namespace", "few capabilities", "a system-call filter",
				       "control groups"},
		[RUNG_VM] = {"a kernel of its own", "virtual processors and devices", "tinyvmm's own system-call filter"},
		[RUNG_QEMU] = {"a kernel of its own", "virtual processors and devices"},
	};

	memset(layer, 0, CONTRAST_LAYERS_MAX * sizeof(*layer));
	if (kind < RUNG_FOREIGN)
		memcpy(layer, layers[kind], sizeof(layers[kind]));
}

/* --- lines ------------------------------------------------------------------------------------------------------------------- */

static const struct probe_line *line_of(const struct said *said, const char *name)
{
	static const struct probe_line none = {"", "-", "-"};

	for (unsigned i = 0; i < said->count; i++) {
		if (!strcmp(said->line[i].name, name))
			return &said->line[i];
	}
	return &none;
}

static uint64_t number_of(const char *text)
{
	uint64_t n;

	return parse_u64(text, 0, UINT64_MAX, &n) ? 0 : n;
}

static bool same(const struct evidence *e, const char *name)
{
	return !strcmp(line_of(e->host, name)->value, line_of(e->see, name)->value);
}

/* The id of the boot tells kernels apart, also two of one version; where it is not to be had, the version does. */
static bool own_kernel(const struct evidence *e)
{
	bool known = strcmp(line_of(e->host, "boot")->value, "-") != 0 && strcmp(line_of(e->see, "boot")->value, "-") != 0;

	if (known)
		return !same(e, "boot");
	return !same(e, "kernel") || strcmp(line_of(e->host, "kernel")->text, line_of(e->see, "kernel")->text) != 0;
}

/* A namespace of one kernel has the number of another's. */
static bool own_space(const struct evidence *e, const char *name)
{
	return own_kernel(e) || !same(e, name);
}

/* --- what is seen ------------------------------------------------------------------------------------------------------------ */

static unsigned ones(const char *hex)
{
	unsigned n = 0;

	for (uint64_t caps = strtoull(hex, NULL, 16); caps; caps &= caps - 1)
		n++;
	return n;
}

static enum contrast_verdict see_verdict(const struct def *def, const struct evidence *e)
{
	const struct probe_line *host = line_of(e->host, def->key), *rung = line_of(e->see, def->key);
	long later_ms = (long)(number_of(rung->value) - number_of(host->value));

	if (own_kernel(e))
		return CONTRAST_OWN;
	switch (def->method) {
	case SEE_SPACE:
		if (!strcmp(line_of(e->see, def->name)->value, "-"))
			return CONTRAST_UNKNOWN;
		return own_space(e, def->name) ? CONTRAST_OWN : CONTRAST_HOST;
	case SEE_PLACE:
		return strcmp(host->text, rung->text) != 0 ? CONTRAST_OWN : CONTRAST_HOST;
	case SEE_CLOCK:
		return later_ms >= 0 && later_ms <= e->took_ms ? CONTRAST_HOST : CONTRAST_OWN;
	case SEE_CAPS:
		if (own_space(e, "ns-user"))
			return CONTRAST_OWN;
		return same(e, def->key) ? CONTRAST_HOST : ones(rung->value) ? CONTRAST_PART : CONTRAST_NO;
	case SEE_AMOUNT:
		return same(e, def->key) ? CONTRAST_HOST : CONTRAST_PART;
	default:
		return same(e, def->key) ? CONTRAST_HOST : strcmp(rung->value, "-") != 0 ? CONTRAST_PART : CONTRAST_NO;
	}
}

static void see_text(char text[CONTRAST_TEXT_MAX], const struct def *def, const struct probe_line *line)
{
	const char *key = def->key;

	if (!strcmp(key, "memory"))
		snprintf(text, CONTRAST_TEXT_MAX, "%llu MiB", (unsigned long long)number_of(line->value) / 1024);
	else if (!strcmp(key, "uptime"))
		snprintf(text, CONTRAST_TEXT_MAX, "%llu s", (unsigned long long)number_of(line->value) / 1000);
	else if (!strcmp(key, "capabilities"))
		snprintf(text, CONTRAST_TEXT_MAX, "%u of them", ones(line->value));
	else if (!strcmp(key, "seccomp"))
		snprintf(text, CONTRAST_TEXT_MAX, "%s", number_of(line->value) ? "filtered" : "all");
	else if (!strcmp(key, "interfaces"))
		snprintf(text, CONTRAST_TEXT_MAX, "%s", line->text);
	else if (!strcmp(key, "cgroup") && strcmp(line->text, "-") != 0)
		snprintf(text, CONTRAST_TEXT_MAX, "%.50s, %.50s", line->value, line->text);
	else
		snprintf(text, CONTRAST_TEXT_MAX, "%s", strcmp(line->value, "-") != 0 ? line->value : "none");
}

/* --- what can be done -------------------------------------------------------------------------------------------------------- */

static enum contrast_verdict can_verdict(const struct def *def, const struct evidence *e, const struct probe_line *line)
{
	bool reached = false;

	if (!strcmp(line->value, PROBE_OWN))
		return CONTRAST_OWN;
	if (strcmp(line->value, PROBE_YES) != 0)
		return CONTRAST_NO;
	switch (def->method) {
	case CAN_TOKEN:
		reached = !strcmp(line->text, e->targets->token);
		break;
	case CAN_SIGNAL:
		reached = e->signals > 0;
		break;
	case CAN_SPACE:
		reached = !own_space(e, def->name);
		break;
	default:
		reached = !own_kernel(e);
	}
	return reached ? CONTRAST_HOST : CONTRAST_OWN;
}

static void judge_attempt(struct contrast_cell *cell, const struct def *def, const struct evidence *e)
{
	const char *name = !strcmp(def->key, "memory-limit") ? def->name : def->key;
	const struct probe_line *line = line_of(e->can, name);

	if (!*line->name) {
		cell->verdict = CONTRAST_UNKNOWN;
		snprintf(cell->text, sizeof(cell->text), "%s", *e->can->missing ? e->can->missing : "not tried");
		return;
	}
	cell->verdict = can_verdict(def, e, line);
	bool token = def->method == CAN_TOKEN && !strcmp(line->value, PROBE_YES);
	if (token)
		snprintf(cell->text, sizeof(cell->text), "%s", cell->verdict == CONTRAST_HOST ? "read the token" : "read something else");
	else
		snprintf(cell->text, sizeof(cell->text), "%s", strcmp(line->text, "-") != 0 ? line->text : line->value);
}

/* --- together ---------------------------------------------------------------------------------------------------------------- */

/* What the host refuses everybody, nothing of a rung's has stopped. */
static bool nobody_can(const struct contrast *contrast, const struct contrast_row *row)
{
	return contrast->rung[0].kind == RUNG_NATIVE && !contrast->rung[0].skipped && row->cell[0].verdict == CONTRAST_NO;
}

void judge_rung(struct contrast *contrast, unsigned rung, const struct evidence *e)
{
	/* What stops something in a machine is its kernel, whoever runs it. */
	enum rung_kind kind = contrast->rung[rung].kind == RUNG_QEMU ? RUNG_VM : contrast->rung[rung].kind;

	for (unsigned i = 0; i < contrast->row_count; i++) {
		struct contrast_row *row = &contrast->row[i];
		struct contrast_cell *cell = &row->cell[rung];
		const struct probe_line *line = line_of(e->see, defs[i].key);
		if (row->can) {
			judge_attempt(cell, &defs[i], e);
		} else if (!*line->name) {
			cell->verdict = CONTRAST_UNKNOWN;
			snprintf(cell->text, sizeof(cell->text), "%s", *e->see->missing ? e->see->missing : "not said");
		} else {
			cell->verdict = see_verdict(&defs[i], e);
			see_text(cell->text, &defs[i], line);
		}
		cell->by = NULL;
		if (kind < KINDS && cell->verdict > CONTRAST_HOST)
			cell->by = rung && nobody_can(contrast, row) && cell->verdict == CONTRAST_NO ? "the host itself"
												     : mechanism(defs[i].by[kind]);
	}
}
