#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run-unit.sh KIND NAME PROGRAM LOG: runs one cmocka program. Its output goes to LOG, its result lines (tests/lib.sh) to LOG.results: each of
# its tests is one. A skipped test says why in the line before ("skip: REASON"). KIND is how it was built: the sanitizers.
set -u
kind=$1 name=$2 program=$3 log=$4

# The sanitizers want their places in memory, which some kernels' address randomisation takes.
fixed_addresses=()
! setarch -R true 2>/dev/null || fixed_addresses=(setarch -R)

# /tmp may be in memory, where a disk image can do less
[ ! -d /var/tmp ] || export TMPDIR=/var/tmp

status=0
timeout -k 5 300 "${fixed_addresses[@]}" "$program" >"$log" 2>&1 </dev/null || status=$?
awk -v kind="$kind" -v name="$name" '
	/^\[       OK \]/ { print "ok unit " kind " " name ": " $NF }
	/^\[  FAILED  \]/ && !/test\(s\)/ && !failed[$NF]++ { print "not ok unit " kind " " name ": " $NF }
	/^\[  SKIPPED \]/ && !/test\(s\)/ && !skipped[$NF]++ {
		sub(/^skip(ped)?: /, "", before)
		print "skip unit " kind " " name ": " $NF ": " before
	}
	{ before = $0 }' "$log" >"$log.results"
if [ "$status" != 0 ] && ! grep -q '^not ok' "$log.results"; then
	echo "not ok unit $kind $name: status $status" >>"$log.results"
elif ! [ -s "$log.results" ]; then
	echo "not ok unit $kind $name: ran no test" >>"$log.results"
fi
