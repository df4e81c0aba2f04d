/* SPDX-License-Identifier: MIT */
/* The probe of a device on drivers that share memory in different ways, or not at all; and its trial. */
#include "base/mem.h"
#include "fake_loader.h"
#include "platform/shm.h"
#include "test.h"
#include "venus/probe.h"
#include "venus/venus.h"
#include "vk/renderer_config.h"

enum { LOCAL = 0, HOST = 1 };

struct row {
	const char *driver;
	void (*replace)(void);
	bool no_host_import, no_export, vm;
	const char *share;  /* of host-visible memory; NULL: the device is refused */
	const char *reason; /* part of it */
};

/* Returns: a report, of one device unless there is a problem. */
static struct vtr_probe_report probe(const struct row *row, bool trial)
{
	static struct vtr_renderer_config config;
	const struct vtr_venus_hostmem hostmem = { .fd = -1, .size = 1 << 20 };
	const struct vtr_venus_params params = { .config = &config, .hostmem = row->vm ? &hostmem : NULL };
	struct vtr_probe_report report;

	vtr_renderer_config_init(&config);
	config.no_host_import = row->no_host_import;
	config.no_export = row->no_export;
	fake_loader_open(TEST_DRIVER, row->driver != NULL ? row->driver : "null");
	if (row->replace != NULL) {
		row->replace();
	}
	CHECK_OK(vtr_probe_host(NULL, &params, trial ? VTR_PROBE_TRIAL : VTR_PROBE_EXAMINE, &report));
	fake_loader_close();
	return report;
}

/* --- replacements ----------------------------------------------------------------------------------- */

static VkPhysicalDeviceType device_type;

static void with_type(VkPhysicalDevice physical, VkPhysicalDeviceProperties *out)
{
	ORIGINAL(vkGetPhysicalDeviceProperties)(physical, out);
	out->deviceType = device_type;
}

static void with_type2(VkPhysicalDevice physical, VkPhysicalDeviceProperties2 *out)
{
	ORIGINAL(vkGetPhysicalDeviceProperties2)(physical, out);
	out->properties.deviceType = device_type;
}

static void replace_type(void)
{
	REPLACE(vkGetPhysicalDeviceProperties, with_type);
	REPLACE(vkGetPhysicalDeviceProperties2, with_type2);
}

static void dma_bufs_on_a_cpu(void)
{
	device_type = VK_PHYSICAL_DEVICE_TYPE_CPU;
	fake_loader_offer_dma_bufs();
	replace_type();
}

static VkResult no_pointer_types(VkDevice device, VkExternalMemoryHandleTypeFlagBits type,
                                 const void *pointer, VkMemoryHostPointerPropertiesEXT *out)
{
	(void)device;
	(void)type;
	(void)pointer;
	out->memoryTypeBits = 1u << LOCAL;
	return VK_SUCCESS;
}

static void pointers_of_another_type(void)
{
	REPLACE(vkGetMemoryHostPointerPropertiesEXT, no_pointer_types);
}

static void no_pointers(void)
{
	REPLACE(vkGetMemoryHostPointerPropertiesEXT, NULL);
}

static void no_fds(void)
{
	REPLACE(vkGetMemoryFdKHR, NULL);
}

static uint8_t elsewhere[65536];

static VkResult map_elsewhere(VkDevice device, VkDeviceMemory memory, VkDeviceSize offset, VkDeviceSize size,
                              VkMemoryMapFlags flags, void **out)
{
	(void)device;
	(void)memory;
	(void)offset;
	(void)size;
	(void)flags;
	*out = elsewhere;
	return VK_SUCCESS;
}

/* What the driver writes does not appear in the exported fd. */
static void other_pages(void)
{
	REPLACE(vkMapMemory, map_elsewhere);
}

static void no_host_memory_types(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *out)
{
	ORIGINAL(vkGetPhysicalDeviceMemoryProperties)(physical, out);
	out->memoryTypes[HOST].propertyFlags = 0;
}

