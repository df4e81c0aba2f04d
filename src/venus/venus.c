/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "venus"
#include "venus/venus.h"

#include <stdlib.h>

#include "base/log.h"
#include "platform/shm.h"
#include "venus/context.h"
#include "venus/deferred.h"
#include "venus/device.h"
#include "venus/instance.h"
#include "venus/memory.h"
#include "venus/ring.h"
#include "venus/room.h"
#include "vk/renderer_config.h"
#include "wire_gen.h"

#define WATCH_PERIOD_NS UINT64_C(1000000000)
/* Commands for the context's stream up to this size need no memory of the budget. Guests send little more than
 * notifications there. */
#define SMALL_SUBMIT 4096

static enum vtr_err init_parts(struct vtr_venus *venus)
{
	enum vtr_err err = vtr_object_table_init(&venus->objects);

	if (err != VTR_OK) {
		return err;
	}
	err = vtr_resource_table_init(&venus->resources,
	                              vtr_renderer_config_max_memory(venus->params.config));
	if (err != VTR_OK) {
		vtr_object_table_finish(&venus->objects);
		return err;
	}
	venus->resources.budget.part = venus->params.memory;
	venus->resources.room = venus->params.room;
	vtr_budget_init(&venus->device_memory, UINT64_MAX);
	venus->device_memory.part = venus->params.device_memory;
	venus->resources.released = venus->params.events->released;
	venus->resources.released_data = venus->params.data;
	vtr_retire_init(&venus->retire);
	vtr_dispatch_init(&venus->dispatch, venus, NULL);
	return VTR_OK;
}

enum vtr_err vtr_venus_create(const struct vtr_venus_params *params, struct vtr_venus **out_venus)
{
	struct vtr_venus *venus = calloc(1, sizeof(*venus));
	enum vtr_err err;

	if (venus == NULL) {
		return VTR_ERR_NOMEM;
	}
	venus->log = params->log;
	venus->params = *params;
	if (params->hostmem != NULL) {
		venus->hostmem = *params->hostmem;
		venus->params.hostmem = &venus->hostmem;
	}
	venus->watch_period_ns = WATCH_PERIOD_NS;
	pthread_mutex_init(&venus->rings_lock, NULL);
	pthread_mutex_init(&venus->instance_lock, NULL);
	pthread_mutex_init(&venus->timeline_lock, NULL);
	pthread_mutex_init(&venus->memory_lock, NULL);
	vtr_os_cond_init(&venus->watch_wake);
	vtr_hang_init(venus);
	err = init_parts(venus);
	if (err != VTR_OK) {
		free(venus);
		return err;
	}
	*out_venus = venus;
	return VTR_OK;
}

void vtr_venus_destroy(struct vtr_venus *venus)
{
	if (venus == NULL) {
		return;
	}
	atomic_store(&venus->dead, true); /* ends waits in rings */
	vtr_rings_wake(venus);
	vtr_rings_destroy(venus);
	vtr_hang_stop(venus); /* a ring's device starts it */
	vtr_instance_finish(venus);
	vtr_dispatch_finish(&venus->dispatch);
	vtr_retire_finish(&venus->retire);
	vtr_resource_table_finish(&venus->resources);
	vtr_object_table_finish(&venus->objects);
	free(venus->rings);
	pthread_cond_destroy(&venus->watch_wake);
	pthread_mutex_destroy(&venus->timeline_lock);
	pthread_mutex_destroy(&venus->memory_lock);
	pthread_mutex_destroy(&venus->instance_lock);
	pthread_mutex_destroy(&venus->rings_lock);
	free(venus);
}

