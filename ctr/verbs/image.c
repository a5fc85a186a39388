// SPDX-License-Identifier: Apache-2.0
/*
 * A container's root from an archive: see image.h.
 *
 * The worker loads the libraries, and then makes the new root its own "/" and gives up all but what files take: whatever an archive may
 * make a decompressor do, there is nothing else to be reached. Its mounts are its own.
 */
#include "ctr/verbs/image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctr/mapped.h"
#include "ctr/store/state.h"
#include "vmm/util/io.h"
#include "vmm/util/lib.h"
#include "vmm/util/log.h"
#include "vmm/util/options.h"
#include "vmm/util/process.h"

/* --- what comes back
 * ---------------------------------------------------------------------------------------------------------------------- */

/* Strings one after the other, each with its NUL, each list with its count. */
struct told {
	unsigned env, entrypoint, cmd;
	bool user, workdir;
	size_t used;
	char strings[];
};
#define TOLD_BYTES CONFIG_BYTES_MAX

static int tell(struct told *told, const char *text)
{
	size_t len = strlen(text) + 1;

	if (len > TOLD_BYTES - sizeof(*told) - told->used)
		return -E2BIG;
	memcpy(told->strings + told->used, text, len);
	told->used += len;
	return 0;
}

static int tell_list(struct told *told, char **list, unsigned *count)
{
	int err = 0;

	for (; !err && list && list[*count]; (*count)++)
		err = tell(told, list[*count]);
	return err;
}

static int tell_config(struct told *told, const struct archive_config *config)
{
	int err = tell_list(told, config->env, &told->env);

	if (!err)
		err = tell_list(told, config->entrypoint, &told->entrypoint);
	if (!err)
		err = tell_list(told, config->cmd, &told->cmd);
	told->user = config->user != NULL;
	if (!err && told->user)
		err = tell(told, config->user);
	told->workdir = config->workdir != NULL;
	if (!err && told->workdir)
		err = tell(told, config->workdir);
	if (err)
		log_error("what the image says of its command is longer than 1 MiB");
	return err;
}

static char *hear(const char **at)
{
	char *copy = strdup(*at);

	*at += strlen(*at) + 1;
	return copy;
}

static int hear_list(const char **at, unsigned count, char ***list)
{
	/* An empty list is another thing than none only to images, where both leave the command to others. */
	*list = count ? calloc(count + 1, sizeof(**list)) : NULL;
	for (unsigned i = 0; *list && i < count; i++) {
		(*list)[i] = hear(at);
		if (!(*list)[i])
			return -ENOMEM;
	}
	return count && !*list ? -ENOMEM : 0;
}

static int hear_config(const struct told *told, struct archive_config *config)
{
	const char *at = told->strings;
	int err = hear_list(&at, told->env, &config->env);

	if (!err)
		err = hear_list(&at, told->entrypoint, &config->entrypoint);
	if (!err)
		err = hear_list(&at, told->cmd, &config->cmd);
	if (!err && told->user && !(config->user = hear(&at)))
		err = -ENOMEM;
	if (!err && told->workdir && !(config->workdir = hear(&at)))
		err = -ENOMEM;
	return err;
}

/* --- the worker
 * ---------------------------------------------------------------------------------------------------------------------------- */

struct install {
	int entry_fd, archive_fd;
	const char *path;
	bool set_owners;
	struct told *told;
};

/* While there are files to load them from; archive_unpack() finds them loaded. */
static int load_libraries(void)
{
	int err = lib_open("libarchive.so.13", "libarchive13", "", NULL);

	return err ? err : lib_open("libjansson.so.4", "libjansson4", "", NULL);
}

static int keep_file_rights(void)
{
	const uint32_t rights = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_FSETID | 1u << CAP_SETFCAP;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct data[2] = {{.effective = rights, .permitted = rights}};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_capset, &header, data))
		return -errno;
	return 0;
}

/* A directory that is open is a way out of any root. */
static void close_others(int a, int b)
{
	unsigned low = (unsigned)(a < b ? a : b), high = (unsigned)(a < b ? b : a);

	if (low > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0u, 0);
}

static int shut_in(int root_fd, int archive_fd)
{
	close_others(root_fd, archive_fd);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || fchdir(root_fd) || chroot("."))
		return -errno;
	return keep_file_rights();
}

