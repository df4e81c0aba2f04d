/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "screen/stream.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/mem.h"
#include "screen/stream_state.h"

#define MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* After this time without damage the picture is encoded once more, so that what was in motion gets sharp. */
#define REFINE_NS (500 * MS)
/* The least time between a key frame and one for a sink that waits for its first. */
#define JOIN_KEY_NS (100 * MS)
/* How long to try to take a whole picture while the guest draws over the frame, and the interval of checking
 * whether it still does. */
#define TAKE_NS (250 * MS)
#define WRITING_NS (MS / 2)
/* Interval of looking for memory that is not known yet: the scanout page may be ahead of the messages. */
#define UNKNOWN_NS (5 * MS)
/* Time until a failed encoder, or a picture that cannot be encoded, is tried again. */
#define BROKEN_NS NS_PER_S
/* How long the encoder is kept after the last sink has left: it may be a page that reloads. */
#define LINGER_NS (5 * NS_PER_S)

/* The default in bits per second: enough for sharp text in motion, not for noise. */
#define BITRATE_BASE 2000000
#define BITRATE_PER_PIXEL 6
#define BITRATE_BY_SIZE_MAX 50000000

#define NEVER VTR_STREAM_NEVER

/* --- sinks ------------------------------------------------------------------------------------------- */

static void deliver(struct vtr_stream *stream, struct vtr_access_unit *unit)
{
	struct vtr_sink *sink;

	pthread_mutex_lock(&stream->sinks_lock);
	vtr_list_for_each (sink, &stream->sinks, node) {
		sink->synced = sink->synced || unit->key;
		if (sink->synced) {
			sink->unit(sink->data, unit);
		}
	}
	pthread_mutex_unlock(&stream->sinks_lock);
}

/* Notifies the sinks of a changed state. */
static void notify_active(struct vtr_stream *stream, bool active)
{
	struct vtr_sink *sink;

	pthread_mutex_lock(&stream->sinks_lock);
	vtr_list_for_each (sink, &stream->sinks, node) {
		if (sink->knows_inactive == active) {
			sink->knows_inactive = !active;
			sink->active(sink->data, active);
		}
	}
	pthread_mutex_unlock(&stream->sinks_lock);
}

static bool a_sink_waits(struct vtr_stream *stream)
{
	struct vtr_sink *sink;
	bool waits = false;

	pthread_mutex_lock(&stream->sinks_lock);
	vtr_list_for_each (sink, &stream->sinks, node) {
		waits = waits || !sink->synced;
	}
	pthread_mutex_unlock(&stream->sinks_lock);
	return waits;
}

/* --- taking pictures --------------------------------------------------------------------------------- */

enum news {
	NEWS_NONE, /* the display shows the frame that was taken last */
	NEWS_FRAME, /* it shows another frame */
	NEWS_INACTIVE, /* the display is inactive */
	NEWS_UNKNOWN, /* look again later */
	NEWS_BROKEN, /* the frame cannot be read */
};

static enum news explain(enum vtr_err err)
{
	switch (err) {
	case VTR_OK:
		return NEWS_FRAME;
	case VTR_ERR_GONE:
		return NEWS_INACTIVE;
	case VTR_ERR_AGAIN:
		return NEWS_UNKNOWN;
	default:
		return NEWS_BROKEN;
	}
}

static enum news look(struct vtr_stream *stream)
{
	struct vtr_display_client *screen = stream->streams->params.screen;
	const struct vtr_stream_slot *kept = &stream->slots[stream->kept];
	struct vtr_frame_view view;
	enum vtr_err err = vtr_display_client_open_view(screen, stream->display, &view);

	if (err != VTR_OK) {
		return explain(err);
	}
	stream->writing = !vtr_display_client_close_view(screen, stream->display, &view, false);
	bool same = stream->has_picture && view.frame.generation == kept->generation &&
	            view.frame.frame == kept->frame;
	return same ? NEWS_NONE : NEWS_FRAME;
}

