// SPDX-License-Identifier: Apache-2.0
/* devices/virtio/blk.c: virtio 1.2, 5.2, as a driver sees it; well-behaved ones first, then the others. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/block/block.h"
#include "devices/virtio/blk.h"
#include "tests/fakes/fake_disk.h"
#include "tests/fakes/fake_driver.h"
#include "vmm/util/log.h"

#define DISK_BYTES (1u << 20)
#define DISK_SECTORS (DISK_BYTES / 512)
#define QUEUES 2

#define F_RO (1ull << 5)
#define F_FLUSH (1ull << 9)
#define F_MQ (1ull << 12)
#define F_DISCARD (1ull << 13)
#define F_WRITE_ZEROES (1ull << 14)
#define F_NEVER ((1ull << 0) | (1ull << 1) | (1ull << 7) | (1ull << 11))

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2, S_NONE = 0xee };

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

struct range {
	uint64_t sector;
	uint32_t sectors, flags;
};

#define QUEUE_NOTIFY 0x050

struct fixture {
	struct fake_disk disk;
	struct fake_driver drv;
	struct block *block;
	struct virtio_blk *blk;
	gpa_t status;
	struct fake_used used;
	bool on_vcpu; /* requests are notified of by the register, as a vCPU's thread does it */
};

static struct fixture fx;

static const struct virtio_blk_config blk_config = {.name = "disk0", .serial = "serial-0123456789abcdef", .queues = QUEUES};

static int make(struct block_config config, uint64_t features)
{
	log_set_level(LOG_ERROR);
	fx.on_vcpu = false;
	fake_disk_init(&fx.disk, DISK_BYTES);
	fake_driver_init(&fx.drv);
	config.path = fx.disk.path;
	if (block_open(&fx.block, &config))
		return -1;
	fx.blk = virtio_blk_new(&blk_config, fx.block, fx.drv.loop, &fx.drv.mem);
	return fake_driver_attach(&fx.drv, virtio_blk_dev(fx.blk), features) ? 0 : -1;
}

static int set_up(void **state)
{
	(void)state;
	return make((struct block_config){0}, FAKE_FEATURES_ALL);
}

static int set_up_vcpu(void **state)
{
	int err = set_up(state);

	fx.on_vcpu = true;
	return err;
}

/* The driver knows nothing but the rings. */
static int set_up_plain(void **state)
{
	(void)state;
	return make((struct block_config){0}, 0);
}

static int set_up_read_only(void **state)
{
	(void)state;
	return make((struct block_config){.read_only = true}, ~F_RO);
}

static int set_up_async(void **state)
{
	(void)state;
	return make((struct block_config){.never_here = true}, FAKE_FEATURES_ALL);
}

static int tear_down(void **state)
{
	(void)state;
	fake_driver_detach(&fx.drv);
	virtio_blk_free(fx.blk);
	block_close(fx.block);
	fake_driver_release(&fx.drv);
	fake_disk_release(&fx.disk);
	return 0;
}

