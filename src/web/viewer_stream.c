/* SPDX-License-Identifier: MIT */
#include "web/viewer_stream.h"

#include <stdlib.h>

#include "base/mem.h"

struct vtr_viewer_stream {
	struct vtr_viewer_stream_params params;
	struct vtr_stream *stream;
	struct vtr_sink sink;
	struct vtr_pace pace;
	struct vtr_viewer_patches patches;
	bool takes_patches;
	int64_t key_wanted_ns; /* time of the last request; 0: none */

	pthread_mutex_t lock; /* guards what follows; no callbacks under it */
	struct vtr_access_unit *units[VTR_VIEWER_STREAM_ROOM]; /* oldest first */
	size_t count;
	bool skips; /* drops units until a key frame */
	uint64_t skipped;
	bool active, active_is_new;
};

static void drop_all(struct vtr_viewer_stream *viewer_stream)
{
	for (size_t i = 0; i < viewer_stream->count; i++) {
		vtr_access_unit_unref(viewer_stream->units[i]);
	}
	viewer_stream->skipped += viewer_stream->count;
	viewer_stream->count = 0;
	viewer_stream->skips = true;
}

/* Thread: the stream's. */
static void on_unit(void *data, struct vtr_access_unit *unit)
{
	struct vtr_viewer_stream *viewer_stream = data;

	pthread_mutex_lock(&viewer_stream->lock);
	if (viewer_stream->count == VTR_VIEWER_STREAM_ROOM) {
		drop_all(viewer_stream);
	}
	if (viewer_stream->skips && !unit->key) {
		viewer_stream->skipped++;
	} else {
		viewer_stream->skips = false;
		viewer_stream->units[viewer_stream->count++] = vtr_access_unit_ref(unit);
	}
	pthread_mutex_unlock(&viewer_stream->lock);
	viewer_stream->params.wake(viewer_stream->params.data);
}

/* Thread: the stream's. */
static void on_changed(void *data, const struct vtr_rect *rect)
{
	struct vtr_viewer_stream *viewer_stream = data;

	vtr_viewer_patches_change(&viewer_stream->patches, rect);
}

/* Thread: the stream's. */
static void on_patch(void *data, struct vtr_patch *patch)
{
	struct vtr_viewer_stream *viewer_stream = data;

	vtr_viewer_patches_add(&viewer_stream->patches, patch);
	viewer_stream->params.wake(viewer_stream->params.data);
}

/* Thread: the stream's. */
static void on_active(void *data, bool active)
{
	struct vtr_viewer_stream *viewer_stream = data;

	pthread_mutex_lock(&viewer_stream->lock);
	viewer_stream->active = active;
	viewer_stream->active_is_new = true;
	pthread_mutex_unlock(&viewer_stream->lock);
	viewer_stream->params.wake(viewer_stream->params.data);
}

enum vtr_err vtr_viewer_stream_create(const struct vtr_viewer_stream_params *params,
                                      struct vtr_viewer_stream **out_stream)
{
	struct vtr_viewer_stream *viewer_stream = calloc(1, sizeof(*viewer_stream));

	if (!viewer_stream) {
		return VTR_ERR_NOMEM;
	}
	viewer_stream->params = *params;
	viewer_stream->pace.sent = viewer_stream->pace.acked = params->number;
	viewer_stream->skips = true;
	viewer_stream->stream = vtr_streams_get(params->streams, params->display);
	viewer_stream->sink = (struct vtr_sink){ .unit = on_unit,
		                                 .active = on_active,
		                                 .changed = on_changed,
		                                 .patch = on_patch,
		                                 .data = viewer_stream };
	vtr_viewer_patches_init(&viewer_stream->patches);
	pthread_mutex_init(&viewer_stream->lock, NULL);
	enum vtr_err err = vtr_stream_subscribe(viewer_stream->stream, &viewer_stream->sink);
	if (err != VTR_OK) {
		vtr_viewer_patches_finish(&viewer_stream->patches);
		pthread_mutex_destroy(&viewer_stream->lock);
		free(viewer_stream);
		return err;
	}
	*out_stream = viewer_stream;
	return VTR_OK;
}

void vtr_viewer_stream_destroy(struct vtr_viewer_stream *viewer_stream)
{
	if (!viewer_stream) {
		return;
	}
	vtr_stream_unsubscribe(viewer_stream->stream, &viewer_stream->sink);
	drop_all(viewer_stream);
	vtr_viewer_patches_finish(&viewer_stream->patches);
	pthread_mutex_destroy(&viewer_stream->lock);
	free(viewer_stream);
}

void vtr_viewer_stream_want_key(struct vtr_viewer_stream *viewer_stream, int64_t now_ns)
{
	if (viewer_stream->key_wanted_ns == 0 ||
	    now_ns - viewer_stream->key_wanted_ns >= VTR_VIEWER_STREAM_KEY_NS) {
		viewer_stream->key_wanted_ns = now_ns;
		vtr_stream_want_key(viewer_stream->stream);
	}
}

void vtr_viewer_stream_set_bitrate(struct vtr_viewer_stream *viewer_stream, uint32_t bitrate)
{
	vtr_stream_set_bitrate(viewer_stream->stream, &viewer_stream->sink, bitrate);
}

