// SPDX-License-Identifier: Apache-2.0
/* The command line's texts into limits, and the scales of the two versions: see cgroup.h. A text with a fault changes nothing. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "ctr/cgroup/cgroup.h"
#include "vmm/util/parse.h"

#define CPUS_MAX 8192     /* NR_CPUS at most */
#define CPU_MILLIS_MIN 10 /* the kernel's least quota: 1 ms of a period of 100 ms */
#define MAJOR_MAX 0xfff   /* dev_t of the kernel: 12 and 20 bits */
#define MINOR_MAX 0xfffff

const char *cgroup_parse_cpus(const char *text, uint64_t *millis)
{
	const char *wrong = "expected a number of processors like 2 or 1.5, with at most three digits after the point";
	size_t whole = strcspn(text, "."), len = strlen(text), decimals = whole < len ? len - whole - 1 : 0;
	char digits[16];
	uint64_t value;

	if (!whole || whole > 4 || decimals > 3 || (text[whole] && !decimals) || strspn(text, "0123456789.") != len)
		return wrong;
	/* "1.5" is 1500: the point away, and zeros to three digits. */
	snprintf(digits, sizeof(digits), "%.*s%s%.*s", (int)whole, text, decimals ? text + whole + 1 : "", (int)(3 - decimals), "000");
	if (parse_u64(digits, 0, UINT64_MAX, &value))
		return wrong;
	if (value < CPU_MILLIS_MIN || value > CPUS_MAX * 1000)
		return "expected between 0.01 and 8192 processors";
	*millis = value;
	return NULL;
}

/* Decimal digits of a list, at least one; leaves *text behind them. */
static int take_number(const char **text, unsigned long *value)
{
	size_t len = strspn(*text, "0123456789");

	if (!len || len > 5)
		return -EINVAL;
	*value = 0;
	for (; len; len--)
		*value = *value * 10 + (unsigned long)(*(*text)++ - '0');
	return *value < CPUS_MAX ? 0 : -ERANGE;
}

const char *cgroup_parse_cpuset(const char *text)
{
	const char *wrong = "expected numbers and ranges like 0-3,5";
	unsigned long first, last;

	/* The kernel reads one page. */
	if (strlen(text) > 400)
		return "the list is too long";
	for (;; text++) {
		if (take_number(&text, &first))
			return wrong;
		if (*text == '-') {
			text++;
			if (take_number(&text, &last) || last < first)
				return wrong;
		}
		if (!*text)
			return NULL;
		if (*text != ',')
			return wrong;
	}
}

/* --- disks ----------------------------------------------------------------------------------------------------------------------- */

/* "8:16" */
static int parse_device_number(const char *text, dev_t *dev)
{
	const char *colon = strchr(text, ':');
	uint64_t major_number, minor_number;
	char first[8];

	if (!colon || (size_t)(colon - text) >= sizeof(first))
		return -EINVAL;
	snprintf(first, sizeof(first), "%.*s", (int)(colon - text), text);
	if (parse_u64(first, 0, MAJOR_MAX, &major_number) || parse_u64(colon + 1, 0, MINOR_MAX, &minor_number))
		return -EINVAL;
	*dev = makedev((unsigned)major_number, (unsigned)minor_number);
	return 0;
}

static const char *parse_disk(const char *text, dev_t *dev)
{
	struct stat st;

	if (*text != '/')
		return parse_device_number(text, dev) ? "expected a disk's path or MAJOR:MINOR, and then :rbps=, :wbps=, :riops= or :wiops="
						      : NULL;
	if (stat(text, &st))
		return errno == ENOENT ? "there is no such disk" : "the disk's path can't be looked up";
	if (!S_ISBLK(st.st_mode))
		return "that path is no block device";
	*dev = st.st_rdev;
	return NULL;
}

