/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_MIXER_H
#define SCREEN_MIXER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "display/audio.h"

/*
 * Makes one signal of all streams that the guest plays: converts, resamples and adds them, each sample at the time at
 * which the guest's clock plays it. The front drives it (display/sound_page.h); it has no clock and no timer.
 *
 * Thread: the loop's, unless stated otherwise.
 */
struct vtr_log;
struct vtr_sound_page;
struct vtr_audio_mixer;

struct vtr_audio_mixer_params {
	struct vtr_log *log;
	const struct vtr_sound_page *page;
	/* Asks the front for the guest's sound, or for none. Thread: any. */
	void (*listen)(void *data, bool on);
	/* Sends a block of a microphone to the front. Thread: any. */
	void (*speak)(void *data, const struct vtr_audio_block *block);
	void *data;
};

/* Where the signal goes. The calls come from vtr_audio_mixer_wake(). */
struct vtr_audio_sink {
	/* The next 10 ms, while any stream plays: their times follow each other, unless the mixer was too slow. */
	void (*block)(void *owner, const struct vtr_audio_block *block);
	/* The last stream has stopped. */
	void (*idle)(void *owner);
	void *owner;
};

/* What params point to outlives the mixer. Owner: *out_mixer is the caller's. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_audio_mixer_create(const struct vtr_audio_mixer_params *params,
                                                   struct vtr_audio_mixer **out_mixer);

/* Accepts NULL. */
void vtr_audio_mixer_destroy(struct vtr_audio_mixer *mixer);

/* Set it before the first vtr_audio_mixer_listen(). The sink is copied. */
void vtr_audio_mixer_set_sink(struct vtr_audio_mixer *mixer, const struct vtr_audio_sink *sink);

/* Begins or ends to mix: without it, nothing is mixed and the sink is not called, except perhaps once more after the
 * end. Thread: any. */
void vtr_audio_mixer_listen(struct vtr_audio_mixer *mixer, bool on);

/* The next 10 ms of the microphone of a user; lost if the guest does not record. Thread: any. */
void vtr_audio_mixer_microphone(struct vtr_audio_mixer *mixer, const struct vtr_audio_block *block);

/* The front has changed the page. */
void vtr_audio_mixer_wake(struct vtr_audio_mixer *mixer);

#endif
