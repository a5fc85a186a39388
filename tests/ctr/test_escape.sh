#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_escape.sh TINYVMM: ways out of a container that root tries from inside. What attempt.c can try, it tries outside first: where that does not
# come through (this kernel has no such thing), a failure inside says nothing, and it is skipped.
# shellcheck disable=SC2016 # expansions are the container's
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC2034 # for lib.sh
own_mounts="ways out of a container: trying them takes root"
# shellcheck source=tests/ctr/lib.sh
. tests/ctr/lib.sh
tinyvmm=${1:-$TINYVMM}
attempt=$(helper attempt) || { skip "ways out of a container" "no program to try them with (make tests-ctr), and no compiler" && exit; }
root=$test_dir/root
make_root "$root"
cp "$attempt" "$root/bin/attempt"
secret=$test_dir/secret
echo secret >"$secret"
mkdir "$test_dir/shared" "$test_dir/outside"

# --- outside ---------------------------------------------------------------------------------------------------------------------------------

sleep 1000 &
sleeper=$!
"$attempt" listen "tinyvmm-$$" >"$test_dir/listening" &
listener=$!
# shellcheck disable=SC2317 # called by name
stop_others() { kill "$sleeper" "$listener" 2>/dev/null; }
at_end+=(stop_others)
wait_until 20 grep -q listening "$test_dir/listening"
: >"$test_dir/uts"
mount --bind /proc/self/ns/uts "$test_dir/uts"
# shellcheck disable=SC2317 # called by name
release_uts() { umount "$test_dir/uts"; }
at_end+=(release_uts)
# Subordinate ids for --userns
own_etc subuid subgid
root_range

# What the root is on: a device's numbers and the type of its file system
mounted=$(awk '$5 == "/" { for (i = 7; i < NF; i++) if ($i == "-") print $3 ":" $(i + 1) }' /proc/self/mountinfo | tail -n 1)
# A disk of the host's that this test may read whatever the root is on
# shellcheck disable=SC2317 # called by name
free_loop() { losetup -d "$loop"; }
disk=$mounted
truncate -s 1M "$test_dir/disk.img"
if loop=$(take_loop "$test_dir/disk.img"); then
	at_end+=(free_loop)
	disk=$(</sys/block/"${loop##*/}"/dev)
fi
hierarchies="none,name=tinyvmm-$$ $(sed 's/^[0-9]*:\([^:]*\):.*/\1/; /^$/d' /proc/self/cgroup | tr '\n' ' ')"

# --- what is tried -------------------------------------------------------------------------------------------------------------------------------

# try WHERE ATTEMPT WHAT. WHERE has a letter for each kind of container that this must not lead out of: d, as it is by default; f, without a
# filter of system calls; u, --userns; n, that without a filter; a, that with all capabilities, which bring back the calls they are for.
# What is there only inside can't be tried outside: -.
where=() tried=() what=()
try() {
	where+=("$1") tried+=("$2") what+=("$3")
}
try dfuna "disk=$disk" "the host's disk made as a node and read"
try dfuna character=1:11 "a node of the kernel's messages"
try dfuna "mount-disk=$mounted" "the host's file system mounted"
try dfun mount=tmpfs "a mount"
try dfun new-mount=tmpfs "a mount by fsopen (CVE-2022-0185)"
try dfun copy-mount=/ "a copy of a mount"
try -dfun remount=/proc/sys "/proc/sys made writable"
try -dfun setattr=/proc/sys "/proc/sys made writable by mount_setattr"
try -dfun uncover=/proc/keys "a masked file uncovered"
try du userns-mount=tmpfs "a mount, as root of a user namespace of its own"
try -dfun userns-uncover=/proc/keys "a masked file uncovered, as root of a user namespace of its own"
try -dfun userns-remount=/proc/sys "/proc/sys made writable, as root of a user namespace of its own"
try dfun userns-proc "a new procfs, as root of a user namespace of its own"
try du clone3 "a user namespace by clone3"
try dfuna "release_agent=$hierarchies" "release_agent written to (CVE-2022-0492)"
try dfuna write=/proc/sys/kernel/core_pattern "core_pattern written to"
try dfuna write=/proc/irq/default_smp_affinity "/proc/irq written to"
try dfuna write=/sys/kernel/mm/transparent_hugepage/enabled "/sys written to"
try dfuna write=/sys/fs/cgroup/cgroup.procs "its control group written to"
try dfuna "proc-links=$secret" "links in /proc to outside"
try dfuna "handle=$test_dir/shared $("$attempt" handle "$secret")" "a file of the host by its handle (shocker)"
try dfuna "kill=$sleeper" "a signal to a process of the host"
try dfuna "ptrace=$sleeper" "a process of the host traced"
try dfuna "memory=$sleeper" "memory of a process of the host read"
try dfuna "descriptor=$sleeper" "a descriptor of a process of the host taken"
try -dfun ptrace=1 "PID 1 traced"
try dfuna "setns=$test_dir/uts" "a namespace of the host joined"
try -dfuna parent-namespace=/proc/self/ns/pid "the PID namespace above it"
try -dfuna parent-namespace=/proc/self/ns/user "the user namespace above it"
try -dfun file-capabilities "capabilities from a program's file"
try dfuna module "a module loaded"
try dfuna finit-module "a module loaded from a file"
try dfuna kexec "another kernel loaded"
try dfuna swap "swap space added"
try dfuna accounting "accounting switched on"
try du messages "the kernel's messages read"
try dfuna clock "the clock set"
try dfuna ports "input and output ports"
try dfuna bpf "an eBPF program loaded"
try du perf "performance events of a whole processor"
try du io_uring "io_uring"
try du userfaultfd "userfaultfd"
try dfun i386 "unshare as a 32-bit call"
try dfun x32 "unshare as an x32 call"
try dfuna "abstract=tinyvmm-$$" "an abstract socket of the host's (CVE-2020-15257)"
try du socket=40:1 "a socket to the hypervisor"
try du socket=38:5 "a socket to the kernel's ciphers"
try dfun socket=17:3 "a socket for raw packets"

