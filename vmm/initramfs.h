// SPDX-License-Identifier: Apache-2.0
/*
 * Our own initramfs for kernels that keep their drivers in modules: guest/init (carried inside this program), exactly the modules that this
 * machine needs, and a file that tells guest/init what to do (guest/protocol.h).
 *
 * The archive is a cpio "newc" (Documentation/driver-api/early-userspace/buffer-format.rst), uncompressed.
 */
#ifndef VMM_INITRAMFS_H
#define VMM_INITRAMFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A module the machine needs, and what for: "no module virtio_net for net0". */
struct initramfs_module {
	const char *name;
	const char *reason;
	bool optional; /* its absence is only an info line */
};

#define INITRAMFS_MODULES_MAX 32

struct initramfs_net {
	const char *address; /* "10.0.2.15/24"; NULL: only link up */
	const char *gateway; /* may be NULL */
	const char *dns;     /* may be NULL */
};

#define INITRAMFS_NETS_MAX 8

struct initramfs_plan {
	const char *kernel_path;    /* to look for modules beside it */
	const char *kernel_release; /* uname -r; "" when not known: then modules_dir must match by itself, or none are taken */
	const char *modules_dir;    /* --modules: DIR/RELEASE, DIR/lib/modules/RELEASE, or DIR itself; NULL: search */
	struct initramfs_module module[INITRAMFS_MODULES_MAX];
	unsigned module_count;

	const char *root_device; /* "/dev/vda1"; NULL: no root disk, stay in the initramfs (then argv must be something in there) */
	const char *root_fstype; /* "ext4"; also asked for as a module when not built in */
	bool root_read_only;
	const char *init;     /* what to start when there is no command: NULL for /sbin/init */
	char *const *argv;    /* the command, NULL-terminated; NULL: start init */
	char *const *env;     /* "KEY=VALUE", NULL-terminated; may be NULL */
	const char *hostname; /* may be NULL */
	bool tty;             /* the command's standard streams are one terminal (the second console port) instead of three byte streams */
	struct initramfs_net net[INITRAMFS_NETS_MAX]; /* eth0, eth1, ...: brought up when there is a command */
	unsigned net_count;
	bool log_full; /* the kernel is to be quiet until its virtio console is there: then everything from the beginning goes to it */
	bool no_cache; /* neither read nor write the cache of unpacked modules */
};

/*
 * Writes the archive to out_fd (a memfd or file, from offset 0 on) and its length to *bytes. Modules that are built in (modules.builtin)
 * are left out; dependencies and soft dependencies come along, in loading order; .ko.gz, .ko.xz and .ko.zst are unpacked here.
 *
 * When the directory that was named is missing, or a module in the one that was found, everything missing is logged at once, each with its
 * reason, where was looked, and the way out; -ENOENT. Where no directory was named and none is found, all drivers are taken to be built in,
 * which is logged at level info.
 *
 * What has to be parsed is parsed in a worker (libkmod and the decompressors are never loaded into the calling process), and only when the
 * modules' files have changed since the last time: the result is kept under $XDG_CACHE_HOME/tinyvmm/modules. One thread only.
 */
int initramfs_build(const struct initramfs_plan *plan, int out_fd, uint64_t *bytes);

/* What guest/init is told besides its modules: records of guest/protocol.h. malloc'ed; NULL without memory. */
char *initramfs_config(const struct initramfs_plan *plan, size_t *len);

#endif
