/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "virtio-gpu"
#include "virtio/gpu_internal.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "virtio/edid.h"

/* Returns: the response type for an error. */
static uint32_t answer_of(enum vtr_err err)
{
	switch (err) {
	case VTR_OK:
		return GPU_OK_NODATA;
	case VTR_ERR_INVALID:
		return GPU_ERR_INVALID_PARAMETER;
	case VTR_ERR_LIMIT:
	case VTR_ERR_NOMEM:
		return GPU_ERR_OUT_OF_MEMORY;
	default:
		return GPU_ERR_UNSPEC;
	}
}

static struct vtr_rect rect_of(const struct gpu_rect *rect)
{
	return (struct vtr_rect){
		.x = rect->x,
		.y = rect->y,
		.width = rect->width,
		.height = rect->height,
	};
}

static bool id_is_free(const struct vtr_virtio_gpu *gpu, uint32_t resource_id)
{
	return resource_id != 0 && !vtr_gpu_resource_find(gpu->core, resource_id);
}

static uint32_t get_display_info(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	struct gpu_display_info *info = &command->answer.display_info;
	uint32_t x = 0;

	memset(info, 0, sizeof(*info));
	for (uint32_t i = 0; i < gpu->display_count; i++) {
		const struct vtr_virtio_gpu_display *display = &gpu->displays[i];
		if (display->connected) {
			info->displays[i] = (struct gpu_display_one){
				.rect = { .x = x, .width = display->width, .height = display->height },
				.enabled = 1,
			};
			x += display->width;
		}
	}
	command->answer_size = sizeof(*info);
	return GPU_OK_DISPLAY_INFO;
}

static uint32_t get_edid(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_get_edid *request = (const void *)command->body;
	struct gpu_edid *edid = &command->answer.edid;

	if (request->scanout_id >= gpu->display_count) {
		return GPU_ERR_INVALID_SCANOUT_ID;
	}
	const struct vtr_virtio_gpu_display *display = &gpu->displays[request->scanout_id];
	const struct vtr_edid_mode mode = {
		.width = display->width,
		.height = display->height,
		.refresh_hz = gpu->refresh_hz,
	};
	memset(edid, 0, sizeof(*edid));
	edid->size = (uint32_t)vtr_edid_make(&mode, request->scanout_id, edid->data);
	command->answer_size = sizeof(*edid);
	return GPU_OK_EDID;
}

static uint32_t get_capset_info(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_get_capset_info *request = (const void *)command->body;

	if (request->index >= gpu->config.num_capsets) {
		return GPU_ERR_INVALID_PARAMETER;
	}
	command->answer.capset_info = (struct gpu_capset_info){
		.id = VTR_CAPSET_VENUS,
		.max_version = 0,
		.max_size = VTR_CAPSET_VENUS_SIZE,
	};
	command->answer_size = sizeof(command->answer.capset_info);
	return GPU_OK_CAPSET_INFO;
}

static uint32_t get_capset(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_get_capset *request = (const void *)command->body;

	if (request->id != VTR_CAPSET_VENUS || request->version != 0) {
		return GPU_ERR_INVALID_PARAMETER;
	}
	memset(&command->answer.capset.header, 0, sizeof(command->answer.capset.header));
	memcpy(command->answer.capset.data, gpu->capset, VTR_CAPSET_VENUS_SIZE);
	command->answer_size = sizeof(command->answer.capset);
	return GPU_OK_CAPSET;
}

static uint32_t resource_create_2d(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_resource_create_2d *request = (const void *)command->body;

	if (!id_is_free(gpu, request->resource_id)) {
		return GPU_ERR_INVALID_RESOURCE_ID;
	}
	return answer_of(vtr_gpu_resource_create_2d(gpu->core, request->resource_id, request->format,
	                                            request->width, request->height));
}

/* Converts the entries behind a request of `request_size` bytes to extents, in place: both have the same
 * size, and the request is our private copy. Returns: NULL if entries are missing. */
