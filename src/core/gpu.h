/* SPDX-License-Identifier: MIT */
#ifndef CORE_GPU_H
#define CORE_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "base/transport.h"
#include "core/ops.h"
#include "core/ram.h"

/*
 * The core of one VM's GPU: resources, contexts, scanouts, fences. It is independent of transport, driver and
 * wire format: virtio/gpu.h decodes requests and calls this; this calls renderers and the display host
 * through core/ops.h.
 *
 * Thread: the device's, for all of this file. Nothing blocks.
 * Errors: VTR_ERR_INVALID means that the request is invalid: nothing has changed, and the guest continues.
 *         Each failure has been logged (rate-limited). All functions that return an error may also return
 *         VTR_ERR_LIMIT, VTR_ERR_NOMEM or VTR_ERR_OS where they need memory, and VTR_ERR_GONE where a
 *         context's renderer is gone.
 */
struct vtr_gpu;
struct vtr_gpu_context;
struct vtr_gpu_resource;
struct vtr_log;
struct vtr_os_loop;

/* Limits on the host memory that a guest can make us use. Of resources, images and extents, blobs stop at
 * three quarters: all programs of a guest can make blobs, and the rest is for the displays' pictures. */
#define VTR_GPU_MAX_RESOURCES 65536
#define VTR_GPU_MAX_IMAGES 4096          /* resources with host memory */
#define VTR_GPU_MAX_CONTEXTS 1024        /* each client of the guest's KMS device has one */
#define VTR_GPU_MAX_RENDERERS 64         /* each is a process */
#define VTR_GPU_MAX_ATTACHMENTS 262144   /* of resources to contexts, in total */
#define VTR_GPU_MAX_BACKING 16384        /* entries in one request, as in QEMU */
#define VTR_GPU_MAX_EXTENTS (1u << 20)   /* of all backings, in total */
#define VTR_GPU_MAX_SIDE 16384           /* pixels */
#define VTR_GPU_MIN_SCANOUT 16           /* pixels per side, as in QEMU */

/* The unit in which guests address hostmem. */
#define VTR_GPU_BLOB_UNIT 4096u

#define VTR_GPU_CAPSET_NONE 0u

/* --- lifetime ------------------------------------------------------------------------------------------ */

/* An event that a guest waits for. The memory belongs to the caller that adds it, who keeps it until it is
 * retired. */
struct vtr_gpu_fence {
	struct vtr_list node;         /* in its timeline, oldest first */
	struct vtr_list wait_node;    /* among the fences that wait for the same event */
	struct vtr_list *timeline;    /* NULL: on none */
	uint64_t renderer_fence_id;           /* the renderer's id of it */
	uint32_t renderer_timeline;
	bool done;
};

struct vtr_gpu_events {
	/* The fence and all before it on its timeline are done; it is the caller's again. May be called while
	 * a function of this file runs. It must not call back. */
	void (*retired)(void *data, struct vtr_gpu_fence *fence);
};

struct vtr_gpu_params {
	struct vtr_log *log; /* may be NULL */
	struct vtr_os_loop *loop;
	const struct vtr_hostmem *hostmem; /* must outlive the core */
	uint64_t image_memory; /* bytes of host memory for the guest's images, as above; 0: 2 GiB */
	uint32_t display_count; /* 1..VTR_MAX_DISPLAYS */
	uint32_t refresh_hz; /* refresh rate, for pacing; 0: frames are shown at once */
	const struct vtr_renderer_ops *renderer_ops;
	void *renderer_data;
	const struct vtr_display_ops *screen;
	void *screen_data;
	const struct vtr_gpu_events *events;
	void *events_data;
};

/**
 * All pointers must outlive the core; the entries of the tables must be set.
 *
 * Owner:   *out_gpu is the caller's; end it with vtr_gpu_destroy().
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_gpu_create(const struct vtr_gpu_params *params, struct vtr_gpu **out_gpu);

/* Also frees what the guest left. hostmem stays as it is. Accepts NULL. */
void vtr_gpu_destroy(struct vtr_gpu *gpu);

/* Drops everything that the guest created: displays become inactive, memory is freed. Fences are dropped
 * without being retired. */
void vtr_gpu_reset(struct vtr_gpu *gpu);

/* Sets the guest's memory; NULL: none is reachable. Borrowed. */
void vtr_gpu_set_ram(struct vtr_gpu *gpu, const struct vtr_ram *ram);

/* --- resources ----------------------------------------------------------------------------------------- */

/* A range of guest RAM. */
struct vtr_gpu_extent {
	uint64_t gpa;
	uint64_t size;
};

struct vtr_gpu_blob {
	uint32_t mem; /* checked here, like all other members */
	uint32_t flags;
	uint64_t size;
	struct vtr_gpu_context *context; /* the context whose memory it names; NULL for plain guest memory */
	const struct vtr_gpu_extent *extents; /* copied */
	size_t extent_count;
};

/* Returns: NULL if there is none with this id. */
struct vtr_gpu_resource *vtr_gpu_resource_find(const struct vtr_gpu *gpu, uint32_t id);

/* Pixels that the host stores: w * h * 4 bytes. `id` must be unused and not 0. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_create_2d(struct vtr_gpu *gpu, uint32_t id, uint32_t format,
                                                       uint32_t width, uint32_t height);

/* `id` must be unused and not 0. The size is rounded up to VTR_GPU_BLOB_UNIT. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_create_blob(struct vtr_gpu *gpu, uint32_t id,
                                                         const struct vtr_gpu_blob *blob);

/* Memory that a resource has left and that renderers still use. The caller who receives a lease either passes
 * it to vtr_gpu_fence_add(), to learn when the memory is free, or drops it with vtr_gpu_mem_lease_unref(). */
