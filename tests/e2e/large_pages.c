/* SPDX-License-Identifier: MIT */
/* Preloaded into vitrine: a host whose pages have 16 KiB, as far as a program asks for their size. */
#include <dlfcn.h>
#include <unistd.h>

__attribute__((visibility("default"))) long sysconf(int name)
{
	static long (*next)(int);

	if (name == _SC_PAGESIZE) {
		return 16384;
	}
	if (!next) {
		next = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");
	}
	return next(name);
}
