// SPDX-License-Identifier: Apache-2.0
/*
 * A kernel file of any kind: what kernel_open() does with one, without its worker and its cache. What comes out must hold what arch/image.h
 * promises to a loader.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/kernel_unpack.h"
#include "vmm/util/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int ok)
{
	if (!ok)
		abort();
}

static void check_image(const struct kernel_image *image, uint64_t file_bytes)
{
	uint64_t end, reached = 0;

	check(image->segment_count >= 1 && image->segment_count <= IMAGE_SEGMENTS_MAX);
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct image_segment *s = &image->segment[i];
		check(!__builtin_add_overflow(s->file_offset, s->file_bytes, &end) && end <= file_bytes);
		check(s->file_bytes <= s->mem_bytes);
		check(s->gpa >= reached && !__builtin_add_overflow(s->gpa, s->mem_bytes, &reached));
	}
	check(image->setup_bytes <= IMAGE_SETUP_MAX);
	check(memchr(image->release, '\0', sizeof(image->release)) && !strchr(image->release, '/'));
}

/* As read_kernel() in vmm/kernel.c for files that are not packed. */
static void read_plain(struct kernel_file *file, const uint8_t *data, uint16_t machine)
{
	struct kernel_image image = {.fd = file->fd};
	struct kernel_payload payload;
	int err = -1;

	switch (kernel_recognise(data, file->size < KERNEL_HEAD_BYTES ? file->size : KERNEL_HEAD_BYTES)) {
	case KERNEL_ELF:
		err = kernel_read_elf(&image, file, machine);
		break;
	case KERNEL_ARM64:
		err = kernel_read_arm64(&image, file, machine);
		break;
	case KERNEL_BZIMAGE:
		err = kernel_read_bzimage(&image, file, machine, &payload);
		break;
	default:
		check(kernel_guess(data, file->size < KERNEL_HEAD_BYTES ? file->size : KERNEL_HEAD_BYTES) != NULL);
	}
	if (err)
		return;
	kernel_find_release(&image);
	check_image(&image, file->size);
	kernel_skip_holes(&image);
	check_image(&image, file->size);
}

/* The first byte chooses the machine. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct unpack_result result = {0};
	struct unpack_job job = {.result = &result};
	uint16_t machine = len && (data[0] & 1) ? EM_AARCH64 : EM_X86_64;

	if (len < 2)
		return 0;
	data++;
	len--;
	job.file = (struct kernel_file){.fd = memfd_create("in", MFD_CLOEXEC), .size = len};
	job.machine = machine;
	job.out_fd = memfd_create("out", MFD_CLOEXEC);
	check(!pwrite_full(job.file.fd, data, len, 0));
	read_plain(&job.file, data, machine);
	if (!kernel_unpack(&job)) {
		int fd = result.image.fd;
		check(fd == job.out_fd || fd == job.file.fd);
		check_image(&result.image, (uint64_t)lseek(fd, 0, SEEK_END));
	}
	close(job.file.fd);
	close(job.out_fd);
	return 0;
}
