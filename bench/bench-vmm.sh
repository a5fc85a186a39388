#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench-vmm.sh TINYVMM MEASURE: tinyvmm beside Debian's QEMU: the same kernel and initramfs in the same run, rounds interleaved. Prints a
# Markdown table of medians, with the least and the most; build/bench keeps it, and all samples. docs/PERFORMANCE.md says what each row is.
#
# Guests run on this host where it has hardware virtualization, else inside emulated hardware with nested KVM. The time to the first KVM_RUN is
# always of this host's own /dev/kvm.
#
# From the environment:
#   ROUNDS=3                    of each monitor
#   BENCH='start boot icount io size'   groups of rows: exec to first KVM_RUN; boot to /init, CPU time, exits, memory; the boot once more, in
#                               emulated hardware whose clock counts instructions, so that the time repeats to about 1 %; disk and network; size
#   VMMS, IO_VMMS               the monitors, by their names in vmms.sh
#   PEER='NAME=COMMAND'         one more monitor (more, a line each). In COMMAND {kernel} (bzImage), {vmlinux}, {initrd}, {append}, {memory}
#                               (MiB), {disk} and {data} (images) are filled in; words in [ ] are for disk and network runs only. It must have
#                               its console, ttyS0, on standard output. Example:
#                               PEER='kvmtool=lkvm run -k {kernel} -i {initrd} -p {append} -m {memory} [-d {disk},ro -d {data} -n mode=user]'
#   PEER_FILES='SRC:DEST ...'   what that one reads, for the emulated machine
#   SECONDS_EACH=3              of each disk and network load
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
PATH=$PATH:/usr/sbin:/sbin

tinyvmm=$PWD/$1 measure=$PWD/$2
dir=$PWD/build/bench
rm -rf "$dir/logs"
mkdir -p "$dir/logs"
export ROUNDS=${ROUNDS:-3} BENCH=${BENCH:-start boot icount io size} SECONDS_EACH=${SECONDS_EACH:-3}
export PEERS=${PEER:-} XDG_CACHE_HOME=$dir/cache
# shellcheck source=bench/vmms.sh
. bench/vmms.sh
peers=$(vmm_peers | tr '\n' ' ')
export VMMS="${VMMS:-${vmm_list[*]} $peers}" IO_VMMS="${IO_VMMS:-tinyvmm microvm-pvh q35-pvh $peers}"

wanted() { case " $BENCH " in *" $1 "*) true ;; *) false ;; esac }

# --- what all of them run -------------------------------------------------------------------------------------------------------

make_initramfs() {
	local tree module
	tree=$(mktemp -d)
	mkdir -p "$tree/bin" "$tree/modules"
	cp "$busybox" "$tree/bin/busybox"
	install -m 755 bench/guest/init.sh "$tree/init"
	install -m 755 bench/guest/io.sh "$tree/io.sh"
	for module in virtio_mmio virtio_pci virtio_blk virtio_net crc32c_generic ext4; do
		modprobe --show-depends -d demo/kernel -S "$release" "$module"
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r module; do
		cp "$module" "$tree/modules/"
		echo "${module##*/}"
	done >"$tree/modules.list"
	(cd "$tree" && find . | sort | "$busybox" cpio -o -H newc 2>/dev/null) >"$dir/initramfs.cpio"
	rm -rf "$tree"
}

# The kernel as tinyvmm unpacks it, for PVH boots: its cache has it behind a header of 64 KiB.
make_vmlinux() {
	local cached
	"$tinyvmm" --kernel "$kernel" --disk "$dir/rootfs.img" --dry-run >/dev/null
	cached=$(find "$XDG_CACHE_HOME/tinyvmm/kernel" -type f -size +1M -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-)
	[ -n "$cached" ] || die "tinyvmm left no unpacked kernel in its cache"
	tail -c +65537 "$cached" >"$dir/vmlinux"
}

prepare() {
	kernel=$PWD/$(scripts/get-kernel.sh demo/kernel)
	release=$(<demo/kernel/release)
	busybox=$(busybox_static demo)
	if ! [ -f "$dir/rootfs.img" ]; then
		say "making a root image with fio and iperf3"
		scripts/make-rootfs.sh --cache demo --size 384 --program "$(command -v fio)" --program "$(command -v iperf3)" "$dir/rootfs.img"
	fi
	make_initramfs
	make_vmlinux
}

# --- runs -----------------------------------------------------------------------------------------------------------------------

first_runs() {
	if ! { [ -r /dev/kvm ] && [ -w /dev/kvm ]; }; then
		echo "note: no time to the first KVM_RUN: $(why_no_hardware_kvm)"
		return
	fi
	ROUNDS=$((ROUNDS * 3)) TINYVMM=$tinyvmm QEMU=$qemu KERNEL=$kernel VMLINUX=$dir/vmlinux INITRD=$dir/initramfs.cpio \
		MODULES=$PWD/demo/kernel ROOT=$dir/rootfs.img DATA='' bench/first-run.sh
}

