// SPDX-License-Identifier: Apache-2.0
/*
 * The GPIO pins' registers under a hostile driver, while pins are moved and the machine is reset. After each step a pin's interrupt stands
 * only where it is let through, what newly stands has pulsed the line, and nothing else has.
 */
#include <string.h>

#include "devices/pl061.h"
#include "tests/fuzz/input.h"

#define STEPS_MAX 2000

enum { DIR = 0x400, ENABLE = 0x410, RAW = 0x414, MASKED = 0x418 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_pulse(struct irq *irq)
{
	++*(unsigned *)irq->arg;
}

static uint8_t get(struct pl061 *gpio, uint64_t offset)
{
	uint8_t value;

	pl061_read(gpio, offset, &value, sizeof(value));
	return value;
}

static void access_register(struct pl061 *gpio, struct input *in, unsigned how)
{
	static const uint16_t edges[] = { 0x3fc, 0x400, 0x404, 0x408, 0x40c, 0x410, 0x41c, 0x418 };
	uint64_t offset = how & 0x20 ? take(in, 2) % PL061_BYTES : edges[how & 7], value = 0x0101010101010101ull * take(in, 1);
	unsigned len = 1u << (how >> 3 & 3);

	if (how & 0x40)
		pl061_write(gpio, offset, &value, len);
	else
		pl061_read(gpio, offset, &value, len);
}

static void step(struct pl061 *gpio, struct input *in)
{
	unsigned how = take(in, 1);

	if (!(how & 0x80))
		access_register(gpio, in, how);
	else if (how & 0x70)
		pl061_set_pin(gpio, how & 7, how & 8);
	else
		pl061_reset(gpio);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	unsigned pulses = 0;
	struct irq irq = { .pulse = count_pulse, .arg = &pulses };
	struct pl061 gpio;

	pl061_init(&gpio, &irq);
	for (unsigned i = 0; in.len && i < STEPS_MAX; i++) {
		uint8_t before = get(&gpio, MASKED);
		pulses = 0;
		step(&gpio, &in);
		uint8_t after = get(&gpio, MASKED);
		must(after == (get(&gpio, RAW) & get(&gpio, ENABLE)));
		must(!(get(&gpio, RAW) & get(&gpio, DIR)));
		must(pulses == ((after & ~before) != 0));
	}
	pl061_release(&gpio);
	return 0;
}
