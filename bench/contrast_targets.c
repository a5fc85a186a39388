// SPDX-License-Identifier: Apache-2.0
/* Throw-away targets: see contrast_impl.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bench/contrast_impl.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

#define LOOP_TRIES 64
#define DISK_BYTES 4096

static int make_token(struct targets *t)
{
	unsigned char random[(TOKEN_BYTES - 1) / 2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	for (unsigned i = 0; i < sizeof(random); i++)
		snprintf(t->token + 2 * (size_t)i, 3, "%02x", random[i]);
	return 0;
}

/* Others may pass through the directory and read the file, if they get so far; not see its name. */
static int make_files(struct targets *t)
{
	char disk[DISK_BYTES] = "";

	snprintf(t->dir, sizeof(t->dir), "/tmp/tinyvmm-contrast.XXXXXX");
	if (!mkdtemp(t->dir)) {
		t->dir[0] = '\0';
		return -errno;
	}
	snprintf(t->file, sizeof(t->file), "%s/token", t->dir);
	snprintf(t->disk, sizeof(t->disk), "%s/disk", t->dir);
	memcpy(disk, t->token, TOKEN_BYTES);
	/* A newline, as a probe reads to the end of what there is. */
	disk[TOKEN_BYTES - 1] = '\n';
	int err = chmod(t->dir, 0711) ? -errno : write_file_atomic(t->file, t->token, TOKEN_BYTES - 1, 0644);
	return err ? err : write_file_atomic(t->disk, disk, sizeof(disk), 0600);
}

static int make_port(struct targets *t)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	t->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->listen_fd < 0 || bind(t->listen_fd, (struct sockaddr *)&address, len) || listen(t->listen_fd, 8) ||
	    getsockname(t->listen_fd, (struct sockaddr *)&address, &len))
		return -errno;
	t->port = ntohs(address.sin_port);
	return 0;
}

static _Noreturn void be_target(const struct targets *t, const sigset_t *signals)
{
	struct pollfd fds[] = {{.fd = t->listen_fd, .events = POLLIN}, {.fd = signalfd(-1, signals, SFD_CLOEXEC), .events = POLLIN}};
	struct signalfd_siginfo info;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (poll(fds, 2, -1) > 0 || errno == EINTR) {
		if (fds[1].revents && read(fds[1].fd, &info, sizeof(info)) == sizeof(info))
			++*t->signals;
		int fd = fds[0].revents ? accept4(t->listen_fd, NULL, NULL, SOCK_CLOEXEC) : -1;
		if (fd >= 0) {
			(void)write_full(fd, t->token, TOKEN_BYTES - 1);
			close(fd);
		}
	}
	_exit(1);
}

static int make_process(struct targets *t)
{
	sigset_t signals, before;

	t->signals = shared_alloc(sizeof(*t->signals));
	if (!t->signals)
		return -ENOMEM;
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	/* Before it is there, so that none comes too early. */
	sigprocmask(SIG_BLOCK, &signals, &before);
	pid_t pid = fork();
	if (!pid)
		be_target(t, &signals);
	int err = pid < 0 ? -errno : 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	t->pid = err ? 0 : pid;
	return err;
}

/* Gone with its last user, even if we are killed (LO_FLAGS_AUTOCLEAR). */
static void make_loop(struct targets *t)
{
	struct loop_config config = {.fd = (uint32_t)-1, .info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_READ_ONLY};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), disk = open(t->disk, O_RDONLY | O_CLOEXEC);
	struct stat st = {0};
	int err = -EBUSY;

	config.fd = (uint32_t)disk;
	/* Somebody else may take the free one first. */
	for (unsigned i = 0; control >= 0 && disk >= 0 && i < LOOP_TRIES && err == -EBUSY; i++) {
		char path[32];
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		snprintf(path, sizeof(path), "/dev/loop%d", number);
		t->loop_fd = number < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
		err = t->loop_fd < 0 || fstat(t->loop_fd, &st) || ioctl(t->loop_fd, LOOP_CONFIGURE, &config) ? -errno : 0;
		if (err)
			close_fd(&t->loop_fd);
		else
			snprintf(t->device, sizeof(t->device), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	}
	close_fd(&control);
	close_fd(&disk);
}

int targets_make(struct targets *t)
{
	*t = (struct targets){.listen_fd = -1, .loop_fd = -1};
	int err = make_token(t);
	if (!err)
		err = make_files(t);
	if (!err)
		err = make_port(t);
	if (!err)
		err = make_process(t);
	if (!err)
		make_loop(t);
	else
		log_error("what the attempts are made against can't be made (a file in /tmp, a port of 127.0.0.1, a process): %s",
			  strerror(-err));
	return err;
}

void targets_remove(struct targets *t)
{
	if (t->pid) {
		kill(t->pid, SIGKILL);
		process_wait(t->pid, NULL);
	}
	close_fd(&t->loop_fd);
	close_fd(&t->listen_fd);
	if (t->signals)
		shared_free((void *)t->signals, sizeof(*t->signals));
	(void)unlink(t->file);
	(void)unlink(t->disk);
	(void)rmdir(t->dir);
}
