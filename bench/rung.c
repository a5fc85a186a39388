// SPDX-License-Identifier: Apache-2.0
/* The ladder: see rung.h. */
#include "bench/rung.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/launch.h"
#include "bench/report.h"
#include "bench/rung_impl.h"
#include "vmm/util/log.h"
#include "vmm/util/options.h"

/* --- making ------------------------------------------------------------------------------------------------------------------------ */

static struct rung *add_rung(struct ladder *ladder, enum rung_kind kind, const char *name, size_t len)
{
	struct rung *rung = &ladder->rung[ladder->count];

	if (ladder->count == RUNGS_MAX)
		return NULL;
	*rung = (struct rung){.kind = kind, .name = strndup(name, len)};
	if (!rung->name)
		return NULL;
	ladder->count++;
	return rung;
}

static bool has_rung(const struct ladder *ladder, const char *name, size_t len)
{
	for (unsigned i = 0; i < ladder->count; i++) {
		if (strlen(ladder->rung[i].name) == len && !memcmp(ladder->rung[i].name, name, len))
			return true;
	}
	return false;
}

static int fill_own(struct rung *rung, const char *self, const struct ladder_options *o)
{
	bool root = !geteuid();

	if (rung->kind == RUNG_NATIVE)
		return 0;
	if (rung->kind == RUNG_VM && (!o->disk || !o->kernel))
		return rung_skip(rung, RUNG_MACHINE_NEEDS);
	if (rung->kind == RUNG_VM)
		return rung_machine_words(rung, self, o);
	if (!o->disk && !o->rootfs)
		return rung_skip(rung, "it needs a root image (--disk FILE or --rootfs DIR)");
	if (!root && (rung->kind == RUNG_CHROOT || rung->kind == RUNG_CTR))
		return rung_skip(rung, "it takes root");
	return rung_container_words(rung, self, o);
}

static bool good_name(const char *name, size_t len)
{
	return len && len < 64 && strspn(name, REPORT_NAME_CHARS) >= len;
}

static int add_foreign(struct ladder *ladder, const char *self, const char *text, const struct ladder_options *o)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);

	if (!good_name(text, len)) {
		log_error("--also '%s': takes NAME='COMMAND {}', the name of letters, digits, _ . and -", text);
		return -EINVAL;
	}
	if (has_rung(ladder, text, len)) {
		log_error("--also %.*s: there is a rung of this name already", (int)len, text);
		return -EINVAL;
	}
	struct rung *rung = add_rung(ladder, RUNG_FOREIGN, text, len);
	if (!rung) {
		log_error("--also: at most %d rungs", RUNGS_MAX);
		return -E2BIG;
	}
	return foreign_fill(rung, self, equals ? equals + 1 : NULL, o);
}

/* --- the whole ------------------------------------------------------------------------------------------------------------------------- */

static int check_only(const struct ladder *ladder, const char *const *only)
{
	for (; only && *only; only++) {
		if (!has_rung(ladder, *only, strlen(*only))) {
			log_error("--only %s: no such rung (native, chroot, namespaces, ctr, unprivileged, vm, or one of --also)", *only);
			return -EINVAL;
		}
	}
	return 0;
}

static int fill(struct ladder *ladder, const struct ladder_options *options)
{
	static const struct {
		enum rung_kind kind;
		const char *name;
	} own[] = {
		{RUNG_NATIVE, "native"}, {RUNG_CHROOT, "chroot"},	     {RUNG_NAMESPACES, "namespaces"},
		{RUNG_CTR, "ctr"},	 {RUNG_UNPRIVILEGED, "unprivileged"}, {RUNG_VM, "vm"},
	};
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int err = len < 0 ? -errno : 0;

	self[len < 0 ? 0 : len] = '\0';
	if (err)
		log_error("/proc/self/exe: %s: is /proc mounted?", strerror(-err));
	for (unsigned i = 0; !err && i < sizeof(own) / sizeof(*own); i++) {
		struct rung *rung = add_rung(ladder, own[i].kind, own[i].name, strlen(own[i].name));
		err = rung ? fill_own(rung, self, options) : -ENOMEM;
	}
	for (char **also = options->also; !err && also && *also; also++)
		err = add_foreign(ladder, self, *also, options);
	if (!err)
		err = check_only(ladder, options->only);
	for (unsigned i = 0; !err && i < ladder->count; i++) {
		if (options->only && options_find_word(options->only, ladder->rung[i].name) < 0)
			err = rung_skip(&ladder->rung[i], "not asked for (--only)");
	}
	return err;
}

