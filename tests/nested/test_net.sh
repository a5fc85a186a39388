#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The user network: DHCP, names, data in and out with checksums, a forwarded port.
# guests: 9
. "$(dirname "$0")/lib.sh"
root=$(disk root)

mkdir "$test_dir/www"
"$BUSYBOX" dd if=/dev/urandom of="$test_dir/www/blob" bs=1024 count=8192 2>/dev/null
sum=$(sha256sum <"$test_dir/www/blob")
"$BUSYBOX" httpd -f -p 127.0.0.1:8321 -h "$test_dir/www" &
servers=($!)
"$BUSYBOX" httpd -f -p '[::1]:8324' -h "$test_dir/www" &
servers+=($!)
if [ -n "$NAMESERVER" ]; then
	"$NAMESERVER" 127.0.0.1 53 host.tinyvmm.test=10.0.2.2 &
	servers+=($!)
fi
# A server of datagrams, for the guest
debugfs -w -R "write $DATAGRAMS /usr/bin/nameserver" "$root" >/dev/null 2>&1
debugfs -w -R "set_inode_field /usr/bin/nameserver mode 0100755" "$root" >/dev/null 2>&1
stop_servers() { kill "${servers[@]}" 2>/dev/null; }
at_end+=(stop_servers)

if boot "boots with forwarded ports" --disk "$root,cow" --net user,hostfwd=tcp:127.0.0.1:8322-:80,hostfwd=udp:127.0.0.1:8325-:53; then
	at_shell 'ip addr show eth0; ip route; cat /etc/resolv.conf'
	matches "an address by DHCP" 'inet 10\.0\.2\.15/24' "$output"
	matches "a way out" 'default via 10\.0\.2\.2' "$output"
	matches "a name server" 'nameserver 10\.0\.2\.3' "$output"
	matches "large packets" 'mtu 65520' "$output"
	# The router's advertisement may still be under way, and the address is tried out for a second after it
	at_shell 'for i in $(seq 60); do ip -6 addr show eth0 | grep "fec0:" | grep -qv tentative && break; sleep 1; done; ip -6 addr show eth0' 120
	matches "an IPv6 address" 'inet6 fec0:' "$output"
	at_shell 'ping -c 1 -w 20 10.0.2.2'
	matches "the gateway answers" '1 packets received' "$output"
	if [ -n "$NAMESERVER" ]; then
		at_shell 'nslookup -type=a host.tinyvmm.test'
		matches "a name is looked up through the host" 'Address: 10\.0\.2\.2' "$output"
		at_shell 'nslookup -type=a nothing.tinyvmm.test'
		matches "one that is not there is not found" 'NXDOMAIN' "$output"
	else
		skip "a name is looked up through the host" "the host's own name server is not ours to set"
		skip "one that is not there is not found" "the host's own name server is not ours to set"
	fi
	if [ -n "${NESTED:-}" ]; then
		# An address beyond the gateway: the echo leaves through a socket of the host's
		"$BUSYBOX" ip addr add 192.168.58.1/32 dev lo
		echo '0 65535' >/proc/sys/net/ipv4/ping_group_range
		at_shell 'ping -c 1 -w 20 192.168.58.1'
		matches "an echo goes through the host" '1 packets received' "$output"
	else
		skip "an echo goes through the host" "the host's addresses are not ours to set"
	fi
	at_shell 'wget -q -O - "http://[fec0::2]:8324/blob" | sha256sum' 120
	same "a download over IPv6 arrives whole" "$sum" "${output%$'\n'}"
	at_shell 'wget -q -O /tmp/blob http://10.0.2.2:8321/blob; sha256sum </tmp/blob' 120
	same "a download arrives whole" "$sum" "${output%$'\n'}"
	at_shell 'mkdir /tmp/www; cp /tmp/blob /tmp/www; httpd -p 80 -h /tmp/www; echo started'
	same "the forwarded port leads to the guest" "$sum" "$("$BUSYBOX" wget -q -O - http://127.0.0.1:8322/blob | sha256sum)"
	downloads=()
	for _ in 1 2 3 4 5 6 7 8; do
		"$BUSYBOX" timeout 120 "$BUSYBOX" wget -q -O - http://127.0.0.1:8322/blob | sha256sum >>"$test_dir/sums" &
		downloads+=($!)
	done
	wait "${downloads[@]}"
	same "eight at once" 8 "$(grep -c "$sum" "$test_dir/sums")"
	at_shell '(nameserver 0.0.0.0 53 datagram.tinyvmm.test=192.0.2.7 &)'
	# Nobody says when it listens, and a datagram that comes before is lost
	answered() { "$BUSYBOX" timeout 20 "$BUSYBOX" nslookup -type=a datagram.tinyvmm.test 127.0.0.1:8325 | grep -q 'Address: 192\.0\.2\.7'; }
	check "datagrams go through a forwarded port, and answers come back" wait_until 60 answered
	console_send poweroff
	console_wait 60
	same "and powers off" 0 $?
fi

# nc ends when its own input does: it gets one that does not
mkfifo "$test_dir/never"
"$BUSYBOX" nc -l -p 8323 <>"$test_dir/never" >"$test_dir/received" &
servers+=($!)
run_vm --disk "$root,cow" -- sh -c 'cat >/tmp/x; nc 10.0.2.2 8323 </tmp/x; ip link | grep -c eth' <"$test_dir/www/blob"
ended "a command sends data" 0
same "an upload arrives whole" "$sum" "$(sha256sum <"$test_dir/received")"

# shellcheck disable=SC2016 # expanded in the guest
run_vm --disk "$root,cow" --net user --net user,mac=52:54:00:0a:0b:0c -- sh -c '
	for card in eth0 eth1; do
		ip -4 addr show $card | grep -c "inet 10.0.2.15/24"
		ping -c 1 -w 20 -I $card 10.0.2.2 | grep -c "1 packets received"
	done
	cat /sys/class/net/eth1/address' </dev/null
ended "two network cards" 0
same "each has an address and answers, and the second the MAC that was asked for" $'1\n1\n1\n1\n52:54:00:0a:0b:0c' "$output"

run_vm --disk "$root,cow" --net none -- sh -c 'ls /sys/class/net' </dev/null
same "--net none" lo "$output"

run_vm --disk "$root,cow" --net user,hostfwd=tcp:127.0.0.1:8321-:22 -- true </dev/null
matches "a port in use is refused by name" '8321' "$errors"
ended "with the status of a bad usage" 2
