#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One image, one script, both ways: as a machine's disk and as a container's root. What they print is the same, but for what is the machine's own.
# shellcheck disable=SC2016 # expansions are the guest's
. "$(dirname "$0")/lib.sh"
root=$(disk root)
modprobe -q -a overlay loop tun 2>/dev/null

"$BUSYBOX" dd if=/dev/urandom of="$test_dir/blob" bs=1024 count=2048 2>/dev/null
"$BUSYBOX" httpd -f -p 127.0.0.1:8321 -h "$test_dir" &
server=$!
stop_server() { kill $server 2>/dev/null; }
at_end+=(stop_server)

script='
id -u; id -g; pwd; echo "$HOME $GREETING"; hostname; umask
ls /; cat /etc/passwd; ls -ln /bin /sbin | sha256sum
ls -d /proc/self /sys/class /dev/null /dev/zero /dev/full /dev/urandom /dev/pts /dev/shm
ip -4 addr show eth0 | grep inet; ip route; grep nameserver /etc/resolv.conf
echo kept >/root/file; mkdir /tmp/d; ln -s ../../root/file /tmp/d/link; cat /tmp/d/link
wget -q -O - http://10.0.2.2:8321/blob | sha256sum
{ sh -c "kill -TERM \$\$"; } 2>/dev/null; echo "status $?"
cat; echo to-error >&2; echo "$# $1"
exit 42'
options=(--env GREETING=hello --name box --net user)

run_vm --disk "$root,cow" "${options[@]}" -- sh -c "$script" sh "an argument" <<<"some input"
ended "the machine" 42
cp "$test_dir/stdout" "$test_dir/machine"
status=0
"$TINYVMM" ctr run --disk "$root" "${options[@]}" -- sh -c "$script" sh "an argument" <<<"some input" >"$test_dir/stdout" 2>"$test_dir/stderr" || status=$?
ended "the container" 42
check "their output is the same" diff "$test_dir/machine" "$test_dir/stdout"
same "the network brought the whole file" "$(sha256sum <"$test_dir/blob")" "$(grep -m 1 "$(sha256sum <"$test_dir/blob" | cut -c1-64)" "$test_dir/stdout")"
same "standard error apart" to-error "$(grep -v '^tinyvmm: ' "$test_dir/stderr")"

# Where they are to differ: the kernel's processes, devices and limits
differ='ps | wc -l; ls /sys/block; cat /proc/1/comm'
run_vm --disk "$root,cow" -- sh -c "$differ" </dev/null
machine=$output
container=$("$TINYVMM" ctr run --disk "$root" -- sh -c "$differ" </dev/null)
check "the machine has a kernel of its own, with its threads" test "${machine%%$'\n'*}" -gt 20
check "the container has three processes" test "${container%%$'\n'*}" -le 5
matches "the machine's disk is virtio's" vda "$machine"
