// SPDX-License-Identifier: Apache-2.0
/*
 * From a path to a kernel that can be loaded: see kernel.h.
 *
 * What is not compressed is read here, a few kilobytes of it. What is compressed goes to a worker (kernel_unpack.c).
 */
#include "vmm/kernel.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/kernel_cache.h"
#include "vmm/kernel_format.h"
#include "vmm/kernel_unpack.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

static int open_file(struct kernel_file *file, const char *path)
{
	struct stat st;

	/* Without O_NONBLOCK a FIFO would wait for a writer. */
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file->fd < 0)
		return kernel_refuse(file, -errno, "%s", strerror(errno));
	if (fstat(file->fd, &st))
		return kernel_refuse(file, -errno, "%s", strerror(errno));
	if (S_ISDIR(st.st_mode))
		return kernel_refuse(file, -EISDIR, "it is a directory");
	if (!S_ISREG(st.st_mode))
		return kernel_refuse(file, -ENOEXEC, "it is a %s; an ordinary file is needed",
				     S_ISFIFO(st.st_mode)   ? "pipe"
				     : S_ISSOCK(st.st_mode) ? "socket"
							    : "device");
	if (st.st_size == 0)
		return kernel_refuse(file, -ENOEXEC, "it is empty");
	file->size = (uint64_t)st.st_size;
	return 0;
}

/* A worker that was killed (for its memory, say) leaves a bzImage the other way. */
static int survive_worker(struct unpack_job *job)
{
	struct unpack_result *result = job->result;
	struct kernel_payload payload;

	memset(result, 0, sizeof(*result));
	result->image.fd = job->file.fd;
	if (kernel_read_bzimage(&result->image, &job->file, job->machine, &payload))
		return kernel_refuse(&job->file, -ENOEXEC, "unpacking it failed");
	result->fallback = true;
	snprintf(result->why, sizeof(result->why), "unpacking it failed");
	return 0;
}

/* Fills *image; its fd is then job->out_fd, or the kernel file's own. */
static int run_worker(struct kernel_image *image, struct unpack_job *job)
{
	struct unpack_result *result = job->result;
	int err = worker_run("kernel", kernel_unpack, job);

	result->why[sizeof(result->why) - 1] = '\0';
	if (err == -ECHILD)
		err = survive_worker(job);
	else if (err)
		memcpy(job->file.why, result->why, sizeof(result->why));
	if (!err)
		*image = result->image;
	return err;
}

/* Unpacks into a file without a name. */
static int unpack_to_memory(struct kernel_image *image, struct unpack_job *job)
{
	job->out_fd = memfd_create("tinyvmm-kernel", MFD_CLOEXEC);
	if (job->out_fd < 0)
		return kernel_refuse(&job->file, -errno, "no memory to unpack it into: %s", strerror(errno));
	int err = run_worker(image, job);
	if (err || image->fd != job->out_fd)
		close_fd(&job->out_fd);
	return err;
}

/* The same into an entry of the cache. -ENOEXEC says that the file is no kernel, any other error that the cache can't be written. */
static int unpack_to_cache(struct kernel_image *image, struct unpack_job *job, struct kernel_cache *cache)
{
	job->out_fd = kernel_cache_create(cache);
	if (job->out_fd < 0)
		return job->out_fd;
	job->key = &cache->key;
	int err = run_worker(image, job);
	if (!err && image->fd == job->out_fd && !job->result->fallback)
		kernel_cache_publish(cache, job->result->digest, image);
	if (err && err != -ENOEXEC)
		log_debug("cannot unpack into the kernel cache: %s", job->file.why);
	if (err || image->fd != job->out_fd)
		close_fd(&job->out_fd);
	return err;
}

