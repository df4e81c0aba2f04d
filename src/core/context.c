/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "gpu"
#include "core/gpu_internal.h"

#include <stdlib.h>

/* The guest's name for a context, escaped. */
#define NAME_SIZE 128

static uint32_t id_of(const struct vtr_gpu_context *context)
{
	return (uint32_t)context->object.id;
}

struct vtr_gpu_context *vtr_gpu_context_find(const struct vtr_gpu *gpu, uint32_t id)
{
	struct vtr_object *object = vtr_idmap_get(&gpu->contexts, id);

	return object ? vtr_container_of(object, struct vtr_gpu_context, object) : NULL;
}

static enum vtr_err start_renderer(struct vtr_gpu_context *context, const char *name)
{
	struct vtr_gpu *gpu = context->gpu;

	if (gpu->renderer_count >= VTR_GPU_MAX_RENDERERS) {
		vtr_info_limited(gpu->log, "context %u (%s) gets no renderer: a guest may have %u",
		                 id_of(context), name, VTR_GPU_MAX_RENDERERS);
		return VTR_ERR_LIMIT;
	}
	struct vtr_gpu_lease_holder *holder = vtr_gpu_lease_holder_create(context);
	if (!holder) {
		return VTR_ERR_NOMEM;
	}
	enum vtr_err err = gpu->renderer_ops->create(gpu->renderer_data, id_of(context), name,
	                                             &vtr_gpu_renderer_events, gpu, &context->renderer);
	if (err != VTR_OK) {
		holder->ended = true;
		vtr_gpu_lease_holder_leave(holder);
		return err;
	}
	holder->renderer = context->renderer;
	context->lease_holder = holder;
	gpu->renderer_count++;
	return VTR_OK;
}

enum vtr_err vtr_gpu_context_create(struct vtr_gpu *gpu, uint32_t id, uint32_t capset, const char *name,
                                    size_t name_size)
{
	char printable[NAME_SIZE];
	struct vtr_gpu_context *context;
	enum vtr_err err;

	vtr_log_str(printable, sizeof(printable), name, name_size);
	if (capset != VTR_GPU_CAPSET_NONE && capset != VTR_CAPSET_VENUS) {
		vtr_warn_limited(gpu->log, "context %u (%s) asks for capset %u, only Venus (%u) is here", id,
		                 printable, capset, VTR_CAPSET_VENUS);
		return VTR_ERR_INVALID;
	}
	if (gpu->context_count >= VTR_GPU_MAX_CONTEXTS) {
		vtr_info_limited(gpu->log, "context %u (%s) is refused: a guest may have %u", id, printable,
		                 VTR_GPU_MAX_CONTEXTS);
		return VTR_ERR_LIMIT;
	}
	context = calloc(1, sizeof(*context));
	if (!context) {
		return VTR_ERR_NOMEM;
	}
	context->object.id = id;
	err = vtr_idmap_insert(&gpu->contexts, &context->object);
	if (err != VTR_OK) {
		free(context);
		return err;
	}
	context->gpu = gpu;
	vtr_list_init(&context->attachments);
	vtr_list_init(&context->waiting);
	for (size_t i = 0; i < VTR_TIMELINE_COUNT; i++) {
		vtr_list_init(&context->timelines[i]);
	}
	vtr_list_append(&gpu->context_list, &context->node);
	gpu->context_count++;
	if (capset == VTR_CAPSET_VENUS) {
		err = start_renderer(context, printable);
		if (err != VTR_OK) {
			vtr_gpu_context_destroy(context);
		}
	}
	return err;
}

static void free_attachment(struct vtr_gpu_attachment *attachment)
{
	attachment->context->gpu->attachment_count--;
	vtr_list_remove(&attachment->context_node);
	vtr_list_remove(&attachment->resource_node);
	free(attachment);
}

void vtr_gpu_context_destroy(struct vtr_gpu_context *context)
{
	struct vtr_gpu *gpu = context->gpu;
	struct vtr_gpu_attachment *attachment;
	struct vtr_gpu_attachment *next;

	/* First, so that it cannot use memory that the guest reuses once its fences are signalled. */
	if (context->renderer) {
		vtr_gpu_lease_holder_leave(context->lease_holder);
		gpu->renderer_ops->destroy(context->renderer);
		gpu->renderer_count--;
	}
	vtr_list_for_each_safe (attachment, next, &context->attachments, context_node) {
		free_attachment(attachment);
	}
	vtr_gpu_fences_finish_context(context);
	vtr_idmap_remove(&gpu->contexts, &context->object);
	vtr_list_remove(&context->node);
	gpu->context_count--;
	free(context);
}

