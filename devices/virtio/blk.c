// SPDX-License-Identifier: Apache-2.0
/*
 * virtio block device: see blk.h; virtio 1.2, 5.2.
 *
 * The life of a request: take() pops a chain and begin() turns it into a struct blk_request, whose io part goes to the back end; done()
 * comes back from there, starts what is left of it (a further range, a flush), and finish() writes the status and gives the chain back. All
 * that became ready in one go is told to the driver at once, by tell_driver().
 *
 * No framing is assumed (2.7.4.1): the header is the first 16 readable bytes, the status the last writable one, wherever they lie.
 *
 * Left out: SECURE_ERASE, LIFETIME, ZONED, and CONFIG_WCE: the cache is a write-back one for drivers that know FLUSH, and write-through for
 * those that don't (5.2.5.2).
 */
#include "devices/virtio/blk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/block/block.h"
#include "devices/block/file.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

#define DEVICE_ID 2
#define SECTOR_BYTES 512u

/* 5.2.3 */
#define F_SEG_MAX (1ull << 2)
#define F_RO (1ull << 5)
#define F_BLK_SIZE (1ull << 6)
#define F_FLUSH (1ull << 9)
#define F_TOPOLOGY (1ull << 10)
#define F_MQ (1ull << 12)
#define F_DISCARD (1ull << 13)
#define F_WRITE_ZEROES (1ull << 14)

/* 5.2.6 */
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };
/* begin(): the back end has it, there is no status yet. */
#define STARTED (-1)

#define RANGE_F_UNMAP 1u

#define QUEUE_SIZE VIRTQUEUE_SIZE_MAX
/* Ranges of one discard or write-zeroes request, and how much each may cover: none holds the disk up for long. */
#define RANGES_MAX 32
#define DISCARD_SECTORS_MAX (1u << 21)
#define ZEROES_SECTORS_MAX (1u << 17)
/* No more is begun while the back end has this much: a reset has to wait for it, and with it whoever wants to end the machine. */
#define UNDER_WAY_BYTES_MAX (64ull << 20)
/* Batches in a row before the loop gets to do something else. */
#define ROUNDS_MAX 16

/* 5.2.4, as far as we go. */
struct config_space {
	uint64_t capacity; /* in sectors */
	uint32_t size_max, seg_max;
	uint8_t geometry[4];
	uint32_t blk_size;
	uint8_t physical_block_exp, alignment_offset;
	uint16_t min_io_size; /* in logical blocks, like the next */
	uint32_t opt_io_size;
	uint8_t writeback, unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
	uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap, unused1[3];
};
_Static_assert(sizeof(struct config_space) <= VIRTIO_CONFIG_MAX, "it fits");
_Static_assert(offsetof(struct config_space, write_zeroes_may_unmap) == 56, "as in the specification");

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

struct range {
	uint64_t sector;
	uint32_t sectors, flags;
};

struct blk_request {
	struct block_request io; /* first: done() gets it back */
	struct virtio_blk *blk;
	struct blk_request *next_free;
	uint8_t *status;        /* in guest memory */
	uint64_t counted_bytes; /* in under_way_bytes */
	uint32_t in_bytes;      /* room in the chain's writable buffers, the status byte included */
	uint32_t written_bytes; /* how much of it is written once all went well, from the start */
	uint16_t queue, head;
	bool flush_after; /* a write whose driver knows no FLUSH */
	unsigned range, ranges;
	union {
		struct iovec iov[VIRTQ_CHAIN_MAX];
		struct range ranges_of[RANGES_MAX];
	};
};

struct virtio_blk {
	struct virtio_dev dev; /* first: the transport hands it back */
	struct block *block;
	const struct block_limits *limits;
	char serial[VIRTIO_BLK_SERIAL_MAX];
	struct loop_watch watch; /* the back end's completions */
	struct loop_work more;   /* chains left after ROUNDS_MAX */
	uint64_t under_way_bytes;
	bool held_back; /* chains wait until the back end has less to do */
	bool error_logged;
	struct virtq_chain chain; /* the one being looked at */
	/*
	 * As many as all queues have entries: that is what virtqueue_pop() allows to be under way. The one freed last is used first, so
	 * that only as much of them becomes real memory as the guest has requests at a time.
	 */
	struct blk_request *free;
	unsigned fresh; /* request[fresh...] were never used */
	struct blk_request *request;
};

