// SPDX-License-Identifier: Apache-2.0
/*
 * vCPU threads: see vcpu.h.
 *
 * A kick must not be lost between the check of `stop` and KVM_RUN. The signal's handler therefore sets the vCPU's own immediate_exit,
 * which makes a KVM_RUN that has not begun yet return at once (Documentation/virt/kvm/api.rst, KVM_RUN).
 */
#include "vmm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/arch.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

#define KICK_SIGNAL SIGUSR1

enum order { ORDER_HOLD, ORDER_RUN, ORDER_END };

struct vcpu_thread {
	struct vcpu vcpu;
	struct vcpus *all;
	pthread_t thread;
	bool started;
};

struct vcpus {
	struct vm *vm;
	unsigned count;
	atomic_bool stop; /* leave the guest */
	pthread_mutex_t lock; /* guards the next three */
	pthread_cond_t changed;
	enum order order;
	unsigned held; /* threads that wait outside the guest */
	int enter_error;
	int (*enter)(void *arg);
	void *enter_arg;
	struct vcpu_thread thread[];
};

/* The vCPU of the thread that took the kick. */
static __thread struct kvm_run *current_run;

static void kicked(int signal)
{
	(void)signal;
	if (current_run)
		current_run->immediate_exit = 1;
}

/* --- one thread ------------------------------------------------------------------------------------------------------------------- */

