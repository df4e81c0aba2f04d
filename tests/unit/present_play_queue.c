/* SPDX-License-Identifier: MIT */
/* The queue between the guest's clock and a sound device's, with both clocks played by the test. */
#include "present/play_queue.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "test.h"

#define PI 3.14159265358979
#define HERTZ 997.0
#define LEVEL 0.5
#define BLOCK_S 0.01
#define MS (VTR_AUDIO_RATE / 1000)

static struct vtr_play_queue queue;
static uint64_t made; /* frames of the tone that were put */
static int16_t second[VTR_AUDIO_RATE]; /* of the tone */

static void make_second(void)
{
	for (size_t i = 0; i < VTR_AUDIO_RATE; i++) {
		second[i] = (int16_t)lrint(32768 * LEVEL * sin(2 * PI * HERTZ * (double)i / VTR_AUDIO_RATE));
	}
}

static void put_tone(void)
{
	struct vtr_audio_block block = { 0 };

	for (size_t i = 0; i < VTR_AUDIO_BLOCK; i++) {
		block.samples[2 * i] = second[made++ % VTR_AUDIO_RATE];
		block.samples[2 * i + 1] = (int16_t)-block.samples[2 * i];
	}
	vtr_play_queue_put(&queue, &block);
}

static void begin(void)
{
	vtr_play_queue_init(&queue);
	made = 0;
}

/* What a person hears of a tone. */
struct ear {
	uint64_t count;
	uint64_t rises;  /* where it crosses zero */
	uint64_t clicks; /* where it is not as smooth as the tone */
	double first_rise, last_rise;
	float peak, before[2];
};

static void hear(struct ear *ear, const float (*frames)[2], size_t count)
{
	const double turn = 2 * PI * HERTZ / VTR_AUDIO_RATE;
	/* The curvature of the tone, and a little for rounding and the change of speed. */
	const double most = LEVEL * turn * turn * 1.02 + 0.0005;

	for (size_t i = 0; i < count; i++) {
		const float sample = frames[i][0];
		CHECK(fabsf(sample + frames[i][1]) < 1e-4f);
		if (ear->count >= 2 && fabs(sample - 2 * ear->before[1] + ear->before[0]) > most) {
			ear->clicks++;
		}
		if (ear->count >= 1 && ear->before[1] < 0 && sample >= 0) {
			const double at = (double)ear->count - sample / (sample - ear->before[1]);
			ear->first_rise = ear->rises == 0 ? at : ear->first_rise;
			ear->last_rise = at;
			ear->rises++;
		}
		ear->peak = fmaxf(ear->peak, fabsf(sample));
		ear->before[0] = ear->before[1];
		ear->before[1] = sample;
		ear->count++;
	}
}

static double pitch(const struct ear *ear)
{
	return (double)(ear->rises - 1) * VTR_AUDIO_RATE / (ear->last_rise - ear->first_rise);
}

/* A repeatable number from -1 to 1. */
static double random_number(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return (double)*state / 0x80000000u - 1;
}

struct clocks {
	double ppm;      /* how much faster the device is */
	size_t frames;   /* that it takes at once */
	double jitter_s; /* of each block and of the device */
	double seconds;
};

/* Plays through clocks. *out_ear heard what came after the first `settle` seconds; *out_most is the most that was left
 * then, in frames. Returns: the gaps then. */
static uint64_t play(const struct clocks *clocks, double settle, struct ear *out_ear, double *out_most)
{
	const double period = (double)clocks->frames / VTR_AUDIO_RATE / (1 + clocks->ppm * 1e-6);
	float(*frames)[2] = calloc(clocks->frames, sizeof(*frames));
	uint32_t state = 1;
	uint64_t blocks = 0;
	uint64_t takes = 0;
	uint64_t gaps = 0;
	double block_at = 0;
	double take_at = 0;

	CHECK(frames != NULL);
	*out_ear = (struct ear){ 0 };
	*out_most = 0;
	begin();
	while (take_at < clocks->seconds) {
		if (block_at <= take_at) {
			put_tone();
			blocks++;
			block_at = (double)blocks * BLOCK_S + clocks->jitter_s * random_number(&state);
			continue;
		}
		vtr_play_queue_take(&queue, frames, clocks->frames);
		if (take_at > settle) {
			hear(out_ear, (const float(*)[2])frames, clocks->frames);
			*out_most = fmax(*out_most, (double)(queue.end - queue.at));
		} else {
			gaps = queue.gaps;
		}
		takes++;
		take_at = (double)takes * period + clocks->jitter_s * random_number(&state);
	}
	free(frames);
	return queue.gaps - gaps;
}

