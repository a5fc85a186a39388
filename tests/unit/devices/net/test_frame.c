// SPDX-License-Identifier: Apache-2.0
/* devices/net/frame.c: flat frames, their checksums, and the queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "devices/net/frame.h"

/* As plain as RFC 1071 says it. */
static uint16_t slow_sum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Every length and start, so every alignment and tail: what the receiver sums up is all ones. */
static void checksums(void **state)
{
	uint8_t frame[120];

	(void)state;
	for (size_t len = 2; len <= 80; len++) {
		for (size_t start = 0; start + 2 <= len && start < 20; start++) {
			size_t offset = (len - start - 2) / 2 & ~1ul;
			for (size_t i = 0; i < sizeof(frame); i++)
				frame[i] = (uint8_t)(i * 37 + len);
			memset(frame + start + offset, 0, 2);
			frame_checksum(frame, len, start, offset);
			assert_int_equal(slow_sum(frame + start, len - start), 0xffff);
			assert_int_equal(frame[len], (uint8_t)(len * 37 + len));
		}
	}
}

/* The field starts out with the pseudo-header's sum, which the result covers. */
static void pseudo_header_sum(void **state)
{
	uint8_t frame[10] = { 1, 2, 3, 4, 0xab, 0xcd, 5, 6, 7, 8 };

	(void)state;
	frame_checksum(frame, sizeof(frame), 0, 4);
	uint32_t rest = 0x0102 + 0x0304 + 0x0506 + 0x0708;
	uint32_t expected = rest + 0xabcd;
	expected = (uint16_t)~((expected & 0xffff) + (expected >> 16));
	assert_int_equal(frame[4] << 8 | frame[5], expected);
}

/* RFC 768: zero means no checksum, so a zero is sent as all ones. */
static void no_zero_checksum(void **state)
{
	uint8_t frame[4] = { 0xff, 0xff, 0, 0 };

	(void)state;
	frame_checksum(frame, sizeof(frame), 0, 2);
	assert_int_equal(frame[2], 0xff);
	assert_int_equal(frame[3], 0xff);
}

static void flatten(void **state)
{
	char a[] = "abc", b[] = "", c[] = "defg";
	struct iovec iov[] = { { a, 3 }, { b, 0 }, { c, 4 } };
	uint8_t flat[8];

	(void)state;
	assert_int_equal(frame_flatten(iov, 3, flat, sizeof(flat)), 7);
	assert_memory_equal(flat, "abcdefg", 7);
	assert_int_equal(frame_flatten(iov, 3, flat, 7), 7);
	assert_int_equal(frame_flatten(iov, 3, flat, 6), 0);
	iov[1].iov_len = SIZE_MAX;
	assert_int_equal(frame_flatten(iov, 3, flat, sizeof(flat)), 0);
}

static void queue_order(void **state)
{
	struct frame_queue queue = { 0 };

	(void)state;
	for (int round = 0; round < 3; round++) {
		assert_true(frame_queue_put(&queue, "one", 3));
		assert_true(frame_queue_put(&queue, "three", 5));
		assert_int_equal(queue.bytes, 8);
		assert_memory_equal(queue.first->data, "one", 3);
		frame_queue_drop(&queue);
		assert_int_equal(queue.first->len, 5);
		frame_queue_drop(&queue);
		assert_null(queue.first);
		assert_int_equal(queue.bytes, 0);
		frame_queue_drop(&queue);
	}
	frame_queue_put(&queue, "left", 4);
	frame_queue_release(&queue);
	assert_null(queue.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums), cmocka_unit_test(pseudo_header_sum), cmocka_unit_test(no_zero_checksum),
		cmocka_unit_test(flatten),   cmocka_unit_test(queue_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
