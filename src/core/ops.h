/* SPDX-License-Identifier: MIT */
#ifndef CORE_OPS_H
#define CORE_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ram.h"
#include "display/audio.h"
#include "display/types.h"

/*
 * The interfaces that the device calls: renderers for its contexts (pool/worker_pool.h implements them, each
 * in a process), and a display host for its scanouts (display_host/host.h, also processes). Tests have their
 * own.
 *
 * Nothing here blocks. Thread: the device's. Events come from the loop, never during a call, so that a caller
 * is not re-entered.
 */

/* --- hostmem --------------------------------------------------------------------------------------
 *
 * The host-visible memory of the guest (virtio shared memory region 1) is one sparse memfd. A blob that
 * the guest maps is a range of it, at the offset that the guest chose. */
struct vtr_hostmem {
	int fd;        /* of all hostmem; read and write */
	int view_fd;   /* for vtr_os_shm_read_only(); may be -1 */
	uint64_t size; /* a power of two */
	uint8_t *map;  /* all of hostmem, in this process */
};

/* --- renderers --------------------------------------------------------------------------------------- */

struct vtr_renderer;

/* Memory of a resource, as a renderer receives it. */
struct vtr_renderer_memory {
	uint64_t size;
	bool in_hostmem;
	uint64_t hostmem_offset;             /* valid if in_hostmem, else `pieces` */
	const struct vtr_ram_piece *pieces; /* consecutive; multiples of the page size */
	size_t piece_count;
};

struct vtr_renderer_events {
	/* Everything that was submitted before vtr_renderer_ops.fence() on this timeline is done. In order on
	 * a timeline, exactly once for each fence, unless the renderer is gone before. The device alone
	 * keeps the fences that it has asked for. Returns: VTR_ERR_PROTOCOL: this one is not the oldest on its
	 * timeline, and nothing was done. Such a renderer must be ended. */
	enum vtr_err (*fence)(void *data, uint32_t ctx_id, uint32_t timeline, uint64_t fence_id);
	/* The renderer died or was ended by us. Its pending fences will not come; its rings have the FATAL
	 * bit. Only destroy() may be called on it from now on. */
	void (*gone)(void *data, uint32_t ctx_id);
	/* The renderer has released a resource's memory. Until then, work in flight may read and write there.
	 * Once for each detach(), unless ended() comes first. NULL: not wanted. */
	void (*detached)(void *data, uint32_t ctx_id, uint32_t res_id);
	/* The renderer's process is dead, so it has released all memory. The last event of each renderer,
	 * after gone() if there was one. Comes also after destroy(), so `render` must not be dereferenced.
	 * NULL: not wanted. */
	void (*ended)(void *data, const struct vtr_renderer *renderer);
};

struct vtr_renderer_ops {
	/* `name` comes from the guest, made printable. The renderer may still be starting when this returns.
	 * Returns: VTR_ERR_LIMIT, VTR_ERR_NOMEM, VTR_ERR_OS. */
	enum vtr_err (*create)(void *data, uint32_t ctx_id, const char *name,
	                       const struct vtr_renderer_events *events, void *events_data,
	                       struct vtr_renderer **out_renderer);
	/* Ends it; ended() is the only event that comes afterwards. */
	void (*destroy)(struct vtr_renderer *renderer);
	/* Gives a resource to the renderer; later commands may use it. VTR_ERR_GONE: gone() comes or came.
	 * VTR_ERR_NOMEM. */
	enum vtr_err (*attach)(struct vtr_renderer *renderer, uint32_t res_id,
	                       const struct vtr_renderer_memory *memory);
	/* Takes the resource away, in order with submitted commands; see detached(). */
	void (*detach)(struct vtr_renderer *renderer, uint32_t res_id);
	/* Executes `size` bytes of commands, which are copied. VTR_ERR_GONE; VTR_ERR_LIMIT (the renderer has
	 * too many pending commands: it is ended, gone() follows); VTR_ERR_NOMEM. */
	enum vtr_err (*submit)(struct vtr_renderer *renderer, const void *commands, size_t size);
	/* Asks for a fence behind everything submitted so far. VTR_ERR_GONE. */
	enum vtr_err (*fence)(struct vtr_renderer *renderer, uint32_t timeline, uint64_t fence_id);
};

/* --- the screen -------------------------------------------------------------------------------------- */

struct vtr_display_events {
	/* A user asks for another mode, or plugs or unplugs the display. */
	void (*mode)(void *data, uint32_t display, bool connected, uint32_t width, uint32_t height);
	/* Input of a user. All values are in range. NULL: not wanted. */
	void (*input)(void *data, const struct vtr_input *input);
	/* A process begins or ends to listen to the guest's sound. Each ends that has begun. NULL: not wanted. */
	void (*listen)(void *data, bool listens);
	/* The next 10 ms of a user's microphone. NULL: not wanted. */
	void (*microphone)(void *data, const struct vtr_audio_block *block);
};

/* Implementations copy their arguments. They may drop frames but must not block. */
struct vtr_display_ops {
	/* Memory outside of hostmem that scanouts refer to as `buffer` (never 0, not used twice). `memory` is
	 * borrowed. */
	void (*add_buffer)(void *data, uint32_t buffer, const struct vtr_hostmem *memory);
	void (*remove_buffer)(void *data, uint32_t buffer);
	/* NULL: inactive. A new scanout is shown at the next flush; the memory of the old one may be reused
	 * from now on. */
	void (*set_scanout)(void *data, uint32_t display, const struct vtr_scanout *scanout);
	/* The caller is about to change pixels that the display shows; flush() follows. A reader that copies
	 * the frame meanwhile can detect that its copy is torn. */
	void (*touch)(void *data, uint32_t display);
	/* A frame is complete in memory; `damage` is in pixels of the scanout. */
	void (*flush)(void *data, uint32_t display, const struct vtr_rect *damage);
	/* NULL: hidden. */
	void (*set_cursor)(void *data, uint32_t display, const struct vtr_cursor *cursor);
	void (*move_cursor)(void *data, uint32_t display, int32_t x, int32_t y);
	/* The mode that the guest was given for a display. */
	void (*set_mode)(void *data, uint32_t display, bool connected, uint32_t width, uint32_t height);
};

#endif
