#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_life.sh TINYVMM: containers that are kept, as root: created, started, looked at, stopped, crashed, removed.
# shellcheck disable=SC2016 # expansions are the container's
# guests: 4
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/ctr/lib.sh
. tests/ctr/lib.sh
tinyvmm=${1:-$TINYVMM}
[ "$(id -u)" = 0 ] || { skip "kept containers of root" "this takes root" && exit; }
root=$test_dir/root
make_root "$root"
export XDG_STATE_HOME=$test_dir/state
kept=$XDG_STATE_HOME/tinyvmm/ctr
before=$(leftovers)

# works NAME VERB ARG...
works() {
	local name=$1
	shift
	verb "$@"
	same "$name" "0 " "$status $errors"
}
create() { verb create "$1" --rootfs "$root" --net none "${@:2}"; }
state() { "$tinyvmm" ctr list | awk -v name="$1" '$1 == name { print $2 }'; }
pid_of() { "$tinyvmm" ctr info "$1" | sed -n 's/^pid  *//p'; }
monitor_of() { sed -n 's/^PPid:[[:space:]]*//p' "/proc/$(pid_of "$1")/status"; }

# --- a life ---------------------------------------------------------------------------------------------------------------------------------

create one -- sh -c 'echo begun; cat /mark; echo mine >/mark; trap "echo asked; exit 5" TERM; while :; do sleep 0.1; done'
same "create" "0 " "$status $errors"
same "created, and no process" created "$(state one)"
refuses "a name is there once" 1 'one of this name' create one --rootfs "$root" -- true
works "start" start one
same "it runs" running "$(state one)"
refuses "it runs once" 1 'is running' start one
refuses "what runs is not deleted" 1 'is running' delete one
refuses "what runs is not renamed" 1 'is running' rename one two
wait_until 10 grep -q begun "$kept/one/log"
same "in namespaces of its own" 1 "$([ "$(readlink "/proc/$(pid_of one)/ns/pid_for_children")" != "$(readlink /proc/self/ns/pid)" ] && echo 1)"
same "as the host's process it is told" 1 "$(tr '\0' ' ' <"/proc/$(pid_of one)/cmdline" | grep -c 'sh -c echo begun')"
works "stop" stop one
same "it is stopped" stopped "$(state one)"
verb wait one
same "wait: the command's status" 5 "$status"
verb logs one
matches "logs: what it printed" $'begun\n.*asked' "$output"
works "start again" start one
wait_until 10 grep -q mine "$kept/one/log"
verb logs one
same "what it wrote is kept" 1 "$(grep -c '^mine' <<<"$output")"
works "restart" restart one --timeout 5
same "restart: it runs" running "$(state one)"
works "stop --signal" stop one --signal KILL
verb wait one
same "a signal's status" 137 "$status"
check "the root itself is as it was" test ! -e "$root/mark"
works "rename" rename one two
same "the old name is free" '' "$(state one)"
same "the new one has it" stopped "$(state two)"
works "start by its new name" start two
works "kill" kill two
verb wait two
same "killed" 137 "$status"
works "delete" delete two
check "nothing of it is left" test -z "$(ls "$kept")"

# --- looking ---------------------------------------------------------------------------------------------------------------------------------

create web --memory 64M --env 'A=b c' -- sh -c 'echo $$ is up; sleep 100'
works "start with a limit" start web
verb info web
matches "info: the state" 'state +running' "$output"
matches "info: what create was told" "--env 'A=b c' -- sh -c " "$output"
matches "info: memory" 'memory +[0-9]+' "$output"
verb list --json
matches "list --json" '"state": "running"' "$output"
verb list --quiet
same "list --quiet" web "$output"
verb stats web --once
matches "stats" '64M +[1-9]' "$output"
timeout 20 "$tinyvmm" ctr logs --follow web >"$test_dir/followed" &
follower=$!
wait_until 10 grep -q 'is up' "$test_dir/followed"
works "stop what ignores it" stop web --timeout 1
wait $follower
same "logs --follow ends with it" 0 $?
refuses "no exec, no pause, when it rests" 1 'does not run' pause web
works "delete --force" delete web --force

# shellcheck disable=SC2317 # called by name
find_larger() { [ "$(stat -c %s "$kept/beat/log")" -gt "$size" ]; }
create beat -- sh -c 'while :; do echo x; sleep 0.05; done'
verb start beat
works "pause" pause beat
same "it is paused" paused "$(state beat)"
# What it said last may still be on its way through the monitor
# shellcheck disable=SC2317 # called by name
log_rests() {
	size=$(stat -c %s "$kept/beat/log")
	sleep 0.3
	[ "$size" = "$(stat -c %s "$kept/beat/log")" ]
}
wait_until 10 log_rests
sleep 0.5
same "frozen is no progress" "$size" "$(stat -c %s "$kept/beat/log")"
works "resume" resume beat
check "it goes on" wait_until 10 find_larger
verb pause beat
works "a paused one can be stopped" stop beat --timeout 1
works "its end" delete beat

# --- terminals -------------------------------------------------------------------------------------------------------------------------------

create tty --terminal -- sh -c 'stty -echo; echo ready; while read -r line; do echo "got $line"; [ "$line" = end ] && exit 9; done'
verb start tty
wait_until 10 grep -q ready "$kept/tty/log"
printf 'one\nend\n' | timeout 20 "$tinyvmm" ctr attach tty >"$test_dir/attached"
same "attach: the command's status" 9 "${PIPESTATUS[1]}"
matches "attach: input and output" 'got one.*got end' "$(tr -d '\r\n' <"$test_dir/attached")"
verb logs tty
matches "the log has it, too" 'got end' "$output"
verb delete tty

