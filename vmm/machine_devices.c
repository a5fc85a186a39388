// SPDX-License-Identifier: Apache-2.0
/*
 * The devices of a machine: see machine_devices.h. machine_devices_new() is the list of them, in the order of the plan.
 *
 * A virtio device costs KVM: one interrupt line, one ioeventfd a queue, and, where KVM has read-only memory, a slot for its
 * register page and an ioeventfd that swallows interrupt acknowledgements (devices/virtio/mmio.h).
 */
#include "vmm/machine_devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/arch.h"
#include "devices/pl031.h"
#include "devices/power.h"
#include "devices/power_key.h"
#include "devices/pvpanic.h"
#include "devices/serial.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/console.h"
#include "devices/virtio/mmio.h"
#include "devices/virtio/net.h"
#include "devices/virtio/rng.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

#define DISK_QUEUES_MAX 4

struct attached_disk {
	struct machine_devices *all;
	struct block *block;
	struct virtio_blk *blk;
	struct loop *loop;
	pthread_t thread;
	bool started;
};

struct attached_net {
	struct netdev *netdev;
	struct virtio_net *net;
};

struct machine_devices {
	struct machine_devices_site site;
	struct power power;
	struct pvpanic pvpanic;
	struct pl031 rtc;
	struct pl061 gpio;
	struct power_key power_key; /* on one of its pins; ACPI's is a line alone (devices/power.h) */
	struct irq line[DEV_DESC_MAX];
	unsigned line_count;
	struct serial *serial;
	struct virtio_console *console;
	struct virtio_rng *rng;
	struct attached_disk disk[CONFIG_DISKS_MAX];
	struct attached_net net[CONFIG_NETS_MAX];
	uint8_t *pages; /* what drivers read of each virtio device, in the order of their addresses */
	size_t pages_bytes;
	bool pages_shared;
	unsigned virtio_count;
	struct virtio_mmio virtio[DEV_DESC_MAX];
	struct notify_site {
		const struct kvm *kvm;
		const struct virtio_mmio *mmio;
		gpa_t addr;
	} notify_site[DEV_DESC_MAX];
};

/* --- joining ---------------------------------------------------------------------------------------------------------------------- */

static struct irq *get_line(struct machine_devices *d, const struct dev_desc *desc)
{
	struct irq *line = &d->line[d->line_count++];

	line->gsi = desc->gsi;
	arch_irq_init(d->site.vm, line);
	return line;
}

static int put_on_bus(struct machine_devices *d, const struct dev_desc *desc, const struct bus_range *range)
{
	struct bus_range r = *range;

	r.name = desc->name;
	r.base = desc->base;
	r.size_bytes = desc->size_bytes;
	int err = bus_add(desc->pio ? &d->site.vm->pio : &d->site.vm->mmio, &r);
	if (err)
		log_error("%s: no place on the bus at 0x%llx: %s", desc->name, (unsigned long long)desc->base, strerror(-err));
	return err;
}

/*
 * The register pages of all virtio devices as read-only guest memory: reads take no exit. They are one slot, since each slot that is
 * added makes the kernel wait for its readers, milliseconds on some hosts. A KVM without read-only memory serves reads through the bus,
 * from the same pages.
 */
