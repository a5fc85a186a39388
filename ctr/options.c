// SPDX-License-Identifier: Apache-2.0
/* The option table of `tinyvmm ctr run`: see options.h. Where an option has the name of one of `tinyvmm run`, it means the same. */
#include "ctr/options.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctr/namespaces.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"

#define HOSTNAME_BYTES_MAX 63

static struct spec *spec_of(const struct options *options)
{
	return options->target;
}

/* --- the root ---------------------------------------------------------------------------------------------------------------------- */

static const char *take_root(struct options *options, enum spec_root kind, const char *path)
{
	struct spec *spec = spec_of(options);

	if (spec->root != ROOT_NONE)
		return "there is another root: one of --rootfs, --disk and --image";
	spec->root = kind;
	spec->root_path = path;
	return NULL;
}

static const char *take_rootfs(struct options *options, char *value)
{
	return take_root(options, ROOT_DIR, value);
}

static const char *take_disk(struct options *options, char *value)
{
	return take_root(options, ROOT_DISK, value);
}

static const char *take_image(struct options *options, char *value)
{
	return take_root(options, ROOT_IMAGE, value);
}

static const char *take_bind(struct options *options, char *value)
{
	struct spec *spec = spec_of(options);
	struct spec_bind bind = {.source = value};
	char *target = strchr(value, ':');
	char *mode = target ? strchr(target + 1, ':') : NULL;

	if (!target || target == value)
		return "has no ':'";
	if (target[1] != '/')
		return "not an absolute path in the container";
	if (spec->bind_count == SPEC_BINDS_MAX)
		return "one too many: 64 are the most";
	*target++ = '\0';
	if (mode)
		*mode++ = '\0';
	for (char *word; (word = strsep(&mode, ","));) {
		if (!strcmp(word, "ro"))
			bind.read_only = true;
		else if (!strcmp(word, "idmap"))
			bind.idmap = true;
		else if (strcmp(word, "rw"))
			return "ends in neither :ro nor :rw nor :idmap";
	}
	bind.target = target;
	spec->bind[spec->bind_count++] = bind;
	return NULL;
}

static const char *take_tmpfs(struct options *options, char *value)
{
	struct spec *spec = spec_of(options);
	struct spec_tmpfs tmpfs = {.target = value};
	char *size = strchr(value, ':');

	if (value[0] != '/')
		return "not an absolute path in the container";
	if (size) {
		*size++ = '\0';
		if (strncmp(size, "size=", 5) || parse_size(size + 5, &tmpfs.size_bytes))
			return "not a size after the ':'";
	}
	if (spec->tmpfs_count == SPEC_TMPFS_MAX)
		return "one too many: 16 are the most";
	spec->tmpfs[spec->tmpfs_count++] = tmpfs;
	return NULL;
}

/* --- isolation --------------------------------------------------------------------------------------------------------------------- */

static const char *take_isolation(struct options *options, char *value)
{
	static const char *const words[] = {
		[ISOLATION_CHROOT] = "chroot",
		[ISOLATION_NAMESPACES] = "namespaces",
		[ISOLATION_FULL] = "full",
		NULL,
	};
	int i = options_find_word(words, value);

	if (i < 0)
		return "no such rung";
	spec_of(options)->isolation = (enum spec_isolation)i;
	return NULL;
}

static const char *take_share(struct options *options, char *value)
{
	return namespace_parse_share(spec_of(options), value);
}

static const char *take_join(struct options *options, char *value)
{
	return namespace_parse_join(spec_of(options), value);
}

static const char *take_cap_add(struct options *options, char *value)
{
	struct caps *caps = &spec_of(options)->caps;
	uint64_t set;

	if (caps_parse(value, &set))
		return "no such capability";
	caps->bounding |= set;
	caps->permitted |= set;
	return NULL;
}

static const char *take_cap_drop(struct options *options, char *value)
{
	struct caps *caps = &spec_of(options)->caps;
	uint64_t set;

	if (caps_parse(value, &set))
		return "no such capability";
	caps->bounding &= ~set;
	caps->permitted &= ~set;
	return NULL;
}

static const char *take_cap_ambient(struct options *options, char *value)
{
	struct caps *caps = &spec_of(options)->caps;
	uint64_t set;

	if (caps_parse(value, &set))
		return "no such capability";
	caps->bounding |= set;
	caps->permitted |= set;
	caps->ambient |= set;
	return NULL;
}

