/* SPDX-License-Identifier: MIT */
#include "screen/board.h"

#include <string.h>

#include "platform/thread.h"

/* How often a reader tries before it gives up: a write takes less than a microsecond. */
#define READ_TRIES 1000

#define NS_PER_SECOND INT64_C(1000000000)
#define MODE_CONNECTED (UINT64_C(1) << 32)
#define MODE_BITS 16

/* vtr_board_frame as it lies in the words of a slot. */
struct packed_frame {
	uint64_t generation;
	uint64_t frame;
	int64_t time_ns;
	uint64_t mark;
	int64_t mark_ns;
	uint64_t damage_since;
	uint64_t offset;
	uint32_t buffer;
	uint8_t lit, in_window, unused[2];
	uint32_t width, height;
	uint32_t stride, format;
	uint16_t damage[4]; /* clipped to the scanout, whose sides fit into 16 bits */
};

struct packed_cursor {
	uint32_t visible, unused;
	uint32_t hot_x, hot_y;
	uint32_t pixels[VTR_CURSOR_SIZE * VTR_CURSOR_SIZE];
};

_Static_assert(sizeof(struct packed_frame) == VTR_BOARD_FRAME_WORDS * sizeof(uint64_t),
               "a frame fills its words");
_Static_assert(sizeof(struct packed_cursor) == VTR_BOARD_CURSOR_WORDS * sizeof(uint64_t),
               "a cursor fills its words");

/*
 * Each word is stored with release order and loaded with acquire order (plain moves on x86), so that
 * neither can pass the counter on the wrong side.
 */
static void write_words(_Atomic uint32_t *count, _Atomic uint64_t *words, const void *from, size_t n)
{
	uint32_t old = atomic_load_explicit(count, memory_order_relaxed);

	atomic_store_explicit(count, old + 1, memory_order_relaxed);
	for (size_t i = 0; i < n; i++) {
		uint64_t value;
		memcpy(&value, (const char *)from + i * sizeof(value), sizeof(value));
		atomic_store_explicit(&words[i], value, memory_order_release);
	}
	atomic_store_explicit(count, old + 2, memory_order_release);
}

static enum vtr_err read_words(const _Atomic uint32_t *count, const _Atomic uint64_t *words, void *to,
                               size_t n, uint32_t *out_ticket)
{
	for (int i = 0; i < READ_TRIES; i++) {
		uint32_t before = atomic_load_explicit(count, memory_order_acquire);
		if (before % 2 == 0) {
			for (size_t j = 0; j < n; j++) {
				uint64_t value = atomic_load_explicit(&words[j], memory_order_acquire);
				memcpy((char *)to + j * sizeof(value), &value, sizeof(value));
			}
			if (atomic_load_explicit(count, memory_order_relaxed) == before) {
				*out_ticket = before;
				return VTR_OK;
			}
		}
		vtr_os_cpu_relax();
	}
	return VTR_ERR_AGAIN;
}

void vtr_board_publish(struct vtr_board *board, uint32_t display, const struct vtr_board_frame *frame)
{
	struct vtr_board_slot *slot = &board->slots[display];
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
		.lit = frame->lit,
		.in_window = scanout->in_window,
		.width = scanout->width,
		.height = scanout->height,
		.stride = scanout->stride,
		.format = scanout->format,
		.damage = { (uint16_t)frame->damage.x, (uint16_t)frame->damage.y,
		            (uint16_t)frame->damage.width, (uint16_t)frame->damage.height },
	};

	write_words(&slot->count, slot->words, &packed, VTR_BOARD_FRAME_WORDS);
	atomic_store_explicit(&slot->writing, 0, memory_order_release);
}

void vtr_board_set_writing(struct vtr_board *board, uint32_t display)
{
	atomic_store_explicit(&board->slots[display].writing, 1, memory_order_relaxed);
	/* Before any of the pixels. */
	atomic_thread_fence(memory_order_release);
}

void vtr_board_set_mode(struct vtr_board *board, uint32_t display, const struct vtr_board_mode *mode)
{
	uint64_t word = (mode->connected ? MODE_CONNECTED : 0) |
	                (uint64_t)(mode->width & UINT16_MAX) << MODE_BITS | (mode->height & UINT16_MAX);

	atomic_store_explicit(&board->slots[display].mode, word, memory_order_release);
}

