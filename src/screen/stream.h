/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_STREAM_H
#define SCREEN_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "encode/encoder.h"

/*
 * The video of a display: taken, converted and coded once, for all that watch. It runs while somebody
 * does, in a thread of its own; without damage nothing is coded but one refinement, and without a viewer
 * nothing at all.
 *
 * What is slow here costs frames before the encoder, never the guest: the newest frame wins.
 *
 * Thread: any, for all functions. Callbacks come from the stream's thread and must not block; a lock is held
 *         then that vtr_stream_subscribe() and vtr_stream_unsubscribe() take, too, so a lock that a callback
 *         takes must not be held over these.
 */
struct vtr_log;
struct vtr_screen;
struct vtr_stream;
struct vtr_streams;

/* Somebody who watches: memory of the caller's, until vtr_stream_unsubscribe() has returned. */
struct vtr_sink {
	struct vtr_list node; /* the stream's */
	/* A coded picture, in order; the first is a key frame. Keep it by vtr_access_unit_ref(). Who cannot
	 * keep up drops what comes until the next key frame, which it asks for. */
	void (*unit)(void *data, struct vtr_access_unit *unit);
	/* The display went dark (or was so from the beginning), or shows something again. */
	void (*lit)(void *data, bool lit);
	void *data;
	bool synced; /* the stream's: has had its key frame */
	bool dark;   /* the stream's: has been told so */
};

struct vtr_streams_params {
	struct vtr_log *log;
	struct vtr_screen *screen;
	const char *encoder; /* see vtr_encoder_params.name */
	uint32_t bitrate;    /* bits per second; 0: chosen by size */
	uint32_t fps;        /* at most, 1..240 */
};

/**
 * All displays' streams; none runs yet. Opens what encoders need, so that the process can lock itself in
 * afterwards. If there is no encoder at all and none was named, nobody can subscribe, which is logged.
 *
 * Owner:   *out_streams is the caller's. Thread: main.
 * Returns: VTR_ERR_UNSUPPORTED (the encoder that was named does not work), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_streams_create(const struct vtr_streams_params *params,
                                               struct vtr_streams **out_streams);
/* Nobody watches any more. Accepts NULL. Thread: main. */
void vtr_streams_destroy(struct vtr_streams *streams);

struct vtr_stream *vtr_streams_get(struct vtr_streams *streams, uint32_t display);

/* The sink's first key frame follows soon, also if nothing moves. Returns: VTR_ERR_UNSUPPORTED (there is no
 * encoder), VTR_ERR_LIMIT (threads), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_stream_subscribe(struct vtr_stream *stream, struct vtr_sink *sink);
/* No callback runs or comes any more when this returns. Not from inside a callback. */
void vtr_stream_unsubscribe(struct vtr_stream *stream, struct vtr_sink *sink);

/* A key frame as the next picture; several requests within 250 ms are one. */
void vtr_stream_want_key(struct vtr_stream *stream);

/* The picture that is shown once more, if nothing else comes: for files and servers that take a picture for as
 * long as it takes the next one to come. */
void vtr_stream_want_picture(struct vtr_stream *stream);

/* Bits per second from now on; 0: as at first. The last word counts. */
void vtr_stream_set_bitrate(struct vtr_stream *stream, uint32_t bitrate);

/* A display has been flushed: whoever sleeps looks at the board. Called by whoever hears the bell. */
void vtr_streams_on_flush(struct vtr_streams *streams);

/* Sums since the process started, of one display. */
struct vtr_stream_counters {
	uint64_t coded, keys, bytes;
	uint64_t dropped; /* frames that were replaced before they could be taken, while somebody watched */
	uint64_t retaken; /* converted again, because they had changed meanwhile */
	uint64_t torn; /* taken although they changed */
	uint64_t refined; /* coded once more, without damage */
	uint64_t repeated; /* the same, because somebody asked */
	uint64_t convert_ns, encode_ns;
	uint32_t viewers, bitrate;
	const char *encoder; /* NULL: none runs */
};

void vtr_stream_count(struct vtr_stream *stream, struct vtr_stream_counters *out_counters);

#endif