static void no_host_memory(void)
{
	REPLACE(vkGetPhysicalDeviceMemoryProperties, no_host_memory_types);
}

static VkResult no_devices(VkInstance instance, uint32_t *count, VkPhysicalDevice *out)
{
	(void)instance;
	(void)out;
	*count = 0;
	return VK_SUCCESS;
}

static uint32_t instances_ended;

static void note_end(VkInstance instance, const VkAllocationCallbacks *allocator)
{
	instances_ended++;
	ORIGINAL(vkDestroyInstance)(instance, allocator);
}

static void without_devices(void)
{
	REPLACE(vkEnumeratePhysicalDevices, no_devices);
	REPLACE(vkDestroyInstance, note_end);
}

/* --- tests ------------------------------------------------------------------------------------------ */

static const struct row rows[] = {
	{ .share = "host-import", .reason = "shared memory imported by VK_EXT_external_memory_host" },
	{ .replace = fake_loader_offer_dma_bufs, .share = "dma-buf", .reason = "exported as a dma-buf" },
	/* Its memory is the processor's, so importing costs nothing. */
	{ .replace = dma_bufs_on_a_cpu, .share = "host-import", .reason = "imported" },
	{ .replace = dma_bufs_on_a_cpu, .no_host_import = true, .share = "dma-buf", .reason = "dma-buf" },
	{ .replace = fake_loader_offer_dma_bufs, .no_host_import = true, .no_export = true },
	{ .no_host_import = true, .share = "opaque-fd", .reason = "exported as an opaque fd" },
	{ .driver = "without=VK_EXT_external_memory_host", .share = "opaque-fd", .reason = "opaque fd" },
	{ .driver = "without=VK_KHR_external_memory_fd", .share = "host-import", .reason = "imported" },
	{ .driver = "without=VK_KHR_external_memory_fd", .no_host_import = true },
	{ .no_host_import = true, .no_export = true },
	{ .driver = "fail=vkAllocateMemory:VK_ERROR_OUT_OF_DEVICE_MEMORY" },
	{ .driver = "fail=vkGetMemoryHostPointerPropertiesEXT:VK_ERROR_INVALID_EXTERNAL_HANDLE",
	  .share = "opaque-fd",
	  .reason = "opaque fd" },
	{ .replace = pointers_of_another_type, .share = "opaque-fd", .reason = "opaque fd" },
	{ .replace = no_pointers, .share = "opaque-fd", .reason = "opaque fd" },
	{ .driver = "fail=vkGetMemoryFdKHR:VK_ERROR_TOO_MANY_OBJECTS", .no_host_import = true },
	{ .driver = "fail=vkMapMemory:VK_ERROR_MEMORY_MAP_FAILED", .no_host_import = true },
	{ .replace = no_fds, .no_host_import = true },
	{ .replace = other_pages, .no_host_import = true },
	{ .replace = no_host_memory },
	/* A VM's memory is imported, or nothing. */
	{ .vm = true, .share = "host-import", .reason = "the VM's hostmem" },
	{ .vm = true,
	  .replace = fake_loader_offer_dma_bufs,
	  .share = "host-import",
	  .reason = "the VM's hostmem" },
	{ .vm = true, .no_host_import = true },
	{ .vm = true, .replace = pointers_of_another_type },
};

static void how_memory_is_shared(void)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(rows); i++) {
		struct vtr_probe_report report = probe(&rows[i], false);
		const struct vtr_probe_device *d = &report.devices[0];

		printf("  row %zu\n", i);
		CHECK_EQ(report.device_count, 1);
		CHECK(report.problem == NULL);
		CHECK_EQ(d->refused == NULL, rows[i].share != NULL);
		if (rows[i].share != NULL) {
			CHECK_STR(d->types[HOST].share, rows[i].share);
			CHECK(strstr(d->types[HOST].reason, rows[i].reason) != NULL);
			CHECK_STR(d->types[LOCAL].share, "none");
			CHECK_STR(d->types[LOCAL].reason, "not visible to the CPU");
			CHECK_EQ(d->types[HOST].flags, d->types[HOST].guest_flags);
			CHECK_EQ(d->known.type_count, 2);
			CHECK(!d->sparse);
			CHECK_STR(d->sparse_reason, "the driver does not support it on a queue that copies");
			/* Where dma-bufs work, the driver's are offered; elsewhere ours, which are in LINEAR memory. */
			CHECK_EQ(d->emulates_dma_buf, strcmp(rows[i].share, "dma-buf") != 0);
			CHECK(d->emulates_modifiers && d->emulates_queue_foreign && d->emulates_sync_fd);
		} else {
			CHECK(strstr(d->refused, "its memory cannot be shared") != NULL);
		}
		vtr_probe_finish(&report);
	}
}

