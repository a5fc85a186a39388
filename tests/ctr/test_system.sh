#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_system.sh TINYVMM: systems as containers: busybox's init and systemd, booted, looked into, stopped, rebooted and powered off, as root, with
# users of their own, and as an ordinary user. SYSTEMD_ROOT is where systemd's root is kept (scripts/get-systemd.sh).
# shellcheck disable=SC2016,SC2317 # expansions are the container's; what is called by name
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC2034 # for lib.sh
own_mounts="systems as containers: ranges of ids for the test take root"
# shellcheck source=tests/ctr/lib.sh
. tests/ctr/lib.sh

cp "$(command -v "${1:-$TINYVMM}")" "$test_dir/tinyvmm"
tinyvmm=$test_dir/tinyvmm
uid=54322
mine=sys$$ # how all names here begin, so that several of this may run at once
own_etc subuid subgid
root_range
mkdir -p "$test_dir"/{user,state}
chown $uid:$uid "$test_dir/user"
chmod 755 "$test_dir"
before=$(leftovers)

# Who calls the verbs, which may wait for a shutdown
verb_seconds=90
as=(env XDG_STATE_HOME="$test_dir/state")
as_user=(setpriv --reuid "$uid" --regid "$uid" --clear-groups env HOME="$test_dir/user" XDG_CACHE_HOME="$test_dir/user"
	XDG_STATE_HOME="$test_dir/user" XDG_RUNTIME_DIR= DBUS_SESSION_BUS_ADDRESS=)
works() {
	verb "${@:2}"
	same "$1" "0 " "$status $errors"
}
is_state() { [ "$("${as[@]}" "$tinyvmm" ctr list | awk -v name="$1" '$1 == name { print $2 }')" = "$2" ]; }
# says NAME REGEX COMMAND...: whether that, in the container, prints such a thing.
says() { "${as[@]}" timeout 20 "$tinyvmm" ctr exec "$1" -- "${@:3}" 2>/dev/null </dev/null | grep -qE "$2"; }
# boots NAME: what it wrote at each boot is in its own copy of the root
boots() { says "$1" "^$2$" grep -c booted /trace; }

# --- busybox's init -----------------------------------------------------------------------------------------------------------------------

# inittab ROOT LINE...: a root in which that is done besides.
inittab() {
	make_root "$1"
	mkdir -p "$1/run"
	ln -s ../bin/busybox "$1/sbin/init"
	echo '#!/bin/sh' >"$1/bin/serve"
	echo 'echo serving >>/trace; exec sleep 4719' >>"$1/bin/serve"
	chmod 755 "$1/bin/serve"
	printf '%s\n' "${@:2}" >"$1/etc/inittab"
}

# busybox_life NAME OPTION...
busybox_life() {
	local name=$mine-$1 what="busybox ($1)"
	shift
	cd "$test_dir" || exit 1
	works "$what: create" create "$name" --rootfs busybox --net none "$@"
	works "$what: start" start "$name"
	check "$what: it boots" wait_until 20 says "$name" serving cat /trace
	check "$what: its init is PID 1" says "$name" '^init$' cat /proc/1/comm
	check "$what: /run is its own, and empty" says "$name" '^0 /run tmpfs' sh -c 'echo $(ls /run | grep -vc lock) $(awk "\$2 == \"/run\" { print \$2, \$3 }" /proc/mounts)'
	check "$what: list shows it" is_state "$name" running
	says "$name" . sh -c 'kill $(pidof sleep); echo done'
	check "$what: init starts again what ended" wait_until 20 says "$name" '^2$' grep -c serving /trace
	verb exec "$name" -- reboot
	check "$what: reboot" wait_until 30 boots "$name" 2
	check "$what: its shutdown action ran before" says "$name" '^1$' grep -c shutting /trace
	works "$what: stop" stop "$name" --timeout 60
	verb wait "$name"
	same "$what: that is status 0" 0 "$status"
	works "$what: start again" start "$name"
	check "$what: what stop made it do" wait_until 20 says "$name" '^2$' grep -c shutting /trace
	verb exec "$name" -- poweroff
	verb wait "$name"
	same "$what: poweroff is status 0" 0 "$status"
	check "$what: it is stopped" is_state "$name" stopped
	works "$what: delete" delete "$name"
}

