/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_OUTBOX_H
#define SCREEN_OUTBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "core/ops.h"
#include "screen/protocol.h"

/*
 * What people ask and do, on its way to the front. Nobody waits for the front: input that its socket
 * does not take waits here, and of what there is no room for nothing may be left that hurts: a pointer
 * that stands still for a moment does not, a key that nobody lets go of does.
 *
 * Thread: any, unless it is said otherwise.
 */

/* Input that waits: what a person does in about a second. */
#define VTR_OUTBOX_ROOM 256

struct vtr_outbox {
	int fd; /* borrowed */
	void (*wake)(void *data);
	void *data;
	pthread_mutex_t lock; /* guards what follows, and sending on fd */
	struct vtr_input waiting[VTR_OUTBOX_ROOM];
	size_t count;
	bool lossy; /* there was no room: what waits is a release, and all else is lost until that is sent */
};

/* `wake` has vtr_outbox_flush() called soon in the main thread; it is called from any. */
void vtr_outbox_init(struct vtr_outbox *outbox, int fd, void (*wake)(void *data), void *data);

/* What waits is lost. */
void vtr_outbox_finish(struct vtr_outbox *outbox);

/* Returns: VTR_ERR_AGAIN (the front is busy), VTR_ERR_GONE, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_outbox_send_mode(struct vtr_outbox *outbox,
                                                 const struct vtr_screen_mode *mode);

/* See vtr_screen_send_input(). */
VTR_MUST_CHECK enum vtr_err vtr_outbox_send_input(struct vtr_outbox *outbox, const struct vtr_input *input);

/* Sends of what waits as much as the socket takes. Thread: main. Returns: VTR_ERR_AGAIN (there is more:
 * call again when the socket is writable), VTR_ERR_GONE, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_outbox_flush(struct vtr_outbox *outbox);

#endif
