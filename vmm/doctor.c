// SPDX-License-Identifier: Apache-2.0
/*
 * `tinyvmm check`: one line a finding, and below a bad one what to do about it. A "fault" keeps a stock guest from running as
 * `tinyvmm --kernel FILE --disk FILE` would start it; a "note" costs speed or one option.
 *
 * Everything is tried rather than deduced where trying is harmless: /dev/kvm is opened, a VM made, io_uring set up, the libraries loaded.
 */
#include "vmm/doctor.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "arch/arch.h"
#include "arch/host.h"
#include "vmm/config.h"
#include "vmm/core/kvm.h"
#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define SMALL_FILE_MAX (4u << 20) /* /proc/cpuinfo of a big machine */

struct doctor {
	FILE *out;
	const char *root;
	struct arch_host host;
	unsigned faults;
};

enum verdict { OK, NOTE, FAULT };

__attribute__((format(printf, 4, 5))) static void report(struct doctor *d, enum verdict verdict, const char *what, const char *fmt, ...)
{
	static const char *const words[] = { [OK] = "ok", [NOTE] = "note", [FAULT] = "FAULT" };
	va_list args;

	if (verdict == FAULT)
		d->faults++;
	fprintf(d->out, "  %-6s%-16s", words[verdict], what);
	va_start(args, fmt);
	vfprintf(d->out, fmt, args);
	va_end(args);
	fputc('\n', d->out);
}

/* The way out of the finding above. */
__attribute__((format(printf, 2, 3))) static void advise(struct doctor *d, const char *fmt, ...)
{
	va_list args;

	fprintf(d->out, "%24s-> ", "");
	va_start(args, fmt);
	vfprintf(d->out, fmt, args);
	va_end(args);
	fputc('\n', d->out);
}

static const char *below_root(const struct doctor *d, const char *path, char buf[PATH_MAX])
{
	snprintf(buf, PATH_MAX, "%s%s", d->root, path);
	return buf;
}

static bool there(const struct doctor *d, const char *path)
{
	char full[PATH_MAX];

	return !access(below_root(d, path, full), F_OK);
}

/* The file's text, malloc'ed; NULL when it can't be read. */
static char *read_text(const struct doctor *d, const char *path)
{
	char full[PATH_MAX];
	char *text;
	size_t len;

	return read_file(below_root(d, path, full), SMALL_FILE_MAX, &text, &len) ? NULL : text;
}

/* The first line of a small file, in buf; false when it can't be read. */
static bool read_line(const struct doctor *d, const char *path, char *buf, size_t size)
{
	char *text = read_text(d, path);

	if (!text)
		return false;
	snprintf(buf, size, "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
	return true;
}

static void print_head(struct doctor *d)
{
	struct utsname name;
	struct sysinfo info;

	fprintf(d->out, "tinyvmm " VERSION);
	if (!uname(&name))
		fprintf(d->out, " on %s %s, %s", name.sysname, name.release, name.machine);
	if (!sysinfo(&info))
		fprintf(d->out, ", %ld processors, %lluM of memory", sysconf(_SC_NPROCESSORS_ONLN),
			(unsigned long long)info.totalram * info.mem_unit >> 20);
	fputs("\n\n", d->out);
}

/* How to come by virtualization where the processor shows none. */
static void advise_virtualization(struct doctor *d)
{
	if (d->host.is_guest)
		advise(d, "this host is a virtual machine: turn nested virtualization on where it runs, or take a host that has it");
	else
		advise(d, "%s", d->host.advice);
}

static void check_virtualization(struct doctor *d)
{
	static const char name[] = "virtualization";
	char *cpuinfo = read_text(d, "/proc/cpuinfo");
	char nested[8], board[128] = "";

	/* The device tree's strings end with a NUL. */
	if (read_line(d, "/proc/device-tree/model", board, sizeof(board)))
		report(d, OK, "board", "%s", board);
	arch_host_probe(&d->host,
			&(struct host_facts){ .cpuinfo = cpuinfo ? cpuinfo : "", .board = board, .has_kvm = there(d, "/dev/kvm") });
	free(cpuinfo);
	if (d->host.accelerated) {
		report(d, OK, name, "%s%s", d->host.feature, d->host.is_guest ? ", nested: this host is a virtual machine itself" : "");
		if (d->host.nested_parameter && read_line(d, d->host.nested_parameter, nested, sizeof(nested)))
			report(d, OK, "nested", "guests of this host %s virtualization of their own",
			       *nested == 'Y' || *nested == '1' ? "may have" : "get no");
		return;
	}
	if (there(d, "/dev/kvm")) {
		report(d, FAULT, name, "no %s: the KVM here%s emulates guests in software", d->host.feature,
		       there(d, "/sys/module/kvm_pvm") ? " (kvm_pvm)" : "");
		advise(d, "a stock kernel ends at the first instruction that it does not know; simple guests run, slowly");
	} else {
		report(d, FAULT, name, "no %s", d->host.feature);
	}
	advise_virtualization(d);
}

static void explain_no_kvm(struct doctor *d)
{
	if (there(d, "/.dockerenv") || there(d, "/run/.containerenv"))
		advise(d, "this is a container: start it with --device /dev/kvm");
	else if (d->host.accelerated)
		advise(d, "load its module: sudo modprobe %s", d->host.module);
	else
		advise(d, "it comes with virtualization (above) and the module %s", d->host.module);
}

static void explain_no_permission(struct doctor *d, const char *path)
{
	struct stat st;
	struct group *group = stat(path, &st) ? NULL : getgrgid(st.st_gid);

	if (group && group->gr_gid && (st.st_mode & 060) == 060)
		advise(d, "join the group that owns it: sudo usermod -aG %s $USER, then log in again", group->gr_name);
	else
		advise(d, "give yourself access: sudo setfacl -m u:$USER:rw /dev/kvm (a udev rule makes it last)");
}

/* A descriptor of /dev/kvm that speaks the right version, or -1 with the reason reported. */
static int open_kvm(struct doctor *d)
{
	char path[PATH_MAX];
	int fd = open(below_root(d, "/dev/kvm", path), O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		int err = errno;
		report(d, FAULT, "/dev/kvm", "%s", strerror(err));
		if (err == EACCES || err == EPERM)
			explain_no_permission(d, path);
		else
			explain_no_kvm(d);
		return -1;
	}
	int version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		report(d, FAULT, "/dev/kvm", "no KVM answers there");
		explain_no_kvm(d);
		close_fd(&fd);
		return -1;
	}
	report(d, OK, "/dev/kvm", "opened, interface version %d", version);
	return fd;
}

