// SPDX-License-Identifier: Apache-2.0
/* Libraries loaded on demand: see lib.h. */
#include "vmm/util/lib.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "vmm/util/log.h"

int lib_open(const char *soname, const char *package, const char *names, void **slots)
{
	void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

	if (!handle) {
		log_error("%s is not there (%s): install the package %s", soname, dlerror(), package);
		return -ENOENT;
	}
	for (; *names; names += strlen(names) + 1) {
		*slots = dlsym(handle, names);
		if (!*slots++) {
			log_error("%s has no %s: it is too old, upgrade the package %s", soname, names, package);
			dlclose(handle);
			return -ENOENT;
		}
	}
	return 0;
}
