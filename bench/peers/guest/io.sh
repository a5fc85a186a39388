#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs in the guest, on the bench's root image: memory at rest, then disk, then network. bench_seconds comes from the kernel's command line.
cd /tmp || exit
export HOME=/tmp TMPDIR=/tmp
seconds=${bench_seconds:-3}

network=''
if [ -e /sys/class/net/eth0 ]; then
	network=yes
	ip link set lo up
	ip link set eth0 up
	ip addr add 10.0.2.15/24 dev eth0
	ip route add default via 10.0.2.2
	# One exchange: the network is in use, and its address known
	ping -c 1 -W 2 10.0.2.2 >/dev/null 2>&1
fi
sleep 0.5
echo 'bench: rss rss_idle'
sleep 0.3

# Terse output, version 3: field 3 is the job's name, 7 and 8 what it read (KiB/s, IOPS), 48 and 49 what it wrote.
fio --output-format=terse --terse-version=3 --thread --ioengine=psync --direct=1 --filename=/dev/vdb --size="${bench_size:-128m}" \
	--time_based --runtime="$seconds" --stonewall \
	--name=rand_read --rw=randread --bs=4k \
	--name=rand_write --rw=randwrite --bs=4k --stonewall \
	--name=sync_write --rw=randwrite --bs=4k --fsync=1 --stonewall \
	--name=seq_read --rw=read --bs=1m --stonewall |
	awk -F';' '
		$3 == "rand_read" { print "bench: value rand_read", $8 }
		$3 == "rand_write" { print "bench: value rand_write", $49 }
		$3 == "sync_write" { print "bench: value sync_write", $49 }
		$3 == "seq_read" { printf "bench: value seq_read %.1f\n", $7 / 1024 }'

# iperf3 FLAG...: what arrived, in Mbit/s
received() {
	iperf3 -c 10.0.2.2 -t "$seconds" -f m "$@" 2>&1 | awk '/receiver/ { for (i = 2; i <= NF; i++) if ($i == "Mbits/sec") print $(i - 1) }'
}
if [ -n "$network" ]; then
	echo "bench: value net_out $(received)"
	echo "bench: value net_in $(received -R)"
	echo 'bench: rss rss_busy'
	sleep 0.3
fi
