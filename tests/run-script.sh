#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run-script.sh SECONDS SCRIPT [ARG...]: runs one test script with a time limit. Its result lines (tests/lib.sh) come out as they are
# printed; the rest of its output only when something failed.
set -u
seconds=$1 script=$2
shift 2
log=$(mktemp)
trap 'rm -f "$log"' EXIT

echo "# $script"
timeout -k 10 "$seconds" bash "$script" "$@" 2>&1 </dev/null | while IFS= read -r line; do
	printf '%s\n' "$line" >>"$log"
	case $line in
	'ok '* | 'not ok '* | 'skip '*) printf '%s\n' "$line" ;;
	esac
done
status=${PIPESTATUS[0]}
if [ "$status" != 0 ] && ! grep -aq '^not ok ' "$log"; then
	if [ "$status" = 124 ]; then
		echo "not ok $script: not done after $seconds s"
	else
		echo "not ok $script: status $status"
	fi
elif [ "$status" = 0 ] && ! grep -aqE '^(ok|not ok|skip) ' "$log"; then
	echo "not ok $script: checked nothing"
elif ! grep -aq '^not ok ' "$log"; then
	exit 0
fi
echo "#--- output of $script"
# Not to be counted twice
sed 's/^/#  /' "$log" | tail -n 200
echo "#---"
exit 1
