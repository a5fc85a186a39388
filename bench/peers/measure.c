// SPDX-License-Identifier: Apache-2.0
//
// measure RAM-MIB SECONDS LOG COMMAND...: runs a virtual machine monitor and prints what it cost, a line each: "NAME VALUE". The guest says
// when, by lines of its own on the console, which is COMMAND's standard output:
//
//   bench: at NAME        time from before the exec until this line came, in milliseconds
//   bench: rss NAME       memory that COMMAND has resident now beyond guest RAM, in KiB
//   bench: value NAME X   X, as measured by the guest
//
// COMMAND finds the time of its exec in BENCH_STARTED_NS, for first-run.c. At the end come "cpu" (user and system time of COMMAND with all
// its threads, which includes what the guest ran, in milliseconds) and "status". Guest RAM is the mapping of at least three quarters of
// RAM-MIB; all other mappings count. After SECONDS COMMAND is killed.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct run {
	pid_t pid;
	double started_ms, deadline_ms;
	unsigned long ram_kib;
	char line[512]; // what came since the last newline
	size_t length;
};

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void start_clock(struct run *run, double limit_ms)
{
	char ns[32];

	run->started_ms = now_ms();
	run->deadline_ms = run->started_ms + limit_ms;
	snprintf(ns, sizeof(ns), "%.0f", run->started_ms * 1e6);
	setenv("BENCH_STARTED_NS", ns, 1);
}

// In KiB; -1 when COMMAND has ended.
static long resident_beyond_ram(const struct run *run)
{
	unsigned long from, to, kib, size_kib = 0, sum_kib = 0;
	char path[64], line[512];
	FILE *smaps;

	snprintf(path, sizeof(path), "/proc/%d/smaps", run->pid);
	smaps = fopen(path, "re");
	if (!smaps)
		return -1;
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			size_kib = (to - from) / 1024;
		else if (sscanf(line, "Rss: %lu kB", &kib) == 1 && size_kib < run->ram_kib / 4 * 3)
			sum_kib += kib;
	}
	fclose(smaps);
	return sum_kib ? (long)sum_kib : -1;
}

static void take_line(const struct run *run, const char *line, double time_ms)
{
	const char *said = strstr(line, "bench: ");
	char name[64], value[64];

	if (!said)
		return;
	if (sscanf(said, "bench: at %63s", name) == 1)
		printf("%s %.1f\n", name, time_ms - run->started_ms);
	else if (sscanf(said, "bench: rss %63s", name) == 1)
		printf("%s %ld\n", name, resident_beyond_ram(run));
	else if (sscanf(said, "bench: value %63s %63s", name, value) == 2)
		printf("%s %s\n", name, value);
	fflush(stdout);
}

static void take_output(struct run *run, const char *bytes, size_t count)
{
	double time_ms = now_ms();

	for (size_t i = 0; i < count; i++) {
		if (bytes[i] == '\n' || run->length == sizeof(run->line) - 1) {
			run->line[run->length] = '\0';
			take_line(run, run->line, time_ms);
			run->length = 0;
		} else if (bytes[i] != '\0') {
			run->line[run->length++] = bytes[i];
		}
	}
}

// Returns at the end of COMMAND's output, or when time is up.
static void follow(struct run *run, int output, int log)
{
	char bytes[4096];

	for (;;) {
		struct pollfd ready = {.fd = output, .events = POLLIN};
		double left_ms = run->deadline_ms - now_ms();
		ssize_t count;

		if (left_ms <= 0 || poll(&ready, 1, (int)left_ms + 1) == 0) {
			kill(run->pid, SIGKILL);
			return;
		}
		count = read(output, bytes, sizeof(bytes));
		if (count <= 0)
			return;
		take_output(run, bytes, (size_t)count);
		if (write(log, bytes, (size_t)count) != count)
			return;
	}
}

static double rusage_ms(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e3 +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e3;
}

int main(int argc, char **argv)
{
	int log, output[2], input[2], status;
	struct run run = {0};
	struct rusage usage;

	if (argc < 5) {
		fprintf(stderr, "usage: measure RAM-MIB SECONDS LOG COMMAND...\n");
		return 2;
	}
	run.ram_kib = strtoul(argv[1], NULL, 10) * 1024;
	log = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	// The input stays open and empty: at its end some would end as well
	if (log < 0 || pipe2(output, O_CLOEXEC) < 0 || pipe2(input, O_CLOEXEC) < 0) {
		fprintf(stderr, "measure: %s: %s\n", argv[3], strerror(errno));
		return 1;
	}
	// COMMAND inherits it: kvmtool's user network does not expect that a connection is closed
	signal(SIGPIPE, SIG_IGN);
	start_clock(&run, strtod(argv[2], NULL) * 1e3);
	run.pid = vfork();
	if (run.pid == 0) {
		dup2(input[0], STDIN_FILENO);
		dup2(output[1], STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
		execvp(argv[4], argv + 4);
		_exit(127);
	}
	close(output[1]);
	follow(&run, output[0], log);
	if (run.pid < 0 || wait4(run.pid, &status, 0, &usage) < 0)
		return 1;
	printf("cpu %.1f\n", rusage_ms(&usage));
	printf("status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
