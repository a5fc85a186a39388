#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# outer.sh: the part of bench-vmm.sh that boots guests; runs where KVM does, on this host or inside the emulated machine. Prints a line
# "sample VMM ROW VALUE" for all that it measures. Rounds are interleaved: each monitor once, then all again, so that what slows the host
# for a while slows all of them.
#
# Environment: what vmms.sh wants, MEASURE and FIRST_RUN (measure.c, first-run.c), LOGS (a directory), ROUNDS, BENCH (start, boot, io),
# VMMS and IO_VMMS (names).
set -eu
# shellcheck source=bench/peers/vmms.sh
. "$(dirname "$0")/vmms.sh"

tracing=/sys/kernel/tracing/events/kvm
triggers=("kvm_exit:$([ "$ARCH" = aarch64 ] && echo esr_ec || echo exit_reason)" kvm_userspace_exit:reason)

# Counting exits in the kernel, by a histogram that costs little. Needs root, and a kernel with these triggers.
tracing_works() { echo "hist:keys=reason" >"$tracing/kvm_userspace_exit/trigger" && trace off; } 2>/dev/null

trace() {
	local trigger remove=''
	[ "$1" = on ] || remove='!'
	for trigger in "${triggers[@]}"; do
		echo "${remove}hist:keys=${trigger#*:}" >"$tracing/${trigger%:*}/trigger" || true
	done 2>/dev/null
}

trace_hits() { awk '$1 == "Hits:" { print $2 }' "$tracing/$1/hist"; }

sample() { echo "sample $1 $2 $3"; }

# one_run NAME MODE: the status is that of the monitor's command; what it printed is kept when it failed.
one_run() {
	local name=$1 mode=$2 command=() row value status='' seen=' ' preload='' limit=$((100 + 10 * SECONDS_EACH))
	vmm_command "$name" "$mode" || return 0
	[ "$mode" != start ] || preload=$FIRST_RUN limit=60
	[ -z "$traced" ] || trace on
	while read -r row value; do
		seen+="$row "
		case $row in
		status) status=$value ;;
		cpu) [ "$mode" != boot ] || sample "$name" cpu_boot "$value" ;;
		init) [ "$mode" != boot ] || sample "$name" init "$value" ;;
		*) [ "$value" = -1 ] || sample "$name" "$row" "$value" ;;
		esac
	done < <(LD_PRELOAD=$preload "$MEASURE" "$memory_mib" "$limit" "$LOGS/$name.$mode.log" "${command[@]}")
	if [ -n "$traced" ]; then
		if [ "$mode" = boot ]; then
			sample "$name" exits "$(trace_hits kvm_exit)"
			sample "$name" exits_user "$(trace_hits kvm_userspace_exit)"
		fi
		trace off
	fi
	case $mode in start) row=first_run ;; boot) row=init ;; io) row=rand_read ;; esac
	if [ "$status" != 0 ] || [[ $seen != *" $row "* ]]; then
		echo "failed: $name $mode: status $status, got:$seen: ${command[*]}"
		tail -n 20 "$LOGS/$name.$mode.log"
	fi
}

wanted() { case " $BENCH " in *" $1 "*) true ;; *) false ;; esac }

traced=''
if wanted boot; then
	if [ -d "$tracing" ] && tracing_works; then
		traced=yes
	else
		echo "note: exits are not counted: no permission for $tracing, or no such triggers"
	fi
fi

echo "versions $("$TINYVMM" --version), $("$QEMU" --version | head -n 1)"
# Programs, libraries, modules, firmware and images come from a disk the first time: not what is asked here.
cat "$KERNEL" "$VMLINUX" "$INITRD" "$ROOT" /usr/share/seabios/*.bin /usr/share/qemu/*.bin >/dev/null 2>&1 || true
for name in $VMMS; do
	one_run "$name" start >/dev/null
done

server=''
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true' EXIT
if wanted io; then
	# What is not written yet would be written when the first monitor asks for a flush
	dd if=/dev/zero of="$DATA" bs=1M count=128 conv=fsync 2>/dev/null
	# 10.0.2.2, for the guest, is our loopback
	iperf3 -s >"$LOGS/iperf3.log" 2>&1 &
	server=$!
fi

# Starts are short, and vary: three a round.
for round in $(seq "$ROUNDS"); do
	for mode in start start start boot io; do
		wanted "$mode" || continue
		echo "round $round: $mode"
		for name in $([ "$mode" = io ] && echo "$IO_VMMS" || echo "$VMMS"); do
			one_run "$name" "$mode"
		done
	done
done
