/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "sound"
#include "screen/mixer.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/sound_page.h"
#include "screen/resampler.h"
#include "screen/samples.h"

/* Sound that is being mixed: a third of a second. A power of two. */
#define ROOM 16384
/* If the mixer is further behind than this, sound is left out: those who listen want the sound of now. */
#define MAX_LAG (VTR_AUDIO_RATE / 4)
/* Sound at such a distance is never mixed: a day. */
#define FAR_NS INT64_C(86400000000000)

_Static_assert(VTR_RESAMPLER_MAX_FRAMES >= VTR_SOUND_PIECE_BYTES, "a piece is resampled at once");

/* A stream of the guest. */
struct voice {
	bool plays; /* false: the members below are undefined, but for the resampler */
	uint32_t run;
	uint64_t next_position;
	int64_t next_frame; /* where the next output goes, see `done` below */
	struct vtr_resampler *resampler; /* NULL: not needed yet */
};

struct vtr_audio_mixer {
	struct vtr_log *log;
	const struct vtr_sound_page *page;
	void (*listen)(void *data, bool on);
	void (*speak)(void *data, const struct vtr_audio_block *block);
	void *front_data;
	struct vtr_audio_sink sink;
	_Atomic bool on;

	bool active;    /* as `on` at the last wake-up */
	uint64_t seen;  /* pieces */
	bool plays;     /* the members below are valid */
	int64_t origin_ns; /* the time of frame 0 */
	int64_t done;      /* frames that went to the sink */
	struct voice voices[VTR_SOUND_PAGE_STREAMS];
	float sum[2 * ROOM]; /* of the frames from `done` on, each at its number modulo ROOM */
};

/* Returns: the number of the frame at a time. 48,000 frames a second are 6 in 125,000 ns. */
static int64_t frame_at(const struct vtr_audio_mixer *mixer, int64_t ns)
{
	const int64_t since = ns - mixer->origin_ns; /* both are positive */

	if (since > FAR_NS || since < -FAR_NS) {
		return since > 0 ? INT64_MAX / 2 : INT64_MIN / 2;
	}
	_Static_assert(VTR_AUDIO_RATE == 48000, "6 in 125,000 ns");
	return (since * 6 + (since < 0 ? -62500 : 62500)) / 125000;
}

static int64_t time_of(const struct vtr_audio_mixer *mixer, int64_t frame)
{
	return mixer->origin_ns + frame * 125000 / 6;
}

/* --- voices ------------------------------------------------------------------------------------------- */

static enum vtr_err set_rate(struct voice *voice, uint32_t rate)
{
	if (voice->resampler && vtr_resampler_rate(voice->resampler) != rate) {
		vtr_resampler_destroy(voice->resampler);
		voice->resampler = NULL;
	}
	if (voice->resampler) {
		vtr_resampler_reset(voice->resampler);
		return VTR_OK;
	}
	return rate == VTR_AUDIO_RATE ? VTR_OK : vtr_resampler_create(rate, &voice->resampler);
}

/* The piece does not continue what the voice played. */
static enum vtr_err begin_voice(const struct vtr_audio_mixer *mixer, struct voice *voice,
                                const struct vtr_sound_piece *piece)
{
	const uint64_t ns = piece->position / piece->rate * 1000000000 +
	                    piece->position % piece->rate * 1000000000 / piece->rate;
	enum vtr_err err = set_rate(voice, piece->rate);

	voice->plays = err == VTR_OK;
	voice->run = piece->run;
	voice->next_position = piece->position;
	voice->next_frame = frame_at(mixer, piece->start_ns + (int64_t)ns);
	if (voice->resampler) {
		voice->next_frame += (int64_t)vtr_resampler_delay(voice->resampler);
	}
	return err;
}

/* Adds frames to the sum. Those that are too late, or far in the future, are left out. */
static void add(struct vtr_audio_mixer *mixer, struct voice *voice, const float *frames, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const int64_t frame = voice->next_frame + (int64_t)i;
		if (frame >= mixer->done && frame < mixer->done + ROOM) {
			float *sum = mixer->sum + 2 * (frame & (ROOM - 1));
			sum[0] += frames[2 * i];
			sum[1] += frames[2 * i + 1];
		}
	}
	voice->next_frame += (int64_t)count;
}

static void take(struct vtr_audio_mixer *mixer, const struct vtr_sound_piece *piece)
{
	struct voice *voice = &mixer->voices[piece->stream];
	float frames[2 * VTR_SOUND_PIECE_BYTES];
	/* The lowest rate becomes six times as many frames. */
	float resampled[2 * 6 * (VTR_SOUND_PIECE_BYTES + 64)];

	if ((!voice->plays || voice->run != piece->run || voice->next_position != piece->position) &&
	    begin_voice(mixer, voice, piece) != VTR_OK) {
		vtr_warn_limited(mixer->log, "a stream of the guest is not heard: out of memory");
		return;
	}
	voice->next_position += piece->frames;
	vtr_samples_read(piece, frames);
	if (!voice->resampler) {
		add(mixer, voice, frames, piece->frames);
		return;
	}
	vtr_assert(vtr_resampler_room(voice->resampler, piece->frames) <= VTR_ARRAY_LEN(resampled) / 2);
	const size_t count = vtr_resampler_run(voice->resampler, frames, piece->frames, resampled);
	add(mixer, voice, resampled, count);
}

