/* SPDX-License-Identifier: MIT */
/* Sparse binding on a driver for which it works with some ways to share memory only. */
#include <sys/mman.h>

#include "base/mem.h"
#include "venus/probe.h"
#include "venus_guest.h"

enum { LOCAL = 0, HOST = 1, PAGE = 4096 };
enum { BUFFER = FREE, MEMORY, MEMORY2, IMAGE };

#define HOST_POINTER VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT
#define OPAQUE_FD VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

/* --- a driver with sparse buffers ------------------------------------------------------------------- */

/* Each has a range of addresses into which memory is mapped when it is bound. */
enum { MAX_SPARSE = 8 };

struct sparse_buffer {
	VkDevice device;
	VkBuffer buffer;
	uint8_t *bytes;
	size_t size;
	VkDeviceMemory memory;
};

static struct {
	struct sparse_buffer buffers[MAX_SPARSE];
	VkExternalMemoryHandleTypeFlags agrees; /* types of memory that may be bound, as it says */
	VkExternalMemoryHandleTypeFlags works;  /* and those with which it works */
	VkDeviceSize alignment;
	uint32_t types; /* of memory for sparse buffers */
	bool swaps;     /* it exchanges the halves of each buffer */
	bool no_fds;    /* it does not import fds */
} sparse;

static struct sparse_buffer *find(VkBuffer buffer)
{
	for (size_t i = 0; i < MAX_SPARSE; i++) {
		if (sparse.buffers[i].buffer == buffer) {
			return &sparse.buffers[i];
		}
	}
	return NULL;
}

static VkResult create_buffer(VkDevice device, const VkBufferCreateInfo *info,
                              const VkAllocationCallbacks *allocator, VkBuffer *out)
{
	struct sparse_buffer *s = find(NULL);
	VkImportMemoryHostPointerInfoEXT import = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT, .handleType = HOST_POINTER
	};
	const VkMemoryAllocateInfo memory = { .pNext = &import, .allocationSize = info->size };
	const VkResult ret = ORIGINAL(vkCreateBuffer)(device, info, allocator, out);

	if (ret != VK_SUCCESS || (info->flags & VK_BUFFER_CREATE_SPARSE_BINDING_BIT) == 0) {
		return ret;
	}
	CHECK(s != NULL);
	*s = (struct sparse_buffer){ .device = device, .buffer = *out, .size = info->size };
	s->bytes = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(s->bytes != MAP_FAILED);
	import.pHostPointer = s->bytes;
	CHECK_EQ(ORIGINAL(vkAllocateMemory)(device, &memory, NULL, &s->memory), VK_SUCCESS);
	CHECK_EQ(ORIGINAL(vkBindBufferMemory)(device, *out, s->memory, 0), VK_SUCCESS);
	return VK_SUCCESS;
}

static void destroy_buffer(VkDevice device, VkBuffer buffer, const VkAllocationCallbacks *allocator)
{
	struct sparse_buffer *s = buffer != NULL ? find(buffer) : NULL;

	ORIGINAL(vkDestroyBuffer)(device, buffer, allocator);
	if (s != NULL) {
		ORIGINAL(vkFreeMemory)(device, s->memory, NULL);
		munmap(s->bytes, s->size);
		s->buffer = NULL;
	}
}

static void buffer_needs(VkDevice device, VkBuffer buffer, VkMemoryRequirements *out)
{
	ORIGINAL(vkGetBufferMemoryRequirements)(device, buffer, out);
	if (find(buffer) != NULL) {
		out->alignment = sparse.alignment;
		out->memoryTypeBits = sparse.types;
	}
}

/* What the memory was made from, by its handle. */
static struct {
	VkDeviceMemory memory;
	VkExternalMemoryHandleTypeFlags from;
} made[64];
static uint32_t made_count;

