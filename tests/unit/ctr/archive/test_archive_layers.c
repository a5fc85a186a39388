// SPDX-License-Identifier: Apache-2.0
/* ctr/archive/layers.c, archive_blobs.c, archive_config.c, archive_sha256.c: images, as layouts and as docker save makes them. */
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

#include "ctr/archive/archive_impl.h"
#include "tests/fakes/capture.h"
#include "tests/fakes/fake_tar.h"

#define LAYERS_MAX 4
#define DIGEST_MAX 72
#define PLATFORM "{\"digest\":\"%s\",\"platform\":{\"architecture\":\"%s\",\"os\":\"linux\"}}"

struct fixture {
	struct fake_root root;
	struct fake_tar layer[LAYERS_MAX]; /* ended by ending() */
	struct fake_tar tar;               /* the image */
	char digest[LAYERS_MAX][DIGEST_MAX];
	unsigned layers;
	struct archive_config config;
	char said[4096];
};

static int set_up(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	fake_root_init(&f.root, NULL);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	bool intact = fake_root_intact(&f->root);

	fake_root_release(&f->root);
	for (unsigned i = 0; i < LAYERS_MAX; i++)
		blob_free(&f->layer[i].blob);
	blob_free(&f->tar.blob);
	archive_config_release(&f->config);
	return intact ? 0 : -1;
}

/* For the next of a test's cases. */
static void again(void **state)
{
	assert_int_equal(tear_down(state), 0);
	set_up(state);
}

static int unpack(struct fixture *f)
{
	const struct archive_options options = {.set_owners = false};
	int fd, saved, memory;

	fake_tar_end(&f->tar);
	fd = fake_tar_file(&f->tar.blob);
	memory = capture_begin(STDERR_FILENO, &saved);
	archive_config_release(&f->config);
	int err = archive_unpack(fd, "image.tar", f->root.fd, &options, &f->config);
	capture_end(STDERR_FILENO, saved, memory, f->said, sizeof(f->said));
	close(fd);
	/* Failures are said once. */
	if (err)
		assert_ptr_equal(strchr(f->said, '\n'), f->said + strlen(f->said) - 1);
	return err;
}

static bool there(const struct fixture *f, const char *path)
{
	struct stat st;

	return !fstatat(f->root.fd, path, &st, AT_SYMLINK_NOFOLLOW);
}

