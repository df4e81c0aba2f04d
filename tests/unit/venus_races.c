/* SPDX-License-Identifier: MIT */
/*
 * Rings that create, use and destroy the same objects at the same time: nothing of it may touch freed memory or race,
 * whatever the guest does (docs/threads.md, "When objects are freed"). For ASan and TSan. The driver's commands are
 * replaced by ones without a state, so that what a sanitizer reports is ours.
 *
 *     venus_races [SECONDS [RINGS [SEED]]]
 */
#include <stdatomic.h>
#include <time.h>

#include "base/mem.h"
#include "guest_ring.h"
#include "platform/shm.h"
#include "platform/thread.h"

enum { MAX_RINGS = 64, SLOTS = 24, PATIENCE_MS = 60000 };

enum kind { BUFFER, IMAGE, FENCE, SEMAPHORE, EVENT, SAMPLER, POOL, COMMANDS, MEMORY, DEVICE2, KIND_COUNT };

/* An object whose id another ring has taken meanwhile ends the context, and ends with the worker's process, which is
 * not this one. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:vtr_hand_vkAllocateMemory\nleak:vtr_hand_vkCreateDevice\n";
}

static struct guest guest;
static uint8_t *rings[MAX_RINGS];
static unsigned ring_count = 24;
/* Recordings of each slot's command buffer, as indirect streams: a plain one, one with a command that records nothing,
 * and one that executes the next slot's buffer. */
enum what { WHOLE, FOREIGN, EXECUTES, WHATS };
enum { STREAMS_RES = 100, STREAM_SIZE = 8192, STREAM_DRAWS = 150 };
static uint8_t *streams;
static size_t stream_sizes[WHATS];
static bool alive[KIND_COUNT][SLOTS];
/* Of the context: how often a command goes through another ring than its object's (one of this many), and the kind and
 * the number of the objects that half of all commands are about. */
static uint32_t stray;
static enum kind hot_kind;
static uint32_t hot_slots;
static uint64_t seed = 1;
static _Atomic uint64_t next_handle;
static VkDevice devices[1 << 16]; /* to be destroyed when no ring runs any more */
static atomic_uint device_count;

/* --- a driver without a state ------------------------------------------------------------------------- */

/* Now and then the driver takes a while, so that other rings get ahead of this one. */
static void linger(void)
{
	static _Atomic unsigned calls;

	if (atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) % 16 == 0) {
		usleep(200);
	}
}

static VkResult make(void *device, const void *info, const void *allocator, uint64_t *out)
{
	(void)device;
	(void)info;
	(void)allocator;
	linger();
	*out = 4096 + 16 * atomic_fetch_add(&next_handle, 1);
	return VK_SUCCESS;
}

static VkResult make_commands(void *device, const VkCommandBufferAllocateInfo *info, uint64_t *out)
{
	(void)device;
	for (uint32_t i = 0; i < info->commandBufferCount; i++) {
		out[i] = 4096 + 16 * atomic_fetch_add(&next_handle, 1);
	}
	return VK_SUCCESS;
}

static VkResult succeed(void)
{
	linger();
	return VK_SUCCESS;
}

static void ignore(void)
{
	linger();
}

static void draw(void)
{
}

/* A real driver may not be entered with the device after this. So a race may not call it either, but whether it does is
 * not what this test can see. */
static void keep_device(VkDevice device, const VkAllocationCallbacks *allocator)
{
	const unsigned i = atomic_fetch_add(&device_count, 1);

	(void)allocator;
	if (device != NULL && i < VTR_ARRAY_LEN(devices)) {
		devices[i] = device;
	}
}

