// SPDX-License-Identifier: Apache-2.0
/*
 * What an architecture can tell of the host before there is a machine: whether its processor runs guests by itself, and which KVM
 * capabilities the architecture's own code uses. For `tinyvmm check`, and for the explanation when a guest ends in an emulation failure.
 */
#ifndef ARCH_HOST_H
#define ARCH_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/core/kvm.h"

/* What is known of a host before anything was tried. */
struct host_facts {
	const char *cpuinfo;	/* the text of /proc/cpuinfo, or "" */
	const char *board;	/* the model that the host's device tree names, or "" */
	bool has_kvm;		/* there is a /dev/kvm */
};

struct arch_host {
	bool accelerated;		/* the processor has virtualization; false: a KVM that is there all the same emulates in software */
	bool is_guest;			/* this host is known to be a virtual machine itself */
	const char *feature;		/* "AMD-V (svm)"; or what was looked for and not found: "VT-x (vmx) or AMD-V (svm)" */
	const char *module;		/* KVM's module for this processor: "kvm-amd"; when not known, all of them */
	const char *nested_parameter;	/* file that says whether guests get virtualization in turn; NULL: not known */
	const char *advice;		/* how to come by it on a host that is no virtual machine */
};

void arch_host_probe(struct arch_host *host, const struct host_facts *facts);

/* Which interrupt controllers this KVM, with a VM, gives a guest: one line, empty when there is nothing to tell. False: none will do. */
bool arch_host_irqchips(const struct kvm *kvm, char *text, size_t size);

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