static void assert_file_byte(uint64_t offset, uint8_t value)
{
	uint8_t byte = (uint8_t)~value;
	int fd = open(fx.disk.path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
	close(fd);
	assert_int_equal(byte, value);
}

static gpa_t header_at(uint32_t type, uint64_t sector)
{
	struct header header = {.type = type, .sector = sector};

	return fake_alloc_data(&fx.drv, &header, sizeof(header));
}

static uint8_t status_now(void)
{
	return *(volatile uint8_t *)fake_at(&fx.drv, fx.status);
}

/* Header, data, status, each in a buffer of its own, as Linux does it. Returns the head. */
static int add(unsigned queue, uint32_t type, uint64_t sector, gpa_t data, uint32_t len)
{
	struct fake_buffer buffers[3] = {{header_at(type, sector), sizeof(struct header), false}};
	unsigned count = 1;

	if (len)
		buffers[count++] = (struct fake_buffer){data, len, type == T_IN || type == T_GET_ID};
	fx.status = fake_alloc(&fx.drv, 1);
	*(uint8_t *)fake_at(&fx.drv, fx.status) = S_NONE;
	buffers[count++] = (struct fake_buffer){fx.status, 1, true};
	return fake_add(&fx.drv, queue, buffers, count);
}

static uint8_t request_on(unsigned queue, uint32_t type, uint64_t sector, gpa_t data, uint32_t len)
{
	int head = add(queue, type, sector, data, len);

	if (fx.on_vcpu)
		fake_reg_write(&fx.drv, QUEUE_NOTIFY, queue);
	else
		fake_kick(&fx.drv, queue);
	assert_true(fake_wait_used(&fx.drv, queue, &fx.used));
	assert_int_equal(fx.used.head, head);
	return status_now();
}

static uint8_t request(uint32_t type, uint64_t sector, gpa_t data, uint32_t len)
{
	return request_on(0, type, sector, data, len);
}

static uint8_t ranges(uint32_t type, const struct range *range, unsigned count)
{
	return request(type, 0, fake_alloc_data(&fx.drv, range, (uint32_t)(count * sizeof(*range))), (uint32_t)(count * sizeof(*range)));
}

/* --- well-behaved drivers ------------------------------------------------------------------------------------------ */

static void the_configuration_is_the_disks(void **state)
{
	uint64_t capacity;
	uint32_t seg_max, blk_size;
	uint16_t queues;
	uint8_t exponent;

	(void)state;
	fake_config_read(&fx.drv, 0, &capacity, 8);
	fake_config_read(&fx.drv, 12, &seg_max, 4);
	fake_config_read(&fx.drv, 20, &blk_size, 4);
	fake_config_read(&fx.drv, 24, &exponent, 1);
	fake_config_read(&fx.drv, 34, &queues, 2);
	assert_int_equal(capacity, DISK_SECTORS);
	assert_int_equal(seg_max, VIRTQ_CHAIN_MAX - 2);
	assert_int_equal(blk_size, 512);
	assert_int_equal(512u << exponent, 4096);
	assert_int_equal(queues, QUEUES);
	assert_true(fx.drv.features & F_FLUSH);
	assert_true(fx.drv.features & F_MQ);
	assert_true(fx.drv.features & F_WRITE_ZEROES);
	assert_false(fx.drv.features & (F_RO | F_NEVER));
}

static void reads(void **state)
{
	gpa_t data = fake_alloc(&fx.drv, 8192 + 64);

	(void)state;
	assert_int_equal(request(T_IN, 3, data, 8192), S_OK);
	assert_int_equal(fx.used.len, 8192 + 1);
	assert_true(disk_has_content(3 * 512, fake_at(&fx.drv, data), 8192));
	assert_int_equal(*(uint8_t *)fake_at(&fx.drv, data + 8192), 0);
	assert_int_equal(atomic_load(&fx.drv.interrupts), 1);
	assert_int_equal(request_on(1, T_IN, DISK_SECTORS - 1, data, 512), S_OK);
	assert_true(disk_has_content(DISK_BYTES - 512, fake_at(&fx.drv, data), 512));
}

static void writes_and_flushes(void **state)
{
	gpa_t data = fake_alloc(&fx.drv, 4096);

	(void)state;
	memset(fake_at(&fx.drv, data), 0x5a, 4096);
	assert_int_equal(request(T_OUT, 8, data, 4096), S_OK);
	assert_int_equal(fx.used.len, 1);
	assert_int_equal(request(T_FLUSH, 0, 0, 0), S_OK);
	assert_file_byte(8 * 512 - 1, disk_byte(8 * 512 - 1));
	assert_file_byte(8 * 512, 0x5a);
	assert_file_byte(16 * 512 - 1, 0x5a);
	assert_file_byte(16 * 512, disk_byte(16 * 512));
}

/* --- on a vCPU's thread ---------------------------------------------------------------------------------------------- */

/* What is there once the register was written, before the loop gets to run. */
static bool done_at_once(unsigned queue, uint32_t type, uint64_t sector, gpa_t data, uint32_t len)
{
	int head = add(queue, type, sector, data, len);

	fake_reg_write(&fx.drv, QUEUE_NOTIFY, queue);
	return fake_used(&fx.drv, queue, &fx.used) && fx.used.head == head && status_now() == S_OK;
}

static bool done_by_the_loop(unsigned queue)
{
	return fake_wait_used(&fx.drv, queue, &fx.used) && status_now() == S_OK;
}

static void what_is_in_memory_is_done_at_once(void **state)
{
	gpa_t data = fake_alloc(&fx.drv, 4096);

	(void)state;
	memset(fake_at(&fx.drv, data), 0x5a, 4096);
	assert_true(done_at_once(0, T_OUT, 8, data, 4096));
	assert_file_byte(8 * 512, 0x5a);
	assert_int_equal(atomic_load(&fx.drv.interrupts), 1);
	assert_true(done_at_once(1, T_IN, 16, data, 4096));
	assert_true(disk_has_content(16 * 512, fake_at(&fx.drv, data), 4096));
	assert_int_equal(atomic_load(&fx.drv.interrupts), 2);
	/* And the next is notified of again. */
	(void)fake_wants_kick(&fx.drv, 1);
	add(1, T_IN, 0, data, 512);
	assert_true(fake_wants_kick(&fx.drv, 1));
}

static void what_waits_is_done_by_the_loop(void **state)
{
	gpa_t data = fake_alloc(&fx.drv, 8192);

	(void)state;
	assert_false(done_at_once(0, T_FLUSH, 0, 0, 0));
	assert_true(done_by_the_loop(0));
	/* Neither of two keeps a processor. */
	add(0, T_IN, 0, data, 4096);
	assert_false(done_at_once(0, T_IN, 8, data + 4096, 4096));
	assert_true(done_by_the_loop(0));
	assert_true(done_by_the_loop(0));
	assert_true(disk_has_content(0, fake_at(&fx.drv, data), 8192));
}

static void a_device_at_work_is_not_waited_for(void **state)
{
	gpa_t data = fake_alloc(&fx.drv, 4096);

	(void)state;
	pthread_mutex_lock(&fx.drv.dev->lock);
	assert_false(done_at_once(0, T_IN, 0, data, 4096));
	pthread_mutex_unlock(&fx.drv.dev->lock);
	assert_true(done_by_the_loop(0));
}

static void the_serial_is_twenty_bytes(void **state)
{
	gpa_t data = fake_alloc(&fx.drv, 32);

	(void)state;
	assert_int_equal(request(T_GET_ID, 0, data, 20), S_OK);
	assert_int_equal(fx.used.len, 21);
	assert_memory_equal(fake_at(&fx.drv, data), "serial-0123456789abc", 20);
	assert_int_equal(*(uint8_t *)fake_at(&fx.drv, data + 20), 0);
	/* Less room, less serial. */
	data = fake_alloc(&fx.drv, 32);
	assert_int_equal(request(T_GET_ID, 0, data, 6), S_OK);
	assert_memory_equal(fake_at(&fx.drv, data), "serial\0", 7);
}

static void zeroes_and_discards(void **state)
{
	const struct range two[] = {{8, 8, 0}, {32, 16, 1}};
	const struct range one = {64, 64, 0};

	(void)state;
	assert_int_equal(ranges(T_WRITE_ZEROES, two, 2), S_OK);
	assert_file_byte(8 * 512 - 1, disk_byte(8 * 512 - 1));
	assert_file_byte(8 * 512, 0);
	assert_file_byte(16 * 512 - 1, 0);
	assert_file_byte(16 * 512, disk_byte(16 * 512));
	assert_file_byte(32 * 512, 0);
	assert_file_byte(48 * 512 - 1, 0);
	if (fx.drv.features & F_DISCARD) {
		assert_int_equal(ranges(T_DISCARD, &one, 1), S_OK);
		assert_file_byte(64 * 512 - 1, disk_byte(64 * 512 - 1));
		assert_file_byte(128 * 512, disk_byte(128 * 512));
	}
}

/* 2.7.4.1: the header in three pieces, the data behind its last one, the status behind the data read. */
static void framing_does_not_matter(void **state)
{
	struct header out = {.type = T_OUT, .sector = 2}, in = {.type = T_IN, .sector = 2};
	gpa_t first = fake_alloc_data(&fx.drv, &out, sizeof(out)), rest = fake_alloc(&fx.drv, 4 + 512);
	gpa_t again = fake_alloc_data(&fx.drv, &in, sizeof(in)), back = fake_alloc(&fx.drv, 513);
	struct fake_buffer write[] = {
		{first, 1, false}, {first + 1, 11, false}, {rest, 4 + 100, false}, {rest + 104, 412, false}, {back + 512, 1, true}};
	struct fake_buffer read[] = {{again, 7, false}, {again + 7, 9, false}, {back, 5, true}, {back + 5, 508, true}};
	uint8_t *data = fake_at(&fx.drv, rest), *result = fake_at(&fx.drv, back);

	(void)state;
	memcpy(data, (const uint8_t *)&out + 12, 4);
	memset(data + 4, 0x42, 512);
	result[512] = S_NONE;
	fake_add(&fx.drv, 0, write, 5);
	fake_kick(&fx.drv, 0);
	assert_true(fake_wait_used(&fx.drv, 0, &fx.used));
	assert_int_equal(result[512], S_OK);
	assert_file_byte(1024, 0x42);
	assert_file_byte(1024 + 511, 0x42);
	assert_file_byte(1024 + 512, disk_byte(1024 + 512));

	result[512] = S_NONE;
	fake_add_indirect(&fx.drv, 0, read, 4);
	fake_kick(&fx.drv, 0);
	assert_true(fake_wait_used(&fx.drv, 0, &fx.used));
	assert_int_equal(fx.used.len, 513);
	assert_int_equal(result[512], S_OK);
	assert_memory_equal(result, data + 4, 512);
}

/* A full queue, more than one batch's worth, both queues at once; through the loop and with one interrupt for many. */
static void many_at_once(void **state)
{
	enum { EACH = 80 };
	gpa_t data[QUEUES][EACH];
	gpa_t status[QUEUES][EACH];

	(void)state;
	for (unsigned q = 0; q < QUEUES; q++) {
		for (unsigned i = 0; i < EACH; i++) {
			data[q][i] = fake_alloc(&fx.drv, 4096);
			assert_true(add(q, i % 4 == 3 ? T_FLUSH : T_IN, q * 1000 + i * 8, data[q][i], i % 4 == 3 ? 0 : 4096) >= 0);
			status[q][i] = fx.status;
		}
		fake_reg_write(&fx.drv, VIRTIO_MMIO_QUEUE_NOTIFY, q);
	}
	for (unsigned i = 0; i < QUEUES * EACH; i++)
		assert_true(fake_wait_used(&fx.drv, i % QUEUES, &fx.used));
	for (unsigned q = 0; q < QUEUES; q++) {
		for (unsigned i = 0; i < EACH; i++) {
			assert_int_equal(*(uint8_t *)fake_at(&fx.drv, status[q][i]), S_OK);
			assert_true(i % 4 == 3 || disk_has_content((q * 1000 + i * 8) * 512, fake_at(&fx.drv, data[q][i]), 4096));
		}
	}
	assert_true(atomic_load(&fx.drv.interrupts) < QUEUES * EACH);
}

static void a_batch_is_one_interrupt(void **state)
{
	gpa_t data = fake_alloc(&fx.drv, 8 * 512);

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		add(0, T_OUT, i, data + i * 512, 512);
	fake_kick(&fx.drv, 0);
	for (unsigned i = 0; i < 8; i++)
		assert_true(fake_wait_used(&fx.drv, 0, &fx.used));
	assert_int_equal(atomic_load(&fx.drv.interrupts), 1);
}

/* 80 MiB, more bytes than are begun at a time: the rest is held back, and comes. All go to the same memory; a guest may do that. */
static void more_than_is_begun_at_once(void **state)
{
	enum { REQUESTS = 80, PIECES = 4 };
	struct fake_buffer buffers[1 + PIECES + 1];

	(void)state;
	for (unsigned n = 0; n < REQUESTS; n++) {
		buffers[0] = (struct fake_buffer){header_at(T_IN, 0), sizeof(struct header), false};
		for (unsigned i = 1; i <= PIECES; i++)
			buffers[i] = (struct fake_buffer){FAKE_HIGH_GPA, DISK_BYTES / PIECES, true};
		fx.status = fake_alloc(&fx.drv, 1);
		*(uint8_t *)fake_at(&fx.drv, fx.status) = S_NONE;
		buffers[1 + PIECES] = (struct fake_buffer){fx.status, 1, true};
		assert_true(fake_add_indirect(&fx.drv, n % QUEUES, buffers, 1 + PIECES + 1) >= 0);
	}
	for (unsigned q = 0; q < QUEUES; q++)
		fake_reg_write(&fx.drv, VIRTIO_MMIO_QUEUE_NOTIFY, q);
	for (unsigned n = 0; n < REQUESTS; n++) {
		assert_true(fake_wait_used(&fx.drv, n % QUEUES, &fx.used));
		assert_int_equal(fx.used.len, DISK_BYTES + 1);
	}
	assert_int_equal(status_now(), S_OK);
}

/* 5.2.5.2: a driver that can't flush must not need to. The write is then as durable as a flushed one; what shows is that it works. */
static void a_driver_without_flush(void **state)
{
	const struct range one = {64, 8, 0};
	gpa_t data = fake_alloc(&fx.drv, 512);

	(void)state;
	assert_int_equal(request(T_OUT, 1, data, 512), S_OK);
	assert_int_equal(ranges(T_WRITE_ZEROES, &one, 1), S_OK);
	assert_file_byte(512, 0);
	assert_file_byte(64 * 512, 0);
}

/* --- what is refused, and goes on ---------------------------------------------------------------------------------- */

static void unknown_requests_are_unsupported(void **state)
{
	static const uint32_t types[] = {2, 3, 5, 10, 14, 15, 16, 24, 0x80000000, 0x80000001, UINT32_MAX};
	gpa_t data = fake_alloc(&fx.drv, 512);

	(void)state;
	for (unsigned i = 0; i < sizeof(types) / sizeof(*types); i++) {
		assert_int_equal(request(types[i], 0, data, 512), S_UNSUPP);
		assert_int_equal(fx.used.len, 1);
	}
	assert_int_equal(request(T_IN, 0, data, 512), S_OK);
}

static void out_of_bounds_is_an_error(void **state)
{
	gpa_t data = fake_alloc(&fx.drv, 1024);
	static const uint64_t sectors[] = {DISK_SECTORS,     DISK_SECTORS - 1,     DISK_SECTORS + 1, UINT64_MAX,
					   UINT64_MAX / 512, UINT64_MAX / 512 + 1, 1ull << 55,       1ull << 63};

	(void)state;
	for (unsigned i = 0; i < sizeof(sectors) / sizeof(*sectors); i++) {
		assert_int_equal(request(T_IN, sectors[i], data, 1024), S_IOERR);
		assert_int_equal(fx.used.len, 0);
		assert_int_equal(request(T_OUT, sectors[i], data, 1024), S_IOERR);
	}
	assert_file_byte(DISK_BYTES - 1, disk_byte(DISK_BYTES - 1));
	struct stat st;
	assert_int_equal(stat(fx.disk.path, &st), 0);
	assert_int_equal(st.st_size, DISK_BYTES);
	/* Half a sector. */
	assert_int_equal(request(T_IN, 0, data, 100), S_IOERR);
	assert_int_equal(request(T_OUT, 0, data, 513), S_IOERR);
	/* Nothing at all is nothing wrong. */
	assert_int_equal(request(T_IN, 0, 0, 0), S_OK);
	assert_int_equal(request(T_OUT, DISK_SECTORS, 0, 0), S_OK);
}

static void bad_ranges_are_refused(void **state)
{
	static const struct {
		struct range range;
		uint8_t discard, zeroes;
	} bad[] = {
		{{0, 8, 1}, S_UNSUPP, S_OK},
		{{8, 8, 2}, S_UNSUPP, S_UNSUPP},
		{{8, 8, 0x80000000}, S_UNSUPP, S_UNSUPP},
		{{DISK_SECTORS, 8, 0}, S_IOERR, S_IOERR},
		{{DISK_SECTORS - 4, 8, 0}, S_IOERR, S_IOERR},
		{{UINT64_MAX, 8, 0}, S_IOERR, S_IOERR},
		{{8, UINT32_MAX, 0}, S_IOERR, S_IOERR},
	};
	/* The second is bad, so the first is not done either. */
	const struct range half[] = {{16, 8, 0}, {DISK_SECTORS, 8, 0}};
	static struct range too_many[33];

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (fx.drv.features & F_DISCARD)
			assert_int_equal(ranges(T_DISCARD, &bad[i].range, 1), bad[i].discard);
		assert_int_equal(ranges(T_WRITE_ZEROES, &bad[i].range, 1), bad[i].zeroes);
	}
	assert_int_equal(ranges(T_WRITE_ZEROES, half, 2), S_IOERR);
	assert_int_equal(ranges(T_WRITE_ZEROES, too_many, 33), S_IOERR);
	assert_int_equal(request(T_WRITE_ZEROES, 0, fake_alloc(&fx.drv, 64), 15), S_IOERR);
	assert_int_equal(request(T_WRITE_ZEROES, 0, 0, 0), S_IOERR);
	assert_file_byte(8 * 512, disk_byte(8 * 512));
	assert_file_byte(16 * 512, disk_byte(16 * 512));
}

