// SPDX-License-Identifier: Apache-2.0
/*
 * vmm/vcpu.c on a real /dev/kvm, also one that emulates in software: a guest of a few instructions that counts in its memory, run and
 * brought back many times. A kick that got lost would leave it running for ever, which the alarm ends.
 *
 * This program has an ioctl() of its own, at whose KVM_RUN a vCPU's thread can be stopped: the one moment that no amount of tries is sure
 * to meet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/arch.h"
#include "tests/fakes/capture.h"
#include "vmm/vcpu.h"

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif
#ifndef THREAD_SANITIZER
#define THREAD_SANITIZER 0
#endif

#ifdef __x86_64__

#define DEADLINE_S 120
#define CODE_GPA 0x1000ull
#define COUNTERS_GPA 0x2000ull
#define MEMORY_BYTES (1ull << 20)
#define PORT 0x500
#define DEVICE_GPA MEMORY_BYTES
#define DEVICE_BYTES 0x2000
#define ROUNDS 4000

struct machine {
	struct vm vm; /* first: stop() gets it back */
	struct vcpus *vcpus;
	_Atomic unsigned stops;
	_Atomic enum vm_event event;
	_Atomic unsigned writes;
	_Atomic unsigned entered;
	unsigned hold_after_writes; /* stop the vCPUs at this many writes, on their own thread */
};

static void stop(struct vm *vm, enum vm_event event)
{
	struct machine *m = (struct machine *)vm;

	if (!atomic_fetch_add(&m->stops, 1))
		atomic_store(&m->event, event);
	vcpus_stop(m->vcpus);
}

static void device_read(void *arg, uint64_t offset, void *data, unsigned len)
{
	(void)arg;
	(void)offset;
	memset(data, 0x5a, len);
}

static void device_write(void *arg, uint64_t offset, const void *data, unsigned len)
{
	struct machine *m = arg;

	(void)offset;
	(void)data;
	(void)len;
	if (atomic_fetch_add(&m->writes, 1) + 1 == m->hold_after_writes)
		stop(&m->vm, VM_POWEROFF);
}

/* --- the door to the guest -------------------------------------------------------------------------------------------------- */

/* Just before KVM_RUN, once: the thread says that it has `arrived`, waits for `enter`, and says when it has `left` the guest. */
static struct {
	atomic_bool closed;
	sem_t arrived, enter, left;
} door;

static void close_door(void)
{
	sem_init(&door.arrived, 0, 0);
	sem_init(&door.enter, 0, 0);
	sem_init(&door.left, 0, 0);
	atomic_store(&door.closed, true);
}

static int run_through_door(int fd)
{
	sem_post(&door.arrived);
	while (sem_wait(&door.enter))
		; /* a kick interrupts it */
	/* A signal that was sent before comes at the end of this system call at the latest. */
	sched_yield();
	int n = (int)syscall(SYS_ioctl, fd, KVM_RUN, 0);
	int saved = errno;
	sem_post(&door.left);
	errno = saved;
	return n;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;

	if (request == KVM_RUN && atomic_exchange(&door.closed, false))
		return run_through_door(fd);
	va_start(args, request);
	void *arg = va_arg(args, void *);
	va_end(args);
	return (int)syscall(SYS_ioctl, fd, request, arg);
}

/* False when the deadline passed before. */
static bool wait_for(sem_t *sem)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += DEADLINE_S / 2;
	while (sem_timedwait(sem, &deadline)) {
		if (errno != EINTR)
			return false;
	}
	return true;
}

/* --- a machine ------------------------------------------------------------------------------------------------------------- */

/* All vCPUs begin at CODE_GPA in real mode, with their index in bx. */
static void boot(struct machine *m, const uint8_t *code, size_t bytes)
{
	assert_int_equal(mem_write(&m->vm.mem, CODE_GPA, code, bytes), 0);
	for (unsigned i = 0; i < m->vm.cpus; i++) {
		struct vcpu *vcpu = vcpus_get(m->vcpus, i);
		struct kvm_regs regs = { .rip = CODE_GPA, .rflags = 2, .rbx = i };
		struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
		struct kvm_sregs sregs;
		assert_int_equal(ioctl(vcpu->fd, KVM_GET_SREGS, &sregs), 0);
		sregs.cs.base = sregs.ds.base = 0;
		sregs.cs.selector = sregs.ds.selector = 0;
		assert_int_equal(ioctl(vcpu->fd, KVM_SET_SREGS, &sregs), 0);
		assert_int_equal(ioctl(vcpu->fd, KVM_SET_REGS, &regs), 0);
		assert_int_equal(ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable), 0);
	}
}