static const struct host_capability common_capabilities[] = {
	{ KVM_CAP_IOEVENTFD, "IOEVENTFD", true, "devices can't be notified" },
	{ KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT", true, "a processor can't be stopped reliably" },
	{ KVM_CAP_READONLY_MEM, "READONLY_MEM", false, "each read of a device's register leaves the guest" },
};

/* Names found, for one line of the report. */
struct names {
	char text[256];
	size_t len;
};

static void add_name(struct names *names, const char *name)
{
	size_t room = sizeof(names->text) - names->len;
	int n = snprintf(names->text + names->len, room, "%s%s", names->len ? ", " : "", name);

	if (n > 0)
		names->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void check_capabilities(struct doctor *d, const struct kvm *kvm, const struct host_capability *list, unsigned count)
{
	struct names found = { .len = 0 };

	for (unsigned i = 0; i < count; i++) {
		if (kvm_capability(kvm, list[i].number)) {
			add_name(&found, list[i].name);
			continue;
		}
		report(d, list[i].required ? FAULT : NOTE, "capabilities", "no %s: %s", list[i].name, list[i].without);
		if (list[i].required)
			advise(d, "this needs a newer kernel on the host");
	}
	if (found.len)
		report(d, OK, "capabilities", "%s", found.text);
}

static void check_limits(struct doctor *d, const struct kvm *kvm)
{
	int most = kvm_capability(kvm, KVM_CAP_MAX_VCPUS), advised = kvm_capability(kvm, KVM_CAP_NR_VCPUS);

	report(d, OK, "processors", "at most %d in a guest, %d advised", most ? most : advised, advised);
	report(d, OK, "memory slots", "%d", kvm_capability(kvm, KVM_CAP_NR_MEMSLOTS));
}

static void check_irqchips(struct doctor *d, const struct kvm *kvm)
{
	char text[128];
	bool usable = arch_host_irqchips(kvm, text, sizeof(text));

	if (*text)
		report(d, usable ? OK : FAULT, "interrupts", "%s", text);
	if (!usable)
		advise(d, "this needs a newer kernel on the host");
}

static void check_kvm(struct doctor *d)
{
	struct kvm kvm = { .fd = open_kvm(d), .vm_fd = -1 };
	unsigned long type = 0;

	if (kvm.fd < 0)
		return;
	int err = arch_vm_type(&kvm, CONFIG_MEMORY_MIN_BYTES, &type);
	if (!err)
		err = kvm_create_vm(&kvm, type);
	if (err) {
		report(d, FAULT, "virtual machine", "can't be made: %s", strerror(-err));
		if (err == -EBUSY)
			advise(d, "another hypervisor (VirtualBox, VMware) holds the processor: end it");
		else
			advise(d, "the kernel's log may say why: sudo dmesg | grep -i kvm");
		goto close_kvm;
	}
	report(d, OK, "virtual machine", "made");
	check_limits(d, &kvm);
	check_capabilities(d, &kvm, common_capabilities, sizeof(common_capabilities) / sizeof(*common_capabilities));
	check_capabilities(d, &kvm, arch_host_capabilities, arch_host_capability_count);
	check_irqchips(d, &kvm);
close_kvm:
	kvm_release(&kvm);
}

static void check_sandbox(struct doctor *d)
{
	char actions[256];

	if (!read_line(d, "/proc/sys/kernel/seccomp/actions_avail", actions, sizeof(actions))) {
		report(d, FAULT, "seccomp", "this kernel has no system-call filters");
		advise(d, "run with --sandbox off, or on a kernel with CONFIG_SECCOMP_FILTER");
		return;
	}
	report(d, OK, "seccomp", "filters%s", strstr(actions, "log") ? "" : ", but --sandbox log reports nothing");
}

static void check_uring(struct doctor *d)
{
	struct io_uring_params params = { 0 };
	char disabled[8] = "";
	int fd = (int)syscall(SYS_io_uring_setup, 1, &params);

	if (fd >= 0) {
		report(d, OK, "io_uring", "allowed");
		close(fd);
		return;
	}
	report(d, NOTE, "io_uring", "%s: disks use threads, which is slower", strerror(errno));
	if (read_line(d, "/proc/sys/kernel/io_uring_disabled", disabled, sizeof(disabled)) && *disabled != '0')
		advise(d, "sudo sysctl kernel.io_uring_disabled=0");
	else
		advise(d, "the kernel is older than 5.1, or a container's seccomp list forbids it");
}

static void check_huge_pages(struct doctor *d)
{
	char modes[64];

	if (!read_line(d, "/sys/kernel/mm/transparent_hugepage/enabled", modes, sizeof(modes)))
		report(d, NOTE, "huge pages", "this kernel has no transparent ones: guests' memory is slower");
	else if (strstr(modes, "[never]")) {
		report(d, NOTE, "huge pages", "transparent ones are off: guests' memory is slower");
		advise(d, "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled");
	} else {
		report(d, OK, "huge pages", "transparent ones: %s", modes);
	}
}

static void check_tap(struct doctor *d)
{
	char path[PATH_MAX];
	int fd = open(below_root(d, "/dev/net/tun", path), O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		report(d, OK, "/dev/net/tun", "opened: --net tap can be used");
		close(fd);
		return;
	}
	int err = errno;
	report(d, NOTE, "/dev/net/tun", "%s: no --net tap", strerror(err));
	if (err == EACCES || err == EPERM)
		advise(d, "only root may: make the interface beforehand, or use --net user");
	else
		advise(d, "sudo modprobe tun");
}

struct library {
	const char *name, *soname, *package, *without;
	enum verdict missing;
};

static const struct library libraries[] = {
	{ "libslirp", "libslirp.so.0", "libslirp0", "no user network (--net none or tap does without)", FAULT },
	{ "libkmod", "libkmod.so.2", "libkmod2", "no modules of a stock kernel (a kernel with all drivers, or --initrd, does without)",
	  FAULT },
	{ "libblkid", "libblkid.so.1", "libblkid1", "the root on a disk is not found", FAULT },
	{ "libseccomp", "libseccomp.so.2", "libseccomp2", "no sandbox (--sandbox off does without)", FAULT },
	{ "libz", "libz.so.1", "zlib1g", "gzip kernels unpack in the guest, slowly; no .ko.gz", NOTE },
	{ "liblzma", "liblzma.so.5", "liblzma5", "xz kernels (Debian's) unpack in the guest, slowly; no .ko.xz", NOTE },
	{ "libzstd", "libzstd.so.1", "libzstd1", "zstd kernels (Ubuntu's) unpack in the guest, slowly; no .ko.zst", NOTE },
	{ "liblz4", "liblz4.so.1", "liblz4-1", "lz4 kernels unpack in the guest, slowly", NOTE },
	{ "libbz2", "libbz2.so.1.0", "libbz2-1.0", "bzip2 kernels unpack in the guest, slowly", NOTE },
};

static void check_libraries(struct doctor *d)
{
	struct names found = { .len = 0 };

	for (unsigned i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
		const struct library *lib = &libraries[i];
		void *handle = dlopen(lib->soname, RTLD_LAZY | RTLD_LOCAL);
		if (handle) {
			add_name(&found, lib->name);
			dlclose(handle);
			continue;
		}
		report(d, lib->missing, "libraries", "no %s: %s", lib->soname, lib->without);
		advise(d, "sudo apt-get install %s", lib->package);
	}
	if (found.len)
		report(d, OK, "libraries", "%s", found.text);
}

int doctor_report(FILE *out, const char *root)
{
	struct doctor d = { .out = out, .root = root };

	print_head(&d);
	check_virtualization(&d);
	check_kvm(&d);
	check_sandbox(&d);
	check_uring(&d);
	check_huge_pages(&d);
	check_tap(&d);
	check_libraries(&d);
	if (!d.faults)
		fputs("\nStock Linux guests can run here.\n", out);
	else
		fprintf(out, "\nStock Linux guests cannot run here: %u fault%s, with what to do about %s above.\n", d.faults,
			d.faults == 1 ? "" : "s", d.faults == 1 ? "it" : "each");
	return d.faults ? EXIT_HOST : 0;
}

int doctor_main(int argc, char **argv)
{
	if (argc < 2)
		return doctor_report(stdout, "");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		puts("tinyvmm check: tells what this host gives a virtual machine, and what to do about the rest.\n"
		     "Exit status: 0 when stock guests can run here, 122 otherwise.");
		return 0;
	}
	log_error("check: '%s': takes no arguments", argv[1]);
	return EXIT_USAGE;
}
