// SPDX-License-Identifier: Apache-2.0
/*
 * A configuration as a whole: defaults, what one option says against another, release.
 *
 * Each option was checked by itself when it was parsed; here are the faults that take two to make, and the host's memory. Nothing is
 * opened: whether a file is a kernel or a disk is told by those who open it. Faults read as those of cli.c do.
 */
#include "vmm/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "vmm/util/log.h"
#include "vmm/util/parse.h"

void config_init(struct config *config)
{
	*config = (struct config){
		.name = "tinyvmm",
		.cpus = 1,
		.memory_bytes = 512ull << 20,
		.rng = true,
		.console = CONSOLE_AUTO,
		.sandbox = SANDBOX_ON,
	};
}

void config_release(struct config *config)
{
	for (unsigned i = 0; i < config->net_count; i++)
		netdev_release_forwards(&config->net[i].netdev);
	free(config->env);
	config->env = NULL;
}

/* FNV-1a, 32 bits. */
static uint32_t hash_text(uint32_t hash, const char *text)
{
	do
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	while (*text++);
	return hash;
}

static const struct config_net *find_mac(const struct config *config, unsigned count, const uint8_t mac[6])
{
	for (unsigned i = 0; i < count; i++) {
		if (!memcmp(config->net[i].mac, mac, 6))
			return &config->net[i];
	}
	return NULL;
}

void config_choose_macs(struct config *config)
{
	for (unsigned i = 0; i < config->net_count; i++) {
		struct config_net *net = &config->net[i];
		if (net->has_mac)
			continue;
		uint32_t hash = hash_text(2166136261u ^ i, config->name);
		if (net->netdev.ifname)
			hash = hash_text(hash, net->netdev.ifname);
		do {
			/* QEMU's and KVM's customary prefix: locally administered, one host's. */
			uint8_t mac[6] = { 0x52, 0x54, 0x00, (uint8_t)(hash >> 16), (uint8_t)(hash >> 8), (uint8_t)hash };
			memset(net->mac, 0, sizeof(net->mac)); /* so as not to find itself */
			if (!find_mac(config, config->net_count, mac))
				memcpy(net->mac, mac, 6);
			hash++;
		} while (!net->mac[0]);
	}
}

/* A file that the machine uses, and the option that named it. */
struct used_file {
	const char *option, *path;
	bool written;
	bool found; /* st is filled in; a file that can't be looked at is left to whoever opens it */
	struct stat st;
};

#define USED_FILES_MAX (3 + 2 * CONFIG_DISKS_MAX)

struct used_files {
	struct used_file file[USED_FILES_MAX];
	unsigned count;
};

static void use_file(struct used_files *files, const char *option, const char *path, bool written)
{
	if (!path)
		return;
	struct used_file *file = &files->file[files->count++];
	file->option = option;
	file->path = path;
	file->written = written;
	file->found = !stat(path, &file->st);
}

/* One file or block device under the same name or two. Pipes, terminals and /dev/null may be shared. */
static bool same_file(const struct used_file *a, const struct used_file *b)
{
	if (!a->found || !b->found)
		return !strcmp(a->path, b->path);
	if (S_ISBLK(a->st.st_mode) && S_ISBLK(b->st.st_mode))
		return a->st.st_rdev == b->st.st_rdev;
	return S_ISREG(a->st.st_mode) && a->st.st_dev == b->st.st_dev && a->st.st_ino == b->st.st_ino;
}

/* Readers may share a file; whatever is written must be its writer's alone: a console log over a disk image would be its end. */
static unsigned check_files(const struct config *config)
{
	struct used_files files = { .count = 0 };
	unsigned faults = 0;

	use_file(&files, "--kernel", config->kernel_path, false);
	use_file(&files, "--initrd", config->initrd_path, false);
	use_file(&files, "--console-log", config->console_log, true);
	for (unsigned i = 0; i < config->disk_count; i++) {
		const struct block_config *block = &config->disk[i].block;
		use_file(&files, "--disk", block->path, !block->read_only && !block->cow);
		use_file(&files, "--disk cow", block->cow_path, true);
	}
	for (unsigned i = 0; i < files.count; i++) {
		for (unsigned j = 0; j < i; j++) {
			const struct used_file *a = &files.file[i], *b = &files.file[j];
			if ((!a->written && !b->written) || !same_file(a, b))
				continue;
			log_error("%s: '%s': the same file as %s '%s', and one of them is written: takes a file of its own, or ,ro or ,cow",
				  a->option, a->path, b->option, b->path);
			faults++;
		}
	}
	return faults;
}

