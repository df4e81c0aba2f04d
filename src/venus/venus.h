/* SPDX-License-Identifier: MIT */
#ifndef VENUS_VENUS_H
#define VENUS_VENUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/transport.h"

/*
 * One Venus context: the host side of one guest VkInstance. It decodes the guest's command streams, owns the
 * driver's objects and the memory that is shared with the guest.
 *
 * Process: a worker. Nothing here may run in a process that must survive a driver's crash.
 * Thread:  the context's (it reads the socket) for the functions below, unless a comment says "any thread".
 *          Rings have threads of their own.
 * Errors:  VTR_ERR_PROTOCOL means that the guest broke the protocol: the context is dead from then on
 *          (vtr_venus_is_dead()), its rings have the FATAL bit, and the caller drops the client.
 */
struct vtr_renderer_config;
struct vtr_room;
struct vtr_venus;
struct vtr_log;

/* The values are the same in virtio-gpu and vtest (virtio 1.3, 5.7.6.8 RESOURCE_MAP_BLOB). */
enum vtr_blob_cache {
	VTR_BLOB_CACHED = 1,
	VTR_BLOB_UNCACHED = 2,
	VTR_BLOB_WC = 3,
};

struct vtr_blob {
	int fd;      /* the context's; valid until vtr_venus_resource_destroy() */
	uint64_t size;             /* bytes that can be mapped from offset 0; at least the requested size */
	enum vtr_blob_cache cache; /* how a hypervisor should map it */
};

enum vtr_stall_state {
	VTR_STALL_OVER, /* what was slow has completed */
	VTR_STALL_SLOW, /* it takes long, but has not reached its limit */
	VTR_STALL_HUNG, /* it has: the context is about to end */
};

/* Something in the driver that does not complete. */
struct vtr_stall {
	enum vtr_stall_state state;
	uint32_t seconds; /* that it has taken */
	const char *what; /* a command's name, or a few words */
};

struct vtr_venus_events {
	/* A fence of vtr_venus_fence() is done; in order on its timeline. Thread: any. */
	void (*fence)(void *data, uint32_t timeline, uint64_t fence_id);
	/* A ring was created or destroyed. `status_offset` is the position of its status word in `fd`
	 * (borrowed; -1 is hostmem), so that a supervisor can set the FATAL bit if this process dies. Thread:
	 * the context's. */
	void (*ring)(void *data, uint64_t ring_id, bool created, int fd, uint64_t status_offset);
	/* The context failed in one of its threads; the reason was logged. Thread: any. */
	void (*dead)(void *data);
	/* After vtr_venus_resource_destroy() of hostmem or pieces, once for each: neither the context nor its
	 * devices access that memory any more. NULL: there are no such resources. Thread: any. */
	void (*released)(void *data, uint32_t res_id);
	/* The guest has a device now, which the driver calls `name`. NULL: this does not matter. Thread: any. */
	void (*device)(void *data, const char *name);
	/* NULL: this does not matter. Thread: any. */
	void (*stalled)(void *data, const struct vtr_stall *stall);
};

/* A VM's host-visible memory. Its guest allocates memory there before it says what for (use_guest_vram), so
 * all memory that the CPU can access is imported from there, and no other memory is shared. */
struct vtr_venus_hostmem {
	int fd; /* borrowed; must outlive the context */
	uint64_t size; /* the fd has at least this size */
};

struct vtr_venus_params {
	struct vtr_log *log; /* may be NULL; must outlive the context */
	const struct vtr_venus_events *events; /* must outlive the context */
	void *data; /* passed to the events */
	const struct vtr_venus_hostmem *hostmem; /* copied; NULL: the guest maps fds instead (vtest) */
	const struct vtr_renderer_config *config; /* must outlive the context */
	struct vtr_budget_part memory; /* what other contexts take from, too; without `shared`: none do */
	struct vtr_budget_part device_memory; /* the same for memory in the heaps of devices */
	struct vtr_room
		*room; /* see venus/room.h; must outlive the context. NULL: the kernel limits nothing */
};

/**
 * Creates an empty context. No driver is loaded before the guest's first Vulkan call.
 *
 * Owner:   *out_venus is the caller's; end it with vtr_venus_destroy().
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS. *out_venus is untouched on failure.
 */
VTR_MUST_CHECK enum vtr_err vtr_venus_create(const struct vtr_venus_params *params,
                                             struct vtr_venus **out_venus);

