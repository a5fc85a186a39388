# shellcheck shell=bash disable=SC2034,SC2054,SC2154 # variables shared with nested.sh; QEMU's commas
# SPDX-License-Identifier: Apache-2.0
# A Raspberry Pi 3 B: four Cortex-A53, 1 GiB, no GIC that KVM could use, no virtio. Root and kernel directory are partitions of its SD
# card (about 4 MB/s), output goes through the PL011, the kernel's console and the status through the mini UART, which as QEMU emulates it
# also sends the divisors written to it. nested.sh says what a board gives.
board_qemu=qemu-system-aarch64
board_package=qemu-system-arm
board_modules='bcm2835_wdt tun' # the watchdog is what switches the board off
board_boot_modules='bcm2835 crc32c_generic ext4'
board_root=/dev/mmcblk0p1
board_kernel=/dev/mmcblk0p2
board_output=uart:/dev/ttyAMA0
board_terminal=/dev/ttyAMA0
board_status=uart:/dev/console

# QEMU wants a card whose size is a power of two. Holes stay holes.
board_disks() {
	local card=$tmp/card.img kernel_mib mib=64
	kernel_mib=$(($(stat -c %s "$cache/kernel.img") / 1048576))
	while [ "$mib" -lt $((disk_size + kernel_mib + 1)) ]; do
		mib=$((mib * 2))
	done
	[ -z "$out" ] || cp -R "$out" "$1/out"
	truncate -s "${mib}M" "$card"
	printf '1MiB,%sMiB\n%sMiB,%sMiB\n' "$disk_size" $((disk_size + 1)) "$kernel_mib" | sfdisk -q --label dos "$card"
	image "$card" "$1" "$disk_size" 1
	dd "if=$cache/kernel.img" "of=$card" bs=1M seek=$((disk_size + 1)) conv=notrunc,sparse status=none
}

# The board's device tree gives the PL011 to Bluetooth, which QEMU has not; without it Linux makes it /dev/ttyAMA0.
board_machine() {
	local tree=$tmp/board.dtb
	cp "$kernel_dir/dtbs/bcm2837-rpi-3-b.dtb" "$tree"
	fdtput -r "$tree" /soc/serial@7e201000/bluetooth
	machine+=(-M raspi3b -dtb "$tree"
		-append "earlycon=bcm2835aux,0x3f215040 console=ttyS1 panic=-1 quiet"
		-drive "if=sd,file=$tmp/card.img,format=raw,cache=unsafe"
		-chardev stdio,id=output,signal=off -serial chardev:output -serial "file:$log")
}

board_outcome() {
	if [ -n "$out" ]; then
		debugfs -R "rdump /out $tmp" "$tmp/card.img?offset=1048576" >/dev/null 2>&1 && cp -R "$tmp/out/." "$out/"
	fi
	tr -d '\r' <"$log" | sed -n 's/^nested: status \([0-9]*\)$/\1/p' | tail -n 1
}
