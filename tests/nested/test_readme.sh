#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# README.md's ten examples, run as they are printed there: the commands are taken from the file.
# guests: 12
. "$(dirname "$0")/lib.sh"
source=$(cd "$here/../.." && pwd)

# A directory like the one that `make demo` leaves
work=$test_dir/work
mkdir -p "$work/demo" "$work/bin"
ln -s "$MODULES" "$work/demo/kernel"
mv "$(disk root)" "$work/demo/rootfs.img"
cp "$source/LICENSE" "$work/"
ln -s "$(command -v "$TINYVMM")" "$work/bin/tinyvmm"
export PATH=$work/bin:$PATH:/usr/sbin USER=${USER:-root}
cd "$work" || exit 1

# Where a small system lacks them; each for its one use there
if ! command -v python3 >/dev/null; then
	printf '#!/bin/sh\n[ "$*" = "-m http.server --bind 127.0.0.1 8000" ] && exec %s httpd -f -p 127.0.0.1:8000\n' "$BUSYBOX" >"$work/bin/python3"
	chmod +x "$work/bin/python3"
fi
if ! command -v sudo >/dev/null; then
	printf '#!/bin/bash\nexec "$@"\n' >"$work/bin/sudo"
	chmod +x "$work/bin/sudo"
fi

# example NUMBER: its commands, behind the variables that all of them use.
example() {
	awk -v number="$1" '
		/^## / { inside = $0 == "## Ten examples"; item = 0; next }
		!inside { next }
		/^[0-9]+\. / { item = $1 + 0; next }
		item == 0 && /^    / || item == number && /^       / { sub(/^ +/, ""); print }' "$source/README.md"
}

run_example() {
	status=0
	timeout -k 5 300 bash -c "$(example "$1")" >"$test_dir/stdout" 2>"$test_dir/stderr" </dev/null || status=$?
	output=$(<"$test_dir/stdout")
}

same "there are ten examples" 10 "$(for n in 1 2 3 4 5 6 7 8 9 10; do example $n | grep -c '^tinyvmm\|| tinyvmm'; done | grep -vc '^0')"

console_start "$test_dir" bash -c "$(example 1)"
await "example 1: a shell" "$prompt" "$boot_seconds"
console_send poweroff
console_wait 60
same "example 1: and poweroff ends it" 0 $?

run_example 2
ended "example 2: a command between pipes" 0
matches "example 2: what went through it" '^0000000 +H +E +L +L +O +\\n' "$output"

run_example 3
ended "example 3: processors and memory" 0
matches "example 3: name, processors and memory" $'^big\n4\n.*Mem: +(39|40)' "$output"

run_example 4
ended "example 4: a second disk" 0
same "example 4: its serial number" data "$output"

run_example 5
ended "example 5: a server on the host" 0
same "example 5: the whole file" "$(sha256sum <LICENSE)" "$(sha256sum <"$test_dir/stdout")"
kill "$(pgrep -f '127.0.0.1[: ]8000')" 2>/dev/null

example 6 >"$test_dir/example-6"
console_start "$test_dir" bash -c "$(sed 's/^tinyvmm/exec tinyvmm/' "$test_dir/example-6")"
page() { [ "$("$BUSYBOX" timeout 10 "$BUSYBOX" wget -q -O - http://127.0.0.1:8080/etc/hostname 2>/dev/null)" = tinyvmm ]; }
check "example 6: a server in the guest" wait_until "$boot_seconds" page
console_stop

run_example 7
ended "example 7: a test of a kernel" 0
same "example 7: its status" 0 "$output"
check "example 7: the kernel's messages" grep -q 'Linux version' console.log

run_example 8
ended "example 8: the machine on paper" 0
for word in device line memory cmdline; do
	matches "example 8: names each $word" "(^|[^a-z])$word" "$output"
done

before=$(sha256sum <demo/rootfs.img)
run_example 9
ended "example 9: an overlay that is kept" 0
same "example 9: and read again" kept "$output"
same "example 9: the image stays as it was" "$before" "$(sha256sum <demo/rootfs.img)"

if [ "$(id -u)" != 0 ] || [ -e /sys/class/net/tap0 ] || ! [ -c /dev/net/tun ]; then
	skip "example 10: a tap interface" "takes root, /dev/net/tun and a free name tap0"
else
	delete_tap() { ip link del tap0; }
	at_end+=(delete_tap)
	run_example 10
	ended "example 10: a tap interface" 0
	matches "example 10: answers come through it" '3 packets received|3 received' "$output"
fi
