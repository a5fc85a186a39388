// SPDX-License-Identifier: Apache-2.0
/* Messages on standard error: see log.h. The level is the only global state of the program. */
#include "vmm/util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_int current_level = LOG_WARN;
static atomic_bool raw_terminal;

void log_set_level(enum log_level level)
{
	atomic_store(&current_level, (int)level);
}

void log_set_raw(bool raw)
{
	atomic_store(&raw_terminal, raw);
}

__attribute__((format(printf, 2, 0))) static void log_write(enum log_level level, const char *fmt, va_list args)
{
	static const char *const prefix[] = {
		[LOG_ERROR] = "tinyvmm: ",
		[LOG_WARN] = "tinyvmm: warning: ",
		[LOG_INFO] = "tinyvmm: ",
		[LOG_DEBUG] = "tinyvmm: debug: ",
	};
	char line[2048];
	int saved_errno = errno;
	size_t room = sizeof(line) - 2; /* for the end of the line */

	if ((int)level > atomic_load(&current_level))
		return;
	size_t used = (size_t)snprintf(line, room, "%s", prefix[level]);
	int n = vsnprintf(line + used, room - used, fmt, args);
	size_t text = used;
	if (n > 0)
		used += (size_t)n < room - used ? (size_t)n : room - used - 1;
	/* What an image, a guest or a file name has in it must not reach the terminal as an escape sequence. */
	for (; text < used; text++) {
		if ((unsigned char)line[text] < ' ' && line[text] != '\n' && line[text] != '\t')
			line[text] = '?';
	}
	if (atomic_load(&raw_terminal))
		line[used++] = '\r';
	line[used++] = '\n';
	/* Nobody is left to tell if standard error itself fails. */
	ssize_t written = write(STDERR_FILENO, line, used);
	(void)written;
	errno = saved_errno;
}

#define LOG_FUNCTION(name, level)           \
	void name(const char *fmt, ...)     \
	{                                   \
		va_list args;               \
		va_start(args, fmt);        \
		log_write(level, fmt, args); \
		va_end(args);               \
	}

LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)

bool log_first(bool *flag)
{
	bool first = !*flag;

	*flag = true;
	return first;
}
