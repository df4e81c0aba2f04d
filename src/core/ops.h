/* SPDX-License-Identifier: MIT */
#ifndef CORE_OPS_H
#define CORE_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ram.h"

/*
 * What the device asks of others: renderers for its contexts (worker/render.h has the real one, each
 * a process), and a screen for its scanouts (screen/client.h: a process too). Tests have their own.
 *
 * Nothing here blocks, ever. Thread: the device's; events come from the loop, never from inside of a
 * call, so that nobody is called back in the middle of something.
 */

/* --- the window --------------------------------------------------------------------------------------
 *
 * The host-visible window of the guest (virtio shared memory region 1) is one sparse memfd. A blob that
 * the guest maps is a range of it, at the offset that the guest chose. */
struct vtr_window {
	int fd;        /* of the whole; read and write */
	uint64_t size; /* a power of two */
	uint8_t *map;  /* all of it, in this process */
};

/* --- renderers --------------------------------------------------------------------------------------- */

struct vtr_render;

/* Memory of a resource, for a renderer. */
struct vtr_render_memory {
	uint64_t size;
	bool in_window;
	uint64_t window_offset;             /* if in_window; else: */
	const struct vtr_ram_piece *pieces; /* one after the other, multiples of the page size */
	size_t piece_count;
};

struct vtr_render_events {
	/* Everything that was submitted before vtr_render_ops.fence() on this timeline is done. In order
	 * on a timeline, exactly once for each fence, unless the renderer is gone before. */
	void (*fence)(void *data, uint32_t ctx_id, uint32_t timeline, uint64_t fence_id);
	/* The renderer died or was given up. What it owed will not come any more; its rings say FATAL.
	 * Only destroy() may be called on it from now on. */
	void (*gone)(void *data, uint32_t ctx_id);
	/* The renderer has let go of a resource's memory: before that, what it has in flight may still read
	 * and write there. Once for each detach(), unless ended() comes first. NULL: not wanted. */
	void (*detached)(void *data, uint32_t ctx_id, uint32_t res_id);
	/* The same for all memory: its process is dead. The last event of each renderer, after gone() if
	 * there was one; also after destroy(), so what `render` points at must not be looked at. NULL: not
	 * wanted. */
	void (*ended)(void *data, const struct vtr_render *render);
};

struct vtr_render_ops {
	/* `name` is the guest's word, made printable. The renderer may still be starting when this
	 * returns. Returns: VTR_ERR_LIMIT, VTR_ERR_NOMEM, VTR_ERR_OS. */
	enum vtr_err (*create)(void *data, uint32_t ctx_id, const char *name,
	                       const struct vtr_render_events *events, void *events_data,
	                       struct vtr_render **out_render);
	/* Ends it; no event but ended() comes afterwards. */
	void (*destroy)(struct vtr_render *render);
	/* Makes a resource known. Commands that are submitted later may use it. VTR_ERR_GONE: see
	 * gone(), which comes or came. VTR_ERR_NOMEM. */
	enum vtr_err (*attach)(struct vtr_render *render, uint32_t res_id,
	                       const struct vtr_render_memory *memory);
	/* The resource is forgotten, in order with what was submitted; see detached(). */
	void (*detach)(struct vtr_render *render, uint32_t res_id);
	/* Executes `size` bytes of commands, which are copied. VTR_ERR_GONE; VTR_ERR_LIMIT (the
	 * renderer is hopelessly behind: it is given up, gone() follows); VTR_ERR_NOMEM. */
	enum vtr_err (*submit)(struct vtr_render *render, const void *commands, size_t size);
	/* Asks for a fence behind all that was submitted. VTR_ERR_GONE. */
	enum vtr_err (*fence)(struct vtr_render *render, uint32_t timeline, uint64_t fence_id);
};

/* --- the screen -------------------------------------------------------------------------------------- */

#define VTR_MAX_DISPLAYS 16

/* Sides of a mode: Linux's limits for one in an EDID, and for a virtio-gpu. */
#define VTR_MODE_MIN_SIDE 64u
#define VTR_MODE_MAX_SIDE 8192u
#define VTR_MODE_LIMITS "width and height must lie between 64 and 8192"

static inline bool vtr_mode_fits(uint32_t width, uint32_t height)
{
	return width >= VTR_MODE_MIN_SIDE && width <= VTR_MODE_MAX_SIDE && height >= VTR_MODE_MIN_SIDE &&
	       height <= VTR_MODE_MAX_SIDE;
}