/* --- the process ------------------------------------------------------------------------------------------------------------------- */

const char *ctr_take_workdir(struct options *options, char *value)
{
	return value[0] == '/' ? options_take_text(options, value) : "not an absolute path in the container";
}

const char *ctr_take_env(struct options *options, char *value)
{
	size_t key_len = strcspn(value, "=");

	if (!value[key_len] || !key_len)
		return "not NAME=VALUE";
	return options_append(&spec_of(options)->env, value);
}

static bool parse_limit(const char *text, rlim_t *limit)
{
	uint64_t value;

	if (!strcmp(text, "unlimited")) {
		*limit = RLIM_INFINITY;
		return true;
	}
	if (parse_u64(text, 0, UINT64_MAX - 1, &value))
		return false;
	*limit = value;
	return true;
}

static const char *take_rlimit(struct options *options, char *value)
{
	static const struct {
		const char *name;
		int number;
	} limits[] = {
		{"as", RLIMIT_AS},
		{"core", RLIMIT_CORE},
		{"cpu", RLIMIT_CPU},
		{"data", RLIMIT_DATA},
		{"fsize", RLIMIT_FSIZE},
		{"memlock", RLIMIT_MEMLOCK},
		{"msgqueue", RLIMIT_MSGQUEUE},
		{"nice", RLIMIT_NICE},
		{"nofile", RLIMIT_NOFILE},
		{"nproc", RLIMIT_NPROC},
		{"rtprio", RLIMIT_RTPRIO},
		{"rttime", RLIMIT_RTTIME},
		{"sigpending", RLIMIT_SIGPENDING},
		{"stack", RLIMIT_STACK},
	};
	struct spec *spec = spec_of(options);
	char *soft = strchr(value, '='), *hard;

	if (!soft)
		return "has no '='";
	*soft++ = '\0';
	hard = strchr(soft, ':');
	if (hard)
		*hard++ = '\0';
	for (unsigned i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		if (strcmp(limits[i].name, value))
			continue;
		struct rlimit *limit = &spec->rlimit[limits[i].number];
		if (!parse_limit(soft, &limit->rlim_cur) || !parse_limit(hard ? hard : soft, &limit->rlim_max))
			return "not a number or 'unlimited'";
		if (limit->rlim_cur > limit->rlim_max)
			return "the soft limit is above the hard one";
		spec->rlimit_set |= 1u << limits[i].number;
		return NULL;
	}
	return "no such limit";
}

static const char *take_oom_score(struct options *options, char *value)
{
	struct spec *spec = spec_of(options);
	bool negative = value[0] == '-';
	uint64_t number;

	if (parse_u64(value + negative, 0, 1000, &number))
		return "not a number from -1000 to 1000";
	spec->oom_score = negative ? -(int)number : (int)number;
	spec->oom_score_set = true;
	return NULL;
}

static const char *take_hostname(struct options *options, char *value)
{
	size_t len = strlen(value);

	if (len > HOSTNAME_BYTES_MAX)
		return "too long";
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)value[i]) && value[i] != '-' && value[i] != '.')
			return "holds other characters than it may";
	}
	return options_take_text(options, value);
}

/* --- limits -------------------------------------------------------------------------------------------------------------------------- */

static const char *take_memory(struct options *options, char *value)
{
	uint64_t *bytes = &spec_of(options)->limits.memory_bytes;

	if (parse_size(value, bytes))
		return "not a size";
	return *bytes ? NULL : "too little";
}

static const char *take_swap(struct options *options, char *value)
{
	struct cgroup_limits *limits = &spec_of(options)->limits;

	limits->swap_set = true;
	return parse_size(value, &limits->swap_bytes) ? "not a size" : NULL;
}

static const char *take_cpus(struct options *options, char *value)
{
	return cgroup_parse_cpus(value, &spec_of(options)->limits.cpu_millis);
}

static const char *take_cpu_shares(struct options *options, char *value)
{
	return parse_u64(value, 2, 262144, &spec_of(options)->limits.cpu_shares) ? "not a number from 2 to 262144" : NULL;
}

static const char *take_cpuset(struct options *options, char *value)
{
	spec_of(options)->limits.cpuset_cpus = value;
	return cgroup_parse_cpuset(value);
}

