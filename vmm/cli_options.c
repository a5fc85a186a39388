// SPDX-License-Identifier: Apache-2.0
/* The option table of `tinyvmm [run]`, and the options that have no parts. Completion files and manual are held against this table by
 * tests/unit/vmm/test_cli_docs.c. */
#include "vmm/cli_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "vmm/cli.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"


static struct config *config_of(const struct options *options)
{
	return options->target;
}

static const char *take_root(struct options *options, char *value)
{
	if (strncmp(value, "/dev/", 5) || !value[5])
		return "not a device of the guest";
	return options_take_text(options, value);
}

static const char *take_init(struct options *options, char *value)
{
	if (value[0] != '/')
		return "not an absolute path";
	return options_take_text(options, value);
}

static const char *take_env(struct options *options, char *value)
{
	size_t key_len = strcspn(value, "=");

	if (!value[key_len])
		return "has no '='";
	if (!key_len || strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != key_len ||
	    (value[0] >= '0' && value[0] <= '9'))
		return "not a variable's name before the '='";
	return options_append(&config_of(options)->env, value);
}

static const char *take_cpus(struct options *options, char *value)
{
	uint64_t cpus;
	int err = parse_u64(value, 1, CONFIG_CPUS_MAX, &cpus);

	if (err)
		return err == -ERANGE ? "out of range" : "not a number";
	config_of(options)->cpus = (unsigned)cpus;
	return NULL;
}

static const char *take_memory(struct options *options, char *value)
{
	uint64_t bytes;
	int err = parse_size(value, &bytes);

	if (err)
		return err == -ERANGE ? "too much" : "not a size";
	if (bytes < CONFIG_MEMORY_MIN_BYTES)
		return "too little";
	if (bytes % CONFIG_MEMORY_STEP_BYTES)
		return "not a multiple of 1M";
	config_of(options)->memory_bytes = bytes;
	return NULL;
}

static const char *take_gic(struct options *options, char *value)
{
	if (!arch_map.irqchips)
		return "this architecture's machines have no GIC";
	if (options_find_word(arch_map.irqchips, value) < 0)
		return "no such interrupt controller";
	return options_take_text(options, value);
}

static const char *take_dump_dtb(struct options *options, char *value)
{
	if (!arch_map.device_tree)
		return "this architecture's machines have no device tree";
	return options_take_text(options, value);
}

static const char *take_console(struct options *options, char *value)
{
	static const char *const words[] = { "hvc", "serial", NULL };
	int i = options_find_word(words, value);

	if (i < 0)
		return "no such console";
	config_of(options)->console = i ? CONSOLE_SERIAL : CONSOLE_HVC;
	return NULL;
}

static const char *take_sandbox(struct options *options, char *value)
{
	static const char *const words[] = { [SANDBOX_ON] = "on", [SANDBOX_LOG] = "log", [SANDBOX_OFF] = "off", NULL };
	int i = options_find_word(words, value);

	if (i < 0)
		return "no such mode";
	config_of(options)->sandbox = (enum config_sandbox)i;
	return NULL;
}

static const char *take_unpack(struct options *options, char *value)
{
	static const char *const words[] = { "host", "guest", NULL };
	int i = options_find_word(words, value);

	if (i < 0)
		return "no such place";
	config_of(options)->unpack_in_guest = i == 1;
	return NULL;
}

static const char *take_version(struct options *options, char *value)
{
	(void)value;
	options->print = cli_version;
	return NULL;
}

#define FIELD(member) offsetof(struct config, member)

