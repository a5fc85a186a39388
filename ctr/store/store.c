// SPDX-License-Identifier: Apache-2.0
/* Where containers are kept: see store.h. All locks are open file description locks (fcntl(2)), which a test for one leaves alone. */
#include "ctr/store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctr/store/tree.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"
#include "vmm/util/options.h"

#define LOCK "lock"
#define ALIVE "alive"
#define NEW ".new-"
#define OLD ".old-"
/* Of a new directory whose name is taken by what a process with the same number left. */
#define TRIES 100

/* --- locks ------------------------------------------------------------------------------------------------------------------------------
 */

static int lock_fd(int fd, short type, bool wait)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

	while (fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock)) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static bool is_locked(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

static int open_lock(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

	return fd < 0 ? -errno : fd;
}

/* The store as a whole, for the moments in which directories come and go by name. */
static int lock_store(const struct store *store)
{
	int fd = open_lock(store->fd, ".lock");
	int err = fd < 0 ? fd : lock_fd(fd, F_WRLCK, true);

	if (err)
		close_fd(&fd);
	return err ? err : fd;
}

/* --- opening ----------------------------------------------------------------------------------------------------------------------------
 */

static int find_path(char *path, size_t size)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (state && state[0] == '/')
		n = snprintf(path, size, "%s/tinyvmm/ctr", state);
	else if (!geteuid())
		n = snprintf(path, size, "/var/lib/tinyvmm/ctr");
	else if (home && home[0] == '/')
		n = snprintf(path, size, "%s/.local/state/tinyvmm/ctr", home);
	else
		return -ENOENT;
	return n < (int)size ? 0 : -ENAMETOOLONG;
}