static void replace(void)
{
	REPLACE(vkCreateBuffer, make);
	REPLACE(vkDestroyBuffer, ignore);
	REPLACE(vkBindBufferMemory, succeed);
	REPLACE(vkCreateImage, make);
	REPLACE(vkDestroyImage, ignore);
	REPLACE(vkGetImageMemoryRequirements, ignore);
	REPLACE(vkBindImageMemory, succeed);
	REPLACE(vkCreateFence, make);
	REPLACE(vkDestroyFence, ignore);
	REPLACE(vkResetFences, succeed);
	REPLACE(vkGetFenceStatus, succeed);
	REPLACE(vkWaitForFences, succeed);
	REPLACE(vkCreateSemaphore, make);
	REPLACE(vkDestroySemaphore, ignore);
	REPLACE(vkSignalSemaphore, succeed);
	REPLACE(vkWaitSemaphores, succeed);
	REPLACE(vkGetSemaphoreCounterValue, succeed);
	REPLACE(vkCreateEvent, make);
	REPLACE(vkDestroyEvent, ignore);
	REPLACE(vkSetEvent, succeed);
	REPLACE(vkCreateSampler, make);
	REPLACE(vkDestroySampler, ignore);
	REPLACE(vkCreateCommandPool, make);
	REPLACE(vkDestroyCommandPool, ignore);
	REPLACE(vkResetCommandPool, succeed);
	REPLACE(vkAllocateCommandBuffers, make_commands);
	REPLACE(vkFreeCommandBuffers, ignore);
	REPLACE(vkBeginCommandBuffer, succeed);
	REPLACE(vkEndCommandBuffer, succeed);
	REPLACE(vkCmdDraw, draw);
	REPLACE(vkCmdExecuteCommands, draw);
	REPLACE(vkQueueSubmit, succeed);
	REPLACE(vkQueueWaitIdle, succeed);
	REPLACE(vkDeviceWaitIdle, succeed);
	REPLACE(vkDestroyDevice, keep_device);
}

/* --- commands ------------------------------------------------------------------------------------------ */

static uint32_t below(uint32_t limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 33) % limit;
}

static uint64_t id_of(enum kind kind, uint32_t slot)
{
	return 1000 + (uint64_t)kind * SLOTS + slot;
}

#define ON_DEVICE .device = ID(VkDevice, DEVICE)
#define ENC(name, ...) enc_##name(w, 0, &(struct vtw_##name){ __VA_ARGS__ })
#define ENC_CREATE(name, member, ...) \
	ENC(name, ON_DEVICE, .pCreateInfo = &(const Vk##member##CreateInfo){ __VA_ARGS__ }, .p##member = id)

static void put_device(struct vtr_cs_writer *w, uint64_t id)
{
	const float priority = 1.0f;
	const VkDeviceQueueCreateInfo queues = { .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		                                 .queueCount = 1,
		                                 .pQueuePriorities = &priority };
	const VkDeviceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		                          .queueCreateInfoCount = 1,
		                          .pQueueCreateInfos = &queues };

	ENC(vkCreateDevice, .physicalDevice = ID(VkPhysicalDevice, PHYSICAL), .pCreateInfo = &info,
	    .pDevice = id);
}

static void put_create(struct vtr_cs_writer *w, enum kind kind, uint32_t slot)
{
	const uint64_t id = id_of(kind, slot);
	uint64_t ids[] = { id };
	const VkSemaphoreTypeCreateInfo timeline = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
		                                     .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE };
	const VkCommandBufferAllocateInfo commands = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = ID(VkCommandPool, id_of(POOL, slot)),
		.commandBufferCount = 1,
	};
	const VkMemoryAllocateInfo memory = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		                              .allocationSize = 4096 };

	switch (kind) {
	case BUFFER:
		ENC_CREATE(vkCreateBuffer, Buffer, .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = 64);
		break;
	case IMAGE:
		ENC_CREATE(vkCreateImage, Image, .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		           .format = VK_FORMAT_R8_UNORM, .extent = { 4, 4, 1 }, .mipLevels = 1,
		           .arrayLayers = 1);
		break;
	case FENCE:
		ENC_CREATE(vkCreateFence, Fence, .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO);
		break;
	case SEMAPHORE:
		ENC_CREATE(vkCreateSemaphore, Semaphore, .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
		           .pNext = &timeline);
		break;
	case EVENT:
		ENC_CREATE(vkCreateEvent, Event, .sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO);
		break;
	case SAMPLER:
		ENC_CREATE(vkCreateSampler, Sampler, .sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO);
		break;
	case POOL:
		ENC_CREATE(vkCreateCommandPool, CommandPool,
		           .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO);
		break;
	case COMMANDS:
		ENC(vkAllocateCommandBuffers, ON_DEVICE, .pAllocateInfo = &commands, .pCommandBuffers = ids);
		break;
	case MEMORY:
		ENC(vkAllocateMemory, ON_DEVICE, .pAllocateInfo = &memory, .pMemory = id);
		break;
	case DEVICE2:
		put_device(w, id);
		break;
	case KIND_COUNT:
		break;
	}
}

