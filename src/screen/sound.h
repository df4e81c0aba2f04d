/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_SOUND_H
#define SCREEN_SOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "display/audio.h"

/*
 * The machine's sound, on its way from the mixer to those who listen, and the voices of people on the way back. Sound
 * is encoded once for all viewers, and only while there is one. Without a listener nothing is mixed.
 *
 * Thread: any, unless a function says something else.
 */
struct vtr_audio_packet;
struct vtr_log;
struct vtr_sound;

/* Where the sound comes from, and where voices go. */
struct vtr_sound_source {
	/* Sound is wanted from now on, or not any more. Thread: any; one call at a time. */
	void (*listen)(void *data, bool on);
	/* A block of a person's voice, from the microphone of one viewer at a time. NULL: the machine cannot record.
	 * Thread: any; one call at a time. */
	void (*speak)(void *data, const struct vtr_audio_block *block);
	void *data;
};

/* One who listens. The callbacks come in order, from one thread, and must not block. Memory of the caller's. */
struct vtr_sound_sink {
	struct vtr_list node; /* owned by the sound */
	/* An Opus packet of 20 ms; keep it by vtr_audio_packet_ref(). NULL: no packets are wanted. */
	void (*packet)(void *data, struct vtr_audio_packet *packet);
	/* What the packets are made of. NULL: no blocks are wanted. */
	void (*block)(void *data, const struct vtr_audio_block *block);
	/* The machine is silent until the next packet or block. */
	void (*idle)(void *data);
	void *data;
};

/* Loads the encoder. Without one, sinks get blocks only (logged). `log` outlives the sound. Owner: *out_sound is
 * the caller's. Returns: VTR_ERR_NOMEM. Thread: main, before the sandbox. */
VTR_MUST_CHECK enum vtr_err vtr_sound_create(struct vtr_log *log, struct vtr_sound **out_sound);

/* No sink may be left, and no block may come any more. Accepts NULL. Thread: main. */
void vtr_sound_destroy(struct vtr_sound *sound);

/* Connects the source, which is copied. Thread: main, before the first sink. */
void vtr_sound_connect(struct vtr_sound *sound, const struct vtr_sound_source *source);

/* A sink that wants packets gets none if vtr_sound_has_packets() is false. */
void vtr_sound_subscribe(struct vtr_sound *sound, struct vtr_sound_sink *sink);
void vtr_sound_unsubscribe(struct vtr_sound *sound, struct vtr_sound_sink *sink);

bool vtr_sound_has_packets(const struct vtr_sound *sound);
bool vtr_sound_has_microphone(const struct vtr_sound *sound);

/* The mixer's output. Thread: one for both. */
void vtr_sound_block(struct vtr_sound *sound, const struct vtr_audio_block *block);
void vtr_sound_idle(struct vtr_sound *sound);

/* --- microphones --- */

/* A person who may speak. Memory of the caller's. */
struct vtr_sound_speaker {
	/* Another one speaks now. Called from vtr_sound_open_microphone() of the other; must not block. */
	void (*replaced)(void *data);
	void *data;
};

/* `speaker` is heard from now on, in place of the one before. */
void vtr_sound_open_microphone(struct vtr_sound *sound, struct vtr_sound_speaker *speaker);
/* Does nothing if another one speaks. */
void vtr_sound_close_microphone(struct vtr_sound *sound, struct vtr_sound_speaker *speaker);
/* Returns: false if another one speaks. */
bool vtr_sound_speak(struct vtr_sound *sound, struct vtr_sound_speaker *speaker,
                     const struct vtr_audio_block *block);

#endif
