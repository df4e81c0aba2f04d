/* SPDX-License-Identifier: MIT */
#include "checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "vkclient.h"

#define DEADLINE_S 240 /* an emulated guest on a busy host is slow */
#define LIVE_BLOBS 1900

static void expect(bool ok, const char *text)
{
	if (!ok) {
		vkc_fail("%s", text);
	}
}

static void wait_fence(struct vkc *c)
{
	vkc_check(c->vk.WaitForFences(c->device, 1, &c->fence, VK_TRUE, UINT64_MAX));
	vkc_check(c->vk.ResetFences(c->device, 1, &c->fence));
}

/* --- queues ----------------------------------------------------------------------------------------- */

static void check_get_queue(void)
{
	struct vkc c;
	VkQueue second = VK_NULL_HANDLE;
	vkc_open(&c, "checks", false);
	VkDeviceQueueInfo2 info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_INFO_2,
		.queueFamilyIndex = c.family,
	};
	c.vk.GetDeviceQueue2(c.device, &info, &second);
	expect(c.queue != VK_NULL_HANDLE, "vkGetDeviceQueue returned no queue");
	expect(second == c.queue, "vkGetDeviceQueue2 returned another queue");
	vkc_check(c.vk.QueueWaitIdle(c.queue));
	vkc_close(&c);
}

static void submit_nothing(struct vkc *c)
{
	VkSubmitInfo nothing = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO };
	vkc_check(c->vk.QueueSubmit(c->queue, 0, NULL, c->fence));
	wait_fence(c);
	vkc_check(c->vk.QueueSubmit(c->queue, 1, &nothing, c->fence));
	wait_fence(c);
}

static void check_empty_submit(void)
{
	struct vkc c;
	vkc_open(&c, "checks", false);
	for (int i = 0; i < 50; i++) {
		submit_nothing(&c);
	}
	vkc_check(c.vk.QueueWaitIdle(c.queue));
	vkc_close(&c);
}

static void check_timeline(void)
{
	struct vkc c;
	VkSemaphore semaphore;
	vkc_open(&c, "checks", false);
	VkSemaphoreTypeCreateInfo type = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
		.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
	};
	VkSemaphoreCreateInfo info = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type };
	vkc_check(c.vk.CreateSemaphore(c.device, &info, NULL, &semaphore));
	for (uint64_t value = 1; value <= 20; value++) {
		VkTimelineSemaphoreSubmitInfo values = {
			.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
			.signalSemaphoreValueCount = 1,
			.pSignalSemaphoreValues = &value,
		};
		VkSubmitInfo submit = {
			.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
			.pNext = &values,
			.signalSemaphoreCount = 1,
			.pSignalSemaphores = &semaphore,
		};
		VkSemaphoreWaitInfo wait = {
			.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
			.semaphoreCount = 1,
			.pSemaphores = &semaphore,
			.pValues = &value,
		};
		uint64_t reached = 0;
		vkc_check(c.vk.QueueSubmit(c.queue, 1, &submit, VK_NULL_HANDLE));
		vkc_check(c.vk.WaitSemaphores(c.device, &wait, UINT64_MAX));
		vkc_check(c.vk.GetSemaphoreCounterValue(c.device, semaphore, &reached));
		expect(reached == value, "the semaphore has another value");
	}
	c.vk.DestroySemaphore(c.device, semaphore, NULL);
	vkc_close(&c);
}