static struct blk_request *get_request(struct virtio_blk *blk)
{
	struct blk_request *request = blk->free;

	if (request) {
		blk->free = request->next_free;
	} else {
		assert(blk->fresh < blk->dev.queue_count * QUEUE_SIZE);
		request = &blk->request[blk->fresh++];
	}
	request->blk = blk;
	request->flush_after = false;
	request->range = request->ranges = 0;
	request->written_bytes = 0;
	request->counted_bytes = 0;
	return request;
}

static void put_request(struct blk_request *request)
{
	struct virtio_blk *blk = request->blk;

	blk->under_way_bytes -= request->counted_bytes;
	request->next_free = blk->free;
	blk->free = request;
}

/* It goes into what is under way until the request is put back. */
static void count_bytes(struct blk_request *request, uint64_t bytes)
{
	request->counted_bytes += bytes;
	request->blk->under_way_bytes += bytes;
}

/* --- the end of a request ------------------------------------------------------------------------------------------ */

/* 2.7.8.2: all bytes before the reported length were written. The status counts only when it follows what was written. */
static uint32_t used_length(const struct blk_request *request, int status)
{
	uint32_t written = status == S_OK ? request->written_bytes : 0;

	return written == request->in_bytes - 1 ? request->in_bytes : written;
}

static void finish(struct blk_request *request, int status)
{
	struct virtio_dev *dev = &request->blk->dev;

	/* A device that broke, or is being reset, keeps its hands off the guest's memory. */
	if (dev->started) {
		*(volatile uint8_t *)request->status = (uint8_t)status;
		virtqueue_push(&dev->queue[request->queue], request->head, used_length(request, status));
	}
	put_request(request);
}

static const char *op_name(enum block_op op)
{
	static const char *const name[] = {
		[BLOCK_READ] = "reading from",  [BLOCK_WRITE] = "writing to",     [BLOCK_FLUSH] = "flushing",
		[BLOCK_DISCARD] = "discarding", [BLOCK_WRITE_ZEROES] = "zeroing",
	};

	return name[op];
}

static void start_range(struct blk_request *request)
{
	const struct range *range = &request->ranges_of[request->range++];

	request->io.may_unmap = range->flags & RANGE_F_UNMAP;
	request->io.offset_bytes = range->sector * SECTOR_BYTES;
	request->io.len_bytes = (uint64_t)range->sectors * SECTOR_BYTES;
	block_submit(request->blk->block, &request->io);
}

static void start_flush(struct blk_request *request)
{
	request->io.op = BLOCK_FLUSH;
	request->io.len_bytes = 0;
	block_submit(request->blk->block, &request->io);
}

static void done(struct block_request *io, int result)
{
	struct blk_request *request = (struct blk_request *)io;
	struct virtio_blk *blk = request->blk;

	if (result) {
		if (log_first(&blk->error_logged))
			log_warn("%s: %s the disk failed: %s; the guest gets an I/O error", blk->dev.name, op_name(io->op),
				 strerror(-result));
		finish(request, result == -EOPNOTSUPP ? S_UNSUPP : S_IOERR);
	} else if (!blk->dev.started) {
		/* Nobody waits for the rest, but a reset for its end. */
		finish(request, S_IOERR);
	} else if (request->range < request->ranges) {
		start_range(request);
	} else if (request->flush_after) {
		request->flush_after = false;
		start_flush(request);
	} else {
		finish(request, S_OK);
	}
}

/* --- its beginning ------------------------------------------------------------------------------------------------- */

/* Inside the disk, and whole logical blocks? */
static bool range_is_good(const struct virtio_blk *blk, uint64_t sector, uint64_t bytes)
{
	uint64_t capacity = blk->limits->size_bytes / SECTOR_BYTES;

	if (bytes % blk->limits->logical_block_bytes || sector > capacity || bytes / SECTOR_BYTES > capacity - sector)
		return false;
	return sector * SECTOR_BYTES % blk->limits->logical_block_bytes == 0;
}

