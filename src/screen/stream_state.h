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
 * The state of the streams. Private to streams.c, which creates them and has their sinks, stream.c, whose thread takes
 * and encodes pictures, and stream_sharp.c, in which that thread makes patches.
 */

/* Key frames are large. This is the least time between two, except for a sink that waits for its first. */
#define VTR_STREAM_KEY_NS INT64_C(250000000)

/* Instead of a time. */
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
 * Two slots are enough, since an encoder is done with a picture when it returns. One is filled while the
 * other keeps the last whole picture, for refinement and for new sinks.
 */
struct vtr_stream {
	struct vtr_streams *streams;
	uint32_t display;

	pthread_mutex_t sinks_lock; /* guards the list and the sinks; held during callbacks */
	struct vtr_list sinks; /* a sink that asks for a bit rate moves to the end */

	pthread_mutex_t lock; /* guards what follows; inside sinks_lock */
	pthread_cond_t work;
	struct vtr_os_thread thread;
	bool started, ends;
	bool look; /* there may be something to do */
	bool want_key;
	bool want_picture;
	bool want_patches; /* of all of the picture */
	uint32_t patch_takers; /* sinks */
	uint32_t bitrate; /* within the limits; 0: chosen by size */
	struct vtr_stream_counters counters;

	/* Thread: the stream's. */
	struct vtr_stream_slot slots[2];
	unsigned kept; /* the slot of the last picture */
	bool has_picture;
	bool key_pending;   /* a sink wants a key frame */
	bool picture_pending;
	bool writing;       /* the front was changing the pixels at the last check */
	int64_t tried_ns;   /* since when a whole picture is tried for; VTR_STREAM_NEVER: not now */
	bool in_generation; /* a picture of the kept one's generation has been encoded */
	struct vtr_encoder *encoder;
	uint64_t coded;         /* pictures that this encoder has taken */
	uint64_t wanted; /* the number of the last of these that is not only there to bring out others */
	/* Of the last pictures, by their number. */
	struct vtr_stream_source sources[VTR_ENCODER_MAX_HELD + 1];
	/* When the last picture is encoded again if its unit is held back; VTR_STREAM_NEVER: it is not. */
	int64_t held_ns;
	uint32_t width, height; /* of the encoder */
	uint32_t rate; /* bit rate that it was given */
	int64_t key_ns; /* time of the last key frame */
	int64_t due_ns; /* no new picture is taken before this */
	int64_t refine_ns; /* VTR_STREAM_NEVER: already refined */
	bool makes_patches; /* a sink takes them */
	bool patches_pending; /* a sink wants all of them */
	int64_t repeat_ns; /* they are not repeated before this */
	struct vtr_sharp sharp;
	int64_t broken_ns; /* nothing is tried before this */
	bool resting; /* there is no sink; memory is freed at rest_ns */
	int64_t rest_ns;
};

struct vtr_streams {
	struct vtr_streams_params params;
	struct vtr_codec *codec; /* NULL: there is none */
	struct vtr_flush_listener listener;
	struct vtr_stream streams[VTR_MAX_DISPLAYS];
};

static inline struct vtr_log *vtr_stream_log(const struct vtr_stream *stream)
{
	return stream->streams->params.log;
}

/* --- patches; thread: the stream's ------------------------------------------------------------------- */

/* The picture in `slot` follows `old`, which is NULL if nothing of what was shown before counts. */
void vtr_stream_sharp_follow(struct vtr_stream *stream, const struct vtr_stream_slot *old,
                             const struct vtr_stream_slot *slot);

/* Makes a patch of the kept picture, which the display still shows, if it is time. Returns: when to come again;
 * VTR_STREAM_NEVER. */
int64_t vtr_stream_sharp_step(struct vtr_stream *stream, int64_t now_ns);

/* The stream's thread. `arg`: the stream. */
void vtr_stream_run(void *arg);

#endif