static const char *parse_io_pair(const char *key, const char *value, struct cgroup_io_limit *io)
{
	const struct {
		const char *key;
		uint64_t *slot;
		bool bytes;
	} keys[] = {
		{"rbps", &io->rbps, true},
		{"wbps", &io->wbps, true},
		{"riops", &io->riops, false},
		{"wiops", &io->wiops, false},
	};

	for (size_t i = 0; value && i < sizeof(keys) / sizeof(*keys); i++) {
		if (strcmp(keys[i].key, key) != 0)
			continue;
		if (*keys[i].slot)
			return "a limit of this disk is given twice";
		uint64_t n;
		/* The kernel keeps operations a second in 32 bits. */
		if (keys[i].bytes ? parse_size(value, &n) : parse_u64(value, 1, UINT32_MAX, &n))
			return keys[i].bytes ? "expected bytes a second, like 10M" : "expected operations a second, from 1 to 4294967295";
		if (!n)
			return "a limit of 0 would stop the disk";
		*keys[i].slot = n;
		return NULL;
	}
	return "expected rbps=, wbps=, riops= or wiops= after the disk";
}

const char *cgroup_parse_io(char *text, struct cgroup_limits *limits)
{
	struct cgroup_io_limit io = {.dev = 0};
	char *equals = strchr(text, '='), *colon = equals;
	const char *wrong = NULL;

	/* Paths have colons of their own (/dev/disk/by-path/pci-0000:00:1f.2): it is the last one before the first key. */
	while (colon && colon > text && *colon != ':')
		colon--;
	if (!colon || *colon != ':')
		return "expected DISK:rbps=10M,wiops=100";
	if (limits->io_count == CGROUP_IO_LIMITS_MAX)
		return "there are too many limits of disks (16 at most)";
	*colon = '\0';
	wrong = parse_disk(text, &io.dev);
	for (char *cursor = colon + 1, *key, *value; !wrong && parse_option(&cursor, &key, &value);)
		wrong = parse_io_pair(key, value, &io);
	if (!wrong)
		limits->io[limits->io_count++] = io;
	return wrong;
}

/* --- device nodes ---------------------------------------------------------------------------------------------------------------- */

/* Some of "rwm", each once, in any order. */
static int parse_access(const char *text, struct cgroup_device_rule *rule)
{
	rule->read = rule->write = rule->mknod = false;
	for (const char *p = text; *p; p++) {
		bool *which = *p == 'r' ? &rule->read : *p == 'w' ? &rule->write : *p == 'm' ? &rule->mknod : NULL;
		if (!which || *which)
			return -EINVAL;
		*which = true;
	}
	return *text ? 0 : -EINVAL;
}

static int parse_number(const char *text, uint64_t max, int64_t *number)
{
	uint64_t value;

	*number = -1;
	if (!text || !strcmp(text, "*"))
		return text ? 0 : -EINVAL;
	int err = parse_u64(text, 0, max, &value);
	if (!err)
		*number = (int64_t)value;
	return err;
}

static const char *parse_node(char *text, struct cgroup_device_rule *rule)
{
	char *colon = strrchr(text, ':');
	struct stat st;

	/* Without accesses behind it, a colon belongs to the name. */
	if (!colon || parse_access(colon + 1, rule))
		rule->read = rule->write = rule->mknod = true;
	else
		*colon = '\0';
	if (stat(text, &st))
		return errno == ENOENT ? "there is no such device node" : "the device node can't be looked up";
	if (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode))
		return "that path is no device node";
	rule->type = S_ISBLK(st.st_mode) ? 'b' : 'c';
	rule->major = major(st.st_rdev);
	rule->minor = minor(st.st_rdev);
	return NULL;
}

