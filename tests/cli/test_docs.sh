#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_docs.sh [TINYVMM]: the manual and the completion files do what they are there for. That they hold every option is
# tests/unit/vmm/test_cli_docs.c's to check; with a program given, its --help is compared with them here too.
# shellcheck disable=SC2317 # functions are called through check()
set -u
cd "$(dirname "$0")/../.." || exit 1
program=${1:-}
status=0

# check NAME COMMAND...
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		echo "ok $name"
	else
		echo "not ok $name"
		printf '%s\n' "$output" | sed 's/^/# /'
		status=1
	fi
}

skip() { echo "skip $1: $2"; }
have() { command -v "$1" >/dev/null; }

# complete WORD... -> what bash offers for the last one
offered() {
	bash --norc -c '
		. completion/tinyvmm.bash
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_tinyvmm
		printf "%s\n" "${COMPREPLY[@]}"' bash "$@" | sort | paste -sd ' '
}

# offers EXPECTED WORD...
offers() {
	local expected=$1 got
	shift
	got=$(offered "$@")
	[ "$got" = "$expected" ] || {
		echo "$*: offered '$got', not '$expected'"
		return 1
	}
}

manual_is_clean() {
	local errors
	errors=$(for page in docs/*.scd; do scdoc <"$page" || exit; done 2>&1 >/dev/null) && [ -z "$errors" ] && return
	echo "$errors"
	return 1
}

# help_is_in FILE [SUBCOMMAND...]
help_is_in() {
	local file=$1 option options missing=
	shift
	options=$("$program" "$@" --help | grep -o -e ' --[a-z][a-z-]*') || {
		echo "$program $* --help lists nothing"
		return 1
	}
	for option in $options; do
		grep -q -e "$option\>" "$file" || missing+=" $option"
	done
	[ -z "$missing" ] && return
	echo "$file lacks$missing"
	return 1
}

# Links of one page to another, or to a source file
links_lead_somewhere() {
	local file target dead=''
	while IFS=: read -r file target; do
		[ -e "$(dirname "$file")/$target" ] || dead+="$file: $target"$'\n'
	done < <(grep -oE '\]\([^)# ]+' README.md docs/*.md docs/adr/*.md | grep -v '://' | sed 's/\](//')
	[ -z "$dead" ] && return
	printf '%s' "$dead"
	return 1
}

check "documentation: its links lead somewhere" links_lead_somewhere
if have scdoc; then
	check "manual: scdoc takes it" manual_is_clean
else
	skip "manual: scdoc takes it" "scdoc is not installed"
fi

check "bash: loads" bash -n completion/tinyvmm.bash
check "bash: subcommands" offers "bench check contrast ctr run" tinyvmm ""
check "bash: options" offers "--console --console-log" tinyvmm --con
check "bash: after a flag" offers "--cpus" tinyvmm --no-reboot --cp
check "bash: words of a value" offers "debug error info warn" tinyvmm --log-level ""
check "bash: a value after =" offers "guest" tinyvmm --unpack = g
check "bash: = just typed" offers "hvc serial" tinyvmm --console =
check "bash: a letter's value" offers "none" tinyvmm -n n
check "bash: parts of a disk" offers "a.img,ro,cow a.img,ro,cow=" tinyvmm -d a.img,ro,c
check "bash: parts of a network" offers "tap,mtu=1500,ifname= tap,mtu=1500,ip=" tinyvmm --net tap,mtu=1500,i
check "bash: files" offers "completion/tinyvmm.bash" tinyvmm --kernel completion/t
check "bash: nothing for the guest's command" offers "" tinyvmm -k K -- --ke
check "bash: verbs of ctr" offers "attach copy create delete exec export import info kill list logs pause rename restart restore resume run snapshot start stats stop wait" \
	tinyvmm ctr ""
check "bash: a verb's options" offers "--signal" tinyvmm ctr stop --s
check "bash: options of ctr run" offers "--cpu-shares --cpus --cpuset" tinyvmm ctr run --cpu
check "bash: words of a container's value" offers "chroot full namespaces" tinyvmm ctr run --isolation ""
check "bash: a container's networks" offers "host none user veth" tinyvmm ctr run -n ""
check "bash: capabilities" offers "SETFCAP SETGID SETPCAP SETUID" tinyvmm ctr run --cap-add SET
check "bash: a verb of bench" offers "compare" tinyvmm bench ""
check "bash: options of bench" offers "--json" tinyvmm bench --js
check "bash: names after a comma" offers "ctr,start" tinyvmm bench --only ctr,st
check "bash: options of contrast" offers "--html" tinyvmm contrast --ht
check "bash: its rungs" offers "native,unprivileged" tinyvmm contrast --only native,u
check "bash: nothing for the container's command" offers "" tinyvmm ctr run -- --ke

if have zsh; then
	check "zsh: loads" zsh -n completion/_tinyvmm
else
	skip "zsh: loads" "zsh is not installed"
fi

if [ -n "$program" ]; then
	for file in docs/tinyvmm.1.scd completion/tinyvmm.bash completion/_tinyvmm; do
		check "$file has what --help has" help_is_in "$file"
	done
	for file in docs/tinyvmm-ctr.1.scd completion/tinyvmm.bash completion/_tinyvmm; do
		check "$file has what ctr run --help has" help_is_in "$file" ctr run
	done
	for file in docs/tinyvmm-bench.1.scd completion/tinyvmm.bash completion/_tinyvmm; do
		for verb in bench "bench compare"; do
			# shellcheck disable=SC2086 # two words
			check "$file has what $verb --help has" help_is_in "$file" $verb
		done
	done
	for file in docs/tinyvmm-contrast.1.scd completion/tinyvmm.bash completion/_tinyvmm; do
		check "$file has what contrast --help has" help_is_in "$file" contrast
	done
fi
exit $status
