// SPDX-License-Identifier: Apache-2.0
/* The table of `tinyvmm ctr`'s verbs: see ctr.h. */
#include "ctr/verbs/ctr.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctr/options.h"
#include "ctr/run.h"
#include "ctr/verbs/verbs.h"
#include "vmm/util/log.h"

static void warn_of_rung(const struct spec *spec)
{
	if (spec->isolation == ISOLATION_CHROOT)
		log_warn("--isolation chroot only changes where / is: what runs there sees the host's processes, network and devices, "
			 "%sand as root gets out again",
			 spec->root == ROOT_DIR ? "writes to the directory itself, " : "");
	else if (spec->isolation == ISOLATION_NAMESPACES)
		log_warn("--isolation namespaces sets no limits and takes away neither capabilities nor system calls: root inside is %s",
			 geteuid() ? "you" : "the host's root");
}

static int run_main(int argc, char **argv)
{
	char name[32];
	struct spec spec;
	int status = CTR_USAGE;

	switch (ctr_run_parse(&spec, argc, argv)) {
	case OPTIONS_DONE:
		status = 0;
		break;
	case OPTIONS_BAD:
		break;
	case OPTIONS_RUN:
		snprintf(name, sizeof(name), CGROUP_OF_RUN "%d", (int)getpid());
		if (!spec.name)
			spec.name = name;
		if (!spec.hostname)
			spec.hostname = spec.name;
		warn_of_rung(&spec);
		status = ctr_run(&spec);
		break;
	}
	spec_release(&spec);
	return status;
}

const struct verb ctr_verbs[] = {
	{"run", run_main, "run a command in a new container, and remove it", NULL},
	{"create", verb_create, "make a container that is kept", NULL},
	{"start", verb_start, "start it in the background", NULL},
	{"stop", verb_stop, "ask it to end", &stop_table},
	{"restart", verb_restart, "stop and start it", &stop_table},
	{"kill", verb_kill, "send it a signal", NULL},
	{"exec", verb_exec, "run a command in one that runs", &exec_table},
	{"attach", verb_attach, "join this terminal to its terminal", NULL},
	{"pause", verb_pause, "freeze it", NULL},
	{"resume", verb_resume, "let it go on", NULL},
	{"wait", verb_wait, "wait until it has ended", NULL},
	{"list", verb_list, "list what there is", &list_table},
	{"info", verb_info, "tell what is known of one", &info_table},
	{"logs", verb_logs, "print what it printed", &logs_table},
	{"stats", verb_stats, "tell what it uses", &stats_table},
	{"rename", verb_rename, "give it another name", NULL},
	{"copy", verb_copy, "make another with all that it wrote", NULL},
	{"snapshot", verb_snapshot, "keep what it wrote as it is now", &snapshot_table},
	{"restore", verb_restore, "make that what it was at a snapshot", NULL},
	{"export", verb_export, "write its root into an archive", NULL},
	{"import", verb_import, "make one from an archive", NULL},
	{"delete", verb_delete, "remove it with all that it wrote", &delete_table},
};
const unsigned ctr_verb_count = sizeof(ctr_verbs) / sizeof(*ctr_verbs);

int ctr_main(int argc, char **argv)
{
	for (unsigned i = 0; argc > 1 && i < ctr_verb_count; i++) {
		if (!strcmp(argv[1], ctr_verbs[i].name))
			return ctr_verbs[i].main(argc - 1, argv + 1);
	}
	if (argc > 1 && strcmp(argv[1], "--help") && strcmp(argv[1], "-h")) {
		const char *near = options_nearest(argv[1], &ctr_verbs->name, sizeof(*ctr_verbs), ctr_verb_count);
		log_error("tinyvmm ctr %s: no such command%s%s%s", argv[1], near ? ": did you mean " : "", near ? near : "",
			  near ? "?" : "");
		return CTR_USAGE;
	}
	puts("tinyvmm ctr runs a root file system as a container.\n");
	for (unsigned i = 0; i < ctr_verb_count; i++)
		printf("  tinyvmm ctr %-8s %s\n", ctr_verbs[i].name, ctr_verbs[i].help);
	puts("\n'tinyvmm ctr VERB --help' lists its options.");
	return argc > 1 ? 0 : CTR_USAGE;
}
