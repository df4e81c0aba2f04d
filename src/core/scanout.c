/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "gpu"
#include "core/gpu_internal.h"

#include <inttypes.h>
#include <string.h>

#define BYTES_PER_PIXEL 4u

static uint32_t id_of(const struct vtr_gpu_resource *resource)
{
	return (uint32_t)resource->object.id;
}

bool vtr_gpu_format_is_known(uint32_t format)
{
	switch (format) {
	case VTR_FORMAT_B8G8R8A8:
	case VTR_FORMAT_B8G8R8X8:
	case VTR_FORMAT_A8R8G8B8:
	case VTR_FORMAT_X8R8G8B8:
	case VTR_FORMAT_R8G8B8A8:
	case VTR_FORMAT_X8B8G8R8:
	case VTR_FORMAT_A8B8G8R8:
	case VTR_FORMAT_R8G8B8X8:
		return true;
	default:
		return false;
	}
}

/* Returns: the offset of the rectangle's first pixel in the resource. */
static uint64_t first_byte(const struct vtr_gpu_scanout *scanout)
{
	return scanout->layout.offset + (uint64_t)scanout->rect.y * scanout->layout.stride +
	       (uint64_t)scanout->rect.x * BYTES_PER_PIXEL;
}

static void notify_display(struct vtr_gpu *gpu, uint32_t display)
{
	const struct vtr_gpu_scanout *scanout = &gpu->scanouts[display];
	const struct vtr_gpu_resource *resource = scanout->resource;

	if (!resource) {
		gpu->screen->set_scanout(gpu->screen_data, display, NULL);
		return;
	}
	struct vtr_scanout told = {
		.in_hostmem = resource->mapped,
		.buffer = resource->mapped ? 0 : vtr_gpu_image_memory_of(resource)->buffer,
		.offset = first_byte(scanout) +
		          (resource->mapped ? resource->hostmem_offset : resource->image.offset),
		.width = scanout->rect.width,
		.height = scanout->rect.height,
		.stride = scanout->layout.stride,
		.format = (enum vtr_pixel_format)scanout->layout.format,
	};
	gpu->screen->set_scanout(gpu->screen_data, display, &told);
}

/* Returns: whether the rectangle lies in width * height pixels and is large enough for a display. */
static bool rect_is_good(const struct vtr_rect *rect, uint32_t width, uint32_t height)
{
	return rect->width >= VTR_GPU_MIN_SCANOUT && rect->height >= VTR_GPU_MIN_SCANOUT &&
	       rect->x <= width && rect->width <= width - rect->x && rect->y <= height &&
	       rect->height <= height - rect->y;
}

static bool layout_is_good(const struct vtr_gpu_resource *resource, const struct vtr_rect *rect,
                           const struct vtr_gpu_layout *layout)
{
	if (!vtr_gpu_format_is_known(layout->format) || layout->width > VTR_GPU_MAX_SIDE ||
	    layout->height > VTR_GPU_MAX_SIDE || !rect_is_good(rect, layout->width, layout->height) ||
	    layout->stride < layout->width * BYTES_PER_PIXEL || layout->stride % BYTES_PER_PIXEL != 0 ||
	    layout->offset % BYTES_PER_PIXEL != 0) {
		return false;
	}
	/* No product of these overflows: stride has 32 bits, sides 15. */
	uint64_t bytes = (uint64_t)layout->stride * (rect->y + rect->height - 1) +
	                 (uint64_t)(rect->x + rect->width) * BYTES_PER_PIXEL;
	return bytes <= resource->size && layout->offset <= resource->size - bytes;
}

static bool same(const struct vtr_gpu_scanout *a, const struct vtr_gpu_scanout *b)
{
	return a->resource == b->resource && memcmp(&a->rect, &b->rect, sizeof(a->rect)) == 0 &&
	       a->layout.width == b->layout.width && a->layout.height == b->layout.height &&
	       a->layout.stride == b->layout.stride && a->layout.offset == b->layout.offset &&
	       a->layout.format == b->layout.format;
}

static void show(struct vtr_gpu *gpu, uint32_t display, const struct vtr_gpu_scanout *scanout)
{
	if (!same(&gpu->scanouts[display], scanout)) {
		gpu->scanouts[display] = *scanout;
		notify_display(gpu, display);
	}
}