static const char *take_pids(struct options *options, char *value)
{
	return parse_u64(value, 1, 4194304, &spec_of(options)->limits.pids) ? "not a number from 1 to 4194304" : NULL;
}

static const char *take_io_weight(struct options *options, char *value)
{
	return parse_u64(value, 1, 10000, &spec_of(options)->limits.io_weight) ? "not a number from 1 to 10000" : NULL;
}

static const char *take_io_limit(struct options *options, char *value)
{
	return cgroup_parse_io(value, &spec_of(options)->limits);
}

static const char *take_device(struct options *options, char *value)
{
	struct cgroup_limits *limits = &spec_of(options)->limits;
	char *rule = strchr(value, ' ');

	if (!rule)
		rule = strchr(value, '=');
	if (!rule)
		return "has no rule";
	size_t len = (size_t)(rule - value);
	if (len == 5 && !strncmp(value, "allow", 5))
		return cgroup_parse_device(true, rule + 1, limits);
	if (len == 4 && !strncmp(value, "deny", 4))
		return cgroup_parse_device(false, rule + 1, limits);
	return "neither allow nor deny";
}

static const char *take_net_class(struct options *options, char *value)
{
	return cgroup_parse_net_class(value, &spec_of(options)->limits);
}

static const char *take_net_prio(struct options *options, char *value)
{
	return cgroup_parse_net_prio(value, &spec_of(options)->limits);
}

static void print_help(void)
{
	puts("tinyvmm ctr run runs a command in a container.\n"
	     "\n"
	     "  tinyvmm ctr run --rootfs DIR|--disk FILE|--image FILE [OPTION]... [-- COMMAND ARG...]\n"
	     "\n"
	     "Without COMMAND the image's /sbin/init is started. Writes are dropped at the end.");
	options_print_help(ctr_run_options, ctr_run_option_count);
	puts("\nExit status: COMMAND's own (128+N when signal N ended it), or\n"
	     "    2  the command line is at fault\n"
	     "  124  --timeout ran out\n"
	     "  125  the container could not be made (a file is missing, ...)\n"
	     "  126  COMMAND can't be executed\n"
	     "  127  COMMAND was not found");
}

#define FIELD(member) offsetof(struct spec, member)

