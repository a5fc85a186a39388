#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_files.sh TINYVMM: the verbs that deal with a kept container's files: copy, snapshot, restore, export, import. The same for root, for root's
# --userns, for an ordinary user with subordinate ids and for one without, who are made for the test as in test_user.sh.
# shellcheck disable=SC2016 # expansions are the container's
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC2034 # for lib.sh
own_mounts="files of kept containers: making a user takes root"
# shellcheck source=tests/ctr/lib.sh
. tests/ctr/lib.sh

cp "$(command -v "${1:-$TINYVMM}")" "$test_dir/tinyvmm"
tinyvmm=$test_dir/tinyvmm
root=$test_dir/root
make_root "$root"
mkdir "$root/opt"
echo old >"$root/opt/old"
make_user 54321
cp -r "$root" "$test_dir/own"
chown -R "$uid:$uid" "$test_dir/own"

# Control groups are the host's, whatever the store: other tests may run beside this one.
me=files$$
# What the verbs are run by, and where; set for each round.
runner=()
place=
as_user=(setpriv --reuid "$uid" --regid "$uid" --clear-groups)

# verb VERB ARG...: captures what it gives.
verb() {
	capture "${runner[@]}" env HOME="$place" XDG_STATE_HOME="$place/state" XDG_CACHE_HOME="$place" timeout -k 5 60 "$tinyvmm" ctr "$@" </dev/null
}
# works NAME VERB ARG...
works() {
	local name=$1
	shift
	verb "$@"
	same "$round: $name" "0 " "$status $errors"
}
# runs NAME: starts it and waits for its end.
runs() {
	verb start "$1"
	[ "$status" = 0 ] || printf '# start %s: %s\n' "$1" "$errors"
	verb wait "$1"
}

# listing ARCHIVE: all that it holds, one a line: kind, mode, owner, size, names, time, link, attributes, contents.
listing() {
	local dir=$test_dir/unpacked
	rm -rf "$dir" && mkdir "$dir"
	tar -C "$dir" --numeric-owner --xattrs --xattrs-include='user.*' --xattrs-include=security.capability -xf "$1" || echo "tar: $?"
	(
		cd "$dir" && find . -type d -printf '%p %y %m %U %G %T@\n' -o -printf '%p %y %m %U %G %s %n %T@ %l\n' | sort
		find . -type f -links 1 -print0 | sort -z | xargs -0 sha256sum
		# Names of one file, whichever is first
		find . -type f -links +1 -printf '%i %p\n' | sort | awk '$1 == last { printf " %s", $2 } $1 != last { printf "\n%s", $2; last = $1 }' | sort
		command -v getfattr >/dev/null && find . -type f -print0 | sort -z | xargs -0 getfattr -h -d -m '^(user|security.capability)' 2>/dev/null
	)
	rm -rf "$dir"
}
# differs A B: the first lines in which two listings differ
differs() { diff "$1" "$2" | head -n 5; }

# What the containers do: first one state of their files, and from then on another.
script='if [ ! -e /mark ]; then
	echo one >/mark; mkdir -p /made/deep; echo x >/made/deep/file; ln /made/deep/file /made/name; ln -s deep/file /made/link
	mkfifo /made/fifo; truncate -s 5000000 /made/sparse; chmod 4750 /made/deep/file; chown -h 1000:1001 /made/deep /made/link 2>/dev/null
	chmod 0 /made/deep; rm /bin/yes /bin/tac; rm -r /opt; mkdir /opt; touch -d 2001-02-03 /made/fifo
	mkdir /many; for i in $(seq 60); do echo one >/many/$i; done
else
	echo two >/mark; rm -rf /made; for i in $(seq 60); do echo two >/many/$i; done; echo new >/bin/tac
fi'