struct vtr_rect {
	uint32_t x, y, width, height;
};

/* 32 bits a pixel, bytes in memory as named; values of virtio 1.3, 5.7.6.8 (virtio_gpu_formats). */
enum vtr_pixel_format {
	VTR_FORMAT_B8G8R8A8 = 1,
	VTR_FORMAT_B8G8R8X8 = 2,
	VTR_FORMAT_A8R8G8B8 = 3,
	VTR_FORMAT_X8R8G8B8 = 4,
	VTR_FORMAT_R8G8B8A8 = 67,
	VTR_FORMAT_X8B8G8R8 = 68,
	VTR_FORMAT_A8B8G8R8 = 121,
	VTR_FORMAT_R8G8B8X8 = 134,
};

/* What a display shows: a rectangle of pixels in shared memory. */
struct vtr_scanout {
	bool in_window;   /* the memory is the window (vtr_window.fd) */
	uint32_t buffer;  /* else one of vtr_screen_ops.add_buffer() */
	uint64_t offset;  /* of the rectangle's first pixel; everything below lies within the memory */
	uint32_t width, height, stride; /* stride in bytes */
	enum vtr_pixel_format format;
};

#define VTR_CURSOR_SIZE 64 /* pixels a side */

struct vtr_cursor {
	uint32_t hot_x, hot_y;
	uint32_t pixels[VTR_CURSOR_SIZE * VTR_CURSOR_SIZE]; /* B8G8R8A8, premultiplied */
};

enum vtr_input_kind {
	VTR_INPUT_KEY,     /* or a button: code, down */
	VTR_INPUT_MOTION,  /* x, y */
	VTR_INPUT_WHEEL,   /* wheel_x, wheel_y */
	VTR_INPUT_RELEASE, /* of all keys and buttons that are held, whoever holds them */
};

#define VTR_INPUT_MAX_CODE 0x2ff /* KEY_MAX */
#define VTR_INPUT_MAX_PLACE 65535

/* What a person did in front of a display. Nothing of it is ever logged. */
struct vtr_input {
	enum vtr_input_kind kind;
	uint32_t display;
	uint32_t code;            /* of linux/input-event-codes.h: KEY_*, BTN_*; not 0 */
	bool down;
	uint32_t x, y;            /* 0 to VTR_INPUT_MAX_PLACE across the display's picture */
	int32_t wheel_x, wheel_y; /* 120 a notch; right and away from the person are positive */
};

/* A keyboard's lights, which the guest turns on and off. */
enum vtr_light {
	VTR_LIGHT_NUM = 1,
	VTR_LIGHT_CAPS = 2,
	VTR_LIGHT_SCROLL = 4,
};

struct vtr_screen_events {
	/* Somebody wants another mode, or the display plugged or unplugged. */
	void (*mode)(void *data, uint32_t display, bool connected, uint32_t width, uint32_t height);
	/* Somebody types or points. All is in its range. NULL: not wanted. */
	void (*input)(void *data, const struct vtr_input *input);
};

/* Whoever implements this copies what it is given. Losing a frame is its right, blocking is not. */
struct vtr_screen_ops {
	/* Memory outside of the window that scanouts name from now on by `buffer` (never 0, not used
	 * twice). `fd` is borrowed. */
	void (*add_buffer)(void *data, uint32_t buffer, int fd, uint64_t size);
	void (*remove_buffer)(void *data, uint32_t buffer);
	/* NULL: dark. A new scanout shows at the next flush; the memory of the old one may be used for
	 * something else from now on. */
	void (*set_scanout)(void *data, uint32_t display, const struct vtr_scanout *scanout);
	/* The caller is about to change pixels that the display shows; flush() follows. Whoever copies
	 * the frame meanwhile knows that its copy is torn. */
	void (*touch)(void *data, uint32_t display);
	/* A frame is complete in memory; `damage` in pixels of the scanout. */
	void (*flush)(void *data, uint32_t display, const struct vtr_rect *damage);
	/* NULL: hidden. */
	void (*set_cursor)(void *data, uint32_t display, const struct vtr_cursor *cursor);
	void (*move_cursor)(void *data, uint32_t display, int32_t x, int32_t y);
	/* What the guest was told of a display. */
	void (*set_mode)(void *data, uint32_t display, bool connected, uint32_t width, uint32_t height);
};

#endif
