// SPDX-License-Identifier: Apache-2.0
/*
 * A container's two documents in the very form in which state.c writes them, read without a JSON library: for the commands that many are run of. What
 * has another form is not wrong for that: a program or a person may have written it, and state.c reads it with the library, or says what is
 * wrong. Strings with letters beyond ASCII, and with control characters, are among that.
 */
#ifndef CTR_STORE_WRITTEN_H
#define CTR_STORE_WRITTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "ctr/store/state.h"

/* False: of another form, and nothing was allocated. `text` need not end in NUL. */
bool written_description(const char *text, size_t len, struct description *description);
bool written_status(const char *text, size_t len, struct status *status);

#endif
