// SPDX-License-Identifier: Apache-2.0
/* vmm/plan.c: where each device goes, on which line, and the command line that a kernel gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "tests/fakes/capture.h"
#include "vmm/core/bus.h"
#include "vmm/plan.h"

struct paper {
	struct config config;
	struct prepared prepared;
	struct guest_io io;
	struct plan plan;
};

static int set_up(void **state)
{
	struct paper *p = calloc(1, sizeof(*p));

	config_init(&p->config);
	p->config.kernel_path = "bzImage";
	p->config.rng = false;
	p->prepared.own_initramfs = true;
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct paper *p = *state;

	plan_release(&p->plan);
	config_release(&p->config);
	free(p);
	return 0;
}

static const char *cmdline(struct paper *p)
{
	plan_release(&p->plan);
	plan_devices(&p->plan, &p->config);
	assert_int_equal(plan_cmdline(&p->plan, &p->config, &p->prepared, &p->io), 0);
	return p->plan.cmdline;
}

static void add_disks(struct paper *p, unsigned count)
{
	p->config.disk_count = count;
	for (unsigned i = 0; i < count; i++)
		p->config.disk[i].block.path = "disk.img";
}

static const struct dev_desc *device(const struct paper *p, const char *name)
{
	const struct dev_desc *d = plan_find(&p->plan, name);

	if (!d)
		fail_msg("no device %s", name);
	return d;
}

/* --- devices ---------------------------------------------------------------------------------------------------------- */

static void the_least_machine(void **state)
{
	struct paper *p = *state;

	cmdline(p);
	assert_int_equal(p->plan.devices.count, 3 + (arch_map.power_base != 0) + (arch_map.rtc_base != 0) + (arch_map.gpio_base != 0));
	assert_int_equal(device(p, "serial")->base, arch_map.serial_base);
	assert_int_equal(device(p, "serial")->gsi, arch_map.serial_gsi);
	assert_int_equal(device(p, "pvpanic")->gsi, 0);
	if (arch_map.power_base)
		assert_int_equal(device(p, "power")->gsi, arch_map.power_gsi);
	if (arch_map.rtc_base)
		assert_int_equal(device(p, "rtc")->base, arch_map.rtc_base);
	/* The power key is in one place, and has a line of its own. */
	assert_int_equal(!!arch_map.power_gsi + !!arch_map.gpio_base, 1);
	if (arch_map.gpio_base)
		assert_int_equal(device(p, "gpio")->gsi, arch_map.gpio_gsi);
	assert_int_equal(device(p, "console")->base, arch_map.virtio_base);
	assert_int_equal(device(p, "console")->gsi, arch_map.gsi_first);
	assert_null(plan_find(&p->plan, "disk0"));
	assert_null(plan_find(&p->plan, "rng"));
}

/* Linux names disks and cards in the order in which it finds them: the first --disk must be vda, the first --net eth0. */
static void devices_come_in_the_order_given(void **state)
{
	struct paper *p = *state;
	static const char *const order[] = { "console", "disk0", "disk1", "net0", "net1", "rng" };

	add_disks(p, 2);
	p->config.net_count = 2;
	p->config.rng = true;
	cmdline(p);
	for (unsigned i = 0; i < 6; i++) {
		const struct dev_desc *d = device(p, order[i]);
		assert_int_equal(d->kind, DEV_VIRTIO_MMIO);
		assert_int_equal(d->base, arch_map.virtio_base + i * arch_map.virtio_stride_bytes);
		assert_int_equal(d->gsi, arch_map.gsi_first + i);
		assert_ptr_equal(d, &p->plan.devices.dev[p->plan.devices.count - 6 + i]);
	}
}

static struct paper *biggest(void **state)
{
	struct paper *p = *state;

	add_disks(p, CONFIG_DISKS_MAX);
	p->config.net_count = CONFIG_NETS_MAX;
	p->config.rng = true;
	cmdline(p);
	return p;
}

/* With more devices than lines, the first lines serve two devices each, and none is outside the interrupt controller. */
static void lines_are_shared_when_they_run_out(void **state)
{
	struct paper *p = biggest(state);
	unsigned users[256] = { 0 };
	unsigned virtio = 0;

	for (unsigned i = 0; i < p->plan.devices.count; i++) {
		const struct dev_desc *d = &p->plan.devices.dev[i];
		if (d->kind != DEV_VIRTIO_MMIO)
			continue;
		assert_in_range(d->gsi, arch_map.gsi_first, arch_map.gsi_first + arch_map.gsi_count - 1);
		users[d->gsi]++;
		virtio++;
	}
	assert_int_equal(virtio, 1 + CONFIG_DISKS_MAX + CONFIG_NETS_MAX + 1);
	for (unsigned i = 0; i < arch_map.gsi_count; i++) {
		unsigned fair = virtio / arch_map.gsi_count + (i < virtio % arch_map.gsi_count);
		assert_int_equal(users[arch_map.gsi_first + i], fair);
	}
	assert_int_equal(users[arch_map.serial_gsi], 0);
	assert_int_equal(users[arch_map.power_gsi ? arch_map.power_gsi : arch_map.gpio_gsi], 0);
}

/* The biggest machine that the command line allows fits on the buses. */
static void no_two_devices_overlap(void **state)
{
	struct paper *p = biggest(state);
	struct bus mmio = { 0 }, pio = { 0 };

	for (unsigned i = 0; i < p->plan.devices.count; i++) {
		const struct dev_desc *d = &p->plan.devices.dev[i];
		struct bus_range range = { .name = d->name, .base = d->base, .size_bytes = d->size_bytes };
		assert_true(d->size_bytes > 0);
		assert_int_equal(bus_add(d->pio ? &pio : &mmio, &range), 0);
		/* A register page is a memory slot of its own. */
		if (d->kind == DEV_VIRTIO_MMIO)
			assert_int_equal(d->base % 4096, 0);
	}
}