/* clang-format off */
const struct option_def ctr_run_options[] = {
	OPTIONS_HEADING("Root"),
	{ .name = "rootfs", .value = "DIR", .take = take_rootfs, .takes = "a directory",
	  .help = "directory that becomes the root" },
	{ .name = "disk", .letter = 'd', .value = "FILE", .take = take_disk, .takes = "a disk image",
	  .help = "disk image, as a virtual machine has it; its\n"
		  "root partition is found" },
	{ .name = "image", .value = "FILE", .take = take_image, .takes = "a tar of a root, or of an OCI or docker image",
	  .help = "tar of a root, or of an OCI or docker image\n"
		  "(whose command, user and environment count\n"
		  "where you give none); unpacked into memory" },
	{ .name = "read-only", .take = options_take_flag, .field = FIELD(read_only), .help = "nothing can be written to the root" },
	{ .name = "keep", .take = options_take_flag, .field = FIELD(keep_writes),
	  .help = "write to the root itself (default: writes are\n"
		  "kept in memory and dropped at the end)" },
	{ .name = "bind", .value = "SRC:DST[:ro]", .repeats = true, .take = take_bind, .takes = "SOURCE:/TARGET[:ro][,idmap]",
	  .help = "show a file or directory of the host" },
	{ .name = "tmpfs", .value = "DST[:size=N]", .repeats = true, .take = take_tmpfs, .takes = "/TARGET[:size=SIZE]",
	  .help = "a temporary file system in memory" },

	OPTIONS_HEADING("Isolation"),
	{ .name = "isolation", .value = "RUNG", .take = take_isolation, .takes = "chroot, namespaces or full",
	  .help = "chroot, namespaces or full (full)" },
	{ .name = "share", .value = "NS=host", .repeats = true, .take = take_share,
	  .takes = "NAME=host, NAME one of cgroup ipc uts net pid mount time",
	  .help = "share a namespace with the host" },
	{ .name = "join", .value = "NS=WHOSE", .repeats = true, .take = take_join,
	  .takes = "NAME=WHOSE, WHOSE a process, a name of ip-netns, or a file",
	  .help = "join a namespace: of a process, a name of\n"
		  "ip-netns, or a file" },
	{ .name = "userns", .take = options_take_flag, .field = FIELD(userns),
	  .help = "as root: map the container's users to root's\n"
		  "subordinate ids" },
	{ .name = "cap-add", .value = "CAP", .repeats = true, .take = take_cap_add, .takes = "a capability such as NET_ADMIN, or ALL",
	  .help = "a capability more, or ALL" },
	{ .name = "cap-drop", .value = "CAP", .repeats = true, .take = take_cap_drop, .takes = "a capability such as SETUID, or ALL",
	  .help = "one less, or ALL; in the order given" },
	{ .name = "cap-ambient", .value = "CAP", .repeats = true, .take = take_cap_ambient, .takes = "a capability such as NET_BIND_SERVICE",
	  .help = "one that a command keeps that is not root" },
	{ .name = "no-new-privs", .value = "on|off", .take = options_take_switch, .field = FIELD(no_new_privs), .takes = "on or off",
	  .help = "programs can't give more rights than the\n"
		  "command has (on; off lets su and sudo work)" },
	{ .name = "seccomp", .value = "FILE|off", .take = options_take_text, .field = FIELD(seccomp), .takes = "an OCI profile, or off",
	  .help = "system-call filter as an OCI profile, or none\n"
		  "(default: a list of ours)" },

	OPTIONS_HEADING("Command"),
	{ .name = "user", .value = "USER[:GROUP]", .take = options_take_text, .field = FIELD(user), .takes = "names or numbers",
	  .help = "who runs it (root)" },
	{ .name = "workdir", .value = "DIR", .take = ctr_take_workdir, .field = FIELD(workdir), .takes = "an absolute path",
	  .help = "where it runs (/)" },
	{ .name = "env", .value = "NAME=VALUE", .repeats = true, .take = ctr_take_env, .takes = "NAME=VALUE", .help = "variable for it, repeatable" },
	{ .name = "rlimit", .value = "NAME=SOFT[:HARD]", .repeats = true, .take = take_rlimit,
	  .takes = "NAME=SOFT[:HARD], such as nofile=1024:4096", .help = "a limit of setrlimit(2), such as\nnofile=1024:4096" },
	{ .name = "oom-score", .value = "N", .take = take_oom_score, .takes = "a number from -1000 to 1000",
	  .help = "whom the kernel kills first, -1000 to 1000" },
	{ .name = "hostname", .value = "NAME", .take = take_hostname, .field = FIELD(hostname),
	  .takes = "up to 63 letters, digits, - and .", .help = "host name inside (the container's name)" },
	{ .name = "init", .value = "on|off", .take = options_take_switch, .field = FIELD(init), .takes = "on or off",
	  .help = "a small PID 1 above the command (on)" },
	{ .name = "terminal", .take = options_take_flag, .field = FIELD(terminal),
	  .help = "for 'create': a terminal of its own, to attach\n"
		  "to (a system has one without asking)" },
	{ .name = "timeout", .value = "SECONDS", .take = options_take_seconds, .field = FIELD(timeout_s), .takes = "whole seconds, at most a year; 0 for no limit",
	  .help = "end after so long, with status 124" },

	OPTIONS_HEADING("Limits"),
	{ .name = "memory", .letter = 'm', .value = "SIZE", .take = take_memory, .takes = "a size such as 64M", .help = "memory, such as 64M" },
	{ .name = "swap", .value = "SIZE", .take = take_swap, .takes = "a size; 0 for none", .help = "swap besides" },
	{ .name = "cpus", .letter = 'c', .value = "N", .take = take_cpus, .takes = "a number such as 1.5", .help = "processors, such as 1.5" },
	{ .name = "cpu-shares", .value = "N", .take = take_cpu_shares, .takes = "a number from 2 to 262144",
	  .help = "weight against others (1024)" },
	{ .name = "cpuset", .value = "LIST", .take = take_cpuset, .takes = "a list such as 0-3,5", .help = "which processors, such as 0-3,5" },
	{ .name = "pids", .value = "N", .take = take_pids, .takes = "a number from 1 to 4194304", .help = "processes and threads" },
	{ .name = "io-weight", .value = "N", .take = take_io_weight, .takes = "a number from 1 to 10000", .help = "weight at the disks (100)" },
	{ .name = "io-limit", .value = "DEV:LIMITS", .repeats = true, .take = take_io_limit,
	  .takes = "DEV:rbps=SIZE,wbps=SIZE,riops=N,wiops=N", .help = "rates at a disk: rbps=, wbps=, riops=, wiops=" },
	{ .name = "device", .value = "allow|deny=RULE", .repeats = true, .take = take_device,
	  .takes = "allow=c:1:3:rwm, deny=b:8:*:w or a node's path with :rwm", .help = "device nodes beyond the standard ones" },
	{ .name = "net-class", .value = "ID", .take = take_net_class, .takes = "a number, as 0x10001", .help = "class of packets (cgroup v1)" },
	{ .name = "net-prio", .value = "IF:N", .repeats = true, .take = take_net_prio, .takes = "INTERFACE:NUMBER",
	  .help = "priority of packets (cgroup v1)" },
	{ .name = "best-effort", .take = options_take_flag, .field = FIELD(best_effort),
	  .help = "warn of limits that the host can't enforce,\n"
		  "and go on" },

	OPTIONS_HEADING("Network"),
	{ .name = "net", .letter = 'n', .value = "KIND[,PART]...", .take = ctr_take_net,
	  .takes = "none, host, user[,hostfwd=RULE]...[,restrict][,mtu=N], or veth[,bridge=NAME][,ip=ADDR/PREFIX][,gateway=ADDR][,hostfwd=RULE]...[,mtu=N]",
	  .help = "user (default; no root needed), veth (root; the\n"
		  "kernel's own speed), host or none.\n"
		  "Parts of user: hostfwd=tcp:127.0.0.1:2222-:22\n"
		  "(repeatable), restrict, mtu=N; of veth: bridge=,\n"
		  "ip=ADDR/PREFIX, gateway=, hostfwd=, mtu=" },

	OPTIONS_HEADING("Other"),
	{ .name = "name", .value = "NAME", .take = options_take_name, .field = FIELD(name),
	  .takes = "up to 63 letters, digits and _ + - ., the first of them no dot", .help = "the container's name (ctr-PID)" },
	{ .name = "log-level", .value = "LEVEL", .take = options_take_log_level, .takes = "error, warn, info or debug",
	  .help = "error, warn (default), info or debug" },
	OPTIONS_HELP,
};
/* clang-format on */

