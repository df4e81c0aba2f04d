/* SPDX-License-Identifier: MIT */
/*
 * The linker sends calls of mmap() and munmap() here (--wrap). Shared memory gets pages before and behind it that
 * nothing may touch. Otherwise one mapping lies beside the next, and an access behind the end of one would not show.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size);

enum { GUARD = 65536, MAX_GUARDED = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static struct {
	uint8_t *at;
	size_t size;
} guarded[MAX_GUARDED];
static size_t guarded_count;

static bool note(uint8_t *at, size_t size)
{
	bool noted;

	pthread_mutex_lock(&lock);
	noted = guarded_count < MAX_GUARDED;
	if (noted) {
		guarded[guarded_count].at = at;
		guarded[guarded_count++].size = size;
	}
	pthread_mutex_unlock(&lock);
	return noted;
}

static bool forget(const uint8_t *at, size_t size)
{
	bool found = false;

	pthread_mutex_lock(&lock);
	for (size_t i = guarded_count; i-- > 0 && !found;) {
		found = guarded[i].at == at && guarded[i].size == size;
		if (found) {
			guarded[i] = guarded[--guarded_count];
		}
	}
	pthread_mutex_unlock(&lock);
	return found;
}

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	const size_t rounded = (size + 4095) & ~(size_t)4095;
	uint8_t *all, *map;

	if (at != NULL || (flags & MAP_SHARED) == 0 || size > SIZE_MAX / 2) {
		return __real_mmap(at, size, protection, flags, fd, offset);
	}
	all = __real_mmap(NULL, rounded + 2 * (size_t)GUARD, PROT_NONE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all == MAP_FAILED) {
		return MAP_FAILED;
	}
	map = __real_mmap(all + GUARD, size, protection, flags | MAP_FIXED, fd, offset);
	if (map == MAP_FAILED || !note(map, rounded)) {
		__real_munmap(all, rounded + 2 * (size_t)GUARD);
		return MAP_FAILED;
	}
	return map;
}

int __wrap_munmap(void *at, size_t size)
{
	const size_t rounded = (size + 4095) & ~(size_t)4095;

	if (forget(at, rounded)) {
		return __real_munmap((uint8_t *)at - GUARD, rounded + 2 * (size_t)GUARD);
	}
	return __real_munmap(at, size);
}
