// SPDX-License-Identifier: Apache-2.0
/* A machine's life: see machine.h. What its devices are joined to is in machine_devices.c. */
#include "vmm/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "arch/arch.h"
#include "arch/host.h"
#include "guest/protocol.h"
#include "vmm/kernel_load.h"
#include "vmm/machine_devices.h"
#include "vmm/machine_irqchip.h"
#include "vmm/sandbox.h"
#include "vmm/step.h"
#include "vmm/util/terminal.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"
#include "vmm/vcpu.h"

struct machine {
	struct vm vm;
	const struct config *config;
	struct prepared *prepared;
	struct plan *plan;
	struct guest_io *io;
	struct loop *loop;
	struct sandbox sandbox;
	struct vcpus *vcpus;
	struct vm_state *initial; /* NULL: this machine never restarts */
	struct machine_devices *devices;
	struct arch_boot boot;
	struct step vm_step;	 /* KVM's part, while the kernel file is read */
	struct kernel_load load; /* copies the kernel while devices are made */
	_Atomic enum vm_event event;
	/* The user, a signal or --timeout asked us to end, whatever the guest does meanwhile; VM_RUNNING: nobody did. Main thread only. */
	enum vm_event asked;
	int signal_fd;
	struct loop_watch signal_watch;
	struct loop_timer timeout;
	struct loop_work taken; /* guest/init is to be told that the command's output is out */
	struct loop_timer taken_retry;
};

/* --- stopping --------------------------------------------------------------------------------------------------------------------- */

static void machine_stop(struct vm *vm, enum vm_event event)
{
	struct machine *m = (struct machine *)vm; /* its first member */
	enum vm_event running = VM_RUNNING;

	if (!atomic_compare_exchange_strong(&m->event, &running, event))
		return;
	vcpus_stop(m->vcpus);
	loop_stop(m->loop);
}

static void machine_ask(struct machine *m, enum vm_event event)
{
	if (m->asked == VM_RUNNING)
		m->asked = event;
	machine_stop(&m->vm, event);
}

static void on_timeout(void *arg)
{
	struct machine *m = arg;

	log_error("the guest ran for the %u seconds of --timeout and was ended", m->config->timeout_s);
	machine_ask(m, VM_TIMEOUT);
}

static void send_window_size(struct machine *m)
{
	uint16_t columns, rows;

	if (terminal_size(&columns, &rows))
		machine_devices_resize(m->devices, columns, rows);
}

static void on_signal(void *arg, uint32_t events)
{
	struct machine *m = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(m->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH) {
		send_window_size(m);
		return;
	}
	if (info.ssi_signo == SIGPWR) {
		machine_devices_press_power_key(m->devices);
		return;
	}
	machine_ask(m, VM_QUIT);
}

static void on_escape_quit(void *arg)
{
	machine_ask(arg, VM_QUIT);
}

static void on_escape_power(void *arg)
{
	machine_devices_press_power_key(((struct machine *)arg)->devices);
}

static void on_escape_help(void *arg)
{
	static const char keys[] = "\r\ntinyvmm: Ctrl-A x quit, Ctrl-A p power key (asks the guest to shut down), Ctrl-A b break (SysRq), "
				   "Ctrl-A Ctrl-A a Ctrl-A, Ctrl-A c this list\r\n";

	(void)arg;
	write_full(STDERR_FILENO, keys, sizeof(keys) - 1);
}

static void on_escape_break(void *arg)
{
	machine_devices_break(((struct machine *)arg)->devices);
}

/* A command's status is here, its output may still wait for a slow reader. guest/init is told when that is over. */
#define TAKEN_RETRY_NS 5000000

static void tell_taken(void *arg)
{
	struct machine *m = arg;

	if (!machine_devices_finish(m->devices) || !machine_devices_tell_init(m->devices, CONTROL_TAKEN))
		loop_timer_set(m->loop, &m->taken_retry, TAKEN_RETRY_NS);
}

static void on_command_ended(void *arg)
{
	struct machine *m = arg;

	loop_defer(m->loop, &m->taken);
}

/* Signals become events of the loop; from here on none interrupts anything. */
static int watch_signals(struct machine *m)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGPWR);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->signal_fd < 0)
		return -errno;
	m->signal_watch = (struct loop_watch){ .fd = m->signal_fd, .events = EPOLLIN, .ready = on_signal, .arg = m };
	return loop_add(m->loop, &m->signal_watch);
}

/* --- building ----------------------------------------------------------------------------------------------------------------------- */

