// SPDX-License-Identifier: Apache-2.0
/*
 * Between the parts of the system-call filter: a list (seccomp_list.c) or a profile (seccomp_profile.c) becomes a policy, a policy becomes
 * a program (seccomp_compile.c), in a worker; seccomp.c runs that worker and keeps what comes out.
 *
 * It does not include ctr/seccomp/seccomp.h: libseccomp's own header, which the compiler includes, has functions of the same names.
 */
#ifndef CTR_SECCOMP_IMPL_H
#define CTR_SECCOMP_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A profile's size, and how many rules come of it: far more than any that an engine ships (15 KiB, 500 rules). */
#define SECCOMP_JSON_MAX (1u << 20)
#define SECCOMP_RULES_MAX 8192

#define SECCOMP_ARGS_MAX 6
#define SECCOMP_NAME_MAX 32 /* with its NUL; no call's name is longer */
#define SECCOMP_ARCHES_MAX 16
#define SECCOMP_ARCH_NAME_MAX 16

/* `value` is the mask and `second` the value for COMPARE_MASKED. */
enum seccomp_compare { COMPARE_NE, COMPARE_LT, COMPARE_LE, COMPARE_EQ, COMPARE_GE, COMPARE_GT, COMPARE_MASKED };

struct seccomp_arg {
	unsigned index;
	enum seccomp_compare compare;
	uint64_t value, second;
};

/* All of its args must hold; each is about another argument. */
struct seccomp_rule {
	char name[SECCOMP_NAME_MAX];
	uint32_t action; /* SECCOMP_RET_* with its data, linux/seccomp.h */
	bool named_only; /* does not apply here, but whoever wrote the policy knew this call */
	unsigned arg_count;
	struct seccomp_arg arg[SECCOMP_ARGS_MAX];
};

struct seccomp_policy {
	uint32_t default_action;
	/* Calls with greater numbers than any that is named answer ENOSYS, whatever the default is. */
	bool newer_enosys;
	unsigned flags;						/* SECCOMP_FILTER_FLAG_* */
	char arch[SECCOMP_ARCHES_MAX][SECCOMP_ARCH_NAME_MAX];	/* "x86_64"; this machine's own is always meant */
	unsigned arch_count;
	struct seccomp_rule *rule;
	size_t count, room;
};

/* -E2BIG, -ENOMEM; not logged. */
int seccomp_policy_add(struct seccomp_policy *policy, const struct seccomp_rule *rule);
void seccomp_policy_release(struct seccomp_policy *policy);

/* The default list, for a process with these capabilities. -ENOMEM, not logged. */
int seccomp_list_policy(struct seccomp_policy *policy, uint64_t caps);
/* Changes with anything in the list. */
uint64_t seccomp_list_hash(void);

/* An OCI profile. Hostile input. Every fault is logged, with its place in `name`. Release the policy in any case. */
int seccomp_profile_parse(struct seccomp_policy *policy, const char *json, size_t len, const char *name, uint64_t caps);

/* The library's file that compiled a program: another one may compile another program. */
struct seccomp_library {
	char path[128];
	uint64_t dev, ino, bytes, mtime_ns;
};

/* What the worker writes: this, and `count` instructions of 8 bytes. */
struct seccomp_output {
	struct seccomp_library library;
	uint32_t flags, count;
};

/* Writes a seccomp_output and its program to the memory file `fd`. Loads libseccomp: for a worker. Logged; `name` is the policy's. */
int seccomp_compile(const struct seccomp_policy *policy, const char *name, int fd);
/* Sets all but the path by what stands there now. */
int seccomp_library_look(struct seccomp_library *library);

/*
 * A file of the cache: this header; the output; the key, which is all that the program depends on, byte for byte, so that a file found by
 * a hash that somebody made collide is seen to be another's.
 */
#define SECCOMP_CACHE_MAGIC "tinyvmm-seccomp2"

struct seccomp_cache_header {
	char magic[16];
	uint64_t sum; /* of all that follows this field */
	uint64_t key_bytes;
};

#endif
