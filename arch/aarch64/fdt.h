// SPDX-License-Identifier: Apache-2.0
/* The machine described to the guest by a flattened device tree (Devicetree Specification 0.4). */
#ifndef ARCH_AARCH64_FDT_H
#define ARCH_AARCH64_FDT_H

#include <stdbool.h>
#include <stddef.h>

#include "arch/aarch64/gic.h"
#include "arch/dev_desc.h"
#include "vmm/core/mem.h"

/* arm64/booting.rst: a tree has at most 2 MiB. */
#define FDT_BYTES_MAX (2u << 20)
#define FDT_SEED_BYTES 32

struct fdt_machine {
	const struct mem *mem;
	unsigned cpus;
	const uint64_t *mpidr; /* of each processor, affinity bits alone */
	enum gic_kind gic;
	bool pmu;
	const struct dev_list *devices;
	const char *cmdline;
	gpa_t initrd_gpa;
	uint64_t initrd_bytes;        /* 0: none */
	uint8_t seed[FDT_SEED_BYTES]; /* for the guest's random numbers */
	uint64_t kaslr_seed;
};

/* Writes the tree to `buf`, aligned to 8 bytes. Returns its size, or -ENOSPC. */
int fdt_build(void *buf, size_t room, const struct fdt_machine *machine);

#endif
