/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "gpu"
#include "core/gpu_internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "platform/shm.h"

#define BYTES_PER_PIXEL 4u

static uint32_t id_of(const struct vtr_gpu_resource *resource)
{
	return (uint32_t)resource->object.id;
}

struct vtr_gpu_resource *vtr_gpu_resource_find(const struct vtr_gpu *gpu, uint32_t id)
{
	struct vtr_object *object = vtr_idmap_get(&gpu->resources, id);

	return object ? vtr_container_of(object, struct vtr_gpu_resource, object) : NULL;
}

/* What a guest blob needs for a display is the display's picture, too. */
static enum vtr_gpu_kind image_kind(const struct vtr_gpu_resource *resource)
{
	return resource->kind == VTR_GPU_KIND_HOST ? VTR_GPU_KIND_HOST : VTR_GPU_KIND_2D;
}

struct vtr_gpu_image_memory *vtr_gpu_image_memory_of(const struct vtr_gpu_resource *resource)
{
	struct vtr_gpu *gpu = resource->gpu;

	return image_kind(resource) == VTR_GPU_KIND_HOST ? &gpu->blobs : &gpu->pictures;
}

enum vtr_err vtr_gpu_image_init(struct vtr_gpu_resource *resource)
{
	struct vtr_gpu *gpu = resource->gpu;
	struct vtr_gpu_image_memory *memory = vtr_gpu_image_memory_of(resource);
	const uint64_t size = vtr_align_up(resource->size, vtr_os_page_size());
	const uint64_t max_count = vtr_gpu_limit_for(image_kind(resource), VTR_GPU_MAX_IMAGES);
	const uint64_t max_bytes = vtr_gpu_limit_for(image_kind(resource), gpu->image_budget.limit);
	uint64_t offset;
	enum vtr_err err = VTR_ERR_LIMIT;

	if (gpu->blobs.ranges.count + gpu->pictures.ranges.count < max_count && size <= max_bytes &&
	    gpu->image_budget.used <= max_bytes - size && vtr_budget_take(&gpu->image_budget, size)) {
		err = vtr_ranges_find(&memory->ranges, size, &offset);
		if (err != VTR_OK) {
			vtr_budget_give(&gpu->image_budget, size);
		}
	}
	if (err != VTR_OK) {
		vtr_info_limited(gpu->log,
		                 "resource %u needs %" PRIu64 " bytes for a picture; %" PRIu64
		                 " bytes and %" PRIu64 " pictures are allowed in all",
		                 id_of(resource), size, max_bytes, max_count);
		return err;
	}
	vtr_reclaim_claim(&memory->reclaim, offset, size);
	resource->image = (struct vtr_gpu_image){ .offset = offset, .size = size };
	return VTR_OK;
}

static void finish_image(struct vtr_gpu_resource *resource)
{
	struct vtr_gpu_image_memory *memory = vtr_gpu_image_memory_of(resource);
	struct vtr_gpu_image *image = &resource->image;

	/* Memory that renderers received is freed through its lease. */
	if (image->size > 0 && !(resource->kind == VTR_GPU_KIND_HOST && resource->lease)) {
		vtr_reclaim_add(&memory->reclaim, image->offset, image->size);
		vtr_ranges_give(&memory->ranges, image->offset);
		vtr_budget_give(&resource->gpu->image_budget, image->size);
	}
	*image = (struct vtr_gpu_image){ 0 };
}

uint8_t *vtr_gpu_resource_bytes(const struct vtr_gpu_resource *resource, uint64_t offset)
{
	const struct vtr_gpu *gpu = resource->gpu;

	if (resource->mapped) {
		return gpu->hostmem->map + resource->hostmem_offset + offset;
	}
	vtr_assert(resource->image.size > 0);
	return vtr_gpu_image_memory_of(resource)->memory.map + resource->image.offset + offset;
}

static enum vtr_err create(struct vtr_gpu *gpu, uint32_t id, enum vtr_gpu_kind kind, uint64_t size,
                           struct vtr_gpu_resource **out_resource)
{
	const uint64_t limit = vtr_gpu_limit_for(kind, VTR_GPU_MAX_RESOURCES);
	struct vtr_gpu_resource *resource;

