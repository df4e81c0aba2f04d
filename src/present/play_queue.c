/* SPDX-License-Identifier: MIT */
#include "present/play_queue.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define MS (VTR_AUDIO_RATE / 1000)
#define MASK (VTR_PLAY_QUEUE_ROOM - 1)

/* The reserve at first, and its limits; more after each gap, and a millisecond less in three seconds without one. */
#define RESERVE_FIRST (8 * MS)
#define RESERVE_MIN (4 * MS)
#define RESERVE_MAX (120 * MS)
#define RESERVE_STEP (8 * MS)
#define RESERVE_DECAY ((double)MS / (3 * VTR_AUDIO_RATE))
/* The reserve that counts is the smallest of the last second, which is looked at in parts. */
#define PART (VTR_AUDIO_RATE / 4)
#define PARTS 4
/* Deviations from the wanted reserve: what is left alone, what is corrected at the greatest change of speed (1.6
 * cents), less of it by a much smaller one, and beyond what frames are left out. What lacks is corrected sooner. */
#define SLACK (1.5 * MS)
#define FAR (10.0 * MS)
#define FAR_BELOW (3.0 * MS)
#define SPEED_MAX 0.0009
#define SKIP (40.0 * MS)
/* In the first second after a start or a stall, when it disturbs least, much less is left out at once. Then it is
 * needed, too: sound waits while a device is being opened. */
#define SKIP_FIRST (5.0 * MS)
#define FIRST VTR_AUDIO_RATE
#define FADE (10 * MS)
#define FADE_IN (2 * MS)
/* A frame between others needs the one before them and the one behind them. */
#define NEIGHBOURS 2

void vtr_play_queue_init(struct vtr_play_queue *queue)
{
	memset(queue, 0, sizeof(*queue));
	queue->idle = true;
	queue->speed = 1;
	queue->reserve = RESERVE_FIRST;
}

void vtr_play_queue_stall(struct vtr_play_queue *queue)
{
	queue->settled = 0;
	queue->least_count = 0;
	queue->lowest = INFINITY;
	queue->part_size = 0;
}

static double waiting(const struct vtr_play_queue *queue)
{
	return (double)(queue->end - queue->at) - queue->part;
}

void vtr_play_queue_put(struct vtr_play_queue *queue, const struct vtr_audio_block *block)
{
	/* Those that were played serve to conceal gaps. */
	const uint64_t most = VTR_PLAY_QUEUE_ROOM / 2 - VTR_AUDIO_BLOCK;

	if (queue->end - queue->at > most) {
		queue->at = queue->end - most;
		queue->skip_left = 0;
	}
	for (size_t i = 0; i < VTR_AUDIO_BLOCK; i++) {
		float *frame = queue->frames[queue->end & MASK];
		frame[0] = (float)block->samples[2 * i] / 0x1p15f;
		frame[1] = (float)block->samples[2 * i + 1] / 0x1p15f;
		queue->end++;
	}
	queue->idle = false;
}

void vtr_play_queue_idle(struct vtr_play_queue *queue)
{
	queue->idle = true;
}

/* --- frames ------------------------------------------------------------------------------------------- */

/* A frame between others, by a cubic curve through its neighbours. */
static float read_sample(const struct vtr_play_queue *queue, uint64_t at, float part, int channel)
{
	const float b = queue->frames[at & MASK][channel];

	if (part <= 0) {
		return b;
	}
	const float a = queue->frames[(at - 1) & MASK][channel];
	const float c = queue->frames[(at + 1) & MASK][channel];
	const float d = queue->frames[(at + 2) & MASK][channel];
	return b + 0.5f * part * (c - a + part * (2 * a - 5 * b + 4 * c - d + part * (3 * (b - c) + d - a)));
}

static void advance(struct vtr_play_queue *queue)
{
	queue->part += queue->speed;
	const uint64_t whole = (uint64_t)queue->part;
	queue->part -= (double)whole;
	queue->at += whole;
	queue->skip_to += whole;
}

/* The next frame, by itself or on the way to a later one. */
static void play_frame(struct vtr_play_queue *queue, float to[VTR_AUDIO_CHANNELS])
{
	const float part = (float)queue->part;
	const float gain = queue->since < FADE_IN ? (float)(queue->since + 1) / FADE_IN : 1;

	for (int channel = 0; channel < VTR_AUDIO_CHANNELS; channel++) {
		float sample = read_sample(queue, queue->at, part, channel);
		if (queue->skip_left > 0) {
			const float share = 1 - (float)queue->skip_left / FADE;
			const float later = read_sample(queue, queue->skip_to, part, channel);
			sample += (later - sample) * share;
		}
		to[channel] = sample * gain;
	}
	queue->since++;
	queue->settled++;
	advance(queue);
	if (queue->skip_left > 0 && --queue->skip_left == 0) {
		queue->at = queue->skip_to;
	}
}

