// SPDX-License-Identifier: Apache-2.0
/*
 * Foreign rungs: the user's own command line, or a peer known by name. bubblewrap and the OCI runtimes have a directory as their root; QEMU runs the machine
 * that is tinyvmm's, by a script (qemu.sh).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/launch.h"
#include "bench/packed.h"
#include "bench/rung_impl.h"
#include "vmm/util/blob.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/options.h"

#define CONFIG_BYTES_MAX (1u << 20)

const char *const foreign_known[] = {"bwrap", "crun", "runc", "qemu", NULL};

/* {} becomes the shell's own words, whatever is in them. */
static int fill_shell(struct rung *rung, const char *name, const char *text)
{
	const char *hole = strstr(text, "{}");
	char *script;

	if (!hole) {
		log_error("--also %s: there is no {} in '%s', where the command goes", name, text);
		return -EINVAL;
	}
	if (asprintf(&script, "%.*s\"$@\"%s", (int)(hole - text), text, hole + 2) < 0)
		return -ENOMEM;
	const char *words[] = {"sh", "-c", script, name, NULL};
	int err = rung_add_words(rung, words);
	free(script);
	return err;
}

static int fill_bubblewrap(struct rung *rung, const struct ladder_options *o)
{
	/* Its root is only read, but for what a command needs. */
	const char *words[] = {"bwrap",	"--unshare-all", "--die-with-parent", "--ro-bind", o->rootfs, "/", "--proc", "/proc", "--dev", "/dev",
			       "--tmpfs", "/tmp", NULL};

	return rung_add_words(rung, words);
}

/* A bundle in a directory of its own, with the runtime's own default configuration. */
static int fill_runtime(struct rung *rung, const struct ladder_options *o)
{
	char dir[] = "/tmp/tinyvmm-bundle.XXXXXX", name[64];
	struct outcome outcome;

	if (!mkdtemp(dir))
		return -errno;
	rung->bundle = strdup(dir);
	if (!rung->bundle)
		return -ENOMEM;
	char *spec[] = {"sh", "-c", "root=$(realpath \"$2\") && cd \"$1\" && \"$0\" spec && sed 's#\"mounts\": \\[#&{\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"},#' config.json >spec.json && ln -s \"$root\" rootfs", rung->name, dir, (char *)o->rootfs, NULL};
	int err = launch(&outcome, spec, NULL, 0, RUNG_TRY_S);
	if (!err && outcome.status)
		err = rung_skip(rung, outcome_reason(&outcome));
	outcome_free(&outcome);
	snprintf(name, sizeof(name), "tinyvmm-bench-%d", getpid());
	const char *words[] = {rung->name, "run", "--bundle", dir, name, NULL};
	return err ? err : rung_add_words(rung, words);
}

/* "qemu" is that of this host's architecture. */
static const char *program_of(const char *name)
{
	static char program[sizeof("qemu-system-") + sizeof(((struct utsname *)0)->machine)];
	struct utsname host;

	if (strcmp(name, "qemu") != 0 || uname(&host))
		return name;
	snprintf(program, sizeof(program), "qemu-system-%s", host.machine);
	return program;
}

bool foreign_installed(const char *name)
{
	char *argv[] = {"sh", "-c", "command -v \"$0\"", (char *)program_of(name), NULL};
	struct outcome outcome;
	bool there = !launch(&outcome, argv, NULL, 0, RUNG_TRY_S) && !outcome.status;

	outcome_free(&outcome);
	return there;
}

static const void *packed_qemu(size_t *len);
BLOB(packed_qemu, "bench/qemu.sh.gz")

