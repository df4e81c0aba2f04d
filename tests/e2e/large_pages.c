/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into vitrine: a host whose pages have 16 KiB, as far as a program can tell by asking for their size and by
 * where its mappings lie. Each is alone in its pages, so what is done to whole pages hits nothing else.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)16384)
#define EXPORTED __attribute__((visibility("default")))

typedef void *mmap_function(void *at, size_t size, int protection, int flags, int fd, off_t offset);

EXPORTED long sysconf(int name)
{
	static long (*next)(int);

	if (name == _SC_PAGESIZE) {
		return (long)PAGE;
	}
	if (!next) {
		next = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");
	}
	return next(name);
}

EXPORTED void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	static mmap_function *next;

	if (!next) {
		next = (mmap_function *)dlsym(RTLD_NEXT, "mmap");
	}
	if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0) {
		return next(at, size, protection, flags, fd, offset);
	}
	const size_t whole = (size + PAGE - 1) & ~(PAGE - 1);
	char *base = next(NULL, whole + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED) {
		return MAP_FAILED;
	}
	char *place = (char *)(((uintptr_t)base + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
	void *map = next(place, size, protection, flags | MAP_FIXED, fd, offset);
	if (map == MAP_FAILED) {
		munmap(base, whole + PAGE);
		return MAP_FAILED;
	}
	if (place > base) {
		munmap(base, (size_t)(place - base));
	}
	munmap(place + whole, PAGE - (size_t)(place - base));
	return map;
}
