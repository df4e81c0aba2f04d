/* SPDX-License-Identifier: MIT */
/* Device memory on a driver that shares it in different ways: what reaches the driver, and what the guest can map. */
#include <sys/resource.h>

#include "base/mem.h"
#include "platform/shm.h"
#include "venus_guest.h"

/* The driver's memory types, and the guest's ids. */
enum { LOCAL = 0, HOST = 1, MEMORY = FREE };
enum { PAGE = 4096, RES = 2 };

/* What reached the driver last. */
static struct {
	VkMemoryAllocateInfo info;
	VkExternalMemoryHandleTypeFlags export; /* 0: no export */
	uint32_t export_structs;
	void *pointer;
	bool dedicated, from_resource;
	uint32_t frees;
} seen;

struct link {
	VkStructureType type;
	const struct link *next;
};

static VkResult note_allocate(VkDevice device, const VkMemoryAllocateInfo *info,
                              const VkAllocationCallbacks *allocator, VkDeviceMemory *out)
{
	VkMemoryAllocateInfo to_driver = *info;
	VkExportMemoryAllocateInfo export;

	memset(&seen, 0, sizeof(seen));
	seen.info = *info;
	for (const struct link *l = info->pNext; l != NULL; l = l->next) {
		if (l->type == VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO) {
			export = *(const VkExportMemoryAllocateInfo *)(const void *)l;
			seen.export = export.handleTypes;
			seen.export_structs++;
			export.pNext = NULL;
			export.handleTypes =
				VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT; /* the driver knows no other */
			to_driver.pNext = &export;
		} else if (l->type == VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT) {
			seen.pointer =
				((const VkImportMemoryHostPointerInfoEXT *)(const void *)l)->pHostPointer;
		}
		seen.dedicated |= l->type == VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO;
		seen.from_resource |= l->type == VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA;
	}
	return ORIGINAL(vkAllocateMemory)(device, &to_driver, allocator, out);
}

static void note_free(VkDevice device, VkDeviceMemory memory, const VkAllocationCallbacks *allocator)
{
	seen.frees++;
	ORIGINAL(vkFreeMemory)(device, memory, allocator);
}

static void note(void)
{
	REPLACE(vkAllocateMemory, note_allocate);
	REPLACE(vkFreeMemory, note_free);
}

static void note_with_dma_bufs(void)
{
	note();
	fake_loader_offer("VK_EXT_external_memory_dma_buf");
}

static VkResult allocate_chained(struct guest *g, uint64_t id, uint64_t size, uint32_t type, const void *next)
{
	const VkMemoryAllocateInfo info = { .pNext = next, .allocationSize = size, .memoryTypeIndex = type };

	return CALL(g, vkAllocateMemory, .device = ID(VkDevice, DEVICE), .pAllocateInfo = &info,
	            .pMemory = id);
}

static VkResult allocate(struct guest *g, uint64_t id, uint64_t size, uint32_t type)
{
	return allocate_chained(g, id, size, type, NULL);
}

static VkResult import(struct guest *g, uint64_t id, uint64_t size, uint32_t type, uint32_t res_id)
{
	const VkImportMemoryResourceInfoMESA from = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA, .resourceId = res_id
	};

	return allocate_chained(g, id, size, type, &from);
}

static void free_memory(struct guest *g, uint64_t id)
{
	CHECK_OK(SEND(g, vkFreeMemory, .device = ID(VkDevice, DEVICE), .memory = ID(VkDeviceMemory, id)));
}

/* Maps a blob of the memory as the guest does. */
static uint8_t *map_blob(struct guest *g, uint32_t res_id, uint64_t id, uint32_t flags, size_t size,
                         enum vtr_blob_cache cache)
{
	struct vtr_blob blob;
	void *map;

	CHECK_OK(vtr_venus_blob_create(g->venus, res_id, id, flags, size, &blob));
	CHECK(blob.size >= size);
	CHECK_EQ(blob.cache, cache);
	CHECK_OK(vtr_os_shm_map(blob.fd, 0, size, true, &map));
	return map;
}

