// SPDX-License-Identifier: Apache-2.0
/*
 * Modules and what they depend on: see modules.h.
 *
 * A depth-first walk: a module is put into the order after everything it depends on. One that is met again, while or after it was looked
 * at, is there already, so cycles end by themselves; the kernel would refuse to load one, and says so.
 */
#include "vmm/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <libkmod.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/util/decompress.h"
#include "vmm/util/io.h"
#include "vmm/util/lib.h"
#include "vmm/util/log.h"

#define DEPTH_MAX 32
#define MODULE_LIMIT_BYTES (64ull << 20)
#define REASON_MAX 128
#define ALIAS_TARGETS_MAX 4

#define KMOD_CALLS(X)                  \
	X(kmod_new)                    \
	X(kmod_unref)                  \
	X(kmod_set_log_fn)             \
	X(kmod_list_next)              \
	X(kmod_module_new_from_path)   \
	X(kmod_module_new_from_lookup) \
	X(kmod_module_get_module)      \
	X(kmod_module_get_name)        \
	X(kmod_module_unref)           \
	X(kmod_module_unref_list)      \
	X(kmod_module_get_info)        \
	X(kmod_module_info_get_key)    \
	X(kmod_module_info_get_value)  \
	X(kmod_module_info_free_list)

LIB_STRUCT(kmod_lib, KMOD_CALLS);

struct resolver {
	struct kmod_lib kmod;
	struct kmod_ctx *ctx;
	struct module_tree *tree;
	struct module_list *list;
	char missing[1024]; /* "virtio_net (for net0), failover (for net_failover)" */
	unsigned depth;
};

/*
 * Names that stand for others. modules.alias.bin would say so, had depmod been run; these are the ones that root file systems ask for.
 */
static const struct {
	const char *alias;
	const char *module[2];
} known_aliases[] = {
	{ "crypto_crc32c", { "crc32c_generic", "crc32c_intel" } },
	{ "crc32c", { "crc32c_generic", "crc32c_intel" } },
	{ "crypto_crc32", { "crc32_generic" } },
	{ "crc32", { "crc32_generic" } },
	{ "crypto_xxhash64", { "xxhash_generic" } },
	{ "xxhash64", { "xxhash_generic" } },
	{ "crypto_sha256", { "sha256_generic" } },
	{ "sha256", { "sha256_generic" } },
	{ "crypto_blake2b_256", { "blake2b_generic" } },
	{ "blake2b_256", { "blake2b_generic" } },
	{ "ext2", { "ext4" } },
	{ "ext3", { "ext4" } },
	{ "iso9660", { "isofs" } },
};

static int resolve(struct resolver *r, const char *wanted, const char *reason, bool optional);

/* --- one module's file ------------------------------------------------------------------------------------------------------------- */

/* Unpacks `fd` into a memfd. */
static int unpack(int fd, size_t bytes, struct module *m)
{
	uint64_t len = 0;
	int err;
	void *data = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);

	if (data == MAP_FAILED)
		return -errno;
	enum compression compression = compression_detect(data, bytes);
	if (compression == COMPRESSION_NONE) {
		munmap(data, bytes);
		m->bytes = bytes;
		m->fd = dup(fd);
		return m->fd < 0 ? -errno : 0;
	}
	m->fd = memfd_create("tinyvmm-module", MFD_CLOEXEC);
	err = m->fd < 0 ? -errno : decompress(compression, data, bytes, m->fd, 0, MODULE_LIMIT_BYTES, &len);
	munmap(data, bytes);
	m->bytes = (size_t)len;
	return err;
}

static int open_module(struct resolver *r, struct module *m)
{
	int err, fd = openat(r->tree->fd, m->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &m->file))
		err = -errno;
	else if (!S_ISREG(m->file.st_mode) || !m->file.st_size)
		err = -ENOEXEC;
	else if ((uint64_t)m->file.st_size > MODULE_LIMIT_BYTES)
		err = -EFBIG;
	else
		err = unpack(fd, (size_t)m->file.st_size, m);
	close(fd);
	return err;
}

/* libkmod reads files by their path; and not every libkmod undoes every compression. */
static int read_info(struct resolver *r, struct module *m, struct kmod_list **info)
{
	struct kmod_module *kmod;
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", m->fd);
	err = r->kmod.kmod_module_new_from_path(r->ctx, path, &kmod);
	if (err)
		return err;
	err = r->kmod.kmod_module_get_info(kmod, info);
	r->kmod.kmod_module_unref(kmod);
	return err < 0 ? err : 0;
}

/* --- what it needs ----------------------------------------------------------------------------------------------------------------- */

/* Resolves each name of a list that is cut by any of `separators`; all of them, so that all that is missing is known. */
static int resolve_names(struct resolver *r, const char *names, size_t len, const char *separators, const char *for_module, bool optional)
{
	char reason[REASON_MAX];
	int result = 0;

	snprintf(reason, sizeof(reason), "for %s", for_module);
	for (size_t at = 0; at < len;) {
		char name[MODULE_NAME_MAX];
		size_t n = 0;
		while (at + n < len && !strchr(separators, names[at + n]))
			n++;
		if (n && module_name(names + at, n, name)) {
			int err = resolve(r, name, reason, optional);
			if (err && err != -ENOENT)
				return err;
			result = err ? err : result;
		}
		at += n + 1;
	}
	return result;
}

