# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the test scripts share. A script prints one line a check, "ok NAME", "not ok NAME" or "skip NAME: REASON"; tests/run.sh counts these
# and shows the script's whole output when one is "not ok", or when the script fails without saying which.

test_status=0

ok() { echo "ok $*"; }
not_ok() {
	echo "not ok $*"
	test_status=1
}
skip() { echo "skip $1: $2"; }

# Whether this machine's /dev/kvm may be used, whatever is behind it.
kvm_opens() { [ -c /dev/kvm ] && : 2>/dev/null 3<>/dev/kvm; }

# check NAME COMMAND...: the command succeeds. Its output is shown when it does not.
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		ok "$name"
	else
		not_ok "$name"
		printf '# %s\n' "$*"
		printf '%s\n' "$output" | tail -n 40 | sed 's/^/# /'
	fi
}

# same NAME EXPECTED GOT
same() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		printf '# expected: %q\n#      got: %q\n' "$2" "$3"
	fi
}

# matches NAME REGEX TEXT
matches() {
	if [[ $3 =~ $2 ]]; then
		ok "$1"
	else
		not_ok "$1"
		printf '# expected: /%s/\n#      got: %q\n' "$2" "$3"
	fi
}

# wait_until SECONDS COMMAND...: waits for the command to succeed.
wait_until() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.2
	done
}

# A directory of the test's own, gone at its end. The functions in at_end run before, last one first.
at_end=()
# shellcheck disable=SC2317 # called by trap
test_cleanup() {
	local status=$? i
	for ((i = ${#at_end[@]} - 1; i >= 0; i--)); do
		${at_end[i]} || true
	done
	rm -rf "$test_dir"
	[ "$status" != 0 ] || exit "$test_status"
}
test_dir=$(mktemp -d)
trap test_cleanup EXIT
trap 'exit 143' HUP INT TERM