static VkResult allocate(VkDevice device, const VkMemoryAllocateInfo *info,
                         const VkAllocationCallbacks *allocator, VkDeviceMemory *out)
{
	const VkExportMemoryAllocateInfo *first = info->pNext;
	const VkImportMemoryFdInfoKHR *fd = info->pNext;
	VkMemoryAllocateInfo changed = *info;
	VkExportMemoryAllocateInfo export;
	VkResult ret;

	made[made_count % 64].from = 0;
	if (first != NULL && first->sType == VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO) {
		made[made_count % 64].from = first->handleTypes;
		export = *first;
		export.handleTypes = OPAQUE_FD; /* the driver exports no other type */
		changed.pNext = &export;
	} else if (first != NULL && first->sType == VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT) {
		made[made_count % 64].from = HOST_POINTER;
	} else if (fd != NULL && fd->sType == VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR) {
		made[made_count % 64].from = fd->handleType;
	}
	if (sparse.no_fds && first != NULL && first->sType == VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR) {
		close(fd->fd); /* like other drivers, it owns the fd in any case */
		return VK_ERROR_INVALID_EXTERNAL_HANDLE;
	}
	ret = ORIGINAL(vkAllocateMemory)(device, &changed, allocator, out);
	if (ret == VK_SUCCESS) {
		made[made_count++ % 64].memory = *out;
	}
	return ret;
}

/* The newest memory with this handle. */
static bool bind_works(VkDeviceMemory memory)
{
	for (uint32_t i = made_count; i > 0 && made_count - i < 64; i--) {
		if (made[(i - 1) % 64].memory == memory) {
			return (made[(i - 1) % 64].from & ~sparse.works) == 0;
		}
	}
	return false;
}

static uint32_t binds; /* calls */

static void bind(const struct sparse_buffer *s, const VkSparseMemoryBind *b)
{
	const VkDeviceSize at = sparse.swaps ? s->size - b->resourceOffset - b->size : b->resourceOffset;
	void *map;

	CHECK_EQ(ORIGINAL(vkMapMemory)(s->device, b->memory, 0, VK_WHOLE_SIZE, 0, &map), VK_SUCCESS);
	CHECK(mremap((uint8_t *)map + b->memoryOffset, 0, b->size, MREMAP_MAYMOVE | MREMAP_FIXED,
	             s->bytes + at) == s->bytes + at);
}

static VkResult bind_sparse(VkQueue queue, uint32_t count, const VkBindSparseInfo *infos, VkFence fence)
{
	binds++;
	for (uint32_t i = 0; i < count && infos[i].bufferBindCount != 0; i++) {
		const VkSparseBufferMemoryBindInfo *b = infos[i].pBufferBinds;

		for (uint32_t n = 0; n < b->bindCount; n++) {
			if (b->pBinds[n].memory != NULL && bind_works(b->pBinds[n].memory)) {
				bind(find(b->buffer), &b->pBinds[n]);
			}
		}
	}
	return ORIGINAL(vkQueueBindSparse)(queue, 0, NULL, fence);
}

static void buffer_properties(VkPhysicalDevice physical, const VkPhysicalDeviceExternalBufferInfo *info,
                              VkExternalBufferProperties *out)
{
	ORIGINAL(vkGetPhysicalDeviceExternalBufferProperties)(physical, info, out);
	if ((info->flags & VK_BUFFER_CREATE_SPARSE_BINDING_BIT) != 0) {
		out->externalMemoryProperties.externalMemoryFeatures =
			(info->handleType & sparse.agrees) == 0 ?
				0 :
				VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT |
					VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT;
	}
}

static void features(VkPhysicalDevice physical, VkPhysicalDeviceFeatures *out)
{
	ORIGINAL(vkGetPhysicalDeviceFeatures)(physical, out);
	out->sparseBinding = VK_TRUE;
}

static void features2(VkPhysicalDevice physical, VkPhysicalDeviceFeatures2 *out)
{
	ORIGINAL(vkGetPhysicalDeviceFeatures2)(physical, out);
	out->features.sparseBinding = VK_TRUE;
	for (VkPhysicalDeviceFeatures2 *s = out->pNext; s != NULL; s = s->pNext) {
		void *any = s;

		if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_IMAGE_ATOMIC_INT64_FEATURES_EXT) {
			((VkPhysicalDeviceShaderImageAtomicInt64FeaturesEXT *)any)->sparseImageInt64Atomics =
				VK_TRUE;
		} else if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_ATOMIC_FLOAT_FEATURES_EXT) {
			((VkPhysicalDeviceShaderAtomicFloatFeaturesEXT *)any)->sparseImageFloat32Atomics =
				VK_TRUE;
		} else if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_ATOMIC_FLOAT_2_FEATURES_EXT) {
			((VkPhysicalDeviceShaderAtomicFloat2FeaturesEXT *)any)
				->sparseImageFloat32AtomicMinMax = VK_TRUE;
		}
	}
}

static VkQueueFlags family_flags = VK_QUEUE_SPARSE_BINDING_BIT;

