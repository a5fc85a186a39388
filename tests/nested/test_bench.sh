#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole ladder, machine and all, as `tinyvmm bench --quick` measures it.
# guests: 13
. "$(dirname "$0")/lib.sh"
root=$(disk root)
modprobe -q -a overlay loop tun 2>/dev/null

began=$SECONDS status=0
timeout 900 "$TINYVMM" bench --quick --kernel "$KERNEL" --modules "$MODULES" --disk "$root" --memory 256M --only native,chroot,namespaces,ctr,vm,start,latency,memory \
	--json "$test_dir/report.json" --csv "$test_dir/samples" --html "$test_dir/page.html" >"$test_dir/stdout" 2>"$test_dir/stderr" </dev/null || status=$?
ended "bench --quick" 0
echo "# it took $((SECONDS - began)) s"
for measure in start.first start.exit latency.syscall latency.page-fault memory.idle; do
	same "$measure on every rung" "chroot ctr namespaces native vm" \
		"$(sed -n "s/^$measure,[^,]*,\([a-z]*\),.*/\1/p" "$test_dir/samples" | sort -u | paste -sd ' ')"
done
# What nobody doubts
median() { sed -n "s/^$1,[^,]*,$2,[0-9]*,\([0-9]*\).*/\1/p" "$test_dir/samples" | sort -n | head -n 1; }
check "a machine takes longer to start than a container" [ "$(median start.exit vm)" -gt "$(median start.exit ctr)" ]
check "and more memory" [ "$(median memory.idle vm)" -gt "$(median memory.idle ctr)" ]
matches "that this host is a machine itself is said" 'virtual machine itself|emulated in software' "$(cat "$test_dir/stdout")"
matches "the page is whole" '</html>' "$(tail -c 20 "$test_dir/page.html")"

# A foreign rung: crun takes control groups of version 2 alone, as here
mkdir "$test_dir/root"
if [ -z "$(command -v crun)" ]; then
	skip "crun beside it" "crun is not installed"
elif ! mount -o ro,loop "$root" "$test_dir/root" 2>/dev/null; then
	skip "crun beside it" "the root image can't be mounted here"
else
	unmount_root() { umount "$test_dir/root"; }
	at_end+=(unmount_root)
	status=0
	"$TINYVMM" bench --rootfs "$test_dir/root" --only ctr,crun,start --also crun --rounds 2 --csv "$test_dir/crun" >"$test_dir/stdout" 2>"$test_dir/stderr" </dev/null || status=$?
	ended "crun beside it" 0
	same "has its samples" 4 "$(grep -c ',crun,' "$test_dir/crun")"
	sed 's/^/# /' "$test_dir/stdout" | grep -E 'ctr|crun'
fi

status=0
"$TINYVMM" bench --kernel "$KERNEL" --modules "$MODULES" --disk "$root" --rounds 1 --only ctr,vm --csv "$test_dir/samples" -- sh -c 'exit 4' \
	>"$test_dir/stdout" 2>"$test_dir/stderr" </dev/null || status=$?
ended "a command on two rungs" 0
same "its status on both" "ctr,1,4 vm,1,4" "$(sed -n 's/^command.status,,//p' "$test_dir/samples" | paste -sd ' ')"
