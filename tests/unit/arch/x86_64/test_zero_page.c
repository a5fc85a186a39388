// SPDX-License-Identifier: Apache-2.0
/* arch/x86_64/zero_page.c: the page as a kernel reads it. Offsets are those of x86/zero-page.rst and x86/boot.rst. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/image.h"
#include "arch/x86_64/zero_page.h"

static uint8_t page[ZERO_PAGE_BYTES];
static uint8_t setup[IMAGE_SETUP_MAX];

static const struct zero_page_boot boot = {
	.cmdline_gpa = 0x20000, .rsdp_gpa = 0xe0000, .initrd_gpa = 0x3f000000, .initrd_bytes = 0x123456,
};

static uint64_t get(size_t offset, size_t bytes)
{
	uint64_t v = 0;

	memcpy(&v, page + offset, bytes);
	return v;
}

static void put(size_t offset, uint64_t value, size_t bytes)
{
	memcpy(setup + offset, &value, bytes);
}

/* The header of a kernel of protocol 2.15, Linux 5.5 to today: it ends at 0x26c. Returns its bytes. */
static uint32_t make_header(void)
{
	memset(setup, 0xee, sizeof(setup));
	put(0x1f1, 39, 1);		/* setup_sects */
	put(0x1fe, 0xaa55, 2);		/* boot_flag */
	put(0x200, 0xeb, 1);		/* jump */
	put(0x201, 0x6a, 1);		/* to 0x26c */
	memcpy(setup + 0x202, "HdrS", 4);
	put(0x206, 0x20f, 2);		/* version */
	put(0x211, 0x01, 1);		/* loadflags */
	put(0x22c, 0x7fffffff, 4);	/* initrd_addr_max */
	put(0x230, 0x200000, 4);	/* kernel_alignment */
	put(0x234, 1, 1);		/* relocatable_kernel */
	put(0x238, 2047, 4);		/* cmdline_size */
	put(0x258, 0x1000000, 8);	/* pref_address */
	put(0x260, 0x3456000, 4);	/* init_size */
	return 0x26c;
}

static void the_header_is_read(void **state)
{
	struct setup_header header;
	uint32_t bytes = make_header();

	(void)state;
	assert_true(zero_page_read_header(&header, setup, bytes));
	assert_int_equal(header.pref_address, 0x1000000);
	assert_int_equal(header.init_size, 0x3456000);
	assert_int_equal(header.cmdline_size, 2047);
}

/* The oldest header that kernel_open() lets through. */
static void the_shortest_header_is_read(void **state)
{
	struct setup_header header;

	(void)state;
	make_header();
	put(0x201, 0x66, 1);
	put(0x206, 0x20c, 2);
	assert_true(zero_page_read_header(&header, setup, 0x268));
	assert_int_equal(header.init_size, 0x3456000);
}

static void what_is_no_header(void **state)
{
	struct setup_header header;
	uint32_t bytes = make_header();

	(void)state;
	assert_false(zero_page_read_header(&header, setup, 0));
	assert_false(zero_page_read_header(&header, setup, 0x263));
	assert_int_equal(header.pref_address, 0);
	put(0x206, 0x209, 2);
	assert_false(zero_page_read_header(&header, setup, bytes));
	make_header();
	setup[0x205] = 's';
	assert_false(zero_page_read_header(&header, setup, bytes));
}

/*
 * boot.rst, "64-bit Boot Protocol": the header from 0x1f1 on goes into the page; what the kernel's own decompressor places itself by
 * is in it.
 */
static void the_header_is_carried_over(void **state)
{
	uint32_t bytes = make_header();

	(void)state;
	zero_page_init(page, setup, bytes, &boot);
	assert_int_equal(get(0x1fe, 2), 0xaa55);
	assert_int_equal(get(0x206, 2), 0x20f);
	assert_int_equal(get(0x230, 4), 0x200000);
	assert_int_equal(get(0x234, 1), 1);
	assert_int_equal(get(0x238, 4), 2047);
	assert_int_equal(get(0x258, 8), 0x1000000);
	assert_int_equal(get(0x260, 4), 0x3456000);
	/* And nothing behind it. */
	for (size_t i = bytes; i < 0x2d0; i++)
		assert_int_equal(page[i], 0);
}