bool vtr_viewer_stream_look(struct vtr_viewer_stream *viewer_stream, int64_t now_ns)
{
	bool open = vtr_pace_is_open(&viewer_stream->pace, now_ns);

	pthread_mutex_lock(&viewer_stream->lock);
	if (viewer_stream->count > 0 &&
	    (!open || now_ns - viewer_stream->units[0]->coded_ns > VTR_PACE_BACKLOG_NS)) {
		drop_all(viewer_stream);
	}
	bool has = viewer_stream->count > 0;
	bool wants = viewer_stream->skips && viewer_stream->skipped > 0;
	pthread_mutex_unlock(&viewer_stream->lock);
	if (wants && vtr_pace_is_idle(&viewer_stream->pace)) {
		vtr_viewer_stream_want_key(viewer_stream, now_ns);
	}
	return has;
}

struct vtr_access_unit *vtr_viewer_stream_take(struct vtr_viewer_stream *viewer_stream)
{
	struct vtr_access_unit *unit = NULL;

	pthread_mutex_lock(&viewer_stream->lock);
	if (viewer_stream->count > 0) {
		unit = viewer_stream->units[0];
		viewer_stream->count--;
		for (size_t i = 0; i < viewer_stream->count; i++) {
			viewer_stream->units[i] = viewer_stream->units[i + 1];
		}
	}
	pthread_mutex_unlock(&viewer_stream->lock);
	return unit;
}

uint32_t vtr_viewer_stream_sent(struct vtr_viewer_stream *viewer_stream, int64_t now_ns)
{
	return vtr_pace_send(&viewer_stream->pace, now_ns);
}

void vtr_viewer_stream_ack(struct vtr_viewer_stream *viewer_stream, uint32_t number, int64_t now_ns)
{
	(void)vtr_pace_ack(&viewer_stream->pace, number, now_ns);
}

void vtr_viewer_stream_take_patches(struct vtr_viewer_stream *viewer_stream, bool on)
{
	if (viewer_stream->takes_patches != on) {
		viewer_stream->takes_patches = on;
		vtr_stream_take_patches(viewer_stream->stream, &viewer_stream->sink, on);
		if (!on) {
			vtr_viewer_patches_drop(&viewer_stream->patches);
		}
	}
}

/* Returns: whether the viewer shows the newest picture. */
static bool is_up_to_date(struct vtr_viewer_stream *viewer_stream)
{
	pthread_mutex_lock(&viewer_stream->lock);
	bool has_all = viewer_stream->count == 0 && !viewer_stream->skips;
	pthread_mutex_unlock(&viewer_stream->lock);
	return has_all && vtr_pace_is_idle(&viewer_stream->pace);
}

bool vtr_viewer_stream_has_patch(struct vtr_viewer_stream *viewer_stream, int64_t now_ns)
{
	if (!viewer_stream->takes_patches || !is_up_to_date(viewer_stream)) {
		return false;
	}
	if (vtr_viewer_patches_need_all(&viewer_stream->patches, now_ns)) {
		vtr_stream_take_patches(viewer_stream->stream, &viewer_stream->sink, true);
	}
	return vtr_viewer_patches_is_due(&viewer_stream->patches);
}

uint32_t vtr_viewer_stream_take_patch(struct vtr_viewer_stream *viewer_stream, struct vtr_viewer_patch *out)
{
	if (!viewer_stream->takes_patches || !is_up_to_date(viewer_stream)) {
		return 0;
	}
	return vtr_viewer_patches_take(&viewer_stream->patches, out);
}

bool vtr_viewer_stream_take_stale(struct vtr_viewer_stream *viewer_stream, struct vtr_rect *out_rect)
{
	return vtr_viewer_patches_take_stale(&viewer_stream->patches, out_rect);
}

void vtr_viewer_stream_ack_patch(struct vtr_viewer_stream *viewer_stream, uint32_t number)
{
	vtr_viewer_patches_ack(&viewer_stream->patches, number);
}

bool vtr_viewer_stream_has_active(struct vtr_viewer_stream *viewer_stream)
{
	pthread_mutex_lock(&viewer_stream->lock);
	bool is_new = viewer_stream->active_is_new;
	pthread_mutex_unlock(&viewer_stream->lock);
	return is_new;
}

bool vtr_viewer_stream_take_active(struct vtr_viewer_stream *viewer_stream, bool *out_active)
{
	pthread_mutex_lock(&viewer_stream->lock);
	bool is_new = viewer_stream->active_is_new;
	*out_active = viewer_stream->active;
	viewer_stream->active_is_new = false;
	pthread_mutex_unlock(&viewer_stream->lock);
	return is_new;
}

uint64_t vtr_viewer_stream_skipped(struct vtr_viewer_stream *viewer_stream)
{
	pthread_mutex_lock(&viewer_stream->lock);
	uint64_t skipped = viewer_stream->skipped;
	pthread_mutex_unlock(&viewer_stream->lock);
	return skipped;
}

struct vtr_stream *vtr_viewer_stream_stream(const struct vtr_viewer_stream *viewer_stream)
{
	return viewer_stream->stream;
}