/* Nobody is at it any more: it was half made or half removed when something ended that command. */
static void sweep(const struct store *store, const char *name)
{
	int dir = openat(store->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int lock = dir < 0 ? -1 : open_lock(dir, LOCK);

	if (lock >= 0 && !lock_fd(lock, F_WRLCK, false) && directory_remove(store->fd, name))
		log_warn("%s/%s: left by a crash, and can't be removed", store->path, name);
	close_fd(&lock);
	close_fd(&dir);
}

static DIR *list_store(const struct store *store)
{
	int fd = openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		close_fd(&fd);
	return dir;
}

static bool half_done(const char *name)
{
	return !strncmp(name, NEW, strlen(NEW)) || !strncmp(name, OLD, strlen(OLD));
}

static void sweep_all(const struct store *store)
{
	DIR *dir = list_store(store);
	int lock = -1;

	for (const struct dirent *e; dir && (e = readdir(dir));) {
		if (!half_done(e->d_name))
			continue;
		if (lock < 0)
			lock = lock_store(store);
		if (lock >= 0)
			sweep(store, e->d_name);
	}
	close_fd(&lock);
	if (dir)
		closedir(dir);
}

int store_open(struct store *store)
{
	struct stat st = {0};

	store->fd = -1;
	int err = find_path(store->path, sizeof(store->path));
	if (err) {
		log_error("where containers are kept is not known: %s",
			  err == -ENOENT ? "neither XDG_STATE_HOME nor HOME is an absolute path" : strerror(-err));
		return err;
	}
	err = make_dirs(store->path);
	if (!err)
		store->fd = open(store->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!err && (store->fd < 0 || fstat(store->fd, &st)))
		err = -errno;
	if (err) {
		log_error("%s, where containers are kept: %s", store->path, strerror(-err));
	} else if (st.st_uid != geteuid() || st.st_mode & 022) {
		log_error("%s, where containers are kept: belongs to, or can be written by, somebody else", store->path);
		err = -EPERM;
	}
	if (err)
		store_close(store);
	else
		sweep_all(store);
	return err;
}

void store_close(struct store *store)
{
	close_fd(&store->fd);
}

/* --- one container ----------------------------------------------------------------------------------------------------------------------
 */

static int fail(const char *name, const char *what, int err)
{
	log_error("container '%s': %s: %s", name, what, strerror(-err));
	return err;
}

static int taken(const char *name)
{
	log_error("container '%s': there is one of this name already ('tinyvmm ctr list'); another name, or 'tinyvmm ctr delete %s' first",
		  name, name);
	return -EEXIST;
}

/* The name's own, empty and locked. With the store's lock held, so that nobody takes it for a crash's. */
static int make_private_dir(const struct store *store, struct entry *entry)
{
	char name[STORE_NAME_MAX + 32];
	int err = -EEXIST;

	for (unsigned i = 0; i < TRIES && err == -EEXIST; i++) {
		snprintf(name, sizeof(name), NEW "%d-%u", (int)getpid(), i);
		err = mkdirat(store->fd, name, 0700) ? -errno : 0;
	}
	if (err)
		return err;
	entry->fd = openat(store->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	entry->lock_fd = entry->fd < 0 ? -errno : open_lock(entry->fd, LOCK);
	return entry->lock_fd < 0 ? entry->lock_fd : lock_fd(entry->lock_fd, F_WRLCK, false);
}

int store_create(struct store *store, const char *name, struct entry *entry)
{
	*entry = (struct entry){.fd = -1, .lock_fd = -1};
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	if (!faccessat(store->fd, name, F_OK, AT_SYMLINK_NOFOLLOW))
		return taken(name);
	int lock = lock_store(store);
	int err = lock < 0 ? lock : make_private_dir(store, entry);
	close_fd(&lock);
	if (err)
		entry_close(entry);
	return err ? fail(name, "its directory can't be made", err) : 0;
}

/* What the directory behind a descriptor is called now. */
static int own_name(const struct store *store, const struct entry *entry, char *name, size_t size)
{
	char link[64], path[sizeof(store->path) + 256];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", entry->fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	const char *last = strrchr(path, '/');
	return !last || snprintf(name, size, "%s", last + 1) >= (int)size ? -ENAMETOOLONG : 0;
}

static int rename_dir(const struct store *store, const struct entry *entry, const char *to)
{
	char from[256];
	int err = own_name(store, entry, from, sizeof(from));

	if (!err && renameat2(store->fd, from, store->fd, to, RENAME_NOREPLACE))
		err = -errno;
	return err;
}

int entry_publish(struct store *store, struct entry *entry)
{
	int err = rename_dir(store, entry, entry->name);

	if (err == -EEXIST)
		return taken(entry->name);
	return err ? fail(entry->name, "can't get its name", err) : 0;
}

static void explain_missing(struct store *store, const char *name)
{
	char **names = NULL;
	unsigned count = 0;

	store_names(store, &names);
	while (names && names[count])
		count++;
	const char *near = count ? options_nearest(name, (const char *const *)names, sizeof(*names), count) : NULL;
	log_error("container '%s': there is none of this name%s%s%s", name,
		  near    ? ": did you mean '"
		  : count ? " ('tinyvmm ctr list')"
			  : "",
		  near ? near : "", near ? "'?" : "");
	store_free_names(names);
}

int store_look(struct store *store, const char *name, struct entry *entry)
{
	*entry = (struct entry){.fd = -1, .lock_fd = -1};
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	/* Half-made ones, "..", and paths are no names. */
	if (name[0] != '.' && !strchr(name, '/') && strlen(name) <= STORE_NAME_MAX)
		entry->fd = openat(store->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	else
		errno = ENOENT;
	if (entry->fd >= 0)
		return 0;
	int err = -errno;
	if (err != -ENOENT)
		return fail(name, "its directory can't be opened", err);
	explain_missing(store, name);
	return err;
}

/* While we waited for the lock the container may have got another name, or have gone. */
static bool still_called(const struct store *store, const struct entry *entry)
{
	struct stat named, ours;

	return !fstatat(store->fd, entry->name, &named, AT_SYMLINK_NOFOLLOW) && !fstat(entry->fd, &ours) && named.st_ino == ours.st_ino &&
	       named.st_dev == ours.st_dev;
}

int store_find(struct store *store, const char *name, struct entry *entry)
{
	int err;

	for (;;) {
		err = store_look(store, name, entry);
		if (err)
			return err;
		entry->lock_fd = open_lock(entry->fd, LOCK);
		err = entry->lock_fd < 0 ? entry->lock_fd : lock_fd(entry->lock_fd, F_WRLCK, true);
		if (err || still_called(store, entry))
			break;
		entry_close(entry);
	}
	if (err)
		entry_close(entry);
	return err ? fail(name, "can't be locked", err) : 0;
}

void entry_close(struct entry *entry)
{
	close_fd(&entry->lock_fd);
	close_fd(&entry->fd);
}

int store_remove(struct store *store, struct entry *entry)
{
	char old[64];
	int err = -EEXIST;

	for (unsigned i = 0; i < TRIES && err == -EEXIST; i++) {
		snprintf(old, sizeof(old), OLD "%d-%u", (int)getpid(), i);
		err = rename_dir(store, entry, old);
	}
	if (!err)
		err = directory_remove(store->fd, old);
	return err ? fail(entry->name, "can't be removed", err) : 0;
}

int store_rename(struct store *store, struct entry *entry, const char *name)
{
	int err = rename_dir(store, entry, name);

	if (err == -EEXIST)
		return taken(name);
	return err ? fail(entry->name, "can't be renamed", err) : 0;
}

/* --- all of them -------------------------------------------------------------------------------------------------------------------------
 */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int store_names(struct store *store, char ***names)
{
	DIR *dir = list_store(store);
	unsigned count = 0;
	int err = dir ? 0 : -errno;

	*names = NULL;
	for (const struct dirent *e; !err && (e = readdir(dir));) {
		char *name = e->d_name[0] == '.' ? NULL : strdup(e->d_name);
		if (name)
			err = options_append(names, name) ? -ENOMEM : 0;
		count += name != NULL;
	}
	if (dir)
		closedir(dir);
	if (err)
		log_error("%s: can't be listed: %s", store->path, strerror(-err));
	if (count)
		qsort(*names, count, sizeof(**names), by_name);
	return err;
}

void store_free_names(char **names)
{
	for (unsigned i = 0; names && names[i]; i++)
		free(names[i]);
	free(names);
}

/* --- life --------------------------------------------------------------------------------------------------------------------------------
 */

bool entry_is_alive(const struct entry *entry)
{
	int fd = openat(entry->fd, ALIVE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	bool alive = fd >= 0 && is_locked(fd);

	close_fd(&fd);
	return alive;
}

int entry_live(const struct entry *entry)
{
	int fd = open_lock(entry->fd, ALIVE);

	/* Who waits for an end holds it for a moment, too; a monitor that runs does so for good. */
	if (fd >= 0 && entry_is_alive(entry)) {
		close_fd(&fd);
		log_error("container '%s': runs already", entry->name);
		return -EBUSY;
	}
	int err = fd < 0 ? fd : lock_fd(fd, F_WRLCK, true);
	if (err)
		close_fd(&fd);
	return err ? fail(entry->name, "its mark of life can't be taken", err) : fd;
}

int entry_wait(const struct entry *entry)
{
	int fd = openat(entry->fd, ALIVE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	int err = fd < 0 ? (errno == ENOENT ? 0 : -errno) : lock_fd(fd, F_RDLCK, true);

	close_fd(&fd);
	return err ? fail(entry->name, "can't be waited for", err) : 0;
}

/* --- files
 * -------------------------------------------------------------------------------------------------------------------------------- */

void entry_path(const struct store *store, const struct entry *entry, const char *file, char *path, size_t size)
{
	snprintf(path, size, "%s/%s/%s", store->path, entry->name, file);
}

int entry_read(const struct entry *entry, const char *file, size_t limit, char **data, size_t *len)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", entry->fd, file);
	return read_file(path, limit, data, len);
}

int entry_write(const struct entry *entry, const char *file, const void *data, size_t len)
{
	char fresh[64];

	snprintf(fresh, sizeof(fresh), ".%s.new", file);
	int fd = openat(entry->fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = fd < 0 ? -errno : write_full(fd, data, len);
	if (!err && fsync(fd))
		err = -errno;
	close_fd(&fd);
	if (!err && renameat(entry->fd, fresh, entry->fd, file))
		err = -errno;
	if (err)
		unlinkat(entry->fd, fresh, 0);
	return err ? fail(entry->name, file, err) : 0;
}
