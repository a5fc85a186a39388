// SPDX-License-Identifier: Apache-2.0
/*
 * The user network: libslirp, which is a router, a DHCP and DNS server and a TCP/IP stack in a library, and turns what the guest sends into
 * sockets of this process. No privilege is needed.
 *
 * Theory of operation. libslirp has no loop of its own. It works when it is given a frame (slirp_input) or told that sockets
 * are ready (slirp_pollfds_poll), and gives frames back (send_packet) from within either. After any of it, what it wants to
 * wait for may have changed: user_settle() asks (slirp_pollfds_fill) and brings the epoll set (pollset.h) and one timer up to
 * date. That walks all sockets, so it is done once a burst, not once a frame.
 *
 * libslirp cannot be told that the guest has no room: a frame that the client refuses waits in a queue. While that is over
 * QUEUE_MARK, nothing that makes frames is let in: no socket is looked at, no timer runs, and the guest's own frames are
 * refused. What one socket or one frame of the guest brings forth at most (128 KiB, libslirp's buffer) can come on top.
 *
 * libslirp writes to connections that may be gone: the process must ignore SIGPIPE.
 *
 * Checksums: what libslirp sends is correct by construction, which the header says, so that the guest need not look. What the guest
 * sends may lack its checksum; it is filled in here, where the frame is copied anyway.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/net/backends.h"
#include "devices/net/frame.h"
#include "devices/net/pollset.h"
#include "vmm/core/loop.h"
#include "vmm/util/lib.h"
#include "vmm/util/log.h"

#define SLIRP_CALLS(X) \
	X(slirp_new) \
	X(slirp_cleanup) \
	X(slirp_pollfds_fill) \
	X(slirp_pollfds_poll) \
	X(slirp_input) \
	X(slirp_add_hostfwd)
LIB_STRUCT(slirp_lib, SLIRP_CALLS);

#define NS_PER_MS 1000000ll
#define QUEUE_MARK (256u << 10)
/* Never reached by what the mark allows; bounds what a surprise in libslirp could cost. */
#define QUEUE_MAX (4u << 20)
/* What slirp_pollfds_fill() answers when it has no need to be woken. */
#define SLIRP_NO_TIMEOUT_MS 1000
/*
 * Bounds TCP's segments, not the MTU. libslirp announces a window that opened again only when it grew by two segments, and
 * has no window scaling: with segments of more than half of 64 KiB a sender that once found the window shut is told nothing,
 * and finds out by its own probe, 200 ms later. With a quarter at most, a window is always announced before it is half open. (A
 * receiver that paused for 30 ms 25 times took 5.2 s for 200 MiB with the largest segments, and 0.9 s with 16 KiB.) With an
 * eighth, the guest takes the first segments of a window while libslirp makes the others: more comes in, less goes out, of
 * which there is more anyway (docs/PERFORMANCE.md).
 */
#define MRU_MAX (8192 + 40)
/* How old libslirp's idea of the time may be. Its shortest timeout that matters is half a second. */
#define CLOCK_STALE_NS (10 * NS_PER_MS)

struct netdev_user {
	struct netdev nd;
	struct slirp_lib lib;
	Slirp *slirp;
	struct pollset sockets;
	struct loop_watch watch; /* on the set of sockets */
	struct loop_timer tick;	 /* libslirp's TCP and UDP timeouts */
	struct user_timer *timers; /* those that it makes with timer_new */
	int64_t tick_ns;	 /* when `tick` is due */
	int64_t polled_ns;	 /* when libslirp last looked at the clock */
	struct frame_queue queue; /* for the client, which refused the first */
	bool blocked;		 /* the queue went over its mark and did not empty yet */
	bool refused;		 /* send() answered -EAGAIN */
	bool queue_full_logged;
	uint8_t frame[NETDEV_FRAME_MAX]; /* the guest's, made flat */
};

struct user_timer {
	struct loop_timer timer;
	struct netdev_user *user;
	SlirpTimerCb expired;
	void *arg;
	struct user_timer *next;
};

/* --- towards the guest -------------------------------------------------------------------------------------------------------------- */

/*
 * The driver is told of each frame, not of each burst: it takes the first while libslirp makes the next, and its acknowledgement of these
 * opens the window for more, of which there is little (64 KiB). A driver that is busy with frames has its interrupts off anyway.
 */