struct vtr_gpu_mem_lease;

/* Accepts NULL. */
void vtr_gpu_mem_lease_unref(struct vtr_gpu_mem_lease *lease);

/* Destroys the resource: displays that show it become inactive, contexts lose it, its memory reads as zeros
 * when it is reused. *out_leaving: the lease if renderers still use the memory, else NULL. out_leaving may be
 * NULL. */
void vtr_gpu_resource_unref(struct vtr_gpu_resource *resource, struct vtr_gpu_mem_lease **out_leaving);

/* Gives a 2D resource its guest memory. VTR_ERR_INVALID: it already has some, or is a blob. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_attach_backing(struct vtr_gpu_resource *resource,
                                                            const struct vtr_gpu_extent *extents,
                                                            size_t count);
/* *out_leaving: see vtr_gpu_resource_unref(). */
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_detach_backing(struct vtr_gpu_resource *resource,
                                                            struct vtr_gpu_mem_lease **out_leaving);

/* Copies a rectangle of a 2D resource from guest memory, where its first byte is at `offset`. Does nothing
 * for blobs. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_transfer(struct vtr_gpu_resource *resource,
                                                      const struct vtr_rect *rect, uint64_t offset);

/* Maps a mappable host blob into hostmem, or unmaps it. *out_leaving: see vtr_gpu_resource_unref(). */
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_map(struct vtr_gpu_resource *resource, uint64_t offset);
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_unmap(struct vtr_gpu_resource *resource,
                                                   struct vtr_gpu_mem_lease **out_leaving);

/* --- contexts ------------------------------------------------------------------------------------------ */

/* Returns: NULL if there is none with this id. */
struct vtr_gpu_context *vtr_gpu_context_find(const struct vtr_gpu *gpu, uint32_t id);

/* `id` must be unused and not 0; `name` comes from the guest, `name_size` bytes. VTR_ERR_INVALID: no such
 * capset. VTR_GPU_CAPSET_NONE creates a context without a renderer. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_context_create(struct vtr_gpu *gpu, uint32_t id, uint32_t capset,
                                                   const char *name, size_t name_size);

/* Retires its fences first. */
void vtr_gpu_context_destroy(struct vtr_gpu_context *context);

/* Allows a context to use a resource. The renderer gets the memory as soon as it exists. Does nothing if the
 * resource is attached already. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_context_attach(struct vtr_gpu_context *context,
                                                   struct vtr_gpu_resource *resource);
/* Does nothing if the resource is not attached. */
void vtr_gpu_context_detach(struct vtr_gpu_context *context, struct vtr_gpu_resource *resource);

/* Has commands executed; they are copied. VTR_ERR_UNSUPPORTED: the context has no renderer. An empty submit
 * succeeds on every context whose renderer is not gone. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_context_submit(struct vtr_gpu_context *context, const void *commands,
                                                   size_t size);

/* --- scanouts ------------------------------------------------------------------------------------------ */

/* The layout of pixels in a blob. */
struct vtr_gpu_layout {
	uint32_t width, height;
	uint32_t stride; /* bytes */
	uint64_t offset; /* bytes */
	uint32_t format; /* enum vtr_pixel_format, once checked */
};

/* Makes a display show a part of a 2D resource. `display` < display_count, here and below. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_scanout_set(struct vtr_gpu *gpu, uint32_t display,
                                                struct vtr_gpu_resource *resource,
                                                const struct vtr_rect *rect);
/* The same for a blob. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_scanout_set_blob(struct vtr_gpu *gpu, uint32_t display,
                                                     struct vtr_gpu_resource *resource,
                                                     const struct vtr_rect *rect,
                                                     const struct vtr_gpu_layout *layout);
void vtr_gpu_scanout_off(struct vtr_gpu *gpu, uint32_t display);

/* A frame is complete; `rect` of it has changed. `*out_shown`: whether any display shows it. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_flush(struct vtr_gpu_resource *resource, const struct vtr_rect *rect,
                                          bool *out_shown);

/* Sets the cursor's image, which is read now; NULL hides it. */
void vtr_gpu_cursor_set(struct vtr_gpu *gpu, uint32_t display, struct vtr_gpu_resource *resource,
                        uint32_t hot_x, uint32_t hot_y);
/* Moves the hot spot, in pixels of the scanout; it may be outside. */
void vtr_gpu_cursor_move(struct vtr_gpu *gpu, uint32_t display, int32_t x, int32_t y);

/* --- fences -------------------------------------------------------------------------------------------- */

struct vtr_gpu_fence_params {
	struct vtr_gpu_context *context; /* the fence is on its timeline `ring`; NULL: on the global one */
	uint32_t ring; /* < VTR_TIMELINE_COUNT */
	bool after_renderer; /* wait for what the context's renderer was given so far; ignored without a context */
	bool next_tick; /* wait for the displays' next tick */
	struct vtr_gpu_mem_lease *leaving; /* wait until this memory is unused; consumed; or NULL */
	bool unordered; /* on no timeline */
};

/* Adds a fence at the end of a timeline. It is retired exactly once and in order, maybe during this call,
 * unless vtr_gpu_reset() is called before. */
void vtr_gpu_fence_add(struct vtr_gpu *gpu, struct vtr_gpu_fence *fence,
                       const struct vtr_gpu_fence_params *params);

#endif
