#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_program.sh TINYVMM: the program as a file: hardened, small, with no library that only some runs need; and what it says of itself.
# shellcheck disable=SC2317 # functions are called by name
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
tinyvmm=$1

dynamic=$(readelf -dW "$tinyvmm")
headers=$(readelf -hlW "$tinyvmm")
symbols=$(readelf --dyn-syms -W "$tinyvmm")
matches "program: position-independent" 'Type: +DYN' "$headers"
matches "program: relocations are read-only" 'GNU_RELRO' "$headers"
matches "program: all of them, from the start" 'BIND_NOW' "$dynamic"
matches "program: no code on the stack" 'GNU_STACK [ 0-9a-fx]*RW ' "$headers"
matches "program: guarded stack" '__stack_chk_fail' "$symbols"
matches "program: checked string functions" '__[a-z]*printf_chk' "$symbols"
needed=$(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' <<<"$dynamic" | grep -v '^ld-linux' | paste -sd ' ')
same "program: needs the C library alone" libc.so.6 "$needed"
strip -o "$test_dir/stripped" "$tinyvmm"
size=$(stat -c %s "$test_dir/stripped")
check "program: at most 500 KiB, stripped ($((size / 1024)))" test "$size" -le 512000

matches "program: --version" '^tinyvmm [0-9]+\.[0-9]+\.[0-9]+$' "$("$tinyvmm" --version)"
matches "program: --help fits a terminal" '^tinyvmm boots' "$("$tinyvmm" --help)"
same "program: in 80 columns" '' "$("$tinyvmm" --help | grep -E '.{81}')"

status=0
"$tinyvmm" check >"$test_dir/check" 2>&1 </dev/null || status=$?
for word in virtualization /dev/kvm seccomp io_uring libraries; do
	check "check: tells of $word" grep -q "^  [a-zA-Z]* *$word" "$test_dir/check"
done
if grep -q '^  FAULT' "$test_dir/check"; then
	same "check: a fault is its status" 122 "$status"
	lacking=$(awk '/^  FAULT/ { fault = $0; next } fault != "" && !/^ +->/ { print fault } { fault = "" }' "$test_dir/check")
	same "check: and each has a way out" '' "$lacking"
else
	same "check: no fault, no complaint" 0 "$status"
fi

same "make alone prints help" "$(make --no-print-directory help)" "$(make --no-print-directory)"
same "continuous integration calls make check and nothing else" 'exec make check' "$(grep -v '^#' .ci/run)"
