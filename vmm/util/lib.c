// SPDX-License-Identifier: Apache-2.0
/* Libraries loaded on demand: see lib.h. */
#include "vmm/util/lib.h"

#include <dlfcn.h>
#include <errno.h>

#include "vmm/util/log.h"

int lib_open(const char *soname, const char *package, const struct lib_symbol *symbols)
{
	void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

	if (!handle) {
		log_error("%s is not there (%s): install the package %s", soname, dlerror(), package);
		return -ENOENT;
	}
	for (; symbols->name; symbols++) {
		*symbols->slot = dlsym(handle, symbols->name);
		if (!*symbols->slot) {
			log_error("%s has no %s: it is too old, upgrade the package %s", soname, symbols->name, package);
			dlclose(handle);
			return -ENOENT;
		}
	}
	return 0;
}
