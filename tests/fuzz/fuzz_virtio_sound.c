/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "../unit/sound_driver.h"
#include "base/mem.h"
#include "screen/mixer.h"

/*
 * A hostile guest driver of a sound card, in a time of its own, with a listener and a microphone: records of {what,
 * bytes of it, the bytes}. For any input, streams that run have answered all messages when enough time has passed,
 * RELEASE answers all of its stream's, and the mixer's blocks follow each other.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_RECORDS 200
#define STREAMS 6

enum { REQUEST, CONTROL, PARAMS, PLAY, RECORD, CHAIN, PASS, LISTEN, HEAR, PAUSE, RESET, CONFIG, KINDS };

static struct vtr_audio_mixer *mixer;
static int64_t next_ns;

static uint16_t take_u16(const uint8_t *bytes, size_t size, size_t at)
{
	uint16_t value = 0;

	if (size >= at + sizeof(value)) {
		memcpy(&value, bytes + at, sizeof(value));
	}
	return value;
}

static void on_listen(void *data, bool on)
{
	(void)data;
	vtr_virtio_sound_listen(driver_sound, on);
}

static void on_speak(void *data, const struct vtr_audio_block *block)
{
	(void)data;
	vtr_virtio_sound_hear(driver_sound, block);
}

static void on_block(void *owner, const struct vtr_audio_block *block)
{
	(void)owner;
	vtr_assert(next_ns == 0 || block->time >= next_ns);
	next_ns = block->time + 10 * MS;
}

static void on_idle(void *owner)
{
	(void)owner;
	next_ns = 0;
}

static void on_wake(void)
{
	vtr_audio_mixer_wake(mixer);
}

/* A request of any bytes. */
static void request(const uint8_t *bytes, size_t size)
{
	if (size > 2 && driver_has_room(SOUND_QUEUE_CONTROL)) {
		(void)driver_request(bytes + 2, size - 2, 1 + take_u16(bytes, size, 0) % 4096);
	}
}

static void control(uint32_t code, uint32_t stream)
{
	if (driver_has_room(SOUND_QUEUE_CONTROL) && driver_control(code, stream) == SOUND_OK &&
	    code == SOUND_PCM_RELEASE) {
		vtr_assert(!driver_waits(stream));
	}
}

static void chain(const uint8_t *bytes, size_t size)
{
	const uint32_t queue = 2 + take_u16(bytes, size, 0) % 2;
	const uint32_t out = take_u16(bytes, size, 2) % DRIVER_ROOM;
	const uint32_t in = take_u16(bytes, size, 4) % DRIVER_ROOM;

	if (out + in > 0 && driver_has_room(queue)) {
		const uint16_t slot = driver_put(queue, out, in);
		if (size > 6) {
			memcpy(driver_out(queue, slot), bytes + 6, vtr_min(size - 6, 256));
		}
	}
}

static void restart(bool reset)
{
	driver_stop();
	driver_now_ns += 100 * MS;
	driver_start(reset);
}

static void run(uint8_t what, const uint8_t *bytes, size_t size)
{
	static const uint8_t samples[DRIVER_ROOM] = { 1, 2, 3 };
	const uint16_t first = take_u16(bytes, size, 0), second = take_u16(bytes, size, 2);
	struct vtr_audio_block block = { .time = first };
	uint8_t config[256];

	switch (what % KINDS) {
	case REQUEST:
		request(bytes, size);
		break;
	case CONTROL:
		control(SOUND_PCM_PREPARE + first % 4, second % (STREAMS + 1));
		break;
	case PARAMS:
		if (driver_has_room(SOUND_QUEUE_CONTROL)) {
			(void)driver_set_params(first % STREAMS, second & 31, second >> 5 & 15,
			                        second >> 9 & 3, 64);
		}
		break;
	case PLAY:
		if (driver_has_room(SOUND_QUEUE_TX)) {
			(void)driver_play(first % (STREAMS + 1), samples, second % DRIVER_ROOM);
		}
		break;
	case RECORD:
		if (driver_has_room(SOUND_QUEUE_RX)) {
			(void)driver_record(first % (STREAMS + 1), second % DRIVER_ROOM);
		}
		break;
	case CHAIN:
		chain(bytes, size);
		break;
	case PASS:
		driver_pass(first * (INT64_C(1) << second % 16));
		break;
	case LISTEN:
		vtr_audio_mixer_listen(mixer, (first & 1) != 0);
		break;
	case HEAR:
		memcpy(block.samples, bytes, vtr_min(size, sizeof(block.samples)));
		vtr_audio_mixer_microphone(mixer, &block);
		break;
	case PAUSE:
	case RESET:
		restart(what % KINDS == RESET);
		break;
	case CONFIG:
		driver_device->read_config(driver_device->data, first, config, second % sizeof(config));
		driver_device->write_config(driver_device->data, first, config, second % sizeof(config));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct vtr_audio_sink sink = { .block = on_block, .idle = on_idle };
	const struct vtr_audio_mixer_params params = { .page = &driver_page,
		                                       .listen = on_listen,
		                                       .speak = on_speak };

	driver_begin();
	vtr_assert(vtr_audio_mixer_create(&params, &mixer) == VTR_OK);
	vtr_audio_mixer_set_sink(mixer, &sink);
	driver_wake = on_wake;
	next_ns = 0;
	for (int i = 0; i < MAX_RECORDS && size >= 2; i++) {
		const size_t length = vtr_min(data[1], size - 2);

		run(data[0], data + 2, length);
		data += 2 + length;
		size -= 2 + length;
	}
	vtr_audio_mixer_listen(mixer, false);
	/* The longest that a driver can send: 64 messages of mono sound at 8 kHz in each queue. */
	driver_pass(400 * SECOND);
	vtr_assert(driver_next_ns() == INT64_MAX);
	driver_end();
	vtr_audio_mixer_destroy(mixer);
	return 0;
}
