// SPDX-License-Identifier: Apache-2.0
/*
 * The initramfs: see initramfs.h. In this order:
 *
 *     dev/  dev/console  proc/  sys/  newroot/  modules/  modules/NAME.ko ...  init  tinyvmm.conf
 *
 * Everything but the last two comes out of a cache most of the time (module_bundle.c).
 */
#include "vmm/initramfs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/protocol.h"
#include "vmm/cpio.h"
#include "vmm/init_blob.h"
#include "vmm/kernel_config.h"
#include "vmm/module_bundle.h"
#include "vmm/module_tree.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

/* --- guest/init's configuration ---------------------------------------------------------------------------------------------------- */

static void put(FILE *out, const char *key, const char *value)
{
	if (value)
		fprintf(out, "%s=%s%c", key, value, 0);
}

static void put_all(FILE *out, const char *key, char *const *values)
{
	for (; values && *values; values++)
		put(out, key, *values);
}

static const char *or_dash(const char *text)
{
	return text ? text : "-";
}

char *initramfs_config(const struct initramfs_plan *plan, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	if (!out)
		return NULL;
	put(out, INIT_KEY_ROOT, plan->root_device);
	put(out, INIT_KEY_ROOTFSTYPE, plan->root_fstype);
	put(out, INIT_KEY_ROOTFLAGS, plan->root_read_only ? "ro" : "rw");
	put(out, INIT_KEY_LOG, plan->log_full ? "full" : NULL);
	put(out, INIT_KEY_HOSTNAME, plan->hostname);
	put(out, INIT_KEY_INIT, plan->init);
	if (plan->argv) {
		put(out, INIT_KEY_STDIO, plan->tty ? "tty" : "ports");
		put_all(out, INIT_KEY_ARGV, plan->argv);
		put_all(out, INIT_KEY_ENV, plan->env);
		for (unsigned i = 0; i < plan->net_count; i++)
			fprintf(out, INIT_KEY_NET "=eth%u %s %s %s%c", i, or_dash(plan->net[i].address), or_dash(plan->net[i].gateway),
				or_dash(plan->net[i].dns), 0);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* --- the archive --------------------------------------------------------------------------------------------------------------------- */

static int write_directories(struct cpio *cpio)
{
	static const char *const names[] = { "dev", "proc", "sys", "newroot" };
	int err = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !err; i++)
		err = cpio_directory(cpio, names[i], 0755);
	/* The kernel opens it for the first program's messages, before that could mount anything. */
	return err ? err : cpio_device(cpio, "dev/console", S_IFCHR | 0600, 5, 1);
}

static int write_bundle(struct cpio *cpio, const struct module_bundle *bundle)
{
	int err = pwrite_full(cpio->fd, bundle->archive, bundle->archive_bytes, cpio->offset);

	if (!err)
		cpio->offset += bundle->archive_bytes;
	return err;
}

static int write_config(struct cpio *cpio, const struct initramfs_plan *plan, const struct module_bundle *bundle)
{
	size_t len = 0, total;
	char *own = initramfs_config(plan, &len), *all;
	int err = -ENOMEM;

	if (!own)
		return err;
	total = bundle->config_bytes + len;
	all = malloc(total + 1);
	if (all) {
		if (bundle->config_bytes)
			memcpy(all, bundle->config, bundle->config_bytes);
		memcpy(all + bundle->config_bytes, own, len);
		err = cpio_file(cpio, &INIT_CONFIG_PATH[1], 0600, all, total);
	}
	free(all);
	free(own);
	return err;
}

static int write_archive(const struct initramfs_plan *plan, const struct module_bundle *bundle, int out_fd, uint64_t *bytes)
{
	struct cpio cpio;
	size_t init_len;
	const void *init = init_blob(&init_len);
	int err;

	cpio_init(&cpio, out_fd, 0, 1);
	err = write_directories(&cpio);
	if (!err)
		err = write_bundle(&cpio, bundle);
	if (!err)
		err = cpio_file(&cpio, "init", 0755, init, init_len);
	if (!err)
		err = write_config(&cpio, plan, bundle);
	if (!err)
		err = cpio_end(&cpio);
	*bytes = cpio.offset;
	return err;
}

/* --- the modules --------------------------------------------------------------------------------------------------------------------- */

/* What is asked for, and the root's file system. */
static unsigned wanted_modules(const struct initramfs_plan *plan, struct initramfs_module *wanted)
{
	unsigned count = plan->module_count < INITRAMFS_MODULES_MAX ? plan->module_count : INITRAMFS_MODULES_MAX;
	bool add_root = plan->root_fstype != NULL;

	memcpy(wanted, plan->module, count * sizeof(*wanted));
	for (unsigned i = 0; i < count && add_root; i++)
		add_root = strcmp(wanted[i].name, plan->root_fstype) != 0;
	if (add_root)
		wanted[count++] = (struct initramfs_module){ .name = plan->root_fstype, .reason = "the root file system" };
	return count;
}

/* "virtio_net (the network), ext4 (the root file system)": those not optional, or of those the ones not in the kernel. */
static void list_needed(char *text, size_t size, const struct initramfs_module *wanted, unsigned count,
			const struct kernel_config *absent_from)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < count && used < size; i++) {
		enum kernel_driver state = absent_from ? kernel_config_driver(absent_from, wanted[i].name) : DRIVER_MODULE;
		if (!wanted[i].optional && (state == DRIVER_MODULE || state == DRIVER_OFF))
			used += (size_t)snprintf(text + used, size - used, "%s%s (%s)", used ? ", " : "", wanted[i].name, wanted[i].reason);
	}
}