static void text_is(const struct fixture *f, const char *path, const char *expected)
{
	char text[256];
	int fd = openat(f->root.fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	assert_true(fd >= 0);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

/* --- images made by hand ---------------------------------------------------------------------------------------------------------------
 */

static void digest_of(const void *data, size_t len, char digest[DIGEST_MAX])
{
	uint8_t bytes[SHA256_BYTES];
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, data, len);
	sha256_end(&hash, bytes);
	strcpy(digest, "sha256:");
	for (unsigned i = 0; i < SHA256_BYTES; i++)
		snprintf(digest + 7 + (size_t)i * 2, 3, "%02x", bytes[i]);
}

static void add_blob(struct fixture *f, const void *data, size_t len, char digest[DIGEST_MAX])
{
	char name[128];

	digest_of(data, len, digest);
	snprintf(name, sizeof(name), "blobs/sha256/%s", digest + 7);
	fake_tar_add(&f->tar, '0', name, NULL, data, len);
}

__attribute__((format(printf, 3, 4))) static void add_json(struct fixture *f, char digest[DIGEST_MAX], const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add_blob(f, text, strlen(text), digest);
}

/* What goes into a layer next; each call of layer() begins one. */
static struct fake_tar *layer(struct fixture *f)
{
	return &f->layer[f->layers++];
}

static const char *host(void)
{
	static char buf[QUOTED_MAX];

	return json_architecture(buf);
}

/* A layout of the layers, the odd ones packed. `process` is the configuration's "config". */
static void make_manifest(struct fixture *f, const char *architecture, const char *process, char digest[DIGEST_MAX])
{
	char config[DIGEST_MAX], list[1024] = "";

	for (unsigned i = 0; i < f->layers; i++) {
		fake_tar_end(&f->layer[i]);
		struct blob packed = fake_pack(COMPRESSION_GZIP, &f->layer[i].blob);
		struct blob *blob = i % 2 ? &packed : &f->layer[i].blob;
		add_blob(f, blob->data, blob->len, f->digest[i]);
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s{\"digest\":\"%s\"}", i ? "," : "", f->digest[i]);
		blob_free(&packed);
	}
	add_json(f, config, "{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":%s}", architecture, process);
	add_json(f, digest, "{\"config\":{\"digest\":\"%s\"},\"layers\":[%s]}", config, list);
}

static void add_index(struct fixture *f, const char *manifests)
{
	char text[2048];

	snprintf(text, sizeof(text), "{\"schemaVersion\":2,\"manifests\":[%s]}", manifests);
	fake_tar_text(&f->tar, "index.json", text);
	fake_tar_text(&f->tar, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
}

static void make_layout(struct fixture *f, const char *architecture, const char *process)
{
	char manifest[DIGEST_MAX], entry[128];

	make_manifest(f, architecture, process, manifest);
	snprintf(entry, sizeof(entry), "{\"digest\":\"%s\"}", manifest);
	add_index(f, entry);
}

static int unpack_layers(struct fixture *f)
{
	make_layout(f, host(), "{}");
	return unpack(f);
}

/* --- tests -----------------------------------------------------------------------------------------------------------------------------
 */

/* FIPS 180-4's examples, and lengths around a block's end. */
static void sha256_is_right(void **state)
{
	char digest[DIGEST_MAX], *million = malloc(1000000);

	(void)state;
	digest_of("", 0, digest);
	assert_string_equal(digest, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	digest_of("abc", 3, digest);
	assert_string_equal(digest, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, digest);
	assert_string_equal(digest, "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	assert_non_null(million);
	memset(million, 'a', 1000000);
	digest_of(million, 1000000, digest);
	assert_string_equal(digest, "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	/* in pieces */
	struct sha256 hash;
	uint8_t whole[SHA256_BYTES], pieces[SHA256_BYTES];
	for (size_t step = 1; step < 200; step += 9) {
		sha256_init(&hash);
		sha256_add(&hash, million, 1000);
		sha256_end(&hash, whole);
		sha256_init(&hash);
		for (size_t at = 0; at < 1000; at += step)
			sha256_add(&hash, million + at, at + step > 1000 ? 1000 - at : step);
		sha256_end(&hash, pieces);
		assert_memory_equal(whole, pieces, SHA256_BYTES);
	}
	free(million);
}

static void layers_and_whiteouts(void **state)
{
	struct fixture *f = *state;
	struct fake_tar *l = layer(f);

	fake_tar_text(l, "etc/gone", "1");
	fake_tar_text(l, "etc/stays", "1");
	fake_tar_text(l, "etc/again", "below");
	fake_tar_text(l, "var/lib/x/y", "1");
	fake_tar_text(l, "opq/below", "1");
	fake_tar_text(l, "opq/sub/below", "1");
	fake_tar_add(l, '2', "lib", "usr/lib", NULL, 0);
	l = layer(f);
	/* whiteouts hide the layers below, wherever they stand in their own */
	fake_tar_text(l, "etc/again", "above");
	fake_tar_text(l, "etc/.wh.again", "");
	fake_tar_text(l, "etc/.wh.gone", "");
	fake_tar_text(l, ".wh.var", "");
	fake_tar_text(l, "opq/sub/above", "2");
	fake_tar_text(l, "opq/.wh..wh..opq", "");
	fake_tar_dir(l, "lib");
	fake_tar_text(l, "lib/.wh..wh..opq", "");
	fake_tar_text(l, "lib/new", "2");
	/* of what is not there; aufs's own */
	fake_tar_text(l, "etc/.wh.never", "");
	fake_tar_text(l, "no/where/.wh.never", "");
	fake_tar_text(l, ".wh..wh.plnk/1.2", "x");
	fake_tar_text(l, ".wh..wh.aufs", "");
	l = layer(f);
	fake_tar_text(l, "var/lib/z", "3");
	assert_int_equal(unpack_layers(f), 0);
	assert_string_equal(f->said, "");
	assert_false(there(f, "etc/gone"));
	text_is(f, "etc/stays", "1");
	text_is(f, "etc/again", "above");
	assert_false(there(f, "var/lib/x"));
	text_is(f, "var/lib/z", "3");
	assert_false(there(f, "opq/below"));
	assert_false(there(f, "opq/sub/below"));
	text_is(f, "opq/sub/above", "2");
	text_is(f, "lib/new", "2");
	assert_false(there(f, ".wh..wh.plnk"));
	assert_false(there(f, "etc/.wh.gone"));
	assert_false(there(f, "no"));
}

static void whiteouts_follow_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_tar *l = layer(f);

	fake_tar_add(l, '2', "up", "..", NULL, 0);
	fake_tar_add(l, '2', "link", "../outside", NULL, 0);
	fake_tar_text(l, "file", "1");
	l = layer(f);
	fake_tar_text(l, "up/.wh.outside", "");
	fake_tar_text(l, "up/.wh..wh..opq", "");
	fake_tar_text(l, ".wh.link", "");
	fake_tar_text(l, "file/.wh.x", "");
	assert_int_equal(unpack_layers(f), 0);
	assert_true(there(f, "up"));
	assert_false(there(f, "link"));
}

static void opaque_root(void **state)
{
	struct fixture *f = *state;

	fake_tar_text(layer(f), "a/b", "1");
	struct fake_tar *l = layer(f);
	fake_tar_text(l, "c", "2");
	fake_tar_text(l, ".wh..wh..opq", "");
	assert_int_equal(unpack_layers(f), 0);
	assert_false(there(f, "a"));
	text_is(f, "c", "2");
}

static void whiteouts_of_dots(void **state)
{
	static const char *const names[] = {".wh...", "a/.wh...", ".wh..", "a/.wh.."};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		again(state);
		fake_tar_text(layer(f), "a/b", "1");
		fake_tar_text(layer(f), names[i], "");
		assert_int_equal(unpack_layers(f), -EPERM);
		text_is(f, "a/b", "1");
	}
}

static void hostile_layer(void **state)
{
	struct fixture *f = *state;

	fake_tar_add(layer(f), '2', "up", "..", NULL, 0);
	fake_tar_text(layer(f), "up/outside", "x");
	assert_int_equal(unpack_layers(f), -EPERM);
	assert_non_null(strstr(f->said, "layer 2 of 2"));
}

static void the_process(void **state)
{
	struct fixture *f = *state;

	fake_tar_text(layer(f), "a", "1");
	make_layout(f, host(),
		    "{\"Env\":[\"PATH=/bin\",\"A=b c\"],\"Entrypoint\":[\"/bin/sh\",\"-c\"],\"Cmd\":null,\"User\":\"5:6\","
		    "\"WorkingDir\":\"/srv\"}");
	assert_int_equal(unpack(f), 0);
	assert_string_equal(f->config.env[0], "PATH=/bin");
	assert_string_equal(f->config.env[1], "A=b c");
	assert_null(f->config.env[2]);
	assert_string_equal(f->config.entrypoint[1], "-c");
	assert_null(f->config.entrypoint[2]);
	assert_null(f->config.cmd);
	assert_string_equal(f->config.user, "5:6");
	assert_string_equal(f->config.workdir, "/srv");
}

static void wrong_processes(void **state)
{
	static const char *const wrong[] = {"{\"Env\":[1]}", "{\"Env\":\"A=b\"}", "{\"Cmd\":{}}", "{\"User\":0}",
					    "{\"User\":\"a\\u0000\"}"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		again(state);
		fake_tar_text(layer(f), "a", "1");
		make_layout(f, host(), wrong[i]);
		assert_int_equal(unpack(f), -EBADMSG);
		assert_false(there(f, "a"));
	}
}

static void another_architecture(void **state)
{
	struct fixture *f = *state;

	fake_tar_text(layer(f), "a", "1");
	make_layout(f, "s390x", "{}");
	assert_int_equal(unpack(f), -ENOTSUP);
	assert_non_null(strstr(f->said, "s390x"));
	assert_false(there(f, "a"));
}

static void the_platform_is_chosen(void **state)
{
	struct fixture *f = *state;
	char ours[DIGEST_MAX], inner[DIGEST_MAX], list[1024];
	const char *nobody = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

	fake_tar_text(layer(f), "a", "ours");
	make_manifest(f, host(), "{}", ours);
	size_t n = (size_t)snprintf(list, sizeof(list), PLATFORM, nobody, "s390x");
	n += (size_t)snprintf(list + n, sizeof(list) - n, ",{\"digest\":\"%s\",\"platform\":{\"architecture\":\"unknown\"}},", nobody);
	snprintf(list + n, sizeof(list) - n, PLATFORM, ours, host());
	/* an index within the index */
	add_json(f, inner, "{\"manifests\":[%s]}", list);
	snprintf(list, sizeof(list), "{\"digest\":\"%s\"}", inner);
	add_index(f, list);
	assert_int_equal(unpack(f), 0);
	text_is(f, "a", "ours");
}

static void no_platform_fits(void **state)
{
	struct fixture *f = *state;

	add_index(f, "{\"digest\":\"sha256:00\",\"platform\":{\"architecture\":\"s390x\",\"os\":\"linux\"}}");
	assert_int_equal(unpack(f), -ENOTSUP);
}

static void wrong_digest(void **state)
{
	struct fixture *f = *state;
	char name[128];

	fake_tar_text(layer(f), "a", "1");
	fake_tar_text(layer(f), "b", "1");
	make_layout(f, host(), "{}");
	/* the last of a name counts */
	snprintf(name, sizeof(name), "blobs/sha256/%s", f->digest[1] + 7);
	fake_tar_add(&f->tar, '0', name, NULL, f->layer[0].blob.data, f->layer[0].blob.len);
	assert_int_equal(unpack(f), -EBADMSG);
	assert_non_null(strstr(f->said, f->digest[1] + 7));
	/* known before the first layer was written */
	assert_false(there(f, "a"));
}

static void damaged_layouts(void **state)
{
	static const char *const manifests[] = {
		"", "{}", "{\"digest\":\"sha256:00\"}", "{\"digest\":\"sha256:../../outside\"}", "{\"digest\":7}", "nonsense",
	};
	struct fixture *f = *state;
	char text[20000];

	for (size_t i = 0; i < sizeof(manifests) / sizeof(*manifests); i++) {
		again(state);
		add_index(f, manifests[i]);
		int err = unpack(f);
		assert_true(err == -EBADMSG || err == -ENOTSUP);
	}
	again(state);
	memset(text, '[', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fake_tar_text(&f->tar, "index.json", text);
	fake_tar_text(&f->tar, "oci-layout", "{}");
	assert_int_equal(unpack(f), -EBADMSG);
}

/* --- docker save -----------------------------------------------------------------------------------------------------------------------
 */

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void add_config(struct fixture *f, const char *architecture)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"architecture\":\"%s\",\"config\":{\"Cmd\":[\"sh\"]}}", architecture);
	fake_tar_text(&f->tar, HEX_A ".json", text);
}

static void docker_save(void **state)
{
	struct fixture *f = *state;
	struct fake_tar *l = layer(f);

	fake_tar_text(l, "a", "1");
	fake_tar_text(l, "b", "1");
	fake_tar_end(l);
	l = layer(f);
	fake_tar_text(l, ".wh.a", "");
	fake_tar_text(l, "c", "2");
	fake_tar_end(l);
	fake_tar_dir(&f->tar, HEX_A "/");
	fake_tar_add(&f->tar, '0', HEX_A "/layer.tar", NULL, f->layer[0].blob.data, f->layer[0].blob.len);
	fake_tar_add(&f->tar, '0', HEX_B ".tar", NULL, f->layer[1].blob.data, f->layer[1].blob.len);
	/* a layer that is one of another image is a link to it */
	fake_tar_add(&f->tar, '2', HEX_B "/layer.tar", "../" HEX_B ".tar", NULL, 0);
	fake_tar_add(&f->tar, '2', HEX_B "/up.tar", "../../../outside", NULL, 0);
	add_config(f, host());
	fake_tar_text(&f->tar, "manifest.json",
		      "[{\"Config\":\"" HEX_A ".json\",\"Layers\":[\"" HEX_A "/layer.tar\",\"" HEX_B "/layer.tar\"]}]");
	fake_tar_text(&f->tar, "repositories", "{}");
	assert_int_equal(unpack(f), 0);
	assert_false(there(f, "a"));
	text_is(f, "b", "1");
	text_is(f, "c", "2");
	assert_string_equal(f->config.cmd[0], "sh");
}

static void damaged_docker_saves(void **state)
{
	static const char *const manifests[] = {
		"[]",
		"{}",
		"[{\"Config\":\"gone.json\",\"Layers\":[]}]",
		"[{\"Config\":\"" HEX_A ".json\"}]",
		"[{\"Config\":\"" HEX_A ".json\",\"Layers\":[\"../outside\"]}]",
		"[{\"Config\":\"" HEX_A ".json\",\"Layers\":[\"" HEX_B "/loop\"]}]",
		"[{\"Config\":\"" HEX_A ".json\",\"Layers\":[\"" HEX_A ".json\"]}]",
		"[{\"Config\":\"" HEX_A ".json\",\"Layers\":[7]}]",
		"[{\"Config\":\"" HEX_A ".json\",\"Layers\":[\"blobs/sha256/" HEX_A "\"]}]",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(manifests) / sizeof(*manifests); i++) {
		again(state);
		add_config(f, host());
		fake_tar_add(&f->tar, '2', HEX_B "/loop", "loop", NULL, 0);
		fake_tar_text(&f->tar, "blobs/sha256/" HEX_A, "whose digest is another");
		fake_tar_text(&f->tar, "manifest.json", manifests[i]);
		assert_int_equal(unpack(f), -EBADMSG);
	}
}

static void docker_save_for_another(void **state)
{
	struct fixture *f = *state;

	add_config(f, "s390x");
	fake_tar_text(&f->tar, "manifest.json", "[{\"Config\":\"" HEX_A ".json\",\"Layers\":[]}]");
	assert_int_equal(unpack(f), -ENOTSUP);
}

/* Names of an image among others make none. */
static void not_an_image(void **state)
{
	struct fixture *f = *state;

	fake_tar_text(&f->tar, "manifest.json", "[]");
	fake_tar_text(&f->tar, "index.json", "{}");
	fake_tar_text(&f->tar, "oci-layout", "{}");
	fake_tar_text(&f->tar, "bin/sh", "x");
	assert_int_equal(unpack(f), 0);
	text_is(f, "manifest.json", "[]");
	text_is(f, "bin/sh", "x");
	assert_null(f->config.cmd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_is_right),
		TEST(layers_and_whiteouts),
		TEST(whiteouts_follow_nothing),
		TEST(opaque_root),
		TEST(whiteouts_of_dots),
		TEST(hostile_layer),
		TEST(the_process),
		TEST(wrong_processes),
		TEST(another_architecture),
		TEST(the_platform_is_chosen),
		TEST(no_platform_fits),
		TEST(wrong_digest),
		TEST(damaged_layouts),
		TEST(docker_save),
		TEST(damaged_docker_saves),
		TEST(docker_save_for_another),
		TEST(not_an_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
