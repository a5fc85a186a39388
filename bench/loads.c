// SPDX-License-Identifier: Apache-2.0
/*
 * Disk and network under load, by the engines that are known for it: fio and iperf3, those of the image (on the native rung the host's). Both have ladders of
 * their own: a copy of the image that may be written to, and machines and containers with a network.
 *
 * fio's numbers are read from its terse output, version 3 (fio(1), "TERSE OUTPUT"), iperf3's from the line of its receiver.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/launch.h"
#include "bench/measures.h"
#include "bench/probe.h"
#include "bench/probe_lines.h"
#include "vmm/util/io.h"
#include "vmm/util/parse.h"
#include "vmm/util/process.h"

#define TERSE_FIELDS 50
#define BRIDGE_S 10

/* --- disk ------------------------------------------------------------------------------------------------------------------------------ */

struct load {
	const char *job, *name, *title, *unit;
	unsigned field; /* of the terse line */
	double scale;
};

static const struct load loads[] = {
	{"randread", "disk.read", "4 KiB random reads, one at a time", "IOPS", 7, 1},
	{"randwrite", "disk.write", "4 KiB random writes, one at a time", "IOPS", 48, 1},
	{"read", "disk.sequential", "sequential read", "MiB/s", 6, 1.0 / 1024},
	{"fsync", "disk.fsync", "4 KiB write, made durable", "ms", 48, -1000}, /* of a rate the time */
};
#define LOADS (sizeof(loads) / sizeof(*loads))

/* The field of the job's line; -1: it is not there, or no number. */
static double terse_field(const char *output, const char *job, unsigned wanted)
{
	for (const char *line = output; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *field[TERSE_FIELDS] = {line};
		unsigned n = 1;
		for (const char *c = line; *c && *c != '\n' && n < TERSE_FIELDS; c++) {
			if (*c == ';')
				field[n++] = c + 1;
		}
		if (n == TERSE_FIELDS && !strncmp(field[2], job, strlen(job)) && field[2][strlen(job)] == ';' && atoi(field[4]) == 0) {
			char *end;
			double value = strtod(field[wanted], &end);
			return *end == ';' && value > 0 ? value : -1;
		}
	}
	return -1;
}

int take_disk(struct bench *bench, unsigned rung)
{
	char seconds[32], file[512];
	const char *missing = bench->disk_missing;
	struct outcome outcome = {0};
	int err = 0;

	snprintf(seconds, sizeof(seconds), "--runtime=%u", bench->load_s);
	/* The host's beside the copy, so on the same file system. */
	snprintf(file, sizeof(file), "--filename=%s/tinyvmm-bench.fio", bench->ladder->rung[rung].kind == RUNG_NATIVE ? bench->scratch : "");
	char *command[] = {
		"fio", file, "--size=64M", "--direct=1", "--ioengine=psync", "--time_based", seconds, "--output-format=terse", "--terse-version=3",
		"--bs=4k", "--name=randread", "--rw=randread", "--name=randwrite", "--stonewall", "--rw=randwrite", "--name=read", "--stonewall",
		"--rw=read", "--bs=128k", "--name=fsync", "--stonewall", "--rw=write", "--fsync=1", NULL,
	};
	if (!missing)
		err = bench_run(bench, bench->disk_ladder, rung, &outcome, command);
	if (!missing && !err && outcome.status)
		missing = outcome.status == 127 ? "fio is not there" : outcome_reason(&outcome);
	for (unsigned i = 0; !err && i < LOADS; i++) {
		const struct load *load = &loads[i];
		double value = missing ? -1 : terse_field(outcome.output, load->job, load->field);
		bool more = load->scale > 0;
		if (value > 0)
			err = bench_sample(bench, rung, load->name, load->title, load->unit, more, more ? value * load->scale : -load->scale / value);
		else
			err = bench_miss(bench, rung, load->name, load->title, load->unit, missing ? missing : "fio's output has no such line");
	}
	outcome_free(&outcome);
	if (!missing && bench->ladder->rung[rung].kind == RUNG_NATIVE)
		(void)unlink(file + strlen("--filename="));
	return err;
}

/* --- network ------------------------------------------------------------------------------------------------------------------------------ */