enum vtr_err vtr_gpu_scanout_set(struct vtr_gpu *gpu, uint32_t display, struct vtr_gpu_resource *resource,
                                 const struct vtr_rect *rect)
{
	vtr_assert(display < gpu->display_count);
	if (resource->kind != VTR_GPU_KIND_2D || !rect_is_good(rect, resource->width, resource->height)) {
		vtr_warn_limited(gpu->log, "display %u cannot show %ux%u+%u+%u of resource %u (%ux%u)",
		                 display, rect->width, rect->height, rect->x, rect->y, id_of(resource),
		                 resource->width, resource->height);
		return VTR_ERR_INVALID;
	}
	struct vtr_gpu_scanout scanout = {
		.resource = resource,
		.rect = *rect,
		.layout = {
			.width = resource->width,
			.height = resource->height,
			.stride = resource->width * BYTES_PER_PIXEL,
			.format = resource->format,
		},
		.fresh = true,
	};
	show(gpu, display, &scanout);
	return VTR_OK;
}

enum vtr_err vtr_gpu_scanout_set_blob(struct vtr_gpu *gpu, uint32_t display,
                                      struct vtr_gpu_resource *resource, const struct vtr_rect *rect,
                                      const struct vtr_gpu_layout *layout)
{
	vtr_assert(display < gpu->display_count);
	if (resource->kind == VTR_GPU_KIND_2D || !layout_is_good(resource, rect, layout) ||
	    (resource->mappable && !resource->mapped)) {
		vtr_warn_limited(gpu->log,
		                 "display %u cannot show %ux%u+%u+%u of resource %u (%" PRIu64 " bytes) "
		                 "as %ux%u, format %u, stride %u, offset %" PRIu64 "%s",
		                 display, rect->width, rect->height, rect->x, rect->y, id_of(resource),
		                 resource->size, layout->width, layout->height, layout->format,
		                 layout->stride, layout->offset,
		                 resource->mappable && !resource->mapped ? ": it is not mapped" : "");
		return VTR_ERR_INVALID;
	}
	if (resource->kind == VTR_GPU_KIND_GUEST && resource->image.size == 0) {
		enum vtr_err err = vtr_gpu_image_init(resource);
		if (err != VTR_OK) {
			return err;
		}
	}
	struct vtr_gpu_scanout scanout = {
		.resource = resource,
		.rect = *rect,
		.layout = *layout,
		.fresh = true,
	};
	show(gpu, display, &scanout);
	return VTR_OK;
}

void vtr_gpu_scanout_off(struct vtr_gpu *gpu, uint32_t display)
{
	vtr_assert(display < gpu->display_count);
	show(gpu, display, &(struct vtr_gpu_scanout){ 0 });
}

void vtr_gpu_scanout_touch(const struct vtr_gpu_resource *resource)
{
	const struct vtr_gpu *gpu = resource->gpu;

	for (uint32_t i = 0; i < gpu->display_count; i++) {
		if (gpu->scanouts[i].resource == resource && !gpu->scanouts[i].fresh) {
			gpu->screen->touch(gpu->screen_data, i);
		}
	}
}

void vtr_gpu_scanout_forget(struct vtr_gpu_resource *resource)
{
	struct vtr_gpu *gpu = resource->gpu;

	for (uint32_t i = 0; i < gpu->display_count; i++) {
		if (gpu->scanouts[i].resource == resource) {
			vtr_gpu_scanout_off(gpu, i);
		}
	}
}

/* Returns the part of [start, start + size) in [0, limit), relative to `origin`. */
static void clip(uint32_t start, uint32_t size, uint32_t origin, uint32_t limit, uint32_t *out_start,
                 uint32_t *out_size)
{
	uint64_t end = (uint64_t)start + size;
	uint64_t from = start > origin ? start - origin : 0;
	uint64_t to = end > origin ? end - origin : 0;

	to = to < limit ? to : limit;
	from = from < to ? from : to;
	*out_start = (uint32_t)from;
	*out_size = (uint32_t)(to - from);
}

/* Copies the rows of `damage` (in pixels of the scanout) from a guest blob to its image. */
static enum vtr_err copy_damage(struct vtr_gpu *gpu, const struct vtr_gpu_scanout *scanout,
                                const struct vtr_rect *damage)
{
	struct vtr_gpu_resource *resource = scanout->resource;
	uint64_t offset = first_byte(scanout) + (uint64_t)damage->y * scanout->layout.stride +
	                  (uint64_t)damage->x * BYTES_PER_PIXEL;

	return vtr_gpu_backing_read(gpu, &resource->backing, offset, scanout->layout.stride,
	                            vtr_gpu_resource_bytes(resource, offset),
	                            (uint64_t)damage->width * BYTES_PER_PIXEL, damage->height);
}

