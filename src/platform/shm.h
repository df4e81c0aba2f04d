/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_SHM_H
#define PLATFORM_SHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Anonymous shared memory that travels between processes as an fd. Thread: any.
 *
 * Linux seals it, so that no process can change its size. POSIX has no seals: each process with an fd for writing can
 * shrink the memory, except on systems where a size is set only once (macOS). Therefore:
 *
 *   - memory that other processes can change is made by ours, never taken from a program.
 *   - a process that has made or checked such memory survives its shrinking: from then on it handles SIGBUS, and the
 *     part that is gone reads as zeros of its own. So a program that shrinks its ring does not end the supervisor,
 *     which maps the ring, too, and a worker that shrinks hostmem does not end the front.
 *   - constant memory has no fd for writing once it is made.
 */

/* The QEMU object that makes a guest's RAM of memory like this; QEMU has only those that its system knows. */
extern const char vtr_os_shm_qemu_object[];

size_t vtr_os_page_size(void);
/* Returns: the size of this machine's RAM in bytes; a guess if the system does not tell. */
uint64_t vtr_os_ram_size(void);

/**
 * Creates zeroed shared memory of a fixed size. It is sparse until written.
 *
 * `name`   appears in Linux's /proc, for debugging.
 * `size`   in bytes, not 0; rounded up to whole pages.
 * Owner:   *out_fd is the caller's, close-on-exec.
 * Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_create(const char *name, size_t size, int *out_fd);

/**
 * The same, for memory that other processes will have read-only. *out_view_fd is what vtr_os_shm_read_only() needs:
 * an fd for reading only; -1 on systems where it takes any fd of the memory. Owner: both fds are the caller's.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_create_shown(const char *name, size_t size, int *out_fd,
                                                    int *out_view_fd);

/* Makes shared memory with these contents, of just this size, that no process can change any more. Owner and Returns:
 * as above. */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_create_constant(const char *name, const void *data, size_t size,
                                                       int *out_fd);

/* Reads such contents back. Returns: VTR_ERR_ARG (they have another size), VTR_ERR_OS; *out_data is undefined then. */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_read(int fd, void *out_data, size_t size);

/**
 * Maps [offset, offset + size) of an fd, shared. `offset` is a multiple of the page size. Access beyond the
 * end of the file raises SIGBUS: use vtr_os_shm_check() on an fd from another process.
 *
 * Owner:   *out_map is the caller's; end it with vtr_os_shm_unmap() and the same size.
 * Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_map(int fd, uint64_t offset, size_t size, bool writable,
                                           void **out_map);

/* The same, writable, at an address that is a multiple of `alignment` (a power of two). */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_map_aligned(int fd, uint64_t offset, size_t size, size_t alignment,
                                                   void **out_map);

/* A range of an fd; offset and size are multiples of the page size. */
struct vtr_os_shm_piece {
	int fd;
	uint64_t offset;
	uint64_t size;
};

/**
 * Maps pieces one after the other, shared and writable, at an address that is a multiple of `alignment` (a
 * power of two, at least a page). The address space between the last piece and the next multiple of
 * `alignment` stays reserved; see vtr_os_shm_pad().
 *
 * Owner:   *out_map is the caller's; end it with vtr_os_shm_unmap() and the sum of the sizes, rounded up to
 *          `alignment`.
 * Returns: VTR_ERR_OS, VTR_ERR_NOMEM (the sizes overflow).
 */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_map_pieces(const struct vtr_os_shm_piece *pieces, size_t count,
                                                  size_t alignment, void **out_map);

/* Maps zeros that are private to this process into the reserved part behind `size` bytes of
 * vtr_os_shm_map_pieces(), up to `padded_size`. Harmless if done before. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_pad(void *map, size_t size, size_t padded_size);

/* Replaces a mapping by zeros that only this process sees. Pointers stay valid, also in other threads, but no
 * longer reach the old memory. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_revoke(void *map, size_t size);

/* Gets the pages of a range of a writable map that is going to be written: in one call, instead of a fault for each.
 * What cannot be had that way is left to the faults. */
void vtr_os_shm_populate(void *at, size_t size);

/* Accepts NULL. */
void vtr_os_shm_unmap(void *map, size_t size);

/**
 * Returns the memory of [offset, offset + size) to the system: it then reads as zeros in all mappings. The
 * range may be any within the file; only whole pages save memory. POSIX can only write zeros, which saves none.
 *
 * Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_discard(int fd, uint64_t offset, uint64_t size);

/* Finds the first byte from `offset` on that is backed by memory; UINT64_MAX if there is none. `offset` must
 * lie in the file. A system that cannot tell says that all of it is. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_find_data(int fd, uint64_t offset, uint64_t *out_offset);

/* Returns: VTR_ERR_OS, VTR_ERR_INVALID (the fd is not a file with a size). */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_size(int fd, uint64_t *out_size);

/* Returns: whether two fds are of the same memory. */
bool vtr_os_shm_is_same(int fd, int other_fd);

/**
 * Checks memory from another process: it must have `min_size` bytes and be sealed against shrinking, so that
 * access to a mapping cannot raise SIGBUS. Without seals: as described above.
 *
 * Returns: VTR_ERR_INVALID if it does not.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_check(int fd, uint64_t min_size);

/* Returns: whether an fd's memory consists of huge pages. The kernel rounds mappings of those up to the huge
 *          page size, so mapping a part covers the addresses behind it, and that part cannot be unmapped
 *          again. */
bool vtr_os_shm_is_huge(int fd);

/**
 * Makes another, read-only fd for the same memory, for a process that must not change it. A process that may
 * open files for writing can reopen the fd as writable through Linux's /proc; its sandbox has to prevent that
 * (vtr_os_sandbox_server() does).
 *
 * `fd`      any fd of the memory
 * `view_fd` of vtr_os_shm_create_shown(); -1 if `fd` is itself for reading only, or the system needs none
 * Owner:    *out_fd is the caller's, close-on-exec.
 * Returns:  VTR_ERR_OS (ENOTSUP: the system needs an fd that is for reading only).
 */
VTR_MUST_CHECK enum vtr_err vtr_os_shm_read_only(int fd, int view_fd, int *out_fd);

#endif
