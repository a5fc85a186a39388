// SPDX-License-Identifier: Apache-2.0
/* --disk FILE[,ro][,cow|,cow=FILE][,serial=TEXT][,format=raw]. The file itself is looked at by block_open(), which explains its own
 * failures. */
#include <string.h>

#include "vmm/cli_options.h"
#include "vmm/util/parse.h"

#define SERIAL_BYTES_MAX 20 /* VIRTIO_BLK_ID_BYTES: virtio 1.2, 5.2.6 */

static const char *take_ro(void *target, char *value)
{
	struct config_disk *disk = target;

	(void)value;
	disk->block.read_only = true;
	return NULL;
}

static const char *take_cow(void *target, char *value)
{
	struct config_disk *disk = target;

	disk->block.cow = true;
	disk->block.cow_path = value;
	return NULL;
}

static const char *take_serial(void *target, char *value)
{
	struct config_disk *disk = target;
	size_t len = strlen(value);

	if (len > SERIAL_BYTES_MAX)
		return "too long";
	for (size_t i = 0; i < len; i++) {
		if (value[i] <= ' ' || value[i] > '~')
			return "holds other characters than it may";
	}
	disk->serial = value;
	return NULL;
}

static const char *take_format(void *target, char *value)
{
	(void)target;
	return strcmp(value, "raw") ? "not a format this program reads" : NULL;
}

static const struct option_part disk_parts[] = {
	{ .name = "ro", .bare = true, .take = take_ro, .takes = "no value" },
	{ .name = "cow", .bare = true, .valued = true, .take = take_cow, .takes = "nothing, or the file that keeps what the guest writes" },
	{ .name = "serial", .valued = true, .take = take_serial, .takes = "up to 20 printable characters and no blank" },
	{ .name = "format", .valued = true, .take = take_format, .takes = "raw (other images: qemu-img convert -O raw FILE NEWFILE)" },
};

const char *cli_take_disk(struct options *options, char *value)
{
	struct config *config = options->target;
	char *path, *rest;

	if (config->disk_count == CONFIG_DISKS_MAX)
		return "one disk too many: 16 are the most";
	if (!parse_option(&value, &path, &rest) || (!*path && !rest))
		return "no file named";
	/* A file's name may hold '='. */
	if (rest)
		rest[-1] = '=';
	if (!strncmp(path, "file=", 5) || !strncmp(path, "path=", 5)) {
		options_fault(options, path, "the file's name stands first and alone (one that begins so: write ./ before it)", options->option->takes);
		path += 5;
	}
	struct config_disk *disk = &config->disk[config->disk_count++];
	disk->block.path = path;
	options_take_parts(options, path, value, disk_parts, sizeof(disk_parts) / sizeof(*disk_parts), disk);
	if (disk->block.read_only && disk->block.cow)
		options_fault(options, path, "both ro and cow, which makes it writable", "one of the two");
	return NULL;
}