static int counts_entries(void *arg)
{
	atomic_fetch_add(&((struct machine *)arg)->entered, 1);
	return 0;
}

/* NULL, with the reason said, where there is no KVM. */
static struct machine *machine(unsigned cpus)
{
	struct machine *m = calloc(1, sizeof(*m));
	char said[1024];
	int saved;

	if (THREAD_SANITIZER) {
		print_message("skip: the thread sanitizer holds signals back until a call that it knows, so that kicks do get lost\n");
		free(m);
		return NULL;
	}
	alarm(DEADLINE_S);
	int memory = capture_begin(STDERR_FILENO, &saved);
	int err = kvm_open(&m->vm.kvm);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	if (err) {
		print_message("skip: no usable /dev/kvm (%s)\n", strerror(-err));
		free(m);
		return NULL;
	}
	m->vm.cpus = cpus;
	m->vm.stop = stop;
	assert_int_equal(kvm_create_vm(&m->vm.kvm, 0), 0);
	assert_int_equal(arch_vm_init(&m->vm), 0);
	assert_int_equal(mem_add(&m->vm.mem, 0, MEMORY_BYTES), 0);
	assert_int_equal(kvm_add_memory(&m->vm.kvm, 0, m->vm.mem.region[0].host, MEMORY_BYTES, false), 0);
	struct bus_range range = { .name = "device", .base = PORT, .size_bytes = 4, .dev = m, .read = device_read, .write = device_write };
	assert_int_equal(bus_add(&m->vm.pio, &range), 0);
	range.base = DEVICE_GPA;
	range.size_bytes = DEVICE_BYTES;
	assert_int_equal(bus_add(&m->vm.mmio, &range), 0);
	bus_freeze(&m->vm.pio);
	bus_freeze(&m->vm.mmio);
	assert_int_equal(vcpus_new(&m->vcpus, &m->vm), 0);
	return m;
}

static void start(struct machine *m)
{
	assert_int_equal(vcpus_start_threads(m->vcpus, counts_entries, m), 0);
}

static void end(struct machine *m)
{
	vcpus_free(m->vcpus);
	mem_release(&m->vm.mem);
	kvm_release(&m->vm.kvm);
	free(m);
	alarm(0);
}

static uint32_t counter(const struct machine *m, unsigned cpu)
{
	return __atomic_load_n((uint32_t *)mem_at(&m->vm.mem, COUNTERS_GPA + cpu * 4, 4), __ATOMIC_ACQUIRE);
}

/* shl bx, 2; 1: inc dword [bx + COUNTERS_GPA]; jmp 1b */
static const uint8_t counts[] = { 0xc1, 0xe3, 0x02, 0x66, 0xff, 0x87, 0x00, 0x20, 0xeb, 0xf9 };
/* mov dx, PORT; 1: out dx, al; in al, dx; inc dword [bx + COUNTERS_GPA]; jmp 1b */
static const uint8_t leaves[] = { 0xba, 0x00, 0x05, 0xee, 0xec, 0x66, 0xff, 0x87, 0x00, 0x20, 0xeb, 0xf7 };

static void wait_for_count(const struct machine *m, unsigned cpu, uint32_t beyond)
{
	const struct timespec moment = { .tv_nsec = 100000 };

	while (counter(m, cpu) == beyond)
		nanosleep(&moment, NULL);
}

/* --- the tests ------------------------------------------------------------------------------------------------------------- */

static void threads_start_held(void **state)
{
	struct machine *m = machine(2);

	(void)state;
	if (!m)
		skip();
	boot(m, counts, sizeof(counts));
	start(m);
	assert_int_equal(atomic_load(&m->entered), 2);
	assert_int_equal(counter(m, 0), 0);
	vcpus_run(m->vcpus);
	wait_for_count(m, 0, 0);
	wait_for_count(m, 1, 0);
	end(m);
}

