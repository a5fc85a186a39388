#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [PART...]: the tests of `make check`; PARTs are static, unit, fuzz, scripts, nested, nested-aarch64 (default: all).
#
# Builds what each part needs. Every test is one result line; at the end failures are repeated, skips explained, and the last line is
# "N passed, N failed, N skipped". Logs stay in build/check/. FUZZ_SECONDS (5) is the time of each fuzz target.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

arch=$(uname -m)
build=build/$arch
logs=build/check
results=$logs/results
mkdir -p "$logs"
: >"$results"
jobs=$(nproc)
started=$SECONDS

# Result lines come in here, and what a failed one has to say for itself ("# ..."); everything comes out again.
record() {
	local line said=no
	while IFS= read -r line; do
		printf '%s\n' "$line"
		case $line in
		'ok '* | 'skip '*) said=no ;;
		'not ok '*) said=yes ;;
		'# '*) [ $said = yes ] || continue ;;
		*) continue ;;
		esac
		printf '%s\n' "$line" >>"$results"
	done
}
result() { echo "$*" | record; }
part() { echo "== $* ($((SECONDS - started)) s)"; }

# build NAME MAKE-ARGUMENT...: a build is a test as well: it works, and without warnings.
build() {
	local name=$1 log=$logs/build-${1// /-}.log
	shift
	if ! make --no-print-directory -k -j"$jobs" "$@" >"$log" 2>&1; then
		result "not ok build: $name"
		grep -aE 'error:|undefined reference|\*\*\*' "$log" | head -n 20
		return 1
	elif grep -aq 'warning:' "$log"; then
		result "not ok build: $name: has warnings"
		grep -a 'warning:' "$log" | head -n 20
	else
		result "ok build: $name"
	fi
}

# --- parts ---------------------------------------------------------------------------------------------------------------------------

static_checks() {
	part "static checks"
	build "gcc" tinyvmm "$build/scripts/nameserver"
	if ! scripts/install-deps.sh --check lint 2>/dev/null; then
		result "skip lint: cppcheck, clang-tidy or shellcheck is not installed"
	elif make --no-print-directory lint >"$logs/lint.log" 2>&1; then
		result "ok lint"
	else
		result "not ok lint"
		cat "$logs/lint.log"
	fi
	[ ! -x tests/layers.sh ] || bash tests/run-script.sh 60 tests/layers.sh | record
}

unit_report() {
	local kind=$1 name=$2 log=$3
	cat "$log.results" >>"$results"
	echo "$kind $name: $(grep -c '^ok' "$log.results") passed"
	if grep '^not ok' "$log.results"; then
		tail -n 100 "$log" | sed 's/^/#  /'
	fi
}

unit_log() {
	local name=${2#*/tests/unit/}
	echo "$logs/unit-$1-${name//\//-}.log"
}

# How each kind is built. That with the address sanitizer shares its objects with the fuzz targets, and shows what clang has to say of the sources.
# (Without a sanitizer: make check-unit.)
declare -A unit_build=(
	['address,undefined']='CC=clang SAN=fuzzer-no-link,address,undefined' [thread]='SAN=thread'
)

# Those of one kind: the thread sanitizer is for what runs in threads.
unit_names() {
	local kind=$1
	# shellcheck disable=SC2086 # a list
	make --no-print-directory -s ${unit_build[$kind]} list-unit-tests |
		if [ "$kind" = thread ]; then grep -vE '/tests/unit/(arch|ctr)/'; else cat; fi
}

unit_tests() {
	local kind name names
	for kind in address,undefined thread; do
		part "unit tests, $kind"
		rm -f "$logs/unit-$kind"-*
		mapfile -t names < <(unit_names "$kind")
		# shellcheck disable=SC2086 # a list
		build "unit tests, $kind" ${unit_build[$kind]} tinyvmm "${names[@]}"
		for name in "${names[@]}"; do
			while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
			[ ! -x "$name" ] || bash tests/run-unit.sh "$kind" "${name#*/tests/unit/}" "$name" "$(unit_log "$kind" "$name")" &
		done
		wait
		for name in "${names[@]}"; do
			[ ! -x "$name" ] || unit_report "$kind" "${name#*/tests/unit/}" "$(unit_log "$kind" "$name")"
		done
	done
}

# The sanitizers want their places in memory, which some kernels' address randomisation takes.
fixed_addresses=()
! setarch -R true 2>/dev/null || fixed_addresses=(setarch -R)

fuzz_smoke() {
	part "fuzz targets, ${FUZZ_SECONDS:-5} s each"
	build "fuzz targets" CC=clang SAN=fuzzer-no-link,address,undefined fuzz-targets || return
	"${fixed_addresses[@]}" tests/fuzz/run.sh "$build-clang-fuzzer-no-link-address-undefined/tests/fuzz" "${FUZZ_SECONDS:-5}" 2>&1 |
		record
}

# fuzz_part PART...: the kernel that the nested tests compile takes minutes. When they are among the parts, it is made beside the fuzz
# targets, which end by the clock whatever they get done.
fuzz_part() {
	case " $* " in
	*' nested '*) tests/nested/builtin-kernel.sh demo/builtin >"$logs/builtin-kernel.log" 2>&1 & ;;
	esac
	fuzz_smoke
	wait
}

# Scripts that run on this machine, also on a /dev/kvm that only emulates
host_scripts() {
	part "test scripts"
	build "program" tinyvmm guest-bare tests-ctr "$build/tests/unit/arch/x86_64/test_acpi" "$build/tests/pages/make_pages"
	local script argument log all=()
	# Fetched once, where it is not installed
	BUSYBOX=$(busybox_static demo)
	export BUSYBOX
	for script in tests/*/test_*.sh; do
		case $script in
		tests/nested/*) continue ;;
		tests/acpi/*) argument=$build ;;
		*) argument=$build/tinyvmm ;;
		esac
		while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
		log=$logs/${script//\//-}.log
		TINYVMM=$PWD/$build/tinyvmm BUILD=$PWD/$build bash tests/run-script.sh 300 "$script" "$argument" >"$log" 2>&1 &
		all+=("$log")
	done
	wait
	cat "${all[@]}" | record
}

# nested_batch LOG SCRIPT...: a script that did not come to its end has failed, whatever ended the machine it ran in. Only when the emulated
# machine itself stood still (docs/TESTING.md tells of QEMU's fault) what is left runs once more, in another.
nested_batch() {
	local log=$1 script left try why
	shift
	: >"$log"
	rm -f "$log".[12]
	for try in 1 2; do
		tests/nested/run.sh "$@" >"$log.$try" 2>&1
		cat "$log.$try" >>"$log"
		left=()
		for script; do
			grep -qx "# done $script" "$log" || left+=("$script")
		done
		if [ ${#left[@]} = 0 ] || ! grep -q 'showed no sign of life' "$log.$try"; then
			break
		fi
		set -- "${left[@]}"
	done
	[ ${#left[@]} = 0 ] && return
	why=$(grep -ah '^nested.sh: ' "$log".[12] | tr '\n' ' ')
	printf "not ok nested %s: did not come to its end: ${why//%/} (machine $try)\n" "${left[@]}" >>"$log"
}

# guests SCRIPT...: "SCRIPT:GUESTS", how many each starts, or, where it does something else, as many as would take that long ("# guests: N").
guests() {
	local script count
	for script; do
		count=$(sed -n 's/^# guests: //p' "tests/nested/$script")
		echo "$script:${count:-$(grep -cE '^[[:space:]]*(if )?(run_vm|boot|on_terminal|console_start|run_example|run_commands|as_nobody) ' "tests/nested/$script")}"
	done
}

# half 1|2 SCRIPT...: which of the scripts that machine gets. How long a script takes goes by the guests that it starts, and by as much as four of
# them for itself. Each script, the largest first, goes to the machine that has less to do.
half() {
	local number=$1
	shift
	guests "$@" |
		sort -t : -k 2,2nr -k 1,1 |
		awk -F : -v number="$number" '{ half = load[1] <= load[2] ? 1 : 2; load[half] += $2 + 4; if (half == number) print $1 }'
}

# board_batch NAME BOARD SCRIPT...: the same on an emulated AArch64 board. NAME is put before that of each result.
board_batch() {
	local batch=$1 board=$2 log
	log=$logs/nested-${batch// /-}.log
	shift 2
	ARCH=aarch64 BOARD=$board nested_batch "$log" "$@"
	sed -i -E "s/^(ok|not ok|skip) /&$batch: /" "$log"
}

# Debian's kernel with pages of 16 KiB, as Raspberry Pi OS has one for the Pi 5
large_pages() {
	local dir batch='16 KiB pages'
	dir=$(demo_dir aarch64)/kernel-16k
	if scripts/get-kernel.sh --arch aarch64 --package linux-image-6.12-arm64-16k "$dir" >"$logs/kernel-16k.log" 2>&1; then
		KERNEL_DIR=$dir board_batch "$batch" gicv3 aarch64/test_board.sh
	else
		echo "skip $batch: $(tail -n 1 "$logs/kernel-16k.log")" >"$logs/nested-${batch// /-}.log"
	fi
}

# Stock kernels. Two emulated machines side by side share the scripts; on hardware they run right here.
nested_tests() {
	part "stock kernels"
	build "program, helpers" tinyvmm tests-ctr "$build/scripts/nameserver" "$build/scripts/nested/hold-vm" || return
	if ! tests/nested/prepare.sh >"$logs/prepare.log" 2>&1; then
		result "not ok nested: no kernel or root image"
		tail -n 20 "$logs/prepare.log"
		return
	fi
	# Its test says that it is missing, and this says why
	[ -d demo/builtin ] || tail -n 20 "$logs/prepare.log"
	local scripts first second=()
	# Of the containers' tests those for which the host's version of control groups makes most difference: it is the other one there
	mapfile -t first < <(cd tests/nested && ls test_*.sh "$arch"/test_*.sh ../ctr/test_{user,life,limits}.sh)
	if ! hardware_kvm; then
		echo "no hardware virtualization here ($(why_no_hardware_kvm)): inside emulated hardware"
		scripts=("${first[@]}")
		mapfile -t first < <(half 1 "${scripts[@]}")
		mapfile -t second < <(half 2 "${scripts[@]}")
	fi
	nested_batch "$logs/nested-1.log" "${first[@]}" &
	: >"$logs/nested-2.log"
	[ ${#second[@]} = 0 ] || nested_batch "$logs/nested-2.log" "${second[@]}"
	wait
	cat "$logs"/nested-[12].log | record
}

# Why AArch64 programs can't be had on this host; nothing when they can.
why_no_aarch64() {
	if [ "$arch" = aarch64 ]; then
		echo "this host is one: the part 'nested' is for it"
	elif ! scripts/install-deps.sh --check demo-aarch64 >"$logs/aarch64.log" 2>&1; then
		echo "$(head -n 1 "$logs/aarch64.log") (scripts/install-deps.sh demo-aarch64)"
	elif ! scripts/get-system.sh aarch64 >"$logs/aarch64.log" 2>&1; then
		tail -n 1 "$logs/aarch64.log"
	fi
}

# Stock kernels of AArch64, on emulated boards: on the one most like a Raspberry Pi 4 all that depends on the architecture, on the others
# what depends on the board.
nested_aarch64() {
	part "AArch64"
	local reason
	reason=$(why_no_aarch64)
	if [ -n "$reason" ]; then
		result "skip nested-aarch64: $reason"
		return
	fi
	build "aarch64, clang" ARCH=aarch64 CC=clang tinyvmm
	build "aarch64, gcc" ARCH=aarch64 tinyvmm build/aarch64/scripts/nameserver unit-tests guest-bare || return
	if ! ARCH=aarch64 tests/nested/prepare.sh >"$logs/prepare-aarch64.log" 2>&1; then
		result "not ok nested-aarch64: no kernel or root image"
		tail -n 20 "$logs/prepare-aarch64.log"
		return
	fi
	{
		board_batch raspi3 raspi3 aarch64/test_board.sh ../guest/test_bare.sh
		board_batch gicv3 gicv3 aarch64/test_board.sh aarch64/test_units.sh ../guest/test_bare.sh test_sandbox.sh
		large_pages
	} &
	board_batch gicv2 gicv2 aarch64/test_{board,kernels}.sh ../guest/test_bare.sh ../ctr/test_user.sh test_{command,machine,net,ends,contrast}.sh
	wait
	cat "$logs"/nested-{gicv2,gicv3,raspi3,16-KiB-pages}.log | record
}

summary() {
	local passed failed skipped
	passed=$(grep -c '^ok ' "$results")
	failed=$(grep -c '^not ok ' "$results")
	skipped=$(grep -c '^skip ' "$results")
	part "done"
	grep '^skip ' "$results"
	grep -A 20 '^not ok ' "$results" | grep -E '^(not ok|#) '
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

[ $# -gt 0 ] || set -- static unit fuzz scripts nested nested-aarch64
for name; do
	case $name in
	static) static_checks ;;
	unit) unit_tests ;;
	fuzz) fuzz_part "$@" ;;
	scripts) host_scripts ;;
	nested) nested_tests ;;
	nested-aarch64) nested_aarch64 ;;
	*) die "no such part: $name (static, unit, fuzz, scripts, nested, nested-aarch64)" ;;
	esac
done
summary