static void no_such_types(VkDevice device, VkImage image, VkMemoryRequirements *out)
{
	ORIGINAL(vkGetImageMemoryRequirements)(device, image, out);
	out->memoryTypeBits = 1u << LOCAL;
}

static void images_of_another_type(void)
{
	REPLACE(vkGetImageMemoryRequirements, no_such_types);
}

static VkResult not_of_others(VkPhysicalDevice physical, const VkPhysicalDeviceImageFormatInfo2 *info,
                              VkImageFormatProperties2 *out)
{
	const VkResult ret = ORIGINAL(vkGetPhysicalDeviceImageFormatProperties2)(physical, info, out);

	return info->pNext != NULL ? VK_ERROR_FORMAT_NOT_SUPPORTED : ret;
}

static void images_of_its_own(void)
{
	REPLACE(vkGetPhysicalDeviceImageFormatProperties2, not_of_others);
}

static void only_host_types(VkDevice device, VkImage image, VkMemoryRequirements *out)
{
	ORIGINAL(vkGetImageMemoryRequirements)(device, image, out);
	out->memoryTypeBits = 1u << HOST;
}

static void images_of_its_own_in_host_memory(void)
{
	images_of_its_own();
	REPLACE(vkGetImageMemoryRequirements, only_host_types);
}

static VkResult no_linear(VkPhysicalDevice physical, const VkPhysicalDeviceImageFormatInfo2 *info,
                          VkImageFormatProperties2 *out)
{
	return info->tiling == VK_IMAGE_TILING_LINEAR ?
	               VK_ERROR_FORMAT_NOT_SUPPORTED :
	               ORIGINAL(vkGetPhysicalDeviceImageFormatProperties2)(physical, info, out);
}

static void no_linear_images(void)
{
	REPLACE(vkGetPhysicalDeviceImageFormatProperties2, no_linear);
}

/* Whether images can be bound to imported memory: the driver must do it, and say so if they have no other. */
static void images_in_imported_memory(void)
{
	static const struct {
		struct row row;
		bool private; /* images are apart */
	} cases[] = {
		{ { .vm = true }, false },
		{ { .vm = true, .driver = "buffers-only" }, true },
		{ { .driver = "buffers-only" }, true },
		{ { .driver = "buffers-only", .no_host_import = true }, false }, /* nothing is imported */
		{ { .replace = fake_loader_offer_dma_bufs }, false },
		{ { .vm = true, .driver = "fail=vkBindImageMemory:VK_ERROR_UNKNOWN" }, true },
		{ { .vm = true, .driver = "fail=vkCreateImage:VK_ERROR_OUT_OF_DEVICE_MEMORY" }, true },
		{ { .vm = true, .driver = "fail=vkAllocateMemory:VK_ERROR_UNKNOWN:after=1:times=1" }, true },
		{ { .vm = true, .replace = images_of_another_type }, true },
		{ { .vm = true, .replace = images_of_its_own }, false },
		{ { .vm = true, .replace = images_of_its_own_in_host_memory }, true },
		{ { .vm = true, .replace = no_linear_images }, false },
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(cases); i++) {
		struct vtr_probe_report report = probe(&cases[i].row, false);
		const struct vtr_probe_device *d = &report.devices[0];
		const bool one = cases[i].row.driver != NULL &&
		                 strcmp(cases[i].row.driver, "buffers-only") == 0;

		printf("  row %zu\n", i);
		CHECK(d->refused == NULL);
		CHECK_EQ(d->type_count, one ? 1 : 2);
		CHECK_EQ(d->hides_linear, cases[i].private);
		CHECK_EQ(d->known.images_importable, !cases[i].private);
		CHECK_EQ(d->emulates_modifiers, !cases[i].private);
		CHECK(d->emulates_dma_buf != (cases[i].row.replace == fake_loader_offer_dma_bufs));
		/* The type that is mapped is what it was. */
		CHECK_EQ(d->types[one ? 0 : HOST].guest_flags, d->types[one ? 0 : HOST].flags);
		vtr_probe_finish(&report);
	}
}

