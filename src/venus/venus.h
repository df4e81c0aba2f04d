/* SPDX-License-Identifier: MIT */
#ifndef VENUS_VENUS_H
#define VENUS_VENUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * One Venus context: the host side of one guest VkInstance. It decodes the guest's command streams,
 * owns the driver's objects and the memory that is shared with the guest.
 *
 * Process: a worker. Nothing here may run in a process that must survive a driver's crash.
 * Thread:  the functions below belong to one thread, the context's (it reads the socket), unless a
 *          comment says "any thread". Rings run in threads of their own.
 * Errors:  VTR_ERR_GUEST means that the guest broke the protocol: the context is dead from then on
 *          (vtr_venus_is_dead()), its rings say so to the guest, and the caller drops the client.
 */
struct vtr_known;
struct vtr_venus;
struct vtr_log;

#define VTR_VENUS_CAPSET_ID 4
#define VTR_VENUS_CAPSET_SIZE 160
/* Timelines of a context: 0 is the CPU's, 1..63 belong to queues (venus-host.md 9.1). */
#define VTR_VENUS_TIMELINE_COUNT 64

/* Values of virtio-gpu and vtest alike (virtio 1.3, 5.7.6.8 RESOURCE_CREATE_BLOB). */
enum vtr_blob_flags {
	VTR_BLOB_MAPPABLE = 1 << 0,
	VTR_BLOB_SHAREABLE = 1 << 1,
	VTR_BLOB_CROSS_DEVICE = 1 << 2,
};

enum vtr_blob_cache {
	VTR_BLOB_CACHED = 1,
	VTR_BLOB_UNCACHED = 2,
	VTR_BLOB_WC = 3,
};

struct vtr_blob {
	int fd;		    /* the context's; valid until vtr_venus_resource_destroy() */
	uint64_t size;             /* bytes that can be mapped from offset 0; at least what was asked for */
	enum vtr_blob_cache cache; /* how a hypervisor should map it */
};

struct vtr_venus_events {
	/* A fence of vtr_venus_fence() retired, in order on its timeline. Any thread. */
	void (*fence)(void *data, uint32_t timeline, uint64_t fence_id);
	/* A ring was created or destroyed: `status_offset` is where its status word lies in `fd`
	 * (borrowed), so that a supervisor can set the FATAL bit should this process die; -1 is the window.
	 * The context's thread. */
	void (*ring)(void *data, uint64_t ring_id, bool created, int fd, uint64_t status_offset);
	/* The context died in one of its threads; the reason was logged. Any thread. */
	void (*dead)(void *data);
	/* After vtr_venus_resource_destroy() of window or pieces, once for each: neither the context nor its
	 * devices touch that memory any more. NULL: there are no such resources. Any thread. */
	void (*released)(void *data, uint32_t res_id);
};

/* The memory of a VM's host-visible window. Its guest gets hold of memory there before it tells what for
 * (use_guest_vram), so all that the CPU can see is imported from there, and nothing else is shared. */
struct vtr_venus_window {
	int fd; /* borrowed; must outlive the context */
	uint64_t size; /* the fd has at least as much */
};

struct vtr_venus_params {
	struct vtr_log *log; /* may be NULL; must outlive the context */
	const struct vtr_venus_events *events; /* must outlive the context */
	void *data; /* handed to events */
	const struct vtr_venus_window *window; /* copied; NULL: the guest maps fds instead (vtest) */
	uint64_t max_memory; /* bytes of mappable memory a guest may hold; 0: half of the RAM */
	uint32_t min_import_alignment; /* 0: what the driver says; else at least this (tests use 16384) */
	/* Behave as if the driver could not do this; for tests of hosts that really cannot. */
	bool no_host_import;
	bool no_export; /* neither dma-bufs nor opaque fds */
	/* What another process found out with the same parameters (venus/known.h); may be NULL; must
	 * outlive the context. */
	const struct vtr_known *known;
};

