// SPDX-License-Identifier: Apache-2.0
/* bench/contrast_*.c: verdicts, the table and the JSON, from what probes might say. What they do say: tests/ctr/test_contrast.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/contrast_impl.h"
#include "vmm/util/io.h"

#define TOKEN "0123456789abcdef0123456789abcdef"
#define HOST                                                                                                                              \
	"kernel\t6.1.0\t#1 "                                                                                                              \
	"SMP\nboot\taaaa\t-\nuptime\t1000000\tms\ncmdline\tquiet\t-\nhostname\tbox\t-\ncpus\t4\t-\nmemory\t2097152\tKiB\n"                \
	"processes\t90\town pid 80\nusers\t0 0 4294967295\t-\ngroups\t0 0 4294967295\t-\nmounts\t20\t-\ndevices\t100\t0:6 1\ninterfaces\t2\tlo eth0\ncgroup\t/\t-\n" \
	"capabilities\t000001ffffffffff\t-\nseccomp\t0\t-\nlsm\tunconfined\t-\nns-user\tuser:[1]\t-\nns-mnt\tmnt:[1]\t-\nns-pid\tpid:[1]" \
	"\t-\n"                                                                                                                           \
	"ns-net\tnet:[1]\t-\nns-uts\tuts:[1]\t-\nns-cgroup\tcgroup:[1]\t-\n"

static struct contrast contrast;

static void take(struct said *said, char *buf, size_t size, const char *text)
{
	*said = (struct said){.output = buf};
	assert_true(strlen(text) < size);
	strcpy(buf, text);
	said->count = probe_lines(buf, said->line, PROBE_LINES_MAX);
}

/* One rung, on which the probe said this. */
static void judge(enum rung_kind kind, const char *see_text, const char *can_text, unsigned signals, const char *missing)
{
	static char host_buf[4096], see_buf[4096], can_buf[4096], name[] = "it";
	static struct targets targets = {.token = TOKEN};
	struct said host, see, can;

	take(&host, host_buf, sizeof(host_buf), HOST);
	take(&see, see_buf, sizeof(see_buf), see_text);
	take(&can, can_buf, sizeof(can_buf), can_text);
	snprintf(see.missing, sizeof(see.missing), "%s", missing);
	snprintf(can.missing, sizeof(can.missing), "%s", missing);
	contrast = (struct contrast){
		.rung_count = 1, .rung[0] = {.kind = kind, .name = name, .calls = -1}, .program = "tinyvmm 0", .host = "Linux"};
	judge_rows(&contrast);
	judge_layers(contrast.rung[0].layer, kind);
	struct evidence evidence = {&host, &see, &can, &targets, signals, 5000};
	judge_rung(&contrast, 0, &evidence);
}

static const struct contrast_cell *cell(const char *key)
{
	for (unsigned i = 0; i < contrast.row_count; i++) {
		if (!strcmp(contrast.row[i].key, key))
			return &contrast.row[i].cell[0];
	}
	fail_msg("no row %s", key);
	return NULL;
}

#define assert_cell(key, word) assert_string_equal(contrast_word(cell(key)->verdict), word)

/* HOST, but for one line. */
static const char *with(const char *line)
{
	static char text[4096];
	size_t name = strcspn(line, "\t") + 1;

	text[0] = '\0';
	for (const char *at = HOST; *at; at = strchr(at, '\n') + 1) {
		bool other = !strncmp(at, line, name);
		strncat(text, other ? line : at, strcspn(other ? line : at, "\n") + 1);
	}
	return text;
}

static void test_same_as_host(void **state)
{
	(void)state;
	judge(RUNG_NATIVE, HOST, "", 0, "");
	for (unsigned i = 0; i < contrast.row_count && !contrast.row[i].can; i++) {
		assert_string_equal(contrast_word(contrast.row[i].cell[0].verdict), "host");
		assert_null(contrast.row[i].cell[0].by);
	}
	assert_string_equal(cell("memory")->text, "2048 MiB");
	assert_string_equal(cell("capabilities")->text, "41 of them");
	/* A little later is the same clock. */
	judge(RUNG_NATIVE, with("uptime\t1004000\tms\n"), "", 0, "");
	assert_cell("uptime", "host");
}

static void test_differs(void **state)
{
	(void)state;
	judge(RUNG_CTR, with("ns-uts\tuts:[2]\t-\n"), "sethostname\tyes\t-\nraw\tyes\t-\n", 0, "");
	assert_cell("hostname", "own");
	assert_string_equal(cell("hostname")->by, "UTS namespace");
	assert_cell("sethostname", "own");
	assert_cell("raw", "host");
	assert_cell("processes", "host");
	judge(RUNG_CTR, with("uptime\t1006000\tms\n"), "", 0, "");
	assert_cell("uptime", "own");
	judge(RUNG_CTR, with("uptime\t999999\tms\n"), "", 0, "");
	assert_cell("uptime", "own");
	judge(RUNG_CTR, with("capabilities\t0000000000000003\t-\n"), "", 0, "");
	assert_cell("capabilities", "part");
	judge(RUNG_CTR, with("capabilities\t0000000000000000\t-\n"), "", 0, "");
	assert_cell("capabilities", "no");
	judge(RUNG_CTR, with("cpus\t2\t-\n"), "", 0, "");
	assert_cell("cpus", "part");
	judge(RUNG_CTR, with("seccomp\t2\tno new privileges\n"), "", 0, "");
	assert_cell("seccomp", "part");
	judge(RUNG_CHROOT, with("devices\t0\t8:1 77\n"), "", 0, "");
	assert_cell("devices", "own");
	assert_string_equal(cell("devices")->by, "root directory");
	/* Nothing can be said of a namespace that has no number. */
	judge(RUNG_CHROOT, with("ns-pid\t-\t-\n"), "", 0, "");
	assert_cell("processes", "?");
}