/* Stops the rings, waits for the device, destroys what the guest left. Accepts NULL. */
void vtr_venus_destroy(struct vtr_venus *venus);

/* Fills the 160 bytes of capset 4, version 0 (virglrenderer: struct virgl_renderer_capset_venus).
 * `use_guest_vram`: contexts have hostmem. Needs no context. */
void vtr_venus_capset(bool use_guest_vram, uint8_t out_capset[VTR_CAPSET_VENUS_SIZE]);

/* Returns: whether the context has failed; its rings then have the FATAL bit. Thread: any. */
bool vtr_venus_is_dead(const struct vtr_venus *venus);

/* Fails the context: sets FATAL on all rings, so that the guest aborts. Thread: any. */
void vtr_venus_kill(struct vtr_venus *venus);

/* Returns: the milliseconds between two calls of vtr_venus_check(); -1: it need not be called. */
int vtr_venus_check_ms(const struct vtr_renderer_config *config);

/* Checks whether calls of the driver return. Never calls the driver, nor waits for a thread that does.
 * Returns: whether the context hangs, and its process must end, because threads may be in the driver for good.
 * Thread: one of the caller's. */
bool vtr_venus_check(struct vtr_venus *venus);

/**
 * Executes `size` bytes of Venus commands in the context stream. After vkWaitRingSeqnoMESA, fences wait for
 * that number, and so does the next call with other commands.
 *
 * `commands` must not change during the call (copy guest-writable memory first).
 * Returns: VTR_ERR_PROTOCOL.
 */
VTR_MUST_CHECK enum vtr_err vtr_venus_submit(struct vtr_venus *venus, const void *commands, size_t size);

/**
 * Creates the blob `blob_id` as resource `res_id`: 0 is new shared memory, any other value the VkDeviceMemory
 * with that object id.
 *
 * Returns: VTR_ERR_INVALID      invalid flags or ids (the context survives this)
 *          VTR_ERR_LIMIT        over the context's memory budget
 *          VTR_ERR_UNSUPPORTED  this memory cannot be shared on this host
 *          VTR_ERR_NOMEM, VTR_ERR_OS
 */
VTR_MUST_CHECK enum vtr_err vtr_venus_blob_create(struct vtr_venus *venus, uint32_t res_id, uint64_t blob_id,
                                                  uint32_t flags, uint64_t size, struct vtr_blob *out_blob);

/**
 * Registers a range of hostmem as `res_id`. It may contain rings, streams and replies, too.
 * Returns: VTR_ERR_INVALID (id in use, or it is not in hostmem), LIMIT, NOMEM, OS; UNSUPPORTED: the range is
 *          not aligned to this host's pages.
 */
VTR_MUST_CHECK enum vtr_err vtr_venus_resource_hostmem(struct vtr_venus *venus, uint32_t res_id,
                                                       uint64_t offset, uint64_t size);

/**
 * Registers scattered memory (of the guest's RAM) as `res_id`, in one mapping, for importing.
 * Owner: the fds stay the caller's, who may close them. Returns: as above.
 */
struct vtr_os_shm_piece;
VTR_MUST_CHECK enum vtr_err vtr_venus_resource_pieces(struct vtr_venus *venus, uint32_t res_id,
                                                      const struct vtr_os_shm_piece *pieces, size_t count);

/* Removes a resource. Memory objects made from it stay; those of hostmem and pieces lose the shared memory
 * for the CPU, since it will be reused; see released(). Returns: whether it existed. */
bool vtr_venus_resource_destroy(struct vtr_venus *venus, uint32_t res_id);

/**
 * Asks for a fence: events.fence() is called once everything submitted so far on `timeline` is done; at once
 * for timeline 0, and where there is no queue. It is called exactly once, also when the context or device is lost.
 * Returns: VTR_ERR_INVALID (the number is out of range), VTR_ERR_NOMEM; the fence is not reported then.
 */
VTR_MUST_CHECK enum vtr_err vtr_venus_fence(struct vtr_venus *venus, uint32_t timeline, uint64_t fence_id);

/* Retires fences that are done by now. Call it while the context's thread waits for input without sleeping,
 * and with `sleeping` before it sleeps: other threads check the fences then. */
void vtr_venus_poll_fences(struct vtr_venus *venus, bool sleeping);

/* For the host's devices and the memory strategy per type, see venus/probe.h. */

#endif