/* --- the signal --------------------------------------------------------------------------------------- */

static void begin(struct vtr_audio_mixer *mixer, int64_t horizon_ns)
{
	mixer->plays = true;
	mixer->origin_ns = horizon_ns;
	mixer->done = 0;
	memset(mixer->sum, 0, sizeof(mixer->sum));
	for (size_t i = 0; i < VTR_SOUND_PAGE_STREAMS; i++) {
		mixer->voices[i].plays = false;
	}
}

static void take_pieces(struct vtr_audio_mixer *mixer)
{
	const uint64_t head = vtr_sound_page_head(mixer->page);
	struct vtr_sound_piece piece;

	if (head - mixer->seen > VTR_SOUND_PAGE_PIECES) {
		mixer->seen = head - VTR_SOUND_PAGE_PIECES;
	}
	for (; mixer->seen != head; mixer->seen++) {
		if (vtr_sound_page_get(mixer->page, mixer->seen, &piece) == VTR_OK) {
			take(mixer, &piece);
		}
	}
}

static void emit(struct vtr_audio_mixer *mixer)
{
	struct vtr_audio_block block = { .time = time_of(mixer, mixer->done) };

	for (int i = 0; i < VTR_AUDIO_BLOCK; i++) {
		float *sum = mixer->sum + 2 * (mixer->done & (ROOM - 1));
		vtr_samples_write(sum, 2, block.samples + 2 * (size_t)i);
		sum[0] = 0;
		sum[1] = 0;
		mixer->done++;
	}
	mixer->sink.block(mixer->sink.owner, &block);
}

static void end(struct vtr_audio_mixer *mixer)
{
	mixer->plays = false;
	mixer->sink.idle(mixer->sink.owner);
}

/* Follows vtr_audio_mixer_listen(). Returns: whether to mix. */
static bool is_on(struct vtr_audio_mixer *mixer)
{
	const bool on = atomic_load(&mixer->on);

	if (on && !mixer->active) {
		mixer->seen = vtr_sound_page_head(mixer->page);
	}
	if (!on) {
		mixer->plays = false;
	}
	mixer->active = on;
	return on;
}

void vtr_audio_mixer_wake(struct vtr_audio_mixer *mixer)
{
	if (!is_on(mixer)) {
		return;
	}
	/* In this order: the horizon is that of the last stream's end if none plays, and the pieces reach it. */
	const bool playing = vtr_sound_page_playing(mixer->page) > 0;
	const int64_t horizon_ns = vtr_sound_page_horizon(mixer->page);

	if (!mixer->plays && playing) {
		begin(mixer, horizon_ns);
	}
	if (!mixer->plays) {
		mixer->seen = vtr_sound_page_head(mixer->page);
		return;
	}
	if (frame_at(mixer, horizon_ns) - mixer->done > MAX_LAG) {
		if (mixer->done > 0) { /* otherwise it began with the horizon of an earlier stream */
			vtr_warn_limited(mixer->log, "sound is left out: this process was %lld ms late",
			                 (long long)(horizon_ns - time_of(mixer, mixer->done)) / 1000000);
		}
		begin(mixer, horizon_ns);
	}
	take_pieces(mixer);
	while (frame_at(mixer, horizon_ns) - mixer->done >= VTR_AUDIO_BLOCK) {
		emit(mixer);
	}
	if (!playing) {
		end(mixer);
	}
}

void vtr_audio_mixer_listen(struct vtr_audio_mixer *mixer, bool on)
{
	if (atomic_exchange(&mixer->on, on) != on) {
		mixer->listen(mixer->front_data, on);
	}
}

void vtr_audio_mixer_microphone(struct vtr_audio_mixer *mixer, const struct vtr_audio_block *block)
{
	if (vtr_sound_page_capturing(mixer->page) > 0) {
		mixer->speak(mixer->front_data, block);
	}
}

static void ignore_block(void *owner, const struct vtr_audio_block *block)
{
	(void)owner;
	(void)block;
}

static void ignore_idle(void *owner)
{
	(void)owner;
}

void vtr_audio_mixer_set_sink(struct vtr_audio_mixer *mixer, const struct vtr_audio_sink *sink)
{
	mixer->sink = *sink;
}

enum vtr_err vtr_audio_mixer_create(const struct vtr_audio_mixer_params *params,
                                    struct vtr_audio_mixer **out_mixer)
{
	struct vtr_audio_mixer *mixer = calloc(1, sizeof(*mixer));

	if (!mixer) {
		return VTR_ERR_NOMEM;
	}
	mixer->log = params->log;
	mixer->page = params->page;
	mixer->listen = params->listen;
	mixer->speak = params->speak;
	mixer->front_data = params->data;
	mixer->sink = (struct vtr_audio_sink){ .block = ignore_block, .idle = ignore_idle };
	*out_mixer = mixer;
	return VTR_OK;
}

void vtr_audio_mixer_destroy(struct vtr_audio_mixer *mixer)
{
	if (!mixer) {
		return;
	}
	for (size_t i = 0; i < VTR_SOUND_PAGE_STREAMS; i++) {
		vtr_resampler_destroy(mixer->voices[i].resampler);
	}
	free(mixer);
}
