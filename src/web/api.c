/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "display/client.h"
#include "display/metrics_page.h"
#include "display/pixels.h"
#include "display/sound_page.h"
#include "platform/thread.h"
#include "screen/snapshot.h"
#include "screen/stream.h"
#include "web/mode_request.h"
#include "web/session.h"

#define NS_PER_SECOND 1e9

/* A body that is written to a stream in memory. */
struct body {
	FILE *file;
	char *bytes;
	size_t size;
};

static enum vtr_err begin(struct body *body)
{
	*body = (struct body){ 0 };
	body->file = open_memstream(&body->bytes, &body->size);
	return body->file ? VTR_OK : VTR_ERR_NOMEM;
}

static enum vtr_err finish(struct body *body, unsigned status, const char *type,
                           struct vtr_response *out_response)
{
	bool failed = ferror(body->file) != 0;

	if (fclose(body->file) != 0 || failed) {
		free(body->bytes);
		return VTR_ERR_NOMEM;
	}
	*out_response = (struct vtr_response){
		.status = status,
		.type = type,
		.bytes = body->bytes,
		.size = body->size,
		.owned = body->bytes,
	};
	return VTR_OK;
}

enum vtr_err vtr_web_fail(unsigned status, const char *what, struct vtr_response *out_response)
{
	struct body body;
	enum vtr_err err = begin(&body);

	if (err != VTR_OK) {
		return err;
	}
	struct vtr_json json = { .file = body.file };
	vtr_json_open(&json, NULL, '{');
	vtr_json_text(&json, "error", what);
	vtr_json_close(&json, '}');
	return finish(&body, status, "application/json", out_response);
}

static void add_display(struct vtr_json *json, uint32_t number, const struct vtr_display_info *info)
{
	const struct vtr_scanout_frame *frame = &info->frame;
	const char *format = vtr_pixels_format_name(frame->scanout.format);

	vtr_json_open(json, NULL, '{');
	vtr_json_number(json, "number", number);
	vtr_json_bool(json, "connected", info->mode.connected);
	vtr_json_open(json, "mode", '{');
	vtr_json_number(json, "width", info->mode.width);
	vtr_json_number(json, "height", info->mode.height);
	vtr_json_close(json, '}');
	vtr_json_bool(json, "lit", frame->active);
	if (frame->active) {
		vtr_json_number(json, "width", frame->scanout.width);
		vtr_json_number(json, "height", frame->scanout.height);
		vtr_json_text(json, "format", format ? format : "?");
	}
	vtr_json_number(json, "generation", frame->generation);
	vtr_json_number(json, "frame", frame->frame);
	vtr_json_number(json, "frames_seen", info->seen);
	vtr_json_number(json, "frames_replaced", info->replaced);
	vtr_json_format(json, "frames_per_second", "%.1f", info->rate);
	vtr_json_close(json, '}');
}

bool vtr_web_is_used(const struct vtr_display_info *info)
{
	return info->mode.connected || info->mode.width != 0 || info->frame.frame != 0;
}

/* Begins an object with one list, of which each entry has one line. Returns: VTR_ERR_NOMEM. */
static enum vtr_err begin_list(struct body *body, struct vtr_json *out_json, const char *name)
{
	enum vtr_err err = begin(body);

	if (err == VTR_OK) {
		*out_json = (struct vtr_json){ .file = body->file, .lines = 2 };
		vtr_json_open(out_json, NULL, '{');
		vtr_json_open(out_json, name, '[');
	}
	return err;
}

static enum vtr_err finish_list(struct body *body, struct vtr_json *json, struct vtr_response *out_response)
{
	vtr_json_close(json, ']');
	vtr_json_close(json, '}');
	return finish(body, HTTP_STATUS_OK, "application/json", out_response);
}

enum vtr_err vtr_web_list_displays(struct vtr_web *web, struct vtr_response *out_response)
{
	struct vtr_display_info info;
	struct vtr_json json;
	struct body body;
	enum vtr_err err = begin_list(&body, &json, "displays");

