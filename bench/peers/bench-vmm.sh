#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench-vmm.sh TINYVMM MEASURE FIRST-RUN: tinyvmm beside Debian's QEMU: the same kernel and initramfs in the same run, rounds interleaved.
# Prints a Markdown table of medians, with the least and the most; build/bench/ARCH/BOARD keeps it, all samples, and the logs.
# docs/PERFORMANCE.md says what each row is.
#
# Guests run on this host where it has hardware virtualization, else inside emulated hardware with nested KVM (scripts/nested.sh). The time
# to the first KVM_RUN is of this host's own /dev/kvm, also one that only emulates, wherever it is of the guests' architecture.
#
# From the environment:
#   ARCH                x86_64 or aarch64; the host's own
#   BOARD               what is emulated: q35; gicv2, gicv3 or raspi3, where QEMU goes without an in-kernel interrupt controller. On a real
#                       Raspberry Pi 3 say BOARD=raspi3, too
#   ROUNDS=3            of each monitor
#   BENCH='start boot icount io size'   groups of rows: exec to first KVM_RUN; boot to /init, CPU time, exits, memory; the boot once more,
#                       in emulated hardware whose clock counts instructions, so that the time repeats to about 1 %; disk and network; size
#   VMMS, IO_VMMS       the monitors, by their names in vmms.sh
#   PEER='NAME=COMMAND' one more monitor (more, a line each), a program of ARCH. In COMMAND {kernel} (bzImage, Image), {vmlinux}, {initrd},
#                       {append}, {memory} (MiB), {disk} and {data} (images) are filled in; words in [ ] are for disk and network runs only.
#                       It must have its console, ttyS0, on standard output, and be 10.0.2.2 to its guest. Example, in one line:
#                         PEER='kvmtool=lkvm run -c 1 -k {kernel} -i {initrd} -p {append} -m {memory} [-d {disk},ro -d {data}
#                         -n mode=user,host_ip=10.0.2.2,guest_ip=10.0.2.15]'
#   PEER_FILES='SRC:DEST ...'   what that one reads, for the emulated machine
#   SECONDS_EACH=3      of each disk and network load
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
PATH=$PATH:/usr/sbin:/sbin

tinyvmm=$PWD/$1 measure=$PWD/$2 first_run=$PWD/$3
export ARCH=${ARCH:-$(uname -m)}
use_arch "$ARCH"
demo=$(demo_dir "$ARCH")
# Guests of this host's own architecture, on KVM with a processor that has it?
native() { [ -z "$system" ] && hardware_kvm; }
case $ARCH in
x86_64) emulated=q35 ;;
aarch64) emulated=gicv2 ;;
esac
export BOARD=${BOARD:-$(native && echo host || echo "$emulated")}
dir=$PWD/build/bench/$ARCH results=$PWD/build/bench/$ARCH/$BOARD
rm -rf "$results"
mkdir -p "$results/logs"
export ROUNDS=${ROUNDS:-3} BENCH=${BENCH:-start boot icount io size} SECONDS_EACH=${SECONDS_EACH:-3}
export PEERS=${PEER:-} XDG_CACHE_HOME=$dir/cache
# shellcheck source=bench/peers/vmms.sh
. bench/peers/vmms.sh
peers=$(vmm_peers | tr '\n' ' ')
export VMMS="${VMMS:-${vmm_list[*]} $peers}" IO_VMMS="${IO_VMMS:-${io_list[*]} $peers}"

wanted() { case " $BENCH " in *" $1 "*) true ;; *) false ;; esac }

# --- what all of them run -------------------------------------------------------------------------------------------------------

make_initramfs() {
	local tree module cpio=("$busybox" cpio)
	[ -z "$system" ] || cpio=(cpio)
	tree=$(mktemp -d)
	mkdir -p "$tree/bin" "$tree/modules"
	cp "$busybox" "$tree/bin/busybox"
	install -m 755 bench/peers/guest/init.sh "$tree/init"
	install -m 755 bench/peers/guest/io.sh "$tree/io.sh"
	for module in virtio_mmio virtio_pci virtio_blk virtio_net crc32c_generic ext4; do
		modprobe --show-depends -d "$demo/kernel" -S "$release" "$module"
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r module; do
		cp "$module" "$tree/modules/"
		echo "${module##*/}"
	done >"$tree/modules.list"
	(cd "$tree" && find . | sort | "${cpio[@]}" -o -H newc 2>/dev/null) >"$dir/initramfs.cpio"
	rm -rf "$tree"
}