static const struct vtr_gpu_extent *take_extents(struct vtr_gpu_command *command, size_t request_size,
                                                 uint32_t count)
{
	_Static_assert(sizeof(struct gpu_mem_entry) == sizeof(struct vtr_gpu_extent),
	               "entries become extents in place");
	uint8_t *entries = command->body + request_size;

	if (count > (command->size - request_size) / sizeof(struct gpu_mem_entry)) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		struct gpu_mem_entry entry;
		memcpy(&entry, entries + i * sizeof(entry), sizeof(entry));
		struct vtr_gpu_extent extent = { .gpa = entry.addr, .size = entry.length };
		memcpy(entries + i * sizeof(extent), &extent, sizeof(extent));
	}
	return (const void *)entries;
}

static uint32_t resource_create_blob(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_resource_create_blob *request = (const void *)command->body;
	struct vtr_gpu_blob blob = {
		.mem = request->blob_mem,
		.flags = request->blob_flags,
		.size = request->size,
		.extent_count = request->entry_count,
	};

	if (!id_is_free(gpu, request->resource_id)) {
		return GPU_ERR_INVALID_RESOURCE_ID;
	}
	if (request->blob_mem != VTR_BLOB_MEM_GUEST) {
		blob.context = vtr_gpu_context_find(gpu->core, request->header.ctx_id);
		if (!blob.context) {
			return GPU_ERR_INVALID_CONTEXT_ID;
		}
	}
	blob.extents = take_extents(command, sizeof(*request), request->entry_count);
	if (!blob.extents) {
		return GPU_ERR_INVALID_PARAMETER;
	}
	return answer_of(vtr_gpu_resource_create_blob(gpu->core, request->resource_id, &blob));
}

static uint32_t resource_attach_backing(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_resource_attach_backing *request = (const void *)command->body;
	struct vtr_gpu_resource *resource = vtr_gpu_resource_find(gpu->core, request->resource_id);

	if (!resource) {
		return GPU_ERR_INVALID_RESOURCE_ID;
	}
	uint32_t count = request->entry_count;
	const struct vtr_gpu_extent *extents = take_extents(command, sizeof(*request), count);
	if (!extents) {
		return GPU_ERR_INVALID_PARAMETER;
	}
	return answer_of(vtr_gpu_resource_attach_backing(resource, extents, count));
}

/* Returns: the resource that a gpu_resource_request names, or NULL. */
static struct vtr_gpu_resource *named_resource(const struct vtr_virtio_gpu *gpu,
                                               const struct vtr_gpu_command *command)
{
	const struct gpu_resource_request *request = (const void *)command->body;

	return vtr_gpu_resource_find(gpu->core, request->resource_id);
}

static uint32_t resource_unref(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	struct vtr_gpu_resource *resource = named_resource(gpu, command);

	if (!resource) {
		return GPU_ERR_INVALID_RESOURCE_ID;
	}
	vtr_gpu_resource_unref(resource, &command->leaving);
	return GPU_OK_NODATA;
}

static uint32_t resource_detach_backing(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	struct vtr_gpu_resource *resource = named_resource(gpu, command);

	return resource ? answer_of(vtr_gpu_resource_detach_backing(resource, &command->leaving)) :
	                  GPU_ERR_INVALID_RESOURCE_ID;
}

static uint32_t resource_map_blob(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_resource_map_blob *request = (const void *)command->body;
	struct vtr_gpu_resource *resource = vtr_gpu_resource_find(gpu->core, request->resource_id);

	if (!resource) {
		return GPU_ERR_INVALID_RESOURCE_ID;
	}
	enum vtr_err err = vtr_gpu_resource_map(resource, request->offset);
	if (err != VTR_OK) {
		return answer_of(err);
	}
	command->answer.map_info = (struct gpu_map_info){ .map_info = GPU_MAP_CACHED };
	command->answer_size = sizeof(command->answer.map_info);
	return GPU_OK_MAP_INFO;
}

