/* SPDX-License-Identifier: MIT */
/* VkDeviceMemory: memory that the CPU can access is memory that the guest can map. */
#define VTR_LOG_MODULE "venus"
#include "venus/memory.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/log.h"
#include "platform/shm.h"
#include "venus/device.h"
#include "venus/resource.h"
#include "venus/room.h"
#include "vk/renderer_config.h"

/* --- allocation ------------------------------------------------------------------------------------- */

struct request {
	struct vtr_dispatch *d;
	struct vtr_device *device;
	struct vtr_memory *memory;
	VkMemoryAllocateInfo info;
	VkImportMemoryHostPointerInfoEXT import;
	VkImportMemoryFdInfoKHR import_fd;
	VkExportMemoryAllocateInfo export;
};

static VkResult err_to_vk(enum vtr_err err)
{
	return err == VTR_ERR_LIMIT ? VK_ERROR_OUT_OF_DEVICE_MEMORY : VK_ERROR_OUT_OF_HOST_MEMORY;
}

static void import_pointer(struct request *req, void *pointer, size_t size)
{
	req->import = (VkImportMemoryHostPointerInfoEXT){
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
		.pHostPointer = pointer,
	};
	req->info.allocationSize = size;
	/* Memory that is imported by address cannot be dedicated (VUID-VkMemoryAllocateInfo-pNext-02806). */
	vtr_chain_unlink(&req->info, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO);
	vtr_chain_push(&req->info, &req->import);
}

/* The driver owns the fd from now on. lavapipe, the only driver known to import such an fd, closes it even if
 * the allocation fails; its number may then already belong to another thread. */
static VkResult import_fd(struct request *req, int fd, size_t size)
{
	req->import_fd = (VkImportMemoryFdInfoKHR){
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
		.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3),
	};
	if (req->import_fd.fd < 0) {
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
	req->info.allocationSize = size;
	/* The size differs from that of the image or buffer. */
	vtr_chain_unlink(&req->info, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO);
	vtr_chain_push(&req->info, &req->import_fd);
	return VK_SUCCESS;
}

/* --- the budget of device memory --------------------------------------------------------------------- */

/* What a small allocation costs at least, where the driver does not say: the pages of GPUs have 64 KiB. */
#define DRIVER_PAGE UINT64_C(65536)

static bool is_local(const struct vtr_physical *physical, uint32_t heap)
{
	return (physical->memory.memoryHeaps[heap].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) != 0;
}

static uint64_t limit_of(const struct vtr_venus *venus, const struct vtr_physical *physical)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < physical->memory.memoryHeapCount; i++) {
		bytes += is_local(physical, i) ? physical->memory.memoryHeaps[i].size : 0;
	}
	return vtr_renderer_config_device_memory(venus->params.config, bytes);
}

/* Returns: VK_ERROR_OUT_OF_DEVICE_MEMORY if an allocation of so many bytes is over the limit. */
static VkResult charge(struct request *req, uint64_t bytes)
{
	struct vtr_venus *venus = req->d->venus;

	if (!vtr_budget_take_within(&venus->device_memory, bytes, limit_of(venus, req->device->physical))) {
		vtr_info_limited(venus->log, "an allocation of %llu bytes is over the limit of device memory",
		                 (unsigned long long)bytes);
		return VK_ERROR_OUT_OF_DEVICE_MEMORY;
	}
	req->memory->charged = bytes;
	return VK_SUCCESS;
}

/* Memory of ours is counted as mapped memory, too. On a device whose memory is the host's, it is both. */
static VkResult charge_own(struct request *req, size_t size)
{
	const struct vtr_physical *physical = req->device->physical;
	const uint32_t heap = physical->memory.memoryTypes[req->info.memoryTypeIndex].heapIndex;

	return is_local(physical, heap) ? charge(req, size) : VK_SUCCESS;
}

/* Where the processor is the device, its memory is shared memory of the driver's (lavapipe) or private. Counting it as
 * shared is never too little. */
static bool charge_host(struct request *req, uint64_t bytes)
{
	struct vtr_resource_table *table = &req->d->venus->resources;

	if (req->device->physical->properties.deviceType != VK_PHYSICAL_DEVICE_TYPE_CPU) {
		return true;
	}
	if (!vtr_budget_take(&table->budget, bytes)) {
		return false;
	}
	if (!vtr_room_take(table->room, bytes)) {
		vtr_budget_give(&table->budget, bytes);
		return false;
	}
	req->memory->of_host = bytes;
	return true;
}