/* Tries once to convert the frame into `slot`. *out_whole: all of it belongs to one frame. */
static enum vtr_err convert_frame(struct vtr_stream *stream, struct vtr_stream_slot *slot, bool *out_whole)
{
	struct vtr_display_client *screen = stream->streams->params.screen;
	struct vtr_frame_view view;
	enum vtr_err err = vtr_display_client_open_view(screen, stream->display, &view);

	if (err != VTR_OK) {
		return err;
	}
	const struct vtr_scanout *scanout = &view.frame.scanout;
	err = vtr_yuv_buffer_resize(&slot->buffer, scanout->width, scanout->height);
	if (err == VTR_OK) {
		vtr_convert(&slot->buffer.yuv, view.pixels, scanout->stride, scanout->format);
		slot->generation = view.frame.generation;
		slot->frame = view.frame.frame;
		slot->time_ns = view.frame.time_ns;
		slot->damage = view.frame.damage;
		slot->damage_since = view.frame.damage_since;
	}
	*out_whole = vtr_display_client_close_view(screen, stream->display, &view, err == VTR_OK);
	return err;
}

/* Makes the picture in `slot` the last one. */
static void keep(struct vtr_stream *stream, struct vtr_stream_slot *slot)
{
	const struct vtr_stream_slot *old = &stream->slots[stream->kept];
	uint64_t dropped = 0;

	if (stream->has_picture && old->generation == slot->generation) {
		dropped = slot->frame - old->frame - 1;
	} else {
		stream->in_generation = false;
		old = NULL;
	}
	vtr_stream_sharp_follow(stream, old, slot);
	stream->kept = (unsigned)(slot - stream->slots);
	stream->has_picture = true;
	pthread_mutex_lock(&stream->lock);
	stream->counters.dropped += dropped;
	pthread_mutex_unlock(&stream->lock);
}

/*
 * Converts the newest frame in place. A frame that changed meanwhile is discarded, unless it was tried for so
 * long that a torn picture is better than none. *out_kept: the picture was kept.
 */
static enum vtr_err take(struct vtr_stream *stream, bool may_be_torn, bool *out_kept)
{
	struct vtr_stream_slot *slot = &stream->slots[1 - stream->kept];
	int64_t begin_ns = vtr_os_now_ns();
	bool whole;
	enum vtr_err err = convert_frame(stream, slot, &whole);

	if (err != VTR_OK) {
		return err;
	}
	bool kept = whole || may_be_torn;
	pthread_mutex_lock(&stream->lock);
	stream->counters.convert_ns += (uint64_t)(vtr_os_now_ns() - begin_ns);
	stream->counters.retaken += kept ? 0 : 1;
	stream->counters.torn += kept && !whole ? 1 : 0;
	pthread_mutex_unlock(&stream->lock);
	if (kept) {
		keep(stream, slot);
	}
	*out_kept = kept;
	return VTR_OK;
}

/* --- coding ------------------------------------------------------------------------------------------ */

static void drop_encoder(struct vtr_stream *stream)
{
	vtr_encoder_destroy(stream->encoder);
	stream->encoder = NULL;
	stream->held_ns = NEVER;
	stream->key_held = false;
	pthread_mutex_lock(&stream->lock);
	stream->counters.encoder = NULL;
	pthread_mutex_unlock(&stream->lock);
}

static uint32_t choose_bitrate(uint32_t wanted, const struct vtr_yuv *picture)
{
	uint64_t by_size = BITRATE_BASE + (uint64_t)picture->width * picture->height * BITRATE_PER_PIXEL;

	return wanted == 0 ? (uint32_t)vtr_min(by_size, BITRATE_BY_SIZE_MAX) : wanted;
}

static enum vtr_err open_encoder(struct vtr_stream *stream, const struct vtr_yuv *picture, uint32_t bitrate)
{
	const struct vtr_encoder_params params = {
		.log = vtr_stream_log(stream),
		.codec = stream->streams->codec,
		.width = picture->width,
		.height = picture->height,
		.fps = stream->streams->params.fps,
		.bitrate = bitrate,
	};
	enum vtr_err err = vtr_encoder_create(&params, &stream->encoder);

