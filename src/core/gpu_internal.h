/* SPDX-License-Identifier: MIT */
#ifndef CORE_GPU_INTERNAL_H
#define CORE_GPU_INTERNAL_H

#include "base/idmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/ranges.h"
#include "core/gpu.h"
#include "core/hostmem.h"
#include "core/reclaim.h"
#include "platform/loop.h"

/* What the files of core/ share; no other folder includes this. Thread: the device's. */

/* Ids of memory at the display host. */
#define VTR_GPU_PICTURE_BUFFER 1u
#define VTR_GPU_BLOB_BUFFER 2u

/* Guest memory of a resource: ranges in order, adjacent ones merged. */
struct vtr_gpu_backing_extent {
	uint64_t gpa;
	uint64_t size;
	uint64_t start; /* offset in the resource */
};

struct vtr_gpu_backing {
	struct vtr_gpu_backing_extent *extents; /* NULL: there is none */
	size_t count;
	uint64_t size; /* bytes in all */
};

/* Memory in which resources have ranges. It is sparse, and larger than the budget allows. */
struct vtr_gpu_image_memory {
	uint32_t buffer; /* its id at the display host */
	struct vtr_hostmem memory;
	struct vtr_ranges ranges;
	struct vtr_reclaim reclaim;
};

/* Host memory of a resource: a range of vtr_gpu.pictures or vtr_gpu.blobs. */
struct vtr_gpu_image {
	uint64_t offset;
	uint64_t size; /* 0: there is none */
};

/* Memory of a resource, as long as it is used: by the resource, and by the renderers that received it. See
 * mem_lease.c. */
struct vtr_gpu_mem_lease {
	struct vtr_list node; /* in gpu->leases */
	struct vtr_gpu *gpu;
	uint32_t refs;
	uint32_t users; /* number of renderers that use it */
	bool left;      /* the resource has left it */
	bool free;      /* given back: the guest may reuse it */
	struct vtr_ranges *ranges; /* where the range is given back to; NULL: it is guest RAM */
	struct vtr_reclaim *reclaim;
	struct vtr_budget *budget; /* where the size is given back to; or NULL */
	uint64_t offset;
	uint64_t size;
	struct vtr_list waiting; /* fences */
};

/* Memory that a renderer has received. */
struct vtr_gpu_use {
	struct vtr_list node; /* in renderer->uses */
	struct vtr_gpu_mem_lease *lease; /* a counted reference */
	uint32_t res_id;
	bool detaching; /* the renderer was asked to release it */
};

/* A renderer's process. It exists until the process has ended, which is later than its context's end. */
struct vtr_gpu_lease_holder {
	struct vtr_list node; /* in gpu->renderers */
	const struct vtr_renderer *renderer; /* after the context is gone, only an identity */
	struct vtr_gpu_context *context; /* NULL: destroyed */
	struct vtr_list uses;
	bool ended;
};

enum vtr_gpu_kind {
	VTR_GPU_KIND_2D,    /* transfers copy backing to an image */
	VTR_GPU_KIND_GUEST, /* a blob; flushes copy backing to an image, if it is shown */
	VTR_GPU_KIND_HOST,  /* a blob; in hostmem or, if it is not mappable, an image */
};

/* Returns: the part of a limit that is for this kind; see VTR_GPU_MAX_RESOURCES. */
static inline uint64_t vtr_gpu_limit_for(enum vtr_gpu_kind kind, uint64_t limit)
{
	return kind == VTR_GPU_KIND_2D ? limit : limit / 4 * 3;
}

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
	uint64_t hostmem_offset; /* if mapped */
	struct vtr_gpu_backing backing;
	struct vtr_gpu_image image;
	struct vtr_gpu_mem_lease *lease;   /* the memory that renderers use; NULL: none yet */
	struct vtr_gpu_mem_lease *leaving; /* where it was mapped before, if renderers still use that */
	struct vtr_list attachments;
};

/* A resource that a context may use. */
struct vtr_gpu_attachment {
	struct vtr_list context_node;
	struct vtr_list resource_node;
	struct vtr_gpu_context *context;
	struct vtr_gpu_resource *resource;
	struct vtr_gpu_use *use; /* NULL: the renderer does not have the memory */
};

