/* SPDX-License-Identifier: MIT */
#include "platform/library.h"

#include <dlfcn.h>
#include <stdio.h>

void *vtr_os_library_open(const char *stem, unsigned version, char out_name[VTR_OS_LIBRARY_NAME])
{
	snprintf(out_name, VTR_OS_LIBRARY_NAME, "lib%s.so.%u", stem, version);
	return dlopen(out_name, RTLD_NOW | RTLD_LOCAL);
}
