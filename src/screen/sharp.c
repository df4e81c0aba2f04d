/* SPDX-License-Identifier: MIT */
#include "screen/sharp.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "display/rect.h"
#include "screen/png.h"
#include "screen/sharp_pixels.h"

#define NS_PER_S INT64_C(1000000000)
#define BLOCK VTR_SHARP_BLOCK
/* Of one patch: three rows of blocks at 1280 pixels. One row of blocks may have more. */
#define PATCH_PIXELS (64u << 10)
/* Bits of the video for each byte of patches: half of the bit rate. */
#define BITS_PER_BYTE 16

struct vtr_patch *vtr_patch_ref(struct vtr_patch *patch)
{
	atomic_fetch_add(&patch->refs, 1);
	return patch;
}

void vtr_patch_unref(struct vtr_patch *patch)
{
	if (patch && atomic_fetch_sub(&patch->refs, 1) == 1) {
		free(patch->png);
		free(patch);
	}
}

/* --- blocks ------------------------------------------------------------------------------------------ */

void vtr_sharp_finish(struct vtr_sharp *sharp)
{
	free(sharp->due_ns);
	free(sharp->sent);
	free(sharp->fresh);
	free(sharp->rgba);
	*sharp = (struct vtr_sharp){ .credit = sharp->credit, .credit_ns = sharp->credit_ns };
}

/* Returns: the most rows of blocks of a patch. */
static uint32_t rows_of_patch(uint32_t width)
{
	return vtr_max(PATCH_PIXELS / (width * BLOCK), 1u);
}

static enum vtr_err resize(struct vtr_sharp *sharp, uint32_t width, uint32_t height)
{
	uint32_t columns = (width + BLOCK - 1) / BLOCK;
	uint32_t rows = (height + BLOCK - 1) / BLOCK;
	int64_t *due_ns = calloc((size_t)columns * rows, sizeof(*due_ns));
	uint64_t *sent = calloc((size_t)columns * rows, sizeof(*sent));
	uint64_t *fresh = calloc((size_t)columns * rows_of_patch(width), sizeof(*fresh));

	if (!due_ns || !sent || !fresh) {
		free(due_ns);
		free(sent);
		free(fresh);
		return VTR_ERR_NOMEM;
	}
	free(sharp->due_ns);
	free(sharp->sent);
	free(sharp->fresh);
	sharp->due_ns = due_ns;
	sharp->sent = sent;
	sharp->fresh = fresh;
	sharp->width = width;
	sharp->height = height;
	sharp->columns = columns;
	sharp->rows = rows;
	sharp->next_ns = VTR_SHARP_NEVER;
	return VTR_OK;
}

static bool touches(const struct vtr_rect *rect, uint32_t column, uint32_t row)
{
	return rect->x < (column + 1) * BLOCK && rect->x + rect->width > column * BLOCK &&
	       rect->y < (row + 1) * BLOCK && rect->y + rect->height > row * BLOCK;
}

enum vtr_err vtr_sharp_damage(struct vtr_sharp *sharp, uint32_t width, uint32_t height,
                              const struct vtr_rect *rect, const struct vtr_rect *changed, int64_t now_ns)
{
	const struct vtr_rect all = { 0, 0, width, height };
	const int64_t due_ns = now_ns + VTR_SHARP_STILL_NS;

	if (sharp->width != width || sharp->height != height) {
		enum vtr_err err = resize(sharp, width, height);
		if (err != VTR_OK) {
			return err;
		}
		rect = changed = &all;
	}
	if (vtr_rect_is_empty(rect)) {
		return VTR_OK;
	}
	for (uint32_t row = rect->y / BLOCK; row <= (rect->y + rect->height - 1) / BLOCK; row++) {
		for (uint32_t i = rect->x / BLOCK; i <= (rect->x + rect->width - 1) / BLOCK; i++) {
			const size_t block = (size_t)row * sharp->columns + i;
			const bool differs = touches(changed, i, row);
			if (differs || sharp->due_ns[block] == VTR_SHARP_NEVER) {
				sharp->due_ns[block] = due_ns;
			}
			sharp->sent[block] = differs ? 0 : sharp->sent[block];
		}
	}
	sharp->next_ns = vtr_min(sharp->next_ns, due_ns);
	return VTR_OK;
}

