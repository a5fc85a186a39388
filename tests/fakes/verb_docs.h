// SPDX-License-Identifier: Apache-2.0
/* The same for the options that only verbs of `tinyvmm ctr` have. Include option_docs.h first. */
#ifndef TESTS_FAKES_VERB_DOCS_H
#define TESTS_FAKES_VERB_DOCS_H

#include "ctr/verbs/verbs.h"

static inline bool is_a_verbs(const char *name, size_t len)
{
	for (unsigned i = 0; i < ctr_verb_count; i++) {
		const struct verb_table *table = ctr_verbs[i].table;
		if (table && is_in(table->defs, table->count, name, len))
			return true;
	}
	return false;
}

#endif
