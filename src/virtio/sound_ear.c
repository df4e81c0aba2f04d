/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "virtio/sound_internal.h"

/*
 * What a capture stream hears: blocks of the microphone come by another clock and a network, unevenly. They wait here,
 * and are taken a little faster if more than usual wait, or a little slower: so the delay neither grows nor ends. When
 * nothing waits any more, more than before will wait, and after that slowly less again.
 */

/* Frames that wait when the flow is even: 40 to 160 ms. */
#define LEAST_USUAL 1920
#define MOST_USUAL 7680
/* For each time that nothing was left: 20 ms; and for each block that is taken: a millisecond a second. */
#define MORE_USUAL 960
#define LESS_USUAL 0.48
/* If this many times the usual wait, sound is left out: to catch up unheard would take minutes. */
#define TOO_MANY 3
/* If nothing waits, or twice the usual. Half a percent is not heard. */
#define MAX_CHANGE 0.005
/* How fast the speed follows: by this part of the difference for each block that is taken. */
#define FOLLOWS (1.0 / 64)

_Static_assert(TOO_MANY *MOST_USUAL + VTR_AUDIO_BLOCK <= SOUND_EAR_ROOM, "one more block fits");

void vtr_sound_ear_clear(struct sound_ear *ear)
{
	ear->flows = false;
	ear->first = 0;
	ear->count = 0;
	ear->part = 0;
	ear->usual = LEAST_USUAL;
	ear->mean = ear->usual;
}

static void drop(struct sound_ear *ear, uint32_t count)
{
	ear->first = (ear->first + count) % SOUND_EAR_ROOM;
	ear->count -= count;
}

void vtr_sound_ear_hear(struct sound_ear *ear, const struct vtr_audio_block *block)
{
	if (ear->count > TOO_MANY * ear->usual) {
		drop(ear, ear->count - (uint32_t)ear->usual);
		ear->mean = ear->usual;
	}
	for (size_t i = 0; i < VTR_AUDIO_BLOCK; i++) {
		int16_t *to = ear->frames[(ear->first + ear->count) % SOUND_EAR_ROOM];
		memcpy(to, block->samples + 2 * i, 2 * sizeof(*to));
		ear->count++;
	}
	ear->flows = ear->flows || ear->count >= ear->usual;
}

void vtr_sound_ear_take(struct sound_ear *ear, size_t count, float (*to)[2])
{
	ear->mean += (ear->count - ear->mean) * FOLLOWS;
	ear->usual = fmax(ear->usual - LESS_USUAL, LEAST_USUAL);
	const double change = (ear->mean - ear->usual) / ear->usual * MAX_CHANGE;
	const double step = 1 + fmax(fmin(change, MAX_CHANGE), -MAX_CHANGE);

	for (size_t i = 0; i < count; i++) {
		/* It takes two frames, and is behind the first by at most two afterwards. */
		if (ear->flows && ear->count < 3) {
			ear->flows = false; /* until enough waits again */
			ear->usual = fmin(ear->usual + MORE_USUAL, MOST_USUAL);
			ear->mean = ear->usual;
		}
		if (!ear->flows) {
			to[i][0] = 0;
			to[i][1] = 0;
			continue;
		}
		const int16_t *a = ear->frames[ear->first];
		const int16_t *b = ear->frames[(ear->first + 1) % SOUND_EAR_ROOM];
		for (int channel = 0; channel < 2; channel++) {
			to[i][channel] = (float)(a[channel] + (b[channel] - a[channel]) * ear->part) /
			                 0x1p15f;
		}
		ear->part += step;
		drop(ear, (uint32_t)ear->part);
		ear->part -= floor(ear->part);
	}
}
