// SPDX-License-Identifier: Apache-2.0
/*
 * The JSON of images, by jansson: OCI image-spec, config.md; docker save's configurations have the same members. Strings with zero bytes,
 * deep nesting and what is no UTF-8 are refused by jansson; the length is bounded here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "ctr/archive/archive_impl.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

/* The specification asks for no more than 4 MiB of a manifest. */
#define JSON_LIMIT_BYTES (8u << 20)
#define STRINGS_MAX 8192u

int json_open(struct json_lib *lib)
{
	return LIB_OPEN(lib, "libjansson.so.4", "libjansson4", JSON_CALLS);
}

int json_load(const struct json_lib *lib, const struct image_blobs *blobs, const struct image_blob *blob, json_t **root)
{
	char *text = NULL, quoted[QUOTED_MAX], reason[QUOTED_MAX];
	json_error_t error = {.text = ""};
	int err = blob->len > JSON_LIMIT_BYTES ? -EFBIG : 0;

	if (!err) {
		text = malloc(blob->len + 1);
		err = text ? pread_full(blobs->fd, text, blob->len, blob->offset) : -ENOMEM;
	}
	if (!err) {
		*root = lib->json_loadb(text, blob->len, 0, &error);
		err = *root ? 0 : -EBADMSG;
	}
	free(text);
	if (err)
		log_error("%s: %s: %s", blobs->name, archive_quote(blob->name, quoted),
			  *error.text ? archive_quote(error.text, reason) : strerror(-err));
	return err;
}

const char *json_text(const struct json_lib *lib, const json_t *object, const char *key)
{
	return lib->json_string_value(lib->json_object_get(object, key));
}

const char *json_architecture(char buf[QUOTED_MAX])
{
	/* Go's names where they aren't the kernel's. */
	static const char *const names[][2] = {
		{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"}, {"armv6l", "arm"}, {"i686", "386"},
	};
	struct utsname host;

	if (uname(&host))
		return "unknown";
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(host.machine, names[i][0]))
			return names[i][1];
	}
	return archive_quote(host.machine, buf);
}

/* --- the process --------------------------------------------------------------------------------------------------------------------- */

static void free_strings(char **strings)
{
	for (size_t i = 0; strings && strings[i]; i++)
		free(strings[i]);
	free((void *)strings);
}

/* An array of strings; what is not there or null is none. */
static int copy_strings(const struct json_lib *lib, const json_t *array, char ***copy)
{
	size_t count = lib->json_array_size(array);
	int err = 0;

	*copy = NULL;
	if (!array || json_is_null(array))
		return 0;
	if (!json_is_array(array) || count > STRINGS_MAX)
		return -EBADMSG;
	char **strings = (char **)calloc(count + 1, sizeof(*strings));
	if (!strings)
		return -ENOMEM;
	for (size_t i = 0; i < count && !err; i++) {
		const char *text = lib->json_string_value(lib->json_array_get(array, i));
		strings[i] = text ? strdup(text) : NULL;
		err = strings[i] ? 0 : text ? -ENOMEM : -EBADMSG;
	}
	if (err)
		free_strings(strings);
	else
		*copy = strings;
	return err;
}

/* An empty one says as much as none. */
static int copy_text(const struct json_lib *lib, const json_t *value, char **copy)
{
	const char *text = lib->json_string_value(value);

	*copy = NULL;
	if (value && !json_is_null(value) && !text)
		return -EBADMSG;
	if (!text || !*text)
		return 0;
	*copy = strdup(text);
	return *copy ? 0 : -ENOMEM;
}

static int copy_process(const struct json_lib *lib, const json_t *from, struct archive_config *config)
{
	int err = copy_strings(lib, lib->json_object_get(from, "Env"), &config->env);

	if (!err)
		err = copy_strings(lib, lib->json_object_get(from, "Entrypoint"), &config->entrypoint);
	if (!err)
		err = copy_strings(lib, lib->json_object_get(from, "Cmd"), &config->cmd);
	if (!err)
		err = copy_text(lib, lib->json_object_get(from, "User"), &config->user);
	if (!err)
		err = copy_text(lib, lib->json_object_get(from, "WorkingDir"), &config->workdir);
	return err;
}

int json_config(const struct json_lib *lib, const char *name, const json_t *root, struct archive_config *config)
{
	const char *architecture = json_text(lib, root, "architecture"), *os = json_text(lib, root, "os");
	char ours[QUOTED_MAX], quoted[QUOTED_MAX];
	int err = 0;

	if (os && *os && strcmp(os, "linux")) {
		log_error("%s is an image for %s, and this is Linux", name, archive_quote(os, quoted));
		return -ENOTSUP;
	}
	if (architecture && *architecture && strcmp(architecture, json_architecture(ours))) {
		log_error("%s is an image for %s, and this machine is %s: get the image for this one", name,
			  archive_quote(architecture, quoted), json_architecture(ours));
		return -ENOTSUP;
	}
	if (config)
		err = copy_process(lib, lib->json_object_get(root, "config"), config);
	if (err)
		log_error("%s: the image's configuration is wrong: %s", name,
			  err == -EBADMSG ? "Env, Entrypoint and Cmd are lists of texts, User and WorkingDir are texts" : strerror(-err));
	return err;
}

void archive_config_release(struct archive_config *config)
{
	free_strings(config->env);
	free_strings(config->entrypoint);
	free_strings(config->cmd);
	free(config->user);
	free(config->workdir);
	*config = (struct archive_config){.env = NULL};
}