/* One of the host's, for whoever is inside. */
struct way {
	const char *name[3], *title[3]; /* out, in, there and back */
	const char *host;		/* its address from inside */
	const char *native;		/* from the host itself: the address that is listened on */
};

static const struct way ways[] = {
	[LADDER_USER_NETWORK] = {{"net.out", "net.in", "net.ping"},
				 {"TCP to the host", "TCP from the host", "a byte to the host and back"},
				 "10.0.2.2", "127.0.0.1"},
	[LADDER_BRIDGE] = {{"bridge.out", "bridge.in", "bridge.ping"},
			   {"TCP to the host, by tap or veth", "TCP from the host, by tap or veth", "a byte to the host and back, by tap or veth"},
			   LADDER_BRIDGE_HOST, LADDER_BRIDGE_HOST},
};

static const char *host_from(const struct bench *bench, unsigned rung, const struct way *way)
{
	return bench->ladder->rung[rung].kind > RUNG_CHROOT ? way->host : way->native;
}

/* A port that nobody has; `fd` listens on it, or is closed where that is NULL. */
static int free_port(const char *host, int *fd)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	int port = -1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, host, &address.sin_addr);
	if (listener >= 0 && !bind(listener, (struct sockaddr *)&address, len) && !getsockname(listener, (struct sockaddr *)&address, &len))
		port = ntohs(address.sin_port);
	if (fd && port > 0 && !listen(listener, 1))
		*fd = listener;
	else
		close_fd(&listener);
	return port;
}

/* What the receiver's line says in Mbit/s; -1: there is none. */
static double received(const char *output)
{
	const char *end = output ? strstr(output, "receiver") : NULL, *line = end;

	while (line && line > output && line[-1] != '\n')
		line--;
	const char *unit = line ? strstr(line, " Mbits/sec") : NULL;
	if (!unit || unit > end)
		return -1;
	const char *number = unit;
	while (number > line && number[-1] != ' ')
		number--;
	return strtod(number, NULL);
}

static int take_direction(struct bench *bench, unsigned rung, enum ladder_network network, bool inwards)
{
	const struct way *way = &ways[network];
	const char *name = way->name[inwards], *title = way->title[inwards];
	char port[16], seconds[16];
	struct resident server;
	struct outcome outcome = {0};

	snprintf(port, sizeof(port), "%d", free_port(way->native, NULL));
	snprintf(seconds, sizeof(seconds), "%u", bench->load_s);
	char *serve[] = {"sh", "-c", "exec iperf3 --server --one-off --bind $1 --forceflush --port $0 2>/dev/null", port, (char *)way->native, NULL};
	char *load[] = {"iperf3", "--client", (char *)host_from(bench, rung, way), "--port", port, "--time", seconds, "--format", "m",
			inwards ? "--reverse" : NULL, NULL};
	int err = resident_start(&server, serve, bench->timeout_s);
	if (err)
		return err == -EINTR || err == -ENOMEM ? err : bench_miss(bench, rung, name, title, "Mbit/s", "iperf3 can't be run on the host");
	err = bench_run(bench, bench->net_ladder[network], rung, &outcome, load);
	double rate = err || outcome.status ? -1 : received(outcome.output);
	if (!err && rate > 0)
		err = bench_sample(bench, rung, name, title, "Mbit/s", true, rate);
	else if (!err)
		err = bench_miss(bench, rung, name, title, "Mbit/s", outcome.status == 127 ? "iperf3 is not there" : outcome_reason(&outcome));
	resident_end(&server, 0);
	outcome_free(&outcome);
	return err;
}

/* Gives every byte back; one caller after the other. */
static _Noreturn void be_echo(int listener)
{
	const int at_once = 1;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once));
		while (fd >= 0 && read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
			;
		close_fd(&fd);
	}
}

