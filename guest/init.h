// SPDX-License-Identifier: Apache-2.0
/*
 * guest/init: the first program in a guest that boots with our own initramfs. It loads the modules the host chose, mounts the root, and
 * becomes the root's own init, or runs one command and tells the host how it ended (protocol.h).
 *
 *   init.c          the order of things, and how it ends
 *   init_device.c   waiting for devices: ports, consoles, disks; the kernel's log
 *   init_root.c     file systems: the root, the move into it, and leaving it clean
 *   init_net.c      interfaces (rtnetlink)
 *   init_command.c  the command: its environment, its streams, its end
 *   init_parse.c    everything with a syntax; also run by the host's tests
 */
#ifndef GUEST_INIT_H
#define GUEST_INIT_H

#include "guest/init_parse.h"
#include "guest/sys.h"
#include "guest/text.h"

#define INIT_LINE_MAX 512

/* Levels of /dev/kmsg. The kernel shows errors on its console even when it was told to be quiet. */
enum init_level { INIT_ERROR = 3, INIT_INFO = 6 };

struct init {
	struct init_config config;
	char **argv, **envp;         /* from the kernel */
	char *cmdline;               /* /proc/cmdline, never NULL */
	int control;                 /* the control port, or -1 */
	int uevents;                 /* netlink socket that wakes whoever waits for a device, or -1 */
	int kmsg;                    /* or -1 */
	char console[16];            /* "hvc0": the virtio console that the kernel was told to use; empty: another or none */
	bool console_done;           /* nothing more to do once it is there */
	char trouble[INIT_LINE_MAX]; /* the first thing that went wrong and may explain a later failure; empty: none */
};

/* init.c */

/* Writes "a b c" to the kernel's log; NULL ends the list. */
void init_say(struct init *in, enum init_level level, const char *first, ...) __attribute__((sentinel));
/* The same for something that need not be the end, but may explain it: kept for init_fatal(). `err` is a negative errno or 0. */
void init_trouble(struct init *in, int err, const char *first, ...) __attribute__((sentinel));
/* Tells the host why there is no going on, and powers off. */
void init_fatal(struct init *in, int err, const char *first, ...) __attribute__((sentinel, noreturn));
/* "No such file or directory" for -ENOENT, a number for what has no name here. */
void init_error_text(struct text *t, int err);
/* Sends one line to the control port, waiting at most two seconds for the host. */
void init_send(struct init *in, const char *line);
void init_power_off(void) __attribute__((noreturn));
/* The whole of a small file, NUL-terminated, or NULL. */
char *init_read_file(const char *path, size_t size);

/* init_device.c */

void device_open_uevents(struct init *in);
/* Asks ready(in, arg) at each event of a device, and now and then, until it answers true (then true) or the time is over. */
bool device_wait(struct init *in, bool (*ready)(struct init *in, const void *arg), const void *arg, long timeout_ms);
/* Is there a virtio console device at all? */
bool device_have_console(void);
/* Opens the console port of this name; waits for it. A negative errno when it does not come. */
int device_open_port(struct init *in, const char *name, int flags, long timeout_ms);
/* Opens /dev/NAME; waits for it (a virtual terminal exists before it can be opened). */
int device_open(struct init *in, const char *path, int flags, long timeout_ms);
/* Once the kernel's virtio console has come up, the log so far goes there if the host wants it. Cheap: called after each module. */
void device_check_console(struct init *in);
/* Waits for that console, and makes /dev/console our standard streams. */
void device_settle_console(struct init *in);

/* init_root.c */

void root_mount_api(void);
/* Mounts the root and makes it ours; the initramfs is emptied. Comes back only if all went well. */
void root_enter(struct init *in);
/* /dev/pts, /dev/shm, /tmp, /run and the links in /dev that programs expect: what an init would have set up for a command. */
void root_prepare_command(struct init *in);
/* Every process but us ends, every file system is unmounted or made read-only, all is on the disk. */
void root_leave(struct init *in);

/* init_net.c */

void net_set_up(struct init *in);

/* init_command.c */

/* Runs the command. Returns its exit status, 128+signal, 126 or 127; all its output has been handed to the ports. */
int command_run(struct init *in);

#endif