	if (err == VTR_OK) {
		stream->width = picture->width;
		stream->height = picture->height;
		stream->rate = bitrate;
		stream->coded = 0;
		stream->wanted = 0;
		stream->held_ns = NEVER;
	}
	return err;
}

/* Provides an encoder for the kept picture, at the current bit rate. */
static enum vtr_err prepare_encoder(struct vtr_stream *stream)
{
	const struct vtr_yuv *picture = &stream->slots[stream->kept].buffer.yuv;
	enum vtr_err err = VTR_OK;

	pthread_mutex_lock(&stream->lock);
	uint32_t bitrate = choose_bitrate(stream->bitrate, picture);
	pthread_mutex_unlock(&stream->lock);
	if (stream->encoder && (stream->width != picture->width || stream->height != picture->height)) {
		drop_encoder(stream);
	}
	if (!stream->encoder) {
		err = open_encoder(stream, picture, bitrate);
	} else if (stream->rate != bitrate) {
		vtr_encoder_set_bitrate(stream->encoder, bitrate);
		stream->rate = bitrate;
	}
	if (err == VTR_OK) {
		pthread_mutex_lock(&stream->lock);
		stream->counters.encoder = vtr_encoder_name(stream->encoder);
		stream->counters.bitrate = bitrate;
		pthread_mutex_unlock(&stream->lock);
	}
	return err;
}

/* Why a picture is encoded. */
enum reason {
	REASON_NEW,
	REASON_REFINE,
	REASON_WANTED, /* unchanged, but a sink asked for it */
	REASON_HELD, /* unchanged: the encoder holds its unit back */
};

static void count(struct vtr_stream *stream, const struct vtr_access_unit *unit, enum reason reason,
                  int64_t took_ns)
{
	struct vtr_stream_counters *counters = &stream->counters;

	pthread_mutex_lock(&stream->lock);
	counters->coded++;
	counters->keys += unit->key ? 1 : 0;
	counters->bytes += unit->size;
	counters->refined += reason == REASON_REFINE ? 1 : 0;
	counters->repeated += reason == REASON_WANTED ? 1 : 0;
	counters->encode_ns += (uint64_t)took_ns;
	pthread_mutex_unlock(&stream->lock);
}

/* The encoder has taken the kept picture. `unit` is what came out, NULL: nothing. */
static void note_taken(struct vtr_stream *stream, const struct vtr_access_unit *unit, bool key,
                       enum reason reason)
{
	const struct vtr_stream_slot *kept = &stream->slots[stream->kept];
	const uint64_t number = stream->coded++;
	int64_t now_ns = vtr_os_now_ns();

	stream->sources[number % VTR_ARRAY_LEN(stream->sources)] =
		(struct vtr_stream_source){ kept->generation, kept->frame, kept->time_ns };
	stream->wanted = reason == REASON_HELD ? stream->wanted : number;
	stream->held_ns = unit && unit->number >= stream->wanted ?
	                          NEVER :
	                          now_ns + NS_PER_S / stream->streams->params.fps;
	key = key || !stream->in_generation || (unit && unit->key);
	stream->in_generation = true;
	if (key) {
		stream->key_ns = now_ns;
		stream->key_pending = false;
		stream->key_held = true;
	}
	if (unit && unit->key) {
		stream->key_held = false;
	}
	stream->picture_pending = false;
	if (reason == REASON_REFINE) {
		stream->refine_ns = NEVER;
	} else if (reason == REASON_NEW || key) {
		stream->refine_ns = now_ns + REFINE_NS;
	}
}

/* Encodes the kept picture and passes what comes out to the sinks. */
static enum vtr_err code(struct vtr_stream *stream, bool key, enum reason reason)
{
	const struct vtr_stream_slot *kept = &stream->slots[stream->kept];
	struct vtr_access_unit *unit = NULL;
	enum vtr_err err = prepare_encoder(stream);
	int64_t begin_ns = vtr_os_now_ns();

