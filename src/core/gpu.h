/* SPDX-License-Identifier: MIT */
#ifndef CORE_GPU_H
#define CORE_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "core/ops.h"
#include "core/ram.h"

/*
 * The hub of one VM's GPU: resources, contexts, scanouts, fences. It knows no transport, no driver
 * and no wire format: virtio/gpu.h decodes requests and calls this, which calls renderers and the
 * screen through core/ops.h.
 *
 * Thread: the device's, for all of this file. Nothing blocks.
 * Errors: VTR_ERR_GUEST means here that the request makes no sense; nothing has changed then, and
 *         the guest goes on. A line was logged (rate-limited) where anything fails. All functions
 *         that return an error may also return VTR_ERR_LIMIT, VTR_ERR_NOMEM or VTR_ERR_OS where
 *         they need memory, and VTR_ERR_GONE where a context's renderer is gone.
 */
struct vtr_gpu;
struct vtr_gpu_context;
struct vtr_gpu_resource;
struct vtr_log;
struct vtr_os_loop;

/* Limits, so that a guest cannot have the host's memory through what we keep for it. */
#define VTR_GPU_MAX_RESOURCES 65536
#define VTR_GPU_MAX_IMAGES 4096          /* resources that hold memory of ours */
#define VTR_GPU_MAX_CONTEXTS 1024        /* each client of the guest's KMS has one */
#define VTR_GPU_MAX_RENDERERS 64         /* each is a process */
#define VTR_GPU_MAX_ATTACHMENTS 262144   /* resources known to contexts, in all */
#define VTR_GPU_MAX_BACKING 16384        /* entries in one request, as in QEMU */
#define VTR_GPU_MAX_EXTENTS (1u << 20)   /* of all backings, in all */
#define VTR_GPU_MAX_SIDE 16384           /* pixels */
#define VTR_GPU_TIMELINES 64             /* of a context */
#define VTR_GPU_MIN_SCANOUT 16           /* pixels a side, as in QEMU */

/* What a guest addresses its window in. */
#define VTR_GPU_BLOB_UNIT 4096u

#define VTR_GPU_CAPSET_NONE 0u
#define VTR_GPU_CAPSET_VENUS 4u

/* --- life ---------------------------------------------------------------------------------------------- */

/* Something that a guest waits for. Memory of whoever adds it, until it is retired. */
struct vtr_gpu_fence {
	struct vtr_list node;         /* in its timeline, oldest first */
	struct vtr_list wait_node;    /* among those that wait for the same thing */
	struct vtr_list *timeline;    /* NULL: it is on none */
	uint64_t render_id;           /* what the renderer knows it by */
	uint32_t render_timeline;
	bool done;
};

struct vtr_gpu_events {
	/* The fence and all before it on its timeline are done; it is the caller's again. May come from
	 * inside of a call, and must not call back. */
	void (*retired)(void *data, struct vtr_gpu_fence *fence);
};

struct vtr_gpu_params {
	struct vtr_log *log;             /* may be NULL */
	struct vtr_os_loop *loop;
	const struct vtr_window *window; /* must outlive the hub */
	uint64_t image_memory;           /* bytes for what the guest has us keep; 0: 2 GiB */
	uint32_t display_count;          /* 1..VTR_MAX_DISPLAYS */
	uint32_t refresh_hz;             /* of displays, for pacing; 0: frames are shown at once */
	const struct vtr_render_ops *render;
	void *render_data;
	const struct vtr_screen_ops *screen;
	void *screen_data;
	const struct vtr_gpu_events *events;
	void *events_data;
};

/**
 * All pointers must outlive the hub; entries of the tables must be set.
 *
 * Owner:   *out_gpu is the caller's, end it with vtr_gpu_destroy().
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_gpu_create(const struct vtr_gpu_params *params, struct vtr_gpu **out_gpu);

/* Also ends what the guest left. The window's memory stays as it is. Accepts NULL. */
void vtr_gpu_destroy(struct vtr_gpu *gpu);

