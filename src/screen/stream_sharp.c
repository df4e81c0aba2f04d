/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include <inttypes.h>

#include "base/log.h"
#include "display/rect.h"
#include "screen/changes.h"
#include "screen/stream_state.h"

#define NEVER VTR_STREAM_NEVER
/* The least time between two repetitions of all patches, so that sinks that ask all the time cost no more than one. */
#define REPEAT_NS INT64_C(1000000000)
/* Interval of trying again while the guest draws over the frame. */
#define WRITING_NS INT64_C(5000000)

static void notify_changed(struct vtr_stream *stream, const struct vtr_rect *rect)
{
	struct vtr_sink *sink;

	pthread_mutex_lock(&stream->sinks_lock);
	vtr_list_for_each (sink, &stream->sinks, node) {
		if (sink->takes_patches) {
			sink->changed(sink->data, rect);
		}
	}
	pthread_mutex_unlock(&stream->sinks_lock);
}

static void deliver(struct vtr_stream *stream, struct vtr_patch *patch)
{
	struct vtr_sink *sink;

	pthread_mutex_lock(&stream->sinks_lock);
	vtr_list_for_each (sink, &stream->sinks, node) {
		if (sink->takes_patches && sink->synced) {
			sink->patch(sink->data, patch);
		}
	}
	pthread_mutex_unlock(&stream->sinks_lock);
}

void vtr_stream_sharp_follow(struct vtr_stream *stream, const struct vtr_stream_slot *old,
                             const struct vtr_stream_slot *slot)
{
	const uint32_t width = slot->buffer.yuv.width;
	const uint32_t height = slot->buffer.yuv.height;
	/* The damage lacks earlier changes if another user of the display took frames in between. */
	const bool partly = old && slot->damage_since <= old->frame;
	const struct vtr_rect rect = partly ? slot->damage : (struct vtr_rect){ 0, 0, width, height };

	if (!stream->makes_patches) {
		vtr_sharp_finish(&stream->sharp);
		return;
	}
	/* Many guests flush all of the picture when little has changed. A change that the converted pictures do not
	 * show is found when the patch is made. */
	const struct vtr_rect changed =
		partly ? vtr_changes_find(&old->buffer.yuv, &slot->buffer.yuv, &rect) : rect;
	if (!vtr_rect_is_empty(&changed)) {
		notify_changed(stream, &changed);
	}
	if (vtr_sharp_damage(&stream->sharp, width, height, &rect, &changed, vtr_os_now_ns()) != VTR_OK) {
		vtr_warn_limited(vtr_stream_log(stream), "display %u: no memory for sharp text",
		                 stream->display);
		vtr_sharp_finish(&stream->sharp);
	}
}

/* Makes the next patch, if there is something due. Returns: whether pixels were read while they changed. */
static bool make(struct vtr_stream *stream, int64_t now_ns)
{
	struct vtr_display_client *screen = stream->streams->params.screen;
	const struct vtr_stream_slot *kept = &stream->slots[stream->kept];
	struct vtr_patch *patch = NULL;
	struct vtr_frame_view view;

	if (vtr_display_client_open_view(screen, stream->display, &view) != VTR_OK) {
		return true;
	}
	bool same = view.frame.generation == kept->generation && view.frame.frame == kept->frame &&
	            view.frame.scanout.width == stream->sharp.width &&
	            view.frame.scanout.height == stream->sharp.height;
	/* Without memory, or without compression in this build, these blocks stay as they are. */
	enum vtr_err err = same ? vtr_sharp_make(&stream->sharp, &view, now_ns, &patch) : VTR_OK;
	same = vtr_display_client_close_view(screen, stream->display, &view, false) && same;
	if (!same) {
		vtr_patch_unref(patch);
		return true;
	}
	const int64_t took_ns = vtr_os_now_ns() - now_ns;
	vtr_sharp_keep(&stream->sharp, patch ? patch->size : 0, now_ns);
	if (err == VTR_OK && patch) {
		vtr_trace(vtr_stream_log(stream),
		          "display %u: frame %" PRIu64 ": patch of %ux%u, %zu bytes in %" PRId64 " us",
		          stream->display, patch->frame, patch->rect.width, patch->rect.height, patch->size,
		          took_ns / 1000);
		deliver(stream, patch);
	}
	pthread_mutex_lock(&stream->lock);
	stream->counters.patches += patch ? 1 : 0;
	stream->counters.patch_bytes += patch ? patch->size : 0;
	stream->counters.patch_ns += (uint64_t)took_ns;
	pthread_mutex_unlock(&stream->lock);
	vtr_patch_unref(patch);
	return false;
}

int64_t vtr_stream_sharp_step(struct vtr_stream *stream, int64_t now_ns)
{
	const struct vtr_stream_slot *kept = &stream->slots[stream->kept];
	int64_t again_ns = NEVER;

	if (!stream->makes_patches) {
		vtr_sharp_finish(&stream->sharp);
		return NEVER;
	}
	/* A unit that the encoder holds back comes first. */
	if (!stream->has_picture || stream->held_ns != NEVER) {
		return NEVER;
	}
	if (!stream->sharp.due_ns) {
		vtr_stream_sharp_follow(stream, NULL, kept);
	}
	if (stream->patches_pending && now_ns >= stream->repeat_ns) {
		stream->patches_pending = false;
		stream->repeat_ns = now_ns + REPEAT_NS;
		vtr_sharp_repeat(&stream->sharp);
	} else if (stream->patches_pending) {
		again_ns = stream->repeat_ns;
	}
	int64_t due_ns = vtr_sharp_due(&stream->sharp, stream->rate, now_ns);
	if (due_ns <= now_ns) {
		return make(stream, now_ns) ? now_ns + WRITING_NS : now_ns;
	}
	if (due_ns == VTR_SHARP_NEVER) {
		return again_ns;
	}
	return again_ns == NEVER || due_ns < again_ns ? due_ns : again_ns;
}
