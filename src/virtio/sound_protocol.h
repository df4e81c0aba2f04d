/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_SOUND_PROTOCOL_H
#define VIRTIO_SOUND_PROTOCOL_H

#include <stdint.h>

/* Messages between a virtio-snd driver and its device (virtio 1.3, 5.14). */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structures are used as they are");

#define SOUND_QUEUE_CONTROL 0u
#define SOUND_QUEUE_EVENT 1u
#define SOUND_QUEUE_TX 2u
#define SOUND_QUEUE_RX 3u
#define SOUND_QUEUE_COUNT 4u

struct sound_config {
	uint32_t jacks;
	uint32_t streams;
	uint32_t chmaps;
	uint32_t controls; /* 0: VIRTIO_SND_F_CTLS is not offered */
};

enum sound_code {
	SOUND_JACK_INFO = 0x0001,
	SOUND_JACK_REMAP = 0x0002,
	SOUND_PCM_INFO = 0x0100,
	SOUND_PCM_SET_PARAMS = 0x0101,
	SOUND_PCM_PREPARE = 0x0102,
	SOUND_PCM_RELEASE = 0x0103,
	SOUND_PCM_START = 0x0104,
	SOUND_PCM_STOP = 0x0105,
	SOUND_CHMAP_INFO = 0x0200,
	SOUND_OK = 0x8000,
	SOUND_BAD_MSG = 0x8001,
	SOUND_NOT_SUPP = 0x8002,
	SOUND_IO_ERR = 0x8003,
};

/* JACK_INFO, PCM_INFO, CHMAP_INFO */
struct sound_query {
	uint32_t code;
	uint32_t start_id;
	uint32_t count;
	uint32_t size; /* of one item of the answer */
};

struct sound_jack_info {
	uint32_t hda_node;
	uint32_t features;
	uint32_t hda_defaults;     /* the pin's default configuration, of High Definition Audio 7.3.3.31 */
	uint32_t hda_capabilities;
	uint8_t connected;
	uint8_t unused[7];
};

struct sound_pcm_info {
	uint32_t hda_node;
	uint32_t features;
	uint64_t formats; /* 1 << the value */
	uint64_t rates;
	uint8_t direction;
	uint8_t channels_min;
	uint8_t channels_max;
	uint8_t unused[5];
};

#define SOUND_CHMAP_SIZE 18

struct sound_chmap_info {
	uint32_t hda_node;
	uint8_t direction;
	uint8_t channels;
	uint8_t positions[SOUND_CHMAP_SIZE];
};

_Static_assert(sizeof(struct sound_jack_info) == 24 && sizeof(struct sound_pcm_info) == 32 &&
                       sizeof(struct sound_chmap_info) == 24,
               "virtio 1.3, 5.14.6");

/* PREPARE, RELEASE, START, STOP; SET_PARAMS begins like this. */
struct sound_pcm_request {
	uint32_t code;
	uint32_t stream;
};

struct sound_pcm_params {
	struct sound_pcm_request head;
	uint32_t buffer_bytes;
	uint32_t period_bytes;
	uint32_t features;
	uint8_t channels;
	uint8_t format;
	uint8_t rate;
	uint8_t unused;
};

_Static_assert(sizeof(struct sound_pcm_params) == 24, "virtio 1.3, 5.14.6.6.3");

/* At the end of a message in the tx or rx queue. */
struct sound_pcm_status {
	uint32_t status;
	uint32_t latency_bytes;
};

#define SOUND_OUTPUT 0
#define SOUND_INPUT 1

/* Rates are indexes of this table. */
#define SOUND_RATES \
	{ 5512, 8000, 11025, 16000, 22050, 32000, 44100, 48000, 64000, 88200, 96000, 176400, 192000, 384000 }
#define SOUND_RATE_48000 7

#define SOUND_POSITION_MONO 2
#define SOUND_POSITION_FRONT_LEFT 3
#define SOUND_POSITION_FRONT_RIGHT 4

/* Default devices of a pin, at their place in sound_jack_info.hda_defaults. */
#define SOUND_PIN_LINE_OUT (UINT32_C(0x0) << 20)
#define SOUND_PIN_MICROPHONE (UINT32_C(0xa) << 20)

#endif