	if (err == VTR_OK) {
		err = vtr_encoder_encode(stream->encoder, &kept->buffer.yuv, key || !stream->in_generation,
		                         &unit);
	}
	if (err != VTR_OK && err != VTR_ERR_AGAIN) {
		drop_encoder(stream);
		stream->picture_pending = true; /* there may never be another frame */
		return err;
	}
	note_taken(stream, unit, key, reason);
	if (!unit) {
		return VTR_OK;
	}
	const struct vtr_stream_source *source =
		&stream->sources[unit->number % VTR_ARRAY_LEN(stream->sources)];
	int64_t now_ns = vtr_os_now_ns();
	unit->generation = source->generation;
	unit->frame = source->frame;
	unit->captured_ns = source->time_ns;
	count(stream, unit, reason, now_ns - begin_ns);
	vtr_trace(vtr_stream_log(stream),
	          "display %u: frame %" PRIu64 ": encode, %zu bytes%s in %" PRId64 " us", stream->display,
	          unit->frame, unit->size, unit->key ? ", key" : "", (now_ns - begin_ns) / 1000);
	deliver(stream, unit);
	vtr_access_unit_unref(unit);
	return VTR_OK;
}

/* --- the thread -------------------------------------------------------------------------------------- */

/* Returns: when the next key frame may come; NEVER: no sink wants one. */
static int64_t find_key_time(struct vtr_stream *stream)
{
	if (!stream->key_held && a_sink_waits(stream)) {
		return stream->key_ns + JOIN_KEY_NS;
	}
	return stream->key_pending ? stream->key_ns + VTR_STREAM_KEY_NS : NEVER;
}

/* Keeps in step with frames that come at our rate, also if some come a little late. */
static int64_t find_due_time(const struct vtr_stream *stream, int64_t now_ns)
{
	int64_t interval_ns = NS_PER_S / stream->streams->params.fps;
	int64_t due_ns = stream->due_ns + interval_ns;

	return due_ns > now_ns + interval_ns / 2 ? due_ns : now_ns + interval_ns / 2;
}

/* Encodes a new frame, if it is time for one. *out_next_ns: when to come again. */
static enum vtr_err follow(struct vtr_stream *stream, bool key, int64_t now_ns, int64_t *out_next_ns)
{
	bool kept;

	if (now_ns < stream->due_ns) {
		*out_next_ns = stream->due_ns;
		return VTR_OK;
	}
	if (stream->tried_ns == NEVER) {
		stream->tried_ns = now_ns;
	}
	bool last_try = now_ns - stream->tried_ns >= TAKE_NS;
	if (stream->writing && !last_try) {
		*out_next_ns = now_ns + WRITING_NS;
		return VTR_OK;
	}
	*out_next_ns = now_ns;
	enum vtr_err err = take(stream, last_try, &kept);
	if (err != VTR_OK || !kept) {
		return err;
	}
	stream->tried_ns = NEVER;
	stream->due_ns = find_due_time(stream, now_ns);
	return code(stream, key, REASON_NEW);
}

/* Returns: the earlier of two times, each of which may be NEVER. */
static int64_t sooner(int64_t a, int64_t b)
{
	return a == NEVER || (b != NEVER && b < a) ? b : a;
}

/* Encodes the same picture again, for new sinks or for refinement, if it is time. */
static enum vtr_err repeat(struct vtr_stream *stream, int64_t key_at_ns, int64_t now_ns, int64_t *out_next_ns)
{
	bool key = key_at_ns != NEVER && now_ns >= key_at_ns;
	bool refine = stream->refine_ns != NEVER && now_ns >= stream->refine_ns;
	bool held = stream->held_ns != NEVER && now_ns >= stream->held_ns;
	int64_t next_ns = stream->refine_ns;

	if (key || refine || held || stream->picture_pending) {
		*out_next_ns = now_ns;
		return code(stream, key,
		            refine && !key                 ? REASON_REFINE :
		            key || stream->picture_pending ? REASON_WANTED :
		                                             REASON_HELD);
	}
	*out_next_ns = sooner(sooner(next_ns, stream->held_ns), key_at_ns);
	return VTR_OK;
}

