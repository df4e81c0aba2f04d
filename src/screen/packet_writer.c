/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "screen/packet_writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "encode/packet_pipe.h"
#include "platform/thread.h"
#include "screen/sound.h"
#include "screen/stream.h"

#define MS INT64_C(1000000)

/* How often to check what the other side wants. */
#define TICK_NS (250 * MS)
/* After this time without a picture the last one is sent again. */
#define REPEAT_NS (1000 * MS)
/* The most pictures that wait for a disk or a network: half a second at 60 frames a second. */
#define QUEUE_MAX 32
/* The most blocks of sound that wait: half a second. */
#define BLOCKS_MAX 50
/* How long, at the end, what waits may take until it is sent. */
#define END_NS (500 * MS)

struct vtr_packet_writer {
	struct vtr_log *log;
	struct vtr_stream *stream;
	struct vtr_sink sink;
	struct vtr_sound *sound; /* NULL: there is none */
	struct vtr_sound_sink sound_sink;
	struct vtr_os_thread thread;
	int fd;
	int64_t sent_ns; /* Thread: the writer's */

	pthread_mutex_t lock; /* guards what follows; inside the stream's locks */
	pthread_cond_t work;
	struct vtr_access_unit *queue[QUEUE_MAX]; /* each a reference */
	size_t first, count;
	struct vtr_audio_block blocks[BLOCKS_MAX];
	size_t first_block, block_count;
	bool lost; /* drop everything until the next key frame */
	bool ends; /* nothing more is taken; what waits is sent */
	bool ended; /* the thread sends no more */
};

/* Call it with the lock held. */
static void forget_queue(struct vtr_packet_writer *writer)
{
	for (; writer->count > 0; writer->count--) {
		vtr_access_unit_unref(writer->queue[writer->first]);
		writer->first = (writer->first + 1) % QUEUE_MAX;
	}
}

static void on_unit(void *data, struct vtr_access_unit *unit)
{
	struct vtr_packet_writer *writer = data;
	bool full = false;

	pthread_mutex_lock(&writer->lock);
	if (unit->key) {
		writer->lost = false;
	}
	if (!writer->lost && !writer->ends && writer->count == QUEUE_MAX) {
		/* The queued pictures are still decodable; the following ones are not, until the next key
		 * frame. */
		writer->lost = true;
		full = true;
	}
	if (!writer->lost && !writer->ends) {
		writer->queue[(writer->first + writer->count++) % QUEUE_MAX] = vtr_access_unit_ref(unit);
		pthread_cond_signal(&writer->work);
	}
	pthread_mutex_unlock(&writer->lock);
	if (full) {
		vtr_warn_limited(writer->log,
		                 "a recording or server does not keep up: pictures are left out");
	}
}

static void on_active(void *data, bool active)
{
	(void)data;
	(void)active;
}

/* Thread: the sound's. A block that finds no room is lost: silence takes its place. */
static void on_block(void *data, const struct vtr_audio_block *block)
{
	struct vtr_packet_writer *writer = data;

	pthread_mutex_lock(&writer->lock);
	if (!writer->ends && writer->block_count < BLOCKS_MAX) {
		writer->blocks[(writer->first_block + writer->block_count++) % BLOCKS_MAX] = *block;
		pthread_cond_signal(&writer->work);
	}
	pthread_mutex_unlock(&writer->lock);
}

static void on_idle(void *data)
{
	(void)data;
}

/* Sends the sound that waits. */
static enum vtr_err send_blocks(struct vtr_packet_writer *writer)
{
	struct vtr_packet_pipe_sound sound = { .count = VTR_AUDIO_BLOCK };
	enum vtr_err err = VTR_OK;

	_Static_assert(sizeof(sound.samples) == sizeof(writer->blocks[0].samples), "a block fits");
	pthread_mutex_lock(&writer->lock);
	while (err == VTR_OK && writer->block_count > 0) {
		const struct vtr_audio_block *block = &writer->blocks[writer->first_block];
		sound.time_ns = block->time;
		memcpy(sound.samples, block->samples, sizeof(sound.samples));
		writer->first_block = (writer->first_block + 1) % BLOCKS_MAX;
		writer->block_count--;
		pthread_mutex_unlock(&writer->lock);
		err = vtr_packet_pipe_send_sound(writer->fd, &sound);
		pthread_mutex_lock(&writer->lock);
	}
	pthread_mutex_unlock(&writer->lock);
	return err;
}

/* Returns: a reference, or NULL after a tick or if there is only sound. */
static struct vtr_access_unit *next_unit(struct vtr_packet_writer *writer)
{
	struct vtr_access_unit *unit = NULL;

	pthread_mutex_lock(&writer->lock);
	if (writer->count == 0 && writer->block_count == 0 && !writer->ends) {
		(void)vtr_os_cond_wait_ns(&writer->work, &writer->lock, TICK_NS);
	}
	if (writer->count > 0) {
		unit = writer->queue[writer->first];
		writer->first = (writer->first + 1) % QUEUE_MAX;
		writer->count--;
	}
	pthread_mutex_unlock(&writer->lock);
	return unit;
}

