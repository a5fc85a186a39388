// SPDX-License-Identifier: Apache-2.0
/*
 * nameserver ADDRESS PORT NAME=IPV4...: a name server for the demo and the tests, which must not depend on what the world says. It
 * answers A questions for its names and NXDOMAIN or an empty answer for everything else (RFC 1035, 4.1), over UDP, one question a
 * message. Runs until it is killed.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER_BYTES 12
#define TYPE_A 1
#define RCODE_FORMAT_ERROR 1
#define RCODE_NXDOMAIN 3

/* Reads the name at buf[pos] as dotted text; returns the position after it, 0 when it is malformed or compressed. */
static size_t name_read(const uint8_t *buf, size_t len, size_t pos, char *text, size_t size)
{
	size_t out = 0;

	while (pos < len && buf[pos]) {
		size_t label = buf[pos++];

		if (label > 63 || pos + label > len || out + label + 2 > size)
			return 0;
		memcpy(text + out, buf + pos, label);
		out += label;
		text[out++] = '.';
		pos += label;
	}
	if (pos >= len || !out)
		return 0;
	text[out - 1] = 0;
	return pos + 1;
}

static const char *lookup(char **names, const char *name)
{
	size_t len = strlen(name);

	for (; *names; names++) {
		if (!strncasecmp(*names, name, len) && (*names)[len] == '=')
			return *names + len + 1;
	}
	return NULL;
}

/* Turns the question in buf into its answer, in place; returns the answer's length. `room` is what buf can hold. */
static size_t answer(uint8_t *buf, size_t len, size_t room, char **names)
{
	/* The name of the question; A; IN; 60 s; 4 bytes. */
	static const uint8_t record[] = { 0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 60, 0, 4 };
	char name[256];
	size_t end = name_read(buf, len, HEADER_BYTES, name, sizeof(name));
	const char *address;

	buf[2] = 0x84 | (buf[2] & 1); /* an authoritative response; RD as asked */
	buf[3] = 0;
	memset(buf + 6, 0, 6);
	if (!end || end + 4 + sizeof(record) + 4 > room || end + 4 > len) {
		buf[3] = RCODE_FORMAT_ERROR;
		memset(buf + 4, 0, 2);
		return HEADER_BYTES;
	}
	address = lookup(names, name);
	if (!address) {
		buf[3] = RCODE_NXDOMAIN;
		return end + 4;
	}
	if (buf[end] || buf[end + 1] != TYPE_A)
		return end + 4;
	buf[7] = 1;
	memcpy(buf + end + 4, record, sizeof(record));
	if (inet_pton(AF_INET, address, buf + end + 4 + sizeof(record)) != 1)
		return end + 4;
	return end + 4 + sizeof(record) + 4;
}

int main(int argc, char **argv)
{
	struct sockaddr_in self = { .sin_family = AF_INET };
	uint8_t buf[1024];
	int fd;

	if (argc < 4 || inet_pton(AF_INET, argv[1], &self.sin_addr) != 1) {
		fprintf(stderr, "usage: nameserver ADDRESS PORT NAME=IPV4...\n");
		return 2;
	}
	self.sin_port = htons((uint16_t)atoi(argv[2]));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0) {
		perror("nameserver");
		return 1;
	}
	for (;;) {
		struct sockaddr_in peer;
		socklen_t peer_len = sizeof(peer);
		ssize_t len = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&peer, &peer_len);

		if (len >= HEADER_BYTES && !(buf[2] & 0x80))
			sendto(fd, buf, answer(buf, (size_t)len, sizeof(buf), argv + 3), 0, (struct sockaddr *)&peer, peer_len);
	}
}