static void families(VkPhysicalDevice physical, uint32_t *count, VkQueueFamilyProperties *out)
{
	ORIGINAL(vkGetPhysicalDeviceQueueFamilyProperties)(physical, count, out);
	for (uint32_t i = 0; out != NULL && i < *count; i++) {
		out[i].queueFlags |= family_flags;
	}
}

static void families2(VkPhysicalDevice physical, uint32_t *count, VkQueueFamilyProperties2 *out)
{
	ORIGINAL(vkGetPhysicalDeviceQueueFamilyProperties2)(physical, count, out);
	for (uint32_t i = 0; out != NULL && i < *count; i++) {
		out[i].queueFamilyProperties.queueFlags |= family_flags;
	}
}

static void sparse_formats(VkPhysicalDevice physical, VkFormat format, VkImageType type,
                           VkSampleCountFlagBits samples, VkImageUsageFlags usage, VkImageTiling tiling,
                           uint32_t *count, VkSparseImageFormatProperties *out)
{
	(void)physical;
	(void)format;
	(void)type;
	(void)samples;
	(void)usage;
	(void)tiling;
	(void)out;
	*count = 2;
}

static void sparse_formats2(VkPhysicalDevice physical, const VkPhysicalDeviceSparseImageFormatInfo2 *info,
                            uint32_t *count, VkSparseImageFormatProperties2 *out)
{
	(void)physical;
	(void)info;
	(void)out;
	*count = 2;
}

static void drive(void)
{
	memset(sparse.buffers, 0, sizeof(sparse.buffers));
	made_count = binds = 0;
	REPLACE(vkCreateBuffer, create_buffer);
	REPLACE(vkDestroyBuffer, destroy_buffer);
	REPLACE(vkGetBufferMemoryRequirements, buffer_needs);
	REPLACE(vkAllocateMemory, allocate);
	REPLACE(vkQueueBindSparse, bind_sparse);
	REPLACE(vkGetPhysicalDeviceExternalBufferProperties, buffer_properties);
	REPLACE(vkGetPhysicalDeviceSparseImageFormatProperties, sparse_formats);
	REPLACE(vkGetPhysicalDeviceSparseImageFormatProperties2, sparse_formats2);
	REPLACE(vkGetPhysicalDeviceFeatures, features);
	REPLACE(vkGetPhysicalDeviceFeatures2, features2);
	REPLACE(vkGetPhysicalDeviceQueueFamilyProperties, families);
	REPLACE(vkGetPhysicalDeviceQueueFamilyProperties2, families2);
}

static void configure(VkExternalMemoryHandleTypeFlags agrees, VkExternalMemoryHandleTypeFlags works)
{
	sparse.agrees = agrees;
	sparse.works = works;
	sparse.alignment = 65536;
	sparse.types = 1u << LOCAL | 1u << HOST;
	sparse.swaps = sparse.no_fds = false;
}

static void a_cpu(VkPhysicalDevice physical, VkPhysicalDeviceProperties *out)
{
	ORIGINAL(vkGetPhysicalDeviceProperties)(physical, out);
	out->deviceType = VK_PHYSICAL_DEVICE_TYPE_CPU;
}

/* A driver for the processor that takes our memory for dma-bufs, as lavapipe does. */
static void drive_with_dma_bufs(void)
{
	drive();
	fake_loader_offer("VK_EXT_external_memory_dma_buf");
	REPLACE(vkGetPhysicalDeviceProperties, a_cpu);
}

/* --- the probe -------------------------------------------------------------------------------------- */

struct row {
	const char *driver;
	VkExternalMemoryHandleTypeFlags agrees, works;
	VkDeviceSize alignment; /* 0: 64 KiB */
	bool no_export, vm, swaps, dma_bufs, no_fds;
	uint32_t types; /* 0: all */
	const char *share; /* of host-visible memory; NULL: sparse binding does not work with it */
	const char *reason;
};

static const char one_type_only[] = "with some types of memory only";