static void put_destroy(struct vtr_cs_writer *w, enum kind kind, uint32_t slot)
{
	const uint64_t id = id_of(kind, slot);

	switch (kind) {
	case BUFFER:
		ENC(vkDestroyBuffer, ON_DEVICE, .buffer = ID(VkBuffer, id));
		break;
	case IMAGE:
		ENC(vkDestroyImage, ON_DEVICE, .image = ID(VkImage, id));
		break;
	case FENCE:
		ENC(vkDestroyFence, ON_DEVICE, .fence = ID(VkFence, id));
		break;
	case SEMAPHORE:
		ENC(vkDestroySemaphore, ON_DEVICE, .semaphore = ID(VkSemaphore, id));
		break;
	case EVENT:
		ENC(vkDestroyEvent, ON_DEVICE, .event = ID(VkEvent, id));
		break;
	case SAMPLER:
		ENC(vkDestroySampler, ON_DEVICE, .sampler = ID(VkSampler, id));
		break;
	case POOL:
		ENC(vkDestroyCommandPool, ON_DEVICE, .commandPool = ID(VkCommandPool, id));
		alive[COMMANDS][slot] = false;
		break;
	case COMMANDS:
		ENC(vkFreeCommandBuffers, ON_DEVICE, .commandPool = ID(VkCommandPool, id_of(POOL, slot)),
		    .commandBufferCount = 1,
		    .pCommandBuffers = (const VkCommandBuffer[]){ ID(VkCommandBuffer, id) });
		break;
	case MEMORY:
		ENC(vkFreeMemory, ON_DEVICE, .memory = ID(VkDeviceMemory, id));
		break;
	case DEVICE2:
		ENC(vkDestroyDevice, .device = ID(VkDevice, id));
		break;
	case KIND_COUNT:
		break;
	}
}

/* Uses an object, if there is something that uses one of this kind. */
static void put_use(struct vtr_cs_writer *w, enum kind kind, uint32_t slot)
{
	const uint64_t id = id_of(kind, slot);
	const VkFence fence = ID(VkFence, id);
	const VkSemaphore semaphore = ID(VkSemaphore, id);
	const VkCommandBuffer commands = ID(VkCommandBuffer, id);
	const uint64_t value = 1;
	const VkSubmitInfo submit = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		                      .commandBufferCount = 1,
		                      .pCommandBuffers = &commands };
	const VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
	const uint32_t what = below(WHATS);
	const VkCommandStreamDescriptionMESA stream = { .resourceId = STREAMS_RES,
		                                        .offset = ((size_t)slot * WHATS + what) * STREAM_SIZE,
		                                        .size = stream_sizes[what] };
	const VkSemaphoreWaitInfo wait = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
		                           .semaphoreCount = 1,
		                           .pSemaphores = &semaphore,
		                           .pValues = &value };

	switch (kind) {
	case BUFFER:
		ENC(vkBindBufferMemory, ON_DEVICE, .buffer = ID(VkBuffer, id),
		    .memory = ID(VkDeviceMemory, id_of(MEMORY, slot)));
		break;
	case FENCE:
		ENC(vkQueueSubmit, .queue = ID(VkQueue, QUEUE), .fence = fence);
		ENC(vkWaitForFences, ON_DEVICE, .fenceCount = 1, .pFences = &fence, .timeout = 1000);
		ENC(vkResetFences, ON_DEVICE, .fenceCount = 1, .pFences = &fence);
		break;
	case SEMAPHORE:
		ENC(vkWaitSemaphores, ON_DEVICE, .pWaitInfo = &wait, .timeout = 1000);
		break;
	case EVENT:
		ENC(vkSetEvent, ON_DEVICE, .event = ID(VkEvent, id));
		break;
	case POOL:
		ENC(vkResetCommandPool, ON_DEVICE, .commandPool = ID(VkCommandPool, id));
		break;
	case COMMANDS:
		if (below(2) == 0) {
			ENC(vkExecuteCommandStreamsMESA, .streamCount = 1, .pStreams = &stream);
			ENC(vkQueueSubmit, .queue = ID(VkQueue, QUEUE), .submitCount = 1,
			    .pSubmits = &submit);
			break;
		}
		ENC(vkBeginCommandBuffer, .commandBuffer = commands, .pBeginInfo = &begin);
		ENC(vkEndCommandBuffer, .commandBuffer = commands);
		ENC(vkQueueSubmit, .queue = ID(VkQueue, QUEUE), .submitCount = 1, .pSubmits = &submit);
		ENC(vkQueueWaitIdle, .queue = ID(VkQueue, QUEUE2));
		break;
	case DEVICE2:
		ENC(vkDeviceWaitIdle, .device = ID(VkDevice, id));
		break;
	case IMAGE:
	case SAMPLER:
	case MEMORY:
	case KIND_COUNT:
		break;
	}
}

