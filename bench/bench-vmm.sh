#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench-vmm.sh TINYVMM PROBE: tinyvmm beside Debian's QEMU (microvm, q35), the same kernel, initramfs and disks, in turns; prints a Markdown
# table of medians and, in brackets, least and most. Where there is no hardware virtualization all of them run inside the same emulated machine
# (scripts/nested.sh): there the relations count, not the numbers.
#
#   ROUNDS=3             measurements of each kind
#   SECONDS_EACH=8       of each disk and network measurement
#   OUTER_CPUS=1         processors of the emulated machine
#   ROWS='boot disk net setup icount'      what to measure
#   PEER='name=command'  another VMM: in its command {bzimage} {vmlinux} {initrd} {append} {root} {data} {memory} stand for what all get;
#                        its first word is a program on this machine
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

tinyvmm=$1 probe=$2
rounds=${ROUNDS:-3}
seconds_each=${SECONDS_EACH:-8}
rows=${ROWS:-boot disk net setup icount}
work=build/bench
mkdir -p "$work"
results=$work/results
: >"$results"

# --- what all of them boot -----------------------------------------------------------------------------------------------------------

kernel=$(scripts/get-kernel.sh demo/kernel)
release=$(<demo/kernel/release)
busybox=$(busybox_static demo)
scripts/make-rootfs.sh --cache demo --size 384 --program "$(command -v fio)" --program "$(command -v iperf3)" "$work/rootfs.img"
[ "$work/vmlinux" -nt "$kernel" ] || scripts/extract-vmlinux.sh "$kernel" "$work/vmlinux"

# An initramfs with drivers for both ways of finding virtio devices
make_initrd() (
	tree=$(mktemp -d)
	trap 'rm -rf "$tree"' EXIT
	mkdir -p "$tree"/{bin,dev,proc,sys,root,modules}
	cp "$busybox" "$tree/bin/busybox"
	cp bench/guest-init "$tree/init"
	for module in virtio_mmio virtio_pci virtio_blk virtio_net crc32c_generic ext4; do
		PATH=$PATH:/usr/sbin:/sbin modprobe --show-depends -d demo/kernel -S "$release" "$module"
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r module; do
		cp "$module" "$tree/modules/"
		echo "${module##*/}"
	done >"$tree/modules.list"
	(cd "$tree" && find . | "$busybox" cpio -o -H newc 2>/dev/null)
)
make_initrd >"$work/initrd"

# --- measuring ------------------------------------------------------------------------------------------------------------------------

peer=${PEER:-}
peer_name=${peer%%=*} peer_command=${peer#*=}

# Where KVM is: inside (emulated), or here (hardware)
measure() {
	local programs=() program
	if hardware_kvm; then
		env PATH="$PWD/$(dirname "$tinyvmm"):$PWD/$(dirname "$probe"):$PATH" BZIMAGE="$kernel" VMLINUX="$work/vmlinux" INITRD="$work/initrd" ROOT="$work/rootfs.img" \
			BUSYBOX="$busybox" PEER_NAME="$peer_name" PEER_COMMAND="$peer_command" bash bench/inside.sh "$@"
		return
	fi
	for program in bash sed iperf3 qemu-system-x86_64 ${peer_command%% *}; do
		programs+=(--program "$(command -v "$program")")
	done
	scripts/nested.sh --kernel-dir demo/kernel --busybox "$busybox" --memory 4096 --disk-size 6144 --timeout "${BENCH_TIMEOUT:-7200}" \
		--log "$work/outer.log" "${outer[@]}" --tinyvmm "$tinyvmm" --program "$probe" "${programs[@]}" \
		--file /usr/share/qemu:/usr/share/qemu --file /usr/share/seabios:/usr/share/seabios --file bench/inside.sh:/src/inside.sh \
		--file "$work/vmlinux:/root/vmlinux" --file "$work/initrd:/root/initrd" --file "$work/rootfs.img:/root/rootfs.img" -- \
		env BZIMAGE="/kernel/boot/vmlinuz-$release" VMLINUX=/root/vmlinux INITRD=/root/initrd ROOT=/root/rootfs.img BUSYBOX=/bin/busybox \
		PEER_NAME="$peer_name" PEER_COMMAND="$peer_command" bash /src/inside.sh "$@"
}

# Lines "result VMM ROW VALUE" are kept, all others are for whoever watches
keep() {
	local line
	while IFS= read -r line; do
		case $line in
		'result '*) echo "${line#result }" >>"$results" ;;
		esac
		say "$line"
	done
}

# From exec to the first KVM_RUN, on this machine's own KVM, traced
first_run() {
	local vmm=$1 log=$work/strace pid i
	shift
	rm -f "$log"
	strace -f --seccomp-bpf -ttt -e trace=execve,ioctl -o "$log" "$@" >/dev/null 2>&1 </dev/null &
	pid=$!
	for ((i = 0; i < 200; i++)); do
		! grep -q KVM_RUN "$log" 2>/dev/null || break
		sleep 0.05
	done
	{
		kill -KILL "$(sed -n '1s/ .*//p' "$log")" # the first line is the VMM's own execve
		wait "$pid"
	} 2>/dev/null || true
	awk -v vmm="$vmm" '/execve\(/ && !start { start = $2 } /KVM_RUN/ { printf "result %s setup_ms %.1f\n", vmm, ($2 - start) * 1000; exit }' "$log"
}

