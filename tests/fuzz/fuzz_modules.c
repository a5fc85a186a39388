// SPDX-License-Identifier: Apache-2.0
/*
 * What we parse of a modules directory ourselves: the indexes, a kernel's configuration, and bundles from the cache, whose sum is put right
 * first.
 */
#include <stdlib.h>

#include "vmm/kernel_config.h"
#include "vmm/module_tree.h"

/* For its sum and its checks. */
#include "vmm/module_bundle.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void find_names(const char *text, size_t len)
{
	static const char *const names[] = { "virtio_blk", "a", "ext4" };
	struct kernel_config config = { .text = (char *)text, .len = len };
	char name[MODULE_NAME_MAX];
	size_t path_len;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *line = module_lines_find(text, len, names[i], &path_len);
		if (line && (line < text || line + path_len > text + len || line[0] == '/' || memmem(line, path_len, "/../", 4)))
			abort();
		kernel_config_driver(&config, names[i]);
	}
	if (module_name_of_file(text, len, name) && (!name[0] || strchr(name, '/') || strchr(name, '-')))
		abort();
}

static void read_bundle(char *file, size_t len)
{
	static const char key[] = "dir=/nowhere";
	struct module_bundle bundle = { .data = file, .bytes = len };
	struct bundle_header header;

	if (len < BUNDLE_ARCHIVE_OFFSET)
		return;
	memcpy(&header, file, sizeof(header));
	memcpy(header.magic, MAGIC, sizeof(header.magic));
	header.sum = sum_bytes(file + BUNDLE_ARCHIVE_OFFSET, len - BUNDLE_ARCHIVE_OFFSET);
	memcpy(file, &header, sizeof(header));
	if (!check(&bundle, key, sizeof(key)) && bundle.config + bundle.config_bytes != file + len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Without a NUL after it: the address sanitizer sees each byte too far. */
	char *copy = malloc(size + !size);

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	find_names(copy, size);
	read_bundle(copy, size);
	free(copy);
	return 0;
}