static const struct row rows[] = {
	{ .agrees = HOST_POINTER,
	  .works = HOST_POINTER,
	  .share = "host-import",
	  .reason = "with all types of memory" },
	{ .agrees = HOST_POINTER,
	  .works = HOST_POINTER,
	  .alignment = 2 << 20,
	  .share = "host-import",
	  .reason = "with all types of memory" },
	{ .agrees = OPAQUE_FD,
	  .works = OPAQUE_FD,
	  .share = "opaque-fd",
	  .reason = "the memory of devices that enable it is shared in another way" },
	/* Contents would be wrong. */
	{ .agrees = HOST_POINTER | OPAQUE_FD,
	  .works = OPAQUE_FD,
	  .share = "opaque-fd",
	  .reason = "the memory of devices that enable it is shared in another way" },
	{ .agrees = DMA_BUF,
	  .works = DMA_BUF,
	  .dma_bufs = true,
	  .share = "fd-import",
	  .reason = "in another way" },
	{ .agrees = DMA_BUF,
	  .works = DMA_BUF,
	  .dma_bufs = true,
	  .no_fds = true,
	  .share = "dma-buf",
	  .reason = "in another way" },
	{ .agrees = HOST_POINTER, .works = 0, .reason = one_type_only },
	{ .agrees = HOST_POINTER, .works = HOST_POINTER, .swaps = true, .reason = one_type_only },
	{ .agrees = 0, .works = HOST_POINTER, .reason = one_type_only },
	{ .agrees = OPAQUE_FD, .works = OPAQUE_FD, .no_export = true, .reason = one_type_only },
	{ .agrees = OPAQUE_FD, .works = OPAQUE_FD, .vm = true, .reason = one_type_only },
	{ .agrees = HOST_POINTER, .works = HOST_POINTER, .alignment = 32 << 20, .reason = one_type_only },
	{ .agrees = HOST_POINTER, .works = HOST_POINTER, .types = 1u << LOCAL, .reason = one_type_only },
	/* Each of the driver's errors. */
	{ .driver = "fail=vkCreateBuffer:VK_ERROR_UNKNOWN" },
	{ .driver = "fail=vkCreateBuffer:VK_ERROR_UNKNOWN:after=1" },
	{ .driver = "fail=vkBindBufferMemory:VK_ERROR_UNKNOWN:after=1" },
	{ .driver = "fail=vkCreateCommandPool:VK_ERROR_UNKNOWN" },
	{ .driver = "fail=vkCreateFence:VK_ERROR_UNKNOWN" },
	{ .driver = "fail=vkQueueBindSparse:VK_ERROR_UNKNOWN" },
	{ .driver = "fail=vkQueueBindSparse:VK_ERROR_UNKNOWN:after=1" },
	{ .driver = "fail=vkWaitForFences:VK_ERROR_UNKNOWN" },
	{ .driver = "fail=vkResetFences:VK_ERROR_UNKNOWN" },
	{ .driver = "fail=vkAllocateCommandBuffers:VK_ERROR_UNKNOWN" },
	{ .driver = "fail=vkBeginCommandBuffer:VK_ERROR_UNKNOWN" },
	{ .driver = "fail=vkEndCommandBuffer:VK_ERROR_UNKNOWN" },
	{ .driver = "fail=vkQueueSubmit:VK_ERROR_UNKNOWN" },
	{ .driver = "fail=vkQueueSubmit:VK_ERROR_UNKNOWN:after=2" },
};

static void probe_row(const struct row *row)
{
	static struct vtr_renderer_config config;
	const bool fails = row->driver != NULL && row->agrees == 0;
	const struct vtr_venus_hostmem hostmem = { .fd = -1, .size = 1 << 20 };
	const struct vtr_venus_params params = { .config = &config, .hostmem = row->vm ? &hostmem : NULL };
	struct vtr_probe_report report;
	const struct vtr_probe_device *d;

	vtr_renderer_config_init(&config);
	config.no_export = row->no_export;
	fake_loader_open(TEST_DRIVER, row->driver != NULL ? row->driver : "null");
	configure(fails ? HOST_POINTER : row->agrees, fails ? HOST_POINTER : row->works);
	sparse.alignment = row->alignment != 0 ? row->alignment : sparse.alignment;
	sparse.types = row->types != 0 ? row->types : sparse.types;
	sparse.swaps = row->swaps;
	sparse.no_fds = row->no_fds;
	if (row->dma_bufs) {
		drive_with_dma_bufs();
	} else {
		drive();
	}
	CHECK_OK(vtr_probe_host(NULL, &params, VTR_PROBE_EXAMINE, &report));
	d = &report.devices[0];
	CHECK(d->refused == NULL);
	CHECK(d->sparse); /* memory that is not shared needs nothing */
	CHECK(strstr(d->sparse_reason, row->reason != NULL ? row->reason : one_type_only) != NULL);
	CHECK_STR(d->types[LOCAL].sparse_share, "none");
	CHECK_EQ(d->types[HOST].sparse_share == NULL, row->share == NULL);
	if (row->share != NULL) {
		CHECK_STR(d->types[HOST].sparse_share, row->share);
	}
	fake_loader_close();
	vtr_probe_finish(&report);
}

