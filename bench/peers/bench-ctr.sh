#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench-ctr.sh TINYVMM ROUNDS-PROGRAM: from the start of `/bin/true` in a container to its end, in one busybox root, and the same in a container that
# runs, beside what else there is for it on this host, rounds interleaved. ROUNDS (100). Takes root. A peer that is not installed, or does not run
# here, is named with the reason. UNIFIED=1: where version 2's control groups alone are mounted, which crun asks for.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/../../scripts/lib.sh"
tinyvmm=$1 rounds=$2
[ "$(id -u)" = 0 ] || die "bench-ctr takes root"
if [ -n "${UNIFIED-}" ]; then
	# shellcheck disable=SC2016 # expanded there
	UNIFIED='' exec unshare -m sh -c 'umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"' sh "$0" "$@"
fi

dir=$(mktemp -d)
running=bench-$$
export XDG_STATE_HOME=$dir/state
trap '"$tinyvmm" ctr delete --force "$running" 2>/dev/null || true; rm -rf "$dir"' EXIT
root=$dir/root
mkdir -p "$root"/{bin,etc,proc,sys,dev,tmp}
cp "$(busybox_static "$dir/busybox")" "$root/bin/busybox"
ln -s busybox "$root/bin/true"
ln -s busybox "$root/bin/sleep"
# As in any image: where they are missing, a writable root has them made first
touch "$root"/etc/{hosts,hostname,resolv.conf}

: >"$dir/commands"
# candidate NAME COMMAND...: takes part if it runs.
candidate() {
	local name=$1 output
	shift
	if ! command -v "$1" >/dev/null; then
		say "$name: $1 is not installed"
	elif output=$("$@" 2>&1 </dev/null); then
		(
			IFS=$'\t'
			printf '%s\t%s\n' "$name" "$*"
		) >>"$dir/commands"
	else
		say "$name: does not run here: $(tail -n 1 <<<"$output")"
	fi
}

# bundle RUNTIME: its own default configuration, without a terminal.
bundle() {
	mkdir -p "$dir/$1"
	command -v "$1" >/dev/null || return 0
	(cd "$dir/$1" && "$1" spec >/dev/null 2>&1 &&
		sed -i 's/"terminal": true/"terminal": false/; s/"sh"/"\/bin\/true"/; s,"path": "rootfs","path": "'"$root"'",' config.json)
}

candidate "tinyvmm ctr run" "$tinyvmm" ctr run --rootfs "$root" --net none -- /bin/true
candidate "the same, --read-only" "$tinyvmm" ctr run --read-only --rootfs "$root" --net none -- /bin/true
candidate "the same, --isolation namespaces" "$tinyvmm" ctr run --log-level error --isolation namespaces --rootfs "$root" --net none -- /bin/true
candidate "the same, --isolation chroot" "$tinyvmm" ctr run --log-level error --isolation chroot --rootfs "$root" -- /bin/true
candidate chroot chroot "$root" /bin/true
candidate "unshare, six namespaces" unshare -mpfniuC chroot "$root" /bin/true
candidate bubblewrap bwrap --unshare-all --ro-bind "$root" / --proc /proc --dev /dev /bin/true
bundle crun
# For its rules for devices it would raise its limit of locked memory, which takes CAP_SYS_RESOURCE
without=
if [ -e "$dir/crun/config.json" ] && ! (ulimit -l unlimited) 2>/dev/null; then
	sed -i '/^\t\t"resources": {/,/^\t\t},/d' "$dir/crun/config.json"
	without=", without rules for devices"
fi
candidate "crun$without" crun run -b "$dir/crun" "bench-crun-$$"
bundle runc
candidate runc runc run -b "$dir/runc" "bench-runc-$$"

"$rounds" "${ROUNDS:-100}" "$dir/commands"

# Apart from those above, whose control groups the kernel still clears away when they have ended
: >"$dir/commands"
"$tinyvmm" ctr create "$running" --rootfs "$root" --net none -- /bin/sleep 86400
"$tinyvmm" ctr start "$running"
candidate "tinyvmm ctr exec" "$tinyvmm" ctr exec "$running" -- /bin/true
candidate "nsenter, all namespaces of that" nsenter -a -t "$("$tinyvmm" ctr info "$running" | sed -n 's/^pid  *//p')" /bin/true
echo
"$rounds" "${ROUNDS:-100}" "$dir/commands"
echo
echo "tinyvmm: $(stat -c %s "$tinyvmm") bytes; $(uname -sr), $(nproc) processors"
