// SPDX-License-Identifier: Apache-2.0
/* ctr/verbs/image.c: an archive that becomes a container's root, and an image's words that become options. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctr/options.h"
#include "ctr/store/state.h"
#include "ctr/store/tree.h"
#include "ctr/verbs/image.h"
#include "tests/fakes/capture.h"

/* --- what the image says
 * ------------------------------------------------------------------------------------------------------------------ */

static char **list_of(const char *const *words)
{
	char **list = NULL;

	for (; *words; words++)
		assert_null(options_append(&list, strdup(*words)));
	return list;
}

static void list_is(char **list, const char *const *expected)
{
	assert_non_null(list);
	for (; *expected; expected++, list++) {
		assert_non_null(*list);
		assert_string_equal(*list, *expected);
	}
	assert_null(*list);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static char *env[] = {"PATH=/bin", "EMPTY=", "broken", "=nameless", "A=b=c", NULL};
static char *entrypoint[] = {"/entry", "--", NULL}, *cmd[] = {"--flag", "", NULL};
static struct archive_config image = {.env = env, .entrypoint = entrypoint, .cmd = cmd, .user = "1000:5", .workdir = "/srv"};

static void all_of_it(void **state)
{
	char **arguments = list_of(WORDS("box", "--image", "x.tar", "--env=A=mine"));
	struct spec spec = {.root_path = "x.tar"};

	(void)state;
	assert_int_equal(image_fold(&image, &spec, &arguments), 0);
	list_is(arguments, WORDS("--env=PATH=/bin", "--env=EMPTY=", "--env=A=b=c", "--user=1000:5", "--workdir=/srv", "box", "--image",
				 "x.tar", "--env=A=mine", "--", "/entry", "--", "--flag", ""));
	store_free_names(arguments);
}

static void the_users_wins(void **state)
{
	static char *command[] = {"sh", NULL};
	char **arguments = list_of(WORDS("box", "--user=me", "--workdir", "/", "--", "sh"));
	struct spec spec = {.root_path = "x.tar", .user = "me", .workdir = "/", .command = command};

	(void)state;
	assert_int_equal(image_fold(&image, &spec, &arguments), 0);
	list_is(arguments, WORDS("--env=PATH=/bin", "--env=EMPTY=", "--env=A=b=c", "box", "--user=me", "--workdir", "/", "--", "sh"));
	store_free_names(arguments);
}

/* What create parses again at each start: it is understood, and the user's variable comes last. */
static void it_parses(void **state)
{
	char **arguments = list_of(WORDS("create", "box", "--image", "x.tar", "--env=A=mine"));
	struct spec spec = {.root_path = "x.tar"}, parsed;
	int count = 0;

	(void)state;
	assert_int_equal(image_fold(&image, &spec, &arguments), 0);
	while (arguments[count])
		count++;
	/* argv[0] is passed over, and here that is an option. */
	char **argv = list_of(WORDS("create"));
	for (int i = 0; i < count; i++)
		if (strcmp(arguments[i], "create"))
			assert_null(options_append(&argv, strdup(arguments[i])));
	assert_int_equal(ctr_create_parse(&parsed, count, argv), OPTIONS_RUN);
	assert_string_equal(parsed.name, "box");
	assert_string_equal(parsed.user, "1000:5");
	assert_string_equal(parsed.command[0], "/entry");
	assert_string_equal(parsed.command[2], "--flag");
	assert_string_equal(parsed.env[2], "A=b=c");
	assert_string_equal(parsed.env[3], "A=mine");
	spec_release(&parsed);
	store_free_names(arguments);
	store_free_names(argv);
}

static void nothing_said(void **state)
{
	static const struct archive_config silent = {.user = "", .workdir = "relative"};
	char **arguments = list_of(WORDS("box", "--image", "x.tar"));
	struct spec spec = {.root_path = "x.tar"};

	(void)state;
	assert_int_equal(image_fold(&silent, &spec, &arguments), 0);
	list_is(arguments, WORDS("box", "--image", "x.tar"));
	store_free_names(arguments);
}

static void too_much(void **state)
{
	char **arguments = list_of(WORDS("box")), **many = calloc(CONFIG_ARGUMENTS_MAX + 2, sizeof(*many));
	struct spec spec = {.root_path = "x.tar"};
	char said[512];

	(void)state;
	for (unsigned i = 0; i <= CONFIG_ARGUMENTS_MAX; i++)
		many[i] = "A=b";
	const struct archive_config large = {.env = many};
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = image_fold(&large, &spec, &arguments);
	capture_end(STDERR_FILENO, saved, memory, said, sizeof(said));
	assert_int_equal(err, -E2BIG);
	assert_non_null(strstr(said, "x.tar: "));
	list_is(arguments, WORDS("box"));
	store_free_names(arguments);
	free(many);
}

/* --- its files
 * ---------------------------------------------------------------------------------------------------------------------------- */

struct fixture {
	char path[64], archive[96];
	struct entry entry;
	char said[4096];
};

static int set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){.entry = {.name = "box", .lock_fd = -1}};
	snprintf(f.path, sizeof(f.path), "/tmp/test_image.XXXXXX");
	if (!mkdtemp(f.path))
		return -1;
	f.entry.fd = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(f.archive, sizeof(f.archive), "%s/x.tar", f.path);
	*state = &f;
	return f.entry.fd < 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close(f->entry.fd);
	return directory_remove(AT_FDCWD, f->path);
}