static VkResult charge_drivers(struct request *req)
{
	uint64_t size = req->info.allocationSize;

	if (size > UINT64_MAX - DRIVER_PAGE) {
		return VK_ERROR_OUT_OF_DEVICE_MEMORY;
	}
	size = (size + DRIVER_PAGE - 1) & ~(DRIVER_PAGE - 1);
	return charge_host(req, size) ? charge(req, size) : VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

/* Returns: whether memory of the heap is memory of ours, which the guest can map. */
static bool is_shared(const struct vtr_physical *physical, uint32_t heap)
{
	for (uint32_t i = 0; i < physical->memory.memoryTypeCount; i++) {
		const enum vtr_share share = physical->strategy.share[i];

		if (physical->memory.memoryTypes[i].heapIndex == heap &&
		    (share == VTR_SHARE_HOST_IMPORT || share == VTR_SHARE_FD_IMPORT)) {
			return true;
		}
	}
	return false;
}

void vtr_memory_lower_budgets(struct vtr_venus *venus, const struct vtr_physical *physical,
                              VkPhysicalDeviceMemoryBudgetPropertiesEXT *budgets)
{
	const uint64_t local = vtr_budget_left(&venus->device_memory, limit_of(venus, physical));
	const uint64_t shared = vtr_budget_left(&venus->resources.budget, UINT64_MAX);

	for (uint32_t i = 0; i < physical->memory.memoryHeapCount; i++) {
		uint64_t left = is_local(physical, i) ? local : UINT64_MAX;

		if (is_shared(physical, i)) {
			left = vtr_min(left, shared);
		}
		if (left < UINT64_MAX - budgets->heapUsage[i]) {
			budgets->heapBudget[i] =
				vtr_min(budgets->heapBudget[i], budgets->heapUsage[i] + left);
		}
	}
}

/* --- where the memory comes from ------------------------------------------------------------------- */

/* Returns: the rounded size, 0 on overflow. */
static size_t rounded(const struct request *req)
{
	const size_t alignment = req->device->physical->strategy.import_alignment;
	size_t size;

	if (req->info.allocationSize == 0 ||
	    !vtr_add((size_t)req->info.allocationSize, alignment - 1, &size)) {
		return 0;
	}
	return size & ~(alignment - 1);
}

static VkResult prepare_own(struct request *req)
{
	struct vtr_memory *m = req->memory;
	const size_t size = rounded(req);
	VkResult ret;
	enum vtr_err err;

	if (size == 0) {
		return VK_ERROR_OUT_OF_DEVICE_MEMORY;
	}
	ret = charge_own(req, size);
	if (ret != VK_SUCCESS) {
		return ret;
	}
	err = vtr_shm_take(&req->d->venus->resources, size, req->device->physical->strategy.import_alignment,
	                   &m->block);
	if (err != VTR_OK) {
		if (err == VTR_ERR_LIMIT) {
			vtr_info(req->d->venus->log,
			         "an allocation of %zu bytes is over the context's memory limit", size);
		}
		return err_to_vk(err);
	}
	if (m->share == VTR_SHARE_FD_IMPORT) {
		return import_fd(req, m->block->fd, size);
	}
	import_pointer(req, m->block->map, size);
	return VK_SUCCESS;
}

/* Returns: the range that an import of a resource takes: all of it, rounded as the driver requires. NULL: not
 *          possible. */
static void *view_resource(struct request *req, struct vtr_resource *res, size_t *out_size)
{
	struct vtr_memory *m = req->memory;
	const size_t alignment = req->device->physical->strategy.import_alignment;
	size_t size = vtr_align_up(res->size, alignment);

	if (res->lent) { /* mapped, so its size cannot overflow */
		if (req->device->physical->properties.deviceType != VK_PHYSICAL_DEVICE_TYPE_CPU) {
			atomic_store(&res->pinned, true);
		}
		*out_size = size;
		return alignment <= VTR_RESOURCE_ALIGNMENT &&
		                       vtr_os_shm_pad(res->map, res->size, size) == VTR_OK ?
		               res->map :
		               NULL;
	}
	size = res->size & ~(alignment - 1);
	if (size == 0 ||
	    vtr_os_shm_map_aligned(res->fd, res->offset, size, alignment, &m->imported_map) != VTR_OK) {
		return NULL;
	}
	*out_size = m->imported_size = size;
	return m->imported_map;
}

/* Imports a resource: of hostmem, of another context, of the guest's RAM, or of this context itself. */
static VkResult prepare_import(struct request *req, uint32_t res_id)
{
	struct vtr_memory *m = req->memory;
	const uint32_t type = req->info.memoryTypeIndex;
	size_t size;
	void *map;

	m->imported = vtr_resource_get(&req->d->venus->resources, res_id);
	if (m->imported == NULL) {
		vtr_cs_fail_value(&req->d->r, "memory is imported from a resource that is not there", res_id);
		return VK_ERROR_INVALID_EXTERNAL_HANDLE;
	}
	if (vtr_types_share(req->device->physical, type, false) != VTR_SHARE_HOST_IMPORT ||
	    req->info.allocationSize > m->imported->size) {
		vtr_info_limited(req->d->venus->log,
		                 "memory type %u is not imported, or resource %u is smaller than "
		                 "the allocation",
		                 type, res_id);
		return VK_ERROR_INVALID_EXTERNAL_HANDLE;
	}
	map = view_resource(req, m->imported, &size);
	if (map == NULL || req->info.allocationSize > size) {
		return VK_ERROR_INVALID_EXTERNAL_HANDLE;
	}
	import_pointer(req, map, size);
	return VK_SUCCESS;
}

static void prepare_export(struct request *req, VkExternalMemoryHandleTypeFlags type)
{
	req->export = (VkExportMemoryAllocateInfo){ .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
		                                    .handleTypes = type };
	vtr_chain_push(&req->info, &req->export);
}

static VkResult prepare(struct request *req)
{
	const VkImportMemoryResourceInfoMESA *from =
		vtr_chain_unlink(&req->info, VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA);
	struct vtr_memory *m = req->memory;

	/* The guest exports memory by creating a blob; we choose how that is shared. */
	vtr_chain_unlink(&req->info, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
	m->share = vtr_device_share(req->device, req->info.memoryTypeIndex);
	if (from != NULL) {
		m->share = VTR_SHARE_HOST_IMPORT;
		return prepare_import(req, from->resourceId);
	}
	switch (m->share) {
	case VTR_SHARE_HOST_IMPORT:
	case VTR_SHARE_FD_IMPORT:
		return prepare_own(req);
	case VTR_SHARE_DMA_BUF:
		prepare_export(req, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT);
		break;
	case VTR_SHARE_OPAQUE_FD:
		prepare_export(req, VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT);
		break;
	case VTR_SHARE_NONE:
		break;
	}
	return charge_drivers(req);
}

/* Memory of resources is always imported by address, whatever the device does with its own. */
static bool suits_sparse(const struct vtr_device *device, const struct vtr_memory *m, uint32_t driver_type)
{
	const struct vtr_memory_strategy *s = &device->physical->strategy;

	return (s->sparse_types >> driver_type & 1) != 0 && m->share == s->sparse_share[driver_type];
}

static void list_unfit(struct vtr_device *device, struct vtr_memory *m)
{
	m->unfit_of = device;
	pthread_mutex_lock(&device->lock);
	vtr_list_append(&device->unfit, &m->unfit_link);
	pthread_mutex_unlock(&device->lock);
}

static void unlist_unfit(struct vtr_memory *m)
{
	if (m->unfit_of != NULL) {
		pthread_mutex_lock(&m->unfit_of->lock);
		vtr_list_remove(&m->unfit_link);
		pthread_mutex_unlock(&m->unfit_of->lock);
		m->unfit_of = NULL;
	}
}

bool vtr_memory_suits_sparse(struct vtr_device *device, VkDeviceMemory handle)
{
	bool suits = true;

	pthread_mutex_lock(&device->lock);
	for (struct vtr_list *l = device->unfit.next; l != &device->unfit; l = l->next) {
		suits &= vtr_container_of(l, struct vtr_memory, unfit_link)->handle != handle;
	}
	pthread_mutex_unlock(&device->lock);
	return suits;
}

/* For memory that no object could be made for: the context has failed, or the device is being destroyed, which may have
 * ended the driver's memory already. */
static void drop(struct vtr_venus *venus, struct vtr_device *device, struct vtr_memory *m)
{
	bool gone;

	pthread_mutex_lock(&device->lock);
	gone = device->gone;
	pthread_mutex_unlock(&device->lock);
	unlist_unfit(m);
	if (!gone) {
		device->procs.vkFreeMemory(device->handle, m->handle, NULL);
	}
	vtr_memory_release(venus, m);
}

void vtr_hand_vkAllocateMemory(struct vtr_dispatch *d, struct vtw_vkAllocateMemory *a)
{
	struct vtr_device *device = vtr_vk(a->device_obj)->device;
	const VkPhysicalDeviceMemoryProperties *types = &device->physical->memory;
	struct request req = { .d = d, .device = device, .info = *a->pAllocateInfo };
	struct vtr_vk_object *o =
		vtr_object_reserve(d, a->device_obj, VK_OBJECT_TYPE_DEVICE_MEMORY, a->pMemory, &a->ret);
	VkDeviceMemory handle = NULL;

	if (o == NULL) {
		return;
	}
	req.memory = calloc(1, sizeof(*req.memory));
	if (req.memory == NULL) {
		a->ret = VK_ERROR_OUT_OF_HOST_MEMORY;
	} else if (req.info.memoryTypeIndex >= types->memoryTypeCount) {
		a->ret = VK_ERROR_UNKNOWN;
	} else {
		req.memory->properties = types->memoryTypes[req.info.memoryTypeIndex].propertyFlags;
		req.memory->size = req.info.allocationSize;
		a->ret = prepare(&req);
		req.info.memoryTypeIndex = device->physical->types.of_driver[req.info.memoryTypeIndex];
	}
	if (a->ret == VK_SUCCESS) {
		a->ret = device->procs.vkAllocateMemory(a->device, &req.info, NULL, &handle);
	}
	if (a->ret != VK_SUCCESS) {
		vtr_memory_release(d->venus, req.memory);
		req.memory = NULL;
	} else {
		req.memory->handle = handle;
		if (device->sparse && !suits_sparse(device, req.memory, req.info.memoryTypeIndex)) {
			list_unfit(device, req.memory);
		}
		o->data = req.memory;
	}
	if (!vtr_object_publish(d, o, (uintptr_t)handle, a->ret) && req.memory != NULL) {
		drop(d->venus, device, req.memory);
	}
}

struct vtr_memory *vtr_memory_detach(struct vtr_venus *venus, struct vtr_vk_object *o)
{
	struct vtr_memory *memory;

	pthread_mutex_lock(&venus->memory_lock); /* a blob of it may be created right now */
	memory = o->data;
	o->data = NULL;
	pthread_mutex_unlock(&venus->memory_lock);
	if (memory != NULL) {
		unlist_unfit(memory); /* before the driver reuses this handle for other memory */
	}
	return memory;
}

void vtr_memory_release(struct vtr_venus *venus, struct vtr_memory *memory)
{
	if (memory == NULL) {
		return;
	}
	unlist_unfit(memory);
	if (memory->block != NULL) {
		vtr_shm_put(&venus->resources, memory->block, atomic_load(&memory->shareable));
	}
	if (memory->imported_map != NULL) {
		vtr_os_shm_unmap(memory->imported_map, memory->imported_size);
	}
	vtr_resource_unref(memory->imported);
	vtr_budget_give(&venus->device_memory, memory->charged);
	vtr_room_give(venus->resources.room, memory->of_host);
	vtr_budget_give(&venus->resources.budget, memory->of_host);
	free(memory);
}

void vtr_hand_vkFreeMemory(struct vtr_dispatch *d, struct vtw_vkFreeMemory *a)
{
	struct vtr_vk_object *o = a->memory_obj != NULL ? vtr_vk(a->memory_obj) : NULL;
	struct vtr_memory *memory;

	if (o == NULL) {
		return;
	}
	memory = vtr_memory_detach(d->venus, o);
	if (vtr_object_remove(d, a->memory_obj)) {
		vtr_device_procs(a->device_obj)->vkFreeMemory(a->device, a->memory, NULL);
	}
	vtr_memory_release(d->venus, memory);
}

/* --- blobs ------------------------------------------------------------------------------------------ */

static int export_fd(struct vtr_vk_object *o, VkExternalMemoryHandleTypeFlagBits type)
{
	const VkMemoryGetFdInfoKHR get = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
		.memory = (VkDeviceMemory)(uintptr_t)o->base.handle,
		.handleType = type,
	};
	int fd = -1;

	if (o->device->procs.vkGetMemoryFdKHR(o->device->handle, &get, &fd) != VK_SUCCESS) {
		return -1;
	}
	return fd;
}

static int memory_fd(struct vtr_vk_object *o, const struct vtr_memory *m)
{
	switch (m->share) {
	case VTR_SHARE_HOST_IMPORT:
	case VTR_SHARE_FD_IMPORT:
		return fcntl(m->block != NULL ? m->block->fd : m->imported->fd, F_DUPFD_CLOEXEC, 3);
	case VTR_SHARE_DMA_BUF:
		return export_fd(o, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT);
	case VTR_SHARE_OPAQUE_FD:
		return export_fd(o, VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT);
	case VTR_SHARE_NONE:
		break;
	}
	return -1;
}

static enum vtr_err blob_of(struct vtr_venus *venus, struct vtr_vk_object *o, uint32_t res_id, uint32_t flags,
                            uint64_t size, struct vtr_blob *out_blob)
{
	struct vtr_memory *m = o->data;
	const bool cached = m != NULL && (m->properties & VK_MEMORY_PROPERTY_HOST_CACHED_BIT) != 0;
	uint64_t have;
	int fd;
	enum vtr_err err;

	if (m == NULL || m->share == VTR_SHARE_NONE) {
		return VTR_ERR_UNSUPPORTED;
	}
	if ((flags & VTR_BLOB_MAPPABLE) != 0 && (m->properties & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) == 0) {
		return VTR_ERR_INVALID;
	}
	have = m->block != NULL    ? m->block->size :
	       m->imported != NULL ? m->imported->size :
	                             vtr_align_up(m->size, vtr_os_page_size());
	if (size == 0 || size > vtr_align_up(have, vtr_os_page_size()) ||
	    atomic_exchange(&m->exported, true)) {
		return VTR_ERR_INVALID;
	}
	if ((flags & (VTR_BLOB_SHAREABLE | VTR_BLOB_CROSS_DEVICE)) != 0) {
		atomic_store(&m->shareable, true);
	}
	fd = memory_fd(o, m);
	if (fd < 0) {
		return VTR_ERR_OS;
	}
	err = vtr_resource_add(&venus->resources, res_id, fd, 0, have, false, false);
	if (err == VTR_OK) {
		*out_blob = (struct vtr_blob){ fd, have, cached ? VTR_BLOB_CACHED : VTR_BLOB_WC };
	}
	return err;
}

enum vtr_err vtr_memory_blob(struct vtr_venus *venus, uint32_t res_id, uint64_t blob_id, uint32_t flags,
                             uint64_t size, struct vtr_blob *out_blob)
{
	struct vtr_object *o = vtr_idmap_get(&venus->objects.map, blob_id);
	enum vtr_err err;

	if (o == NULL) {
		return VTR_ERR_INVALID;
	}
	pthread_mutex_lock(&venus->memory_lock);
	if (o->type == VK_OBJECT_TYPE_DEVICE_MEMORY) {
		err = blob_of(venus, vtr_vk(o), res_id, flags, size, out_blob);
	} else {
		err = o->type == (VK_OBJECT_TYPE_DEVICE_MEMORY | VTR_OBJECT_FAILED) ? VTR_ERR_LIMIT :
		                                                                      VTR_ERR_INVALID;
	}
	pthread_mutex_unlock(&venus->memory_lock);
	return err;
}

/* --- questions about resources ---------------------------------------------------------------------- */

void vtr_hand_vkGetMemoryResourcePropertiesMESA(struct vtr_dispatch *d,
                                                struct vtw_vkGetMemoryResourcePropertiesMESA *a)
{
	const struct vtr_physical *p = vtr_vk(a->device_obj)->device->physical;
	VkMemoryResourceAllocationSizePropertiesMESA *size =
		vtr_chain_find(a->pMemoryResourceProperties,
	                       VK_STRUCTURE_TYPE_MEMORY_RESOURCE_ALLOCATION_SIZE_PROPERTIES_MESA);
	struct vtr_resource *res = vtr_resource_get(&d->venus->resources, a->resourceId);

	if (res == NULL) {
		vtr_cs_fail_value(&d->r, "no such resource", a->resourceId);
		return;
	}
	a->pMemoryResourceProperties->memoryTypeBits = 0;
	for (uint32_t i = 0; i < p->memory.memoryTypeCount; i++) {
		if (vtr_types_share(p, i, false) == VTR_SHARE_HOST_IMPORT) {
			a->pMemoryResourceProperties->memoryTypeBits |= 1u << i;
		}
	}
	if (size != NULL) {
		size->allocationSize = res->size;
	}
	a->ret = a->pMemoryResourceProperties->memoryTypeBits != 0 ? VK_SUCCESS :
	                                                             VK_ERROR_INVALID_EXTERNAL_HANDLE;
	vtr_resource_unref(res);
}
