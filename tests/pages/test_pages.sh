#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_pages.sh TINYVMM: a page of `tinyvmm bench --html` in a real browser: charts, nothing wrong, nothing loaded, a phone's width, the dark.
. "$(dirname "$0")/../lib.sh"
tinyvmm=$1
if ! browser=$(command -v chromium); then
	skip "pages in a browser" "chromium is not installed"
	exit
fi

check "a page" "$tinyvmm" bench --only native --rounds 3 --html "$test_dir/page.html" -- true
check "a page of our own measures" "$tinyvmm" bench --only native,same,start,latency --also 'same=env {}' --rounds 3 --quick --html "$test_dir/page.html"

# look NAME ARG... -> $test_dir/NAME: what it is about, as it is once it is loaded
look() {
	local name=$1
	shift
	timeout 100 "$browser" --headless=new --no-sandbox --disable-gpu --no-first-run --user-data-dir="$test_dir/profile" --enable-logging=stderr \
		--virtual-time-budget=5000 "$@" >"$test_dir/$name" 2>"$test_dir/$name.log"
}

check "the browser loads it" look dom --dump-dom --log-net-log="$test_dir/net.json" "file://$test_dir/page.html"
charts=$(grep -o '<svg' "$test_dir/dom" | wc -l)
same "a chart for each measure" 7 "$charts"
same "its console has no word" '' "$(grep CONSOLE "$test_dir/dom.log")"
# What a browser asks for on its own account is not the page's: that would name the page as its initiator
same "nothing else is loaded" '' "$(grep -o '"initiator":"file:[^"]*"' "$test_dir/net.json")"
same "and nothing is named that could be" '' "$(grep -oE '(src|href|action)="[^#"][^"]*"|url\([^)]*\)|@import[^;]*' "$test_dir/page.html")"
matches "it forbids itself to" "Content-Security-Policy.*default-src 'none'" "$(tr '\n' ' ' <"$test_dir/page.html")"

# A frame is as wide as it is told to be, which a window is not
frame() { # WIDTH ARG... -> "SCROLL-WIDTH BACKGROUND"
	cat >"$test_dir/frame.html" <<-END
		<!DOCTYPE html><iframe id=f width=$1 height=800 src=page.html></iframe><script>
		onload = () => {
			const d = document.getElementById('f').contentDocument
			document.title = 'is ' + d.documentElement.scrollWidth + ' ' + getComputedStyle(d.body).backgroundColor
		}
		</script>
	END
	look frame --dump-dom --allow-file-access-from-files "${@:2}" "file://$test_dir/frame.html"
	sed -n 's/.*<title>is \([^<]*\)<.*/\1/p' "$test_dir/frame"
}
read -r width light <<<"$(frame 390)"
check "nothing is wider than a phone's screen ($width)" [ "${width:-1000}" -le 390 ]
read -r width dark <<<"$(frame 1200 --blink-settings=preferredColorScheme=0)"
check "it is another page in the dark ($light, $dark)" [ "$light" != "$dark" ]
check "and a picture of it can be taken" look picture --screenshot="$test_dir/page.png" --window-size=900,1400 "file://$test_dir/page.html"
matches "which has something on it" '^[0-9]{5,}$' "$(stat -c %s "$test_dir/page.png")"
