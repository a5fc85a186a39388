// SPDX-License-Identifier: Apache-2.0
/* The host as rtnetlink and sysctl show it: see host.h. */
#include "ctr/veth/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define LOCK_DIR "/run/tinyvmm"
#define LOCK_PATH LOCK_DIR "/veth.lock"

const char *host_text_of(uint32_t address, char text[INET_ADDRSTRLEN])
{
	struct in_addr in = {htonl(address)};

	inet_ntop(AF_INET, &in, text, INET_ADDRSTRLEN);
	return text;
}

int host_lock(void)
{
	int err = make_dirs(LOCK_DIR);
	int fd = err ? err : open(LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && !err)
		err = -errno;
	while (!err && flock(fd, LOCK_EX)) {
		if (errno != EINTR)
			err = -errno;
	}
	if (err) {
		close_fd(&fd);
		log_error("--net veth: %s, by which containers that start together don't take the same address: %s", LOCK_PATH,
			  strerror(-err));
	}
	return err ? err : fd;
}

int host_open(struct host *host)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int err = fd < 0 ? -errno : 0;

	*host = (struct host){.rtnl.fd = -1};
	if (err) {
		log_error("--net veth: the kernel's interfaces can't be reached (rtnetlink): %s", strerror(-err));
		return err;
	}
	err = rtnl_init(&host->rtnl, fd);
	host->rtnl.fd = fd;
	/* Whose library is missing has been told. */
	if (err)
		return err;
	err = rtnl_list_links(&host->rtnl, &host->links);
	if (!err)
		err = rtnl_list_addresses(&host->rtnl, &host->addresses);
	if (err)
		log_error("--net veth: the host's interfaces and addresses can't be listed: %s", strerror(-err));
	return err;
}

void host_release(struct host *host)
{
	close_fd(&host->rtnl.fd);
	free(host->links.at);
	free(host->addresses.at);
}

const struct rtnl_link *host_find(const struct host *host, const char *name)
{
	for (size_t i = 0; i < host->links.count; i++) {
		if (!strcmp(host->links.at[i].name, name))
			return &host->links.at[i];
	}
	return NULL;
}

int host_write_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = fd < 0 ? -errno : write_full(fd, value, strlen(value));

	close_fd(&fd);
	return err;
}

bool host_sysctl_is_on(const char *path)
{
	char *text;
	size_t len;

	if (read_file(path, 64, &text, &len))
		return false;
	bool on = text[0] != '0';
	free(text);
	return on;
}

int host_explain_driver(const char *driver, const char *name, int err)
{
	log_error("--net veth: the %s %s can't be made: %s%s%s%s", driver, name, strerror(-err),
		  err == -EOPNOTSUPP ? ": modprobe "
		  : err == -EPERM    ? " (that takes CAP_NET_ADMIN)"
				     : "",
		  err == -EOPNOTSUPP ? driver : "", err == -EOPNOTSUPP ? "; a kernel without it has no --net veth" : "");
	return err;
}
