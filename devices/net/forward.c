// SPDX-License-Identifier: Apache-2.0
/* Forwarded ports of the user network: as people write them, and what can go wrong on the host's side. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/net/backends.h"
#include "vmm/util/log.h"
#include "vmm/util/parse.h"

/* "[ADDR:]PORT", of `len` bytes. Without ADDR, *addr stays. */
static int parse_endpoint(const char *text, size_t len, uint32_t *addr, uint16_t *port)
{
	char copy[sizeof("255.255.255.255:65535")];
	uint64_t value;

	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	char *port_text = copy;
	char *colon = strchr(copy, ':');
	if (colon) {
		*colon = '\0';
		port_text = colon + 1;
		struct in_addr in;
		if (colon != copy && inet_pton(AF_INET, copy, &in) != 1)
			return -EINVAL;
		if (colon != copy)
			*addr = in.s_addr;
	}
	if (parse_u64(port_text, 1, UINT16_MAX, &value))
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

int netdev_parse_forward(const char *text, struct netdev_forward *forward)
{
	struct netdev_forward parsed = { .host_addr = htonl(INADDR_LOOPBACK) };

	if (!strncmp(text, "udp:", 4))
		parsed.udp = true;
	if (parsed.udp || !strncmp(text, "tcp:", 4))
		text += 4;
	const char *dash = strchr(text, '-');
	if (!dash)
		return -EINVAL;
	if (parse_endpoint(text, (size_t)(dash - text), &parsed.host_addr, &parsed.host_port) ||
	    parse_endpoint(dash + 1, strlen(dash + 1), &parsed.guest_addr, &parsed.guest_port))
		return -EINVAL;
	*forward = parsed;
	return 0;
}

const char *netdev_add_forward(struct netdev_config *config, const char *text)
{
	struct netdev_forward **last = &config->forwards;
	struct netdev_forward *forward = calloc(1, sizeof(*forward));

	if (!forward)
		return strerror(ENOMEM);
	if (netdev_parse_forward(text, forward)) {
		free(forward);
		return "not a forwarding rule";
	}
	while (*last)
		last = &(*last)->next;
	forward->next = NULL;
	*last = forward;
	return NULL;
}

void netdev_release_forwards(struct netdev_config *config)
{
	struct netdev_forward *next;

	for (struct netdev_forward *forward = config->forwards; forward; forward = next) {
		next = forward->next;
		free(forward);
	}
	config->forwards = NULL;
}

int netdev_forward_probe(const struct netdev_forward *forward)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(forward->host_port),
		.sin_addr.s_addr = forward->host_addr,
	};
	int one = 1;
	int fd = socket(AF_INET, (forward->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/* For TCP it lets a port be used whose old connections linger, but not one that is listened to. */
	if (!forward->udp)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	int err = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || (!forward->udp && listen(fd, 1)) ? -errno : 0;
	close(fd);
	return err;
}

void netdev_forward_explain(const struct netdev_forward *forward, int err)
{
	char addr[INET_ADDRSTRLEN];
	const char *proto = forward->udp ? "udp" : "tcp";
	unsigned port = forward->host_port;

	inet_ntop(AF_INET, &forward->host_addr, addr, sizeof(addr));
	if (err == -EADDRINUSE)
		log_error("hostfwd: %s port %u of %s is in use by another program: choose another port, or end that program "
			  "(ss -lp shows it)", proto, port, addr);
	else if (err == -EACCES)
		log_error("hostfwd: no permission for %s port %u: ports below net.ipv4.ip_unprivileged_port_start need "
			  "CAP_NET_BIND_SERVICE; choose one from 1024 up", proto, port);
	else if (err == -EADDRNOTAVAIL)
		log_error("hostfwd: %s is no address of this host (for %s port %u)", addr, proto, port);
	else
		log_error("hostfwd: cannot listen on %s port %u of %s: %s", proto, port, addr, strerror(-err));
}