static void a_device_cannot_be_created(void)
{
	const struct row row = { .driver = "fail=vkCreateDevice:VK_ERROR_INITIALIZATION_FAILED" };
	struct vtr_probe_report report = probe(&row, true);

	CHECK_EQ(report.device_count, 1);
	CHECK_STR(report.devices[0].refused, "its driver cannot create a device");
	vtr_probe_finish(&report);
}

static void kinds_of_devices(void)
{
	static const struct {
		VkPhysicalDeviceType type;
		const char *kind;
	} kinds[] = {
		{ VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU, "integrated" },
		{ VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU, "discrete" },
		{ VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU, "virtual" },
		{ VK_PHYSICAL_DEVICE_TYPE_CPU, "cpu" },
		{ VK_PHYSICAL_DEVICE_TYPE_OTHER, "other" },
	};
	const struct row row = { .replace = replace_type };

	for (size_t i = 0; i < VTR_ARRAY_LEN(kinds); i++) {
		struct vtr_probe_report report;

		device_type = kinds[i].type;
		report = probe(&row, false);
		CHECK_STR(report.devices[0].kind, kinds[i].kind);
		CHECK_EQ(report.devices[0].known.is_cpu, kinds[i].type == VK_PHYSICAL_DEVICE_TYPE_CPU);
		vtr_probe_finish(&report);
	}
}

static void an_older_device(void)
{
	const struct row row = { .driver = "version=1.1" };
	struct vtr_probe_report report = probe(&row, false);

	CHECK_EQ(report.devices[0].api_version, VK_API_VERSION_1_1);
	CHECK_STR(report.devices[0].driver, " "); /* Vulkan 1.2 has its name */
	CHECK(report.devices[0].refused == NULL);
	vtr_probe_finish(&report);
}

static void what_a_portability_driver_lacks(void)
{
	const struct row plain = { 0 }, subset = { .driver = "portability" };
	struct vtr_probe_report report = probe(&plain, false);

	CHECK(!report.devices[0].portability);
	CHECK_STR(report.devices[0].portability_lacks, "");
	vtr_probe_finish(&report);
	report = probe(&subset, false);
	CHECK(report.devices[0].portability);
	CHECK_STR(report.devices[0].portability_lacks,
	          "imageView2DOn3DImage, pointPolygons, tessellationIsolines, triangleFans");
	vtr_probe_finish(&report);
}

static void problems(void)
{
	static struct vtr_renderer_config config;
	const struct vtr_venus_params params = { .config = &config };
	static const struct row no_instance = {
		.driver = "fail=vkCreateInstance:VK_ERROR_INCOMPATIBLE_DRIVER"
	};
	static const struct row no_device = { .replace = without_devices };
	static const struct row no_list = {
		.driver = "fail=vkEnumeratePhysicalDevices:VK_ERROR_UNKNOWN:after=1"
	};
	struct vtr_probe_report report;

	CHECK_OK(vtr_probe_host(NULL, &params, VTR_PROBE_EXAMINE, &report));
	CHECK(strstr(report.problem, "the Vulkan loader is missing") != NULL);
	CHECK_EQ(report.loader_version, 0);
	vtr_probe_finish(&report);
	report = probe(&no_instance, false);
	CHECK(strstr(report.problem, "vkCreateInstance fails") != NULL);
	CHECK_EQ(report.loader_version, VK_API_VERSION_1_4);
	vtr_probe_finish(&report);
	instances_ended = 0;
	report = probe(&no_device, false);
	CHECK(strstr(report.problem, "the Vulkan loader finds no device") != NULL);
	CHECK_EQ(report.device_count, 0);
	CHECK_EQ(instances_ended, 1);
	vtr_probe_finish(&report);
	report = probe(&no_list, false);
	CHECK_EQ(report.device_count, 0);
	vtr_probe_finish(&report);
}

