// SPDX-License-Identifier: Apache-2.0
/*
 * The container's system-call filter: a list as container engines agree on one, or a profile in the OCI runtime specification's JSON form
 * (config-linux.md, Seccomp), compiled to classic BPF by libseccomp.
 *
 * Calls that the list or profile does not know, which are those newer than any that it names, answer ENOSYS, not EPERM: programs and C
 * libraries probe for new calls, and fall back on the one and fail on the other. Known calls that are not allowed answer EPERM, or what the
 * profile says. Of other architectures' calls the default list has the 32-bit ones (i386 on x86_64, arm on aarch64); x32, and what a
 * profile does not name, answer ENOSYS as on a kernel without them.
 *
 * Compiling takes milliseconds and libseccomp's pages, so it is done in a worker (vmm/util/process.h), and what comes out is kept under
 * $XDG_CACHE_HOME/tinyvmm/seccomp, by a hash of all that it depends on; a cached program is checked when it is read (length, hash, the
 * inputs byte for byte, libseccomp's file, an owner that is us, not writable by others). So call these while the process has one thread.
 *
 * Not to be included together with libseccomp's <seccomp.h>, which has functions of the same names.
 */
#ifndef CTR_SECCOMP_H
#define CTR_SECCOMP_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

struct seccomp_program {
	struct sock_filter *filter; /* malloc'ed; NULL: none, everything is allowed */
	size_t count;
	unsigned flags; /* of seccomp(2): SECCOMP_FILTER_FLAG_* that the profile asks for */
};

/*
 * The default list for a process that keeps the capabilities of the set `caps`: a call that only a capability makes useful is allowed
 * with it (mount with SYS_ADMIN, chroot with SYS_CHROOT ...). 0 or a negative errno, logged.
 */
int seccomp_default(struct seccomp_program *program, uint64_t caps);

/*
 * An OCI profile: defaultAction, defaultErrnoRet, architectures, flags, syscalls with names, action, errnoRet and args, and engines'
 * includes/excludes by capability, architecture and minKernel. The file is a stranger's: bounded in size and depth, every fault named with
 * its place. 0 or a negative errno, logged (-EINVAL: the profile is at fault; -ENOTSUP: it wants a listener; -E2BIG: more instructions come
 * of it than the kernel takes).
 */
int seccomp_load(struct seccomp_program *program, const char *path, uint64_t caps);

/* The same from memory, not cached. */
int seccomp_parse(struct seccomp_program *program, const char *json, size_t len, const char *name, uint64_t caps);

void seccomp_release(struct seccomp_program *program);

#endif