static uint32_t resource_unmap_blob(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	struct vtr_gpu_resource *resource = named_resource(gpu, command);

	return resource ? answer_of(vtr_gpu_resource_unmap(resource, &command->leaving)) :
	                  GPU_ERR_INVALID_RESOURCE_ID;
}

static uint32_t transfer_to_host_2d(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_transfer_to_host_2d *request = (const void *)command->body;
	struct vtr_gpu_resource *resource = vtr_gpu_resource_find(gpu->core, request->resource_id);
	struct vtr_rect rect = rect_of(&request->rect);

	return resource ? answer_of(vtr_gpu_resource_transfer(resource, &rect, request->offset)) :
	                  GPU_ERR_INVALID_RESOURCE_ID;
}

static uint32_t set_scanout(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_set_scanout *request = (const void *)command->body;
	struct vtr_rect rect = rect_of(&request->rect);

	if (request->scanout_id >= gpu->display_count) {
		return GPU_ERR_INVALID_SCANOUT_ID;
	}
	if (request->resource_id == 0) {
		vtr_gpu_scanout_off(gpu->core, request->scanout_id);
		return GPU_OK_NODATA;
	}
	struct vtr_gpu_resource *resource = vtr_gpu_resource_find(gpu->core, request->resource_id);
	return resource ? answer_of(vtr_gpu_scanout_set(gpu->core, request->scanout_id, resource, &rect)) :
	                  GPU_ERR_INVALID_RESOURCE_ID;
}

static uint32_t set_scanout_blob(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_set_scanout_blob *request = (const void *)command->body;
	struct vtr_rect rect = rect_of(&request->rect);
	const struct vtr_gpu_layout layout = {
		.width = request->width,
		.height = request->height,
		.stride = request->strides[0],
		.offset = request->offsets[0],
		.format = request->format,
	};

	if (request->scanout_id >= gpu->display_count) {
		return GPU_ERR_INVALID_SCANOUT_ID;
	}
	if (request->resource_id == 0) {
		vtr_gpu_scanout_off(gpu->core, request->scanout_id);
		return GPU_OK_NODATA;
	}
	struct vtr_gpu_resource *resource = vtr_gpu_resource_find(gpu->core, request->resource_id);
	return resource ? answer_of(vtr_gpu_scanout_set_blob(gpu->core, request->scanout_id, resource, &rect,
	                                                     &layout)) :
	                  GPU_ERR_INVALID_RESOURCE_ID;
}

static uint32_t resource_flush(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_resource_flush *request = (const void *)command->body;
	struct vtr_gpu_resource *resource = vtr_gpu_resource_find(gpu->core, request->resource_id);
	struct vtr_rect rect = rect_of(&request->rect);

	return resource ? answer_of(vtr_gpu_flush(resource, &rect, &command->next_tick)) :
	                  GPU_ERR_INVALID_RESOURCE_ID;
}

static uint32_t ctx_create(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_ctx_create *request = (const void *)command->body;
	uint32_t id = request->header.ctx_id;

	if (id == 0 || vtr_gpu_context_find(gpu->core, id)) {
		return GPU_ERR_INVALID_CONTEXT_ID;
	}
	return answer_of(vtr_gpu_context_create(gpu->core, id, request->context_init & 0xff, request->name,
	                                        vtr_min(request->name_length, sizeof(request->name))));
}

static struct vtr_gpu_context *named_context(const struct vtr_virtio_gpu *gpu,
                                             const struct vtr_gpu_command *command)
{
	return vtr_gpu_context_find(gpu->core, command->header->ctx_id);
}

static uint32_t ctx_destroy(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	struct vtr_gpu_context *context = named_context(gpu, command);

	if (!context) {
		return GPU_ERR_INVALID_CONTEXT_ID;
	}
	vtr_gpu_context_destroy(context);
	return GPU_OK_NODATA;
}