static void a_read_only_disk_stays_what_it_is(void **state)
{
	const struct range one = {0, 8, 0};
	gpa_t data = fake_alloc(&fx.drv, 512);

	(void)state;
	/* The driver did not even accept the feature. */
	assert_false(fx.drv.features & (F_DISCARD | F_WRITE_ZEROES));
	assert_int_equal(request(T_OUT, 0, data, 512), S_IOERR);
	assert_int_equal(ranges(T_WRITE_ZEROES, &one, 1), S_IOERR);
	assert_int_equal(ranges(T_DISCARD, &one, 1), S_IOERR);
	assert_int_equal(request(T_FLUSH, 0, 0, 0), S_OK);
	assert_int_equal(request(T_IN, 0, data, 512), S_OK);
	assert_true(disk_has_content(0, fake_at(&fx.drv, data), 512));
}

static void a_host_error_is_an_io_error(void **state)
{
	gpa_t data = fake_alloc(&fx.drv, 1024);

	(void)state;
	assert_int_equal(truncate(fx.disk.path, 512), 0);
	assert_int_equal(request(T_IN, 0, data, 1024), S_IOERR);
	assert_int_equal(request(T_IN, 0, data, 512), S_OK);
	assert_false(fake_needs_reset(&fx.drv));
}

/* --- what breaks the device, until a reset ------------------------------------------------------------------------- */

