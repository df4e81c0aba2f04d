/* SPDX-License-Identifier: MIT */
/* The mixer, on a page that the test writes. */
#include "screen/mixer.h"

#include <math.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/sound_page.h"
#include "screen/samples.h"
#include "test.h"

#define MS INT64_C(1000000)
#define START (1000000 * MS)
#define HEARD_MAX (130u * VTR_AUDIO_RATE)
#define PI 3.14159265358979

static struct vtr_sound_page page;
static struct vtr_audio_mixer *mixer;
static struct vtr_log *log_; /* of the mixer; or NULL */
static bool front_listens;
static int16_t *heard; /* HEARD_MAX frames */
static size_t heard_count;
static int64_t first_ns;
static int64_t next_ns;
static unsigned idles;
static int64_t horizon_ns;

static void on_listen(void *data, bool on)
{
	CHECK(data == &page);
	front_listens = on;
}

static void on_block(void *owner, const struct vtr_audio_block *block)
{
	CHECK(owner == &page);
	CHECK(heard_count + VTR_AUDIO_BLOCK <= HEARD_MAX);
	if (heard_count == 0) {
		first_ns = block->time;
	} else {
		CHECK_EQ(block->time, next_ns);
	}
	next_ns = block->time + 10 * MS;
	memcpy(heard + 2 * heard_count, block->samples, sizeof(block->samples));
	heard_count += VTR_AUDIO_BLOCK;
}

static void on_idle(void *owner)
{
	CHECK(owner == &page);
	idles++;
}

static void begin(void)
{
	const struct vtr_audio_mixer_params params = {
		.log = log_, .page = &page, .listen = on_listen, .data = &page
	};
	const struct vtr_audio_sink sink = { .block = on_block, .idle = on_idle, .owner = &page };

	memset(&page, 0, sizeof(page));
	heard_count = 0;
	idles = 0;
	front_listens = false;
	horizon_ns = START;
	CHECK_OK(vtr_audio_mixer_create(&params, &mixer));
	vtr_audio_mixer_set_sink(mixer, &sink);
	vtr_audio_mixer_listen(mixer, true);
	CHECK(front_listens);
	vtr_sound_page_set_streams(&page, 1, 0);
	vtr_sound_page_set_horizon(&page, horizon_ns);
	vtr_audio_mixer_wake(mixer);
}

static void end(void)
{
	vtr_audio_mixer_destroy(mixer);
}

/* 10 ms have passed. */
static void tick(void)
{
	horizon_ns += 10 * MS;
	vtr_sound_page_set_horizon(&page, horizon_ns);
	vtr_audio_mixer_wake(mixer);
}

struct source {
	uint8_t stream;
	uint32_t rate;
	enum vtr_sound_format format;
	uint8_t channels;
	double frequency; /* of the left channel; the right one has twice that */
	double level;
	uint32_t run;
	int64_t start_ns;
	uint64_t position;
};

/* A source in the mixer's own form, from START on. */
static struct source tone(double frequency, double level)
{
	return (struct source){
		.rate = VTR_AUDIO_RATE,
		.format = VTR_SOUND_S16,
		.channels = 2,
		.frequency = frequency,
		.level = level,
		.start_ns = START,
	};
}

