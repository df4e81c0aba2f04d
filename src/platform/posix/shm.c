/* SPDX-License-Identifier: MIT */
#include "platform/shm.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

size_t vtr_os_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

enum vtr_err vtr_os_shm_map(int fd, uint64_t offset, size_t size, bool writable, void **out_map)
{
	int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	void *map = mmap(NULL, size, protection, MAP_SHARED, fd, (off_t)offset);

	if (map == MAP_FAILED) {
		return VTR_ERR_OS;
	}
	*out_map = map;
	return VTR_OK;
}

enum vtr_err vtr_os_shm_map_aligned(int fd, uint64_t offset, size_t size, size_t alignment,
                                    void **out_map)
{
	size_t page_size = vtr_os_page_size();
	size_t length;
	size_t reserved;

	vtr_assert((alignment & (alignment - 1)) == 0);
	if (alignment <= page_size) {
		return vtr_os_shm_map(fd, offset, size, true, out_map);
	}
	if (!vtr_add(size, page_size - 1, &length)) {
		return VTR_ERR_NOMEM;
	}
	length &= ~(page_size - 1);
	if (length == 0 || !vtr_add(length, alignment - page_size, &reserved)) {
		return VTR_ERR_NOMEM;
	}
	/* Reserve enough to contain an aligned address, map over it there, give the rest back. */
	char *base = mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED) {
		return VTR_ERR_OS;
	}
	char *aligned = (char *)vtr_align_up((uintptr_t)base, alignment);
	void *map = mmap(aligned, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
	                 (off_t)offset);
	if (map == MAP_FAILED) {
		munmap(base, reserved);
		return VTR_ERR_OS;
	}
	size_t before = (size_t)(aligned - base);
	size_t after = reserved - before - length;
	if (before > 0) {
		munmap(base, before);
	}
	if (after > 0) {
		munmap(aligned + length, after);
	}
	*out_map = map;
	return VTR_OK;
}

void vtr_os_shm_unmap(void *map, size_t size)
{
	if (map != NULL) {
		int result = munmap(map, size);

		vtr_assert(result == 0);
	}
}

enum vtr_err vtr_os_shm_size(int fd, uint64_t *out_size)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return VTR_ERR_OS;
	}
	if (!S_ISREG(st.st_mode) || st.st_size < 0) {
		return VTR_ERR_GUEST;
	}
	*out_size = (uint64_t)st.st_size;
	return VTR_OK;
}
