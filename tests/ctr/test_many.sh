#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_many.sh TINYVMM: many containers, several at once, and containers whose tinyvmm is killed at every step of their set-up and of their end:
# nothing of them stays.
# shellcheck disable=SC2016 # expansions are the container's
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC2034 # for lib.sh
own_mounts="many containers: this takes root"
# Others may have interfaces that come and go
# shellcheck disable=SC2034
own_network=-n
# shellcheck source=tests/ctr/lib.sh
. tests/ctr/lib.sh
tinyvmm=${1:-$TINYVMM}
root=$test_dir/root
make_root "$root"
# Subordinate ids for --userns
own_etc subuid subgid
root_range

# How many: in an emulated machine each costs a second, not some milliseconds
many=200 kills_plain=60 kills_others=25 kills_by_time=40
if [ "$(hostname)" = outer ]; then
	many=40 kills_plain=20 kills_others=4 kills_by_time=10
fi

# The kinds of containers that this host can have, as arrays of arguments
kinds=(plain userns)
# shellcheck disable=SC2034 # by name
plain=(--rootfs "$root" --net none) userns=(--rootfs "$root" --net none --userns)
# shellcheck disable=SC2034
image=(--image "$test_dir/root.tar" --net none) disk=(--disk "$test_dir/disk.img" --net none) network=(--rootfs "$root")
tar -C "$root" -cf "$test_dir/root.tar" .
kinds+=(image)
if : 2>/dev/null 3<>/dev/loop-control && command -v mke2fs >/dev/null; then
	truncate -s 8M "$test_dir/disk.img"
	mke2fs -q -F -t ext4 -d "$root" "$test_dir/disk.img" >/dev/null 2>&1
	kinds+=(disk)
else
	skip "many containers of a disk" "no loop device can be had here, or no mke2fs"
fi
if : 2>/dev/null 3<>/dev/net/tun; then
	kinds+=(network)
else
	skip "many containers on the user network" "/dev/net/tun can't be opened here"
fi

# --- what stays ----------------------------------------------------------------------------------------------------------------------------------

mark=mark-of-$$ # all that runs here has it among its arguments
# But grep is not to find itself
processes() { grep -lsa -- "${mark/of/o[f]}" /proc/[0-9]*/cmdline; }
# shellcheck disable=SC2317 # called by name
none_runs() { [ -z "$(processes)" ]; }
loops() { losetup -a 2>/dev/null | grep "$test_dir"; }
# shellcheck disable=SC2317
no_loops() { [ -z "$(loops)" ]; }

# Whoever's, on files of this test. (busybox's find knows no -lname)
# shellcheck disable=SC2010 # these names are numbers
descriptors() { ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c "$test_dir"; }

# What there is, in one line
counted() {
	echo "$(grep -c "$test_dir" /proc/mounts) mounts, $(processes | wc -l) processes, $(loops | wc -l) loop devices," \
		"$(descriptors) descriptors," \
		"$(find /sys/fs/cgroup -type d -name "many-$$-*" 2>/dev/null | wc -l) and $(dead_groups | wc -l) groups, $(sed 1,2d /proc/net/dev | wc -l) interfaces"
}

# --- many ------------------------------------------------------------------------------------------------------------------------------------------

