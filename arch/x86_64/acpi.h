// SPDX-License-Identifier: Apache-2.0
/* The machine described to the guest by ACPI tables (ACPI 6.5): RSDP, XSDT, FADT (hardware-reduced), MADT, DSDT. */
#ifndef ARCH_X86_64_ACPI_H
#define ARCH_X86_64_ACPI_H

#include <stddef.h>

#include "arch/dev_desc.h"
#include "vmm/core/vm.h"

/* Writes all tables to MAP_ACPI, the RSDP first. -ENOSPC, logged, when they don't fit. */
int acpi_write(struct vm *vm, const struct dev_list *devices, unsigned cpus);

/* The same into `buf`, for tests: addresses in the tables count from `gpa`. Returns the bytes used, 0 when they don't fit. */
size_t acpi_build(uint8_t *buf, size_t room, gpa_t gpa, const struct dev_list *devices, unsigned cpus);

#endif
