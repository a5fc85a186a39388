#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A tap interface: no DHCP on it, an address given by option; offloads; an ordinary user.
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ] || ! [ -c /dev/net/tun ] || ! ip tuntap add dev tvmm0 mode tap user nobody 2>/dev/null; then
	skip "tap" "takes root and /dev/net/tun"
	exit 0
fi
delete_tap() { ip link del tvmm0; }
at_end+=(delete_tap)
ip addr add 192.168.57.1/24 dev tvmm0
ip link set tvmm0 up
root=$(disk root)
tap=(--disk "$root,cow" --net "tap,ifname=tvmm0,ip=192.168.57.2/24,gw=192.168.57.1,mac=52:54:00:01:02:03")

mkdir "$test_dir/www"
"$BUSYBOX" dd if=/dev/urandom of="$test_dir/www/blob" bs=1024 count=8192 2>/dev/null
sum=$(sha256sum <"$test_dir/www/blob")
"$BUSYBOX" httpd -f -p 192.168.57.1:8331 -h "$test_dir/www" &
servers=($!)
mkfifo "$test_dir/never"
"$BUSYBOX" nc -l -p 8332 <>"$test_dir/never" >"$test_dir/received" &
servers+=($!)
stop_servers() { kill "${servers[@]}" 2>/dev/null; }
at_end+=(stop_servers)

# Bytes a packet that the interface saw, whichever way: more than an Ethernet frame's only where segmentation was left to others
mean() {
	local counter=/sys/class/net/tvmm0/statistics/$1
	echo $(($(<"${counter}_bytes") / ($(<"${counter}_packets") + 1)))
}

# shellcheck disable=SC2016 # expanded in the guest
run_vm "${tap[@]}" -- sh -c '
	ip -4 addr show eth0; ip link show eth0; ip route
	ping -c 3 -w 30 192.168.57.1
	wget -q -O /tmp/blob http://192.168.57.1:8331/blob; sha256sum </tmp/blob
	nc 192.168.57.1 8332 </tmp/blob
	cat /sys/class/net/eth0/device/features' </dev/null
ended "a card on a tap interface" 0
matches "its address, without DHCP" 'inet 192\.168\.57\.2/24' "$output"
matches "its MAC and the interface's MTU" 'mtu 1500.*52:54:00:01:02:03' "$output"
matches "its way out" 'default via 192\.168\.57\.1' "$output"
matches "the host answers" '3 packets received' "$output"
matches "a download arrives whole" "$sum" "$output"
same "an upload arrives whole" "$sum" "$(sha256sum <"$test_dir/received")"
# virtio 1.2, 5.1.3: CSUM, GUEST_CSUM; GUEST_TSO4, GUEST_TSO6; HOST_TSO4, HOST_TSO6; MRG_RXBUF
matches "checksums and segmentation were negotiated" $'\n11.....11..11..1[01]*$' "$output"
check "what came in was not cut into frames ($(mean tx) bytes each)" test "$(mean tx)" -gt 3000
check "nor was what went out ($(mean rx) bytes each)" test "$(mean rx)" -gt 3000

ip link set tvmm0 mtu 4000
# The emulated machine has nobody to ask for this
[ -z "${NESTED:-}" ] || chmod 666 /dev/kvm /dev/net/tun
chmod 755 "$test_dir"
chmod 644 "$root"
as_nobody() { su -s /bin/sh nobody -c "$(printf '%q ' "$@")"; }
if ! as_nobody test -w /dev/kvm -a -r "$KERNEL" -a -r "$MODULES"; then
	skip "an ordinary user, with an interface made beforehand" "/dev/kvm or the kernel is closed to the user nobody"
	exit 0
fi
status=0
as_nobody env HOME=/nonexistent timeout -k 5 300 "${vm[@]}" "${tap[@]}" -- cat /sys/class/net/eth0/mtu >"$test_dir/stdout" 2>"$test_dir/stderr" </dev/null || status=$?
ended "an ordinary user, with an interface made beforehand" 0
same "and another MTU" 4000 "$(<"$test_dir/stdout")"
status=0
as_nobody timeout -k 5 60 "${vm[@]}" --disk "$root,cow" --net tap,ifname=tvmm1 -- true >"$test_dir/stdout" 2>"$test_dir/stderr" </dev/null || status=$?
ended "one that is not his is refused" 122
matches "with the way out" 'ip tuntap add dev tvmm1 mode tap user' "$(<"$test_dir/stderr")"
