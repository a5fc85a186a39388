// SPDX-License-Identifier: Apache-2.0
/* A command found by its name, for the programs that start one without a C library: guest/init and guest/reaper. */
#ifndef GUEST_EXECUTE_H
#define GUEST_EXECUTE_H

#include "guest/init_parse.h"
#include "guest/sys.h"
#include "guest/text.h"

/* Like execvp(3): the first that can be executed; otherwise "permission denied" if one was there. `tried` is the last one's path. */
static inline long execute(char **argv, char **env, char *tried, size_t tried_size)
{
	const char *path = env_get(env, "PATH");
	long result = -ENOENT;

	if (text_find(argv[0], '/')) {
		struct text name = text_in(tried, tried_size);
		text_add(&name, argv[0]);
		return SYS3(execve, argv[0], argv, env);
	}
	while (path_next(&path, argv[0], tried, tried_size)) {
		long err = SYS3(execve, tried, argv, env);
		if (err != -ENOENT && err != -ENOTDIR && err != -EACCES)
			return err;
		if (err == -EACCES)
			result = err;
	}
	return result;
}

#endif
