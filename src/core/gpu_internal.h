/* SPDX-License-Identifier: MIT */
#ifndef CORE_GPU_INTERNAL_H
#define CORE_GPU_INTERNAL_H

#include "base/idmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/gpu.h"
#include "core/reclaim.h"
#include "core/window.h"
#include "platform/loop.h"

/* What the files of the hub share; nobody else includes this. Thread: the device's. */

/* The name by which the screen knows the memory of all images. */
#define VTR_GPU_IMAGE_BUFFER 1u

/* Guest memory of a resource: stretches one behind the other, neighbours merged. */
struct vtr_gpu_backing_extent {
	uint64_t gpa;
	uint64_t size;
	uint64_t start; /* in the resource */
};

struct vtr_gpu_backing {
	struct vtr_gpu_backing_extent *extents; /* NULL: there is none */
	size_t count;
	uint64_t size; /* bytes in all */
};

/* Memory of ours: a range of vtr_gpu.images. */
struct vtr_gpu_image {
	uint64_t offset;
	uint64_t size; /* 0: there is none */
};

/* Where memory of a resource lies, as long as anybody uses it: the resource, and the renderers that were
 * told of it. See place.c. */
struct vtr_gpu_place {
	struct vtr_list node; /* in gpu->places */
	struct vtr_gpu *gpu;
	uint32_t refs;
	uint32_t users; /* renderers among them */
	bool left;      /* by the resource */
	bool free;      /* given back: the guest may have it for something else */
	struct vtr_ranges *ranges; /* where it is given back; NULL: it is guest RAM */
	struct vtr_reclaim *reclaim;
	struct vtr_budget *budget; /* the same; or NULL */
	uint64_t offset;
	uint64_t size;
	struct vtr_list waiting; /* fences */
};

/* A renderer was told of memory. */
struct vtr_gpu_use {
	struct vtr_list node; /* in renderer->uses */
	struct vtr_gpu_place *place; /* a reference */
	uint32_t res_id;
	bool detaching; /* and is to let go of it */
};

/* A renderer's process. It stays until that has ended, which is later than its context's end. */
struct vtr_gpu_renderer {
	struct vtr_list node; /* in gpu->renderers */
	const struct vtr_render *render; /* nothing but a name once the context is gone */
	struct vtr_gpu_context *context; /* NULL: destroyed */
	struct vtr_list uses;
	bool ended;
};

enum vtr_gpu_kind {
	VTR_GPU_KIND_2D,    /* backing is copied to an image by transfers */
	VTR_GPU_KIND_GUEST, /* a blob; backing is copied to an image by flushes, if it is shown */
	VTR_GPU_KIND_HOST,  /* a blob; in the window or, if it is not mappable, an image */
};

struct vtr_gpu_resource {
	struct vtr_object object; /* in gpu->resources */
	struct vtr_list node;     /* in gpu->resource_list */
	struct vtr_gpu *gpu;
	enum vtr_gpu_kind kind;
	uint64_t size;
	uint32_t width, height; /* 2D only */
	uint32_t format;        /* 2D only */
	bool mappable;          /* HOST only */
	bool mapped;
	uint64_t window_offset; /* if mapped */
	struct vtr_gpu_backing backing;
	struct vtr_gpu_image image;
	struct vtr_gpu_place *place;   /* the memory that renderers are told of; NULL: none was yet */
	struct vtr_gpu_place *leaving; /* where it was mapped before, if renderers still use that */
	struct vtr_list attachments;
};

/* A resource that a context may name. */
struct vtr_gpu_attachment {
	struct vtr_list context_node;
	struct vtr_list resource_node;
	struct vtr_gpu_context *context;
	struct vtr_gpu_resource *resource;
	struct vtr_gpu_use *use; /* NULL: the renderer does not know */
};

struct vtr_gpu_context {
	struct vtr_object object; /* in gpu->contexts */
	struct vtr_list node;     /* in gpu->context_list */
	struct vtr_gpu *gpu;
	struct vtr_render *render; /* NULL: it has none by nature */
	struct vtr_gpu_renderer *renderer; /* the same */
	bool gone;                 /* its renderer is */
	struct vtr_list attachments;
	struct vtr_list waiting;   /* fences that its renderer owes, oldest first */
	struct vtr_list timelines[VTR_GPU_TIMELINES];
};

struct vtr_gpu_scanout {
	struct vtr_gpu_resource *resource; /* NULL: dark */
	struct vtr_rect rect;              /* of the layout */
	struct vtr_gpu_layout layout;
	bool fresh; /* not flushed since it was set */
};

struct vtr_gpu {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	const struct vtr_ram *ram; /* NULL: cannot be reached now */
	const struct vtr_render_ops *render;
	void *render_data;
	const struct vtr_screen_ops *screen;
	void *screen_data;
	const struct vtr_gpu_events *events;
	void *events_data;

	const struct vtr_window *window;
	struct vtr_ranges window_ranges;
	struct vtr_reclaim window_reclaim;
	struct vtr_window images; /* memory of all images; sparse, larger than image_budget allows */
	struct vtr_ranges image_ranges;
	struct vtr_reclaim image_reclaim;
	struct vtr_budget image_budget; /* bytes */

	struct vtr_idmap resources;
	struct vtr_list resource_list;
	uint32_t resource_count;
	uint32_t extent_count;
	uint32_t attachment_count;
	struct vtr_idmap contexts;
	struct vtr_list context_list;
	uint32_t context_count;
	uint32_t renderer_count;
	struct vtr_list renderers;
	struct vtr_list places;