/* The bytes that the driver has for the memory that was allocated last. */
static uint8_t *driver_bytes(void)
{
	CHECK(seen.pointer != NULL);
	return seen.pointer;
}

static void our_memory_is_imported(void)
{
	const struct guest_setup setup = { .replace = note, .no_export = true };
	const VkMemoryDedicatedAllocateInfo dedicated = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO
	};
	const VkExportMemoryAllocateInfo export = { .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
		                                    .pNext = &dedicated,
		                                    .handleTypes =
		                                            VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT };
	struct vtr_blob blob;
	struct guest g;
	uint8_t *map;

	guest_open(&g, &setup);
	CHECK_EQ(allocate_chained(&g, MEMORY, 1000, HOST, &export), VK_SUCCESS);
	CHECK_EQ(seen.info.allocationSize, PAGE);
	CHECK(!seen.dedicated && seen.export == 0);
	map = map_blob(&g, RES, MEMORY, VTR_BLOB_MAPPABLE, 1000, VTR_BLOB_CACHED);
	map[7] = 42;
	CHECK_EQ(driver_bytes()[7], 42);
	vtr_os_shm_unmap(map, 1000);
	/* Memory has one blob. */
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES + 1, MEMORY, VTR_BLOB_MAPPABLE, 1000, &blob),
	          VTR_ERR_INVALID);
	free_memory(&g, MEMORY);
	CHECK_EQ(seen.frees, 1);
	free_memory(&g, 0);
	CHECK_EQ(seen.frees, 1);
	guest_close(&g);
}

static void sizes_and_types(void)
{
	const struct guest_setup setup = { .no_export = true, .max_memory = 4 << 20 };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(allocate(&g, MEMORY, 0, HOST), VK_ERROR_OUT_OF_DEVICE_MEMORY);
	CHECK_EQ(allocate(&g, MEMORY, UINT64_MAX, HOST), VK_ERROR_OUT_OF_DEVICE_MEMORY);
	CHECK_EQ(allocate(&g, MEMORY, 5 << 20, HOST), VK_ERROR_OUT_OF_DEVICE_MEMORY);
	CHECK(guest_log_has(&g, "is over the context's memory limit"));
	CHECK_EQ(allocate(&g, MEMORY, PAGE, 2), VK_ERROR_UNKNOWN);
	/* All of that has left the budget as it was. */
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(allocate(&g, MEMORY, 3 << 20, HOST), VK_SUCCESS);
		CHECK_EQ(allocate(&g, MEMORY + 1, 3 << 20, HOST), VK_ERROR_OUT_OF_DEVICE_MEMORY);
		free_memory(&g, MEMORY);
	}
	/* The driver's own memory is not the context's. */
	CHECK_EQ(allocate(&g, MEMORY, 64 << 20, LOCAL), VK_SUCCESS);
	guest_close(&g);
}

static void the_driver_has_no_memory(void)
{
	const struct guest_setup setup = { .driver = "fail=vkAllocateMemory:VK_ERROR_OUT_OF_DEVICE_MEMORY:"
		                                     "from=vkCreateEvent:times=3",
		                           .no_export = true,
		                           .max_memory = 4 << 20 };
	const VkMemoryAllocateInfo info = { .allocationSize = 3 << 20, .memoryTypeIndex = HOST };
	struct vtr_blob blob;
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(CALL(&g, vkCreateEvent, .device = ID(VkDevice, DEVICE),
	              .pCreateInfo = &(VkEventCreateInfo){ 0 }, .pEvent = FREE + 1),
	         VK_SUCCESS);
	CHECK_EQ(allocate(&g, MEMORY, 3 << 20, HOST), VK_ERROR_OUT_OF_DEVICE_MEMORY);
	CHECK_EQ(allocate(&g, MEMORY, 3 << 20, LOCAL), VK_ERROR_OUT_OF_DEVICE_MEMORY);
	/* Mesa does not read this result; the blob then tells it. */
	CHECK_OK(SEND(&g, vkAllocateMemory, .device = ID(VkDevice, DEVICE), .pAllocateInfo = &info,
	              .pMemory = MEMORY));
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES, MEMORY, VTR_BLOB_MAPPABLE, PAGE, &blob), VTR_ERR_LIMIT);
	free_memory(&g, MEMORY);
	CHECK_EQ(allocate(&g, MEMORY, 3 << 20, HOST), VK_SUCCESS);
	guest_close(&g);
}

