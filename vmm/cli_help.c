// SPDX-License-Identifier: Apache-2.0
/* --help and --version, in 80 columns. Options and exit statuses come from the parser's own tables, so the text cannot drift from it. */
#include <stdio.h>

#include "vmm/cli.h"
#include "vmm/cli_options.h"

void cli_help(void)
{
	puts("tinyvmm boots a Linux kernel in a virtual machine (KVM).\n"
	     "\n"
	     "  tinyvmm [run] --kernel FILE [--disk FILE]... [OPTION]... [-- COMMAND ARG...]\n"
	     "  tinyvmm check    what this host gives a machine, and what to do about the rest\n"
	     "  tinyvmm ctr run  a command in a container (tinyvmm ctr run --help)\n"
	     "  tinyvmm bench    machine, container and host side by side, measured\n"
	     "  tinyvmm contrast what a program sees and can do on each of them\n"
	     "\n"
	     "Without COMMAND the guest's init is started. With it, only COMMAND runs, on\n"
	     "tinyvmm's standard input, output and error, and its status is tinyvmm's.");
	options_print_help(cli_options, cli_option_count);
	puts("\nKeys on a terminal: Ctrl-A x quits, Ctrl-A p asks the guest to shut down,\n"
	     "Ctrl-A c lists the others.\n"
	     "\n"
	     "Exit status: COMMAND's own (128+N when signal N ended it), or\n");
	for (unsigned i = 0; i < cli_status_count; i++)
		printf("  %3d  %s\n", (int)cli_statuses[i].status, cli_statuses[i].meaning);
	puts("\nExamples:\n"
	     "  tinyvmm -k /boot/vmlinuz -d rootfs.img,cow -c 2 -m 1G\n"
	     "  tinyvmm -k bzImage -d rootfs.img,cow --timeout 60 -- uname -a");
}

void cli_version(void)
{
	puts("tinyvmm " VERSION);
}
