#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_disk.sh TINYVMM: disk images without the right to mount them (fuse2fs), and whose the files of binds are. For an ordinary user with and without
# subordinate ids, who is made for the test as in test_user.sh, and for root with --userns and without loop devices.
# shellcheck disable=SC2016 # expansions are the container's
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC2034 # for lib.sh
own_mounts="disk images of ordinary users: making a user takes root"
# shellcheck source=tests/ctr/lib.sh
. tests/ctr/lib.sh

cp "$(command -v "${1:-$TINYVMM}")" "$test_dir/tinyvmm"
tinyvmm=$test_dir/tinyvmm
root=$test_dir/root
make_root "$root"
echo old >"$root/theirs"
chown 1000:1001 "$root/theirs"
chmod 640 "$root/theirs"
# A number that no other test's user has: what it runs is counted
make_user 54399
root_range
mkdir "$test_dir/home"
chown "$uid:$uid" "$test_dir/home"
[ "$(hostname)" != outer ] || chmod u+s "$(command -v newuidmap)" "$(command -v newgidmap)"
case_of=
as_user=(setpriv --reuid "$uid" --regid "$uid" --clear-groups)
runner=()

# disk VERB ARG...: captures what it gives.
disk() {
	capture "${runner[@]}" env HOME="$test_dir/home" XDG_CACHE_HOME="$test_dir/home" XDG_STATE_HOME="$test_dir/home/${runner[0]:-root}" \
		timeout -k 5 60 "$tinyvmm" ctr "$@" </dev/null
}
# disk_gives NAME EXPECTED ARG...: status, output, and what was said on standard error, which is nothing
disk_gives() {
	local name=$1 expected=$2
	shift 2
	disk run --net none "$@"
	same "$case_of: $name" "0 $expected " "$status $output $errors"
}
# disk_fails NAME STATUS REGEX ARG...
disk_fails() {
	disk run --net none "${@:4}"
	failed "$case_of: $1" "$2" "$3"
}
# of_disk FORMAT PATH: of a file in the image, as it is there: uid, gid, mode
of_disk() { debugfs -R "stat $2" "$1" 2>/dev/null | tr -s '\n ' ' ' | sed -E 's/.*Mode: *([0-7]+).*User: *([0-9]+) *Group: *([0-9]+).*/\2 \3 \1/'; }
# servers: every fuse2fs that has an image of this test's open
servers() {
	local file fd
	for file in /proc/[0-9]*/exe; do
		[[ $(readlink "$file") == */fuse2fs ]] || continue
		for fd in "${file%exe}"fd/*; do
			[[ $(readlink "$fd") == "$test_dir"/* ]] && basename "${file%/exe}" && break
		done
	done
}
# shellcheck disable=SC2317 # called by wait_until
no_servers() { [ -z "$(servers)" ]; }

# --- binds ------------------------------------------------------------------------------------------------------------------------------------

mkdir "$test_dir/shared"
echo mine >"$test_dir/shared/ours"
echo yours >"$test_dir/shared/theirs"
chown 1000:1001 "$test_dir/shared/theirs"
chmod 700 "$test_dir/shared"
case_of="a bind, root"
owners='stat -c "%u %g" /x/ours /x/theirs | tr "\n" " "'
disk_gives "owners" "0 0 1000 1001 " --rootfs "$root" --bind "$test_dir/shared:/x" -- sh -c "$owners"
case_of="a bind, --userns"
disk_gives "owners" "0 0 1000 1001 " --userns --rootfs "$root" --bind "$test_dir/shared:/x" -- sh -c "$owners"
disk_gives "what is written" "7 9" --userns --rootfs "$root" --bind "$test_dir/shared:/x:idmap" -- \
	sh -c 'echo >/x/new; chown 7:9 /x/new; echo $(stat -c "%u %g" /x/new)'
same "$case_of: whose it is outside" "7 9" "$(stat -c '%u %g' "$test_dir/shared/new")"
disk_fails "read-only" 1 'Read-only' --userns --rootfs "$root" --bind "$test_dir/shared:/x:ro,idmap" -- touch /x/no
disk_gives "a file" mine --userns --rootfs "$root" --bind "$test_dir/shared/ours:/x" -- cat /x
# A file system that can't have it
disk_gives "none to be had" 65534 --userns --rootfs "$root" --bind /sys/kernel:/x -- stat -c %u /x
disk_fails "none to be had, demanded" 125 '/sys/kernel: its files can.t be mapped' --userns --rootfs "$root" --bind /sys/kernel:/x:idmap -- true
disk_fails "nothing there" 125 'none:/x: No such file' --userns --rootfs "$root" --bind "$test_dir/none:/x" -- true
# Mounts inside are not seen outside, whatever is shared there
mkdir "$test_dir/peers"
mount -t tmpfs peers "$test_dir/peers"
mount --make-shared "$test_dir/peers"
cp -a "$root/." "$test_dir/peers"
mkfifo "$test_dir/go"
timeout 60 "$tinyvmm" ctr run --net none --userns --rootfs "$test_dir/peers" --keep -- sh -c 'echo up; read x' <"$test_dir/go" >"$test_dir/up" &
exec 7>"$test_dir/go"
wait_until 20 test -s "$test_dir/up"
same "$case_of: no mount of its is outside" 1 "$(grep -c "$test_dir/peers" /proc/mounts)"
exec 7>&-
wait
kept() { XDG_STATE_HOME=$test_dir/peers/state timeout 20 "$tinyvmm" ctr "$@"; }
kept create box-$$ --net none --userns --rootfs "$root" -- sleep 1000
kept start box-$$
same "$case_of: nor of one that is kept" "0 1" "$? $(grep -c "$test_dir/peers" /proc/mounts)"
kept delete --force box-$$
# With what is mounted in it where that failed: it must not be there when this test's directory is removed
umount -l "$test_dir/peers"
case_of="a bind, a user"
runner=("${as_user[@]}")
disk_gives "is plain" "65534" --rootfs "$root" --bind "/etc/passwd:/x" -- stat -c %u /x
disk_fails "its owners can't be mapped" 2 'idmap: takes root' --rootfs "$root" --bind "/etc/passwd:/x:idmap" -- true

# --- what it takes ----------------------------------------------------------------------------------------------------------------------------

fuse2fs=$(command -v fuse2fs)
if [ -z "$fuse2fs" ] || ! grep -qw fuse /proc/filesystems; then
	skip "disk images of ordinary users" "no fuse2fs (package fuse2fs), or a kernel without FUSE"
	exit "$test_status"
fi
# As udev makes it nearly everywhere
mkdir "$test_dir/dev"
mount -t tmpfs -o mode=755 dev "$test_dir/dev"
mknod -m 600 "$test_dir/dev/fuse" c 10 229
mount --bind "$test_dir/dev/fuse" /dev/fuse
# shellcheck disable=SC2317 # called at the end
no_dev() { umount /dev/fuse "$test_dir/dev"; }
at_end+=(no_dev)
image=$test_dir/home/disk.img
mke2fs -q -t ext4 -d "$root" "$image" 16M
chown "$uid" "$image"
chmod 600 "$image"

case_of="a user"
disk_fails "/dev/fuse that is closed" 125 'disk.img: fuse2fs can.t mount it: .*/dev/fuse.*debugfs' -d "$image" -- true
chmod 666 "$test_dir/dev/fuse"
mount --bind /dev/null "$fuse2fs"
disk_fails "no fuse2fs" 125 'fuse2fs can.t mount it: Permission denied.*takes that package.*debugfs' -d "$image" -- true
umount "$fuse2fs"
truncate -s 1M "$test_dir/home/empty"
disk_fails "nothing in it" 125 'no root file system' -d "$test_dir/home/empty" -- true
mkfs.minix "$test_dir/home/empty" >/dev/null 2>&1 &&
	disk_fails "another file system" 125 'its minix file.*take root and a loop device' -d "$test_dir/home/empty" -- true
chmod 444 "$image"
disk_fails "one that can't be written" 125 'disk.img: Permission denied' -d "$image" --keep -- true

# --- as it is used ------------------------------------------------------------------------------------------------------------------------------

# round NAME OWNERS OPTION...: OWNERS is whose the file of 1000:1001 is inside
round() {
	case_of=$1
	local owners=$2 before after=0
	shift 2
	before=$(cksum <"$image")
	disk_gives "owners and modes" "0 0 755 $owners 640 " "$@" -d "$image" -- sh -c 'stat -c "%u %g %a" /bin /theirs | tr "\n" " "'
	disk_gives "what is written is there" "old new $owners" "$@" -d "$image" -- \
		sh -c 'echo new >>/theirs; rm /bin/yes; mkdir /bin/d; echo $(cat /theirs; stat -c "%u %g" /theirs)'
	disk_fails "--read-only" 1 'Read-only' "$@" -d "$image" --read-only -- touch /x
	same "$case_of: nothing of it stays" "$before" "$(cksum <"$image")"
	disk_gives "setuid programs count" 0 "$@" -d "$image" --keep --no-new-privs off -- sh -c 'grep " / " /proc/mounts | grep -c nosuid; true'
	disk_gives "fuse2fs is not inside" "0" "$@" -d "$image" -- sh -c 'cat /proc/[0-9]*/comm | grep -c fuse2fs; true'
	disk_gives "--keep" "in $owners" "$@" -d "$image" --keep -- sh -c 'echo in >/kept; chown 1000:1001 /kept 2>/dev/null; chmod 4750 /kept
		dd if=/dev/zero of=/large bs=1M count=2 2>/dev/null; rm /bin/tac 2>/dev/null; echo $(cat /kept; stat -c "%u %g" /kept)'
	same "$case_of: --keep, from outside" "in $owners 04750" "$(debugfs -R 'cat /kept' "$image" 2>/dev/null) $(of_disk "$image" /kept)"
	e2fsck -fn "$image" >/dev/null 2>&1 || after=$?
	same "$case_of: --keep leaves it whole" "0 $uid" "$after $(stat -c %u "$image")"
	same "$case_of: nobody is left" "" "$(servers)"
}
chmod 600 "$image"
round "one id" "0 0"
mke2fs -q -F -t ext4 -d "$root" "$image" 16M
echo "ctruser:300000:65536" | tee -a "$test_dir/subuid" >>"$test_dir/subgid"
if [ -u "$(command -v newuidmap)" ]; then
	round "a range" "1000 1001"
else
	skip "a subordinate range" "newuidmap (package uidmap) is not installed, or not setuid"
fi

case_of="a user"
# A partition of it: an MBR with one, at 1 MiB
truncate -s 1M "$test_dir/home/parted"
printf '\0\0\0\0\x83\0\0\0\0\x08\0\0\0\x80\0\0' | dd of="$test_dir/home/parted" bs=1 seek=446 conv=notrunc 2>/dev/null
printf '\x55\xaa' | dd of="$test_dir/home/parted" bs=1 seek=510 conv=notrunc 2>/dev/null
cat "$image" >>"$test_dir/home/parted"
disk_gives "a partition" "root:x:0:0:root:/root:/bin/sh" -d "$test_dir/home/parted" -- head -n 1 /etc/passwd

# Kept ones
disk create box -d "$image" --net none -- sh -c 'echo more >>/log; cat /log'
same "$case_of: create" "0 " "$status $errors"
for lines in 1 2; do
	disk start box
	same "$case_of: start $lines" "0 " "$status $errors"
	disk wait box
done
disk export box "$test_dir/home/box.tar"
same "$case_of: export" "0 " "$status $errors"
same "$case_of: what it wrote, and what is below" "$(printf 'more\nmore')old" \
	"$(tar -xOf "$test_dir/home/box.tar" log)$(tar -xOf "$test_dir/home/box.tar" theirs)"
disk delete box
same "$case_of: nobody is left" "" "$(servers)"

# started OPTION...: a container that waits, with $pid for its tinyvmm
started() {
	: >"$test_dir/up"
	exec 7>&-
	"${runner[@]}" env HOME="$test_dir/home" "$tinyvmm" ctr run --net none "$@" <"$test_dir/go" >"$test_dir/up" 2>"$test_dir/said" &
	pid=$!
	exec 7>"$test_dir/go"
	wait_until 20 test -s "$test_dir/up"
}
hold='dd if=/dev/zero of=/held bs=1M count=2 2>/dev/null; echo up; read x'

# One image, several programs
started -d "$image" -- sh -c "$hold"
disk_gives "readers don't mind each other" ok -d "$image" -- echo ok
disk_fails "a writer minds a reader" 125 'another program has it open' -d "$image" --keep -- true
runner=()
if [ -e /dev/loop-control ]; then
	case_of="root"
	disk_gives "reads with a user" ok -d "$image" -- echo ok
	disk_fails "does not write to what a user reads" 125 'another program has it open' -d "$image" --keep -- true
fi
runner=("${as_user[@]}")
# A kill of tinyvmm takes all along
kill -9 "$pid"
wait "$pid" 2>/dev/null
case_of="killed"
check "$case_of: nobody is left" wait_until 10 no_servers
started -d "$image" --keep -- sh -c "$hold"
# Who asks all to end, as systemd does, first asks the container
server=$(servers)
check "$case_of: there was somebody" kill -TERM "$server"
disk_fails "a reader minds a writer" 125 'another program has it open' -d "$image" -- true
kill -9 "$pid"
wait "$pid" 2>/dev/null
check "$case_of: nobody is left of a writer" wait_until 10 no_servers
status=0
e2fsck -fn "$image" >/dev/null 2>&1 || status=$?
same "$case_of: the image is whole" "0 2097152" "$status $(debugfs -R 'stat /held' "$image" 2>/dev/null | sed -n 's/^User.*Size: //p')"
# fuse2fs itself
started -d "$image" -- sh -c "$hold"
server=$(servers)
kill -9 "${server:-none}"
exec 7>&-
status=0
wait "$pid" || status=$?
matches "$case_of: fuse2fs is missed" 'fuse2fs was ended by signal 9' "$(<"$test_dir/said")"

# Ones that are broken: whatever comes of it, it comes to an end
case_of="broken"
for offset in 2 3 70 100 140; do
	cp "$image" "$test_dir/home/broken"
	dd if=/dev/urandom of="$test_dir/home/broken" bs=1024 seek=$offset count=40 conv=notrunc 2>/dev/null
	chown "$uid" "$test_dir/home/broken"
	disk run --net none -d "$test_dir/home/broken" -- sh -c 'cat /*; ls /*/*; echo end' >/dev/null
	check "$case_of: it ends, at $offset (status $status)" test "$status" -ne 124 -a "$status" -ne 137
done
debugfs -w -R "feature +needs_recovery" "$image" >/dev/null 2>&1
refused='fuse2fs can.t mount it: .*e2fsck.*debugfs'
disk_fails "not unmounted in order" 125 "$refused" -d "$image" -- true
# Who may write can recover it, since e2fsprogs 1.47.1
version=$(debugfs -V 2>&1 | sed -n 's/^debugfs \([0-9.]*\).*/\1/p')
if [ "$(printf '%s\n' 1.47.1 "$version" | sort -V | head -n 1)" = 1.47.1 ]; then
	disk_gives "not unmounted in order, --keep" recovered -d "$image" --keep -- echo recovered
	same "$case_of: and then it is in order" 0 "$(dumpe2fs -h "$image" 2>/dev/null | grep -c needs_recovery)"
else
	disk_fails "not unmounted in order, --keep" 125 "$refused" -d "$image" --keep -- true
fi
check "$case_of: nobody is left" wait_until 10 no_servers

# --- root without loop devices ------------------------------------------------------------------------------------------------------------------

runner=()
if [ -e /dev/loop-control ]; then
	mount --bind /dev/null /dev/loop-control
	mke2fs -q -F -t ext4 -d "$root" "$image" 16M
	chown 0 "$image"
	uid=0
	round "root, no loop" "1000 1001"
	round "root, no loop, --userns" "1000 1001" --userns
	disk create box -d "$image" --net none -- true
	disk export box "$test_dir/home/root.tar"
	same "$case_of: export" "0  old" "$status $errors $(tar -xOf "$test_dir/home/root.tar" theirs 2>&1)"
	disk delete box
	umount /dev/loop-control
else
	skip "root without loop devices" "there are none to hide"
fi
same "no mount is left" 0 "$(awk '$2 ~ dir' dir="^$test_dir/(home|root)" /proc/mounts | wc -l)"
same "no loop device is left" 0 "$(losetup -a 2>/dev/null | grep -c "$test_dir")"
exit "$test_status"