static void ways_to_bind(void)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(rows); i++) {
		printf("  row %zu\n", i);
		fflush(stdout);
		probe_row(&rows[i]);
	}
}

/* --- guests ----------------------------------------------------------------------------------------- */

#define ON_DEVICE .device = ID(VkDevice, DEVICE)
#define ON_PHYSICAL .physicalDevice = ID(VkPhysicalDevice, PHYSICAL)

/* A device that enables sparse binding, on this driver. */
static void open_sparse(struct guest *g, VkExternalMemoryHandleTypeFlags type)
{
	const struct guest_setup setup = { .replace = type == DMA_BUF ? drive_with_dma_bufs : drive };
	const VkPhysicalDeviceFeatures2 enabled = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
		                                    .features = { .sparseBinding = VK_TRUE } };

	configure(type, type);
	guest_open(g, &setup);
	CHECK_OK(SEND(g, vkDestroyDevice, ON_DEVICE));
	CHECK_EQ(guest_make_device(g, DEVICE, &enabled, NULL, 0), VK_SUCCESS);
	guest_make_queue(g, QUEUE, 0, TIMELINE);
	binds = 0;
}

static VkResult allocate_memory(struct guest *g, uint64_t id, uint32_t res_id)
{
	const VkImportMemoryResourceInfoMESA from = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA, .resourceId = res_id
	};
	const VkMemoryAllocateInfo info = { .pNext = res_id != 0 ? &from : NULL,
		                            .allocationSize = 1 << 17,
		                            .memoryTypeIndex = HOST };

	return CALL(g, vkAllocateMemory, ON_DEVICE, .pAllocateInfo = &info, .pMemory = id);
}

static void make_sparse_buffer(struct guest *g)
{
	const VkBufferCreateInfo info = { .flags = VK_BUFFER_CREATE_SPARSE_BINDING_BIT, .size = 1 << 17 };

	CHECK_EQ(CALL(g, vkCreateBuffer, ON_DEVICE, .pCreateInfo = &info, .pBuffer = BUFFER), VK_SUCCESS);
}

/* Binds all of the buffer; or an image, in one of the two ways. */
enum what { TO_BUFFER, TO_IMAGE, TO_IMAGE_BLOCKS };

struct request {
	VkSparseMemoryBind bind;
	VkSparseImageMemoryBind blocks;
	VkSparseBufferMemoryBindInfo buffer;
	VkSparseImageOpaqueMemoryBindInfo image;
	VkSparseImageMemoryBindInfo image_blocks;
	VkBindSparseInfo info;
};

static const VkBindSparseInfo *request(struct request *r, enum what what, uint64_t memory)
{
	r->bind = (VkSparseMemoryBind){ .size = 1 << 17, .memory = ID(VkDeviceMemory, memory) };
	r->blocks = (VkSparseImageMemoryBind){ .extent = { 1, 1, 1 }, .memory = ID(VkDeviceMemory, memory) };
	r->buffer = (VkSparseBufferMemoryBindInfo){ ID(VkBuffer, BUFFER), 1, &r->bind };
	r->image = (VkSparseImageOpaqueMemoryBindInfo){ ID(VkImage, IMAGE), 1, &r->bind };
	r->image_blocks = (VkSparseImageMemoryBindInfo){ ID(VkImage, IMAGE), 1, &r->blocks };
	r->info = (VkBindSparseInfo){ .sType = VK_STRUCTURE_TYPE_BIND_SPARSE_INFO,
		                      .bufferBindCount = what == TO_BUFFER,
		                      .pBufferBinds = &r->buffer,
		                      .imageOpaqueBindCount = what == TO_IMAGE,
		                      .pImageOpaqueBinds = &r->image,
		                      .imageBindCount = what == TO_IMAGE_BLOCKS,
		                      .pImageBinds = &r->image_blocks };
	return &r->info;
}

