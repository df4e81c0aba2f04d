/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_PROTOCOL_H
#define SCREEN_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/ipc.h"

/*
 * Between the front and the screen process: what does not fit into the board (screen/board.h), which
 * is fds, and requests from people. Either side ends when the other closes the socket.
 */

/* The numbers of the fds with which a screen process starts, beside 0 to 2. */
enum vtr_screen_fd {
	VTR_SCREEN_FD_CONTROL = 3, /* the socket for the messages below */
	VTR_SCREEN_FD_BOARD = 4,   /* struct vtr_board, read-only */
	VTR_SCREEN_FD_NOTES = 5,   /* struct vtr_notes */
	VTR_SCREEN_FD_BELL = 6,    /* platform/bell.h, the hearing end */
	VTR_SCREEN_FD_WINDOW = 7,  /* struct vtr_window, read-only; with --window-size */
	VTR_SCREEN_FD_HTTP = 8,    /* listens; with --http */
	VTR_SCREEN_FD_TOKENS = 9,  /* struct vtr_tokens; with --http or --hxfr */
	VTR_SCREEN_FD_HXFR = 10,   /* listens; with --hxfr or --hxfr-open */
	VTR_SCREEN_FD_FEEDS = 16, /* sockets for video (encode/feed.h), one behind the other; with --feeds */
};

enum vtr_screen_op {
	/* To the screen process. */
	VTR_SCREEN_BUFFER = 1, /* memory outside of the window; read-only, sealed */
	VTR_SCREEN_BUFFER_GONE = 2, /* is not used any more */
	/* To the front. */
	VTR_SCREEN_MODE = 3, /* somebody wants another mode */
	VTR_SCREEN_INPUT = 4, /* somebody types or points */
	VTR_SCREEN_OP_COUNT,
};

struct vtr_screen_buffer {
	uint64_t size;
	uint32_t buffer;
	uint32_t unused;
};

struct vtr_screen_buffer_gone {
	uint32_t buffer;
};

struct vtr_screen_mode {
	uint32_t display;
	uint32_t connected; /* 0 or 1 */
	uint32_t width, height;
};

/* struct vtr_input. */
struct vtr_screen_input {
	uint32_t kind;
	uint32_t display;
	uint32_t code;
	uint32_t down; /* 0 or 1 */
	uint32_t x, y;
	int32_t wheel_x, wheel_y;
};

/* Notches at once that nobody turns. */
#define VTR_SCREEN_WHEEL_MAX (120 * 256)

bool vtr_screen_wheel_fits(int32_t wheel);

/* Whether all that its kind says anything of is in its range. */
bool vtr_screen_input_check(const struct vtr_screen_input *input);

extern const struct vtr_ipc_rule vtr_screen_rules[VTR_SCREEN_OP_COUNT];

#endif
