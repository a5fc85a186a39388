// SPDX-License-Identifier: Apache-2.0
/* The power key: see power_key.h. */
#include "devices/power_key.h"

#define NS_PER_MS 1000000ll

static bool is_down(const struct power_key *key)
{
	return key->gpio->pins >> key->pin & 1;
}

/* The loop holds the pins' lock around both callbacks. */
static void check(void *arg)
{
	struct power_key *key = arg;
	int64_t down_ns = loop_now_ns() - key->down_since_ns;

	if (pl061_pin_seen(key->gpio, key->pin) || down_ns >= POWER_KEY_PRESS_MAX_MS * NS_PER_MS)
		pl061_set_pin(key->gpio, key->pin, false);
	else
		loop_timer_set(key->loop, &key->check, POWER_KEY_PRESS_MS * NS_PER_MS);
}

static void go_down(void *arg)
{
	struct power_key *key = arg;

	if (is_down(key))
		return;
	key->down_since_ns = loop_now_ns();
	pl061_set_pin(key->gpio, key->pin, true);
	loop_timer_set(key->loop, &key->check, POWER_KEY_PRESS_MS * NS_PER_MS);
}

void power_key_init(struct power_key *key, struct pl061 *gpio, unsigned pin, struct loop *loop)
{
	*key = (struct power_key){
		.gpio = gpio,
		.pin = pin,
		.loop = loop,
		.press = { .run = go_down, .arg = key, .lock = &gpio->lock },
		.check = { .expired = check, .arg = key, .lock = &gpio->lock },
	};
}

void power_key_reset(struct power_key *key)
{
	loop_work_cancel(key->loop, &key->press);
	loop_timer_cancel(key->loop, &key->check);
	pthread_mutex_lock(&key->gpio->lock);
	pl061_set_pin(key->gpio, key->pin, false);
	pthread_mutex_unlock(&key->gpio->lock);
}

void power_key_press(struct power_key *key)
{
	loop_defer(key->loop, &key->press);
}
