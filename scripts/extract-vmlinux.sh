#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# extract-vmlinux.sh BZIMAGE FILE: the ELF kernel that a bzImage carries compressed (x86/boot.rst: setup_sects, payload_offset,
# payload_length), for tests and for other VMMs: tinyvmm unpacks by itself.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

[ $# = 2 ] || die "usage: extract-vmlinux.sh BZIMAGE FILE"
bzimage=$1 out=$2

# field OFFSET BYTES: a little-endian number of the setup header
field() { od -A n -t "u$2" -j "$1" -N "$2" "$bzimage" | tr -d ' '; }

[ "$(dd if="$bzimage" bs=1 skip=514 count=4 2>/dev/null)" = HdrS ] || die "$bzimage is no bzImage"
start=$((($(field 497 1) + 1) * 512 + $(field 584 4)))
length=$(field 588 4)
payload() { tail -c +$((start + 1)) "$bzimage" | head -c $((length - $1)); }

# All but gzip are followed by four bytes of the kernel's own, the length of what was compressed
case $(payload 0 | od -A n -t x1 -N 4 | tr -d ' ') in
1f8b*) payload 0 | gzip -dc ;;
fd377a58) payload 4 | xz -dc ;;
5d0000*) payload 4 | xz --format=lzma -dc ;;
425a68*) payload 4 | bzip2 -dc ;;
28b52ffd) payload 4 | zstd -qdc ;;
02214c18) payload 4 | lz4 -qdc ;;
*) die "$bzimage: a payload of no known kind" ;;
esac >"$out.new"
[ "$(head -c 4 "$out.new" | tail -c 3)" = ELF ] || die "$bzimage: its payload is no ELF file"
mv "$out.new" "$out"