static void blobs_that_are_refused(void)
{
	const struct guest_setup setup = { .no_export = true };
	struct vtr_blob blob;
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(allocate(&g, MEMORY, PAGE, HOST), VK_SUCCESS);
	CHECK_EQ(allocate(&g, MEMORY + 1, PAGE, LOCAL), VK_SUCCESS);
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES, MEMORY + 2, VTR_BLOB_MAPPABLE, PAGE, &blob),
	          VTR_ERR_INVALID);
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES, QUEUE, VTR_BLOB_MAPPABLE, PAGE, &blob),
	          VTR_ERR_INVALID);
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES, MEMORY + 1, 0, PAGE, &blob), VTR_ERR_UNSUPPORTED);
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES, MEMORY, VTR_BLOB_MAPPABLE, 0, &blob), VTR_ERR_INVALID);
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES, MEMORY, VTR_BLOB_MAPPABLE, 2 * PAGE, &blob),
	          VTR_ERR_INVALID);
	CHECK_OK(vtr_venus_blob_create(g.venus, RES, MEMORY, VTR_BLOB_MAPPABLE, PAGE, &blob));
	/* Without an object: shared memory of its own. */
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES + 1, 0, 0, PAGE, &blob), VTR_ERR_INVALID);
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES + 1, 0, VTR_BLOB_MAPPABLE, 0, &blob), VTR_ERR_INVALID);
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES + 1, 0, VTR_BLOB_MAPPABLE, 1 << 30, &blob),
	          VTR_ERR_LIMIT);
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES, 0, VTR_BLOB_MAPPABLE, PAGE, &blob), VTR_ERR_INVALID);
	CHECK(vtr_venus_resource_destroy(g.venus, RES));
	CHECK(!vtr_venus_resource_destroy(g.venus, RES));
	vtr_venus_kill(g.venus);
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES, 0, VTR_BLOB_MAPPABLE, PAGE, &blob), VTR_ERR_PROTOCOL);
	guest_close(&g);
}

/* Pages are reused, unless the guest may have given their fd away. */
static void freed_pages(void)
{
	const struct guest_setup setup = { .no_export = true };
	struct guest g;
	uint8_t *map;

	guest_open(&g, &setup);
	for (uint32_t flags = VTR_BLOB_MAPPABLE; flags <= VTR_BLOB_ALL_FLAGS; flags += VTR_BLOB_SHAREABLE) {
		const uint8_t kept = flags == VTR_BLOB_MAPPABLE ? 77 : 0;

		CHECK_EQ(allocate(&g, MEMORY, 5 * PAGE, HOST), VK_SUCCESS);
		map = map_blob(&g, RES, MEMORY, flags, 5 * PAGE, VTR_BLOB_CACHED);
		map[PAGE] = 77;
		vtr_os_shm_unmap(map, 5 * PAGE);
		CHECK(vtr_venus_resource_destroy(g.venus, RES));
		free_memory(&g, MEMORY);
		CHECK_EQ(allocate(&g, MEMORY, 5 * PAGE, HOST), VK_SUCCESS);
		map = map_blob(&g, RES, MEMORY, VTR_BLOB_MAPPABLE | VTR_BLOB_SHAREABLE, 5 * PAGE,
		               VTR_BLOB_CACHED);
		CHECK_EQ(map[PAGE], kept);
		vtr_os_shm_unmap(map, 5 * PAGE);
		CHECK(vtr_venus_resource_destroy(g.venus, RES));
		free_memory(&g, MEMORY);
	}
	guest_close(&g);
}