# One that is given up on the way, and so is none of those that wait
as_a_command() {
	inittab "$test_dir/short" '::sysinit:/bin/echo up' '::sysinit:/bin/poweroff'
	tar -C "$test_dir/short" -cf "$test_dir/short.tar" .
	verb run --rootfs "$test_dir/short" --net none -- /sbin/init
	matches "init as a command is a system" '^0 .*up' "$status $output"
	inittab "$test_dir/front" '::sysinit:/bin/echo up' '::respawn:/bin/serve' '::shutdown:/bin/echo down'
	env "$tinyvmm" ctr run --rootfs "$test_dir/front" --net none --timeout 60 >"$test_dir/front.out" 2>&1 &
	wait_until 20 grep -q up "$test_dir/front.out"
	kill -TERM $!
	wait $!
	matches "a system in front shuts down at SIGTERM" "^0 .*down" "$? $(tr '\n' ' ' <"$test_dir/front.out")"
	verb run --image "$test_dir/short.tar" --net none
	matches "init of an archive without a command" '^0 .*up' "$status $output"
	verb run --rootfs "$test_dir/short" --net none --cap-drop SETUID -- sh -c 'poweroff -f; echo on'
	matches "no command powers off" 'on$' "$output"
}

# --- systemd --------------------------------------------------------------------------------------------------------------------------------

# systemd_up NAME: waits for its bus, and then for the end of its boot; prints the state.
systemd_up() {
	wait_until 60 says "$1" 'running|starting|degraded|init|maint' systemctl is-system-running
	"${as[@]}" timeout 90 "$tinyvmm" ctr exec "$1" -- systemctl is-system-running --wait </dev/null
}
has_booted() { says "$1" "$2" cat /trace && [ "$(systemd_up "$1")" = running ]; }

# systemd_life NAME OPTION...
systemd_life() {
	local name=$mine-$1 what="systemd ($1)"
	shift
	works "$what: create" create "$name" --rootfs "$SYSTEMD_ROOT" --net none --memory 600M "$@"
	works "$what: start" start "$name"
	same "$what: it comes up, and no unit failed" running "$(systemd_up "$name")"
	check "$what: it knows where it is" says "$name" container-other systemd-detect-virt
	check "$what: its units have groups" says "$name" '^0::/init.scope' cat /proc/1/cgroup
	check "$what: of version 2, to write to" says "$name" ' /sys/fs/cgroup cgroup2 rw,' cat /proc/mounts
	says "$name" . sh -c 'echo max >/sys/fs/cgroup/memory.max'
	verb stats "$name" --once
	matches "$what: and that hold no limit of its own" ' 600M ' "$output"
	works "$what: a unit of one's own" exec "$name" -- systemd-run --quiet --wait sh -c 'echo once >/trace'
	verb exec "$name" -- systemctl reboot
	check "$what: reboot" wait_until 60 has_booted "$name" once
	works "$what: stop" stop "$name" --timeout 60
	verb wait "$name"
	same "$what: that is status 0" 0 "$status"
	verb logs "$name"
	matches "$what: it shut down by itself" 'Halting system' "$output"
	works "$what: start again" start "$name"
	systemd_up "$name" >/dev/null
	verb exec "$name" -- systemctl poweroff
	verb wait "$name"
	same "$what: poweroff is status 0" 0 "$status"
	works "$what: delete" delete "$name"
}

openrc_life() {
	local name=$mine-openrc
	works "OpenRC: create" create "$name" --rootfs "$SYSTEMD_ROOT" --net none -- /sbin/openrc-init
	works "OpenRC: start" start "$name"
	check "OpenRC: it comes up" wait_until 60 says "$name" '^Runlevel: default' rc-status
	verb exec "$name" -- openrc-shutdown --reboot now
	check "OpenRC: reboot" wait_until 60 is_logged "$name" 2 'Starting default runlevel'
	works "OpenRC: stop" stop "$name" --timeout 60
	verb wait "$name"
	same "OpenRC: that is status 0" 0 "$status"
	check "OpenRC: it shut down by itself" is_logged "$name" 1 'Starting shutdown runlevel'
	works "OpenRC: delete" delete "$name"
}
# is_logged NAME COUNT TEXT
is_logged() { [ "$("${as[@]}" "$tinyvmm" ctr logs "$1" | grep -c "$3")" = "$2" ]; }

