// SPDX-License-Identifier: Apache-2.0
/* tinyvmm-ctr(1) and the completion files against the option table of ctr/options.c: they name every option, the manual in the table's
 * order, and none that is not there. That the completion files name no option beyond both tables is tests/unit/vmm/test_cli_docs.c's to
 * check. Run in the source tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctr/caps.h"
#include "ctr/options.h"
#include "ctr/run.h"
#include "tests/fakes/option_docs.h"
#include "tests/fakes/verb_docs.h"

#define MANUAL "docs/tinyvmm-ctr.1.scd"
#define BASH "completion/tinyvmm.bash"
#define ZSH "completion/_tinyvmm"

static bool is_known(const char *name, size_t len)
{
	return is_in(ctr_run_options, ctr_run_option_count, name, len) || is_a_verbs(name, len);
}

/* Each verb has its paragraph, and each option of its own a word in that. */
static void manual_has_the_verbs(void **state)
{
	char *text;

	(void)state;
	load(MANUAL, &text);
	const char *at = strstr(text, "\n# VERBS\n");
	assert_non_null(at);
	for (unsigned i = 1; i < ctr_verb_count; i++) {
		const struct verb_table *table = ctr_verbs[i].table;
		char wanted[64];
		snprintf(wanted, sizeof(wanted), "*tinyvmm ctr %s*", ctr_verbs[i].name);
		at = strstr(at, wanted);
		if (!at)
			fail_msg("the manual says nothing of '%s', or not in the table's order", ctr_verbs[i].name);
		for (unsigned j = 0; table && j < table->count && strcmp(ctr_verbs[i].name, "restart"); j++) {
			snprintf(wanted, sizeof(wanted), "*--%s*", table->defs[j].name);
			const char *said = strstr(at, wanted), *next = strstr(at + 1, "\n*tinyvmm ctr ");
			if (strcmp(table->defs[j].name, "help") && (!said || (next && said > next)))
				fail_msg("the manual, '%s': says nothing of '%s'", ctr_verbs[i].name, wanted);
		}
	}
	free(text);
}

static void completions_have_the_verbs(void **state)
{
	static const char *const paths[] = {BASH, ZSH};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		char *text, wanted[64];
		load(paths[i], &text);
		for (unsigned v = 0; v < ctr_verb_count; v++) {
			const struct verb_table *table = ctr_verbs[v].table;
			snprintf(wanted, sizeof(wanted), i ? "'%s[" : "%s ", ctr_verbs[v].name);
			if (!strstr(text, wanted) && strcmp(ctr_verbs[v].name, "delete"))
				fail_msg("%s says nothing of '%s'", paths[i], ctr_verbs[v].name);
			for (unsigned j = 0; table && j < table->count; j++) {
				snprintf(wanted, sizeof(wanted), "--%s", table->defs[j].name);
				if (!strstr(text, wanted))
					fail_msg("%s says nothing of '%s'", paths[i], wanted);
			}
		}
		free(text);
	}
}

static void manual_has_the_table(void **state)
{
	char *text;

	(void)state;
	load(MANUAL, &text);
	const char *at = text;
	for (unsigned i = 0; i < ctr_run_option_count; i++) {
		const struct option_def *option = &ctr_run_options[i];
		char wanted[64];
		manual_line(option, wanted);
		at = strstr(at, wanted);
		if (!at)
			fail_msg("the manual does not say '%s', or not in the table's order", wanted + 1);
	}
	free(text);
}

static void manual_has_no_more(void **state)
{
	char *text;

	(void)state;
	load(MANUAL, &text);
	for (const char *p = strstr(text, "*--"), *next; p; p = strstr(next, "*--")) {
		size_t len = strspn(p + 3, "abcdefghijklmnopqrstuvwxyz-");
		if (len && !is_known(p + 3, len))
			fail_msg("%s: --%.*s is no option", MANUAL, (int)len, p + 3);
		next = p + 3 + len;
	}
	free(text);
}

