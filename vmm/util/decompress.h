// SPDX-License-Identifier: Apache-2.0
/*
 * The compressions that kernels come in, undone by their own libraries (loaded on demand: call it in a worker).
 *
 * Output goes to a file as it appears; what is zero stays a hole, so that an unpacked kernel costs only its contents. Input and output
 * are bounded.
 */
#ifndef VMM_UTIL_DECOMPRESS_H
#define VMM_UTIL_DECOMPRESS_H

#include <stddef.h>
#include <stdint.h>

enum compression {
	COMPRESSION_NONE,
	COMPRESSION_GZIP,
	COMPRESSION_XZ,
	COMPRESSION_LZMA,
	COMPRESSION_ZSTD,
	COMPRESSION_LZ4,
	COMPRESSION_BZIP2,
	COMPRESSION_LZO,
};

/* No kernel is as big unpacked; a hostile stream ends here. */
#define DECOMPRESS_LIMIT_BYTES (512ull << 20)

/* By the first bytes; COMPRESSION_NONE when it is none of them. */
enum compression compression_detect(const void *data, size_t len);
const char *compression_name(enum compression compression);

/*
 * Unpacks one stream from `in` to out_fd at out_offset, which must be a multiple of 64 KiB, past the end of what out_fd holds; cuts
 * out_fd to the length of the output. What follows the stream is ignored: the kernel's build appends the unpacked size.
 *
 * -EBADMSG: damaged; -ENODATA: the input ends early; -EFBIG: more than `limit` bytes come out; -ENOENT: the library is missing (logged);
 * -ENOTSUP: lzo or nothing known; -ENOMEM; or what writing failed with. None but the library's absence is logged.
 */
int decompress(enum compression compression, const void *in, size_t in_len, int out_fd, uint64_t out_offset, uint64_t limit,
	       uint64_t *out_len);

#endif
