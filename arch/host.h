// SPDX-License-Identifier: Apache-2.0
/*
 * What an architecture can tell of the host before there is a machine: whether its processor runs guests by itself, and which KVM
 * capabilities the architecture's own code uses. For `tinyvmm check`, and for the explanation when a guest ends in an emulation failure.
 */
#ifndef ARCH_HOST_H
#define ARCH_HOST_H

#include <stdbool.h>

struct arch_host {
	bool accelerated;		/* the processor has virtualization; false: a KVM that is there all the same emulates in software */
	bool is_guest;			/* this host is known to be a virtual machine itself */
	const char *feature;		/* "AMD-V (svm)"; or what was looked for and not found: "VT-x (vmx) or AMD-V (svm)" */
	const char *module;		/* KVM's module for this processor: "kvm-amd"; when not known, all of them */
	const char *nested_parameter;	/* file that says whether guests get virtualization in turn; NULL: not known */
	const char *firmware_switch;	/* what the firmware's menu calls it */
};

/* `cpuinfo` is the text of /proc/cpuinfo. */
void arch_host_probe(struct arch_host *host, const char *cpuinfo);

/*
 * The same as `accelerated`, asked of the processor itself: for each start of a machine, where /proc/cpuinfo would cost milliseconds.
 * True where it can't be told.
 */
bool arch_host_accelerates(void);

/* A KVM capability that the program uses. */
struct host_capability {
	unsigned number;
	const char *name;
	bool required;
	const char *without; /* what its absence means */
};

extern const struct host_capability arch_host_capabilities[];
extern const unsigned arch_host_capability_count;

#endif