# For PVH boots the kernel as tinyvmm unpacks it: its cache has it behind a header of 64 KiB. An AArch64 Image is not compressed.
make_vmlinux() {
	local cached
	vmlinux=$kernel
	[ "$ARCH" = x86_64 ] || return 0
	"$tinyvmm" --kernel "$kernel" --disk "$dir/rootfs.img" --dry-run >/dev/null
	cached=$(find "$XDG_CACHE_HOME/tinyvmm/kernel" -type f -size +1M -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-)
	[ -n "$cached" ] || die "tinyvmm left no unpacked kernel in its cache"
	vmlinux=$dir/vmlinux
	tail -c +65537 "$cached" >"$vmlinux"
}

prepare() {
	kernel=$(scripts/get-kernel.sh --arch "$ARCH" "$demo/kernel")
	release=$(<"$demo/kernel/release")
	busybox=$(busybox_static "$demo")
	qemu=$(program_path "qemu-system-$ARCH")
	if ! [ -f "$dir/rootfs.img" ]; then
		say "making a root image with fio and iperf3"
		scripts/make-rootfs.sh --arch "$ARCH" --cache "$demo" --size 384 --program "$(program_path fio)" \
			--program "$(program_path iperf3)" "$dir/rootfs.img"
	fi
	mkdir -p "$XDG_CACHE_HOME"
	make_initramfs
	make_vmlinux
}

# --- runs -----------------------------------------------------------------------------------------------------------------------

# runs_here COMMAND...: with what both scripts want
runs_here() {
	env TINYVMM="$tinyvmm" QEMU="$qemu" KERNEL="$kernel" VMLINUX="$vmlinux" INITRD="$dir/initramfs.cpio" MODULES="$demo/kernel" \
		ROOT="$dir/rootfs.img" DATA="$dir/data.img" MEASURE="$measure" FIRST_RUN="$first_run" LOGS="$results/logs" "$@"
}

first_runs() {
	if ! { [ -r /dev/kvm ] && [ -w /dev/kvm ]; }; then
		echo "note: no time to the first KVM_RUN: $(why_no_hardware_kvm)"
		return
	fi
	runs_here BENCH=start bash bench/peers/outer.sh
	runs_here ROUNDS=$((ROUNDS * 3)) bash bench/peers/first-run.sh
}