void vtr_sharp_repeat(struct vtr_sharp *sharp)
{
	for (size_t i = 0; i < (size_t)sharp->columns * sharp->rows; i++) {
		sharp->due_ns[i] = sharp->due_ns[i] == VTR_SHARP_NEVER ? 0 : sharp->due_ns[i];
		sharp->sent[i] = 0;
	}
	sharp->next_ns = sharp->due_ns ? 0 : VTR_SHARP_NEVER;
}

/* --- the budget -------------------------------------------------------------------------------------- */

/* It never exceeds what one second gives. Spending more than there is, which one patch can do, delays the next one. */
static void earn(struct vtr_sharp *sharp, int64_t per_second, int64_t now_ns)
{
	const int64_t elapsed_ns = vtr_min(now_ns - sharp->credit_ns, 60 * NS_PER_S);
	const int64_t earned = per_second * (elapsed_ns / 1000) / (NS_PER_S / 1000);

	if (sharp->credit_ns == 0 || sharp->credit + earned >= per_second) {
		sharp->credit = per_second;
		sharp->credit_ns = now_ns;
	} else if (earned > 0) {
		sharp->credit += earned;
		sharp->credit_ns = now_ns;
	}
}

int64_t vtr_sharp_due(struct vtr_sharp *sharp, uint32_t bitrate, int64_t now_ns)
{
	const int64_t per_second = vtr_max(bitrate / BITS_PER_BYTE, 1u);

	if (!sharp->due_ns || sharp->next_ns == VTR_SHARP_NEVER) {
		return VTR_SHARP_NEVER;
	}
	earn(sharp, per_second, now_ns);
	if (sharp->credit > 0) {
		return sharp->next_ns;
	}
	int64_t wait_ns = (-sharp->credit + 1) * (NS_PER_S / 1000) / per_second * 1000 + NS_PER_S / 1000;
	return vtr_max(sharp->next_ns, now_ns + wait_ns);
}

/* --- patches ----------------------------------------------------------------------------------------- */

static bool row_is_due(const struct vtr_sharp *sharp, uint32_t row, int64_t now_ns)
{
	const int64_t *blocks = sharp->due_ns + (size_t)row * sharp->columns;

	for (uint32_t i = 0; i < sharp->columns; i++) {
		if (blocks[i] <= now_ns) {
			return true;
		}
	}
	return false;
}

static struct vtr_rect find_block(const struct vtr_sharp *sharp, uint32_t column, uint32_t row)
{
	const struct vtr_rect rect = { column * BLOCK, row * BLOCK, BLOCK, BLOCK };

	return vtr_rect_clip(&rect, sharp->width, sharp->height);
}

/* FNV-1a by words: viewers must not miss a change by chance, and who makes one on purpose fools only its own picture.
 * Returns: never 0. */
static uint64_t hash_block(const uint8_t *rgba, size_t row_bytes, const struct vtr_rect *block)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t y = 0; y < block->height; y++) {
		for (size_t x = 0; x < block->width; x++) {
			uint32_t pixel;
			memcpy(&pixel, rgba + y * row_bytes + x * 4, sizeof(pixel));
			hash = (hash ^ pixel) * UINT64_C(0x100000001b3);
		}
	}
	return hash == 0 ? 1 : hash;
}

/* Copies a block, unless viewers do not need it. *hash: of what viewers have, and will have. Returns: whether it was
 * copied. */
static bool copy_block(struct vtr_sharp *sharp, const struct vtr_frame_view *view,
                       const struct vtr_rect *block, uint64_t *hash)
{
	const struct vtr_scanout *scanout = &view->frame.scanout;
	const uint8_t *pixels = view->pixels + (size_t)block->y * scanout->stride + (size_t)block->x * 4;
	const size_t row_bytes = (size_t)sharp->width * 4;
	uint8_t *rgba = sharp->rgba + (block->y - sharp->first * BLOCK) * row_bytes + (size_t)block->x * 4;

	if (*hash == 0 &&
	    !vtr_sharp_has_edge(pixels, scanout->stride, block->width, block->height, scanout->format)) {
		return false;
	}
	vtr_sharp_copy(rgba, row_bytes, pixels, scanout->stride, block->width, block->height,
	               scanout->format);
	const uint64_t fresh = hash_block(rgba, row_bytes, block);
	if (fresh != *hash) {
		*hash = fresh;
		return true;
	}
	for (size_t y = 0; y < block->height; y++) {
		memset(rgba + y * row_bytes, 0, (size_t)block->width * 4);
	}
	return false;
}