static int install_job(void *arg)
{
	const struct install *install = arg;
	const struct archive_options options = {.set_owners = install->set_owners};
	struct archive_config config = {.env = NULL};
	int root = -1, err = load_libraries();

	if (err)
		return err;
	umask(0);
	/* Where the file system has no files without names: there is no other place for them. */
	setenv("TMPDIR", "/", 1);
	if (mkdirat(install->entry_fd, "root", 0700))
		err = -errno;
	else
		root = openat(install->entry_fd, "root", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (!err)
		err = root < 0 ? -errno : shut_in(root, install->archive_fd);
	if (err) {
		log_error("%s: can't be unpacked: %s", install->path, strerror(-err));
		goto close_root;
	}
	err = archive_unpack(install->archive_fd, install->path, root, &options, &config);
	if (!err)
		err = tell_config(install->told, &config);
	archive_config_release(&config);
	/* When the host goes down next, it is there. */
	if (!err && syncfs(root)) {
		err = -errno;
		log_error("%s: can't be written to disk: %s", install->path, strerror(-err));
	}
close_root:
	close_fd(&root);
	return err;
}

/* A fifo that nobody writes to must not hold us up. */
static int open_archive(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int err = fd < 0 || fstat(fd, &st) ? -errno : S_ISREG(st.st_mode) ? 0 : S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;

	if (!err)
		return fd;
	log_error("--image %s: %s%s", path, err == -EINVAL ? "no file" : strerror(-err),
		  err == -EISDIR ? ": --rootfs takes a directory" : "");
	close_fd(&fd);
	return err;
}

int image_install(struct entry *entry, const struct spec *spec, struct archive_config *config)
{
	struct install install = {.entry_fd = entry->fd, .path = spec->root_path};
	struct idmap map;

	*config = (struct archive_config){.env = NULL};
	/* root's --userns is made by mounts; the files on the disk are the archive's in any case. */
	int err = idmap_choose(&map, false);
	if (err)
		return err;
	install.set_owners = !map.deny_groups;
	install.told = shared_alloc(TOLD_BYTES);
	if (!install.told)
		return -ENOMEM;
	install.archive_fd = open_archive(spec->root_path);
	err = install.archive_fd < 0 ? install.archive_fd : mapped_run_as(&map, "unpacking", NULL, install_job, &install);
	if (!err)
		err = hear_config(install.told, config);
	close_fd(&install.archive_fd);
	shared_free(install.told, TOLD_BYTES);
	return err;
}

/* --- what the image says, as options
 * ------------------------------------------------------------------------------------------------------- */

static int add(char ***list, const char *option, const char *value)
{
	size_t size = strlen(option) + strlen(value) + 1;
	char *text = malloc(size);

	if (!text)
		return -ENOMEM;
	memcpy(text, option, strlen(option));
	memcpy(text + strlen(option), value, strlen(value) + 1);
	if (!options_append(list, text))
		return 0;
	free(text);
	return -ENOMEM;
}

static int add_all(char ***list, char **values)
{
	int err = 0;

	for (; !err && values && *values; values++)
		err = add(list, "", *values);
	return err;
}

/* What would be a fault of a command line is none of the user's: such a variable is left out, as `run --image` does. */
static int add_env(char ***list, char **env)
{
	int err = 0;

	for (; !err && env && *env; env++) {
		if (strchr(*env, '=') > *env)
			err = add(list, "--env=", *env);
	}
	return err;
}

static int add_command(char ***list, const struct archive_config *image)
{
	if (!(image->entrypoint && *image->entrypoint) && !(image->cmd && *image->cmd))
		return 0;
	int err = add(list, "", "--");
	if (!err)
		err = add_all(list, image->entrypoint);
	return err ? err : add_all(list, image->cmd);
}

int image_fold(const struct archive_config *image, const struct spec *spec, char ***arguments)
{
	char **list = NULL;
	size_t count = 0;
	int err = add_env(&list, image->env);

	if (!err && !spec->user && image->user && *image->user)
		err = add(&list, "--user=", image->user);
	if (!err && !spec->workdir && image->workdir && image->workdir[0] == '/')
		err = add(&list, "--workdir=", image->workdir);
	if (!err)
		err = add_all(&list, *arguments);
	if (!err && !spec->command)
		err = add_command(&list, image);
	while (!err && list && list[count])
		count++;
	if (!err && count > CONFIG_ARGUMENTS_MAX) {
		log_error("%s: its variables and its command make more than %d arguments", spec->root_path, CONFIG_ARGUMENTS_MAX);
		err = -E2BIG;
	}
	if (err) {
		store_free_names(list);
		return err;
	}
	store_free_names(*arguments);
	*arguments = list;
	return 0;
}
