# shellcheck shell=bash disable=SC2034,SC2154 # variables shared with test_bare.sh and bare.sh
# SPDX-License-Identifier: Apache-2.0
#
# For test_bare.sh: the cases of the bare-metal test guest that are AArch64's own, and which of all run on which of the host's interrupt
# controllers.

# gics: the kinds of --gic that this host has, the one first that tinyvmm takes by itself. Asked of the host's kernel, not of tinyvmm.
gics() {
	if grep -q 'GICv3' /proc/interrupts; then
		echo v3 user
	elif grep -q 'GICv2\|GIC-0' /proc/interrupts; then
		echo v2 user
	else
		echo user
	fi
}

# facts_of GIC: what the guest is told of it
facts_of() {
	case $1 in
	v3) echo "gic=3 kvm=1" ;;
	v2) echo "gic=2 kvm=1" ;;
	user) echo "gic=2 kvm=0" ;;
	esac
}

# All that has to do with the interrupt controller
gic_cases() {
	local facts=$1 most=$2
	case_ok "gic" "test=gic $facts" --cpus 2
	case_ok "tree" "test=tree $facts cpus=2 devices=3" --cpus 2
	case_ok "cpus" "test=cpus cpus=4" --cpus 4
	case_ok "cpus, $most" "test=cpus cpus=$most" --cpus "$most"
	case_ok "timer" "test=timer"
	case_ok "timer's level" "test=timer-level"
	case_ok "timers of 4 processors" "test=timer-cpus" --cpus 4
	case_ok "sgi" "test=sgi" --cpus 1
	case_ok "sgi, 4 processors" "test=sgi" --cpus 4
	case_ok "spi" "test=spi" --cpus 2
	case_ok "odd accesses" "test=odd $facts"
	local image=$test_dir/gic-reset.img
	rm -f "$image"
	truncate -s "$image_bytes" "$image"
	case_ok "gic, after a reset" "test=gic-reset $facts" --disk "$image"
	same "bare ${which}gic, after a reset: there was one" "1" "$(od -A n -t u1 -N 1 "$image" | tr -d ' ')"
}

start_cases() {
	case_ok "start" "test=start offset=0"
	kernel=$guests/bare-linux case_ok "start, behind the beginning of RAM" "test=start offset=524288"
	case_ok "boot" "$boot memory=64 last=z"
	kernel=$guests/bare-linux case_ok "boot, behind the beginning of RAM" "$boot memory=64 last=z"
	case_ok "psci" "test=psci" --cpus 2
	case_ok "clock" "test=rtc now=$(date +%s)"
}

aarch64_end_cases() {
	case_ends "warm reset" 120 'panicked' "test=panic-reset"
	case_warns "aborts" 'an instruction that no device understands' "test=aborts"
}

# What is not there is refused, by name.
other_gics() {
	local kind
	for kind in v2 v3; do
		case " $1 " in
		*" $kind "*) ;;
		*) ends "--gic $kind" 122 "--gic $kind: KVM on this host has none such" "test=poweroff" --gic "$kind" ;;
		esac
	done
}

# It has no time for what the other boards show as well.
on_raspberry_pi_3() { grep -q 'Raspberry Pi 3' /proc/device-tree/model 2>/dev/null; }

# On a Raspberry Pi 3 what differs there
board_cases() {
	if on_raspberry_pi_3; then
		case_disk "blk" "test=blk serial=bare-1 queues=1" ",serial=bare-1"
		console_cases
		net_cases
	else
		memory_cases
		cache_cases
		held_by_other
		device_cases
	fi
}

arch_cases() {
	local kinds kind most
	kinds=$(gics)
	case_ok "gic, by itself" "test=gic $(facts_of "${kinds%% *}")"
	start_cases
	other_gics "$kinds"
	for kind in $kinds; do
		machine=(--gic "$kind") which="$kind "
		most=8
		[ "$kind" != v3 ] || most=20
		gic_cases "$(facts_of "$kind")" "$most"
		end_cases
		aarch64_end_cases
		board_cases
	done
	# What a driver does to a device is the same behind each of them
	on_raspberry_pi_3 || attack_cases
}
