/* SPDX-License-Identifier: MIT */
#include "web/viewer_sound.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bucket.h"
#include "base/mem.h"
#include "encode/audio_encoder.h"
#include "platform/thread.h"
#include "screen/sound.h"
#include "web/message.h"

#define MS INT64_C(1000000)
/* Older packets are worth nothing to a listener. */
#define MAX_AGE_NS (300 * MS)
/* Messages with a voice: one each 20 ms, and somewhat more for clocks that are fast; after a pause of the network half
 * a second may come at once. */
#define SPEECH_NS (19 * MS)
#define SPEECH_BURST 25
#define SPEECH_BLOCKS (VTR_VIEWER_SOUND_SPEECH / VTR_AUDIO_BLOCK)
#define BLOCK_NS (10 * MS)

struct vtr_viewer_sound {
	struct vtr_viewer_sound_params params;
	struct vtr_sound_sink sink;
	struct vtr_sound_speaker speaker;
	bool hello_due, listens;
	/* Numbers for this viewer: of the next packet, and of the first that is not acknowledged. */
	uint32_t sent, heard;
	uint64_t sent_count;
	bool speaks; /* the page has opened the microphone */
	struct vtr_bucket speech;

	pthread_mutex_t lock; /* guards what follows; no callbacks under it */
	struct vtr_audio_packet *packets[VTR_VIEWER_SOUND_ROOM]; /* oldest first */
	size_t count;
	uint64_t dropped;
	bool idle_due; /* after the packets */
	bool replaced_due;
};

/* Call it with the lock held. */
static void drop_first(struct vtr_viewer_sound *viewer_sound)
{
	vtr_audio_packet_unref(viewer_sound->packets[0]);
	viewer_sound->count--;
	memmove(viewer_sound->packets, viewer_sound->packets + 1,
	        viewer_sound->count * sizeof(viewer_sound->packets[0]));
}

/* Thread: the encoder's. */
static void on_packet(void *data, struct vtr_audio_packet *packet)
{
	struct vtr_viewer_sound *viewer_sound = data;

	pthread_mutex_lock(&viewer_sound->lock);
	if (viewer_sound->count == VTR_VIEWER_SOUND_ROOM) {
		drop_first(viewer_sound);
		viewer_sound->dropped++;
	}
	viewer_sound->packets[viewer_sound->count++] = vtr_audio_packet_ref(packet);
	viewer_sound->idle_due = false;
	pthread_mutex_unlock(&viewer_sound->lock);
	viewer_sound->params.wake(viewer_sound->params.data);
}

/* Thread: the encoder's. */
static void on_idle(void *data)
{
	struct vtr_viewer_sound *viewer_sound = data;

	pthread_mutex_lock(&viewer_sound->lock);
	viewer_sound->idle_due = true;
	pthread_mutex_unlock(&viewer_sound->lock);
	viewer_sound->params.wake(viewer_sound->params.data);
}

static void on_replaced(void *data)
{
	struct vtr_viewer_sound *viewer_sound = data;

	pthread_mutex_lock(&viewer_sound->lock);
	viewer_sound->replaced_due = true;
	pthread_mutex_unlock(&viewer_sound->lock);
	viewer_sound->params.wake(viewer_sound->params.data);
}

enum vtr_err vtr_viewer_sound_create(const struct vtr_viewer_sound_params *params,
                                     struct vtr_viewer_sound **out_sound)
{
	struct vtr_viewer_sound *viewer_sound = calloc(1, sizeof(*viewer_sound));

	if (!viewer_sound) {
		return VTR_ERR_NOMEM;
	}
	viewer_sound->params = *params;
	viewer_sound->hello_due = true;
	viewer_sound->sink =
		(struct vtr_sound_sink){ .packet = on_packet, .idle = on_idle, .data = viewer_sound };
	viewer_sound->speaker = (struct vtr_sound_speaker){ .replaced = on_replaced, .data = viewer_sound };
	pthread_mutex_init(&viewer_sound->lock, NULL);
	*out_sound = viewer_sound;
	return VTR_OK;
}

void vtr_viewer_sound_destroy(struct vtr_viewer_sound *viewer_sound)
{
	if (!viewer_sound) {
		return;
	}
	vtr_viewer_sound_listen(viewer_sound, false);
	vtr_sound_close_microphone(viewer_sound->params.sound, &viewer_sound->speaker);
	pthread_mutex_destroy(&viewer_sound->lock);
	free(viewer_sound);
}

/* --- hearing ----------------------------------------------------------------------------------------- */

void vtr_viewer_sound_listen(struct vtr_viewer_sound *viewer_sound, bool on)
{
	if (on == viewer_sound->listens || !vtr_sound_has_packets(viewer_sound->params.sound)) {
		return;
	}
	viewer_sound->listens = on;
	if (on) {
		/* What an earlier subscription sent is not acknowledged any more. */
		viewer_sound->heard = viewer_sound->sent;
		vtr_sound_subscribe(viewer_sound->params.sound, &viewer_sound->sink);
		return;
	}
	vtr_sound_unsubscribe(viewer_sound->params.sound, &viewer_sound->sink);
	while (viewer_sound->count > 0) {
		drop_first(viewer_sound);
	}
	viewer_sound->idle_due = false;
}

void vtr_viewer_sound_heard(struct vtr_viewer_sound *viewer_sound, uint32_t number)
{
	if (viewer_sound->sent - (number + 1) < viewer_sound->sent - viewer_sound->heard) {
		viewer_sound->heard = number + 1;
	}
}

