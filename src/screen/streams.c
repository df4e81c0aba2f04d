/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "screen/stream_state.h"

static uint32_t limit_bitrate(uint32_t bitrate)
{
	return bitrate == 0 ? 0 : vtr_max(VTR_STREAM_MIN_BITRATE, vtr_min(bitrate, VTR_STREAM_MAX_BITRATE));
}

static void init_stream(struct vtr_streams *streams, uint32_t display)
{
	struct vtr_stream *stream = &streams->streams[display];

	stream->streams = streams;
	stream->display = display;
	stream->bitrate = streams->params.bitrate;
	stream->refine_ns = VTR_STREAM_NEVER;
	stream->held_ns = VTR_STREAM_NEVER;
	stream->tried_ns = VTR_STREAM_NEVER;
	/* Long ago. */
	stream->key_ns = -VTR_STREAM_KEY_NS;
	vtr_list_init(&stream->sinks);
	pthread_mutex_init(&stream->sinks_lock, NULL);
	pthread_mutex_init(&stream->lock, NULL);
	vtr_os_cond_init(&stream->work);
}

/* Call it with the lock held. */
static void wake(struct vtr_stream *stream)
{
	stream->look = true;
	pthread_cond_signal(&stream->work);
}

static void on_flush(void *data)
{
	struct vtr_streams *streams = data;

	for (uint32_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		struct vtr_stream *stream = &streams->streams[i];
		pthread_mutex_lock(&stream->lock);
		if (stream->counters.viewers > 0) {
			wake(stream);
		}
		pthread_mutex_unlock(&stream->lock);
	}
}

enum vtr_err vtr_streams_create(const struct vtr_streams_params *params, struct vtr_streams **out_streams)
{
	struct vtr_streams *streams = calloc(1, sizeof(*streams));

	vtr_assert(params->fps > 0 && params->fps <= VTR_STREAM_MAX_FPS);
	vtr_assert(params->bitrate == limit_bitrate(params->bitrate));
	if (!streams) {
		return VTR_ERR_NOMEM;
	}
	streams->params = *params;
	enum vtr_err err = vtr_codec_open(params->log, params->encoder, &streams->codec);
	if (err != VTR_OK && (params->encoder || err != VTR_ERR_UNSUPPORTED)) {
		free(streams);
		return err;
	}
	for (uint32_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		init_stream(streams, i);
	}
	streams->listener = (struct vtr_flush_listener){ .flushed = on_flush, .data = streams };
	vtr_display_client_listen(params->screen, &streams->listener);
	*out_streams = streams;
	return VTR_OK;
}

static void finish_stream(struct vtr_stream *stream)
{
	vtr_assert(vtr_list_empty(&stream->sinks));
	if (stream->started) {
		pthread_mutex_lock(&stream->lock);
		stream->ends = true;
		pthread_cond_signal(&stream->work);
		pthread_mutex_unlock(&stream->lock);
		vtr_os_thread_join(&stream->thread);
	}
	pthread_mutex_destroy(&stream->sinks_lock);
	pthread_mutex_destroy(&stream->lock);
	pthread_cond_destroy(&stream->work);
}

void vtr_streams_destroy(struct vtr_streams *streams)
{
	if (!streams) {
		return;
	}
	vtr_display_client_unlisten(&streams->listener);
	for (uint32_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		finish_stream(&streams->streams[i]);
	}
	vtr_codec_close(streams->codec);
	free(streams);
}

struct vtr_stream *vtr_streams_get(struct vtr_streams *streams, uint32_t display)
{
	vtr_assert(display < VTR_MAX_DISPLAYS);
	return &streams->streams[display];
}

static enum vtr_err start_thread(struct vtr_stream *stream)
{
	char name[16];

	if (stream->started) {
		return VTR_OK;
	}
	snprintf(name, sizeof(name), "stream-%u", stream->display);
	enum vtr_err err = vtr_os_thread_create(&stream->thread, name, vtr_stream_run, stream);
	stream->started = err == VTR_OK;
	return err;
}

enum vtr_err vtr_stream_subscribe(struct vtr_stream *stream, struct vtr_sink *sink)
{
	if (!stream->streams->codec) {
		return VTR_ERR_UNSUPPORTED;
	}
	pthread_mutex_lock(&stream->sinks_lock);
	pthread_mutex_lock(&stream->lock);
	enum vtr_err err = start_thread(stream);
	if (err == VTR_OK) {
		sink->synced = false;
		sink->knows_inactive = false;
		sink->asks_bitrate = false;
		sink->takes_patches = false;
		vtr_list_append(&stream->sinks, &sink->node);
		stream->counters.viewers++;
		wake(stream);
	}
	pthread_mutex_unlock(&stream->lock);
	pthread_mutex_unlock(&stream->sinks_lock);
	return err;
}

/* Takes the bit rate over from the sinks. Call it with both locks held. */
static void choose_request(struct vtr_stream *stream)
{
	const struct vtr_sink *sink;
	uint32_t bitrate = 0;

	vtr_list_for_each (sink, &stream->sinks, node) {
		bitrate = sink->asks_bitrate ? sink->bitrate : bitrate;
	}
	stream->bitrate = bitrate > 0 ? bitrate : stream->streams->params.bitrate;
}

void vtr_stream_unsubscribe(struct vtr_stream *stream, struct vtr_sink *sink)
{
	pthread_mutex_lock(&stream->sinks_lock);
	pthread_mutex_lock(&stream->lock);
	vtr_list_remove(&sink->node);
	choose_request(stream);
	stream->counters.viewers--;
	stream->patch_takers -= sink->takes_patches ? 1 : 0;
	wake(stream);
	pthread_mutex_unlock(&stream->lock);
	pthread_mutex_unlock(&stream->sinks_lock);
}

void vtr_stream_want_key(struct vtr_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	stream->want_key = true;
	wake(stream);
	pthread_mutex_unlock(&stream->lock);
}

void vtr_stream_take_patches(struct vtr_stream *stream, struct vtr_sink *sink, bool on)
{
	pthread_mutex_lock(&stream->sinks_lock);
	pthread_mutex_lock(&stream->lock);
	stream->patch_takers += on && !sink->takes_patches ? 1 : 0;
	stream->patch_takers -= !on && sink->takes_patches ? 1 : 0;
	sink->takes_patches = on;
	stream->want_patches = stream->want_patches || on;
	wake(stream);
	pthread_mutex_unlock(&stream->lock);
	pthread_mutex_unlock(&stream->sinks_lock);
}

void vtr_stream_want_picture(struct vtr_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	stream->want_picture = true;
	wake(stream);
	pthread_mutex_unlock(&stream->lock);
}

void vtr_stream_set_bitrate(struct vtr_stream *stream, struct vtr_sink *sink, uint32_t bitrate)
{
	pthread_mutex_lock(&stream->sinks_lock);
	pthread_mutex_lock(&stream->lock);
	sink->asks_bitrate = true;
	sink->bitrate = limit_bitrate(bitrate);
	vtr_list_remove(&sink->node);
	vtr_list_append(&stream->sinks, &sink->node);
	choose_request(stream);
	pthread_mutex_unlock(&stream->lock);
	pthread_mutex_unlock(&stream->sinks_lock);
}

void vtr_stream_count(struct vtr_stream *stream, struct vtr_stream_counters *out_counters)
{
	pthread_mutex_lock(&stream->lock);
	*out_counters = stream->counters;
	pthread_mutex_unlock(&stream->lock);
}
