#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_net.sh TINYVMM: a container's network: the user network both ways, forwarded ports, none, and the host's; and a terminal of its own.
# shellcheck disable=SC2016 # expansions are the container's
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/ctr/lib.sh
. tests/ctr/lib.sh
tinyvmm=${1:-$TINYVMM}
[ "$(id -u)" = 0 ] || { skip "networks of containers" "this takes root" && exit; }
root=$test_dir/root
make_root "$root"

# --- the user network --------------------------------------------------------------------------------------------------------------------

port=8471
mkdir "$test_dir/www"
head -c 3000000 /dev/urandom >"$test_dir/www/blob"
sum=$(md5sum <"$test_dir/www/blob")
"$root/bin/busybox" httpd -f -p 127.0.0.1:$port -h "$test_dir/www" &
server=$!
# shellcheck disable=SC2317 # called by name
stop_server() { kill "$server" 2>/dev/null; }
at_end+=(stop_server)

if : 2>/dev/null 3<>/dev/net/tun; then
	ctr --rootfs "$root" -- sh -c "wget -q -O - http://10.0.2.2:$port/blob | md5sum"
	same "user: a download from the host" "0 $sum" "$status $output"
	ctr --rootfs "$root" -- sh -c 'ip -o -4 addr show eth0 | sed "s/.*inet \([^ ]*\).*/\1/"; ip route | sed -n "s/default via \([^ ]*\).*/\1/p"; cat /etc/resolv.conf'
	same "user: address, gateway, name server" $'10.0.2.15/24\n10.0.2.2\nnameserver 10.0.2.3' "$output"
	ctr --rootfs "$root" --net user,mtu=1400 -- cat /sys/class/net/eth0/mtu
	same "user: mtu=" 1400 "$output"
	ctr --rootfs "$root" --net user,restrict -- timeout 3 wget -q -O - "http://10.0.2.2:$port/blob"
	matches "user: restrict" '^(1|143)$' "$status"

	"$tinyvmm" ctr run --rootfs "$root" --bind "$test_dir/www:/www" --net user,hostfwd=tcp:127.0.0.1:8472-:80 -- httpd -f -p 80 -h /www &
	container=$!
	# shellcheck disable=SC2317
	fetch() { "$root/bin/busybox" wget -q -O "$test_dir/fetched" http://127.0.0.1:8472/blob; }
	check "user: hostfwd" wait_until 30 fetch
	same "user: hostfwd, all of it" "$sum" "$(md5sum <"$test_dir/fetched")"
	fails "user: a port in use is named" 125 '8472' --rootfs "$root" --net user,hostfwd=tcp:127.0.0.1:8472-:80 -- true
	kill -TERM "$container"
	wait "$container"
	same "user: ended by a signal" 143 $?
else
	skip "the user network" "/dev/net/tun can't be opened here"
fi

# --- others --------------------------------------------------------------------------------------------------------------------------------

gives "none: only the loopback" lo -- ls /sys/class/net
ctr --rootfs "$root" --net host -- sh -c "wget -q -O - http://127.0.0.1:$port/blob | md5sum"
same "host: its loopback" "0 $sum" "$status $output"

# --- a terminal ------------------------------------------------------------------------------------------------------------------------------

# on_pty ARG...: a run on a pseudo-terminal; $output is what that showed.
on_pty() {
	local command
	printf -v command '%q ' "$tinyvmm" ctr run --net none --rootfs "$root" "$@"
	status=0
	script -qec "$command" /dev/null </dev/null >"$test_dir/shown" || status=$?
	# What script types at the end of its own input is echoed
	output=$(tr -d '\0\r' <"$test_dir/shown" | sed 's/\^@//g')
}
if command -v script >/dev/null; then
	on_pty -- sh -c 'tty; test -c /dev/console && echo console; exit 6'
	same "a terminal of its own (CVE-2017-5226, CVE-2025-52565)" $'6 /dev/pts/0\nconsole' "$status $output"
	on_pty -- sh -c 'exec <&- >&- 2>&-; sleep 0.3; echo after >/dev/console'
	same "a terminal: open for a moment by nobody" after "$output"
	on_pty --workdir /none -- true
	matches "a terminal: what goes wrong is said on the caller's" '--workdir /none' "$output"
	on_pty --user 77 -- sh -c 'echo mine >/dev/tty; stat -c %u /dev/pts/0'
	same "a terminal: the user's" $'mine\n77' "$output"
else
	skip "a terminal of its own" "script is not installed"
fi
exit "$test_status"
