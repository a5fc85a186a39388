// SPDX-License-Identifier: Apache-2.0
/*
 * Streams unpacked by the libraries they belong to: see decompress.h. Each unpack_ function drives one library from the whole input to the
 * sink, a megabyte at a time.
 */
#include "vmm/util/decompress.h"

#include <bzlib.h>
#include <errno.h>
#include <limits.h>
#include <lz4.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "vmm/util/io.h"
#include "vmm/util/lib.h"

/* Holes are made of whole blocks: small enough to find most zeros, large enough to keep the file in few extents. */
#define BLOCK_BYTES 65536u
#define BUFFER_BYTES (16 * BLOCK_BYTES)
/* The legacy frame of LZ4 (lz4_Frame_format.md, "Legacy frame"): each block but the last holds 8 MiB. */
#define LZ4_LEGACY_MAGIC 0x184C2102u
#define LZ4_LEGACY_BLOCK_BYTES (8u << 20)
/* A dictionary larger than this is no kernel's (scripts/xz_wrap.sh: 128 MiB at most). */
#define LZMA_MEMORY_BYTES (256ull << 20)

#define ZLIB_CALLS(X) X(inflateInit2_) X(inflate) X(inflateEnd)
#define LZMA_CALLS(X) X(lzma_stream_decoder) X(lzma_alone_decoder) X(lzma_code) X(lzma_end)
#define ZSTD_CALLS(X) X(ZSTD_createDStream) X(ZSTD_decompressStream) X(ZSTD_isError) X(ZSTD_freeDStream)
#define LZ4_CALLS(X) X(LZ4_decompress_safe)
#define BZIP2_CALLS(X) X(BZ2_bzDecompressInit) X(BZ2_bzDecompress) X(BZ2_bzDecompressEnd)

LIB_STRUCT(zlib_lib, ZLIB_CALLS);
LIB_STRUCT(lzma_lib, LZMA_CALLS);
LIB_STRUCT(zstd_lib, ZSTD_CALLS);
LIB_STRUCT(lz4_lib, LZ4_CALLS);
LIB_STRUCT(bzip2_lib, BZIP2_CALLS);

struct input {
	const uint8_t *data;
	size_t len;
};

struct sink {
	int fd;
	uint64_t start, len, limit;
	uint8_t *buf; /* BUFFER_BYTES */
};

static bool is_zero(const uint8_t *p, size_t len)
{
	return p[0] == 0 && !memcmp(p, p + 1, len - 1);
}

/* Appends `len` bytes; all calls but the last bring whole blocks, so that blocks stay aligned in the file. */
static int sink_put(struct sink *sink, const uint8_t *data, size_t len)
{
	if (len > sink->limit - sink->len)
		return -EFBIG;
	for (size_t done = 0; done < len;) {
		size_t n = len - done < BLOCK_BYTES ? len - done : BLOCK_BYTES;
		if (!is_zero(data + done, n)) {
			int err = pwrite_full(sink->fd, data + done, n, sink->start + sink->len + done);
			if (err)
				return err;
		}
		done += n;
	}
	sink->len += len;
	return 0;
}