/* Drops what is too old, or what the viewer does not keep up with. Call it with the lock held. */
static void drop_late(struct vtr_viewer_sound *viewer_sound)
{
	const bool is_full = viewer_sound->sent - viewer_sound->heard >= VTR_VIEWER_SOUND_WINDOW;
	const int64_t oldest_ns = vtr_os_now_ns() - MAX_AGE_NS;

	while (viewer_sound->count > 0 && (is_full || viewer_sound->packets[0]->time_ns < oldest_ns)) {
		drop_first(viewer_sound);
		viewer_sound->dropped++;
	}
}

bool vtr_viewer_sound_is_due(struct vtr_viewer_sound *viewer_sound)
{
	pthread_mutex_lock(&viewer_sound->lock);
	drop_late(viewer_sound);
	const bool due = viewer_sound->count > 0 || viewer_sound->idle_due || viewer_sound->replaced_due ||
	                 viewer_sound->hello_due;
	pthread_mutex_unlock(&viewer_sound->lock);
	return due;
}

/* Returns: a reference, or NULL. */
static struct vtr_audio_packet *take_packet(struct vtr_viewer_sound *viewer_sound, bool *out_idle,
                                            bool *out_replaced)
{
	struct vtr_audio_packet *packet = NULL;

	pthread_mutex_lock(&viewer_sound->lock);
	drop_late(viewer_sound);
	*out_replaced = viewer_sound->replaced_due;
	viewer_sound->replaced_due = false;
	*out_idle = false;
	if (!*out_replaced && viewer_sound->count > 0) {
		packet = vtr_audio_packet_ref(viewer_sound->packets[0]);
		drop_first(viewer_sound);
	} else if (!*out_replaced) {
		*out_idle = viewer_sound->idle_due;
		viewer_sound->idle_due = false;
	}
	pthread_mutex_unlock(&viewer_sound->lock);
	return packet;
}

size_t vtr_viewer_sound_write(struct vtr_viewer_sound *viewer_sound, uint8_t *out)
{
	bool idle;
	bool replaced;

	if (viewer_sound->hello_due) {
		viewer_sound->hello_due = false;
		return vtr_message_sound(out, vtr_sound_has_packets(viewer_sound->params.sound),
		                         vtr_sound_has_microphone(viewer_sound->params.sound));
	}
	struct vtr_audio_packet *packet = take_packet(viewer_sound, &idle, &replaced);
	if (replaced) {
		viewer_sound->speaks = false;
		return vtr_message_microphone(out, false);
	}
	if (packet) {
		size_t size = vtr_message_packet(out, viewer_sound->sent++, packet);
		viewer_sound->sent_count++;
		vtr_audio_packet_unref(packet);
		return size;
	}
	return idle ? vtr_message_silence(out) : 0;
}

void vtr_viewer_sound_count(struct vtr_viewer_sound *viewer_sound, uint64_t *out_sent, uint64_t *out_dropped)
{
	pthread_mutex_lock(&viewer_sound->lock);
	*out_sent = viewer_sound->sent_count;
	*out_dropped = viewer_sound->dropped;
	pthread_mutex_unlock(&viewer_sound->lock);
}

/* --- speaking ---------------------------------------------------------------------------------------- */

void vtr_viewer_sound_open_microphone(struct vtr_viewer_sound *viewer_sound, bool on)
{
	viewer_sound->speaks = on && vtr_sound_has_microphone(viewer_sound->params.sound);
	if (viewer_sound->speaks) {
		/* That it was taken before need not be said any more. */
		pthread_mutex_lock(&viewer_sound->lock);
		viewer_sound->replaced_due = false;
		pthread_mutex_unlock(&viewer_sound->lock);
		vtr_sound_open_microphone(viewer_sound->params.sound, &viewer_sound->speaker);
	} else {
		vtr_sound_close_microphone(viewer_sound->params.sound, &viewer_sound->speaker);
	}
}

void vtr_viewer_sound_refuse_microphone(struct vtr_viewer_sound *viewer_sound)
{
	on_replaced(viewer_sound);
}

void vtr_viewer_sound_take_microphone(struct vtr_viewer_sound *viewer_sound)
{
	if (viewer_sound->speaks) {
		vtr_viewer_sound_open_microphone(viewer_sound, false);
		on_replaced(viewer_sound);
	}
}

void vtr_viewer_sound_speak(struct vtr_viewer_sound *viewer_sound,
                            const int16_t samples[VTR_VIEWER_SOUND_SPEECH], int64_t now_ns)
{
	struct vtr_audio_block block;

	if (!viewer_sound->speaks ||
	    !vtr_bucket_take(&viewer_sound->speech, SPEECH_BURST, SPEECH_NS, now_ns)) {
		return;
	}
	for (int64_t i = 0; i < SPEECH_BLOCKS; i++) {
		block.time = now_ns + (i - SPEECH_BLOCKS) * BLOCK_NS;
		for (size_t j = 0; j < VTR_AUDIO_BLOCK; j++) {
			const int16_t sample = samples[(size_t)i * VTR_AUDIO_BLOCK + j];
			block.samples[2 * j] = sample;
			block.samples[2 * j + 1] = sample;
		}
		/* Whether another viewer speaks now is checked at each block. */
		(void)vtr_sound_speak(viewer_sound->params.sound, &viewer_sound->speaker, &block);
	}
}
