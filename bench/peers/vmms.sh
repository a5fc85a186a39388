# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The monitors that are compared, and how each is started: the one place that knows. Sourced. The caller gives these paths:
# TINYVMM QEMU KERNEL VMLINUX INITRD MODULES ROOT DATA; PEERS is a list of lines "name=command"; SECONDS_EACH goes to the guest. ARCH is the
# guests' architecture; BOARD is where their KVM is: one of scripts/nested.sh's, or "host".
#
#   vmm_command NAME start|boot|io   sets $command; fails when that monitor has no such run
#
# Every machine has one processor, 512 MiB and a serial console. With "io" there are two disks (root, read-only; data) and a user network.
# "start" is for the time to the first KVM_RUN, and also for a KVM that only emulates.

memory_mib=512
: "${PEERS:=}"

# For the callers: who boots, and who is worth a run with disks and network.
# shellcheck disable=SC2034
case $ARCH in
x86_64) vmm_list=(tinyvmm tinyvmm-own microvm-pvh microvm q35-pvh q35) io_list=(tinyvmm microvm-pvh q35-pvh) ;;
aarch64) vmm_list=(tinyvmm tinyvmm-own virt) io_list=(tinyvmm virt virt-mmio) ;;
esac
# Without interrupts in the kernel QEMU 7.2 aborts when a guest with disks on PCI powers off.
# shellcheck disable=SC2034
[ "$BOARD" != raspi3 ] || io_list=(tinyvmm virt-mmio)

vmm_title() {
	case $1 in
	tinyvmm) echo "tinyvmm" ;;
	tinyvmm-own) echo "tinyvmm -- COMMAND" ;;
	microvm-pvh) echo "microvm (PVH)" ;;
	microvm) echo "microvm (bzImage)" ;;
	q35-pvh) echo "q35 (PVH)" ;;
	q35) echo "q35 (bzImage)" ;;
	virt) echo "QEMU virt" ;;
	virt-mmio) echo "virt, virtio-mmio" ;;
	*) echo "$1" ;;
	esac
}

vmm_peers() { printf '%s\n' "$PEERS" | sed -n 's/^\([A-Za-z0-9._-]*\)=.*/\1/p'; }

guest_arguments() { echo "bench=$1 bench_seconds=$SECONDS_EACH"; }

# tinyvmm_command given|own MODE. It boots what it is given; "own" is its usual way: its own initramfs, the root on a disk, and a command.
tinyvmm_command() {
	command=("$TINYVMM" --kernel "$KERNEL" --memory "${memory_mib}M")
	[ "$2" != start ] || command+=(--allow-emulation)
	if [ "$1" = own ]; then
		command+=(--modules "$MODULES" --disk "$ROOT,ro" --net none -- sh -c 'echo bench: at init; echo bench: rss rss_init; sleep 0.3')
		return
	fi
	case $2 in
	io) command+=(--net user --disk "$ROOT,ro" --disk "$DATA") ;;
	*) command+=(--net none) ;;
	esac
	command+=(--initrd "$INITRD" --append "quiet $(guest_arguments "$2")")
}

# The interrupt controller that this host's KVM gives a guest; QEMU takes that of a Raspberry Pi 3 upon itself.
qemu_virt() {
	case $BOARD in
	gicv[23]) echo "virt,gic-version=${BOARD#gicv}" ;;
	raspi3) echo 'virt,gic-version=2,kernel-irqchip=off' ;;
	*) echo 'virt,gic-version=host' ;;
	esac
}

# qemu_command MACHINE BUS KERNEL MODE, BUS (pci, device) being where disks and network are. Nothing that Debian's QEMU would add by itself;
# disks on io_uring, as tinyvmm has them; virtio-mmio of version 2.
# shellcheck disable=SC2054 # the commas are QEMU's
qemu_command() {
	local bus=$2 drive=format=raw,if=none,aio=io_uring console=ttyS0
	case $1 in virt,*) console=ttyAMA0 ;; esac
	command=("$QEMU" -M "$1" -accel kvm -cpu host -smp 1 -m "$memory_mib" -nodefaults -no-user-config -display none -no-reboot
		-serial stdio -kernel "$3" -initrd "$INITRD" -append "quiet console=$console panic=-1 $(guest_arguments "$4")")
	if [ "$4" = io ]; then
		local disks=(root data) disk
		# Linux finds the last first there
		case $1-$bus in virt,*-device) disks=(data root) && command+=(-global virtio-mmio.force-legacy=false) ;; esac
		command+=(-drive "$drive,id=root,file=$ROOT,readonly=on" -drive "$drive,id=data,file=$DATA")
		for disk in "${disks[@]}"; do
			command+=(-device "virtio-blk-$bus,drive=$disk")
		done
		command+=(-netdev user,id=net -device "virtio-net-$bus,netdev=net")
		# A network card on PCI would want a boot ROM
		[ "$bus" = device ] || command[-1]+=,romfile=
	else
		command+=(-nic none)
	fi
}

# peer_command COMMAND MODE: {placeholders} are filled in after the command was split into words; words in [ ] are for io only.
peer_command() {
	local words word inside='' append
	append="quiet console=ttyS0 panic=-1 $(guest_arguments "$2")"
	read -ra words <<<"$1"
	command=()
	for word in "${words[@]}"; do
		case $word in '['*) inside=yes && word=${word#'['} ;; esac
		local close=''
		case $word in *']') close=yes && word=${word%']'} ;; esac
		word=${word//'{kernel}'/"$KERNEL"} word=${word//'{vmlinux}'/"$VMLINUX"} word=${word//'{initrd}'/"$INITRD"}
		word=${word//'{append}'/"$append"} word=${word//'{memory}'/"$memory_mib"}
		word=${word//'{disk}'/"$ROOT"} word=${word//'{data}'/"$DATA"}
		if [ -n "$word" ] && { [ -z "$inside" ] || [ "$2" = io ]; }; then
			command+=("$word")
		fi
		[ -z "$close" ] || inside=''
	done
}

vmm_command() {
	local name=$1 mode=$2 peer
	case $name in
	tinyvmm) tinyvmm_command given "$mode" ;;
	tinyvmm-own) [ "$mode" != io ] && tinyvmm_command own "$mode" ;;
	microvm-pvh) qemu_command microvm,acpi=on device "$VMLINUX" "$mode" ;;
	microvm) qemu_command microvm,acpi=on device "$KERNEL" "$mode" ;;
	q35-pvh) qemu_command q35 pci "$VMLINUX" "$mode" ;;
	q35) qemu_command q35 pci "$KERNEL" "$mode" ;;
	virt) qemu_command "$(qemu_virt)" pci "$KERNEL" "$mode" ;;
	virt-mmio) qemu_command "$(qemu_virt)" device "$KERNEL" "$mode" ;;
	*)
		peer=$(printf '%s\n' "$PEERS" | grep -m1 "^$name=") || return 1
		[ "$mode" != io ] || [[ $peer == *'{data}'* ]] || return 1
		peer_command "${peer#*=}" "$mode"
		;;
	esac
}