static int take_ping(struct bench *bench, unsigned rung, enum ladder_network network)
{
	const struct way *way = &ways[network];
	struct probe_line line[PROBE_LINES_MAX];
	struct outcome outcome = {0};
	char ms[16], port[16], host[16];
	int listener = -1;
	uint64_t ps = 0;

	snprintf(ms, sizeof(ms), "%u", bench->probe_ms);
	snprintf(port, sizeof(port), "%d", free_port(way->native, &listener));
	pid_t pid = listener < 0 ? -1 : fork();
	if (!pid)
		be_echo(listener);
	close_fd(&listener);
	if (pid < 0)
		return bench_miss(bench, rung, way->name[2], way->title[2], "us", "nothing can listen on the host");
	snprintf(host, sizeof(host), "%u", ntohl(inet_addr(host_from(bench, rung, way))));
	char *args[] = {"ping", ms, host, port, NULL};
	int err = probe_launch(&outcome, &bench->net_ladder[network]->rung[rung], NULL, args, bench->timeout_s);
	kill(pid, SIGKILL);
	process_wait(pid, NULL);
	if (!err && !outcome.status && probe_lines(outcome.output, line, PROBE_LINES_MAX))
		(void)parse_u64(line[0].value, 0, UINT64_MAX, &ps);
	if (!err && ps)
		err = bench_sample(bench, rung, way->name[2], way->title[2], "us", false, (double)ps / 1e6);
	else if (!err)
		err = bench_miss(bench, rung, way->name[2], way->title[2], "us", outcome.status ? outcome_reason(&outcome) : "the host can't be reached");
	outcome_free(&outcome);
	return err;
}

static int take_network(struct bench *bench, unsigned rung, enum ladder_network network)
{
	const struct way *way = &ways[network];
	const char *missing = network == LADDER_BRIDGE ? bench->bridge_missing : NULL;
	int err = 0;

	if (bench->ladder->rung[rung].kind == RUNG_FOREIGN)
		missing = "how its network reaches the host is not known";
	for (unsigned i = 0; missing && !err && i < 3; i++)
		err = bench_miss(bench, rung, way->name[i], way->title[i], i < 2 ? "Mbit/s" : "us", missing);
	if (missing || err)
		return err;
	err = take_direction(bench, rung, network, false);
	if (!err)
		err = take_direction(bench, rung, network, true);
	return err ? err : take_ping(bench, rung, network);
}

int take_net(struct bench *bench, unsigned rung)
{
	return take_network(bench, rung, LADDER_USER_NETWORK);
}

/* --- by the kernel's own --------------------------------------------------------------------------------------------------------------- */

int take_bridge(struct bench *bench, unsigned rung)
{
	return take_network(bench, rung, LADDER_BRIDGE);
}

/* One command line of ip(8); whether it did what it was told. */
static bool ip_does(char *const *argv)
{
	struct outcome outcome;
	bool done = !launch(&outcome, argv, NULL, 0, BRIDGE_S) && !outcome.status;

	outcome_free(&outcome);
	return done;
}

/*
 * Whatever ends us: when its input ends, the inner shell removes all of it. (The outer one is killed with us.) The tap interface is not its business, as the ip
 * that is within busybox's shell makes none.
 */
int bridge_make(struct bench *bench)
{
	static char *const keep[] = {"sh", "-c",
				     "exec 2>/dev/null; ip link add " LADDER_BRIDGE_NAME " type bridge || exit\n"
				     "(ip addr add " LADDER_BRIDGE_HOST "/24 dev " LADDER_BRIDGE_NAME " && ip link set " LADDER_BRIDGE_NAME
				     " up && echo && cat; ip link del " LADDER_TAP_NAME "; ip link del " LADDER_BRIDGE_NAME "); exit",
				     NULL},
			  *const make[] = {"ip", "tuntap", "add", LADDER_TAP_NAME, "mode", "tap", NULL},
			  *const join[] = {"ip", "link", "set", LADDER_TAP_NAME, "master", LADDER_BRIDGE_NAME, "up", NULL};
	int err = resident_start(&bench->bridge, keep, BRIDGE_S);

	if (err == -EINTR || err == -ENOMEM)
		return err;
	if (err || !ip_does(make) || !ip_does(join))
		bench->bridge_missing = "no bridge and tap interface can be made (that takes root, and ip of iproute2)";
	return launch_interrupted() ? -EINTR : 0;
}

void bridge_remove(struct bench *bench)
{
	if (bench->bridge.pid)
		resident_end(&bench->bridge, BRIDGE_S);
}
