// SPDX-License-Identifier: Apache-2.0
/* vmm/cli_disk.c: the parts of --disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/cli_run.h"

static void parts(void **state)
{
	struct cli_run run;
	const struct config_disk *disk = run.config.disk;

	(void)state;
	cli_run_good(&run, "-k K -d root.img -d /dev/sdz,ro,serial=data-1 --disk=b.img,cow -d c.img,cow=c.cow,format=raw");
	assert_int_equal(run.config.disk_count, 4);
	assert_string_equal(disk[0].block.path, "root.img");
	assert_false(disk[0].block.read_only || disk[0].block.cow);
	assert_null(disk[0].serial);
	assert_string_equal(disk[1].block.path, "/dev/sdz");
	assert_true(disk[1].block.read_only);
	assert_string_equal(disk[1].serial, "data-1");
	assert_true(disk[2].block.cow);
	assert_null(disk[2].block.cow_path);
	assert_true(disk[3].block.cow);
	assert_string_equal(disk[3].block.cow_path, "c.cow");
	cli_run_end(&run);
}

/* A comma in a file's name is written twice; '=' and a name like an option's part need nothing. */
static void names(void **state)
{
	struct cli_run run;
	const struct config_disk *disk = run.config.disk;

	(void)state;
	cli_run_good(&run, "-k K -d a,,b.img,ro -d x=y=z.img,serial=1 -d ro -d ./file=x");
	assert_string_equal(disk[0].block.path, "a,b.img");
	assert_true(disk[0].block.read_only);
	assert_string_equal(disk[1].block.path, "x=y=z.img");
	assert_string_equal(disk[1].serial, "1");
	assert_string_equal(disk[2].block.path, "ro");
	assert_false(disk[2].block.read_only);
	assert_string_equal(disk[3].block.path, "./file=x");
	cli_run_end(&run);
}

static void refused_parts(void **state)
{
	static const struct refused bad[] = {
		{ "-k K -d a,serail=x", { "--disk: 'a,serail=x': unknown part, did you mean serial?: takes FILE[,ro]" } },
		{ "-k K -d a,readonly", { "--disk: 'a,readonly': unknown part: takes FILE" } },
		{ "-k K -d a,ro=on", { "--disk: 'a,ro=on': a value where none belongs: takes no value" } },
		{ "-k K -d a,ro,ro", { "--disk: 'a,ro': given a second time" } },
		{ "-k K -d a,serial", { "--disk: 'a,serial': no value given: takes up to 20 printable characters" } },
		{ "-k K -d a,serial=", { "--disk: 'a,serial=': no value given" } },
		{ "-k K -d a,cow=", { "--disk: 'a,cow=': no value given" } },
		{ "-k K -d a,serial=123456789012345678901", { "--disk: 'a,serial=123456789012345678901': too long" } },
		{ "-k K -d a,serial=x\ty", { "holds other characters than it may" } },
		{ "-k K -d a,format=qcow2",
		  { "--disk: 'a,format=qcow2': not a format this program reads: takes raw (other images: qemu-img convert" } },
		{ "-k K -d a,ro,cow", { "--disk: 'a': both ro and cow" } },
		{ "-k K -d file=a,ro", { "--disk: 'file=a': the file's name stands first and alone" } },
		{ "-k K -d ,ro", { "--disk: '': no file named: takes FILE" } },
		{ "-k K -d a,serial=0123456789012345678901,foo,format=vmdk", { "serial=", "'a,foo': unknown part", "format=vmdk" } },
	};

	(void)state;
	check_all_refused(bad, sizeof(bad) / sizeof(*bad));
}

static void too_many(void **state)
{
	struct cli_run run;

	(void)state;
	cli_run_good(&run, "-k K -d 1 -d 2 -d 3 -d 4 -d 5 -d 6 -d 7 -d 8 -d 9 -d 10 -d 11 -d 12 -d 13 -d 14 -d 15 -d 16");
	assert_int_equal(run.config.disk_count, CONFIG_DISKS_MAX);
	cli_run_end(&run);
	check_refused(
		&(struct refused){ "-k K -d 1 -d 2 -d 3 -d 4 -d 5 -d 6 -d 7 -d 8 -d 9 -d 10 -d 11 -d 12 -d 13 -d 14 -d 15 -d 16 -d 17",
				   { "--disk: '17': one disk too many: 16 are the most" } });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(names),
		cmocka_unit_test(refused_parts),
		cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