static int begin_transfer(struct virtio_blk *blk, struct blk_request *request, const struct header *header)
{
	const struct virtq_chain *chain = &blk->chain;
	struct file_span span = { 0 };
	uint64_t bytes;

	if (header->type == T_IN) {
		span.iov = chain->iov + chain->out_count;
		span.iov_count = chain->in_count;
		span.len_bytes = chain->in_bytes - 1;
	} else {
		span.iov = chain->iov;
		span.iov_count = chain->out_count;
		span.skip_bytes = sizeof(*header);
		span.len_bytes = chain->out_bytes - sizeof(*header);
	}
	/* 5.2.6.2: whatever was negotiated, a read-only disk is not written to. */
	if (header->type == T_OUT && blk->limits->read_only)
		return S_IOERR;
	if (!range_is_good(blk, header->sector, span.len_bytes))
		return S_IOERR;
	if (!span.len_bytes)
		return S_OK;
	request->io.op = header->type == T_IN ? BLOCK_READ : BLOCK_WRITE;
	request->io.iov = request->iov;
	request->io.iov_count = iov_slice(&span, request->iov, VIRTQ_CHAIN_MAX, &bytes);
	request->io.offset_bytes = header->sector * SECTOR_BYTES;
	request->io.len_bytes = bytes;
	request->written_bytes = header->type == T_IN ? (uint32_t)bytes : 0;
	request->flush_after = header->type == T_OUT && !virtio_has(&blk->dev, F_FLUSH);
	count_bytes(request, bytes);
	block_submit(blk->block, &request->io);
	return STARTED;
}

/* 5.2.6.2, on discard and write zeroes. */
static int check_range(const struct virtio_blk *blk, const struct range *range, bool discard)
{
	if (range->flags & ~(discard ? 0 : RANGE_F_UNMAP))
		return S_UNSUPP;
	if (range->sectors > (discard ? DISCARD_SECTORS_MAX : ZEROES_SECTORS_MAX))
		return S_IOERR;
	return range_is_good(blk, range->sector, (uint64_t)range->sectors * SECTOR_BYTES) ? S_OK : S_IOERR;
}

static int begin_ranges(struct virtio_blk *blk, struct blk_request *request, bool discard)
{
	const struct virtq_chain *chain = &blk->chain;
	uint64_t bytes = chain->out_bytes - sizeof(struct header);
	int status = S_OK;

	if (blk->limits->read_only)
		return S_IOERR;
	if (discard && !blk->limits->discard_granularity_bytes)
		return S_UNSUPP;
	if (!bytes || bytes % sizeof(struct range) || bytes > sizeof(request->ranges_of))
		return S_IOERR;
	iov_read(chain->iov, chain->out_count, sizeof(struct header), request->ranges_of, (size_t)bytes);
	request->ranges = (unsigned)(bytes / sizeof(struct range));
	/* All before any: a request that is refused has done nothing. */
	for (unsigned i = 0; i < request->ranges && status == S_OK; i++)
		status = check_range(blk, &request->ranges_of[i], discard);
	if (status != S_OK)
		return status;
	/* Zeroes are written where the host can't make holes. */
	for (unsigned i = 0; i < request->ranges && !discard; i++)
		count_bytes(request, (uint64_t)request->ranges_of[i].sectors * SECTOR_BYTES);
	request->io.op = discard ? BLOCK_DISCARD : BLOCK_WRITE_ZEROES;
	request->flush_after = !discard && !virtio_has(&blk->dev, F_FLUSH);
	start_range(request);
	return STARTED;
}

static int get_id(struct virtio_blk *blk, struct blk_request *request)
{
	const struct virtq_chain *chain = &blk->chain;
	size_t room = (size_t)chain->in_bytes - 1;
	size_t len = room < sizeof(blk->serial) ? room : sizeof(blk->serial);

	request->written_bytes = (uint32_t)iov_write(chain->iov + chain->out_count, chain->in_count, 0, blk->serial, len);
	return S_OK;
}

/* A status for what is finished or refused here, or STARTED. */
static int begin(struct virtio_blk *blk, struct blk_request *request, const struct header *header)
{
	switch (header->type) {
	case T_IN:
	case T_OUT:
		return begin_transfer(blk, request, header);
	case T_FLUSH:
		start_flush(request);
		return STARTED;
	case T_GET_ID:
		return get_id(blk, request);
	case T_DISCARD:
		return begin_ranges(blk, request, true);
	case T_WRITE_ZEROES:
		return begin_ranges(blk, request, false);
	default:
		return S_UNSUPP;
	}
}