/* clang-format off */
const struct option_def cli_options[] = {
	OPTIONS_HEADING("Guest"),
	{ .name = "kernel", .letter = 'k', .value = "FILE",
	  .take = options_take_text, .field = FIELD(kernel_path),
	  .takes = "a kernel file: bzImage, vmlinux or arm64 Image, gzipped or not",
	  .help = "kernel to boot: bzImage, vmlinux or arm64\n"
		  "Image, also gzipped" },
	{ .name = "disk", .letter = 'd', .value = "FILE[,PART]...", .repeats = true,
	  .take = cli_take_disk,
	  .takes = "FILE[,ro][,cow|,cow=FILE][,serial=TEXT][,format=raw]",
	  .help = "disk image or block device, repeatable; the\n"
		  "first holds the root. Parts: ro; cow (writes\n"
		  "are dropped at the end); cow=FILE (kept in\n"
		  "FILE); serial=TEXT; format=raw" },
	{ .name = "root", .value = "DEV",
	  .take = take_root, .field = FIELD(root),
	  .takes = "the guest's name of it, such as /dev/vda2",
	  .help = "root device in the guest (default: found)" },
	{ .name = "init", .value = "PATH",
	  .take = take_init, .field = FIELD(init),
	  .takes = "an absolute path in the guest",
	  .help = "what to start as init (/sbin/init)" },
	{ .name = "append", .letter = 'a', .value = "TEXT",
	  .take = options_take_text, .field = FIELD(append),
	  .takes = "text for the kernel's command line, all of it at once",
	  .help = "add TEXT to the kernel's command line" },
	{ .name = "initrd", .value = "FILE",
	  .take = options_take_text, .field = FIELD(initrd_path),
	  .takes = "an initramfs file",
	  .help = "boot this initramfs instead of our own" },
	{ .name = "modules", .value = "DIR",
	  .take = options_take_text, .field = FIELD(modules_dir),
	  .takes = "the directory of this kernel's modules",
	  .help = "the kernel's modules (default: beside the\n"
		  "kernel, then /lib/modules)" },
	{ .name = "env", .value = "KEY=VALUE", .repeats = true,
	  .take = take_env,
	  .takes = "KEY=VALUE, KEY of letters, digits and _",
	  .help = "variable for the guest's command, repeatable" },

	OPTIONS_HEADING("Machine"),
	{ .name = "cpus", .letter = 'c', .value = "N",
	  .take = take_cpus,
	  .takes = "a number from 1 to 254",
	  .help = "processors (1)" },
	{ .name = "memory", .letter = 'm', .value = "SIZE",
	  .take = take_memory,
	  .takes = "a size such as 512M or 8G, at least 64M, in whole M",
	  .help = "memory, such as 512M or 8G (512M)" },
	{ .name = "net", .letter = 'n', .value = "KIND[,PART]...", .repeats = true,
	  .take = cli_take_net,
	  .takes = "none, user[,hostfwd=RULE]...[,restrict] or tap[,ifname=NAME][,ip=ADDRESS/PREFIX][,gw=ADDRESS], "
		   "user and tap also [,mac=MAC][,mtu=N][,dns=ADDRESS]",
	  .help = "network card, repeatable: user (default; no\n"
		  "root needed), tap or none. Parts of user:\n"
		  "hostfwd=tcp:127.0.0.1:2222-:22 (repeatable),\n"
		  "restrict; of tap: ifname=NAME, ip=A/PREFIX,\n"
		  "gw=A; of both: mac=MAC, mtu=N, dns=A" },
	{ .name = "rng", .value = "on|off",
	  .take = options_take_switch, .field = FIELD(rng),
	  .takes = "on or off",
	  .help = "entropy device (on)" },
	{ .name = "console", .value = "hvc|serial",
	  .take = take_console,
	  .takes = "hvc (virtio) or serial (16550)",
	  .help = "virtio console or serial port (hvc; serial\n"
		  "with --initrd)" },
	{ .name = "gic", .value = "v3|v2|user",
	  .take = take_gic, .field = FIELD(irqchip),
	  .takes = "v3, v2 or user, on AArch64",
	  .help = "AArch64: interrupt controller, KVM's GICv3 or\n"
		  "GICv2, or our own GICv2 (what KVM has)" },
	{ .name = "name", .value = "NAME",
	  .take = options_take_name, .field = FIELD(name),
	  .takes = "up to 63 letters, digits and _ + - ., the first of them no dot",
	  .help = "the machine's name (tinyvmm)" },

	OPTIONS_HEADING("Run"),
	{ .name = "timeout", .value = "SECONDS",
	  .take = options_take_seconds, .field = FIELD(timeout_s),
	  .takes = "whole seconds, at most a year; 0 for no limit",
	  .help = "end after so long, with status 124" },
	{ .name = "no-reboot",
	  .take = options_take_flag, .field = FIELD(no_reboot),
	  .help = "end when the guest reboots, with status 121" },
	{ .name = "console-log", .value = "FILE",
	  .take = options_take_text, .field = FIELD(console_log),
	  .takes = "a file to write",
	  .help = "write the guest's kernel messages, or all that\n"
		  "its console shows, to FILE" },
	{ .name = "sandbox", .value = "on|off|log",
	  .take = take_sandbox,
	  .takes = "on, off or log",
	  .help = "system-call filters (on); log: only report" },
	{ .name = "unpack", .value = "host|guest",
	  .take = take_unpack,
	  .takes = "host or guest",
	  .help = "where a bzImage is unpacked (host: faster;\n"
		  "guest: kernel address randomisation works)" },
	{ .name = "no-cache",
	  .take = options_take_flag, .field = FIELD(no_cache),
	  .help = "keep no unpacked kernel in ~/.cache/tinyvmm" },
	{ .name = "allow-emulation",
	  .take = options_take_flag, .field = FIELD(allow_emulation),
	  .help = "start even on a KVM without hardware behind\n"
		  "it, which runs simple guests only" },
	{ .name = "log-level", .value = "LEVEL",
	  .take = options_take_log_level,
	  .takes = "error, warn, info or debug",
	  .help = "error, warn (default), info or debug" },
	{ .name = "dump-dtb", .value = "FILE",
	  .take = take_dump_dtb, .field = FIELD(dtb_path),
	  .takes = "a file to write, on AArch64",
	  .help = "AArch64: write the guest's device tree to FILE" },
	{ .name = "dump-initramfs", .value = "FILE",
	  .take = options_take_text, .field = FIELD(initramfs_path),
	  .takes = "a file to write",
	  .help = "write the initramfs that is made to FILE" },
	{ .name = "dry-run",
	  .take = options_take_flag, .field = FIELD(dry_run),
	  .help = "print the machine and do not start it" },

	OPTIONS_HEADING("Help"),
	OPTIONS_HELP,
	{ .name = "version", .letter = 'V', .take = take_version, .help = "the version" },
};
/* clang-format on */

const unsigned cli_option_count = sizeof(cli_options) / sizeof(*cli_options);
_Static_assert(sizeof(cli_options) / sizeof(*cli_options) <= OPTIONS_MAX, "struct options.seen has a bit for each option");

const struct cli_status cli_statuses[] = {
	{ EXIT_GUEST_OFF, "the guest powered off" },
	{ EXIT_USAGE, "the command line, or a file it names, is at fault" },
	{ EXIT_PANIC, "the guest's kernel panicked or never came up" },
	{ EXIT_REBOOT, "the guest rebooted under --no-reboot" },
	{ EXIT_HOST, "the host refused: no KVM, no memory, no permission" },
	{ EXIT_GUEST_FAULT, "the machine failed: KVM's internal error, or our own" },
	{ EXIT_TIMEOUT, "--timeout ran out" },
	{ EXIT_QUIT, "Ctrl-A x, or a signal asked tinyvmm to end" },
	{ EXIT_NOT_EXECUTABLE, "COMMAND can't be executed" },
	{ EXIT_NOT_FOUND, "COMMAND was not found" },
};

const unsigned cli_status_count = sizeof(cli_statuses) / sizeof(*cli_statuses);