# --- faults ----------------------------------------------------------------------------------------------------------------------------------

refuses "create without a name" 2 'no name' create --rootfs "$root" -- true
refuses "a bad name" 2 'dot' create .x --rootfs "$root" -- true
refuses "a missing root" 1 "No such file" create x --rootfs "$test_dir/nowhere" -- true
refuses "a missing archive" 1 "No such file" import x "$test_dir/none.tar"
refuses "an archive of no known kind" 2 "ends in .tar" export x "$test_dir/x.zip"
refuses "an unknown container" 1 "none of this name" start nobody
refuses "no path for a name" 1 "none of this name" delete ../state
refuses "an unknown verb" 2 "did you mean start" stat x
refuses "an unknown option" 2 'did you mean --force' delete x --forse
create near -- true
refuses "the name that is near" 1 "did you mean 'near'" start naer
# lost NAME STATUS REGEX ARG...: its start says why it can't run, and is remembered as the end that it is.
lost() {
	local name=$1 expected=$2 regex=$3
	create nothing "${@:4}"
	refuses "$name" "$expected" "$regex" start nothing
	same "$name: stopped" stopped "$(state nothing)"
	verb wait nothing
	same "$name: wait's status" "$expected" "$status"
	verb info nothing
	matches "$name: and info says so" "status +$expected.*$regex" "$output"
	verb list
	matches "$name: and list" "nothing +stopped +\\($expected\\)" "$output"
	verb delete nothing
}
lost "a command that is missing" 127 '/no/such/command: not found' -- /no/such/command
lost "a command that is missing, as PID 1" 127 '/no/such/command: not found' --init off -- /no/such/command
lost "a command that can't be executed" 126 '/etc/passwd: can.t be executed' -- /etc/passwd
lost "a limit that can't be set" 125 'failed at setting --rlimit' --rlimit nofile=unlimited -- true
# Version 1's: in the other a container is from its first instruction on, and less does not let it come so far
if [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ]; then
	lost "a command for which no memory was left" 137 'out of memory' --memory 96K --swap 0 -- true
fi
create nothing -- sh -c 'exit 127'
works "a command that was executed was started, whatever its status" start nothing
verb wait nothing
same "and that is its own" 127 "$status"
mv "$root" "$root.away"
refuses "a root that is gone" 125 "$root" start near
mv "$root.away" "$root"
echo '{"version": 1, "created": "x"' >"$kept/near/config.json"
refuses "a damaged description" 1 'config.json' start near
verb list
same "the others are listed all the same" 1 "$(grep -c ^nothing <<<"$output")"
works "delete --force takes it away" delete near --force
verb delete nothing

# --- crashes ---------------------------------------------------------------------------------------------------------------------------------

create crash -- sleep 4712
verb start crash
pid=$(pid_of crash)
kill -KILL "$(monitor_of crash)"
check "with its monitor the container ends" wait_until 10 test ! -d "/proc/$pid"
same "the next look sees that" stopped "$(state crash)"
verb wait crash
same "as killed" 137 "$status"
works "it starts again" start crash
works "and stops" stop crash --timeout 0
# Half a creation, half a removal
mkdir "$kept/.new-1-0" "$kept/.old-1-0"
touch "$kept/.new-1-0/config.json"
verb list
check "what a crash left half done is swept" test ! -e "$kept/.new-1-0" -a ! -e "$kept/.old-1-0"
# A host that went down
echo '{"version": 1, "pid": 1, "started": 5, "finished": 0, "status": 0}' >"$kept/crash/status.json"
same "after a reboot nothing runs" stopped "$(state crash)"
works "and it starts" start crash
works "its end comes" delete crash --force

# Two at once
create both -- sleep 4713
for _ in 1 2 3 4 5; do
	"$tinyvmm" ctr start both 2>/dev/null &
	"$tinyvmm" ctr start both 2>/dev/null &
	"$tinyvmm" ctr stop both --timeout 0 2>/dev/null &
	"$tinyvmm" ctr list >/dev/null &
	wait
done
verb stop both --timeout 0
same "two at once leave one whole" stopped "$(state both)"
for i in 1 2 3 4 5 6; do "$tinyvmm" ctr create race --rootfs "$root" -- true 2>/dev/null && echo "$i"; done >"$test_dir/won" &
for i in 1 2 3 4 5 6; do "$tinyvmm" ctr create race --rootfs "$root" -- true 2>/dev/null && echo "$i"; done >>"$test_dir/won"
wait
same "one of two gets a name" 1 "$(wc -l <"$test_dir/won")"
verb delete race
verb delete both
# --- from elsewhere ----------------------------------------------------------------------------------------------------------------------------

same "start holds nobody's pipe" started "$("$tinyvmm" ctr create bg --rootfs "$root" --net none -- sleep 50 && "$tinyvmm" ctr start bg && echo started)"
monitor=$(monitor_of bg)
same "its monitor has left the session" "$monitor" "$(cut -d' ' -f6 "/proc/$monitor/stat")"
same "and holds no directory" / "$(readlink "/proc/$monitor/cwd")"
verb delete bg --force

same "nothing is left in the store" .lock "$(ls -A "$kept")"
same "nothing is left behind" "$before" "$(leftovers)"
exit "$test_status"
