/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_STREAM_STATE_H
#define SCREEN_STREAM_STATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "display/client.h"
#include "encode/encoder.h"
#include "platform/thread.h"
#include "screen/convert.h"
#include "screen/sharp.h"
#include "screen/stream.h"

/*
 * The state of the streams. Only three files use it: streams.c creates the streams and keeps their sinks, stream.c has
 * the thread that takes and encodes pictures, and in stream_sharp.c this thread makes patches.
 */

/* Key frames are large, so at least this time passes between two of them, unless a sink waits for its first one. */
#define VTR_STREAM_KEY_NS INT64_C(250000000)

/* A time that never comes. */
#define VTR_STREAM_NEVER INT64_C(-1)

/* A picture as it goes into the encoder. */
struct vtr_stream_slot {
	struct vtr_yuv_buffer buffer;
	uint64_t generation;
	uint64_t frame;
	int64_t time_ns; /* of the flush */
	struct vtr_rect damage; /* everything that changed after frame `damage_since` */
	uint64_t damage_since;
};

/* What a unit says about its picture. */
struct vtr_stream_source {
	uint64_t generation;
	uint64_t frame;
	int64_t time_ns;
};

/*
 * Two slots are enough, since an encoder needs a picture only until it returns. One is filled while the other
 * keeps the last whole picture, for refinement and for new sinks.
 */
struct vtr_stream {
	struct vtr_streams *streams;
	uint32_t display;

	pthread_mutex_t sinks_lock; /* guards the list and the sinks; held during callbacks */
	struct vtr_list sinks; /* a sink that asks for a bit rate moves to the end */

	pthread_mutex_t lock; /* guards the members below; may be taken inside sinks_lock */
	pthread_cond_t work;
	struct vtr_os_thread thread;
	bool started, ends;
	bool look; /* there may be something to do */
	bool want_key;
	bool want_picture;
	bool want_patches; /* of the whole picture */
	uint32_t patch_takers; /* how many sinks take patches */
	uint32_t bitrate; /* within the limits; 0: chosen by size */
	struct vtr_stream_counters counters;

	/* Thread: the stream's. */
	struct vtr_stream_slot slots[2];
	unsigned kept; /* the slot of the last picture */
	bool has_picture;
	bool key_pending; /* a sink wants a key frame */
	bool picture_pending;
	bool writing; /* the front was changing the pixels at the last check */
	int64_t tried_ns; /* since when it tries to take a whole picture; VTR_STREAM_NEVER: it does not */
	bool in_generation; /* a picture of the same generation as the kept one was encoded */
	struct vtr_encoder *encoder;
	uint64_t coded; /* how many pictures this encoder has taken */
	uint64_t wanted; /* the number of the last one that was not encoded only to bring out others */
	/* For the last pictures; each is at its number, modulo the length. */
	struct vtr_stream_source sources[VTR_ENCODER_MAX_HELD + 1];
	/* If the encoder holds the last unit back: when to encode the picture again, which brings the unit out.
	 * VTR_STREAM_NEVER: it holds none back. */
	int64_t held_ns;
	uint32_t width, height; /* of the encoder */
	uint32_t rate; /* the bit rate that it was given */
	int64_t key_ns; /* the time of the last key frame */
	/* The encoder has taken a key frame and not yet returned its unit, which will serve the sinks that wait. */
	bool key_held;
	int64_t due_ns; /* no new picture is taken before this time */
	int64_t refine_ns; /* when to refine the picture; VTR_STREAM_NEVER: not at all, or it was done */
	bool makes_patches; /* at least one sink takes patches */
	bool patches_pending; /* a sink wants all patches again */
	int64_t repeat_ns; /* patches are not repeated before this time */
	struct vtr_sharp sharp;
	int64_t broken_ns; /* after a failure: nothing is tried before this time */
	bool resting; /* it has no sinks, and its memory is freed at rest_ns */
	int64_t rest_ns;
};

struct vtr_streams {
	struct vtr_streams_params params;
	struct vtr_codec *codec; /* NULL: video cannot be encoded */
	struct vtr_flush_listener listener;
	struct vtr_stream streams[VTR_MAX_DISPLAYS];
};

static inline struct vtr_log *vtr_stream_log(const struct vtr_stream *stream)
{
	return stream->streams->params.log;
}

/* --- patches; thread: the stream's ------------------------------------------------------------------- */

/* Notes that the picture in `slot` follows the one in `old`. NULL: nothing that was shown before counts. */
void vtr_stream_sharp_follow(struct vtr_stream *stream, const struct vtr_stream_slot *old,
                             const struct vtr_stream_slot *slot);

/* Makes a patch of the kept picture, which the display still shows, if one is due. Returns: when to call it again;
 * VTR_STREAM_NEVER: only after a change. */
int64_t vtr_stream_sharp_step(struct vtr_stream *stream, int64_t now_ns);

/* The stream's thread. `arg`: the stream. */
void vtr_stream_run(void *arg);

#endif