/* The fields of virgl_renderer_capset_venus, all 32-bit (virglrenderer: venus_hw.h). */
void vtr_venus_capset(bool use_guest_vram, uint8_t out_capset[VTR_CAPSET_VENUS_SIZE])
{
	uint32_t words[VTR_CAPSET_VENUS_SIZE / 4] = {
		[0] = 1, /* wire format */
		[1] = VTW_XML_VERSION,
		[2] = 1, /* VK_EXT_command_serialization */
		[3] = 4, /* VK_MESA_venus_protocol */
		[4] = 1, /* blob id 0 is plain shared memory */
		[5] = 1, /* the extension mask that begins here is valid */
		[37] = 1, /* waits in the stream are allowed */
		[38] = 1, /* several timelines */
		[39] = use_guest_vram, /* otherwise the guest allocates memory first, then creates its blob */
	};

	for (size_t i = 0; i < VTW_EXTENSION_COUNT; i++) {
		const uint32_t n = vtw_extensions[i].number;

		words[5 + n / 32] |= 1u << (n % 32);
	}
	memcpy(out_capset, words, sizeof(words));
}

bool vtr_venus_is_dead(const struct vtr_venus *venus)
{
	return atomic_load_explicit(&venus->dead, memory_order_relaxed);
}

void vtr_venus_kill(struct vtr_venus *venus)
{
	if (!atomic_exchange(&venus->dead, true)) {
		venus->params.events->dead(venus->params.data);
	}
	vtr_rings_set_status(venus, VK_RING_STATUS_FATAL_BIT_MESA);
	vtr_rings_wake(venus);
}

void vtr_venus_fail(struct vtr_venus *venus, const char *what, const char *why, uint64_t value)
{
	if (!vtr_venus_is_dead(venus)) {
		vtr_warn(venus->log, "%s: %s (0x%llx); the context is closed", what, why,
		         (unsigned long long)value);
	}
	vtr_venus_kill(venus);
}

enum vtr_err vtr_venus_submit(struct vtr_venus *venus, const void *commands, size_t size)
{
	_Alignas(16) uint8_t small[SMALL_SUBMIT];
	uint8_t *copy = small;

	atomic_store_explicit(&venus->sleeps, false, memory_order_relaxed);
	venus->may_defer = vtr_deferred_allows(commands, size);
	if (!venus->may_defer) {
		vtr_deferred_settle(venus);
	}
	if (vtr_venus_is_dead(venus)) {
		return VTR_ERR_PROTOCOL;
	}
	/* Decoding leaves handles of the driver in the bytes, and a client can have its bytes read again: batches of
	 * a message may overlap. */
	if (size > sizeof(small)) {
		copy = vtr_dispatch_scratch(&venus->dispatch, VTR_SCRATCH_STREAM, size);
	}
	if (copy == NULL) {
		vtr_venus_fail(venus, "command stream",
		               "there is no room for it in the context's budget (-o max-memory)", size);
		return VTR_ERR_PROTOCOL;
	}
	memcpy(copy, commands, size);
	return vtr_dispatch_run(&venus->dispatch, copy, size, NULL, NULL);
}

static enum vtr_err blob_shm(struct vtr_venus *venus, uint32_t res_id, uint32_t flags, uint64_t size,
                             struct vtr_blob *out_blob)
{
	struct vtr_resource *res;
	int fd = -1;
	enum vtr_err err;

	if (flags != VTR_BLOB_MAPPABLE || size == 0) {
		return VTR_ERR_INVALID;
	}
	if (!vtr_budget_take(&venus->resources.budget, size)) {
		return VTR_ERR_LIMIT;
	}
	if (!vtr_room_take(venus->params.room, size)) {
		vtr_budget_give(&venus->resources.budget, size);
		return VTR_ERR_LIMIT;
	}
	err = vtr_os_shm_create("vitrine-ring", size, &fd);
	if (err == VTR_OK) {
		err = vtr_resource_add(&venus->resources, res_id, fd, 0, size, true, true);
	}
	if (err != VTR_OK) {
		vtr_room_give(venus->params.room, size);
		vtr_budget_give(&venus->resources.budget, size);
		return err;
	}
	res = vtr_resource_get(&venus->resources, res_id);
	res->budget = &venus->resources.budget;
	res->table = &venus->resources;
	*out_blob = (struct vtr_blob){ res->fd, size, VTR_BLOB_CACHED };
	vtr_resource_unref(res);
	return VTR_OK;
}

