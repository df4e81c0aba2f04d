/* SPDX-License-Identifier: MIT */
#include "web/watch.h"

#include <stdlib.h>

#include "base/mem.h"

struct vtr_watch {
	struct vtr_watch_params params;
	struct vtr_stream *stream;
	struct vtr_sink sink;
	struct vtr_pace pace;
	int64_t key_wanted_ns; /* the last time; 0: never */

	pthread_mutex_t lock; /* guards what follows; nothing is called under it */
	struct vtr_access_unit *units[VTR_WATCH_ROOM]; /* oldest first */
	size_t count;
	bool skips; /* until a key frame comes */
	uint64_t skipped;
	bool lit, lit_is_news;
};

static void drop_all(struct vtr_watch *watch)
{
	for (size_t i = 0; i < watch->count; i++) {
		vtr_access_unit_unref(watch->units[i]);
	}
	watch->skipped += watch->count;
	watch->count = 0;
	watch->skips = true;
}

/* Thread: the stream's. */
static void on_unit(void *data, struct vtr_access_unit *unit)
{
	struct vtr_watch *watch = data;

	pthread_mutex_lock(&watch->lock);
	if (watch->count == VTR_WATCH_ROOM) {
		drop_all(watch);
	}
	if (watch->skips && !unit->key) {
		watch->skipped++;
	} else {
		watch->skips = false;
		watch->units[watch->count++] = vtr_access_unit_ref(unit);
	}
	pthread_mutex_unlock(&watch->lock);
	watch->params.wake(watch->params.data);
}

/* Thread: the stream's. */
static void on_lit(void *data, bool lit)
{
	struct vtr_watch *watch = data;

	pthread_mutex_lock(&watch->lock);
	watch->lit = lit;
	watch->lit_is_news = true;
	pthread_mutex_unlock(&watch->lock);
	watch->params.wake(watch->params.data);
}

enum vtr_err vtr_watch_create(const struct vtr_watch_params *params, struct vtr_watch **out_watch)
{
	struct vtr_watch *watch = calloc(1, sizeof(*watch));

	if (!watch) {
		return VTR_ERR_NOMEM;
	}
	watch->params = *params;
	watch->pace.sent = watch->pace.acked = params->number;
	watch->skips = true;
	watch->stream = vtr_streams_get(params->streams, params->display);
	watch->sink = (struct vtr_sink){ .unit = on_unit, .lit = on_lit, .data = watch };
	pthread_mutex_init(&watch->lock, NULL);
	enum vtr_err err = vtr_stream_subscribe(watch->stream, &watch->sink);
	if (err != VTR_OK) {
		pthread_mutex_destroy(&watch->lock);
		free(watch);
		return err;
	}
	*out_watch = watch;
	return VTR_OK;
}

void vtr_watch_destroy(struct vtr_watch *watch)
{
	if (!watch) {
		return;
	}
	vtr_stream_unsubscribe(watch->stream, &watch->sink);
	drop_all(watch);
	pthread_mutex_destroy(&watch->lock);
	free(watch);
}

void vtr_watch_want_key(struct vtr_watch *watch, int64_t now_ns)
{
	if (watch->key_wanted_ns == 0 || now_ns - watch->key_wanted_ns >= VTR_WATCH_KEY_NS) {
		watch->key_wanted_ns = now_ns;
		vtr_stream_want_key(watch->stream);
	}
}

bool vtr_watch_look(struct vtr_watch *watch, int64_t now_ns)
{
	bool open = vtr_pace_is_open(&watch->pace, now_ns);

	pthread_mutex_lock(&watch->lock);
	if (watch->count > 0 && (!open || now_ns - watch->units[0]->coded_ns > VTR_PACE_BACKLOG_NS)) {
		drop_all(watch);
	}
	bool has = watch->count > 0;
	bool wants = watch->skips && watch->skipped > 0;
	pthread_mutex_unlock(&watch->lock);
	if (wants && vtr_pace_is_idle(&watch->pace)) {
		vtr_watch_want_key(watch, now_ns);
	}
	return has;
}

struct vtr_access_unit *vtr_watch_take(struct vtr_watch *watch)
{
	struct vtr_access_unit *unit = NULL;

	pthread_mutex_lock(&watch->lock);
	if (watch->count > 0) {
		unit = watch->units[0];
		watch->count--;
		for (size_t i = 0; i < watch->count; i++) {
			watch->units[i] = watch->units[i + 1];
		}
	}
	pthread_mutex_unlock(&watch->lock);
	return unit;
}

uint32_t vtr_watch_sent(struct vtr_watch *watch, int64_t now_ns)
{
	return vtr_pace_send(&watch->pace, now_ns);
}

void vtr_watch_ack(struct vtr_watch *watch, uint32_t number, int64_t now_ns)
{
	(void)vtr_pace_ack(&watch->pace, number, now_ns);
}

bool vtr_watch_has_lit(struct vtr_watch *watch)
{
	pthread_mutex_lock(&watch->lock);
	bool is_news = watch->lit_is_news;
	pthread_mutex_unlock(&watch->lock);
	return is_news;
}

bool vtr_watch_take_lit(struct vtr_watch *watch, bool *out_lit)
{
	pthread_mutex_lock(&watch->lock);
	bool is_news = watch->lit_is_news;
	*out_lit = watch->lit;
	watch->lit_is_news = false;
	pthread_mutex_unlock(&watch->lock);
	return is_news;
}

uint64_t vtr_watch_skipped(struct vtr_watch *watch)
{
	pthread_mutex_lock(&watch->lock);
	uint64_t skipped = watch->skipped;
	pthread_mutex_unlock(&watch->lock);
	return skipped;
}

struct vtr_stream *vtr_watch_stream(const struct vtr_watch *watch)
{
	return watch->stream;
}
