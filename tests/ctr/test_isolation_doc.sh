#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_isolation_doc.sh TINYVMM: each verb and each option that docs/isolation.md uses in a command is one that the program's help lists.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
tinyvmm=${1:-$TINYVMM}
page=docs/isolation.md
[ -f "$page" ] || { skip "$page" "is not here" && exit; }

# Of each command line what is tinyvmm's own: "run --isolation -d", "vm -k -d", and so on
used() {
	grep '^    \$ .*tinyvmm' "$page" | sed "s/&&\|;/\n/g" | sed -n 's/^.*tinyvmm //p' | sed "s/ -- .*//; s/ [|>].*//; s/ '.*//" | while read -r -a words; do
		verb=vm
		case ${words[0]} in
		ctr) verb="ctr ${words[1]/import/create}" ;; # whose options it takes
		check | contrast) verb=${words[0]} ;;
		esac
		printf '%s\n' "${words[@]}" | grep -E '^--?[a-z]' | sed "s/^/$verb /"
		echo "$verb"
	done | sort -u
}

commands=0
while read -r -a words; do
	option=''
	case ${words[-1]} in -*) option=${words[-1]} && unset 'words[-1]' ;; esac
	[ "${words[*]}" != vm ] || words=()
	if [ -z "$option" ]; then
		check "tinyvmm ${words[*]}: is there" "$tinyvmm" "${words[@]}" --help
	else
		check "tinyvmm ${words[*]}: $option" grep -qE -e "(^|[ ,])${option}([ ,=]|\$)" <("$tinyvmm" "${words[@]}" --help)
	fi
	commands=$((commands + 1))
done < <(used)
check "the page has commands" [ "$commands" -gt 20 ]
exit "$test_status"