static int user_deliver(struct netdev_user *user, const void *frame, size_t len)
{
	struct virtio_net_hdr header = { .flags = VIRTIO_NET_HDR_F_DATA_VALID };
	struct iovec iov[] = { { &header, sizeof(header) }, { (void *)frame, len } };
	int err = user->nd.client.receive(user->nd.client.arg, iov, 2);

	if (!err)
		user->nd.client.received(user->nd.client.arg);
	return err;
}

static ssize_t user_send_packet(const void *frame, size_t len, void *opaque)
{
	struct netdev_user *user = opaque;

	if (!user->nd.client.receive)
		return (ssize_t)len; /* nobody is plugged in yet */
	if (!user->queue.first && !user_deliver(user, frame, len))
		return (ssize_t)len;
	if (user->queue.bytes >= QUEUE_MAX) {
		if (log_first(&user->queue_full_logged))
			log_warn("user network: the guest takes no frames, some are dropped");
		return (ssize_t)len;
	}
	frame_queue_put(&user->queue, frame, len);
	return (ssize_t)len;
}

static bool user_over_mark(const struct netdev_user *user)
{
	return user->queue.bytes >= QUEUE_MARK;
}

/* --- libslirp's sockets and timeouts ------------------------------------------------------------------------------------------------ */

static int user_add_poll(int fd, int events, void *opaque)
{
	struct netdev_user *user = opaque;
	uint32_t wanted = 0;

	if (events & SLIRP_POLL_IN)
		wanted |= EPOLLIN;
	if (events & SLIRP_POLL_OUT)
		wanted |= EPOLLOUT;
	if (events & SLIRP_POLL_PRI)
		wanted |= EPOLLPRI;
	if (events & SLIRP_POLL_ERR)
		wanted |= EPOLLERR;
	if (events & SLIRP_POLL_HUP)
		wanted |= EPOLLHUP;
	/* The answer is how libslirp names the socket to user_get_revents(). */
	return pollset_want(&user->sockets, fd, wanted) ? -1 : fd;
}

static int user_get_revents(int fd, void *opaque)
{
	struct netdev_user *user = opaque;
	int events = 0;

	if (user_over_mark(user))
		return 0; /* stays ready, and is asked again when there is room */
	uint32_t ready = pollset_ready(&user->sockets, fd);
	if (ready & EPOLLIN)
		events |= SLIRP_POLL_IN;
	if (ready & EPOLLOUT)
		events |= SLIRP_POLL_OUT;
	if (ready & EPOLLPRI)
		events |= SLIRP_POLL_PRI;
	if (ready & EPOLLERR)
		events |= SLIRP_POLL_ERR;
	if (ready & EPOLLHUP)
		events |= SLIRP_POLL_HUP;
	return events;
}

static void user_set_tick(struct netdev_user *user, uint32_t timeout_ms)
{
	int64_t now = loop_now_ns();
	int64_t due = now + timeout_ms * NS_PER_MS;

	if (timeout_ms >= SLIRP_NO_TIMEOUT_MS)
		return;
	/* One that is due sooner stays: traffic must not put libslirp's timeouts off. */
	if (user->tick.active && user->tick_ns <= due)
		return;
	user->tick_ns = due;
	loop_timer_set(user->nd.loop, &user->tick, due - now);
}

/* After libslirp did something: what does it wait for now? */
static void user_settle(struct netdev_user *user)
{
	uint32_t timeout_ms = UINT32_MAX;

	pollset_begin(&user->sockets);
	user->lib.slirp_pollfds_fill(user->slirp, &timeout_ms, user_add_poll, user);
	pollset_end(&user->sockets);
	user_set_tick(user, timeout_ms);
	if (!user->blocked && user_over_mark(user)) {
		user->blocked = true;
		loop_modify(user->nd.loop, &user->watch, 0);
	}
}

static void user_poll(struct netdev_user *user)
{
	if (user->blocked)
		return; /* user_resume() comes back to it */
	pollset_collect(&user->sockets);
	user->polled_ns = loop_now_ns();
	user->lib.slirp_pollfds_poll(user->slirp, 0, user_get_revents, user);
	pollset_collected(&user->sockets);
	user_settle(user);
}

static void user_ready(void *arg, uint32_t events)
{
	(void)events;
	user_poll(arg);
}

static void user_tick(void *arg)
{
	user_poll(arg);
}

/*
 * libslirp reads the clock in slirp_pollfds_poll() only, and times new sockets by what it read: after a quiet hour, the socket of a
 * DNS query would seem an hour old at once. With select_error set it looks at no socket.
 */