static void assert_breaks(const struct fake_buffer *buffers, unsigned count)
{
	gpa_t data = fake_alloc(&fx.drv, 512);

	fake_add(&fx.drv, 0, buffers, count);
	fake_kick(&fx.drv, 0);
	assert_true(fake_needs_reset(&fx.drv));
	assert_false(fake_used(&fx.drv, 0, &fx.used));
	assert_true(fake_driver_restart(&fx.drv, FAKE_FEATURES_ALL));
	assert_int_equal(request(T_IN, 0, data, 512), S_OK);
	assert_true(disk_has_content(0, fake_at(&fx.drv, data), 512));
}

static void no_status_breaks_it(void **state)
{
	struct fake_buffer out[] = {{header_at(T_OUT, 0), 16, false}, {fake_alloc(&fx.drv, 512), 512, false}};

	(void)state;
	assert_breaks(out, 2);
	assert_breaks(out, 1);
	assert_file_byte(0, disk_byte(0));
}

static void no_header_breaks_it(void **state)
{
	gpa_t gpa = header_at(T_FLUSH, 0);
	struct fake_buffer bufs[] = {{gpa, 15, false}, {gpa + 32, 1, true}};

	(void)state;
	assert_breaks(bufs, 2);
	assert_breaks(bufs + 1, 1);
}

