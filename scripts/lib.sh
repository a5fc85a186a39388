# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the scripts here share. Sourced, never run; the caller has `set -eu`.
# shellcheck source=scripts/foreign.sh
. "$(dirname "${BASH_SOURCE[0]}")/foreign.sh"

say() { printf '%s\n' "$*" >&2; }
die() {
	say "${0##*/}: $*"
	exit 1
}

# As root, whoever we are. sudo may ask on the terminal; without one it fails at once instead of waiting.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif ! command -v sudo >/dev/null; then
		die "needs root for: $* (and there is no sudo here)"
	elif [ -t 0 ]; then
		sudo -- "$@"
	else
		sudo -n -- "$@"
	fi
}

apt_quiet() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" </dev/null >&2
}

# The package lists may be missing (a fresh container) or so old that what they name is gone: both show only when something is asked for.
apt_update() {
	say "refreshing the package lists (apt-get update)"
	if [ -n "$system" ]; then
		apt-get -q -o Acquire::Retries=3 update >&2
	else
		apt_quiet update
	fi
}

package_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
package_known() { apt-cache show "$1" >/dev/null 2>&1; }

# package_unpack DIR PACKAGE...: fetches packages and unpacks them under DIR; nothing is installed.
package_unpack() (
	mkdir -p "$1" && dir=$(cd "$1" && pwd) && tmp=$(mktemp -d) || exit 1
	shift
	trap 'rm -rf "$tmp"' EXIT
	chmod 755 "$tmp"
	# apt fetches as its own user, and complains when that one can't write here
	if [ "$(id -u)" = 0 ] && getent passwd _apt >/dev/null; then
		chown _apt "$tmp"
	fi
	cd "$tmp" || exit 1
	say "fetching $* (unpacked under $dir, not installed)"
	apt-get -q download "$@" >&2 || { apt_update && apt-get -q download "$@" >&2; } || exit 1
	for deb in *.deb; do
		dpkg -x "$deb" "$dir" || exit 1
	done
)

# package_unpack_all DIR PACKAGE...: the same for another architecture's packages (foreign.sh), and for all that they depend on.
package_unpack_all() (
	mkdir -p "$1" && dir=$(cd "$1" && pwd) || exit 1
	shift
	say "fetching $* and what they depend on (unpacked under $dir, not installed)"
	fetch=(apt-get -q -y -o Acquire::Retries=3 --no-install-recommends --download-only install "$@")
	"${fetch[@]}" >&2 || { apt_update && "${fetch[@]}" >&2; } || exit 1
	archives=$(apt-config shell archives Dir::Cache::archives/d)
	eval "$archives"
	for deb in "$archives"*.deb; do
		dpkg -x "$deb" "$dir" || exit 1
		rm "$deb"
	done
)

# True where a stock guest can run right here: a KVM we may use, on a processor that has virtualization. (On x86_64 a KVM without it exists
# too: it emulates instructions in software, and no stock kernel gets far on that.)
hardware_kvm() { [ -r /dev/kvm ] && [ -w /dev/kvm ] && { [ "$(uname -m)" = aarch64 ] || grep -Eqw 'vmx|svm' /proc/cpuinfo; }; }

why_no_hardware_kvm() {
	if ! [ -e /dev/kvm ]; then
		echo "there is no /dev/kvm"
	elif ! { [ -r /dev/kvm ] && [ -w /dev/kvm ]; }; then
		echo "/dev/kvm is not ours to use (group kvm?)"
	else
		echo "/dev/kvm is there, but the processor shows neither vmx nor svm"
	fi
}

# The program busybox-static: the installed one, else fetched once into CACHE. Prints its path. (The plain busybox package, which many
# systems need, conflicts with it: so it is never installed.)
busybox_static() {
	local cache=$1 path
	if [ -n "$system" ]; then
		path=$(program_path busybox)
	elif package_installed busybox-static; then
		path=$(dpkg -L busybox-static | grep -m1 'bin/busybox$')
	else
		path=$(find "$cache/busybox" -path '*bin/busybox' -type f 2>/dev/null | head -n 1)
		if [ -z "$path" ]; then
			package_unpack "$cache/busybox" busybox-static || return 1
			path=$(find "$cache/busybox" -path '*bin/busybox' -type f | head -n 1)
		fi
	fi
	[ -x "$path" ] && realpath "$path"
}

