// SPDX-License-Identifier: Apache-2.0
/*
 * Capabilities by name: capabilities(7), include/uapi/linux/capability.h. A set is a bit for each number.
 */
#ifndef CTR_CAPS_H
#define CTR_CAPS_H

#include <stdint.h>

/* The sets of a process. What the command gets as inheritable stays empty unless ambient ones are asked for (CVE-2022-29162). */
struct caps {
	uint64_t bounding, permitted, ambient;
};

/* What a container's root keeps by default: no more than files, users, ports and its own processes ask for. */
uint64_t caps_default(void);
/* All that the running kernel knows (/proc/sys/kernel/cap_last_cap; 40 when that can't be read). */
uint64_t caps_all(void);

/*
 * "NET_ADMIN", "cap_net_admin", "ALL", any case. 0 or -EINVAL; not logged. *set gets the bit or bits.
 */
int caps_parse(const char *name, uint64_t *set);
/* "NET_ADMIN"; NULL beyond what this program knows. */
const char *caps_name(unsigned number);

#endif
