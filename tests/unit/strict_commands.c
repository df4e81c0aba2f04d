/* SPDX-License-Identifier: MIT */
#include "strict_commands.h"

#include <sched.h>

#include "base/list.h"
#include "base/mem.h"
#include "platform/thread.h"
#include "venus_guest.h"

enum { PATIENCE_MS = 60000 };

enum state { INITIAL, RECORDING, WHOLE };

struct pool {
	struct vtr_list buffers;
	atomic_flag busy;
};

struct buffer {
	struct vtr_list link;
	struct pool *pool;
	enum state state;
	uint64_t sum; /* of all that was recorded, in order */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static uint64_t submitted[64]; /* the sums of the buffers of the last submit */
static uint32_t submit_count;

atomic_uint strict_held, strict_calls, strict_block, strict_destroyed, strict_submits,
	strict_submits_at_destroy;
atomic_bool strict_hold;
atomic_int strict_begin_fails, strict_end_fails;

static void enter(struct pool *pool)
{
	CHECK(!atomic_flag_test_and_set(&pool->busy)); /* one thread at a time */
}

static void leave(struct pool *pool)
{
	atomic_flag_clear(&pool->busy);
}

static bool fails(atomic_int *count)
{
	int n = atomic_load(count);

	while (n > 0 && !atomic_compare_exchange_weak(count, &n, n - 1)) {
	}
	return n > 0;
}

static VkResult create_pool(VkDevice device, const void *info, const void *allocator, struct pool **out)
{
	struct pool *pool;

	(void)device;
	(void)info;
	(void)allocator;
	pool = calloc(1, sizeof(*pool));
	CHECK(pool != NULL);
	vtr_list_init(&pool->buffers);
	*out = pool;
	return VK_SUCCESS;
}

static void free_buffer(struct buffer *buffer)
{
	vtr_list_remove(&buffer->link);
	free(buffer);
}

static void destroy_pool(VkDevice device, struct pool *pool, const void *allocator)
{
	(void)device;
	(void)allocator;
	if (pool == NULL) {
		return;
	}
	enter(pool);
	while (!vtr_list_empty(&pool->buffers)) {
		free_buffer(vtr_container_of(pool->buffers.next, struct buffer, link));
	}
	free(pool);
}

static VkResult reset_pool(VkDevice device, struct pool *pool, VkFlags flags)
{
	struct buffer *buffer;

	(void)device;
	(void)flags;
	enter(pool);
	vtr_list_for_each (buffer, &pool->buffers, link) {
		buffer->state = INITIAL;
	}
	leave(pool);
	return VK_SUCCESS;
}

static void trim_pool(VkDevice device, struct pool *pool, VkFlags flags)
{
	(void)device;
	(void)flags;
	enter(pool);
	leave(pool);
}

static VkResult allocate(VkDevice device, const VkCommandBufferAllocateInfo *info, struct buffer **out)
{
	struct pool *pool = (struct pool *)(void *)info->commandPool;

	(void)device;
	enter(pool);
	for (uint32_t i = 0; i < info->commandBufferCount; i++) {
		out[i] = calloc(1, sizeof(*out[i]));
		CHECK(out[i] != NULL);
		out[i]->pool = pool;
		vtr_list_append(&pool->buffers, &out[i]->link);
	}
	leave(pool);
	return VK_SUCCESS;
}

static void free_buffers(VkDevice device, struct pool *pool, uint32_t count, struct buffer *const *list)
{
	(void)device;
	enter(pool);
	for (uint32_t i = 0; i < count; i++) {
		if (list[i] != NULL) {
			CHECK(list[i]->pool == pool);
			free_buffer(list[i]);
		}
	}
	leave(pool);
}

static VkResult begin(struct buffer *buffer, const VkCommandBufferBeginInfo *info)
{
	(void)info;
	if (fails(&strict_begin_fails)) {
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
	enter(buffer->pool);
	CHECK(buffer->state != RECORDING);
	buffer->state = RECORDING;
	buffer->sum = 0;
	leave(buffer->pool);
	return VK_SUCCESS;
}

static VkResult end(struct buffer *buffer)
{
	if (fails(&strict_end_fails)) {
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
	enter(buffer->pool);
	CHECK_EQ(buffer->state, RECORDING);
	buffer->state = WHOLE;
	leave(buffer->pool);
	return VK_SUCCESS;
}

static VkResult reset(struct buffer *buffer, VkFlags flags)
{
	(void)flags;
	enter(buffer->pool);
	buffer->state = INITIAL;
	leave(buffer->pool);
	return VK_SUCCESS;
}

static void add(struct buffer *buffer, uint64_t value)
{
	buffer->sum = strict_add(buffer->sum, value);
}

static void draw(struct buffer *buffer, uint32_t vertices, uint32_t instances, uint32_t first,
                 uint32_t first_instance)
{
	const int64_t limit = vtr_os_now_ns() + PATIENCE_MS * INT64_C(1000000);

	(void)instances;
	(void)first_instance;
	enter(buffer->pool);
	CHECK_EQ(buffer->state, RECORDING);
	if (first == 0 && atomic_load(&strict_hold)) {
		atomic_fetch_add(&strict_held, 1);
		while (atomic_load(&strict_hold)) {
			CHECK(vtr_os_now_ns() < limit);
			sched_yield();
		}
		atomic_fetch_sub(&strict_held, 1);
	}
	add(buffer, vertices);
	leave(buffer->pool);
}

static void execute_commands(struct buffer *buffer, uint32_t count, struct buffer *const *list)
{
	enter(buffer->pool);
	for (uint32_t i = 0; i < count; i++) {
		CHECK_EQ(list[i]->state, WHOLE);
		add(buffer, list[i]->sum);
	}
	leave(buffer->pool);
}

static VkResult submit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence)
{
	atomic_fetch_add(&strict_submits, 1);
	pthread_mutex_lock(&lock);
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t n = 0; n < infos[i].commandBufferCount; n++) {
			const struct buffer *buffer = (struct buffer *)(void *)infos[i].pCommandBuffers[n];

			CHECK_EQ(buffer->state, WHOLE);
			CHECK(submit_count < VTR_ARRAY_LEN(submitted));
			submitted[submit_count++] = buffer->sum;
		}
	}
	pthread_mutex_unlock(&lock);
	return ORIGINAL(vkQueueSubmit)(queue, 0, NULL, fence);
}

