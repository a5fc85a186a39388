// SPDX-License-Identifier: Apache-2.0
/* vmm/core/irq.c: a pulse goes to the eventfd where there is one, else to the callback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/core/irq.h"

static void count(struct irq *irq)
{
	++*(unsigned *)irq->arg;
}

static void pulses_go_to_the_eventfd(void **state)
{
	unsigned calls = 0;
	struct irq irq = { .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .pulse = count, .arg = &calls };
	uint64_t events = 0;

	(void)state;
	irq_pulse(&irq);
	irq_pulse(&irq);
	assert_int_equal(read(irq.fd, &events, sizeof(events)), sizeof(events));
	assert_int_equal(events, 2);
	assert_int_equal(calls, 0);
	close(irq.fd);
}

static void without_one_they_are_calls(void **state)
{
	unsigned calls = 0;
	struct irq irq = { .fd = -1, .pulse = count, .arg = &calls };

	(void)state;
	irq_pulse(&irq);
	irq_pulse(&irq);
	assert_int_equal(calls, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pulses_go_to_the_eventfd),
		cmocka_unit_test(without_one_they_are_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
