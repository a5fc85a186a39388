#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: Apache-2.0
#
# /init of the initramfs that all monitors boot. The kernel hands us bench=... of its command line as a variable: "io" goes on to the root
# disk and measures there; all others say that we are here and power off. What we say is read by bench/peers/measure.c.
busybox=/bin/busybox
$busybox echo 'bench: at init'

# An x86 monitor without ACPI (kvmtool) has no power switch, but takes a reboot for the end. AArch64 has PSCI for it.
off() {
	if [ "$($busybox uname -m)" = x86_64 ] && ! [ -d /sys/firmware/acpi ]; then
		$busybox reboot -f
	fi
	$busybox poweroff -f
}

# shellcheck disable=SC2154 # comes from the kernel
if [ "$bench" != io ]; then
	# A moment of rest, in which the monitor's memory is measured
	$busybox echo 'bench: rss rss_init'
	$busybox sleep 0.3
	$busybox mkdir -p /sys
	$busybox mount -t sysfs sys /sys
	off
fi

$busybox mkdir -p /proc /sys /dev /root
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sys /sys
while read -r module; do
	$busybox insmod "/modules/$module"
done </modules.list
$busybox mount -t devtmpfs dev /dev
while ! [ -b /dev/vda ] || ! [ -b /dev/vdb ]; do
	$busybox sleep 0.1
done
$busybox mount -t ext4 -o ro,noload /dev/vda /root
for place in proc sys dev; do
	$busybox mount -o bind "/$place" "/root/$place"
done
$busybox mount -t tmpfs tmp /root/tmp
$busybox cp /io.sh /root/tmp/io.sh
$busybox chroot /root /bin/sh /tmp/io.sh
off