setup() {
	local i append='console=ttyS0 quiet'
	if ! { [ -r /dev/kvm ] && [ -w /dev/kvm ]; }; then
		say "no /dev/kvm here: the time to the first KVM_RUN is left out"
		return
	fi
	local qemu=(qemu-system-x86_64 -nodefaults -no-user-config -display none -accel kvm -cpu host -m 512 -smp 1 -serial stdio -no-reboot -append "$append"
		-initrd "$work/initrd")
	for ((i = 0; i < rounds * 3; i++)); do
		first_run tinyvmm "$tinyvmm" --allow-emulation --kernel "$kernel" --initrd "$work/initrd" --memory 512M --console serial --append quiet --disk "$work/rootfs.img,cow"
		first_run microvm-vmlinux "${qemu[@]}" -M microvm,acpi=on -kernel "$work/vmlinux" -netdev user,id=n -device virtio-net-device,netdev=n \
			-drive "if=none,id=d,file=$work/rootfs.img,format=raw,snapshot=on" -device virtio-blk-device,drive=d
		first_run q35-vmlinux "${qemu[@]}" -M q35 -kernel "$work/vmlinux" -netdev user,id=n -device virtio-net-pci,netdev=n,romfile= \
			-drive "if=none,id=d,file=$work/rootfs.img,format=raw,snapshot=on" -device virtio-blk-pci,drive=d
	done
}

# --- the table ------------------------------------------------------------------------------------------------------------------------

table() {
	awk -v rounds="$rounds" '
	function median(list, n, values, i, j, t) {
		n = split(list, values, " ")
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && values[j] + 0 < values[j - 1] + 0; j--) { t = values[j]; values[j] = values[j - 1]; values[j - 1] = t }
		if (n == 0) return "-"
		t = n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
		return n > 1 ? sprintf("%s [%s, %s]", t, values[1], values[n]) : t
	}
	BEGIN {
		split("setup_ms boot_ms boot_minstr cpu_ms rss_kib rss_no_net_kib exits user_exits exits_icount user_exits_icount randread_iops randwrite_iops fsync_iops seqread_mibs seqwrite_mibs net_out_mbits net_in_mbits size_kib", order, " ")
		title["setup_ms"] = "exec to first KVM_RUN, traced, native (ms)"
		title["boot_ms"] = "exec to /init (ms)"
		title["boot_minstr"] = "exec to /init, counted (million instructions of the outer machine)"
		title["cpu_ms"] = "CPU time until then (ms)"
		title["rss_kib"] = "RSS beyond guest RAM, with user network and disk (KiB)"
		title["rss_no_net_kib"] = "RSS beyond guest RAM, no network (KiB)"
		title["exits"] = "KVM exits to /init"
		title["user_exits"] = "of them to user space"
		title["exits_icount"] = "KVM exits to /init, counted run"
		title["user_exits_icount"] = "of them to user space, counted run"
		title["randread_iops"] = "4 KiB random read, depth 1 (IOPS)"
		title["randwrite_iops"] = "4 KiB random write, depth 1 (IOPS)"
		title["fsync_iops"] = "4 KiB write with fsync (IOPS)"
		title["seqread_mibs"] = "sequential read (MiB/s)"
		title["seqwrite_mibs"] = "sequential write (MiB/s)"
		title["net_out_mbits"] = "user network, TCP from the guest (Mbit/s)"
		title["net_in_mbits"] = "user network, TCP to the guest (Mbit/s)"
		title["size_kib"] = "stripped binary (KiB)"
	}
	{
		if (!($1 in seen)) { seen[$1] = 1; vmm[++vmms] = $1 }
		value[$1, $2] = value[$1, $2] " " $3
		row[$2] = 1
	}
	END {
		head = "| |"; rule = "|---|"
		for (i = 1; i <= vmms; i++) { head = head " " vmm[i] " |"; rule = rule "---:|" }
		print head; print rule
		for (r = 1; r in order; r++) {
			if (!(order[r] in row)) continue
			line = "| " title[order[r]] " |"
			for (i = 1; i <= vmms; i++) line = line " " median(value[vmm[i], order[r]]) " |"
			print line
		}
	}' "$results"
}

sizes() {
	strip -o "$work/stripped" "$tinyvmm"
	echo "result tinyvmm size_kib $(($(stat -c %s "$work/stripped") / 1024))"
	local size
	size=$(($(stat -Lc %s "$(command -v qemu-system-x86_64)") / 1024))
	echo "result microvm-vmlinux size_kib $size"
	echo "result q35-vmlinux size_kib $size"
}

outer=(--cpus "${OUTER_CPUS:-1}")
sizes | keep
case " $rows " in *' setup '*) setup | keep ;; esac
inside=''
for row in boot disk net; do
	case " $rows " in *" $row "*) inside="$inside $row" ;; esac
done
# shellcheck disable=SC2086 # a list of words
[ -z "$inside" ] || measure "$rounds" "$seconds_each" $inside | keep
case " $rows " in *' icount '*)
	if ! hardware_kvm; then
		outer=(--cpus 1 --icount)
		measure 1 "$seconds_each" icount | keep
	fi
	;;
esac

echo
echo "$(date -u +%F), $(uname -srm), $(nproc) CPUs ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)), $(qemu-system-x86_64 --version | head -n 1)"
if hardware_kvm; then
	echo "Guests ran on this host; kernel $release, $rounds rounds."
else
	echo "Guests ran inside emulated hardware with nested KVM ($(why_no_hardware_kvm)); kernel $release, $rounds rounds."
fi
echo "Medians [least, most]."
echo
table | tee "$work/table.md"
