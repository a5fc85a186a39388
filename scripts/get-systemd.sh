#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# get-systemd.sh DIR: a root file system under DIR that boots by systemd, or by OpenRC (/sbin/openrc-init), from the distribution's packages: unpacked, not installed, so that
# no script of theirs runs. A second run finds the first one's work.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[ $# = 1 ] || die "usage: get-systemd.sh DIR"
# Of these libpam-systemd and dbus-user-session make a user's own manager, and the libraries are what tinyvmm loads when it runs in there
packages=(systemd systemd-sysv dbus libpam-systemd dbus-user-session base-files bash coreutils dash grep libpam-runtime login mount sed
	util-linux libjansson4 libseccomp2 openrc)
is_there() { [ -f "$1.packages" ] && [ "$(printf '%s\n' "${packages[@]}")" = "$(<"$1.packages")" ]; }
! is_there "$1" || exit 0
mkdir -p "${1%/*}"
exec 9>"$1.lock"
flock 9
! is_there "$1" || exit 0
command -v apt-get >/dev/null || die "the packages come through apt: this knows Debian and its relatives only"
new=$1.new apt=$1.apt
rm -rf "$new" "$apt" "$1.packages"
# The host's lists, but nothing is installed
mkdir -p "$apt/archives/partial"
apt=$(cd "$apt" && pwd)
: >"$apt/status"
cat >"$apt/conf" <<END
APT::Sandbox::User "root";
Debug::NoLocking "true";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Cache::archives "$apt/archives";
END
APT_CONFIG=$apt/conf package_unpack_all "$new" "${packages[@]}" ||
	die "could not fetch the packages: is there a network, and does apt work (apt-get update)?"
tree_merge_usr "$new"
[ -e "$new/lib64" ] || ln -s usr/lib64 "$new/lib64"
rm -rf "$apt" "${new:?}"/{boot,usr/games,usr/src} "$new"/usr/share/{doc,info,locale,man,perl*,zoneinfo} "$new"/usr/lib/*/{gconv,perl*}

# What the packages' own scripts would have done
cat >"$new/etc/passwd" <<'END'
root::0:0:root:/root:/bin/bash
messagebus:x:100:100::/nonexistent:/usr/sbin/nologin
user::1000:1000::/var/user:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
END
cat >"$new/etc/group" <<'END'
root:x:0:
adm:x:4:
tty:x:5:
utmp:x:43:
messagebus:x:100:
systemd-journal:x:101:
user:x:1000:
nogroup:x:65534:
END
mkdir -p "$new"/etc/runlevels/{sysinit,boot,default,nonetwork,shutdown}
mkdir -p "$new"/{dev,proc,sys,run,tmp,root,var/user}
chmod 1777 "$new/tmp"
# Where this is not root's to give away, the test's user has no home to write to
chown 1000:1000 "$new/var/user" 2>/dev/null || true
for kind in account auth password; do echo "$kind required pam_permit.so" >"$new/etc/pam.d/common-$kind"; done
printf 'session required pam_permit.so\nsession optional pam_systemd.so\n' | tee "$new/etc/pam.d/common-session" >"$new/etc/pam.d/common-session-noninteractive"
: >"$new/etc/machine-id"
rm -rf "$1"
mv "$new" "$1"
printf '%s\n' "${packages[@]}" >"$1.packages"
