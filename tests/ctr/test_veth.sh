#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_veth.sh TINYVMM: `tinyvmm ctr run --net veth`: a pair of cards and a bridge, the way out and in, and what is left of it. In a network
# namespace of its own, which is the host to these containers, with another behind it, so that the machine's own network stays as it is.
# shellcheck disable=SC2016 # expansions are the container's
set -u
inside=''
[ "${1:-}" != --inside ] || { inside=1 && shift; }
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/ctr/lib.sh
. tests/ctr/lib.sh
tinyvmm=${1:-$TINYVMM}
[ "$(id -u)" = 0 ] || { skip "veth pairs" "this takes root" && exit; }
root=$test_dir/root
make_root "$root"
busybox=$root/bin/busybox
drivers=(nfnetlink bridge veth nf_tables nft_chain_nat nft_nat nft_masq nft_ct nft_fib_ipv4)

# A kernel that lacks one driver after the other, which helpers don't load either: only in an emulated machine, whose kernel is ours to spoil.
without_drivers() {
	local helper i said=(
		"can't be reached.*modprobe nfnetlink" "bridge tinyvmm0 can't be made.*modprobe bridge;" "veth tvm0 can't be made.*modprobe veth;"
		"the packet filter \(nf_tables\).*modprobe -a nf_tables" "chain of type nat.*modprobe.*nft_chain_nat"
		"rule with nat.*modprobe.*nft_nat" "rule with masquerade.*modprobe.*nft_masq" "rule with ct and.*modprobe.*nft_ct")
	helper=$(cat /proc/sys/kernel/modprobe)
	echo >/proc/sys/kernel/modprobe
	for ((i = ${#drivers[@]} - 1; i >= 0; i--)); do
		modprobe -q -r "${drivers[i]}" 2>/dev/null
	done
	for ((i = 0; i < ${#said[@]}; i++)); do
		if grep -q "^${drivers[i]} " /proc/modules; then
			skip "no ${drivers[i]}" "it is loaded, and can't be removed"
		else
			fails "no ${drivers[i]}" 125 "${said[i]}" --rootfs "$root" --net veth,hostfwd=8080-:80 -- true
		fi
		modprobe -q "${drivers[i]}"
	done
	echo "$helper" >/proc/sys/kernel/modprobe
}

if [ -z "$inside" ]; then
	if [ "${NESTED:-}" = 1 ]; then
		without_drivers
	else
		skip "a kernel without drivers" "only where it can be made so, in the nested tests"
	fi
	# Where no helper loads what a container is the first to need
	modprobe -q -a "${drivers[@]}" 2>/dev/null
	unshare -n -m bash tests/ctr/test_veth.sh --inside "$@" || test_status=1
	exit "$test_status"
fi
# For --userns
own_etc subuid subgid
root_range
ip link set lo up
if ! ip link add tvmtest type bridge 2>/dev/null || ! ip link add tvmtest0 master tvmtest type veth peer name tvmtest1 2>/dev/null; then
	skip "veth pairs" "this kernel has no veth or no bridge"
	exit
fi
ip link del tvmtest0
ip link del tvmtest

# --- a host and its neighbour ---------------------------------------------------------------------------------------------------------

unshare -n sleep 1000 &
peer=$!
# shellcheck disable=SC2317 # called by name
stop_all() {
	# shellcheck disable=SC2046 # a list
	kill $(jobs -p) 2>/dev/null
}
at_end+=(stop_all)
# shellcheck disable=SC2317
peer_apart() { [ "$(readlink "/proc/$peer/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
wait_until 10 peer_apart
there() { nsenter -t "$peer" -n "$@"; }
ip link add out0 type veth peer name in0 netns "$peer"
ip addr add 192.0.2.1/24 dev out0
ip link set out0 up
there ip addr add 192.0.2.2/24 dev in0
there ip link set in0 up
there ip link set lo up
mkdir "$test_dir/www"
head -c 3000000 /dev/urandom >"$test_dir/www/blob"
sum=$(md5sum <"$test_dir/www/blob")
# Not by there(): a function in the background is a shell, and the server its child
nsenter -t "$peer" -n "$busybox" httpd -f -p 192.0.2.2:80 -h "$test_dir/www" &

links() { ip -o link show | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | grep -v '^lo$' | sort | tr '\n' ' '; }
tables() { nft list tables 2>/dev/null | grep tinyvmm; }
# shellcheck disable=SC2317
clean() { [ "$(links)$(tables)" = "$bare" ]; }
bare=$(links)
veth() { ctr --rootfs "$root" --net "$@"; }
# begin NAME NET ARG...: a container in the background, whose process is $container; its output is the file NAME.
begin() {
	local name=$1 net=$2
	shift 2
	"$tinyvmm" ctr run --rootfs "$root" --net "$net" "$@" >"$test_dir/$name" 2>"$test_dir/$name.err" &
	container=$!
}
finish() {
	kill -TERM "$1"
	wait "$1"
}
# fetch URL: what came, as its sum
fetch() { "$busybox" timeout 5 "$busybox" wget -q -O - "$1" | md5sum; }
# shellcheck disable=SC2317
fetches() { [ "$("$@")" = "$sum" ]; }
address='ip -o -4 addr show eth0 | sed "s/.*inet \([^ ]*\).*/\1/"'
gateway='ip route | sed -n "s/default via \([^ ]*\).*/\1/p"'

# --- the way out ------------------------------------------------------------------------------------------------------------------------

same "forwarding is off before" 0 "$(cat /proc/sys/net/ipv4/ip_forward)"
veth veth --log-level info -- sh -c "$address; $gateway; cat /sys/class/net/eth0/mtu"
same "address, gateway, MTU" $'0 10.88.0.2/16\n10.88.0.1\n1500' "$status $output"
matches "that forwarding is on now is said" 'ip_forward is on now' "$errors"
check "nothing is left" clean
veth veth --cap-add NET_RAW -- ping -c 1 -W 5 10.88.0.1
same "the gateway answers" 0 "$status"
veth veth -- sh -c 'wget -q -O - http://192.0.2.2/blob | md5sum'
same "out to a neighbour who has no way back to the container" "0 $sum" "$status $output"
veth veth --userns -- sh -c 'wget -q -O - http://192.0.2.2/blob | md5sum'
same "with --userns" "0 $sum" "$status $output"
veth veth --isolation namespaces -- sh -c 'wget -q -O - http://192.0.2.2/blob | md5sum'
same "on the rung of namespaces" "0 $sum" "$status $output"
veth veth,mtu=1400 -- cat /sys/class/net/eth0/mtu
same "mtu=" 1400 "$output"
veth veth,ip=10.88.7.9/16 -- sh -c "$address"
same "ip=" 10.88.7.9/16 "$output"
ip route add 10.88.4.0/24 via 192.0.2.2
veth veth -- sh -c "$address"
same "a network that the host has a route to is not taken" 10.89.0.2/16 "$output"
ip route del 10.88.4.0/24
check "nothing is left of these" clean

# --- names -------------------------------------------------------------------------------------------------------------------------------

# Mounts are this script's own too.
mount -t tmpfs run /run
mkdir -p /run/systemd/resolve
touch "$test_dir/resolv.conf"
if mount --bind "$test_dir/resolv.conf" /etc/resolv.conf; then
	echo 'nameserver 192.0.2.2' >"$test_dir/resolv.conf"
	echo 'nameserver 192.0.2.3' >/run/systemd/resolve/resolv.conf
	veth veth -- cat /etc/resolv.conf
	same "the host's name server" "nameserver 192.0.2.2" "$output$errors"
	echo 'nameserver 127.0.0.53' >"$test_dir/resolv.conf"
	veth veth -- cat /etc/resolv.conf
	same "that of systemd-resolved, where the host's is its loopback's" "nameserver 192.0.2.3" "$output$errors"
	rm /run/systemd/resolve/resolv.conf
	veth veth -- cat /etc/resolv.conf
	matches "none that can be reached: is said" "names no server that the container can reach" "$errors"
	umount /etc/resolv.conf
else
	skip "name servers" "/etc/resolv.conf can't be covered here"
fi

# --- several ------------------------------------------------------------------------------------------------------------------------------

begin first veth --bind "$test_dir/www:/www" -- httpd -f -p 80 -h /www
first=$container
check "the host reaches the container" wait_until 30 fetches fetch http://10.88.0.2/blob
same "our bridge has no IPv6 (CVE-2020-13401)" "" "$(ip -6 -o addr show dev tinyvmm0)"
if command -v nft >/dev/null; then
	matches "its rules are in a table of its own, with an owner" 'table ip tinyvmm-[0-9]+ .*flags owner' "$(nft list ruleset | tr '\n' ' ')"
else
	skip "its rules are in a table of its own" "nft is not installed"
fi
veth veth -- sh -c "$address; wget -q -O - http://10.88.0.2/blob | md5sum"
same "another one reaches it" $'10.88.0.3/16\n'"$sum" "$output"
fails "an address in use" 125 '10.88.0.2/16.*in use' --rootfs "$root" --net veth,ip=10.88.0.2/16 -- true
fails "the bridge's own" 125 '10.88.0.1/16.*in use' --rootfs "$root" --net veth,ip=10.88.0.1/16 -- true
fails "another network's" 125 'network of tinyvmm0, which is 10.88.0.0/16' --rootfs "$root" --net veth,ip=10.77.0.2/16 -- true
there ip route add 10.88.0.0/16 via 192.0.2.1
there "$busybox" timeout 3 "$busybox" wget -q -O "$test_dir/none" http://10.88.0.2/blob
same "a neighbour who knows the way has none" 143 $?
there ip route del 10.88.0.0/16
pids=()
for n in 1 2 3 4 5 6; do
	begin "many.$n" veth -- sh -c "$address; sleep 1000"
	pids+=("$container")
done
# shellcheck disable=SC2317
all_there() { [ "$(cat "$test_dir"/many.? | wc -l)" = 6 ]; }
check "six at once" wait_until 60 all_there
same "have six addresses" 6 "$(sort -u "$test_dir"/many.? | wc -l)"
kill -TERM "${pids[@]}"
wait "${pids[@]}"
same "one is left" "out0 tinyvmm0 tvm0 " "$(links)"
failed=0
for _ in 1 2; do
	pids=()
	for n in $(seq 12); do
		begin "short.$n" "veth,hostfwd=$((9000 + n))-:80" -- sh -c "$address"
		pids+=("$container")
	done
	for n in "${pids[@]}"; do
		wait "$n" || failed=$((failed + 1))
	done
done
same "many that begin and end at once don't disturb each other" "0 failed" "$failed failed$(cat "$test_dir"/short.*.err | grep -v "/etc/resolv.conf")"
same "one is left again" "out0 tinyvmm0 tvm0 " "$(links)"
kill -KILL "$first"
wait "$first" 2>/dev/null
# shellcheck disable=SC2317
no_card() { [[ $(links) != *tvm0* ]]; }
check "after a kill the kernel removes its card" wait_until 20 no_card
same "and its rules" "" "$(tables)"
veth veth -- sh -c "$address"
same "the next one is the first again" 10.88.0.2/16 "$output"
check "and leaves nothing" clean
# Control groups of who was killed stay
find /sys/fs/cgroup -depth -type d -name "ctr-$first" -exec rmdir {} + 2>/dev/null

# --- the way in -----------------------------------------------------------------------------------------------------------------------------

# Busybox serves nothing by UDP that answers at once.
datagrams=${DATAGRAMS:-build/$(uname -m)/scripts/nameserver} host_libraries=()
for dir in /usr /lib /lib64; do
	[ ! -d "$dir" ] || host_libraries+=(--bind "$dir:$dir:ro")
done
[ ! -x "$datagrams" ] || host_libraries+=(--bind "$(realpath "$datagrams"):/nameserver:ro")
begin server veth,hostfwd=tcp:0.0.0.0:8080-:80,hostfwd=8081-:80,hostfwd=tcp:192.0.2.1:8082-:80,hostfwd=udp:127.0.0.1:5353-:53 \
	--bind "$test_dir/www:/www" "${host_libraries[@]}" -- sh -c '/nameserver 0.0.0.0 53 a=192.0.2.9 & httpd -f -p 80 -h /www'
server=$container
check "hostfwd: from the host's loopback" wait_until 30 fetches fetch http://127.0.0.1:8081/blob
same "hostfwd: a port of any address, by the loopback" "$sum" "$(fetch http://127.0.0.1:8080/blob)"
same "hostfwd: a port of any address, by another" "$sum" "$(fetch http://192.0.2.1:8080/blob)"
same "hostfwd: an address of the host's, from the host" "$sum" "$(fetch http://192.0.2.1:8082/blob)"
same "hostfwd: a port of any address, from a neighbour" "$sum" "$(there "$busybox" wget -q -O - http://192.0.2.1:8080/blob | md5sum)"
same "hostfwd: an address of the host's, from a neighbour" "$sum" "$(there "$busybox" wget -q -O - http://192.0.2.1:8082/blob | md5sum)"
there "$busybox" timeout 3 "$busybox" wget -q -O "$test_dir/none" http://192.0.2.1:8081/blob
differs=$?
check "hostfwd: the loopback's is not for neighbours" [ "$differs" != 0 ]
veth veth -- sh -c 'wget -q -O - http://10.88.0.1:8080/blob | md5sum'
same "hostfwd: from another container" "$sum" "$output"
if [ -x "$datagrams" ]; then
	# A question for the address of "a" (RFC 1035, 4.1); the answer begins with the same number.
	answer=$(exec 3<>/dev/udp/127.0.0.1/5353 && printf '\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01' >&3 &&
		timeout 5 head -c 2 <&3 | od -An -tx1)
	same "hostfwd: udp" " 12 34" "$answer"
else
	skip "hostfwd: udp" "scripts/nameserver is not built"
fi
fails "hostfwd: a port that another container has" 125 'tcp port 8080.*in use' --rootfs "$root" --net veth,hostfwd=tcp:0.0.0.0:8080-:80 -- true
"$busybox" httpd -f -p 127.0.0.1:8090 -h "$test_dir/www" &
check "a server of the host's loopback" wait_until 10 fetches fetch http://127.0.0.1:8090/blob
# As root of all it can, a container sends packets for 127.0.0.1 to its gateway.
veth veth --isolation namespaces --keep -- sh -c 'ip addr flush dev lo; echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
	ip rule add pref 1 lookup 100; ip rule del pref 0; ip rule add pref 2 lookup local; ip route add 127.0.0.1 via 10.88.0.1 table 100
	ip route get 127.0.0.1; timeout 3 wget -q -O - http://127.0.0.1:8090/blob | md5sum'
matches "the host's loopback: is asked for at the gateway" '127.0.0.1 via 10.88.0.1' "$output"
check "the host's loopback: stays its own (CVE-2020-8558)" [ "${output##*$'\n'}" != "$sum" ]
finish "$server"
same "ended by a signal" 143 $?
check "nothing is left of it" clean
"$busybox" httpd -f -p 8080 -h "$test_dir/www" &
check "its port is the host's again" wait_until 10 fetches fetch http://127.0.0.1:8080/blob
begin killed veth,hostfwd=tcp:127.0.0.1:8083-:80 -- sh -c 'echo up; sleep 1000'
wait_until 30 grep -q up "$test_dir/killed"
kill -KILL "$container"
wait "$container" 2>/dev/null
find /sys/fs/cgroup -depth -type d -name "ctr-$container" -exec rmdir {} + 2>/dev/null
"$busybox" httpd -f -p 127.0.0.1:8083 -h "$test_dir/www" &
check "also after a kill" wait_until 10 fetches fetch http://127.0.0.1:8083/blob
veth veth -- true
check "and nothing is left after the next" clean

# --- a bridge of the host's ----------------------------------------------------------------------------------------------------------------

ip link add br9 mtu 1450 type bridge
ip addr add 10.99.0.1/24 dev br9
ip link set br9 up
with_bridge=$(links)
veth veth,bridge=br9 -- sh -c "$address; ip -o link show eth0 | grep -o 'mtu [0-9]*'; $gateway"
same "bridge=: no address but its MTU" "mtu 1450" "$output"
veth veth,bridge=br9,ip=10.99.0.5/24,gateway=10.99.0.1 --cap-add NET_RAW -- sh -c "$address; $gateway; ping -c 1 -W 5 10.99.0.1 >/dev/null && echo yes"
same "bridge=: ip=, gateway=" $'10.99.0.5/24\n10.99.0.1\nyes' "$output"
same "bridge=: it stays" "$with_bridge" "$(links)"
begin bridged veth,bridge=br9,ip=10.99.0.5/24,gateway=10.99.0.1,hostfwd=tcp:192.0.2.1:8084-:80 --bind "$test_dir/www:/www" -- httpd -f -p 80 -h /www
bridged=$container
check "bridge=: hostfwd" wait_until 30 fetches fetch http://192.0.2.1:8084/blob
same "bridge=: hostfwd, from a neighbour" "$sum" "$(there "$busybox" wget -q -O - http://192.0.2.1:8084/blob | md5sum)"
fails "bridge=: an address in use" 125 '10.99.0.5/24.*in use' --rootfs "$root" --net veth,bridge=br9,ip=10.99.0.5/24 -- true
finish "$bridged"
fails "bridge=: the loopback is the user's to open" 125 'route_localnet' --rootfs "$root" --net veth,bridge=br9,ip=10.99.0.5/24,hostfwd=8085-:80 -- true
same "bridge=: nothing is left of it" "$with_bridge" "$(links)$(tables)"

# --- what can't be ----------------------------------------------------------------------------------------------------------------------------

fails "no such bridge" 125 'bridge=br8: the host has no such bridge' --rootfs "$root" --net veth,bridge=br8 -- true
fails "no bridge" 125 'bridge=out0: that interface is no bridge' --rootfs "$root" --net veth,bridge=out0 -- true
ip link add tinyvmm0 type veth peer name tinyvmm1
fails "our bridge's name is somebody's" 125 'tinyvmm0 is no bridge' --rootfs "$root" --net veth -- true
ip link del tinyvmm0
ip link add tinyvmm0 type bridge
ip addr add 10.55.0.1/24 dev tinyvmm0
veth veth -- sh -c "$address"
same "a tinyvmm0 that the user made serves" 10.55.0.2/24 "$output"
matches "and stays" tinyvmm0 "$(links)"
ip link del tinyvmm0
fails "a port of the host in use" 125 'tcp port 8080.*in use' --rootfs "$root" --net veth,hostfwd=tcp:192.0.2.1:8080-:80 -- true
if command -v setpriv >/dev/null; then
	"$busybox" chmod 755 "$test_dir"
	errors=$(setpriv --reuid 1000 --regid 1000 --clear-groups "$tinyvmm" ctr run --rootfs "$root" --net veth -- true 2>&1)
	matches "not root" 'net veth: takes root' "$errors"
else
	skip "not root" "setpriv is not installed"
fi
same "nothing is left" "$with_bridge" "$(links)$(tables)"
exit "$test_status"