# result ATTEMPT TEXT: what a run of attempt says of it.
result() { awk -v name="$1: " 'substr($0, 1, length(name)) == name { print substr($0, length(name) + 1) }' <<<"$2"; }

# By index: what this host can't do at all.
not_here=()
try_outside() {
	local i all seen
	all=$(cd "$test_dir/outside" && "$attempt" "${tried[@]}")
	for i in "${!tried[@]}"; do
		seen=$(result "${tried[i]}" "$all")
		case ${where[i]}$seen in
		-* | *through) ;;
		*closed:*) not_here[i]=1 && skip "${what[i]}" "not outside either: ${seen#closed: }" ;;
		*) not_ok "${what[i]}: tried outside" ;;
		esac
	done
}

# closed LETTER NAME ARG...: nothing of what has this letter leads out of a container with these arguments.
closed() {
	local letter=$1 name=$2 names=() i seen
	shift 2
	for i in "${!tried[@]}"; do
		if [[ ${where[i]} == *$letter* ]] && [ -z "${not_here[i]:-}" ]; then
			names+=("${tried[i]}")
		fi
	done
	plain --bind "$test_dir/shared:$test_dir/shared" --bind "$test_dir/uts:$test_dir/uts" --workdir /tmp "$@" -- attempt "${names[@]}"
	for i in "${!tried[@]}"; do
		if [[ ${where[i]} == *$letter* ]] && [ -z "${not_here[i]:-}" ]; then
			seen=$(result "${tried[i]}" "$output")
			matches "closed $name: ${what[i]}" '^closed: ' "$seen"
			echo "# $seen"
		fi
	done
	[ "$status" = 0 ] || { not_ok "closed $name: all were tried" && printf '# status %s: %s\n' "$status" "$errors"; }
}

try_outside
closed d "by default"
closed f "without a filter" --seccomp off
closed u "with --userns" --userns
closed n "with --userns and no filter" --userns --seccomp off
closed a "with --userns and all capabilities" --userns --cap-add ALL

# --- with a capability more -------------------------------------------------------------------------------------------------------------------------

# one NAME ATTEMPT ARG...: the same for a single one.
one() {
	local name=$1 single=$2
	shift 2
	plain --workdir /tmp "$@" -- attempt "$single"
	matches "closed: $name" '^closed: ' "$(result "$single" "$output")"
	echo "# $output $errors"
}
one "MKNOD makes the disk's node, but can't open it" "disk=$disk" --cap-add MKNOD
matches "because the control group denies it" 'closed: open: Operation not permitted' "$output"
one "SYS_PTRACE finds nothing of the host's in /proc" "proc-links=$secret" --cap-add SYS_PTRACE
one "no capabilities from a program's file where privileges may be gained" file-capabilities --no-new-privs off

# --- a root in a root --------------------------------------------------------------------------------------------------------------------------------

