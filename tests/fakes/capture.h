// SPDX-License-Identifier: Apache-2.0
/* What code under test says on standard error or output: sent to a memory file, and read back. */
#ifndef TESTS_FAKES_CAPTURE_H
#define TESTS_FAKES_CAPTURE_H

#include <sys/mman.h>
#include <unistd.h>

/* From here on, what is written to `fd` goes to a memory file; *saved is what it was. */
static inline int capture_begin(int fd, int *saved)
{
	int memory = memfd_create("captured", MFD_CLOEXEC);

	*saved = dup(fd);
	assert_true(memory >= 0 && *saved >= 0);
	assert_int_equal(dup2(memory, fd), fd);
	return memory;
}

static inline void capture_end(int fd, int saved, int memory, char *text, size_t size)
{
	dup2(saved, fd);
	close(saved);
	ssize_t n = pread(memory, text, size - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(memory);
}

#endif
