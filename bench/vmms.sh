# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The monitors that are compared, and how each is started: the one place that knows. Sourced. The caller gives these paths:
# TINYVMM QEMU KERNEL VMLINUX INITRD MODULES ROOT DATA; PEERS is a list of lines "name=command"; SECONDS_EACH goes to the guest.
#
#   vmm_command NAME boot|io   sets $command; fails when that monitor has no such run
#
# Every machine has one processor, 512 MiB and a serial console. With "io" there are two disks (root, read-only; data) and a user network.

memory_mib=512
: "${PEERS:=}"

# shellcheck disable=SC2034 # for the callers
vmm_list=(tinyvmm tinyvmm-own microvm-pvh microvm q35-pvh q35)

vmm_title() {
	case $1 in
	tinyvmm) echo "tinyvmm" ;;
	tinyvmm-own) echo "tinyvmm -- COMMAND" ;;
	microvm-pvh) echo "microvm (PVH)" ;;
	microvm) echo "microvm (bzImage)" ;;
	q35-pvh) echo "q35 (PVH)" ;;
	q35) echo "q35 (bzImage)" ;;
	*) echo "$1" ;;
	esac
}

vmm_peers() { printf '%s\n' "$PEERS" | sed -n 's/^\([A-Za-z0-9._-]*\)=.*/\1/p'; }

guest_arguments() { echo "bench=$1 bench_seconds=$SECONDS_EACH"; }

# tinyvmm boots what it is given. -own is its usual way: its own initramfs, the root on a disk, and a command.
tinyvmm_command() {
	command=("$TINYVMM" --kernel "$KERNEL" --memory "${memory_mib}M")
	case $1 in
	own)
		command+=(--modules "$MODULES" --disk "$ROOT,ro" --net none -- sh -c 'echo bench: at init; echo bench: rss rss_init; sleep 0.3')
		return
		;;
	boot) command+=(--net none) ;;
	io) command+=(--net user --disk "$ROOT,ro" --disk "$DATA") ;;
	esac
	command+=(--initrd "$INITRD" --append "quiet $(guest_arguments "$1")")
}

# qemu_command MACHINE KERNEL boot|io. Nothing that Debian's QEMU would add by itself; disks on io_uring, as tinyvmm has them.
# shellcheck disable=SC2054 # the commas are QEMU's
qemu_command() {
	local bus=pci drive=format=raw,if=none,aio=io_uring
	case $1 in microvm*) bus=device ;; esac
	command=("$QEMU" -M "$1" -accel kvm -cpu host -smp 1 -m "$memory_mib" -nodefaults -no-user-config -display none -no-reboot
		-serial stdio -kernel "$2" -initrd "$INITRD" -append "quiet console=ttyS0 panic=-1 $(guest_arguments "$3")")
	if [ "$3" = io ]; then
		command+=(-drive "$drive,id=root,file=$ROOT,readonly=on" -device "virtio-blk-$bus,drive=root"
			-drive "$drive,id=data,file=$DATA" -device "virtio-blk-$bus,drive=data"
			-netdev user,id=net -device "virtio-net-$bus,netdev=net")
		# A network card on PCI would want a boot ROM
		[ "$bus" = device ] || command[-1]+=,romfile=
	else
		command+=(-nic none)
	fi
}

# peer_command COMMAND boot|io: {placeholders} are filled in after the command was split into words; words in [ ] are for io only.
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
	tinyvmm) tinyvmm_command "$mode" ;;
	tinyvmm-own) [ "$mode" = boot ] && tinyvmm_command own ;;
	microvm-pvh) qemu_command microvm,acpi=on "$VMLINUX" "$mode" ;;
	microvm) qemu_command microvm,acpi=on "$KERNEL" "$mode" ;;
	q35-pvh) qemu_command q35 "$VMLINUX" "$mode" ;;
	q35) qemu_command q35 "$KERNEL" "$mode" ;;
	*)
		peer=$(printf '%s\n' "$PEERS" | grep -m1 "^$name=") || return 1
		[ "$mode" = boot ] || [[ $peer == *'{data}'* ]] || return 1
		peer_command "${peer#*=}" "$mode"
		;;
	esac
}
