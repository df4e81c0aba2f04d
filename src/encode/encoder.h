/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_ENCODER_H
#define ENCODE_ENCODER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * H.264 encoders behind one interface, for live pictures: one picture in, one access unit out, no
 * reordering, key frames on demand. Some hold units back until the next pictures go in.
 *
 * Thread: one for each encoder; access units: any.
 */
struct vtr_encoder;
struct vtr_log;

/* A picture in BT.709, limited range, 4:2:0: a plane of Y and one of interleaved U and V (NV12). In memory
 * the sides are rounded up to even numbers; the extra row or column is a copy of its neighbour. Chroma is the
 * mean of the four pixels that it covers. */
struct vtr_yuv {
	uint32_t width, height; /* of the picture, may be odd */
	uint8_t *y, *uv;
	size_t y_stride, uv_stride;
};

/* One coded picture: Annex B, SPS and PPS in front of key frames. Immutable once made. */
struct vtr_access_unit {
	atomic_uint refs;
	uint64_t number; /* of the call of vtr_encoder_encode() that had the picture, from 0 on */
	uint64_t generation; /* of the display; a new one for each size, from a key frame on */
	uint64_t frame; /* the frame that the picture shows (struct vtr_scanout_frame) */
	int64_t captured_ns; /* when that frame was flushed (vtr_os_now_ns()) */
	int64_t coded_ns; /* when encoding finished */
	uint32_t width, height;
	bool key;
	size_t size;
	uint8_t data[];
};

/* Whether this build has encoders and muxers. */
bool vtr_encoder_is_built(void);

/* Accepts NULL. */
void vtr_access_unit_unref(struct vtr_access_unit *unit);
struct vtr_access_unit *vtr_access_unit_ref(struct vtr_access_unit *unit);

/*
 * What a process encodes with: the library, a working encoder, and its device. Files, libraries and devices
 * are opened here and never later, so that the process can enter the sandbox afterwards.
 */
struct vtr_codec;

/**
 * Chooses an encoder. A candidate must encode a picture successfully.
 *
 * `name`   "libx264", "h264_nvenc", ...; NULL: the first that works.
 * Owner:   *out_codec is the caller's, and outlives its encoders.
 * Returns: VTR_ERR_UNSUPPORTED (the named one is missing or does not work, or none works; logged),
 *          VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_codec_open(struct vtr_log *log, const char *name,
                                           struct vtr_codec **out_codec);

/* Accepts NULL. */
void vtr_codec_close(struct vtr_codec *codec);

struct vtr_encoder_params {
	struct vtr_log *log;
	struct vtr_codec *codec;
	uint32_t width, height;
	uint32_t fps; /* the maximum; for rate control */
	uint32_t bitrate; /* bits per second */
	uint32_t threads; /* threads of a software encoder; 0: one */
};

/**
 * Opens an encoder and has it encode a picture. If the codec's encoder does not support this size and was not
 * named by the user, libx264 is used instead.
 *
 * Owner:   *out_encoder is the caller's.
 * Returns: VTR_ERR_UNSUPPORTED (it does not work; logged), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_encoder_create(const struct vtr_encoder_params *params,
                                               struct vtr_encoder **out_encoder);
/* Accepts NULL. */
void vtr_encoder_destroy(struct vtr_encoder *encoder);

const char *vtr_encoder_name(const struct vtr_encoder *encoder);

/* Applies from the next picture on. That is a key frame if the encoder must be reopened. */
void vtr_encoder_set_bitrate(struct vtr_encoder *encoder, uint32_t bitrate);

/* The most units that an encoder holds back. One that needs more has failed. */
#define VTR_ENCODER_MAX_HELD 8

/**
 * Encodes a picture of the encoder's size. The planes may be reused when this returns. A picture with an odd
 * side is encoded with the side rounded up: the unit has the picture's sides, and decoders may output one
 * more column or row.
 *
 * An encoder that holds units back outputs that of an earlier picture, whose number the unit has, or none. A caller
 * that has no new picture encodes the last one again until its unit has come. What is held back is lost when the
 * encoder is reopened for another bit rate.
 *
 * Owner:   *out_unit is a reference, the caller's; the caller fills in generation, frame, captured_ns.
 * Returns: VTR_ERR_AGAIN (the picture was taken, and no unit has come out yet), VTR_ERR_UNSUPPORTED (the encoder has
 *          failed), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_encoder_encode(struct vtr_encoder *encoder, const struct vtr_yuv *picture,
                                               bool key, struct vtr_access_unit **out_unit);

/* For `vitrine doctor`: one of the possible encoders, and whether it works here. */
struct vtr_encoder_report {
	const char *name;
	bool works;
	char why[120]; /* if it does not work */
};

/* Fills in the encoders in order of preference. Returns: how many, up to `max`. Loads drivers: not for a
 * process that must survive. */
size_t vtr_encoder_probe(struct vtr_encoder_report *reports, size_t max);

#endif
