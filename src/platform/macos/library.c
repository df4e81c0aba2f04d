/* SPDX-License-Identifier: MIT */
#include "platform/library.h"

#include <dlfcn.h>
#include <stdio.h>

#include "base/mem.h"

/* Where Homebrew (Apple's processors, Intel's) and MacPorts install; dyld looks only into the second by itself. First
 * by name alone, which heeds DYLD_LIBRARY_PATH and the folders that the program was linked with. */
static const char *const folders[] = { "", "/opt/homebrew/lib/", "/usr/local/lib/", "/opt/local/lib/" };

void *vtr_os_library_open(const char *stem, unsigned version, char out_name[VTR_OS_LIBRARY_NAME])
{
	char path[VTR_OS_LIBRARY_NAME];
	void *library = NULL;

	for (size_t i = 0; !library && i < VTR_ARRAY_LEN(folders); i++) {
		snprintf(path, sizeof(path), "%slib%s.%u.dylib", folders[i], stem, version);
		library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	}
	snprintf(out_name, VTR_OS_LIBRARY_NAME, "lib%s.%u.dylib", stem, version);
	return library;
}