static uint32_t ctx_attach_resource(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	struct vtr_gpu_context *context = named_context(gpu, command);
	struct vtr_gpu_resource *resource = named_resource(gpu, command);

	if (!context) {
		return GPU_ERR_INVALID_CONTEXT_ID;
	}
	return resource ? answer_of(vtr_gpu_context_attach(context, resource)) : GPU_ERR_INVALID_RESOURCE_ID;
}

static uint32_t ctx_detach_resource(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	struct vtr_gpu_context *context = named_context(gpu, command);
	struct vtr_gpu_resource *resource = named_resource(gpu, command);

	if (!context) {
		return GPU_ERR_INVALID_CONTEXT_ID;
	}
	if (!resource) {
		return GPU_ERR_INVALID_RESOURCE_ID;
	}
	vtr_gpu_context_detach(context, resource);
	return GPU_OK_NODATA;
}

static uint32_t submit_3d(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_submit_3d *request = (const void *)command->body;
	struct vtr_gpu_context *context = named_context(gpu, command);

	if (!context) {
		return GPU_ERR_INVALID_CONTEXT_ID;
	}
	if (request->size > command->size - sizeof(*request) || request->size % 4 != 0) {
		return GPU_ERR_INVALID_PARAMETER;
	}
	command->after_renderer = true;
	return answer_of(vtr_gpu_context_submit(context, command->body + sizeof(*request), request->size));
}

static uint32_t move_cursor(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_cursor *request = (const void *)command->body;

	if (request->scanout_id >= gpu->display_count) {
		return GPU_ERR_INVALID_SCANOUT_ID;
	}
	/* Linux sends positions left of or above the display as large unsigned numbers. */
	vtr_gpu_cursor_move(gpu->core, request->scanout_id, (int32_t)request->x, (int32_t)request->y);
	return GPU_OK_NODATA;
}

static uint32_t update_cursor(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command)
{
	const struct gpu_cursor *request = (const void *)command->body;
	struct vtr_gpu_resource *resource = NULL;

	if (request->scanout_id >= gpu->display_count) {
		return GPU_ERR_INVALID_SCANOUT_ID;
	}
	if (request->resource_id != 0) {
		resource = vtr_gpu_resource_find(gpu->core, request->resource_id);
		if (!resource) {
			return GPU_ERR_INVALID_RESOURCE_ID;
		}
	}
	vtr_gpu_cursor_set(gpu->core, request->scanout_id, resource, request->hot_x, request->hot_y);
	return move_cursor(gpu, command);
}

typedef uint32_t (*handler_fn)(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command);

