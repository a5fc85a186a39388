// SPDX-License-Identifier: Apache-2.0
/* `tinyvmm ctr import NAME FILE`: what `create NAME --image FILE` does, by the name under which one looks for it. */
#include <stdlib.h>
#include <string.h>

#include "ctr/verbs/verbs.h"
#include "vmm/util/log.h"

int verb_import(int argc, char **argv)
{
	struct verb_line line = {
		.verb = "import",
		.usage = "NAME FILE [OPTION]... [-- COMMAND ARG...]",
		.help = "makes a container from an archive that 'export' wrote, or from an image; OPTIONs are create's",
		.min = 2,
		.max = 2,
	};
	static char create[] = "create", image[] = "--image";
	unsigned words = 1;
	int status;

	while (words < 3 && words < (unsigned)argc && argv[words][0] != '-')
		words++;
	/* What follows is create's, and that would not know what is missing before it. */
	bool help = words < (unsigned)argc && (!strcmp(argv[words], "--help") || !strcmp(argv[words], "-h"));
	if (!verb_parse(&line, (int)words + help, argv, &status))
		return status;
	/* One more than there was, and the end. */
	char **args = calloc((size_t)argc + 2, sizeof(*args));
	if (!args) {
		log_error("no memory is left");
		return VERB_FAILED;
	}
	args[0] = create;
	args[1] = argv[1];
	args[2] = image;
	memcpy(args + 3, argv + 2, ((size_t)argc - 1) * sizeof(*args));
	status = verb_create(argc + 1, args);
	free(args);
	return status;
}
