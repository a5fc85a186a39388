// SPDX-License-Identifier: Apache-2.0
/* virtio entropy device: see rng.h. */
#include "devices/virtio/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define RNG_QUEUE_SIZE 64
/* A guest may ask for gigabytes in one request. It gets this much of it (5.4.6.2 allows less than all), and the loop goes on. */
#define RNG_REQUEST_BYTES_MAX 65536

struct virtio_rng {
	struct virtio_dev dev;
	struct loop_work more; /* the rest of the queue, after the loop's other work */
	struct virtq_chain chain;
};

static size_t fill(uint8_t *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = getrandom(buf + done, len - done, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

static size_t fill_chain(const struct virtq_chain *chain)
{
	size_t done = 0;

	for (unsigned i = 0; i < chain->in_count && done < RNG_REQUEST_BYTES_MAX; i++) {
		size_t room = RNG_REQUEST_BYTES_MAX - done;
		size_t want = chain->iov[i].iov_len < room ? chain->iov[i].iov_len : room;
		size_t n = fill(chain->iov[i].iov_base, want);
		done += n;
		if (n < want)
			break;
	}
	return done;
}

static void rng_kick(struct virtio_dev *dev, unsigned queue)
{
	struct virtio_rng *rng = (struct virtio_rng *)dev;

	/* A bounded number, since another CPU of the guest can refill the queue as fast as this empties it. */
	for (unsigned i = 0; i < RNG_QUEUE_SIZE; i++) {
		if (!virtio_pop(dev, queue, &rng->chain))
			break;
		if (rng->chain.out_count || !rng->chain.in_count) {
			virtio_device_broken(dev, "an entropy request has buffers for reading"); /* 5.4.6.1 */
			return;
		}
		virtqueue_push(&dev->queue[queue], rng->chain.head, (uint32_t)fill_chain(&rng->chain));
	}
	virtio_notify(dev, queue);
	if (dev->started && !virtqueue_empty(&dev->queue[queue]))
		loop_defer(dev->loop, &rng->more);
}

static void rng_more(void *arg)
{
	struct virtio_rng *rng = arg;

	rng_kick(&rng->dev, 0);
}

static const struct virtio_ops rng_ops = { .kick = rng_kick };

struct virtio_rng *virtio_rng_new(const char *name, struct loop *loop, const struct mem *mem)
{
	struct virtio_rng *rng = calloc(1, sizeof(*rng));

	if (!rng)
		return NULL;
	rng->dev = (struct virtio_dev){
		.name = name,
		.device_id = 4,
		.queue_count = 1,
		.queue_size_max = { RNG_QUEUE_SIZE },
		.ops = &rng_ops,
		.loop = loop,
		.mem = mem,
	};
	rng->more = (struct loop_work){ .run = rng_more, .arg = rng, .lock = &rng->dev.lock };
	return rng;
}

struct virtio_dev *virtio_rng_dev(struct virtio_rng *rng)
{
	return &rng->dev;
}

void virtio_rng_free(struct virtio_rng *rng)
{
	if (!rng)
		return;
	loop_work_cancel(rng->dev.loop, &rng->more);
	free(rng);
}