# one NUMBER: a container that says its number, and ends with a status of its own; a line if that is not what came of it. Some have names.
one() {
	local number=$1 kind=${kinds[$1 % ${#kinds[@]}]} said got=0 name=()
	local -n arguments=$kind
	[ $((number % 3)) != 0 ] || name=(--name "many-$$-$number")
	said=$(sh -c "$noted" "$test_dir/pids" "$tinyvmm" ctr run "${name[@]}" "${arguments[@]}" -- sh -c 'echo $1; exit $(($1 % 7))' "$mark" "$number" 2>&1) || got=$?
	[ "$said $got" = "$number $((number % 7))" ] || echo "$kind $number: $said, status $got"
}

before=$(counted)
for ((number = 1; number <= many; number++)); do
	one "$number" >>"$test_dir/wrong" &
	[ "$(jobs -rp | wc -l)" -lt 4 ] || wait -n
done
wait
same "$many containers, four at once: each with its own output and status" "" "$(<"$test_dir/wrong")"
# The last mount of a disk goes a moment after its last process
wait_until 10 no_loops
same "$many containers: nothing is left behind" "$before" "$(counted)"

# --- killed ------------------------------------------------------------------------------------------------------------------------------------------

# pid: that of the tinyvmm that was killed last, whose control group has its name
pid=0 killed=() stayed=''
# Their control groups
groups_of_killed() { find /sys/fs/cgroup -depth -type d -name 'ctr-*' 2>/dev/null | grep -E "/ctr-($(tr ' ' '|' <<<"${killed[*]:-none}"))\$"; }
# shellcheck disable=SC2317 # called at the end
remove_groups() { groups_of_killed | while read -r group; do rmdir "$group"; done; }
at_end+=(remove_groups)

# gone WHEN: nothing of it runs, and its disk is free, before long.
gone() {
	local i
	for ((i = 0; i < 1000; i++)); do
		if none_runs && no_loops; then
			return 0
		fi
		sleep 0.01
	done
	stayed+="$1: $(processes | tr '\n' ' ') $(loops) "
	processes | while read -r file; do kill -KILL "${file//[!0-9]/}"; done
	return 1
}

# calls_until WORD COMMAND...: how many system calls a run makes until it is idle, or has ended.
calls_until() {
	local word=$1
	shift
	"$kill_at" 1000000 "$@" >"$test_dir/said" 2>"$test_dir/stderr"
	sed -n "s/.* $word, \([0-9]*\) calls/\1/p" "$test_dir/said"
}

# at_every KIND KILLS: kills as many, evenly spread over all the system calls that such a run and its children make. What runs in it does not
# end by itself, unless it is the end that is to be disturbed.
at_every() {
	local kind=$1 kills=$2 up calls number step endless brief command
	local -n arguments=$kind
	stayed=''
	endless=("$tinyvmm" ctr run "${arguments[@]}" -- sh -c 'sleep 1000' "$mark")
	brief=("$tinyvmm" ctr run "${arguments[@]}" -- true "$mark")
	up=$(calls_until idle "${endless[@]}")
	calls=$(calls_until ended "${brief[@]}")
	if ! [ "${calls:-0}" -gt 0 ] || ! [ "${up:-0}" -gt 0 ]; then
		not_ok "killed at every step: $kind"
		cat "$test_dir/said" "$test_dir/stderr"
		return
	fi
	step=$(((calls + kills - 1) / kills))
	for ((number = 1; number <= calls; number += step)); do
		command=("${endless[@]}")
		[ "$number" -lt "$up" ] || command=("${brief[@]}")
		"$kill_at" "$number" "${command[@]}" >"$test_dir/said" 2>"$test_dir/stderr"
		read -r pid _ <"$test_dir/said"
		killed+=("$pid")
		gone "$(<"$test_dir/said") ($number)"
	done
	same "killed at every ${step}th of $calls system calls: $kind" "" "$stayed"
}

# The same by the clock, and with nobody looking on: over the time that a run takes.
at_times() {
	local kills=$1 i started micros delay
	stayed=''
	set -- "$tinyvmm" ctr run "${plain[@]}" -- sh -c 'sleep 1000' "$mark"
	started=${EPOCHREALTIME/./}
	"$tinyvmm" ctr run "${plain[@]}" -- true "$mark"
	micros=$((${EPOCHREALTIME/./} - started))
	for ((i = 0; i < kills; i++)); do
		printf -v delay '%d.%06d' 0 $((micros * i / kills))
		"$@" 2>/dev/null &
		pid=$!
		sleep "$delay"
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
		killed+=("$pid")
		gone "after $delay s"
	done
	same "killed at $kills moments of $((micros / 1000)) ms" "" "$stayed"
}

before=$(counted)
if kill_at=$(helper kill_at); then
	at_every plain $kills_plain
	for kind in "${kinds[@]:1}"; do at_every "$kind" $kills_others; done
else
	skip "killed at every step" "no program to do it with (make tests-ctr), and no compiler"
fi
at_times $kills_by_time

echo "# ${#killed[@]} were killed, and left $(groups_of_killed | wc -l) groups"
# shellcheck disable=SC2317 # called by name
sweeps() { ctr "${plain[@]}" -- true "$mark" && [ "$status" = 0 ] && [ -z "$(groups_of_killed)" ]; }
# Young ones are left alone: they may be somebody's who is just starting
check "killed: the next start but a while later removes their control groups" wait_until 20 sweeps
# busybox's timeout stays a moment longer than what it watches
wait_until 10 none_runs
same "killed: nothing is left behind" "$before" "$(counted)"
exit "$test_status"
