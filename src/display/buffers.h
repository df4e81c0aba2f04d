/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_BUFFERS_H
#define DISPLAY_BUFFERS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The memory that scanouts lie in, mapped read-only in a display process: hostmem and the buffers that the
 * front has sent. No fd is kept, so that none can be reopened.
 *
 * Lock: `lock`. Readers of pixels hold a reference, so that a buffer that is removed stays mapped until they
 *       are done.
 */
#define VTR_BUFFERS_MAX 2048 /* more than the front uses, including removed ones that are still read */

struct vtr_buffer {
	uint32_t id; /* 0: hostmem */
	uint64_t size;
	const uint8_t *map;
	uint32_t refs; /* one of the table, one of each reader */
};

struct vtr_buffers {
	pthread_mutex_t lock; /* guards everything, including the buffers' reference counts */
	struct vtr_buffer *items[VTR_BUFFERS_MAX];
};

/* Call it before the process has other threads. */
void vtr_buffers_init(struct vtr_buffers *buffers);

/* No references may be left. */
void vtr_buffers_finish(struct vtr_buffers *buffers);

/**
 * Maps a buffer. `id` 0 is hostmem. `take_fd` is consumed, on failure too.
 *
 * Returns: VTR_ERR_INVALID (the id is in use, or the memory is shorter than `size` or could shrink),
 *          VTR_ERR_LIMIT, VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_buffers_add(struct vtr_buffers *buffers, uint32_t id, int *take_fd,
                                            uint64_t size);

/* Does nothing if the id is unknown. */
void vtr_buffers_remove(struct vtr_buffers *buffers, uint32_t id);

/* Owner: give *out_buffer back by vtr_buffers_unref(). Returns: VTR_ERR_AGAIN (there is no such buffer, maybe
 *        not yet: the scanout page may be ahead of the messages). */
VTR_MUST_CHECK enum vtr_err vtr_buffers_ref(struct vtr_buffers *buffers, uint32_t id,
                                            struct vtr_buffer **out_buffer);

void vtr_buffers_unref(struct vtr_buffers *buffers, struct vtr_buffer *buffer);

#endif