/* Requests under way when the driver resets: nothing is written to its memory after the reset, and the device works again. */
static void a_reset_waits_for_what_is_under_way(void **state)
{
	gpa_t data = fake_alloc(&fx.drv, 64 * 4096);
	uint8_t *at = fake_at(&fx.drv, data);

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		add(i % QUEUES, T_IN, i * 8, data + i * 4096, 4096);
	for (unsigned q = 0; q < QUEUES; q++)
		fake_kick(&fx.drv, q);
	assert_true(fake_driver_restart(&fx.drv, FAKE_FEATURES_ALL));
	memset(at, 0, 64 * 4096);
	assert_int_equal(request(T_FLUSH, 0, 0, 0), S_OK);
	fake_run_once(&fx.drv);
	assert_false(fake_used(&fx.drv, 0, &fx.used));
	assert_false(fake_used(&fx.drv, 1, &fx.used));
	for (unsigned i = 0; i < 64 * 4096; i++)
		assert_int_equal(at[i], 0);
}

static void add_zeroes(const struct range *range, unsigned count)
{
	uint32_t len = (uint32_t)(count * sizeof(*range));

	assert_true(add(0, T_WRITE_ZEROES, 0, fake_alloc_data(&fx.drv, range, len), len) >= 0);
}

/* A request of many parts is not carried on for a driver that broke the device meanwhile: a reset, and the machine's end, wait for it. */
static void a_broken_device_begins_no_further_range(void **state)
{
	const struct range two[] = {{0, 8, 0}, {8, 8, 0}};
	struct fake_buffer no_status = {header_at(T_OUT, 0), sizeof(struct header), false};

	(void)state;
	add_zeroes(two, 2);
	fake_add(&fx.drv, 0, &no_status, 1);
	fake_kick(&fx.drv, 0);
	assert_true(fake_needs_reset(&fx.drv));
	assert_true(fake_driver_restart(&fx.drv, FAKE_FEATURES_ALL));
	assert_file_byte(0, 0);
	assert_file_byte(8 * 512, disk_byte(8 * 512));
}

