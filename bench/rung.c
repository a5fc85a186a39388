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
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/options.h"

#define TRY_S 300 /* a machine under an emulated processor boots for minutes */
#define CONFIG_BYTES_MAX (1u << 20)

/* Peers that can be named without a command line. */
static const char *const known[] = {"bwrap", "crun", "runc", NULL};

/* --- making ------------------------------------------------------------------------------------------------------------------------ */

static int add_word(struct rung *rung, const char *word)
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
static int add_words(struct rung *rung, const char *const *words)
{
	int err = 0;

	for (; !err && *words; words++)
		err = add_word(rung, *words);
	return err;
}

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

static int skip(struct rung *rung, const char *why)
{
	if (!rung->skipped)
		rung->skipped = strdup(why);
	return rung->skipped ? 0 : -ENOMEM;
}

static int container_words(struct rung *rung, const char *self, const struct ladder_options *o)
{
	const char *isolation = rung->kind == RUNG_CHROOT ? "chroot" : rung->kind == RUNG_NAMESPACES ? "namespaces" : "full";
	const char *words[] = {
		self, "ctr", "run", o->disk ? "--disk" : "--rootfs", o->disk ? o->disk : o->rootfs, "--isolation", isolation, "--log-level", "error",
		NULL,
	};
	static const char *const nets[] = {"none", "user", "veth,bridge=" LADDER_BRIDGE_NAME ",ip=" LADDER_BRIDGE_GUEST};
	const char *net[] = {"--net", nets[o->network], NULL};
	int err = add_words(rung, words);

	/* A chroot has the host's network. */
	if (!err && rung->kind != RUNG_CHROOT)
		err = add_words(rung, net);
	if (!err && rung->kind == RUNG_UNPRIVILEGED && !geteuid())
		err = add_word(rung, "--userns");
	if (!err && o->writable)
		err = add_word(rung, "--keep");
	return err;
}

static int machine_words(struct rung *rung, const char *self, const struct ladder_options *o)
{
	char disk[8192];
	size_t n = 0;

	/* A comma of the file's own is written twice. */
	for (const char *c = o->disk; *c && n < sizeof(disk) - 8; c++) {
		disk[n++] = *c;
		if (*c == ',')
			disk[n++] = ',';
	}
	snprintf(disk + n, sizeof(disk) - n, "%s", o->writable ? "" : ",cow");
	static const char *const nets[] = {"none", "user", "tap,ifname=" LADDER_TAP_NAME ",ip=" LADDER_BRIDGE_GUEST};
	const char *words[] = {self, "run", "--kernel", o->kernel, "--disk", disk, "--memory", o->memory, "--net", nets[o->network], NULL};
	const char *modules[] = {"--modules", o->modules, NULL};
	int err = add_words(rung, words);
	if (!err && o->modules)
		err = add_words(rung, modules);
	if (!err && o->allow_emulation)
		err = add_word(rung, "--allow-emulation");
	return err;
}

static int fill_own(struct rung *rung, const char *self, const struct ladder_options *o)
{
	bool root = !geteuid();

	if (rung->kind == RUNG_NATIVE)
		return 0;
	if (rung->kind == RUNG_VM && (!o->disk || !o->kernel))
		return skip(rung, "it needs a root image (--disk FILE) and a kernel (--kernel FILE)");
	if (rung->kind == RUNG_VM)
		return machine_words(rung, self, o);
	if (!o->disk && !o->rootfs)
		return skip(rung, "it needs a root image (--disk FILE or --rootfs DIR)");
	if (!root && (rung->kind == RUNG_CHROOT || rung->kind == RUNG_CTR))
		return skip(rung, "it takes root");
	return container_words(rung, self, o);
}

/* --- foreign ones ---------------------------------------------------------------------------------------------------------------------- */

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
	int err = add_words(rung, words);
	free(script);
	return err;
}

