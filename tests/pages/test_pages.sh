#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_pages.sh TINYVMM: the pages of `tinyvmm bench --html` and `tinyvmm contrast --html` in a real browser: charts, nothing wrong, nothing
# loaded, a phone's width, the dark. Those of make_pages.c hold what a machine's own seldom do: hostile texts, every kind of chart.
. "$(dirname "$0")/../lib.sh"
tinyvmm=$1
here=$(cd "$(dirname "$0")" && pwd)
make_pages=${BUILD:-build/$(uname -m)}/tests/pages/make_pages
if ! browser=$(command -v chromium); then
	skip "pages in a browser" "chromium is not installed (scripts/install-deps.sh pages)"
	exit
fi

# look NAME ARG... -> $test_dir/NAME: what it is about, as it is once it is loaded
look() {
	local name=$1
	shift
	timeout 100 "$browser" --headless=new --no-sandbox --disable-gpu --no-first-run --disable-component-update --disable-background-networking \
		--host-resolver-rules="MAP * ~NOTFOUND" --hide-scrollbars --user-data-dir="$test_dir/profile" \
		--enable-logging=stderr --virtual-time-budget=20000 "$@" \
		>"$test_dir/$name" 2>"$test_dir/$name.log"
}

# What the page of this name asks the network for, and what it tells its reader's console. What a browser asks for on its own account has no
# origin as its initiator, and what the page of a file asks for has the origin "null".
asks() {
	look "$1.dom" --dump-dom --log-net-log="$test_dir/$1.net" "file://$test_dir/$1.html" || echo "the browser failed"
	grep -o '"initiator":"[^"]*"' "$test_dir/$1.net" | grep -v '"not an origin"'
	grep CONSOLE "$test_dir/$1.dom.log" | cut -c1-300
}

# looks MODE NAME... -> a line a page and width, from look.html
looks() {
	local mode=$1 urls='' name
	shift
	for name; do
		urls+=",file://$test_dir/$name.html"
	done
	look looks --dump-dom --allow-file-access-from-files --blink-settings=preferredColorScheme="$mode" "file://$here/look.html#${urls#,}"
	sed -n '/<pre id="said">/,/<\/pre>/{/^[a-z-]*\.html /p}' "$test_dir/looks"
}
dark=0 light=1

check "a page of a command" "$tinyvmm" bench --only native --rounds 3 --html "$test_dir/own.html" -- true
check "a page of our own measures" "$tinyvmm" bench --only native,same,start,latency --also 'same=env {}' --rounds 3 --quick \
	--html "$test_dir/measures.html"
check "pages made up" "$make_pages" "$test_dir"
pages=(own measures report command nothing hostile contrast contrast-hostile)

# --- that a fault would be seen ------------------------------------------------------------------------------------------------------------

cat >"$test_dir/faulty.html" <<-'END'
	<!DOCTYPE html><html lang="en"><title>x</title><h1 style="color: #aaa">pale</h1><p style="width: 500px">wide</p>
	<svg><text y="20">one</text><text y="20">two</text></svg><img src="http://127.0.0.1:9/x"><script>throw new Error('heard')</script>
END
asks faulty >"$test_dir/asked"
check "a request would be seen" grep -q initiator "$test_dir/asked"
check "an error would be heard" grep -q heard "$test_dir/asked"
looks $light faulty >"$test_dir/found"
for fault in 'contrast 2' 'sticks out' 'without words' 'hostile text' 'pixels wide'; do
	check "it would be seen: $fault" grep -q "$fault" "$test_dir/found"
done

# --- the pages -----------------------------------------------------------------------------------------------------------------------------

for page in "${pages[@]}"; do
	same "$page: nothing is loaded, and the console has no word" '' "$(asks "$page")"
	same "$page: nothing is named that could be loaded" '' \
		"$(sed 's/>[^<]*</></g' "$test_dir/$page.html" | grep -oE '(src|href|action)="[^#"][^"]*"|url\([^)]*\)|@import[^;]*')"
	matches "$page: it forbids itself to" "Content-Security-Policy.*default-src 'none'" "$(head -c 2000 "$test_dir/$page.html" | tr '\n' ' ')"
done

declare -A background charts dots
for mode in light dark; do
	count=0
	while read -r page width colour svgs circles faults; do
		page=${page%.html}
		same "$page: $width pixels wide, $mode" - "$faults"
		background[$mode]=$colour charts[$page]=$svgs dots[$page]=$circles
		count=$((count + 1))
	done < <(looks ${!mode} "${pages[@]}")
	same "all of them were looked at, $mode" $((2 * ${#pages[@]})) $count
done
check "in the dark it is dark (${background[light]}, ${background[dark]})" [ "${background[light]:-same}" != "${background[dark]:-same}" ]
same "a chart for each measure of a command" "$(grep -o '<section>' "$test_dir/own.html" | wc -l)" "${charts[own]}"
check "charts of our own measures (${charts[measures]})" [ "${charts[measures]:-0}" -ge 5 ]
same "of a report" 6 "${charts[report]}"
same "a stack for each rung of a contrast" 7 "$(grep -o '<section>' "$test_dir/contrast.html" | wc -l)"
same "each sample is a dot" 66 "${dots[command]}"
same "no charts of nothing" 0 "${charts[nothing]}"

check "a picture of one can be taken" "$here/../../scripts/page-picture.sh" "$test_dir/report.html" "$test_dir/page.png"
matches "which has something on it" '^[0-9]{5,}$' "$(stat -c %s "$test_dir/page.png")"
