/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "virtio-snd"
#include <string.h>

#include "base/mem.h"
#include "platform/thread.h"
#include "virtio/sound_internal.h"

/*
 * The control queue: what the card has, and the states of its streams. All streams and jacks belong to one function
 * node, so that a guest sees one card with one device that several programs can use at once.
 */

/* More bytes of one item than any version of the standard has. */
#define MAX_ITEM 256
#define BIT(n) (UINT64_C(1) << (n))
#define FORMATS                                                                            \
	(BIT(VTR_SOUND_S8) | BIT(VTR_SOUND_U8) | BIT(VTR_SOUND_S16) | BIT(VTR_SOUND_U16) | \
	 BIT(VTR_SOUND_S24_3) | BIT(VTR_SOUND_S24) | BIT(VTR_SOUND_S32) | BIT(VTR_SOUND_FLOAT))
/* 8 to 192 kHz, which are 1 to 12. */
#define RATES ((BIT(13) - 1) & ~BIT(0))
/* Recordings have the rate of the microphone: guests convert it, as for other cards. */
#define CAPTURE_FORMATS (BIT(VTR_SOUND_S16) | BIT(VTR_SOUND_S32) | BIT(VTR_SOUND_FLOAT))
#define CAPTURE_RATES BIT(SOUND_RATE_48000)

static const uint32_t rates[] = SOUND_RATES;

static const struct sound_jack_info jacks[] = {
	{ .hda_defaults = SOUND_PIN_LINE_OUT, .connected = 1 },
	{ .hda_defaults = SOUND_PIN_MICROPHONE, .connected = 1 },
};

static const struct sound_chmap_info chmaps[] = {
	{ .direction = SOUND_OUTPUT, .channels = 1, .positions = { SOUND_POSITION_MONO } },
	{ .direction = SOUND_OUTPUT,
	  .channels = 2,
	  .positions = { SOUND_POSITION_FRONT_LEFT, SOUND_POSITION_FRONT_RIGHT } },
	{ .direction = SOUND_INPUT, .channels = 1, .positions = { SOUND_POSITION_MONO } },
	{ .direction = SOUND_INPUT,
	  .channels = 2,
	  .positions = { SOUND_POSITION_FRONT_LEFT, SOUND_POSITION_FRONT_RIGHT } },
};

const struct sound_config vtr_sound_config = {
	.jacks = VTR_ARRAY_LEN(jacks),
	.streams = SOUND_STREAMS,
	.chmaps = VTR_ARRAY_LEN(chmaps),
};

/* --- answers ------------------------------------------------------------------------------------------ */

/* The answer to one request. */
struct answer {
	uint32_t code;
	size_t size; /* of `items` */
	uint8_t items[SOUND_STREAMS * MAX_ITEM];
};

_Static_assert(VTR_ARRAY_LEN(jacks) <= SOUND_STREAMS && VTR_ARRAY_LEN(chmaps) <= SOUND_STREAMS,
               "an answer has room for all of them");

static void describe_stream(const struct sound_stream *stream, struct sound_pcm_info *info)
{
	*info = (struct sound_pcm_info){
		.formats = stream->captures ? CAPTURE_FORMATS : FORMATS,
		.rates = stream->captures ? CAPTURE_RATES : RATES,
		.direction = stream->captures ? SOUND_INPUT : SOUND_OUTPUT,
		.channels_min = 1,
		.channels_max = VTR_SOUND_MAX_CHANNELS,
	};
}

/* Answers a query about `total` items of `size` bytes, which are at `items`. */
static void list(const struct vtr_queue_request *request, const void *items, uint32_t total, size_t size,
                 struct answer *answer)
{
	struct sound_query query;

	if (request->out_size < sizeof(query)) {
		return;
	}
	memcpy(&query, request->out, sizeof(query));
	if (query.start_id > total || query.count > total - query.start_id || query.size < size ||
	    query.size > MAX_ITEM ||
	    request->in_size < sizeof(answer->code) + (size_t)query.count * query.size) {
		return;
	}
	for (uint32_t i = 0; i < query.count; i++) {
		memcpy(answer->items + (size_t)i * query.size,
		       (const uint8_t *)items + (query.start_id + i) * size, size);
	}
	answer->size = (size_t)query.count * query.size;
	answer->code = SOUND_OK;
}

static void list_streams(struct vtr_virtio_sound *sound, const struct vtr_queue_request *request,
                         struct answer *answer)
{
	struct sound_pcm_info infos[SOUND_STREAMS];

	for (uint32_t i = 0; i < SOUND_STREAMS; i++) {
		describe_stream(&sound->streams[i], &infos[i]);
	}
	list(request, infos, SOUND_STREAMS, sizeof(infos[0]), answer);
}

/* --- streams ------------------------------------------------------------------------------------------ */

/* The states from which a request may come (virtio 1.3, 5.14.6.6.1). */
static bool may(enum sound_state state, uint32_t code)
{
	switch (code) {
	case SOUND_PCM_SET_PARAMS:
		return state != SOUND_RUNNING && state != SOUND_STOPPED;
	case SOUND_PCM_PREPARE:
		return state == SOUND_SET || state == SOUND_PREPARED || state == SOUND_RELEASED;
	case SOUND_PCM_RELEASE:
		return state == SOUND_PREPARED || state == SOUND_STOPPED;
	case SOUND_PCM_START:
		return state == SOUND_PREPARED || state == SOUND_STOPPED;
	case SOUND_PCM_STOP:
		return state == SOUND_RUNNING;
	default:
		return false;
	}
}

