// SPDX-License-Identifier: Apache-2.0
/*
 * The block device: virtio 1.2, 5.2. The host's side makes the image, and says by parameters what is on it; what ought to be on it in
 * the end is told by a remark, "image cksum N", for the host to compare.
 */
#include "guest/bare/blk.h"
#include "guest/bare/cases.h"

#define IMAGE_BYTES (64u << 10) /* the image that case_blk() gets */
#define CHUNK_BYTES 4096u

static struct virtio blk;
/* The image as it ought to be, and a place to read into. */
static uint8_t image[IMAGE_BYTES], buffer[IMAGE_BYTES];

unsigned blk_do(struct virtio *v, unsigned queue, uint32_t type, uint64_t sector, void *data, uint32_t bytes)
{
	struct blk_header header = { .type = type, .sector = sector };
	volatile uint8_t status = BLK_NO_ANSWER;
	bool to_guest = type == BLK_IN || type == BLK_GET_ID;
	struct piece pieces[3] = { { &header, sizeof(header), false }, { data, bytes, to_guest } };
	unsigned count = bytes ? 2 : 1;

	pieces[count++] = (struct piece){ (const void *)&status, 1, true };
	return virtio_do(v, queue, pieces, count, NULL) ? status : BLK_NO_ANSWER;
}

bool blk_works(struct virtio *v)
{
	return blk_do(v, 0, BLK_IN, 0, buffer, SECTOR_BYTES) == BLK_OK;
}

static uint64_t sectors(void)
{
	return virtio_config(&blk, 0, 8);
}

/* --- transfers ------------------------------------------------------------------------------------------------------------ */

static bool image_matches(void)
{
	return blk_do(&blk, 0, BLK_IN, 0, buffer, IMAGE_BYTES) == BLK_OK && !memcmp(buffer, image, IMAGE_BYTES);
}

static void check_transfers(void)
{
	bool good = true;

	for (unsigned at = 0; at < IMAGE_BYTES / 2; at += CHUNK_BYTES) {
		unsigned queue = at / CHUNK_BYTES % blk.queue_count;
		fill_pattern(image + at, CHUNK_BYTES, at + 1);
		good = blk_do(&blk, queue, BLK_OUT, at / SECTOR_BYTES, image + at, CHUNK_BYTES) == BLK_OK && good;
	}
	check(good, "writes succeed, by turns in %u queues", blk.queue_count);
	check(blk_do(&blk, blk.queue_count - 1, BLK_FLUSH, 0, NULL, 0) == BLK_OK, "a flush succeeds");
	check(image_matches(), "what was written is read back, and nothing else changed");
}

/* Odd pieces: a header in two, data in three, none of a sector's size; in an indirect table. No framing is to be assumed (2.7.4.1). */
static void check_pieces(void)
{
	struct blk_header header = { .type = BLK_OUT, .sector = 7 };
	volatile uint8_t status = BLK_NO_ANSWER;
	uint8_t *data = image + 7 * SECTOR_BYTES;
	const struct piece pieces[] = {
		{ &header, 5, false }, { (uint8_t *)&header + 5, 11, false }, { data, 3, false },
		{ data + 3, 1000, false }, { data + 1003, 2 * SECTOR_BYTES - 1003, false }, { (const void *)&status, 1, true },
	};
	struct ring_desc table[COUNT(pieces)];
	struct queue *q = &blk.queue[0];

	fill_pattern(data, 2 * SECTOR_BYTES, 77);
	queue_put_indirect(q, table, pieces, COUNT(pieces));
	queue_notify(&blk, q);
	check(queue_take(q, NULL, NULL) && status == BLK_OK && image_matches(), "a request in six odd pieces is done");
}

/* All queues full at once: each request must come back once, with its own data. */
#define AT_ONCE 5 /* of three descriptors each */