static int unpack_gzip(const struct input *in, struct sink *sink)
{
	struct zlib_lib lib;
	z_stream z = {.next_in = (Bytef *)in->data, .avail_in = (uInt)in->len};
	int err = LIB_OPEN(&lib, "libz.so.1", "zlib1g", ZLIB_CALLS);
	int state;

	if (err)
		return err;
	/* 16: expect a gzip header (zlib.h, inflateInit2) */
	if (lib.inflateInit2_(&z, 16 + MAX_WBITS, ZLIB_VERSION, (int)sizeof(z)) != Z_OK)
		return -ENOMEM;
	do {
		z.next_out = sink->buf;
		z.avail_out = BUFFER_BYTES;
		state = lib.inflate(&z, Z_NO_FLUSH);
		err = sink_put(sink, sink->buf, BUFFER_BYTES - z.avail_out);
	} while (!err && state == Z_OK);
	lib.inflateEnd(&z);
	if (err || state == Z_STREAM_END)
		return err;
	return state == Z_BUF_ERROR ? -ENODATA : state == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static int unpack_lzma(const struct input *in, struct sink *sink, bool xz)
{
	struct lzma_lib lib;
	lzma_stream z = LZMA_STREAM_INIT;
	int err = LIB_OPEN(&lib, "liblzma.so.5", "liblzma5", LZMA_CALLS);
	lzma_ret state;

	if (err)
		return err;
	state = xz ? lib.lzma_stream_decoder(&z, LZMA_MEMORY_BYTES, 0) : lib.lzma_alone_decoder(&z, LZMA_MEMORY_BYTES);
	if (state != LZMA_OK)
		return -ENOMEM;
	z.next_in = in->data;
	z.avail_in = in->len;
	do {
		z.next_out = sink->buf;
		z.avail_out = BUFFER_BYTES;
		state = lib.lzma_code(&z, LZMA_FINISH);
		err = sink_put(sink, sink->buf, BUFFER_BYTES - z.avail_out);
	} while (!err && state == LZMA_OK);
	lib.lzma_end(&z);
	if (err || state == LZMA_STREAM_END)
		return err;
	return state == LZMA_BUF_ERROR ? -ENODATA : state == LZMA_MEM_ERROR || state == LZMA_MEMLIMIT_ERROR ? -ENOMEM : -EBADMSG;
}

static int unpack_zstd(const struct input *in, struct sink *sink)
{
	struct zstd_lib lib;
	ZSTD_inBuffer from = {.src = in->data, .size = in->len};
	int err = LIB_OPEN(&lib, "libzstd.so.1", "libzstd1", ZSTD_CALLS);
	bool more;
	size_t left;

	if (err)
		return err;
	ZSTD_DStream *z = lib.ZSTD_createDStream();
	if (!z)
		return -ENOMEM;
	do {
		ZSTD_outBuffer to = {.dst = sink->buf, .size = BUFFER_BYTES};
		left = lib.ZSTD_decompressStream(z, &to, &from);
		if (lib.ZSTD_isError(left))
			err = -EBADMSG;
		else
			err = sink_put(sink, sink->buf, to.pos);
		/* A full buffer may hide more of what was read already. */
		more = from.pos < from.size || to.pos == to.size;
	} while (!err && left && more);
	lib.ZSTD_freeDStream(z);
	return err ? err : left ? -ENODATA : 0;
}

static int unpack_bzip2(const struct input *in, struct sink *sink)
{
	struct bzip2_lib lib;
	bz_stream z = {.next_in = (char *)in->data, .avail_in = (unsigned)in->len};
	int err = LIB_OPEN(&lib, "libbz2.so.1.0", "libbz2-1.0", BZIP2_CALLS);
	int state;
	bool more;

	if (err)
		return err;
	if (lib.BZ2_bzDecompressInit(&z, 0, 0) != BZ_OK)
		return -ENOMEM;
	do {
		z.next_out = (char *)sink->buf;
		z.avail_out = BUFFER_BYTES;
		state = lib.BZ2_bzDecompress(&z);
		err = sink_put(sink, sink->buf, BUFFER_BYTES - z.avail_out);
		more = z.avail_in || !z.avail_out;
	} while (!err && state == BZ_OK && more);
	lib.BZ2_bzDecompressEnd(&z);
	if (err || state == BZ_STREAM_END)
		return err;
	return state == BZ_OK ? -ENODATA : state == BZ_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Blocks, each after its packed size, until the input ends; four bytes alone are the unpacked size that the kernel's build appends. */
static int unpack_lz4(const struct input *in, struct sink *sink)
{
	struct lz4_lib lib;
	int err = LIB_OPEN(&lib, "liblz4.so.1", "liblz4-1", LZ4_CALLS);
	size_t at = 0;

	if (err)
		return err;
	uint8_t *block = malloc(LZ4_LEGACY_BLOCK_BYTES);
	if (!block)
		return -ENOMEM;
	while (!err && in->len - at > 4) {
		uint32_t packed = get_le32(in->data + at);
		at += 4;
		if (packed == LZ4_LEGACY_MAGIC)
			continue;
		if (packed > in->len - at) {
			err = packed > LZ4_COMPRESSBOUND(LZ4_LEGACY_BLOCK_BYTES) ? -EBADMSG : -ENODATA;
			break;
		}
		int n = lib.LZ4_decompress_safe((const char *)in->data + at, (char *)block, (int)packed, (int)LZ4_LEGACY_BLOCK_BYTES);
		/* Only the last block is short. */
		if (n <= 0 || (sink->len % LZ4_LEGACY_BLOCK_BYTES))
			err = -EBADMSG;
		else
			err = sink_put(sink, block, (size_t)n);
		at += packed;
	}
	free(block);
	return err;
}

enum compression compression_detect(const void *data, size_t len)
{
	static const struct {
		enum compression compression;
		uint8_t len;
		char magic[6];
	} known[] = {
		{COMPRESSION_GZIP, 3, "\x1f\x8b\x08"}, /* RFC 1952, 2.3.1: deflate is the only method */
		{COMPRESSION_XZ, 6,
		 "\xfd"
		 "7zXZ"},                                  /* xz-file-format.txt, 2.1.1.1 */
		{COMPRESSION_LZMA, 3, "\x5d\0\0"},         /* lc=3 lp=0 pb=2 and a dictionary of at least 64 KiB */
		{COMPRESSION_ZSTD, 4, "\x28\xb5\x2f\xfd"}, /* RFC 8878, 3.1.1 */
		{COMPRESSION_LZ4, 4, "\x02\x21\x4c\x18"},  /* the legacy frame, which is what kernels use */
		{COMPRESSION_BZIP2, 3, "BZh"},
		{COMPRESSION_LZO, 4, "\x89LZO"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (len >= known[i].len && !memcmp(data, known[i].magic, known[i].len))
			return known[i].compression;
	}
	return COMPRESSION_NONE;
}

const char *compression_name(enum compression compression)
{
	static const char *const names[] = {
		[COMPRESSION_NONE] = "unknown", [COMPRESSION_GZIP] = "gzip", [COMPRESSION_XZ] = "xz",       [COMPRESSION_LZMA] = "lzma",
		[COMPRESSION_ZSTD] = "zstd",    [COMPRESSION_LZ4] = "lz4",   [COMPRESSION_BZIP2] = "bzip2", [COMPRESSION_LZO] = "lzo",
	};

	return names[compression];
}

static int unpack(enum compression compression, const struct input *in, struct sink *sink)
{
	switch (compression) {
	case COMPRESSION_GZIP:
		return unpack_gzip(in, sink);
	case COMPRESSION_XZ:
		return unpack_lzma(in, sink, true);
	case COMPRESSION_LZMA:
		return unpack_lzma(in, sink, false);
	case COMPRESSION_ZSTD:
		return unpack_zstd(in, sink);
	case COMPRESSION_LZ4:
		return unpack_lz4(in, sink);
	case COMPRESSION_BZIP2:
		return unpack_bzip2(in, sink);
	case COMPRESSION_LZO:
	case COMPRESSION_NONE:
		break;
	}
	return -ENOTSUP;
}

int decompress(enum compression compression, const void *in, size_t in_len, int out_fd, uint64_t out_offset, uint64_t limit,
	       uint64_t *out_len)
{
	const struct input input = {in, in_len};
	struct sink sink = {.fd = out_fd, .start = out_offset, .limit = limit};
	int err;

	if (in_len > INT_MAX)
		return -EFBIG; /* what the libraries count with */
	sink.buf = malloc(BUFFER_BYTES);
	if (!sink.buf)
		return -ENOMEM;
	err = unpack(compression, &input, &sink);
	free(sink.buf);
	if (!err && ftruncate(out_fd, (off_t)(out_offset + sink.len)))
		err = -errno;
	if (!err)
		*out_len = sink.len;
	return err;
}
