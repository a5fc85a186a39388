// SPDX-License-Identifier: Apache-2.0
/*
 * Unpacking a kernel, in a worker: see kernel_unpack.h.
 *
 * At most two compressions lie around a kernel: that of the whole file (gzip of a bzImage), and that of a bzImage's or zboot file's
 * payload.
 */
#include "vmm/kernel_unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/util/decompress.h"
#include "vmm/util/io.h"

/* What a stream that can't be unpacked says about the file that it comes from. */
static int refuse_stream(struct kernel_file *file, int err, const char *what, enum compression compression)
{
	const char *name = compression_name(compression);

	switch (err) {
	case -EBADMSG:
		return kernel_refuse(file, -ENOEXEC, "%s is damaged (%s)", what, name);
	case -ENODATA:
		return kernel_refuse(file, -ENOEXEC, "%s is truncated: its %s stream ends early", what, name);
	case -EFBIG:
		return kernel_refuse(file, -ENOEXEC, "%s unpacks to more than %llu MiB (%s)", what, DECOMPRESS_LIMIT_BYTES >> 20, name);
	case -ENOTSUP:
		return kernel_refuse(file, -ENOTSUP, "%s is in a compression that is not unpacked here (%s)", what, name);
	case -ENOENT:
		return kernel_refuse(file, -ENOTSUP, "%s needs a library that is missing (%s)", what, name);
	case -ENOMEM:
		return kernel_refuse(file, -ENOTSUP, "%s needs more memory to unpack than there is (%s)", what, name);
	default:
		return kernel_refuse(file, err, "cannot write what comes out of %s: %s", what, strerror(-err));
	}
}

/* Unpacks a part of `file` that lies in it into `out`, which then stands for the result. */
static int unpack_part(struct kernel_file *file, const char *what, struct kernel_payload part, struct kernel_file *out)
{
	const uint8_t *data = file->data + part.offset;
	enum compression compression = compression_detect(data, part.bytes);
	int err;

	if (ftruncate(out->fd, (off_t)out->base))
		return kernel_refuse(file, -errno, "cannot write what comes out of %s: %s", what, strerror(errno));
	err = decompress(compression, data, part.bytes, out->fd, out->base, DECOMPRESS_LIMIT_BYTES, &out->size);
	return err ? refuse_stream(file, err, what, compression) : 0;
}

static int read_head(struct kernel_file *file, uint8_t head[KERNEL_HEAD_BYTES], size_t *len)
{
	*len = file->size < KERNEL_HEAD_BYTES ? file->size : KERNEL_HEAD_BYTES;
	return kernel_read(file, head, *len, 0);
}

/* A kernel that needs no more unpacking. */
static int read_plain(struct kernel_image *image, struct kernel_file *file, uint16_t machine)
{
	uint8_t head[KERNEL_HEAD_BYTES];
	size_t len;
	int err = read_head(file, head, &len);

	if (err)
		return err;
	image->fd = file->fd;
	switch (kernel_recognise(head, len)) {
	case KERNEL_ELF:
		err = kernel_read_elf(image, file, machine);
		if (!err)
			kernel_skip_holes(image);
		break;
	case KERNEL_ARM64:
		err = kernel_read_arm64(image, file, machine);
		break;
	default:
		err = kernel_refuse(file, -ENOEXEC, "what comes out of it is %s, not a kernel", kernel_guess(head, len));
	}
	if (!err)
		kernel_find_release(image);
	return err;
}

/*
 * A bzImage's own kernel. When that can't be used the bzImage can still unpack itself, unless its payload is damaged: then it would only
 * stop later, in the guest.
 */
static int unpack_bzimage(struct unpack_job *job, struct kernel_file *file, struct kernel_file *out)
{
	struct unpack_result *result = job->result;
	struct kernel_payload payload;
	struct kernel_image whole = {.fd = file->fd}, *image = &result->image;
	int err = kernel_read_bzimage(&whole, file, job->machine, &payload);

	if (err)
		return err;
	*image = whole;
	if (job->unpack_in_guest)
		return 0;
	err = unpack_part(file, "its payload", payload, out);
	if (err && err != -ENOTSUP)
		return err;
	if (!err) {
		image->segment_count = 0;
		err = read_plain(image, out, job->machine);
	}
	if (err) {
		*image = whole;
		result->fallback = true;
		memcpy(result->why, out->why[0] ? out->why : file->why, sizeof(result->why));
	}
	return 0;
}

