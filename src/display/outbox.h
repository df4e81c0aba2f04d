/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_OUTBOX_H
#define DISPLAY_OUTBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "display/audio.h"
#include "display/protocol.h"
#include "display/types.h"

/*
 * Requests and input of users, on their way to the front. No thread waits for the front: input that the
 * socket does not take is queued here. When the queue overflows, a release of all keys replaces it: lost
 * motion is harmless, a key that stays down is not.
 *
 * Thread: any, unless stated otherwise.
 */

/* Queued events: about a second of input. */
#define VTR_OUTBOX_ROOM 256

struct vtr_outbox {
	int fd; /* borrowed */
	void (*wake)(void *data);
	void *data;
	pthread_mutex_t lock; /* guards what follows, and sending on fd */
	struct vtr_input waiting[VTR_OUTBOX_ROOM];
	size_t count;
	bool listens, sent_listens; /* to sound: as wanted, and as the front knows */
	bool lossy; /* overflowed: holds a release; further input is lost until that is sent */
};

/* `wake` must have vtr_outbox_flush() called soon in the main thread; `wake` is called from any thread. */
void vtr_outbox_init(struct vtr_outbox *outbox, int fd, void (*wake)(void *data), void *data);

/* Queued input is lost. */
void vtr_outbox_finish(struct vtr_outbox *outbox);

/* Returns: VTR_ERR_AGAIN (the socket is full), VTR_ERR_GONE, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_outbox_send_mode(struct vtr_outbox *outbox,
                                                 const struct vtr_display_msg_mode *mode);

/* See vtr_display_client_send_microphone(). */
VTR_MUST_CHECK enum vtr_err vtr_outbox_send_microphone(struct vtr_outbox *outbox,
                                                       const struct vtr_audio_block *block);

/* See vtr_display_client_listen_to_sound(). vtr_outbox_flush() sends it. */
void vtr_outbox_set_listens(struct vtr_outbox *outbox, bool listens);

/* See vtr_display_client_send_input(). */
VTR_MUST_CHECK enum vtr_err vtr_outbox_send_input(struct vtr_outbox *outbox, const struct vtr_input *input);

/* Sends as much of the queue as the socket takes. Thread: main. Returns: VTR_ERR_AGAIN (there is more: call
 * again when the socket is writable), VTR_ERR_GONE, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_outbox_flush(struct vtr_outbox *outbox);

#endif