	if (gpu->resource_count >= limit) {
		vtr_info_limited(gpu->log, "resource %u is refused: a guest may have %" PRIu64, id, limit);
		return VTR_ERR_LIMIT;
	}
	resource = calloc(1, sizeof(*resource));
	if (!resource) {
		return VTR_ERR_NOMEM;
	}
	resource->object.id = id;
	enum vtr_err err = vtr_idmap_insert(&gpu->resources, &resource->object);
	if (err != VTR_OK) {
		free(resource);
		return err;
	}
	resource->gpu = gpu;
	resource->kind = kind;
	resource->size = size;
	vtr_list_init(&resource->attachments);
	vtr_list_append(&gpu->resource_list, &resource->node);
	gpu->resource_count++;
	*out_resource = resource;
	return VTR_OK;
}

enum vtr_err vtr_gpu_resource_create_2d(struct vtr_gpu *gpu, uint32_t id, uint32_t format, uint32_t width,
                                        uint32_t height)
{
	struct vtr_gpu_resource *resource;

	if (!vtr_gpu_format_is_known(format) || width == 0 || height == 0) {
		vtr_warn_limited(gpu->log, "resource %u: no %ux%u pixels of format %u can be made", id, width,
		                 height, format);
		return VTR_ERR_INVALID;
	}
	if (width > VTR_GPU_MAX_SIDE || height > VTR_GPU_MAX_SIDE) {
		vtr_info_limited(gpu->log, "resource %u of %ux%u pixels is refused: %u a side at most", id,
		                 width, height, VTR_GPU_MAX_SIDE);
		return VTR_ERR_LIMIT;
	}
	enum vtr_err err =
		create(gpu, id, VTR_GPU_KIND_2D, (uint64_t)width * height * BYTES_PER_PIXEL, &resource);
	if (err != VTR_OK) {
		return err;
	}
	resource->width = width;
	resource->height = height;
	resource->format = format;
	err = vtr_gpu_image_init(resource);
	if (err != VTR_OK) {
		vtr_gpu_resource_unref(resource, NULL);
	}
	return err;
}

/* Checks a guest's description of a blob, except for its memory. */
static enum vtr_err check_blob(const struct vtr_gpu *gpu, uint32_t id, const struct vtr_gpu_blob *blob)
{
	bool host = blob->mem == VTR_BLOB_MEM_HOST3D;

	if (blob->mem < VTR_BLOB_MEM_GUEST || blob->mem > VTR_BLOB_MEM_HOST3D_GUEST ||
	    (blob->flags & ~VTR_BLOB_ALL_FLAGS) != 0 || blob->size == 0 || (host && blob->extent_count > 0) ||
	    (blob->mem != VTR_BLOB_MEM_GUEST && !blob->context)) {
		vtr_warn_limited(gpu->log,
		                 "resource %u: no blob of memory type %d, flags 0x%x, %" PRIu64
		                 " bytes, %zu pieces can be made",
		                 id, (int)blob->mem, blob->flags, blob->size, blob->extent_count);
		return VTR_ERR_INVALID;
	}
	if (blob->context && blob->context->gone) {
		return VTR_ERR_GONE;
	}
	/* Also prevents overflow below. */
	if (blob->size > UINT64_MAX / 2 ||
	    (host && (blob->flags & VTR_BLOB_MAPPABLE) != 0 && blob->size > gpu->hostmem->size)) {
		vtr_info_limited(gpu->log,
		                 "resource %u: a blob of %" PRIu64 " bytes does not fit into the "
		                 "hostmem of %" PRIu64 "; a larger --hostmem would make room",
		                 id, blob->size, gpu->hostmem->size);
		return VTR_ERR_LIMIT;
	}
	return VTR_OK;
}

static enum vtr_err init_blob_memory(struct vtr_gpu_resource *resource, const struct vtr_gpu_blob *blob)
{
	struct vtr_gpu *gpu = resource->gpu;
	enum vtr_err err;

	if (resource->kind == VTR_GPU_KIND_HOST) {
		resource->mappable = (blob->flags & VTR_BLOB_MAPPABLE) != 0;
		return resource->mappable ? VTR_OK : vtr_gpu_image_init(resource);
	}
	err = vtr_gpu_backing_init(gpu, &resource->backing, resource->kind, blob->extents,
	                           blob->extent_count);
	if (err == VTR_OK && resource->backing.size < blob->size) {
		vtr_warn_limited(gpu->log,
		                 "resource %u: a blob of %" PRIu64 " bytes came with memory for %" PRIu64,
		                 id_of(resource), blob->size, resource->backing.size);
		err = VTR_ERR_INVALID;
	}
	return err;
}

