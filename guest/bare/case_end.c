// SPDX-License-Identifier: Apache-2.0
/* Each way to end. What tinyvmm makes of it is for the host's side to see. */
#include "guest/bare/arch.h"
#include "guest/bare/blk.h"
#include "guest/bare/cases.h"

void case_poweroff(const struct machine *m)
{
	(void)m;
	check(true, "it runs");
}

#define RUNS 3

static volatile unsigned spinning;

static void spin(unsigned number)
{
	(void)number;
	__atomic_fetch_add(&spinning, 1, __ATOMIC_SEQ_CST);
	for (;;)
		arch_relax();
}

/*
 * Starts the machine again, RUNS times in all, each time with all processors at work. Nothing in memory outlasts a reset, so sector 0 of
 * the disk has the count. Without a disk it resets whenever it runs, for --no-reboot.
 */
void case_reset(const struct machine *m)
{
	static struct virtio blk;
	static uint8_t sector[SECTOR_BYTES];

	check(!spinning, "memory is as the loader left it");
	arch_start_cpus(m, spin);
	check(wait_until(spinning == m->cpus - 1), "the other processors start");
	if (virtio_find(&blk, m, ID_BLK, 0)) {
		check(!virtio_read(&blk, REG_STATUS), "devices are as they were in the beginning");
		check(virtio_open(&blk, 0) && blk_do(&blk, 0, BLK_IN, 0, sector, SECTOR_BYTES) == BLK_OK, "the disk works");
		sector[0]++;
		check(blk_do(&blk, 0, BLK_OUT, 0, sector, SECTOR_BYTES) == BLK_OK, "run %u is counted", sector[0]);
		if (sector[0] >= RUNS)
			return;
	}
	report_end();
	arch_reset();
	give_up("the machine resets");
}

void case_panic(const struct machine *m)
{
	(void)m;
	report_end();
	arch_panic();
	give_up("a panic ends the machine");
}

/* For --timeout. */
void case_hang(const struct machine *m)
{
	(void)m;
	report_end();
	for (;;)
		arch_idle();
}