/* Without an fd the blob fails, and so does the allocation; both succeed later. */
static void no_fds(void)
{
	const struct guest_setup setup = { .no_export = true };
	struct rlimit old, none;
	struct vtr_blob blob;
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(allocate(&g, MEMORY, PAGE, HOST), VK_SUCCESS);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ 3, old.rlim_max };
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES, MEMORY, VTR_BLOB_MAPPABLE, PAGE, &blob), VTR_ERR_OS);
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES, 0, VTR_BLOB_MAPPABLE, PAGE, &blob), VTR_ERR_OS);
	CHECK_EQ(allocate(&g, MEMORY + 1, PAGE, HOST), VK_ERROR_OUT_OF_HOST_MEMORY);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
	CHECK_EQ(allocate(&g, MEMORY + 1, PAGE, HOST), VK_SUCCESS);
	CHECK_OK(vtr_venus_blob_create(g.venus, RES, MEMORY + 1, VTR_BLOB_MAPPABLE, PAGE, &blob));
	guest_close(&g);
}

/* --- imports of resources --------------------------------------------------------------------------- */

static void a_resource_is_imported(void)
{
	const struct guest_setup setup = { .replace = note, .no_export = true };
	VkMemoryResourceAllocationSizePropertiesMESA size = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_RESOURCE_ALLOCATION_SIZE_PROPERTIES_MESA
	};
	VkMemoryResourcePropertiesMESA properties = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_RESOURCE_PROPERTIES_MESA, .pNext = &size
	};
	struct guest g;
	uint8_t *shm, *map;

	guest_open(&g, &setup);
	shm = guest_make_shm(&g, RES, 3 * PAGE);
	CHECK_EQ(CALL(&g, vkGetMemoryResourcePropertiesMESA, .device = ID(VkDevice, DEVICE),
	              .resourceId = RES, .pMemoryResourceProperties = &properties),
	         VK_SUCCESS);
	CHECK_EQ(guest_wide(&g, 40), 3 * PAGE);
	CHECK_EQ(guest_word(&g, 48), 1 << HOST);
	CHECK_EQ(import(&g, MEMORY, 2 * PAGE, HOST, RES), VK_SUCCESS);
	CHECK_EQ(seen.info.allocationSize, 3 * PAGE);
	CHECK(!seen.from_resource);
	shm[PAGE] = 9;
	CHECK_EQ(driver_bytes()[PAGE], 9);
	/* Its memory stays while the guest has the memory object, which has a blob like any other. */
	CHECK(vtr_venus_resource_destroy(g.venus, RES));
	map = map_blob(&g, RES, MEMORY, VTR_BLOB_MAPPABLE, 3 * PAGE, VTR_BLOB_CACHED);
	CHECK_EQ(map[PAGE], 9);
	vtr_os_shm_unmap(map, 3 * PAGE);
	vtr_os_shm_unmap(shm, 3 * PAGE);
	free_memory(&g, MEMORY);
	guest_close(&g);
}

static void imports_that_are_refused(void)
{
	const struct guest_setup setup = { .no_export = true };
	const VkImportMemoryResourceInfoMESA from = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA, .resourceId = RES
	};
	const VkMemoryAllocateInfo info = { .pNext = &from, .allocationSize = PAGE, .memoryTypeIndex = HOST };
	VkMemoryResourcePropertiesMESA properties = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_RESOURCE_PROPERTIES_MESA
	};
	struct guest g;

	guest_open(&g, &setup);
	CHECK_REFUSED(&g, "memory is imported from a resource that is not there", vkAllocateMemory,
	              .device = ID(VkDevice, DEVICE), .pAllocateInfo = &info, .pMemory = MEMORY);
	CHECK_REFUSED(&g, "no such resource", vkGetMemoryResourcePropertiesMESA,
	              .device = ID(VkDevice, DEVICE), .resourceId = RES,
	              .pMemoryResourceProperties = &properties);
	(void)guest_make_shm(&g, RES, PAGE + 100);
	CHECK_EQ(import(&g, MEMORY, PAGE, LOCAL, RES), VK_ERROR_INVALID_EXTERNAL_HANDLE);
	CHECK_EQ(import(&g, MEMORY, 2 * PAGE, HOST, RES), VK_ERROR_INVALID_EXTERNAL_HANDLE);
	/* Only whole pages can be imported. */
	CHECK_EQ(import(&g, MEMORY, PAGE + 50, HOST, RES), VK_ERROR_INVALID_EXTERNAL_HANDLE);
	CHECK_EQ(import(&g, MEMORY, PAGE, HOST, RES), VK_SUCCESS);
	(void)guest_make_shm(&g, RES + 1, 100);
	CHECK_EQ(import(&g, MEMORY + 1, 100, HOST, RES + 1), VK_ERROR_INVALID_EXTERNAL_HANDLE);
	guest_close(&g);
}