static int fill_bubblewrap(struct rung *rung, const struct ladder_options *o)
{
	/* Its root is only read, but for what a command needs. */
	const char *words[] = {"bwrap",	"--unshare-all", "--die-with-parent", "--ro-bind", o->rootfs, "/", "--proc", "/proc", "--dev", "/dev",
			       "--tmpfs", "/tmp", NULL};

	return add_words(rung, words);
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
	int err = launch(&outcome, spec, NULL, 0, TRY_S);
	if (!err && outcome.status)
		err = skip(rung, outcome_reason(&outcome));
	outcome_free(&outcome);
	snprintf(name, sizeof(name), "tinyvmm-bench-%d", getpid());
	const char *words[] = {rung->name, "run", "--bundle", dir, name, NULL};
	return err ? err : add_words(rung, words);
}

static bool installed(const char *name)
{
	char *argv[] = {"sh", "-c", "command -v \"$0\"", (char *)name, NULL};
	struct outcome outcome;
	bool there = !launch(&outcome, argv, NULL, 0, TRY_S) && !outcome.status;

	outcome_free(&outcome);
	return there;
}

static int fill_known(struct rung *rung, const struct ladder_options *o)
{
	if (options_find_word(known, rung->name) < 0) {
		log_error("--also %s: not one that is known by name (bwrap, crun, runc): give its command line, as NAME='COMMAND {}'", rung->name);
		return -EINVAL;
	}
	if (!o->rootfs)
		return skip(rung, "it needs a directory as its root (--rootfs DIR)");
	if (!installed(rung->name))
		return skip(rung, "it is not installed");
	return !strcmp(rung->name, "bwrap") ? fill_bubblewrap(rung, o) : fill_runtime(rung, o);
}

static bool good_name(const char *name, size_t len)
{
	return len && len < 64 && strspn(name, REPORT_NAME_CHARS) >= len;
}

static int add_foreign(struct ladder *ladder, const char *text, const struct ladder_options *o)
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
	return equals ? fill_shell(rung, rung->name, equals + 1) : fill_known(rung, o);
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
		err = add_foreign(ladder, *also, options);
	if (!err)
		err = check_only(ladder, options->only);
	for (unsigned i = 0; !err && i < ladder->count; i++) {
		if (options->only && options_find_word(options->only, ladder->rung[i].name) < 0)
			err = skip(&ladder->rung[i], "not asked for (--only)");
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

	for (const char *const *k = known; *k; k++) {
		if (!has_rung(ladder, *k, strlen(*k)) && installed(*k))
			snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s", *found ? ", " : "", *k);
	}
	if (*found)
		(void)fprintf(out, "\nInstalled here besides: %s. '--also NAME' adds one, with --rootfs.\n", found);
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
		int err = argv ? launch(&outcome, argv, NULL, 0, TRY_S) : -ENOMEM;
		if (!err && outcome.status)
			err = skip(rung, outcome_reason(&outcome));
		else if (err && err != -EINTR)
			err = skip(rung, strerror(-err));
		outcome_free(&outcome);
		free(argv);
		if (err)
			return err;
	}
	return 0;
}

/* --- command lines ----------------------------------------------------------------------------------------------------------------------- */

static void put_json_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ')
			(void)fprintf(out, "\\u%04x", (unsigned)(unsigned char)*text);
		else
			(void)fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	}
}

/* The runtime's configuration with this command in place of its "sh", and without a terminal. */
static int write_bundle(const struct rung *rung, char *const *command)
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

static unsigned words_in(char *const *words)
{
	unsigned n = 0;

	while (words && words[n])
		n++;
	return n;
}

char **rung_command(const struct rung *rung, char *const *more, char *const *command)
{
	bool own = rung->kind != RUNG_NATIVE && rung->kind != RUNG_FOREIGN;
	/* A bundle has the command in its file. */
	unsigned n = 0, more_count = own ? words_in(more) : 0, count = rung->bundle ? 0 : words_in(command);

	if (rung->bundle && write_bundle(rung, command))
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