# marks NAME: in how many states its files are, and how many those are.
marks() { cat "$place/state/tinyvmm/ctr/$1/$2"/many/* | sort | uniq -c | tr -s ' ' | tr '\n' ' '; }

# all_of_it ROUND OWNER CREATE-OPTION...: OWNER is what the file given away belongs to
all_of_it() {
	round=$1
	local owner=$2 dir
	shift 2
	place=$test_dir/in-${round// /-}
	mkdir "$place"
	chmod 755 "$place"
	[ ${#runner[@]} = 0 ] || chown "$uid:$uid" "$place"
	dir=$place/state/tinyvmm/ctr

	works "create" create $me-box "$@" --net none -- sh -c "$script"
	verb snapshot $me-box
	same "$round: a snapshot of nothing" "0 snap0" "$status $output"
	runs $me-box
	same "$round: the container did it" 0 "$status"
	works "export" export $me-box "$place/one.tar"
	listing "$place/one.tar" >"$place/one"
	same "$round: an export's owner and mode" "600 $(stat -c %u "$place")" "$(stat -c '%a %u' "$place/one.tar")"
	same "$round: what was removed is not in it" 0 "$(grep -cE '/(yes|tac|old) |\.wh\.' "$place/one")"
	same "$round: what was not is" 1 "$(grep -c '^./bin/busybox f' "$place/one")"
	same "$round: owners as the container sees them" "d 0 $owner" "$(awk '$1 == "./made/deep" { print $2, $3, $4, $5 }' "$place/one")"
	same "$round: a link's owner" "l $owner" "$(awk '$1 == "./made/link" { print $2, $4, $5 }' "$place/one")"
	same "$round: setuid, and two names" "f 4750 0 0 2 2" "$(awk '$1 == "./made/deep/file" && $2 == "f" { print $2, $3, $4, $5, $6, $7 }' "$place/one")"
	check "$round: holes take no space" test "$(stat -c %s "$place/one.tar")" -lt 4000000

	verb snapshot $me-box
	same "$round: a snapshot" "0 snap1" "$status $output"
	refuses "a snapshot's name is there once" 1 "has a snapshot 'snap1' already" snapshot $me-box snap1
	runs $me-box
	works "a snapshot with a name" snapshot $me-box second
	works "export of another state" export $me-box "$place/two.tar"
	listing "$place/two.tar" >"$place/two"
	same "$round: it is another" 1 "$(cmp -s "$place/one" "$place/two" || echo 1)"
	same "$round: the other's files" " 60 two " "$(marks $me-box upper)"
	verb snapshot $me-box --list
	same "$round: a list of them" "0 second snap0 snap1 " "$status $(awk '{ print $1 }' <<<"$output" | tr '\n' ' ')"

	works "restore" restore $me-box snap1
	works "export again" export $me-box "$place/again.tar"
	listing "$place/again.tar" >"$place/again"
	same "$round: all is as it was" "" "$(differs "$place/one" "$place/again")"
	same "$round: nor is it one" "./opt d" "$(awk '$1 ~ "^./opt" { print $1, $2 }' "$place/again")"
	runs $me-box
	same "$round: and runs on from there" " 60 two " "$(marks $me-box upper)"
	works "restore to the beginning" restore $me-box snap0
	same "$round: where there was nothing" 1 "$(find "$dir/$me-box/upper" | wc -l)"
	runs $me-box
	same "$round: it begins again" " 60 one " "$(marks $me-box upper)"
	works "a snapshot is deleted" snapshot $me-box snap0 --delete
	refuses "and then is none" 1 "has no snapshot 'snap0': did you mean 'snap1'" restore $me-box snap0

	works "copy" copy $me-box $me-twin
	works "export of a copy" export $me-twin "$place/twin.tar"
	listing "$place/twin.tar" >"$place/twin"
	works "export of the first" export $me-box "$place/box.tar"
	listing "$place/box.tar" >"$place/box"
	same "$round: a copy is the same" "" "$(differs "$place/box" "$place/twin")"
	runs $me-twin
	same "$round: each has its own" " 60 one   60 two " "$(marks $me-box upper) $(marks $me-twin upper)"
	refuses "a copy needs a new name" 1 'one of this name' copy $me-box $me-twin
	refuses "and a good one" 2 'takes up to 63' copy $me-box ../twin

	works "import" import $me-back "$place/one.tar" "${import_options[@]}" --net none -- sh -c "$script"
	works "export of an import" export $me-back "$place/back.tar"
	listing "$place/back.tar" >"$place/back"
	same "$round: there and back" "" "$(differs "$place/one" "$place/back")"
	verb snapshot $me-back
	runs $me-back
	same "$round: an import runs" " 60 two " "$(marks $me-back root)"
	works "restore of an import" restore $me-back snap0
	same "$round: it is as it was imported" " 60 one " "$(marks $me-back root)"
	works "copy of an import" copy $me-back $me-back2
	mv "$place/one.tar" "$place/layer"
	works "its archive is not needed any more" export $me-back2 "$place/back.tar"
	listing "$place/back.tar" >"$place/back"
	same "$round: there and back and copied" "" "$(differs "$place/one" "$place/back")"
	same "$round: no halves, no locks of commands" "" "$(find "$dir" -mindepth 1 -maxdepth 3 -name '.[!l]*' | head -n 3)"
}

# --- the same for all -----------------------------------------------------------------------------------------------------------------------

import_options=()
all_of_it "root" "1000 1001" --rootfs "$root"

# --- what one of them shows for all ----------------------------------------------------------------------------------------------------------

dir=$place/state/tinyvmm/ctr
for ending in tar.gz tgz tar.xz tar.zst; do
	works "export to $ending" export $me-box "$place/x.$ending"
	if [ "$ending" = tar.zst ] && ! command -v zstd >/dev/null; then
		skip "tar.zst is the same" "no zstd, which tar runs"
		continue
	fi
	listing "$place/x.$ending" >"$place/x"
	same "root: $ending is the same" "" "$(differs "$place/box" "$place/x")"
done
"${runner[@]}" env XDG_STATE_HOME="$place/state" "$tinyvmm" ctr export $me-box - 2>&1 >"$place/x.tar" | sed 's/^/# /'
listing "$place/x.tar" >"$place/x"
same "root: standard output" "" "$(differs "$place/box" "$place/x")"
refuses "a name that says nothing" 2 'takes one that ends in .tar' export $me-box "$place/x.zip"
mkdir "$place/dir.tar"
refuses "a directory is not replaced" 1 'Is a directory' export $me-box "$place/dir.tar"
mkfifo "$place/fifo.tar"
refuses "nor is a fifo" 1 'no file' export $me-box "$place/fifo.tar"
refuses "no such directory" 1 'No such file' export $me-box "$place/none/x.tar"
echo mine >"$place/mine.tar"
(
	ulimit -f 100
	verb export $me-box "$place/mine.tar"
	exit "$status"
)
same "root: an export that fails" "1 mine" "$? $(cat "$place/mine.tar")"
same "root: and leaves nothing" "" "$(find "$place" -maxdepth 1 -name '.*tinyvmm*')"
refuses "nothing that is not there" 1 'none of this name' export nobody "$place/mine.tar"
refuses "nor an archive that is not there" 1 'No such file' import other "$place/none.tar"
refuses "an archive of nothing" 1 'mine.tar' import other "$place/mine.tar"
verb list
same "root: and no container of it is left" 0 "$(grep -c other <<<"$output")"
refuses "import says what it takes" 2 'NAME FILE' import other
verb import --help
matches "root: import --help" '^0 .*NAME FILE' "$status $output"
verb snapshot $me-box --list --delete
same "root: --list is alone" 2 "$status"

# What the image says of its command is in the description
mkdir "$place/image" && sum=$(sha256sum "$place/layer" | cut -d' ' -f1) && mv "$place/layer" "$place/image/$sum.tar"
printf '{"architecture":"%s","os":"linux","config":{"Env":["A=image","B=image"],"Entrypoint":["sh"],"Cmd":["-c","echo $A $B $PWD"],"WorkingDir":"/var"}}' \
	"$(uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/')" >"$place/image/config.json"
printf '[{"Config":"config.json","Layers":["%s.tar"]}]' "$sum" >"$place/image/manifest.json"
(cd "$place/image" && tar -cf ../image.tar -- *)
works "create of an image" create $me-imaged --image "$place/image.tar" --env B=mine --net none
rm "$place/image.tar"
# A file size limit: by the file's name, and nothing is kept
truncate -s 3M "$place/large" && tar -C "$place" -cf "$place/large.tar" large && rm "$place/large"
ulimit -S -f 1024
verb create $me-large --image "$place/large.tar"
ulimit -S -f unlimited
same "root: an image with a file above the limit" "1 tinyvmm: $place/large.tar: cannot unpack large: File too large" "$status $errors"
verb info $me-large
same "root: no container comes of it" "1 tinyvmm: container '$me-large': there is none of this name ('tinyvmm ctr list')" "$status $errors"
rm "$place/large.tar"
runs $me-imaged
verb logs $me-imaged
same "root: its command, variables and directory" "image mine /var" "$(tr -d '\r' <<<"$output")"

# Running ones stay alone
works "create" create $me-busy --rootfs "$root" --net none -- sleep 1000
works "start" start $me-busy
refuses "a running one is not copied" 1 "is running.*stop $me-busy" copy $me-busy $me-busier
refuses "nor is there a snapshot of it" 1 'is running' snapshot $me-busy
refuses "nor is one restored" 1 'is running' restore $me-busy x
refuses "nor exported" 1 'is running' export $me-busy "$place/busy.tar"
works "stop" stop $me-busy --timeout 1

# Writes that are nowhere of its own
cp -r "$root" "$place/kept"
works "create with --keep" create $me-keeper --rootfs "$place/kept" --keep --net none -- sh -c 'echo kept >/kept'
refuses "its writes are not its own" 1 'keep.*copy its --rootfs' snapshot $me-keeper
runs $me-keeper
works "export with --keep" export $me-keeper "$place/keeper.tar"
same "root: is what is there" kept "$(tar -xOf "$place/keeper.tar" kept)"

# A kill at any time leaves the one or the other, and the next command removes the rest
works "a restore" restore $me-box snap1
runs $me-box
works "a snapshot" snapshot $me-box other
for delay in 0.003 0.01 0.02 0.04 0.08; do
	for name in snap1 other; do
		env XDG_STATE_HOME="$place/state" timeout -s KILL $delay "$tinyvmm" ctr restore $me-box "$name"
		marks $me-box upper
		echo
	done
done >"$place/marks" 2>/dev/null
same "root: a killed restore leaves old or new" "" "$(grep -vE '^ 60 (one|two) $' "$place/marks")"
works "the next restore" restore $me-box snap1
same "root: removes what is left" " 60 one  0" "$(marks $me-box upper) $(find "$dir/$me-box" -mindepth 1 -maxdepth 2 -name '.*' | wc -l)"

# A disk image below
if command -v mke2fs >/dev/null && mke2fs -q -t ext4 -d "$root" "$place/disk.img" 64M >/dev/null 2>&1; then
	works "create of a disk" create $me-disk -d "$place/disk.img" --net none -- sh -c 'echo disk >/mark; rm /bin/yes'
	runs $me-disk
	works "export of a disk" export $me-disk "$place/disk.tar"
	same "root: what it wrote" disk "$(tar -xOf "$place/disk.tar" mark)"
	same "root: and what is below" "bin/busybox" "$(tar -tf "$place/disk.tar" | grep -E '^bin/(busybox|yes)$')"
else
	skip "export of a disk" "no mke2fs"
fi

# --- and for others --------------------------------------------------------------------------------------------------------------------------

echo "root:1000000:65536" >"$test_dir/subuid"
echo "root:1000000:65536" >"$test_dir/subgid"
import_options=(--userns)
all_of_it "root with --userns" "1000 1001" --rootfs "$root" --userns

import_options=()
runner=("${as_user[@]}")
: >"$test_dir/subuid"
all_of_it "one id" "0 0" --rootfs "$test_dir/own"

# A file put into the nested tests' machine is nobody's to run it as
[ "$(hostname)" != outer ] || chmod u+s "$(command -v newuidmap)" "$(command -v newgidmap)"
if [ -u "$(command -v newuidmap)" ]; then
	echo "ctruser:300000:65536" >"$test_dir/subuid"
	echo "ctruser:300000:65536" >"$test_dir/subgid"
	all_of_it "a range" "1000 1001" --rootfs "$test_dir/own"
else
	skip "a subordinate range" "newuidmap (package uidmap) is not installed, or not setuid"
fi
same "no mount is left" 0 "$(grep -c "$test_dir" /proc/mounts)"
same "no control group is left" "" "$(find /sys/fs/cgroup -type d -name "$me-*" 2>/dev/null)"
same "no loop device is left" 0 "$(losetup -a 2>/dev/null | grep -c "$test_dir")"
exit "$test_status"
