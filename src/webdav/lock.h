/* SPDX-License-Identifier: MIT */
#ifndef WEBDAV_LOCK_H
#define WEBDAV_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "webdav/folder.h"

/*
 * WebDAV's exclusive write locks. They bind the guest's clients only: what viewers do ends locks.
 *
 * Thread: one.
 */
#define VTR_DAV_MAX_LOCKS 256
#define VTR_DAV_MAX_LOCK_S 3600
/* With the NUL. */
#define VTR_DAV_TOKEN_ROOM 48

struct vtr_dav_lock {
	uint64_t number; /* 0: none */
	const struct vtr_dav_node *node;
	bool deep; /* what the node contains is locked, too */
	int64_t ends_s; /* of a monotonic clock */
	char token[VTR_DAV_TOKEN_ROOM];
};

struct vtr_dav_locks {
	uint64_t seed; /* so that tokens of an earlier process are not those of this one */
	uint64_t last;
	struct vtr_dav_lock locks[VTR_DAV_MAX_LOCKS];
};

/* Returns: the lock, not over, that covers the node and that `text` does not name; NULL: none. `text` is the header If.
 * `below`: of what the node contains, too. */
const struct vtr_dav_lock *vtr_dav_locks_find(const struct vtr_dav_locks *locks,
                                              const struct vtr_dav_node *node, bool below, const char *text,
                                              int64_t now_s);

/* Returns: the lock of this token that covers the node; NULL: none. */
struct vtr_dav_lock *vtr_dav_locks_get(struct vtr_dav_locks *locks, const struct vtr_dav_node *node,
                                       const char *token, size_t size, int64_t now_s);

/* Adds a lock; none covers the node. Returns: VTR_ERR_LIMIT. */
VTR_MUST_CHECK enum vtr_err vtr_dav_locks_add(struct vtr_dav_locks *locks, const struct vtr_dav_node *node,
                                              bool deep, int64_t now_s, int64_t ends_s,
                                              struct vtr_dav_lock **out_lock);

/* Ends those of a node. */
void vtr_dav_locks_forget(struct vtr_dav_locks *locks, const struct vtr_dav_node *node);

#endif
