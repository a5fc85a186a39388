// SPDX-License-Identifier: Apache-2.0
/* Namespaces: see namespaces.h. */
#include "ctr/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/util/log.h"
#include "vmm/util/parse.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define PATH_BYTES 4096

const struct namespace_kind namespace_kinds[NS_COUNT] = {
	[NS_USER] = {"user", "user", CLONE_NEWUSER}, [NS_CGROUP] = {"cgroup", "cgroup", CLONE_NEWCGROUP},
	[NS_IPC] = {"ipc", "ipc", CLONE_NEWIPC},     [NS_UTS] = {"uts", "uts", CLONE_NEWUTS},
	[NS_NET] = {"net", "net", CLONE_NEWNET},     [NS_PID] = {"pid", "pid", CLONE_NEWPID},
	[NS_MOUNT] = {"mount", "mnt", CLONE_NEWNS},  [NS_TIME] = {"time", "time", CLONE_NEWTIME},
};

bool namespace_is_new(const struct spec *spec, enum spec_namespace ns, bool userns)
{
	/* An image has to be mounted somewhere, and nobody else need see that. */
	if (spec->isolation == ISOLATION_CHROOT)
		return ns == NS_MOUNT && spec->root == ROOT_DISK;
	if (spec->ns[ns].share || spec->ns[ns].join)
		return false;
	return ns != NS_USER || userns;
}

uint64_t namespaces_clone_flags(const struct spec *spec, bool userns)
{
	uint64_t flags = 0;

	for (enum spec_namespace ns = 0; ns < NS_COUNT; ns++) {
		if (namespace_is_new(spec, ns, userns))
			flags |= namespace_kinds[ns].clone_flag;
	}
	return flags;
}

int namespace_open(enum spec_namespace ns, const char *join)
{
	const struct namespace_kind *kind = &namespace_kinds[ns];
	char path[PATH_BYTES];
	uint64_t pid;

	if (strchr(join, '/'))
		snprintf(path, sizeof(path), "%s", join);
	else if (!parse_u64(join, 1, INT32_MAX, &pid))
		snprintf(path, sizeof(path), "/proc/%u/ns/%s", (unsigned)pid, kind->file);
	else
		snprintf(path, sizeof(path), "/run/netns/%s", join);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		int err = -errno;
		log_error("--join %s=%s: %s: %s", kind->name, join, path, strerror(-err));
		return err;
	}
	int type = ioctl(fd, NS_GET_NSTYPE);
	if (type != (int)kind->clone_flag) {
		log_error("--join %s=%s: %s is no %s namespace", kind->name, join, path, kind->name);
		close(fd);
		return -EINVAL;
	}
	return fd;
}

static struct spec_namespace_choice *choice_of(struct spec *spec, char *text, char **value)
{
	*value = strchr(text, '=');
	if (!*value)
		return NULL;
	size_t len = (size_t)(*value - text);
	++*value;
	for (enum spec_namespace ns = 0; ns < NS_COUNT; ns++) {
		if (strlen(namespace_kinds[ns].name) == len && !memcmp(namespace_kinds[ns].name, text, len))
			return &spec->ns[ns];
	}
	return NULL;
}

const char *namespace_parse_share(struct spec *spec, char *text)
{
	char *value;
	struct spec_namespace_choice *choice = choice_of(spec, text, &value);

	if (!choice)
		return "no such namespace";
	if (strcmp(value, "host"))
		return "shared with no one but the host (--join is for other containers)";
	if (choice->join)
		return "joined already";
	choice->share = true;
	return NULL;
}

const char *namespace_parse_join(struct spec *spec, char *text)
{
	char *value;
	struct spec_namespace_choice *choice = choice_of(spec, text, &value);

	if (!choice)
		return "no such namespace";
	if (!*value)
		return "names nothing to join";
	if (choice->share)
		return "shared with the host already";
	if (choice == &spec->ns[NS_MOUNT])
		return "a mount namespace holds another root: --rootfs and --bind are for that";
	if (choice == &spec->ns[NS_USER])
		return "a user namespace owns the others, which are made new: --userns makes one";
	choice->join = value;
	return NULL;
}