static struct vtr_gpu_attachment *find_attachment(const struct vtr_gpu_context *context,
                                                  const struct vtr_gpu_resource *resource)
{
	struct vtr_gpu_attachment *attachment;

	vtr_list_for_each (attachment, &resource->attachments, resource_node) {
		if (attachment->context == context) {
			return attachment;
		}
	}
	return NULL;
}

static bool has_renderer(const struct vtr_gpu_context *context)
{
	return context->renderer && !context->gone;
}

static enum vtr_err attach_pieces(struct vtr_gpu_attachment *attachment, const struct vtr_ram_piece *pieces,
                                  size_t count)
{
	struct vtr_gpu *gpu = attachment->context->gpu;
	struct vtr_renderer_memory memory = { .pieces = pieces, .piece_count = count };

	for (size_t i = 0; i < count; i++) {
		memory.size += pieces[i].size;
	}
	return gpu->renderer_ops->attach(attachment->context->renderer,
	                                 (uint32_t)attachment->resource->object.id, &memory);
}

static enum vtr_err attach_backing(struct vtr_gpu_attachment *attachment)
{
	struct vtr_gpu *gpu = attachment->context->gpu;
	struct vtr_ram_piece *pieces = NULL;
	size_t count;
	enum vtr_err err = vtr_gpu_backing_locate(gpu, &attachment->resource->backing, &pieces, &count);

	if (err == VTR_ERR_UNSUPPORTED) {
		vtr_warn_limited(gpu->log,
		                 "resource %u cannot be used in context %u: its guest memory is not "
		                 "made of whole pages of this host",
		                 (uint32_t)attachment->resource->object.id, id_of(attachment->context));
	}
	if (err != VTR_OK) {
		return err;
	}
	err = attach_pieces(attachment, pieces, count);
	free(pieces);
	return err;
}

/* Returns: whether the memory that the resource shares with renderers exists. A blob gets it when it is
 *          mapped. */
static bool has_memory(const struct vtr_gpu_resource *resource)
{
	return resource->mapped || resource->backing.extents ||
	       (resource->kind == VTR_GPU_KIND_HOST && resource->image.size > 0);
}

/* Sends the memory to the renderer, if there is a renderer and memory, and the renderer does not have it yet. */
static enum vtr_err attach_memory(struct vtr_gpu_attachment *attachment)
{
	struct vtr_gpu_resource *resource = attachment->resource;
	struct vtr_gpu *gpu = resource->gpu;
	enum vtr_err err;

	if (!has_renderer(attachment->context) || attachment->use || !has_memory(resource)) {
		return VTR_OK;
	}
	err = vtr_gpu_resource_lease(resource);
	if (err != VTR_OK) {
		return err;
	}
	struct vtr_gpu_use *use = vtr_gpu_use_create(attachment->context->lease_holder,
	                                             (uint32_t)resource->object.id, resource->lease);
	if (!use) {
		return VTR_ERR_NOMEM;
	}
	if (resource->mapped) {
		struct vtr_renderer_memory memory = {
			.size = resource->size,
			.in_hostmem = true,
			.hostmem_offset = resource->hostmem_offset,
		};
		err = gpu->renderer_ops->attach(attachment->context->renderer, (uint32_t)resource->object.id,
		                                &memory);
	} else if (resource->kind == VTR_GPU_KIND_HOST && resource->image.size > 0) {
		struct vtr_ram_piece piece = {
			.fd = gpu->blobs.memory.fd,
			.offset = resource->image.offset,
			.size = resource->image.size,
		};
		err = attach_pieces(attachment, &piece, 1);
	} else {
		err = attach_backing(attachment);
	}
	if (err != VTR_OK) {
		vtr_gpu_use_cancel(use);
		return err;
	}
	attachment->use = use;
	return VTR_OK;
}

static void detach_memory(struct vtr_gpu_attachment *attachment)
{
	if (attachment->use && has_renderer(attachment->context)) {
		attachment->use->detaching = true;
		attachment->context->gpu->renderer_ops->detach(attachment->context->renderer,
		                                               (uint32_t)attachment->resource->object.id);
	}
	/* The memory stays in use until the renderer reports its release, or has ended. */
	attachment->use = NULL;
}

enum vtr_err vtr_gpu_context_attach(struct vtr_gpu_context *context, struct vtr_gpu_resource *resource)
{
	struct vtr_gpu *gpu = context->gpu;
	struct vtr_gpu_attachment *attachment = find_attachment(context, resource);

