/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "window"
#include "cmd/window_sound.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/sound_source.h"
#include "display/client.h"
#include "display/sound_page.h"
#include "present/host_audio.h"
#include "screen/mixer.h"

struct vtr_window_sound {
	bool microphone;
	const struct vtr_sound_page *page;
	struct vtr_audio_mixer *mixer;
	struct vtr_host_audio *audio;
};

static void play(void *owner, const struct vtr_audio_block *block)
{
	struct vtr_window_sound *sound = owner;

	vtr_host_audio_play(sound->audio, block);
}

static void idle(void *owner)
{
	struct vtr_window_sound *sound = owner;

	vtr_host_audio_idle(sound->audio);
}

/* Thread: SDL's. */
static void speak(void *data, const struct vtr_audio_block *block)
{
	struct vtr_window_sound *sound = data;

	vtr_audio_mixer_microphone(sound->mixer, block);
}

/* The page has changed. Thread: "front". */
static void on_sound(void *data)
{
	struct vtr_window_sound *sound = data;

	vtr_audio_mixer_wake(sound->mixer);
	if (sound->microphone) {
		vtr_host_audio_record(sound->audio, vtr_sound_page_capturing(sound->page) > 0);
	}
}

static enum vtr_err start(struct vtr_window_sound *sound, const struct vtr_window_sound_params *params)
{
	const struct vtr_audio_sink sink = { .block = play, .idle = idle, .owner = sound };
	const struct vtr_host_audio_params audio_params = {
		.log = params->log,
		.present = params->present,
		.speak = speak,
		.data = sound,
	};
	enum vtr_err err = vtr_sound_source_open(params->log, params->screen, &sound->page, &sound->mixer);

	if (err == VTR_OK) {
		err = vtr_host_audio_create(&audio_params, &sound->audio);
	}
	if (err != VTR_OK) {
		return err;
	}
	vtr_audio_mixer_set_sink(sound->mixer, &sink);
	vtr_display_client_on_sound(params->screen, on_sound, sound);
	vtr_audio_mixer_listen(sound->mixer, true);
	on_sound(sound); /* the guest may play and record already */
	return VTR_OK;
}

enum vtr_err vtr_window_sound_create(const struct vtr_window_sound_params *params,
                                     struct vtr_window_sound **out_sound)
{
	struct vtr_window_sound *sound = calloc(1, sizeof(*sound));
	enum vtr_err err = VTR_ERR_NOMEM;

	if (sound) {
		sound->microphone = params->microphone;
		err = start(sound, params);
	}
	if (err != VTR_OK) {
		vtr_error(params->log, "cannot set up the sound: %s", vtr_err_text(err));
		vtr_audio_mixer_destroy(sound ? sound->mixer : NULL);
		free(sound);
		return err;
	}
	*out_sound = sound;
	return VTR_OK;
}

enum vtr_err vtr_window_sound_destroy(struct vtr_window_sound *sound)
{
	if (!sound) {
		return VTR_OK;
	}
	enum vtr_err err = vtr_host_audio_destroy(sound->audio);
	if (err == VTR_OK) {
		vtr_audio_mixer_destroy(sound->mixer);
		free(sound);
	}
	return err;
}