const unsigned ctr_run_option_count = sizeof(ctr_run_options) / sizeof(*ctr_run_options);
_Static_assert(sizeof(ctr_run_options) / sizeof(*ctr_run_options) <= OPTIONS_MAX, "struct options.seen has a bit for each option");

static enum options_result parse(struct options *options, struct spec *spec, int argc, char **argv)
{
	options->defs = ctr_run_options;
	options->def_count = ctr_run_option_count;
	options->target = spec;
	options->command = &spec->command;
	options->command_hint = "; a command for the container stands after '--'";
	options->help = print_help;
	spec_init(spec);
	if (!options_parse(options, argc, argv))
		return OPTIONS_DONE;
	/* The chroot rung has whatever network there is. */
	if (spec->isolation == ISOLATION_CHROOT && spec->net == NET_USER && !spec->netdev.forwards)
		spec->net = NET_HOST;
	spec->system = !spec->command || spec_is_init(*spec->command);
	if (spec->system || spec->isolation == ISOLATION_CHROOT)
		spec->init = false;
	if (spec->system)
		spec->terminal = true;
	return options->faults + spec_check(spec) ? OPTIONS_BAD : OPTIONS_RUN;
}

enum options_result ctr_run_parse(struct spec *spec, int argc, char **argv)
{
	struct options options = {.program = "tinyvmm ctr run"};

	return parse(&options, spec, argc, argv);
}

/* The first word; it is checked as --name is. */
static void take_name_word(struct options *options, char *arg)
{
	struct spec *spec = spec_of(options);
	unsigned i = 0;

	while (strcmp(ctr_run_options[i].name ? ctr_run_options[i].name : "", "name"))
		i++;
	options->option = &ctr_run_options[i];
	const char *wrong = spec->name ? "one name too many" : options_take_name(options, arg);
	if (wrong)
		options_fault(options, arg, wrong, ctr_run_options[i].takes);
}

enum options_result ctr_create_parse(struct spec *spec, int argc, char **argv)
{
	struct options options = {.program = "tinyvmm ctr create", .stray = take_name_word};

	return parse(&options, spec, argc, argv);
}