	uint32_t display_count;
	struct vtr_gpu_scanout scanouts[VTR_MAX_DISPLAYS];
	struct vtr_cursor cursor; /* while it is handed to the screen */

	struct vtr_list timeline; /* the global one */
	struct vtr_list ticking;  /* fences that wait for the next tick */
	struct vtr_os_loop_timer *tick_timer;
	int64_t tick_ns; /* 0: displays have no ticks */
	int64_t tick_epoch_ns;
	uint64_t next_render_id;
};

/* --- backing.c --- */

/* Replaces nothing: `backing` must be empty. Returns: VTR_ERR_GUEST, VTR_ERR_LIMIT, VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_backing_init(struct vtr_gpu *gpu, struct vtr_gpu_backing *backing,
                                                 const struct vtr_gpu_extent *extents, size_t count);
void vtr_gpu_backing_finish(struct vtr_gpu *gpu, struct vtr_gpu_backing *backing);

/* Copies `rows` rows of `row_size` bytes that are `stride` apart in both places. Returns: VTR_ERR_GUEST
 * (they do not lie in the backing, or the guest's RAM is not there any more). */
VTR_MUST_CHECK enum vtr_err vtr_gpu_backing_read(const struct vtr_gpu *gpu,
                                                 const struct vtr_gpu_backing *backing, uint64_t offset,
                                                 uint32_t stride, uint8_t *out, uint64_t row_size,
                                                 uint32_t rows);

/* Where it lies for a renderer. Owner: *out_pieces is the caller's, free(). Returns: VTR_ERR_NOMEM;
 * VTR_ERR_UNSUPPORTED (not made of whole pages, or not there). */
VTR_MUST_CHECK enum vtr_err vtr_gpu_backing_locate(const struct vtr_gpu *gpu,
                                                   const struct vtr_gpu_backing *backing,
                                                   struct vtr_ram_piece **out_pieces, size_t *out_count);

/* --- place.c --- */

/* A place without memory, to be filled in; the caller has a reference. NULL: no memory. */
struct vtr_gpu_place *vtr_gpu_place_create(struct vtr_gpu *gpu);
/* Gives the memory back if nobody uses it any more. */
void vtr_gpu_place_settle(struct vtr_gpu_place *place);
/* The guest began anew: what renderers still use is nobody's. */
void vtr_gpu_places_reset(struct vtr_gpu *gpu);

/* --- renderer.c --- */

/* The caller sets `render`. NULL: no memory. */
struct vtr_gpu_renderer *vtr_gpu_renderer_create(struct vtr_gpu_context *context);
/* Its context is destroyed. */
void vtr_gpu_renderer_leave(struct vtr_gpu_renderer *renderer);
/* NULL: no memory. */
struct vtr_gpu_use *vtr_gpu_use_create(struct vtr_gpu_renderer *renderer, uint32_t res_id,
                                       struct vtr_gpu_place *place);
/* The renderer was not told after all. */
void vtr_gpu_use_cancel(struct vtr_gpu_use *use);
/* What renderers say. */
void vtr_gpu_renderer_detached(struct vtr_gpu_renderer *renderer, uint32_t res_id);
void vtr_gpu_renderer_ended(struct vtr_gpu *gpu, const struct vtr_render *render);
/* Forgets those that have not ended. */
void vtr_gpu_renderers_finish(struct vtr_gpu *gpu);

/* --- resource.c --- */

/* The memory that renderers are told of, from now on. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_place(struct vtr_gpu_resource *resource);

/* Gives a resource memory of ours. Returns: VTR_ERR_LIMIT, VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_image_init(struct vtr_gpu_resource *resource);

/* Bytes of the host's at `offset` of an image or of what is mapped. */
uint8_t *vtr_gpu_resource_bytes(const struct vtr_gpu_resource *resource, uint64_t offset);

/* --- context.c --- */

/* Its memory has a place from now on: tells the renderers that it is attached to. */
void vtr_gpu_context_tell_all(struct vtr_gpu_resource *resource);
/* Its memory loses its place. */
void vtr_gpu_context_untell_all(struct vtr_gpu_resource *resource);
/* Takes it from all contexts. */
void vtr_gpu_context_detach_all(struct vtr_gpu_resource *resource);

extern const struct vtr_render_events vtr_gpu_render_events;

/* --- scanout.c --- */

/* Its pixels are about to be changed by us: tells the screen, if a display shows them. */
void vtr_gpu_scanout_touch(const struct vtr_gpu_resource *resource);
/* Displays that show it go dark. */
void vtr_gpu_scanout_forget(struct vtr_gpu_resource *resource);
bool vtr_gpu_format_is_known(uint32_t format);

/* --- fence.c --- */

VTR_MUST_CHECK enum vtr_err vtr_gpu_fences_init(struct vtr_gpu *gpu, uint32_t refresh_hz);
void vtr_gpu_fences_finish(struct vtr_gpu *gpu);
/* Forgets all of the global timeline, without a word. */
void vtr_gpu_fences_reset(struct vtr_gpu *gpu);
/* The renderer is done with `render_id` on `timeline`, and so with what is older there. */
void vtr_gpu_fences_signal(struct vtr_gpu_context *context, uint32_t timeline, uint64_t render_id);
/* The place is free. */
void vtr_gpu_fences_left(struct vtr_gpu_place *place);
/* The renderer owes nothing any more. */
void vtr_gpu_fences_abandon(struct vtr_gpu_context *context);
/* Retires all that is left on the context's timelines. */
void vtr_gpu_fences_finish_context(struct vtr_gpu_context *context);

#endif