/**
 * Makes an empty context. No driver is loaded before the guest's first Vulkan call.
 *
 * Owner:   *out_venus is the caller's, end it with vtr_venus_destroy().
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS. *out_venus is untouched on failure.
 */
VTR_MUST_CHECK enum vtr_err vtr_venus_create(const struct vtr_venus_params *params,
                                             struct vtr_venus **out_venus);

/* Stops the rings, waits for the device, destroys what the guest left. Accepts NULL. */
void vtr_venus_destroy(struct vtr_venus *venus);

/* Fills the 160 bytes of capset 4, version 0 (venus-host.md 1). `use_guest_vram`: contexts have a window.
 * Needs no context. */
void vtr_venus_capset(bool use_guest_vram, uint8_t out_capset[VTR_VENUS_CAPSET_SIZE]);

/* Whether the context has broken down; its rings carry the FATAL bit then. Any thread. */
bool vtr_venus_is_dead(const struct vtr_venus *venus);

/* Breaks the context down: sets FATAL on all rings, so that the guest aborts. Any thread. */
void vtr_venus_kill(struct vtr_venus *venus);

/**
 * Executes `size` bytes of Venus commands in the context stream. May block in
 * vkWaitRingSeqnoMESA until the ring thread has got there.
 *
 * `commands` must not change during the call (copy guest-writable memory first).
 * Returns: VTR_ERR_GUEST.
 */
VTR_MUST_CHECK enum vtr_err vtr_venus_submit(struct vtr_venus *venus, const void *commands, size_t size);

/**
 * Creates the blob `blob_id` as resource `res_id`: 0 is new shared memory, anything else the
 * VkDeviceMemory with that object id.
 *
 * Returns: VTR_ERR_GUEST  flags or ids make no sense (the context survives this one)
 *          VTR_ERR_LIMIT  over the context's memory budget
 *          VTR_ERR_UNSUPPORTED this memory cannot be shared on this host
 *          VTR_ERR_NOMEM, VTR_ERR_OS
 */
VTR_MUST_CHECK enum vtr_err vtr_venus_blob_create(struct vtr_venus *venus, uint32_t res_id, uint64_t blob_id,
                                                  uint32_t flags, uint64_t size, struct vtr_blob *out_blob);

/**
 * Makes a range of the window known as `res_id`. Rings, streams and replies may lie there too.
 * Returns: VTR_ERR_GUEST (id in use, or it is not in the window), LIMIT, NOMEM, OS; UNSUPPORTED: the range
 *          does not suit this host's pages.
 */
VTR_MUST_CHECK enum vtr_err vtr_venus_resource_window(struct vtr_venus *venus, uint32_t res_id,
                                                      uint64_t offset, uint64_t size);

/**
 * Makes scattered memory (of the guest's RAM) known as `res_id`, in one view, to be imported.
 * Owner: the fds stay the caller's, who may close them. Returns: as above.
 */
struct vtr_os_shm_piece;
VTR_MUST_CHECK enum vtr_err vtr_venus_resource_pieces(struct vtr_venus *venus, uint32_t res_id,
                                                      const struct vtr_os_shm_piece *pieces, size_t count);

/* Forgets a resource. Memory objects made from it live on; for the CPU those of window and pieces have lost
 * what they shared, since others will get it next; see released(). Returns: whether there was one. */
bool vtr_venus_resource_destroy(struct vtr_venus *venus, uint32_t res_id);

/**
 * Asks for a fence: events.fence() is called once everything submitted so far on `timeline` is
 * done; at once for timeline 0. It is called exactly once, also when the context or device is lost.
 * Returns: VTR_ERR_GUEST (no such timeline), VTR_ERR_LIMIT (too many fences), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_venus_fence(struct vtr_venus *venus, uint32_t timeline, uint64_t fence_id);

/* Retires fences that are done by now. To be called while the context's thread waits for input without
 * sleeping, and with `sleeping` before it does sleep: other threads look after fences then. */
void vtr_venus_settle(struct vtr_venus *venus, bool sleeping);

/* What `vitrine doctor` says about a host: see venus/probe.h (devices, memory strategy per type). */

#endif
