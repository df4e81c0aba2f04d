/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_SHM_H
#define PLATFORM_SHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Anonymous shared memory that travels between processes as an fd. Thread: any. */

size_t vtr_os_page_size(void);

/**
 * Makes zeroed shared memory, sparse until written, of a size that nobody can change.
 *
 * `name`   shows up in /proc, for people.
 * `size`   in bytes, not 0; rounded up to whole pages.
 * Owner:   *out_fd is the caller's, close-on-exec.
 * Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_create(const char *name, size_t size, int *out_fd);

/**
 * Maps [offset, offset + size) of an fd, shared. `offset` is a multiple of the page size. Memory
 * behind the end of the file cannot be touched: use vtr_os_shm_check() on an fd of somebody else.
 *
 * Owner:   *out_map is the caller's; end it with vtr_os_shm_unmap() and the same size.
 * Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_map(int fd, uint64_t offset, size_t size, bool writable,
                                           void **out_map);

/* The same, writable, at an address that is a multiple of `alignment` (a power of two). */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_map_aligned(int fd, uint64_t offset, size_t size, size_t alignment,
                                                   void **out_map);

/* A stretch of an fd; offset and size are multiples of the page size. */
struct vtr_os_shm_piece {
	int fd;
	uint64_t offset;
	uint64_t size;
};

/**
 * Maps pieces one behind the other, shared and writable, at an address that is a multiple of
 * `alignment` (a power of two, at least a page). What is behind the last piece up to a multiple of
 * `alignment` is kept free of other mappings; see vtr_os_shm_pad().
 *
 * Owner:   *out_map is the caller's; end it with vtr_os_shm_unmap() and the sum of the sizes, rounded
 *          up to `alignment`.
 * Returns: VTR_ERR_OS, VTR_ERR_NOMEM (sizes that overflow).
 */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_map_pieces(const struct vtr_os_shm_piece *pieces, size_t count,
                                                  size_t alignment, void **out_map);

/* Fills the free part behind `size` bytes of vtr_os_shm_map_pieces() with zeros of this process's own,
 * up to `padded_size`. Harmless if done before. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_pad(void *map, size_t size, size_t padded_size);

/* Has zeros of this process's own take the place of what is mapped. Pointers stay valid and see
 * nothing of the old memory any more, also in other threads. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_revoke(void *map, size_t size);

/* Accepts NULL. */
void vtr_os_shm_unmap(void *map, size_t size);

/**
 * Gives the memory of [offset, offset + size) back to the system: it reads as zeros from now on, in
 * all maps of it. Any range within the file; only whole pages save something.
 *
 * Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_discard(int fd, uint64_t offset, uint64_t size);

/* The first byte from `offset` on, which lies in the file, that has memory; UINT64_MAX if there is
 * none. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_find_data(int fd, uint64_t offset, uint64_t *out_offset);

/* Returns: VTR_ERR_OS, VTR_ERR_GUEST (the fd has no size, or an impossible one). */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_size(int fd, uint64_t *out_size);

/**
 * Checks memory that came from another process: that it has `min_size` bytes and can never lose
 * them, so that touching a map of it cannot end in SIGBUS.
 *
 * Returns: VTR_ERR_GUEST if not.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_check(int fd, uint64_t min_size);

/* Whether an fd's memory is made of huge pages: the kernel rounds the sizes of its maps up to theirs, so that a part of
 * it maps over what lies behind, and cannot be unmapped again. */
bool vtr_os_shm_is_huge(int fd);

/**
 * Makes a second fd for the same memory, through which it can only be read: for a process that must
 * not change it. Whoever may open files for writing can turn it back through /proc: the sandbox of
 * that process has to prevent it (vtr_os_sandbox_server() does).
 *
 * Owner:   *out_fd is the caller's, close-on-exec.
 * Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_read_only(int fd, int *out_fd);

#endif