/* On a host whose memory is exported, a resource cannot be imported. */
static void nothing_can_be_imported(void)
{
	const struct guest_setup setup = { .no_host_import = true };
	VkMemoryResourcePropertiesMESA properties = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_RESOURCE_PROPERTIES_MESA
	};
	struct guest g;

	guest_open(&g, &setup);
	(void)guest_make_shm(&g, RES, PAGE);
	CHECK_EQ(CALL(&g, vkGetMemoryResourcePropertiesMESA, .device = ID(VkDevice, DEVICE),
	              .resourceId = RES, .pMemoryResourceProperties = &properties),
	         VK_ERROR_INVALID_EXTERNAL_HANDLE);
	CHECK_EQ(import(&g, MEMORY, PAGE, HOST, RES), VK_ERROR_INVALID_EXTERNAL_HANDLE);
	guest_close(&g);
}

/* --- hostmem ---------------------------------------------------------------------------------------- */

static void a_cpu(VkPhysicalDevice physical, VkPhysicalDeviceProperties *out)
{
	ORIGINAL(vkGetPhysicalDeviceProperties)(physical, out);
	out->deviceType = VK_PHYSICAL_DEVICE_TYPE_CPU;
}

static void note_on_cpu(void)
{
	note();
	REPLACE(vkGetPhysicalDeviceProperties, a_cpu);
}

/* A GPU may still access the pages after their resource has gone; a driver for the processor sees zeros then. */
static void hostmem_is_lent(void)
{
	static void (*const drivers[])(void) = { note, note_on_cpu };

	for (size_t i = 0; i < VTR_ARRAY_LEN(drivers); i++) {
		const struct guest_setup setup = { .replace = drivers[i], .hostmem = 1 << 20 };
		struct guest g;

		guest_open(&g, &setup);
		CHECK_OK(vtr_venus_resource_hostmem(g.venus, RES, 64 * 1024, 2 * PAGE));
		CHECK_EQ(pwrite(g.hostmem_fd, "seen", 4, 64 * 1024), 4);
		CHECK_EQ(import(&g, MEMORY, 2 * PAGE, HOST, RES), VK_SUCCESS);
		CHECK(memcmp(driver_bytes(), "seen", 4) == 0);
		CHECK(vtr_venus_resource_destroy(g.venus, RES));
		CHECK_EQ(guest_released(&g), i == 0 ? 0 : 1);
		CHECK_EQ(driver_bytes()[0], 0);
		free_memory(&g, MEMORY);
		CHECK_EQ(guest_released(&g), 1);
		CHECK_EQ(g.released[0], RES);
		/* Without a memory object it is released at once. */
		CHECK_OK(vtr_venus_resource_hostmem(g.venus, RES + 1, 0, PAGE));
		CHECK(vtr_venus_resource_destroy(g.venus, RES + 1));
		CHECK_EQ(guest_released(&g), 2);
		guest_close(&g);
	}
}

static void hostmem_that_is_refused(void)
{
	const struct guest_setup setup = { .hostmem = 1 << 20 };
	const struct vtr_os_shm_piece empty = { .size = 0 };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_ERR(vtr_venus_resource_hostmem(g.venus, RES, 2 << 20, PAGE), VTR_ERR_INVALID);
	CHECK_ERR(vtr_venus_resource_hostmem(g.venus, RES, PAGE, 1 << 20), VTR_ERR_INVALID);
	CHECK_ERR(vtr_venus_resource_hostmem(g.venus, RES, 512, PAGE), VTR_ERR_UNSUPPORTED);
	CHECK_ERR(vtr_venus_resource_hostmem(g.venus, RES, 0, 512), VTR_ERR_UNSUPPORTED);
	CHECK_ERR(vtr_venus_resource_pieces(g.venus, RES, &empty, 1), VTR_ERR_INVALID);
	CHECK_ERR(vtr_venus_resource_pieces(g.venus, RES, &empty, 0), VTR_ERR_INVALID);
	CHECK_OK(vtr_venus_resource_hostmem(g.venus, RES, 0, PAGE));
	CHECK_ERR(vtr_venus_resource_hostmem(g.venus, RES, PAGE, PAGE), VTR_ERR_INVALID);
	guest_close(&g);

	guest_open(&g, NULL);
	CHECK_ERR(vtr_venus_resource_hostmem(g.venus, RES, 0, PAGE), VTR_ERR_INVALID);
	guest_close(&g);
}

