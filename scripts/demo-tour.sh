#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# demo-tour.sh TINYVMM KERNEL MODULES-DIR ROOT-IMAGE BUSYBOX [NAME]: the part of the demo that runs where KVM is: on this host, or inside
# the emulated machine (scripts/nested.sh). With a terminal it hands over to tinyvmm; without one it types a tour at the guest's shell and
# checks what comes back. NAME is what the guest looks up; without it that step is left out.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$here/lib.sh"
# shellcheck source=scripts/console.sh
. "$here/console.sh"

tinyvmm=$1 kernel=$2 modules=$3 root=$4 busybox=$5 name=${6:-}
command=("$tinyvmm" --kernel "$kernel" --modules "$modules" --disk "$root" --memory 512M)

if [ -t 0 ] && [ -t 1 ]; then
	say "\$ ${command[*]}"
	status=0
	"${command[@]}" || status=$?
	# Ctrl-A x is a way to end it, too
	[ "$status" != 125 ] || status=0
	exit "$status"
fi

tmp=$(mktemp -d)
server=''
# shellcheck disable=SC2317 # called by trap
cleanup() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	console_stop
	rm -rf "$tmp"
}
trap cleanup EXIT
prompt='tinyvmm:[^ ]*# '

# step COMMAND EXPECTED: types a command; its output has EXPECTED, then there is a prompt again.
step() {
	console_send "$1"
	console_expect "$2" 60 || die "the guest did not answer '$1' with $2"
	console_expect "$prompt" 60 || die "no prompt after '$1'"
}

# A server on the host's side: 10.0.2.2 is what the guest calls us
serve() {
	mkdir "$tmp/www"
	seq 1 100000 >"$tmp/www/numbers"
	for port in $(seq 8080 8099); do
		"$busybox" httpd -f -p "127.0.0.1:$port" -h "$tmp/www" 2>/dev/null &
		server=$!
		sleep 0.5
		kill -0 "$server" 2>/dev/null && return
	done
	die "no free port for the server between 8080 and 8099"
}

serve
sum=$(sha256sum <"$tmp/www/numbers" | cut -d' ' -f1)
echo "\$ ${command[*]}"
console_echo=1
console_start "$tmp" "${command[@]}"
console_expect "$prompt" 180 || die "the guest's shell did not come up"
step 'uname -srm' 'Linux [0-9.]+'
step 'lsblk' 'vda .* disk /'
step 'df -h /' '/dev/'
step 'ip addr show eth0' 'inet 10\.0\.2\.15'
[ -z "$name" ] || step "nslookup -type=a $name" "Name:[[:space:]]+$name"
step "wget -q -O - http://10.0.2.2:$port/numbers | sha256sum" "$sum"
console_send poweroff
status=0
console_wait 60 || status=$?
echo
[ "$status" = 0 ] || die "tinyvmm ended with status $status"
say "The tour is over: the shell, the disk and the network work. On a terminal, make demo gives you the shell."