enum vtr_err vtr_gpu_resource_create_blob(struct vtr_gpu *gpu, uint32_t id, const struct vtr_gpu_blob *blob)
{
	struct vtr_gpu_resource *resource;
	enum vtr_err err = check_blob(gpu, id, blob);

	if (err != VTR_OK) {
		return err;
	}
	/* HOST3D_GUEST is guest memory that a renderer uses too. Renderers import all memory, so it is
	 * treated as guest memory that gets attached. */
	enum vtr_gpu_kind kind = blob->mem == VTR_BLOB_MEM_HOST3D ? VTR_GPU_KIND_HOST : VTR_GPU_KIND_GUEST;
	uint64_t size = kind == VTR_GPU_KIND_HOST ? vtr_align_up(blob->size, VTR_GPU_BLOB_UNIT) : blob->size;
	err = create(gpu, id, kind, size, &resource);
	if (err != VTR_OK) {
		return err;
	}
	err = init_blob_memory(resource, blob);
	if (err != VTR_OK) {
		vtr_gpu_resource_unref(resource, NULL);
	}
	return err;
}

enum vtr_err vtr_gpu_resource_lease(struct vtr_gpu_resource *resource)
{
	struct vtr_gpu *gpu = resource->gpu;

	if (resource->lease) {
		return VTR_OK;
	}
	struct vtr_gpu_mem_lease *lease = vtr_gpu_mem_lease_create(gpu);
	if (!lease) {
		return VTR_ERR_NOMEM;
	}
	if (resource->mapped) {
		lease->ranges = &gpu->hostmem_ranges;
		lease->reclaim = &gpu->hostmem_reclaim;
		lease->offset = resource->hostmem_offset;
		lease->size = resource->size;
	} else if (resource->kind == VTR_GPU_KIND_HOST) {
		lease->ranges = &gpu->blobs.ranges;
		lease->reclaim = &gpu->blobs.reclaim;
		lease->budget = &gpu->image_budget;
		lease->offset = resource->image.offset;
		lease->size = resource->image.size;
	}
	resource->lease = lease;
	return VTR_OK;
}

/* The resource leaves its memory. Returns: the lease, with its reference, if renderers still use the memory. */
static struct vtr_gpu_mem_lease *leave(struct vtr_gpu_mem_lease **lease)
{
	struct vtr_gpu_mem_lease *left = *lease;

	*lease = NULL;
	if (left) {
		left->left = true;
		vtr_gpu_mem_lease_release_if_unused(left);
	}
	if (left && left->free) {
		vtr_gpu_mem_lease_unref(left);
		left = NULL;
	}
	return left;
}

static void hand_out(struct vtr_gpu_mem_lease *leaving, struct vtr_gpu_mem_lease **out_leaving)
{
	if (out_leaving) {
		*out_leaving = leaving;
	} else {
		vtr_gpu_mem_lease_unref(leaving);
	}
}

/* Unmaps it from hostmem. Returns: see leave(). */
static struct vtr_gpu_mem_lease *leave_hostmem(struct vtr_gpu_resource *resource)
{
	struct vtr_gpu *gpu = resource->gpu;

	resource->mapped = false;
	if (!resource->lease) {
		vtr_reclaim_add(&gpu->hostmem_reclaim, resource->hostmem_offset, resource->size);
		vtr_ranges_give(&gpu->hostmem_ranges, resource->hostmem_offset);
	}
	return leave(&resource->lease);
}

void vtr_gpu_resource_unref(struct vtr_gpu_resource *resource, struct vtr_gpu_mem_lease **out_leaving)
{
	struct vtr_gpu *gpu = resource->gpu;
	struct vtr_gpu_mem_lease *leaving;

	vtr_gpu_scanout_forget(resource);
	vtr_gpu_context_detach_all(resource);
	if (resource->mapped) {
		leaving = leave_hostmem(resource);
	} else {
		finish_image(resource);
		leaving = leave(&resource->lease);
	}
	/* Linux takes this answer as the answer to the unmap, too. */
	if (!leaving) {
		leaving = leave(&resource->leaving);
	} else {
		vtr_gpu_mem_lease_unref(resource->leaving);
	}
	vtr_gpu_backing_finish(gpu, &resource->backing);
	vtr_idmap_remove(&gpu->resources, &resource->object);
	vtr_list_remove(&resource->node);
	gpu->resource_count--;
	free(resource);
	hand_out(leaving, out_leaving);
}

