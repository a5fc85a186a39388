// SPDX-License-Identifier: Apache-2.0
/* A cable with the test at its other end: see fake_netdev.h. */
#include "tests/fakes/fake_netdev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct fake_netdev *to_fake(struct netdev *nd)
{
	return (struct fake_netdev *)nd;
}

static struct fake_frame *new_frame(const struct iovec *iov, unsigned count)
{
	size_t len = 0;

	for (unsigned i = 1; i < count; i++)
		len += iov[i].iov_len;
	struct fake_frame *frame = malloc(sizeof(*frame) + len);
	if (!frame || iov[0].iov_len != sizeof(frame->header))
		abort();
	frame->next = NULL;
	frame->len = 0;
	memcpy(&frame->header, iov[0].iov_base, sizeof(frame->header));
	for (unsigned i = 1; i < count; i++) {
		memcpy(frame->data + frame->len, iov[i].iov_base, iov[i].iov_len);
		frame->len += iov[i].iov_len;
	}
	return frame;
}

static int fake_send(struct netdev *nd, const struct iovec *iov, unsigned count)
{
	struct fake_netdev *fake = to_fake(nd);

	if (fake->refuse) {
		fake->was_refused = true;
		return -EAGAIN;
	}
	struct fake_frame *frame = new_frame(iov, count);
	*fake->sent_last = frame;
	fake->sent_last = &frame->next;
	fake->sent_count++;
	return 0;
}

static void fake_flush(struct netdev *nd)
{
	to_fake(nd)->flushes++;
}

static int offer(struct fake_netdev *fake, struct fake_frame *frame, unsigned parts)
{
	struct iovec iov[NETDEV_IOV_MAX] = { { &frame->header, sizeof(frame->header) } };
	size_t step = frame->len / parts, at = 0;

	for (unsigned i = 1; i <= parts; i++) {
		size_t n = i == parts ? frame->len - at : step;
		iov[i] = (struct iovec){ frame->data + at, n };
		at += n;
	}
	return fake->nd.client.receive(fake->nd.client.arg, iov, 1 + parts);
}

static void fake_resume(struct netdev *nd)
{
	struct fake_netdev *fake = to_fake(nd);
	struct fake_frame *frame;

	fake->resumes++;
	while ((frame = fake->held) && !offer(fake, frame, 1)) {
		fake->held = frame->next;
		free(frame);
	}
	if (!fake->held)
		fake->held_last = &fake->held;
	nd->client.received(nd->client.arg);
}

static int fake_set_offloads(struct netdev *nd, uint64_t guest_features)
{
	to_fake(nd)->offloads = guest_features;
	to_fake(nd)->offloads_set++;
	return 0;
}

static int fake_start(struct netdev *nd)
{
	(void)nd;
	return 0;
}

static void free_frames(struct fake_frame *frame)
{
	while (frame) {
		struct fake_frame *next = frame->next;
		free(frame);
		frame = next;
	}
}

void fake_netdev_release(struct fake_netdev *fake)
{
	free_frames(fake->sent);
	free_frames(fake->held);
	fake->sent = fake->held = NULL;
}

void fake_netdev_init(struct fake_netdev *fake, uint16_t mtu, uint64_t features)
{
	static const struct netdev_ops ops = {
		.send = fake_send,
		.flush = fake_flush,
		.resume = fake_resume,
		.set_offloads = fake_set_offloads,
		.start = fake_start,
	};

	memset(fake, 0, sizeof(*fake));
	fake->nd.ops = &ops;
	fake->nd.mtu = mtu;
	fake->nd.features = features;
	fake->sent_last = &fake->sent;
	fake->held_last = &fake->held;
}

struct fake_frame *fake_netdev_take(struct fake_netdev *fake)
{
	struct fake_frame *frame = fake->sent;

	if (!frame)
		return NULL;
	fake->sent = frame->next;
	if (!fake->sent)
		fake->sent_last = &fake->sent;
	return frame;
}

void fake_netdev_give(struct fake_netdev *fake, const struct virtio_net_hdr *header, const void *data, size_t len, unsigned parts)
{
	struct iovec iov[] = { { (void *)header, sizeof(*header) }, { (void *)data, len } };
	struct fake_frame *frame = new_frame(iov, 2);

	if (fake->held || offer(fake, frame, parts)) {
		*fake->held_last = frame;
		fake->held_last = &frame->next;
		return;
	}
	free(frame);
	fake->nd.client.received(fake->nd.client.arg);
}

void fake_netdev_accept(struct fake_netdev *fake)
{
	fake->refuse = false;
	if (!fake->was_refused)
		return;
	fake->was_refused = false;
	fake->nd.client.can_send(fake->nd.client.arg);
}
