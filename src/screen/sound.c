/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "screen/sound.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "encode/audio_encoder.h"

struct vtr_sound {
	struct vtr_log *log;
	struct vtr_sound_source source;
	struct vtr_audio_encoder *encoder; /* or NULL. Thread: of the blocks */
	bool was_coding; /* Thread: of the blocks */

	/* Guards what follows; held during callbacks of sinks, and of the source's listen(). */
	pthread_mutex_t lock;
	struct vtr_list sinks;

	pthread_mutex_t speaker_lock; /* guards what follows; held during replaced() and speak() */
	struct vtr_sound_speaker *speaker; /* who speaks; or NULL */
};

enum vtr_err vtr_sound_create(struct vtr_log *log, struct vtr_sound **out_sound)
{
	struct vtr_sound *sound = calloc(1, sizeof(*sound));

	if (!sound) {
		return VTR_ERR_NOMEM;
	}
	sound->log = log;
	if (vtr_audio_encoder_create(log, VTR_AUDIO_OPUS, &sound->encoder) != VTR_OK) {
		vtr_warn(log, "viewers hear nothing: the encoder for sound is missing. Install a libavcodec "
		              "with libopus");
	}
	vtr_list_init(&sound->sinks);
	pthread_mutex_init(&sound->lock, NULL);
	pthread_mutex_init(&sound->speaker_lock, NULL);
	*out_sound = sound;
	return VTR_OK;
}

void vtr_sound_destroy(struct vtr_sound *sound)
{
	if (!sound) {
		return;
	}
	vtr_assert(vtr_list_empty(&sound->sinks));
	vtr_audio_encoder_destroy(sound->encoder);
	pthread_mutex_destroy(&sound->lock);
	pthread_mutex_destroy(&sound->speaker_lock);
	free(sound);
}

void vtr_sound_connect(struct vtr_sound *sound, const struct vtr_sound_source *source)
{
	sound->source = *source;
}

bool vtr_sound_has_packets(const struct vtr_sound *sound)
{
	return sound->encoder != NULL;
}

bool vtr_sound_has_microphone(const struct vtr_sound *sound)
{
	return sound->source.speak != NULL;
}

/* --- listeners --------------------------------------------------------------------------------------- */

void vtr_sound_subscribe(struct vtr_sound *sound, struct vtr_sound_sink *sink)
{
	pthread_mutex_lock(&sound->lock);
	const bool is_first = vtr_list_empty(&sound->sinks);
	vtr_list_append(&sound->sinks, &sink->node);
	if (is_first) {
		sound->source.listen(sound->source.data, true);
	}
	pthread_mutex_unlock(&sound->lock);
}

void vtr_sound_unsubscribe(struct vtr_sound *sound, struct vtr_sound_sink *sink)
{
	pthread_mutex_lock(&sound->lock);
	vtr_list_remove(&sink->node);
	if (vtr_list_empty(&sound->sinks)) {
		sound->source.listen(sound->source.data, false);
	}
	pthread_mutex_unlock(&sound->lock);
}

/* Hands the block to those who want blocks. Returns: whether there is one who wants packets. */
static bool deliver_block(struct vtr_sound *sound, const struct vtr_audio_block *block)
{
	struct vtr_sound_sink *sink;
	bool wanted = false;

	pthread_mutex_lock(&sound->lock);
	vtr_list_for_each (sink, &sound->sinks, node) {
		if (sink->block) {
			sink->block(sink->data, block);
		}
		wanted = wanted || sink->packet;
	}
	pthread_mutex_unlock(&sound->lock);
	return wanted;
}

static void deliver_packet(struct vtr_sound *sound, struct vtr_audio_packet *packet)
{
	struct vtr_sound_sink *sink;

	pthread_mutex_lock(&sound->lock);
	vtr_list_for_each (sink, &sound->sinks, node) {
		if (sink->packet) {
			sink->packet(sink->data, packet);
		}
	}
	pthread_mutex_unlock(&sound->lock);
}

void vtr_sound_block(struct vtr_sound *sound, const struct vtr_audio_block *block)
{
	struct vtr_audio_packet *packet;

	sound->was_coding = deliver_block(sound, block) && sound->encoder;
	if (sound->was_coding && vtr_audio_encoder_encode(sound->encoder, block->time, block->samples,
	                                                  VTR_AUDIO_BLOCK, &packet) == VTR_OK) {
		deliver_packet(sound, packet);
		vtr_audio_packet_unref(packet);
	}
}

void vtr_sound_idle(struct vtr_sound *sound)
{
	struct vtr_audio_packet *packet;
	struct vtr_sound_sink *sink;

	if (sound->was_coding && vtr_audio_encoder_finish(sound->encoder, &packet) == VTR_OK) {
		deliver_packet(sound, packet);
		vtr_audio_packet_unref(packet);
	}
	sound->was_coding = false;
	pthread_mutex_lock(&sound->lock);
	vtr_list_for_each (sink, &sound->sinks, node) {
		sink->idle(sink->data);
	}
	pthread_mutex_unlock(&sound->lock);
}

/* --- microphones ------------------------------------------------------------------------------------- */

void vtr_sound_open_microphone(struct vtr_sound *sound, struct vtr_sound_speaker *speaker)
{
	pthread_mutex_lock(&sound->speaker_lock);
	if (sound->speaker && sound->speaker != speaker) {
		sound->speaker->replaced(sound->speaker->data);
	}
	sound->speaker = speaker;
	pthread_mutex_unlock(&sound->speaker_lock);
}

void vtr_sound_close_microphone(struct vtr_sound *sound, struct vtr_sound_speaker *speaker)
{
	pthread_mutex_lock(&sound->speaker_lock);
	if (sound->speaker == speaker) {
		sound->speaker = NULL;
	}
	pthread_mutex_unlock(&sound->speaker_lock);
}

bool vtr_sound_speak(struct vtr_sound *sound, struct vtr_sound_speaker *speaker,
                     const struct vtr_audio_block *block)
{
	pthread_mutex_lock(&sound->speaker_lock);
	const bool speaks = sound->speaker == speaker;
	if (speaks && sound->source.speak) {
		sound->source.speak(sound->source.data, block);
	}
	pthread_mutex_unlock(&sound->speaker_lock);
	return speaks;
}
