// SPDX-License-Identifier: Apache-2.0
/* Manual and completion files against the option table of vmm/cli_options.c: they name every option, and none that is not there. The completion
 * files and the README are containers' and the ladder's too: tests/unit/ctr/test_docs.c has that half. Run in the source tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/compare.h"
#include "bench/options.h"
#include "ctr/options.h"
#include "tests/fakes/option_docs.h"
#include "tests/fakes/verb_docs.h"
#include "vmm/cli_options.h"

static bool is_known(const char *name, size_t len)
{
	return is_in(cli_options, cli_option_count, name, len);
}

static bool is_of_others(const char *name, size_t len)
{
	return is_in(ctr_run_options, ctr_run_option_count, name, len) || is_a_verbs(name, len) ||
	       is_in(bench_option_table, bench_option_count, name, len) || is_in(compare_option_table, compare_option_count, name, len) ||
	       is_in(contrast_option_table, contrast_option_count, name, len);
}

/*
 * Every "--word" of the file is an option, with `both` perhaps one of containers or of the ladder. Dashes that belong to other commands' words are told by what
 * is before them.
 */
static void names_only_known_options(const char *path, const char *before, bool both)
{
	char *text;

	load(path, &text);
	for (const char *p = strstr(text, "--"), *next; p; p = strstr(next, "--")) {
		size_t len = strspn(p + 2, "abcdefghijklmnopqrstuvwxyz-");
		if (len && (p == text || strchr(before, p[-1])) && !is_known(p + 2, len) &&
		    !(both && is_of_others(p + 2, len)))
			fail_msg("%s: --%.*s is no option", path, (int)len, p + 2);
		next = p + 2 + len;
	}
	free(text);
}

static void manual(void **state)
{
	char *text;

	(void)state;
	load("docs/tinyvmm.1.scd", &text);
	/* At a line's beginning, after the letter where there is one: "*-c*, *--cpus* _N_". */
	for (unsigned i = 0; i < cli_option_count; i++) {
		const struct option_def *option = &cli_options[i];
		char wanted[64];
		manual_line(option, wanted);
		if (!strstr(text, wanted))
			fail_msg("the manual does not say '%s'", wanted + 1);
	}
	for (unsigned i = 0; i < cli_status_count; i++) {
		char wanted[16];
		snprintf(wanted, sizeof(wanted), "\n*%d*\n", (int)cli_statuses[i].status);
		if (!strstr(text, wanted))
			fail_msg("the manual does not explain exit status %d", (int)cli_statuses[i].status);
	}
	free(text);
	names_only_known_options("docs/tinyvmm.1.scd", "*", false);
}

static void bash_completion(void **state)
{
	char *text;

	(void)state;
	load("completion/tinyvmm.bash", &text);
	for (unsigned i = 0; i < cli_option_count; i++) {
		char wanted[64];
		if (!cli_options[i].name)
			continue;
		snprintf(wanted, sizeof(wanted), "--%s", cli_options[i].name);
		if (!strstr(text, wanted))
			fail_msg("completion/tinyvmm.bash says nothing of %s", wanted);
	}
	free(text);
	names_only_known_options("completion/tinyvmm.bash", " \t\"", true);
}

static void zsh_completion(void **state)
{
	char *text;

	(void)state;
	load("completion/_tinyvmm", &text);
	for (unsigned i = 0; i < cli_option_count; i++) {
		const struct option_def *option = &cli_options[i];
		char alone[64], paired[64];
		if (!option->name)
			continue;
		snprintf(alone, sizeof(alone), "--%s%s[", option->name, option->value ? "=" : "");
		snprintf(paired, sizeof(paired), "{-%c%s,--%s%s}", option->letter ? option->letter : '-', option->value ? "+" : "",
			 option->name, option->value ? "=" : "");
		if (!strstr(text, option->letter ? paired : alone))
			fail_msg("completion/_tinyvmm says nothing of '%s'", option->letter ? paired : alone);
	}
	free(text);
	names_only_known_options("completion/_tinyvmm", "',", true);
}

/* The options of each "tinyvmm --..." or "tinyvmm -k ..." of a text, up to the line's end or the guest's command. */
static void examples_use_known_options(const char *path)
{
	char *text, *rest;
	unsigned examples = 0;

	load(path, &text);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *word, *words = strstr(line, "tinyvmm -");
		for (examples += words != NULL; words && (word = strsep(&words, " `'\"")) && strcmp(word, "--");) {
			size_t len = strcspn(word, "=)");
			if (!strncmp(word, "--", 2) && !is_known(word + 2, len - 2))
				fail_msg("%s: %.*s is no option", path, (int)len, word);
		}
	}
	free(text);
	assert_true(examples > 0);
}

static void guides(void **state)
{
	static const char *const paths[] = { "README.md", "docs/ci.md", "docs/ci-example.yml", "docs/tinyvmm.1.scd" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		examples_use_known_options(paths[i]);
	names_only_known_options("README.md", "`", true);
	names_only_known_options("docs/ci.md", "`", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manual),
		cmocka_unit_test(bash_completion),
		cmocka_unit_test(zsh_completion),
		cmocka_unit_test(guides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