static void check_queries(void)
{
	struct vkc c;
	VkQueryPool pool;
	uint64_t ticks[2] = { 0 };
	vkc_open(&c, "checks", false);
	VkQueryPoolCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
		.queryType = VK_QUERY_TYPE_TIMESTAMP,
		.queryCount = 2,
	};
	vkc_check(c.vk.CreateQueryPool(c.device, &info, NULL, &pool));
	VkCommandBuffer cmd = vkc_begin(&c);
	c.vk.CmdResetQueryPool(cmd, pool, 0, 2);
	c.vk.CmdWriteTimestamp(cmd, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, pool, 0);
	c.vk.CmdWriteTimestamp(cmd, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, pool, 1);
	vkc_end(&c, cmd);
	vkc_check(c.vk.GetQueryPoolResults(c.device, pool, 0, 2, sizeof(ticks), ticks, sizeof(ticks[0]),
	                                   VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
	expect(ticks[0] != 0 && ticks[1] >= ticks[0], "timestamps do not go up");
	c.vk.DestroyQueryPool(c.device, pool, NULL);
	vkc_close(&c);
}

/* --- memory ----------------------------------------------------------------------------------------- */

static void copy(struct vkc *c, struct vkc_buffer *from, struct vkc_buffer *to)
{
	VkBufferCopy region = { .size = from->size };
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdCopyBuffer(cmd, from->buffer, to->buffer, 1, &region);
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
}

static void check_memory(void)
{
	const uint32_t count = 65536;
	const VkBufferUsageFlags usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
	struct vkc c;
	vkc_open(&c, "checks", false);
	struct vkc_buffer a = vkc_buffer_host(&c, count * 4, usage);
	struct vkc_buffer b = vkc_buffer_host(&c, count * 4, usage);
	uint32_t *in = a.mapped;
	const volatile uint32_t *out = b.mapped;
	for (int round = 1; round <= 3; round++) {
		for (uint32_t i = 0; i < count; i++) {
			in[i] = i * 2654435761u + (uint32_t)round;
		}
		copy(&c, &a, &b);
		for (uint32_t i = 0; i < count; i++) {
			expect(out[i] == i * 2654435761u + (uint32_t)round,
			       "the copy differs from what was written");
		}
	}
	VkCommandBuffer cmd = vkc_begin(&c);
	c.vk.CmdFillBuffer(cmd, b.buffer, 0, VK_WHOLE_SIZE, 0x12345678);
	vkc_barrier(&c, cmd);
	vkc_end(&c, cmd);
	expect(out[0] == 0x12345678 && out[count - 1] == 0x12345678, "what the GPU wrote is not seen");
	vkc_buffer_destroy(&c, &a);
	vkc_buffer_destroy(&c, &b);
	vkc_close(&c);
}

/* The host may make memory larger than asked: what was asked must be there, and mapped. */
static void check_sizes(void)
{
	static const VkDeviceSize sizes[] = { 1, 100, 4095, 4096, 4097, 5000, 65537, 1000003 };
	struct vkc c;
	vkc_open(&c, "checks", false);
	uint32_t type = vkc_memory_type(
		&c, UINT32_MAX, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		VkMemoryAllocateInfo info = {
			.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
			.allocationSize = sizes[i],
			.memoryTypeIndex = type,
		};
		VkDeviceMemory memory;
		void *map;
		vkc_check(c.vk.AllocateMemory(c.device, &info, NULL, &memory));
		vkc_check(c.vk.MapMemory(c.device, memory, 0, VK_WHOLE_SIZE, 0, &map));
		memset(map, 0xa5, sizes[i]);
		expect(((const volatile uint8_t *)map)[sizes[i] - 1] == 0xa5, "the last byte is not there");
		c.vk.FreeMemory(c.device, memory, NULL);
	}
	vkc_close(&c);
}

static void fill_blobs(struct vkc *c, struct vkc_buffer *buffers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		/* Sizes that are multiples of small pages, and mostly not of larger ones. */
		const VkDeviceSize size = 4096 * (1 + i % 5);
		buffers[i] = vkc_buffer_host(c, size, VK_BUFFER_USAGE_TRANSFER_SRC_BIT);
		memset(buffers[i].mapped, 0, size);
		*(uint32_t *)buffers[i].mapped = i;
	}
	for (uint32_t i = 0; i < count; i++) {
		expect(*(const volatile uint32_t *)buffers[i].mapped == i,
		       "two allocations lie over each other");
	}
	struct vkc_buffer out = vkc_buffer_host(c, buffers[count - 1].size, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	copy(c, &buffers[count - 1], &out);
	expect(*(const volatile uint32_t *)out.mapped == count - 1, "the GPU does not see the last one");
	vkc_buffer_destroy(c, &out);
}

void checks_hold_blobs(uint32_t count, uint32_t seconds)
{
	struct vkc c;
	struct timespec hold = { (time_t)seconds, 0 };
	struct vkc_buffer *buffers = vkc_alloc(count, sizeof(*buffers));
	vkc_open(&c, "checks", false);
	fill_blobs(&c, buffers, count);
	printf("cube: %u blobs\n", count);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &hold, NULL);
	for (uint32_t i = 0; i < count; i++) {
		vkc_buffer_destroy(&c, &buffers[i]);
	}
	vkc_close(&c);
	free(buffers);
}

