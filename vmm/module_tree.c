// SPDX-License-Identifier: Apache-2.0
/* The directory of modules: see module_tree.h. */
#include "vmm/module_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define TEXT_LIMIT_BYTES (16u << 20) /* modules.dep of a distribution's kernel has half a megabyte */
#define WALK_DEPTH 16
#define WALK_FILES 100000

/* --- names --------------------------------------------------------------------------------------------------------------------- */

bool module_name(const char *text, size_t len, char name[MODULE_NAME_MAX])
{
	if (!len || len >= MODULE_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		/* It becomes a file's name in the archive. */
		if (text[i] == '/' || text[i] == '\0')
			return false;
		name[i] = (char)(text[i] == '-' ? '_' : text[i]);
	}
	name[len] = '\0';
	return strcmp(name, ".") && strcmp(name, "..");
}

bool module_name_of_file(const char *path, size_t len, char name[MODULE_NAME_MAX])
{
	static const char *const endings[] = { ".ko", ".ko.gz", ".ko.xz", ".ko.zst" };
	const char *slash = memrchr(path, '/', len);
	const char *base = slash ? slash + 1 : path;
	size_t base_len = len - (size_t)(base - path);

	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		size_t n = strlen(endings[i]);
		if (base_len > n && !memcmp(base + base_len - n, endings[i], n))
			return module_name(base, base_len - n, name);
	}
	return false;
}

/* A file below the directory: what comes from a text in it must not lead out. */
static bool path_stays_inside(const char *path, size_t len)
{
	if (!len || len >= PATH_MAX || path[0] == '/' || memchr(path, '\0', len))
		return false;
	for (size_t at = 0; at < len;) {
		const char *slash = memchr(path + at, '/', len - at);
		size_t n = slash ? (size_t)(slash - path) - at : len - at;
		if (n == 2 && path[at] == '.' && path[at + 1] == '.')
			return false;
		at += n + 1;
	}
	return true;
}

const char *module_lines_find(const char *text, size_t len, const char *name, size_t *path_len)
{
	char found[MODULE_NAME_MAX];
	const char *end = text + len;

	for (const char *line = text; line < end;) {
		const char *line_end = memchr(line, '\n', (size_t)(end - line));
		size_t n = (size_t)((line_end ? line_end : end) - line);
		const char *colon = memchr(line, ':', n);
		size_t used = colon ? (size_t)(colon - line) : n;

		if (module_name_of_file(line, used, found) && !strcmp(found, name) && path_stays_inside(line, used)) {
			*path_len = used;
			return line;
		}
		line += n + 1;
	}
	return NULL;
}

/* --- where ----------------------------------------------------------------------------------------------------------------------- */

static bool has(const char *dir, const char *file)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%s", dir, file) < (int)sizeof(path) && !access(path, F_OK);
}

/* An index is what no other directory has; in a place that is named for the release, modules alone will do. */
static bool is_module_dir(const char *dir, bool named)
{
	return has(dir, "modules.dep") || has(dir, "modules.order") || has(dir, "modules.builtin") || (named && has(dir, "kernel"));
}

struct search {
	char *dir, *looked;
	bool found;
};

static void try_place(struct search *s, bool named, const char *base, const char *middle, const char *release)
{
	char path[PATH_MAX];
	size_t used = strlen(s->looked);

	if (s->found || snprintf(path, sizeof(path), "%s%s%s", base, middle, release) >= (int)sizeof(path))
		return;
	if (is_module_dir(path, named)) {
		memcpy(s->dir, path, strlen(path) + 1);
		s->found = true;
	}
	snprintf(s->looked + used, MODULE_PLACES_TEXT_MAX - used, "%s%s", used ? ", " : "", path);
}

/* A release comes out of a kernel file and becomes part of paths. */
static bool release_ok(const char *release)
{
	return release && release[0] && release[0] != '.' && !strchr(release, '/') && strlen(release) < 256;
}

static void look_beside_kernel(struct search *s, const char *kernel_path, const char *release)
{
	char path[PATH_MAX], *slash;

	/* A link such as /vmlinuz stands elsewhere than the kernel. */
	if (!realpath(kernel_path, path))
		return;
	slash = strrchr(path, '/');
	*slash = '\0';
	if (release) {
		try_place(s, true, path, "/../lib/modules/", release);
		try_place(s, true, path, "/lib/modules/", release);
		try_place(s, true, path, "/modules/", release);
	}
	try_place(s, false, path, "/", "");
}

int module_tree_locate(const struct module_places *places, char dir[PATH_MAX], char looked[MODULE_PLACES_TEXT_MAX])
{
	const char *release = release_ok(places->release) ? places->release : NULL;
	struct search s = { .dir = dir, .looked = looked };

	looked[0] = '\0';
	if (places->modules_dir) {
		if (release) {
			try_place(&s, true, places->modules_dir, "/", release);
			try_place(&s, true, places->modules_dir, "/lib/modules/", release);
		}
		try_place(&s, !release, places->modules_dir, "", "");
		return s.found ? 0 : -ENOENT;
	}
	if (places->kernel_path)
		look_beside_kernel(&s, places->kernel_path, release);
	if (release) {
		try_place(&s, true, "/lib/modules/", "", release);
		try_place(&s, true, "/usr/lib/modules/", "", release);
	}
	return s.found ? 0 : -ENOENT;
}