static int install(struct fixture *f, struct archive_config *config)
{
	const struct spec spec = {.root = ROOT_IMAGE, .root_path = f->archive};
	int saved, memory = capture_begin(STDERR_FILENO, &saved);
	int err = image_install(&f->entry, &spec, config);

	capture_end(STDERR_FILENO, saved, memory, f->said, sizeof(f->said));
	return err;
}

/* By tar(1) and sha256sum(1): what others make. */
static void run(struct fixture *f, const char *script)
{
	char command[2048];

	snprintf(command, sizeof(command), "cd %s && %s", f->path, script);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): the test's own text */
}

static void a_root(void **state)
{
	struct fixture *f = *state;
	struct archive_config config;
	struct stat st;

	run(f, "mkdir r && mkfifo -m 600 r/fifo && echo x >r/file && chmod 4711 r/file && chmod 711 r && tar -C r --owner=77:77 "
	       "--group=88:88 -cf x.tar .");
	assert_int_equal(install(f, &config), 0);
	assert_string_equal(f->said, "");
	assert_null(config.env);
	archive_config_release(&config);
	assert_int_equal(fstatat(f->entry.fd, "root", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0711);
	assert_int_equal(fstatat(f->entry.fd, "root/file", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 04711);
	assert_int_equal(st.st_uid, geteuid() ? geteuid() : 77);
	assert_int_equal(fstatat(f->entry.fd, "root/fifo", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFIFO | 0600);
}

static void an_image(void **state)
{
	struct fixture *f = *state;
	struct archive_config config;

	run(f, "mkdir r i && echo x >r/file && tar -C r -cf layer . && sum=$(sha256sum layer | cut -d' ' -f1) && mv layer i/$sum.tar && "
	       "printf '{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{\"Env\":[\"A=1\",\"B=2\"],\"Entrypoint\":[\"/e\"],"
	       "\"Cmd\":[\"c\",\"d\"],\"User\":\"u\",\"WorkingDir\":\"/w\"}}' "
	       "$(uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/') >i/config.json && "
	       "printf '[{\"Config\":\"config.json\",\"Layers\":[\"%s.tar\"]}]' $sum >i/manifest.json && cd i && tar -cf ../x.tar *");
	int err = install(f, &config);
	if (err)
		fail_msg("%s", f->said);
	list_is(config.env, WORDS("A=1", "B=2"));
	list_is(config.entrypoint, WORDS("/e"));
	list_is(config.cmd, WORDS("c", "d"));
	assert_string_equal(config.user, "u");
	assert_string_equal(config.workdir, "/w");
	archive_config_release(&config);
	assert_int_equal(faccessat(f->entry.fd, "root/file", F_OK, 0), 0);
}

static void refused(struct fixture *f, int expected, const char *what)
{
	struct archive_config config;

	assert_int_equal(install(f, &config), expected);
	archive_config_release(&config);
	assert_non_null(strstr(f->said, f->archive));
	if (!strstr(f->said, what))
		fail_msg("%s", f->said);
	assert_ptr_equal(strchr(f->said, '\n'), f->said + strlen(f->said) - 1);
}

static void no_archives(void **state)
{
	struct fixture *f = *state;

	refused(f, -ENOENT, "No such file");
	assert_int_equal(mkfifo(f->archive, 0600), 0);
	refused(f, -EINVAL, "no file");
	assert_int_equal(unlink(f->archive), 0);
	assert_int_equal(mkdir(f->archive, 0700), 0);
	refused(f, -EISDIR, "--rootfs takes a directory");
	assert_int_equal(rmdir(f->archive), 0);
	run(f, "head -c 5000 /dev/urandom >x.tar");
	refused(f, -EBADMSG, "Unrecognized archive format");
}

/* The process that asked for it is where it was, and has what it had. */
static void nothing_here_changes(void **state)
{
	struct fixture *f = *state;
	struct archive_config config;
	char before[512], after[512];
	struct stat a, b;

	assert_true(readlink("/proc/self/ns/mnt", before, sizeof(before)) > 0);
	assert_int_equal(stat("/", &a), 0);
	run(f, "mkdir r && echo x >r/file && tar -C r -czf x.tar .");
	assert_int_equal(install(f, &config), 0);
	archive_config_release(&config);
	assert_true(readlink("/proc/self/ns/mnt", after, sizeof(after)) > 0);
	assert_memory_equal(before, after, 16);
	assert_int_equal(stat("/", &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it),
		cmocka_unit_test(the_users_wins),
		cmocka_unit_test(it_parses),
		cmocka_unit_test(nothing_said),
		cmocka_unit_test(too_much),
		TEST(a_root),
		TEST(an_image),
		TEST(no_archives),
		TEST(nothing_here_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