static unsigned check_disks(const struct config *config)
{
	unsigned faults = 0;

	for (unsigned i = 0; i < config->disk_count; i++) {
		const struct config_disk *disk = &config->disk[i];
		for (unsigned j = 0; disk->serial && j < i; j++) {
			const struct config_disk *before = &config->disk[j];
			if (!before->serial || strcmp(disk->serial, before->serial))
				continue;
			log_error("--disk: '%s,serial=%s': the disk '%s' has this serial: takes one of its own for each disk",
				  disk->block.path, disk->serial, before->block.path);
			faults++;
		}
	}
	if (config->root && !config->disk_count) {
		log_error("--root: '%s': the machine has no disk: takes a --disk as well", config->root);
		faults++;
	}
	return faults;
}

static bool forwards_collide(const struct netdev_forward *a, const struct netdev_forward *b)
{
	return a->udp == b->udp && a->host_port == b->host_port && (a->host_addr == b->host_addr || !a->host_addr || !b->host_addr);
}

/* Each forwarded port against those that stood before it, on this card and on earlier ones. */
static unsigned check_forwards(const struct config *config, unsigned index)
{
	unsigned faults = 0;

	for (const struct netdev_forward *f = config->net[index].netdev.forwards; f; f = f->next) {
		for (unsigned j = 0; j <= index; j++) {
			const struct netdev_forward *g = config->net[j].netdev.forwards;
			while (g && g != f && !forwards_collide(f, g))
				g = g->next;
			if (!g || g == f)
				continue;
			log_error("--net: 'hostfwd': the host's %s port %u is forwarded twice: takes each port once",
				  f->udp ? "udp" : "tcp", f->host_port);
			faults++;
		}
	}
	return faults;
}

static unsigned check_nets(const struct config *config)
{
	unsigned faults = 0;

	for (unsigned i = 0; i < config->net_count; i++) {
		const struct config_net *net = &config->net[i];
		const char *ifname = net->netdev.ifname;
		if (find_mac(config, i, net->mac)) {
			log_error("--net: 'mac=%02x:%02x:%02x:%02x:%02x:%02x': another card has it: takes one of its own for each card",
				  net->mac[0], net->mac[1], net->mac[2], net->mac[3], net->mac[4], net->mac[5]);
			faults++;
		}
		for (unsigned j = 0; ifname && j < i; j++) {
			if (!config->net[j].netdev.ifname || strcmp(config->net[j].netdev.ifname, ifname))
				continue;
			log_error("--net: 'ifname=%s': another card has it: takes one of its own for each card", ifname);
			faults++;
		}
		faults += check_forwards(config, i);
	}
	return faults;
}

static unsigned check_memory(const struct config *config)
{
	char want[PARSE_SIZE_MAX];
	struct sysinfo info;

	if (sysinfo(&info))
		return 0;
	uint64_t host_bytes = (uint64_t)info.totalram * info.mem_unit;
	if (config->memory_bytes <= host_bytes)
		return 0;
	log_error("--memory: '%s': more than this host has: takes at most %lluM here", format_size(config->memory_bytes, want),
		  (unsigned long long)(host_bytes >> 20));
	return 1;
}

/* An initramfs of the user's own takes the place of what carries out these options. */
static unsigned check_initrd(const struct config *config)
{
	unsigned faults = 0;

	if (!config->initrd_path)
		return 0;
	if (config->modules_dir) {
		log_error("--modules: '%s': modules travel in our own initramfs, and there is an --initrd: takes no --initrd beside it",
			  config->modules_dir);
		faults++;
	}
	if (config->env) {
		log_error("--env: '%s': our own initramfs passes it on, and there is an --initrd: takes no --initrd beside it",
			  config->env[0]);
		faults++;
	}
	if (config->initramfs_path) {
		log_error("--dump-initramfs: '%s': none is made where there is an --initrd: takes no --initrd beside it", config->initramfs_path);
		faults++;
	}
	if (config->command) {
		log_error("--: '%s': our own initramfs runs it, and there is an --initrd: takes no --initrd beside it", config->command[0]);
		faults++;
	}
	return faults;
}

unsigned config_check(const struct config *config)
{
	unsigned faults = 0;

	if (!config->kernel_path) {
		log_error("--kernel: not given: takes a kernel file: bzImage, vmlinux or arm64 Image, gzipped or not");
		faults++;
	}
	if (config->init && config->command) {
		log_error("--init: '%s': there is a command after '--', which runs instead of init: takes one of the two", config->init);
		faults++;
	}
	if (config->dtb_path && config->dry_run) {
		log_error("--dump-dtb: '%s': --dry-run makes no machine that it could describe: takes one of the two", config->dtb_path);
		faults++;
	}
	faults += check_initrd(config);
	faults += check_memory(config);
	faults += check_disks(config);
	faults += check_files(config);
	faults += check_nets(config);
	return faults;
}