/* Forgets all that the guest made: displays go dark, memory is given back. Fences are forgotten without
 * a word. */
void vtr_gpu_reset(struct vtr_gpu *gpu);

/* The guest's memory from now on; NULL: none can be reached. Borrowed. */
void vtr_gpu_set_ram(struct vtr_gpu *gpu, const struct vtr_ram *ram);

/* --- resources ----------------------------------------------------------------------------------------- */

/* A stretch of guest RAM. */
struct vtr_gpu_extent {
	uint64_t gpa;
	uint64_t size;
};

enum vtr_gpu_blob_mem {
	VTR_GPU_BLOB_GUEST = 1,       /* in the guest's RAM */
	VTR_GPU_BLOB_HOST3D = 2,      /* in the window once mapped; in memory of ours if it never can be */
	VTR_GPU_BLOB_HOST3D_GUEST = 3, /* in the guest's RAM, made for a renderer */
};

/* Bits of a blob's flags (virtio 1.3, 5.7.6.8). */
#define VTR_GPU_BLOB_MAPPABLE 1u
#define VTR_GPU_BLOB_SHAREABLE 2u
#define VTR_GPU_BLOB_CROSS_DEVICE 4u

struct vtr_gpu_blob {
	enum vtr_gpu_blob_mem mem; /* checked here, like all the rest */
	uint32_t flags;
	uint64_t size;
	struct vtr_gpu_context *context;       /* whose memory it names; NULL for plain guest memory */
	const struct vtr_gpu_extent *extents; /* copied */
	size_t extent_count;
};

/* NULL: there is none with this id. */
struct vtr_gpu_resource *vtr_gpu_resource_find(const struct vtr_gpu *gpu, uint32_t id);

/* Pixels that the host keeps: w * h * 4 bytes. `id` is not 0 and not in use. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_create_2d(struct vtr_gpu *gpu, uint32_t id, uint32_t format,
                                                       uint32_t width, uint32_t height);

/* `id` is not 0 and not in use. The size is rounded up to VTR_GPU_BLOB_UNIT. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_create_blob(struct vtr_gpu *gpu, uint32_t id,
                                                         const struct vtr_gpu_blob *blob);

/* Memory that a resource has left and renderers still use. Whoever gets one hands it to
 * vtr_gpu_fence_add(), to learn when that is over, or drops it by vtr_gpu_place_unref(). */
struct vtr_gpu_place;

/* Accepts NULL. */
void vtr_gpu_place_unref(struct vtr_gpu_place *place);

/* Ends it: displays that show it go dark, contexts forget it, its memory reads as zeros when it is given
 * out again. *out_leaving: that is not yet; or NULL. out_leaving may be NULL. */
void vtr_gpu_resource_unref(struct vtr_gpu_resource *resource, struct vtr_gpu_place **out_leaving);

/* Gives a 2D resource its guest memory. VTR_ERR_GUEST: it has some already, or is a blob. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_attach_backing(struct vtr_gpu_resource *resource,
                                                            const struct vtr_gpu_extent *extents,
                                                            size_t count);
/* *out_leaving: see vtr_gpu_resource_unref(). */
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_detach_backing(struct vtr_gpu_resource *resource,
                                                            struct vtr_gpu_place **out_leaving);

/* Copies a rectangle of a 2D resource from guest memory, where its first byte is at `offset`. Blobs have
 * nothing to copy. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_transfer(struct vtr_gpu_resource *resource,
                                                      const struct vtr_rect *rect, uint64_t offset);

/* Puts a mappable host blob into the window, or takes it out. *out_leaving: see
 * vtr_gpu_resource_unref(). */
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_map(struct vtr_gpu_resource *resource, uint64_t offset);
VTR_MUST_CHECK enum vtr_err vtr_gpu_resource_unmap(struct vtr_gpu_resource *resource,
                                                   struct vtr_gpu_place **out_leaving);

