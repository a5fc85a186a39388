// SPDX-License-Identifier: Apache-2.0
/*
 * The driver's notifications (virtio 1.2, 4.2.3.3): see mmio_notify.h.
 *
 * kick_here() saves waking the loop's thread, at the price of an exit to user space. Where the loop is woken all the same (flushes, what is
 * not in the host's memory, many requests at a time) that price is paid for nothing: for a while the kernel then wakes it.
 */
#include "devices/virtio/mmio_notify.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Of so many notifications that kick_here() tried, these many must be left to the loop for the kernel to bring them there; and for how
 * long. */
#define TRIES 16
#define TRIES_MISSED 4
#define IN_KERNEL_NS 1000000000

void virtio_mmio_notify_loop(struct virtio_mmio *mmio, unsigned queue)
{
	uint64_t one = 1;
	/* Fails only when the counter is full, and then the loop was told often enough. */
	ssize_t n = write(mmio->notify_fd[queue], &one, sizeof(one));
	(void)n;
}

static void count_try(struct virtio_mmio *mmio, unsigned queue, bool done)
{
	struct virtio_mmio_kick *kick = &mmio->kick[queue];

	kick->missed += !done;
	if (++kick->tried < TRIES)
		return;
	if (kick->missed >= TRIES_MISSED && mmio->in_kernel && !kick->here_again_ns && !mmio->in_kernel(mmio->in_kernel_arg, queue, true))
		kick->here_again_ns = loop_now_ns() + IN_KERNEL_NS;
	kick->tried = kick->missed = 0;
}

/*
 * Whoever has the device is at work on it, and hears of it through the loop: a vCPU does not wait for the lock here, which may be held for
 * as long as a disk takes.
 */
bool virtio_mmio_notified(struct virtio_mmio *mmio, uint32_t queue)
{
	struct virtio_dev *dev = mmio->dev;
	bool done = false;

	if (queue >= dev->queue_count)
		return false;
	if (dev->ops->kick_here && !pthread_mutex_trylock(&dev->lock)) {
		done = dev->started && dev->ops->kick_here(dev, queue);
		count_try(mmio, queue, done);
		pthread_mutex_unlock(&dev->lock);
	}
	if (!done)
		virtio_mmio_notify_loop(mmio, queue);
	return true;
}

static void queue_notified(void *arg, uint32_t events)
{
	struct virtio_mmio_kick *kick = arg;
	struct virtio_dev *dev = kick->mmio->dev;

	(void)events;
	if (kick->here_again_ns && loop_now_ns() >= kick->here_again_ns &&
	    !kick->mmio->in_kernel(kick->mmio->in_kernel_arg, kick->queue, false))
		kick->here_again_ns = 0;
	if (dev->started)
		dev->ops->kick(dev, kick->queue);
}

int virtio_mmio_watch_queue(struct virtio_mmio *mmio, unsigned queue)
{
	struct loop_watch *watch = &mmio->notify_watch[queue];

	mmio->notify_fd[queue] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mmio->notify_fd[queue] < 0)
		return -errno;
	mmio->kick[queue] = (struct virtio_mmio_kick){ .mmio = mmio, .queue = queue };
	*watch = (struct loop_watch){
		.fd = mmio->notify_fd[queue],
		/* Each notification is an edge of its own, so nobody needs to read the counter. */
		.events = EPOLLIN | EPOLLET,
		.ready = queue_notified,
		.arg = &mmio->kick[queue],
		.lock = &mmio->dev->lock,
	};
	return loop_add(mmio->dev->loop, watch);
}

int virtio_mmio_notify_in_kernel(struct virtio_mmio *mmio, int (*in_kernel)(void *arg, unsigned queue, bool on), void *arg)
{
	int err = 0;

	mmio->in_kernel = in_kernel;
	mmio->in_kernel_arg = arg;
	for (unsigned i = 0; i < mmio->dev->queue_count && !err && !mmio->dev->ops->kick_here; i++)
		err = in_kernel(arg, i, true);
	return err;
}