/* A held guest does not take a step, and goes on where it was. */
static void held_is_held(void **state)
{
	struct machine *m = machine(2);

	(void)state;
	if (!m)
		skip();
	boot(m, counts, sizeof(counts));
	start(m);
	for (unsigned round = 0; round < 50; round++) {
		uint32_t before = counter(m, 1);
		vcpus_run(m->vcpus);
		wait_for_count(m, 1, before);
		vcpus_hold(m->vcpus);
		uint32_t held[2] = { counter(m, 0), counter(m, 1) };
		for (unsigned i = 0; i < 2; i++) {
			struct kvm_regs regs;
			assert_int_equal(ioctl(vcpus_get(m->vcpus, i)->fd, KVM_GET_REGS, &regs), 0);
			assert_in_range(regs.rip, CODE_GPA, CODE_GPA + sizeof(counts));
		}
		assert_int_equal(counter(m, 0), held[0]);
		assert_int_equal(counter(m, 1), held[1]);
	}
	end(m);
}

/*
 * Let go and brought back so soon that kicks come at every moment of a thread's way into the guest: before it looked at `stop`, between
 * that and KVM_RUN, inside. On one processor, the main thread's timer stops the others anywhere.
 */
static void no_kick_is_lost(void **state)
{
	struct machine *m = machine(1);
	cpu_set_t all, one;

	(void)state;
	if (!m)
		skip();
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	boot(m, counts, sizeof(counts));
	start(m);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct timespec delay = { .tv_nsec = 1000 + round % 512 * 50 };
		vcpus_run(m->vcpus);
		nanosleep(&delay, NULL);
		vcpus_hold(m->vcpus);
	}
	end(m);
	prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0);
	sched_setaffinity(0, sizeof(all), &all);
}

/* The kick that comes after the thread's last look at `stop`, and before it is in the guest: KVM_RUN must not begin. */
static void a_kick_at_the_door_is_not_lost(void **state)
{
	struct machine *m = machine(1);

	(void)state;
	if (!m)
		skip();
	boot(m, counts, sizeof(counts));
	start(m);
	for (unsigned round = 0; round < 3; round++) {
		uint32_t before = counter(m, 0);
		close_door();
		vcpus_run(m->vcpus);
		assert_true(wait_for(&door.arrived));
		vcpus_stop(m->vcpus);
		sem_post(&door.enter);
		/* Nobody kicks again before this. */
		bool left = wait_for(&door.left);
		vcpus_hold(m->vcpus);
		assert_true(left);
		assert_int_equal(counter(m, 0), before);
	}
	/* And it still runs. */
	vcpus_run(m->vcpus);
	wait_for_count(m, 0, 0);
	end(m);
}

/* The same while exits are handled: port accesses, whose second half KVM does at the next entry. */
static void no_kick_is_lost_between_exits(void **state)
{
	struct machine *m = machine(2);

	(void)state;
	if (!m)
		skip();
	boot(m, leaves, sizeof(leaves));
	start(m);
	for (unsigned round = 0; round < 1000; round++) {
		vcpus_run(m->vcpus);
		vcpus_hold(m->vcpus);
		/* No access is done twice or half: a read's value arrived if the instruction is past. */
		struct kvm_regs regs;
		assert_int_equal(ioctl(vcpus_get(m->vcpus, 0)->fd, KVM_GET_REGS, &regs), 0);
		if (regs.rip == CODE_GPA + 5)
			assert_int_equal(regs.rax & 0xff, 0x5a);
	}
	end(m);
}

/*
 * KVM tells of one access that crosses a page in two exits, and the first stops the machine: the second is not lost, and the instruction
 * does not end later on, in registers that a restart has set meanwhile.
 */
