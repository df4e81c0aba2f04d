/* SPDX-License-Identifier: MIT */
#include "platform/shm.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

#define RAM_GUESS (UINT64_C(8) << 30)

size_t vtr_os_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

uint64_t vtr_os_ram_size(void)
{
	const long pages = sysconf(_SC_PHYS_PAGES);

	return pages > 0 ? (uint64_t)pages * vtr_os_page_size() : RAM_GUESS;
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

/* Reserves address space that contains an aligned block of `size` bytes. The caller maps over that block and
 * returns the rest. Returns: where the reservation begins; NULL: see errno. */
static char *reserve(size_t size, size_t alignment, char **out_aligned)
{
	char *base = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (base == MAP_FAILED) {
		return NULL;
	}
	*out_aligned = (char *)vtr_align_up((uintptr_t)base, alignment);
	return base;
}

static void trim(char *base, size_t size, char *used, size_t used_size)
{
	size_t before = (size_t)(used - base);
	size_t after = size - before - used_size;

	if (before > 0) {
		munmap(base, before);
	}
	if (after > 0) {
		munmap(used + used_size, after);
	}
}

enum vtr_err vtr_os_shm_map_aligned(int fd, uint64_t offset, size_t size, size_t alignment, void **out_map)
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
	char *aligned;
	char *base = reserve(reserved, alignment, &aligned);
	if (!base) {
		return VTR_ERR_OS;
	}
	void *map = mmap(aligned, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)offset);
	if (map == MAP_FAILED) {
		munmap(base, reserved);
		return VTR_ERR_OS;
	}
	trim(base, reserved, aligned, length);
	*out_map = map;
	return VTR_OK;
}

/* *out_padded: the sum, rounded up to `alignment`. */
static enum vtr_err add_sizes(const struct vtr_os_shm_piece *pieces, size_t count, size_t alignment,
                              size_t *out_padded)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++) {
		if (pieces[i].size > SIZE_MAX || !vtr_add(size, (size_t)pieces[i].size, &size)) {
			return VTR_ERR_NOMEM;
		}
	}
	if (size == 0 || !vtr_add(size, alignment - 1, &size)) {
		return VTR_ERR_NOMEM;
	}
	*out_padded = size & ~(alignment - 1);
	return VTR_OK;
}

static bool have_huge_pages(const struct vtr_os_shm_piece *pieces, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		/* Checked once per run of pieces with the same fd. */
		if ((i == 0 || pieces[i].fd != pieces[i - 1].fd) && vtr_os_shm_is_huge(pieces[i].fd)) {
			return true;
		}
	}
	return false;
}

enum vtr_err vtr_os_shm_map_pieces(const struct vtr_os_shm_piece *pieces, size_t count, size_t alignment,
                                   void **out_map)
{
	size_t page_size = vtr_os_page_size();
	size_t padded;
	size_t reserved;

	vtr_assert(alignment >= page_size && (alignment & (alignment - 1)) == 0);
	enum vtr_err err = add_sizes(pieces, count, alignment, &padded);
	if (err != VTR_OK || !vtr_add(padded, alignment - page_size, &reserved)) {
		return VTR_ERR_NOMEM;
	}
	if (have_huge_pages(pieces, count)) {
		errno = EINVAL;
		return VTR_ERR_OS;
	}
	char *aligned;
	char *base = reserve(reserved, alignment, &aligned);
	if (!base) {
		return VTR_ERR_OS;
	}
	char *at = aligned;
	for (size_t i = 0; i < count; i++) {
		void *map = mmap(at, (size_t)pieces[i].size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		                 pieces[i].fd, (off_t)pieces[i].offset);
		if (map == MAP_FAILED) {
			munmap(base, reserved);
			return VTR_ERR_OS;
		}
		at += pieces[i].size;
	}
	trim(base, reserved, aligned, padded);
	*out_map = aligned;
	return VTR_OK;
}

enum vtr_err vtr_os_shm_pad(void *map, size_t size, size_t padded_size)
{
	vtr_assert(size <= padded_size);
	if (size == padded_size) {
		return VTR_OK;
	}
	return mprotect((char *)map + size, padded_size - size, PROT_READ | PROT_WRITE) == 0 ? VTR_OK :
	                                                                                       VTR_ERR_OS;
}

enum vtr_err vtr_os_shm_revoke(void *map, size_t size)
{
	/* Shared, so that it does not count as this process's data (RLIMIT_DATA). It is anonymous, so no
	 * other process can map it. */
	void *zeros = mmap(map, size, PROT_READ | PROT_WRITE,
	                   MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);

	return zeros == MAP_FAILED ? VTR_ERR_OS : VTR_OK;
}

void vtr_os_shm_unmap(void *map, size_t size)
{
	if (map != NULL) {
		int result = munmap(map, size);

		vtr_assert(result == 0);
	}
}