# An ordinary user in there, outside of what his own systemd has: it gives tinyvmm a scope. For his containers the host's /proc and /sys have to
# be there as a whole.
users_own() {
	local own=$mine-own
	local unit=(exec "$own" -- systemd-run --quiet --wait --pipe --uid=1000 -E XDG_STATE_HOME=/tmp/state -E HOME=/tmp)
	local slice=/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice
	verb create "$own" --rootfs "$SYSTEMD_ROOT" --net none --cap-add SYS_ADMIN --bind /proc:/mnt/proc --bind /sys:/mnt/sys \
		--bind "$tinyvmm:/usr/bin/tinyvmm" --bind "$test_dir/busybox:/mnt/root"
	verb start "$own"
	same "a user's systemd: where it is" running "$(systemd_up "$own")"
	works "a user's systemd: it comes up" exec "$own" -- systemctl start user@1000
	verb "${unit[@]}" tinyvmm ctr run --rootfs /mnt/root --net none --pids 50 -- true
	matches "a user's limit without a bus: what would help" '^125 .*systemd-run --user' "$status $output $errors"
	unit+=(-E XDG_RUNTIME_DIR=/run/user/1000)
	verb "${unit[@]}" tinyvmm ctr run --rootfs /mnt/root --net none --pids 50 --best-effort -- \
		sh -c 'cat /sys/fs/cgroup/pids.max 2>/dev/null || grep -c -w pids /proc/self/cgroup'
	# Where pids is version 1's, there is a group and no limit
	matches "a user's limit, by his bus" '^0 (50|1)' "$status $output"
	works "a user's kept container" "${unit[@]}" tinyvmm ctr create kept --rootfs /mnt/root --read-only --net none --env TRIED=1 --pids 50 --best-effort -- sleep 4718
	verb "${unit[@]}" tinyvmm ctr start kept
	check "a user's group is in his slice" says "$own" sleep sh -c "cat /proc/\$(cat $slice/tinyvmm/kept/cgroup.procs | tail -n 1)/cmdline | tr '\\0' ' '"
	check "and his scope beside it" says "$own" '^tinyvmm-[0-9]*.scope$' ls "$slice"
	verb "${unit[@]}" tinyvmm ctr exec kept -- sh -c 'echo $TRIED'
	same "exec from elsewhere comes near" "0 1" "$status $output"
	verb "${unit[@]}" tinyvmm ctr pause kept
	verb "${unit[@]}" tinyvmm ctr list
	matches "pause finds it" 'kept +paused' "$output"
	verb "${unit[@]}" tinyvmm ctr stop kept --timeout 0
	check "its group ended with it" says "$own" '^gone' sh -c "test -e $slice/tinyvmm/kept || echo gone"
	works "a user's systemd: stop" stop "$own" --timeout 60
	works "a user's systemd: delete" delete "$own"
}

# Whom nobody gave a control group: it is said, and systemd's own word is the status
systemd_alone() {
	local fake=$test_dir/fake
	make_root "$fake"
	mkdir -p "$fake/lib/systemd"
	ln -s /lib/systemd/systemd "$fake/sbin/init"
	printf '#!/bin/sh\necho started\n' >"$fake/lib/systemd/systemd"
	chmod 755 "$fake/lib/systemd/systemd"
	as=("${as_user[@]}")
	verb run --rootfs "$fake" --net none
	matches "systemd without a group of its own: why it won't start" '^0 started.*warning.*systemd-run --user' "$status $output $errors"
}

inittab "$test_dir/busybox" '::sysinit:/bin/sh -c "echo booted >>/trace"' '::respawn:/bin/serve' '::shutdown:/bin/sh -c "echo shutting >>/trace"'
: "${SYSTEMD_ROOT:=$PWD/build/systemd}"
systemd_missing=$(scripts/get-systemd.sh "$SYSTEMD_ROOT" 2>&1 >/dev/null) && systemd_missing=''

logs=()
# aside NAME COMMAND...: several at once, as an init's end is mostly waiting
aside() {
	"${@:2}" >"$test_dir/log.$1" 2>&1 &
	logs+=("$test_dir/log.$1")
}
aside root busybox_life root
aside users busybox_life users --userns
as=("${as_user[@]}")
aside nobody busybox_life nobody
as=(env XDG_STATE_HOME="$test_dir/state")
aside command as_a_command
aside alone systemd_alone
if [ -n "$systemd_missing" ]; then
	skip systemd "$(tail -n 1 <<<"$systemd_missing")"
else
	aside systemd systemd_life systemd
	aside mapped systemd_life mapped --userns
	aside own users_own
	aside openrc openrc_life
fi
wait
cat "${logs[@]}"
! grep -q '^not ok' "${logs[@]}" || test_status=1

same "nothing is left behind" "$before" "$(leftovers)"
check "nor a control group" test -z "$(find /sys/fs/cgroup -name "$mine-*" 2>/dev/null)"
exit "$test_status"
