// SPDX-License-Identifier: Apache-2.0
/*
 * From a path to a kernel that can be loaded: see kernel.h.
 *
 * What is not compressed is read here, a few kilobytes of it. What is compressed goes to a worker (kernel_unpack.c).
 */
#include "vmm/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int run_worker(struct kernel_image *image, struct unpack_job *job)
{
	struct unpack_result *result = job->result;
	int err = worker_run("kernel", kernel_unpack, job);

	memcpy(job->file.why, result->why, sizeof(result->why));
	job->file.why[sizeof(job->file.why) - 1] = '\0';
	if (err == -ECHILD)
		return kernel_refuse(&job->file, -ENOEXEC, "unpacking it failed");
	if (!err)
		*image = result->image;
	return err;
}

/* Unpacks into a file without a name. *image's fd is then either that or the kernel file's. */
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

static int open_packed(struct kernel_image *image, struct kernel_file *file, const struct kernel_options *options)
{
	struct unpack_job job = {.file = *file, .machine = options->machine, .unpack_in_guest = options->unpack_in_guest};
	int err;

	if (file->size > INT_MAX)
		return kernel_refuse(file, -ENOEXEC, "it is compressed and larger than 2 GiB");
	job.result = shared_alloc(sizeof(*job.result));
	if (!job.result)
		return kernel_refuse(file, -ENOMEM, "no memory to unpack it");
	err = unpack_to_memory(image, &job);
	if (!err && job.result->fallback)
		log_info("kernel %s unpacks itself in the guest: %s", options->path, job.file.why);
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
		err = kernel_read_bzimage(image, file, options->machine, &payload);
		if (err || options->unpack_in_guest)
			return err;
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

void kernel_close(struct kernel_image *image)
{
	close_fd(&image->fd);
}
