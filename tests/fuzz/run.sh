#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh DIR SECONDS: runs each fuzz target in DIR that long, two at a time. New inputs stay in DIR; crashes are printed and fail the run.
set -u
dir=$1 seconds=$2
here=$(cd "$(dirname "$0")" && pwd)

one() {
	local target=$1 name corpus log
	name=$(basename "$target")
	name=${name#fuzz_}
	corpus=$dir/corpus-$name log=$dir/$name.log
	mkdir -p "$corpus"
	local seeds=()
	[ -d "$here/seeds/$name" ] && seeds=("$here/seeds/$name")
	if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -verbosity=1 -print_final_stats=1 \
		-artifact_prefix="$dir/crash-$name-" "$corpus" "${seeds[@]}" >"$log" 2>&1; then
		echo "ok fuzz $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs"
	else
		echo "not ok fuzz $name"
		tail -n 60 "$log"
		return 1
	fi
}
export -f one
export dir seconds here
find "$dir" -maxdepth 1 -name 'fuzz_*' -type f -perm -u+x -print0 | sort -z | xargs -0 -r -n 1 -P 2 bash -c 'one "$1"' one