static void write_sample(uint8_t *at, enum vtr_sound_format format, double value)
{
	const double limited = fmin(value, 0.99999999);
	const int32_t wide = (int32_t)lrint(limited * 0x1p31);
	const uint32_t bits = (uint32_t)wide;
	const float single = (float)value;

	switch (format) {
	case VTR_SOUND_S8:
	case VTR_SOUND_U8:
		at[0] = (uint8_t)(bits >> 24 ^ (format == VTR_SOUND_U8 ? 0x80 : 0));
		break;
	case VTR_SOUND_S16:
	case VTR_SOUND_U16: {
		uint16_t half = (uint16_t)(bits >> 16 ^ (format == VTR_SOUND_U16 ? 0x8000 : 0));
		memcpy(at, &half, sizeof(half));
		break;
	}
	case VTR_SOUND_S24:
		at[3] = 0x55; /* not part of the sample */
		__attribute__((fallthrough));
	case VTR_SOUND_S24_3:
		at[0] = (uint8_t)(bits >> 8);
		at[1] = (uint8_t)(bits >> 16);
		at[2] = (uint8_t)(bits >> 24);
		break;
	case VTR_SOUND_S32:
		memcpy(at, &wide, sizeof(wide));
		break;
	case VTR_SOUND_FLOAT:
		memcpy(at, &single, sizeof(single));
		break;
	case VTR_SOUND_FLOAT64:
		memcpy(at, &value, sizeof(value));
		break;
	}
}

/* Puts the next `frames` of a source, in pieces. */
static void put(struct source *source, uint32_t frames)
{
	const size_t size = vtr_sound_sample_size(source->format);

	while (frames > 0) {
		const size_t most = VTR_SOUND_PIECE_BYTES / (size * source->channels);
		struct vtr_sound_piece piece = {
			.start_ns = source->start_ns,
			.position = source->position,
			.run = source->run,
			.rate = source->rate,
			.frames = (uint32_t)vtr_min(frames, most),
			.stream = source->stream,
			.format = (uint8_t)source->format,
			.channels = source->channels,
		};
		for (size_t i = 0; i < (size_t)piece.frames * source->channels; i++) {
			const uint64_t frame = source->position + i / source->channels;
			const double turns = fmod(source->frequency * (double)(1 + i % source->channels) *
			                                  (double)frame / source->rate,
			                          1.0);
			write_sample(piece.data + i * size, source->format,
			             source->level * sin(2 * PI * turns));
		}
		vtr_sound_page_put(&page, &piece);
		source->position += piece.frames;
		frames -= piece.frames;
	}
}

/* Plays sources of these together for some time. */
static void play(struct source *sources, size_t count, int ticks)
{
	for (int i = 1; i <= ticks; i++) {
		for (size_t j = 0; j < count; j++) {
			/* As a clock would do it: 441, or now 137 and then 138. */
			const uint64_t until = (uint64_t)i * sources[j].rate / 100;
			put(&sources[j], (uint32_t)(until - sources[j].position));
		}
		tick();
	}
}

/* Returns: the level of a tone in what was heard, from frame `from` on, in one channel. */
static double level_of(double frequency, size_t from, size_t count, int channel)
{
	double re = 0;
	double im = 0;

	for (size_t i = 0; i < count; i++) {
		const double sample = heard[2 * (from + i) + (size_t)channel] / 0x1p15;
		const double turns = fmod(frequency * (double)i / VTR_AUDIO_RATE, 1.0);
		re += sample * cos(2 * PI * turns);
		im += sample * sin(2 * PI * turns);
	}
	return 2 * sqrt(re * re + im * im) / (double)count;
}

static bool near(double a, double b, double by)
{
	return fabs(a - b) <= by;
}