struct vtr_gpu_context {
	struct vtr_object object; /* in gpu->contexts */
	struct vtr_list node;     /* in gpu->context_list */
	struct vtr_gpu *gpu;
	struct vtr_renderer *renderer; /* NULL: a context without a renderer */
	struct vtr_gpu_lease_holder *lease_holder; /* NULL together with `renderer` */
	bool gone;                 /* its renderer is gone */
	struct vtr_list attachments;
	struct vtr_list waiting;   /* fences that its renderer has not signalled, oldest first */
	struct vtr_list timelines[VTR_TIMELINE_COUNT];
};

struct vtr_gpu_scanout {
	struct vtr_gpu_resource *resource; /* NULL: inactive */
	struct vtr_rect rect;              /* in pixels of the layout */
	struct vtr_gpu_layout layout;
	bool fresh; /* not flushed since it was set */
};

struct vtr_gpu {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	const struct vtr_ram *ram; /* NULL: not reachable now */
	const struct vtr_renderer_ops *renderer_ops;
	void *renderer_data;
	const struct vtr_display_ops *screen;
	void *screen_data;
	const struct vtr_gpu_events *events;
	void *events_data;

	const struct vtr_hostmem *hostmem;
	struct vtr_ranges hostmem_ranges;
	struct vtr_reclaim hostmem_reclaim;
	/* Blobs that cannot be mapped. A renderer that has one gets the fd, and so can write to all of them. Therefore
	 * the displays' pictures, which only the front writes, have a file of their own. Nor do they lack a large range
	 * because of many small blobs. */
	struct vtr_gpu_image_memory blobs;
	struct vtr_gpu_image_memory pictures;
	struct vtr_budget image_budget; /* bytes of both */

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
	struct vtr_list leases;

	uint32_t display_count;
	struct vtr_gpu_scanout scanouts[VTR_MAX_DISPLAYS];
	struct vtr_cursor cursor; /* copied here while it is passed to the display host */

	struct vtr_list timeline; /* the global one */
	struct vtr_list ticking; /* fences that wait for the next tick */
	struct vtr_os_loop_timer *tick_timer;
	int64_t tick_ns; /* 0: displays have no ticks */
	int64_t tick_epoch_ns;
	uint64_t next_fence_id;
};

/* --- backing.c --- */

/* `backing` must be empty. Returns: VTR_ERR_INVALID, VTR_ERR_LIMIT, VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_backing_init(struct vtr_gpu *gpu, struct vtr_gpu_backing *backing,
                                                 enum vtr_gpu_kind kind, const struct vtr_gpu_extent *extents,
                                                 size_t count);
void vtr_gpu_backing_finish(struct vtr_gpu *gpu, struct vtr_gpu_backing *backing);

/* Copies `rows` rows of `row_size` bytes that are `stride` apart in source and destination. Returns:
 * VTR_ERR_INVALID (they do not lie in the backing, or the guest's RAM is not available any more). */
VTR_MUST_CHECK enum vtr_err vtr_gpu_backing_read(const struct vtr_gpu *gpu,
                                                 const struct vtr_gpu_backing *backing, uint64_t offset,
                                                 uint32_t stride, uint8_t *out, uint64_t row_size,
                                                 uint32_t rows);

/* Finds the files and offsets that a renderer can map. Owner: *out_pieces is the caller's, free(). Returns:
 * VTR_ERR_NOMEM; VTR_ERR_UNSUPPORTED (not made of whole pages, or not available). */
VTR_MUST_CHECK enum vtr_err vtr_gpu_backing_locate(const struct vtr_gpu *gpu,
                                                   const struct vtr_gpu_backing *backing,
                                                   struct vtr_ram_piece **out_pieces, size_t *out_count);

/* --- mem_lease.c --- */

/* Creates a lease without memory, to be filled in; the caller holds a reference. Returns: NULL without
 * memory. */
