#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_iasl.sh BUILD: the ACPI tables, written out by their unit test, go through ACPICA's compiler: disassembled and, the DSDT, compiled
# again, without a remark.
set -u
build=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

if ! command -v iasl >/dev/null; then
	echo "skip acpi tables through iasl: iasl is not installed (package acpica-tools)"
	exit 0
fi
TINYVMM_ACPI_DIR=$dir "$build/tests/unit/arch/x86_64/test_acpi" >/dev/null 2>&1
cd "$dir" || exit 1
for table in facp dsdt apic xsdt; do
	if iasl -d "$table.dat" >"$table.log" 2>&1 && [ -s "$table.dsl" ] && ! grep -Eiq 'warning|error|remark|invalid' "$table.log"; then
		echo "ok iasl disassembles $table without a remark"
	else
		echo "not ok iasl disassembles $table without a remark"
		cat "$table.log"
	fi
done
if iasl dsdt.dsl 2>&1 | grep -q '0 Errors, 0 Warnings, 0 Remarks'; then
	echo "ok iasl compiles the dsdt again without a remark"
else
	echo "not ok iasl compiles the dsdt again without a remark"
	iasl dsdt.dsl
fi