static enum vtr_err flush_display(struct vtr_gpu *gpu, uint32_t display, const struct vtr_rect *rect)
{
	struct vtr_gpu_scanout *scanout = &gpu->scanouts[display];
	struct vtr_rect damage;

	clip(rect->x, rect->width, scanout->rect.x, scanout->rect.width, &damage.x, &damage.width);
	clip(rect->y, rect->height, scanout->rect.y, scanout->rect.height, &damage.y, &damage.height);
	if (scanout->fresh) {
		/* Changes made while the display showed another resource are unknown. */
		damage = (struct vtr_rect){
			.width = scanout->rect.width,
			.height = scanout->rect.height,
		};
	}
	if (damage.width == 0 || damage.height == 0) {
		return VTR_OK;
	}
	if (scanout->resource->kind == VTR_GPU_KIND_GUEST) {
		gpu->screen->touch(gpu->screen_data, display);
		enum vtr_err err = copy_damage(gpu, scanout, &damage);
		if (err != VTR_OK) {
			return err;
		}
	}
	scanout->fresh = false;
	gpu->screen->flush(gpu->screen_data, display, &damage);
	return VTR_OK;
}

enum vtr_err vtr_gpu_flush(struct vtr_gpu_resource *resource, const struct vtr_rect *rect, bool *out_shown)
{
	struct vtr_gpu *gpu = resource->gpu;
	enum vtr_err result = VTR_OK;
	bool shown = false;

	for (uint32_t i = 0; i < gpu->display_count; i++) {
		if (gpu->scanouts[i].resource == resource) {
			enum vtr_err err = flush_display(gpu, i, rect);
			result = err != VTR_OK ? err : result;
			shown = true;
		}
	}
	*out_shown = shown;
	return result;
}

/* Copies the part of the cursor's image that exists; the rest is transparent. */
static void read_cursor(struct vtr_gpu *gpu, struct vtr_gpu_resource *resource)
{
	bool is_2d = resource->kind == VTR_GPU_KIND_2D;
	uint32_t width = is_2d ? resource->width : VTR_CURSOR_SIZE;
	uint32_t height = is_2d ? resource->height : VTR_CURSOR_SIZE;
	uint32_t stride = width * BYTES_PER_PIXEL;
	uint32_t columns = width < VTR_CURSOR_SIZE ? width : VTR_CURSOR_SIZE;
	uint32_t rows = height < VTR_CURSOR_SIZE ? height : VTR_CURSOR_SIZE;

	memset(gpu->cursor.pixels, 0, sizeof(gpu->cursor.pixels));
	if ((uint64_t)stride * rows > resource->size || (resource->mappable && !resource->mapped)) {
		vtr_warn_limited(gpu->log,
		                 "resource %u cannot be a cursor: it is too small or not "
		                 "mapped",
		                 id_of(resource));
		return;
	}
	for (uint32_t y = 0; y < rows; y++) {
		uint8_t *row = (uint8_t *)&gpu->cursor.pixels[y * VTR_CURSOR_SIZE];
		uint64_t offset = (uint64_t)y * stride;
		if (resource->kind != VTR_GPU_KIND_GUEST) {
			memcpy(row, vtr_gpu_resource_bytes(resource, offset), columns * BYTES_PER_PIXEL);
		} else if (vtr_gpu_backing_read(gpu, &resource->backing, offset, 0, row,
		                                columns * BYTES_PER_PIXEL, 1) != VTR_OK) {
			return;
		}
	}
}

void vtr_gpu_cursor_set(struct vtr_gpu *gpu, uint32_t display, struct vtr_gpu_resource *resource,
                        uint32_t hot_x, uint32_t hot_y)
{
	vtr_assert(display < gpu->display_count);
	if (!resource) {
		gpu->screen->set_cursor(gpu->screen_data, display, NULL);
		return;
	}
	read_cursor(gpu, resource);
	gpu->cursor.hot_x = hot_x;
	gpu->cursor.hot_y = hot_y;
	gpu->screen->set_cursor(gpu->screen_data, display, &gpu->cursor);
}

void vtr_gpu_cursor_move(struct vtr_gpu *gpu, uint32_t display, int32_t x, int32_t y)
{
	vtr_assert(display < gpu->display_count);
	gpu->screen->move_cursor(gpu->screen_data, display, x, y);
}
