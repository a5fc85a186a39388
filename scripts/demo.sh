#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh TINYVMM NAMESERVER: a stock kernel and a root image in tinyvmm: a shell on your terminal, or, without one, a tour that types for
# you. What it makes stays in demo/ for the next time.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

tinyvmm=$1 nameserver=$2
kernel=$(scripts/get-kernel.sh demo/kernel)
busybox=$(busybox_static demo)
scripts/make-rootfs.sh --cache demo demo/rootfs.img

if hardware_kvm; then
	# The name of where the packages came from; unknown when the host has no network just now
	# shellcheck disable=SC2016 # $(SITE) is apt's
	name=$(apt-get indextargets --format '$(SITE)' 2>/dev/null | sed 's,^[a-z]*://,,; s,[:/].*,,' | head -n 1)
	if ! getent hosts "${name:-deb.debian.org}" >/dev/null; then
		say "this host can't look up names now: the tour goes without that"
		name=''
	fi
	exec scripts/demo-tour.sh "$tinyvmm" "$kernel" demo/kernel demo/rootfs.img "$busybox" ${name:+"$name"}
fi

say "No hardware virtualization here ($(why_no_hardware_kvm)): the same runs inside emulated hardware with nested KVM, much slower."
terminal=()
if [ -t 0 ] && [ -t 1 ]; then
	terminal=(--terminal --timeout 86400)
fi
exec scripts/nested.sh --kernel-dir demo/kernel --busybox "$busybox" --memory 1536 --stall 60 --tinyvmm "$tinyvmm" --program "$nameserver" \
	--program "$(command -v bash)" --program "$(command -v tail)" --program "$(command -v sed)" \
	--file scripts:/scripts --file demo/rootfs.img:/root/rootfs.img "${terminal[@]}" -- \
	bash -c 'nameserver 127.0.0.1 53 host.tinyvmm.test=10.0.2.2 & exec bash "$@"' demo \
	/scripts/demo-tour.sh tinyvmm "/kernel/${kernel#demo/kernel/}" /kernel /root/rootfs.img /bin/busybox host.tinyvmm.test
