// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm ctr create`: a container that is kept. Nothing runs yet; its description is checked as far as that goes without running it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctr/options.h"
#include "ctr/verbs/verbs.h"
#include "vmm/util/log.h"

/* Options are cut apart where they stand when they are parsed. */
static char **copy_of(char **argv)
{
	char **copy = NULL;

	for (; *argv; argv++) {
		char *text = strdup(*argv);
		if (!text || options_append(&copy, text))
			return NULL;
	}
	return copy;
}

static int check_root(const struct spec *spec)
{
	if (!access(spec->root_path, R_OK))
		return 0;
	int err = -errno;
	log_error("%s: %s", spec->root_path, strerror(-err));
	return err;
}

static int keep(const struct spec *spec, char **arguments)
{
	struct description description = {.created = time(NULL), .arguments = arguments};
	struct store store;
	struct entry entry;
	int err = store_open(&store);

	if (err)
		return err;
	err = store_create(&store, spec->name, &entry);
	if (err)
		goto close_store;
	description.directory = getcwd(NULL, 0);
	if (!description.directory) {
		err = -errno;
		log_error("the working directory: %s", strerror(-err));
	}
	if (!err)
		err = description_write(&entry, &description);
	if (!err)
		err = entry_publish(&store, &entry);
	if (err)
		store_remove(&store, &entry);
	free(description.directory);
	entry_close(&entry);
close_store:
	store_close(&store);
	return err;
}

int verb_create(int argc, char **argv)
{
	struct spec spec;
	char **arguments = argc > 1 ? copy_of(argv + 1) : NULL;
	int status = VERB_USAGE;

	switch (ctr_create_parse(&spec, argc, argv)) {
	case OPTIONS_DONE:
		status = VERB_OK;
		break;
	case OPTIONS_BAD:
		break;
	case OPTIONS_RUN:
		if (spec.name)
			status = check_root(&spec) || keep(&spec, arguments) ? VERB_FAILED : VERB_OK;
		else
			log_error(
				"tinyvmm ctr create: no name: usage: tinyvmm ctr create NAME --rootfs DIR [OPTION]... [-- COMMAND ARG...]");
		break;
	}
	spec_release(&spec);
	store_free_names(arguments);
	return status;
}
