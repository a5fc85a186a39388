// SPDX-License-Identifier: Apache-2.0
/* Preparation: see prepare.h. */
#include "vmm/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/arch.h"
#include "devices/block/probe.h"
#include "vmm/initramfs.h"
#include "vmm/kernel.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

/* What the worker is told and what it finds out, in memory that both sides see. */
struct prepare_job {
	const struct config *config;
	const struct guest_io *io;
	char release[IMAGE_RELEASE_MAX];
	int out_fd; /* where the initramfs goes; -1: none is made */
	char root[PREPARED_NAME_MAX], fstype[PREPARED_NAME_MAX];
	uint64_t initrd_bytes;
};

/* --- the root ------------------------------------------------------------------------------------------------------------------- */

static int find_root(struct prepare_job *job)
{
	const struct config *config = job->config;
	struct disk_probe probe;

	if (config->root)
		snprintf(job->root, sizeof(job->root), "%s", config->root);
	if (!config->disk_count)
		return 0;
	const char *path = config->disk[0].block.path;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0; /* block_open() will explain it */
	int err = disk_probe(fd, &probe);
	close(fd);
	/* A user's own initramfs may know better. */
	if (err && !config->root && !config->initrd_path) {
		log_error("%s: no root file system was found on it: name its device with --root, or give an --initrd", path);
		return err;
	}
	if (err)
		return 0;
	snprintf(job->fstype, sizeof(job->fstype), "%s", probe.fstype);
	if (config->root)
		return 0;
	if (probe.partition)
		snprintf(job->root, sizeof(job->root), "/dev/vda%u", probe.partition);
	else
		snprintf(job->root, sizeof(job->root), "/dev/vda");
	return 0;
}

/* --- our own initramfs ---------------------------------------------------------------------------------------------------------------- */

static void want(struct initramfs_plan *plan, const char *name, const char *reason, bool optional)
{
	plan->module[plan->module_count++] = (struct initramfs_module){ .name = name, .reason = reason, .optional = optional };
}

static void want_modules(struct initramfs_plan *plan, const struct prepare_job *job)
{
	const struct config *config = job->config;

	want(plan, "virtio_mmio", "the bus of all devices", false);
	want(plan, "virtio_console", "the console", false);
	want(plan, "pvpanic-mmio", "noticing a panic at once", true);
	want(plan, arch_map.power_key_module, "the power key", true);
	want(plan, "evdev", "hearing of the power key", true);
	if (config->disk_count)
		want(plan, "virtio_blk", "the disks", false);
	if (job->fstype[0])
		want(plan, job->fstype, "the root file system", false);
	if (config->net_count)
		want(plan, "virtio_net", "the network", false);
	if (config->rng)
		want(plan, "virtio_rng", "random numbers from the host", true);
}

static void plan_networks(struct initramfs_plan *plan, const struct config *config)
{
	for (unsigned i = 0; i < config->net_count && i < INITRAMFS_NETS_MAX; i++) {
		const struct config_net *net = &config->net[i];
		bool user = net->netdev.kind == NETDEV_USER;
		plan->net[plan->net_count++] = (struct initramfs_net){
			.address = net->address ? net->address : user ? "10.0.2.15/24" : NULL,
			.gateway = net->gateway ? net->gateway : user && !net->address ? "10.0.2.2" : NULL,
			.dns = net->dns ? net->dns : user ? "10.0.2.3" : NULL,
		};
	}
}

static int build_initramfs(struct prepare_job *job)
{
	const struct config *config = job->config;
	struct initramfs_plan plan = {
		.kernel_path = config->kernel_path,
		.kernel_release = job->release,
		.modules_dir = config->modules_dir,
		.root_device = job->root[0] ? job->root : NULL,
		.root_fstype = job->fstype[0] ? job->fstype : NULL,
		.root_read_only = config->disk_count && config->disk[0].block.read_only,
		.init = config->init,
		.argv = config->command,
		.env = config->env,
		.hostname = config->command ? config->name : NULL,
		.tty = job->io->tty,
		/* On a terminal a quiet start is wanted; a log is to be complete. */
		.log_full = config->console_log && !(job->io->serial_console && !job->io->command),
		.no_cache = config->no_cache,
	};

	want_modules(&plan, job);
	plan_networks(&plan, config);
	return initramfs_build(&plan, job->out_fd, &job->initrd_bytes);
}

static int worker(void *arg)
{
	struct prepare_job *job = arg;
	int err = find_root(job);

	if (!err && job->out_fd >= 0)
		err = build_initramfs(job);
	return err;
}

