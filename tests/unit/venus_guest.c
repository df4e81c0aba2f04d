/* SPDX-License-Identifier: MIT */
#include "venus_guest.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/shm.h"
#include "venus_events.h"

/* Long enough for any machine. */
#define PATIENCE_US 30000000

/* --- what the context reports ----------------------------------------------------------------------- */

static void on_fence(void *data, uint32_t timeline, uint64_t fence_id)
{
	struct guest *g = data;

	(void)timeline;
	pthread_mutex_lock(&g->lock);
	CHECK(g->fence_count < GUEST_MAX_REPORTS);
	g->fences[g->fence_count++] = fence_id;
	pthread_mutex_unlock(&g->lock);
}

static void on_dead(void *data)
{
	struct guest *g = data;

	pthread_mutex_lock(&g->lock);
	CHECK(!g->dead); /* it is reported once */
	g->dead = true;
	pthread_mutex_unlock(&g->lock);
}

static void on_released(void *data, uint32_t res_id)
{
	struct guest *g = data;

	pthread_mutex_lock(&g->lock);
	CHECK(g->released_count < GUEST_MAX_REPORTS);
	g->released[g->released_count++] = res_id;
	pthread_mutex_unlock(&g->lock);
}

const struct vtr_venus_events guest_events = {
	.fence = on_fence, .ring = ignore_ring, .dead = on_dead, .released = on_released
};

uint32_t guest_fences(struct guest *g)
{
	uint32_t n;

	pthread_mutex_lock(&g->lock);
	n = g->fence_count;
	pthread_mutex_unlock(&g->lock);
	return n;
}

uint32_t guest_released(struct guest *g)
{
	uint32_t n;

	pthread_mutex_lock(&g->lock);
	n = g->released_count;
	pthread_mutex_unlock(&g->lock);
	return n;
}

void guest_wait_fences(struct guest *g, uint32_t count)
{
	for (int us = 0; us < PATIENCE_US && guest_fences(g) < count; us += 1000) {
		usleep(1000);
	}
	CHECK_EQ(guest_fences(g), count);
}

/* --- commands --------------------------------------------------------------------------------------- */

struct vtr_cs_writer *guest_begin(struct guest *g)
{
	g->w = (struct vtr_cs_writer){ .cur = g->bytes, .end = g->bytes + sizeof(g->bytes) };
	return &g->w;
}

struct vtr_cs_writer *guest_ask(struct guest *g)
{
	const VkCommandStreamDescriptionMESA stream = { .resourceId = REPLY_RES, .size = REPLY_SIZE };

	memset(g->reply, 0xee, REPLY_SIZE);
	enc_vkSetReplyCommandStreamMESA(guest_begin(g), 0,
	                                &(struct vtw_vkSetReplyCommandStreamMESA){ .pStream = &stream });
	return &g->w;
}

enum vtr_err guest_submit(struct guest *g)
{
	const size_t size = (size_t)(g->w.cur - g->bytes);
	enum vtr_err err;

	CHECK(!g->w.full);
	memcpy(g->sent, g->bytes, size);
	err = vtr_venus_submit(g->venus, g->bytes, size);
	/* Handles of the driver must not appear where a client can have them read again. */
	CHECK(memcmp(g->sent, g->bytes, size) == 0);
	return err;
}

int32_t guest_answer(struct guest *g)
{
	CHECK_OK(guest_submit(g));
	CHECK(guest_word(g, 0) < VTW_COMMAND_COUNT);
	return (int32_t)guest_word(g, 4);
}

void guest_check_refused(struct guest *g, const char *file, int line, enum vtr_err err, const char *why)
{
	test_check_err(file, line, "command", err, VTR_ERR_PROTOCOL);
	if (!vtr_venus_is_dead(g->venus) || !g->dead || !guest_log_has(g, why)) {
		test_fail(file, line, why);
	}
	guest_reopen(g);
}

uint32_t guest_word(const struct guest *g, size_t at)
{
	return vtr_cs_ld32(g->reply + at);
}

uint64_t guest_wide(const struct guest *g, size_t at)
{
	return vtr_cs_ld64(g->reply + at);
}

bool guest_log_has(const struct guest *g, const char *text)
{
	vtr_autofree char *all = calloc(1, 65536);

	CHECK(all != NULL);
	CHECK(pread(g->log_fd, all, 65535, 0) >= 0);
	return strstr(all, text) != NULL;
}

void *guest_make_shm(struct guest *g, uint32_t res_id, size_t size)
{
	struct vtr_blob blob;
	void *map;

	CHECK_OK(vtr_venus_blob_create(g->venus, res_id, 0, VTR_BLOB_MAPPABLE, size, &blob));
	CHECK_OK(vtr_os_shm_map(blob.fd, 0, size, true, &map));
	return map;
}

/* --- instance and device ---------------------------------------------------------------------------- */

void guest_make_instance(struct guest *g)
{
	const VkInstanceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO };
	uint64_t physical = PHYSICAL;
	uint32_t count = 1;

	CHECK_EQ(CALL(g, vkCreateInstance, .pCreateInfo = &info, .pInstance = INSTANCE), VK_SUCCESS);
	CHECK_EQ(CALL(g, vkEnumeratePhysicalDevices, .instance = ID(VkInstance, INSTANCE),
	              .pPhysicalDeviceCount = &count, .pPhysicalDevices = &physical),
	         VK_SUCCESS);
}