static void scattered_pages_are_imported(void)
{
	const struct guest_setup setup = { .replace = note, .hostmem = 1 << 20 };
	struct guest g;

	guest_open(&g, &setup);
	const struct vtr_os_shm_piece pieces[] = {
		{ .fd = g.hostmem_fd, .offset = 8 * PAGE, .size = PAGE },
		{ .fd = g.hostmem_fd, .offset = 2 * PAGE, .size = 2 * PAGE },
	};
	CHECK_EQ(pwrite(g.hostmem_fd, "1", 1, 8 * PAGE), 1);
	CHECK_EQ(pwrite(g.hostmem_fd, "2", 1, 2 * PAGE), 1);
	CHECK_OK(vtr_venus_resource_pieces(g.venus, RES, pieces, 2));
	CHECK_EQ(import(&g, MEMORY, 3 * PAGE, HOST, RES), VK_SUCCESS);
	CHECK_EQ(driver_bytes()[0], '1');
	CHECK_EQ(driver_bytes()[PAGE], '2');
	/* It goes with the context. */
	guest_close(&g);
}

/* --- exports ---------------------------------------------------------------------------------------- */

static void the_drivers_memory_is_exported(void)
{
	static const struct {
		struct guest_setup setup;
		VkExternalMemoryHandleTypeFlags type;
	} rows[] = {
		{ { .replace = note_with_dma_bufs }, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT },
		{ { .replace = note, .no_host_import = true }, VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT },
	};
	/* Ours replaces what the guest says, which knows dma-bufs only. */
	const VkExportMemoryAllocateInfo theirs = { .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
		                                    .handleTypes =
		                                            VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT };

	for (size_t i = 0; i < VTR_ARRAY_LEN(rows); i++) {
		uint8_t *map, *again;
		struct guest g;

		guest_open(&g, &rows[i].setup);
		CHECK_EQ(allocate_chained(&g, MEMORY, 1000, HOST, &theirs), VK_SUCCESS);
		CHECK_EQ(seen.export, rows[i].type);
		CHECK_EQ(seen.export_structs, 1);
		CHECK_EQ(seen.info.allocationSize, 1000);
		CHECK(seen.pointer == NULL);
		map = map_blob(&g, RES, MEMORY, VTR_BLOB_MAPPABLE, 1000, VTR_BLOB_CACHED);
		again = map_blob(&g, RES + 1, 0, VTR_BLOB_MAPPABLE, 1000, VTR_BLOB_CACHED);
		map[0] = 5;
		CHECK_EQ(again[0], 0);
		vtr_os_shm_unmap(map, 1000);
		vtr_os_shm_unmap(again, 1000);
		CHECK_EQ(allocate(&g, MEMORY + 1, PAGE, LOCAL), VK_SUCCESS);
		CHECK_EQ(seen.export_structs, 0);
		guest_close(&g);
	}
}

static void an_export_fails(void)
{
	const struct guest_setup setup = { .driver = "fail=vkGetMemoryFdKHR:VK_ERROR_TOO_MANY_OBJECTS:"
		                                     "from=vkCreateEvent",
		                           .no_host_import = true };
	struct vtr_blob blob;
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(CALL(&g, vkCreateEvent, .device = ID(VkDevice, DEVICE),
	              .pCreateInfo = &(VkEventCreateInfo){ 0 }, .pEvent = FREE + 1),
	         VK_SUCCESS);
	CHECK_EQ(allocate(&g, MEMORY, PAGE, HOST), VK_SUCCESS);
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES, MEMORY, VTR_BLOB_MAPPABLE, PAGE, &blob), VTR_ERR_OS);
	guest_close(&g);
}

