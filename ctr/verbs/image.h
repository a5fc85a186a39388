// SPDX-License-Identifier: Apache-2.0
/* A container's root from an archive, once, when it is created: `create --image` and `import`. */
#ifndef CTR_VERBS_IMAGE_H
#define CTR_VERBS_IMAGE_H

#include "ctr/archive/archive.h"
#include "ctr/spec.h"
#include "ctr/store/store.h"

/*
 * Unpacks the archive spec->root_path into the new entry's `root`: in a worker that has no other directory and few capabilities; root's with the owners
 * that the archive tells, an ordinary user's with his subordinate ids for them, or, where he has none, all his own. `config` gets what the image says of
 * its command; archive_config_release() frees it, in any case. 0 or a negative errno, logged; what was unpacked by then stays for store_remove().
 */
int image_install(struct entry *entry, const struct spec *spec, struct archive_config *config);

/*
 * Puts what the image says in front of what the user said (`spec`, parsed from these very arguments), so that the user's wins: variables, user and working
 * directory; and its command behind "--" where the user gave none. The list and its strings are malloc'ed; after an error it is as it was.
 * -ENOMEM, or -E2BIG, logged.
 */
int image_fold(const struct archive_config *image, const struct spec *spec, char ***arguments);

#endif