void vtr_board_set_cursor(struct vtr_board *board, uint32_t display, const struct vtr_cursor *cursor)
{
	struct vtr_board_slot *slot = &board->slots[display];
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
	write_words(&slot->cursor_count, slot->cursor, &packed, VTR_BOARD_CURSOR_WORDS);
}

void vtr_board_move_cursor(struct vtr_board *board, uint32_t display, int32_t x, int32_t y)
{
	atomic_store_explicit(&board->slots[display].position, (uint64_t)(uint32_t)x << 32 | (uint32_t)y,
	                      memory_order_release);
}

void vtr_board_set_lights(struct vtr_board *board, uint32_t lights)
{
	atomic_store_explicit(&board->lights, lights, memory_order_release);
}

uint32_t vtr_board_read_lights(const struct vtr_board *board)
{
	return atomic_load_explicit(&board->lights, memory_order_acquire);
}

/* Both sides change the word, so one of them sees the other's change: either the writer finds the
 * reader asleep, or the reader, having said so, finds what was written. */
bool vtr_notes_must_ring(struct vtr_notes *notes)
{
	return atomic_exchange_explicit(&notes->asleep, 0, memory_order_acq_rel) != 0;
}

void vtr_notes_fall_asleep(struct vtr_notes *notes)
{
	atomic_exchange_explicit(&notes->asleep, 1, memory_order_acq_rel);
}

enum vtr_err vtr_board_read(const struct vtr_board *board, uint32_t display,
                            struct vtr_board_frame *out_frame)
{
	const struct vtr_board_slot *slot = &board->slots[display];
	struct packed_frame packed;
	uint32_t ticket;
	enum vtr_err err = read_words(&slot->count, slot->words, &packed, VTR_BOARD_FRAME_WORDS, &ticket);

	if (err != VTR_OK) {
		return err;
	}
	*out_frame = (struct vtr_board_frame){
		.generation = packed.generation,
		.frame = packed.frame,
		.time_ns = packed.time_ns,
		.mark = packed.mark,
		.mark_ns = packed.mark_ns,
		.lit = packed.lit != 0,
		.scanout = {
			.in_window = packed.in_window != 0,
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

bool vtr_board_is_current(const struct vtr_board *board, uint32_t display,
                          const struct vtr_board_frame *frame)
{
	const struct vtr_board_slot *slot = &board->slots[display];

	/* After all pixels. */
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&slot->writing, memory_order_acquire) == 0 &&
	       atomic_load_explicit(&slot->count, memory_order_relaxed) == frame->ticket;
}

double vtr_board_rate(const struct vtr_board_frame *frame, int64_t now_ns)
{
	if (frame->frame == 0 || now_ns - frame->time_ns > NS_PER_SECOND) {
		return 0;
	}
	if (frame->mark == frame->frame || frame->time_ns <= frame->mark_ns) {
		return 1; /* the only one */
	}
	return (double)(frame->frame - frame->mark) * (double)NS_PER_SECOND /
	       (double)(frame->time_ns - frame->mark_ns);
}

struct vtr_board_mode vtr_board_read_mode(const struct vtr_board *board, uint32_t display)
{
	uint64_t word = atomic_load_explicit(&board->slots[display].mode, memory_order_acquire);

	return (struct vtr_board_mode){
		.connected = (word & MODE_CONNECTED) != 0,
		.width = (uint32_t)(word >> MODE_BITS) & UINT16_MAX,
		.height = (uint32_t)word & UINT16_MAX,
	};
}

enum vtr_err vtr_board_read_cursor(const struct vtr_board *board, uint32_t display,
                                   struct vtr_board_cursor *out_cursor)
{
	const struct vtr_board_slot *slot = &board->slots[display];
	struct packed_cursor packed;
	uint64_t position;
	uint32_t ticket;
	enum vtr_err err =
		read_words(&slot->cursor_count, slot->cursor, &packed, VTR_BOARD_CURSOR_WORDS, &ticket);

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

void vtr_notes_take(struct vtr_notes *notes, uint32_t display, uint64_t frame)
{
	atomic_store_explicit(&notes->taken[display], frame, memory_order_release);
}
