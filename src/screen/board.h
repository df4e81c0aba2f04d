/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_BOARD_H
#define SCREEN_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"

/*
 * What the front tells the screen process, as a state in shared memory instead of as messages: nothing
 * is queued for a slow reader, the newest frame wins, and a screen process that is started again finds
 * everything where it was. The front writes the board; the screen process has it read-only. What the
 * screen process says to the front is in the notes, of which the front believes nothing.
 *
 * A slot is a sequence lock: odd while it is written. Its fields are atomic words, so a reader that
 * loses the race reads nonsense and notices, no more.
 *
 * Thread: one writer for each page; any number of readers.
 */

/* A frame, or darkness. */
struct vtr_board_frame {
	uint64_t generation; /* another one: another size or format, or it was dark in between */
	uint64_t frame;      /* counts the flushes of the display; 0: there was none yet */
	int64_t time_ns;     /* of the flush (vtr_os_now_ns()) */
	uint64_t mark;       /* an earlier frame, by which the rate can be told */
	int64_t mark_ns;
	bool lit;            /* false: shows nothing; what follows is void */
	struct vtr_scanout scanout;
	struct vtr_rect damage; /* all that changed after frame `damage_since` */
	uint64_t damage_since;
	uint32_t ticket; /* set by vtr_board_read(), for vtr_board_is_current() */
};

struct vtr_board_mode {
	bool connected;
	uint32_t width, height; /* at most 65535 */
};

struct vtr_board_cursor {
	bool visible;
	int32_t x, y;    /* of the hot spot, in pixels of the scanout; may lie outside */
	uint32_t ticket; /* another one: another image, or visibility */
	struct vtr_cursor image;
};

#define VTR_BOARD_FRAME_WORDS 11
#define VTR_BOARD_CURSOR_WORDS (2 + VTR_CURSOR_SIZE * VTR_CURSOR_SIZE / 2)

struct vtr_board_slot {
	_Alignas(64) _Atomic uint32_t count;
	_Atomic uint32_t writing; /* the pixels are being changed by the front */
	_Atomic uint64_t words[VTR_BOARD_FRAME_WORDS];
	_Atomic uint64_t mode;
	_Atomic uint64_t position; /* of the cursor */
	_Atomic uint32_t cursor_count;
	_Atomic uint64_t cursor[VTR_BOARD_CURSOR_WORDS];
};

struct vtr_board {
	struct vtr_board_slot slots[VTR_MAX_DISPLAYS];
	_Atomic uint32_t lights; /* of the machine's keyboard that are on: enum vtr_light, or-ed */
};

/* Written by the screen process. */
struct vtr_notes {
	_Atomic uint32_t asleep;                   /* ring at the next flush */
	_Atomic uint64_t taken[VTR_MAX_DISPLAYS];  /* the newest frame whose damage has been taken */
};

/* --- the writer ------------------------------------------------------------------------------------- */

/* The new state of a display; `ticket` is ignored. Ends what vtr_board_set_writing() began. */
void vtr_board_publish(struct vtr_board *board, uint32_t display, const struct vtr_board_frame *frame);

/* The memory of the frame that was published last may change from now on; vtr_board_publish() follows.
 * Whoever copies the old frame from now on knows that it may be torn. */
void vtr_board_set_writing(struct vtr_board *board, uint32_t display);

void vtr_board_set_mode(struct vtr_board *board, uint32_t display, const struct vtr_board_mode *mode);

/* NULL: hidden. */
void vtr_board_set_cursor(struct vtr_board *board, uint32_t display, const struct vtr_cursor *cursor);

void vtr_board_move_cursor(struct vtr_board *board, uint32_t display, int32_t x, int32_t y);

/* Those that are on: enum vtr_light, or-ed. */
void vtr_board_set_lights(struct vtr_board *board, uint32_t lights);

/* Whether the screen process asked to be woken; call it after the change. */
bool vtr_notes_must_ring(struct vtr_notes *notes);

/* --- the reader ------------------------------------------------------------------------------------- */

/* Returns: VTR_ERR_AGAIN (it is written to all the time, or the writer stopped halfway). */
VTR_MUST_CHECK enum vtr_err vtr_board_read(const struct vtr_board *board, uint32_t display,
                                           struct vtr_board_frame *out_frame);

/* Whether nothing newer has been said of the display, and its pixels not begun to change, since `frame`
 * was read. What was copied of the pixels before this is what the frame showed. */
bool vtr_board_is_current(const struct vtr_board *board, uint32_t display,
                          const struct vtr_board_frame *frame);

/* Frames per second, over the last second or half of it. */
double vtr_board_rate(const struct vtr_board_frame *frame, int64_t now_ns);

struct vtr_board_mode vtr_board_read_mode(const struct vtr_board *board, uint32_t display);

/* Returns: VTR_ERR_AGAIN, as above. */
VTR_MUST_CHECK enum vtr_err vtr_board_read_cursor(const struct vtr_board *board, uint32_t display,
                                                  struct vtr_board_cursor *out_cursor);

uint32_t vtr_board_read_lights(const struct vtr_board *board);

/* Asks to be woken by the next flush of any display; look at the board once more afterwards. */
void vtr_notes_fall_asleep(struct vtr_notes *notes);

/* The damage of `frame` has been dealt with. */
void vtr_notes_take(struct vtr_notes *notes, uint32_t display, uint64_t frame);

#endif