/* Does what is due. Returns: when to come again, if nothing happens before; NEVER. */
static int64_t step(struct vtr_stream *stream)
{
	struct vtr_display_client *screen = stream->streams->params.screen;
	int64_t now_ns = vtr_os_now_ns();
	int64_t next_ns = NEVER;

	if (now_ns < stream->broken_ns) {
		return stream->broken_ns;
	}
	enum news news = look(stream);
	if (news != NEWS_FRAME) {
		/* From here on a flush wakes this thread; an earlier flush is found by looking again. */
		vtr_display_client_await_flush(screen);
		news = look(stream);
	}
	if (news != NEWS_UNKNOWN) {
		notify_active(stream, news != NEWS_INACTIVE);
	}
	int64_t key_at_ns = find_key_time(stream);
	enum vtr_err err = VTR_OK;
	switch (news) {
	case NEWS_FRAME:
		err = follow(stream, key_at_ns != NEVER && now_ns >= key_at_ns, now_ns, &next_ns);
		break;
	case NEWS_NONE:
		err = repeat(stream, key_at_ns, now_ns, &next_ns);
		if (err == VTR_OK && next_ns != now_ns && key_at_ns == NEVER) {
			next_ns = sooner(next_ns, vtr_stream_sharp_step(stream, now_ns));
		}
		break;
	case NEWS_INACTIVE:
		stream->has_picture = false;
		break;
	case NEWS_UNKNOWN:
		err = VTR_ERR_AGAIN;
		break;
	case NEWS_BROKEN:
		err = VTR_ERR_INVALID;
		break;
	}
	if (err == VTR_ERR_AGAIN || err == VTR_ERR_GONE) {
		return now_ns + UNKNOWN_NS;
	}
	if (err != VTR_OK) {
		vtr_debug(vtr_stream_log(stream), "display %u: no video: %s", stream->display,
		          vtr_err_text(err));
		stream->broken_ns = now_ns + BROKEN_NS;
		return stream->broken_ns;
	}
	return next_ns;
}

/* Frees what a picture needs. */
static void clear(struct vtr_stream *stream)
{
	drop_encoder(stream);
	vtr_yuv_buffer_finish(&stream->slots[0].buffer);
	vtr_yuv_buffer_finish(&stream->slots[1].buffer);
	vtr_sharp_finish(&stream->sharp);
}

/* Handles a stream without sinks. Returns: as step(). */
static int64_t rest(struct vtr_stream *stream)
{
	int64_t now_ns = vtr_os_now_ns();

	if (!stream->resting) {
		stream->resting = true;
		stream->has_picture = false;
		stream->rest_ns = now_ns + LINGER_NS;
	}
	if (now_ns < stream->rest_ns) {
		return stream->rest_ns;
	}
	clear(stream);
	return NEVER;
}

/* Waits, with the lock held, for something to do or until `at_ns`. Returns: false if the stream ends. */
static bool wait_for_work(struct vtr_stream *stream, int64_t at_ns)
{
	while (!stream->look && !stream->ends) {
		int64_t left_ns = at_ns == NEVER ? NEVER : at_ns - vtr_os_now_ns();
		if (at_ns != NEVER && left_ns <= 0) {
			break;
		}
		(void)vtr_os_cond_wait_ns(&stream->work, &stream->lock, left_ns);
	}
	stream->look = false;
	return !stream->ends;
}

void vtr_stream_run(void *arg)
{
	struct vtr_stream *stream = arg;
	int64_t next_ns = NEVER;

	vtr_os_thread_set_punctual();
	pthread_mutex_lock(&stream->lock);
	while (wait_for_work(stream, next_ns)) {
		bool watched = stream->counters.viewers > 0;
		stream->key_pending = stream->key_pending || stream->want_key;
		stream->want_key = false;
		stream->picture_pending = stream->picture_pending || stream->want_picture;
		stream->want_picture = false;
		stream->makes_patches = stream->patch_takers > 0;
		stream->patches_pending = stream->patches_pending || stream->want_patches;
		stream->want_patches = false;
		pthread_mutex_unlock(&stream->lock);
		stream->resting = stream->resting && !watched;
		next_ns = watched ? step(stream) : rest(stream);
		pthread_mutex_lock(&stream->lock);
	}
	pthread_mutex_unlock(&stream->lock);
	clear(stream);
}
