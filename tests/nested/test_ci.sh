#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# docs/ci.md's command lines, run as they are printed there: the commands are taken from the file.
. "$(dirname "$0")/lib.sh"
source=$(cd "$here/../.." && pwd)

# What a job has when it comes to these lines: a kernel, a root image with a test in it, and tests of its own
work=$test_dir/work
mkdir -p "$work/arch/x86/boot" "$work/tests" "$work/bin"
cd "$work" || exit 1
cp "$KERNEL" arch/x86/boot/bzImage
ln -s arch/x86/boot/bzImage bzImage
ln -s "$(command -v "$TINYVMM")" bin/tinyvmm
mv "$(disk root)" rootfs.img
printf '#!/bin/sh\necho "to output"\necho "to error" >&2\nexit 7\n' >my-test
printf '#!/bin/sh\necho "ran with $# arguments"\n[ -z "$1" ] || echo 1..1 >"$1/plan"\nexit 3\n' >tests/run
chmod +x tests/run
install_test() {
	debugfs -w -R "rm /usr/libexec/my-test" rootfs.img
	debugfs -w -R "mkdir /usr/libexec" rootfs.img
	debugfs -w -R "write $1 /usr/libexec/my-test" rootfs.img
	debugfs -w -R "set_inode_field /usr/libexec/my-test mode 0100755" rootfs.img
} >/dev/null 2>&1
install_test my-test
export PATH=$work/bin:$PATH:/usr/sbin
# The modules are there already: this stands for their installation
printf '#!/bin/sh\n[ "$*" = "modules_install INSTALL_MOD_PATH=out" ] && ln -s %q out\n' "$MODULES" >bin/make
chmod +x bin/make
# Nothing beside this kernel: only --modules, or the system's own directory, can help
[ -d "/lib/modules/$(basename "$MODULES"/lib/modules/*)" ] || ln -s "$MODULES/lib" arch/x86/lib

# commands SECTION NUMBER: that indented block of that section
commands() {
	awk -v section="## $1" -v number="$2" '
		/^## / { inside = $0 == section; next }
		!inside { next }
		/^    [^ ]/ && !block { block = 1; count++ }
		/^[^ ]/ { block = 0 }
		block && count == number { sub(/^    /, ""); print }' "$source/docs/ci.md"
}

run_commands() {
	status=0
	timeout -k 5 300 bash -c "$(commands "$1" "$2")" >"$test_dir/stdout" 2>"$test_dir/stderr" </dev/null || status=$?
	output=$(<"$test_dir/stdout")
}

run_commands "The runner" 1
ended "ci.md: this runner will do" 0

run_commands "One command, one status" 1
ended "ci.md: the job's status is the test's" 7
same "ci.md: standard output, free of kernel messages" "to output" "$output"
matches "ci.md: standard error apart" 'to error' "$(<"$test_dir/stderr")"
check "ci.md: kernel messages in a file" grep -q 'Linux version' console.log

run_commands "One command, one status" 2
ended "ci.md: modules from a directory" 0
matches "ci.md: and the kernel they are for" '^Linux tinyvmm' "$output"

run_commands "Files in and out" 1
ended "ci.md: files through the pipe" 3
same "ci.md: the results" "ran with 0 arguments" "$(<results.tap)"

run_commands "Files in and out" 2
ended "ci.md: files on disks: unpacked at the end" 0
same "ci.md: the results on the disk" "1..1" "$(cat results/plan 2>/dev/null)"

run_commands "Telling the outcomes apart" 1
ended "ci.md: a test that fails" 7
matches "ci.md: is called that" 'the test failed: 7' "$output"
printf '#!/bin/sh\necho c >/proc/sysrq-trigger\nsleep 100\n' >my-test
install_test my-test
run_commands "Telling the outcomes apart" 1
ended "ci.md: a kernel that panics" 120
matches "ci.md: is told apart from that, with its last messages" 'panicked or did not come up.*sysrq' "$output"
