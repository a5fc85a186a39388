#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole ladder, machine and all, as `tinyvmm bench --quick` measures it.
# guests: 18
. "$(dirname "$0")/lib.sh"
root=$(disk root)
modprobe -q -a overlay loop tun 2>/dev/null

began=$SECONDS status=0
timeout 900 "$TINYVMM" bench --quick --rounds 3 --kernel "$KERNEL" --modules "$MODULES" --disk "$root" --memory 256M --only native,chroot,namespaces,ctr,vm,start,latency,memory \
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

# QEMU runs the machine that 'vm' is: its kernel, its root, and what the command says and ends with are the same
also=() rungs=ctr,vm statuses='ctr,1,4 vm,1,4'
if [ -z "$(command -v "qemu-system-$(uname -m)")" ]; then
	skip "QEMU beside it" "qemu-system-$(uname -m) is not installed"
else
	also=(--also qemu) rungs+=,qemu statuses='ctr,1,4 qemu,1,4 vm,1,4'
fi
status=0 kernel=(--kernel "$KERNEL" --modules "$MODULES")
# The small one: QEMU leaves the unpacking to the guest, which an emulated processor takes long for
[ ! -e "$BUILTIN/bzImage.gzip" ] || kernel=(--kernel "$BUILTIN/bzImage.gzip")
"$TINYVMM" bench "${kernel[@]}" --disk "$root" --memory 256M --rounds 1 --only "$rungs" "${also[@]}" --csv "$test_dir/samples" -- \
	sh -c 'exit 4' >"$test_dir/stdout" 2>"$test_dir/stderr" </dev/null || status=$?
ended "a command on all rungs" 0
same "its status on each" "$statuses" "$(sed -n 's/^command.status,,//p' "$test_dir/samples" | sort | paste -sd ' ')"
sed 's/^/# /' "$test_dir/stdout" | grep -E 'command|vm|qemu'
