// SPDX-License-Identifier: Apache-2.0
/* vmm/doctor.c: what the report says of hosts made of files below a directory of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "vmm/config.h"
#include "vmm/doctor.h"
#include "vmm/util/io.h"

struct fake_host {
	char root[64];
	char *report;
	int status;
};

static void put(const struct fake_host *host, const char *path, const char *text)
{
	char full[256];
	FILE *file;

	snprintf(full, sizeof(full), "%s%s", host->root, path);
	*strrchr(full, '/') = '\0';
	assert_int_equal(make_dirs(full), 0);
	snprintf(full, sizeof(full), "%s%s", host->root, path);
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void examine(struct fake_host *host)
{
	size_t len;
	FILE *out;

	free(host->report);
	host->report = NULL;
	out = open_memstream(&host->report, &len);
	assert_non_null(out);
	host->status = doctor_report(out, host->root);
	fclose(out);
}

static void says(const struct fake_host *host, const char *text)
{
	if (!strstr(host->report, text))
		fail_msg("not said: '%s' in:\n%s", text, host->report);
}

static void says_not(const struct fake_host *host, const char *text)
{
	if (strstr(host->report, text))
		fail_msg("said: '%s' in:\n%s", text, host->report);
}

static int make_host(void **state)
{
	struct fake_host *host = calloc(1, sizeof(*host));

	assert_non_null(host);
	snprintf(host->root, sizeof(host->root), "/tmp/tinyvmm-doctor-XXXXXX");
	assert_non_null(mkdtemp(host->root));
	*state = host;
	return 0;
}

static void remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char full[512];
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(full, sizeof(full), "%s/%s", path, entry->d_name);
		if (unlink(full))
			remove_tree(full);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static int remove_host(void **state)
{
	struct fake_host *host = *state;

	remove_tree(host->root);
	free(host->report);
	free(host);
	return 0;
}

static void nothing_there(void **state)
{
	struct fake_host *host = *state;

	examine(host);
	assert_int_equal(host->status, EXIT_HOST);
	says(host, "FAULT virtualization  no ");
	says(host, "FAULT /dev/kvm        No such file or directory");
	says(host, "FAULT seccomp         this kernel has no system-call filters");
	says(host, "note  huge pages      this kernel has no transparent ones");
	says(host, "note  /dev/net/tun    No such file or directory: no --net tap");
	says(host, "-> sudo modprobe tun");
	says(host, "\nStock Linux guests cannot run here: ");
}

/* Processors differ in what /proc/cpuinfo says: what follows is x86's. */
static void need_x86(void)
{
	struct utsname name;

	if (uname(&name) || strcmp(name.machine, "x86_64")) {
		print_message("skip: it is about x86_64's processors\n");
		skip();
	}
}

static void module_not_loaded(void **state)
{
	struct fake_host *host = *state;

	need_x86();
	put(host, "/proc/cpuinfo", "flags : fpu\n");
	examine(host);
	says(host, "-> turn it on in the firmware's set-up");
	put(host, "/proc/cpuinfo", "flags : fpu svm\n");
	put(host, "/sys/module/kvm_amd/parameters/nested", "1\n");
	examine(host);
	says(host, "ok    virtualization  AMD-V (svm)\n");
	says(host, "guests of this host may have virtualization of their own");
	says(host, "-> load its module: sudo modprobe kvm-amd");
	put(host, "/.dockerenv", "");
	put(host, "/sys/module/kvm_amd/parameters/nested", "N\n");
	examine(host);
	says(host, "guests of this host get no virtualization of their own");
	says(host, "-> this is a container: start it with --device /dev/kvm");
	says_not(host, "modprobe kvm-amd");
}

/* A Pi tells its name in its device tree. */
static void board(void **state)
{
	struct fake_host *host = *state;

	put(host, "/proc/device-tree/model", "Raspberry Pi 3 Model B Plus Rev 1.3");
	examine(host);
	says(host, "  ok    board           Raspberry Pi 3 Model B Plus Rev 1.3\n");
}

static void guest_without_nesting(void **state)
{
	struct fake_host *host = *state;

	need_x86();
	put(host, "/proc/cpuinfo", "flags : fpu hypervisor\n");
	examine(host);
	says(host, "-> this host is a virtual machine: turn nested virtualization on where it runs");
	says_not(host, "firmware");
	put(host, "/proc/cpuinfo", "flags : fpu hypervisor vmx\n");
	examine(host);
	says(host, "ok    virtualization  Intel VT-x (vmx), nested: this host is a virtual machine itself");
}

static void software_emulation(void **state)
{
	struct fake_host *host = *state;

	need_x86();
	put(host, "/proc/cpuinfo", "flags : fpu\n");
	put(host, "/dev/kvm", "");
	put(host, "/sys/module/kvm_pvm/refcnt", "0");
	examine(host);
	assert_int_equal(host->status, EXIT_HOST);
	says(host, "the KVM here (kvm_pvm) emulates guests in software");
	says(host, "-> a stock kernel ends at the first instruction that it does not know");
}

static void no_kvm_behind_the_name(void **state)
{
	struct fake_host *host = *state;

	put(host, "/dev/kvm", "");
	examine(host);
	assert_int_equal(host->status, EXIT_HOST);
	says(host, "FAULT /dev/kvm        no KVM answers there");
}

static void no_permission(void **state)
{
	struct fake_host *host = *state;
	char full[128];

	put(host, "/dev/kvm", "");
	snprintf(full, sizeof(full), "%s/dev/kvm", host->root);
	chmod(full, 0);
	chmod(host->root, 0711);
	/* Root may open what it likes. */
	bool was_root = !geteuid();
	assert_true(!was_root || !seteuid(65534));
	examine(host);
	assert_true(!was_root || !seteuid(0));
	says(host, "FAULT /dev/kvm        Permission denied");
	says(host, "-> give yourself access: sudo setfacl -m u:$USER:rw /dev/kvm");
}

static void kernel_settings(void **state)
{
	struct fake_host *host = *state;

	put(host, "/proc/sys/kernel/seccomp/actions_avail", "kill_process trap errno log allow\n");
	put(host, "/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
	put(host, "/dev/net/tun", "");
	examine(host);
	says(host, "ok    seccomp         filters\n");
	says(host, "note  huge pages      transparent ones are off");
	says(host, "-> echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled");
	says(host, "ok    /dev/net/tun    opened");
	put(host, "/proc/sys/kernel/seccomp/actions_avail", "kill_process allow\n");
	put(host, "/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	examine(host);
	says(host, "filters, but --sandbox log reports nothing");
	says(host, "ok    huge pages      transparent ones: always [madvise] never");
}

/* The last line and the status say the same, whatever this host has. */
static void this_host(void **state)
{
	struct fake_host *host = *state;

	rmdir(host->root);
	*host->root = 0;
	examine(host);
	if (host->status)
		says(host, "\nStock Linux guests cannot run here: ");
	else
		says(host, "\nStock Linux guests can run here.\n");
	assert_int_equal(host->status, strstr(host->report, "FAULT") ? EXIT_HOST : 0);
}

#define HOST_TEST(name) cmocka_unit_test_setup_teardown(name, make_host, remove_host)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOST_TEST(nothing_there),          HOST_TEST(module_not_loaded),
		HOST_TEST(guest_without_nesting),  HOST_TEST(software_emulation),
		HOST_TEST(no_kvm_behind_the_name), HOST_TEST(no_permission),
		HOST_TEST(kernel_settings),        HOST_TEST(this_host),
		HOST_TEST(board),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