static bool has_lost(struct vtr_packet_writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	bool lost = writer->lost;
	pthread_mutex_unlock(&writer->lock);
	return lost;
}

/* Returns: whether the writer ends, and nothing waits any more. */
static bool is_done(struct vtr_packet_writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	bool done = writer->ends && writer->count == 0 && writer->block_count == 0;
	pthread_mutex_unlock(&writer->lock);
	return done;
}

/* Returns: VTR_ERR_GONE when the other side has closed. */
static enum vtr_err step(struct vtr_packet_writer *writer)
{
	struct vtr_access_unit *unit = next_unit(writer);
	int64_t now_ns = vtr_os_now_ns();
	enum vtr_err err = send_blocks(writer);

	if (err != VTR_OK) {
		vtr_access_unit_unref(unit);
		return err;
	}
	if (unit) {
		err = vtr_packet_pipe_send(writer->fd, unit);
		vtr_access_unit_unref(unit);
		if (err != VTR_OK) {
			return err;
		}
		writer->sent_ns = now_ns;
	} else if (has_lost(writer)) {
		/* The queue is empty now, so there is room for a key frame. */
		vtr_stream_want_key(writer->stream);
	} else if (now_ns - writer->sent_ns >= REPEAT_NS) {
		writer->sent_ns = now_ns;
		vtr_stream_want_picture(writer->stream);
	}
	err = vtr_packet_pipe_key_wanted(writer->fd);
	if (err == VTR_OK) {
		vtr_stream_want_key(writer->stream);
	}
	return err == VTR_ERR_AGAIN ? VTR_OK : err;
}

static void run(void *arg)
{
	const struct vtr_packet_pipe_sound announcement = { .count = 0 };
	struct vtr_packet_writer *writer = arg;
	enum vtr_err err = writer->sound ? vtr_packet_pipe_send_sound(writer->fd, &announcement) : VTR_OK;

	while (err == VTR_OK && !is_done(writer)) {
		err = step(writer);
	}
	if (err != VTR_OK) {
		vtr_debug(writer->log, "a recording or server has ended: %s", vtr_err_text(err));
	}
	vtr_stream_unsubscribe(writer->stream, &writer->sink);
	if (writer->sound) {
		vtr_sound_unsubscribe(writer->sound, &writer->sound_sink);
	}
	/* Lets the other side see the end now instead of at the destruction. */
	shutdown(writer->fd, SHUT_RDWR);
	pthread_mutex_lock(&writer->lock);
	writer->ended = true;
	pthread_cond_signal(&writer->work);
	pthread_mutex_unlock(&writer->lock);
}

static void destroy(struct vtr_packet_writer *writer)
{
	forget_queue(writer);
	pthread_mutex_destroy(&writer->lock);
	pthread_cond_destroy(&writer->work);
	vtr_close(&writer->fd);
	free(writer);
}

enum vtr_err vtr_packet_writer_create(struct vtr_log *log, struct vtr_stream *stream, struct vtr_sound *sound,
                                      int *take_fd, struct vtr_packet_writer **out_writer)
{
	struct vtr_packet_writer *writer = calloc(1, sizeof(*writer));

	if (!writer) {
		vtr_close(take_fd);
		return VTR_ERR_NOMEM;
	}
	writer->log = log;
	writer->stream = stream;
	writer->fd = vtr_take_fd(take_fd);
	writer->sound = sound;
	writer->sound_sink = (struct vtr_sound_sink){ .block = on_block, .idle = on_idle, .data = writer };
	writer->sink = (struct vtr_sink){ .unit = on_unit, .active = on_active, .data = writer };
	writer->sent_ns = vtr_os_now_ns();
	pthread_mutex_init(&writer->lock, NULL);
	vtr_os_cond_init(&writer->work);
	enum vtr_err err = vtr_stream_subscribe(stream, &writer->sink);
	if (err != VTR_OK) {
		destroy(writer);
		return err;
	}
	if (sound) {
		vtr_sound_subscribe(sound, &writer->sound_sink);
	}
	err = vtr_os_thread_create(&writer->thread, "feed", run, writer);
	if (err != VTR_OK) {
		vtr_stream_unsubscribe(stream, &writer->sink);
		if (sound) {
			vtr_sound_unsubscribe(sound, &writer->sound_sink);
		}
		destroy(writer);
		return err;
	}
	*out_writer = writer;
	return VTR_OK;
}

void vtr_packet_writer_destroy(struct vtr_packet_writer *writer)
{
	if (!writer) {
		return;
	}
	const int64_t end_ns = vtr_os_now_ns() + END_NS;

	pthread_mutex_lock(&writer->lock);
	writer->ends = true;
	pthread_cond_signal(&writer->work);
	for (int64_t left_ns = END_NS; !writer->ended && left_ns > 0; left_ns = end_ns - vtr_os_now_ns()) {
		(void)vtr_os_cond_wait_ns(&writer->work, &writer->lock, left_ns);
	}
	pthread_mutex_unlock(&writer->lock);
	/* The thread may be blocked in sending to a peer that does not read. */
	shutdown(writer->fd, SHUT_RDWR);
	vtr_os_thread_join(&writer->thread);
	destroy(writer);
}
