/* SPDX-License-Identifier: MIT */
#include "display/scanout_page.h"

#include <string.h>

#include "base/mem.h"
#include "display/words.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define MODE_CONNECTED (UINT64_C(1) << 32)
#define MODE_BITS 16

/* struct vtr_scanout_frame as stored in the words of a slot. */
struct packed_frame {
	uint64_t generation;
	uint64_t frame;
	int64_t time_ns;
	uint64_t mark;
	int64_t mark_ns;
	uint64_t damage_since;
	uint64_t offset;
	uint32_t buffer;
	uint8_t active, in_hostmem, unused[2];
	uint32_t width, height;
	uint32_t stride, format;
	uint16_t damage[4]; /* clipped to the scanout, whose sides fit into 16 bits */
};

struct packed_cursor {
	uint32_t visible, unused;
	uint32_t hot_x, hot_y;
	uint32_t pixels[VTR_CURSOR_SIZE * VTR_CURSOR_SIZE];
};

_Static_assert(sizeof(struct packed_frame) == VTR_SCANOUT_PAGE_FRAME_WORDS * sizeof(uint64_t),
               "a frame fills its words");
_Static_assert(sizeof(struct packed_cursor) == VTR_SCANOUT_PAGE_CURSOR_WORDS * sizeof(uint64_t),
               "a cursor fills its words");

void vtr_scanout_page_publish(struct vtr_scanout_page *page, uint32_t display,
                              const struct vtr_scanout_frame *frame)
{
	struct vtr_scanout_slot *slot = &page->slots[display];
	const struct vtr_scanout *scanout = &frame->scanout;
	const struct packed_frame packed = {
		.generation = frame->generation,
		.frame = frame->frame,
		.time_ns = frame->time_ns,
		.mark = frame->mark,
		.mark_ns = frame->mark_ns,
		.damage_since = frame->damage_since,
		.offset = scanout->offset,
		.buffer = scanout->buffer,
		.active = frame->active,
		.in_hostmem = scanout->in_hostmem,
		.width = scanout->width,
		.height = scanout->height,
		.stride = scanout->stride,
		.format = scanout->format,
		.damage = { (uint16_t)frame->damage.x, (uint16_t)frame->damage.y,
		            (uint16_t)frame->damage.width, (uint16_t)frame->damage.height },
	};

	vtr_words_write(&slot->count, slot->words, &packed, VTR_SCANOUT_PAGE_FRAME_WORDS);
	atomic_store_explicit(&slot->writing, 0, memory_order_release);
}

void vtr_scanout_page_set_writing(struct vtr_scanout_page *page, uint32_t display)
{
	atomic_store_explicit(&page->slots[display].writing, 1, memory_order_relaxed);
	/* Before any write to the pixels. */
	atomic_thread_fence(memory_order_release);
}

void vtr_scanout_page_set_mode(struct vtr_scanout_page *page, uint32_t display,
                               const struct vtr_display_mode *mode)
{
	uint64_t word = (mode->connected ? MODE_CONNECTED : 0) |
	                (uint64_t)(mode->width & UINT16_MAX) << MODE_BITS | (mode->height & UINT16_MAX);

	atomic_store_explicit(&page->slots[display].mode, word, memory_order_release);
}

void vtr_scanout_page_set_cursor(struct vtr_scanout_page *page, uint32_t display,
                                 const struct vtr_cursor *cursor)
{
	struct vtr_scanout_slot *slot = &page->slots[display];
	struct packed_cursor packed;

	if (!cursor) {
		packed = (struct packed_cursor){ 0 };
	} else {
		packed.visible = 1;
		packed.unused = 0;
		packed.hot_x = cursor->hot_x;
		packed.hot_y = cursor->hot_y;
		memcpy(packed.pixels, cursor->pixels, sizeof(packed.pixels));
	}
	vtr_words_write(&slot->cursor_count, slot->cursor, &packed, VTR_SCANOUT_PAGE_CURSOR_WORDS);
}

void vtr_scanout_page_move_cursor(struct vtr_scanout_page *page, uint32_t display, int32_t x, int32_t y)
{
	atomic_store_explicit(&page->slots[display].position, (uint64_t)(uint32_t)x << 32 | (uint32_t)y,
	                      memory_order_release);
}

void vtr_scanout_page_set_lights(struct vtr_scanout_page *page, uint32_t lights)
{
	atomic_store_explicit(&page->lights, lights, memory_order_release);
}

uint32_t vtr_scanout_page_read_lights(const struct vtr_scanout_page *page)
{
	return atomic_load_explicit(&page->lights, memory_order_acquire);
}

/* Both sides change the word, so one of them sees the other's change: either the writer finds the reader
 * asleep, or the reader finds what was written after it went to sleep. */