ctr --rootfs "$root" --isolation chroot --workdir /tmp -- attempt "chroot=$secret"
same "the rung chroot: another root leads out, as its warning says" "chroot=$secret: through" "$output"
one "a root in the root, left by a descriptor" "chroot=$secret"
one "the same with --userns and all capabilities" "chroot=$secret" --userns --cap-add ALL

# --- keys and terminals of the caller ---------------------------------------------------------------------------------------------------------------

# with_key COMMAND...: with a key of the caller's, whose number stands for KEY.
with_key() { "$attempt" with-key sh -c 'for a; do shift; case $a in key=) a=key=$KEY ;; esac; set -- "$@" "$a"; done; exec "$@"' sh "$@"; }
if [[ $(cd "$test_dir/outside" && with_key "$attempt" key=) == *through ]]; then
	for filter in '' off; do
		matches "closed${filter:+ without a filter}: the caller's key read" 'closed: ' \
			"$(with_key "$tinyvmm" ctr run --rootfs "$root" --net none ${filter:+--seccomp off} --workdir /tmp -- attempt key=)"
	done
else
	skip "the caller's key read" "this kernel has no keyrings"
fi

# on_terminal COMMAND...: with a terminal for input alone, so that a container makes none of its own; what it printed.
on_terminal() {
	local command
	printf -v command '%q ' "$@"
	script -qec "$command >$test_dir/typed" /dev/null </dev/null >/dev/null
	cat "$test_dir/typed"
}
if ! command -v script >/dev/null; then
	skip "typing on the caller's terminal" "script is not installed"
elif [[ $(on_terminal sh -c 'cd "$1" && exec "$2" type' sh "$test_dir/outside" "$attempt") != *through ]]; then
	skip "typing on the caller's terminal" "this kernel lets nobody (sysctl dev.tty.legacy_tiocsti)"
else
	for filter in '' off; do
		matches "closed${filter:+ without a filter}: typing on the caller's terminal (CVE-2017-5226)" 'closed: ' \
			"$(on_terminal "$tinyvmm" ctr run --rootfs "$root" --net none ${filter:+--seccomp off} --workdir /tmp -- attempt type)"
	done
fi

# --- signals to all -----------------------------------------------------------------------------------------------------------------------------------

plain --seccomp off -- sh -c 'kill -9 -1; kill -9 -- -1; echo still here'
same "a signal to all reaches nobody outside" "still here yes" "$output $(kill -0 "$sleeper" && kill -0 "$listener" && echo yes)"

# --- paths that change -----------------------------------------------------------------------------------------------------------------------------------

# A directory that the host moves away from under a bind, while the container is in it: what is above it now is the host's.
mkdir -p "$test_dir/given/sub"
"$tinyvmm" ctr run --rootfs "$root" --net none --bind "$test_dir/given:/given" --workdir /given/sub -- sh -c '
	: >/given/ready
	until [ -e /given/moved ]; do usleep 10000; done
	cat ../secret ../../secret ../../../../../../../../"$1" 2>/dev/null || echo closed' sh "$secret" >"$test_dir/moved" &
container=$!
wait_until 30 test -e "$test_dir/given/ready"
mv "$test_dir/given/sub" "$test_dir/sub"
: >"$test_dir/given/moved"
wait "$container"
same "a directory moved out of a bind does not lead out (CVE-2015-2925)" closed "$(<"$test_dir/moved")"

# The image's own directory, in which a mount's place is made, turns into a link to the host's and back meanwhile.
racing() {
	local i failed=0 swapper
	mkdir "$root/place"
	ln -s "$1" "$root/link"
	"$attempt" swap "$root/place" "$root/link" &
	swapper=$!
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		plain --keep --bind "$test_dir/shared:/place/made$i/below" --tmpfs "/place/too$i" -- true
		[ "$status" = 0 ] || failed=$((failed + 1))
	done
	kill "$swapper"
	wait "$swapper" 2>/dev/null
	rm -rf "$root/place" "$root/link"
	same "$2 (CVE-2021-30465)" "" "$(find "$test_dir/outside" -mindepth 1)"
	echo "# $failed of 12 did not start: $errors"
}
rm -rf "$test_dir/outside" && mkdir "$test_dir/outside"
racing "$test_dir/outside" "a place that turns into a link to outside"
racing ../../../../../../../../"$test_dir/outside" "a place that turns into a link upwards"

for dir in dev sys; do
	mv "$root/$dir" "$root/$dir.real"
	ln -s tmp "$root/$dir"
	fails "/$dir that is a link is refused" 125 "/$dir.*link" --rootfs "$root" --net none -- true
	rm "$root/$dir"
	mv "$root/$dir.real" "$root/$dir"
done
exit "$test_status"