static void check_live_blobs(void)
{
	checks_hold_blobs(LIVE_BLOBS, 0);
}

/* --- sharing ---------------------------------------------------------------------------------------- */

static void open_sharing(struct vkc *c)
{
	static const char *const names[] = FRAME_EXTENSIONS;
	vkc_instance_open(c, "checks");
	vkc_physical_open(c, 0);
	vkc_device_open_with(c, false, names, FRAME_EXTENSION_COUNT);
}

/* What a window system needs of the driver. */
static void check_swapchain_offered(void)
{
	static const char *const needed[] = {
		"VK_KHR_swapchain",
		"VK_KHR_external_semaphore_fd",
		"VK_KHR_external_fence_fd",
		"VK_KHR_external_memory_fd",
		"VK_EXT_external_memory_dma_buf",
		"VK_EXT_image_drm_format_modifier",
		"VK_EXT_queue_family_foreign",
	};
	struct vkc c;
	vkc_instance_open(&c, "checks");
	vkc_physical_open(&c, 0);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (!vkc_has_extension(&c, needed[i])) {
			vkc_fail("%s is not offered", needed[i]);
		}
	}
	vkc_close(&c);
}

/* Clears a frame's image to one colour through Vulkan. */
static void clear(struct vkc *c, const struct frame *f, float red, float green, float blue)
{
	VkClearColorValue color = { .float32 = { red, green, blue, 1 } };
	VkImageSubresourceRange all = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1 };
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_layout(c, cmd, &f->image, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
	c->vk.CmdClearColorImage(cmd, f->image.image, VK_IMAGE_LAYOUT_GENERAL, &color, 1, &all);
	frame_finish(c, cmd, f);
	vkc_end(c, cmd);
}

/* Memory of one Vulkan device reaches another through an fd: the first writes, the second reads. */
static void check_export(void)
{
	struct vkc a, b;
	open_sharing(&a);
	open_sharing(&b);
	struct frame f = frame_export(&a, NULL, frame_format_find("XR24"), 256, 64, false);
	clear(&a, &f, 1, 0.5f, 0);
	VkMemoryGetFdInfoKHR get = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
		.memory = frame_memory(&f),
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
	};
	VkMemoryFdPropertiesKHR props = { .sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR };
	int fd;
	vkc_check(a.vk.GetMemoryFdKHR(a.device, &get, &fd));
	vkc_check(b.vk.GetMemoryFdPropertiesKHR(b.device, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT, fd,
	                                        &props));
	uint32_t type = vkc_memory_type(&b, props.memoryTypeBits, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT);
	expect(type != UINT32_MAX, "no memory type can take the memory");
	VkImportMemoryFdInfoKHR import = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
		.fd = fd,
	};
	VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &import,
		.allocationSize = (VkDeviceSize)f.pitch * 64,
		.memoryTypeIndex = type,
	};
	VkDeviceMemory memory;
	void *map;
	vkc_check(b.vk.AllocateMemory(b.device, &info, NULL, &memory));
	vkc_check(b.vk.MapMemory(b.device, memory, 0, VK_WHOLE_SIZE, 0, &map));
	const volatile uint8_t *pixel = (const uint8_t *)map + f.offset + 63 * f.pitch + 255 * 4;
	expect(pixel[0] == 0 && pixel[1] >= 127 && pixel[1] <= 128 && pixel[2] == 255,
	       "the other device sees another colour");
	b.vk.FreeMemory(b.device, memory, NULL);
	vkc_close(&b);
	frame_destroy(&a, NULL, &f);
	vkc_close(&a);
}

