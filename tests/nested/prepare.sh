#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# prepare.sh: what the nested tests start from, made once: a stock kernel, a root image, and forms of both that the tests want.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

kernel=$(scripts/get-kernel.sh demo/kernel)
scripts/make-rootfs.sh --cache demo demo/rootfs.img
if ! [ demo/vmlinux -nt "$kernel" ]; then
	scripts/extract-vmlinux.sh "$kernel" demo/vmlinux
fi
