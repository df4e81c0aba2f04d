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
 * reordering, key frames on demand.
 *
 * Thread: one for each encoder; access units: any.
 */
struct vtr_encoder;
struct vtr_log;

/* A picture in BT.709, limited range, 4:2:0: a plane of Y and one of interleaved U and V (NV12). Sides are
 * rounded up to even ones in memory; the odd row or column is a copy of its neighbour. Chroma is the mean
 * of the four pixels that it covers. */
struct vtr_yuv {
	uint32_t width, height; /* of the picture, may be odd */
	uint8_t *y, *uv;
	size_t y_stride, uv_stride;
};

/* One coded picture: Annex B, SPS and PPS in front of key frames. Immutable once made. */
struct vtr_access_unit {
	atomic_uint refs;
	uint64_t generation; /* of the display: another size is another one; begins with a key frame */
	uint64_t frame;      /* which the picture shows (struct vtr_board_frame) */
	int64_t captured_ns; /* when that frame was flushed (vtr_os_now_ns()) */
	int64_t coded_ns;    /* when this was ready */
	uint32_t width, height;
	bool key;
	size_t size;
	uint8_t data[];
};

/* Accepts NULL. */
void vtr_access_unit_unref(struct vtr_access_unit *unit);
struct vtr_access_unit *vtr_access_unit_ref(struct vtr_access_unit *unit);

/*
 * What a process codes with: the library, an encoder of it that works, and the device that this one needs.
 * Files, libraries and devices are opened here and never later, so that the process can lock itself in.
 */
struct vtr_codec;

/**
 * Chooses an encoder, which is only believed after it has coded a picture.
 *
 * `name`   "libx264", "h264_nvenc", ...; NULL: the first that works.
 * Owner:   *out_codec is the caller's, and outlives its encoders.
 * Returns: VTR_ERR_UNSUPPORTED (the one that was named is not there or does not work, or none does;
 *          which is logged), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_codec_open(struct vtr_log *log, const char *name,
                                           struct vtr_codec **out_codec);

/* Accepts NULL. */
void vtr_codec_close(struct vtr_codec *codec);

struct vtr_encoder_params {
	struct vtr_log *log;
	struct vtr_codec *codec;
	uint32_t width, height;
	uint32_t fps;         /* at most; for rate control */
	uint32_t bitrate;     /* bits per second */
	uint32_t threads;     /* of a software encoder; 0: one */
};

/**
 * Opens an encoder and has it code a picture. If the codec's choice does not take this size and was not
 * named by anybody, libx264 is used instead.
 *
 * Owner:   *out_encoder is the caller's.
 * Returns: VTR_ERR_UNSUPPORTED (it does not work, which is logged), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_encoder_create(const struct vtr_encoder_params *params,
                                               struct vtr_encoder **out_encoder);
/* Accepts NULL. */
void vtr_encoder_destroy(struct vtr_encoder *encoder);

const char *vtr_encoder_name(const struct vtr_encoder *encoder);

/* From the next picture on, which becomes a key frame where the encoder must be opened anew for it. */
void vtr_encoder_set_bitrate(struct vtr_encoder *encoder, uint32_t bitrate);

/**
 * Codes a picture of the encoder's size. The planes may be used again when this returns. An odd picture is
 * coded as the even one that it lies in: the unit's sides are those of the picture, and what decoders put
 * out may have a column or row more.
 *
 * Owner:   *out_unit is a reference, the caller's; generation, frame, captured_ns are the caller's to fill in.
 * Returns: VTR_ERR_UNSUPPORTED (the encoder has broken down), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_encoder_encode(struct vtr_encoder *encoder, const struct vtr_yuv *picture,
                                               bool key, struct vtr_access_unit **out_unit);

/* For `vitrine doctor`: the encoders that could be, best first, and whether each works here. */
struct vtr_encoder_report {
	const char *name;
	bool works;
	char why[120]; /* if not */
};

/* Returns: how many, up to `max`. Loads drivers: not in a process that must survive. */
size_t vtr_encoder_probe(struct vtr_encoder_report *reports, size_t max);

#endif
