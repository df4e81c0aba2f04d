/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_PROTOCOL_H
#define DISPLAY_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "display/types.h"
#include "ipc/ipc.h"

/*
 * The protocol between the front and a display process. It carries what the scanout page
 * (display/scanout_page.h) cannot: fds, and requests of users. Either side ends when the other closes the
 * socket.
 */

/* The fd numbers with which a display process starts, in addition to 0 to 2. */
enum vtr_display_fd {
	VTR_DISPLAY_FD_CONTROL = 3, /* the socket for the messages below */
	VTR_DISPLAY_FD_PAGE = 4,   /* struct vtr_scanout_page, read-only */
	VTR_DISPLAY_FD_ACKS = 5,   /* struct vtr_scanout_acks */
	VTR_DISPLAY_FD_BELL = 6,    /* platform/bell.h, the receiving end */
	VTR_DISPLAY_FD_HOSTMEM = 7,  /* struct vtr_hostmem, read-only; with --hostmem-size */
	VTR_DISPLAY_FD_HTTP = 8,    /* a listening socket; with --http */
	VTR_DISPLAY_FD_TOKENS = 9,  /* struct vtr_tokens; with --http or --hxfr */
	VTR_DISPLAY_FD_HXFR = 10,   /* a listening socket; with --hxfr or --hxfr-open */
	VTR_DISPLAY_FD_METRICS = 11, /* struct vtr_metrics_page, read-only; with --metrics */
	VTR_DISPLAY_FD_SOUND = 12,  /* struct vtr_sound_page, read-only; with --sound */
	VTR_DISPLAY_FD_LINKS = 15, /* struct vtr_links_page; with --links */
	VTR_DISPLAY_FD_AGENT = 13, /* a listening socket for the guest's agent; with --agent */
	VTR_DISPLAY_FD_WEBDAV =
		14, /* a listening socket for the folder shared with the guest; with --webdav */
	VTR_DISPLAY_FD_FEEDS = 16, /* sockets for video (encode/packet_pipe.h), consecutive; with --feeds */
};

enum vtr_display_msg {
	/* To the display process. */
	VTR_DISPLAY_MSG_BUFFER = 1, /* memory outside of hostmem; read-only, sealed */
	VTR_DISPLAY_MSG_BUFFER_GONE = 2, /* the buffer is not used any more */
	/* To the front. */
	VTR_DISPLAY_MSG_MODE = 3, /* a user wants another mode */
	VTR_DISPLAY_MSG_INPUT = 4, /* a user types or points */
	VTR_DISPLAY_MSG_LISTEN = 64, /* the process wants the guest's sound, or does not any more */
	VTR_DISPLAY_MSG_MICROPHONE = 65, /* struct vtr_audio_block: 10 ms of a user's microphone */
	VTR_DISPLAY_MSG_COUNT,
};

struct vtr_display_msg_buffer {
	uint64_t size;
	uint32_t buffer;
	uint32_t unused;
};

struct vtr_display_msg_buffer_gone {
	uint32_t buffer;
};

struct vtr_display_msg_mode {
	uint32_t display;
	uint32_t connected; /* 0 or 1 */
	uint32_t width, height;
};

/* struct vtr_input. */
struct vtr_display_msg_input {
	uint32_t kind;
	uint32_t display;
	uint32_t code;
	uint32_t down; /* 0 or 1 */
	uint32_t x, y;
	int32_t wheel_x, wheel_y;
	uint32_t buttons;
	int16_t axes[VTR_PAD_AXES];
};

struct vtr_display_msg_listen {
	uint32_t listens; /* 0 or 1 */
};

/* The largest rotation in one message: 256 notches. */
#define VTR_SCREEN_WHEEL_MAX (120 * 256)

bool vtr_display_wheel_fits(int32_t wheel);

/* Returns: whether all members that the kind uses are in range. */
bool vtr_display_input_check(const struct vtr_display_msg_input *input);

extern const struct vtr_ipc_rule vtr_display_msg_rules[VTR_DISPLAY_MSG_COUNT];

#endif