struct vtr_gpu_mem_lease *vtr_gpu_mem_lease_create(struct vtr_gpu *gpu);
/* Gives the memory back if it is not used any more. */
void vtr_gpu_mem_lease_release_if_unused(struct vtr_gpu_mem_lease *lease);
/* The guest has reset the device: memory that renderers still use counts as left. */
void vtr_gpu_mem_leases_reset(struct vtr_gpu *gpu);

/* --- lease_holder.c --- */

/* The caller sets `renderer`. Returns: NULL without memory. */
struct vtr_gpu_lease_holder *vtr_gpu_lease_holder_create(struct vtr_gpu_context *context);
/* The holder's context is destroyed. */
void vtr_gpu_lease_holder_leave(struct vtr_gpu_lease_holder *renderer);
/* Returns: NULL without memory. */
struct vtr_gpu_use *vtr_gpu_use_create(struct vtr_gpu_lease_holder *renderer, uint32_t res_id,
                                       struct vtr_gpu_mem_lease *lease);
/* The renderer did not receive the memory after all. */
void vtr_gpu_use_cancel(struct vtr_gpu_use *use);
/* Events from renderers. */
void vtr_gpu_lease_holder_detached(struct vtr_gpu_lease_holder *renderer, uint32_t res_id);
void vtr_gpu_lease_holder_ended(struct vtr_gpu *gpu, const struct vtr_renderer *renderer);
/* Drops the holders whose process has not ended. */
void vtr_gpu_lease_holders_finish(struct vtr_gpu *gpu);

/* --- resource.c --- */

/* Creates the lease of the memory that renderers will use. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_lease(struct vtr_gpu_resource *resource);

/* Gives a resource host memory. Returns: VTR_ERR_LIMIT, VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_image_init(struct vtr_gpu_resource *resource);

/* Returns: the memory of the resource's image, if it has one. */
struct vtr_gpu_image_memory *vtr_gpu_image_memory_of(const struct vtr_gpu_resource *resource);

/* Returns: the host's bytes at `offset` of an image or of a mapped blob. */
uint8_t *vtr_gpu_resource_bytes(const struct vtr_gpu_resource *resource, uint64_t offset);

/* --- context.c --- */

/* The resource's memory exists from now on: sends it to the renderers that it is attached to. */
void vtr_gpu_context_attach_memory(struct vtr_gpu_resource *resource);
/* The resource's memory ends: takes it from the renderers. */
void vtr_gpu_context_detach_memory(struct vtr_gpu_resource *resource);
/* Detaches it from all contexts. */
void vtr_gpu_context_detach_all(struct vtr_gpu_resource *resource);

extern const struct vtr_renderer_events vtr_gpu_renderer_events;

/* --- scanout.c --- */

/* The caller is about to change its pixels: informs the display host, if a display shows them. */
void vtr_gpu_scanout_touch(const struct vtr_gpu_resource *resource);
/* Displays that show it become inactive. */
void vtr_gpu_scanout_forget(struct vtr_gpu_resource *resource);
bool vtr_gpu_format_is_known(uint32_t format);

/* --- fence.c --- */

VTR_MUST_CHECK enum vtr_err vtr_gpu_fences_init(struct vtr_gpu *gpu, uint32_t refresh_hz);
void vtr_gpu_fences_finish(struct vtr_gpu *gpu);
/* Drops all fences of the global timeline without retiring them. */
void vtr_gpu_fences_reset(struct vtr_gpu *gpu);
/* The renderer reports `renderer_fence_id` on `timeline` as signalled. Returns: VTR_ERR_PROTOCOL: that is not the
 * oldest fence that it was asked for there. The report is false, and nothing was done. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_fences_signal(struct vtr_gpu_context *context, uint32_t timeline,
                                                  uint64_t renderer_fence_id);
/* The lease's memory is free. */
void vtr_gpu_fences_left(struct vtr_gpu_mem_lease *lease);
/* The renderer will signal nothing any more. */
void vtr_gpu_fences_abandon(struct vtr_gpu_context *context);
/* Retires all remaining fences on the context's timelines. */
void vtr_gpu_fences_finish_context(struct vtr_gpu_context *context);

#endif
