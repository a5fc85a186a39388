// SPDX-License-Identifier: Apache-2.0
/*
 * A key that joins a GPIO pin to high while it is down: the machine's power key where there is no ACPI.
 *
 * A press is down, and up after PRESS_MS: or later, since a guest that was too busy to look at the pin would have missed it. One that never
 * looks has no driver, and then the key comes up after PRESS_MAX_MS.
 */
#ifndef DEVICES_POWER_KEY_H
#define DEVICES_POWER_KEY_H

#include "devices/pl061.h"
#include "vmm/core/loop.h"

#define POWER_KEY_PRESS_MS 100
#define POWER_KEY_PRESS_MAX_MS 4000

struct power_key {
	struct pl061 *gpio;
	unsigned pin;
	struct loop *loop;
	struct loop_work press;
	struct loop_timer check;
	int64_t down_since_ns;
};

void power_key_init(struct power_key *key, struct pl061 *gpio, unsigned pin, struct loop *loop);
/* Up at once, whether it was pressed or not; a press that has not begun is forgotten. Takes the pins' lock. Not while the loop runs. */
void power_key_reset(struct power_key *key);

/* Soon, on the loop's thread; does nothing while the key is down. Any thread; takes no lock of a device. */
void power_key_press(struct power_key *key);

#endif