VkResult guest_make_device(struct guest *g, uint64_t id, const void *next, const char *const *extensions,
                           uint32_t extension_count)
{
	const float priorities[] = { 1.0f, 1.0f };
	const VkDeviceQueueCreateInfo queues = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		                                 .queueCount = 2,
		                                 .pQueuePriorities = priorities };
	const VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.pNext = next,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queues,
		.enabledExtensionCount = extension_count,
		.ppEnabledExtensionNames = extensions,
	};

	return CALL(g, vkCreateDevice, .physicalDevice = ID(VkPhysicalDevice, PHYSICAL), .pCreateInfo = &info,
	            .pDevice = id);
}

void guest_make_queue(struct guest *g, uint64_t id, uint32_t index, uint32_t timeline)
{
	const VkDeviceQueueTimelineInfoMESA on = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_TIMELINE_INFO_MESA,
		                                   .ringIdx = timeline };
	const VkDeviceQueueInfo2 info = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_INFO_2,
		                          .pNext = timeline != 0 ? &on : NULL,
		                          .queueIndex = index };

	CHECK_OK(SEND(g, vkGetDeviceQueue2, .device = ID(VkDevice, DEVICE), .pQueueInfo = &info,
	              .pQueue = id));
}

/* --- contexts --------------------------------------------------------------------------------------- */

static void make_context(struct guest *g)
{
	const struct vtr_venus_hostmem hostmem = { .fd = g->hostmem_fd, .size = g->setup.hostmem };
	const struct vtr_venus_params params = { .log = g->log,
		                                 .events = &guest_events,
		                                 .data = g,
		                                 .hostmem = g->setup.hostmem != 0 ? &hostmem : NULL,
		                                 .config = &g->config,
		                                 .device_memory = { g->setup.device_memory, 0 } };

	CHECK_OK(vtr_venus_create(&params, &g->venus));
	g->reply = guest_make_shm(g, REPLY_RES, REPLY_SIZE);
}

void guest_open(struct guest *g, const struct guest_setup *setup)
{
	memset(g, 0, sizeof(*g));
	g->setup = setup != NULL ? *setup : (struct guest_setup){ 0 };
	g->hostmem_fd = -1;
	vtr_renderer_config_init(&g->config);
	g->config.hang_timeout_s = 0; /* so that submits signal only for fences */
	g->config.max_memory = g->setup.max_memory != 0 ? g->setup.max_memory : 64 << 20;
	g->config.max_device_memory = g->setup.max_device_memory;
	g->config.max_device_percent = g->setup.max_device_percent;
	g->config.no_host_import = g->setup.no_host_import;
	g->config.no_export = g->setup.no_export;
	if (g->setup.known != NULL) {
		g->config.known = *g->setup.known;
	}
	pthread_mutex_init(&g->lock, NULL);
	g->log_fd = memfd_create("log", MFD_CLOEXEC);
	CHECK(g->log_fd >= 0);
	CHECK_OK(vtr_log_create("debug", g->log_fd, NULL, &g->log));
	if (!g->setup.no_driver) {
		fake_loader_open(TEST_DRIVER, g->setup.driver != NULL ? g->setup.driver : "null");
	}
	if (g->setup.replace != NULL) {
		g->setup.replace();
	}
	if (g->setup.hostmem != 0) {
		CHECK_OK(vtr_os_shm_create("hostmem", g->setup.hostmem, &g->hostmem_fd));
	}
	make_context(g);
	if (!g->setup.no_device) {
		guest_make_instance(g);
		CHECK_EQ(guest_make_device(g, DEVICE, NULL, NULL, 0), VK_SUCCESS);
		guest_make_queue(g, QUEUE, 0, TIMELINE);
		guest_make_queue(g, QUEUE2, 1, 0);
	}
}

void guest_close(struct guest *g)
{
	vtr_venus_destroy(g->venus);
	vtr_os_shm_unmap(g->reply, REPLY_SIZE);
	vtr_log_destroy(g->log);
	vtr_close(&g->log_fd);
	vtr_close(&g->hostmem_fd);
	pthread_mutex_destroy(&g->lock);
	if (!g->setup.no_driver) {
		fake_loader_close();
	}
}

void guest_reopen(struct guest *g)
{
	const struct guest_setup setup = g->setup;

	guest_close(g);
	guest_open(g, &setup);
}

/* --- timelines -------------------------------------------------------------------------------------- */

static const VkSemaphoreTypeCreateInfo timeline_type = {
	.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
	.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
};
const VkSemaphoreCreateInfo guest_timeline = { .pNext = &timeline_type };

const VkSubmitInfo *guest_waiting_work(uint64_t semaphore)
{
	static const uint64_t value = 1;
	static const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
	static const VkTimelineSemaphoreSubmitInfo values = {
		.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
		.waitSemaphoreValueCount = 1,
		.pWaitSemaphoreValues = &value,
	};
	static VkSemaphore handle;
	static const VkSubmitInfo work = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		                           .pNext = &values,
		                           .waitSemaphoreCount = 1,
		                           .pWaitSemaphores = &handle,
		                           .pWaitDstStageMask = &stage };

	handle = ID(VkSemaphore, semaphore);
	return &work;
}
