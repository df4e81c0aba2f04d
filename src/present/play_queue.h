/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_PLAY_QUEUE_H
#define PRESENT_PLAY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/audio.h"

/*
 * Sound between two clocks: blocks come at the rate of the guest's sound card, and a sound device of the host takes
 * them at its own. The device gets them up to 0.1 % faster or slower, so that a small reserve is left each time that
 * it takes: no gap arises, and the delay does not grow. The reserve grows after a gap, and slowly shrinks again.
 *
 * Thread: the owner's.
 */

/* Frames: a third of a second. A power of two. */
#define VTR_PLAY_QUEUE_ROOM 16384

struct vtr_play_queue {
	float frames[VTR_PLAY_QUEUE_ROOM][VTR_AUDIO_CHANNELS]; /* each at its number, modulo the room */
	uint64_t end; /* the number of the next frame that is put */
	uint64_t at;  /* of the next one that is played */
	double part;  /* of that one which is over already */
	bool plays;
	bool idle;      /* the guest plays nothing, so an end is no gap */
	double speed;   /* frames that are taken for each that is played */
	double reserve; /* frames to be left after each time that the device takes */
	uint64_t since; /* frames played since the start */
	uint64_t settled; /* and since the start or the last stall */
	uint64_t skip_to;   /* the frame that is faded to, with the frames before it left out */
	uint32_t skip_left; /* frames of that fade; 0: none */
	uint32_t tail_left; /* frames of what was heard last that still fade out */
	uint64_t tail_at;
	/* The least that was left, in the last parts of a second and in the one that goes on. */
	double least[4];
	uint32_t least_count;
	double lowest;
	uint64_t part_size;
	uint64_t gaps; /* times that the device got silence while the guest played */
};

/* Nothing waits. */
void vtr_play_queue_init(struct vtr_play_queue *queue);

/* Appends a block. What there is no room for is left out, the oldest first. */
void vtr_play_queue_put(struct vtr_play_queue *queue, const struct vtr_audio_block *block);

/* Nothing follows for now: what waits is played to its end. */
void vtr_play_queue_idle(struct vtr_play_queue *queue);

/* The device has not taken anything for so long that it had nothing to play. Thereby more waits than is wanted. */
void vtr_play_queue_stall(struct vtr_play_queue *queue);

/* The device takes `count` frames, left and right in turns, from -1 to 1; silence where there are none. */
void vtr_play_queue_take(struct vtr_play_queue *queue, float (*to)[VTR_AUDIO_CHANNELS], size_t count);

#endif
