/* SPDX-License-Identifier: MIT */
#ifndef POOL_MEMORY_SHARE_H
#define POOL_MEMORY_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/*
 * The memory that the workers of one identity may give their clients together. The workers keep the account among
 * themselves, in memory that they share; this process takes back what a worker had when it ends.
 *
 * Thread: the supervisor's.
 */
struct vtr_memory_share;

/* `limit`: bytes. `max_parts`: workers at a time. Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_memory_share_create(uint64_t limit, size_t max_parts,
                                                    struct vtr_memory_share **out_share);
/* Accepts NULL. */
void vtr_memory_share_destroy(struct vtr_memory_share *share);

/* Takes a part for one more worker, which finds it at *out_index. Returns: VTR_ERR_LIMIT. */
VTR_MUST_CHECK enum vtr_err vtr_memory_share_take(struct vtr_memory_share *share, size_t *out_index);
/* The worker has ended. Returns: whether no part is left. */
bool vtr_memory_share_return(struct vtr_memory_share *share, size_t index);

/* Returns: the shared memory, for a worker; see vtr_memory_share_map(). Owner: `share`. */
int vtr_memory_share_fd(const struct vtr_memory_share *share);

/* In a worker: maps the shared memory, for as long as the process runs. Returns: VTR_ERR_INVALID, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_memory_share_map(int fd, size_t index, struct vtr_budget_part *out_part);

#endif