int ladder_new(struct ladder **ladder, const struct ladder_options *options)
{
	struct ladder *l = calloc(1, sizeof(*l));
	int err = l ? fill(l, options) : -ENOMEM;

	*ladder = err ? NULL : l;
	if (err)
		ladder_free(l);
	return err;
}

static void free_rung(struct rung *rung)
{
	static const char *const files[] = {"config.json", "spec.json", "rootfs", ""};
	char path[256];

	for (unsigned i = 0; rung->bundle && i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", rung->bundle, files[i]);
		(void)remove(path);
	}
	free(rung->bundle);
	for (unsigned i = 0; i < rung->arg_count; i++)
		free(rung->args[i]);
	free(rung->name);
	free(rung->skipped);
}

void ladder_free(struct ladder *ladder)
{
	for (unsigned i = 0; ladder && i < ladder->count; i++)
		free_rung(&ladder->rung[i]);
	free(ladder);
}

void ladder_offer(FILE *out, const struct ladder *ladder)
{
	char found[64] = "";

	for (const char *const *k = foreign_known; *k; k++) {
		if (!has_rung(ladder, *k, strlen(*k)) && foreign_installed(*k))
			snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s", *found ? ", " : "", *k);
	}
	if (*found)
		(void)fprintf(out, "\nInstalled here besides: %s. '--also NAME' adds one: qemu beside vm, others with --rootfs.\n", found);
}

int ladder_try(struct ladder *ladder)
{
	char *command[] = {"true", NULL};

	for (unsigned i = 0; i < ladder->count; i++) {
		struct rung *rung = &ladder->rung[i];
		struct outcome outcome = {0};
		if (rung->skipped)
			continue;
		char **argv = rung_command(rung, NULL, command);
		int err = argv ? launch(&outcome, argv, NULL, 0, RUNG_TRY_S) : -ENOMEM;
		if (!err && outcome.status)
			err = rung_skip(rung, outcome_reason(&outcome));
		else if (err && err != -EINTR)
			err = rung_skip(rung, strerror(-err));
		outcome_free(&outcome);
		free(argv);
		if (err)
			return err;
	}
	return 0;
}

/* --- command lines ----------------------------------------------------------------------------------------------------------------------- */

static unsigned words_in(char *const *words)
{
	unsigned n = 0;

	while (words && words[n])
		n++;
	return n;
}

char **rung_command(const struct rung *rung, char *const *more, char *const *command)
{
	bool own = rung->kind > RUNG_NATIVE && rung->kind <= RUNG_VM;
	/* A bundle has the command in its file. */
	unsigned n = 0, more_count = own ? words_in(more) : 0, count = rung->bundle ? 0 : words_in(command);

	if (rung->bundle && foreign_write_bundle(rung, command))
		return NULL;
	char **argv = calloc(rung->arg_count + more_count + count + 2, sizeof(*argv));
	for (unsigned i = 0; argv && i < rung->arg_count; i++)
		argv[n++] = rung->args[i];
	for (unsigned i = 0; argv && i < more_count; i++)
		argv[n++] = more[i];
	if (argv && own)
		argv[n++] = "--";
	for (unsigned i = 0; argv && i < count; i++)
		argv[n++] = command[i];
	return argv;
}

char **rung_probe(const struct rung *rung, char *const *more, char *const *args)
{
	/* In a directory that is new, and closed to others: what somebody put in its way is neither written through nor executed. */
	static char shell[] = "sh", option[] = "-c",
		    script[] = "d=${TMPDIR:-/tmp}/.tinyvmm-probe.$$; f=$d/probe; mkdir -m 700 \"$d\" && cat >\"$f\" && chmod 700 \"$f\" && exec \"$f\" \"$@\"",
		    name[] = "probe";
	unsigned count = words_in(args);
	char **command = calloc(count + 5, sizeof(*command)), **argv = NULL;

	if (!command)
		return NULL;
	command[0] = shell;
	command[1] = option;
	command[2] = script;
	command[3] = name;
	memcpy(command + 4, args, count * sizeof(*command));
	argv = rung_command(rung, more, command);
	free(command);
	return argv;
}