/* The numbers of a first namespace are the same in every kernel. */
static void test_other_kernel(void **state)
{
	(void)state;
	judge(RUNG_VM, with("boot\tbbbb\t-\n"),
	      "module\tyes\t-\nreboot\tyes\t-\nmount\tyes\t-\npids\tyes\t100 of 100\nloopback\tno\tECONNREFUSED\n", 0, "");
	for (unsigned i = 0; i < contrast.row_count && !contrast.row[i].can; i++) {
		assert_string_equal(contrast_word(contrast.row[i].cell[0].verdict), "own");
		assert_string_equal(contrast.row[i].cell[0].by, "kernel of its own");
	}
	assert_cell("module", "own");
	assert_cell("reboot", "own");
	assert_cell("mount", "own");
	assert_cell("pids", "own");
	assert_cell("loopback", "no");
	assert_string_equal(cell("loopback")->text, "ECONNREFUSED");
	/* Without the id of a boot the version tells. */
	judge(RUNG_CHROOT, with("boot\t-\t-\n"), "", 0, "");
	assert_cell("kernel", "host");
}

/* What is claimed is one thing, what is at the target another. */
static void test_proofs(void **state)
{
	(void)state;
	judge(RUNG_CHROOT, HOST, "escape\tyes\t" TOKEN "\nmknod\tyes\tsomething\nloopback\tyes\t-\nsignal\tyes\t-\n", 0, "");
	assert_cell("escape", "host");
	assert_string_equal(cell("escape")->text, "read the token");
	assert_cell("mknod", "own");
	assert_cell("loopback", "own");
	assert_cell("signal", "own");
	judge(RUNG_CHROOT, HOST, "signal\tyes\t-\nescape\town\tup\n", 1, "");
	assert_cell("signal", "host");
	assert_cell("escape", "own");
	judge(RUNG_CTR, HOST, "memory\tno\tkilled\npids\tno\t46 of 100\n", 0, "");
	assert_cell("memory-limit", "no");
	assert_string_equal(cell("memory-limit")->text, "killed");
	assert_string_equal(cell("pids")->by, "control group");
	/* What the host itself is refused, no rung has stopped; of another's rung nothing is known. */
	judge(RUNG_NATIVE, HOST, "module\tno\tENOSYS\n", 0, "");
	assert_null(cell("module")->by);
	judge(RUNG_FOREIGN, HOST, "module\tno\tEPERM\n", 0, "");
	assert_null(cell("module")->by);
	assert_null(contrast.rung[0].layer[0]);
}

static void test_says_nothing(void **state)
{
	(void)state;
	judge(RUNG_CTR, "", "", 0, "it ended with status 137");
	for (unsigned i = 0; i < contrast.row_count; i++) {
		assert_string_equal(contrast_word(contrast.row[i].cell[0].verdict), "?");
		assert_string_equal(contrast.row[i].cell[0].text, "it ended with status 137");
	}
	judge(RUNG_CTR, "kernel\tyes\n\tx\t\nhostname\t\033[2J\tx\n", "escape\tperhaps\t-\n", 0, "");
	assert_cell("hostname", "?");
	assert_cell("escape", "no");
}

static void test_print(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	judge(RUNG_VM, with("boot\tbbbb\t-\n"), "module\tyes\t-\n", 0, "");
	contrast.rung[1] = (struct contrast_rung){.name = "else", .skipped = "it takes root", .calls = -1};
	contrast.rung_count = 2;
	contrast_print(out, &contrast);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "load a kernel module            own\n"));
	assert_non_null(strstr(text, "else left out: it takes root\n"));
	assert_non_null(strstr(text, "kernel of its own: kernel, cmdline"));
	assert_null(strstr(text, " \n"));
	free(text);
}

static void test_json(void **state)
{
	char path[] = "/tmp/tinyvmm-test.XXXXXX", *text;
	size_t len;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	judge(RUNG_CTR, with("ns-uts\tuts:[2]\t-\n"), "", 0, "");
	contrast.rung[0].calls = 82;
	assert_int_equal(contrast_write_json(&contrast, path), 0);
	assert_int_equal(read_file(path, 1 << 20, &text, &len), 0);
	assert_non_null(strstr(text, "\"format\": \"tinyvmm-contrast\""));
	assert_non_null(strstr(text, "\"calls\": 82"));
	assert_non_null(strstr(text, "\"verdict\": \"own\""));
	assert_non_null(strstr(text, "\"by\": \"UTS namespace\""));
	assert_null(strstr(text, "skipped"));
	free(text);
	/* A text of no UTF-8 can't be written: it is said, and nothing is left half. */
	contrast.rung[0].skipped = "\xff";
	assert_true(contrast_write_json(&contrast, path) < 0);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_host), cmocka_unit_test(test_differs),      cmocka_unit_test(test_other_kernel),
		cmocka_unit_test(test_proofs),       cmocka_unit_test(test_says_nothing), cmocka_unit_test(test_print),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
