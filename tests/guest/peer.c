// SPDX-License-Identifier: Apache-2.0
/*
 * The host's side of the bare-metal guest's datagram (guest/bare/case_net.c): prints its port, waits for one datagram, and sends it back
 * with its letters' case inverted.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_S 300

static int exchange(int fd)
{
	char data[2048];
	struct sockaddr_in from;
	socklen_t from_bytes = sizeof(from);
	ssize_t n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &from_bytes);

	for (ssize_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)data[i];
		data[i] = (char)(isupper(c) ? tolower(c) : toupper(c));
	}
	return n < 0 || sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, from_bytes) != n;
}

int main(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof(here);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&here, bytes) || getsockname(fd, (struct sockaddr *)&here, &bytes)) {
		perror("peer");
		return 1;
	}
	printf("%u\n", ntohs(here.sin_port));
	fflush(stdout);
	alarm(PATIENCE_S);
	return exchange(fd);
}