/* All formats and rates: the pitch within a hertz, the level within half a decibel, and nothing else. */
static void every_format_and_rate_is_heard(void)
{
	static const enum vtr_sound_format formats[] = { VTR_SOUND_S8,  VTR_SOUND_U8,    VTR_SOUND_S16,
		                                         VTR_SOUND_U16, VTR_SOUND_S24_3, VTR_SOUND_S24,
		                                         VTR_SOUND_S32, VTR_SOUND_FLOAT, VTR_SOUND_FLOAT64 };
	static const uint32_t rates[] = { 8000,  11025, 16000, 22050, 32000,  44100,
		                          48000, 64000, 88200, 96000, 176400, 192000 };

	for (size_t i = 0; i < VTR_ARRAY_LEN(rates); i++) {
		for (size_t j = 0; j < VTR_ARRAY_LEN(formats); j++) {
			const uint8_t channels = (uint8_t)(1 + (i + j) % 2);
			struct source source = tone(440, 0.5);
			source.rate = rates[i];
			source.format = formats[j];
			source.channels = channels;
			begin();
			play(&source, 1, 110);
			CHECK_EQ(heard_count, 110 * VTR_AUDIO_BLOCK);
			const size_t from = 4800;
			CHECK(near(level_of(440, from, VTR_AUDIO_RATE, 0), 0.5, 0.02));
			CHECK(near(level_of(channels == 2 ? 880 : 440, from, VTR_AUDIO_RATE, 1), 0.5, 0.02));
			CHECK(level_of(441, from, VTR_AUDIO_RATE, 0) < 0.01);
			CHECK(level_of(439, from, VTR_AUDIO_RATE, 0) < 0.01);
			end();
		}
	}
}

static void samples_keep_their_times(void)
{
	struct source source = tone(440, 0.25);

	source.start_ns += 5 * MS;
	begin();
	put(&source, 240);
	tick();
	CHECK_EQ(first_ns, START);
	for (int i = 0; i < 240; i++) {
		CHECK_EQ(heard[2 * i], 0);
	}
	for (int i = 0; i < 240; i++) {
		CHECK(abs(heard[2 * (240 + i)] - (int)(8192 * sin(2 * PI * 440 * i / 48000))) <= 1);
	}
	end();
}

/* Two minutes of a rate that does not divide: an impulse each second, each in its place. */
static void resampling_does_not_drift(void)
{
	struct vtr_sound_piece piece = {
		.start_ns = START, .rate = 44100, .format = VTR_SOUND_S16, .channels = 1, .frames = 441
	};
	int64_t delay = -1;

	begin();
	for (int i = 0; i < 12000; i++) {
		const int16_t loud = 30000;
		memset(piece.data, 0, sizeof(piece.data));
		if (i % 100 == 0) {
			memcpy(piece.data, &loud, sizeof(loud));
		}
		vtr_sound_page_put(&page, &piece);
		piece.position += piece.frames;
		tick();
	}
	for (size_t second = 0; second < 120; second++) {
		size_t top = 0;
		for (size_t i = 0; i < VTR_AUDIO_BLOCK; i++) {
			const int16_t *at = heard + 2 * (second * VTR_AUDIO_RATE);
			top = at[2 * i] > at[2 * top] ? i : top;
		}
		delay = delay < 0 ? (int64_t)top : delay;
		CHECK_EQ(top, delay);
	}
	CHECK(delay >= 0 && delay < 48);
	end();
}

static void streams_are_added_and_limited(void)
{
	struct source sources[] = { tone(500, 0.3), tone(700, 0.4) };
	struct source loud[] = { tone(500, 1), tone(500, 1) };

	sources[1].stream = 3;
	sources[1].rate = 44100;
	sources[1].format = VTR_SOUND_FLOAT;
	sources[1].channels = 1;
	begin();
	play(sources, 2, 110);
	CHECK(near(level_of(500, 4800, VTR_AUDIO_RATE, 0), 0.3, 0.01));
	CHECK(near(level_of(700, 4800, VTR_AUDIO_RATE, 0), 0.4, 0.01));
	end();
	begin();
	loud[1].stream = 1;
	play(loud, 2, 10);
	for (size_t i = 0; i < heard_count; i++) {
		const double sum = 2 * sin(2 * PI * 500 * (double)i / 48000) * 32767;
		CHECK(near(heard[2 * i], fmax(fmin(sum, 32767), -32768), 4));
	}
	end();
}

