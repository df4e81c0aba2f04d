/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_SCANOUT_PAGE_H
#define DISPLAY_SCANOUT_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "display/types.h"

/*
 * The state that the front shows to display processes, in shared memory instead of messages: nothing is
 * queued for a slow reader, the newest frame wins, and a restarted process finds the complete state. The
 * front writes the page; a display process has it read-only. In the other direction go the acks, which the
 * front does not trust.
 *
 * A slot is a sequence lock: its counter is odd during a write. Its fields are atomic words, so a reader that
 * loses the race reads inconsistent data, and detects that.
 *
 * Thread: one writer for each page; any number of readers.
 */

/* A frame, or the state that the display is inactive. */
struct vtr_scanout_frame {
	uint64_t generation; /* changes with the size or format, and after the display was inactive */
	uint64_t frame;      /* counts the flushes of the display; 0: none yet */
	int64_t time_ns;     /* of the flush (vtr_os_now_ns()) */
	uint64_t mark;       /* an earlier frame, for calculating the rate */
	int64_t mark_ns;
	bool active;            /* false: the display is inactive, and the members below are undefined */
	struct vtr_scanout scanout;
	struct vtr_rect damage; /* everything that changed after frame `damage_since` */
	uint64_t damage_since;
	uint32_t ticket; /* set by vtr_scanout_page_read(), for vtr_scanout_page_is_current() */
};

struct vtr_display_mode {
	bool connected;
	uint32_t width, height; /* at most 65535 */
};

struct vtr_scanout_cursor {
	bool visible;
	int32_t x, y;    /* the hot spot, in pixels of the scanout; may lie outside */
	uint32_t ticket; /* changes with the image or the visibility */
	struct vtr_cursor image;
};

#define VTR_SCANOUT_PAGE_FRAME_WORDS 11
#define VTR_SCANOUT_PAGE_CURSOR_WORDS (2 + VTR_CURSOR_SIZE * VTR_CURSOR_SIZE / 2)

struct vtr_scanout_slot {
	_Alignas(64) _Atomic uint32_t count;
	_Atomic uint32_t writing; /* the front is changing the pixels */
	_Atomic uint64_t words[VTR_SCANOUT_PAGE_FRAME_WORDS];
	_Atomic uint64_t mode;
	_Atomic uint64_t position; /* of the cursor */
	_Atomic uint32_t cursor_count;
	_Atomic uint64_t cursor[VTR_SCANOUT_PAGE_CURSOR_WORDS];
};

struct vtr_scanout_page {
	struct vtr_scanout_slot slots[VTR_MAX_DISPLAYS];
	_Atomic uint32_t lights; /* keyboard lights that are on: enum vtr_light, or-ed */
};

/* Written by the display process. */
struct vtr_scanout_acks {
	_Atomic uint32_t asleep;                   /* ring the bell at the next flush */
	_Atomic uint64_t taken[VTR_MAX_DISPLAYS];  /* the newest frame whose damage was handled */
};

/* --- the writer ------------------------------------------------------------------------------------- */

/* Publishes the new state of a display; `ticket` is ignored. Ends what vtr_scanout_page_set_writing() began. */
void vtr_scanout_page_publish(struct vtr_scanout_page *page, uint32_t display,
                              const struct vtr_scanout_frame *frame);

/* The memory of the last published frame may change from now on; vtr_scanout_page_publish() follows. A copy
 * of the old frame that is in progress will be detected as torn. */
void vtr_scanout_page_set_writing(struct vtr_scanout_page *page, uint32_t display);

void vtr_scanout_page_set_mode(struct vtr_scanout_page *page, uint32_t display,
                               const struct vtr_display_mode *mode);

/* NULL: hidden. */
void vtr_scanout_page_set_cursor(struct vtr_scanout_page *page, uint32_t display,
                                 const struct vtr_cursor *cursor);

void vtr_scanout_page_move_cursor(struct vtr_scanout_page *page, uint32_t display, int32_t x, int32_t y);

/* `lights`: those that are on, enum vtr_light or-ed. */
void vtr_scanout_page_set_lights(struct vtr_scanout_page *page, uint32_t lights);

/* Returns: whether the display process asked to be woken. Call it after the change. */
bool vtr_scanout_acks_must_wake(struct vtr_scanout_acks *acks);

/* --- the reader ------------------------------------------------------------------------------------- */

/* Returns: VTR_ERR_AGAIN (it is written all the time, or the writer stopped in the middle). */
VTR_MUST_CHECK enum vtr_err vtr_scanout_page_read(const struct vtr_scanout_page *page, uint32_t display,
                                                  struct vtr_scanout_frame *out_frame);

/* Returns: whether nothing newer was published for the display, and its pixels have not begun to change,
 *          since `frame` was read. If so, all pixels that were copied before belong to the frame. */
bool vtr_scanout_page_is_current(const struct vtr_scanout_page *page, uint32_t display,
                                 const struct vtr_scanout_frame *frame);

/* Returns: a number that changes whenever a frame is published for any display. */
uint32_t vtr_scanout_page_count(const struct vtr_scanout_page *page);

/* Returns: frames per second, averaged over the last second or half of it. */
double vtr_scanout_page_rate(const struct vtr_scanout_frame *frame, int64_t now_ns);

struct vtr_display_mode vtr_scanout_page_read_mode(const struct vtr_scanout_page *page, uint32_t display);

/* Returns: VTR_ERR_AGAIN, as above. */
VTR_MUST_CHECK enum vtr_err vtr_scanout_page_read_cursor(const struct vtr_scanout_page *page,
                                                         uint32_t display,
                                                         struct vtr_scanout_cursor *out_cursor);

uint32_t vtr_scanout_page_read_lights(const struct vtr_scanout_page *page);

/* Asks to be woken by the next flush of any display. Check the scanout page once more after this call. */
void vtr_scanout_acks_await_flush(struct vtr_scanout_acks *acks);

/* Returns: whether no flush has answered vtr_scanout_acks_await_flush(), or it was called again since. */
bool vtr_scanout_acks_are_awaiting(const struct vtr_scanout_acks *acks);

/* The damage of `frame` has been handled. */
void vtr_scanout_acks_take(struct vtr_scanout_acks *acks, uint32_t display, uint64_t frame);

#endif
