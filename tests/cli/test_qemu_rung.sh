#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_qemu_rung.sh: bench/qemu.sh, with a program in QEMU's place that does what the guest would: the command's streams and status come through, and nothing is
# left behind. That a real guest does so is for tests/nested/test_bench.sh.
# shellcheck disable=SC2016,SC2317 # $@ is the stand-ins'; functions are called by name
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
export TMPDIR=$test_dir/tmp
mkdir "$TMPDIR" "$test_dir/bin"

# stand_in NAME TEXT: a program, and its path in $program.
stand_in() {
	program=$test_dir/bin/$1
	printf '#!/bin/sh\n%s\n' "$2" >"$program"
	chmod 755 "$program"
}
stand_in tinyvmm '[ "$1" != broken ] || { echo broken kernel >&2; exit 2; }
echo "$@" >/dev/fd/5'
vmm=$program
# control TEXT: says it on the control port, once the answer is there.
control='control=$(printf "%s\n" "$@" | sed -n "s/^pipe,id=control,path=//p")
control() { read -r answer <"$control.in"; [ "$answer" = taken ] && printf "%s\n" "$@" >"$control.out"; }
printf "%s\n" "$@" >"${0%/*}/../arguments"
'

# As the program carries it
script=$(sed '/^#/d' bench/qemu.sh)

# rung NETDEV WORD...: runs it on the stand-ins.
rung() {
	local netdev=$1
	shift
	status=0
	output=$(echo input | timeout 60 sh -c "$script" qemu "$program" bzImage a,,b.img on 256M "$netdev" "$vmm" "$@" 2>"$test_dir/stderr") || status=$?
}
# came NAME STATUS OUTPUT ERRORS
came() {
	same "$1" "$2 $3 $4" "$status $output $(cat "$test_dir/stderr")"
	same "$1: nothing is left" '' "$(ls "$TMPDIR")"
}
argument() { grep -qxF -- "$1" "$test_dir/arguments"; }

stand_in qemu-system-x86_64 "$control"'sed s/in/out/; echo told >&2; control up "exit 7"'
rung '' run -- cmd 'a b'
came "a command" 7 output told
check "x86_64: microvm" argument microvm,acpi=on
check "x86_64: the disk" argument if=none,id=root,format=raw,snapshot=on,file=a,,b.img
check "x86_64: no network card" eval '! argument virtio-net-device,netdev=net'

stand_in qemu-system-aarch64 "$control"'cat "$(printf "%s\n" "$@" | sed -n "/^-initrd$/{n;p}")"; control up "exit 0"'
rung user run -- cmd
came "what tinyvmm makes is the initramfs" 0 'run -- cmd' ''
check "AArch64: virt" argument virt,gic-version=host
check "AArch64: the network card" argument virtio-net-device,netdev=net
check "AArch64: its other side" argument user,id=net

stand_in qemu-system-x86_64 "$control"'control up "fatal no root"'
rung '' run
came "a guest that can't go on" 120 '' 'no root'
stand_in qemu-system-x86_64 "$control"'true'
rung '' run
came "a guest that said nothing" 120 '' ''
stand_in qemu-system-x86_64 'echo "no KVM" >&2; exit 1'
rung '' run
came "QEMU refuses" 1 '' 'no KVM'
rung '' broken
came "tinyvmm refuses" 2 '' 'broken kernel'

stand_in qemu-system-x86_64 'echo $$ >"${0%/*}/../pid"; exec sleep 1000'
timeout 60 sh -c "$script" qemu "$program" bzImage a.img on 256M '' "$vmm" run &
shell=$!
wait_until 30 test -s "$test_dir/pid"
# timeout hands it on
kill -TERM "$shell"
wait "$shell"
same "told to end: its status" 143 $?
check "told to end: QEMU has ended" eval '! kill -0 "$(cat "$test_dir/pid")" 2>/dev/null'
same "told to end: nothing is left" '' "$(ls "$TMPDIR")"

exit $test_status