# One of another architecture can't be asked: its names stand in it one behind the other, the first two are "[" and "[[".
busybox_names() {
	if [ -z "$system" ]; then
		"$1" --list
	else
		tr '\0' '\n' <"$1" | LC_ALL=C awk '
			$0 == "[[" && before == "[" { names = 1; print before }
			names && !/^[][a-z0-9_.-]+$/ { names = 0; before = ""; next }
			names
			{ before = $0 }'
	fi
}

# Where a program is, in the system that trees are made from.
program_path() {
	local path=$PATH:/usr/sbin:/sbin
	[ -z "$system" ] || path=$system/usr/bin:$system/usr/sbin
	PATH=$path command -v "$1" || die "no program $1 in $path"
}

# tree_base ROOT BUSYBOX: directories of a small system, busybox and all its names.
tree_base() {
	local root=$1 busybox=$2 name
	mkdir -p "$root"/{dev,etc,lib,mnt,proc,root,run,sys,tmp,usr/bin,usr/lib,usr/share,var}
	chmod 1777 "$root/tmp"
	chmod 700 "$root/root"
	# one directory of programs and one of libraries, as on a merged Debian
	ln -s usr/bin "$root/bin"
	ln -s usr/bin "$root/sbin"
	ln -s bin "$root/usr/sbin"
	ln -s usr/lib "$root/lib64"
	rmdir "$root/lib"
	ln -s usr/lib "$root/lib"
	install -m 755 "$busybox" "$root/usr/bin/busybox"
	for name in $(busybox_names "$busybox"); do
		[ "$name" = busybox ] || ln -s busybox "$root/usr/bin/$name"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
	printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' >"$root/etc/hosts"
}

# tree_merge_usr ROOT: packages of before merged-/usr have their files in /lib and /bin.
tree_merge_usr() {
	local name
	for name in bin sbin lib; do
		mkdir -p "$1/usr/$name"
		if [ -d "$1/$name" ] && ! [ -L "$1/$name" ]; then
			cp -a "$1/$name/." "$1/usr/$name/"
			rm -rf "${1:?}/$name"
		fi
		[ -L "$1/$name" ] || ln -s "usr/$name" "$1/$name"
	done
}

# Prints the files that the dynamic linker takes for a program or library, itself included.
elf_closure() {
	local file=$1
	if [ -n "$system" ]; then
		foreign_closure "$file"
		return
	fi
	echo "$file"
	{ ldd "$file" 2>/dev/null || true; } | sed -n 's/.*=> \(\/[^ ]*\) (.*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p'
}

# tree_program ROOT FILE [NAME]: puts a program into ROOT/usr/bin and its libraries into ROOT/usr/lib.
tree_program() {
	local root=$1 file=$2 name=${3:-${2##*/}} files lib
	files=$(elf_closure "$file") || return 1
	rm -f "$root/usr/bin/$name"
	install -m 755 "$file" "$root/usr/bin/$name"
	tail -n +2 <<<"$files" | while read -r lib; do
		[ -e "$root/usr/lib/${lib##*/}" ] || install -m 755 "$lib" "$root/usr/lib/${lib##*/}"
	done
}

# tree_library ROOT SONAME: a library that a program loads by name, and what that one needs. Fails when the host has none.
tree_library() {
	local root=$1 soname=$2 path lib
	if [ -n "$system" ]; then
		path=$(foreign_library "$soname")
	else
		path=$(PATH=$PATH:/usr/sbin:/sbin ldconfig -p | awk -v so="$soname" '$1 == so && /x86-64|AArch64/ { print $NF; exit }')
	fi
	[ -n "$path" ] || return 1
	elf_closure "$path" | while read -r lib; do
		[ -e "$root/usr/lib/${lib##*/}" ] || install -m 755 "$lib" "$root/usr/lib/${lib##*/}"
	done
}
