#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `tinyvmm contrast` on the whole ladder, the machine too, gives the matrix of docs/contrast.md.
# guests: 10
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/contrast.sh
. "$here/../contrast.sh"
root=$(disk root)
modprobe -q -a overlay loop tun 2>/dev/null
# What an unprivileged container of root's takes, where the host is ours to change
if [ -n "${NESTED:-}" ]; then
	echo root:1000000:65536 | tee /etc/subuid >/etc/subgid
	chmod 666 /dev/net/tun
fi

status=0
timeout -k 5 380 "$TINYVMM" contrast --disk "$root" --kernel "$KERNEL" --modules "$MODULES" --json "$test_dir/json" </dev/null >"$test_dir/stdout" 2>"$test_dir/stderr" || status=$?
ended "it runs" 0
sed 's/^/# /' "$test_dir/stdout"
rungs=(vm)
# As root with subordinate ids, of which a host may have none
if [ "$(id -u)" = 0 ]; then
	rungs+=(native chroot namespaces ctr)
	grep -qs '^root:' /etc/subuid && rungs+=(unprivileged)
fi
holds_matrix "$test_dir/json" disk "${rungs[@]}"
