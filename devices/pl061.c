// SPDX-License-Identifier: Apache-2.0
/* PL061 pins: see pl061.h. Registers: Arm DDI 0190B, 3.2 and 3.3. */
#include "devices/pl061.h"

#include <string.h>

enum {
	REG_DATA = 0x000, /* to 0x3fc: bits 2 to 9 of the address say which pins are meant */
	REG_DATA_END = 0x400,
	REG_DIR = 0x400,
	REG_SENSE = 0x404, /* 1: levels, 0: edges */
	REG_BOTH = 0x408,  /* 1: both edges, whatever EVENT says */
	REG_EVENT = 0x40c, /* 1: rising edges, or high levels */
	REG_ENABLE = 0x410,
	REG_RAW_STATUS = 0x414,
	REG_MASKED_STATUS = 0x418,
	REG_CLEAR = 0x41c,
	REG_ID = 0xfe0,
};

/* GPIOPeriphID0 to 3 (part 0x061, Arm, revision 0), GPIOPCellID0 to 3: one byte a register. */
static const uint8_t id[8] = { 0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

void pl061_init(struct pl061 *gpio, struct irq *irq)
{
	memset(gpio, 0, sizeof(*gpio));
	pthread_mutex_init(&gpio->lock, NULL);
	gpio->irq = irq;
}

void pl061_release(struct pl061 *gpio)
{
	pthread_mutex_destroy(&gpio->lock);
}

void pl061_reset(struct pl061 *gpio)
{
	pthread_mutex_lock(&gpio->lock);
	gpio->data = gpio->dir = gpio->sense = gpio->both = gpio->event = gpio->enable = gpio->latched = gpio->raised = gpio->seen = 0;
	pthread_mutex_unlock(&gpio->lock);
}

/* Inputs as they are held, outputs as they were written. */
static uint8_t pin_values(const struct pl061 *gpio)
{
	return (uint8_t)((gpio->pins & ~gpio->dir) | (gpio->data & gpio->dir));
}

static uint8_t raw_status(const struct pl061 *gpio)
{
	uint8_t levels = (uint8_t)~(gpio->pins ^ gpio->event);

	return (uint8_t)(((levels & gpio->sense) | (gpio->latched & ~gpio->sense)) & ~gpio->dir);
}

static uint8_t masked_status(const struct pl061 *gpio)
{
	return raw_status(gpio) & gpio->enable;
}

/* After whatever may have changed an interrupt's state. */
static void update_line(struct pl061 *gpio)
{
	uint8_t masked = masked_status(gpio), came = (uint8_t)(masked & ~gpio->raised);

	gpio->raised = masked;
	if (came)
		irq_pulse(gpio->irq);
}

void pl061_set_pin(struct pl061 *gpio, unsigned pin, bool high)
{
	uint8_t bit = (uint8_t)(1u << pin), before = gpio->pins;

	gpio->pins = (uint8_t)(high ? before | bit : before & ~bit);
	if (gpio->pins == before)
		return;
	gpio->seen &= (uint8_t)~bit;
	/* Of an edge that is not the one asked for nothing is remembered. */
	if ((gpio->both & bit) || high == !!(gpio->event & bit))
		gpio->latched |= (uint8_t)(bit & ~gpio->sense & ~gpio->dir);
	update_line(gpio);
}

bool pl061_pin_seen(const struct pl061 *gpio, unsigned pin)
{
	return gpio->seen >> pin & 1;
}

static uint8_t read_pins(struct pl061 *gpio, uint8_t which)
{
	gpio->seen |= which;
	return pin_values(gpio) & which;
}

static uint8_t register_value(struct pl061 *gpio, uint64_t offset)
{
	if (offset < REG_DATA_END)
		return read_pins(gpio, (uint8_t)(offset >> 2));
	switch (offset) {
	case REG_DIR:
		return gpio->dir;
	case REG_SENSE:
		return gpio->sense;
	case REG_BOTH:
		return gpio->both;
	case REG_EVENT:
		return gpio->event;
	case REG_ENABLE:
		return gpio->enable;
	case REG_RAW_STATUS:
		return raw_status(gpio);
	case REG_MASKED_STATUS:
		return masked_status(gpio);
	default:
		return offset >= REG_ID ? id[(offset - REG_ID) / 4 % sizeof(id)] : 0;
	}
}

static bool is_register(uint64_t offset, unsigned len)
{
	return offset % 4 == 0 && offset < PL061_BYTES && len <= 4;
}

void pl061_read(void *dev, uint64_t offset, void *data, unsigned len)
{
	memset(data, 0, len);
	if (is_register(offset, len))
		*(uint8_t *)data = register_value(dev, offset);
}

static void write_register(struct pl061 *gpio, uint64_t offset, uint8_t value)
{
	switch (offset) {
	case REG_DIR:
		gpio->dir = value;
		break;
	case REG_SENSE:
		gpio->sense = value;
		break;
	case REG_BOTH:
		gpio->both = value;
		break;
	case REG_EVENT:
		gpio->event = value;
		break;
	case REG_ENABLE:
		gpio->enable = value;
		break;
	case REG_CLEAR:
		gpio->latched &= (uint8_t)~value;
		break;
	default:
		break;
	}
}

void pl061_write(void *dev, uint64_t offset, const void *data, unsigned len)
{
	struct pl061 *gpio = dev;
	uint8_t value;

	if (!is_register(offset, len))
		return;
	memcpy(&value, data, sizeof(value));
	if (offset < REG_DATA_END) {
		uint8_t which = (uint8_t)(offset >> 2) & gpio->dir;
		gpio->data = (uint8_t)((gpio->data & ~which) | (value & which));
		return;
	}
	write_register(gpio, offset, value);
	update_line(gpio);
}
