// SPDX-License-Identifier: Apache-2.0
/*
 * Libraries loaded by the path that needs them, when it needs them.
 *
 * Every library linked in the usual way costs each start its loading, and its pages for as long as the machine runs; a guest
 * without a user network must not pay for glib, nor one whose kernel is cached for liblzma. So the calls of such a library are kept
 * in a struct of function pointers, typed by the library's own header and filled from the shared object by name:
 *
 *     #define ZSTD_CALLS(X) X(ZSTD_createDStream) X(ZSTD_freeDStream)
 *     LIB_STRUCT(zstd_lib, ZSTD_CALLS);
 *     static int zstd_open(struct zstd_lib *lib) { return LIB_OPEN(lib, "libzstd.so.1", "libzstd1", ZSTD_CALLS); }
 *     ... lib.ZSTD_createDStream() ...
 */
#ifndef VMM_UTIL_LIB_H
#define VMM_UTIL_LIB_H

/*
 * Loads `soname`, and fills `slots` with what it has under `names`: one after the other, each with its NUL, an empty one behind the last.
 * -ENOENT, logged with the Debian package that has it, when the library or one of the names is missing. The library stays loaded until
 * the process ends.
 */
int lib_open(const char *soname, const char *package, const char *names, void **slots);

#define LIB_FIELD(fn) __typeof__(&fn) fn;
#define LIB_STRUCT(tag, calls) struct tag { calls(LIB_FIELD) }
#define LIB_NAME(fn) #fn "\0"
#define LIB_ONE(fn) +1
/* `lib` points to the LIB_STRUCT of the same calls. */
#define LIB_OPEN(lib, soname, package, calls)                                                                              \
	({                                                                                                                 \
		_Static_assert(sizeof(*(lib)) == sizeof(void *) * (0 calls(LIB_ONE)), "the struct of other calls");        \
		lib_open(soname, package, calls(LIB_NAME), (void **)(lib));                                                \
	})

#endif
