#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# layers.sh: the rules of docs/ARCHITECTURE.md that a compiler does not check: which way includes point, what may know of KVM, virtio and
# the processor's architecture, and what every file has or has not.
set -u
cd "$(dirname "$0")/.." || exit 1

status=0
verdict() { # NAME, findings on standard input
	local findings
	findings=$(cat)
	if [ -z "$findings" ]; then
		echo "ok layers: $1"
	else
		echo "not ok layers: $1"
		printf '%s\n' "$findings" | sed 's/^/# /'
		status=1
	fi
}

# The project's files, one a line: committed or not, but never what a build made.
mapfile -t files < <(git ls-files --cached --others --exclude-standard 2>/dev/null ||
	find . -type f -not -path './build/*' -not -path './demo/*' -printf '%P\n')
[ ${#files[@]} -gt 0 ] || { echo "not ok layers: there are no files here" && exit 1; }
# The table below names the layers of real code; tests may include anything.
matching() { printf '%s\n' "${files[@]}" | grep -E "$1"; }
mapfile -t code < <(matching '^(vmm|devices|arch|guest|ctr|bench|scripts)/.*\.[ch]$')

# --- which way includes point ------------------------------------------------------------------------------------------------------

# Every folder with what it may include: folders, all headers that stand directly in one ("arch/*.h"), or single headers. Itself goes
# without saying; a folder that is not named here is reported.
layers='
vmm/util
vmm/core         vmm/util
arch             vmm/core vmm/util
arch/x86_64      arch/*.h vmm/core vmm/util
arch/aarch64     arch/*.h vmm/core vmm/util
devices          vmm/core vmm/util
devices/block    vmm/core vmm/util
devices/net      vmm/core vmm/util
devices/virtio   devices/*.h devices/block/block.h devices/block/file.h devices/net/netdev.h vmm/core vmm/util
guest
guest/bare       guest/bare/x86_64 guest/bare/aarch64
guest/bare/x86_64 guest/bare/*.h
guest/bare/aarch64 guest/bare/*.h
ctr/store        ctr/mapped.h ctr/walk.h vmm/util
ctr/verbs        ctr/*.h ctr/archive ctr/cgroup ctr/store vmm/core vmm/util
ctr              ctr/archive ctr/cgroup ctr/seccomp ctr/veth devices/net devices/block guest/reaper.h vmm/core vmm/util
ctr/archive      ctr/walk.h vmm/util
ctr/cgroup       vmm/util
ctr/seccomp      ctr/caps.h vmm/util
ctr/veth         devices/net vmm/util
vmm              arch/*.h bench/bench.h ctr/verbs/ctr.h devices guest/protocol.h vmm/core vmm/util
bench            ctr/*.h ctr/verbs ctr/cgroup guest/probe.h vmm/core vmm/util
bench/peers
scripts
'

includes() { # "FILE INCLUDED", for project headers
	grep -HoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]+"' "${code[@]}" | sed -E 's/:[^"]*"/ /; s/"$//'
}

includes | awk -v layers="$layers" '
	function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
	function allowed(from, to,    i, n, may, dir) {
		if (folder(to) == from)
			return 1
		n = split(may_include[from], may, " ")
		for (i = 1; i <= n; i++) {
			dir = may[i]
			if (may[i] == to || index(to, may[i] "/") == 1)
				return 1
			if (sub(/\/\*\.h$/, "", dir) && folder(to) == dir)
				return 1
		}
		return 0
	}
	BEGIN {
		n = split(layers, line, "\n")
		for (i = 1; i <= n; i++) {
			if (!match(line[i], /^[^ ]+/))
				continue
			may_include[substr(line[i], 1, RLENGTH)] = substr(line[i], RLENGTH + 1)
			known[substr(line[i], 1, RLENGTH)] = 1
		}
	}
	{
		from = folder($1)
		# Parts of one folder that are kept apart (guest/bare): what holds for it holds for them.
		while (!(from in known) && from ~ /\//)
			from = folder(from)
		if (!(from in known))
			print $1 ": its folder is in no layer (tests/layers.sh)"
		else if (!allowed(from, $2) && folder($2) != folder($1))
			print $1 " includes " $2
	}' | verdict "includes point down"

# --- what a folder may know ----------------------------------------------------------------------------------------------------------

# A device is handed memory, a line and a loop, never the machine: so its tests need no KVM. Containers have none.
some() { printf '%s\n' "${code[@]}" | grep -E "$1"; }
some '^(devices|ctr|bench|guest)/' | xargs grep -nE '#[[:space:]]*include.*(linux/kvm|asm/kvm|vmm/core/kvm|vmm/core/vm)\.h' |
	verdict "devices, containers and guests know nothing of KVM"
some '^devices/(block|net)/' | xargs grep -nE '#[[:space:]]*include.*virtio|\bvirtq|struct virtio_[a-z_]*' |
	grep -v 'struct virtio_net_hdr' | verdict "back ends know nothing of virtio, but for the header in front of a frame"
# Two files may differ by architecture outside arch/: how a guest's program makes a system call.
some '' | grep -vE '^(arch|guest/bare)/|^guest/sys_' |
	xargs grep -nE '#.*\b(__x86_64__|__i386__|__aarch64__|__arm__|__ARM_ARCH)\b|#[[:space:]]*include <asm/' |
	grep -vE '^guest/.*<asm/(unistd|ioctls)\.h>' | verdict "no architecture outside arch/"
# Whoever finds the same idea in both architectures finds it under the same name.
if [ -d arch/aarch64 ]; then
	for name in map.c vm.c vcpu.c load.c host.c sandbox.c; do
		for arch in x86_64 aarch64; do
			[ -f "arch/$arch/$name" ] || echo "arch/$arch has no $name"
		done
	done | verdict "both architectures have the same files"
fi
# The program has one exit, so that terminals are restored and workers end; a forked child's _exit() is another thing.
some '^(vmm|devices|arch)/.*\.c$' | grep -v '^vmm/main\.c$' | xargs grep -nE '(^|[^_.>a-z])(exit|abort) ?\(' |
	grep -vE '^[^:]*:[0-9]*:[[:space:]]*(\*|/\*|//)' | verdict "only main() ends the program"

# --- what every file has -------------------------------------------------------------------------------------------------------------

# Not: files that go into a guest as they are, and bytes for the fuzz targets.
mapfile -t ours < <(matching . | grep -vE '^(LICENSE|\.gitignore)$|^scripts/rootfs/etc/|^tests/fuzz/seeds/|\.(png|svg)$')
for file in "${ours[@]}"; do
	head -n 4 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$file"
done | verdict "every file names its licence"

some '\.[ch]$' | grep -vE '^(scripts|guest/bare)/' | while IFS= read -r file; do
	# Seen in one screen: what it is, behind the licence's line.
	sed -n '2,3p' "$file" | grep -qE '^(/\*|//)' || echo "$file"
done | verdict "every source file opens with what it is"

# A file is one idea, which seldom takes 500 lines. Test programs, one a module, are lists of independent cases, which may be longer.
# Exceptions have a reason here: "FILE LINES REASON".
too_long='
'
printf '%s\n' "${ours[@]}" | grep -E '\.(c|h|sh|mk)$' | xargs wc -l | awk -v exceptions="$too_long" '
	BEGIN {
		n = split(exceptions, line, "\n")
		for (i = 1; i <= n; i++)
			if (split(line[i], part, " ") >= 3)
				limit_of[part[1]] = part[2]
	}
	$2 == "total" { next }
	{ limit = $2 in limit_of ? limit_of[$2] : $2 ~ /^tests\// ? 800 : 600 }
	$1 > limit { print $2 " has " $1 " lines, " limit " is the limit: split it by idea" }' | verdict "no file is too long"

# --- what no file has ----------------------------------------------------------------------------------------------------------------

# The text is about the program: not about how it came to be, on which machine. Brackets keep this file from finding itself.
mapfile -t text < <(matching . | grep -vE '^(LICENSE|scripts/rootfs/etc/resolv.conf|tests/fuzz/seeds/.*)$')
words='[l]anguage models?|[l]lms?|[c]hat ?bots?|[s]ub-?[a]gents?|[a]gents?|[h]elper sessions?|[s]ystem prompts?|[w]orktrees?'
words+='|(in|by|from) (this|a|another) [s]ession'
grep -niwE "$words" "${text[@]}" | grep -viE '\b(user|ssh|dhcp|polkit)-?[a]gent\b' | verdict "the text is about the program"
grep -nE '(^|[^a-zA-Z0-9_.$/}-])/([h]ome|[w]ork|[w]orkspace|[t]mp/k|[U]sers)/' "${text[@]}" | verdict "no path of somebody's machine"

exit "$status"
