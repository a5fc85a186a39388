// SPDX-License-Identifier: Apache-2.0
/* The PL031 real-time clock: see pl031.h. Registers: Arm DDI 0224C, 3.2 and 3.3. */
#include "devices/pl031.h"

#include <string.h>
#include <time.h>

enum {
	REG_DATA = 0x000,
	REG_MATCH = 0x004,
	REG_LOAD = 0x008,
	REG_CONTROL = 0x00c,
	REG_MASK = 0x010,
	REG_RAW_STATUS = 0x014,
	REG_MASKED_STATUS = 0x018,
	REG_CLEAR = 0x01c,
	REG_ID = 0xfe0,
};

#define CONTROL_START 1u
#define MASK_ALARM 1u

/* RTCPeriphID0 to 3 (part 0x031, Arm, revision 0), RTCPCellID0 to 3: one byte a register. */
static const uint8_t id[8] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

static uint32_t host_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint32_t)now.tv_sec;
}

void pl031_init(struct pl031 *rtc)
{
	memset(rtc, 0, sizeof(*rtc));
	pthread_mutex_init(&rtc->lock, NULL);
}

void pl031_release(struct pl031 *rtc)
{
	pthread_mutex_destroy(&rtc->lock);
}

void pl031_reset(struct pl031 *rtc)
{
	pthread_mutex_lock(&rtc->lock);
	rtc->match = rtc->load = rtc->mask = rtc->offset_s = 0;
	pthread_mutex_unlock(&rtc->lock);
}

static uint32_t register_value(const struct pl031 *rtc, uint64_t offset)
{
	switch (offset) {
	case REG_DATA:
		return host_seconds() + rtc->offset_s;
	case REG_MATCH:
		return rtc->match;
	case REG_LOAD:
		return rtc->load;
	case REG_CONTROL:
		return CONTROL_START; /* it can't be stopped */
	case REG_MASK:
		return rtc->mask;
	default:
		/* The status registers read as zero: no alarm is ever raised. */
		return offset >= REG_ID && offset % 4 == 0 ? id[(offset - REG_ID) / 4 % sizeof(id)] : 0;
	}
}

void pl031_read(void *dev, uint64_t offset, void *data, unsigned len)
{
	uint32_t value = len == sizeof(value) ? register_value(dev, offset) : 0;

	memset(data, 0, len);
	if (len == sizeof(value))
		memcpy(data, &value, sizeof(value));
}

void pl031_write(void *dev, uint64_t offset, const void *data, unsigned len)
{
	struct pl031 *rtc = dev;
	uint32_t value;

	if (len != sizeof(value))
		return;
	memcpy(&value, data, sizeof(value));
	switch (offset) {
	case REG_MATCH:
		rtc->match = value;
		break;
	case REG_LOAD:
		rtc->load = value;
		rtc->offset_s = value - host_seconds();
		break;
	case REG_MASK:
		rtc->mask = value & MASK_ALARM;
		break;
	default:
		break; /* CONTROL: it runs already; CLEAR: there is nothing to clear */
	}
}
