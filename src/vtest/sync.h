/* SPDX-License-Identifier: MIT */
#ifndef VTEST_SYNC_H
#define VTEST_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The sync objects of one vtest client: 64-bit values that the client and the renderer's fences set. The client waits
 * for them through file descriptors.
 *
 * Lock:    one mutex inside; any thread may call all functions.
 *
 * A pending wait is a pipe whose reading end the client polls. A satisfied wait is a byte in the pipe. If this process
 * dies, the writing end is closed, and Mesa treats a POLLHUP without data as VK_ERROR_DEVICE_LOST. So a client never
 * waits for a dead worker. (An eventfd would never become readable.)
 *
 * A client gets id 0 when it has too many syncs. Mesa uses the id without a check: writing to it does nothing, and a
 * wait for it reports a lost device.
 */

/* Enough for all VkFences and VkSemaphores of a big game. A client that asks for 100,000 must be refused (56 B
 * each). */
#define VTR_SYNC_MAX 65536
/* Each pending wait takes a file descriptor of this process. */
#define VTR_SYNC_MAX_WAITS 16384
/* The most syncs in one wait or one fence. */
#define VTR_SYNC_MAX_LIST 65536
/* The most syncs in all pending waits together, and in all pending fences together; limits memory to some 10 MiB. */
#define VTR_SYNC_MAX_LINKS 262144
/* The most pending fences. */
#define VTR_SYNC_MAX_FENCES 65536

struct vtr_syncs;
struct vtr_sync_fence;

struct vtr_sync_value {
	uint32_t id;
	uint64_t value;
};

/* An fd from vtr_syncs_wait(), and what to do with it after sending. */
struct vtr_sync_fd {
	int fd;
	bool owned; /* the caller closes the fd; otherwise the syncs own it */
};

/**
 * Owner:   *out_syncs is the caller's; end it with vtr_syncs_destroy().
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS. *out_syncs is untouched on failure.
 */
VTR_MUST_CHECK enum vtr_err vtr_syncs_create(struct vtr_syncs **out_syncs);

/* Hangs up all waits. No fence may be pending. Accepts NULL. */
void vtr_syncs_destroy(struct vtr_syncs *syncs);

/* Returns: an fd for failed requests, which never becomes readable and cannot be mapped. Borrowed. */
int vtr_syncs_void_fd(const struct vtr_syncs *syncs);

/* Returns: VTR_ERR_LIMIT, VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_sync_create(struct vtr_syncs *syncs, uint64_t value, uint32_t *out_id);

/* Waits that can no longer be satisfied are hung up. Returns: VTR_ERR_INVALID (no such sync). */
VTR_MUST_CHECK enum vtr_err vtr_sync_destroy(struct vtr_syncs *syncs, uint32_t id);

/* Returns: VTR_ERR_INVALID (no such sync). */
VTR_MUST_CHECK enum vtr_err vtr_sync_read(struct vtr_syncs *syncs, uint32_t id, uint64_t *out_value);

/* Sets the value, which may decrease, and satisfies waits. Returns: VTR_ERR_INVALID (no such sync). */
VTR_MUST_CHECK enum vtr_err vtr_sync_write(struct vtr_syncs *syncs, uint32_t id, uint64_t value);

/* Returns: whether all these syncs exist, and not yet enough of `values` are reached. */
bool vtr_syncs_are_pending(struct vtr_syncs *syncs, const struct vtr_sync_value *values, size_t count,
                           bool any);

/**
 * Creates an fd that becomes readable as soon as all (or any) of `values` are reached.
 *
 * After `timeout_ms` (UINT32_MAX: never) the wait may be dropped, because the client has stopped polling. Above a
 * limit, the fd is the void fd, which the client treats as a lost device.
 * Returns: VTR_ERR_INVALID (no such sync).
 */
VTR_MUST_CHECK enum vtr_err vtr_syncs_wait(struct vtr_syncs *syncs, const struct vtr_sync_value *values,
                                           size_t count, bool any, uint32_t timeout_ms,
                                           struct vtr_sync_fd *out_fd);

/**
 * Creates a fence that raises each sync to its value when it retires.
 *
 * Owner:   end *out_fence with either vtr_sync_fence_retire() or vtr_sync_fence_cancel(), once.
 * Returns: VTR_ERR_INVALID (no such sync), VTR_ERR_LIMIT, VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_sync_fence_create(struct vtr_syncs *syncs,
                                                  const struct vtr_sync_value *values, size_t count,
                                                  struct vtr_sync_fence **out_fence);

/* Thread: any, with no lock of the renderer held. */
void vtr_sync_fence_retire(struct vtr_syncs *syncs, struct vtr_sync_fence *take_fence);
void vtr_sync_fence_cancel(struct vtr_syncs *syncs, struct vtr_sync_fence *take_fence);

#endif