/*
 * Zeroes count as bytes to be written: where the host can't make holes, they are. 64 MiB of them hold back what comes after, which a reset
 * then drops. False: one of those that hold the last one back was done before the kick was over, so that it was rightly begun.
 */
static bool zeroes_hold_the_last_back(void)
{
	enum { RANGES = 32, REQUESTS = 4 };
	const struct range last = {DISK_SECTORS - 8, 8, 0};
	struct range half[RANGES];
	struct fake_used used;

	for (unsigned i = 0; i < RANGES; i++)
		half[i] = (struct range){0, DISK_SECTORS / 2, 0};
	for (unsigned i = 0; i < REQUESTS; i++)
		add_zeroes(half, RANGES);
	add_zeroes(&last, 1);
	fake_kick(&fx.drv, 0);
	if (fake_used(&fx.drv, 0, &used))
		return false;
	assert_true(fake_driver_restart(&fx.drv, FAKE_FEATURES_ALL));
	assert_file_byte(DISK_BYTES - 512, disk_byte(DISK_BYTES - 512));
	return true;
}

static void zeroes_are_held_back_too(void **state)
{
	unsigned tries = 0;

	while (!zeroes_hold_the_last_back()) {
		assert_true(++tries < 100);
		tear_down(state);
		set_up_async(state);
	}
}