static uint8_t *last_writable_byte(const struct virtq_chain *chain)
{
	const struct iovec *last = &chain->iov[chain->out_count + chain->in_count - 1];

	return (uint8_t *)last->iov_base + last->iov_len - 1;
}

/* False when the device broke: with no header there is nothing to do, with no room for a status no way to say so. */
static bool begin_chain(struct virtio_blk *blk, unsigned queue)
{
	const struct virtq_chain *chain = &blk->chain;
	struct header header;

	if (!chain->in_count || chain->out_bytes < sizeof(header)) {
		virtio_device_broken(&blk->dev,
				     chain->in_count ? "a block request without a whole header" : "a block request without a status byte");
		return false;
	}
	iov_read(chain->iov, chain->out_count, 0, &header, sizeof(header));
	struct blk_request *request = get_request(blk);
	request->io = (struct block_request){ .done = done };
	request->queue = (uint16_t)queue;
	request->head = chain->head;
	request->in_bytes = (uint32_t)chain->in_bytes;
	request->status = last_writable_byte(chain);
	int status = begin(blk, request, &header);
	if (status != STARTED)
		finish(request, status);
	return true;
}

/* --- the queues ---------------------------------------------------------------------------------------------------- */

static void tell_driver(struct virtio_blk *blk)
{
	for (unsigned i = 0; i < blk->dev.queue_count; i++)
		virtio_notify(&blk->dev, i);
}

static bool chains_wait(const struct virtio_blk *blk)
{
	for (unsigned i = 0; i < blk->dev.queue_count; i++) {
		if (!virtqueue_empty(&blk->dev.queue[i]))
			return true;
	}
	return false;
}

static void take(struct virtio_blk *blk, unsigned queue)
{
	for (unsigned i = 0; i < QUEUE_SIZE && blk->under_way_bytes < UNDER_WAY_BYTES_MAX; i++) {
		if (!virtio_pop(&blk->dev, queue, &blk->chain) || !begin_chain(blk, queue))
			break;
	}
	block_submit_batch(blk->block);
	/* The driver has not been told yet: these were not made because a request came back, they waited meanwhile. */
	if (chains_wait(blk))
		block_expect_company(blk->block);
	tell_driver(blk);
}

static void serve(struct virtio_blk *blk, unsigned queue)
{
	struct virtqueue *vq = &blk->dev.queue[queue];

	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		virtqueue_notify_off(vq);
		take(blk, queue);
		if (!blk->dev.started)
			return;
		if (blk->under_way_bytes >= UNDER_WAY_BYTES_MAX) {
			blk->held_back = true;
			return;
		}
		if (!virtqueue_notify_on(vq))
			return;
	}
	loop_defer(blk->dev.loop, &blk->more);
}

static void serve_all(void *arg)
{
	struct virtio_blk *blk = arg;

	for (unsigned i = 0; i < blk->dev.queue_count && blk->dev.started; i++)
		serve(blk, i);
}

static void blk_kick(struct virtio_dev *dev, unsigned queue)
{
	serve((struct virtio_blk *)dev, queue);
}

/*
 * A request that comes alone, and whose data is in the host's memory, costs less than to wake the disk's thread for it, and the guest less
 * than to sleep meanwhile. Whatever is left, the disk's thread finds begun, or in the queue.
 */
static bool blk_kick_here(struct virtio_dev *dev, unsigned queue)
{
	struct virtio_blk *blk = (struct virtio_blk *)dev;

	if (blk->held_back || !virtio_pop(dev, queue, &blk->chain) || !begin_chain(blk, queue))
		return false;
	bool alone = virtqueue_empty(&dev->queue[queue]);
	bool done = alone && block_submit_here(blk->block);
	if (alone)
		tell_driver(blk);
	return done && !virtqueue_notify_on(&dev->queue[queue]);
}

static void completions_ready(void *arg, uint32_t events)
{
	struct virtio_blk *blk = arg;

	(void)events;
	block_reap(blk->block);
	tell_driver(blk);
	if (blk->held_back) {
		blk->held_back = false;
		serve_all(blk);
	}
}