static void make_image(struct guest *g)
{
	const VkImageCreateInfo info = { .flags = VK_IMAGE_CREATE_SPARSE_BINDING_BIT,
		                         .imageType = VK_IMAGE_TYPE_2D,
		                         .format = VK_FORMAT_R8G8B8A8_UNORM,
		                         .extent = { 64, 64, 1 },
		                         .mipLevels = 1,
		                         .arrayLayers = 1,
		                         .samples = 1,
		                         .usage = VK_IMAGE_USAGE_SAMPLED_BIT };

	CHECK_EQ(CALL(g, vkCreateImage, ON_DEVICE, .pCreateInfo = &info, .pImage = IMAGE), VK_SUCCESS);
}

static void memory_that_can_be_bound(void)
{
	struct request r;
	struct guest g;

	open_sparse(&g, HOST_POINTER);
	make_sparse_buffer(&g);
	make_image(&g);
	CHECK_EQ(allocate_memory(&g, MEMORY, 0), VK_SUCCESS);
	for (enum what what = TO_BUFFER; what <= TO_IMAGE_BLOCKS; what++) {
		CHECK_EQ(CALL(&g, vkQueueBindSparse, .queue = ID(VkQueue, QUEUE), .bindInfoCount = 1,
		              .pBindInfo = request(&r, what, MEMORY)),
		         VK_SUCCESS);
		CHECK_EQ(CALL(&g, vkQueueBindSparse, .queue = ID(VkQueue, QUEUE), .bindInfoCount = 1,
		              .pBindInfo = request(&r, what, 0)), /* unbinds */
		         VK_SUCCESS);
	}
	CHECK_EQ(binds, 6);
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 1));
	CHECK_EQ(guest_fences(&g), 1);
	guest_close(&g);
}

/* Our memory, imported by its fd: the guest maps it as ever. */
static void memory_that_is_imported_by_fd(void)
{
	struct vtr_blob blob;
	struct request r;
	struct guest g;

	open_sparse(&g, DMA_BUF);
	make_sparse_buffer(&g);
	CHECK_EQ(allocate_memory(&g, MEMORY, 0), VK_SUCCESS);
	CHECK_EQ(made[(made_count - 1) % 64].from, DMA_BUF);
	CHECK_OK(vtr_venus_blob_create(g.venus, 2, MEMORY, VTR_BLOB_MAPPABLE, 1 << 17, &blob));
	CHECK_EQ(CALL(&g, vkQueueBindSparse, .queue = ID(VkQueue, QUEUE), .bindInfoCount = 1,
	              .pBindInfo = request(&r, TO_BUFFER, MEMORY)),
	         VK_SUCCESS);
	CHECK_EQ(binds, 1);
	CHECK_EQ(pwrite(blob.fd, "seen", 4, 0), 4);
	CHECK(memcmp(sparse.buffers[0].bytes, "seen", 4) == 0);
	guest_close(&g);
}

/* The device exports its memory, but a resource is always imported by address, which does not work with it. */
static void memory_that_cannot_be_bound(void)
{
	static const char why[] = "memory is bound to a sparse resource, but sparse binding does not work";
	struct request r;
	struct guest g;

	for (enum what what = TO_BUFFER; what <= TO_IMAGE_BLOCKS; what++) {
		open_sparse(&g, OPAQUE_FD);
		make_sparse_buffer(&g);
		make_image(&g);
		(void)guest_make_shm(&g, 2, 1 << 17);
		CHECK_EQ(allocate_memory(&g, MEMORY, 2), VK_SUCCESS);
		CHECK_EQ(allocate_memory(&g, MEMORY2, 0), VK_SUCCESS);
		CHECK_EQ(CALL(&g, vkQueueBindSparse, .queue = ID(VkQueue, QUEUE), .bindInfoCount = 1,
		              .pBindInfo = request(&r, what, MEMORY2)),
		         VK_SUCCESS);
		CHECK_EQ(binds, 1);
		CHECK_ERR(SEND(&g, vkQueueBindSparse, .queue = ID(VkQueue, QUEUE), .bindInfoCount = 1,
		               .pBindInfo = request(&r, what, MEMORY)),
		          VTR_ERR_PROTOCOL);
		CHECK(guest_log_has(&g, why));
		CHECK_EQ(binds, 1);
		guest_close(&g);
	}
	/* A device without the feature binds nothing. */
	configure(HOST_POINTER, HOST_POINTER);
	guest_open(&g, &(struct guest_setup){ .replace = drive });
	binds = 0;
	make_sparse_buffer(&g);
	CHECK_EQ(CALL(&g, vkQueueBindSparse, .queue = ID(VkQueue, QUEUE)), VK_SUCCESS);
	CHECK_EQ(binds, 1);
	CHECK_REFUSED(&g, why, vkQueueBindSparse, .queue = ID(VkQueue, QUEUE), .bindInfoCount = 1,
	              .pBindInfo = request(&r, TO_BUFFER, 0));
	guest_close(&g);
}

