# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Packages of another architecture, on a host that has none of it. Sourced after lib.sh; the caller has `set -eu`.
#
# After `use_arch ARCH DIR` apt's programs, and so all of lib.sh, see ARCH's packages: through a configuration and lists of their own in DIR/apt.
# Nothing of the host changes, root is not needed, and what is fetched is unpacked, never installed. `dpkg --add-architecture` would do
# on Debian, but holds the host's own packages to the versions that both architectures have, and breaks `apt-get update` on Ubuntu, whose
# arm64 packages are on another server.

# Debian's name of an architecture.
debian_arch() {
	case $1 in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	*) die "no such architecture: $1 (x86_64, aarch64)" ;;
	esac
}

# For the host's own architecture there is nothing to do.
use_arch() {
	local arch
	arch=$(debian_arch "$1")
	command -v dpkg >/dev/null || die "$1 here needs a host with Debian's packages (Debian 12, Ubuntu 24.04)"
	[ "$(dpkg --print-architecture)" != "$arch" ] || return 0
	mkdir -p "$2"
	apt_configure "$arch" "$(cd "$2" && pwd)"
	# shellcheck disable=SC2034 # for lib.sh
	system=$2/system
}

# The host's sources and keys serve: on Debian one server has every architecture.
apt_configure() {
	local arch=$1 dir=$2/apt
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
	local suite pocket
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	for pocket in '' -updates -security; do
		echo "deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://ports.ubuntu.com/ubuntu-ports $suite$pocket main universe"
	done
}