/* --- the trial -------------------------------------------------------------------------------------- */

#define BIT(step) (1u << VTR_TRIAL_##step)
#define DRAWING (BIT(DEVICE) | BIT(COMPUTE) | BIT(GRAPHICS) | BIT(MESH))

static const struct {
	const char *driver;
	uint32_t works;
	enum vtr_trial_step failed;
} trials[] = {
	{ "null", DRAWING, VTR_TRIAL_STEPS },
	{ "version=1.1", DRAWING, VTR_TRIAL_STEPS },
	{ "portability", DRAWING, VTR_TRIAL_STEPS },
	{ "fail=vkCreateDevice:VK_ERROR_FEATURE_NOT_PRESENT:after=1", 0, VTR_TRIAL_DEVICE },
	{ "fail=vkCreatePipelineLayout:VK_ERROR_UNKNOWN", 0, VTR_TRIAL_DEVICE },
	{ "fail=vkCreateCommandPool:VK_ERROR_UNKNOWN", 0, VTR_TRIAL_DEVICE },
	{ "fail=vkAllocateCommandBuffers:VK_ERROR_UNKNOWN", 0, VTR_TRIAL_DEVICE },
	{ "fail=vkCreateFence:VK_ERROR_UNKNOWN", 0, VTR_TRIAL_DEVICE },
	{ "fail=vkCreateShaderModule:VK_ERROR_UNKNOWN", BIT(DEVICE), VTR_TRIAL_COMPUTE },
	{ "fail=vkCreateComputePipelines:VK_ERROR_UNKNOWN", BIT(DEVICE), VTR_TRIAL_COMPUTE },
	{ "fail=vkResetCommandPool:VK_ERROR_UNKNOWN", BIT(DEVICE), VTR_TRIAL_COMPUTE },
	{ "fail=vkBeginCommandBuffer:VK_ERROR_UNKNOWN", BIT(DEVICE), VTR_TRIAL_COMPUTE },
	{ "fail=vkEndCommandBuffer:VK_ERROR_UNKNOWN", BIT(DEVICE), VTR_TRIAL_COMPUTE },
	{ "fail=vkQueueSubmit:VK_ERROR_DEVICE_LOST", BIT(DEVICE), VTR_TRIAL_COMPUTE },
	{ "fail=vkWaitForFences:VK_TIMEOUT", BIT(DEVICE), VTR_TRIAL_COMPUTE },
	{ "fail=vkCreateRenderPass:VK_ERROR_UNKNOWN", BIT(DEVICE) | BIT(COMPUTE), VTR_TRIAL_GRAPHICS },
	{ "fail=vkCreateFramebuffer:VK_ERROR_UNKNOWN", BIT(DEVICE) | BIT(COMPUTE), VTR_TRIAL_GRAPHICS },
	{ "fail=vkCreateShaderModule:VK_ERROR_UNKNOWN:after=2", BIT(DEVICE) | BIT(COMPUTE),
	  VTR_TRIAL_GRAPHICS },
	{ "fail=vkCreateGraphicsPipelines:VK_ERROR_UNKNOWN", BIT(DEVICE) | BIT(COMPUTE), VTR_TRIAL_GRAPHICS },
	{ "fail=vkBeginCommandBuffer:VK_ERROR_UNKNOWN:after=1", BIT(DEVICE) | BIT(COMPUTE),
	  VTR_TRIAL_GRAPHICS },
	{ "fail=vkResetFences:VK_ERROR_UNKNOWN:after=2", DRAWING & ~BIT(MESH), VTR_TRIAL_MESH },
};