/* --- rings --------------------------------------------------------------------------------------------- */

static uint32_t *word(unsigned ring, size_t at)
{
	return (uint32_t *)(void *)(rings[ring] + at);
}

static bool is_broken(unsigned ring)
{
	return (__atomic_load_n(word(ring, STATUS_AT), __ATOMIC_SEQ_CST) & VK_RING_STATUS_FATAL_BIT_MESA) !=
	       0;
}

/* In the ring's memory. Returns: false if the context has died. */
static bool start_ring(unsigned ring)
{
	memset(rings[ring], 0, RING_SIZE);
	return guest_create_ring(&guest, ring, REPLY_RES + 1 + ring) == VTR_OK;
}

static void make_ring(unsigned ring)
{
	rings[ring] = guest_make_shm(&guest, REPLY_RES + 1 + ring, RING_SIZE);
	CHECK(start_ring(ring));
}

/* Puts what was encoded into a ring. Returns: false if the context has died. */
static bool write_ring(unsigned ring, const struct vtr_cs_writer *w)
{
	const size_t size = (size_t)(w->cur - guest.bytes);
	const uint32_t tail = __atomic_load_n(word(ring, TAIL_AT), __ATOMIC_RELAXED);
	const int64_t end_ns = vtr_os_now_ns() + PATIENCE_MS * INT64_C(1000000);

	CHECK(!w->full && size <= BUFFER_SIZE);
	while (tail - __atomic_load_n(word(ring, HEAD_AT), __ATOMIC_ACQUIRE) + size > BUFFER_SIZE) {
		if (is_broken(ring)) {
			return false;
		}
		CHECK(vtr_os_now_ns() < end_ns); /* it does not get on */
		usleep(50);
	}
	for (size_t i = 0; i < size; i++) {
		rings[ring][BUFFER_AT + (tail + i) % BUFFER_SIZE] = guest.bytes[i];
	}
	__atomic_store_n(word(ring, TAIL_AT), tail + (uint32_t)size, __ATOMIC_SEQ_CST);
	if ((__atomic_load_n(word(ring, STATUS_AT), __ATOMIC_SEQ_CST) & VK_RING_STATUS_IDLE_BIT_MESA) != 0) {
		(void)SEND(&guest, vkNotifyRingMESA, .ring = 100 + ring); /* fails if the context has died */
	}
	return !is_broken(ring);
}

/* One command about a random object. Returns: false if the context has died. */
static bool step(void)
{
	const bool hot = below(2) == 0;
	const enum kind kind = hot ? hot_kind : (enum kind)below(KIND_COUNT);
	const uint32_t slot = below(hot ? hot_slots : SLOTS);
	const uint32_t what = below(8);
	struct vtr_cs_writer *w = guest_begin(&guest);
	unsigned ring = slot % ring_count;

	if (kind == DEVICE2 && !hot && below(16) != 0) {
		return true; /* seldom: it takes longest */
	}
	if (below(512) == 0) { /* a ring ends with what it has, and another one begins */
		ring = below(ring_count);
		return SEND(&guest, vkDestroyRingMESA, .ring = 100 + ring) == VTR_OK && start_ring(ring);
	}
	if (below(64) == 0) {
		ring = below(ring_count);
		return SEND(&guest, vkWaitRingSeqnoMESA, .ring = 100 + ring, .seqno = *word(ring, TAIL_AT)) ==
		       VTR_OK;
	}
	if (below(stray) == 0) {
		ring = below(ring_count);
	}
	/* Children and what is bound together have the same slot, so without strays all is in order. */
	if ((kind == COMMANDS && !alive[POOL][slot]) ||
	    (kind == BUFFER && what > 1 && !alive[MEMORY][slot])) {
		return true;
	}
	if (!alive[kind][slot]) {
		put_create(w, kind, slot);
		alive[kind][slot] = true;
	} else if (what < 2) {
		put_destroy(w, kind, slot);
		alive[kind][slot] = false;
	} else {
		put_use(w, kind, slot);
	}
	return w->cur == guest.bytes || write_ring(ring, w);
}

