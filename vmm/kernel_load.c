// SPDX-License-Identifier: Apache-2.0
/* The kernel's bytes into guest memory: see kernel_load.h. */
#include "vmm/kernel_load.h"

#include <errno.h>
#include <string.h>

#include "vmm/util/io.h"
#include "vmm/util/log.h"

static int load_bytes(struct kernel_load_part *part, const struct image_segment *s, void *to, uint64_t from, uint64_t end)
{
	const struct kernel_load *load = part->load;
	int err = 0;

	while (from < end && !err) {
		size_t n = end - from < KERNEL_HASH_PIECE ? end - from : KERNEL_HASH_PIECE;
		uint8_t *at = (uint8_t *)to + from;
		err = pread_full(load->image->fd, at, n, s->file_offset + from);
		if (!err && load->seal->closed)
			kernel_hash_update(&part->hash, at, n);
		from += n;
	}
	return err;
}

static int load_part(void *arg)
{
	struct kernel_load_part *part = arg;
	const struct kernel_image *image = part->load->image;
	uint64_t begin = 0; /* of the segment, among all bytes */
	int err = 0;

	kernel_hash_init(&part->hash, &part->load->seal->key);
	for (unsigned i = 0; i < image->segment_count && !err; i++) {
		const struct image_segment *s = &image->segment[i];
		uint64_t end = begin + s->file_bytes;
		if (part->begin < end && part->end > begin)
			err = load_bytes(part, s, part->load->to[i], part->begin > begin ? part->begin - begin : 0,
					 (part->end < end ? part->end : end) - begin);
		begin = end;
	}
	return err;
}

static void share_out(struct kernel_load *load)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < load->image->segment_count; i++)
		bytes += load->image->segment[i].file_bytes;
	uint64_t middle = kernel_hash_middle(bytes);
	load->part[0] = (struct kernel_load_part){ .load = load, .end = middle };
	load->part[1] = (struct kernel_load_part){ .load = load, .begin = middle, .end = bytes };
}

static int check(struct kernel_load *load, int err)
{
	if (err)
		log_error("the kernel can't be read: %s", strerror(-err));
	if (err || !load->seal->closed)
		return err;
	kernel_hash_append(&load->part[0].hash, &load->part[1].hash);
	return kernel_seal_holds(load->seal, &load->part[0].hash) ? 0 : -EBADMSG;
}

void kernel_load_begin(struct kernel_load *load)
{
	share_out(load);
	for (unsigned i = 0; i < 2; i++)
		step_begin(&load->part[i].step, load_part, &load->part[i]);
}

void kernel_load_wait(struct kernel_load *load)
{
	for (unsigned i = 0; i < 2; i++)
		step_wait(&load->part[i].step);
}

int kernel_load_finish(struct kernel_load *load)
{
	int first = step_wait(&load->part[0].step), second = step_wait(&load->part[1].step);

	return check(load, first ? first : second);
}

int kernel_load_here(struct kernel_load *load)
{
	share_out(load);
	int err = load_part(&load->part[0]);
	if (!err)
		err = load_part(&load->part[1]);
	return check(load, err);
}