static void the_end_is_told_once(void)
{
	struct source source = tone(440, 0.5);

	begin();
	play(&source, 1, 3);
	CHECK_EQ(idles, 0);
	vtr_sound_page_set_streams(&page, 0, 0);
	vtr_audio_mixer_wake(mixer);
	vtr_audio_mixer_wake(mixer);
	CHECK_EQ(idles, 1);
	CHECK_EQ(heard_count, 3 * VTR_AUDIO_BLOCK);
	/* And it begins anew, on another grid. */
	heard_count = 0;
	horizon_ns += 12345678;
	source.start_ns = horizon_ns;
	source.position = 0;
	source.run++;
	vtr_sound_page_set_horizon(&page, horizon_ns);
	vtr_sound_page_set_streams(&page, 1, 0);
	vtr_audio_mixer_wake(mixer);
	play(&source, 1, 3);
	CHECK_EQ(first_ns, source.start_ns);
	CHECK_EQ(heard_count, 3 * VTR_AUDIO_BLOCK);
	end();
}

static void without_a_listener_nothing_is_mixed(void)
{
	struct source source = tone(440, 0.5);

	begin();
	vtr_audio_mixer_listen(mixer, false);
	CHECK(!front_listens);
	play(&source, 1, 3);
	CHECK_EQ(heard_count, 0);
	CHECK_EQ(idles, 0);
	end();
}

static void a_slow_mixer_leaves_sound_out(void)
{
	struct source source = tone(440, 0.5);

	begin();
	put(&source, 480);
	tick();
	CHECK_EQ(heard_count, VTR_AUDIO_BLOCK);
	/* Ten seconds in which it does not look: more than the ring holds. */
	put(&source, 480000);
	horizon_ns += 9990 * MS;
	heard_count = 0;
	tick();
	for (int i = 0; i < 50; i++) {
		put(&source, 480);
		tick();
	}
	CHECK(heard_count >= 49 * VTR_AUDIO_BLOCK && heard_count <= 51 * VTR_AUDIO_BLOCK);
	CHECK(near(level_of(440, 4800, 12000, 0), 0.5, 0.02));
	end();
}

/* A stream begins long after the last one has ended, and this process is so quick that the front has not set a new time
 * yet. */
static void an_old_horizon_is_no_delay(void)
{
	struct source source = {
		.rate = 48000, .format = VTR_SOUND_S16, .channels = 2, .frequency = 440, .level = 0.5
	};
	char line[128];
	int fds[2];

	CHECK_EQ(pipe(fds), 0);
	CHECK_OK(vtr_log_create("warn", fds[1], NULL, &log_));
	begin();
	vtr_sound_page_set_streams(&page, 0, 0);
	tick();
	CHECK_EQ(idles, 1);
	vtr_sound_page_set_streams(&page, 1, 0);
	vtr_audio_mixer_wake(mixer);
	horizon_ns += 3600 * INT64_C(1000) * MS;
	source.start_ns = horizon_ns;
	heard_count = 0;
	vtr_sound_page_set_horizon(&page, horizon_ns);
	vtr_audio_mixer_wake(mixer);
	play(&source, 1, 50);
	CHECK_EQ(heard_count, 50 * VTR_AUDIO_BLOCK);
	CHECK_EQ(first_ns, source.start_ns);
	end();
	vtr_log_destroy(log_);
	log_ = NULL;
	close(fds[1]);
	CHECK_EQ(read(fds[0], line, sizeof(line)), 0);
	close(fds[0]);
}