/* A stock kernel ends, or hangs, at the first instruction that KVM's emulator does not know: better said before. */
static int refuse_emulation(const struct machine *m)
{
	if (m->vm.accelerated || m->config->allow_emulation || !m->prepared->image.release[0])
		return 0;
	log_error("this host has a KVM, but no hardware virtualization behind it: its emulator can't run a stock kernel. "
		  "Use a host with VT-x or AMD-V, or enable nested virtualization for this machine ('tinyvmm check' tells more)");
	return -ENODEV;
}

/* The interrupt controller may have a say in it, so it is there already. */
static int check_processors(const struct machine *m)
{
	int limit = kvm_capability(&m->vm.kvm, KVM_CAP_MAX_VCPUS);

	if (!limit || m->vm.cpus <= (unsigned)limit)
		return 0;
	log_error("--cpus %u: KVM on this host gives a guest at most %d", m->vm.cpus, limit);
	return -E2BIG;
}

static int make_vm(struct machine *m)
{
	unsigned long type;
	int err = arch_vm_type(&m->vm.kvm, m->config->memory_bytes, &type);

	if (err)
		return err;
	err = kvm_create_vm(&m->vm.kvm, type);
	if (err) {
		log_error("KVM makes no virtual machine: %s", strerror(-err));
		return err;
	}
	m->vm.cpus = m->config->cpus;
	m->vm.irqchip_name = m->config->irqchip;
	m->vm.stop = machine_stop;
	err = arch_vm_init(&m->vm);
	if (!err)
		err = check_processors(m);
	return !err && m->vm.irqchip_wanted ? machine_irqchip_new(&m->vm) : err;
}

static int give_memory(struct machine *m)
{
	int err = 0;

	for (unsigned i = 0; i < m->vm.mem.region_count && !err; i++) {
		const struct mem_region *r = &m->vm.mem.region[i];
		err = kvm_add_memory(&m->vm.kvm, r->gpa, r->host, r->size_bytes, false);
		if (err)
			log_error("KVM does not take %llu MiB of guest memory: %s", (unsigned long long)(r->size_bytes >> 20),
				  strerror(-err));
	}
	return err;
}

static int make_processors(struct machine *m)
{
	int err = vcpus_new(&m->vcpus, &m->vm);

	return err ? err : arch_vm_init_late(&m->vm);
}

/* A machine that may restart remembers how it began. */
static int save_initial(struct machine *m)
{
	int err = 0;

	if (m->config->no_reboot)
		return 0;
	err = arch_vm_save(&m->vm, &m->initial);
	for (unsigned i = 0; i < m->vm.cpus && !err; i++)
		err = arch_vcpu_save(vcpus_get(m->vcpus, i));
	return err;
}

/* All that KVM is asked for but for devices. It waits for the host's RCU most of the time: one memory slot takes 10 ms of doing nothing. */
static int make_in_kvm(void *arg)
{
	struct machine *m = arg;
	int err = make_vm(m);

	if (!err)
		err = give_memory(m);
	if (!err)
		err = make_processors(m);
	return err ? err : save_initial(m);
}

static int make_devices(struct machine *m)
{
	const struct machine_devices_site site = {
		.vm = &m->vm,
		.config = m->config,
		.plan = m->plan,
		.io = m->io,
		.loop = m->loop,
		.sandbox = &m->sandbox,
	};
	int err = machine_devices_new(&m->devices, &site);

	bus_freeze(&m->vm.mmio);
	bus_freeze(&m->vm.pio);
	return err;
}

/* --- loading ------------------------------------------------------------------------------------------------------------------------ */

/* Before its bytes are copied there, which kernel_load.h does. */
static int place_kernel(struct machine *m)
{
	m->load = (struct kernel_load){ .image = &m->prepared->image, .seal = &m->prepared->seal };
	return arch_place_kernel(&m->vm, &m->boot, m->load.to);
}

/* The initramfs and the root's name, which a worker found out meanwhile. */
static int take_preparation(struct machine *m)
{
	int err = prepare_finish(m->prepared);

	if (!err)
		err = plan_cmdline(m->plan, m->config, m->prepared, m->io);
	m->boot.initrd_fd = m->prepared->initrd_fd;
	m->boot.initrd_bytes = m->prepared->initrd_bytes;
	m->boot.cmdline = m->plan->cmdline;
	return err;
}

/* All of guest memory, with no thread beside. */
static int load_here(struct machine *m)
{
	int err = place_kernel(m);

	if (!err)
		err = arch_load_rest(&m->vm, &m->boot);
	return err ? err : kernel_load_here(&m->load);
}

/* The cached kernel is damaged: once more from the file itself, which is checked when it is opened. */
static int load_again(struct machine *m)
{
	int err = prepare_kernel_again(m->prepared);

	if (!err)
		err = mem_clear(&m->vm.mem);
	return err ? err : load_here(m);
}

