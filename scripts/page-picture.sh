#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# page-picture.sh PAGE.html PICTURE.png [HEIGHT [dark]]: a picture of a page, 960 pixels wide, of its first HEIGHT (1200) pixels, by headless
# chromium. With pngquant installed it is some three times smaller.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[ $# -ge 2 ] || die "usage: page-picture.sh PAGE.html PICTURE.png [HEIGHT [dark]]"
page=$(realpath "$1") picture=$(realpath "$2") height=${3:-1200}
browser=$(command -v chromium) || die "chromium is not installed (scripts/install-deps.sh pages)"
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
arguments=(--headless=new --no-sandbox --disable-gpu --no-first-run --hide-scrollbars --disable-lcd-text
	--user-data-dir="$profile" --window-size="960,$height")
[ "${4:-}" != dark ] || arguments+=(--blink-settings=preferredColorScheme=0)
timeout 60 "$browser" "${arguments[@]}" --screenshot="$picture" "file://$page" 2>"$profile/log" || die "chromium failed: $(tail -n 3 "$profile/log")"
[ -s "$picture" ] || die "chromium made no picture: $(tail -n 3 "$profile/log")"
if command -v pngquant >/dev/null; then
	pngquant --force --output "$picture" 64 "$picture"
fi