/* --- contexts ------------------------------------------------------------------------------------------ */

/* NULL: there is none with this id. */
struct vtr_gpu_context *vtr_gpu_context_find(const struct vtr_gpu *gpu, uint32_t id);

/* `id` is not 0 and not in use; `name` is the guest's word, `name_size` bytes of it. VTR_ERR_GUEST: no
 * such capset. VTR_GPU_CAPSET_NONE makes a context without a renderer. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_context_create(struct vtr_gpu *gpu, uint32_t id, uint32_t capset,
                                                   const char *name, size_t name_size);

/* Its fences are retired first. */
void vtr_gpu_context_destroy(struct vtr_gpu_context *context);

/* Lets a context name a resource. Its renderer is told where the memory is as soon as that is known.
 * Again: nothing happens. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_context_attach(struct vtr_gpu_context *context,
                                                   struct vtr_gpu_resource *resource);
/* Does nothing if it is not attached. */
void vtr_gpu_context_detach(struct vtr_gpu_context *context, struct vtr_gpu_resource *resource);

/* Has commands executed; they are copied. VTR_ERR_UNSUPPORTED: the context has no renderer. No commands
 * are fine for every context that lives. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_context_submit(struct vtr_gpu_context *context, const void *commands,
                                                   size_t size);

/* --- scanouts ------------------------------------------------------------------------------------------ */

/* How pixels lie in a blob. */
struct vtr_gpu_layout {
	uint32_t width, height;
	uint32_t stride; /* bytes */
	uint64_t offset; /* bytes */
	uint32_t format; /* enum vtr_pixel_format, once checked */
};

/* Has a display show a part of a 2D resource. `display` < display_count, here and below. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_scanout_set(struct vtr_gpu *gpu, uint32_t display,
                                                struct vtr_gpu_resource *resource,
                                                const struct vtr_rect *rect);
/* The same for a blob. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_scanout_set_blob(struct vtr_gpu *gpu, uint32_t display,
                                                     struct vtr_gpu_resource *resource,
                                                     const struct vtr_rect *rect,
                                                     const struct vtr_gpu_layout *layout);
void vtr_gpu_scanout_off(struct vtr_gpu *gpu, uint32_t display);

/* A frame is complete, `rect` of it has changed. `*out_shown`: whether any display shows it. */
VTR_MUST_CHECK enum vtr_err vtr_gpu_flush(struct vtr_gpu_resource *resource, const struct vtr_rect *rect,
                                          bool *out_shown);

/* The cursor's picture, read now; NULL hides it. */
void vtr_gpu_cursor_set(struct vtr_gpu *gpu, uint32_t display, struct vtr_gpu_resource *resource,
                        uint32_t hot_x, uint32_t hot_y);
/* Where its hot spot is, in pixels of the scanout; may be outside. */
void vtr_gpu_cursor_move(struct vtr_gpu *gpu, uint32_t display, int32_t x, int32_t y);

/* --- fences -------------------------------------------------------------------------------------------- */

struct vtr_gpu_fence_params {
	struct vtr_gpu_context *context; /* its timeline `ring`; NULL: the global one */
	uint32_t ring;                   /* < VTR_GPU_TIMELINES */
	struct vtr_gpu_context *after;   /* wait for what this one's renderer was given so far; or NULL */
	uint32_t after_ring;
	bool next_tick;                  /* wait for the displays' next tick */
	struct vtr_gpu_place *leaving;   /* wait until nobody uses that; consumed; or NULL */
	bool unordered;                  /* it is on no timeline */
};

/* Adds a fence at the end of a timeline. It is retired exactly once, maybe at once, and in order: unless
 * vtr_gpu_reset() is called before. */
void vtr_gpu_fence_add(struct vtr_gpu *gpu, struct vtr_gpu_fence *fence,
                       const struct vtr_gpu_fence_params *params);

#endif