static int make_job(struct prepared *p, const struct guest_io *io)
{
	p->job = shared_alloc(sizeof(*p->job));
	if (!p->job)
		return -ENOMEM;
	*p->job = (struct prepare_job){ .config = p->config, .io = io, .out_fd = -1 };
	if (!p->own_initramfs)
		return 0;
	p->job->out_fd = p->initrd_fd = memfd_create("initramfs", MFD_CLOEXEC);
	if (p->initrd_fd < 0) {
		int err = -errno;
		log_error("no memory file for the initramfs: %s", strerror(-err));
		return err;
	}
	return 0;
}

static int start_worker(struct prepared *p, const char *release)
{
	snprintf(p->job->release, sizeof(p->job->release), "%s", release);
	return worker_start(&p->worker, "initramfs", worker, p->job);
}

/* --dump-initramfs */
static int dump_initramfs(const struct prepared *p)
{
	const char *path = p->config->initramfs_path;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int err = fd < 0 ? -errno : 0;
	off_t at = 0;

	while (!err && (uint64_t)at < p->initrd_bytes) {
		ssize_t n = sendfile(fd, p->initrd_fd, &at, p->initrd_bytes - (uint64_t)at);
		if (n <= 0)
			err = n ? -errno : -EIO;
	}
	if (err)
		log_error("--dump-initramfs: '%s': %s", path, strerror(-err));
	close_fd(&fd);
	return err;
}

int prepare_finish(struct prepared *p)
{
	int err = worker_wait(&p->worker);

	if (err)
		return err;
	memcpy(p->root, p->job->root, sizeof(p->root) - 1);
	memcpy(p->fstype, p->job->fstype, sizeof(p->fstype) - 1);
	if (p->own_initramfs)
		p->initrd_bytes = p->job->initrd_bytes;
	return p->config->initramfs_path ? dump_initramfs(p) : 0;
}

/* --- the user's -------------------------------------------------------------------------------------------------------------------- */

static int open_initrd(struct prepared *p, const char *path)
{
	struct stat st;

	p->initrd_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (p->initrd_fd < 0 || fstat(p->initrd_fd, &st)) {
		int err = -errno;
		log_error("--initrd %s: %s", path, strerror(-err));
		return err;
	}
	if (!S_ISREG(st.st_mode) || !st.st_size) {
		log_error("--initrd %s: %s", path, S_ISREG(st.st_mode) ? "is empty" : "is no file");
		return -EINVAL;
	}
	p->initrd_bytes = (uint64_t)st.st_size;
	return 0;
}

int prepare_begin(struct prepared *p, const struct config *config, const struct guest_io *io)
{
	char release[IMAGE_RELEASE_MAX];

	memset(p, 0, sizeof(*p));
	p->image.fd = p->initrd_fd = -1;
	p->config = config;
	p->own_initramfs = !config->initrd_path;
	int err = config->initrd_path ? open_initrd(p, config->initrd_path) : 0;
	if (!err)
		err = make_job(p, io);
	if (!err && kernel_peek(config->kernel_path, release))
		err = start_worker(p, release);
	return err;
}

static int open_kernel(struct prepared *p, struct kernel_seal *seal)
{
	const struct kernel_options options = {
		.path = p->config->kernel_path,
		.machine = arch_map.elf_machine,
		.unpack_in_guest = p->config->unpack_in_guest,
		.no_cache = p->config->no_cache,
		.seal = seal,
	};

	return kernel_open(&p->image, &options);
}

int prepare_kernel_again(struct prepared *p)
{
	kernel_close(&p->image);
	p->seal.closed = false;
	return open_kernel(p, NULL);
}

int prepare_kernel(struct prepared *p)
{
	int err = open_kernel(p, &p->seal);

	if (err)
		return err;
	if (p->worker.pid > 0 && !strcmp(p->job->release, p->image.release))
		return 0;
	/* Not known before; or the file became another one since. */
	worker_cancel(&p->worker);
	return start_worker(p, p->image.release);
}

void prepare_release(struct prepared *p)
{
	/* Not killed: it may be in the middle of a cache file, and what it finds wrong is for the user, too. */
	if (p->worker.pid > 0)
		worker_wait(&p->worker);
	shared_free(p->job, sizeof(*p->job));
	p->job = NULL;
	kernel_close(&p->image);
	explicit_bzero(&p->seal, sizeof(p->seal));
	close_fd(&p->initrd_fd);
}