static void what_the_loader_says(void)
{
	assert_int_equal(get(0x070, 8), 0xe0000);    /* acpi_rsdp_addr */
	assert_int_equal(get(0x1fa, 2), 0xffff);     /* vid_mode */
	assert_int_equal(get(0x210, 1), 0xff);	     /* type_of_loader */
	assert_int_equal(get(0x211, 1) & 1, 1);	     /* LOADED_HIGH */
	assert_int_equal(get(0x218, 4), 0x3f000000); /* ramdisk_image */
	assert_int_equal(get(0x21c, 4), 0x123456);   /* ramdisk_size */
	assert_int_equal(get(0x228, 4), 0x20000);    /* cmd_line_ptr */
	assert_int_equal(get(0x0c0, 4) | get(0x0c4, 4) | get(0x0c8, 4), 0);
}

static void the_loaders_fields(void **state)
{
	(void)state;
	zero_page_init(page, setup, make_header(), &boot);
	what_the_loader_says();
}

/* A plain ELF kernel has no header: the least that Linux looks at is made up. */
static void without_a_header(void **state)
{
	(void)state;
	memset(page, 0xaa, sizeof(page));
	zero_page_init(page, setup, 0, &boot);
	what_the_loader_says();
	assert_int_equal(get(0x1fe, 2), 0xaa55);
	assert_memory_equal(page + 0x202, "HdrS", 4);
	assert_true(get(0x206, 2) >= 0x20c);
	assert_int_equal(get(0x22c, 4), 0x7fffffff);
	assert_int_equal(get(0x238, 4), 2047);
}

static void addresses_above_4_gib(void **state)
{
	const struct zero_page_boot high = {
		.cmdline_gpa = 0x123456789, .rsdp_gpa = 0xabcdef01234, .initrd_gpa = 0x2fffff000, .initrd_bytes = 0x100000001,
	};

	(void)state;
	zero_page_init(page, setup, 0, &high);
	assert_int_equal(get(0x070, 8), 0xabcdef01234);
	assert_int_equal(get(0x228, 4) | get(0x0c8, 4) << 32, 0x123456789);
	assert_int_equal(get(0x218, 4) | get(0x0c0, 4) << 32, 0x2fffff000);
	assert_int_equal(get(0x21c, 4) | get(0x0c4, 4) << 32, 0x100000001);
}

static void no_initramfs(void **state)
{
	struct zero_page_boot none = boot;

	(void)state;
	none.initrd_bytes = 0;
	zero_page_init(page, setup, make_header(), &none);
	assert_int_equal(get(0x21c, 4), 0);
	assert_int_equal(get(0x0c4, 4), 0);
}

static void the_memory_map(void **state)
{
	(void)state;
	zero_page_init(page, setup, 0, &boot);
	assert_int_equal(get(0x1e8, 1), 0);
	zero_page_add_e820(page, 0, 0x9fc00, 1);
	zero_page_add_e820(page, 0x100000000, 0x140000000, 2);
	assert_int_equal(get(0x1e8, 1), 2);
	assert_int_equal(get(0x2d0, 8), 0);
	assert_int_equal(get(0x2d8, 8), 0x9fc00);
	assert_int_equal(get(0x2e0, 4), 1);
	assert_int_equal(get(0x2e4, 8), 0x100000000);
	assert_int_equal(get(0x2ec, 8), 0x140000000);
	assert_int_equal(get(0x2f4, 4), 2);
}

/* The jump's length is the file's, and unchecked. */
static void a_header_of_any_length(void **state)
{
	(void)state;
	for (unsigned jump = 0; jump < 256; jump++) {
		make_header();
		put(0x201, jump, 1);
		zero_page_init(page, setup, sizeof(setup), &boot);
		what_the_loader_says();
		/* The memory map's place is not written over. */
		for (size_t i = 0x2d0; i < 0x2d0 + 20; i++)
			assert_int_equal(page[i], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_is_read),
		cmocka_unit_test(the_shortest_header_is_read),
		cmocka_unit_test(what_is_no_header),
		cmocka_unit_test(the_header_is_carried_over),
		cmocka_unit_test(the_loaders_fields),
		cmocka_unit_test(without_a_header),
		cmocka_unit_test(addresses_above_4_gib),
		cmocka_unit_test(no_initramfs),
		cmocka_unit_test(the_memory_map),
		cmocka_unit_test(a_header_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
