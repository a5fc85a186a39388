// SPDX-License-Identifier: Apache-2.0
/* vmm/util/decompress.c: what the libraries' own compressors made comes out as it went in; what is cut, damaged or too big is told apart. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/fake_kernel.h"
#include "vmm/util/decompress.h"
#include "vmm/util/io.h"

#define START 65536

static const enum compression every[] = {COMPRESSION_GZIP, COMPRESSION_XZ,  COMPRESSION_LZMA,
					 COMPRESSION_ZSTD, COMPRESSION_LZ4, COMPRESSION_BZIP2};
#define EVERY_COUNT (sizeof(every) / sizeof(*every))

/* A kernel, unpacked size 1 MiB and more: longer than one buffer, with zeros in the middle. */
static int setup(void **state)
{
	struct blob *plain = malloc(sizeof(*plain));

	*plain = fake_vmlinux();
	*state = plain;
	return 0;
}

static int teardown(void **state)
{
	blob_free(*state);
	free(*state);
	return 0;
}

static int unpack(enum compression compression, const uint8_t *data, size_t len, uint64_t limit, int fd, uint64_t *out_len)
{
	/* Exactly as long as told: a sanitizer sees a byte read too many. */
	uint8_t *exact = malloc(len ? len : 1);

	assert_non_null(exact);
	memcpy(exact, data, len);
	assert_int_equal(ftruncate(fd, START), 0);
	int err = decompress(compression, exact, len, fd, START, limit, out_len);
	free(exact);
	return err;
}

static void assert_holds(int fd, const struct blob *plain)
{
	uint8_t *out = malloc(plain->len);
	struct stat st;

	assert_non_null(out);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, START + plain->len);
	assert_int_equal(pread_full(fd, out, plain->len, START), 0);
	assert_memory_equal(out, plain->data, plain->len);
	free(out);
}

static void round_trips(void **state)
{
	const struct blob *plain = *state;
	int fd = memfd_create("test", MFD_CLOEXEC);

	for (size_t i = 0; i < EVERY_COUNT; i++) {
		struct blob packed = fake_pack(every[i], plain);
		uint64_t len = 0;
		assert_int_equal(compression_detect(packed.data, packed.len), every[i]);
		assert_int_equal(unpack(every[i], packed.data, packed.len, DECOMPRESS_LIMIT_BYTES, fd, &len), 0);
		assert_int_equal(len, plain->len);
		assert_holds(fd, plain);
		blob_free(&packed);
	}
	close(fd);
}

/* LZ4's legacy frame has blocks of 8 MiB; the others fill their buffer many times. */
static void longer_than_a_block(void **state)
{
	const struct blob *small = *state;
	struct blob plain = {malloc(20 << 20), 20 << 20};
	int fd = memfd_create("test", MFD_CLOEXEC);

	for (size_t at = 0; at < plain.len; at += small->len)
		memcpy(plain.data + at, small->data, plain.len - at < small->len ? plain.len - at : small->len);
	for (size_t i = 0; i < EVERY_COUNT; i++) {
		struct blob packed = fake_pack(every[i], &plain);
		uint64_t len = 0;
		assert_int_equal(unpack(every[i], packed.data, packed.len, DECOMPRESS_LIMIT_BYTES, fd, &len), 0);
		assert_holds(fd, &plain);
		blob_free(&packed);
	}
	blob_free(&plain);
	close(fd);
}

static void zeros_are_holes(void **state)
{
	struct blob plain = {calloc(1, 8 << 20), 8 << 20};
	struct blob packed;
	int fd = memfd_create("test", MFD_CLOEXEC);
	uint64_t len = 0;
	struct stat st;

	(void)state;
	plain.data[0] = 1;
	packed = fake_pack(COMPRESSION_ZSTD, &plain);
	assert_int_equal(unpack(COMPRESSION_ZSTD, packed.data, packed.len, DECOMPRESS_LIMIT_BYTES, fd, &len), 0);
	assert_holds(fd, &plain);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_blocks * 512 < 1 << 20);
	blob_free(&packed);
	blob_free(&plain);
	close(fd);
}

/* Cut anywhere, a stream never passes for a whole one; only the size behind it may go. */
static void cut_short(void **state)
{
	const struct blob *plain = *state;
	int fd = memfd_create("test", MFD_CLOEXEC);

	for (size_t i = 0; i < EVERY_COUNT; i++) {
		struct blob packed = fake_pack(every[i], plain);
		size_t stream = packed.len - (every[i] == COMPRESSION_GZIP ? 0 : 4);
		for (size_t len = 0; len < stream; len += len < 64 || stream - len < 64 ? 1 : 397) {
			uint64_t out_len = 0;
			int err = unpack(every[i], packed.data, len, DECOMPRESS_LIMIT_BYTES, fd, &out_len);
			/* A legacy LZ4 frame has no end mark: cut between blocks it is only shorter. */
			if (every[i] == COMPRESSION_LZ4 && len <= 8)
				assert_int_equal(out_len, 0);
			else
				assert_true(err == -ENODATA || err == -EBADMSG);
		}
		uint64_t out_len = 0;
		assert_int_equal(unpack(every[i], packed.data, stream, DECOMPRESS_LIMIT_BYTES, fd, &out_len), 0);
		assert_int_equal(out_len, plain->len);
		blob_free(&packed);
	}
	close(fd);
}

