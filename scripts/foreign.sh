# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Another architecture's packages, on a host that has none of it. lib.sh sources it.
#
# After `use_arch ARCH` apt's programs, and so all of lib.sh, see ARCH's packages: through a configuration and lists of their own in
# demo/ARCH/apt. Nothing of the host changes, root is not needed, and what is fetched is unpacked, never installed.
# `dpkg --add-architecture` would do on Debian, but holds the host's own packages to the versions that both architectures have, and breaks
# `apt-get update` on Ubuntu, whose arm64 packages are on another server.

# Where programs and libraries for a tree come from: empty for the host itself, else the tree that get-system.sh made.
system=''

# Debian's name of an architecture.
debian_arch() {
	case $1 in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	*) die "no such architecture: $1 (x86_64, aarch64)" ;;
	esac
}

# Where an architecture's kernel, root image and the like are kept.
demo_dir() {
	local demo
	demo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/demo
	[ "$1" = "$(uname -m)" ] || demo+=/$1
	mkdir -p "$demo"
	echo "$demo"
}

# For the host's own architecture there is nothing to do.
use_arch() {
	local arch
	arch=$(debian_arch "$1")
	[ "$1" != "$(uname -m)" ] || return 0
	command -v apt-get >/dev/null || die "the packages for $1 come through apt: this knows Debian and its relatives only"
	system=$(demo_dir "$1")/system
	apt_configure "$arch" "$(demo_dir "$1")/apt"
}

# The host's sources and keys serve: on Debian one server has every architecture.
apt_configure() {
	local arch=$1 dir=$2
	mkdir -p "$dir"/lists/partial "$dir"/archives/partial
	[ -f "$dir/status" ] || : >"$dir/status" # what is installed: nothing
	cat >"$dir/conf.$$" <<-END
		APT::Architecture "$arch";
		APT::Architectures { "$arch"; };
		APT::Sandbox::User "root"; // apt's own user may not reach this directory
		Debug::NoLocking "true"; // all is ours: the host's locks are not needed
		Dir::State "$dir";
		Dir::State::lists "$dir/lists";
		Dir::State::status "$dir/status";
		Dir::Cache "$dir";
		Dir::Cache::archives "$dir/archives";
	END
	if grep -qx 'ID=ubuntu' /etc/os-release && [ "$arch" != amd64 ]; then
		ubuntu_ports >"$dir/sources.list"
		printf 'Dir::Etc::%s;\n' "sourcelist \"$dir/sources.list\"" 'sourceparts "/dev/null"' >>"$dir/conf.$$"
	fi
	mv "$dir/conf.$$" "$dir/conf"
	export APT_CONFIG=$dir/conf
}

ubuntu_ports() {
	local suite pocket key=/usr/share/keyrings/ubuntu-archive-keyring.gpg
	suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	for pocket in '' -updates -security; do
		echo "deb [signed-by=$key] http://ports.ubuntu.com/ubuntu-ports $suite$pocket main universe"
	done
}

# foreign_library SONAME: its path in the system's tree; nothing when it is not there. Programs find some in directories of their own.
foreign_library() {
	find "$system"/usr/lib/*-linux-gnu/"$1" "$system/usr/lib/$1" "$system"/usr/lib/*-linux-gnu/*/"$1" 2>/dev/null | head -n 1 || true
}

# What elf_closure prints, without the dynamic linker, which can't run here: files name what they need.
foreign_closure() {
	local files=("$1") seen=' ' name path i
	for ((i = 0; i < ${#files[@]}; i++)); do
		echo "${files[i]}"
		for name in $(elf_needs "${files[i]}"); do
			case $seen in *" $name "*) continue ;; esac
			seen+="$name "
			path=$(foreign_library "$name")
			[ -n "$path" ] || die "$1 needs $name, which is not in $system"
			files+=("$path")
		done
	done
}

elf_needs() {
	readelf -W -l -d "$1" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p; s/.*program interpreter: .*\/\(.*\)\]/\1/p'
}