/* "pre: a b post: c": the part after `which`. A soft dependency that is missing is none. */
static int resolve_soft(struct resolver *r, const struct module *m, const char *softdep, const char *which)
{
	const char *part = strstr(softdep, which), *end;
	int err;

	if (!part)
		return 0;
	part += strlen(which);
	end = strchr(part, ':');
	/* The word before the next colon is that part's name. */
	while (end && end > part && end[-1] != ' ')
		end--;
	err = resolve_names(r, part, end ? (size_t)(end - part) : strlen(part), " \t", m->name, true);
	return err == -ENOENT ? 0 : err;
}

/* What has to be loaded before it. */
static int resolve_needs(struct resolver *r, const struct module *m, struct kmod_list *info)
{
	int result = 0;

	for (struct kmod_list *at = info; at; at = r->kmod.kmod_list_next(info, at)) {
		const char *key = r->kmod.kmod_module_info_get_key(at), *value = r->kmod.kmod_module_info_get_value(at);
		int err = 0;
		if (!strcmp(key, "softdep"))
			err = resolve_soft(r, m, value, "pre:");
		else if (!strcmp(key, "depends"))
			err = resolve_names(r, value, strlen(value), ",", m->name, m->optional);
		if (err && err != -ENOENT)
			return err;
		result = err ? err : result;
	}
	return result;
}

static int resolve_followers(struct resolver *r, const struct module *m, struct kmod_list *info)
{
	int err = 0;

	for (struct kmod_list *at = info; at && !err; at = r->kmod.kmod_list_next(info, at)) {
		if (!strcmp(r->kmod.kmod_module_info_get_key(at), "softdep"))
			err = resolve_soft(r, m, r->kmod.kmod_module_info_get_value(at), "post:");
	}
	return err;
}

/* --- other names ------------------------------------------------------------------------------------------------------------------- */

struct targets {
	char name[ALIAS_TARGETS_MAX][MODULE_NAME_MAX];
	unsigned count;
};

/* Only what is there counts, so an alias never leads to another one. */
static void add_target(struct resolver *r, struct targets *targets, const char *found)
{
	char name[MODULE_NAME_MAX], path[PATH_MAX];

	if (targets->count == ALIAS_TARGETS_MAX || !module_name(found, strlen(found), name))
		return;
	if (module_tree_is_builtin(r->tree, name) || !module_tree_find(r->tree, name, path))
		memcpy(targets->name[targets->count++], name, sizeof(name));
}

static void look_up(struct resolver *r, struct targets *targets, const char *prefix, const char *name)
{
	char alias[MODULE_NAME_MAX + 8];
	struct kmod_list *matches = NULL;

	snprintf(alias, sizeof(alias), "%s%s", prefix, name);
	if (r->kmod.kmod_module_new_from_lookup(r->ctx, alias, &matches) < 0)
		return;
	for (struct kmod_list *at = matches; at; at = r->kmod.kmod_list_next(matches, at)) {
		struct kmod_module *kmod = r->kmod.kmod_module_get_module(at);
		add_target(r, targets, r->kmod.kmod_module_get_name(kmod));
		r->kmod.kmod_module_unref(kmod);
	}
	r->kmod.kmod_module_unref_list(matches);
}

/* A name that is no module's: as an alias, or as a file system's. One of what it stands for is needed, the others may be faster. */
static int resolve_alias(struct resolver *r, const char *name, const char *reason, bool optional)
{
	struct targets targets = { .count = 0 };
	int result = -ENOENT;

	look_up(r, &targets, "", name);
	if (!targets.count)
		look_up(r, &targets, "fs-", name);
	for (size_t i = 0; !targets.count && i < sizeof(known_aliases) / sizeof(*known_aliases); i++) {
		for (size_t j = 0; !strcmp(known_aliases[i].alias, name) && j < 2 && known_aliases[i].module[j]; j++)
			add_target(r, &targets, known_aliases[i].module[j]);
	}
	for (unsigned i = 0; i < targets.count; i++) {
		int err = resolve(r, targets.name[i], reason, i || optional);
		if (err && err != -ENOENT)
			return err;
		result = i ? result : err;
	}
	return result;
}

/* --- the walk ---------------------------------------------------------------------------------------------------------------------- */

static int miss(struct resolver *r, const char *name, const char *reason, bool optional)
{
	size_t used = strlen(r->missing);

	if (optional)
		log_info("no module %s (%s): left out", name, reason);
	else
		snprintf(r->missing + used, sizeof(r->missing) - used, "%s%s (%s)", used ? ", " : "", name, reason);
	return -ENOENT;
}

