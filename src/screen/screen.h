/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_SCREEN_H
#define SCREEN_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"
#include "screen/board.h"
#include "screen/frame.h"

/*
 * The screen process: what the front says, kept ready for whoever shows it (stills, web). It may be
 * killed at any time; nothing is lost that the front cannot tell anew.
 *
 * Thread: vtr_screen_create() and vtr_screen_destroy(): the main thread; vtr_screen_run(): one thread, in which
 *         functions set by vtr_screen_on_flush() are called. All else: any, between create and destroy.
 */
struct vtr_log;
struct vtr_screen;

/* The fds are consumed, on failure too. */
struct vtr_screen_params {
	struct vtr_log *log;
	int control_fd;
	int board_fd;
	int notes_fd;
	int bell_fd;
	int window_fd; /* -1: there is no window */
	uint64_t window_size;
};

/* Owner: *out_screen is the caller's. Returns: VTR_ERR_GUEST (the memory is not as it should be),
 * VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_screen_create(const struct vtr_screen_params *params,
                                              struct vtr_screen **out_screen);

/* Whom to tell of flushes, see vtr_screen_await_flush(). Not while vtr_screen_run() runs. NULL: nobody. */
void vtr_screen_on_flush(struct vtr_screen *screen, void (*fn)(void *data), void *data);

/* Ends when the front closes the socket, or by vtr_screen_stop(). Returns: VTR_OK; VTR_ERR_GUEST, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_screen_run(struct vtr_screen *screen);

/* Has vtr_screen_run() end. */
void vtr_screen_stop(struct vtr_screen *screen);

/* Accepts NULL. */
void vtr_screen_destroy(struct vtr_screen *screen);

/* What is known of a display. */
struct vtr_screen_info {
	struct vtr_board_mode mode;
	struct vtr_board_frame frame;
	uint64_t seen; /* frames of which a picture was taken here */
	uint64_t replaced; /* frames between those: newer ones came before somebody looked */
	double rate; /* frames per second, over the last second or half of it */
};

/* Returns: VTR_ERR_AGAIN (see vtr_board_read()). */
VTR_MUST_CHECK enum vtr_err vtr_screen_describe(struct vtr_screen *screen, uint32_t display,
                                                struct vtr_screen_info *out_info);

/* See vtr_picture_take(). */
VTR_MUST_CHECK enum vtr_err vtr_screen_take_picture(struct vtr_screen *screen, uint32_t display,
                                                    int64_t deadline_ns, struct vtr_picture *picture);

/* See vtr_frame_view_open(). */
VTR_MUST_CHECK enum vtr_err vtr_screen_open_view(struct vtr_screen *screen, uint32_t display,
                                                 struct vtr_frame_view *out_view);

/* See vtr_frame_view_close(). `taken`: the frame was made use of, so its damage has been dealt with. */
bool vtr_screen_close_view(struct vtr_screen *screen, uint32_t display, struct vtr_frame_view *view,
                           bool taken);

/* The frame of a view that was closed without its being taken has been made use of after all. */
void vtr_screen_take_frame(struct vtr_screen *screen, uint32_t display, uint64_t frame);

/**
 * Has vtr_screen_on_flush()'s function called after the next flush of any display, once; look at the board
 * once more afterwards. As long as nobody waits, flushes wake nobody.
 */
void vtr_screen_await_flush(struct vtr_screen *screen);

/* See vtr_board_read_cursor(). */
VTR_MUST_CHECK enum vtr_err vtr_screen_read_cursor(struct vtr_screen *screen, uint32_t display,
                                                   struct vtr_board_cursor *out_cursor);

/* The lights of the machine's keyboard that are on: enum vtr_light, or-ed. Whoever awaits a flush is told of
 * changes, too. */
uint32_t vtr_screen_read_lights(struct vtr_screen *screen);

/**
 * Asks the front for another mode. Does not wait for it.
 *
 * `display` is less than VTR_MAX_DISPLAYS; the mode fits (vtr_mode_fits()), unless it is not connected.
 * Returns:  VTR_ERR_AGAIN (the front is busy with other requests), VTR_ERR_GONE, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_screen_ask_mode(struct vtr_screen *screen, uint32_t display,
                                                const struct vtr_board_mode *mode);

/**
 * Hands over what somebody did in front of a display: in order, without waiting for the front. While that
 * is busy, some input waits here, motion and turns of the wheel joined into one each.
 *
 * Returns: VTR_ERR_ARG    something is out of its range (see struct vtr_input; the wheel: 256 notches)
 *          VTR_ERR_AGAIN  the front has been busy for so long that this, and what waited, is lost; all
 *                         keys and buttons will be released
 *          VTR_ERR_GONE, VTR_ERR_OS
 */
VTR_MUST_CHECK enum vtr_err vtr_screen_send_input(struct vtr_screen *screen, const struct vtr_input *input);

#endif