/* A kernel with everything built in needs none. One that says otherwise would wait for its disk in vain. */
static int no_directory(const struct initramfs_plan *plan, const char *looked, const struct initramfs_module *wanted, unsigned count)
{
	const char *release = plan->kernel_release && plan->kernel_release[0] ? plan->kernel_release : "of unknown release";
	struct kernel_config config;
	char needed[1024];
	bool in_vain;

	kernel_config_open(&config, plan->kernel_path, plan->kernel_release);
	list_needed(needed, sizeof(needed), wanted, count, plan->modules_dir ? NULL : &config);
	in_vain = plan->modules_dir || needed[0];
	kernel_config_release(&config);
	if (in_vain) {
		log_error("no modules for the kernel %s (looked in %s), and it needs: %s. Name their directory with --modules DIR", release,
			  looked, needed);
		return -ENOENT;
	}
	list_needed(needed, sizeof(needed), wanted, count, NULL);
	log_info("no modules for the kernel %s (looked in %s): these drivers must be built in, or --modules DIR given: %s", release, looked,
		 needed);
	return 0;
}

static int open_bundle(const struct initramfs_plan *plan, struct module_bundle *bundle)
{
	const struct module_places places = { .kernel_path = plan->kernel_path,
					      .release = plan->kernel_release,
					      .modules_dir = plan->modules_dir };
	struct initramfs_module wanted[INITRAMFS_MODULES_MAX + 1];
	char dir[PATH_MAX], looked[MODULE_PLACES_TEXT_MAX];
	struct bundle_request request = { .dir = dir, .module = wanted, .no_cache = plan->no_cache };

	*bundle = (struct module_bundle){ .data = NULL };
	request.module_count = wanted_modules(plan, wanted);
	if (module_tree_locate(&places, dir, looked))
		return no_directory(plan, looked, wanted, request.module_count);
	log_debug("modules from %s", dir);
	return module_bundle_open(bundle, &request);
}

int initramfs_build(const struct initramfs_plan *plan, int out_fd, uint64_t *bytes)
{
	struct module_bundle bundle;
	int err = open_bundle(plan, &bundle);

	*bytes = 0;
	if (err)
		return err;
	err = write_archive(plan, &bundle, out_fd, bytes);
	if (err)
		log_error("cannot write the initramfs: %s", strerror(-err));
	module_bundle_release(&bundle);
	return err;
}
