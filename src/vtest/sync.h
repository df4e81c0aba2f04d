/* SPDX-License-Identifier: MIT */
#ifndef VTEST_SYNC_H
#define VTEST_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The sync objects of one vtest client: 64-bit values that the client sets, that fences of the
 * renderer set, and that the client waits for through file descriptors.
 *
 * Lock:   one mutex inside; every function may be called by any thread.
 * Waits:  a pending wait is a pipe of which the client polls the reading end. A satisfied wait is
 *         a byte in the pipe. If this process dies the writing end goes with it, and Mesa takes the
 *         lone POLLHUP for VK_ERROR_DEVICE_LOST: no client waits for a dead worker. (An eventfd
 *         would be silent for ever.)
 * Id 0:   what a client gets when it has too many syncs. Mesa does not look at the id, so it goes
 *         on to use it: writing to it does nothing, waiting for it is a lost device.
 */

/* Enough for every VkFence and VkSemaphore of a big game; 100,000 must be refused (56 B each). */
#define VTR_SYNC_MAX 65536
/* Each pending wait is a file descriptor here. */
#define VTR_SYNC_MAX_WAITS 16384
/* Syncs that one wait or one fence may name. */
#define VTR_SYNC_MAX_LIST 65536
/* The sum over all pending waits, and over all pending fences: bounds memory to some 10 MiB. */
#define VTR_SYNC_MAX_LINKS 262144
/* Fences asked for and not retired. */
#define VTR_SYNC_MAX_FENCES 65536

struct vtr_syncs;
struct vtr_sync_fence;

struct vtr_sync_value {
	uint32_t id;
	uint64_t value;
};

/* Which way an fd that vtr_syncs_wait() returns has to go after it was sent. */
struct vtr_sync_fd {
	int fd;
	bool owned; /* the caller closes it; else it belongs to the syncs and stays open */
};

/**
 * Owner:   *out_syncs is the caller's; end it with vtr_syncs_destroy().
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS. *out_syncs is untouched on failure.
 */
VTR_MUST_CHECK enum vtr_err vtr_syncs_create(struct vtr_syncs **out_syncs);

/* Hangs up all waits. No fence may be pending any more. Accepts NULL. */
void vtr_syncs_destroy(struct vtr_syncs *syncs);

/* An fd that neither polls readable nor maps: the answer to what cannot be had. Borrowed. */
int vtr_syncs_void_fd(const struct vtr_syncs *syncs);

/* Returns: VTR_ERR_LIMIT, VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_sync_create(struct vtr_syncs *syncs, uint64_t value, uint32_t *out_id);

/* Waits that can no longer be satisfied are hung up. Returns: VTR_ERR_GUEST (no such sync). */
VTR_MUST_CHECK enum vtr_err vtr_sync_destroy(struct vtr_syncs *syncs, uint32_t id);

/* Returns: VTR_ERR_GUEST (no such sync). */
VTR_MUST_CHECK enum vtr_err vtr_sync_read(struct vtr_syncs *syncs, uint32_t id, uint64_t *out_value);

/* Sets the value, also to a lower one, and wakes whom it satisfies. Returns: VTR_ERR_GUEST. */
VTR_MUST_CHECK enum vtr_err vtr_sync_write(struct vtr_syncs *syncs, uint32_t id, uint64_t value);

/**
 * Makes an fd that polls readable as soon as all (or any) of `values` are reached.
 *
 * After `timeout_ms` (UINT32_MAX: never) the wait may be forgotten: the client has stopped polling.
 * Over a limit the fd is the void fd: the client sees a lost device.
 * Returns: VTR_ERR_GUEST (no such sync).
 */
VTR_MUST_CHECK enum vtr_err vtr_syncs_wait(struct vtr_syncs *syncs, const struct vtr_sync_value *values,
                                           size_t count, bool any, uint32_t timeout_ms,
                                           struct vtr_sync_fd *out_fd);

/**
 * Prepares what a fence will do when it retires: raise each sync to its value.
 *
 * Owner:   end *out_fence with vtr_sync_fence_retire() or vtr_sync_fence_cancel(), one of them once.
 * Returns: VTR_ERR_GUEST (no such sync), VTR_ERR_LIMIT, VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_sync_fence_create(struct vtr_syncs *syncs,
                                                  const struct vtr_sync_value *values, size_t count,
                                                  struct vtr_sync_fence **out_fence);

/* Any thread, with no lock of the renderer held. */
void vtr_sync_fence_retire(struct vtr_syncs *syncs, struct vtr_sync_fence *take_fence);
void vtr_sync_fence_cancel(struct vtr_syncs *syncs, struct vtr_sync_fence *take_fence);

#endif