/* Checksums (gzip, xz, bzip2) catch any change; the others must at least survive it. */
static void damaged(void **state)
{
	const struct blob *plain = *state;
	int fd = memfd_create("test", MFD_CLOEXEC);

	for (size_t i = 0; i < EVERY_COUNT; i++) {
		struct blob packed = fake_pack(every[i], plain);
		bool checked = every[i] == COMPRESSION_GZIP || every[i] == COMPRESSION_XZ || every[i] == COMPRESSION_BZIP2;
		for (size_t at = 16; at < packed.len - 16; at += 211) {
			uint64_t len = 0;
			packed.data[at] ^= 0x55;
			int err = unpack(every[i], packed.data, packed.len, DECOMPRESS_LIMIT_BYTES, fd, &len);
			if (checked)
				assert_int_not_equal(err, 0);
			packed.data[at] ^= 0x55;
		}
		blob_free(&packed);
	}
	close(fd);
}

static void too_big(void **state)
{
	const struct blob *plain = *state;
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct stat st;

	for (size_t i = 0; i < EVERY_COUNT; i++) {
		struct blob packed = fake_pack(every[i], plain);
		uint64_t len = 0;
		assert_int_equal(unpack(every[i], packed.data, packed.len, plain->len - 1, fd, &len), -EFBIG);
		assert_int_equal(fstat(fd, &st), 0);
		assert_true(st.st_size < START + (off_t)plain->len);
		assert_int_equal(unpack(every[i], packed.data, packed.len, plain->len, fd, &len), 0);
		blob_free(&packed);
	}
	close(fd);
}

static void not_unpacked_here(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	uint64_t len = 0;

	(void)state;
	assert_int_equal(compression_detect("\x89LZO\0\r\n\x1a\n", 9), COMPRESSION_LZO);
	assert_int_equal(compression_detect("MZ", 2), COMPRESSION_NONE);
	assert_int_equal(compression_detect("", 0), COMPRESSION_NONE);
	assert_int_equal(unpack(COMPRESSION_LZO, (const uint8_t *)"\x89LZO", 4, DECOMPRESS_LIMIT_BYTES, fd, &len), -ENOTSUP);
	assert_int_equal(unpack(COMPRESSION_NONE, (const uint8_t *)"", 0, DECOMPRESS_LIMIT_BYTES, fd, &len), -ENOTSUP);
	close(fd);
}

/* Sizes in an LZ4 frame that lead past its end, or nowhere. */
static void lz4_block_sizes(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		int err;
	} frames[] = {
		{"\x02\x21\x4c\x18\xff\xff\xff\xff"
		 "xx",
		 10, -EBADMSG},
		{"\x02\x21\x4c\x18\x00\x00\x00\x80"
		 "xx",
		 10, -EBADMSG},
		{"\x02\x21\x4c\x18\x00\x00\x00\x00"
		 "xx",
		 10, -EBADMSG},
		{"\x02\x21\x4c\x18\x03\x00\x00\x00"
		 "xx",
		 10, -ENODATA},
		{"\x02\x21\x4c\x18\x02\x00\x00\x00"
		 "\x10x",
		 10, 0},
	};
	int fd = memfd_create("test", MFD_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++) {
		uint64_t len = 0;
		int err = unpack(COMPRESSION_LZ4, (const uint8_t *)frames[i].data, frames[i].len, DECOMPRESS_LIMIT_BYTES, fd, &len);
		assert_int_equal(err, frames[i].err);
	}
	close(fd);
}

/* A full disk is not a damaged kernel. */
static void no_room(void **state)
{
	struct blob packed = fake_pack(COMPRESSION_GZIP, *state);
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint64_t len = 0;

	assert_int_equal(ftruncate(fd, START), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	assert_int_equal(decompress(COMPRESSION_GZIP, packed.data, packed.len, fd, START, DECOMPRESS_LIMIT_BYTES, &len), -EPERM);
	blob_free(&packed);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),     cmocka_unit_test(longer_than_a_block),
		cmocka_unit_test(zeros_are_holes), cmocka_unit_test(cut_short),
		cmocka_unit_test(damaged),         cmocka_unit_test(too_big),
		cmocka_unit_test(lz4_block_sizes), cmocka_unit_test(not_unpacked_here),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
