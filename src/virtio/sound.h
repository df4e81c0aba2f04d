/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_SOUND_H
#define VIRTIO_SOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "display/audio.h"
#include "virtio/device.h"

/*
 * A sound card of a guest (virtio 1.3, 5.14): playback and capture streams that run by this machine's monotonic clock.
 * A message is answered when the clock has played its last frame, whatever happens to the sound, so the guest never
 * waits for another process. Positions are computed from a stream's start, so they do not drift.
 *
 * While there are listeners, the samples go into the sound page, a moment before they are due. They are read from the
 * guest's memory only then: Linux before 6.7 hands over its whole buffer first and fills it while it plays.
 *
 * Thread: the loop's.
 */
struct vtr_log;
struct vtr_os_loop;
struct vtr_sound_page;
struct vtr_virtio_sound;

#define VTR_VIRTIO_SOUND_ID 25 /* the virtio device id */

struct vtr_virtio_sound_params {
	struct vtr_log *log; /* may be NULL */
	struct vtr_os_loop *loop;
	struct vtr_sound_page *page;
	/* There is something new in the page. Called only while there are listeners. */
	void (*wake)(void *data);
	void *data;
};

/**
 * The data behind the pointers must outlive the device.
 *
 * Owner:   *out_sound is the caller's. End it with vtr_virtio_sound_destroy(), after its transport.
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_virtio_sound_create(const struct vtr_virtio_sound_params *params,
                                                    struct vtr_virtio_sound **out_sound);

/* Accepts NULL. */
void vtr_virtio_sound_destroy(struct vtr_virtio_sound *sound);

/* For a transport. Owner: the device. */
const struct vtr_virtio_device *vtr_virtio_sound_device(struct vtr_virtio_sound *sound);

/* A process begins or ends to listen; there may be several. Without any, no sample is read. */
void vtr_virtio_sound_listen(struct vtr_virtio_sound *sound, bool listens);

/* The next 10 ms of a microphone, for all streams that record. */
void vtr_virtio_sound_hear(struct vtr_virtio_sound *sound, const struct vtr_audio_block *block);

#endif