bool vtr_scanout_acks_must_wake(struct vtr_scanout_acks *acks)
{
	return atomic_exchange_explicit(&acks->asleep, 0, memory_order_acq_rel) != 0;
}

void vtr_scanout_acks_await_flush(struct vtr_scanout_acks *acks)
{
	atomic_exchange_explicit(&acks->asleep, 1, memory_order_acq_rel);
}

bool vtr_scanout_acks_are_awaiting(const struct vtr_scanout_acks *acks)
{
	return atomic_load_explicit(&acks->asleep, memory_order_acquire) != 0;
}

enum vtr_err vtr_scanout_page_read(const struct vtr_scanout_page *page, uint32_t display,
                                   struct vtr_scanout_frame *out_frame)
{
	const struct vtr_scanout_slot *slot = &page->slots[display];
	struct packed_frame packed;
	uint32_t ticket;
	enum vtr_err err =
		vtr_words_read(&slot->count, slot->words, &packed, VTR_SCANOUT_PAGE_FRAME_WORDS, &ticket);

	if (err != VTR_OK) {
		return err;
	}
	*out_frame = (struct vtr_scanout_frame){
		.generation = packed.generation,
		.frame = packed.frame,
		.time_ns = packed.time_ns,
		.mark = packed.mark,
		.mark_ns = packed.mark_ns,
		.active = packed.active != 0,
		.scanout = {
			.in_hostmem = packed.in_hostmem != 0,
			.buffer = packed.buffer,
			.offset = packed.offset,
			.width = packed.width,
			.height = packed.height,
			.stride = packed.stride,
			.format = (enum vtr_pixel_format)packed.format,
		},
		.damage = { packed.damage[0], packed.damage[1], packed.damage[2], packed.damage[3] },
		.damage_since = packed.damage_since,
		.ticket = ticket,
	};
	return VTR_OK;
}

uint32_t vtr_scanout_page_count(const struct vtr_scanout_page *page)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < VTR_ARRAY_LEN(page->slots); i++) {
		sum += atomic_load_explicit(&page->slots[i].count, memory_order_acquire);
	}
	return sum;
}

bool vtr_scanout_page_is_current(const struct vtr_scanout_page *page, uint32_t display,
                                 const struct vtr_scanout_frame *frame)
{
	const struct vtr_scanout_slot *slot = &page->slots[display];

	/* After all reads of pixels. */
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&slot->writing, memory_order_acquire) == 0 &&
	       atomic_load_explicit(&slot->count, memory_order_relaxed) == frame->ticket;
}

double vtr_scanout_page_rate(const struct vtr_scanout_frame *frame, int64_t now_ns)
{
	if (frame->frame == 0 || now_ns - frame->time_ns > NS_PER_SECOND) {
		return 0;
	}
	if (frame->mark == frame->frame || frame->time_ns <= frame->mark_ns) {
		return 1; /* 0 means unset */
	}
	return (double)(frame->frame - frame->mark) * (double)NS_PER_SECOND /
	       (double)(frame->time_ns - frame->mark_ns);
}

struct vtr_display_mode vtr_scanout_page_read_mode(const struct vtr_scanout_page *page, uint32_t display)
{
	uint64_t word = atomic_load_explicit(&page->slots[display].mode, memory_order_acquire);

	return (struct vtr_display_mode){
		.connected = (word & MODE_CONNECTED) != 0,
		.width = (uint32_t)(word >> MODE_BITS) & UINT16_MAX,
		.height = (uint32_t)word & UINT16_MAX,
	};
}

enum vtr_err vtr_scanout_page_read_cursor(const struct vtr_scanout_page *page, uint32_t display,
                                          struct vtr_scanout_cursor *out_cursor)
{
	const struct vtr_scanout_slot *slot = &page->slots[display];
	struct packed_cursor packed;
	uint64_t position;
	uint32_t ticket;
	enum vtr_err err = vtr_words_read(&slot->cursor_count, slot->cursor, &packed,
	                                  VTR_SCANOUT_PAGE_CURSOR_WORDS, &ticket);

	if (err != VTR_OK) {
		return err;
	}
	position = atomic_load_explicit(&slot->position, memory_order_acquire);
	out_cursor->visible = packed.visible != 0;
	out_cursor->x = (int32_t)(uint32_t)(position >> 32);
	out_cursor->y = (int32_t)(uint32_t)position;
	out_cursor->ticket = ticket;
	out_cursor->image.hot_x = packed.hot_x;
	out_cursor->image.hot_y = packed.hot_y;
	memcpy(out_cursor->image.pixels, packed.pixels, sizeof(packed.pixels));
	return VTR_OK;
}

void vtr_scanout_acks_take(struct vtr_scanout_acks *acks, uint32_t display, uint64_t frame)
{
	atomic_store_explicit(&acks->taken[display], frame, memory_order_release);
}