/* --- what is in it ---------------------------------------------------------------------------------------------------------------- */

static void read_text(struct module_tree *tree, const char *name, char **text, size_t *len)
{
	char path[PATH_MAX];
	int err;

	if (snprintf(path, sizeof(path), "%s/%s", tree->dir, name) >= (int)sizeof(path))
		return;
	err = read_file(path, TEXT_LIMIT_BYTES, text, len);
	if (err && err != -ENOENT)
		log_warn("cannot read %s: %s", path, strerror(-err));
}

int module_tree_open(struct module_tree *tree, const char *dir)
{
	*tree = (struct module_tree){ .fd = -1 };
	if (snprintf(tree->dir, sizeof(tree->dir), "%s", dir) >= (int)sizeof(tree->dir))
		return -ENAMETOOLONG;
	tree->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree->fd < 0)
		return -errno;
	read_text(tree, "modules.builtin", &tree->builtin, &tree->builtin_len);
	read_text(tree, "modules.dep", &tree->dep, &tree->dep_len);
	read_text(tree, "modules.order", &tree->order, &tree->order_len);
	return 0;
}

void module_tree_release(struct module_tree *tree)
{
	close_fd(&tree->fd);
	free(tree->builtin);
	free(tree->dep);
	free(tree->order);
	free(tree->walk);
	*tree = (struct module_tree){ .fd = -1 };
}

bool module_tree_is_builtin(const struct module_tree *tree, const char *name)
{
	char kernel_name[MODULE_NAME_MAX];
	size_t len;

	return tree->builtin && module_name(name, strlen(name), kernel_name) &&
	       module_lines_find(tree->builtin, tree->builtin_len, kernel_name, &len);
}

struct walk {
	FILE *out;
	unsigned files;
	char path[PATH_MAX]; /* of the directory, relative to the tree, with a slash at its end; empty for the tree itself */
};

static void walk_entry(struct walk *walk, int dir_fd, const struct dirent *entry, unsigned depth);

static void walk_dir(struct walk *walk, int fd, unsigned depth)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		close(fd);
		return;
	}
	while (walk->files < WALK_FILES && (entry = readdir(dir))) {
		walk->files++;
		if (entry->d_name[0] != '.')
			walk_entry(walk, fd, entry, depth);
	}
	closedir(dir);
}

/* Links to directories ("build", "source") are not followed. */
static void walk_entry(struct walk *walk, int dir_fd, const struct dirent *entry, unsigned depth)
{
	size_t used = strlen(walk->path), name_len = strlen(entry->d_name);
	char name[MODULE_NAME_MAX];

	if (module_name_of_file(entry->d_name, name_len, name)) {
		fprintf(walk->out, "%s%s\n", walk->path, entry->d_name);
	} else if ((entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) && depth < WALK_DEPTH &&
		   used + name_len + 2 <= sizeof(walk->path)) {
		int fd = openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return;
		memcpy(walk->path + used, entry->d_name, name_len);
		memcpy(walk->path + used + name_len, "/", 2);
		walk_dir(walk, fd, depth + 1);
		walk->path[used] = '\0';
	}
}

/* Lists what is in the directory, for what no index has. */
static void walk_tree(struct module_tree *tree)
{
	struct walk walk = { .path = "" };
	int fd = openat(tree->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	walk.out = open_memstream(&tree->walk, &tree->walk_len);
	if (!walk.out) {
		close(fd);
		return;
	}
	walk_dir(&walk, fd, 0);
	if (fclose(walk.out))
		tree->walk_len = 0;
}

/* modules.order names the file as it was before it was compressed. */
static bool find_in(const struct module_tree *tree, const char *text, size_t text_len, const char *name, char path[PATH_MAX])
{
	static const char *const endings[] = { "", ".xz", ".zst", ".gz" };
	size_t len;
	const char *line = text ? module_lines_find(text, text_len, name, &len) : NULL;

	for (size_t i = 0; line && i < sizeof(endings) / sizeof(*endings); i++) {
		struct stat st;
		if (snprintf(path, PATH_MAX, "%.*s%s", (int)len, line, endings[i]) < PATH_MAX && !fstatat(tree->fd, path, &st, 0) &&
		    S_ISREG(st.st_mode))
			return true;
	}
	return false;
}

int module_tree_find(struct module_tree *tree, const char *name, char path[PATH_MAX])
{
	char kernel_name[MODULE_NAME_MAX];

	if (!module_name(name, strlen(name), kernel_name))
		return -ENOENT;
	if (find_in(tree, tree->dep, tree->dep_len, kernel_name, path) || find_in(tree, tree->order, tree->order_len, kernel_name, path))
		return 0;
	if (!tree->walk)
		walk_tree(tree);
	return find_in(tree, tree->walk, tree->walk_len, kernel_name, path) ? 0 : -ENOENT;
}