/* Copies due blocks that viewers need. Returns: the rectangle around them. */
static struct vtr_rect copy_blocks(struct vtr_sharp *sharp, const struct vtr_frame_view *view, int64_t now_ns)
{
	const size_t first = (size_t)sharp->first * sharp->columns;
	struct vtr_rect around = { 0 };

	for (uint32_t i = 0; i < sharp->count * sharp->columns; i++) {
		const struct vtr_rect block =
			find_block(sharp, i % sharp->columns, sharp->first + i / sharp->columns);
		sharp->fresh[i] = sharp->sent[first + i];
		if (sharp->due_ns[first + i] <= now_ns && copy_block(sharp, view, &block, &sharp->fresh[i])) {
			around = vtr_rect_join(&around, &block);
		}
	}
	return around;
}

/* Provides a transparent picture of the rows of blocks. */
static enum vtr_err clear_rgba(struct vtr_sharp *sharp)
{
	const size_t size = (size_t)sharp->count * BLOCK * sharp->width * 4;

	if (sharp->rgba_capacity < size) {
		free(sharp->rgba);
		sharp->rgba = malloc(size);
		sharp->rgba_capacity = sharp->rgba ? size : 0;
	}
	if (!sharp->rgba) {
		return VTR_ERR_NOMEM;
	}
	memset(sharp->rgba, 0, size);
	return VTR_OK;
}

static enum vtr_err encode(const struct vtr_sharp *sharp, const struct vtr_frame_view *view,
                           const struct vtr_rect *rect, struct vtr_patch **out_patch)
{
	const size_t row_bytes = (size_t)sharp->width * 4;
	const uint8_t *rgba = sharp->rgba + (rect->y - sharp->first * BLOCK) * row_bytes +
	                      (size_t)rect->x * 4;
	struct vtr_patch *patch = malloc(sizeof(*patch));

	if (!patch) {
		return VTR_ERR_NOMEM;
	}
	*patch = (struct vtr_patch){
		.generation = view->frame.generation,
		.frame = view->frame.frame,
		.rect = *rect,
	};
	atomic_init(&patch->refs, 1);
	enum vtr_err err =
		vtr_png_encode_rgba(rgba, row_bytes, rect->width, rect->height, &patch->png, &patch->size);
	if (err != VTR_OK) {
		free(patch);
		return err;
	}
	*out_patch = patch;
	return VTR_OK;
}

enum vtr_err vtr_sharp_make(struct vtr_sharp *sharp, const struct vtr_frame_view *view, int64_t now_ns,
                            struct vtr_patch **out_patch)
{
	vtr_assert(view->frame.scanout.width == sharp->width && view->frame.scanout.height == sharp->height);
	*out_patch = NULL;
	sharp->first = 0;
	while (sharp->first < sharp->rows && !row_is_due(sharp, sharp->first, now_ns)) {
		sharp->first++;
	}
	sharp->count = (uint32_t)vtr_min(rows_of_patch(sharp->width), sharp->rows - sharp->first);
	if (sharp->count == 0) {
		return VTR_OK;
	}
	enum vtr_err err = clear_rgba(sharp);
	if (err != VTR_OK) {
		return err;
	}
	struct vtr_rect rect = copy_blocks(sharp, view, now_ns);
	return vtr_rect_is_empty(&rect) ? VTR_OK : encode(sharp, view, &rect, out_patch);
}

void vtr_sharp_keep(struct vtr_sharp *sharp, size_t size, int64_t now_ns)
{
	const size_t first = (size_t)sharp->first * sharp->columns;

	for (size_t i = 0; i < (size_t)sharp->count * sharp->columns; i++) {
		sharp->due_ns[first + i] = sharp->due_ns[first + i] <= now_ns ? VTR_SHARP_NEVER :
		                                                                sharp->due_ns[first + i];
		sharp->sent[first + i] = sharp->fresh[i];
	}
	sharp->next_ns = VTR_SHARP_NEVER;
	for (size_t i = 0; i < (size_t)sharp->rows * sharp->columns; i++) {
		sharp->next_ns = vtr_min(sharp->next_ns, sharp->due_ns[i]);
	}
	sharp->credit -= (int64_t)size;
}
