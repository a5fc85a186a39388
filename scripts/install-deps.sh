#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# install-deps.sh [--check] GROUP...: sees to it that what a group of goals needs is there, from the distribution's packages (Debian 12,
# Ubuntu 24.04). Does nothing, and needs neither root nor a network, when it is. With --check it only tells what is missing.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

host_qemu() { if [ "$(uname -m)" = aarch64 ]; then echo qemu-system-arm; else echo qemu-system-x86; fi; }

# Packages of a group, after what they are for.
group() {
	case $1 in
	build)
		echo "to build tinyvmm:" gcc make pkg-config libc6-dev linux-libc-dev liburing-dev
		echo "for headers of libraries that tinyvmm loads when needed, and those libraries:" libslirp-dev libglib2.0-dev \
			libseccomp-dev libkmod-dev libblkid-dev libarchive-dev libjansson-dev libmnl-dev libnftnl-dev libsystemd-dev zlib1g-dev liblzma-dev libzstd-dev liblz4-dev libbz2-dev
		;;
	build-aarch64)
		if [ "$(uname -m)" = aarch64 ]; then
			group build
		else
			echo "to build for AArch64:" gcc make pkg-config gcc-aarch64-linux-gnu libc6-dev-arm64-cross
		fi
		;;
	demo-aarch64)
		group build-aarch64
		echo "to unpack a kernel and make disk images:" kmod e2fsprogs fdisk binutils cpio device-tree-compiler
		echo "to emulate a machine with virtualization:" qemu-system-arm
		;;
	demo)
		echo "to unpack a kernel and make disk images:" kmod e2fsprogs
		hardware_kvm || echo "to emulate a machine with virtualization, as this one has none:" qemu-system-x86
		;;
	test)
		group demo
		echo "for the unit tests:" libcmocka-dev libfdt-dev device-tree-compiler acpica-tools gzip xz-utils zstd lz4 bzip2
		echo "for the sanitizers and fuzz targets:" clang libclang-rt-dev
		echo "to compare with:" crun
		echo "to build a kernel with everything built in:" bc bison flex libelf-dev
		echo "for partitioned test disks:" fdisk
		echo "to see what the sandbox allows being used:" strace
		echo "for a test network:" iproute2 nftables
		echo "for containers of ordinary users:" uidmap fuse2fs
		echo "for what else the tests look at:" cpio procps
		group docs
		group lint
		;;
	bench)
		group demo
		echo "to measure:" fio iperf3 strace
		echo "to compare with:" "$(host_qemu)"
		;;
	bench-ctr) echo "to compare with:" bubblewrap crun runc util-linux ;;
	bench-aarch64)
		if [ "$(uname -m)" = aarch64 ]; then
			group bench
		else
			group demo-aarch64
		fi
		;;
	lint)
		group build
		echo "to check the sources:" shellcheck cppcheck clang-tidy clang-format
		;;
	docs) echo "for the man pages:" scdoc ;;
	# Debian's; Ubuntu has it as a snap only
	pages) echo "to look at pages in a browser:" chromium fonts-dejavu-core ;;
	*) die "no such group: $1 (build, test, demo, bench, lint, docs, pages; bench-ctr; build-, demo- and bench-aarch64)" ;;
	esac
}

# Some releases have a package only under another name.
package_name() {
	local clang=''
	if [ "$1" = libclang-rt-dev ] && ! package_known "$1"; then
		clang=$(apt-cache show clang 2>/dev/null | sed -n 's/^Depends:.*clang-\([0-9]*\).*/\1/p' | head -n 1)
	fi
	if [ -n "$clang" ]; then
		echo "libclang-rt-$clang-dev"
	else
		echo "$1"
	fi
}

check_only=''
[ "${1:-}" != --check ] || { check_only=1 && shift; }
[ $# -gt 0 ] || die "usage: install-deps.sh [--check] GROUP..."
for name; do
	group "$name" >/dev/null
done
command -v dpkg-query >/dev/null || die "this knows Debian and its relatives only; here is what to install: $(for g; do group "$g"; done)"

missing=()
while IFS=: read -r purpose packages; do
	lacking=()
	for package in $packages; do
		package_installed "$package" || package_installed "$(package_name "$package")" || lacking+=("$package")
	done
	[ ${#lacking[@]} = 0 ] || say "missing $purpose ${lacking[*]}"
	missing+=("${lacking[@]}")
done < <(for name; do group "$name"; done | awk '!seen[$0]++')

install() {
	local packages=() package
	for package in "${missing[@]}"; do
		packages+=("$(package_name "$package")")
	done
	apt_quiet -o DPkg::Lock::Timeout=300 install --no-install-recommends "${packages[@]}"
}

if [ ${#missing[@]} -gt 0 ]; then
	[ -z "$check_only" ] || die "to install them: scripts/install-deps.sh $*"
	if package_known "${missing[0]}"; then
		install || { apt_update && install; } || die "installing failed"
	else
		{ apt_update && install; } || die "installing failed"
	fi
fi

# AArch64's own libraries and programs are not installed but unpacked: scripts/foreign.sh says why.
if [ -z "$check_only" ]; then
	case " $* " in
	*' bench-aarch64 '*) "$(dirname "$0")/get-system.sh" aarch64 bench ;;
	*-aarch64' '*) "$(dirname "$0")/get-system.sh" aarch64 ;;
	esac
fi
