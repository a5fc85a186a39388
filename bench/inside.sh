#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# inside.sh ROUNDS SECONDS JOB...: the part of bench-vmm.sh that runs where KVM is. Jobs: boot, disk, net, icount. Prints "result VMM ROW VALUE".
set -u
rounds=$1 seconds=$2
shift 2
memory=512
tmp=$(mktemp -d)
iperf=''
cleanup() {
	[ -z "$iperf" ] || kill "$iperf"
	rm -rf "$tmp"
}
trap cleanup EXIT
cp --sparse=always "$ROOT" "$tmp/root.img" 2>/dev/null || cp "$ROOT" "$tmp/root.img"
dd if=/dev/urandom of="$tmp/data.img" bs=1048576 count=256 2>/dev/null

# vmm_command VMM NET APPEND: sets $argv.
# shellcheck disable=SC2054 # the commas are QEMU's
vmm_command() {
	local vmm=$1 net=$2 append=$3 qemu word
	qemu=(qemu-system-x86_64 -nodefaults -no-user-config -display none -accel kvm -cpu host -m "$memory" -smp 1 -serial stdio -no-reboot
		-initrd "$INITRD" -append "console=ttyS0 quiet $append"
		-drive "if=none,id=root,file=$tmp/root.img,format=raw" -drive "if=none,id=data,file=$tmp/data.img,format=raw")
	case $vmm in
	*-vmlinux) qemu+=(-kernel "$VMLINUX") ;;
	*) qemu+=(-kernel "$BZIMAGE") ;;
	esac
	case $vmm in
	tinyvmm)
		argv=(tinyvmm --kernel "$BZIMAGE" --initrd "$INITRD" --memory "${memory}M" --console serial --append "quiet $append"
			--disk "$tmp/root.img" --disk "$tmp/data.img" --net "$net")
		;;
	microvm*)
		argv=("${qemu[@]}" -M microvm,acpi=on -device virtio-blk-device,drive=root -device virtio-blk-device,drive=data)
		[ "$net" = none ] || argv+=(-netdev user,id=net -device virtio-net-device,netdev=net)
		;;
	q35*)
		argv=("${qemu[@]}" -M q35 -device virtio-blk-pci,drive=root -device virtio-blk-pci,drive=data)
		[ "$net" = none ] || argv+=(-netdev user,id=net -device virtio-net-pci,netdev=net,romfile=)
		;;
	*)
		word=$PEER_COMMAND
		word=${word//\{bzimage\}/$BZIMAGE}
		word=${word//\{vmlinux\}/$VMLINUX}
		word=${word//\{initrd\}/$INITRD}
		word=${word//\{append\}/console=ttyS0 quiet $append}
		word=${word//\{root\}/$tmp/root.img}
		word=${word//\{data\}/$tmp/data.img}
		argv=(bash -c "exec ${word//\{memory\}/$memory}")
		;;
	esac
}

# boot VMM NET NAME:ROW...: a start to /init; each NAME of probe's values becomes a ROW.
boot() {
	local vmm=$1 net=$2 line wanted
	shift 2
	vmm_command "$vmm" "$net" bench=boot
	if ! line=$(probe BENCH-INIT "$memory" 600 "${argv[@]}" 2>"$tmp/log"); then
		tail -n 5 "$tmp/log"
		return
	fi
	for wanted; do
		[[ " $line " =~ \ ${wanted%:*}=([^ ]*)\  ]] && echo "result $vmm ${wanted#*:} ${BASH_REMATCH[1]}"
	done
}

# work VMM JOB: what the guest itself measures.
work() {
	local vmm=$1 job=$2
	vmm_command "$vmm" user "bench=$job seconds=$seconds"
	probe BENCH-DONE "$memory" 900 "${argv[@]}" >/dev/null 2>"$tmp/log" || tail -n 5 "$tmp/log"
	tr -d '\r' <"$tmp/log" | sed -n "s/^RESULT \(.*\)/result $vmm \1/p"
}

every=(boot_ms:boot_ms cpu_ms:cpu_ms rss_kib:rss_kib exits:exits user_exits:user_exits)
all="tinyvmm microvm-vmlinux q35-vmlinux microvm-bzimage q35-bzimage ${PEER_NAME:-}"
best="tinyvmm microvm-vmlinux q35-vmlinux ${PEER_NAME:-}"

# tinyvmm unpacks a kernel once and keeps it: the first run is not measured
vmm_command tinyvmm none bench=boot
probe BENCH-INIT "$memory" 600 "${argv[@]}" >/dev/null 2>"$tmp/log" || tail -n 20 "$tmp/log"

for job; do
	case $job in
	boot)
		for ((i = 0; i < rounds; i++)); do
			for vmm in $all; do boot "$vmm" user "${every[@]}"; done
		done
		for vmm in $best; do boot "$vmm" none rss_kib:rss_no_net_kib; done
		;;
	icount)
		# A nanosecond is an instruction there: milliseconds are million instructions
		for vmm in $all; do boot "$vmm" user boot_ms:boot_minstr exits:exits_icount user_exits:user_exits_icount; done
		;;
	net)
		iperf3 -s -B 127.0.0.1 >/dev/null &
		iperf=$!
		for ((i = 0; i < rounds; i++)); do
			for vmm in $best; do work "$vmm" net; done
		done
		;;
	disk)
		for ((i = 0; i < rounds; i++)); do
			for vmm in $best; do work "$vmm" disk; done
		done
		;;
	esac
done
