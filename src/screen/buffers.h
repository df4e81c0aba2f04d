/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_BUFFERS_H
#define SCREEN_BUFFERS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The memory that scanouts lie in, mapped read-only in the screen process: the window and the buffers
 * that the front handed over. No fd is kept, so that nothing is left to be opened anew.
 *
 * Lock: `lock`. Whoever reads pixels holds a reference, so that a buffer that goes away meanwhile stays
 * mapped until then.
 */
#define VTR_BUFFERS_MAX 2048 /* more than the front ever names, with those that are still read */

struct vtr_buffer {
	uint32_t id; /* 0: the window */
	uint64_t size;
	const uint8_t *map;
	uint32_t refs; /* of the table, of readers */
};

struct vtr_buffers {
	pthread_mutex_t lock; /* guards all, and the references of the buffers */
	struct vtr_buffer *items[VTR_BUFFERS_MAX];
};

/* In a process that has no other thread yet. */
void vtr_buffers_init(struct vtr_buffers *buffers);

/* Nobody may hold a reference any more. */
void vtr_buffers_finish(struct vtr_buffers *buffers);

/**
 * Maps a buffer. `id` 0 is the window. `take_fd` is consumed, on failure too.
 *
 * Returns: VTR_ERR_GUEST (there is one of this number, or the memory is shorter or could shrink),
 *          VTR_ERR_LIMIT, VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_buffers_add(struct vtr_buffers *buffers, uint32_t id, int *take_fd,
                                            uint64_t size);

/* Does nothing if there is none. */
void vtr_buffers_remove(struct vtr_buffers *buffers, uint32_t id);

/* Owner: *out_buffer is to be given back by vtr_buffers_unref(). Returns: VTR_ERR_AGAIN (there is none,
 * or not yet: the board may be ahead of the messages). */
VTR_MUST_CHECK enum vtr_err vtr_buffers_ref(struct vtr_buffers *buffers, uint32_t id,
                                            struct vtr_buffer **out_buffer);

void vtr_buffers_unref(struct vtr_buffers *buffers, struct vtr_buffer *buffer);

#endif
