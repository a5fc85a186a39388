// SPDX-License-Identifier: Apache-2.0
/*
 * Access control lists, acl(5), between libarchive and the kernel, which has them as attributes (linux/posix_acl_xattr.h, little-endian as
 * all our machines are). The kernel wants the entries in the order of their tags' numbers.
 */
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdlib.h>
#include <sys/xattr.h>

#include "ctr/archive/archive_impl.h"

#define ENTRIES_MAX 4096 /* the kernel's attributes end at 8191 */

const struct acl_kind acl_kinds[ACL_KINDS] = {
	{"system.posix_acl_access", ARCHIVE_ENTRY_ACL_TYPE_ACCESS},
	{"system.posix_acl_default", ARCHIVE_ENTRY_ACL_TYPE_DEFAULT},
};
/* From ARCHIVE_ENTRY_ACL_USER on. */
const uint8_t acl_tags[ACL_TAGS] = {ACL_USER, ACL_USER_OBJ, ACL_GROUP, ACL_GROUP_OBJ, ACL_MASK, ACL_OTHER};

_Static_assert(ARCHIVE_ENTRY_ACL_OTHER == ARCHIVE_ENTRY_ACL_USER + ACL_TAGS - 1, "libarchive's tags follow each other");

static int by_tag(const void *a, const void *b)
{
	const struct posix_acl_xattr_entry *left = a, *right = b;

	return left->e_tag - right->e_tag;
}

/* One entry; false: it names nobody whom a number says. */
static bool take_entry(int tag, int permset, int id, struct posix_acl_xattr_entry *entry)
{
	if (tag < ARCHIVE_ENTRY_ACL_USER || tag > ARCHIVE_ENTRY_ACL_OTHER)
		return false;
	entry->e_tag = acl_tags[tag - ARCHIVE_ENTRY_ACL_USER];
	entry->e_perm = (uint16_t)(permset & 7);
	entry->e_id = (uint32_t)id;
	return id >= 0 || !(entry->e_tag & (ACL_USER | ACL_GROUP));
}

/* The attribute's value, of `bytes`; NULL when it can't be had. */
static void *take(const struct tar *tar, int type, unsigned count, size_t *bytes)
{
	struct posix_acl_xattr_header *header = malloc(sizeof(*header) + count * sizeof(struct posix_acl_xattr_entry));
	struct posix_acl_xattr_entry *entry = header ? (void *)(header + 1) : NULL;
	int kind, permset, tag, id;
	const char *name;
	unsigned n = 0;
	bool good = header;

	while (good && n < count && tar->lib->archive_entry_acl_next(tar->entry, type, &kind, &permset, &tag, &id, &name) == ARCHIVE_OK)
		good = take_entry(tag, permset, id, &entry[n++]);
	if (!good) {
		free(header);
		return NULL;
	}
	header->a_version = POSIX_ACL_XATTR_VERSION;
	qsort(entry, n, sizeof(*entry), by_tag);
	*bytes = sizeof(*header) + n * sizeof(*entry);
	return header;
}

void acl_take(struct tree *tree, const struct tar *tar, struct acl *acl)
{
	*acl = (struct acl){.bytes = {0}};
	/* Where there is but one user, nobody else is to be let in or kept out. */
	for (unsigned i = 0; tree->set_owners && i < ACL_KINDS; i++) {
		int count = tar->lib->archive_entry_acl_reset(tar->entry, acl_kinds[i].type);
		if (count <= 0)
			continue;
		if (count <= ENTRIES_MAX)
			acl->value[i] = take(tar, acl_kinds[i].type, (unsigned)count, &acl->bytes[i]);
		tree->xattrs += !acl->value[i];
	}
}

void acl_set(struct tree *tree, const struct acl *acl, int fd)
{
	for (unsigned i = 0; i < ACL_KINDS; i++) {
		if (acl->value[i] && fsetxattr(fd, acl_kinds[i].attribute, acl->value[i], acl->bytes[i], 0))
			tree->xattrs++;
	}
}

void acl_release(struct acl *acl)
{
	for (unsigned i = 0; i < ACL_KINDS; i++)
		free(acl->value[i]);
}