/* Freed memory is no longer unsuitable, though new memory may have its handle. */
static void freed_memory_is_forgotten(void)
{
	struct request r;
	struct guest g;

	open_sparse(&g, OPAQUE_FD);
	make_sparse_buffer(&g);
	(void)guest_make_shm(&g, 2, 1 << 17);
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(allocate_memory(&g, MEMORY, 2), VK_SUCCESS);
		CHECK_OK(SEND(&g, vkFreeMemory, ON_DEVICE, .memory = ID(VkDeviceMemory, MEMORY)));
		CHECK_EQ(allocate_memory(&g, MEMORY, 0), VK_SUCCESS);
		CHECK_EQ(CALL(&g, vkQueueBindSparse, .queue = ID(VkQueue, QUEUE), .bindInfoCount = 1,
		              .pBindInfo = request(&r, TO_BUFFER, MEMORY)),
		         VK_SUCCESS);
		CHECK_OK(SEND(&g, vkFreeMemory, ON_DEVICE, .memory = ID(VkDeviceMemory, MEMORY)));
	}
	guest_close(&g);
}

/* --- what the guest sees ---------------------------------------------------------------------------- */

static void queries_show_it(void)
{
	VkPhysicalDeviceSparseImageFormatInfo2 info = {
		.format = VK_FORMAT_R8G8B8A8_UNORM, .type = VK_IMAGE_TYPE_2D, .samples = 1, .usage = 1
	};
	VkQueueFamilyProperties plain[3];
	uint32_t n = 3;
	struct guest g;

	open_sparse(&g, HOST_POINTER);
	CHECK_OK(SEND(&g, vkDestroyDevice, ON_DEVICE));
	(void)CALL(&g, vkGetPhysicalDeviceFeatures, ON_PHYSICAL,
	           .pFeatures = &(VkPhysicalDeviceFeatures){ 0 });
	CHECK_EQ(guest_word(&g, 12 + offsetof(VkPhysicalDeviceFeatures, sparseBinding)), VK_TRUE);
	(void)CALL(&g, vkGetPhysicalDeviceQueueFamilyProperties, ON_PHYSICAL, .pQueueFamilyPropertyCount = &n,
	           .pQueueFamilyProperties = plain);
	CHECK(guest_word(&g, 24) & VK_QUEUE_SPARSE_BINDING_BIT);
	(void)CALL(&g, vkGetPhysicalDeviceSparseImageFormatProperties, ON_PHYSICAL,
	           .format = VK_FORMAT_R8G8B8A8_UNORM, .type = VK_IMAGE_TYPE_2D, .samples = 1, .usage = 1,
	           .pPropertyCount = &n);
	CHECK_EQ(guest_word(&g, 12), 2);
	(void)CALL(&g, vkGetPhysicalDeviceSparseImageFormatProperties2, ON_PHYSICAL, .pFormatInfo = &info,
	           .pPropertyCount = &n);
	CHECK_EQ(guest_word(&g, 12), 2);
	/* LINEAR images, which stand for those with a modifier, are not sparse. */
	info.tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT;
	(void)CALL(&g, vkGetPhysicalDeviceSparseImageFormatProperties2, ON_PHYSICAL, .pFormatInfo = &info,
	           .pPropertyCount = &n);
	CHECK_EQ(guest_word(&g, 12), 0);
	guest_close(&g);
}

/* All memory types of a device whose only coherent one cannot be bound. */
static void a_type_that_is_not_shared(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *out)
{
	ORIGINAL(vkGetPhysicalDeviceMemoryProperties)(physical, out);
	out->memoryTypeCount = 1;
	out->memoryTypes[0] = out->memoryTypes[HOST];
}

static void drive_one_type(void)
{
	drive();
	REPLACE(vkGetPhysicalDeviceMemoryProperties, a_type_that_is_not_shared);
}

static VkResult host_pointer_properties(VkDevice device, VkExternalMemoryHandleTypeFlagBits type,
                                        const void *pointer, VkMemoryHostPointerPropertiesEXT *out)
{
	(void)device;
	(void)type;
	(void)pointer;
	out->memoryTypeBits = 1;
	return VK_SUCCESS;
}

