// SPDX-License-Identifier: Apache-2.0
/* A container's two documents: see state.h. By jansson, in a worker where they are read. */
#include "ctr/store/state.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/util/io.h"
#include "vmm/util/lib.h"
#include "vmm/util/log.h"
#include "vmm/util/process.h"

#define CONFIG_FILE "config.json"
#define STATUS_FILE "status.json"
#define STATUS_BYTES_MAX 4096
#define VERSION_NUMBER 1

#define JSON_CALLS(X)                                                                                                                    \
	X(json_loadb)                                                                                                                    \
	X(json_delete) X(json_object_get) X(json_array_size) X(json_array_get) X(json_string_value) X(json_integer_value) X(json_object) \
		X(json_object_set_new) X(json_array) X(json_array_append_new) X(json_string) X(json_integer) X(json_true) X(json_false)  \
			X(json_dumps)
LIB_STRUCT(json_lib, JSON_CALLS);

static int open_json(struct json_lib *lib)
{
	return LIB_OPEN(lib, "libjansson.so.4", "libjansson4", JSON_CALLS);
}

/* --- reading ----------------------------------------------------------------------------------------------------------------------------
 */

struct reader {
	struct json_lib lib;
	const char *name;
	json_t *root;
};

static int fault(const struct reader *r, const char *key, const char *what)
{
	log_error("%s: \"%s\" %s: the file is damaged, or of another version of tinyvmm", r->name, key, what);
	return -EINVAL;
}

static int get_number(const struct reader *r, const char *key, json_int_t min, json_int_t max, int64_t *number)
{
	const json_t *value = r->lib.json_object_get(r->root, key);

	if (!json_is_integer(value))
		return fault(r, key, "is missing, or no whole number");
	*number = r->lib.json_integer_value(value);
	return *number < min || *number > max ? fault(r, key, "is out of bounds") : 0;
}

static int begin(struct reader *r, const char *name, const char *text, size_t len)
{
	json_error_t error;
	int64_t version;
	int err = open_json(&r->lib);

	r->name = name;
	r->root = NULL;
	if (err)
		return err;
	r->root = r->lib.json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (r->root && json_is_object(r->root))
		return get_number(r, "version", VERSION_NUMBER, VERSION_NUMBER, &version);
	log_error("%s: line %d, column %d: %s", name, r->root ? 1 : error.line, r->root ? 1 : error.column,
		  r->root ? "it is not an object" : error.text);
	return -EINVAL;
}

static void end(struct reader *r)
{
	if (r->root)
		r->lib.json_delete(r->root);
}

static int copy_arguments(const struct reader *r, struct description *config)
{
	const json_t *list = r->lib.json_object_get(r->root, "arguments");
	size_t count = json_is_array(list) ? r->lib.json_array_size(list) : CONFIG_ARGUMENTS_MAX + 1;

	if (count > CONFIG_ARGUMENTS_MAX)
		return fault(r, "arguments", "is missing, no list, or too long");
	config->arguments = calloc(count + 1, sizeof(*config->arguments));
	if (!config->arguments)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const json_t *value = r->lib.json_array_get(list, i);
		if (!json_is_string(value))
			return fault(r, "arguments", "holds what is no string");
		config->arguments[i] = strdup(r->lib.json_string_value(value));
		if (!config->arguments[i])
			return -ENOMEM;
	}
	return 0;
}

static int copy_config(const struct reader *r, struct description *config)
{
	const json_t *directory = r->lib.json_object_get(r->root, "directory"), *image = r->lib.json_object_get(r->root, "image");
	int err = get_number(r, "created", 0, INT64_MAX, &config->created);

	if (err)
		return err;
	if (!json_is_string(directory) || r->lib.json_string_value(directory)[0] != '/')
		return fault(r, "directory", "is missing, or no absolute path");
	if (!json_is_boolean(image))
		return fault(r, "image", "is missing, or neither true nor false");
	config->image = json_is_true(image);
	config->directory = strdup(r->lib.json_string_value(directory));
	return config->directory ? copy_arguments(r, config) : -ENOMEM;
}

int description_parse(const char *name, const char *text, size_t len, struct description *config)
{
	struct reader r;
	int err = begin(&r, name, text, len);

	*config = (struct description){0};
	if (!err)
		err = copy_config(&r, config);
	if (err)
		description_release(config);
	end(&r);
	return err;
}

void description_release(struct description *config)
{
	for (unsigned i = 0; config->arguments && config->arguments[i]; i++)
		free(config->arguments[i]);
	free(config->arguments);
	free(config->directory);
	*config = (struct description){0};
}

int status_parse(const char *name, const char *text, size_t len, struct status *status)
{
	struct reader r;
	int64_t pid = 0, code = 0;
	int err = begin(&r, name, text, len);

	*status = (struct status){0};
	if (!err)
		err = get_number(&r, "pid", 0, INT_MAX, &pid);
	if (!err)
		err = get_number(&r, "started", 0, INT64_MAX, &status->started);
	if (!err)
		err = get_number(&r, "finished", 0, INT64_MAX, &status->finished);
	if (!err)
		err = get_number(&r, "status", 0, 255, &code);
	status->pid = (pid_t)pid;
	status->status = (int)code;
	if (err)
		*status = (struct status){0};
	end(&r);
	return err;
}

/* --- reading, in a worker
 * ----------------------------------------------------------------------------------------------------------------- */

/* Strings come back one after the other, each with its NUL. */
struct reading {
	const char *name, *text;
	size_t len;
	struct status status;
	int64_t created;
	bool image;
	unsigned count;
	size_t used;
	char strings[];
};