static void user_refresh_clock(struct netdev_user *user)
{
	int64_t now = loop_now_ns();

	if (now - user->polled_ns < CLOCK_STALE_NS)
		return;
	user->polled_ns = now;
	user->lib.slirp_pollfds_poll(user->slirp, 1, user_get_revents, user);
}

/* --- libslirp's callbacks ----------------------------------------------------------------------------------------------------------- */

static void user_guest_error(const char *message, void *opaque)
{
	(void)opaque;
	log_debug("user network: the guest sent something wrong: %s", message);
}

static int64_t user_clock_ns(void *opaque)
{
	(void)opaque;
	return loop_now_ns();
}

static void user_timer_expired(void *arg)
{
	struct user_timer *timer = arg;

	timer->expired(timer->arg);
	user_settle(timer->user);
}

static void *user_timer_new(SlirpTimerCb expired, void *arg, void *opaque)
{
	struct netdev_user *user = opaque;
	struct user_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return NULL;
	timer->timer.expired = user_timer_expired;
	timer->timer.arg = timer;
	timer->timer.lock = user->nd.client.lock;
	timer->user = user;
	timer->expired = expired;
	timer->arg = arg;
	timer->next = user->timers;
	user->timers = timer;
	return timer;
}

static void user_timer_free(void *opaque_timer, void *opaque)
{
	struct netdev_user *user = opaque;
	struct user_timer **at = &user->timers;

	while (*at && *at != opaque_timer)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = (*at)->next;
	loop_timer_cancel(user->nd.loop, &((struct user_timer *)opaque_timer)->timer);
	free(opaque_timer);
}

static void user_timer_mod(void *opaque_timer, int64_t expire_ms, void *opaque)
{
	struct netdev_user *user = opaque;
	struct user_timer *timer = opaque_timer;
	int64_t delay = expire_ms * NS_PER_MS - loop_now_ns();

	if (timer)
		loop_timer_set(user->nd.loop, &timer->timer, delay > 0 ? delay : 0);
}

/* A socket's number is about to mean something else. */
static void user_forget_fd(int fd, void *opaque)
{
	struct netdev_user *user = opaque;

	pollset_forget(&user->sockets, fd);
}

/* A socket can take more again. It does so only in slirp_input(), which user_settle() follows in any case. */
static void user_notify(void *opaque)
{
	(void)opaque;
}

static const SlirpCb user_callbacks = {
	.send_packet = user_send_packet,
	.guest_error = user_guest_error,
	.clock_get_ns = user_clock_ns,
	.timer_new = user_timer_new,
	.timer_free = user_timer_free,
	.timer_mod = user_timer_mod,
	.register_poll_fd = user_forget_fd,
	.unregister_poll_fd = user_forget_fd,
	.notify = user_notify,
};

/* --- the netdev --------------------------------------------------------------------------------------------------------------------- */

static struct netdev_user *to_user(struct netdev *nd)
{
	return (struct netdev_user *)nd;
}

static int user_send(struct netdev *nd, const struct iovec *iov, unsigned iov_count)
{
	struct netdev_user *user = to_user(nd);
	const struct virtio_net_hdr *header = iov[0].iov_base;

	if (user->blocked || user_over_mark(user)) {
		user->refused = true;
		return -EAGAIN;
	}
	/*
	 * Always a copy, though libslirp copies again: parts of it look at the frame more than once, and the guest's memory
	 * may change meanwhile. It also sizes its answers by the MTU, so nothing longer may get in.
	 */
	size_t len = frame_flatten(iov + 1, iov_count - 1, user->frame, NETDEV_ETH_BYTES + (size_t)nd->mtu);
	if (!len)
		return 0;
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		frame_checksum(user->frame, len, le16toh(header->csum_start), le16toh(header->csum_offset));
	user_refresh_clock(user);
	user->lib.slirp_input(user->slirp, user->frame, (int)len);
	return 0;
}

static void user_flush(struct netdev *nd)
{
	struct netdev_user *user = to_user(nd);

	if (!user->blocked)
		user_settle(user);
}

static void user_resume(struct netdev *nd)
{
	struct netdev_user *user = to_user(nd);

	while (user->queue.first && !user_deliver(user, user->queue.first->data, user->queue.first->len))
		frame_queue_drop(&user->queue);
	if (user->blocked && !user->queue.first) {
		user->blocked = false;
		loop_modify(nd->loop, &user->watch, EPOLLIN);
		user_poll(user);
	}
	if (user->refused && !user->blocked && !user_over_mark(user)) {
		user->refused = false;
		nd->client.can_send(nd->client.arg);
	}
}