static void drive_without_sparse(void)
{
	drive_one_type();
	REPLACE(vkGetMemoryHostPointerPropertiesEXT, host_pointer_properties);
}

static void queries_hide_it(void)
{
	const struct guest_setup setup = { .replace = drive_without_sparse };
	VkPhysicalDeviceShaderImageAtomicInt64FeaturesEXT int64 = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_IMAGE_ATOMIC_INT64_FEATURES_EXT
	};
	VkPhysicalDeviceShaderAtomicFloatFeaturesEXT real = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_ATOMIC_FLOAT_FEATURES_EXT, .pNext = &int64
	};
	VkPhysicalDeviceShaderAtomicFloat2FeaturesEXT real2 = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_ATOMIC_FLOAT_2_FEATURES_EXT, .pNext = &real
	};
	VkPhysicalDeviceFeatures2 chained = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
		                              .pNext = &real2 };
	VkQueueFamilyProperties plain[3];
	VkQueueFamilyProperties2 wide[3] = { { .sType = VK_STRUCTURE_TYPE_QUEUE_FAMILY_PROPERTIES_2 },
		                             { .sType = VK_STRUCTURE_TYPE_QUEUE_FAMILY_PROPERTIES_2 },
		                             { .sType = VK_STRUCTURE_TYPE_QUEUE_FAMILY_PROPERTIES_2 } };
	VkImageFormatProperties image;
	uint32_t n = 3;
	struct guest g;

	configure(0, 0);
	guest_open(&g, &setup);
	(void)CALL(&g, vkGetPhysicalDeviceFeatures, ON_PHYSICAL,
	           .pFeatures = &(VkPhysicalDeviceFeatures){ 0 });
	CHECK_EQ(guest_word(&g, 12 + offsetof(VkPhysicalDeviceFeatures, robustBufferAccess)), VK_TRUE);
	CHECK_EQ(guest_word(&g, 12 + offsetof(VkPhysicalDeviceFeatures, sparseBinding)), VK_FALSE);
	(void)CALL(&g, vkGetPhysicalDeviceFeatures2, ON_PHYSICAL, .pFeatures = &chained);
	/* Behind each sType and pNext, the members: of the innermost struct first. */
	CHECK_EQ(guest_word(&g, 12 + 4 * 12 + 4), VK_FALSE);
	(void)CALL(&g, vkGetPhysicalDeviceQueueFamilyProperties, ON_PHYSICAL, .pQueueFamilyPropertyCount = &n,
	           .pQueueFamilyProperties = plain);
	CHECK_EQ(guest_word(&g, 24) & VK_QUEUE_SPARSE_BINDING_BIT, 0);
	CHECK(guest_word(&g, 24) & VK_QUEUE_GRAPHICS_BIT);
	(void)CALL(&g, vkGetPhysicalDeviceQueueFamilyProperties2, ON_PHYSICAL,
	           .pQueueFamilyPropertyCount = &n, .pQueueFamilyProperties = wide);
	CHECK_EQ(guest_word(&g, 36) & VK_QUEUE_SPARSE_BINDING_BIT, 0);
	CHECK(guest_word(&g, 36) & VK_QUEUE_GRAPHICS_BIT);
	CHECK_EQ(CALL(&g, vkGetPhysicalDeviceImageFormatProperties, ON_PHYSICAL,
	              .format = VK_FORMAT_R8G8B8A8_UNORM, .type = VK_IMAGE_TYPE_2D,
	              .usage = VK_IMAGE_USAGE_SAMPLED_BIT, .flags = VK_IMAGE_CREATE_SPARSE_BINDING_BIT,
	              .pImageFormatProperties = &image),
	         VK_ERROR_FORMAT_NOT_SUPPORTED);
	CHECK_EQ(CALL(&g, vkGetPhysicalDeviceImageFormatProperties, ON_PHYSICAL,
	              .format = VK_FORMAT_R8G8B8A8_UNORM, .type = VK_IMAGE_TYPE_2D,
	              .usage = VK_IMAGE_USAGE_SAMPLED_BIT, .pImageFormatProperties = &image),
	         VK_SUCCESS);
	guest_close(&g);
}

int main(void)
{
	RUN(ways_to_bind);
	RUN(memory_that_can_be_bound);
	RUN(memory_that_is_imported_by_fd);
	RUN(memory_that_cannot_be_bound);
	RUN(freed_memory_is_forgotten);
	RUN(queries_show_it);
	RUN(queries_hide_it);
	return 0;
}