static void stop(void)
{
	const int64_t limit = vtr_os_now_ns() + PATIENCE_MS * INT64_C(1000000);
	const unsigned call = atomic_fetch_add(&strict_calls, 1) + 1;

	while (atomic_load(&strict_block) != 0 && call >= atomic_load(&strict_block)) {
		CHECK(vtr_os_now_ns() < limit);
		sched_yield();
	}
}

static VkResult create_buffer(VkDevice device, const VkBufferCreateInfo *info,
                              const VkAllocationCallbacks *allocator, VkBuffer *out)
{
	stop();
	return ORIGINAL(vkCreateBuffer)(device, info, allocator, out);
}

static VkResult wait_for_fences(VkDevice device, uint32_t count, const VkFence *fences, VkBool32 all,
                                uint64_t timeout)
{
	stop();
	return ORIGINAL(vkWaitForFences)(device, count, fences, all, timeout);
}

static void destroy_buffer(VkDevice device, VkBuffer buffer, const VkAllocationCallbacks *allocator)
{
	atomic_store(&strict_submits_at_destroy, atomic_load(&strict_submits));
	atomic_fetch_add(&strict_destroyed, 1);
	ORIGINAL(vkDestroyBuffer)(device, buffer, allocator);
}

void strict_replace(void)
{
	REPLACE(vkCreateCommandPool, create_pool);
	REPLACE(vkDestroyCommandPool, destroy_pool);
	REPLACE(vkResetCommandPool, reset_pool);
	REPLACE(vkTrimCommandPool, trim_pool);
	REPLACE(vkAllocateCommandBuffers, allocate);
	REPLACE(vkFreeCommandBuffers, free_buffers);
	REPLACE(vkBeginCommandBuffer, begin);
	REPLACE(vkEndCommandBuffer, end);
	REPLACE(vkResetCommandBuffer, reset);
	REPLACE(vkCmdDraw, draw);
	REPLACE(vkCmdExecuteCommands, execute_commands);
	REPLACE(vkQueueSubmit, submit);
	REPLACE(vkCreateBuffer, create_buffer);
	REPLACE(vkDestroyBuffer, destroy_buffer);
	REPLACE(vkWaitForFences, wait_for_fences);
}

/* --- a driver without a state ------------------------------------------------------------------------- */

static VkResult make(void *device, const void *info, const void *allocator, uint64_t *out)
{
	static _Atomic uint64_t next = 4096;

	(void)device;
	(void)info;
	(void)allocator;
	*out = atomic_fetch_add(&next, 16);
	return VK_SUCCESS;
}

static VkResult make_commands(void *device, const VkCommandBufferAllocateInfo *info, uint64_t *out)
{
	for (uint32_t i = 0; i < info->commandBufferCount; i++) {
		(void)make(device, NULL, NULL, &out[i]);
	}
	return VK_SUCCESS;
}

static VkResult succeed(void)
{
	return VK_SUCCESS;
}

void strict_replace_by_nothing(void)
{
	REPLACE(vkCreateCommandPool, make);
	REPLACE(vkDestroyCommandPool, succeed);
	REPLACE(vkResetCommandPool, succeed);
	REPLACE(vkAllocateCommandBuffers, make_commands);
	REPLACE(vkFreeCommandBuffers, succeed);
	REPLACE(vkBeginCommandBuffer, succeed);
	REPLACE(vkEndCommandBuffer, succeed);
	REPLACE(vkCmdDraw, succeed);
	REPLACE(vkQueueSubmit, succeed);
}

/* --- what a test asks ------------------------------------------------------------------------------------ */

uint64_t strict_add(uint64_t sum, uint64_t value)
{
	return (sum ^ value) * UINT64_C(0x100000001b3) + 1;
}

void strict_forget_submits(void)
{
	pthread_mutex_lock(&lock);
	submit_count = 0;
	pthread_mutex_unlock(&lock);
}

uint32_t strict_submitted(void)
{
	uint32_t count;

	pthread_mutex_lock(&lock);
	count = submit_count;
	pthread_mutex_unlock(&lock);
	return count;
}

uint64_t strict_sum(uint32_t at)
{
	uint64_t sum;

	CHECK(at < strict_submitted());
	pthread_mutex_lock(&lock);
	sum = submitted[at];
	pthread_mutex_unlock(&lock);
	return sum;
}
