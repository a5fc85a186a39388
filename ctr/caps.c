// SPDX-License-Identifier: Apache-2.0
/* Capabilities by name: see caps.h. */
#include "ctr/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vmm/util/io.h"
#include "vmm/util/parse.h"

#define BIT(number) (1ull << (number))

/* By number, as the kernel's header has them. */
static const char *const names[] = {
	[CAP_CHOWN] = "CHOWN",
	[CAP_DAC_OVERRIDE] = "DAC_OVERRIDE",
	[CAP_DAC_READ_SEARCH] = "DAC_READ_SEARCH",
	[CAP_FOWNER] = "FOWNER",
	[CAP_FSETID] = "FSETID",
	[CAP_KILL] = "KILL",
	[CAP_SETGID] = "SETGID",
	[CAP_SETUID] = "SETUID",
	[CAP_SETPCAP] = "SETPCAP",
	[CAP_LINUX_IMMUTABLE] = "LINUX_IMMUTABLE",
	[CAP_NET_BIND_SERVICE] = "NET_BIND_SERVICE",
	[CAP_NET_BROADCAST] = "NET_BROADCAST",
	[CAP_NET_ADMIN] = "NET_ADMIN",
	[CAP_NET_RAW] = "NET_RAW",
	[CAP_IPC_LOCK] = "IPC_LOCK",
	[CAP_IPC_OWNER] = "IPC_OWNER",
	[CAP_SYS_MODULE] = "SYS_MODULE",
	[CAP_SYS_RAWIO] = "SYS_RAWIO",
	[CAP_SYS_CHROOT] = "SYS_CHROOT",
	[CAP_SYS_PTRACE] = "SYS_PTRACE",
	[CAP_SYS_PACCT] = "SYS_PACCT",
	[CAP_SYS_ADMIN] = "SYS_ADMIN",
	[CAP_SYS_BOOT] = "SYS_BOOT",
	[CAP_SYS_NICE] = "SYS_NICE",
	[CAP_SYS_RESOURCE] = "SYS_RESOURCE",
	[CAP_SYS_TIME] = "SYS_TIME",
	[CAP_SYS_TTY_CONFIG] = "SYS_TTY_CONFIG",
	[CAP_MKNOD] = "MKNOD",
	[CAP_LEASE] = "LEASE",
	[CAP_AUDIT_WRITE] = "AUDIT_WRITE",
	[CAP_AUDIT_CONTROL] = "AUDIT_CONTROL",
	[CAP_SETFCAP] = "SETFCAP",
	[CAP_MAC_OVERRIDE] = "MAC_OVERRIDE",
	[CAP_MAC_ADMIN] = "MAC_ADMIN",
	[CAP_SYSLOG] = "SYSLOG",
	[CAP_WAKE_ALARM] = "WAKE_ALARM",
	[CAP_BLOCK_SUSPEND] = "BLOCK_SUSPEND",
	[CAP_AUDIT_READ] = "AUDIT_READ",
	[CAP_PERFMON] = "PERFMON",
	[CAP_BPF] = "BPF",
	[CAP_CHECKPOINT_RESTORE] = "CHECKPOINT_RESTORE",
};

#define NAMES (sizeof(names) / sizeof(*names))

/*
 * In, though one could argue:
 *   DAC_OVERRIDE      a root that can't open its own users' files breaks every package manager; what must not be opened is not in the root
 *   SETFCAP, SETPCAP  package managers unpack files with capabilities, services drop what they don't need; neither gives more than the
 *                     bounding set has
 *   SYS_CHROOT        service managers and package managers build on it; it opens no way out of a mount namespace of our own making
 *   NET_BIND_SERVICE  a web server's port 80, in a network namespace that has nobody else's
 * Out, though other engines may have them:
 *   NET_RAW           forged frames to whoever shares the network; ping has the kernel's own sockets (net.ipv4.ping_group_range)
 *   MKNOD             a device node is a way to a device; /dev is made before the command starts
 *   AUDIT_WRITE       writes to the host's audit log, which has no namespace
 *   SYS_ADMIN         mount, setns, bpf, quota: half the kernel; nested containers ask for it by name
 */
uint64_t caps_default(void)
{
	return BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_KILL) | BIT(CAP_SETGID) |
	       BIT(CAP_SETUID) | BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_CHROOT) | BIT(CAP_SETFCAP);
}

uint64_t caps_all(void)
{
	uint64_t last = NAMES - 1;
	size_t len;
	char *text;

	if (!read_file("/proc/sys/kernel/cap_last_cap", 64, &text, &len)) {
		text[strcspn(text, "\n")] = '\0';
		(void)parse_u64(text, 0, 63, &last);
		free(text);
	}
	return UINT64_MAX >> (63 - last);
}

int caps_parse(const char *name, uint64_t *set)
{
	if (!strcasecmp(name, "ALL")) {
		*set = caps_all();
		return 0;
	}
	if (!strncasecmp(name, "CAP_", 4))
		name += 4;
	for (unsigned i = 0; i < NAMES; i++) {
		if (!strcasecmp(name, names[i])) {
			*set = BIT(i);
			return 0;
		}
	}
	return -EINVAL;
}

const char *caps_name(unsigned number)
{
	return number < NAMES ? names[number] : NULL;
}