static void manual_has_the_statuses(void **state)
{
	static const int statuses[] = {CTR_USAGE, CTR_TIMEOUT, CTR_FAILED, CTR_NOT_EXECUTABLE, CTR_NOT_FOUND};
	char *text;

	(void)state;
	load(MANUAL, &text);
	for (unsigned i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		char wanted[16];
		snprintf(wanted, sizeof(wanted), "\n*%d*\n", statuses[i]);
		if (!strstr(text, wanted))
			fail_msg("the manual does not explain exit status %d", statuses[i]);
	}
	free(text);
}

/* The manual's list, "CHOWN, KILL.", is the default set. */
static void manual_has_the_capabilities(void **state)
{
	char *text, *end;
	uint64_t said = 0, one;

	(void)state;
	load(MANUAL, &text);
	char *list = strstr(text, "\n*Capabilities*\n\t");
	assert_non_null(list);
	list += strlen("\n*Capabilities*\n\t");
	end = strchr(list, '.');
	assert_non_null(end);
	*end = '\0';
	for (char *word; (word = strsep(&list, ", \n\t"));) {
		if (*word && caps_parse(word, &one))
			fail_msg("the manual: '%s' is no capability", word);
		said |= *word ? one : 0;
	}
	assert_int_equal(said, caps_default());
	free(text);
}

/* bash has the same option names for machines: what is looked for is the containers' half. */
static void bash_completion(void **state)
{
	char *text, *half;

	(void)state;
	load(BASH, &text);
	half = strstr(text, "\n_tinyvmm_ctr() {");
	assert_non_null(half);
	char *end = strstr(half, "\n}\n");
	assert_non_null(end);
	*end = '\0';
	for (unsigned i = 0; i < ctr_run_option_count; i++) {
		char wanted[64];
		bool found = false;
		if (!ctr_run_options[i].name)
			continue;
		snprintf(wanted, sizeof(wanted), "--%s", ctr_run_options[i].name);
		for (char *p = half; !found && (p = strstr(p, wanted)); p++)
			found = strchr(" \t\n\"", p[strlen(wanted)]) != NULL;
		if (!found)
			fail_msg("%s: _tinyvmm_ctr says nothing of %s", BASH, wanted);
	}
	free(text);
}

static void zsh_completion(void **state)
{
	char *text, *half;

	(void)state;
	load(ZSH, &text);
	half = strstr(text, "\n_tinyvmm_ctr_run() {");
	assert_non_null(half);
	char *end = strstr(half, "\n}\n");
	assert_non_null(end);
	*end = '\0';
	for (unsigned i = 0; i < ctr_run_option_count; i++) {
		const struct option_def *option = &ctr_run_options[i];
		char alone[64], paired[64];
		if (!option->name)
			continue;
		snprintf(alone, sizeof(alone), "--%s%s[", option->name, option->value ? "=" : "");
		snprintf(paired, sizeof(paired), "{-%c%s,--%s%s}", option->letter ? option->letter : '-', option->value ? "+" : "",
			 option->name, option->value ? "=" : "");
		if (!strstr(half, option->letter ? paired : alone))
			fail_msg("%s says nothing of '%s'", ZSH, option->letter ? paired : alone);
	}
	free(text);
}

static void completions_have_the_capabilities(void **state)
{
	static const char *const paths[] = {BASH, ZSH};

	(void)state;
	for (unsigned i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		char *text;
		load(paths[i], &text);
		for (unsigned cap = 0; caps_name(cap); cap++) {
			if (!strstr(text, caps_name(cap)))
				fail_msg("%s says nothing of %s", paths[i], caps_name(cap));
		}
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manual_has_the_table),
		cmocka_unit_test(manual_has_no_more),
		cmocka_unit_test(manual_has_the_verbs),
		cmocka_unit_test(completions_have_the_verbs),
		cmocka_unit_test(manual_has_the_statuses),
		cmocka_unit_test(manual_has_the_capabilities),
		cmocka_unit_test(bash_completion),
		cmocka_unit_test(zsh_completion),
		cmocka_unit_test(completions_have_the_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