guest_runs_here() {
	env TINYVMM="$tinyvmm" QEMU="$qemu" KERNEL="$kernel" VMLINUX="$dir/vmlinux" INITRD="$dir/initramfs.cpio" MODULES="$PWD/demo/kernel" \
		ROOT="$dir/rootfs.img" DATA="$dir/data.img" MEASURE="$measure" LOGS="$dir/logs" bash bench/outer.sh
	rm -f "$dir/data.img"
}

# guest_runs_nested GROUPS [NESTED-OPTION...]. A peer's program goes to /usr/bin there.
guest_runs_nested() {
	local line program file groups=$1 options=("${@:2}") peers_there='' firmware
	while IFS= read -r line; do
		[ -n "$line" ] || continue
		program=${line#*=}
		program=${program%% *}
		options+=(--program "$(command -v "$program")")
		peers_there+=${line%%=*}=${program##*/}${line#*="$program"}$'\n'
	done <<<"$PEERS"
	for file in ${PEER_FILES:-}; do
		options+=(--file "$file")
	done
	for firmware in /usr/share/seabios /usr/share/qemu/{pvh,linuxboot_dma,linuxboot,kvmvapic,bios-microvm}.bin; do
		[ ! -e "$firmware" ] || options+=(--file "$firmware:$firmware")
	done
	scripts/nested.sh --kernel-dir demo/kernel --busybox "$busybox" --memory 2560 --timeout "${BENCH_TIMEOUT:-3600}" --log "$dir/outer.log" \
		--tinyvmm "$tinyvmm" --program "$qemu" --program "$measure" --program "$(command -v iperf3)" --program "$(command -v bash)" \
		--file bench:/bench --file "$dir/rootfs.img:/bench/rootfs.img" --file "$dir/vmlinux:/bench/vmlinux" \
		--file "$dir/initramfs.cpio:/bench/initramfs.cpio" --file "$XDG_CACHE_HOME:/bench/cache" --out "$dir/logs" "${options[@]}" -- \
		env ROUNDS="$ROUNDS" BENCH="$groups" VMMS="$VMMS" IO_VMMS="$IO_VMMS" SECONDS_EACH="$SECONDS_EACH" PEERS="$peers_there" \
		TINYVMM=tinyvmm QEMU=qemu-system-x86_64 KERNEL="/kernel/boot/vmlinuz-$release" VMLINUX=/bench/vmlinux \
		INITRD=/bench/initramfs.cpio MODULES=/kernel ROOT=/bench/rootfs.img DATA=/bench/data.img XDG_CACHE_HOME=/bench/cache \
		MEASURE=measure LOGS=/out bash /bench/outer.sh
}

# An instruction takes a nanosecond of that machine's time. One processor: two would take turns, and waiting for each other last for ever. fio
# does not get through here (4 s of that time took more than 160 s), so there is no disk and no network.
icount_runs() {
	ROUNDS=1 guest_runs_nested boot --cpus 1 --qemu-arg -icount --qemu-arg shift=0 | sed -n 's/^\(sample [^ ]* \)init /\1init_icount /p; /^failed/p' ||
		echo "failed: the run by instructions ended early"
}

sizes() {
	local name command file
	for name in $VMMS; do
		DATA='' ROOT='' KERNEL='' VMLINUX='' INITRD='' MODULES='' TINYVMM=$tinyvmm QEMU=$qemu vmm_command "$name" boot || continue
		file=$(command -v "${command[0]}") || continue
		echo "sample $name binary $(($(stat -L -c %s "$file") / 1024))"
	done
}

# --- the whole --------------------------------------------------------------------------------------------------------------------

qemu=$(command -v qemu-system-x86_64) || die "qemu-system-x86_64 is missing: scripts/install-deps.sh bench"
prepare
samples=$dir/samples
started=$SECONDS
{
	if wanted start; then first_runs; fi
	if wanted boot || wanted io; then
		if hardware_kvm; then guest_runs_here; else guest_runs_nested "$BENCH" --cpus 2; fi || echo "failed: the runs of guests ended early"
	fi
	if wanted icount; then icount_runs; fi
	if wanted size; then sizes; fi
} | tee "$samples" | sed -u 's/^/# /' >&2

columns=''
for name in $VMMS; do
	columns+="${columns:+|}$name=$(vmm_title "$name")"
done
{
	echo "tinyvmm $("$tinyvmm" --version | sed 's/^tinyvmm //'), $("$qemu" --version | head -n 1), Linux $release, $(date -u +%Y-%m-%d)."
	echo "Host: $(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors, Linux $(uname -r)."
	if hardware_kvm; then
		echo "Guests on the host's own KVM."
	else
		echo "Guests inside emulated hardware with nested KVM."
	fi
	echo "Medians of $ROUNDS rounds (of $((ROUNDS * 3)) to the first KVM_RUN), least and most in brackets; $((SECONDS - started)) s in all."
	echo
	awk -v columns="$columns" -f bench/report.awk "$samples"
	grep -aE '^(note|failed): ' "$samples" | awk '!seen[$0]++' | sed 's/^/\n/' || true
} | tee "$dir/table.md"
