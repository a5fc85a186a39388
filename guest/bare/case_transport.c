// SPDX-License-Identifier: Apache-2.0
/* virtio over MMIO, whatever the device: registers, accesses of the wrong kind, the handshake. Virtio 1.2, 4.2.2 and 3.1.1. */
#include "guest/bare/cases.h"
#include "guest/bare/virtio.h"

#define DEVICE_BYTES 0x1000
#define VENDOR 0x4d4d5654u /* "TVMM" */
#define READS 2000

static struct virtio device;

static void each_device(const struct machine *m, void (*look)(struct virtio *v))
{
	for (unsigned i = 0; i < m->virtio_count; i++) {
		device.base = m->virtio[i].base;
		device.line = m->virtio[i].line;
		device.id = virtio_read(&device, REG_DEVICE_ID);
		look(&device);
	}
}

/* --- registers ------------------------------------------------------------------------------------------------------------ */

static void look_at_registers(struct virtio *v)
{
	/* The last four are none at all. */
	static const uint16_t read_only[] = {
		REG_MAGIC, REG_VERSION, REG_DEVICE_ID, REG_VENDOR_ID, REG_DEVICE_FEATURES, REG_QUEUE_NUM_MAX, REG_INTERRUPT_STATUS,
		REG_SHM_LEN, REG_SHM_LEN + 4, REG_CONFIG_GENERATION, REG_CONFIG, 0x0f8, 0x1fc, 0x200, DEVICE_BYTES - 4,
	};
	const char *name = virtio_name(v->id);
	bool good = true;

	virtio_reset(v);
	check(virtio_read(v, REG_MAGIC) == 0x74726976 && virtio_read(v, REG_VERSION) == 2 && virtio_read(v, REG_VENDOR_ID) == VENDOR,
	      "%s: magic number, version and vendor", name);
	check(v->id >= ID_NET && v->id <= ID_RNG, "%s: a device identifier that is known", name);
	check(virtio_offered(v) >> 32 & 1, "%s: version 1 is offered", name);
	virtio_write(v, REG_DEVICE_FEATURES_SEL, 2);
	check(!virtio_read(v, REG_DEVICE_FEATURES), "%s: no features above bit 63", name);
	virtio_write(v, REG_QUEUE_SEL, 0);
	check(virtio_read(v, REG_QUEUE_NUM_MAX) && !virtio_read(v, REG_QUEUE_READY), "%s: queue 0 exists and is not in use", name);
	virtio_write(v, REG_QUEUE_SEL, 1000);
	check(!virtio_read(v, REG_QUEUE_NUM_MAX) && !virtio_read(v, REG_QUEUE_READY), "%s: queue 1000 does not exist", name);
	check(virtio_read(v, REG_SHM_LEN) == UINT32_MAX && virtio_read(v, REG_SHM_LEN + 4) == UINT32_MAX, "%s: no shared memory", name);
	for (unsigned i = 0; i < COUNT(read_only); i++) {
		uint32_t before = virtio_read(v, read_only[i]);
		virtio_write(v, read_only[i], ~before);
		good = good && virtio_read(v, read_only[i]) == before;
	}
	check(good && !virtio_read(v, REG_STATUS), "%s: writes to read-only registers and to none change nothing", name);
}

void case_registers(const struct machine *m)
{
	each_device(m, look_at_registers);
	uint64_t begin = arch_now_us();
	for (unsigned i = 0; i < READS; i++)
		virtio_read(&device, REG_INTERRUPT_STATUS);
	say("%u register reads took %lu us", READS, arch_now_us() - begin);
}

/* --- widths --------------------------------------------------------------------------------------------------------------- */

static uint64_t all_ones(unsigned bytes)
{
	return bytes == 8 ? UINT64_MAX : (1ul << 8 * bytes) - 1;
}

