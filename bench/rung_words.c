// SPDX-License-Identifier: Apache-2.0
/* The words of a rung's command line, and those of our own: containers and machines. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/rung_impl.h"

int rung_add_word(struct rung *rung, const char *word)
{
	if (rung->arg_count == RUNG_ARGS_MAX)
		return -E2BIG;
	rung->args[rung->arg_count] = strdup(word);
	if (!rung->args[rung->arg_count])
		return -ENOMEM;
	rung->arg_count++;
	return 0;
}

/* A NULL ends the list. */
int rung_add_words(struct rung *rung, const char *const *words)
{
	int err = 0;

	for (; !err && *words; words++)
		err = rung_add_word(rung, *words);
	return err;
}

int rung_skip(struct rung *rung, const char *why)
{
	if (!rung->skipped)
		rung->skipped = strdup(why);
	return rung->skipped ? 0 : -ENOMEM;
}

int rung_container_words(struct rung *rung, const char *self, const struct ladder_options *o)
{
	const char *isolation = rung->kind == RUNG_CHROOT ? "chroot" : rung->kind == RUNG_NAMESPACES ? "namespaces" : "full";
	const char *words[] = {
		self, "ctr", "run", o->disk ? "--disk" : "--rootfs", o->disk ? o->disk : o->rootfs, "--isolation", isolation, "--log-level", "error",
		NULL,
	};
	static const char *const nets[] = {"none", "user", "veth,bridge=" LADDER_BRIDGE_NAME ",ip=" LADDER_BRIDGE_GUEST};
	const char *net[] = {"--net", nets[o->network], NULL};
	int err = rung_add_words(rung, words);

	/* A chroot has the host's network. */
	if (!err && rung->kind != RUNG_CHROOT)
		err = rung_add_words(rung, net);
	if (!err && rung->kind == RUNG_UNPRIVILEGED && !geteuid())
		err = rung_add_word(rung, "--userns");
	if (!err && o->writable)
		err = rung_add_word(rung, "--keep");
	return err;
}

char *rung_disk_text(char text[RUNG_DISK_BYTES], const char *path)
{
	size_t n = 0;

	for (const char *c = path; *c && n < RUNG_DISK_BYTES - sizeof(",cow") - 1; c++) {
		text[n++] = *c;
		if (*c == ',')
			text[n++] = ',';
	}
	text[n] = '\0';
	return text;
}

int rung_machine_words(struct rung *rung, const char *self, const struct ladder_options *o)
{
	static const char *const nets[] = {"none", "user", "tap,ifname=" LADDER_TAP_NAME ",ip=" LADDER_BRIDGE_GUEST};
	char disk[RUNG_DISK_BYTES];

	rung_disk_text(disk, o->disk);
	if (!o->writable)
		strcat(disk, ",cow");
	const char *words[] = {self, "run", "--kernel", o->kernel, "--disk", disk, "--memory", o->memory, "--net", nets[o->network], NULL};
	const char *modules[] = {"--modules", o->modules, NULL};
	int err = rung_add_words(rung, words);
	if (!err && o->modules)
		err = rung_add_words(rung, modules);
	if (!err && o->allow_emulation)
		err = rung_add_word(rung, "--allow-emulation");
	return err;
}