static int unpack_zboot(struct unpack_job *job, struct kernel_file *file, struct kernel_file *out)
{
	struct kernel_payload payload;
	int err = kernel_read_zboot(file, job->machine, &payload);

	if (!err)
		err = unpack_part(file, "its payload", payload, out);
	if (!err) {
		err = read_plain(&job->result->image, out, job->machine);
		memcpy(file->why, out->why, sizeof(file->why));
	}
	return err;
}

/* What came out of the file is itself a bzImage or zboot file in `out`: unpacks that in its turn, in place. */
static int unpack_again(struct unpack_job *job, struct kernel_file *out, enum kernel_kind kind)
{
	uint8_t *data = malloc(out->size);
	struct kernel_file inner = *out;
	int err = data ? kernel_read(out, data, out->size, 0) : kernel_refuse(out, -ENOMEM, "no memory to unpack it twice");

	inner.data = data;
	memcpy(inner.why, out->why, sizeof(inner.why));
	if (!err && kind == KERNEL_BZIMAGE)
		err = unpack_bzimage(job, &inner, out);
	else if (!err)
		err = unpack_zboot(job, &inner, out);
	/* What unpacks itself in the guest is needed as it was. */
	if (!err && job->result->fallback) {
		if (ftruncate(inner.fd, (off_t)inner.base))
			err = -errno;
		if (!err)
			err = pwrite_full(inner.fd, data, inner.size, inner.base);
	}
	memcpy(out->why, inner.why, sizeof(out->why));
	free(data);
	return err;
}

static int unpack_file(struct unpack_job *job, struct kernel_file *file, struct kernel_file *out)
{
	const struct kernel_payload all = {0, file->size};
	uint8_t head[KERNEL_HEAD_BYTES];
	size_t len;
	int err = unpack_part(file, "it", all, out);

	if (err)
		return err;
	err = read_head(out, head, &len);
	if (!err) {
		enum kernel_kind kind = kernel_recognise(head, len);
		if (kind == KERNEL_BZIMAGE || kind == KERNEL_ZBOOT)
			err = unpack_again(job, out, kind);
		else
			err = read_plain(&job->result->image, out, job->machine);
	}
	memcpy(file->why, out->why, sizeof(file->why));
	return err;
}

static int unpack_any(struct unpack_job *job, struct kernel_file *file)
{
	struct kernel_file out = {.fd = job->out_fd, .base = KERNEL_UNPACK_OFFSET};
	size_t len = file->size < KERNEL_HEAD_BYTES ? file->size : KERNEL_HEAD_BYTES;

	switch (kernel_recognise(file->data, len)) {
	case KERNEL_BZIMAGE:
		return unpack_bzimage(job, file, &out);
	case KERNEL_ZBOOT:
		return unpack_zboot(job, file, &out);
	default:
		return unpack_file(job, file, &out);
	}
}

static void digest_data(const struct unpack_job *job, const uint8_t *data)
{
	struct kernel_hash hash;

	kernel_hash_init(&hash, job->key);
	kernel_hash_update(&hash, data, job->file.size);
	kernel_hash_final(&hash, job->result->digest);
}

int kernel_unpack(void *arg)
{
	struct unpack_job *job = arg;
	struct kernel_file *file = &job->file;
	uint8_t *data = malloc(file->size);
	int err = data ? kernel_read(file, data, file->size, 0) : kernel_refuse(file, -ENOMEM, "no memory to read it");

	if (!err) {
		file->data = data;
		if (job->key)
			digest_data(job, data);
		err = unpack_any(job, file);
		file->data = NULL;
	}
	if (err)
		memcpy(job->result->why, file->why, sizeof(file->why));
	free(data);
	return err == -ENOTSUP ? -ENOEXEC : err;
}
