#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_contrast.sh TINYVMM: `tinyvmm contrast` on the rungs that need no machine gives the matrix of docs/contrast.md, and leaves nothing behind. With the machine:
# ../nested/test_contrast.sh.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC2034 # for lib.sh
own_mounts="contrast: the rungs below root are another matrix"
# shellcheck source=tests/ctr/lib.sh
. tests/ctr/lib.sh
# shellcheck source=tests/contrast.sh
. tests/contrast.sh
tinyvmm=${1:-$TINYVMM}
root=$test_dir/root
make_root "$root"
make_user 1234
root_range
cd "$OLDPWD" || exit 1
before=$(leftovers)

# One that others may open, as nearly everywhere: an unprivileged container's card
if : 2>/dev/null 3<>/dev/net/tun; then
	mknod "$test_dir/tun" c 10 200
	chmod 666 "$test_dir/tun"
	mount --bind "$test_dir/tun" /dev/net/tun
fi

# Of our own: other tests hand out probes at the same time
export TMPDIR=$test_dir/tmp
mkdir -m 1777 "$TMPDIR"
contrast() { capture timeout -k 5 200 "$tinyvmm" contrast "$@" </dev/null; }
targets() { find /tmp -maxdepth 1 -name 'tinyvmm-contrast.*'; }
# What attempts might change
settings() { hostname; cat /proc/sys/vm/swappiness; losetup -a 2>/dev/null | grep -c tinyvmm-contrast; find "$TMPDIR" "$root" -name '.tinyvmm-probe*'; }

# --- the matrix ----------------------------------------------------------------------------------------------------------------------------------

old=$(settings)
contrast --rootfs "$root" --json "$test_dir/json" --also "open='$tinyvmm' ctr run --rootfs '$root' --net none --seccomp off -- {}"
same "it runs" 0 "$status"
matches "the table" 'set the host name  +host +host +own +no +no +no' "$output"
matches "the mechanisms" 'PID namespace: processes, signal' "$output"
matches "the rung that can't be had, and why" 'vm left out: it needs' "$output"
holds_matrix "$test_dir/json" rootfs native chroot namespaces ctr unprivileged
same "nothing is changed" "$old" "$(settings)"
same "no target is left" "" "$(targets)"

# Either wall would do
while read -r key _; do
	same "without the filter: $key" no "$(sed -n "s/^$key open //p" "$test_dir/measured")"
done < <(grep ' ctr no: capabilities, system-call filter' "$test_dir/expected")
same "without the filter: it is seen" host "$(sed -n 's/^seccomp open //p' "$test_dir/measured")"

if command -v strace >/dev/null; then
	check "system calls are counted" grep -Eq '^   "calls": [0-9]+$' "$test_dir/json"
else
	matches "system calls are not counted" 'strace is not installed' "$output"
fi

# An ordinary user: no limits are to be had, and nothing can be written in a root of others', but all is found out
cp "$tinyvmm" "$test_dir/tinyvmm"
capture timeout -k 5 200 setpriv --reuid "$uid" --regid "$uid" --clear-groups "$test_dir/tinyvmm" contrast --rootfs "$root" </dev/null
same "of an ordinary user: it runs" 0 "$status"
matches "of an ordinary user: what takes root is left out" 'ctr left out: it takes root' "$output"
matches "of an ordinary user: and the rest is found out" 'set the host name  +no +own +no' "$output"

# --- ends -----------------------------------------------------------------------------------------------------------------------------------------

contrast --rootfs "$root" --disk "$root"
failed "--rootfs and --disk" 2 'one root image'
contrast --only native,start
failed "--only of a measure" 2 'names of rungs'
contrast --only nowhere
failed "--only of no rung" 2 'no such rung'
contrast --only native,ctr --rootfs "$root" --json "$test_dir"
failed "a file that can't be written" 1 "can't be written"

# shellcheck disable=SC2317 # called by name
has_targets() { [ -n "$(targets)" ]; }
"$tinyvmm" contrast --rootfs "$root" >"$test_dir/ended" 2>&1 &
running=$!
wait_until 30 has_targets || cat "$test_dir/ended"
kill -TERM "$running"
wait "$running"
same "SIGTERM ends it" 143 $?
same "SIGTERM: no target is left" "" "$(targets)"
same "SIGTERM: nothing is changed" "$old" "$(settings)"
same "nothing is left behind" "$before" "$(leftovers)"
exit "$test_status"
