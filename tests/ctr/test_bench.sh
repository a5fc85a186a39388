#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_bench.sh TINYVMM: the ladder measured from end to end, as far as it goes without a machine; tests/nested/test_bench.sh has that.
# shellcheck disable=SC2034 # for lib.sh
own_mounts="bench: the whole ladder: it takes root"
. "$(dirname "$0")/lib.sh"
tinyvmm=$1
root=$test_dir/root
make_root "$root"
own_etc subuid subgid
root_range

bench() { capture timeout -k 5 200 "$tinyvmm" bench "$@" </dev/null; }
# Of our own: other tests hand out probes at the same time
export TMPDIR=$test_dir/tmp
mkdir -m 1777 "$TMPDIR"
left() { find /tmp /var/tmp "$TMPDIR" "$root/tmp" -maxdepth 1 \( -name 'tinyvmm-b*' -o -path "$test_dir/*/.tinyvmm-probe*" \) | sort; }
before=$(left)

# --- a command of the user's
bench --rootfs "$root" --rounds 2 --json "$test_dir/a.json" --csv "$test_dir/a.csv" --html "$test_dir/a.html" -- sh -c 'echo x; exit 3'
same "a command is measured" 0 "$status"
for rung in native chroot namespaces ctr unprivileged; do
	matches "$rung has its row" "$rung +" "$output"
done
matches "the machine is left out, and it is said why" "vm.*--kernel" "$output"
same "the report has every sample" 40 "$(grep -c '^command\.' "$test_dir/a.csv")"
same "and its exit status on each rung" "10 3" "$(sed -n 's/^command.status,.*,//p' "$test_dir/a.csv" | uniq -c | tr -s ' ' | sed 's/^ //')"
matches "a report of its own format" '"format": *"tinyvmm-bench"' "$(cat "$test_dir/a.json")"
matches "a page" '^<!DOCTYPE html>' "$(head -c 100 "$test_dir/a.html")"

# --- our own measures
bench --rootfs "$root" --quick --rounds 1 --density 2 --json "$test_dir/b.json" --csv "$test_dir/b.csv" --seed 7
same "our own measures" 0 "$status"
for measure in start.first start.exit latency.syscall latency.page-fault latency.context-switch latency.fork-exec memory.idle density.count; do
	same "$measure on every rung" "chroot ctr namespaces native unprivileged" "$(sed -n "s/^$measure,[^,]*,\([a-z]*\),.*/\1/p" "$test_dir/b.csv" | sort | paste -sd ' ')"
done
same "cpu has samples" 15 "$(grep -c '^cpu\.' "$test_dir/b.csv")"
matches "what a measure can't have is said" 'disk image' "$output"
matches "what the host is, is said" 'kernel +Linux' "$output"

bench --rootfs "$root" --rounds 2 --quick --only native,ctr,memory,net,bridge --csv "$test_dir/n.csv"
same "memory and networks" 0 "$status"
rungs_of() { sed -n "s/^$1,[^,]*,\([a-z]*\),.*/\1/p" "$test_dir/n.csv" | sort -u | paste -sd ' '; }
same "a container's control group is asked" "ctr" "$(rungs_of memory.group)"
same "a byte to the host and back" "ctr native" "$(rungs_of net.ping)"
if [[ $output == *"no bridge and tap interface"* ]]; then
	skip "by veth" "no bridge can be made here"
else
	same "by veth" "ctr native" "$(rungs_of bridge.ping)"
fi
interfaces() { ip -o link 2>/dev/null | grep -c tvmbench; }
same "no interface is left" 0 "$(interfaces)"
"$tinyvmm" bench --rootfs "$root" --rounds 1000 --only native,bridge >/dev/null 2>&1 &
pid=$!
sleep 1
kill -KILL $pid
wait $pid 2>/dev/null
# shellcheck disable=SC2317 # called by name
no_interfaces() { [ "$(interfaces)" = 0 ]; }
check "nor after SIGKILL" wait_until 10 no_interfaces

# --- others
bench --rootfs "$root" --only native,ctr,other,start --also 'other=env {}' --rounds 2 --csv "$test_dir/c.csv"
same "a rung of the user's own" 4 "$(grep -c ',other,' "$test_dir/c.csv")"
same "and only those asked for" "ctr native other" "$(cut -d, -f3 "$test_dir/c.csv" | sed 1d | sort -u | paste -sd ' ')"
for peer in bwrap crun; do
	if [ -z "$(command -v $peer)" ]; then
		skip "--also $peer" "$peer is not installed"
		continue
	fi
	bench --rootfs "$root" --only ctr,$peer,start --also $peer --rounds 2 --csv "$test_dir/d.csv"
	if grep -q ",$peer," "$test_dir/d.csv"; then
		same "--also $peer" 4 "$(grep -c ",$peer," "$test_dir/d.csv")"
	else
		# crun refuses a host with control groups of both versions
		matches "--also $peer: why it does not run here" "$peer.*(cgroup|hybrid|Operation not permitted)" "$output"
	fi
done

# --- two reports
bench compare "$test_dir/b.json" "$test_dir/b.json"
same "a report against itself: nothing is worse" 0 "$status"
for speed in 1 9; do tr -d '\n' <"$test_dir/b.json" | sed 's/"samples": *\[[^]]*\]/"samples": ['$speed', '$speed', '$speed', '$speed']/g' >"$test_dir/$speed.json"; done
bench compare "$test_dir/1.json" "$test_dir/9.json"
same "one that is worse" 1 "$status"
matches "and where" 'start.exit' "$output"

# --- faults
refused() { # NAME STATUS REGEX ARG...
	bench "${@:4}"
	matches "$1" "^$2 .*$3" "$status $errors"
}
refused "two root images" 2 'disk.*rootfs' --rootfs "$root" --disk x
refused "an unknown rung" 2 'no such rung' --only kvm
refused "a file that can't be written" 1 '/no/such/dir' --only native,start --rounds 1 --json /no/such/dir/x.json
refused "a report that is none" 2 'not the JSON of a report' compare "$root/etc/passwd" "$test_dir/b.json"
bench --rootfs "$root/none" --rounds 1 --only native,ctr,start
matches "a root that is not there: its rungs are left out" 'ctr.*none' "$output"

# --- ended half-way
"$tinyvmm" bench --rootfs "$root" --rounds 1000 --only native,ctr,start >/dev/null 2>&1 &
pid=$!
sleep 1
kill -TERM $pid
wait $pid
same "a signal ends it" 143 $?
same "nothing is left in the temporary directories" "$before" "$(left)"
