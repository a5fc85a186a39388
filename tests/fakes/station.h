// SPDX-License-Identifier: Apache-2.0
/*
 * A guest as the network sees it: a station that is plugged into a netdev, keeps what arrives, and speaks enough ARP, IPv4, UDP
 * and TCP for tests. One thread: the loop runs inside the calls that wait, each with a deadline after which the test fails.
 */
#ifndef TESTS_FAKES_STATION_H
#define TESTS_FAKES_STATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/net/netdev.h"
#include "vmm/core/loop.h"

#define STATION_DEADLINE_MS 10000
#define STATION_ETH 14
#define STATION_IP 20
#define STATION_IP_AT STATION_ETH		  /* where the IPv4 header is in a frame */
#define STATION_L4_AT (STATION_ETH + STATION_IP) /* and what follows it; options are not used */

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };

struct station_frame {
	struct station_frame *next;
	struct virtio_net_hdr header;
	size_t len;
	uint8_t data[];
};

struct station {
	struct loop *loop;
	struct netdev *nd;
	uint8_t mac[6], gateway[6]; /* own, and whom frames are sent to: who answered ARP last */
	uint32_t ip;		    /* host order */
	struct station_frame *first, **last;
	unsigned arrived, bursts; /* frames taken so far; calls of received() */
	bool refuse;		  /* answer -EAGAIN to everything */
	unsigned refusals;
	bool sendable;		  /* can_send() was called */
	bool partial_checksums;	  /* leave TCP's to the device */
	uint16_t gso_size;	  /* and the segmentation of what is longer; 0: no */
	int64_t deadline_ns;
	struct loop_timer timer;
	bool expired;
};

/* Plugs the station in. `nd` and `loop` stay the caller's. */
void station_init(struct station *st, struct netdev *nd, struct loop *loop);
void station_release(struct station *st);

/* Sends a frame as a burst of one. What netdev_send() said. */
int station_send(struct station *st, const void *frame, size_t len);
/* Makes frames and sends them. `payload` may be NULL when len is 0. */
int station_send_ip(struct station *st, uint8_t protocol, uint32_t dst, const void *l4, size_t len);
int station_send_udp(struct station *st, uint32_t dst, uint16_t sport, uint16_t dport, const void *payload, size_t len);

/* Waits for the next frame that `match` likes; those before it are thrown away. The caller frees it. NULL: none within the deadline. */
typedef bool (*station_match)(const struct station_frame *frame, void *arg);
struct station_frame *station_wait(struct station *st, station_match match, void *arg);
/* Waits for the host's side: for `events` of fd. False: not within the deadline. */
bool station_wait_fd(struct station *st, int fd, uint32_t events);
/* Waits until a frame was refused, and some of the loop's rounds more, in which others may be. False: none within the deadline. */
bool station_wait_refusal(struct station *st);
/* Runs the loop until something arrives, fd (unless -1) has `events`, or the deadline passed (false). */
bool station_run(struct station *st, int fd, uint32_t events);

/* Asks for the link address of `ip`. False: no answer. */
bool station_arp(struct station *st, uint32_t ip);

/* The checksums of an IPv4 frame that came in, as far as its header does not say that they are still to be made. */
bool station_checksums_good(const struct station_frame *frame);

/* --- TCP: no options but MSS, no retransmission, window 65535; enough on a lossless wire --- */

struct station_tcp {
	struct station *st;
	uint32_t peer; /* host order */
	uint16_t sport, dport;
	uint32_t seq, ack; /* next to send, next expected */
	uint32_t acked;	   /* by the peer */
	uint32_t peer_window;
	uint16_t mss;
	bool fin_seen, reset_seen;
	unsigned duplicates; /* segments whose data was known */
	unsigned gaps;	     /* segments beyond what was expected */
};

/* From the station to `dst`. False: no answer, or a reset. */
bool station_tcp_connect(struct station_tcp *tcp, struct station *st, uint32_t dst, uint16_t sport, uint16_t dport, uint16_t mss);
/* Waits for somebody's SYN to `port` and completes the handshake. */
bool station_tcp_accept(struct station_tcp *tcp, struct station *st, uint16_t port, uint16_t mss);
void station_tcp_segment(struct station_tcp *tcp, uint8_t flags, const void *data, size_t len);
/* Takes what arrived for this connection so far, acknowledges it, and copies new data to `data`. Returns its length. */
size_t station_tcp_take(struct station_tcp *tcp, void *data, size_t room);

/* Sets up an address of this host: a socket on 127.0.0.1, its port in *port (0 there: any). -1 on failure. */
int station_host_socket(int type, uint16_t *port);

uint16_t get16(const void *p); /* network order */
uint32_t get32(const void *p);
void put16(void *p, uint16_t v);
void put32(void *p, uint32_t v);

#endif
