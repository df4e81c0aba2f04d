/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_PLAY_QUEUE_H
#define PRESENT_PLAY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/audio.h"

/*
 * A queue of sound between two clocks: blocks come at the rate of the guest's sound card, and a sound device of the
 * host takes frames at its own rate. The queue plays up to 0.1 % faster or slower, so that a small reserve is left
 * each time that the device has taken frames. So no gap arises, and the delay does not grow. The reserve grows after
 * each gap, and then slowly shrinks again.
 *
 * Thread: the owner's.
 */

/* In frames: a third of a second. It must be a power of two. */
#define VTR_PLAY_QUEUE_ROOM 16384

struct vtr_play_queue {
	/* A frame is at its number, modulo VTR_PLAY_QUEUE_ROOM. */
	float frames[VTR_PLAY_QUEUE_ROOM][VTR_AUDIO_CHANNELS];
	uint64_t end; /* the number of the next frame that is put */
	uint64_t at;  /* the number of the next frame that is played */
	double part;  /* how much of that frame has been played already, below 1 */
	bool plays;
	bool idle;      /* the guest plays nothing, so it is no gap if the frames run out */
	double speed;   /* frames of the queue for each frame that the device gets */
	double reserve; /* how many frames should be left when the device has taken some */
	uint64_t since; /* frames played since the start */
	uint64_t settled; /* frames played since the start or the last stall */
	uint64_t skip_to; /* the number of the frame to which playing fades; those before it are left out */
	uint32_t skip_left; /* how many frames of that fade are left; 0: it does not fade */
	uint32_t tail_left; /* how many frames are left of the fade to silence at an end */
	uint64_t tail_at; /* the number of the next frame of that fade, which goes backwards */
	double least[4]; /* the fewest frames that were left, in each of the last quarters of a second */
	uint32_t least_count;
	double lowest; /* the same in the current quarter */
	uint64_t part_size; /* frames that the device has taken in it */
	uint64_t gaps; /* how often the device got silence while the guest played */
};

/* Makes an empty queue. */
void vtr_play_queue_init(struct vtr_play_queue *queue);

/* Appends a block. If the queue is full, drops the oldest frames. */
void vtr_play_queue_put(struct vtr_play_queue *queue, const struct vtr_audio_block *block);

/* No block follows for now: what waits is played to its end, which is no gap. */
void vtr_play_queue_idle(struct vtr_play_queue *queue);

/* The device came so late that it had nothing to play. More frames wait now than are wanted, so for a second the queue
 * leaves surplus frames out sooner. */
void vtr_play_queue_stall(struct vtr_play_queue *queue);

/* Writes the next `count` frames for the device, left and right in turns, from -1 to 1, and silence when the frames run
 * out. */
void vtr_play_queue_take(struct vtr_play_queue *queue, float (*to)[VTR_AUDIO_CHANNELS], size_t count);

#endif