enum vtr_err vtr_gpu_resource_attach_backing(struct vtr_gpu_resource *resource,
                                             const struct vtr_gpu_extent *extents, size_t count)
{
	if (resource->kind != VTR_GPU_KIND_2D || resource->backing.extents) {
		vtr_warn_limited(resource->gpu->log, "resource %u cannot be given guest memory: it %s",
		                 id_of(resource),
		                 resource->kind == VTR_GPU_KIND_2D ? "has some already" : "is a blob");
		return VTR_ERR_INVALID;
	}
	enum vtr_err err =
		vtr_gpu_backing_init(resource->gpu, &resource->backing, resource->kind, extents, count);
	if (err == VTR_OK) {
		vtr_gpu_context_attach_memory(resource);
	}
	return err;
}

enum vtr_err vtr_gpu_resource_detach_backing(struct vtr_gpu_resource *resource,
                                             struct vtr_gpu_mem_lease **out_leaving)
{
	*out_leaving = NULL;
	if (resource->kind != VTR_GPU_KIND_2D || !resource->backing.extents) {
		return VTR_ERR_INVALID;
	}
	vtr_gpu_context_detach_memory(resource);
	vtr_gpu_backing_finish(resource->gpu, &resource->backing);
	*out_leaving = leave(&resource->lease);
	return VTR_OK;
}

enum vtr_err vtr_gpu_resource_transfer(struct vtr_gpu_resource *resource, const struct vtr_rect *rect,
                                       uint64_t offset)
{
	uint32_t stride = resource->width * BYTES_PER_PIXEL;

	if (resource->kind != VTR_GPU_KIND_2D) {
		return VTR_OK; /* Linux sends this request for each dumb buffer */
	}
	if (rect->x > resource->width || rect->width > resource->width - rect->x ||
	    rect->y > resource->height || rect->height > resource->height - rect->y ||
	    !resource->backing.extents) {
		vtr_warn_limited(resource->gpu->log,
		                 "resource %u: %ux%u+%u+%u cannot be read from guest memory: %s",
		                 id_of(resource), rect->width, rect->height, rect->x, rect->y,
		                 resource->backing.extents ? "it is too large" : "there is none");
		return VTR_ERR_INVALID;
	}
	vtr_gpu_scanout_touch(resource);
	uint8_t *pixels = vtr_gpu_resource_bytes(resource, (uint64_t)rect->y * stride +
	                                                           (uint64_t)rect->x * BYTES_PER_PIXEL);
	return vtr_gpu_backing_read(resource->gpu, &resource->backing, offset, stride, pixels,
	                            (uint64_t)rect->width * BYTES_PER_PIXEL, rect->height);
}

enum vtr_err vtr_gpu_resource_map(struct vtr_gpu_resource *resource, uint64_t offset)
{
	struct vtr_gpu *gpu = resource->gpu;
	/* A worker maps the place, so it begins with a page of this host. */
	const uint64_t unit = vtr_max((uint64_t)VTR_GPU_BLOB_UNIT, vtr_os_page_size());
	enum vtr_err err = VTR_ERR_INVALID;

	if (resource->mappable && !resource->mapped && offset % unit == 0) {
		err = vtr_ranges_take(&gpu->hostmem_ranges, offset, resource->size);
	}
	if (err != VTR_OK) {
		vtr_warn_limited(
			gpu->log,
			"resource %u, %" PRIu64 " bytes, cannot be mapped at 0x%" PRIx64 " of hostmem: %s",
			id_of(resource), resource->size, offset,
			!resource->mappable ? "it is not mappable" :
			resource->mapped    ? "it is mapped already" :
			offset % unit != 0  ? "the place is not a multiple of this host's pages; a guest "
					      "with smaller pages needs a newer kernel and Mesa" :
					      "the place is taken or outside");
		return err;
	}
	vtr_reclaim_claim(&gpu->hostmem_reclaim, offset, resource->size);
	resource->mapped = true;
	resource->hostmem_offset = offset;
	vtr_gpu_context_attach_memory(resource);
	return VTR_OK;
}

enum vtr_err vtr_gpu_resource_unmap(struct vtr_gpu_resource *resource, struct vtr_gpu_mem_lease **out_leaving)
{
	*out_leaving = NULL;
	if (!resource->mapped) {
		return VTR_ERR_INVALID;
	}
	vtr_gpu_scanout_forget(resource);
	vtr_gpu_context_detach_memory(resource);
	*out_leaving = leave_hostmem(resource);
	vtr_gpu_mem_lease_unref(resource->leaving);
	resource->leaving = *out_leaving;
	if (resource->leaving) {
		resource->leaving->refs++;
	}
	return VTR_OK;
}