static int set_registers(struct machine *m)
{
	int err = 0;

	for (unsigned i = 0; i < m->vm.cpus && !err; i++)
		err = arch_vcpu_boot(vcpus_get(m->vcpus, i), &m->boot);
	return err;
}

static int finish_loading(struct machine *m)
{
	int err = kernel_load_finish(&m->load);

	if (err == -EBADMSG)
		err = load_again(m);
	return err ? err : set_registers(m);
}

/* Held to the main thread's system calls by now: they make no threads, and nothing is unpacked. */
static int load_for_restart(struct machine *m)
{
	int err = load_here(m);

	if (err == -EBADMSG)
		log_error("the unpacked kernel in the cache was damaged while the guest ran: the guest can't restart, start it anew");
	return err ? err : set_registers(m);
}

/* --dump-dtb: a restart's tree, with other seeds, is not written again. */
static int dump_tree(const struct machine *m)
{
	const void *tree = mem_at(&m->vm.mem, m->boot.boot_info, m->boot.boot_info_bytes);
	int err = 0, fd;

	if (!m->config->dtb_path || !tree)
		return 0;
	fd = open(m->config->dtb_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		err = -errno;
	else
		err = write_full(fd, tree, m->boot.boot_info_bytes);
	if (err)
		log_error("--dump-dtb: '%s': %s", m->config->dtb_path, strerror(-err));
	close_fd(&fd);
	return err;
}

static int enter_vcpu_sandbox(void *arg)
{
	return sandbox_enter(&((struct machine *)arg)->sandbox, SANDBOX_VCPU);
}

/* Whatever KVM's reason was, it has been logged; what remains is that the host refused (run.c turns it into EXIT_HOST). */
static int refused(int err)
{
	return err ? -ENODEV : 0;
}

static int begin(struct machine *m)
{
	int err = refused(kvm_open(&m->vm.kvm));

	if (!err)
		err = sandbox_init(&m->sandbox, m->config);
	if (!err)
		err = refused(arch_add_ram(&m->vm.mem, m->config->memory_bytes));
	if (err)
		return err;
	m->vm.accelerated = arch_host_accelerates();
	step_begin(&m->vm_step, make_in_kvm, m);
	return 0;
}

int machine_new(struct machine **out, const struct config *config, struct plan *plan, struct guest_io *io)
{
	struct machine *m = calloc(1, sizeof(*m));

	*out = NULL;
	if (!m)
		return -ENOMEM;
	m->config = config;
	m->plan = plan;
	m->io = io;
	m->vm.kvm.fd = m->vm.kvm.vm_fd = m->signal_fd = -1;
	io->escape = (struct escape){ .quit = on_escape_quit, .power = on_escape_power, .help = on_escape_help, .arg = m };
	/* Elsewhere the key becomes a Ctrl-O in the input, which is the SysRq key of Linux's hvc driver. */
	if (io->serial_console)
		io->escape.send_break = on_escape_break;
	io->command_ended = on_command_ended;
	io->machine = m;
	m->taken = (struct loop_work){ .run = tell_taken, .arg = m };
	m->taken_retry = (struct loop_timer){ .expired = tell_taken, .arg = m };
	m->loop = loop_new();
	int err = m->loop ? begin(m) : -ENOMEM;
	if (err) {
		machine_free(m);
		return err;
	}
	*out = m;
	return 0;
}

int machine_build(struct machine *m, struct prepared *prepared)
{
	m->prepared = prepared;
	m->boot = (struct arch_boot){ .image = &prepared->image, .devices = &m->plan->devices, .cpus = m->config->cpus };
	int err = refused(refuse_emulation(m));
	if (!err)
		err = watch_signals(m);
	if (err)
		return err;
	/* Copying tens of megabytes takes about as long as all the rest of the set-up: both at once. */
	err = place_kernel(m);
	if (!err)
		kernel_load_begin(&m->load);
	if (!err)
		err = refused(step_wait(&m->vm_step));
	if (!err)
		err = refused(sandbox_ready(&m->sandbox));
	if (!err)
		err = make_devices(m);
	if (!err)
		err = take_preparation(m);
	if (!err)
		err = arch_load_rest(&m->vm, &m->boot);
	if (!err)
		err = finish_loading(m);
	if (!err)
		err = dump_tree(m);
	return err ? err : vcpus_start_threads(m->vcpus, enter_vcpu_sandbox, m);
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	kernel_load_wait(&m->load);
	step_wait(&m->vm_step);
	vcpus_free(m->vcpus);
	machine_devices_free(m->devices);
	free(m->initial);
	machine_irqchip_free(&m->vm);
	arch_vm_release(&m->vm);
	mem_release(&m->vm.mem);
	kvm_release(&m->vm.kvm);
	sandbox_release(&m->sandbox);
	if (m->loop) {
		loop_remove(m->loop, &m->signal_watch);
		loop_timer_cancel(m->loop, &m->timeout);
	}
	close_fd(&m->signal_fd);
	loop_free(m->loop);
	free(m);
}

/* --- running ------------------------------------------------------------------------------------------------------------------------ */

static int machine_restart(struct machine *m)
{
	int err;

	log_info("the guest restarts");
	machine_devices_reset(m->devices);
	guest_io_restart(m->io);
	err = mem_clear(&m->vm.mem);
	if (!err)
		err = arch_vm_restore(&m->vm, m->initial);
	for (unsigned i = 0; i < m->vm.cpus && !err; i++)
		err = arch_vcpu_restore(vcpus_get(m->vcpus, i));
	return err ? err : load_for_restart(m);
}

/* The last output may wait for a slow reader; whoever asks us to end, ends the waiting. False: not all of it was taken. */
static bool finish_output(struct machine *m)
{
	while (!machine_devices_finish(m->devices)) {
		if (m->asked != VM_RUNNING || loop_step(m->loop))
			return false;
	}
	return true;
}

/*
 * A reset before guest/init was heard is no reboot: the kernel never came up. Nor is one with a command under way: kernels without a
 * pvpanic driver reset when they panic, and a command must not be run a second time.
 */
static bool reset_is_panic(const struct machine *m)
{
	return m->prepared->own_initramfs && (!m->io->up || (m->io->command && !m->io->has_status));
}

static enum vm_event run_until_end(struct machine *m)
{
	for (;;) {
		vcpus_run(m->vcpus);
		int err = loop_run(m->loop);
		if (err) {
			log_error("the event loop failed: %s", strerror(-err));
			machine_stop(&m->vm, VM_FAULT);
		}
		vcpus_hold(m->vcpus);
		enum vm_event event = atomic_load(&m->event);
		if (event != VM_RESET || m->config->no_reboot || reset_is_panic(m))
			return event;
		finish_output(m);
		if (m->asked != VM_RUNNING)
			return m->asked;
		if (machine_restart(m))
			return VM_FAULT;
		atomic_store(&m->event, VM_RUNNING);
	}
}

static int panic_status(struct machine *m, const char *what)
{
	terminal_restore();
	guest_io_show_log(m->io);
	log_error("%s", what);
	return EXIT_PANIC;
}

static int poweroff_status(const struct machine *m)
{
	if (m->io->fatal[0]) {
		log_error("the guest could not start: %s", m->io->fatal);
		return EXIT_GUEST_FAULT;
	}
	if (!m->io->command)
		return EXIT_GUEST_OFF;
	if (m->io->has_status)
		return m->io->status;
	log_error("the guest powered off before its command ended");
	return EXIT_GUEST_FAULT;
}

static int exit_status(struct machine *m, enum vm_event event)
{
	switch (event) {
	case VM_POWEROFF:
		return poweroff_status(m);
	case VM_RESET:
		if (reset_is_panic(m))
			return panic_status(m, m->io->up ? "the guest reset before its command ended"
							 : "the guest's kernel never came up: it reset before user space");
		log_info("the guest rebooted, which --no-reboot makes the end");
		return EXIT_REBOOT;
	case VM_PANIC:
		return panic_status(m, "the guest's kernel panicked");
	case VM_TIMEOUT:
		return EXIT_TIMEOUT;
	case VM_QUIT:
		return EXIT_QUIT;
	case VM_RUNNING:
	case VM_FAULT:
		break;
	}
	return EXIT_GUEST_FAULT;
}

int machine_run(struct machine *m)
{
	if (m->config->timeout_s) {
		m->timeout = (struct loop_timer){ .expired = on_timeout, .arg = m };
		loop_timer_set(m->loop, &m->timeout, (int64_t)m->config->timeout_s * 1000000000);
	}
	if (m->io->tty || (!m->io->command && isatty(STDIN_FILENO)))
		terminal_raw();
	send_window_size(m);
	process_trim();
	if (sandbox_enter(&m->sandbox, SANDBOX_MAIN)) {
		terminal_restore();
		return EXIT_HOST;
	}
	enum vm_event event = run_until_end(m);
	/* A guest that had ended by itself, but whose last words nobody took before the end was asked for, ends as asked. */
	if (!finish_output(m) && m->asked != VM_RUNNING)
		event = m->asked;
	terminal_restore();
	return exit_status(m, event);
}
