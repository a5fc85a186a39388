// SPDX-License-Identifier: Apache-2.0
/*
 * probe MARKER MEMORY-MIB SECONDS COMMAND...: starts a VMM, waits until its standard output holds MARKER, and then says how it stands and kills it:
 *
 *   boot_ms       from just before exec to the marker
 *   cpu_ms        user and system time of the process with all its threads (proc(5), stat)
 *   rss_kib       resident memory that is not the guest's (proc(5), smaps)
 *   exits         exits from the guest in all (debugfs, kvm/exits), 0 when that can't be read
 *   user_exits    exits that went on to user space (tracefs, a histogram of kvm:kvm_userspace_exit), 0 when that can't be read
 *
 * The last two count for the whole machine: one guest at a time. The guest's memory is the MEMORY-MIB that end where the largest mapping ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KVM_EXITS "/sys/kernel/debug/kvm/exits"
#define USER_EXIT_EVENT "/sys/kernel/tracing/events/kvm/kvm_userspace_exit/"
#define OUTPUT_MAX (1u << 20)

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* --- counters of the host's kernel --------------------------------------------------------------------------------------------- */

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		errno = 0;
	if (fd >= 0)
		close(fd);
}

static uint64_t read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long long n = 0;

	if (f && fscanf(f, "%llu", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

/* Lines look like "{ reason:          2 } hitcount:       1234". */
static uint64_t user_exits(void)
{
	FILE *f = fopen(USER_EXIT_EVENT "hist", "re");
	char line[256];
	uint64_t sum = 0;

	while (f && fgets(line, sizeof(line), f)) {
		const char *count = line[0] == '{' ? strstr(line, "hitcount:") : NULL;
		if (count)
			sum += strtoull(count + strlen("hitcount:"), NULL, 10);
	}
	if (f)
		fclose(f);
	return sum;
}

/* --- the process ------------------------------------------------------------------------------------------------------------------ */

static double cpu_ms(pid_t pid)
{
	char path[64], line[1024];
	unsigned long user = 0, system = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fgets(line, sizeof(line), f) && strrchr(line, ')'))
		sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
	fclose(f);
	return (double)(user + system) * 1e3 / (double)sysconf(_SC_CLK_TCK);
}

struct mapping {
	uint64_t start, end, rss_kib;
};

static size_t read_smaps(pid_t pid, struct mapping *map, size_t max)
{
	char path[64], line[4096];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long long start, end, kib;

		if (sscanf(line, "%llx-%llx ", &start, &end) == 2 && n < max)
			map[n++] = (struct mapping){ .start = start, .end = end };
		else if (n && sscanf(line, "Rss: %llu kB", &kib) == 1)
			map[n - 1].rss_kib = kib;
	}
	if (f)
		fclose(f);
	return n;
}

static uint64_t rss_beyond_guest_kib(pid_t pid, uint64_t memory_bytes)
{
	static struct mapping map[4096];
	size_t n = read_smaps(pid, map, sizeof(map) / sizeof(*map)), largest = 0;
	uint64_t sum = 0;

	for (size_t i = 1; i < n; i++) {
		if (map[i].end - map[i].start > map[largest].end - map[largest].start)
			largest = i;
	}
	for (size_t i = 0; i < n; i++) {
		if (map[i].start + memory_bytes < map[largest].end || map[i].start >= map[largest].end)
			sum += map[i].rss_kib;
	}
	return sum;
}

/* --- the run -------------------------------------------------------------------------------------------------------------------------- */

/* Copies what comes out of fd to standard error until it holds the marker. */
static bool wait_for(int fd, const char *marker, double deadline_ms)
{
	static char out[OUTPUT_MAX];
	size_t len = 0;

	while (len < sizeof(out) && now_ms() < deadline_ms) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, 100) <= 0)
			continue;
		n = read(fd, out + len, sizeof(out) - len);
		if (n <= 0)
			return false;
		fwrite(out + len, 1, (size_t)n, stderr);
		len += (size_t)n;
		if (memmem(out, len, marker, strlen(marker)))
			return true;
	}
	return false;
}

static pid_t start(char **argv, int *out)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		dup2(null, 0);
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	close(fds[1]);
	*out = fds[0];
	return pid;
}

int main(int argc, char **argv)
{
	int out, status = 1;
	double started, reached;
	pid_t pid;

	if (argc < 5) {
		fprintf(stderr, "usage: probe MARKER MEMORY-MIB SECONDS COMMAND...\n");
		return 2;
	}
	write_text(USER_EXIT_EVENT "trigger", "hist:keys=reason");
	started = now_ms();
	pid = start(argv + 4, &out);
	if (pid < 0)
		return 1;
	if (wait_for(out, argv[1], started + atof(argv[3]) * 1e3)) {
		reached = now_ms();
		printf("boot_ms=%.1f cpu_ms=%.0f exits=%llu user_exits=%llu rss_kib=%llu\n", reached - started, cpu_ms(pid),
		       (unsigned long long)read_number(KVM_EXITS), (unsigned long long)user_exits(),
		       (unsigned long long)rss_beyond_guest_kib(pid, strtoull(argv[2], NULL, 10) << 20));
		status = 0;
	} else {
		fprintf(stderr, "probe: no \"%s\" from %s\n", argv[1], argv[4]);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	write_text(USER_EXIT_EVENT "trigger", "!hist:keys=reason");
	return status;
}