/* The front is trusted more than the guest, but not with memory. */
static void pieces_that_make_no_sense_are_left_out(void)
{
	struct vtr_sound_piece piece = {
		.start_ns = START, .rate = 48000, .format = VTR_SOUND_S16, .channels = 2, .frames = 480
	};
	struct vtr_sound_piece got;
	static const struct {
		size_t offset;
		uint32_t value;
		size_t size;
	} faults[] = {
		{ offsetof(struct vtr_sound_piece, rate), 7999, 4 },
		{ offsetof(struct vtr_sound_piece, rate), 192001, 4 },
		{ offsetof(struct vtr_sound_piece, frames), 513, 4 },
		{ offsetof(struct vtr_sound_piece, frames), UINT32_MAX, 4 },
		{ offsetof(struct vtr_sound_piece, stream), VTR_SOUND_PAGE_STREAMS, 1 },
		{ offsetof(struct vtr_sound_piece, format), 9, 1 },
		{ offsetof(struct vtr_sound_piece, channels), 0, 1 },
		{ offsetof(struct vtr_sound_piece, channels), 3, 1 },
		{ offsetof(struct vtr_sound_piece, start_ns) + 4, 0x80000000, 4 },
		{ offsetof(struct vtr_sound_piece, position) + 4, 0x80000000, 4 },
	};

	begin();
	vtr_sound_page_put(&page, &piece);
	CHECK_OK(vtr_sound_page_get(&page, 0, &got));
	CHECK_ERR(vtr_sound_page_get(&page, VTR_SOUND_PAGE_PIECES, &got), VTR_ERR_AGAIN);
	for (size_t i = 0; i < VTR_ARRAY_LEN(faults); i++) {
		struct vtr_sound_piece bad = piece;
		memcpy((uint8_t *)&bad + faults[i].offset, &faults[i].value, faults[i].size);
		memcpy((void *)page.slots[0].words, &bad, sizeof(bad));
		CHECK_ERR(vtr_sound_page_get(&page, 0, &got), VTR_ERR_INVALID);
	}
	/* Times of all ages. */
	for (int i = 0; i < 64; i++) {
		piece.start_ns = (int64_t)((UINT64_C(1) << i) / 6);
		piece.position = UINT64_MAX >> (63 - i);
		piece.rate = i % 2 == 0 ? 48000 : 8000;
		vtr_sound_page_put(&page, &piece);
		tick();
	}
	end();
}

static void numbers_that_are_none_are_silence(void)
{
	struct vtr_sound_piece piece = { .format = VTR_SOUND_FLOAT, .channels = 2, .frames = 2 };
	const float from[] = { NAN, INFINITY, -1e30f, 1 };
	float to[4];

	memcpy(piece.data, from, sizeof(from));
	vtr_samples_read(&piece, to);
	CHECK(to[0] == 0 && to[1] == 0 && to[2] == 0 && to[3] == 1);
}

/* The last of an effect that fades out costs much time and is not heard. */
static void what_is_too_quiet_is_silence(void)
{
	struct vtr_sound_piece piece = { .format = VTR_SOUND_FLOAT, .channels = 2, .frames = 2 };
	const float from[] = { 1e-42f, -1e-30f, 1e-12f, -0x1p-24f };
	const double wide[] = { 1e-310, -1e-40, 1e-12, -0x1p-24 };
	float to[4];

	memcpy(piece.data, from, sizeof(from));
	vtr_samples_read(&piece, to);
	CHECK(to[0] == 0 && to[1] == 0 && to[2] > 0 && to[3] == -0x1p-24f);
	piece.format = VTR_SOUND_FLOAT64;
	memcpy(piece.data, wide, sizeof(wide));
	vtr_samples_read(&piece, to);
	CHECK(to[0] == 0 && to[1] == 0 && to[2] > 0 && to[3] == -0x1p-24f);
}

int main(void)
{
	heard = malloc(2 * HEARD_MAX * sizeof(*heard));
	CHECK(heard != NULL);
	RUN(every_format_and_rate_is_heard);
	RUN(samples_keep_their_times);
	RUN(resampling_does_not_drift);
	RUN(streams_are_added_and_limited);
	RUN(the_end_is_told_once);
	RUN(without_a_listener_nothing_is_mixed);
	RUN(a_slow_mixer_leaves_sound_out);
	RUN(an_old_horizon_is_no_delay);
	RUN(pieces_that_make_no_sense_are_left_out);
	RUN(numbers_that_are_none_are_silence);
	RUN(what_is_too_quiet_is_silence);
	free(heard);
	return 0;
}
