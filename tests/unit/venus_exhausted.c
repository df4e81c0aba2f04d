/* SPDX-License-Identifier: MIT */
/*
 * A context whose process has no memory: one allocation fails, each in turn. The linker lets calls of malloc(),
 * calloc() and realloc() pass through here (meson.build), those of the driver excepted.
 */
#include <limits.h>

#include "base/mem.h"
#include "platform/shm.h"
#include "venus/probe.h"
#include "venus_guest.h"

enum {
	MEMORY = FREE,
	MEMORY2,
	BUFFER,
	FENCE,
	POOL,
	COMMANDS,
	PIPELINES,
	SEMAPHORE,
	RES = 2,
	RING_RES,
	RING = 7
};
enum { HOST = 1, PAGE = 4096, RING_BYTES = 4096 };

/* --- allocations ------------------------------------------------------------------------------------ */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static _Atomic long until_failure = -1; /* allocations before the one that fails; below 0: none fails */

static bool fails(void)
{
	return atomic_load(&until_failure) >= 0 && atomic_fetch_sub(&until_failure, 1) == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

/* --- what a guest does ------------------------------------------------------------------------------ */

static int failures; /* that were reported in one way or another */

static void note_err(enum vtr_err err)
{
	failures += err != VTR_OK;
}

/* Sends a command that may fail, or end the context. */
#define TRY(g, name, ...)                                                                                  \
	(enc_##name(guest_ask(g), VK_COMMAND_GENERATE_REPLY_BIT_EXT, &(struct vtw_##name){ __VA_ARGS__ }), \
	 note_reply(g))
/* The same for a command without a result. */
#define TRY_SEND(g, name, ...) note_err(SEND(g, name, __VA_ARGS__))

static void note_reply(struct guest *g)
{
	const enum vtr_err err = guest_submit(g);

	failures += err != VTR_OK || guest_word(g, 4) != VK_SUCCESS;
}

#define ON_DEVICE .device = ID(VkDevice, DEVICE)

static void make_device(struct guest *g)
{
	const VkInstanceCreateInfo instance = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO };
	const float priority = 1.0f;
	const VkDeviceQueueCreateInfo queue = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		                                .queueCount = 1,
		                                .pQueuePriorities = &priority };
	const VkDeviceCreateInfo device = { .queueCreateInfoCount = 1, .pQueueCreateInfos = &queue };
	const VkDeviceQueueTimelineInfoMESA timeline = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_TIMELINE_INFO_MESA, .ringIdx = TIMELINE
	};
	const VkDeviceQueueInfo2 get = { .pNext = &timeline };
	uint64_t physical = PHYSICAL;
	uint32_t count = 1;

	TRY(g, vkCreateInstance, .pCreateInfo = &instance, .pInstance = INSTANCE);
	TRY(g, vkEnumeratePhysicalDevices, .instance = ID(VkInstance, INSTANCE),
	    .pPhysicalDeviceCount = &count, .pPhysicalDevices = &physical);
	failures += guest_word(g, 16) != 1;
	TRY(g, vkCreateDevice, .physicalDevice = ID(VkPhysicalDevice, PHYSICAL), .pCreateInfo = &device,
	    .pDevice = DEVICE);
	TRY_SEND(g, vkGetDeviceQueue2, ON_DEVICE, .pQueueInfo = &get, .pQueue = QUEUE);
}

static void make_objects(struct guest *g)
{
	const VkMemoryAllocateInfo own = { .allocationSize = PAGE, .memoryTypeIndex = HOST };
	const VkImportMemoryResourceInfoMESA from = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA, .resourceId = RES
	};
	const VkMemoryAllocateInfo import = { .pNext = &from,
		                              .allocationSize = PAGE,
		                              .memoryTypeIndex = HOST };
	const VkCommandBufferAllocateInfo commands = { .commandPool = ID(VkCommandPool, POOL),
		                                       .commandBufferCount = 1 };
	const VkComputePipelineCreateInfo pipeline = {
		.stage = { .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO, .pName = "main" }
	};
	uint64_t command_buffer = COMMANDS, pipelines = PIPELINES;
	struct vtr_blob blob;

	TRY(g, vkAllocateMemory, ON_DEVICE, .pAllocateInfo = &own, .pMemory = MEMORY);
	note_err(vtr_venus_blob_create(g->venus, RES, MEMORY, VTR_BLOB_MAPPABLE, PAGE, &blob));
	TRY(g, vkAllocateMemory, ON_DEVICE, .pAllocateInfo = &import, .pMemory = MEMORY2);
	TRY(g, vkCreateBuffer, ON_DEVICE, .pCreateInfo = &(VkBufferCreateInfo){ .size = 64 },
	    .pBuffer = BUFFER);
	TRY(g, vkCreateFence, ON_DEVICE, .pCreateInfo = &(VkFenceCreateInfo){ 0 }, .pFence = FENCE);
	TRY(g, vkCreateCommandPool, ON_DEVICE, .pCreateInfo = &(VkCommandPoolCreateInfo){ 0 },
	    .pCommandPool = POOL);
	TRY(g, vkAllocateCommandBuffers, ON_DEVICE, .pAllocateInfo = &commands,
	    .pCommandBuffers = &command_buffer);
	TRY(g, vkCreateComputePipelines, ON_DEVICE, .createInfoCount = 1, .pCreateInfos = &pipeline,
	    .pPipelines = &pipelines);
	TRY_SEND(g, vkFreeMemory, ON_DEVICE, .memory = ID(VkDeviceMemory, MEMORY));
}