static void misuse_registers(struct virtio *v)
{
	static const uint8_t widths[] = { 1, 2, 8 };
	static const uint16_t registers[] = {
		REG_STATUS,	  REG_QUEUE_SEL,     REG_QUEUE_NUM,	  REG_QUEUE_READY,
		REG_QUEUE_NOTIFY, REG_INTERRUPT_ACK, REG_DRIVER_FEATURES, REG_QUEUE_DESC,
	};

	virtio_open(v, 0);
	for (unsigned w = 0; w < COUNT(widths); w++) {
		for (unsigned r = 0; r < COUNT(registers); r++)
			arch_io_write(v->base + registers[r], widths[w], r == 0 ? 0 : UINT64_MAX);
	}
	/* Between two registers; and across the device's end, where the next one or nothing is. */
	for (unsigned offset = 1; offset < 4; offset++)
		arch_io_write(v->base + REG_STATUS + offset, 4, 0);
	arch_io_write(v->base + DEVICE_BYTES - 2, 4, UINT32_MAX);
	arch_io_write(v->base + DEVICE_BYTES - 4, 8, UINT64_MAX);
	check(virtio_read(v, REG_STATUS) == STATUS_WORKING, "%s: writes of a wrong width leave it working", virtio_name(v->id));
	check(virtio_works(v), "%s: and it works", virtio_name(v->id));
	bool good = true;
	for (unsigned offset = 0; offset < 4; offset++) {
		for (unsigned bytes = 1; bytes <= 8; bytes *= 2)
			good = good && (arch_io_read(v->base + REG_MAGIC + offset, bytes) & 0xff) == (uint8_t)"virt"[offset];
	}
	check(good, "%s: reads of every width give what is there", virtio_name(v->id));
}

void case_widths(const struct machine *m)
{
	const struct virtio_place *last = &m->virtio[m->virtio_count - 1];
	uint64_t behind = last->base + arch_virtio_bytes;
	bool good = true;

	each_device(m, misuse_registers);
	for (unsigned bytes = 1; bytes <= 8; bytes *= 2) {
		arch_io_write(behind, bytes, 0);
		arch_io_write(arch_hole + 3, bytes, 0);
		good = good && arch_io_read(behind, bytes) == all_ones(bytes) && arch_io_read(arch_hole + 3, bytes) == all_ones(bytes);
	}
	check(good, "where no device is, reads of every width give all ones");
}

/* --- handshake ------------------------------------------------------------------------------------------------------------ */

static bool accept(struct virtio *v, unsigned word, uint32_t more, bool version_1)
{
	virtio_reset(v);
	virtio_write(v, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	virtio_write(v, REG_DRIVER_FEATURES_SEL, 1);
	virtio_write(v, REG_DRIVER_FEATURES, version_1);
	virtio_write(v, REG_DRIVER_FEATURES_SEL, word);
	virtio_write(v, REG_DRIVER_FEATURES, more | (word == 1 && version_1));
	virtio_write(v, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
	return virtio_read(v, REG_STATUS) & STATUS_FEATURES_OK;
}

static void look_at_handshake(struct virtio *v)
{
	const char *name = virtio_name(v->id);

	check(!accept(v, 0, 0, false), "%s: a driver without version 1 is refused", name);
	check(!accept(v, 1, 1u << 30, true), "%s: so is one that accepts what was not offered", name);
	check(!accept(v, 2, 1, true), "%s: also above bit 63", name);
	check(accept(v, 0, 0, true), "%s: one that accepts version 1 alone is not", name);

	virtio_reset(v);
	virtio_write(v, REG_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK);
	check(virtio_broken(v), "%s: DRIVER_OK without FEATURES_OK needs a reset", name);
	virtio_negotiate(v, 0);
	virtio_write(v, REG_QUEUE_SEL, 0);
	virtio_write(v, REG_QUEUE_READY, 1);
	check(virtio_broken(v), "%s: so does a queue without a size", name);
	virtio_open(v, 0);
	virtio_write(v, REG_QUEUE_SEL, 0);
	virtio_write(v, REG_QUEUE_DESC, 0);
	check(virtio_broken(v), "%s: and a queue that moves while in use", name);

	check(virtio_open(v, 0), "%s: after a reset it works", name);
	virtio_write(v, REG_STATUS, STATUS_ACKNOWLEDGE);
	check(virtio_read(v, REG_STATUS) == STATUS_WORKING, "%s: status bits are not taken back", name);
	virtio_reset(v);
	virtio_write(v, REG_QUEUE_SEL, 0);
	check(!virtio_read(v, REG_QUEUE_READY) && !virtio_read(v, REG_INTERRUPT_STATUS), "%s: a reset forgets queues and interrupts",
	      name);
	check(virtio_open(v, 0) && virtio_works(v), "%s: and it can be opened again", name);
}

void case_handshake(const struct machine *m)
{
	each_device(m, look_at_handshake);
}