static void check_at_once(void)
{
	static struct blk_header headers[QUEUES_MAX][AT_ONCE];
	static volatile uint8_t status[QUEUES_MAX][AT_ONCE];
	bool good = true;

	memset(buffer, 0, sizeof(buffer));
	for (unsigned i = 0; i < blk.queue_count; i++) {
		for (unsigned k = 0; k < AT_ONCE; k++) {
			uint64_t sector = 9 * i + 2 * k;
			headers[i][k] = (struct blk_header){ .type = BLK_IN, .sector = sector };
			status[i][k] = BLK_NO_ANSWER;
			const struct piece pieces[] = { { &headers[i][k], sizeof(headers[i][k]), false },
							{ buffer + sector * SECTOR_BYTES, SECTOR_BYTES, true },
							{ (const void *)&status[i][k], 1, true } };
			queue_put(&blk.queue[i], pieces, 3);
		}
	}
	for (unsigned i = 0; i < blk.queue_count; i++)
		queue_notify(&blk, &blk.queue[i]);
	for (unsigned i = 0; i < blk.queue_count; i++) {
		for (unsigned k = 0; k < AT_ONCE; k++)
			good = queue_take(&blk.queue[i], NULL, NULL) && good;
	}
	for (unsigned i = 0; i < blk.queue_count; i++) {
		for (unsigned k = 0; k < AT_ONCE; k++) {
			uint64_t at = (9 * i + 2 * k) * SECTOR_BYTES;
			good = good && status[i][k] == BLK_OK && !memcmp(buffer + at, image + at, SECTOR_BYTES);
		}
	}
	check(good, "%u requests at once in each of %u queues come back with their own data", AT_ONCE, blk.queue_count);
}

/* --- the other requests --------------------------------------------------------------------------------------------------- */

struct range {
	uint64_t sector;
	uint32_t sectors, flags;
};

static unsigned do_range(uint32_t type, uint64_t sector, uint32_t count, uint32_t flags)
{
	struct range range = { sector, count, flags };

	return blk_do(&blk, 0, type, 0, &range, sizeof(range));
}

static void check_zeroes(void)
{
	uint64_t features = virtio_offered(&blk);

	if (features & BLK_F_WRITE_ZEROES) {
		memset(image + 20 * SECTOR_BYTES, 0, 5 * SECTOR_BYTES);
		check(do_range(BLK_WRITE_ZEROES, 20, 5, 0) == BLK_OK && image_matches(), "write-zeroes zeroes five sectors, and no other");
		memset(image + 40 * SECTOR_BYTES, 0, 8 * SECTOR_BYTES);
		check(do_range(BLK_WRITE_ZEROES, 40, 8, 1) == BLK_OK && image_matches(), "and does so when it may unmap them");
		check(do_range(BLK_WRITE_ZEROES, sectors() - 1, 2, 0) == BLK_IOERR, "write-zeroes beyond the end is an I/O error");
		check(do_range(BLK_WRITE_ZEROES, 0, 1, 2) == BLK_UNSUPP, "write-zeroes with an unknown flag is not supported");
	} else {
		say("no write-zeroes here");
	}
	if (features & BLK_F_DISCARD) {
		/* What is discarded reads as anything; a file's reads as zeroes, where a whole block of its file system is. */
		check(do_range(BLK_DISCARD, 64, 8, 0) == BLK_OK, "a discard succeeds");
		check(blk_do(&blk, 0, BLK_IN, 64, image + 64 * SECTOR_BYTES, 8 * SECTOR_BYTES) == BLK_OK && image_matches(),
		      "and leaves all else as it was");
		check(do_range(BLK_DISCARD, UINT64_MAX, 2, 0) == BLK_IOERR, "a discard that wraps around is an I/O error");
		check(do_range(BLK_DISCARD, 0, 1, 1) == BLK_UNSUPP, "a discard with a flag is not supported");
	} else {
		say("no discard here");
	}
}

static void check_refusals(void)
{
	uint64_t end = sectors();

	check(blk_do(&blk, 0, BLK_IN, end, buffer, SECTOR_BYTES) == BLK_IOERR, "a read beyond the end is an I/O error");
	check(blk_do(&blk, 0, BLK_OUT, end, buffer, SECTOR_BYTES) == BLK_IOERR, "so is a write");
	check(blk_do(&blk, 0, BLK_IN, end - 1, buffer, 2 * SECTOR_BYTES) == BLK_IOERR, "and a read across the end");
	check(blk_do(&blk, 0, BLK_IN, UINT64_MAX / SECTOR_BYTES, buffer, SECTOR_BYTES) == BLK_IOERR, "and one whose offset overflows");
	check(blk_do(&blk, 0, BLK_IN, UINT64_MAX, buffer, SECTOR_BYTES) == BLK_IOERR, "and one at the last sector of all");
	check(blk_do(&blk, 0, BLK_IN, 0, buffer, 100) == BLK_IOERR, "and one of no whole sectors");
	check(blk_do(&blk, 0, 99, 0, buffer, SECTOR_BYTES) == BLK_UNSUPP, "a request of an unknown type is not supported");
	check(image_matches(), "none of them changed anything");
}

