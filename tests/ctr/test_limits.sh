#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_limits.sh TINYVMM: each limit is one that the kernel keeps to, on control groups of version 1 and of version 2, and what this host can't limit
# is said. (Memory and processes: test_run.sh.) No test here takes something for too slow: other work on the host changes no result.
# shellcheck disable=SC2016 # expansions are the container's
# guests: 10
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC2034 # for lib.sh
own_mounts="limits of containers: setting them takes root"
# shellcheck source=tests/ctr/lib.sh
. tests/ctr/lib.sh
tinyvmm=${1:-$TINYVMM}
root=$test_dir/root
make_root "$root"
before=$(leftovers)
busy='while :; do :; done'

running=()
# shellcheck disable=SC2317 # called at the end
stop_running() { [ ${#running[@]} = 0 ] || kill -TERM "${running[@]}" 2>/dev/null; }
at_end+=(stop_running)

# start NAME ARG...: one in the background, until stop.
start() {
	local name=$1
	shift
	"$tinyvmm" ctr run --rootfs "$root" --net none --name "limits-$$-$name" "$@" >"$test_dir/$name.out" 2>&1 &
	running+=($!)
}
stop() {
	kill -TERM "${running[@]}"
	wait "${running[@]}" 2>/dev/null
	running=()
}

# groups NAME FILE: that file in each control group of that container's.
groups() { find /sys/fs/cgroup "$test_dir" -path "*/tinyvmm/limits-$$-$1/$2" 2>/dev/null; }
# Microseconds of processor time that the container's processes have had. Version 2 knows it for every group, also beside version 1
used() {
	local file
	{
		for file in $(groups "$1" cpu.stat); do sed -n 's/^usage_usec //p' "$file"; done
		for file in $(groups "$1" cpuacct.usage); do echo $(($(<"$file") / 1000)); done
	} | head -n 1
}
# shellcheck disable=SC2317 # called by name
has_used() { [[ $(used "$1") -gt 100000 ]]; }
now() { echo "${EPOCHREALTIME/[!0-9]/}"; }

# --- memory --------------------------------------------------------------------------------------------------------------------------------------

plain --memory 24M --swap 0 -- dd if=/dev/zero of=/file bs=1M count=60
same "--memory: what is written to the root counts" 137 "$status"
matches "--memory: and it is said" 'out of memory' "$errors"
plain --memory 24M --swap 0 -- dd if=/dev/zero of=/dev/shm/file bs=1M count=60
same "--memory: and what is shared" 137 "$status"

# What a container takes itself, with the smallest of commands: about that, as the kernel gives some of it back only later
# shellcheck disable=SC2317 # called by name
starts() { plain "$@" --swap 0 -- small && [ "$status" = 2 ]; }
if small=$(helper at_clone); then
	cp "$small" "$root/bin/small"
	# In version 2's groups a container is from its first instruction on, and its mounts count
	least=512K
	[ ! -e /sys/fs/cgroup/memory/memory.limit_in_bytes ] || least=256K
	check "--memory $least is enough" wait_until 20 starts --memory $least
	check "--memory 256K is, when the command is PID 1" wait_until 20 starts --memory 256K --init off
fi
plain --memory 16K --swap 0 -- true
matches "--memory of too little: and how much it takes is said" '^1(25|37) .*memory.*: it takes about' "$status $errors"

# What fits into memory and swap together, and not into memory alone
hold='head -c 40000000 /dev/zero | tail -c 40000000 | wc -c'
if [ "$(hostname)" = outer ]; then
	truncate -s 128M "$test_dir/swap"
	"$root/bin/busybox" dd if=/dev/zero of="$test_dir/swap" bs=1M count=128 2>/dev/null
	"$root/bin/busybox" mkswap "$test_dir/swap" >/dev/null
	chmod 600 "$test_dir/swap"
	"$root/bin/busybox" swapon "$test_dir/swap" && at_end+=(stop_swap)
fi
# shellcheck disable=SC2317 # called at the end
stop_swap() { "$root/bin/busybox" swapoff "$test_dir/swap"; }
if [ "$(wc -l </proc/swaps)" -gt 1 ]; then
	gives "--memory alone: the rest is swapped out" 40000000 --memory 24M -- sh -c "$hold"
	plain --memory 24M --swap 0 -- sh -c "$hold"
	check "--swap 0: there is no such rest" [ "$output" != 40000000 ]
	gives "--swap 64M" 40000000 --memory 24M --swap 64M -- sh -c "$hold"
	plain --memory 24M --swap 4M -- sh -c "$hold"
	check "--swap 4M is not enough" [ "$output" != 40000000 ]
else
	skip "--swap: what is swapped out" "this host has no swap, and is not ours to give it some"
fi
if [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ]; then
	fails "--swap without --memory is not to be had on version 1" 125 'swap.*memory limit' --rootfs "$root" --net none --swap 0 -- true
	ctr --rootfs "$root" --net none --swap 0 --best-effort -- echo on
	matches "--best-effort goes on without it, and says so" '^0 on .*warning.*swap' "$status $output $errors"
fi

# --- processors -----------------------------------------------------------------------------------------------------------------------------------

# Two loops would take two processors
start third --cpus 0.3 -- sh -c "($busy) & $busy"
wait_until 30 has_used third || cat "$test_dir/third.out"
began=$(now) had=$(used third)
sleep 2
had=$(($(used third) - had)) took=$(($(now) - began))
# A period may be begun before and one ended after: 30 ms each, and what a processor takes before it sees that nothing is left
check "--cpus 0.3: less than a third of the time ($((had / 1000)) of $((took / 1000)) ms)" [ "$had" -lt $((took * 33 / 100 + 100000)) ]
check "--cpus 0.3: but some of it" [ "$had" -gt 10000 ]
stop

start large --cpuset 0 --cpu-shares 4096 -- sh -c "$busy"
start small --cpuset 0 --cpu-shares 512 -- sh -c "$busy"
wait_until 60 has_used large || cat "$test_dir/large.out"
wait_until 60 has_used small || cat "$test_dir/small.out"
large=$(used large) small=$(used small)
sleep 3
large=$(($(used large) - large)) small=$(($(used small) - small))
check "--cpu-shares 8:1 on one processor: at least 2:1 ($((large / 1000)) to $((small / 1000)) ms)" [ "$large" -gt $((small * 2)) ]
check "--cpu-shares: the smaller goes on" [ "$small" -gt 0 ]
stop

gives "--cpuset 0: where it may run" "0 1" --cpuset 0 -- sh -c 'echo $(sed -n "s/^Cpus_allowed_list:.//p" /proc/self/status) $(nproc)'
last=$(sed 's/.*[-,]//' /sys/devices/system/cpu/online)
if [ "$last" = 0 ]; then
	skip "--cpuset of another processor" "this host has one"
else
	gives "--cpuset: another processor" "$last" --cpuset "$last" -- sed -n 's/^Cpus_allowed_list:.//p' /proc/self/status
	plain --cpuset "$last" -- taskset -c 0 sh -c 'sed -n "s/^Cpus_allowed_list:.//p" /proc/self/status'
	same "--cpuset: nothing inside gets out of it" "" "$output"
fi
fails "--cpuset of no processor that there is" 125 "'4000'.*cpuset" --rootfs "$root" --net none --cpuset 4000 -- true

# --- device nodes ---------------------------------------------------------------------------------------------------------------------------------

# A node that anybody could open, were it not for the control group: /dev/full with another name, and /dev/loop-control
mknod -m 666 "$test_dir/node" c 10 237
if ! : 2>/dev/null 3<>"$test_dir/node"; then
	skip "--device" "this kernel has no loop device to open"
else
	# node NAME EXPECTED ARG...: whether it can be read, and written
	node() {
		local name=$1 expected=$2
		shift 2
		gives "$name" "$expected" --bind "$test_dir/node:/node" "$@" -- sh -c \
			'(: </node) 2>/dev/null && echo read; (: >/node) 2>/dev/null && echo written; (: <>/node) 2>/dev/null && echo both; true'
	}
	node "a node that is not one of the standard ones can't be opened" ""
	node "--device allow" $'read\nwritten\nboth' --device allow=c:10:237:rw
	node "--device allow, to read" read --device allow=c:10:237:r
	node "--device allow, to write" written --device allow=c:10:237:w
	node "--device allow by a path" read --device "allow=$test_dir/node:r"
	node "--device allow: every minor number" $'read\nwritten\nboth' --device 'allow=c:10:*:rw'
	node "--device allow: another one's" "" --device allow=c:10:236:rw --device allow=b:10:237:rw
	node "--device deny after allow" "" --device allow=c:10:237:rw --device deny=c:10:237:rw
	node "--device deny of one access after allow of two" read --device allow=c:10:237:rw --device deny=c:10:237:w
	node "--device allow=a, and then deny" "" --device allow=a --device deny=c:10:237:rwm
fi
gives "--device deny of a standard node" "zero" --device deny=c:1:8:rw -- \
	sh -c 'for i in random zero; do head -c 1 /dev/$i >/dev/null 2>&1 && echo $i; done; true'
plain --cap-add MKNOD --device deny=c:1:5:m -- mknod /tmp/zero c 1 5
if [ "$status" = 125 ]; then
	matches "--device deny of making one: version 1 can't, and says so" "can't be enforced" "$errors"
else
	matches "--device deny of making one" 'not permitted' "$errors"
fi

# --- disks ------------------------------------------------------------------------------------------------------------------------------------------

# shellcheck disable=SC2317 # called at the end
free_loop() { [ -z "$loop" ] || losetup -d "$loop"; loop=''; }
# at_least NAME MS ARG...: a run that takes so long. It can't be too slow.
at_least() {
	local name=$1 ms=$2 began took
	shift 2
	began=$(now)
	plain --bind "$loop:/disk" --device "allow=b:$numbers:rw" "$@"
	took=$((($(now) - began) / 1000))
	same "$name: it works" 0 "$status"
	check "$name: not before $ms ms ($took)" [ "$took" -ge "$ms" ]
}
loop=''
truncate -s 8M "$test_dir/loop.img"
if loop=$(take_loop "$test_dir/loop.img"); then
	at_end+=(free_loop)
	numbers=$(</sys/block/"${loop##*/}"/dev)
	at_least "--io-limit wbps=1M, 2 MiB written" 1500 --io-limit "$loop:wbps=1M" -- dd if=/dev/zero of=/disk bs=64k count=32 oflag=direct
	at_least "--io-limit rbps=1M, 2 MiB read" 1500 --io-limit "$loop:rbps=1M" -- dd if=/disk of=/dev/null bs=64k count=32 iflag=direct
	at_least "--io-limit wiops=20, 40 writes" 1500 --io-limit "$loop:wiops=20" -- dd if=/dev/zero of=/disk bs=4k count=40 oflag=direct
	at_least "--io-limit riops=20, 40 reads" 1500 --io-limit "$numbers:riops=20" -- dd if=/disk of=/dev/null bs=4k count=40 iflag=direct
	free_loop
else
	skip "--io-limit" "no loop device can be had here"
fi
heeded() { grep -qs '\[[bc]fq\]' /sys/block/*/queue/scheduler || grep -rqs enable=1 /sys/fs/cgroup/io.cost.qos /sys/fs/cgroup/unified/io.cost.qos; }
if heeded; then
	gives "--io-weight: a disk heeds it" on --io-weight 50 -- echo on
else
	fails "--io-weight: no disk heeds it" 125 'weight|built without' --rootfs "$root" --net none --io-weight 50 -- true
	ctr --rootfs "$root" --net none --io-weight 50 --best-effort -- echo on
	matches "--io-weight --best-effort goes on, and says so" '^0 on .*warning.*weight' "$status $output $errors"
	modprobe -q bfq 2>/dev/null
	if loop=$(take_loop "$test_dir/loop.img") && echo bfq 2>/dev/null >"/sys/block/${loop##*/}/queue/scheduler"; then
		gives "--io-weight: a disk that does" on --io-weight 50 -- echo on
		echo none >"/sys/block/${loop##*/}/queue/scheduler"
	fi
	free_loop
fi
fails "--io-limit of no disk that there is" 125 "'250:250 .*no such device" --rootfs "$root" --net none --io-limit 250:250:wbps=1M -- true

# --- packets ----------------------------------------------------------------------------------------------------------------------------------------

# Both controllers are version 1's alone, also on a host whose others are version 2's.
for controller in net_cls net_prio; do
	case $controller in
	net_cls) option=--net-class value=10:1 file=net_cls.classid expected=1048577 ;;
	*) option=--net-prio value=lo:5 file=net_prio.ifpriomap expected='lo 5' ;;
	esac
	if grep -q "^cgroup .*[, ]${controller}[, ]" /proc/mounts; then
		skip "$option where '$controller' is not mounted" "it is"
	else
		fails "$option where '$controller' is not mounted: says what to do" 125 "$controller.*mount -t cgroup|no controller '$controller'" \
			--rootfs "$root" --net none $option $value -- true
		plain $option $value --best-effort -- echo on
		matches "$option --best-effort goes on without it, and says so" "^0 on .*warning.*$controller" "$status $output $errors"
		mkdir "$test_dir/$controller"
		if ! mount -t cgroup -o $controller cgroup "$test_dir/$controller" 2>/dev/null; then
			skip "$option" "this kernel has no controller '$controller'"
			continue
		fi
	fi
	# shellcheck disable=SC2317 # called by name
	in_group() { while read -r pid; do tr '\0' ' ' <"/proc/$pid/cmdline"; echo; done <"$2/cgroup.procs" | grep "^$1 "; }
	# shellcheck disable=SC2317
	is_up() { grep -q up "$test_dir/$controller-up.out"; }
	start $controller-up $option $value -- sh -c 'echo up; sleep 100'
	check "$option: starts" wait_until 30 is_up
	file=$(groups $controller-up $file)
	same "$option: is set" "$expected" "$(grep -x "$expected" "$file")"
	check "$option: for what runs in there" in_group sleep "${file%/*}"
	stop
	if [ -d "$test_dir/$controller" ]; then
		# The hierarchy goes when no group is left in it
		rmdir "$test_dir/$controller/tinyvmm"
		umount "$test_dir/$controller"
	fi
done

# --- all together -------------------------------------------------------------------------------------------------------------------------------------

gives "many limits at once" "0 ok" --memory 64M --swap 0 --cpus 0.9 --cpu-shares 512 --cpuset 0 --pids 20 \
	--device allow=c:10:237:r --best-effort --io-weight 200 -- sh -c 'echo $(sed -n "s/^Cpus_allowed_list:.//p" /proc/self/status) ok'
same "nothing is left behind" "$before" "$(leftovers)"
same "no control group either" "" "$(find /sys/fs/cgroup -type d -name "limits-$$-*")"
exit "$test_status"