/* Clocks that differ: nothing but the tone, its pitch, and no growing delay. */
static void clocks_may_differ(void)
{
	static const double ppms[] = { -400, 0, 50, 400 };
	static const size_t frames[] = { 256, 512, 2048 };

	for (size_t i = 0; i < VTR_ARRAY_LEN(ppms); i++) {
		for (size_t j = 0; j < VTR_ARRAY_LEN(frames); j++) {
			const struct clocks clocks = {
				.ppm = ppms[i], .frames = frames[j], .jitter_s = 0.0005, .seconds = 600
			};
			struct ear ear;
			double most;
			CHECK_EQ(play(&clocks, 2, &ear, &most), 0);
			CHECK_EQ(queue.gaps, 0); /* from the start */
			CHECK_EQ(ear.clicks, 0);
			CHECK(fabs(pitch(&ear) - HERTZ) < 1);
			CHECK(fabsf(ear.peak - (float)LEVEL) < 0.005f);
			CHECK(most < 30 * MS);
		}
	}
}

/* Blocks and device come up to 15 ms early or late: the reserve grows to that, and then there is no gap. */
static void a_busy_host_costs_delay_not_gaps(void)
{
	const struct clocks clocks = { .ppm = 30, .frames = 512, .jitter_s = 0.015, .seconds = 120 };
	struct ear ear;
	double most;

	CHECK(play(&clocks, 30, &ear, &most) <= 2);
	CHECK(most < 100 * MS);
}

/* Opening a device takes time: what waits is not lost, and the delay is short again soon. */
static void what_waited_is_caught_up_with(void)
{
	float frames[480][2];
	struct ear ear = { 0 };

	begin();
	for (int i = 0; i < 12; i++) {
		put_tone();
	}
	vtr_play_queue_take(&queue, frames, 480);
	CHECK(queue.plays);
	CHECK_EQ(queue.at, 480);
	for (int i = 0; i < 200; i++) {
		put_tone();
		vtr_play_queue_take(&queue, frames, 480);
		if (i > 150) {
			hear(&ear, (const float(*)[2])frames, 480);
		}
	}
	CHECK_EQ(queue.gaps, 0);
	CHECK_EQ(ear.clicks, 0);
	CHECK(queue.end - queue.at < 20 * MS);
}

/* The same after the device has stopped for a moment. */
static void a_stall_is_caught_up_with(void)
{
	float frames[480][2];

	begin();
	for (int i = 0; i < 500; i++) {
		put_tone();
		if (i >= 300 && i < 303) {
			continue;
		}
		if (i == 303) {
			vtr_play_queue_stall(&queue);
		}
		vtr_play_queue_take(&queue, frames, 480);
	}
	CHECK_EQ(queue.gaps, 0);
	CHECK(queue.end - queue.at < 20 * MS);
}

static void a_short_sound_is_heard_and_ends(void)
{
	float frames[512][2];
	float peak = 0;

	begin();
	put_tone();
	vtr_play_queue_take(&queue, frames, 512);
	CHECK(!queue.plays); /* more may follow */
	vtr_play_queue_idle(&queue);
	for (int take = 0; take < 3; take++) {
		vtr_play_queue_take(&queue, frames, 512);
		for (size_t i = 0; i < 512; i++) {
			peak = fmaxf(peak, fabsf(frames[i][0]));
		}
	}
	CHECK(peak > 0.9f * (float)LEVEL);
	CHECK(!queue.plays);
	CHECK_EQ(queue.gaps, 0);
	for (size_t i = 0; i < 512; i++) {
		CHECK(frames[i][0] == 0);
	}
}

/* An end that comes unasked fades out, and counts. */
static void a_gap_fades_and_counts(void)
{
	float frames[480][2];
	float before = 0;

	begin();
	for (int i = 0; i < 100; i++) {
		put_tone();
		vtr_play_queue_take(&queue, frames, 480);
	}
	for (int take = 0; take < 10; take++) {
		vtr_play_queue_take(&queue, frames, 480);
		for (size_t i = 0; i < 480; i++) {
			CHECK(take == 0 || fabsf(frames[i][0] - before) < 0.1f);
			before = frames[i][0];
		}
	}
	CHECK_EQ(queue.gaps, 1);
	CHECK(before == 0);
}

/* A device that takes nothing: the newest is kept. */
static void what_is_not_taken_is_replaced(void)
{
	float frames[512][2];

	begin();
	for (int i = 0; i < 10000; i++) {
		put_tone();
	}
	CHECK(queue.end - queue.at <= VTR_PLAY_QUEUE_ROOM / 2);
	vtr_play_queue_take(&queue, frames, 512);
	CHECK(queue.plays);
}

int main(void)
{
	make_second();
	RUN(clocks_may_differ);
	RUN(a_busy_host_costs_delay_not_gaps);
	RUN(what_waited_is_caught_up_with);
	RUN(a_stall_is_caught_up_with);
	RUN(a_short_sound_is_heard_and_ends);
	RUN(a_gap_fades_and_counts);
	RUN(what_is_not_taken_is_replaced);
	return 0;
}