#define READING_BYTES (sizeof(struct reading) + CONFIG_BYTES_MAX)

static void pack(struct reading *reading, const char *text)
{
	size_t len = strlen(text) + 1;

	/* All of them were in a file of CONFIG_BYTES_MAX, with quotes around them. */
	memcpy(reading->strings + reading->used, text, len);
	reading->used += len;
}

static int read_config_job(void *arg)
{
	struct reading *reading = arg;
	struct description config;
	int err = description_parse(reading->name, reading->text, reading->len, &config);

	if (err)
		return err;
	reading->created = config.created;
	reading->image = config.image;
	pack(reading, config.directory);
	for (; config.arguments[reading->count]; reading->count++)
		pack(reading, config.arguments[reading->count]);
	description_release(&config);
	return 0;
}

static int read_status_job(void *arg)
{
	struct reading *reading = arg;

	return status_parse(reading->name, reading->text, reading->len, &reading->status);
}

static int unpack(const struct reading *reading, struct description *config)
{
	const char *at = reading->strings;

	config->created = reading->created;
	config->image = reading->image;
	config->directory = strdup(at);
	config->arguments = calloc(reading->count + 1, sizeof(*config->arguments));
	bool whole = config->directory && config->arguments;
	for (unsigned i = 0; whole && i < reading->count; i++) {
		at += strlen(at) + 1;
		config->arguments[i] = strdup(at);
		whole = config->arguments[i] != NULL;
	}
	if (!whole)
		description_release(config);
	return whole ? 0 : -ENOMEM;
}

/* *reading is NULL after an error, which was logged, but for -ENOENT. */
static int read_document(const struct entry *entry, const char *file, size_t limit, int (*job)(void *arg), struct reading **out)
{
	struct reading *reading = shared_alloc(READING_BYTES);
	char name[STORE_NAME_MAX + 32], *text = NULL;
	size_t len;
	int err = reading ? entry_read(entry, file, limit, &text, &len) : -ENOMEM;

	*out = NULL;
	snprintf(name, sizeof(name), "container '%s': %s", entry->name, file);
	if (err && err != -ENOENT)
		log_error("%s: %s", name, strerror(-err));
	if (!err) {
		reading->name = name;
		reading->text = text;
		reading->len = len;
		err = worker_run("reader of state files", job, reading);
	}
	free(text);
	if (err && reading)
		shared_free(reading, READING_BYTES);
	else
		*out = reading;
	return err;
}

int description_read(const struct entry *entry, struct description *config)
{
	struct reading *reading;
	int err = read_document(entry, CONFIG_FILE, CONFIG_BYTES_MAX, read_config_job, &reading);

	*config = (struct description){0};
	if (err == -ENOENT)
		log_error("container '%s': " CONFIG_FILE " is missing: 'tinyvmm ctr delete --force %s' removes what is left", entry->name,
			  entry->name);
	if (err)
		return err;
	err = unpack(reading, config);
	shared_free(reading, READING_BYTES);
	return err;
}

int status_read(const struct entry *entry, struct status *status)
{
	struct reading *reading;
	int err = read_document(entry, STATUS_FILE, STATUS_BYTES_MAX, read_status_job, &reading);

	*status = (struct status){0};
	if (err)
		return err == -ENOENT ? 0 : err;
	*status = reading->status;
	shared_free(reading, READING_BYTES);
	return 0;
}

/* --- writing -----------------------------------------------------------------------------------------------------------------------------
 */

/* NULL also for what is not UTF-8, and so can't be in JSON. */
static char *config_text(const struct json_lib *lib, const struct description *config)
{
	json_t *root = lib->json_object(), *list = lib->json_array();
	int err = lib->json_object_set_new(root, "version", lib->json_integer(VERSION_NUMBER)) |
		  lib->json_object_set_new(root, "created", lib->json_integer(config->created)) |
		  lib->json_object_set_new(root, "directory", lib->json_string(config->directory));

	for (unsigned i = 0; config->arguments && config->arguments[i]; i++)
		err |= lib->json_array_append_new(list, lib->json_string(config->arguments[i]));
	err |= lib->json_object_set_new(root, "image", config->image ? lib->json_true() : lib->json_false());
	err |= lib->json_object_set_new(root, "arguments", list);
	char *text = err ? NULL : lib->json_dumps(root, JSON_INDENT(2));
	lib->json_delete(root);
	return text;
}

int description_write(const struct entry *entry, const struct description *config)
{
	struct json_lib lib;
	int err = open_json(&lib);

	if (err)
		return err;
	char *text = config_text(&lib, config);
	size_t len = text ? strlen(text) : 0;
	if (!text) {
		log_error("container '%s': its options, its command or the working directory are not UTF-8 and can't be kept", entry->name);
		return -EILSEQ;
	}
	if (len > CONFIG_BYTES_MAX) {
		log_error("container '%s': its options and command are longer than 1 MiB", entry->name);
		err = -E2BIG;
	} else {
		err = entry_write(entry, CONFIG_FILE, text, len);
	}
	free(text);
	return err;
}

/* By the monitor, which stays small: numbers need no library. */
int status_write(const struct entry *entry, const struct status *status)
{
	char text[256];
	int len = snprintf(text, sizeof(text), "{\"version\": %d, \"pid\": %d, \"started\": %lld, \"finished\": %lld, \"status\": %d}\n",
			   VERSION_NUMBER, (int)status->pid, (long long)status->started, (long long)status->finished, status->status);

	return entry_write(entry, STATUS_FILE, text, (size_t)len);
}