static void a_held_vcpu_has_left_its_instruction(void **state)
{
	/* mov ax, 0xffff; mov ds, ax; mov [DEVICE_GPA + 0xffe - 0xffff0], eax; 1: jmp 1b */
	static const uint8_t crosses[] = { 0xb8, 0xff, 0xff, 0x8e, 0xd8, 0x66, 0xa3, 0x0e, 0x10, 0xeb, 0xfe };
	struct machine *m = machine(1);

	(void)state;
	if (!m)
		skip();
	boot(m, crosses, sizeof(crosses));
	start(m);
	m->hold_after_writes = 1;
	vcpus_run(m->vcpus);
	while (!atomic_load(&m->stops))
		sched_yield();
	vcpus_hold(m->vcpus);
	assert_int_equal(atomic_load(&m->writes), 2);
	boot(m, counts, sizeof(counts));
	vcpus_run(m->vcpus);
	wait_for_count(m, 0, 0);
	assert_int_equal(atomic_load(&m->writes), 2);
	end(m);
}

/* A device's write handler stops the machine on a vCPU's own thread; the others come back too. */
static void a_vcpu_stops_all(void **state)
{
	struct machine *m = machine(3);

	(void)state;
	if (!m)
		skip();
	boot(m, leaves, sizeof(leaves));
	start(m);
	for (unsigned round = 1; round <= 100; round++) {
		m->hold_after_writes = atomic_load(&m->writes) + 1 + round % 5;
		atomic_store(&m->stops, 0);
		vcpus_run(m->vcpus);
		while (!atomic_load(&m->stops))
			sched_yield();
		vcpus_hold(m->vcpus);
		assert_int_equal(atomic_load(&m->event), VM_POWEROFF);
	}
	end(m);
}

static void *stops_again_and_again(void *arg)
{
	struct machine *m = arg;

	while (!atomic_load(&m->stops))
		vcpus_stop(m->vcpus);
	return NULL;
}

/* Any thread may stop them, also while the main thread lets them go or holds them. */
static void stops_from_another_thread(void **state)
{
	struct machine *m = machine(2);
	pthread_t other;

	(void)state;
	if (!m)
		skip();
	boot(m, counts, sizeof(counts));
	start(m);
	assert_int_equal(pthread_create(&other, NULL, stops_again_and_again, m), 0);
	for (unsigned round = 0; round < 500; round++) {
		vcpus_run(m->vcpus);
		vcpus_hold(m->vcpus);
	}
	atomic_store(&m->stops, 1);
	pthread_join(other, NULL);
	/* And it still runs. */
	uint32_t before = counter(m, 0);
	vcpus_run(m->vcpus);
	wait_for_count(m, 0, before);
	end(m);
}

/* Released in whichever state it is. */
static void freed_at_any_time(void **state)
{
	struct machine *m;

	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		m = machine(2);
		if (!m)
			skip();
		boot(m, counts, sizeof(counts));
		if (how > 0)
			start(m);
		if (how > 1)
			vcpus_run(m->vcpus);
		if (how > 2)
			wait_for_count(m, 1, 0);
		end(m);
	}
	vcpus_free(NULL);
}

static int refuses(void *arg)
{
	atomic_fetch_add(&((struct machine *)arg)->entered, 1);
	return -EPERM;
}

/* A sandbox that can't be entered is no machine. */
static void an_entry_that_fails(void **state)
{
	struct machine *m = machine(3);

	(void)state;
	if (!m)
		skip();
	boot(m, counts, sizeof(counts));
	assert_int_equal(vcpus_start_threads(m->vcpus, refuses, m), -EPERM);
	assert_int_equal(atomic_load(&m->entered), 3);
	assert_int_equal(counter(m, 0), 0);
	end(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_start_held),
		cmocka_unit_test(held_is_held),
		cmocka_unit_test(no_kick_is_lost),
		cmocka_unit_test(a_kick_at_the_door_is_not_lost),
		cmocka_unit_test(no_kick_is_lost_between_exits),
		cmocka_unit_test(a_held_vcpu_has_left_its_instruction),
		cmocka_unit_test(a_vcpu_stops_all),
		cmocka_unit_test(stops_from_another_thread),
		cmocka_unit_test(freed_at_any_time),
		cmocka_unit_test(an_entry_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void no_guest_for_this_architecture(void **state)
{
	(void)state;
	print_message("skip: its guest code is for x86_64\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(no_guest_for_this_architecture) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
