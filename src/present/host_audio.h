/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_HOST_AUDIO_H
#define PRESENT_HOST_AUDIO_H

#include <stdbool.h>

#include "base/err.h"
#include "display/audio.h"

/*
 * The host's speakers and its microphone, by SDL2: the default devices of the desktop's sound server. A device is
 * open only while it is needed. Sound servers may hang, so a thread that no other waits for opens and closes devices.
 *
 * Thread: any, unless stated otherwise.
 */
struct vtr_host_audio;
struct vtr_log;
struct vtr_present;

struct vtr_host_audio_params {
	struct vtr_log *log;
	struct vtr_present *present;
	/* The next 10 ms of the microphone, while it is wanted. Thread: SDL's. Must not block. */
	void (*speak)(void *data, const struct vtr_audio_block *block);
	void *data;
};

/* Starts the thread, and opens nothing. What params point to outlives it. Owner: *out_audio is the caller's. Returns:
 * VTR_ERR_NOMEM, VTR_ERR_LIMIT. Thread: main, in the sandbox. */
VTR_MUST_CHECK enum vtr_err vtr_host_audio_create(const struct vtr_host_audio_params *params,
                                                  struct vtr_host_audio **out_audio);

/* Closes the devices. Returns: VTR_OK; VTR_ERR_AGAIN: a sound server holds the thread up, and nothing was freed: the
 * process can only end by _exit(). Accepts NULL. Thread: main. */
VTR_MUST_CHECK enum vtr_err vtr_host_audio_destroy(struct vtr_host_audio *audio);

/* The next 10 ms of what the guest plays. */
void vtr_host_audio_play(struct vtr_host_audio *audio, const struct vtr_audio_block *block);

/* The guest plays nothing until the next block. */
void vtr_host_audio_idle(struct vtr_host_audio *audio);

/* The microphone is wanted from now on, or not any more. While it is open, the titles of the windows say so. */
void vtr_host_audio_record(struct vtr_host_audio *audio, bool on);

#endif
