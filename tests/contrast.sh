# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The measured matrix of `tinyvmm contrast` held against that of docs/contrast.md, which is read, so that they can't differ. Needs lib.sh.
contrast_md=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/docs/contrast.md

# expected_cells KIND: "row rung verdict[: mechanism]" of each cell; KIND is what the root is: rootfs or disk. "host*" is the chroot's alone.
expected_cells() {
	awk -F ' *[|] *' -v kind="$1" '
		$2 == "row" { for (i = 3; i <= 8; i++) rung[i] = $i }
		$2 ~ /^`[a-z-]+`$/ {
			gsub("`", "", $2)
			for (i = 3; i <= 8; i++) {
				if ($i == "host*") $i = kind == "disk" ? "own: mount namespace" : "host"
				print $2, rung[i], $i
			}
		}' "$contrast_md"
}

# measured_cells JSON: the same of a run.
measured_cells() {
	awk '
		function value() { sub(/^[^:]*: "/, ""); sub(/",?$/, ""); return $0 }
		function finish() { if (verdict != "") print key, rung, verdict (by != "" ? ": " by : ""); verdict = by = "" }
		/^   "key": / { key = value() }
		/^    "[a-z]+": [{]/ { finish(); rung = $1; gsub(/[":]/, "", rung) }
		/^     "verdict": / { verdict = value() }
		/^     "by": / { by = value() }
		/^    }/ { finish() }' "$1"
}

# holds_matrix JSON KIND RUNG...: these rungs were measured, and each of their cells is as expected. What the host can't do itself its kernel refuses everybody; what was not tried
# is skipped, as it depends on the host.
holds_matrix() {
	local json=$1 kind=$2 rung key expected found of_host
	shift 2
	# shellcheck disable=SC2154 # lib.sh's
	measured_cells "$json" >"$test_dir/measured"
	expected_cells "$kind" >"$test_dir/expected"
	for rung; do
		check "$rung: took part" grep -q "^kernel $rung " "$test_dir/measured"
		while read -r key _ expected; do
			found=$(sed -n "s/^$key $rung //p" "$test_dir/measured")
			of_host=$(sed -n "s/^$key native //p" "$test_dir/measured")
			if [ "$found" = "?" ] && [ "$expected" != "?" ]; then
				skip "$rung: $key" "not tried here"
			elif [ "$of_host" = no ] && [ "$rung" != vm ] && [[ $found = no || $found = "no: the host itself" ]]; then
				skip "$rung: $key" "this host refuses it everybody"
			else
				same "$rung: $key" "$expected" "$found"
			fi
		done < <(grep "^[a-z-]* $rung " "$test_dir/expected")
	done
}
