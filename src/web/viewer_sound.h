/* SPDX-License-Identifier: MIT */
#ifndef WEB_VIEWER_SOUND_H
#define WEB_VIEWER_SOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * One viewer's share of the sound: packets on their way from the encoder's thread to the connection's, and the viewer's
 * microphone. Neither thread waits: packets that the viewer does not take in time are dropped.
 *
 * Thread: the web server's; the encoder calls the sink from its own.
 */
struct vtr_audio_packet;
struct vtr_sound;
struct vtr_viewer_sound;

/* The most packets that wait for the connection: a third of a second. */
#define VTR_VIEWER_SOUND_ROOM 16
/* The most that were sent and are not acknowledged yet: a second. The kernel's buffer alone would hold several
 * seconds on a slow line. */
#define VTR_VIEWER_SOUND_WINDOW 50
/* The samples of a message with a voice: one channel, 20 ms. */
#define VTR_VIEWER_SOUND_SPEECH 960

struct vtr_viewer_sound_params {
	struct vtr_sound *sound;
	/* There is something new. Thread: any. */
	void (*wake)(void *data);
	void *data;
};

/* Owner: *out_sound is the caller's. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_viewer_sound_create(const struct vtr_viewer_sound_params *params,
                                                    struct vtr_viewer_sound **out_sound);
/* Accepts NULL. */
void vtr_viewer_sound_destroy(struct vtr_viewer_sound *viewer_sound);

/* Begins or ends the subscription. */
void vtr_viewer_sound_listen(struct vtr_viewer_sound *viewer_sound, bool on);

/* All packets up to `number` have arrived; ignored if that packet was not sent. */
void vtr_viewer_sound_heard(struct vtr_viewer_sound *viewer_sound, uint32_t number);

/* Opens or closes the microphone. Another viewer's is closed when this one opens. */
void vtr_viewer_sound_open_microphone(struct vtr_viewer_sound *viewer_sound, bool on);
/* It cannot be opened now: tells the page. */
void vtr_viewer_sound_refuse_microphone(struct vtr_viewer_sound *viewer_sound);
/* Closes it if it is open, and tells the page. */
void vtr_viewer_sound_take_microphone(struct vtr_viewer_sound *viewer_sound);

/* Passes a piece of the viewer's voice on, unless it comes faster than a microphone records, or the microphone is
 * closed: it may have been on its way when another viewer took the microphone or the control. */
void vtr_viewer_sound_speak(struct vtr_viewer_sound *viewer_sound,
                            const int16_t samples[VTR_VIEWER_SOUND_SPEECH], int64_t now_ns);

/* Returns: whether vtr_viewer_sound_write() has something. */
bool vtr_viewer_sound_is_due(struct vtr_viewer_sound *viewer_sound);

/* Writes the next message, with room for VTR_MESSAGE_MAX_OUT bytes. Returns: its size; 0: none is due. */
size_t vtr_viewer_sound_write(struct vtr_viewer_sound *viewer_sound, uint8_t *out);

/* Packets that were sent, and that were dropped for this viewer. */
void vtr_viewer_sound_count(struct vtr_viewer_sound *viewer_sound, uint64_t *out_sent, uint64_t *out_dropped);

#endif
