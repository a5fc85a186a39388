#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_user.sh TINYVMM: `tinyvmm ctr run` as an ordinary user, with and without subordinate ids, and root's --userns. The user and the ids
# are made for the test, in files of its own that are mounted over /etc's.
# shellcheck disable=SC2016 # expansions are the container's
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC2034 # for lib.sh
own_mounts="containers of an ordinary user: making one takes root"
# shellcheck source=tests/ctr/lib.sh
. tests/ctr/lib.sh

# What somebody else may execute and read, wherever the checkout is
cp "$(command -v "${1:-$TINYVMM}")" "$test_dir/tinyvmm"
tinyvmm=$test_dir/tinyvmm
root=$test_dir/root
make_root "$root"
make_user 54321
mkdir "$test_dir/home"
chown "$uid:$uid" "$test_dir/home"
cp -r "$root" "$test_dir/own"
chown -R "$uid:$uid" "$test_dir/own"

# shellcheck disable=SC2317 # called by name
as_user() { setpriv --reuid "$uid" --regid "$uid" --clear-groups env HOME="$test_dir/home" XDG_CACHE_HOME="$test_dir/home" "$@"; }

# user ARG...: like ctr, but the ordinary user's.
user() { capture as_user timeout -k 5 100 "$tinyvmm" ctr run --net none "$@"; }

# user_gives NAME EXPECTED ARG...
user_gives() {
	user "${@:3}"
	gave "$1" "$2"
}

# --- one id -----------------------------------------------------------------------------------------------------------------------------

: >"$test_dir/subuid"
user_gives "one id: root is the user" "uid=0(root) gid=0(root)" --rootfs "$root" -- id
user_gives "one id: the map" "0 $uid 1" --rootfs "$root" -- sh -c 'echo $(cat /proc/self/uid_map)'
user_gives "one id: the root can be written" ok --rootfs "$root" -- sh -c 'echo ok >/x; cat /x'
user --rootfs "$root" --user user -- true
same "one id: there is no other user" 125 "$status"
matches "one id: and it is said why" 'subordinate ids' "$errors"
user_gives "one id: --keep writes as the user" kept --rootfs "$test_dir/own" --keep -- sh -c 'echo kept >/kept; cat /kept'
same "one id: whose file it is" "$uid" "$(stat -c %u "$test_dir/own/kept")"
user_gives "one id: capabilities inside are the default ones" 00000000800405fb --rootfs "$root" -- \
	sh -c 'sed -n "s/^CapEff:.//p" /proc/self/status'
user_gives "one id: nothing of the host can be mounted" 1 --rootfs "$root" -- sh -c 'mount -t tmpfs x /tmp 2>/dev/null; echo $?'
tar -C "$root" -czf "$test_dir/root.tar.gz" .
chmod 644 "$test_dir/root.tar.gz"
user_gives "one id: --image" "0 0" --image "$test_dir/root.tar.gz" -- stat -c '%u %g' /bin/busybox

# --- a range ------------------------------------------------------------------------------------------------------------------------------

# A file put into the nested tests' machine is nobody's to run it as
[ "$(hostname)" != outer ] || chmod u+s "$(command -v newuidmap)" "$(command -v newgidmap)"
if [ -u "$(command -v newuidmap)" ]; then
	echo "ctruser:300000:65536" >"$test_dir/subuid"
	echo "ctruser:300000:65536" >"$test_dir/subgid"
	user_gives "a range: the map" "0 $uid 1 1 300000 65536" --rootfs "$root" -- sh -c 'echo $(cat /proc/self/uid_map)'
	user_gives "a range: another user" "uid=1000(user) gid=1000(user) groups=5(tty)" --rootfs "$root" --user user -- id
	user_gives "a range: files can be given away" 1000 --rootfs "$root" -- sh -c 'touch /f; chown 1000:1000 /f; stat -c %u /f'
	user --rootfs "$root" --user 70000 -- true
	same "a range: nobody beyond it" 125 "$status"
	user_gives "a range: owners of an archive" "1000 1000" --image "$test_dir/root.tar.gz" -- \
		sh -c 'touch /g; chown 1000:1000 /g; stat -c "%u %g" /g'
else
	skip "a subordinate range" "newuidmap (package uidmap) is not installed, or not setuid"
fi

# --- root's own --------------------------------------------------------------------------------------------------------------------------

: >"$test_dir/subuid"
ctr --rootfs "$root" --net none --userns -- true
same "--userns without a range" 125 "$status"
matches "--userns: says what to add" "root:1000000:65536.*/etc/subuid" "$errors"
echo "root:1000000:65536" >"$test_dir/subuid"
echo "root:1000000:65536" >"$test_dir/subgid"
ctr --rootfs "$root" --net none --userns -- sh -c 'echo $(cat /proc/self/uid_map) $(stat -c %u /bin/busybox)'
same "--userns: the map, and the image is root's" "0 1000000 65536 0" "$output"
same "--userns: nothing of it was changed" 0 "$(stat -c %u "$root/bin/busybox")"
ctr --rootfs "$root" --net none --userns --keep -- sh -c 'touch /made; stat -c %u /made'
same "--userns --keep: root inside writes as root outside" "0 0" "$output $(stat -c %u "$root/made")"
rm -f "$root/made"

# --- what is refused ------------------------------------------------------------------------------------------------------------------------

user --rootfs "$root" --isolation chroot -- true
same "chroot takes root" 2 "$status"
user --rootfs "$root" --memory 64M -- true
matches "a limit without a group of one's own" '125 .*systemd-run' "$status $errors"
user --rootfs "$root" --memory 64M --best-effort -- echo on
same "--best-effort goes on" "0 on" "$status $output"
matches "--best-effort says so" 'warning' "$errors"
exit "$test_status"
