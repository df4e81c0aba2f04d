/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "virtio/sound_internal.h"

#define SECOND_NS UINT64_C(1000000000)
/* The stream's number, before the samples of a message. */
#define HEAD_SIZE sizeof(uint32_t)
/* Samples of a message: sizes of buffers have 32 bits (virtio 1.3, 5.14.6.6.3), so times do not overflow. */
#define MAX_BYTES UINT32_MAX

/* --- the clock ---------------------------------------------------------------------------------------- */

/* Returns: when a frame of the run is due. */
static int64_t due_at(const struct sound_stream *stream, uint64_t frame)
{
	const uint64_t ns = frame / stream->rate * SECOND_NS +
	                    frame % stream->rate * SECOND_NS / stream->rate;

	return stream->start_ns + (int64_t)ns;
}

/* Returns: how many frames of the run were due before this time. */
static uint64_t frames_at(const struct sound_stream *stream, int64_t ns)
{
	if (ns <= stream->start_ns) {
		return 0;
	}
	const uint64_t since = (uint64_t)(ns - stream->start_ns);
	const uint64_t part = since % SECOND_NS * stream->rate;
	return since / SECOND_NS * stream->rate + (part + SECOND_NS - 1) / SECOND_NS;
}

static struct sound_message *first_message(const struct sound_stream *stream)
{
	return vtr_list_empty(&stream->messages) ?
	               NULL :
	               vtr_container_of(stream->messages.next, struct sound_message, node);
}

static uint64_t frames_left(const struct sound_message *message)
{
	return message->frames - message->skip;
}

/* The first frame that the guest has handed over is due now. */
static void begin_run(struct sound_stream *stream, int64_t now_ns)
{
	struct sound_message *message;

	stream->run++;
	stream->start_ns = now_ns;
	stream->done = 0;
	stream->moved = 0;
	stream->queued = 0;
	vtr_list_for_each (message, &stream->messages, node) {
		stream->queued += frames_left(message);
	}
	stream->begun = stream->queued > 0;
}

/* --- messages ----------------------------------------------------------------------------------------- */

static struct vtr_queue *queue_of(const struct sound_stream *stream)
{
	return stream->sound->queues[stream->captures ? SOUND_QUEUE_RX : SOUND_QUEUE_TX];
}

void vtr_sound_answer(struct vtr_queue *queue, struct vtr_queue_request *request, enum sound_code status,
                      size_t written)
{
	const struct sound_pcm_status answer = { .status = status };

	/* It is the end of the writable memory. */
	if (request->cut || request->in_size < sizeof(answer)) {
		vtr_queue_push(queue, request, 0);
		return;
	}
	(void)vtr_queue_write_at(queue, request, request->in_size - sizeof(answer), &answer, sizeof(answer));
	vtr_queue_push(queue, request, written + sizeof(answer));
}

static void forget(struct sound_stream *stream, struct sound_message *message)
{
	vtr_list_remove(&message->node);
	stream->message_count--;
	free(message);
}

static void answer_first(struct sound_stream *stream)
{
	struct sound_message *message = first_message(stream);
	const size_t recorded = stream->captures ? (size_t)message->frames * stream->frame_size : 0;

	vtr_sound_answer(queue_of(stream), message->request, SOUND_OK, recorded);
	forget(stream, message);
}

enum sound_code vtr_sound_stream_add(struct sound_stream *stream, struct vtr_queue_request *request,
                                     size_t size, int64_t now_ns)
{
	if (stream->state != SOUND_PREPARED && stream->state != SOUND_RUNNING &&
	    stream->state != SOUND_STOPPED) {
		return SOUND_BAD_MSG;
	}
	if (size < stream->frame_size || size > MAX_BYTES) {
		return SOUND_BAD_MSG;
	}
	struct sound_message *message = calloc(1, sizeof(*message));
	if (message == NULL || stream->message_count == SOUND_MAX_MESSAGES) {
		free(message);
		return SOUND_IO_ERR;
	}
	message->request = request;
	message->frames = size / stream->frame_size;
	vtr_list_append(&stream->messages, &message->node);
	stream->message_count++;
	if (stream->state != SOUND_RUNNING) {
		return SOUND_OK;
	}
	if (stream->message_count == 1 && (!stream->begun || now_ns > due_at(stream, stream->queued))) {
		*(stream->captures ? &stream->sound->counters.overruns :
		                     &stream->sound->counters.underruns) += stream->begun;
		begin_run(stream, now_ns);
	} else {
		stream->queued += message->frames;
	}
	return SOUND_OK;
}

/* --- states ------------------------------------------------------------------------------------------- */

void vtr_sound_stream_init(struct sound_stream *stream, struct vtr_virtio_sound *sound, uint32_t id)
{
	*stream = (struct sound_stream){
		.sound = sound,
		.id = id,
		.captures = id >= SOUND_PLAYBACK_STREAMS,
	};
	stream->ear = stream->captures ? &sound->ears[id - SOUND_PLAYBACK_STREAMS] : NULL;
	vtr_list_init(&stream->messages);
}

void vtr_sound_stream_start(struct sound_stream *stream, int64_t now_ns)
{
	begin_run(stream, now_ns);
	if (stream->captures) {
		vtr_sound_ear_clear(stream->ear);
	}
}

void vtr_sound_stream_stop(struct sound_stream *stream, int64_t now_ns)
{
	const uint64_t played = vtr_min(frames_at(stream, now_ns), stream->queued);
	uint64_t left = played - vtr_min(played, stream->done);
	struct sound_message *message;

	if (stream->captures) {
		vtr_sound_stream_record(stream, now_ns);
	} else if (stream->sound->ticks) {
		vtr_sound_stream_move(stream, now_ns);
	}
	vtr_list_for_each (message, &stream->messages, node) {
		const uint64_t part = vtr_min(left, frames_left(message));
		message->skip += part;
		left -= part;
	}
}

