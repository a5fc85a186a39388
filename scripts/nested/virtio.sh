# shellcheck shell=bash disable=SC2034,SC2054,SC2154 # variables shared with nested.sh; QEMU's commas
# SPDX-License-Identifier: Apache-2.0
# What boards with virtio have in common: two disks, a port for the output (or a terminal), one for the status, a directory of the host.
virtio_modules='virtio_console tun'
board_boot_modules='virtio_pci virtio_blk crc32c_generic ext4'
board_root=/dev/vda
board_kernel=/dev/vdb
board_output=port:output
board_terminal=/dev/hvc0
board_status=port:status

board_disks() {
	image "$tmp/root.img" "$1" "$disk_size"
}

virtio_machine() {
	machine+=(
		-drive "if=none,id=root,file=$tmp/root.img,format=raw,cache=unsafe" -device virtio-blk-pci,drive=root
		-drive "if=none,id=kernel,file=$cache/kernel.img,format=raw,readonly=on,file.locking=off" -device virtio-blk-pci,drive=kernel
		-device virtio-serial-pci
		-chardev "file,id=status,path=$tmp/status" -device virtserialport,chardev=status,name=status
		-chardev stdio,id=output,signal=off
	)
	if [ -n "$terminal" ]; then
		machine+=(-device virtconsole,chardev=output)
	else
		machine+=(-device virtserialport,chardev=output,name=output)
	fi
	if [ -n "$out" ]; then
		machine+=(-virtfs "local,path=$out,mount_tag=out,security_model=none")
	fi
}

board_outcome() { cat "$tmp/status"; }
