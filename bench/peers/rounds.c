// SPDX-License-Identifier: Apache-2.0
//
// rounds N FILE: runs commands one after the other, N rounds of all, so that what disturbs the machine hits all alike. FILE has a line each: a name, a
// tab, and the command's words, a tab between. Their input and output is /dev/null. Prints a table: the time from before the process is made
// until it is waited for, and the largest resident memory of any process of the command's that was waited for (getrusage(2), ru_maxrss).
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 16
#define WORDS_MAX 64

struct command {
	char *name, *argv[WORDS_MAX + 1];
	double *ms;
	long peak_kib;
	int status; // of the first that was not 0
};

extern char **environ;

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static unsigned read_commands(const char *path, struct command *commands)
{
	static char line[16384];
	FILE *file = fopen(path, "re");
	unsigned count = 0;

	while (file && count < COMMANDS_MAX && fgets(line, sizeof(line), file)) {
		struct command *command = &commands[count++];
		char *rest = strdup(line);
		rest[strcspn(rest, "\n")] = '\0';
		command->name = strsep(&rest, "\t");
		for (unsigned i = 0; rest && i < WORDS_MAX; i++)
			command->argv[i] = strsep(&rest, "\t");
	}
	if (file)
		fclose(file);
	return count;
}

static void run_once(struct command *command, const posix_spawn_file_actions_t *actions, unsigned round)
{
	struct rusage usage;
	double started = now_ms();
	int status = 0;
	pid_t pid;
	int err = posix_spawnp(&pid, command->argv[0], actions, NULL, command->argv, environ);

	if (err) {
		command->status = -err;
		return;
	}
	while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR)
		;
	command->ms[round] = now_ms() - started;
	if (usage.ru_maxrss > command->peak_kib)
		command->peak_kib = usage.ru_maxrss;
	if (status && !command->status)
		command->status = status;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static struct command commands[COMMANDS_MAX];
	posix_spawn_file_actions_t actions;
	unsigned rounds = argc == 3 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	unsigned count = rounds ? read_commands(argv[2], commands) : 0;

	if (!count) {
		fprintf(stderr, "usage: rounds N FILE\n");
		return 2;
	}
	posix_spawn_file_actions_init(&actions);
	for (int fd = 0; fd < 2; fd++)
		posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
	for (unsigned i = 0; i < count; i++) {
		commands[i].ms = calloc(rounds, sizeof(double));
		// Once without counting: what is in no cache yet
		run_once(&commands[i], &actions, 0);
	}
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < count; i++)
			run_once(&commands[i], &actions, round);
	}
	printf("| | median, ms | 5 %% | 95 %% | peak RSS, KiB |\n|---|---|---|---|---|\n");
	for (unsigned i = 0; i < count; i++) {
		struct command *command = &commands[i];
		if (command->status) {
			printf("| %s | failed (%d) | | | |\n", command->name, command->status);
			continue;
		}
		qsort(command->ms, rounds, sizeof(double), by_value);
		printf("| %s | %.2f | %.2f | %.2f | %ld |\n", command->name, command->ms[rounds / 2], command->ms[rounds / 20],
		       command->ms[rounds - 1 - rounds / 20], command->peak_kib);
	}
	return 0;
}