# Prints the options of scripts/nested.sh that bring what is compared, a line each. A peer's program goes to /usr/bin there.
nested_programs() {
	local line program file
	printf '%s\n' --program "$qemu" --program "$measure" --program "$(program_path iperf3)" --program "$(program_path bash)"
	while IFS= read -r line; do
		[ -n "$line" ] || continue
		program=${line#*=}
		printf '%s\n' --program "$(command -v "${program%% *}")"
	done <<<"$PEERS"
	for file in ${PEER_FILES:-}; do
		printf '%s\n' --file "$file"
	done
	[ "$ARCH" = x86_64 ] || return 0 # the others start a kernel without firmware
	for file in /usr/share/seabios /usr/share/qemu/{pvh,linuxboot_dma,linuxboot,kvmvapic,bios-microvm}.bin; do
		[ ! -e "$file" ] || printf '%s\n' --file "$file:$file"
	done
}

# Peers without the directories of their programs
peers_there() { printf '%s\n' "$PEERS" | sed -n 's,^\([^=]*=\)[^ ]*/,\1,; /=/p'; }

# guest_runs_nested GROUPS [NESTED-OPTION...]
guest_runs_nested() {
	local groups=$1 options=("${@:2}") board=${BOARD/host/$emulated} programs kernel_there=/kernel/boot/vmlinuz-$release vmlinux_there
	vmlinux_there=$kernel_there
	if [ "$ARCH" = x86_64 ]; then
		vmlinux_there=/bench/vmlinux
		options+=(--file "$vmlinux:/bench/vmlinux")
	fi
	mapfile -t programs < <(nested_programs)
	scripts/nested.sh --arch "$ARCH" --board "$board" --kernel-dir "$demo/kernel" --busybox "$busybox" --memory 2560 \
		--timeout "${BENCH_TIMEOUT:-3600}" --log "$results/outer.log" --tinyvmm "$tinyvmm" "${programs[@]}" --file bench/peers:/bench \
		--file "$first_run:/bench/first-run.so" --file "$dir/rootfs.img:/bench/rootfs.img" \
		--file "$dir/initramfs.cpio:/bench/initramfs.cpio" --file "$XDG_CACHE_HOME:/bench/cache" --out "$results/logs" "${options[@]}" -- \
		env ARCH="$ARCH" BOARD="$board" ROUNDS="$ROUNDS" BENCH="$groups" VMMS="$VMMS" IO_VMMS="$IO_VMMS" SECONDS_EACH="$SECONDS_EACH" \
		PEERS="$(peers_there)" TINYVMM=tinyvmm QEMU="${qemu##*/}" KERNEL="$kernel_there" VMLINUX="$vmlinux_there" \
		INITRD=/bench/initramfs.cpio MODULES=/kernel ROOT=/bench/rootfs.img DATA=/bench/data.img XDG_CACHE_HOME=/bench/cache \
		MEASURE=measure FIRST_RUN=/bench/first-run.so LOGS=/out bash /bench/outer.sh
}

guest_runs() {
	local group groups=''
	for group in start boot io; do
		if wanted "$group" && { [ "$group" != start ] || [ -n "$system" ]; }; then
			groups+="$group "
		fi
	done
	[ -n "$groups" ] || return 0
	if native; then
		runs_here BENCH="$groups" bash bench/peers/outer.sh
		rm -f "$dir/data.img"
	else
		guest_runs_nested "$groups" --cpus 2
	fi
}

# An instruction takes a nanosecond of that machine's time. One processor: two would take turns, and waiting for each other last for ever.
# fio does not get through here (4 s of that time took more than 160 s), so there is no disk and no network.
icount_runs() {
	if [ "$BOARD" = raspi3 ]; then
		echo "note: no boot by instructions counted: the emulated Raspberry Pi always has four processors"
		return
	fi
	ROUNDS=1 guest_runs_nested boot --cpus 1 --qemu-arg -icount --qemu-arg shift=0 |
		sed -n 's/^\(sample [^ ]* \)init /\1init_icount /p; /^failed/p; /^versions/p' || echo "failed: the run by instructions ended early"
}

sizes() {
	local name command file
	for name in $VMMS; do
		DATA='' ROOT='' KERNEL='' VMLINUX='' INITRD='' MODULES='' TINYVMM=$tinyvmm QEMU=$qemu vmm_command "$name" boot || continue
		file=$(command -v "${command[0]}") || continue
		"${STRIP:-strip}" -o "$dir/stripped" "$file"
		echo "sample $name binary $(($(stat -c %s "$dir/stripped") / 1024))"
	done
	rm -f "$dir/stripped"
}

# --- the whole --------------------------------------------------------------------------------------------------------------------

prepare
samples=$results/samples
started=$SECONDS
{
	if wanted start && [ -z "$system" ]; then first_runs; fi
	guest_runs || echo "failed: the runs of guests ended early"
	if wanted icount; then icount_runs; fi
	if wanted size; then sizes; fi
} | tee "$samples" | sed -u 's/^/# /' >&2

columns=''
for name in $VMMS $IO_VMMS; do
	case "|$columns" in *"|$name="*) continue ;; esac
	columns+="${columns:+|}$name=$(vmm_title "$name")"
done
{
	versions=$(sed -n 's/^versions //p' "$samples" | head -n 1)
	echo "${versions:-tinyvmm and QEMU}, Linux $release, $(date -u +%Y-%m-%d)."
	echo "Host: $(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors, Linux $(uname -r)."
	if native; then
		echo "Guests on the host's own KVM."
	else
		echo "Guests inside emulated hardware with nested KVM: $ARCH, $BOARD."
	fi
	echo "Medians of $ROUNDS rounds (of $((ROUNDS * 3)) to the first KVM_RUN), least and most in brackets; $((SECONDS - started)) s in all."
	echo
	awk -v columns="$columns" -f bench/peers/report.awk "$samples"
	grep -aE '^(note|failed): ' "$samples" | awk '!seen[$0]++' | sed 's/^/\n/' || true
} | tee "$results/table.md"