static void devices_are_not_where_memory_is(void **state)
{
	static const uint64_t sizes[] = { 64ull << 20, 3ull << 30, (3ull << 30) + (1 << 20), 8ull << 30 };
	struct paper *p = biggest(state);

	for (unsigned s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		struct mem mem = { 0 };
		assert_int_equal(arch_add_ram(&mem, sizes[s]), 0);
		uint64_t sum = 0;
		for (unsigned i = 0; i < mem.region_count; i++)
			sum += mem.region[i].size_bytes;
		assert_int_equal(sum, sizes[s]);
		for (unsigned i = 0; i < p->plan.devices.count; i++) {
			const struct dev_desc *d = &p->plan.devices.dev[i];
			if (d->pio)
				continue;
			assert_null(mem_at(&mem, d->base, 1));
			assert_null(mem_at(&mem, d->base + d->size_bytes - 1, 1));
		}
		mem_release(&mem);
	}
}

/* --- the command line ------------------------------------------------------------------------------------------------- */

static void has(const char *line, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = line; (at = strstr(at, word)); at++) {
		if ((at == line || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return;
	}
	fail_msg("'%s' is not in '%s'", word, line);
}

static void has_not(const char *line, const char *text)
{
	if (strstr(line, text))
		fail_msg("'%s' is in '%s'", text, line);
}

static void a_login_on_the_virtio_console(void **state)
{
	struct paper *p = *state;
	const char *line = cmdline(p);

	has(line, "console=hvc0");
	has(line, arch_map.earlycon);
	has(line, "quiet");
	has(line, "panic=-1");
	has_not(line, "root=");
	has_not(line, arch_map.serial_console);
}

static void a_login_on_the_serial_port(void **state)
{
	struct paper *p = *state;
	char word[32];

	p->io.serial_console = true;
	const char *line = cmdline(p);
	snprintf(word, sizeof(word), "console=%s", arch_map.serial_console);
	has(line, word);
	has_not(line, "hvc0");
	has_not(line, "quiet");
}

/* A command's own streams have nothing to do with --console: the kernel's messages go to the log by the fast way. */
static void a_command_has_the_virtio_console(void **state)
{
	struct paper *p = *state;

	p->io.serial_console = true;
	p->io.command = true;
	has(cmdline(p), "console=hvc0");
}

/* Nobody there would turn the messages on again. */
static void a_foreign_initramfs_is_not_made_quiet(void **state)
{
	struct paper *p = *state;

	p->prepared.own_initramfs = false;
	const char *line = cmdline(p);
	has(line, "console=hvc0");
	has_not(line, "quiet");
}

static void the_root_is_named_with_its_access(void **state)
{
	struct paper *p = *state;

	strcpy(p->prepared.root, "/dev/vda1");
	add_disks(p, 1);
	has(cmdline(p), "root=/dev/vda1");
	has(p->plan.cmdline, "rw");
	p->config.disk[0].block.read_only = true;
	has(cmdline(p), "ro");
}

/* The last word counts with the kernel. */
static void the_user_has_the_last_word(void **state)
{
	struct paper *p = *state;

	p->config.append = "panic=5 foo=\"a b\"";
	strcpy(p->prepared.root, "/dev/vda");
	const char *line = cmdline(p);
	const char *tail = " panic=5 foo=\"a b\"";
	assert_true(strlen(line) > strlen(tail));
	assert_string_equal(line + strlen(line) - strlen(tail), tail);
}

/* --- on paper --------------------------------------------------------------------------------------------------------- */

static void a_dry_run_names_everything(void **state)
{
	struct paper *p = *state;
	char text[16384];
	int saved;

	p->config.memory_bytes = 4ull << 30;
	p->config.append = "marker";
	p->prepared.image.segment_count = 1;
	p->prepared.image.segment[0] = (struct image_segment){ .gpa = 0x1000000, .file_bytes = 4096, .mem_bytes = 8192 };
	biggest(state);
	fflush(stdout);
	int memory = capture_begin(STDOUT_FILENO, &saved);
	plan_print(&p->plan, &p->config, &p->prepared);
	fflush(stdout);
	capture_end(STDOUT_FILENO, saved, memory, text, sizeof(text));
	for (unsigned i = 0; i < p->plan.devices.count; i++) {
		char place[32];
		assert_non_null(strstr(text, p->plan.devices.dev[i].name));
		snprintf(place, sizeof(place), "0x%09llx", (unsigned long long)p->plan.devices.dev[i].base);
		assert_non_null(strstr(text, place));
	}
	assert_non_null(strstr(text, "0x001000000"));
	assert_non_null(strstr(text, "bzImage"));
	assert_non_null(strstr(text, " marker\n"));
	assert_non_null(strstr(text, "\nmemory     0x0"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_least_machine),
		TEST(devices_come_in_the_order_given),
		TEST(lines_are_shared_when_they_run_out),
		TEST(no_two_devices_overlap),
		TEST(devices_are_not_where_memory_is),
		TEST(a_login_on_the_virtio_console),
		TEST(a_login_on_the_serial_port),
		TEST(a_command_has_the_virtio_console),
		TEST(a_foreign_initramfs_is_not_made_quiet),
		TEST(the_root_is_named_with_its_access),
		TEST(the_user_has_the_last_word),
		TEST(a_dry_run_names_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