static struct module *find_seen(struct resolver *r, const char *name)
{
	for (unsigned i = 0; i < r->list->module_count; i++) {
		if (!strcmp(r->list->module[i]->name, name))
			return r->list->module[i];
	}
	return NULL;
}

static struct module *add_to_list(struct resolver *r, const char *name, const char *path, bool optional)
{
	struct module *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->fd = -1;
	m->optional = optional;
	snprintf(m->name, sizeof(m->name), "%s", name);
	snprintf(m->path, sizeof(m->path), "%s", path);
	r->list->module[r->list->module_count++] = m;
	return m;
}

/* Reads what the module says about itself. One that can't be read is only a loss when it is needed. */
static int read_module(struct resolver *r, struct module *m, struct kmod_list **info)
{
	int err = open_module(r, m);

	if (!err)
		err = read_info(r, m, info);
	if (!err)
		return 0;
	const char *why =
		err == -EBADMSG || err == -ENODATA || err == -ENOEXEC || err == -EINVAL ? "it is no module, or damaged" : strerror(-err);
	if (m->optional)
		log_warn("the module %s/%s is left out: %s", r->tree->dir, m->path, why);
	else
		log_error("cannot read the module %s/%s: %s", r->tree->dir, m->path, why);
	return m->optional ? -ENOENT : err == -ENOENT ? -EIO : err;
}

/* The module in the file `path`: first what it needs, then itself. */
static int resolve_file(struct resolver *r, const char *name, const char *path, bool optional)
{
	struct kmod_list *info = NULL;
	unsigned index = r->list->module_count;

	if (index == MODULES_MAX || r->depth == DEPTH_MAX) {
		log_error("%s: the modules depend on more others than any kernel's do", r->tree->dir);
		return -E2BIG;
	}
	struct module *m = add_to_list(r, name, path, optional);
	if (!m)
		return -ENOMEM;
	r->depth++;
	int err = read_module(r, m, &info);
	if (!err)
		err = resolve_needs(r, m, info);
	m->absent = err;
	if (!err) {
		r->list->order[r->list->order_count++] = index;
		err = resolve_followers(r, m, info);
	}
	r->depth--;
	if (info)
		r->kmod.kmod_module_info_free_list(info);
	return err;
}

/* 0: it is built in or in the order (or further up in the walk). -ENOENT: it is missing, and that has been noted. */
static int resolve(struct resolver *r, const char *wanted, const char *reason, bool optional)
{
	char name[MODULE_NAME_MAX], path[PATH_MAX];
	struct module *seen;

	if (!module_name(wanted, strlen(wanted), name))
		return miss(r, wanted, reason, optional);
	seen = find_seen(r, name);
	if (seen && seen->absent)
		return miss(r, name, reason, optional);
	if (seen) {
		seen->optional &= optional;
		return 0;
	}
	if (module_tree_is_builtin(r->tree, name))
		return 0;
	if (!module_tree_find(r->tree, name, path))
		return resolve_file(r, name, path, optional);
	int err = resolve_alias(r, name, reason, optional);
	return err == -ENOENT ? miss(r, name, reason, optional) : err;
}

__attribute__((format(printf, 6, 0))) static void log_kmod(void *data, int priority, const char *file, int line, const char *fn,
							   const char *format, va_list args)
{
	char message[256];

	(void)data, (void)priority, (void)file, (void)line;
	vsnprintf(message, sizeof(message), format, args);
	message[strcspn(message, "\n")] = '\0';
	log_debug("libkmod, %s: %s", fn, message);
}

int modules_resolve(struct module_list *list, struct module_tree *tree, const struct initramfs_module *wanted, unsigned wanted_count)
{
	struct resolver r = { .tree = tree, .list = list };
	const char *no_config[] = { NULL };
	int err = LIB_OPEN(&r.kmod, "libkmod.so.2", "libkmod2", KMOD_CALLS);

	memset(list, 0, sizeof(*list));
	if (err)
		return err;
	r.ctx = r.kmod.kmod_new(tree->dir, no_config);
	if (!r.ctx)
		return -ENOMEM;
	r.kmod.kmod_set_log_fn(r.ctx, log_kmod, NULL);
	for (unsigned i = 0; i < wanted_count && (!err || err == -ENOENT); i++)
		err = resolve(&r, wanted[i].name, wanted[i].reason, wanted[i].optional);
	r.kmod.kmod_unref(r.ctx);
	if (err && err != -ENOENT)
		return err;
	if (!r.missing[0])
		return 0;
	log_error("no kernel module in %s: %s. %s", tree->dir, r.missing,
		  tree->builtin ? "Name a directory that has them with --modules DIR, or use a kernel with these drivers built in"
				: "The directory has no modules.builtin, so nothing is taken to be built in: name a complete one with "
				  "--modules DIR");
	return -ENOENT;
}

void modules_release(struct module_list *list)
{
	for (unsigned i = 0; i < list->module_count; i++) {
		close_fd(&list->module[i]->fd);
		free(list->module[i]);
	}
	list->module_count = list->order_count = 0;
}