static int unpack(struct kernel_image *image, struct unpack_job *job, bool no_cache, struct kernel_seal *seal)
{
	uint8_t digest[KERNEL_HASH_BYTES];
	struct kernel_cache cache;
	int err = -ENOENT;

	if (no_cache || kernel_cache_open(&cache))
		return unpack_to_memory(image, job);
	if (!kernel_cache_hash_file(&cache, job->file.fd, job->file.size, digest))
		err = kernel_cache_lookup(&cache, digest, image, seal);
	/* Cached for another machine: unpacking it again says so. */
	if (!err && image->machine != job->machine) {
		kernel_close(image);
		if (seal)
			seal->closed = false;
		err = -ENOENT;
	}
	if (err)
		err = unpack_to_cache(image, job, &cache);
	if (err && err != -ENOEXEC)
		err = unpack_to_memory(image, job);
	kernel_cache_release(&cache);
	return err;
}

static int open_packed(struct kernel_image *image, struct kernel_file *file, const struct kernel_options *options)
{
	struct unpack_job job = {.file = *file, .machine = options->machine, .unpack_in_guest = options->unpack_in_guest};
	int err;

	if (file->size > INT_MAX)
		return kernel_refuse(file, -ENOEXEC, "it is compressed and larger than 2 GiB");
	job.result = shared_alloc(sizeof(*job.result));
	if (!job.result)
		return kernel_refuse(file, -ENOMEM, "no memory to unpack it");
	/* What is kept is kernels proper. */
	err = unpack(image, &job, options->no_cache || options->unpack_in_guest, options->seal);
	if (!err && job.result->fallback)
		log_info("kernel %s unpacks itself in the guest: %s", options->path, job.result->why);
	memcpy(file->why, job.file.why, sizeof(file->why));
	shared_free(job.result, sizeof(*job.result));
	return err;
}

static int read_kernel(struct kernel_image *image, struct kernel_file *file, const struct kernel_options *options)
{
	uint8_t head[KERNEL_HEAD_BYTES];
	size_t len = file->size < sizeof(head) ? file->size : sizeof(head);
	struct kernel_payload payload;
	int err = kernel_read(file, head, len, 0);

	if (err)
		return err;
	image->fd = file->fd;
	switch (kernel_recognise(head, len)) {
	case KERNEL_ELF:
		err = kernel_read_elf(image, file, options->machine);
		break;
	case KERNEL_ARM64:
		err = kernel_read_arm64(image, file, options->machine);
		break;
	case KERNEL_BZIMAGE:
		if (options->unpack_in_guest)
			return kernel_read_bzimage(image, file, options->machine, &payload);
		return open_packed(image, file, options);
	case KERNEL_ZBOOT:
	case KERNEL_PACKED:
		return open_packed(image, file, options);
	case KERNEL_UNKNOWN:
		return kernel_refuse(file, -ENOEXEC, "it is %s, not a kernel", kernel_guess(head, len));
	}
	if (!err)
		kernel_find_release(image);
	return err;
}

int kernel_open(struct kernel_image *image, const struct kernel_options *options)
{
	struct kernel_file file = {.fd = -1};
	int err;

	memset(image, 0, sizeof(*image));
	err = open_file(&file, options->path);
	if (!err)
		err = read_kernel(image, &file, options);
	if (err) {
		log_error("cannot use the kernel %s: %s", options->path, file.why);
		image->fd = -1;
	}
	if (image->fd != file.fd)
		close_fd(&file.fd);
	return err;
}

bool kernel_peek(const char *path, char release[IMAGE_RELEASE_MAX])
{
	struct kernel_file file = { .fd = -1 };
	struct kernel_image image = { .fd = -1 };
	struct kernel_payload payload;
	uint8_t head[KERNEL_HEAD_BYTES];

	release[0] = '\0';
	if (!open_file(&file, path) && file.size >= sizeof(head) && !kernel_read(&file, head, sizeof(head), 0) &&
	    kernel_recognise(head, sizeof(head)) == KERNEL_BZIMAGE && !kernel_read_bzimage(&image, &file, EM_X86_64, &payload))
		memcpy(release, image.release, IMAGE_RELEASE_MAX);
	close_fd(&file.fd);
	return release[0];
}

void kernel_close(struct kernel_image *image)
{
	close_fd(&image->fd);
}
