/* SPDX-License-Identifier: MIT */
#include "gpu_driver.h"

#include "test.h"

/* Requests of a virtio-gpu driver that are often used. */

static uint32_t finish(int slot)
{
	driver_kick();
	CHECK(driver_wait(slot));
	return driver_result(slot);
}

uint32_t driver_do(const void *request, size_t size)
{
	return finish(driver_send(GPU_QUEUE_CONTROL, request, size, DRIVER_ANSWER_MAX));
}

uint32_t do_create_2d(uint32_t id, uint32_t width, uint32_t height)
{
	return DO((struct gpu_resource_create_2d){
		.header = { .type = GPU_RESOURCE_CREATE_2D },
		.resource_id = id,
		.format = VTR_FORMAT_B8G8R8X8,
		.width = width,
		.height = height,
	});
}

uint32_t do_create_host_blob(uint32_t ctx_id, uint32_t id, uint32_t flags, uint64_t size)
{
	return DO((struct gpu_resource_create_blob){
		.header = { .type = GPU_RESOURCE_CREATE_BLOB, .ctx_id = ctx_id },
		.resource_id = id,
		.blob_mem = 2,
		.blob_flags = flags,
		.size = size,
	});
}

uint32_t do_create_guest_blob(uint32_t id, uint64_t gpa, uint32_t size)
{
	const struct {
		struct gpu_resource_create_blob request;
		struct gpu_mem_entry entry;
	} both = {
		.request = {
			.header = { .type = GPU_RESOURCE_CREATE_BLOB },
			.resource_id = id,
			.blob_mem = 1,
			.blob_flags = 2,
			.entry_count = 1,
			.size = size,
		},
		.entry = { .addr = gpa, .length = size },
	};
	return driver_do(&both, sizeof(both));
}

static uint32_t do_named(uint32_t type, uint32_t ctx_id, uint32_t id)
{
	return DO((struct gpu_resource_request){
		.header = { .type = type, .ctx_id = ctx_id },
		.resource_id = id,
	});
}

uint32_t do_map(uint32_t id, uint64_t offset)
{
	return DO((struct gpu_resource_map_blob){
		.header = { .type = GPU_RESOURCE_MAP_BLOB },
		.resource_id = id,
		.offset = offset,
	});
}

uint32_t do_unmap(uint32_t id)
{
	return do_named(GPU_RESOURCE_UNMAP_BLOB, 0, id);
}

uint32_t do_unref(uint32_t id)
{
	return do_named(GPU_RESOURCE_UNREF, 0, id);
}

uint32_t do_attach_backing(uint32_t id, const struct gpu_mem_entry *entries, uint32_t count)
{
	const struct gpu_resource_attach_backing request = {
		.header = { .type = GPU_RESOURCE_ATTACH_BACKING },
		.resource_id = id,
		.entry_count = count,
	};
	return finish(driver_send_two(GPU_QUEUE_CONTROL, &request, sizeof(request), entries,
	                              count * sizeof(entries[0]), DRIVER_ANSWER_MAX));
}

uint32_t do_create_context(uint32_t id, uint32_t capset)
{
	return DO((struct gpu_ctx_create){
		.header = { .type = GPU_CTX_CREATE, .ctx_id = id },
		.name_length = 4,
		.context_init = capset,
		.name = "cube and more",
	});
}

uint32_t do_destroy_context(uint32_t id)
{
	return DO((struct gpu_header){ .type = GPU_CTX_DESTROY, .ctx_id = id });
}

uint32_t do_attach(uint32_t ctx_id, uint32_t id)
{
	return do_named(GPU_CTX_ATTACH_RESOURCE, ctx_id, id);
}

uint32_t do_detach(uint32_t ctx_id, uint32_t id)
{
	return do_named(GPU_CTX_DETACH_RESOURCE, ctx_id, id);
}

uint32_t do_submit(uint32_t ctx_id, const void *commands, uint32_t size)
{
	const struct gpu_submit_3d request = {
		.header = { .type = GPU_SUBMIT_3D, .ctx_id = ctx_id },
		.size = size,
	};
	return finish(driver_send_two(GPU_QUEUE_CONTROL, &request, sizeof(request), commands, size,
	                              DRIVER_ANSWER_MAX));
}

uint32_t do_set_scanout(uint32_t display, uint32_t id, struct gpu_rect rect)
{
	return DO((struct gpu_set_scanout){
		.header = { .type = GPU_SET_SCANOUT },
		.rect = rect,
		.scanout_id = display,
		.resource_id = id,
	});
}

uint32_t do_flush(uint32_t id, struct gpu_rect rect)
{
	return DO((struct gpu_resource_flush){
		.header = { .type = GPU_RESOURCE_FLUSH },
		.rect = rect,
		.resource_id = id,
	});
}