static enum sound_code set_params(struct sound_stream *stream, const struct vtr_queue_request *request)
{
	struct sound_pcm_params params;
	struct sound_pcm_info info;

	if (request->out_size < sizeof(params)) {
		return SOUND_BAD_MSG;
	}
	memcpy(&params, request->out, sizeof(params));
	describe_stream(stream, &info);
	if (params.features != 0 || params.format >= 64 || (info.formats >> params.format & 1) == 0 ||
	    params.rate >= VTR_ARRAY_LEN(rates) || (info.rates >> params.rate & 1) == 0 ||
	    params.channels < info.channels_min || params.channels > info.channels_max) {
		return SOUND_NOT_SUPP;
	}
	if (params.period_bytes == 0 || params.buffer_bytes == 0 ||
	    params.buffer_bytes % params.period_bytes != 0) {
		return SOUND_BAD_MSG;
	}
	/* What it has was meant for the old parameters. */
	vtr_sound_stream_flush(stream);
	stream->rate = rates[params.rate];
	stream->format = params.format;
	stream->channels = params.channels;
	stream->frame_size = (uint32_t)vtr_sound_sample_size(params.format) * params.channels;
	stream->state = SOUND_SET;
	return SOUND_OK;
}

static enum sound_code control_stream(struct sound_stream *stream, uint32_t code,
                                      const struct vtr_queue_request *request)
{
	struct vtr_virtio_sound *sound = stream->sound;
	const int64_t now_ns = vtr_os_now_ns();

	if (!may(stream->state, code)) {
		return SOUND_BAD_MSG;
	}
	switch (code) {
	case SOUND_PCM_SET_PARAMS:
		return set_params(stream, request);
	case SOUND_PCM_PREPARE:
		stream->state = SOUND_PREPARED;
		return SOUND_OK;
	case SOUND_PCM_RELEASE:
		stream->state = SOUND_RELEASED;
		vtr_sound_stream_flush(stream);
		return SOUND_OK;
	case SOUND_PCM_START:
		stream->state = SOUND_RUNNING;
		vtr_sound_stream_start(stream, now_ns);
		break;
	default: /* SOUND_PCM_STOP */
		stream->state = SOUND_STOPPED;
		vtr_sound_stream_stop(stream, now_ns);
		break;
	}
	vtr_log_write_limited(sound->log, VTR_LOG_DEBUG, VTR_LOG_MODULE,
	                      "stream %u: %s (%u Hz, %u channels, format %u)", stream->id,
	                      code == SOUND_PCM_START ? "started" : "stopped", stream->rate, stream->channels,
	                      stream->format);
	vtr_sound_show_streams(sound);
	return SOUND_OK;
}

static enum sound_code control(struct vtr_virtio_sound *sound, uint32_t code,
                               const struct vtr_queue_request *request)
{
	struct sound_pcm_request head;

	if (request->out_size < sizeof(head)) {
		return SOUND_BAD_MSG;
	}
	memcpy(&head, request->out, sizeof(head));
	if (head.stream >= SOUND_STREAMS) {
		return SOUND_BAD_MSG;
	}
	/* The request concerns all messages that the driver has sent before, which are in other queues. What is left
	 * there after an error is answered later. */
	(void)(vtr_sound_take_messages(sound) == VTR_OK);
	return control_stream(&sound->streams[head.stream], code, request);
}

void vtr_sound_control(struct vtr_virtio_sound *sound, struct vtr_queue_request *request)
{
	struct vtr_queue *queue = sound->queues[SOUND_QUEUE_CONTROL];
	struct answer answer = { .code = SOUND_BAD_MSG };
	uint32_t code = 0;

	if (request->out_size >= sizeof(code)) {
		memcpy(&code, request->out, sizeof(code));
	}
	switch (code) {
	case SOUND_JACK_INFO:
		list(request, jacks, VTR_ARRAY_LEN(jacks), sizeof(jacks[0]), &answer);
		break;
	case SOUND_CHMAP_INFO:
		list(request, chmaps, VTR_ARRAY_LEN(chmaps), sizeof(chmaps[0]), &answer);
		break;
	case SOUND_PCM_INFO:
		list_streams(sound, request, &answer);
		break;
	case SOUND_PCM_SET_PARAMS:
	case SOUND_PCM_PREPARE:
	case SOUND_PCM_RELEASE:
	case SOUND_PCM_START:
	case SOUND_PCM_STOP:
		answer.code = control(sound, code, request);
		break;
	default:
		answer.code = SOUND_NOT_SUPP;
		break;
	}
	if (answer.code != SOUND_OK) {
		sound->counters.refused++;
		vtr_log_write_limited(sound->log, VTR_LOG_DEBUG, VTR_LOG_MODULE,
		                      "the guest's request 0x%x failed with 0x%x", code, answer.code);
	}
	/* Code and items are one answer. */
	uint8_t bytes[sizeof(answer.code) + sizeof(answer.items)];
	memcpy(bytes, &answer.code, sizeof(answer.code));
	memcpy(bytes + sizeof(answer.code), answer.items, answer.size);
	vtr_queue_push(queue, request,
	               vtr_queue_write(queue, request, bytes, sizeof(answer.code) + answer.size));
}
