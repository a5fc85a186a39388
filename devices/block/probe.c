// SPDX-License-Identifier: Apache-2.0
/*
 * Finding the root on a disk image: see probe.h.
 *
 * Partition types: the Discoverable Partitions Specification (UAPI group), "Root Partition" for x86-64 and AArch64.
 */
#include "devices/block/probe.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>

#include "vmm/util/lib.h"

#define SECTOR_BYTES 512 /* what libblkid counts in */
#define PARTITIONS_MAX 128

#define BLKID_CALLS(X)                       \
	X(blkid_new_probe)                   \
	X(blkid_free_probe)                  \
	X(blkid_probe_set_device)            \
	X(blkid_probe_enable_superblocks)    \
	X(blkid_probe_set_superblocks_flags) \
	X(blkid_do_safeprobe)                \
	X(blkid_probe_lookup_value)          \
	X(blkid_probe_enable_partitions)     \
	X(blkid_probe_get_partitions)        \
	X(blkid_partlist_numof_partitions)   \
	X(blkid_partlist_get_partition)      \
	X(blkid_partition_get_partno)        \
	X(blkid_partition_get_start)         \
	X(blkid_partition_get_size)          \
	X(blkid_partition_get_type_string)   \
	X(blkid_partition_get_name)          \
	X(blkid_partition_is_extended)

LIB_STRUCT(blkid_lib, BLKID_CALLS);

enum rank { RANK_NONE, RANK_LINUX, RANK_LABEL, RANK_TYPE };

struct superblock {
	char fstype[32], uuid[64], label[64];
};

static const char *root_type_guid(void)
{
	static const struct {
		const char *machine, *guid;
	} types[] = {
		{ "x86_64", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709" },
		{ "aarch64", "b921b045-1df0-41c3-af44-4c6f280d3fae" },
	};
	struct utsname host;

	for (size_t i = 0; !uname(&host) && i < sizeof(types) / sizeof(*types); i++) {
		if (!strcmp(types[i].machine, host.machine))
			return types[i].guid;
	}
	return "";
}

static bool is_one_of(const char *text, const char *const *list)
{
	for (; text && *list; list++) {
		if (!strcasecmp(text, *list))
			return true;
	}
	return false;
}

/* File systems that a Linux root usually is on; not those of firmware, swap or other systems. */
static bool is_linux_fs(const char *fstype)
{
	static const char *const types[] = { "ext2",  "ext3", "ext4",     "xfs",      "btrfs",  "f2fs", "squashfs",
					     "erofs", "jfs",  "reiserfs", "bcachefs", "nilfs2", NULL };

	return is_one_of(fstype, types);
}

static bool is_root_label(const char *label)
{
	static const char *const labels[] = { "root", "rootfs", "cloudimg-rootfs", "writable", NULL };

	return is_one_of(label, labels);
}

static void copy_value(const struct blkid_lib *lib, blkid_probe probe, const char *name, char *out, size_t size)
{
	const char *value;

	out[0] = '\0';
	if (!lib->blkid_probe_lookup_value(probe, name, &value, NULL))
		snprintf(out, size, "%s", value);
}

/* What file system is in this range of the image? (`bytes` 0: to its end.) -ENOENT: none, or more than one at once. */
static int read_superblock(const struct blkid_lib *lib, int fd, uint64_t offset, uint64_t bytes, struct superblock *sb)
{
	blkid_probe probe = lib->blkid_new_probe();
	char usage[32];
	int err = -ENOENT;

	if (!probe)
		return -ENOMEM;
	if (lib->blkid_probe_set_device(probe, fd, (blkid_loff_t)offset, (blkid_loff_t)bytes))
		goto out;
	lib->blkid_probe_enable_superblocks(probe, 1);
	lib->blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL);
	if (lib->blkid_do_safeprobe(probe))
		goto out;
	copy_value(lib, probe, "USAGE", usage, sizeof(usage));
	copy_value(lib, probe, "TYPE", sb->fstype, sizeof(sb->fstype));
	copy_value(lib, probe, "UUID", sb->uuid, sizeof(sb->uuid));
	copy_value(lib, probe, "LABEL", sb->label, sizeof(sb->label));
	err = strcmp(usage, "filesystem") ? -ENOENT : 0;
out:
	lib->blkid_free_probe(probe);
	return err;
}

