/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_STREAM_H
#define SCREEN_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "display/types.h"
#include "encode/encoder.h"
#include "screen/sharp.h"

/*
 * The video of a display: captured, converted and encoded once for all sinks. It runs while there is a sink,
 * in a thread of its own. Without damage only one refinement is encoded; without a sink nothing is.
 *
 * If encoding is slow, frames are skipped before the encoder and the guest is not slowed down: the newest
 * frame wins.
 *
 * Thread: any, for all functions. Callbacks come from the stream's thread and must not block. A lock is held
 *         during them that vtr_stream_subscribe() and vtr_stream_unsubscribe() take too, so a lock that a
 *         callback takes must not be held while calling these.
 */
struct vtr_log;
struct vtr_display_client;
struct vtr_stream;
struct vtr_streams;

/* Bits per second, wherever they come from. */
#define VTR_STREAM_MIN_BITRATE 100000u
#define VTR_STREAM_MAX_BITRATE 400000000u
#define VTR_STREAM_MAX_FPS 240u

/* A consumer of the video. Memory of the caller's, until vtr_stream_unsubscribe() has returned. */
struct vtr_sink {
	struct vtr_list node; /* the stream's */
	/* An encoded picture, in order; the first is a key frame. Keep it by vtr_access_unit_ref(). A sink
	 * that cannot keep up drops pictures until the next key frame, which it asks for. */
	void (*unit)(void *data, struct vtr_access_unit *unit);
	/* The display became inactive (or was so from the beginning), or became active again. */
	void (*active)(void *data, bool active);
	/* Of a sink that takes patches (vtr_stream_take_patches()), else they may be NULL: pixels in `rect` change with
	 * the next new frame, which may be a while before its unit; and a patch of the last frame, behind its unit. */
	void (*changed)(void *data, const struct vtr_rect *rect);
	void (*patch)(void *data, struct vtr_patch *patch);
	void *data;
	bool takes_patches; /* owned by the stream */
	bool synced; /* owned by the stream: the sink has got a key frame */
	bool knows_inactive; /* owned by the stream: the sink knows that the display is inactive */
	bool asks_bitrate; /* owned by the stream, and so is the bit rate that the sink has asked for */
	uint32_t bitrate;
};

struct vtr_streams_params {
	struct vtr_log *log;
	struct vtr_display_client *screen;
	const char *encoder; /* see vtr_encoder_params.name */
	uint32_t bitrate; /* bits per second, within the limits; 0: chosen by size */
	uint32_t fps; /* the maximum, 1..VTR_STREAM_MAX_FPS */
};

/**
 * Creates the streams of all displays; none runs yet. Opens what encoders need, so that the process can enter
 * the sandbox afterwards. If there is no encoder and none was named, subscribing fails, which is logged. Flushes of
 * `screen`, which must outlive the streams, wake them; it must not run yet.
 *
 * Owner:   *out_streams is the caller's. Thread: main.
 * Returns: VTR_ERR_UNSUPPORTED (the named encoder does not work), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_streams_create(const struct vtr_streams_params *params,
                                               struct vtr_streams **out_streams);
/* No sinks may be left, and `screen` must not run any more. Accepts NULL. Thread: main. */
void vtr_streams_destroy(struct vtr_streams *streams);

struct vtr_stream *vtr_streams_get(struct vtr_streams *streams, uint32_t display);

/* The sink gets a key frame soon, also if nothing moves. Returns: VTR_ERR_UNSUPPORTED (there is no encoder),
 * VTR_ERR_LIMIT (threads), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_stream_subscribe(struct vtr_stream *stream, struct vtr_sink *sink);
/* No callback runs or comes any more when this returns. Not from inside a callback. */
void vtr_stream_unsubscribe(struct vtr_stream *stream, struct vtr_sink *sink);

/* Makes the next picture a key frame; several requests within 250 ms count as one. */
void vtr_stream_want_key(struct vtr_stream *stream);

/* Has the sink get lossless patches of what stays still (screen/sharp.h), beginning with all of the picture, or get
 * none any more. They are made only if a sink takes them, once for all sinks. Call it again if patches were lost: all
 * of the picture is then repeated, once a second at most. */
void vtr_stream_take_patches(struct vtr_stream *stream, struct vtr_sink *sink, bool on);

/* Encodes the current picture once more if no new frame comes: for files and servers, in which a picture ends
 * only when the next one comes. */
void vtr_stream_want_picture(struct vtr_stream *stream);

/* Bits per second from now on, brought within the limits; 0: the initial value. Of the sinks that are subscribed, the
 * last one to ask decides, so a request ends with its sink. */
void vtr_stream_set_bitrate(struct vtr_stream *stream, struct vtr_sink *sink, uint32_t bitrate);

/* Sums since the process started, of one display. */
struct vtr_stream_counters {
	uint64_t coded, keys, bytes;
	uint64_t dropped; /* frames that were replaced before they could be taken, while there were sinks */
	uint64_t retaken; /* converted again, because the frame had changed meanwhile */
	uint64_t torn; /* kept although the frame had changed */
	uint64_t refined; /* encoded once more, without damage */
	uint64_t repeated; /* encoded once more, because a sink asked */
	uint64_t convert_ns, encode_ns;
	uint64_t patches, patch_bytes, patch_ns;
	uint32_t viewers, bitrate;
	const char *encoder; /* NULL: none runs */
};

void vtr_stream_count(struct vtr_stream *stream, struct vtr_stream_counters *out_counters);

#endif