	if (attachment) {
		return VTR_OK;
	}
	if (gpu->attachment_count >= VTR_GPU_MAX_ATTACHMENTS) {
		vtr_info_limited(gpu->log, "context %u cannot use resource %u: %u uses are allowed in all",
		                 id_of(context), (uint32_t)resource->object.id, VTR_GPU_MAX_ATTACHMENTS);
		return VTR_ERR_LIMIT;
	}
	attachment = calloc(1, sizeof(*attachment));
	if (!attachment) {
		return VTR_ERR_NOMEM;
	}
	attachment->context = context;
	attachment->resource = resource;
	vtr_list_append(&context->attachments, &attachment->context_node);
	vtr_list_append(&resource->attachments, &attachment->resource_node);
	gpu->attachment_count++;
	/* It counts as attached even on failure: Linux continues as if nothing had failed. */
	return context->gone ? VTR_ERR_GONE : attach_memory(attachment);
}

void vtr_gpu_context_detach(struct vtr_gpu_context *context, struct vtr_gpu_resource *resource)
{
	struct vtr_gpu_attachment *attachment = find_attachment(context, resource);

	if (attachment) {
		detach_memory(attachment);
		free_attachment(attachment);
	}
}

void vtr_gpu_context_attach_memory(struct vtr_gpu_resource *resource)
{
	struct vtr_gpu_attachment *attachment;

	vtr_list_for_each (attachment, &resource->attachments, resource_node) {
		if (attach_memory(attachment) != VTR_OK) {
			/* Not an error of the caller, which maps the memory. The other context's commands
			 * will fail on their own. */
			vtr_warn_limited(resource->gpu->log, "context %u cannot use resource %u",
			                 id_of(attachment->context), (uint32_t)resource->object.id);
		}
	}
}

void vtr_gpu_context_detach_memory(struct vtr_gpu_resource *resource)
{
	struct vtr_gpu_attachment *attachment;

	vtr_list_for_each (attachment, &resource->attachments, resource_node) {
		detach_memory(attachment);
	}
}

void vtr_gpu_context_detach_all(struct vtr_gpu_resource *resource)
{
	struct vtr_gpu_attachment *attachment;
	struct vtr_gpu_attachment *next;

	vtr_list_for_each_safe (attachment, next, &resource->attachments, resource_node) {
		detach_memory(attachment);
		free_attachment(attachment);
	}
}

enum vtr_err vtr_gpu_context_submit(struct vtr_gpu_context *context, const void *commands, size_t size)
{
	if (context->gone) {
		return VTR_ERR_GONE;
	}
	if (size == 0) {
		return VTR_OK;
	}
	if (!context->renderer) {
		return VTR_ERR_UNSUPPORTED;
	}
	return context->gpu->renderer_ops->submit(context->renderer, commands, size);
}

static enum vtr_err on_fence(void *data, uint32_t ctx_id, uint32_t timeline, uint64_t fence_id)
{
	struct vtr_gpu *gpu = data;
	struct vtr_gpu_context *context = vtr_gpu_context_find(gpu, ctx_id);

	return context ? vtr_gpu_fences_signal(context, timeline, fence_id) : VTR_ERR_PROTOCOL;
}

static void on_gone(void *data, uint32_t ctx_id)
{
	struct vtr_gpu *gpu = data;
	struct vtr_gpu_context *context = vtr_gpu_context_find(gpu, ctx_id);

	if (context && !context->gone) {
		vtr_warn(gpu->log,
		         "the renderer of context %u has ended: the guest's program loses its Vulkan device, "
		         "the rest of the guest goes on",
		         ctx_id);
		context->gone = true;
		vtr_gpu_fences_abandon(context);
	}
}

static void on_detached(void *data, uint32_t ctx_id, uint32_t res_id)
{
	struct vtr_gpu *gpu = data;
	struct vtr_gpu_context *context = vtr_gpu_context_find(gpu, ctx_id);

	if (context && context->lease_holder) {
		vtr_gpu_lease_holder_detached(context->lease_holder, res_id);
	}
}

static void on_ended(void *data, const struct vtr_renderer *renderer)
{
	vtr_gpu_lease_holder_ended(data, renderer);
}

const struct vtr_renderer_events vtr_gpu_renderer_events = {
	.fence = on_fence,
	.gone = on_gone,
	.detached = on_detached,
	.ended = on_ended,
};