static void uncached(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *out)
{
	ORIGINAL(vkGetPhysicalDeviceMemoryProperties)(physical, out);
	out->memoryTypes[HOST].propertyFlags &= ~(VkFlags)VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
}

static void replace_uncached(void)
{
	REPLACE(vkGetPhysicalDeviceMemoryProperties, uncached);
}

static void uncached_memory_is_mapped_so(void)
{
	const struct guest_setup setup = { .replace = replace_uncached };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(allocate(&g, MEMORY, PAGE, HOST), VK_SUCCESS);
	vtr_os_shm_unmap(map_blob(&g, RES, MEMORY, VTR_BLOB_MAPPABLE, PAGE, VTR_BLOB_WC), PAGE);
	guest_close(&g);
}

/* --- the limit of device memory ----------------------------------------------------------------------- */

static void device_memory_is_limited(void)
{
	const struct guest_setup setup = { .replace = note, .no_export = true, .max_device_memory = 1 << 20 };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(allocate(&g, MEMORY, UINT64_MAX, LOCAL), VK_ERROR_OUT_OF_DEVICE_MEMORY);
	CHECK_EQ(allocate(&g, MEMORY, (1 << 20) + 1, LOCAL), VK_ERROR_OUT_OF_DEVICE_MEMORY);
	CHECK(guest_log_has(&g, "is over the limit of device memory"));
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(allocate(&g, MEMORY, 1 << 20, LOCAL), VK_SUCCESS);
		CHECK_EQ(allocate(&g, MEMORY + 1, 1, LOCAL), VK_ERROR_OUT_OF_DEVICE_MEMORY);
		free_memory(&g, MEMORY);
	}
	/* Memory of the host has a limit of its own. */
	CHECK_EQ(allocate(&g, MEMORY, 2 << 20, HOST), VK_SUCCESS);
	/* Small allocations cost a page of the GPU. */
	for (int i = 0; i < 16; i++) {
		CHECK_EQ(allocate(&g, MEMORY + 1 + (uint64_t)i, 1, LOCAL), VK_SUCCESS);
	}
	CHECK_EQ(allocate(&g, MEMORY + 17, 1, LOCAL), VK_ERROR_OUT_OF_DEVICE_MEMORY);
	guest_close(&g);
}

/* What the driver has for its own types of the host is nowhere else counted. */
static void memory_of_the_driver_is_limited(void)
{
	const struct guest_setup setup = { .replace = note,
		                           .no_host_import = true,
		                           .max_device_memory = 1 << 20 };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(allocate(&g, MEMORY, 1 << 20, HOST), VK_SUCCESS);
	CHECK_EQ(seen.export, VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT);
	CHECK_EQ(allocate(&g, MEMORY + 1, PAGE, HOST), VK_ERROR_OUT_OF_DEVICE_MEMORY);
	guest_close(&g);
}

static void a_failure_costs_nothing(void)
{
	const struct guest_setup setup = { .driver = "fail=vkAllocateMemory:VK_ERROR_OUT_OF_DEVICE_MEMORY:"
		                                     "from=vkCreateEvent:times=3",
		                           .max_device_memory = 1 << 20 };
	const VkEventCreateInfo event = { .sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(CALL(&g, vkCreateEvent, .device = ID(VkDevice, DEVICE), .pCreateInfo = &event,
	              .pEvent = MEMORY + 2),
	         VK_SUCCESS);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(allocate(&g, MEMORY, 1 << 20, LOCAL), VK_ERROR_OUT_OF_DEVICE_MEMORY);
	}
	CHECK_EQ(allocate(&g, MEMORY, 1 << 20, LOCAL), VK_SUCCESS);
	guest_close(&g);
}