static int user_start(struct netdev *nd)
{
	struct netdev_user *user = to_user(nd);

	user->watch.lock = user->tick.lock = nd->client.lock;
	for (struct user_timer *timer = user->timers; timer; timer = timer->next)
		timer->timer.lock = nd->client.lock;
	int err = loop_add(nd->loop, &user->watch);
	if (!err)
		user_settle(user);
	return err;
}

static void user_release(struct netdev *nd)
{
	struct netdev_user *user = to_user(nd);

	loop_remove(nd->loop, &user->watch);
	loop_timer_cancel(nd->loop, &user->tick);
	nd->client.receive = NULL; /* libslirp may say goodbye */
	if (user->slirp)
		user->lib.slirp_cleanup(user->slirp);
	frame_queue_release(&user->queue);
	pollset_release(&user->sockets);
	free(user);
}

static const struct netdev_ops user_ops = {
	.send = user_send,
	.flush = user_flush,
	.resume = user_resume,
	.start = user_start,
	.release = user_release,
};

/* --- set-up ------------------------------------------------------------------------------------------------------------------------- */

static int user_add_forward(struct netdev_user *user, const struct netdev_forward *forward)
{
	struct in_addr host = { forward->host_addr }, guest = { forward->guest_addr };
	int err = netdev_forward_probe(forward);

	if (!err && user->lib.slirp_add_hostfwd(user->slirp, forward->udp, host, forward->host_port, guest, forward->guest_port))
		err = errno ? -errno : -EIO;
	if (err)
		netdev_forward_explain(forward, err);
	return err;
}

static Slirp *user_new_slirp(struct netdev_user *user, const struct netdev_config *config)
{
	SlirpConfig slirp_config = {
		/* The oldest layout has all that is used here, and every newer library takes it. */
		.version = 1,
		.restricted = config->restricted,
		.in_enabled = true,
		.vnetwork.s_addr = htonl(NETDEV_USER_NETWORK),
		.vnetmask.s_addr = htonl(~0u << (32 - NETDEV_USER_PREFIX)),
		.vhost.s_addr = htonl(NETDEV_USER_HOST),
		.vdhcp_start.s_addr = htonl(NETDEV_USER_GUEST),
		.vnameserver.s_addr = htonl(NETDEV_USER_DNS),
		.in6_enabled = true,
		.vprefix_len = 64,
		.vhostname = config->hostname,
		.if_mtu = user->nd.mtu,
		.if_mru = user->nd.mtu < MRU_MAX ? user->nd.mtu : MRU_MAX,
	};

	inet_pton(AF_INET6, "fec0::", &slirp_config.vprefix_addr6);
	inet_pton(AF_INET6, "fec0::2", &slirp_config.vhost6);
	inet_pton(AF_INET6, "fec0::3", &slirp_config.vnameserver6);
	return user->lib.slirp_new(&slirp_config, &user_callbacks, user);
}

int netdev_user_open(struct netdev **nd, const struct netdev_config *config, struct loop *loop)
{
	struct netdev_user *user = calloc(1, sizeof(*user));
	int err;

	if (!user)
		return -ENOMEM;
	user->nd.ops = &user_ops;
	user->nd.loop = loop;
	user->nd.mtu = config->mtu ? config->mtu : NETDEV_MTU_MAX;
	user->nd.features = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM;
	user->tick.expired = user_tick;
	user->tick.arg = user;
	err = pollset_init(&user->sockets);
	if (err)
		goto release;
	user->watch = (struct loop_watch){ .fd = user->sockets.epoll_fd, .events = EPOLLIN, .ready = user_ready, .arg = user };
	err = LIB_OPEN(&user->lib, "libslirp.so.0", "libslirp0", SLIRP_CALLS);
	if (err)
		goto release;
	user->slirp = user_new_slirp(user, config);
	if (!user->slirp) {
		log_error("user network: libslirp refuses its configuration (MTU %u)", user->nd.mtu);
		err = -EINVAL;
		goto release;
	}
	for (const struct netdev_forward *forward = config->forwards; forward; forward = forward->next) {
		err = user_add_forward(user, forward);
		if (err)
			goto release;
	}
	*nd = &user->nd;
	return 0;

release:
	user_release(&user->nd);
	return err;
}