static void trials_of_a_device(void)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(trials); i++) {
		const struct row row = { .driver = trials[i].driver };
		struct vtr_probe_report report = probe(&row, true);
		const struct vtr_trial *trial = &report.devices[0].trial;

		printf("  %s\n", trials[i].driver);
		CHECK_EQ(trial->works, trials[i].works);
		CHECK_EQ(trial->failed, trials[i].failed);
		CHECK_EQ(trial->result != VK_SUCCESS, trials[i].failed != VTR_TRIAL_STEPS);
		vtr_probe_finish(&report);
	}
}

/* --- rays, which the driver does not have ----------------------------------------------------------- */

static uint32_t handle_size, group_alignment;
static VkResult structure_result, handles_result;

static void with_rays(VkPhysicalDevice physical, VkPhysicalDeviceFeatures2 *out)
{
	ORIGINAL(vkGetPhysicalDeviceFeatures2)(physical, out);
	for (VkPhysicalDeviceFeatures2 *s = out->pNext; s != NULL; s = s->pNext) {
		void *any = s;

		if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_FEATURES_KHR) {
			((VkPhysicalDeviceRayTracingPipelineFeaturesKHR *)any)->rayTracingPipeline = VK_TRUE;
		} else if (s->sType ==
		           VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ACCELERATION_STRUCTURE_FEATURES_KHR) {
			((VkPhysicalDeviceAccelerationStructureFeaturesKHR *)any)->accelerationStructure =
				VK_TRUE;
		}
	}
}

static VkResult handles(VkDevice device, VkPipeline pipeline, uint32_t first, uint32_t count, size_t size,
                        void *data)
{
	(void)device;
	(void)pipeline;
	(void)first;
	CHECK_EQ(size, count * handle_size);
	memset(data, 0x33, size);
	return handles_result;
}

static void sizes(VkDevice device, VkAccelerationStructureBuildTypeKHR type,
                  const VkAccelerationStructureBuildGeometryInfoKHR *info, const uint32_t *counts,
                  VkAccelerationStructureBuildSizesInfoKHR *out)
{
	(void)device;
	(void)type;
	(void)info;
	(void)counts;
	out->accelerationStructureSize = 512;
	out->buildScratchSize = 256;
}

static VkResult create_structure(VkDevice device, const VkAccelerationStructureCreateInfoKHR *info,
                                 const VkAllocationCallbacks *allocator, VkAccelerationStructureKHR *out)
{
	const VkEventCreateInfo event = { .sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO };
	VkEvent any = NULL;

	CHECK_EQ(info->size, 512);
	if (structure_result == VK_SUCCESS) {
		CHECK_EQ(ORIGINAL(vkCreateEvent)(device, &event, allocator, &any), VK_SUCCESS);
		memcpy(out, &any, sizeof(any));
	}
	return structure_result;
}

static void destroy_structure(VkDevice device, VkAccelerationStructureKHR o,
                              const VkAllocationCallbacks *allocator)
{
	VkEvent any;

	memcpy(&any, &o, sizeof(any));
	ORIGINAL(vkDestroyEvent)(device, any, allocator);
}

static void rays(void)
{
	fake_loader_offer("VK_KHR_ray_tracing_pipeline");
	fake_loader_offer("VK_KHR_acceleration_structure");
	fake_loader_offer("VK_KHR_deferred_host_operations");
	REPLACE(vkGetPhysicalDeviceFeatures2, with_rays);
	fake_loader_set_group_sizes(handle_size, 0, group_alignment);
	REPLACE(vkGetRayTracingShaderGroupHandlesKHR, handles);
	REPLACE(vkGetAccelerationStructureBuildSizesKHR, sizes);
	REPLACE(vkCreateAccelerationStructureKHR, create_structure);
	REPLACE(vkDestroyAccelerationStructureKHR, destroy_structure);
}

#define RAYS (DRAWING | BIT(RAY_TRACING))

