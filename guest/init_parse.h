// SPDX-License-Identifier: Apache-2.0
/*
 * What guest/init has to understand: its configuration (protocol.h), the kernel's command line, PATH, the mount table, the kernel's log.
 * No system calls in here, so the host's unit tests and fuzz targets run the same code.
 */
#ifndef GUEST_INIT_PARSE_H
#define GUEST_INIT_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct init_net {
	char name[16]; /* IFNAMSIZ */
	bool has_address, has_gateway, has_dns;
	uint8_t address[4], gateway[4], dns[4]; /* network byte order */
	unsigned prefix;
};

#define INIT_NETS_MAX 8

struct init_module {
	const char *path;
	bool optional;
};

/* Strings point into the configuration's bytes, lists into the caller's slots. */
struct init_config {
	const char *root, *rootfstype, *rootflags, *hostname, *init, *stdio;
	bool log_full;
	struct init_module *module;
	size_t module_count;
	char **argv; /* NULL-terminated, NULL when there is no command */
	char **env;  /* NULL-terminated, never NULL */
	struct init_net net[INIT_NETS_MAX];
	unsigned net_count;
};

/* Bytes of slot memory (aligned as a pointer) that init_config_parse() needs for the `len` bytes at `buf`. */
size_t init_config_slots(const char *buf, size_t len);

/*
 * Fills *config from the records at `buf`. False, with *fault naming the record, when one is not understood: an unknown key, no '=', no NUL
 * at the end, a bad net record, too many of them.
 */
bool init_config_parse(struct init_config *config, const char *buf, size_t len, void *slots, const char **fault);

/* "eth0 10.0.2.15/24 10.0.2.2 10.0.2.3", where "-" stands for none. */
bool init_net_parse(struct init_net *net, const char *text);

/*
 * The value of the last `name` ("console=") among the words of a kernel command line, copied to `out`; false when there is none or no room.
 * Words within double quotes keep their spaces.
 */
bool cmdline_value(const char *cmdline, const char *name, char *out, size_t size);

/* Does the blank-separated list have this word? */
bool words_have(const char *list, const char *word);

/*
 * The next place where a command named `name` may be, along the colon-separated *path (NULL in *path ends it; an empty entry is the working
 * directory). False at the end; entries that do not fit are passed over.
 */
bool path_next(const char **path, const char *name, char *out, size_t size);

/* Value of NAME in a list of "NAME=value", or NULL. */
const char *env_get(char *const *env, const char *name);

/* Joins lists of "NAME=value" into out[] (NULL-terminated, `size` slots): a later list wins, and in a list the last. Returns how many. */
size_t env_merge(char **out, size_t size, char *const *const lists[], size_t list_count);

/*
 * One line of /proc/mounts: its mount point into out, \ooo escapes undone (proc(5)). Returns the start of the next line, NULL after the
 * last; out is empty when the line was not understood.
 */
const char *mounts_next(const char *line, char *out, size_t size);

/* Takes the "<6>" from the start of each line, in place; returns the new length. */
size_t log_strip_levels(char *log, size_t len);

#endif