static void make_stream(uint32_t slot, enum what what)
{
	const VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
	const VkCommandBuffer commands = ID(VkCommandBuffer, id_of(COMMANDS, slot));
	const VkCommandBuffer next = ID(VkCommandBuffer, id_of(COMMANDS, (slot + 1) % SLOTS));
	uint8_t *at = streams + ((size_t)slot * WHATS + what) * STREAM_SIZE;
	struct vtr_cs_writer writer = { .cur = at, .end = at + STREAM_SIZE };
	struct vtr_cs_writer *w = &writer;

	ENC(vkBeginCommandBuffer, .commandBuffer = commands, .pBeginInfo = &begin);
	for (uint32_t i = 0; i < STREAM_DRAWS; i++) {
		if (i == STREAM_DRAWS / 2 && what == FOREIGN) {
			ENC(vkDestroyFence, ON_DEVICE);
		} else if (i == STREAM_DRAWS / 2 && what == EXECUTES) {
			ENC(vkCmdExecuteCommands, .commandBuffer = commands, .commandBufferCount = 1,
			    .pCommandBuffers = &next);
		}
		ENC(vkCmdDraw, .commandBuffer = commands, .vertexCount = i);
	}
	ENC(vkEndCommandBuffer, .commandBuffer = commands);
	CHECK(!w->full);
	stream_sizes[what] = (size_t)(w->cur - at);
}

static void make_streams(void)
{
	streams = guest_make_shm(&guest, STREAMS_RES, SLOTS * WHATS * STREAM_SIZE);
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		for (enum what what = WHOLE; what < WHATS; what++) {
			make_stream(slot, what);
		}
	}
}

/* One context, until it has died of a command that came too early or too late, or the time is over. */
static uint64_t live(int64_t end_ns)
{
	const struct guest_setup setup = { .replace = replace, .max_memory = 256 << 20 };
	uint64_t steps = 0;

	guest_open(&guest, &setup);
	memset(alive, 0, sizeof(alive));
	stray = 1u << (1 + below(8));
	hot_kind = (enum kind)below(KIND_COUNT);
	hot_slots = 1 + below(SLOTS);
	for (unsigned i = 0; i < ring_count; i++) {
		make_ring(i);
	}
	make_streams();
	while (vtr_os_now_ns() < end_ns && step()) {
		steps++;
	}
	const PFN_vkDestroyDevice destroy_device = ORIGINAL(vkDestroyDevice);
	vtr_venus_destroy(guest.venus);
	CHECK(atomic_load(&device_count) <= VTR_ARRAY_LEN(devices));
	for (unsigned i = 0; i < atomic_load(&device_count); i++) {
		destroy_device(devices[i], NULL);
	}
	atomic_store(&device_count, 0);
	guest.venus = NULL;
	for (unsigned i = 0; i < ring_count; i++) {
		vtr_os_shm_unmap(rings[i], RING_SIZE);
	}
	vtr_os_shm_unmap(streams, SLOTS * WHATS * STREAM_SIZE);
	guest_close(&guest);
	return steps;
}

int main(int argc, char **argv)
{
	const int64_t seconds = argc > 1 ? atoi(argv[1]) : 3;
	uint64_t steps = 0;
	unsigned contexts = 0;

	ring_count = argc > 2 ? (unsigned)atoi(argv[2]) : 24;
	CHECK(ring_count > 0 && ring_count <= MAX_RINGS);
	seed = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)time(NULL);
	printf("seed %" PRIu64 "\n", seed);
	for (int64_t end_ns = vtr_os_now_ns() + seconds * INT64_C(1000000000); vtr_os_now_ns() < end_ns;) {
		steps += live(end_ns);
		contexts++;
	}
	printf("%u contexts, %" PRIu64 " commands\n", contexts, steps);
	CHECK(steps > 100);
	return 0;
}