static enum rank rank_of(const struct blkid_lib *lib, blkid_partition part, const struct superblock *sb)
{
	const char *type = lib->blkid_partition_get_type_string(part);

	if (type && !strcasecmp(type, root_type_guid()))
		return RANK_TYPE;
	if (!is_linux_fs(sb->fstype))
		return RANK_NONE;
	return is_root_label(sb->label) || is_root_label(lib->blkid_partition_get_name(part)) ? RANK_LABEL : RANK_LINUX;
}

static void set_result(struct disk_probe *result, int partition, uint64_t offset, uint64_t bytes, const struct superblock *sb)
{
	*result = (struct disk_probe){ .partition = (unsigned)partition, .offset_bytes = offset, .len_bytes = bytes };
	memcpy(result->fstype, sb->fstype, sizeof(result->fstype));
	memcpy(result->uuid, sb->uuid, sizeof(result->uuid));
}

/* The best of the partitions; of equals the largest. */
static int choose_partition(const struct blkid_lib *lib, int fd, blkid_partlist list, struct disk_probe *result)
{
	int count = lib->blkid_partlist_numof_partitions(list);
	enum rank best = RANK_NONE;
	uint64_t best_sectors = 0;

	for (int i = 0; i < count && i < PARTITIONS_MAX; i++) {
		blkid_partition part = lib->blkid_partlist_get_partition(list, i);
		struct superblock sb;

		if (!part || lib->blkid_partition_is_extended(part))
			continue;
		uint64_t start = (uint64_t)lib->blkid_partition_get_start(part), sectors = (uint64_t)lib->blkid_partition_get_size(part);
		if (!sectors || start > INT64_MAX / SECTOR_BYTES || sectors > INT64_MAX / SECTOR_BYTES ||
		    read_superblock(lib, fd, start * SECTOR_BYTES, sectors * SECTOR_BYTES, &sb))
			continue;
		enum rank rank = rank_of(lib, part, &sb);
		if (rank > best || (rank == best && rank && sectors > best_sectors)) {
			best = rank;
			best_sectors = sectors;
			set_result(result, lib->blkid_partition_get_partno(part), start * SECTOR_BYTES, sectors * SECTOR_BYTES, &sb);
		}
	}
	return best ? 0 : -ENOENT;
}

static int probe_partitions(const struct blkid_lib *lib, int fd, struct disk_probe *result)
{
	blkid_probe probe = lib->blkid_new_probe();
	int err = -ENOENT;

	if (!probe)
		return -ENOMEM;
	if (!lib->blkid_probe_set_device(probe, fd, 0, 0)) {
		lib->blkid_probe_enable_superblocks(probe, 0);
		lib->blkid_probe_enable_partitions(probe, 1);
		/* The list belongs to the probe. */
		blkid_partlist list = lib->blkid_probe_get_partitions(probe);
		if (list)
			err = choose_partition(lib, fd, list, result);
	}
	lib->blkid_free_probe(probe);
	return err;
}

int disk_probe(int fd, struct disk_probe *probe)
{
	struct blkid_lib lib;
	struct superblock sb;
	int err = LIB_OPEN(&lib, "libblkid.so.1", "libblkid1", BLKID_CALLS);

	*probe = (struct disk_probe){ .partition = 0 };
	if (err)
		return err;
	if (!read_superblock(&lib, fd, 0, 0, &sb)) {
		set_result(probe, 0, 0, 0, &sb);
		return 0;
	}
	return probe_partitions(&lib, fd, probe);
}
