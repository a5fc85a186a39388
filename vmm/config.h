// SPDX-License-Identifier: Apache-2.0
/*
 * A machine as the user asked for it: what the command line is parsed into (cli.c), checked as a whole (config.c), and built from
 * (machine.c). Plain data; strings point into argv or into memory that lives as long as the program.
 */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/block/block.h"
#include "devices/net/netdev.h"

#define CONFIG_DISKS_MAX 16
#define CONFIG_NETS_MAX 8
#define CONFIG_CPUS_MAX 254
#define CONFIG_MEMORY_MIN_BYTES (64ull << 20) /* less than a stock kernel and its initramfs need to unpack */
#define CONFIG_MEMORY_STEP_BYTES (1ull << 20)

enum config_console { CONSOLE_AUTO, CONSOLE_HVC, CONSOLE_SERIAL };
enum config_sandbox { SANDBOX_ON, SANDBOX_LOG, SANDBOX_OFF };

struct config_disk {
	struct block_config block;
	const char *serial; /* NULL: none */
};

struct config_net {
	struct netdev_config netdev;
	bool has_mac;	      /* the user gave it */
	uint8_t mac[6];	      /* always set once parsed */
	/* What -- COMMAND finds set up. NULL: the user network's own, or nothing for tap. */
	const char *address, *gateway; /* ip=ADDRESS/PREFIX, gw=ADDRESS: tap only */
	const char *dns;	       /* dns=ADDRESS */
};

struct config {
	const char *kernel_path;
	const char *initrd_path;  /* NULL: our own */
	const char *modules_dir;
	const char *append;	  /* NULL: nothing */
	const char *root;	  /* --root: "/dev/vda2"; NULL: found */
	const char *init;	  /* --init: NULL for /sbin/init */
	const char *name;	  /* never NULL once parsed: "tinyvmm" */
	const char *console_log;  /* NULL: none kept */
	const char *irqchip;	  /* --gic: of arch_map.irqchips; NULL: whatever KVM has */
	const char *dtb_path;	  /* --dump-dtb; NULL: not written */
	const char *initramfs_path; /* --dump-initramfs, without --initrd; NULL: not written */
	char **command;		  /* NULL: boot /sbin/init */
	char **env;		  /* --env KEY=VALUE, NULL-terminated; may be NULL */
	unsigned cpus;
	uint64_t memory_bytes;
	unsigned timeout_s;	  /* 0: none */
	unsigned disk_count, net_count;
	struct config_disk disk[CONFIG_DISKS_MAX];
	struct config_net net[CONFIG_NETS_MAX];
	bool rng;
	enum config_console console;
	enum config_sandbox sandbox;
	bool no_net;		  /* --net none */
	bool no_reboot;
	bool dry_run;
	bool unpack_in_guest, no_cache;
	bool allow_emulation; /* start a stock kernel even where KVM has no hardware behind it */
};

/* tinyvmm's own exit statuses, in the manual and in --help. The command's own status passes through otherwise. */
enum exit_status {
	EXIT_GUEST_OFF = 0,   /* powered off */
	EXIT_USAGE = 2,	      /* the command line or what it names is at fault */
	EXIT_PANIC = 120,     /* the guest's kernel panicked or never came up */
	EXIT_REBOOT = 121,    /* the guest rebooted under --no-reboot */
	EXIT_HOST = 122,      /* the host refused: no KVM, no memory, no privilege */
	EXIT_GUEST_FAULT = 123, /* the machine stopped in a way no guest should: KVM internal error, our own failure */
	EXIT_TIMEOUT = 124,   /* --timeout, as timeout(1) */
	EXIT_QUIT = 125,      /* Ctrl-A x, or a signal asked tinyvmm to end */
	EXIT_NOT_EXECUTABLE = 126, /* -- COMMAND can't be executed */
	EXIT_NOT_FOUND = 127, /* -- COMMAND not found */
};

/* The defaults: everything that is not "none". Networks are added by whoever fills the rest in. */
void config_init(struct config *config);
/* Frees what parsing allocated (forwards, env); the strings are argv's. */
void config_release(struct config *config);

/*
 * Gives each card without a MAC one that is the same at every start: 52:54:00 and a hash of the machine's name, the card's number and its
 * interface. Machines that share a bridge need different names, or MACs of their own.
 */
void config_choose_macs(struct config *config);

/* Logs every fault of the configuration as a whole and returns their number. Opens nothing. */
unsigned config_check(const struct config *config);

#endif