/* Nothing can be played: what was heard last, in reverse and ever more quietly, then silence. */
static void fade_frame(struct vtr_play_queue *queue, float to[VTR_AUDIO_CHANNELS])
{
	const float gain = (float)queue->tail_left / FADE;

	memset(to, 0, VTR_AUDIO_CHANNELS * sizeof(*to));
	if (queue->tail_left > 0) {
		for (int channel = 0; channel < VTR_AUDIO_CHANNELS; channel++) {
			to[channel] = queue->frames[queue->tail_at & MASK][channel] * gain;
		}
		queue->tail_at--;
		queue->tail_left--;
	}
}

/* --- control ------------------------------------------------------------------------------------------ */

static void begin(struct vtr_play_queue *queue)
{
	queue->plays = true;
	queue->part = 0;
	queue->speed = 1;
	queue->since = 0;
	queue->skip_left = 0;
	queue->tail_left = 0;
	vtr_play_queue_stall(queue);
}

static void stop(struct vtr_play_queue *queue)
{
	if (!queue->idle) {
		queue->gaps++;
		queue->reserve = fmin(queue->reserve + RESERVE_STEP, RESERVE_MAX);
	}
	queue->plays = false;
	queue->tail_at = queue->at - 1;
	queue->tail_left = (uint32_t)vtr_min(vtr_min(queue->since, queue->at), FADE);
	if (queue->idle) {
		queue->at = queue->end; /* the last frames, which have no neighbours */
	}
}

static double find_least(const struct vtr_play_queue *queue)
{
	double least = queue->lowest;

	for (uint32_t i = 0; i < queue->least_count; i++) {
		least = fmin(least, queue->least[i]);
	}
	return least;
}

static void end_part(struct vtr_play_queue *queue)
{
	if (queue->least_count == PARTS) {
		queue->least_count--;
		memmove(queue->least, queue->least + 1, queue->least_count * sizeof(queue->least[0]));
	}
	queue->least[queue->least_count++] = queue->lowest;
	queue->lowest = INFINITY;
	queue->part_size = 0;
}

/* Chooses the speed, or leaves frames out, after the device has taken `count` frames. */
static void control(struct vtr_play_queue *queue, size_t count)
{
	queue->lowest = fmin(queue->lowest, waiting(queue));
	queue->part_size += count;
	if (queue->part_size >= PART) {
		end_part(queue);
	}
	queue->reserve = fmax(queue->reserve - RESERVE_DECAY * (double)count, RESERVE_MIN);
	queue->speed = 1;
	if (queue->least_count == 0) {
		return; /* not known yet */
	}
	const double surplus = find_least(queue) - queue->reserve;
	if (surplus > (queue->settled < FIRST ? SKIP_FIRST : SKIP) && queue->skip_left == 0) {
		queue->skip_to = queue->at + (uint64_t)surplus;
		queue->skip_left = FADE;
		queue->least_count = 0;
		queue->lowest = INFINITY;
	} else if (surplus >= SLACK) {
		const double share = fmin(surplus / FAR, 1);
		queue->speed = 1 + share * share * SPEED_MAX;
	} else if (surplus < 0) {
		queue->speed = 1 - fmin(-surplus / FAR_BELOW, 1) * SPEED_MAX;
	}
}

/* Returns: whether the frame after the next one is there, also in the place that is faded to. */
static bool has_frame(const struct vtr_play_queue *queue)
{
	const uint64_t last = queue->skip_left > 0 ? queue->skip_to : queue->at;

	return queue->end > last + NEIGHBOURS;
}

void vtr_play_queue_take(struct vtr_play_queue *queue, float (*to)[VTR_AUDIO_CHANNELS], size_t count)
{
	/* Blocks and device pass each other slowly, so what is left varies by a block: now may be the most of it. */
	const double enough = (double)count + queue->reserve + VTR_AUDIO_BLOCK;

	/* The end of a short sound is not waited for in vain. */
	if (!queue->plays && has_frame(queue) && (queue->idle || waiting(queue) >= enough)) {
		begin(queue);
	}
	for (size_t i = 0; i < count; i++) {
		if (queue->plays && !has_frame(queue)) {
			stop(queue);
		}
		if (queue->plays) {
			play_frame(queue, to[i]);
		} else {
			fade_frame(queue, to[i]);
		}
	}
	if (queue->plays) {
		control(queue, count);
	}
}