#define BLK_TEST(test, how) cmocka_unit_test_setup_teardown(test, how, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLK_TEST(the_configuration_is_the_disks, set_up),
		BLK_TEST(reads, set_up_vcpu),
		BLK_TEST(writes_and_flushes, set_up_vcpu),
		BLK_TEST(what_is_in_memory_is_done_at_once, set_up),
		BLK_TEST(what_waits_is_done_by_the_loop, set_up),
		BLK_TEST(a_device_at_work_is_not_waited_for, set_up),
		BLK_TEST(reads, set_up),
		BLK_TEST(reads, set_up_async),
		BLK_TEST(writes_and_flushes, set_up),
		BLK_TEST(writes_and_flushes, set_up_async),
		BLK_TEST(the_serial_is_twenty_bytes, set_up),
		BLK_TEST(zeroes_and_discards, set_up),
		BLK_TEST(zeroes_and_discards, set_up_async),
		BLK_TEST(framing_does_not_matter, set_up),
		BLK_TEST(many_at_once, set_up),
		BLK_TEST(many_at_once, set_up_async),
		BLK_TEST(a_batch_is_one_interrupt, set_up),
		BLK_TEST(more_than_is_begun_at_once, set_up),
		BLK_TEST(more_than_is_begun_at_once, set_up_async),
		BLK_TEST(a_driver_without_flush, set_up_plain),
		BLK_TEST(unknown_requests_are_unsupported, set_up),
		BLK_TEST(out_of_bounds_is_an_error, set_up),
		BLK_TEST(bad_ranges_are_refused, set_up),
		BLK_TEST(a_read_only_disk_stays_what_it_is, set_up_read_only),
		BLK_TEST(a_host_error_is_an_io_error, set_up),
		BLK_TEST(a_host_error_is_an_io_error, set_up_async),
		BLK_TEST(no_status_breaks_it, set_up),
		BLK_TEST(no_header_breaks_it, set_up),
		BLK_TEST(a_broken_device_begins_no_further_range, set_up),
		BLK_TEST(a_broken_device_begins_no_further_range, set_up_async),
		BLK_TEST(zeroes_are_held_back_too, set_up_async),
		BLK_TEST(a_reset_waits_for_what_is_under_way, set_up),
		BLK_TEST(a_reset_waits_for_what_is_under_way, set_up_async),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
