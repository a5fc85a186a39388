// SPDX-License-Identifier: Apache-2.0
/* What virtio devices share: see virtio.h. */
#include "devices/virtio/virtio.h"

#include "vmm/util/log.h"

void virtio_notify(struct virtio_dev *dev, unsigned queue)
{
	if (dev->started && virtqueue_should_interrupt(&dev->queue[queue]) && dev->transport)
		dev->transport->interrupt(dev->transport, false);
}

void virtio_config_changed(struct virtio_dev *dev)
{
	if (dev->transport)
		dev->transport->interrupt(dev->transport, true);
}

void virtio_device_broken(struct virtio_dev *dev, const char *why)
{
	dev->started = false;
	if (log_first(&dev->broken_logged))
		log_warn("%s: the guest's driver broke a rule of virtio: %s; the device stops until the driver resets it", dev->name, why);
	if (dev->transport)
		dev->transport->needs_reset(dev->transport);
}

bool virtio_pop(struct virtio_dev *dev, unsigned queue, struct virtq_chain *chain)
{
	const char *why = NULL;

	if (!dev->started)
		return false;
	int n = virtqueue_pop(&dev->queue[queue], chain, &why);
	if (n < 0)
		virtio_device_broken(dev, why);
	return n > 0;
}
