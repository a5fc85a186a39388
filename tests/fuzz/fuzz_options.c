// SPDX-License-Identifier: Apache-2.0
/* The command lines of `tinyvmm run` and `tinyvmm ctr run`, all of them: the input's lines are argv. */
#include <fcntl.h>
#include <sanitizer/common_interface_defs.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctr/options.h"
#include "vmm/cli.h"

#define ARGS_MAX 64

static int null_fd, error_fd;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is said of a million bad command lines goes nowhere; what the sanitizers find does not. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	error_fd = dup(STDERR_FILENO);
	dup2(null_fd, STDOUT_FILENO);
	__sanitizer_set_report_fd((void *)(intptr_t)error_fd);
	return 0;
}

/* What everybody behind the parser takes for granted. */
static void check_promises(const struct config *config)
{
	if (!config->kernel_path || !config->name || !*config->name || config->cpus < 1 || config->cpus > CONFIG_CPUS_MAX ||
	    config->memory_bytes < CONFIG_MEMORY_MIN_BYTES || config->memory_bytes % CONFIG_MEMORY_STEP_BYTES)
		abort();
	if (config->disk_count > CONFIG_DISKS_MAX || config->net_count > CONFIG_NETS_MAX || (config->command && !*config->command))
		abort();
	for (unsigned i = 0; i < config->disk_count; i++) {
		if (!*config->disk[i].block.path || (config->disk[i].serial && strlen(config->disk[i].serial) > 20))
			abort();
	}
	for (unsigned i = 0; i < config->net_count; i++) {
		if (config->net[i].mac[0] & 1 || (config->net[i].gateway && !config->net[i].address))
			abort();
	}
}

static void check_container(const struct spec *spec)
{
	if (spec->root == ROOT_NONE || !spec->root_path || spec->bind_count > SPEC_BINDS_MAX || spec->tmpfs_count > SPEC_TMPFS_MAX)
		abort();
	if ((spec->command && !*spec->command) || (spec->caps.permitted & ~spec->caps.bounding) ||
	    (spec->caps.ambient & ~spec->caps.permitted))
		abort();
	if (spec->veth.prefix > 30 || !spec->veth.prefix != !spec->veth.address || (spec->veth.bridge && !*spec->veth.bridge))
		abort();
	for (unsigned i = 0; i < spec->bind_count; i++) {
		if (!*spec->bind[i].source || spec->bind[i].target[0] != '/')
			abort();
	}
}

static int cut(char *text, char **argv)
{
	int argc = 1;

	for (char *rest = text; rest && argc < ARGS_MAX;)
		argv[argc++] = strsep(&rest, "\n");
	argv[argc] = NULL;
	return argc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *again;
	char *argv[ARGS_MAX + 1] = {(char *)"tinyvmm"};
	struct config config;
	struct spec spec;

	memcpy(text, data, size);
	text[size] = '\0';
	again = strdup(text);
	dup2(null_fd, STDERR_FILENO);
	enum cli_result result = cli_parse(&config, cut(text, argv), argv);
	if (result == CLI_RUN)
		check_promises(&config);
	config_release(&config);
	if (ctr_run_parse(&spec, cut(again, argv), argv) == OPTIONS_RUN)
		check_container(&spec);
	spec_release(&spec);
	dup2(error_fd, STDERR_FILENO);
	free(text);
	free(again);
	return 0;
}
