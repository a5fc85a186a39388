# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the scripts that compile a kernel from the distribution's source, in $tmp, which is removed at the end: the tree is in $tmp/source,
# what is made of it in $tmp/out. kbuild, which they define, runs make there. scripts/lib.sh comes before.

# new_tmp DIR: $tmp, beside what will be DIR.
new_tmp() {
	tmp=''
	trap '[ -z "$tmp" ] || rm -rf "$tmp"' EXIT
	trap 'exit 143' HUP INT TERM
	tmp=$(mktemp -d "$1.new.XXXXXX")
}

# Debian's and Ubuntu's linux-source stands for the source of their current kernel
source_package() {
	apt-cache show --no-all-versions linux-source 2>/dev/null | sed -n 's/^Depends: \(linux-source-[^ ,]*\).*/\1/p' | head -n 1
}

# All but what matches one of $left_out
unpack_source() {
	local package archive
	package=$(source_package)
	[ -n "$package" ] || { apt_update && package=$(source_package); }
	package_unpack "$tmp/package" "${package:?no linux-source is known to apt}"
	archive=$(find "$tmp/package/usr/src" -type f -name 'linux-source-*.tar.*' | head -n 1)
	mkdir "$tmp/source" "$tmp/out"
	# shellcheck disable=SC2154 # left_out: theirs
	tar -xf "$archive" -C "$tmp/source" --strip-components=1 "${left_out[@]/#/--exclude=}"
	rm -rf "$tmp/package"
}

# configure FILE: everything is off but what the file names, and what that needs in turn
configure() {
	local line
	kbuild KCONFIG_ALLCONFIG="$1" allnoconfig
	grep '^CONFIG_' "$1" | while read -r line; do
		grep -qxF "$line" "$tmp/out/.config" || die "this kernel's configuration does not take $line"
	done
}