static const struct {
	const char *driver;
	uint32_t handle_size, alignment; /* 0: usual ones */
	VkResult handles, structure;
	uint32_t works;
	enum vtr_trial_step failed;
} ray_trials[] = {
	{ "null", .works = RAYS | BIT(STRUCTURE), .failed = VTR_TRIAL_STEPS },
	{ "null", .alignment = 4096, .works = RAYS | BIT(STRUCTURE), .failed = VTR_TRIAL_STEPS },
	{ "null", .handle_size = 257, .works = DRAWING, .failed = VTR_TRIAL_RAY_TRACING },
	{ "null", .handles = VK_ERROR_UNKNOWN, .works = DRAWING, .failed = VTR_TRIAL_RAY_TRACING },
	{ "null", .structure = VK_ERROR_UNKNOWN, .works = RAYS, .failed = VTR_TRIAL_STRUCTURE },
	/* Compute and drawing have 5 shaders, and 3 submits. */
	{ "fail=vkCreateShaderModule:VK_ERROR_UNKNOWN:after=5", .works = DRAWING,
	  .failed = VTR_TRIAL_RAY_TRACING },
	{ "fail=vkCreateShaderModule:VK_ERROR_UNKNOWN:after=7", .works = DRAWING,
	  .failed = VTR_TRIAL_RAY_TRACING },
	{ "fail=vkCreateRayTracingPipelinesKHR:VK_ERROR_UNKNOWN", .works = DRAWING,
	  .failed = VTR_TRIAL_RAY_TRACING },
	{ "fail=vkCreateBuffer:VK_ERROR_UNKNOWN", .works = DRAWING, .failed = VTR_TRIAL_RAY_TRACING },
	{ "fail=vkBindBufferMemory:VK_ERROR_UNKNOWN", .works = DRAWING, .failed = VTR_TRIAL_RAY_TRACING },
	{ "fail=vkBeginCommandBuffer:VK_ERROR_UNKNOWN:after=3", .works = DRAWING,
	  .failed = VTR_TRIAL_RAY_TRACING },
	{ "fail=vkQueueSubmit:VK_ERROR_UNKNOWN:after=3", .works = DRAWING, .failed = VTR_TRIAL_RAY_TRACING },
	{ "fail=vkCreateBuffer:VK_ERROR_UNKNOWN:after=1", .works = RAYS, .failed = VTR_TRIAL_STRUCTURE },
	{ "fail=vkCreateBuffer:VK_ERROR_UNKNOWN:after=2", .works = RAYS, .failed = VTR_TRIAL_STRUCTURE },
	{ "fail=vkCreateBuffer:VK_ERROR_UNKNOWN:after=3", .works = RAYS, .failed = VTR_TRIAL_STRUCTURE },
	{ "fail=vkBeginCommandBuffer:VK_ERROR_UNKNOWN:after=4", .works = RAYS,
	  .failed = VTR_TRIAL_STRUCTURE },
};

static void trials_of_rays(void)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(ray_trials); i++) {
		const struct row row = { .driver = ray_trials[i].driver, .replace = rays };
		struct vtr_probe_report report;

		handle_size = ray_trials[i].handle_size != 0 ? ray_trials[i].handle_size : 32;
		group_alignment = ray_trials[i].alignment != 0 ? ray_trials[i].alignment : 64;
		handles_result = ray_trials[i].handles;
		structure_result = ray_trials[i].structure;
		printf("  row %zu\n", i);
		report = probe(&row, true);
		CHECK_EQ(report.devices[0].trial.works, ray_trials[i].works);
		CHECK_EQ(report.devices[0].trial.failed, ray_trials[i].failed);
		vtr_probe_finish(&report);
	}
}

int main(void)
{
	RUN(how_memory_is_shared);
	RUN(images_in_imported_memory);
	RUN(a_device_cannot_be_created);
	RUN(kinds_of_devices);
	RUN(an_older_device);
	RUN(what_a_portability_driver_lacks);
	RUN(problems);
	RUN(trials_of_a_device);
	RUN(trials_of_rays);
	return 0;
}
