# shellcheck shell=bash disable=SC2034,SC2154 # variables shared with test_bare.sh and bare.sh
# SPDX-License-Identifier: Apache-2.0
# For test_bare.sh: the cases of the bare-metal test guest that are x86_64's own.

x86_machine_cases() {
	case_ok "boot, PVH" "$boot memory=64 last=z"
	kernel=$guests/bare-linux case_ok "boot, 64-bit entry" "$boot memory=64 last=z"
	memory_cases
	memory=8G case_ok "memory, 8 GiB" "test=memory"
	case_ok "acpi, PVH" "test=acpi entry=pvh devices=3"
	kernel=$guests/bare-linux case_ok "acpi, 64-bit entry" "test=acpi entry=linux devices=2" --net none
	case_ok "acpi, many devices and processors" "test=acpi entry=pvh devices=10" --cpus 20 --net user --net user --net user --net user \
		--net user --net user --net user --net user
	case_ok "cpuid" "test=cpuid" --cpus 3
	case_ok "cpuid, 1 processor" "test=cpuid" --cpus 1
	case_ok "cpuid, 40 processors" "test=cpuid" --cpus 40
	case_ok "cpus" "test=cpus cpus=4" --cpus 4
	case_ok "cpus, 33" "test=cpus cpus=33" --cpus 33
	case_ok "timer" "test=timer"
	case_ok "ports" "test=ports-empty"
}

x86_end_cases() {
	case_ends "triple fault" 121 '^$' "test=triple-fault" --no-reboot
	case_ends "emulation failure" 123 'could not emulate the instruction at 0x[0-9a-f]+: 66 0f d4' "test=emulation"
	case_ends "jump into nothing" 123 'could not emulate the instruction at 0xf0000000' "test=wild-jump"
}

# On a KVM with no hardware behind it a stock kernel is refused before it starts. What says that this is one is its version string.
refused_cases() {
	local stock=$test_dir/stock at
	if grep -qwE 'vmx|svm' /proc/cpuinfo; then
		skip "bare refused: a stock kernel where KVM only emulates" "this host's KVM has hardware behind it"
		return
	fi
	cp "$guests/bare" "$stock"
	at=$(grep -abom 1 'there are an entropy device and a disk' "$stock" | cut -d : -f 1)
	printf 'Linux version 6.1.0-stock (a@b) #1\0' | dd of="$stock" bs=1 seek="$at" conv=notrunc status=none
	timeout -k 5 60 "$tinyvmm" --kernel "$stock" --initrd "$initrd" --memory 64M --append test=poweroff >"$output" 2>"$errors" </dev/null
	same "bare refused: exit status of a host that refuses" 122 $?
	matches "bare refused: the reason and the way out" "no hardware virtualization behind it.*tinyvmm check" "$(<"$errors")"
	same "bare refused: no guest ran" '' "$(<"$output")"
	kernel=$stock case_ok "not refused when asked for" "test=poweroff" --allow-emulation
}

# The I/O APIC has 15 lines for them: the last devices, the entropy device among them, share one with another.
shared_lines() {
	local disks=() i
	for ((i = 0; i < 16; i++)); do
		new_image "$test_dir/many.$i"
		disks+=(--disk "$test_dir/many.$i")
	done
	case_ok "rng, on a shared line" "test=rng" "${disks[@]}" --net user --net user --net user
}

arch_cases() {
	x86_machine_cases
	cache_cases
	end_cases
	x86_end_cases
	refused_cases
	held_by_other
	device_cases
	attack_cases
	shared_lines
}