enum vtr_err vtr_venus_blob_create(struct vtr_venus *venus, uint32_t res_id, uint64_t blob_id, uint32_t flags,
                                   uint64_t size, struct vtr_blob *out_blob)
{
	enum vtr_err err;

	vtr_deferred_settle(venus);
	if (vtr_venus_is_dead(venus)) {
		return VTR_ERR_PROTOCOL;
	}
	if (blob_id == 0) {
		return blob_shm(venus, res_id, flags, size, out_blob);
	}
	__atomic_store_n(&venus->dispatch.command, VTW_COMMAND_COUNT, __ATOMIC_RELAXED);
	vtr_retire_begin(&venus->retire, &venus->dispatch.stream); /* it finds an object, as commands do */
	err = vtr_memory_blob(venus, res_id, blob_id, flags, size, out_blob);
	vtr_retire_end(&venus->dispatch.stream);
	return err;
}

static enum vtr_err add_pieces(struct vtr_venus *venus, uint32_t res_id,
                               const struct vtr_os_shm_piece *pieces, size_t count, uint64_t offset,
                               bool stream)
{
	const uint64_t page_size = vtr_os_page_size();
	enum vtr_err err = count > 0 ? VTR_OK : VTR_ERR_INVALID;

	for (size_t i = 0; i < count && err == VTR_OK; i++) {
		if (pieces[i].size == 0) {
			err = VTR_ERR_INVALID;
		} else if (pieces[i].offset % page_size != 0 || pieces[i].size % page_size != 0) {
			vtr_warn_limited(venus->log,
			                 "resource %u lies at 0x%llx (0x%llx bytes), but this host's "
			                 "pages have 0x%llx bytes: its guest must align blobs to that",
			                 res_id, (unsigned long long)pieces[i].offset,
			                 (unsigned long long)pieces[i].size, (unsigned long long)page_size);
			err = VTR_ERR_UNSUPPORTED;
		}
	}
	return err != VTR_OK ?
	               err :
	               vtr_resource_add_pieces(&venus->resources, res_id, pieces, count, offset, stream);
}

enum vtr_err vtr_venus_resource_hostmem(struct vtr_venus *venus, uint32_t res_id, uint64_t offset,
                                        uint64_t size)
{
	const struct vtr_os_shm_piece piece = { .fd = venus->hostmem.fd, .offset = offset, .size = size };

	if (venus->params.hostmem == NULL || offset > venus->hostmem.size ||
	    size > venus->hostmem.size - offset) {
		return VTR_ERR_INVALID;
	}
	return add_pieces(venus, res_id, &piece, 1, offset, true);
}

enum vtr_err vtr_venus_resource_pieces(struct vtr_venus *venus, uint32_t res_id,
                                       const struct vtr_os_shm_piece *pieces, size_t count)
{
	return add_pieces(venus, res_id, pieces, count, 0, false);
}

bool vtr_venus_resource_destroy(struct vtr_venus *venus, uint32_t res_id)
{
	vtr_deferred_settle(venus);
	return vtr_resource_remove(&venus->resources, res_id);
}

enum vtr_err vtr_venus_fence(struct vtr_venus *venus, uint32_t timeline, uint64_t fence_id)
{
	if (timeline >= VTR_TIMELINE_COUNT) {
		return VTR_ERR_INVALID;
	}
	if (vtr_deferred_fence(venus, timeline, fence_id)) {
		return VTR_OK;
	}
	if (timeline == 0 || vtr_venus_is_dead(venus)) {
		venus->params.events->fence(venus->params.data, timeline, fence_id);
		return VTR_OK;
	}
	return vtr_timeline_fence(venus, timeline, fence_id);
}
