// SPDX-License-Identifier: Apache-2.0
/* A container's description as a whole: see options.h for what is here. */
#include "ctr/spec.h"

#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctr/options.h"
#include "vmm/util/log.h"

void spec_init(struct spec *spec)
{
	*spec = (struct spec){
		.name = NULL,
		.isolation = ISOLATION_FULL,
		.net = NET_USER,
		.no_new_privs = true,
		.init = true,
		.caps = {.bounding = caps_default(), .permitted = caps_default()},
		.limits = {.devices_restricted = true},
	};
}

void spec_release(struct spec *spec)
{
	netdev_release_forwards(&spec->netdev);
	free(spec->env);
	free(spec->argv);
	spec->env = spec->argv = NULL;
}

bool spec_is_init(const char *command)
{
	static const char inits[][32] = {"/sbin/init", "/usr/sbin/init", "/lib/systemd/systemd", "/usr/lib/systemd/systemd",
					 "/sbin/openrc-init"};

	for (unsigned i = 0; i < sizeof(inits) / sizeof(*inits); i++) {
		if (!strcmp(command, inits[i]))
			return true;
	}
	return false;
}

/* A system's own init ends by reboot(2), which in a PID namespace of its own ends that alone (pid_namespaces(7)). */
struct caps spec_caps(const struct spec *spec)
{
	const struct spec_namespace_choice *pid = &spec->ns[NS_PID];
	struct caps caps = spec->caps;
	uint64_t usual = caps_default();

	/* Who drops capabilities has said which there are to be. */
	if (spec->system && !pid->share && !pid->join && (caps.bounding & usual) == usual) {
		caps.bounding |= 1ull << CAP_SYS_BOOT;
		caps.permitted |= 1ull << CAP_SYS_BOOT;
	}
	return caps;
}

static unsigned fault(bool wrong, const char *text)
{
	if (wrong)
		log_error("%s", text);
	return wrong;
}

static unsigned check_chroot(const struct spec *spec)
{
	unsigned faults = 0;

	faults += fault(geteuid() != 0, "--isolation chroot: takes root; --isolation namespaces does not");
	faults += fault(spec->userns, "--isolation chroot: has the host's users, so no --userns");
	faults += fault(spec->root == ROOT_IMAGE, "--isolation chroot: takes --rootfs DIR or --disk FILE: unpacking an image is for the rungs above");
	faults += fault(spec->bind_count || spec->tmpfs_count || spec->read_only,
			"--isolation chroot: has no mounts of its own, so no --bind, --tmpfs or --read-only");
	faults += fault(spec->net == NET_VETH, "--isolation chroot: has the host's network, so no --net veth");
	faults += fault(spec->net != NET_VETH && spec->netdev.forwards, "--isolation chroot: has the host's network, so no --net user");
	return faults;
}

static bool has_limits(const struct cgroup_limits *limits)
{
	return limits->memory_bytes || limits->swap_set || limits->cpu_millis || limits->cpu_shares || limits->cpuset_cpus ||
	       limits->pids || limits->io_weight || limits->io_count || limits->device_count || limits->net_class_set ||
	       limits->net_prio_count;
}

unsigned spec_check(const struct spec *spec)
{
	unsigned faults = 0;

	faults += fault(spec->root == ROOT_NONE, "no root file system given: --rootfs DIR, --disk FILE or --image FILE");
	faults += fault(spec->root == ROOT_IMAGE && spec->keep_writes,
			"--image and --keep: an archive is not written to; unpack it and use --rootfs");
	faults += fault(spec->read_only && spec->keep_writes, "--read-only and --keep: nothing would be written that could be kept");
	faults += fault(spec->isolation != ISOLATION_FULL && has_limits(&spec->limits),
			"limits such as --memory: need a control group, which --isolation full has");
	faults += fault(spec->isolation != ISOLATION_FULL && spec->seccomp && strcmp(spec->seccomp, "off"),
			"--seccomp: needs --isolation full");
	faults += fault(spec->net == NET_USER && (spec->ns[NS_NET].share || spec->ns[NS_NET].join),
			"--net user: needs a network namespace of its own, so neither --share net=host nor --join net=");
	faults += fault(spec->net == NET_VETH && (spec->ns[NS_NET].share || spec->ns[NS_NET].join),
			"--net veth: needs a network namespace of its own, so neither --share net=host nor --join net=");
	for (unsigned i = 0; i < spec->bind_count; i++)
		faults += fault(spec->bind[i].idmap && geteuid(), "--bind with :idmap: takes root");
	if (spec->net == NET_VETH)
		faults += veth_check(&spec->veth, &spec->netdev);
	faults += fault(spec->ns[NS_USER].share && geteuid(), "--share user=host: takes root");
	if (spec->isolation == ISOLATION_CHROOT)
		faults += check_chroot(spec);
	return faults;
}
