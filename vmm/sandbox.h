// SPDX-License-Identifier: Apache-2.0
/*
 * What this process may still do once a guest runs: no new privileges, and a list of system calls for each kind of thread (seccomp(2)).
 * After set-up nothing is opened, and a guest that took over a device's code finds itself with the few calls which that thread needs to
 * do its work.
 *
 * The lists are compiled to BPF by libseccomp in a worker, so the machine's process never loads it.
 */
#ifndef VMM_SANDBOX_H
#define VMM_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/config.h"
#include "vmm/util/process.h"

enum sandbox_thread { SANDBOX_MAIN, SANDBOX_VCPU, SANDBOX_DISK, SANDBOX_THREADS };

struct sandbox {
	enum config_sandbox mode;
	bool user_network, disks; /* the machine has some */
	int pid; /* this process */
	int bpf_fd[SANDBOX_THREADS]; /* memory files that the worker writes; -1 once loaded */
	struct worker worker;
	size_t bytes[SANDBOX_THREADS];
	void *bpf[SANDBOX_THREADS]; /* struct sock_filter[]; owned */
};

/* Starts compiling the lists; goes on beside the machine's building. Logged. */
int sandbox_init(struct sandbox *sandbox, const struct config *config);
void sandbox_release(struct sandbox *sandbox); /* accepts a zeroed one */

/*
 * Waits for the lists, sets no_new_privs, for all threads made after it, and installs the handler that reports a refused call (log mode:
 * none is refused, the kernel logs it). Logged.
 */
int sandbox_ready(struct sandbox *sandbox);
/* Puts the calling thread under its list, for good. Logged. */
int sandbox_enter(const struct sandbox *sandbox, enum sandbox_thread kind);

#endif
