// SPDX-License-Identifier: Apache-2.0
/* guest/probe: the command line, results, and what a rung costs a program, measured from inside. See probe.h. */
#include "guest/probe.h"

#include "guest/probe_impl.h"
#include "guest/sys.h"
#include "guest/text.h"

#define NS_PER_S 1000000000l
#define PS_PER_NS 1000
#define PAGES 256
#define PAGE_BYTES_MAX 65536
#define COPY_BYTES (8u << 20) /* of each buffer: beyond most caches of a core */
#define BATCH 64

static unsigned long page_bytes = 4096;

static long now_ns(void)
{
	struct __kernel_timespec ts = {0, 0};

	SYS2(clock_gettime, 1 /* CLOCK_MONOTONIC */, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* --- results, and what is read ----------------------------------------------------------------------------------------------- */

static void add_field(struct text *t, const char *field)
{
	size_t begin = t->len;

	for (; *field && t->len - begin < PROBE_TEXT_MAX; field++) {
		char c = *field >= '!' && *field <= '~' ? *field : ' ';
		if (c != ' ' || (t->len > begin && t->buf[t->len - 1] != ' '))
			text_add_bytes(t, &c, 1);
	}
	while (t->len > begin && t->buf[t->len - 1] == ' ')
		t->len--;
	if (t->len == begin)
		text_add(t, "-");
}

void probe_say(const char *name, const char *value, const char *text)
{
	char line[3 * PROBE_TEXT_MAX + 4];
	struct text t = text_in(line, sizeof(line));

	add_field(&t, name);
	text_add(&t, "\t");
	add_field(&t, value);
	text_add(&t, "\t");
	add_field(&t, text);
	text_add(&t, "\n");
	sys_write(1, line, t.len);
}

void probe_say_number(const char *name, unsigned long value, const char *text)
{
	char digits[24];
	struct text t = text_in(digits, sizeof(digits));

	text_add_number(&t, value);
	probe_say(name, digits, text);
}

int probe_mount(const char *type)
{
	int context = (int)SYS2(fsopen, type, FSOPEN_CLOEXEC);
	long err = context < 0 ? context : SYS5(fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);

	if (err >= 0)
		err = SYS3(fsmount, context, FSMOUNT_CLOEXEC, 0);
	if (context >= 0)
		sys_close(context);
	return (int)err;
}

int probe_proc(void)
{
	static int fd; /* 0: not opened yet */
	struct statx st;

	if (!fd)
		fd = sys_statx(AT_FDCWD, "/proc/self/ns", 0, &st) < 0 ? probe_mount("proc") : sys_open("/proc", O_PATH | O_DIRECTORY, 0);
	return fd;
}

long probe_read(int dir, const char *path, char *buf, size_t size)
{
	int fd = (int)SYS4(openat, dir, path, O_RDONLY | O_CLOEXEC, 0);
	long n = fd < 0 ? fd : sys_read(fd, buf, size - 1);

	buf[n < 0 ? 0 : n] = '\0';
	if (fd >= 0)
		sys_close(fd);
	return n;
}

/* --- measuring --------------------------------------------------------------------------------------------------------------- */

/* A loop under way: ask may_go_on() before each batch. There is one at least, however long the processor was somebody else's. */
struct stretch {
	long began_ns, limit_ns;
	unsigned long done;
};

static struct stretch begin(unsigned long ms)
{
	return (struct stretch){.began_ns = now_ns(), .limit_ns = (long)ms * 1000000};
}

static int may_go_on(const struct stretch *s)
{
	return !s->done || now_ns() - s->began_ns < s->limit_ns;
}

static void say_time(const char *name, const struct stretch *s)
{
	if (s->done)
		probe_say_number(name, (unsigned long)(now_ns() - s->began_ns) * PS_PER_NS / s->done, PROBE_PICOSECONDS);
}

/* Units of `per_unit` a second. */
static void say_rate(const char *name, const struct stretch *s, unsigned long per_unit, const char *unit)
{
	unsigned long us = (unsigned long)(now_ns() - s->began_ns) / 1000;

	if (us)
		probe_say_number(name, s->done / us * 1000000 / per_unit + s->done % us * 1000000 / us / per_unit, unit);
}

/* --- latency ----------------------------------------------------------------------------------------------------------------- */

static void measure_syscall(unsigned long ms)
{
	struct stretch s = begin(ms);

	while (may_go_on(&s)) {
		for (unsigned i = 0; i < BATCH; i++)
			SYS0(getppid);
		s.done += BATCH;
	}
	say_time("syscall", &s);
}

/* Pages that are there for the first time: the kernel finds and clears one for each touch. */
static void measure_fault(unsigned long ms)
{
	unsigned long bytes = PAGES * page_bytes;
	struct stretch s = begin(ms);
	volatile char *p = sys_alloc(bytes);

	SYS3(madvise, p, bytes, 15 /* MADV_NOHUGEPAGE */);
	while (p && may_go_on(&s)) {
		for (unsigned long i = 0; i < PAGES; i++)
			p[i * page_bytes] = 1;
		s.done += PAGES;
		SYS3(madvise, p, bytes, 4 /* MADV_DONTNEED */);
	}
	say_time("page-fault", &s);
	if (p)
		SYS2(munmap, p, bytes);
}

/* The first processor that we may run on, so that both ends of a pipe take turns there. */
static void pin(void)
{
	unsigned long mask[128], one[128] = {0};
	long len = SYS3(sched_getaffinity, 0, sizeof(mask), mask);

	for (unsigned i = 0; len > 0 && i < (unsigned long)len / sizeof(*mask); i++) {
		if (!mask[i])
			continue;
		one[i] = mask[i] & -mask[i];
		SYS3(sched_setaffinity, 0, len, one);
		return;
	}
}

/* Answers each byte until there are no more. */
static __attribute__((noreturn)) void echo(int from, int to)
{
	char byte;

	while (sys_read(from, &byte, 1) == 1)
		sys_write(to, &byte, 1);
	sys_exit(0);
}

/* One byte there and back is two switches, and four calls. */
static int there_and_back(int out, int in)
{
	char byte = 0;

	return sys_write(out, &byte, 1) == 1 && sys_read(in, &byte, 1) == 1;
}

static void measure_switch(unsigned long ms)
{
	int there[2], back[2];

	if (SYS2(pipe2, there, O_CLOEXEC) < 0 || SYS2(pipe2, back, O_CLOEXEC) < 0)
		return;
	int pid = sys_fork();
	if (!pid) {
		sys_close(there[1]);
		pin();
		echo(there[0], back[1]);
	}
	if (pid > 0) {
		pin();
		/* The first waits for the other to come to it. */
		int works = there_and_back(there[1], back[0]);
		struct stretch s = begin(ms);
		while (works && may_go_on(&s) && there_and_back(there[1], back[0]))
			s.done += 2;
		say_time("context-switch", &s);
	}
	sys_close(there[1]);
	if (pid > 0)
		sys_wait(pid, NULL, 0);
	sys_close(there[0]);
	sys_close(back[0]);
	sys_close(back[1]);
}

static char *const nothing[] = {NULL};
static int self; /* our own file, which has no name any more; 0: not opened */

static void measure_exec(unsigned long ms)
{
	static char name[] = "probe", nop[] = "nop";
	char *argv[] = {name, nop, NULL};
	struct stretch s = begin(ms);
	int status = 0;

	while (self > 0 && !status && may_go_on(&s)) {
		int pid = sys_fork();
		if (!pid) {
			SYS5(execveat, self, "", argv, nothing, 0x1000 /* AT_EMPTY_PATH */);
			sys_exit(127);
		}
		if (pid < 0 || sys_wait(pid, &status, 0) < 0)
			break;
		s.done += !status;
	}
	say_time("fork-exec", &s);
}

/* As much as a pipe holds, written and read again. */
static void measure_pipe(unsigned long ms)
{
	static char data[65536];
	struct stretch s = begin(ms);
	int end[2];

	if (SYS2(pipe2, end, O_CLOEXEC) < 0)
		return;
	while (may_go_on(&s)) {
		long n = sys_write(end[1], data, sizeof(data));
		for (long left = n; left > 0;) {
			long got = sys_read(end[0], data, sizeof(data));
			if (got <= 0)
				return;
			left -= got;
		}
		s.done += n > 0 ? (unsigned long)n : 0;
	}
	say_rate("pipe", &s, 1u << 20, "MiB/s");
	sys_close(end[0]);
	sys_close(end[1]);
}

static void latency(unsigned long ms)
{
	measure_syscall(ms);
	measure_fault(ms);
	measure_exec(ms);
	measure_pipe(ms);
	/* Last: from then on we stay on one processor. */
	measure_switch(ms);
}

/* --- processor --------------------------------------------------------------------------------------------------------------- */

#define STEPS 100000

/* Each step waits for the one before it: xorshift (G. Marsaglia, 2003) and a multiplication. */
static void measure_integers(unsigned long ms)
{
	struct stretch s = begin(ms);
	unsigned long x = 88172645463325252ul;

	while (may_go_on(&s)) {
		for (unsigned i = 0; i < STEPS; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			x *= 6364136223846793005ul;
		}
		s.done += STEPS;
	}
	__asm__ volatile("" : : "r"(x));
	say_rate("integer", &s, 1000000, "M steps/s");
}

static void measure_floats(unsigned long ms)
{
	struct stretch s = begin(ms);
	volatile double start = 0.5;
	double x = start, y = 0;

	while (may_go_on(&s)) {
		for (unsigned i = 0; i < STEPS; i++) {
			x = 3.6 * x * (1 - x);
			y += x;
		}
		s.done += STEPS;
	}
	start = y;
	say_rate("float", &s, 1000000, "M steps/s");
}

static void measure_copy(unsigned long ms)
{
	/* Volatile: a compiler would make the loop a call of a C library. */
	volatile unsigned long *from = sys_alloc(COPY_BYTES), *to = sys_alloc(COPY_BYTES);

	if (!from || !to)
		return;
	for (unsigned long i = 0; i < COPY_BYTES / sizeof(*from); i += 64)
		from[i] = to[i] = i;
	struct stretch s = begin(ms);
	while (may_go_on(&s)) {
		for (unsigned long i = 0; i < COPY_BYTES / sizeof(*from); i++)
			to[i] = from[i];
		s.done += COPY_BYTES;
	}
	say_rate("copy", &s, 1u << 20, "MiB/s");
}

static void cpu(unsigned long ms)
{
	measure_integers(ms);
	measure_floats(ms);
	measure_copy(ms);
}

static void ping(unsigned long ms, const char *address, const char *port)
{
	static const int at_once = 1;
	int fd = probe_connect(address, port);

	if (fd < 0)
		return;
	SYS5(setsockopt, fd, 6 /* IPPROTO_TCP */, 1 /* TCP_NODELAY */, &at_once, sizeof(at_once));
	int works = there_and_back(fd, fd);
	struct stretch s = begin(ms);
	while (works && may_go_on(&s) && there_and_back(fd, fd))
		s.done++;
	say_time("ping", &s);
	sys_close(fd);
}

/* --- the command line -------------------------------------------------------------------------------------------------------- */

static unsigned long number(const char *text)
{
	unsigned long n = 0;

	for (; *text >= '0' && *text <= '9' && n <= PROBE_MS_MAX; text++)
		n = n * 10 + (unsigned long)(*text - '0');
	return *text || n > PROBE_MS_MAX ? 0 : n;
}

/* Our own file, which we keep open, and its directory; elsewhere than there, that is not empty. */
static void vanish(char *path)
{
	char *slash = NULL;

	self = sys_open(path, O_RDONLY, 0);
	SYS3(unlinkat, AT_FDCWD, path, 0);
	for (char *c = path; *c; c++)
		slash = *c == '/' ? c : slash;
	*slash = '\0';
	SYS3(unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

/* AT_PAGESZ of the auxiliary vector, which follows the environment (getauxval(3)). */
static void find_page_size(char **env)
{
	while (*env)
		env++;
	for (unsigned long *aux = (unsigned long *)(env + 1); aux[0]; aux += 2) {
		if (aux[0] == 6 && aux[1] && aux[1] <= PAGE_BYTES_MAX)
			page_bytes = aux[1];
	}
}

void probe_main(long *stack);
void probe_main(long *stack)
{
	char **argv = (char **)(stack + 1);
	long argc = stack[0];

	if (argc == 2 && text_equal(argv[1], "nop"))
		sys_exit(0);
	if (argc > 0 && argv[0][0] == '/')
		vanish(argv[0]);
	unsigned long ms = argc >= 3 ? number(argv[2]) : 0;
	find_page_size(argv + argc + 1);
	if (argc == 2 && text_equal(argv[1], "see"))
		probe_see();
	else if (argc > 2 && text_equal(argv[1], "can"))
		probe_can(argv + 2);
	else if (ms && argc == 5 && text_equal(argv[1], "ping"))
		ping(ms, argv[3], argv[4]);
	else if (ms && argc == 3 && text_equal(argv[1], "latency"))
		latency(ms);
	else if (ms && argc == 3 && text_equal(argv[1], "cpu"))
		cpu(ms);
	else
		sys_exit(2);
	sys_exit(0);
}

SYS_START(probe_main);
