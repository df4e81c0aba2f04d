/* SPDX-License-Identifier: MIT */
/* Loaded into a server: the machine seems to have 1 GiB of RAM, so that what is divided of it can be used up in a
 * test. */
#include <dlfcn.h>
#include <unistd.h>

__attribute__((visibility("default"))) long sysconf(int name)
{
	static long (*real)(int);

	if (!real) {
		*(void **)&real = dlsym(RTLD_NEXT, "sysconf");
	}
	return name == _SC_PHYS_PAGES ? (1L << 30) / real(_SC_PAGESIZE) : real(name);
}