/* A fence of the transport that waits for work. */
static void wait_for_work(struct guest *g)
{
	const VkSemaphoreSignalInfo signal = { .semaphore = ID(VkSemaphore, SEMAPHORE), .value = 1 };

	TRY(g, vkCreateSemaphore, ON_DEVICE, .pCreateInfo = &guest_timeline, .pSemaphore = SEMAPHORE);
	TRY(g, vkQueueSubmit, .queue = ID(VkQueue, QUEUE), .submitCount = 1,
	    .pSubmits = guest_waiting_work(SEMAPHORE));
	note_err(vtr_venus_fence(g->venus, TIMELINE, 1));
	TRY(g, vkSignalSemaphore, ON_DEVICE, .pSignalInfo = &signal);
	vtr_venus_poll_fences(g->venus, false);
}

/* A ring, and a stream in shared memory, which are empty. */
static void run_streams(struct guest *g)
{
	const VkRingCreateInfoMESA ring = { .resourceId = RING_RES,
		                            .size = 2 * RING_BYTES,
		                            .tailOffset = 64,
		                            .statusOffset = 128,
		                            .bufferOffset = RING_BYTES,
		                            .bufferSize = RING_BYTES };
	const VkCommandStreamDescriptionMESA stream = { .resourceId = RING_RES,
		                                        .offset = RING_BYTES,
		                                        .size = 0 };
	struct vtr_blob blob;

	note_err(vtr_venus_blob_create(g->venus, RING_RES, 0, VTR_BLOB_MAPPABLE, 2 * RING_BYTES, &blob));
	TRY_SEND(g, vkExecuteCommandStreamsMESA, .streamCount = 1, .pStreams = &stream);
	TRY_SEND(g, vkCreateRingMESA, .ring = RING, .pCreateInfo = &ring);
	TRY_SEND(g, vkDestroyRingMESA, .ring = RING);
}

static bool open_context(struct guest *g)
{
	const struct vtr_venus_params params = { .events = &guest_events, .data = g, .config = &g->config };
	struct vtr_blob blob;
	void *map;

	if (vtr_venus_create(&params, &g->venus) != VTR_OK) {
		failures++;
		return false;
	}
	if (vtr_venus_blob_create(g->venus, REPLY_RES, 0, VTR_BLOB_MAPPABLE, REPLY_SIZE, &blob) != VTR_OK) {
		failures++;
		return true;
	}
	CHECK_OK(vtr_os_shm_map(blob.fd, 0, REPLY_SIZE, true, &map));
	g->reply = map;
	make_device(g);
	make_objects(g);
	wait_for_work(g);
	run_streams(g);
	return true;
}

/* Runs it all with one allocation that fails. Returns: whether there were as many. */
static bool run(long allocation)
{
	static struct guest g;
	bool reached;

	memset(&g, 0, sizeof(g));
	pthread_mutex_init(&g.lock, NULL);
	vtr_renderer_config_init(&g.config);
	g.config.max_memory = 64 << 20;
	g.config.no_export = true;
	fake_loader_open(TEST_DRIVER, "null");
	failures = 0;
	atomic_store(&until_failure, allocation);
	const bool opened = open_context(&g);
	reached = atomic_exchange(&until_failure, -1) < 0;
	if (opened) {
		vtr_venus_destroy(g.venus);
	}
	if (g.reply != NULL) {
		vtr_os_shm_unmap(g.reply, REPLY_SIZE);
	}
	fake_loader_close();
	pthread_mutex_destroy(&g.lock);
	return reached;
}

/* The failure is reported, nothing crashes, and no fd is left; ASan looks for memory. */
static void each_allocation_fails(void)
{
	long n = 0;

	CHECK(!run(LONG_MAX));
	CHECK_EQ(failures, 0);
	const int fds = test_count_fds();

	while (run(n)) {
		if (failures == 0) {
			printf("  allocation %ld\n", n);
		}
		CHECK(failures > 0);
		CHECK_EQ(test_count_fds(), fds);
		n++;
	}
	printf("  %ld allocations\n", n);
	CHECK(n > 20);
}

/* --- the prober ------------------------------------------------------------------------------------- */

static void each_allocation_of_the_prober_fails(void)
{
	struct vtr_renderer_config config;
	const struct vtr_venus_params params = { .config = &config };
	bool reached = true;

	vtr_renderer_config_init(&config);
	for (long n = 0; reached; n++) {
		struct vtr_probe_report report;

		fake_loader_open(TEST_DRIVER, "null");
		atomic_store(&until_failure, n);
		const enum vtr_err err = vtr_probe_host(NULL, &params, VTR_PROBE_TRIAL, &report);

		reached = atomic_exchange(&until_failure, -1) < 0;
		fake_loader_close();
		if (err == VTR_OK) {
			const struct vtr_probe_device *d = &report.devices[0];

			CHECK_EQ(reached, report.device_count != 1 || d->refused != NULL ||
			                          d->trial.failed != VTR_TRIAL_STEPS);
			vtr_probe_finish(&report);
		} else {
			CHECK_ERR(err, VTR_ERR_NOMEM);
		}
	}
}

int main(void)
{
	RUN(each_allocation_fails);
	RUN(each_allocation_of_the_prober_fails);
	return 0;
}