static bool irqchip_access(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct irqchip *chip = vcpu->vm->irqchip;

	if (!chip)
		return false;
	if (run->mmio.is_write)
		return chip->write(chip, vcpu->index, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
	return chip->read(chip, vcpu->index, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
}

static void mmio_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	if (run->mmio.len > sizeof(run->mmio.data) || irqchip_access(vcpu))
		return;
	if (run->mmio.is_write)
		bus_write(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
	else
		bus_read(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
}

static void system_event(struct vcpu *vcpu)
{
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vcpu->vm->stop(vcpu->vm, VM_POWEROFF);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		vcpu->vm->stop(vcpu->vm, arch_reset_is_panic(vcpu) ? VM_PANIC : VM_RESET);
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		vcpu->vm->stop(vcpu->vm, VM_PANIC);
		break;
	default:
		log_warn("vCPU %u: unknown system event %u", vcpu->index, vcpu->run->system_event.type);
	}
}

static void handle_exit(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_MMIO:
		mmio_exit(vcpu);
		break;
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		system_event(vcpu);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
	case KVM_EXIT_FAIL_ENTRY:
		arch_vcpu_explain(vcpu);
		vcpu->vm->stop(vcpu->vm, VM_FAULT);
		break;
	default:
		if (arch_vcpu_exit(vcpu))
			break;
		log_error("vCPU %u: KVM stopped for a reason that we don't know (%u)", vcpu->index, vcpu->run->exit_reason);
		vcpu->vm->stop(vcpu->vm, VM_FAULT);
	}
}

/* Always before a look at `stop`: a kick that comes between the two sets it again, and one that came before is seen there. */
static void forget_kick(struct vcpu *vcpu)
{
	vcpu->run->immediate_exit = 0;
	atomic_signal_fence(memory_order_seq_cst);
}

static void run_guest(struct vcpu *vcpu, const atomic_bool *stop)
{
	while (!atomic_load_explicit(stop, memory_order_relaxed)) {
		int err = ioctl(vcpu->fd, KVM_RUN, 0) ? errno : 0;
		arch_vcpu_ran(vcpu);
		if (!err) {
			handle_exit(vcpu);
		} else if (err == EINTR || err == EAGAIN) {
			forget_kick(vcpu);
		} else {
			log_error("vCPU %u: KVM can't run it: %s", vcpu->index, strerror(err));
			vcpu->vm->stop(vcpu->vm, VM_FAULT);
		}
	}
}

/* More than an access can be split into. */
#define PARTS_MAX 16

/*
 * KVM finishes the last exit's access at the next entry, which is made to end there. An access that KVM had to split (one that crosses a
 * page) leaves in parts: each is served, or the instruction would end at a later entry, in registers that a restart has set meanwhile.
 */
static void finish_exit(struct vcpu *vcpu)
{
	vcpu->run->immediate_exit = 1;
	for (unsigned i = 0; i < PARTS_MAX && !ioctl(vcpu->fd, KVM_RUN, 0); i++)
		handle_exit(vcpu);
}

static enum order wait_for_order(struct vcpus *all)
{
	pthread_mutex_lock(&all->lock);
	all->held++;
	pthread_cond_broadcast(&all->changed);
	while (all->order == ORDER_HOLD)
		pthread_cond_wait(&all->changed, &all->lock);
	enum order order = all->order;
	all->held--;
	pthread_mutex_unlock(&all->lock);
	return order;
}

static void *thread_main(void *arg)
{
	struct vcpu_thread *t = arg;
	struct vcpus *all = t->all;
	sigset_t kick;
	int err = all->enter ? all->enter(all->enter_arg) : 0;

	if (err) {
		pthread_mutex_lock(&all->lock);
		all->enter_error = err;
		pthread_mutex_unlock(&all->lock);
	}
	current_run = t->vcpu.run;
	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
	while (wait_for_order(all) == ORDER_RUN) {
		forget_kick(&t->vcpu);
		run_guest(&t->vcpu, &all->stop);
		finish_exit(&t->vcpu);
		pthread_mutex_lock(&all->lock);
		if (all->order == ORDER_RUN && atomic_load(&all->stop))
			all->order = ORDER_HOLD;
		pthread_mutex_unlock(&all->lock);
	}
	current_run = NULL;
	return NULL;
}

/* --- all of them ------------------------------------------------------------------------------------------------------------------ */

static int open_vcpu(struct vcpu *vcpu, struct vm *vm, unsigned index)
{
	int bytes = ioctl(vm->kvm.fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->fd = bytes < 0 ? -1 : ioctl(vm->kvm.vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (vcpu->fd < 0) {
		int err = -errno;
		log_error("KVM gives no vCPU %u: %s%s", index, strerror(errno),
			  index ? ": give less with --cpus" : ": this KVM is not usable ('tinyvmm check' tells more)");
		return err;
	}
	vcpu->run_bytes = (size_t)bytes;
	vcpu->run = mmap(NULL, vcpu->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		vcpu->run = NULL;
		log_error("vCPU %u: %s", index, strerror(errno));
		return -errno;
	}
	return arch_vcpu_init(vcpu);
}

static void close_vcpu(struct vcpu *vcpu)
{
	arch_vcpu_release(vcpu);
	if (vcpu->run)
		munmap(vcpu->run, vcpu->run_bytes);
	close_fd(&vcpu->fd);
}

int vcpus_new(struct vcpus **out, struct vm *vm)
{
	struct vcpus *all = calloc(1, sizeof(*all) + vm->cpus * sizeof(all->thread[0]));
	struct sigaction action = { .sa_handler = kicked };

	*out = all;
	if (!all)
		return -ENOMEM;
	all->vm = vm;
	all->count = vm->cpus;
	pthread_mutex_init(&all->lock, NULL);
	pthread_cond_init(&all->changed, NULL);
	sigaction(KICK_SIGNAL, &action, NULL);
	for (unsigned i = 0; i < all->count; i++) {
		all->thread[i].all = all;
		all->thread[i].vcpu.fd = -1;
	}
	for (unsigned i = 0; i < all->count; i++) {
		int err = open_vcpu(&all->thread[i].vcpu, vm, i);
		if (err)
			return err;
	}
	return 0;
}

static void wait_until_held(struct vcpus *all, unsigned count)
{
	pthread_mutex_lock(&all->lock);
	while (all->held < count)
		pthread_cond_wait(&all->changed, &all->lock);
	pthread_mutex_unlock(&all->lock);
}

int vcpus_start_threads(struct vcpus *all, int (*enter)(void *arg), void *arg)
{
	unsigned started = 0;
	int err = 0;

	all->enter = enter;
	all->enter_arg = arg;
	for (; started < all->count && !err; started++) {
		struct vcpu_thread *t = &all->thread[started];
		char name[16];
		err = thread_start(&t->thread, thread_main, t);
		if (err) {
			log_error("no thread for vCPU %u: %s", started, strerror(-err));
			break;
		}
		t->started = true;
		snprintf(name, sizeof(name), "vcpu%u", started);
		pthread_setname_np(t->thread, name);
	}
	wait_until_held(all, started);
	return err ? err : all->enter_error;
}

void vcpus_free(struct vcpus *all)
{
	if (!all)
		return;
	vcpus_stop(all);
	pthread_mutex_lock(&all->lock);
	all->order = ORDER_END;
	pthread_cond_broadcast(&all->changed);
	pthread_mutex_unlock(&all->lock);
	for (unsigned i = 0; i < all->count; i++) {
		if (all->thread[i].started)
			pthread_join(all->thread[i].thread, NULL);
		close_vcpu(&all->thread[i].vcpu);
	}
	pthread_cond_destroy(&all->changed);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

struct vcpu *vcpus_get(struct vcpus *all, unsigned index)
{
	return &all->thread[index].vcpu;
}

void vcpus_run(struct vcpus *all)
{
	pthread_mutex_lock(&all->lock);
	atomic_store(&all->stop, false);
	all->order = ORDER_RUN;
	pthread_cond_broadcast(&all->changed);
	pthread_mutex_unlock(&all->lock);
}

void vcpus_stop(struct vcpus *all)
{
	atomic_store(&all->stop, true);
	for (unsigned i = 0; i < all->count; i++) {
		if (all->thread[i].started && !pthread_equal(all->thread[i].thread, pthread_self()))
			pthread_kill(all->thread[i].thread, KICK_SIGNAL);
	}
}

void vcpus_hold(struct vcpus *all)
{
	pthread_mutex_lock(&all->lock);
	all->order = ORDER_HOLD;
	pthread_mutex_unlock(&all->lock);
	vcpus_stop(all);
	wait_until_held(all, all->count);
}