/* The machine that ours is, by the same command line. */
static int fill_qemu(struct rung *rung, const char *self, const struct ladder_options *o)
{
	static const char *const nets[] = {"", "user", "tap,ifname=" LADDER_TAP_NAME ",script=no,downscript=no"};
	static const char *const last[] = {"--dry-run", "--dump-initramfs", "/dev/fd/5", "--", NULL};
	char disk[RUNG_DISK_BYTES], *script = NULL;
	size_t packed_len, len;
	const void *packed = packed_qemu(&packed_len);

	char *text = packed_open(packed, packed_len, &len);
	if (!text || asprintf(&script, "%.*s", (int)len, text) < 0)
		script = NULL;
	const char *words[] = {
		"sh", "-c", script, rung->name, program_of(rung->name), o->kernel, rung_disk_text(disk, o->disk), o->writable ? "off" : "on",
		o->memory, nets[o->network], NULL,
	};
	int err = script ? rung_add_words(rung, words) : -ENOMEM;
	if (!err)
		err = rung_machine_words(rung, self, o);
	if (!err)
		err = rung_add_words(rung, last);
	rung->kind = RUNG_QEMU;
	free(script);
	free(text);
	return err;
}

static int fill_known(struct rung *rung, const char *self, const struct ladder_options *o)
{
	if (options_find_word(foreign_known, rung->name) < 0) {
		log_error("--also %s: not one that is known by name (bwrap, crun, runc, qemu): give its command line, as NAME='COMMAND {}'", rung->name);
		return -EINVAL;
	}
	bool qemu = !strcmp(rung->name, "qemu");
	if (qemu ? !o->disk || !o->kernel : !o->rootfs)
		return rung_skip(rung, qemu ? RUNG_MACHINE_NEEDS : "it needs a directory as its root (--rootfs DIR)");
	if (!foreign_installed(rung->name))
		return rung_skip(rung, "it is not installed");
	if (qemu)
		return fill_qemu(rung, self, o);
	return !strcmp(rung->name, "bwrap") ? fill_bubblewrap(rung, o) : fill_runtime(rung, o);
}

int foreign_fill(struct rung *rung, const char *self, const char *text, const struct ladder_options *o)
{
	return text ? fill_shell(rung, rung->name, text) : fill_known(rung, self, o);
}

/* --- bundles ------------------------------------------------------------------------------------------------------------------------------ */

static void put_json_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ')
			(void)fprintf(out, "\\u%04x", (unsigned)(unsigned char)*text);
		else
			(void)fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	}
}

/* In place of its "sh", and without a terminal. */
int foreign_write_bundle(const struct rung *rung, char *const *command)
{
	static const char args[] = "\"args\": [", terminal[] = "\"terminal\": true";
	char path[256], *spec = NULL, *text = NULL;
	size_t len;

	snprintf(path, sizeof(path), "%s/spec.json", rung->bundle);
	int err = read_file(path, CONFIG_BYTES_MAX, &spec, &len);
	char *at = err ? NULL : strstr(spec, args), *end = at ? strchr(at, ']') : NULL, *tty = err ? NULL : strstr(spec, terminal);
	if (!err && (!end || (tty && tty > at)))
		err = -EINVAL;
	FILE *out = err ? NULL : open_memstream(&text, &len);
	if (out) {
		if (tty)
			(void)fprintf(out, "%.*s\"terminal\": false%.*s", (int)(tty - spec), spec, (int)(at - tty) - (int)strlen(terminal), tty + strlen(terminal));
		else
			(void)fprintf(out, "%.*s", (int)(at - spec), spec);
		(void)fputs(args, out);
		for (unsigned i = 0; command[i]; i++) {
			(void)fputs(i ? ",\"" : "\"", out);
			put_json_text(out, command[i]);
			(void)fputc('"', out);
		}
		(void)fputs(end, out);
	}
	if (!err && (!out || fclose(out)))
		err = -ENOMEM;
	snprintf(path, sizeof(path), "%s/config.json", rung->bundle);
	if (!err)
		err = write_file_atomic(path, text, len, 0600);
	if (err)
		log_error("%s: its configuration can't be written (%s): %s", rung->name, path, strerror(-err));
	free(spec);
	free(text);
	return err;
}