static void blk_reset(struct virtio_dev *dev)
{
	struct virtio_blk *blk = (struct virtio_blk *)dev;

	dev->started = false;
	block_drain(blk->block);
	blk->held_back = false;
}

static const struct virtio_ops blk_ops = { .reset = blk_reset, .kick = blk_kick, .kick_here = blk_kick_here };

/* --- making one ---------------------------------------------------------------------------------------------------- */

static uint64_t offered_features(const struct virtio_blk *blk)
{
	uint64_t features = F_SEG_MAX | F_BLK_SIZE | F_TOPOLOGY | F_FLUSH;

	if (blk->dev.queue_count > 1)
		features |= F_MQ;
	if (blk->limits->read_only)
		return features | F_RO;
	if (blk->limits->discard_granularity_bytes)
		features |= F_DISCARD;
	if (blk->limits->write_zeroes)
		features |= F_WRITE_ZEROES;
	return features;
}

static void fill_config(struct virtio_blk *blk)
{
	const struct block_limits *limits = blk->limits;
	uint32_t logical = limits->logical_block_bytes;
	uint32_t per_physical = limits->physical_block_bytes / logical;
	struct config_space config = {
		.capacity = limits->size_bytes / SECTOR_BYTES,
		.seg_max = VIRTQ_CHAIN_MAX - 2, /* header and status */
		.blk_size = logical,
		.min_io_size = (uint16_t)(per_physical <= UINT16_MAX ? per_physical : 1),
		.opt_io_size = limits->optimal_io_bytes / logical,
		.num_queues = (uint16_t)blk->dev.queue_count,
		.max_discard_sectors = DISCARD_SECTORS_MAX,
		.max_discard_seg = RANGES_MAX,
		.discard_sector_alignment = limits->discard_granularity_bytes / SECTOR_BYTES,
		.max_write_zeroes_sectors = ZEROES_SECTORS_MAX,
		.max_write_zeroes_seg = RANGES_MAX,
		.write_zeroes_may_unmap = 1,
	};

	while ((2u << config.physical_block_exp) <= per_physical)
		config.physical_block_exp++;
	memcpy(blk->dev.config, &config, sizeof(config));
	blk->dev.config_bytes = sizeof(config);
}

static size_t requests_bytes(unsigned queues)
{
	return (size_t)queues * QUEUE_SIZE * sizeof(struct blk_request);
}

struct virtio_blk *virtio_blk_new(const struct virtio_blk_config *config, struct block *block, struct loop *loop, const struct mem *mem)
{
	struct virtio_blk *blk = calloc(1, sizeof(*blk));

	if (!blk)
		return NULL;
	blk->request = sparse_alloc(requests_bytes(config->queues));
	if (!blk->request)
		goto free_blk;
	blk->block = block;
	blk->limits = block_limits(block);
	blk->dev.name = config->name;
	blk->dev.device_id = DEVICE_ID;
	blk->dev.queue_count = config->queues;
	blk->dev.features = offered_features(blk);
	blk->dev.ops = &blk_ops;
	blk->dev.loop = loop;
	blk->dev.mem = mem;
	for (unsigned i = 0; i < config->queues; i++)
		blk->dev.queue_size_max[i] = QUEUE_SIZE;
	if (config->serial)
		memcpy(blk->serial, config->serial, strnlen(config->serial, sizeof(blk->serial)));
	fill_config(blk);
	blk->more = (struct loop_work){ .run = serve_all, .arg = blk, .lock = &blk->dev.lock };
	blk->watch = (struct loop_watch){
		.fd = block_event_fd(block),
		.events = EPOLLIN | EPOLLET,
		.ready = completions_ready,
		.arg = blk,
		.lock = &blk->dev.lock,
	};
	if (loop_add(loop, &blk->watch))
		goto free_requests;
	return blk;

free_requests:
	sparse_free(blk->request, requests_bytes(config->queues));
free_blk:
	free(blk);
	return NULL;
}

struct virtio_dev *virtio_blk_dev(struct virtio_blk *blk)
{
	return &blk->dev;
}

void virtio_blk_free(struct virtio_blk *blk)
{
	if (!blk)
		return;
	loop_remove(blk->dev.loop, &blk->watch);
	loop_work_cancel(blk->dev.loop, &blk->more);
	sparse_free(blk->request, requests_bytes(blk->dev.queue_count));
	free(blk);
}