	if (err != VTR_OK) {
		return err;
	}
	for (uint32_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		if (vtr_display_client_describe(web->screen, i, &info) == VTR_OK && vtr_web_is_used(&info)) {
			add_display(&json, i, &info);
		}
	}
	return finish_list(&body, &json, out_response);
}

enum vtr_err vtr_web_list_links(struct vtr_web *web, struct vtr_response *out_response)
{
	const int64_t now_ns = vtr_os_now_ns();
	struct vtr_json json;
	struct body body;
	enum vtr_err err = begin_list(&body, &json, "links");

	if (err != VTR_OK) {
		return err;
	}
	for (size_t i = 0; web->links.page && i < VTR_LINKS_MAX; i++) {
		const struct vtr_link *link = &web->links.page->links[i];
		const uint32_t kind = atomic_load(&link->kind);
		if (kind == VTR_TOKEN_WRONG || link->expires_ns <= now_ns) {
			continue;
		}
		vtr_json_open(&json, NULL, '{');
		vtr_json_number(&json, "number", link->id);
		vtr_json_bool(&json, "controls", kind == VTR_TOKEN_CONTROL);
		vtr_json_number(&json, "seconds",
		                (uint64_t)(link->expires_ns - now_ns) / UINT64_C(1000000000));
		vtr_json_number(&json, "viewers", vtr_web_count_viewers(web, link->id));
		vtr_json_format(&json, "token", "\"%.*s\"", VTR_TOKEN_LENGTH, link->token);
		vtr_json_close(&json, '}');
	}
	return finish_list(&body, &json, out_response);
}

/* --- metrics ----------------------------------------------------------------------------------------- */