static const char *parse_rule(char *text, struct cgroup_device_rule *rule)
{
	const char *wrong = "expected TYPE:MAJOR:MINOR:ACCESS like c:10:200:rw (type a, b or c; numbers or *; access of r, w and m), "
			    "or a device node's path with :rw";

	if (!text[0] || !strchr("abc", text[0]) || (text[1] && text[1] != ':'))
		return wrong;
	rule->type = text[0];
	if (!text[1]) {
		rule->major = rule->minor = -1;
		rule->read = rule->write = rule->mknod = true;
		return rule->type == 'a' ? NULL : wrong;
	}
	text += 2;
	const char *major_text = strsep(&text, ":"), *minor_text = strsep(&text, ":");
	if (parse_number(major_text, MAJOR_MAX, &rule->major) || parse_number(minor_text, MINOR_MAX, &rule->minor) || !text ||
	    parse_access(text, rule))
		return wrong;
	return NULL;
}

const char *cgroup_parse_device(bool allow, char *text, struct cgroup_limits *limits)
{
	struct cgroup_device_rule rule = {.allow = allow};

	if (limits->device_count == CGROUP_DEVICE_RULES_MAX)
		return "there are too many device rules (32 at most)";
	const char *wrong = *text == '/' ? parse_node(text, &rule) : parse_rule(text, &rule);
	if (wrong)
		return wrong;
	limits->device[limits->device_count++] = rule;
	limits->devices_restricted = true;
	return NULL;
}

/* --- network ---------------------------------------------------------------------------------------------------------------------- */

/* Four hexadecimal digits at most. */
static int parse_hex16(const char *text, size_t len, uint32_t *value)
{
	char hex[8];
	uint64_t v;

	if (!len || len > 4)
		return -EINVAL;
	snprintf(hex, sizeof(hex), "0x%.*s", (int)len, text);
	int err = parse_u64(hex, 0, 0xffff, &v);
	*value = err ? 0 : (uint32_t)v;
	return err;
}

const char *cgroup_parse_net_class(const char *text, struct cgroup_limits *limits)
{
	const char *wrong = "expected a class like 10:1 (hexadecimal, as tc has it) or 0x100001", *colon = strchr(text, ':');
	uint32_t major_number, minor_number;
	uint64_t value;

	if (colon) {
		if (parse_hex16(text, (size_t)(colon - text), &major_number) || parse_hex16(colon + 1, strlen(colon + 1), &minor_number))
			return wrong;
		value = (uint64_t)major_number << 16 | minor_number;
	} else if (parse_u64(text, 0, UINT32_MAX, &value)) {
		return wrong;
	}
	limits->net_class = (uint32_t)value;
	limits->net_class_set = true;
	return NULL;
}

const char *cgroup_parse_net_prio(char *text, struct cgroup_limits *limits)
{
	char *colon = strrchr(text, ':');
	struct cgroup_net_prio prio;
	uint64_t value;

	if (limits->net_prio_count == CGROUP_NET_PRIO_MAX)
		return "there are too many priorities of interfaces (16 at most)";
	if (!colon || parse_u64(colon + 1, 0, UINT32_MAX, &value))
		return "expected INTERFACE:PRIORITY like eth0:5";
	*colon = '\0';
	/* As the kernel's dev_valid_name(): anything else would be a second word for it. */
	if (!*text || strlen(text) >= sizeof(prio.ifname) || strpbrk(text, "/: \t\n\v\f\r"))
		return "an interface's name has 1 to 15 characters, without slashes and spaces";
	prio = (struct cgroup_net_prio){.priority = (uint32_t)value};
	snprintf(prio.ifname, sizeof(prio.ifname), "%s", text);
	limits->net_prio[limits->net_prio_count++] = prio;
	return NULL;
}

/* --- scales ----------------------------------------------------------------------------------------------------------------------- */

static uint64_t clamp(uint64_t value, uint64_t min, uint64_t max)
{
	return value < min ? min : value > max ? max : value;
}

uint64_t cgroup_weight_from_shares(uint64_t shares)
{
	return 1 + (clamp(shares, 2, 262144) - 2) * 9999 / 262142;
}

uint64_t cgroup_blkio_weight(uint64_t io_weight)
{
	return 10 + (clamp(io_weight, 1, 10000) - 1) * 990 / 9999;
}
