/* SPDX-License-Identifier: MIT */
/* In place of encoders and muxers in a build without them (meson option "encode"): the page shows pictures instead of
 * video, and the commands refuse the options that need an encoder. */
#include "base/log.h"
#include "encode/audio_encoder.h"
#include "encode/encoder.h"
#include "encode/mux.h"
#include "encode/sound_track.h"

bool vtr_encoder_is_built(void)
{
	return false;
}

enum vtr_err vtr_codec_open(struct vtr_log *log, const char *name, struct vtr_codec **out_codec)
{
	(void)name;
	(void)out_codec;
	vtr_log_write(log, VTR_LOG_WARN, "encode",
	              "this vitrine was built without video encoders: viewers get pictures");
	return VTR_ERR_UNSUPPORTED;
}

void vtr_codec_close(struct vtr_codec *codec)
{
	(void)codec;
}

enum vtr_err vtr_encoder_create(const struct vtr_encoder_params *params, struct vtr_encoder **out_encoder)
{
	(void)params;
	(void)out_encoder;
	return VTR_ERR_UNSUPPORTED;
}

void vtr_encoder_destroy(struct vtr_encoder *encoder)
{
	(void)encoder;
}

const char *vtr_encoder_name(const struct vtr_encoder *encoder)
{
	(void)encoder;
	return "none";
}

void vtr_encoder_set_bitrate(struct vtr_encoder *encoder, uint32_t bitrate)
{
	(void)encoder;
	(void)bitrate;
}

enum vtr_err vtr_encoder_encode(struct vtr_encoder *encoder, const struct vtr_yuv *picture, bool key,
                                struct vtr_access_unit **out_unit)
{
	(void)encoder;
	(void)picture;
	(void)key;
	(void)out_unit;
	return VTR_ERR_UNSUPPORTED;
}

size_t vtr_encoder_probe(struct vtr_encoder_report *reports, size_t max)
{
	(void)reports;
	(void)max;
	return 0;
}

enum vtr_err vtr_mux_kind_of_file(const char *name, enum vtr_mux_kind *out_kind)
{
	(void)name;
	(void)out_kind;
	return VTR_ERR_ARG;
}

enum vtr_err vtr_mux_kind_of_url(const char *url, enum vtr_mux_kind *out_kind)
{
	(void)url;
	(void)out_kind;
	return VTR_ERR_ARG;
}

enum vtr_err vtr_mux_load(struct vtr_log *log, enum vtr_mux_kind kind, struct vtr_mux **out_mux)
{
	(void)log;
	(void)kind;
	(void)out_mux;
	return VTR_ERR_UNSUPPORTED;
}

void vtr_mux_unload(struct vtr_mux *mux)
{
	(void)mux;
}

enum vtr_audio_codec vtr_mux_sound_codec(enum vtr_mux_kind kind)
{
	(void)kind;
	return VTR_AUDIO_AAC;
}

int64_t vtr_muxer_begin_ns(const struct vtr_muxer *muxer)
{
	(void)muxer;
	return 0;
}

enum vtr_err vtr_muxer_write_sound(struct vtr_muxer *muxer, const struct vtr_audio_packet *packet)
{
	(void)muxer;
	(void)packet;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_muxer_open(struct vtr_mux *mux, int fd, const char *url, const struct vtr_access_unit *first,
                            const struct vtr_audio_format *sound, struct vtr_muxer **out_muxer)
{
	(void)mux;
	(void)sound;
	(void)fd;
	(void)url;
	(void)first;
	(void)out_muxer;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_muxer_write(struct vtr_muxer *muxer, struct vtr_access_unit *unit)
{
	(void)muxer;
	(void)unit;
	return VTR_ERR_UNSUPPORTED;
}

int64_t vtr_muxer_safe_bytes(const struct vtr_muxer *muxer)
{
	(void)muxer;
	return 0;
}

enum vtr_err vtr_muxer_close(struct vtr_muxer *muxer, int64_t end_ns)
{
	(void)muxer;
	(void)end_ns;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_audio_encoder_create(struct vtr_log *log, enum vtr_audio_codec codec,
                                      struct vtr_audio_encoder **out_encoder)
{
	(void)log;
	(void)codec;
	(void)out_encoder;
	return VTR_ERR_UNSUPPORTED;
}

void vtr_audio_encoder_destroy(struct vtr_audio_encoder *encoder)
{
	(void)encoder;
}

enum vtr_err vtr_audio_encoder_encode(struct vtr_audio_encoder *encoder, int64_t time_ns,
                                      const int16_t *samples, size_t count,
                                      struct vtr_audio_packet **out_packet)
{
	(void)encoder;
	(void)time_ns;
	(void)samples;
	(void)count;
	(void)out_packet;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_audio_encoder_finish(struct vtr_audio_encoder *encoder, struct vtr_audio_packet **out_packet)
{
	(void)encoder;
	(void)out_packet;
	return VTR_ERR_UNSUPPORTED;
}

void vtr_audio_encoder_describe(const struct vtr_audio_encoder *encoder, struct vtr_audio_format *out_format)
{
	(void)encoder;
	(void)out_format;
}

enum vtr_err vtr_sound_track_create(struct vtr_log *log, enum vtr_mux_kind kind,
                                    struct vtr_sound_track **out_track)
{
	(void)log;
	(void)kind;
	(void)out_track;
	return VTR_ERR_UNSUPPORTED;
}

void vtr_sound_track_destroy(struct vtr_sound_track *track)
{
	(void)track;
}

void vtr_sound_track_describe(const struct vtr_sound_track *track, struct vtr_audio_format *out_format)
{
	(void)track;
	(void)out_format;
}

void vtr_sound_track_begin(struct vtr_sound_track *track, struct vtr_muxer *muxer)
{
	(void)track;
	(void)muxer;
}

enum vtr_err vtr_sound_track_add(struct vtr_sound_track *track, int64_t time_ns, const int16_t *samples,
                                 size_t count)
{
	(void)track;
	(void)time_ns;
	(void)samples;
	(void)count;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_sound_track_follow(struct vtr_sound_track *track, int64_t time_ns)
{
	(void)track;
	(void)time_ns;
	return VTR_ERR_UNSUPPORTED;
}