static void add_head(FILE *file, const char *name, const char *type, const char *help)
{
	fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static double read_display(const struct vtr_display_info *info, int what)
{
	switch (what) {
	case 0:
		return info->mode.connected;
	case 1:
		return (double)info->frame.frame;
	case 2:
		return (double)info->seen;
	case 3:
		return (double)info->replaced;
	default:
		return info->rate;
	}
}

static void add_display_metrics(FILE *file, struct vtr_web *web)
{
	static const struct {
		const char *name, *type, *labels, *help;
	} metrics[] = {
		{ "vitrine_display_connected", "gauge", "", "Whether the guest sees a monitor." },
		{ "vitrine_display_frames_total", "counter", "", "Frames that the guest presented." },
		{ "vitrine_display_frames_seen_total", "counter", "",
		  "Frames of which a picture was taken." },
		{ "vitrine_display_frames_dropped_total", "counter", ",reason=\"replaced\"",
		  "Frames that were gone before a picture of them could be taken." },
		{ "vitrine_display_frame_rate", "gauge", "", "Frames per second, over the last second." },
	};
	struct vtr_display_info info[VTR_MAX_DISPLAYS];
	bool used[VTR_MAX_DISPLAYS];

	for (uint32_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		used[i] = vtr_display_client_describe(web->screen, i, &info[i]) == VTR_OK &&
		          vtr_web_is_used(&info[i]);
	}
	for (size_t m = 0; m < VTR_ARRAY_LEN(metrics); m++) {
		add_head(file, metrics[m].name, metrics[m].type, metrics[m].help);
		for (uint32_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
			if (used[i]) {
				fprintf(file, "%s{display=\"%u\"%s} %.15g\n", metrics[m].name, i,
				        metrics[m].labels, read_display(&info[i], (int)m));
			}
		}
	}
}

static uint64_t load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add_snapshot_metrics(FILE *file, const struct vtr_snapshot_counters *counters)
{
	add_head(file, "vitrine_stills_total", "counter", "Pictures that were asked for.");
	fprintf(file,
	        "vitrine_stills_total{result=\"made\"} %llu\n"
	        "vitrine_stills_total{result=\"reused\"} %llu\n"
	        "vitrine_stills_total{result=\"failed\"} %llu\n",
	        (unsigned long long)load(&counters->made), (unsigned long long)load(&counters->reused),
	        (unsigned long long)load(&counters->failed));
	add_head(file, "vitrine_stills_bytes", "gauge",
	         "Size of the files that are being sent, or are kept for the next request.");
	fprintf(file, "vitrine_stills_bytes %llu\n", (unsigned long long)load(&counters->bytes));
	add_head(file, "vitrine_stills_torn_total", "counter",
	         "Pictures that may show parts of several frames.");
	fprintf(file, "vitrine_stills_torn_total %llu\n", (unsigned long long)load(&counters->torn));
	add_head(file, "vitrine_frame_copies_total", "counter",
	         "Copies of whole frames, by what they were made for.");
	fprintf(file, "vitrine_frame_copies_total{stage=\"still\"} %llu\n",
	        (unsigned long long)load(&counters->copies));
	add_head(file, "vitrine_stage_seconds_total", "counter",
	         "Time spent, by stage; for pictures, divide by those made.");
	fprintf(file,
	        "vitrine_stage_seconds_total{stage=\"still_copy\"} %.6f\n"
	        "vitrine_stage_seconds_total{stage=\"still_convert\"} %.6f\n"
	        "vitrine_stage_seconds_total{stage=\"still_encode\"} %.6f\n",
	        (double)load(&counters->copy_ns) / NS_PER_SECOND,
	        (double)load(&counters->convert_ns) / NS_PER_SECOND,
	        (double)load(&counters->encode_ns) / NS_PER_SECOND);
}

static double read_stream(const struct vtr_stream_counters *counters, int what)
{
	switch (what) {
	case 0:
		return (double)counters->coded;
	case 1:
		return (double)counters->keys;
	case 2:
		return (double)counters->refined;
	case 3:
		return (double)counters->bytes;
	case 4:
		return (double)counters->dropped;
	case 5:
		return (double)counters->retaken;
	case 6:
		return (double)counters->torn;
	case 7:
		return (double)counters->convert_ns / NS_PER_SECOND;
	case 8:
		return (double)counters->encode_ns / NS_PER_SECOND;
	case 9:
		return counters->viewers;
	case 10:
		return (double)counters->patches;
	case 11:
		return (double)counters->patch_bytes;
	case 12:
		return (double)counters->patch_ns / NS_PER_SECOND;
	default:
		return counters->encoder ? counters->bitrate : 0;
	}
}

/* Only displays that were ever viewed. */
static void add_video_metrics(FILE *file, struct vtr_web *web)
{
	static const struct {
		const char *name, *type, *help;
	} metrics[] = {
		{ "vitrine_video_pictures_total", "counter", "Pictures that were coded." },
		{ "vitrine_video_keys_total", "counter", "Key frames among them." },
		{ "vitrine_video_refined_total", "counter", "Those that were coded for sharpness." },
		{ "vitrine_video_bytes_total", "counter", "Their bytes, each counted once." },
		{ "vitrine_video_dropped_total", "counter",
		  "Frames that were replaced before they could be taken." },
		{ "vitrine_video_retaken_total", "counter",
		  "Frames that changed while they were converted, and were thrown away." },
		{ "vitrine_video_torn_total", "counter", "Frames that were shown although they changed." },
		{ "vitrine_video_convert_seconds_total", "counter", "Time spent converting." },
		{ "vitrine_video_encode_seconds_total", "counter", "Time spent coding." },
		{ "vitrine_video_sinks", "gauge", "Viewers, recordings and servers." },
		{ "vitrine_video_patches_total", "counter",
		  "Lossless patches of what stays still, for sharp text." },
		{ "vitrine_video_patch_bytes_total", "counter", "Their bytes, each counted once." },
		{ "vitrine_video_patch_seconds_total", "counter", "Time spent making them." },
		{ "vitrine_video_bitrate", "gauge", "Bits per second that it may have; 0: nothing runs." },
	};
	struct vtr_stream_counters counters[VTR_MAX_DISPLAYS];

	for (uint32_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		vtr_stream_count(vtr_streams_get(web->streams, i), &counters[i]);
	}
	for (size_t m = 0; m < VTR_ARRAY_LEN(metrics); m++) {
		add_head(file, metrics[m].name, metrics[m].type, metrics[m].help);
		for (uint32_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
			if (counters[i].coded > 0) {
				fprintf(file, "%s{display=\"%u\"} %.15g\n", metrics[m].name, i,
				        read_stream(&counters[i], (int)m));
			}
		}
	}
}

static void add_http_metrics(FILE *file, const struct vtr_web *web)
{
	static const char *const reasons[VTR_WEB_REFUSAL_COUNT] = {
		[VTR_WEB_REFUSED_HOST] = "host",       [VTR_WEB_REFUSED_ORIGIN] = "origin",
		[VTR_WEB_REFUSED_REQUEST] = "request", [VTR_WEB_REFUSED_FULL] = "full",
		[VTR_WEB_REFUSED_SLOW] = "slow",       [VTR_WEB_REFUSED_TOKEN] = "token",
		[VTR_WEB_REFUSED_VIEW] = "view",
	};

	add_head(file, "vitrine_http_connections", "gauge", "Connections that are open.");
	fprintf(file, "vitrine_http_connections %zu\n", web->session_count);
	add_head(file, "vitrine_http_requests_total", "counter", "Requests, refused ones included.");
	fprintf(file, "vitrine_http_requests_total %llu\n", (unsigned long long)web->counters.requests);
	add_head(file, "vitrine_viewers", "gauge", "Viewers that have shown a token.");
	fprintf(file, "vitrine_viewers %zu\n", web->viewer_count);
	add_head(file, "vitrine_viewer_units_total", "counter", "Coded pictures sent to viewers.");
	fprintf(file, "vitrine_viewer_units_total %llu\n", (unsigned long long)web->counters.units);
	add_head(file, "vitrine_viewer_bytes_total", "counter", "Bytes of those.");
	fprintf(file, "vitrine_viewer_bytes_total %llu\n", (unsigned long long)web->counters.unit_bytes);
	add_head(file, "vitrine_viewer_patches_total", "counter", "Lossless patches sent to viewers.");
	fprintf(file, "vitrine_viewer_patches_total %llu\n", (unsigned long long)web->counters.patches);
	add_head(file, "vitrine_viewer_patch_bytes_total", "counter", "Bytes of those.");
	fprintf(file, "vitrine_viewer_patch_bytes_total %llu\n",
	        (unsigned long long)web->counters.patch_bytes);
	add_head(file, "vitrine_viewer_inputs_total", "counter",
	         "Keys, motions and turns of the wheel that viewers have sent.");
	fprintf(file, "vitrine_viewer_inputs_total %llu\n", (unsigned long long)web->counters.inputs);
	add_head(file, "vitrine_http_refused_total", "counter",
	         "Requests and connections that were refused.");
	for (size_t i = 0; i < VTR_WEB_REFUSAL_COUNT; i++) {
		fprintf(file, "vitrine_http_refused_total{reason=\"%s\"} %llu\n", reasons[i],
		        (unsigned long long)web->counters.refused[i]);
	}
}

static void add_sound_metrics(FILE *file, const struct vtr_sound_page *page)
{
	struct vtr_sound_counters counters;

	vtr_sound_page_read_counters(page, &counters);
	add_head(file, "vitrine_sound_streams", "gauge", "Streams of the guest that run.");
	fprintf(file, "vitrine_sound_streams{kind=\"playing\"} %u\n", vtr_sound_page_playing(page));
	fprintf(file, "vitrine_sound_streams{kind=\"recording\"} %u\n", vtr_sound_page_capturing(page));
	add_head(file, "vitrine_sound_late_total", "counter",
	         "Times that the guest was late for a running stream.");
	fprintf(file, "vitrine_sound_late_total{kind=\"playing\"} %llu\n",
	        (unsigned long long)counters.underruns);
	fprintf(file, "vitrine_sound_late_total{kind=\"recording\"} %llu\n",
	        (unsigned long long)counters.overruns);
	add_head(file, "vitrine_sound_refused_total", "counter",
	         "Requests and messages of the guest with errors.");
	fprintf(file, "vitrine_sound_refused_total %llu\n", (unsigned long long)counters.refused);
}

/* Of the front, which has written them. */
static void add_other_metrics(FILE *file, const struct vtr_metrics_page *metrics)
{
	vtr_autofree char *text = NULL;
	size_t size = 0;

	if (vtr_metrics_page_read(metrics, &text, &size) == VTR_OK) {
		fwrite(text, 1, size, file);
	}
}

enum vtr_err vtr_web_list_metrics(struct vtr_web *web, struct vtr_response *out_response)
{
	struct body body;
	enum vtr_err err = begin(&body);

	if (err != VTR_OK) {
		return err;
	}
	if (web->metrics) {
		add_other_metrics(body.file, web->metrics);
	} else {
		add_display_metrics(body.file, web);
		add_video_metrics(body.file, web);
		add_snapshot_metrics(body.file, vtr_snapshots_counters(web->snapshots));
		if (web->sound_page) {
			add_sound_metrics(body.file, web->sound_page);
		}
	}
	add_http_metrics(body.file, web);
	return finish(&body, HTTP_STATUS_OK, "text/plain; version=0.0.4", out_response);
}

/* --- mode requests ------------------------------------------------------------------------------------- */

/* Fills in missing members of the request from the display's mode. Returns: NULL, or what is wrong. */
static const char *complete_mode(const struct vtr_mode_request *request, struct vtr_display_mode *mode)
{
	if (!request->has_connected && !request->has_width && !request->has_height) {
		return "it takes width and height, or connected";
	}
	if (request->has_width != request->has_height) {
		return "width and height go together";
	}
	if (request->has_width) {
		mode->width = request->width;
		mode->height = request->height;
	}
	mode->connected = request->has_connected ? request->connected : true;
	if (mode->connected && !vtr_mode_fits(mode->width, mode->height)) {
		return VTR_MODE_LIMITS;
	}
	return NULL;
}

enum vtr_err vtr_web_request_mode(struct vtr_web *web, uint32_t display, const char *request_text,
                                  size_t size, struct vtr_response *out_response)
{
	struct vtr_display_info info;
	struct vtr_mode_request request;
	struct body body;
	const char *wrong = NULL;

	if (vtr_mode_request_parse(request_text, size, &request) != VTR_OK) {
		wrong = "it takes a JSON object with width and height, or connected, and no more";
	} else if (vtr_display_client_describe(web->screen, display, &info) != VTR_OK) {
		return vtr_web_fail(HTTP_STATUS_SERVICE_UNAVAILABLE, "try again", out_response);
	} else {
		wrong = complete_mode(&request, &info.mode);
	}
	if (wrong) {
		return vtr_web_fail(HTTP_STATUS_BAD_REQUEST, wrong, out_response);
	}
	if (vtr_display_client_ask_mode(web->screen, display, &info.mode) != VTR_OK) {
		return vtr_web_fail(HTTP_STATUS_SERVICE_UNAVAILABLE,
		                    "too many such requests at once; try again", out_response);
	}
	/* The guest decides; /api/displays shows the result. */
	enum vtr_err err = begin(&body);
	if (err != VTR_OK) {
		return err;
	}
	struct vtr_json json = { .file = body.file };
	vtr_json_open(&json, NULL, '{');
	vtr_json_open(&json, "asked", '{');
	vtr_json_bool(&json, "connected", info.mode.connected);
	vtr_json_number(&json, "width", info.mode.width);
	vtr_json_number(&json, "height", info.mode.height);
	vtr_json_close(&json, '}');
	vtr_json_close(&json, '}');
	return finish(&body, 202, "application/json", out_response);
}
