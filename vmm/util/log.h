// SPDX-License-Identifier: Apache-2.0
/*
 * Messages for the person at the keyboard, on standard error.
 *
 * Whoever knows the name of the thing that failed logs it, once, with what the user can do about it; everybody else returns
 * a negative errno. One message is one write(2), so lines of several threads never mix. Any thread may call these.
 */
#ifndef VMM_UTIL_LOG_H
#define VMM_UTIL_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);

/* Raw terminals need "\r\n": set while the terminal is raw. */
void log_set_raw(bool raw);

__attribute__((format(printf, 1, 2))) void log_error(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_warn(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_info(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_debug(const char *fmt, ...);

/* For what a guest can repeat without end: true the first time only. `flag` starts false and belongs to the device. */
bool log_first(bool *flag);

#endif
