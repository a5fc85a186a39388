# shellcheck shell=bash disable=SC2034,SC2054,SC2154 # variables shared with nested.sh; QEMU's commas
# SPDX-License-Identifier: Apache-2.0
# QEMU's virtual AArch64 machine with virtualization (EL2) and a GIC of version $gic; KVM is built into stock kernels. A GICv2 with a
# Cortex-A72 is what a Raspberry Pi 4 has. nested.sh says what a board gives.
# shellcheck source=scripts/nested/virtio.sh
. "$here/nested/virtio.sh"
board_qemu=qemu-system-aarch64
board_package=qemu-system-arm
board_modules=$virtio_modules

board_machine() {
	local cpu=cortex-a72
	# which has no pages of 16 KiB
	case $release in *-16k) cpu=neoverse-n1 ;; esac
	machine+=(-M "virt,virtualization=on,gic-version=$gic" -cpu "$cpu" -smp "$cpus" -m "$memory" -serial "file:$log"
		-append "console=ttyAMA0 panic=-1 quiet mitigations=off")
	virtio_machine
}
