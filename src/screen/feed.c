/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "screen/feed.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "encode/feed.h"
#include "platform/thread.h"
#include "screen/stream.h"

#define MS INT64_C(1000000)

/* How often it is looked what the other side wants. */
#define TICK_NS (250 * MS)
/* After so long without a picture the last one comes again. */
#define REPEAT_NS (1000 * MS)
/* How much may wait for a disk or a network: half a second at 60 frames a second. */
#define QUEUE_MAX 32

struct vtr_feed {
	struct vtr_log *log;
	struct vtr_stream *stream;
	struct vtr_sink sink;
	struct vtr_os_thread thread;
	int fd;
	int64_t sent_ns; /* Thread: the feed's */

	pthread_mutex_t lock; /* guards what follows; inside the stream's locks */
	pthread_cond_t work;
	struct vtr_access_unit *queue[QUEUE_MAX]; /* each a reference */
	size_t first, count;
	bool lost; /* nothing is taken until the next key frame */
	bool ends;
};

/* With the lock held. */
static void forget_queue(struct vtr_feed *feed)
{
	for (; feed->count > 0; feed->count--) {
		vtr_access_unit_unref(feed->queue[feed->first]);
		feed->first = (feed->first + 1) % QUEUE_MAX;
	}
}

static void on_unit(void *data, struct vtr_access_unit *unit)
{
	struct vtr_feed *feed = data;
	bool full = false;

	pthread_mutex_lock(&feed->lock);
	if (unit->key) {
		feed->lost = false;
	}
	if (!feed->lost && feed->count == QUEUE_MAX) {
		/* What waits is in order and can go on its way; what follows cannot be understood. */
		feed->lost = true;
		full = true;
	}
	if (!feed->lost) {
		feed->queue[(feed->first + feed->count++) % QUEUE_MAX] = vtr_access_unit_ref(unit);
		pthread_cond_signal(&feed->work);
	}
	pthread_mutex_unlock(&feed->lock);
	if (full) {
		vtr_warn_limited(feed->log, "a recording or server does not keep up: pictures are left out");
	}
}

static void on_lit(void *data, bool lit)
{
	(void)data;
	(void)lit;
}

/* Returns: a reference, or NULL after a tick. */
static struct vtr_access_unit *next_unit(struct vtr_feed *feed)
{
	struct vtr_access_unit *unit = NULL;

	pthread_mutex_lock(&feed->lock);
	if (feed->count == 0 && !feed->ends) {
		(void)vtr_os_cond_wait_ns(&feed->work, &feed->lock, TICK_NS);
	}
	if (feed->count > 0) {
		unit = feed->queue[feed->first];
		feed->first = (feed->first + 1) % QUEUE_MAX;
		feed->count--;
	}
	pthread_mutex_unlock(&feed->lock);
	return unit;
}

static bool has_lost(struct vtr_feed *feed)
{
	pthread_mutex_lock(&feed->lock);
	bool lost = feed->lost;
	pthread_mutex_unlock(&feed->lock);
	return lost;
}

static bool ends(struct vtr_feed *feed)
{
	pthread_mutex_lock(&feed->lock);
	bool result = feed->ends;
	pthread_mutex_unlock(&feed->lock);
	return result;
}

/* Returns: VTR_ERR_GONE when the other side has closed. */
static enum vtr_err step(struct vtr_feed *feed)
{
	struct vtr_access_unit *unit = next_unit(feed);
	int64_t now_ns = vtr_os_now_ns();

	if (unit) {
		enum vtr_err err = vtr_feed_send(feed->fd, unit);
		vtr_access_unit_unref(unit);
		if (err != VTR_OK) {
			return err;
		}
		feed->sent_ns = now_ns;
	} else if (has_lost(feed)) {
		/* All that waited has gone, so there is room for one now. */
		vtr_stream_want_key(feed->stream);
	} else if (now_ns - feed->sent_ns >= REPEAT_NS) {
		feed->sent_ns = now_ns;
		vtr_stream_want_picture(feed->stream);
	}
	enum vtr_err err = vtr_feed_key_wanted(feed->fd);
	if (err == VTR_OK) {
		vtr_stream_want_key(feed->stream);
	}
	return err == VTR_ERR_AGAIN ? VTR_OK : err;
}

static void run(void *arg)
{
	struct vtr_feed *feed = arg;
	enum vtr_err err = VTR_OK;

	while (err == VTR_OK && !ends(feed)) {
		err = step(feed);
	}
	if (err != VTR_OK) {
		vtr_debug(feed->log, "a recording or server has ended: %s", vtr_err_name(err));
	}
	vtr_stream_unsubscribe(feed->stream, &feed->sink);
	/* The other side sees the end now, not when this is destroyed. */
	shutdown(feed->fd, SHUT_RDWR);
}

static void destroy(struct vtr_feed *feed)
{
	forget_queue(feed);
	pthread_mutex_destroy(&feed->lock);
	pthread_cond_destroy(&feed->work);
	vtr_close(&feed->fd);
	free(feed);
}

enum vtr_err vtr_feed_create(struct vtr_log *log, struct vtr_stream *stream, int *take_fd,
                             struct vtr_feed **out_feed)
{
	struct vtr_feed *feed = calloc(1, sizeof(*feed));

	if (!feed) {
		vtr_close(take_fd);
		return VTR_ERR_NOMEM;
	}
	feed->log = log;
	feed->stream = stream;
	feed->fd = vtr_take_fd(take_fd);
	feed->sink = (struct vtr_sink){ .unit = on_unit, .lit = on_lit, .data = feed };
	feed->sent_ns = vtr_os_now_ns();
	pthread_mutex_init(&feed->lock, NULL);
	vtr_os_cond_init(&feed->work);
	enum vtr_err err = vtr_stream_subscribe(stream, &feed->sink);
	if (err != VTR_OK) {
		destroy(feed);
		return err;
	}
	err = vtr_os_thread_create(&feed->thread, "feed", run, feed);
	if (err != VTR_OK) {
		vtr_stream_unsubscribe(stream, &feed->sink);
		destroy(feed);
		return err;
	}
	*out_feed = feed;
	return VTR_OK;
}

void vtr_feed_destroy(struct vtr_feed *feed)
{
	if (!feed) {
		return;
	}
	pthread_mutex_lock(&feed->lock);
	feed->ends = true;
	pthread_cond_signal(&feed->work);
	pthread_mutex_unlock(&feed->lock);
	/* It may be in the middle of sending to somebody who does not read. */
	shutdown(feed->fd, SHUT_RDWR);
	vtr_os_thread_join(&feed->thread);
	destroy(feed);
}