static void check_id(const struct machine *m)
{
	char serial[21] = "", id[21] = "";

	parameter_text(m, "serial", serial, sizeof(serial));
	check(blk_do(&blk, 0, BLK_GET_ID, 0, id, 20) == BLK_OK && !memcmp(id, serial, 20), "the serial number is '%s'", serial);
}

/* image_cksum=N serial=TEXT queues=N */
void case_blk(const struct machine *m)
{
	if (!virtio_find(&blk, m, ID_BLK, 0) || !virtio_open(&blk, BLK_F_ALL))
		give_up("there is a disk");
	check(sectors() == IMAGE_BYTES / SECTOR_BYTES, "the disk has %u sectors", IMAGE_BYTES / SECTOR_BYTES);
	check(blk.queue_count == parameter(m, "queues") && virtio_config(&blk, 34, 2) == blk.queue_count, "it has %u queues",
	      (unsigned)parameter(m, "queues"));
	unsigned before = arch_line_count(blk.line);
	check(blk_do(&blk, 0, BLK_IN, 0, image, IMAGE_BYTES) == BLK_OK && cksum(image, IMAGE_BYTES) == parameter(m, "image_cksum"),
	      "what the host wrote is read");
	check(wait_until(arch_line_count(blk.line) != before), "it interrupts when done");
	check_transfers();
	check_pieces();
	check_at_once();
	check_zeroes();
	check_refusals();
	check_id(m);
	/* A driver that does not know of flushes gets a disk that writes through (5.2.5.2). */
	fill_pattern(image, SECTOR_BYTES, 5);
	check(virtio_open(&blk, 0) && blk_do(&blk, 0, BLK_OUT, 0, image, SECTOR_BYTES) == BLK_OK && image_matches(),
	      "without any feature it reads and writes");
	say("image cksum %u", cksum(image, IMAGE_BYTES));
}

void case_blk_readonly(const struct machine *m)
{
	struct range range = { 0, 8, 0 };

	if (!virtio_find(&blk, m, ID_BLK, 0))
		give_up("there is a disk");
	check(virtio_offered(&blk) & BLK_F_RO, "the disk says that it is read-only");
	/* 5.2.6.2: it is, whether the driver knows or not. */
	for (unsigned i = 0; i < 2; i++) {
		virtio_open(&blk, i ? BLK_F_ALL : 0);
		check(blk_do(&blk, 0, BLK_IN, 0, buffer, IMAGE_BYTES) == BLK_OK, "reads succeed");
		check(cksum(buffer, IMAGE_BYTES) == parameter(m, "image_cksum"), "and give what the host wrote");
		check(blk_do(&blk, 0, BLK_OUT, 0, buffer, SECTOR_BYTES) == BLK_IOERR, "writes are I/O errors");
		check(blk_do(&blk, 0, BLK_DISCARD, 0, &range, sizeof(range)) != BLK_OK, "discards fail");
		check(blk_do(&blk, 0, BLK_WRITE_ZEROES, 0, &range, sizeof(range)) != BLK_OK, "writes of zeroes fail");
		check(blk_do(&blk, 0, BLK_FLUSH, 0, NULL, 0) == BLK_OK, "flushes succeed");
	}
}

/* The image is a sparse file on a file system that is too small for all of it. */
void case_blk_full(const struct machine *m)
{
	unsigned written = 0, refused = 0, others = 0;

	if (!virtio_find(&blk, m, ID_BLK, 0) || !virtio_open(&blk, BLK_F_ALL))
		give_up("there is a disk");
	fill_pattern(image, IMAGE_BYTES, 1);
	for (uint64_t sector = 0; sector < sectors(); sector += IMAGE_BYTES / SECTOR_BYTES) {
		unsigned status = blk_do(&blk, 0, BLK_OUT, sector, image, IMAGE_BYTES);
		if (status == BLK_OK)
			written++;
		else if (status == BLK_IOERR)
			refused++;
		else
			others++;
	}
	check(written, "writes succeed while there is room (%u)", written);
	check(refused, "writes are I/O errors when there is none (%u)", refused);
	check(!others, "each is one or the other");
	check(blk_do(&blk, 0, BLK_IN, 0, buffer, IMAGE_BYTES) == BLK_OK && !memcmp(buffer, image, IMAGE_BYTES),
	      "what was written can be read");
	check(!virtio_broken(&blk), "the disk goes on");
}
