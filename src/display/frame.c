/* SPDX-License-Identifier: MIT */
#include "display/frame.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "display/pixels.h"
#include "platform/thread.h"

#define BYTES_PER_PIXEL 4

/* The largest scanout of the device. */
#define SIDE_MAX 16384

void vtr_picture_init(struct vtr_picture *picture)
{
	*picture = (struct vtr_picture){ 0 };
}

void vtr_picture_finish(struct vtr_picture *picture)
{
	free(picture->pixels);
	*picture = (struct vtr_picture){ 0 };
}

/* Returns: whether all rows lie within `size` bytes. */
static bool lies_within(const struct vtr_scanout *scanout, uint64_t size)
{
	uint64_t row = (uint64_t)scanout->width * BYTES_PER_PIXEL;

	/* Nothing below can overflow: sides have 15 bits, the stride 32. */
	if (scanout->width == 0 || scanout->width > SIDE_MAX || scanout->height == 0 ||
	    scanout->height > SIDE_MAX || scanout->stride < row || !vtr_pixels_format_name(scanout->format)) {
		return false;
	}
	uint64_t length = (uint64_t)(scanout->height - 1) * scanout->stride + row;
	return length <= size && scanout->offset <= size - length;
}

/* Checks that the frame can be read. */
static enum vtr_err check(const struct vtr_scanout *scanout, uint64_t size)
{
	if (!lies_within(scanout, size)) {
		return VTR_ERR_INVALID;
	}
	uint64_t bytes = (uint64_t)scanout->width * scanout->height * BYTES_PER_PIXEL;
	return bytes <= VTR_PICTURE_MAX_BYTES ? VTR_OK : VTR_ERR_LIMIT;
}

enum vtr_err vtr_frame_view_open(struct vtr_frame_view *view, const struct vtr_scanout_page *page,
                                 struct vtr_buffers *buffers, uint32_t display)
{
	struct vtr_scanout_frame frame;
	struct vtr_buffer *buffer;
	enum vtr_err err = vtr_scanout_page_read(page, display, &frame);

	if (err != VTR_OK) {
		return err;
	}
	if (!frame.active) {
		return VTR_ERR_GONE;
	}
	const struct vtr_scanout *scanout = &frame.scanout;
	err = vtr_buffers_ref(buffers, scanout->in_hostmem ? 0 : scanout->buffer, &buffer);
	if (err != VTR_OK) {
		return err;
	}
	err = check(scanout, buffer->size);
	if (err != VTR_OK) {
		vtr_buffers_unref(buffers, buffer);
		return err;
	}
	*view = (struct vtr_frame_view){
		.frame = frame,
		.pixels = buffer->map + scanout->offset,
		.buffer = buffer,
	};
	return VTR_OK;
}

bool vtr_frame_view_close(struct vtr_frame_view *view, const struct vtr_scanout_page *page,
                          struct vtr_buffers *buffers, uint32_t display)
{
	bool whole = vtr_scanout_page_is_current(page, display, &view->frame);

	vtr_buffers_unref(buffers, view->buffer);
	return whole;
}

static enum vtr_err make_room(struct vtr_picture *picture, const struct vtr_scanout *scanout)
{
	uint64_t size = (uint64_t)scanout->width * scanout->height * BYTES_PER_PIXEL;

	if (picture->capacity < size) {
		free(picture->pixels);
		picture->capacity = 0;
		picture->pixels = malloc((size_t)size);
		if (!picture->pixels) {
			return VTR_ERR_NOMEM;
		}
		picture->capacity = (size_t)size;
	}
	return VTR_OK;
}

static void copy_rows(struct vtr_picture *picture, const struct vtr_scanout *scanout, const uint8_t *from)
{
	size_t row = (size_t)scanout->width * BYTES_PER_PIXEL;

	if (scanout->stride == row) {
		memcpy(picture->pixels, from, row * scanout->height);
		return;
	}
	for (size_t y = 0; y < scanout->height; y++) {
		memcpy(picture->pixels + y * row, from + y * scanout->stride, row);
	}
}

/* Tries once. Returns: see vtr_picture_take(). */
static enum vtr_err copy_frame(struct vtr_picture *picture, const struct vtr_scanout_page *page,
                               struct vtr_buffers *buffers, uint32_t display)
{
	struct vtr_frame_view view;
	enum vtr_err err = vtr_frame_view_open(&view, page, buffers, display);

	if (err != VTR_OK) {
		return err;
	}
	err = make_room(picture, &view.frame.scanout);
	if (err == VTR_OK) {
		copy_rows(picture, &view.frame.scanout, view.pixels);
		picture->frame = view.frame;
		picture->tries++;
	}
	picture->torn = !vtr_frame_view_close(&view, page, buffers, display);
	return err;
}

enum vtr_err vtr_picture_take(struct vtr_picture *picture, const struct vtr_scanout_page *page,
                              struct vtr_buffers *buffers, uint32_t display, int64_t deadline_ns)
{
	enum vtr_err err;

	picture->torn = false;
	picture->tries = 0;
	for (;;) {
		err = copy_frame(picture, page, buffers, display);
		bool again = err == VTR_ERR_AGAIN || (err == VTR_OK && picture->torn);
		if (!again || vtr_os_now_ns() >= deadline_ns) {
			break;
		}
		/* The writer may need this CPU to finish. */
		vtr_os_yield();
	}
	/* A copy that may be torn is better than none. */
	return err == VTR_ERR_AGAIN && picture->tries > 0 ? VTR_OK : err;
}