static int make_register_pages(struct machine_devices *d)
{
	const struct dev_list *list = &d->site.plan->devices;

	for (unsigned i = 0; i < list->count; i++)
		d->pages_bytes += list->dev[i].kind == DEV_VIRTIO_MMIO ? arch_map.virtio_stride_bytes : 0;
	void *pages = mmap(NULL, d->pages_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return -ENOMEM;
	d->pages = pages;
	d->pages_shared = kvm_capability(&d->site.vm->kvm, KVM_CAP_READONLY_MEM) > 0;
	return d->pages_shared ? kvm_add_memory(&d->site.vm->kvm, arch_map.virtio_base, d->pages, d->pages_bytes, true) : 0;
}

/* With its page shared, a device's acknowledgements of used buffers need nobody either (devices/virtio/mmio.h). */
static int share_page(struct machine_devices *d, const struct dev_desc *desc, struct virtio_mmio *mmio)
{
	struct kvm *kvm = &d->site.vm->kvm;
	struct kvm_notify ack = { .addr = desc->base + VIRTIO_MMIO_INTERRUPT_ACK, .len = 4, .value = VIRTIO_MMIO_INT_USED };

	if (!d->pages_shared)
		return 0;
	int err = virtio_mmio_share(mmio, arch_map.publish);
	if (err)
		return err;
	ack.fd = mmio->ack_fd;
	return kvm_ioeventfd(kvm, &ack);
}

static int notify_in_kernel(void *arg, unsigned queue, bool on)
{
	const struct notify_site *site = arg;
	struct kvm_notify notify = { .addr = site->addr, .len = 4, .value = queue, .fd = site->mmio->notify_fd[queue], .off = !on };

	return kvm_ioeventfd(site->kvm, &notify);
}

static int attach_virtio(struct machine_devices *d, const char *name, struct virtio_dev *dev)
{
	const struct dev_desc *desc = plan_find(d->site.plan, name);
	struct virtio_mmio *mmio = &d->virtio[d->virtio_count];
	struct bus_range range = { .dev = mmio, .read = virtio_mmio_read, .write = virtio_mmio_write };
	struct notify_site *site = &d->notify_site[d->virtio_count++];

	*site = (struct notify_site){ .kvm = &d->site.vm->kvm, .mmio = mmio, .addr = desc->base + VIRTIO_MMIO_QUEUE_NOTIFY };
	int err = virtio_mmio_init(mmio, dev, get_line(d, desc), d->pages + (desc->base - arch_map.virtio_base));
	if (!err)
		err = share_page(d, desc, mmio);
	if (!err)
		err = virtio_mmio_notify_in_kernel(mmio, notify_in_kernel, site);
	if (err) {
		log_error("%s: can't be attached: %s", name, strerror(-err));
		return err;
	}
	return put_on_bus(d, desc, &range);
}

/* --- the platform's own --------------------------------------------------------------------------------------------------------------- */

static void on_power_off(void *arg)
{
	struct vm *vm = arg;

	vm->stop(vm, VM_POWEROFF);
}

static void on_power_reset(void *arg)
{
	struct vm *vm = arg;

	vm->stop(vm, VM_RESET);
}

static void on_panic(void *arg)
{
	struct vm *vm = arg;

	vm->stop(vm, VM_PANIC);
}

/* If this machine has it. What line it has it was given before. */
static int add_simple(struct machine_devices *d, const char *name, const struct bus_range *range)
{
	const struct dev_desc *desc = plan_find(d->site.plan, name);

	return desc ? put_on_bus(d, desc, range) : 0;
}

static int add_power(struct machine_devices *d)
{
	const struct bus_range power = { .dev = &d->power, .read = power_read, .write = power_write };
	const struct dev_desc *desc = plan_find(d->site.plan, "power");

	d->power = (struct power){ .off = on_power_off, .reset = on_power_reset, .arg = d->site.vm };
	if (desc && desc->gsi)
		d->power.key = get_line(d, desc);
	return add_simple(d, "power", &power);
}

static int add_arm_devices(struct machine_devices *d)
{
	const struct bus_range gpio = { .dev = &d->gpio, .read = pl061_read, .write = pl061_write, .lock = &d->gpio.lock };
	const struct bus_range rtc = { .dev = &d->rtc, .read = pl031_read, .write = pl031_write, .lock = &d->rtc.lock };
	const struct dev_desc *desc = plan_find(d->site.plan, "gpio");

	pl031_init(&d->rtc);
	pl061_init(&d->gpio, desc ? get_line(d, desc) : NULL);
	power_key_init(&d->power_key, &d->gpio, GPIO_POWER_KEY_PIN, d->site.loop);
	int err = add_simple(d, "gpio", &gpio);
	return err ? err : add_simple(d, "rtc", &rtc);
}

static int add_platform(struct machine_devices *d)
{
	const struct bus_range pvpanic = { .dev = &d->pvpanic, .read = pvpanic_read, .write = pvpanic_write };

	d->pvpanic = (struct pvpanic){ .panicked = on_panic, .arg = d->site.vm };
	int err = add_power(d);
	if (!err && ARCH_ARM_DEVICES)
		err = add_arm_devices(d);
	return err ? err : add_simple(d, "pvpanic", &pvpanic);
}

static int add_serial(struct machine_devices *d)
{
	const struct dev_desc *desc = plan_find(d->site.plan, "serial");

	d->serial = serial_new(&d->site.io->serial, get_line(d, desc), d->site.loop);
	if (!d->serial)
		return -ENOMEM;
	return put_on_bus(d, desc, &(struct bus_range){
		.dev = d->serial, .read = serial_read, .write = serial_write, .lock = serial_lock(d->serial) });
}

/* --- virtio ------------------------------------------------------------------------------------------------------------------------- */

static int add_console(struct machine_devices *d)
{
	const struct guest_io *io = d->site.io;

	d->console = virtio_console_new("console", io->port, io->port_count, d->site.loop, &d->site.vm->mem);
	return d->console ? attach_virtio(d, "console", virtio_console_dev(d->console)) : -ENOMEM;
}

static void *disk_thread(void *arg)
{
	struct attached_disk *disk = arg;
	struct vm *vm = disk->all->site.vm;

	if (sandbox_enter(disk->all->site.sandbox, SANDBOX_DISK) || loop_run(disk->loop))
		vm->stop(vm, VM_FAULT);
	return NULL;
}

static int start_disk_thread(struct attached_disk *disk, const char *name)
{
	int err = thread_start(&disk->thread, disk_thread, disk);

	if (err) {
		log_error("%s: no thread: %s", name, strerror(-err));
		return err;
	}
	pthread_setname_np(disk->thread, name);
	disk->started = true;
	return 0;
}

static int add_disk(struct machine_devices *d, unsigned index)
{
	const struct config_disk *config = &d->site.config->disk[index];
	struct attached_disk *disk = &d->disk[index];
	char name[16];
	unsigned queues = d->site.config->cpus < DISK_QUEUES_MAX ? d->site.config->cpus : DISK_QUEUES_MAX;
	int err = block_open(&disk->block, &config->block);

	if (err)
		return err;
	disk->all = d;
	disk->loop = loop_new();
	if (!disk->loop)
		return -ENOMEM;
	snprintf(name, sizeof(name), "disk%u", index);
	const struct virtio_blk_config blk = { .name = plan_find(d->site.plan, name)->name, .serial = config->serial, .queues = queues };
	disk->blk = virtio_blk_new(&blk, disk->block, disk->loop, &d->site.vm->mem);
	if (!disk->blk)
		return -ENOMEM;
	err = attach_virtio(d, name, virtio_blk_dev(disk->blk));
	return err ? err : start_disk_thread(disk, name);
}

/*
 * What no other command line would get from this host is no fault of the command line (run.c tells by the number): a tap without the
 * privilege or the driver for it, a library that is not there. A port or an interface that is taken is.
 */
static int refused_by_host(const struct config_net *config, int err)
{
	bool tap = config->netdev.kind == NETDEV_TAP;

	return err == -ENOENT || (tap && (err == -EPERM || err == -EACCES)) ? -ENODEV : err;
}

static int add_net(struct machine_devices *d, unsigned index)
{
	const struct config_net *config = &d->site.config->net[index];
	struct attached_net *net = &d->net[index];
	char name[16];
	int err = netdev_open(&net->netdev, &config->netdev, d->site.loop);

	if (err)
		return refused_by_host(config, err);
	snprintf(name, sizeof(name), "net%u", index);
	struct virtio_net_config card = { .name = plan_find(d->site.plan, name)->name };
	memcpy(card.mac, config->mac, sizeof(card.mac));
	net->net = virtio_net_new(&card, net->netdev, d->site.loop, &d->site.vm->mem);
	return net->net ? attach_virtio(d, name, virtio_net_dev(net->net)) : -ENOMEM;
}

static int add_rng(struct machine_devices *d)
{
	d->rng = virtio_rng_new("rng", d->site.loop, &d->site.vm->mem);
	return d->rng ? attach_virtio(d, "rng", virtio_rng_dev(d->rng)) : -ENOMEM;
}

int machine_devices_new(struct machine_devices **out, const struct machine_devices_site *site)
{
	struct machine_devices *d = calloc(1, sizeof(*d));
	int err;

	*out = d;
	if (!d)
		return -ENOMEM;
	d->site = *site;
	err = add_platform(d);
	if (!err)
		err = make_register_pages(d);
	if (!err)
		err = add_serial(d);
	if (!err)
		err = add_console(d);
	for (unsigned i = 0; i < site->config->disk_count && !err; i++)
		err = add_disk(d, i);
	for (unsigned i = 0; i < site->config->net_count && !err; i++)
		err = add_net(d, i);
	if (!err && site->config->rng)
		err = add_rng(d);
	if (err == -ENOMEM)
		log_error("not enough memory on the host for the machine's devices");
	return err;
}

/* --- together ------------------------------------------------------------------------------------------------------------------------- */

void machine_devices_free(struct machine_devices *d)
{
	if (!d)
		return;
	for (unsigned i = 0; i < CONFIG_DISKS_MAX; i++) {
		if (d->disk[i].started) {
			loop_stop(d->disk[i].loop);
			pthread_join(d->disk[i].thread, NULL);
		}
	}
	for (unsigned i = 0; i < CONFIG_NETS_MAX; i++)
		netdev_close(d->net[i].netdev);
	for (unsigned i = 0; i < d->virtio_count; i++)
		virtio_mmio_release(&d->virtio[i]);
	for (unsigned i = 0; i < CONFIG_DISKS_MAX; i++) {
		virtio_blk_free(d->disk[i].blk);
		block_close(d->disk[i].block);
		loop_free(d->disk[i].loop);
	}
	for (unsigned i = 0; i < CONFIG_NETS_MAX; i++)
		virtio_net_free(d->net[i].net);
	virtio_rng_free(d->rng);
	virtio_console_free(d->console);
	serial_free(d->serial);
	if (ARCH_ARM_DEVICES) {
		pl061_release(&d->gpio);
		pl031_release(&d->rtc);
	}
	if (d->pages)
		munmap(d->pages, d->pages_bytes);
	free(d);
}

void machine_devices_reset(struct machine_devices *d)
{
	for (unsigned i = 0; i < d->virtio_count; i++)
		virtio_mmio_reset(&d->virtio[i]);
	serial_reset(d->serial);
	if (ARCH_ARM_DEVICES) {
		pl031_reset(&d->rtc);
		power_key_reset(&d->power_key);
		pl061_reset(&d->gpio);
	}
}

bool machine_devices_finish(struct machine_devices *d)
{
	bool serial = serial_flush(d->serial);

	return virtio_console_flush(d->console) && serial;
}

bool machine_devices_tell_init(struct machine_devices *d, const char *text)
{
	return virtio_console_inject(d->console, d->site.io->control_port, text, strlen(text));
}

void machine_devices_resize(struct machine_devices *d, uint16_t columns, uint16_t rows)
{
	virtio_console_resize(d->console, d->site.io->terminal_port, columns, rows);
}

void machine_devices_press_power_key(struct machine_devices *d)
{
	if (d->power.key)
		irq_pulse(d->power.key);
	else if (ARCH_ARM_DEVICES)
		power_key_press(&d->power_key);
}

void machine_devices_break(struct machine_devices *d)
{
	serial_break(d->serial);
}
