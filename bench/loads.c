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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/launch.h"
#include "bench/measures.h"

#define TERSE_FIELDS 50
#define HOST_SEEN_FROM_INSIDE "10.0.2.2" /* by the user network */

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

static int free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = -1;

	if (fd >= 0 && !bind(fd, (struct sockaddr *)&address, len) && !getsockname(fd, (struct sockaddr *)&address, &len))
		port = ntohs(address.sin_port);
	if (fd >= 0)
		close(fd);
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

static int take_direction(struct bench *bench, unsigned rung, bool inwards)
{
	const char *name = inwards ? "net.in" : "net.out", *title = inwards ? "TCP from the host" : "TCP to the host";
	bool inside = bench->ladder->rung[rung].kind != RUNG_NATIVE && bench->ladder->rung[rung].kind != RUNG_CHROOT;
	char port[16], seconds[16];
	struct resident server;
	struct outcome outcome = {0};

	if (bench->ladder->rung[rung].kind == RUNG_FOREIGN)
		return bench_miss(bench, rung, name, title, "Mbit/s", "how its network reaches the host is not known");
	snprintf(port, sizeof(port), "%d", free_port());
	snprintf(seconds, sizeof(seconds), "%u", bench->load_s);
	char *serve[] = {"sh", "-c", "exec iperf3 --server --one-off --bind 127.0.0.1 --forceflush --port $0 2>/dev/null", port, NULL};
	char *load[] = {"iperf3", "--client", inside ? HOST_SEEN_FROM_INSIDE : "127.0.0.1", "--port", port, "--time", seconds, "--format", "m",
			inwards ? "--reverse" : NULL, NULL};
	int err = resident_start(&server, serve, bench->timeout_s);
	if (err)
		return err == -EINTR || err == -ENOMEM ? err : bench_miss(bench, rung, name, title, "Mbit/s", "iperf3 can't be run on the host");
	err = bench_run(bench, bench->net_ladder, rung, &outcome, load);
	double rate = err || outcome.status ? -1 : received(outcome.output);
	if (!err && rate > 0)
		err = bench_sample(bench, rung, name, title, "Mbit/s", true, rate);
	else if (!err)
		err = bench_miss(bench, rung, name, title, "Mbit/s", outcome.status == 127 ? "iperf3 is not there" : outcome_reason(&outcome));
	resident_end(&server, 0);
	outcome_free(&outcome);
	return err;
}

int take_net(struct bench *bench, unsigned rung)
{
	int err = take_direction(bench, rung, false);

	return err ? err : take_direction(bench, rung, true);
}
