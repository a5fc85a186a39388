#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What must hold on each kind of board, with each interrupt controller that it can give a guest, on 1 and on 4 processors: the right
# controller, its interrupts on every processor, a command and its status, disks and network with checksums, the device tree.
. "$(dirname "$0")/../lib.sh"

# --- what the doctor says ------------------------------------------------------------------------------------------------------------

findings=$("$TINYVMM" check 2>&1)
same "doctor: nothing is in the way" 0 $?
matches "doctor: the kernel was started at EL2" 'ok +virtualization +EL2' "$findings"
given=$(sed -n 's/^ *ok *interrupts *//p' <<<"$findings")
case $given in
*'a GICv3'*) kinds=(v3) ;;
*'a GICv2') kinds=(v2 user) ;;
*) kinds=(user) ;;
esac
case ${BOARD:-} in
gicv2) expected='KVM has a GICv2' ;;
gicv3) expected='KVM has a GICv3' ;;
raspi3) expected='KVM has no GIC: ours, a GICv2 in user space, serves' ;;
*) expected=$given ;;
esac
same "doctor: the interrupt controller" "$expected" "$given"
if [ "${BOARD:-}" = raspi3 ]; then
	matches "doctor: the board" 'ok +board +Raspberry Pi 3 Model B' "$findings"
fi

# --- boots ---------------------------------------------------------------------------------------------------------------------------

mkdir "$test_dir/www"
"$BUSYBOX" dd if=/dev/urandom of="$test_dir/www/blob" bs=1024 count=2048 2>/dev/null
sum=$(sha256sum <"$test_dir/www/blob")
"$BUSYBOX" httpd -f -p 127.0.0.1:8351 -h "$test_dir/www" &
server=$!
stop_server() { kill "$server" 2>/dev/null; }
at_end+=(stop_server)

# What Linux calls a controller in /proc/interrupts (a GICv2 by its number, since 5.17), and the device tree by its binding
# (bindings/interrupt-controller/arm,gic*.yaml)
declare -A linux_name=([v3]='^GICv3$' [v2]='^(GICv2|GIC-0)$' [user]='^(GICv2|GIC-0)$')
declare -A binding=([v3]='arm,gic-v3' [v2]='arm,cortex-a15-gic' [user]='arm,cortex-a15-gic')

# A host's kernel is that of its guests here: the same size of pages
page_kib=$(awk '/KernelPageSize/ { print $2; exit }' /proc/self/smaps)

# Everything at once, each answer behind its name: a boot costs more than all that follows. The data for the second disk is random, so that
# nothing but a write brings it there.
# shellcheck disable=SC2016 # expanded in the guest
in_guest='
	read -r line && echo "line=$line"
	echo to-error >&2
	echo "cpus=$(nproc)"
	echo "page=$(awk "/KernelPageSize/ { print \$2; exit }" /proc/self/smaps)"
	echo "chip=$(awk "/virtio/ { print \$(NF - 3) }" /proc/interrupts | sort -u)"
	# Each processor has work of its own, until its timer has interrupted it. The shells of one pipe wake up each other.
	for cpu in $(seq 0 $(($(nproc) - 1))); do
		taskset -c "$cpu" sh -c "sleep 0.1; echo on $cpu" | grep -q "on $cpu" || echo "processor $cpu does nothing"
	done
	echo "timers=$(awk "/arch_timer/ { for (i = 2; i < 2 + $(nproc); i++) n += \$i > 0; print n }" /proc/interrupts)"
	echo "ipis=$(awk "/IPI[0-9]:/ { for (i = 2; i < 2 + $(nproc); i++) n += \$i } END { print (n > 0) }" /proc/interrupts)"
	echo "read=$(sha256sum </dev/vdb)"
	dd if=/dev/urandom of=/tmp/data bs=64k count=32 2>/dev/null
	dd if=/tmp/data of=/dev/vdc bs=64k conv=fsync 2>/dev/null
	echo "written=$(sha256sum </tmp/data)"
	echo "address=$(ip -4 -o addr show eth0 | grep -o "inet [^ ]*")"
	echo "download=$(wget -q -O - http://10.0.2.2:8351/blob | sha256sum)"
	echo "warnings=$(dmesg -r | grep -E "^<[0-4]>.*($1|WARNING:|Oops)" | tr "\n" "|")"
	exit 7'

answer() { sed -n "s/^$1=//p" <<<"$output"; }

# board_boots KIND CPUS OPTION...
board_boots() {
	local kind=$1 cpus=$2 name="GIC $1, $2 processor(s)" tree=$test_dir/tree.dtb said
	shift 2
	truncate -s 2M "$test_dir/data.img"
	run_vm --cpus "$cpus" "$@" --log-level debug --dump-dtb "$tree" --disk "$ROOTFS,cow" --disk "$test_dir/www/blob,ro" \
		--disk "$test_dir/data.img" -- sh -c "$in_guest" sh "$tables" <<<"a line of ours"
	ended "$name: the command's status" 7
	matches "$name: tinyvmm took this controller" "interrupt controller: $kind"$'\n' "$errors"$'\n'
	matches "$name: Linux found it" "${linux_name[$kind]}" "$(answer chip)"
	same "$name: its processors run" "$cpus" "$(answer cpus)"
	same "$name: each has timer interrupts" "$cpus" "$(answer timers)"
	[ "$cpus" = 1 ] || same "$name: they interrupt each other" 1 "$(answer ipis)"
	same "$name: its pages are of $page_kib KiB" "$page_kib" "$(answer page)"
	same "$name: a pipe in" "a line of ours" "$(answer line)"
	matches "$name: and two out" $'(^|\n)to-error\n' "$errors"$'\n'
	same "$name: the guest reads what the host wrote" "$sum" "$(answer read)"
	same "$name: the host reads what the guest wrote" "$(answer written)" "$(sha256sum <"$test_dir/data.img")"
	same "$name: DHCP" "inet 10.0.2.15/24" "$(answer address)"
	same "$name: a download arrives whole" "$sum" "$(answer download)"
	same "$name: the kernel has nothing to say against the device tree" '' "$(answer warnings)"
	said=$(dtc -I dtb -O dts -o "$test_dir/tree.dts" "$tree" 2>&1)
	same "$name: dtc reads the device tree without a warning" "0 " "$? $said"
	matches "$name: which has the controller" "\"${binding[$kind]}\"" "$(<"$test_dir/tree.dts")"
	same "$name: and the processors" "$cpus" "$(grep -c 'device_type = "cpu"' "$test_dir/tree.dts")"
}

board_boots "${kinds[0]}" 1
board_boots "${kinds[0]}" 4 --gic "${kinds[0]}"
for kind in "${kinds[@]:1}"; do
	board_boots "$kind" 1 --gic "$kind"
	board_boots "$kind" 4 --gic "$kind"
done

# --- what a board has not ------------------------------------------------------------------------------------------------------------

for kind in v2 v3; do
	if [[ $given = *"a GIC$kind"* ]]; then
		continue
	fi
	run_vm --gic "$kind" --disk "$ROOTFS,cow" -- true </dev/null
	ended "--gic $kind where KVM has none" 122
	matches "--gic $kind where KVM has none: says so" "--gic $kind: KVM on this host has none such" "$errors"
done
