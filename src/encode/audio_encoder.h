/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_AUDIO_ENCODER_H
#define ENCODE_AUDIO_ENCODER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Encodes sound by libavcodec: 48,000 stereo samples a second of signed 16 bits. Files, libraries and devices are
 * opened by vtr_audio_encoder_create() and never later, so that the process can enter the sandbox afterwards.
 *
 * Thread: one for each encoder; packets: any.
 */
struct vtr_audio_encoder;
struct vtr_log;

#define VTR_AUDIO_ENCODER_RATE 48000
#define VTR_AUDIO_ENCODER_CHANNELS 2

enum vtr_audio_codec {
	VTR_AUDIO_OPUS, /* packets of 20 ms, with the least delay */
	VTR_AUDIO_AAC, /* AAC-LC, for containers and servers that lack Opus; packets of 1024 samples */
};

/* Immutable once made. */
struct vtr_audio_packet {
	atomic_uint refs;
	uint32_t number; /* counts the encoder's packets, from 0 on; wraps around */
	int64_t time_ns; /* vtr_os_now_ns() at which the first decoded sample is to be heard */
	size_t size;
	uint8_t data[];
};

/* The longest packet; longer ones are dropped. */
#define VTR_AUDIO_MAX_PACKET 4000

struct vtr_audio_packet *vtr_audio_packet_ref(struct vtr_audio_packet *packet);
/* Accepts NULL. */
void vtr_audio_packet_unref(struct vtr_audio_packet *packet);

/* Owner: *out_encoder is the caller's. Returns: VTR_ERR_UNSUPPORTED (logged: libavcodec lacks the
 * encoder), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_audio_encoder_create(struct vtr_log *log, enum vtr_audio_codec codec,
                                                     struct vtr_audio_encoder **out_encoder);
/* Accepts NULL. */
void vtr_audio_encoder_destroy(struct vtr_audio_encoder *encoder);

/**
 * Takes samples. If they do not follow the last ones in time, what does not fill a packet yet is dropped.
 *
 * `time_ns`  vtr_os_now_ns() at which the first of them is to be heard
 * `count`    samples of each channel, less than 960
 * Owner:     *out_packet is a reference, the caller's.
 * Returns:   VTR_ERR_AGAIN (the samples were taken, and no packet has come out yet), VTR_ERR_UNSUPPORTED (the encoder
 *            has failed; logged), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_audio_encoder_encode(struct vtr_audio_encoder *encoder, int64_t time_ns,
                                                     const int16_t *samples, size_t count,
                                                     struct vtr_audio_packet **out_packet);

/* Ends the sound with silence, as far as it fills a packet: what is encoded later does not begin with the end of this
 * one. Owner: *out_packet is a reference, the caller's. Returns: as vtr_audio_encoder_encode(). */
VTR_MUST_CHECK enum vtr_err vtr_audio_encoder_finish(struct vtr_audio_encoder *encoder,
                                                     struct vtr_audio_packet **out_packet);

/* What a container says about the stream. `config`: the encoder's, valid until it is destroyed. */
struct vtr_audio_format {
	enum vtr_audio_codec codec;
	uint32_t bitrate; /* bits per second */
	uint32_t packet_samples; /* of each channel */
	uint32_t padding; /* samples that the first packet begins early */
	const uint8_t *config;
	size_t config_size;
};

void vtr_audio_encoder_describe(const struct vtr_audio_encoder *encoder, struct vtr_audio_format *out_format);

#endif
