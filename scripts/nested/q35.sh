# shellcheck shell=bash disable=SC2034,SC2054,SC2154 # variables shared with nested.sh; QEMU's commas
# SPDX-License-Identifier: Apache-2.0
# A PC with an AMD processor and its virtualization. nested.sh says what a board gives.
# shellcheck source=scripts/nested/virtio.sh
. "$here/nested/virtio.sh"
board_qemu=qemu-system-x86_64
board_package=qemu-system-x86
board_modules="kvm-amd $virtio_modules"
board_program=$here/../build/x86_64/scripts/nested/hold-vm

board_machine() {
	machine+=(-M q35 -cpu max,+svm,+npt -smp "$cpus" -m "$memory" -serial "file:$log"
		-append "console=ttyS0 panic=-1 quiet mitigations=off random.trust_cpu=on")
	virtio_machine
}
