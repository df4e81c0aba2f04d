/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "encode"
#include "encode/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define WHY_BYTES 120

/* Large enough for all hardware, which also has lower limits. */
#define PROBE_WIDTH 640
#define PROBE_HEIGHT 480
#define PROBE_FPS 60
#define PROBE_BITRATE 4000000

/* In order of preference. */
static const struct vtr_encoder_family *const families[] = {
	&vtr_encoder_nvenc,        &vtr_encoder_vulkan, &vtr_encoder_vaapi,
	&vtr_encoder_videotoolbox, &vtr_encoder_x264,
};

static void close_device(struct vtr_codec *codec)
{
	codec->av.av_buffer_unref(&codec->device);
}

static enum vtr_err open_device(struct vtr_codec *codec, char *why)
{
	enum AVHWDeviceType type = codec->family->device;

	if (type == AV_HWDEVICE_TYPE_NONE) {
		return VTR_OK;
	}
	int result = codec->av.av_hwdevice_ctx_create(&codec->device, type, NULL, NULL, 0);
	if (result < 0) {
		vtr_av_explain(&codec->av, result, why, WHY_BYTES);
		return VTR_ERR_UNSUPPORTED;
	}
	return VTR_OK;
}

/* Makes `family` the codec's family, if it works. */
static enum vtr_err try_family(struct vtr_codec *codec, const struct vtr_encoder_family *family, char *why)
{
	const struct vtr_encoder_params params = {
		.codec = codec,
		.width = PROBE_WIDTH,
		.height = PROBE_HEIGHT,
		.fps = PROBE_FPS,
		.bitrate = PROBE_BITRATE,
	};
	struct vtr_encoder *encoder;

	codec->family = family;
	if (!codec->av.avcodec_find_encoder_by_name(family->name)) {
		snprintf(why, WHY_BYTES, "this libavcodec was built without it");
		return VTR_ERR_UNSUPPORTED;
	}
	enum vtr_err err = open_device(codec, why);
	if (err == VTR_OK) {
		err = vtr_encoder_try(&params, family, why, WHY_BYTES, &encoder);
	}
	if (err != VTR_OK) {
		close_device(codec);
		return err;
	}
	vtr_encoder_destroy(encoder);
	return VTR_OK;
}

/* Returns: VTR_ERR_UNSUPPORTED; `why` says why the last family that was tried does not work. */
static enum vtr_err choose(struct vtr_codec *codec, struct vtr_log *log, const char *name, char *why)
{
	enum vtr_err err = VTR_ERR_UNSUPPORTED;

	snprintf(why, WHY_BYTES, "vitrine has no encoder of that name");
	for (size_t i = 0; i < VTR_ARRAY_LEN(families); i++) {
		if (name && strcmp(name, families[i]->name) != 0) {
			continue;
		}
		err = try_family(codec, families[i], why);
		if (err != VTR_ERR_UNSUPPORTED) {
			break;
		}
		vtr_debug(log, "not %s: %s", families[i]->name, why);
	}
	return err;
}

bool vtr_encoder_is_built(void)
{
	return true;
}

enum vtr_err vtr_codec_open(struct vtr_log *log, const char *name, struct vtr_codec **out_codec)
{
	struct vtr_codec *codec = calloc(1, sizeof(*codec));
	char why[WHY_BYTES];

	if (!codec) {
		return VTR_ERR_NOMEM;
	}
	codec->named = name != NULL;
	enum vtr_err err = vtr_av_load(&codec->av, why, sizeof(why));
	if (err == VTR_OK) {
		err = choose(codec, log, name, why);
	}
	if (err == VTR_ERR_UNSUPPORTED) {
		vtr_error(
			log,
			"cannot encode video: %s%s%s. Viewers get single pictures instead. 'vitrine doctor' "
			"examines the encoders",
			name ? name : "", name ? ": " : "", why);
	}
	if (err != VTR_OK) {
		free(codec);
		return err;
	}
	vtr_info(log, "video is encoded by %s", codec->family->name);
	*out_codec = codec;
	return VTR_OK;
}

void vtr_codec_close(struct vtr_codec *codec)
{
	if (codec) {
		close_device(codec);
		free(codec);
	}
}

size_t vtr_encoder_probe(struct vtr_encoder_report *reports, size_t max)
{
	size_t count = vtr_min(max, VTR_ARRAY_LEN(families));
	struct vtr_codec codec = { 0 };
	char why[WHY_BYTES] = "";
	enum vtr_err loaded = vtr_av_load(&codec.av, why, sizeof(why));

	for (size_t i = 0; i < count; i++) {
		struct vtr_encoder_report *report = &reports[i];
		*report = (struct vtr_encoder_report){ .name = families[i]->name };
		if (loaded == VTR_OK) {
			report->works = try_family(&codec, families[i], why) == VTR_OK;
			close_device(&codec);
		}
		if (!report->works) {
			snprintf(report->why, sizeof(report->why), "%s", why);
		}
	}
	return count;
}