void vtr_sound_stream_flush(struct sound_stream *stream)
{
	while (first_message(stream)) {
		struct sound_message *message = first_message(stream);
		vtr_sound_answer(queue_of(stream), message->request, SOUND_OK, 0);
		forget(stream, message);
	}
}

void vtr_sound_stream_reset(struct sound_stream *stream)
{
	while (first_message(stream)) {
		struct sound_message *message = first_message(stream);
		vtr_queue_drop(message->request);
		forget(stream, message);
	}
	stream->state = SOUND_UNSET;
}

/* --- while it runs ------------------------------------------------------------------------------------ */

void vtr_sound_stream_skip(struct sound_stream *stream, int64_t now_ns)
{
	stream->moved = vtr_max(stream->done, vtr_min(frames_at(stream, now_ns), stream->queued));
}

/* Puts `count` frames of a message, which begin at frame `first` of it, into the page. */
static void put(struct sound_stream *stream, const struct sound_message *message, uint64_t first,
                uint64_t count)
{
	struct vtr_sound_piece piece = {
		.start_ns = stream->start_ns,
		.position = stream->moved,
		.run = stream->run,
		.rate = stream->rate,
		.frames = (uint32_t)count,
		.stream = (uint8_t)stream->id,
		.format = stream->format,
		.channels = stream->channels,
	};
	const size_t size = (size_t)count * stream->frame_size;
	const size_t read = vtr_queue_read_at(queue_of(stream), message->request,
	                                      HEAD_SIZE + (size_t)first * stream->frame_size, piece.data,
	                                      size);

	/* The guest's memory may be gone. */
	memset(piece.data + read, 0, size - read);
	vtr_sound_page_put(stream->sound->page, &piece);
	stream->moved += count;
}

void vtr_sound_stream_move(struct sound_stream *stream, int64_t now_ns)
{
	const uint64_t end = vtr_min(frames_at(stream, now_ns), stream->queued);
	const uint64_t most = VTR_SOUND_PIECE_BYTES / stream->frame_size;
	uint64_t begin = stream->done; /* of the message */
	struct sound_message *message;

	vtr_list_for_each (message, &stream->messages, node) {
		const uint64_t message_end = begin + frames_left(message);

		while (stream->moved < vtr_min(end, message_end)) {
			const uint64_t left = vtr_min(end, message_end) - stream->moved;
			put(stream, message, message->skip + stream->moved - begin, vtr_min(left, most));
		}
		if (message_end >= end) {
			break;
		}
		begin = message_end;
	}
}

/* Converts frames to the stream's format, which is one of those that capture streams have. Returns: bytes. */
static size_t write_frames(const struct sound_stream *stream, float (*frames)[2], size_t count, uint8_t *to)
{
	size_t at = 0;

	for (size_t i = 0; i < count * stream->channels; i++) {
		const float *frame = frames[i / stream->channels];
		const float value = stream->channels == 1 ? (frame[0] + frame[1]) / 2 : frame[i % 2];
		const int16_t narrow = (int16_t)lrintf(value * 0x1p15f);
		const int32_t wide = (int32_t)narrow * 0x10000;

		if (stream->format == VTR_SOUND_FLOAT) {
			memcpy(to + at, &value, sizeof(value));
		} else if (stream->format == VTR_SOUND_S32) {
			memcpy(to + at, &wide, sizeof(wide));
		} else {
			memcpy(to + at, &narrow, sizeof(narrow));
		}
		at += stream->frame_size / stream->channels;
	}
	return at;
}

/* Records `count` frames into a message, from its frame `first` on. */
static void fill(struct sound_stream *stream, const struct sound_message *message, uint64_t first,
                 size_t count)
{
	float frames[VTR_AUDIO_BLOCK][2];
	uint8_t bytes[VTR_AUDIO_BLOCK * 2 * sizeof(float)];

	vtr_sound_ear_take(stream->ear, count, frames);
	const size_t size = write_frames(stream, frames, count, bytes);
	/* The guest's memory may be gone. */
	(void)vtr_queue_write_at(queue_of(stream), message->request, (size_t)first * stream->frame_size,
	                         bytes, size);
	stream->moved += count;
}

void vtr_sound_stream_record(struct sound_stream *stream, int64_t now_ns)
{
	const uint64_t end = vtr_min(frames_at(stream, now_ns), stream->queued);
	uint64_t begin = stream->done; /* of the message */
	struct sound_message *message;

	vtr_list_for_each (message, &stream->messages, node) {
		const uint64_t message_end = begin + frames_left(message);

		while (stream->moved < vtr_min(end, message_end)) {
			const uint64_t left = vtr_min(end, message_end) - stream->moved;
			fill(stream, message, message->skip + stream->moved - begin,
			     vtr_min(left, VTR_AUDIO_BLOCK));
		}
		if (message_end >= end) {
			break;
		}
		begin = message_end;
	}
}

void vtr_sound_stream_answer(struct sound_stream *stream, int64_t now_ns)
{
	while (vtr_sound_stream_due(stream) <= now_ns) {
		stream->done += frames_left(first_message(stream));
		answer_first(stream);
	}
}

int64_t vtr_sound_stream_due(const struct sound_stream *stream)
{
	const struct sound_message *message = first_message(stream);

	return message ? due_at(stream, stream->done + frames_left(message)) : INT64_MAX;
}
