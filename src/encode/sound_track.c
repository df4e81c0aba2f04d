/* SPDX-License-Identifier: MIT */
#include "encode/sound_track.h"

#include <stdlib.h>

#include "base/mem.h"

#define NS_PER_S INT64_C(1000000000)
/* Silence and sound go to the encoder in pieces of this size. */
#define PIECE 480
/* Sound may come this much later than its picture. */
#define LATE_NS (NS_PER_S / 2)
/* Longer pauses are left out: to encode hours of silence would take long. */
#define MAX_FILL_NS (10 * NS_PER_S)
/* Times may differ by this much from the count of samples. */
#define SLACK_NS (NS_PER_S / 200)

struct vtr_sound_track {
	struct vtr_audio_encoder *encoder;
	struct vtr_muxer *muxer; /* set by vtr_sound_track_begin() */
	int64_t next_ns; /* all before this time is encoded */
};

enum vtr_err vtr_sound_track_create(struct vtr_log *log, enum vtr_mux_kind kind,
                                    struct vtr_sound_track **out_track)
{
	struct vtr_sound_track *track = calloc(1, sizeof(*track));
	enum vtr_err err = track ? vtr_audio_encoder_create(log, vtr_mux_sound_codec(kind), &track->encoder) :
	                           VTR_ERR_NOMEM;

	if (err != VTR_OK) {
		free(track);
		return err;
	}
	*out_track = track;
	return VTR_OK;
}

void vtr_sound_track_destroy(struct vtr_sound_track *track)
{
	if (track) {
		vtr_audio_encoder_destroy(track->encoder);
		free(track);
	}
}

void vtr_sound_track_describe(const struct vtr_sound_track *track, struct vtr_audio_format *out_format)
{
	vtr_audio_encoder_describe(track->encoder, out_format);
}

static int64_t to_ns(size_t samples)
{
	return (int64_t)samples * NS_PER_S / VTR_AUDIO_ENCODER_RATE;
}

static size_t to_samples(int64_t ns)
{
	return (size_t)(ns * VTR_AUDIO_ENCODER_RATE / NS_PER_S);
}

void vtr_sound_track_begin(struct vtr_sound_track *track, struct vtr_muxer *muxer)
{
	struct vtr_audio_format format;

	vtr_audio_encoder_describe(track->encoder, &format);
	track->muxer = muxer;
	/* Containers have no times before 0. */
	track->next_ns = vtr_muxer_begin_ns(muxer) + to_ns(format.padding) + 1;
}

/* Encodes the next samples, and writes what comes out. */
static enum vtr_err feed(struct vtr_sound_track *track, const int16_t *samples, size_t count)
{
	struct vtr_audio_packet *packet;
	enum vtr_err err = vtr_audio_encoder_encode(track->encoder, track->next_ns, samples, count, &packet);

	track->next_ns += to_ns(count);
	if (err == VTR_ERR_AGAIN) {
		return VTR_OK;
	}
	if (err == VTR_OK) {
		/* The first one may have come before a new beginning. */
		if (packet->time_ns >= vtr_muxer_begin_ns(track->muxer)) {
			err = vtr_muxer_write_sound(track->muxer, packet);
		}
		vtr_audio_packet_unref(packet);
	}
	return err;
}

/* Fills in silence up to a time. */
static enum vtr_err fill(struct vtr_sound_track *track, int64_t until_ns)
{
	static const int16_t silence[PIECE * VTR_AUDIO_ENCODER_CHANNELS];
	enum vtr_err err = VTR_OK;

	if (until_ns - track->next_ns > MAX_FILL_NS) {
		track->next_ns = until_ns;
	}
	while (err == VTR_OK && until_ns > track->next_ns) {
		const size_t count = vtr_min(to_samples(until_ns - track->next_ns), PIECE);
		if (count == 0) {
			break;
		}
		err = feed(track, silence, count);
	}
	return err;
}

enum vtr_err vtr_sound_track_add(struct vtr_sound_track *track, int64_t time_ns, const int16_t *samples,
                                 size_t count)
{
	enum vtr_err err = VTR_OK;
	size_t skip = 0;

	if (time_ns > track->next_ns + SLACK_NS) {
		err = fill(track, time_ns);
	} else if (time_ns < track->next_ns - SLACK_NS) {
		skip = vtr_min(to_samples(vtr_min(track->next_ns - time_ns, NS_PER_S)), count);
	}
	if (err == VTR_OK && skip < count) {
		err = feed(track, samples + skip * VTR_AUDIO_ENCODER_CHANNELS, count - skip);
	}
	return err;
}

enum vtr_err vtr_sound_track_follow(struct vtr_sound_track *track, int64_t time_ns)
{
	/* By the second, so that sound that is only late is not replaced. */
	return time_ns - track->next_ns > 2 * LATE_NS ? fill(track, time_ns - LATE_NS) : VTR_OK;
}