/* Returns: what the guest is told about a heap. */
static uint64_t budget_of(struct guest *g, uint32_t heap)
{
	VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT
	};
	VkPhysicalDeviceMemoryProperties2 wide = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2, .pNext = &budget
	};

	(void)CALL(g, vkGetPhysicalDeviceMemoryProperties2, .physicalDevice = ID(VkPhysicalDevice, PHYSICAL),
	           .pMemoryProperties = &wide);
	return guest_wide(g, 44 + heap * sizeof(uint64_t));
}

static void much(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties2 *out)
{
	VkPhysicalDeviceMemoryBudgetPropertiesEXT *budget = out->pNext;

	ORIGINAL(vkGetPhysicalDeviceMemoryProperties2)(physical, out);
	budget->heapBudget[0] = budget->heapBudget[1] = 1 << 30;
	budget->heapUsage[0] = 3 << 20; /* what the driver needs for itself */
	budget->heapUsage[1] = 0;
}

static void replace_much(void)
{
	REPLACE(vkGetPhysicalDeviceMemoryProperties2, much);
}

/* Two contexts of one identity, of which this one has the first part. */
static void contexts_share_device_memory(void)
{
	vtr_autofree struct vtr_shared_budget *shared =
		calloc(1, sizeof(*shared) + 2 * sizeof(shared->parts[0]));
	const struct guest_setup setup = { .replace = replace_much,
		                           .max_device_memory = 16 << 20,
		                           .device_memory = shared };
	struct guest g;

	CHECK(shared != NULL);
	shared->limit = UINT64_MAX;
	guest_open(&g, &setup);
	CHECK_EQ(budget_of(&g, 0), 19 << 20);
	CHECK_EQ(allocate(&g, MEMORY, 4 << 20, LOCAL), VK_SUCCESS);
	CHECK_EQ(shared->parts[0].used, 4 << 20);
	CHECK_EQ(budget_of(&g, 0), 15 << 20); /* the driver here reports no more usage */
	shared->used += 10 << 20; /* the other one's */
	CHECK_EQ(budget_of(&g, 0), 5 << 20);
	CHECK_EQ(allocate(&g, MEMORY + 1, 3 << 20, LOCAL), VK_ERROR_OUT_OF_DEVICE_MEMORY);
	CHECK_EQ(allocate(&g, MEMORY + 1, 2 << 20, LOCAL), VK_SUCCESS);
	CHECK_EQ(shared->used, 16 << 20);
	guest_close(&g);
	CHECK_EQ(shared->parts[0].used, 0);
	CHECK_EQ(shared->used, 10 << 20);
}

static void a_part_of_the_device(void)
{
	const struct guest_setup setup = { .replace = replace_much, .max_device_percent = 1 };
	const struct guest_setup none = { .replace = replace_much };
	struct guest g;

	guest_open(&g, &setup); /* the device has 16 GiB */
	CHECK_EQ(budget_of(&g, 0), (3 << 20) + (UINT64_C(16) << 30) / 100);
	CHECK_EQ(budget_of(&g, 1), (64 << 20) - REPLY_SIZE); /* what it may map */
	CHECK_EQ(allocate(&g, MEMORY, 200 << 20, LOCAL), VK_ERROR_OUT_OF_DEVICE_MEMORY);
	guest_close(&g);
	guest_open(&g, &none);
	CHECK_EQ(budget_of(&g, 0), 1 << 30);
	guest_close(&g);
}

int main(void)
{
	RUN(device_memory_is_limited);
	RUN(memory_of_the_driver_is_limited);
	RUN(a_failure_costs_nothing);
	RUN(contexts_share_device_memory);
	RUN(a_part_of_the_device);
	RUN(our_memory_is_imported);
	RUN(sizes_and_types);
	RUN(the_driver_has_no_memory);
	RUN(blobs_that_are_refused);
	RUN(freed_pages);
	RUN(no_fds);
	RUN(a_resource_is_imported);
	RUN(imports_that_are_refused);
	RUN(nothing_can_be_imported);
	RUN(hostmem_is_lent);
	RUN(hostmem_that_is_refused);
	RUN(scattered_pages_are_imported);
	RUN(the_drivers_memory_is_exported);
	RUN(an_export_fails);
	RUN(uncached_memory_is_mapped_so);
	return 0;
}
