// SPDX-License-Identifier: Apache-2.0
/* The host: see host.h. All of it is read from /proc and /sys (proc(5), sysfs-devices-system-cpu). */
#include "bench/host.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "vmm/util/io.h"

#define TEXT_MAX (4u << 20) /* /proc/cpuinfo of a big machine */

/* The file, malloc'ed, without its last newline; NULL when it is not to be had. */
static char *text_of(const char *root, const char *path)
{
	char full[512], *text;
	size_t len;

	snprintf(full, sizeof(full), "%s%s", root, path);
	if (read_file(full, TEXT_MAX, &text, &len))
		return NULL;
	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	return text;
}

/* What stands behind "key : " at a line's beginning; malloc'ed. */
static char *value_of(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (strncmp(line, key, len) != 0)
			continue;
		const char *at = line + len + strspn(line + len, " \t");
		if (*at++ != ':')
			continue;
		at += strspn(at, " \t");
		return strndup(at, strcspn(at, "\n"));
	}
	return NULL;
}

static int add(struct report *report, const char *name, const char *value)
{
	return value && *value ? report_add_fact(report, name, value) : 0;
}

static unsigned count_of(const char *text, const char *key)
{
	unsigned n = 0;

	for (const char *at = text; at && (at = strstr(at, key)); at++)
		n += at == text || at[-1] == '\n';
	return n;
}

static int add_processor(struct report *report, const char *root)
{
	char *text = text_of(root, "/proc/cpuinfo"), count[16];
	char *model = text ? value_of(text, "model name") : NULL, *flags = text ? value_of(text, "flags") : NULL;
	int err = 0;

	/* AArch64 tells its parts by numbers alone. */
	if (!model && text)
		model = value_of(text, "CPU part");
	snprintf(count, sizeof(count), "%u", count_of(text, "processor"));
	err = add(report, "processor", model);
	if (!err)
		err = add(report, "processors", count);
	char *vendor = text_of(root, "/sys/class/dmi/id/sys_vendor");
	bool emulated = model && strstr(model, "TCG");
	bool nested = emulated || (flags && strstr(flags, "hypervisor")) || (vendor && strstr(vendor, "QEMU"));
	if (!err)
		err = add(report, "virtualized", emulated ? "yes, and its processor is emulated" : nested ? "yes" : "not as far as it says");
	if (!err && emulated)
		err = report_add_warning(report, "This host's processor is emulated in software: ratios are the emulator's, and do not carry over to hardware.");
	else if (!err && nested)
		err = report_add_warning(report, "This host is a virtual machine itself: what a rung costs need not carry over to hardware, least of all that of 'vm'.");
	free(text);
	free(model);
	free(flags);
	free(vendor);
	return err;
}

static int add_mitigations(struct report *report, const char *root)
{
	char path[512], value[64];
	unsigned mitigated = 0, vulnerable = 0;

	snprintf(path, sizeof(path), "%s/sys/devices/system/cpu/vulnerabilities", root);
	DIR *dir = opendir(path);
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/vulnerabilities/%.200s", e->d_name);
		char *text = *e->d_name == '.' ? NULL : text_of(root, path);
		mitigated += text && !strncmp(text, "Mitigation", 10);
		vulnerable += text && !strncmp(text, "Vulnerable", 10);
		free(text);
	}
	if (!dir)
		return 0;
	closedir(dir);
	snprintf(value, sizeof(value), "%u at work, %u vulnerabilities left open", mitigated, vulnerable);
	return add(report, "mitigations", value);
}

static const char *groups_of(const char *root)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/sys/fs/cgroup/cgroup.controllers", root);
	if (!access(path, F_OK))
		return "version 2";
	snprintf(path, sizeof(path), "%s/sys/fs/cgroup/unified", root);
	if (!access(path, F_OK))
		return "version 1, with 2 beside it";
	snprintf(path, sizeof(path), "%s/sys/fs/cgroup/memory", root);
	return access(path, F_OK) ? "none" : "version 1";
}

int host_describe(struct report *report, const char *root)
{
	static const char governor_file[] = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
	char *governor = text_of(root, governor_file), *memory_text = text_of(root, "/proc/meminfo"), *load = text_of(root, "/proc/loadavg");
	char *memory = memory_text ? value_of(memory_text, "MemTotal") : NULL, kernel[256];
	struct utsname name;
	int err = add_processor(report, root);

	if (!err)
		err = add(report, "memory", memory);
	if (!err && !uname(&name)) {
		snprintf(kernel, sizeof(kernel), "%s %s %s", name.sysname, name.release, name.machine);
		err = add(report, "kernel", kernel);
	}
	if (!err)
		err = add(report, "governor", governor ? governor : "not to be seen");
	if (!err)
		err = add_mitigations(report, root);
	if (!err)
		err = add(report, "control groups", groups_of(root));
	if (!err)
		err = add(report, "user", geteuid() ? "an ordinary one" : "root");
	if (!err)
		err = add(report, "load at the start", load);
	free(governor);
	free(memory_text);
	free(memory);
	free(load);
	return err;
}

void host_time(char text[HOST_TIME_BYTES])
{
	time_t now = time(NULL);
	struct tm utc;

	if (!gmtime_r(&now, &utc) || !strftime(text, HOST_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc))
		*text = '\0';
}

double host_meminfo_mib(const char *meminfo, const char *name)
{
	char *value = value_of(meminfo, name);
	double mib = value ? strtod(value, NULL) / 1024 : -1;

	free(value);
	return mib;
}

double host_available_mib(void)
{
	char *text = text_of("", "/proc/meminfo");
	double mib = text ? host_meminfo_mib(text, "MemAvailable") : -1;

	free(text);
	return mib;
}
