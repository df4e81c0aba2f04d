/* SPDX-License-Identifier: MIT */
/*
 * An hour of sound on its way from a guest to the encoder, in simulated time: the guest's queues, the device's clock,
 * the sound page, the resampler and the mixer. What the guest plays at a time comes out with that time.
 */
#include <math.h>

#include "base/mem.h"
#include "screen/mixer.h"
#include "sound_driver.h"
#include "test.h"

#define STREAM 0u
#define RATE 44100u
#define SECONDS 3600u
/* A message: 441 frames, mono, 16 bits. */
#define FRAMES 441u
#define LOUD 30000
/* The mixer's process has other work, too: it wakes later than the device wants by up to this. */
#define LATE_NS (15 * MS)

static struct vtr_audio_mixer *mixer;
static int64_t start_ns; /* when the guest's clock played the first frame */
static int64_t mix_ns;   /* when the mixer wakes; INT64_MAX: nothing woke it */
static uint32_t random_state;
static unsigned impulses;
static double least_ms, most_ms; /* how much later an impulse comes out than it was played */

/* The same numbers in each run. */
static uint32_t pick(uint32_t below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % below;
}

static void on_front(void *data, bool on)
{
	(void)data;
	vtr_virtio_sound_listen(driver_sound, on);
}

static void on_wake(void)
{
	if (mix_ns == INT64_MAX) {
		mix_ns = driver_now_ns + (int64_t)pick(LATE_NS / 1000) * 1000;
	}
}

/* The guest plays an impulse at the beginning of each second. */
static void on_block(void *owner, const struct vtr_audio_block *block)
{
	int top = 0;

	(void)owner;
	for (int i = 1; i < VTR_AUDIO_BLOCK; i++) {
		top = block->samples[2 * i] > block->samples[2 * top] ? i : top;
	}
	if (block->samples[2 * top] < LOUD / 2) {
		return;
	}
	const int64_t out_ns = block->time + top * SECOND / VTR_AUDIO_RATE;
	const int64_t played_ns = start_ns + (int64_t)impulses * SECOND;
	const double late_ms = (double)(out_ns - played_ns) / (double)MS;
	least_ms = impulses == 0 ? late_ms : fmin(least_ms, late_ms);
	most_ms = impulses == 0 ? late_ms : fmax(most_ms, late_ms);
	impulses++;
}

static void on_idle(void *owner)
{
	(void)owner;
}

static void begin(void)
{
	const struct vtr_audio_mixer_params params = { .page = &driver_page, .listen = on_front };
	const struct vtr_audio_sink sink = { .block = on_block, .idle = on_idle };

	mix_ns = INT64_MAX;
	random_state = 1;
	impulses = 0;
	driver_begin();
	driver_wake = on_wake;
	CHECK_OK(vtr_audio_mixer_create(&params, &mixer));
	vtr_audio_mixer_set_sink(mixer, &sink);
	vtr_audio_mixer_listen(mixer, true);
	driver_prepare(STREAM, VTR_SOUND_S16, 6 /* 44,100 */, 1);
}

static void play(uint32_t number)
{
	int16_t samples[FRAMES] = { 0 };

	samples[0] = number % (RATE / FRAMES) == 0 ? LOUD : 0;
	driver_play(STREAM, samples, sizeof(samples));
}

/* Lets time pass until a message has been answered. */
static void pass(int64_t until_ns)
{
	while (driver_now_ns < until_ns) {
		const int64_t next_ns = mix_ns < until_ns ? mix_ns : until_ns;
		driver_pass(next_ns - driver_now_ns);
		if (mix_ns <= driver_now_ns) {
			mix_ns = INT64_MAX;
			vtr_audio_mixer_wake(mixer);
		}
	}
}

static void an_hour_keeps_its_times(void)
{
	const uint32_t messages = SECONDS * (RATE / FRAMES);
	uint32_t next = 0;

	begin();
	for (; next < 4; next++) {
		play(next);
	}
	start_ns = driver_now_ns;
	CHECK_EQ(driver_control(SOUND_PCM_START, STREAM), SOUND_OK);
	for (; next < messages; next++) {
		/* The guest is uneven, too: its next message comes up to 20 ms after the answer. */
		pass(start_ns + (int64_t)(next - 3) * 10 * MS + (int64_t)pick(20) * MS);
		play(next);
	}
	pass(start_ns + (int64_t)SECONDS * SECOND + 100 * MS);
	printf("%u impulses, %.3f to %.3f ms after they were played\n", impulses, least_ms, most_ms);
	CHECK_EQ(impulses, SECONDS);
	CHECK(most_ms - least_ms < 0.05);
	CHECK(fabs(most_ms) < 2);
	driver_wake = NULL;
	vtr_audio_mixer_listen(mixer, false);
	vtr_audio_mixer_destroy(mixer);
	driver_end();
}

int main(void)
{
	RUN(an_hour_keeps_its_times);
	return 0;
}