/* The kernel's buffer, drawn to by the GPU, read by the CPU. */
static void check_dumb_import(void)
{
	struct kms k;
	struct vkc c;
	kms_open(&k);
	open_sharing(&c);
	struct frame f = frame_import(&c, &k, frame_format_find("XR24"), 320, 200, false);
	clear(&c, &f, 0, 1, 0.2f);
	for (uint32_t y = 0; y < 200; y++) {
		const volatile uint8_t *row = (const uint8_t *)f.dumb.map + y * f.dumb.pitch;
		for (uint32_t x = 0; x < 320; x++) {
			expect(row[x * 4] == 51 && row[x * 4 + 1] == 255 && row[x * 4 + 2] == 0,
			       "the buffer has another colour");
		}
	}
	frame_destroy(&c, &k, &f);
	vkc_close(&c);
	kms_close(&k);
}

/* --- processes -------------------------------------------------------------------------------------- */

/* Two programs at once, each with its context. */
static void check_two_clients(void)
{
	pid_t other = fork();
	expect(other >= 0, "no second process");
	struct vkc c;
	vkc_open(&c, "checks", false);
	for (int i = 0; i < 100; i++) {
		submit_nothing(&c);
	}
	vkc_close(&c);
	if (other == 0) {
		exit(0);
	}
	int status;
	expect(waitpid(other, &status, 0) == other && status == 0, "the second program failed");
}

static const struct {
	const char *name;
	void (*run)(void);
} checks[] = {
	{ "get_queue", check_get_queue },
	{ "empty_submit", check_empty_submit },
	{ "timeline", check_timeline },
	{ "queries", check_queries },
	{ "memory", check_memory },
	{ "sizes", check_sizes },
	{ "swapchain_offered", check_swapchain_offered },
	{ "export", check_export },
	{ "dumb_import", check_dumb_import },
	{ "two_clients", check_two_clients },
	{ "live_blobs", check_live_blobs },
};

/* Runs a check in a process of its own; what that says on stderr is why it failed. */
static bool run_one(const char *name, void (*run)(void))
{
	int pipes[2];
	char why[400];
	size_t length = 0;
	ssize_t got;
	if (pipe(pipes) < 0) {
		vkc_fail("no pipe");
	}
	uint64_t start = vkc_now_ns();
	pid_t child = fork();
	if (child == 0) {
		dup2(pipes[1], STDERR_FILENO);
		close(pipes[0]);
		close(pipes[1]);
		alarm(DEADLINE_S);
		run();
		exit(0);
	}
	close(pipes[1]);
	while ((got = read(pipes[0], why + length, sizeof(why) - 1 - length)) > 0) {
		length += (size_t)got;
	}
	close(pipes[0]);
	int status = -1;
	waitpid(child, &status, 0);
	if (status == 0) {
		printf("ok %s (%.1f s)\n", name, (double)(vkc_now_ns() - start) / 1e9);
		return true;
	}
	while (length > 0 && why[length - 1] == '\n') {
		length--;
	}
	why[length] = 0;
	for (char *at = why; (at = strchr(at, '\n')) != NULL;) {
		*at = ' ';
	}
	if (WIFSIGNALED(status)) {
		printf("FAIL %s signal %d: %s\n", name, WTERMSIG(status), why);
	} else {
		printf("FAIL %s %s\n", name, why);
	}
	return false;
}

bool checks_run(void)
{
	bool good = true;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		good = run_one(checks[i].name, checks[i].run) && good;
	}
	return good;
}