/* All commands that can have another answer than GPU_ERR_UNSPEC. */
static const struct rule {
	uint32_t type;
	uint32_t queue;
	const char *name;
	size_t min_size;
	handler_fn handle; /* returns the response type */
} rules[] = {
#define RULE(type_, queue_, request_, handler_) { type_, queue_, #type_, sizeof(struct request_), handler_ }
	RULE(GPU_GET_DISPLAY_INFO, GPU_QUEUE_CONTROL, gpu_header, get_display_info),
	RULE(GPU_RESOURCE_CREATE_2D, GPU_QUEUE_CONTROL, gpu_resource_create_2d, resource_create_2d),
	RULE(GPU_RESOURCE_UNREF, GPU_QUEUE_CONTROL, gpu_resource_request, resource_unref),
	RULE(GPU_SET_SCANOUT, GPU_QUEUE_CONTROL, gpu_set_scanout, set_scanout),
	RULE(GPU_RESOURCE_FLUSH, GPU_QUEUE_CONTROL, gpu_resource_flush, resource_flush),
	RULE(GPU_TRANSFER_TO_HOST_2D, GPU_QUEUE_CONTROL, gpu_transfer_to_host_2d, transfer_to_host_2d),
	RULE(GPU_RESOURCE_ATTACH_BACKING, GPU_QUEUE_CONTROL, gpu_resource_attach_backing,
	     resource_attach_backing),
	RULE(GPU_RESOURCE_DETACH_BACKING, GPU_QUEUE_CONTROL, gpu_resource_request, resource_detach_backing),
	RULE(GPU_GET_CAPSET_INFO, GPU_QUEUE_CONTROL, gpu_get_capset_info, get_capset_info),
	RULE(GPU_GET_CAPSET, GPU_QUEUE_CONTROL, gpu_get_capset, get_capset),
	RULE(GPU_GET_EDID, GPU_QUEUE_CONTROL, gpu_get_edid, get_edid),
	RULE(GPU_RESOURCE_CREATE_BLOB, GPU_QUEUE_CONTROL, gpu_resource_create_blob, resource_create_blob),
	RULE(GPU_SET_SCANOUT_BLOB, GPU_QUEUE_CONTROL, gpu_set_scanout_blob, set_scanout_blob),
	RULE(GPU_CTX_CREATE, GPU_QUEUE_CONTROL, gpu_ctx_create, ctx_create),
	RULE(GPU_CTX_DESTROY, GPU_QUEUE_CONTROL, gpu_header, ctx_destroy),
	RULE(GPU_CTX_ATTACH_RESOURCE, GPU_QUEUE_CONTROL, gpu_resource_request, ctx_attach_resource),
	RULE(GPU_CTX_DETACH_RESOURCE, GPU_QUEUE_CONTROL, gpu_resource_request, ctx_detach_resource),
	RULE(GPU_SUBMIT_3D, GPU_QUEUE_CONTROL, gpu_submit_3d, submit_3d),
	RULE(GPU_RESOURCE_MAP_BLOB, GPU_QUEUE_CONTROL, gpu_resource_map_blob, resource_map_blob),
	RULE(GPU_RESOURCE_UNMAP_BLOB, GPU_QUEUE_CONTROL, gpu_resource_request, resource_unmap_blob),
	RULE(GPU_UPDATE_CURSOR, GPU_QUEUE_CURSOR, gpu_cursor, update_cursor),
	RULE(GPU_MOVE_CURSOR, GPU_QUEUE_CURSOR, gpu_cursor, move_cursor),
#undef RULE
};

static const struct rule *find_rule(uint32_t type, uint32_t queue)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(rules); i++) {
		if (rules[i].type == type && rules[i].queue == queue) {
			return &rules[i];
		}
	}
	return NULL;
}

/* Returns: whether the error has not been logged by core/. */
static bool is_about_names(uint32_t result)
{
	return result == GPU_ERR_INVALID_SCANOUT_ID || result == GPU_ERR_INVALID_RESOURCE_ID ||
	       result == GPU_ERR_INVALID_CONTEXT_ID;
}

void vtr_virtio_gpu_execute(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command, uint32_t queue)
{
	uint32_t type = command->header->type;
	const struct rule *rule = find_rule(type, queue);
	uint32_t result = GPU_ERR_UNSPEC;

	command->answer_size = sizeof(command->answer.header);
	if (rule && command->size < rule->min_size) {
		result = GPU_ERR_INVALID_PARAMETER;
	} else if (rule) {
		result = rule->handle(gpu, command);
	}
	if (result >= GPU_ERR_UNSPEC) {
		command->answer_size = sizeof(command->answer.header);
	}
	if (!rule || command->size < rule->min_size || is_about_names(result)) {
		vtr_info_limited(gpu->log,
		                 "command 0x%x (%s) of %zu bytes for context %u is refused with error "
		                 "0x%x; the guest goes on",
		                 type, rule ? rule->name : "unknown here", command->size,
		                 command->header->ctx_id, result);
	}
	command->answer.header = (struct gpu_header){ .type = result };
}
