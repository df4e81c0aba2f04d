/* SPDX-License-Identifier: MIT */
/* Object ids: which are refused, when they can be used again, and what happens to objects that could not be created. */
#include "venus_guest.h"

static const VkFenceCreateInfo fence_info = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
static const VkEventCreateInfo event_info = { .sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO };

#define CREATE_FENCE(how, g, id) \
	how(g, vkCreateFence, .device = ID(VkDevice, DEVICE), .pCreateInfo = &fence_info, .pFence = (id))
#define DESTROY_FENCE(g, id) \
	SEND(g, vkDestroyFence, .device = ID(VkDevice, DEVICE), .fence = ID(VkFence, (id)))
#define FENCE_STATUS(g, id) \
	CALL(g, vkGetFenceStatus, .device = ID(VkDevice, DEVICE), .fence = ID(VkFence, (id)))

static void new_ids(void)
{
	static const char why[] = "a new object's id is zero, out of range or in use";
	struct guest g;

	guest_open(&g, NULL);
	CHECK_REFUSED(&g, why, vkCreateFence, .device = ID(VkDevice, DEVICE), .pCreateInfo = &fence_info,
	              .pFence = 0);
	CHECK_REFUSED(&g, why, vkCreateFence, .device = ID(VkDevice, DEVICE), .pCreateInfo = &fence_info,
	              .pFence = VTR_IDMAP_MAX_IDS);
	CHECK_REFUSED(&g, why, vkCreateFence, .device = ID(VkDevice, DEVICE), .pCreateInfo = &fence_info,
	              .pFence = QUEUE);
	CHECK_EQ(CREATE_FENCE(CALL, &g, VTR_IDMAP_MAX_IDS - 1), VK_SUCCESS);
	guest_close(&g);
}

static void wrong_ids(void)
{
	struct guest g;

	guest_open(&g, NULL);
	/* Nothing has this id. */
	CHECK_REFUSED(&g, "no such object", vkDestroyFence, .device = ID(VkDevice, DEVICE),
	              .fence = ID(VkFence, FREE));
	CHECK_REFUSED(&g, "an object is of another type", vkDestroyFence, .device = ID(VkDevice, DEVICE),
	              .fence = ID(VkFence, QUEUE));
	CHECK_REFUSED(&g, "the object that the command belongs to is missing", vkDestroyFence,
	              .fence = ID(VkFence, 0));
	CHECK_OK(DESTROY_FENCE(&g, 0)); /* VK_NULL_HANDLE is valid here */
	/* The second time, the id names nothing. */
	CHECK_EQ(CREATE_FENCE(CALL, &g, FREE), VK_SUCCESS);
	CHECK_OK(DESTROY_FENCE(&g, FREE));
	CHECK_REFUSED(&g, "no such object", vkDestroyFence, .device = ID(VkDevice, DEVICE),
	              .fence = ID(VkFence, FREE));
	guest_close(&g);
}

static void ids_are_used_again(void)
{
	struct guest g;

	guest_open(&g, NULL);
	for (int i = 0; i < 1000; i++) { /* more than one block of objects holds */
		CHECK_EQ(CREATE_FENCE(CALL, &g, FREE), VK_SUCCESS);
		CHECK_EQ(FENCE_STATUS(&g, FREE), VK_NOT_READY);
		CHECK_OK(DESTROY_FENCE(&g, FREE));
		CHECK_EQ(CALL(&g, vkCreateEvent, .device = ID(VkDevice, DEVICE), .pCreateInfo = &event_info,
		              .pEvent = FREE),
		         VK_SUCCESS);
		CHECK_OK(
			SEND(&g, vkDestroyEvent, .device = ID(VkDevice, DEVICE), .event = ID(VkEvent, FREE)));
	}
	for (uint64_t i = 0; i < 1000; i++) {
		CHECK_EQ(CREATE_FENCE(CALL, &g, FREE + i), VK_SUCCESS);
	}
	guest_close(&g);
}

/* A guest that reads the error may use the id again; one that does not read it may go on to use the object. */
static void failed_objects(void)
{
	const struct guest_setup setup = { .driver = "fail=vkCreateFence:VK_ERROR_OUT_OF_DEVICE_MEMORY:"
		                                     "from=vkTrimCommandPool:times=2" };
	const VkFence fence = ID(VkFence, FREE);
	const VkCommandPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(CALL(&g, vkCreateCommandPool, .device = ID(VkDevice, DEVICE), .pCreateInfo = &pool,
	              .pCommandPool = FREE + 1),
	         VK_SUCCESS);
	CHECK_OK(SEND(&g, vkTrimCommandPool, .device = ID(VkDevice, DEVICE),
	              .commandPool = ID(VkCommandPool, FREE + 1)));
	CHECK_EQ(CREATE_FENCE(CALL, &g, FREE), VK_ERROR_OUT_OF_DEVICE_MEMORY);
	CHECK_OK(CREATE_FENCE(SEND, &g, FREE)); /* fails, too, without a reply */
	CHECK_OK(SEND(&g, vkResetFences, .device = ID(VkDevice, DEVICE), .fenceCount = 1, .pFences = &fence));
	CHECK(FENCE_STATUS(&g, FREE) < 0);
	CHECK_OK(DESTROY_FENCE(&g, FREE)); /* the record of the failure goes */
	CHECK_EQ(CREATE_FENCE(CALL, &g, FREE), VK_SUCCESS);
	CHECK_EQ(FENCE_STATUS(&g, FREE), VK_NOT_READY);
	guest_close(&g);
}

/* Drivers keep a kernel object for each, so a guest cannot create as many as it likes. */
static void fences_have_a_budget(void)
{
	const struct guest_setup setup = { .max_memory = 2 << 20 };
	uint64_t n = 0;
	struct guest g;

	guest_open(&g, &setup);
	while (CREATE_FENCE(CALL, &g, FREE + n) == VK_SUCCESS) {
		n++;
	}
	CHECK(n > 100 && n < (2 << 20) / 4096);
	CHECK_EQ(CREATE_FENCE(CALL, &g, FREE + n), VK_ERROR_OUT_OF_HOST_MEMORY);
	CHECK_OK(DESTROY_FENCE(&g, FREE));
	CHECK_EQ(CREATE_FENCE(CALL, &g, FREE + n), VK_SUCCESS);
	/* Without a reply, the object fails and the context lives. */
	CHECK_OK(CREATE_FENCE(SEND, &g, FREE));
	CHECK_OK(DESTROY_FENCE(&g, FREE));
	/* What is not counted still has room. */
	CHECK_EQ(CALL(&g, vkCreateCommandPool, .device = ID(VkDevice, DEVICE),
	              .pCreateInfo = &(VkCommandPoolCreateInfo){ 0 }, .pCommandPool = FREE),
	         VK_SUCCESS);
	guest_close(&g);
}

/* --- pools ------------------------------------------------------------------------------------------ */

static void make_command_pool(struct guest *g, uint64_t device, uint64_t id)
{
	CHECK_EQ(CALL(g, vkCreateCommandPool, .device = ID(VkDevice, device),
	              .pCreateInfo = &(VkCommandPoolCreateInfo){ 0 }, .pCommandPool = id),
	         VK_SUCCESS);
}

static VkResult allocate_buffers(struct guest *g, uint64_t pool, uint64_t *ids, uint32_t n)
{
	const VkCommandBufferAllocateInfo info = { .commandPool = ID(VkCommandPool, pool),
		                                   .commandBufferCount = n };

	return CALL(g, vkAllocateCommandBuffers, .device = ID(VkDevice, DEVICE), .pAllocateInfo = &info,
	            .pCommandBuffers = ids);
}

#define BEGIN(g, id)                                                              \
	CALL(g, vkBeginCommandBuffer, .commandBuffer = ID(VkCommandBuffer, (id)), \
	     .pBeginInfo = &(VkCommandBufferBeginInfo){ 0 })

static void command_buffers_end_with_their_pool(void)
{
	enum { POOL = FREE, BUFFERS };
	uint64_t ids[] = { BUFFERS, BUFFERS + 1, BUFFERS + 2 };
	const VkCommandBuffer freed[] = { ID(VkCommandBuffer, BUFFERS), NULL };
	struct guest g;

	guest_open(&g, NULL);
	make_command_pool(&g, DEVICE, POOL);
	CHECK_EQ(allocate_buffers(&g, POOL, ids, 3), VK_SUCCESS);
	CHECK_OK(SEND(&g, vkFreeCommandBuffers, .device = ID(VkDevice, DEVICE),
	              .commandPool = ID(VkCommandPool, POOL), .commandBufferCount = 2,
	              .pCommandBuffers = freed));
	CHECK_EQ(allocate_buffers(&g, POOL, ids, 1), VK_SUCCESS);
	CHECK_EQ(BEGIN(&g, BUFFERS + 1), VK_SUCCESS);
	CHECK_OK(SEND(&g, vkDestroyCommandPool, .device = ID(VkDevice, DEVICE),
	              .commandPool = ID(VkCommandPool, POOL)));
	/* All ids are free again, also after freeing none. */
	make_command_pool(&g, DEVICE, POOL);
	CHECK_OK(SEND(&g, vkFreeCommandBuffers, .device = ID(VkDevice, DEVICE),
	              .commandPool = ID(VkCommandPool, POOL)));
	CHECK_EQ(allocate_buffers(&g, POOL, ids, 3), VK_SUCCESS);
	CHECK_OK(SEND(&g, vkDestroyCommandPool, .device = ID(VkDevice, DEVICE),
	              .commandPool = ID(VkCommandPool, POOL)));
	CHECK_OK(SEND(&g, vkDestroyCommandPool, .device = ID(VkDevice, DEVICE)));
	CHECK_REFUSED(&g, "no such object", vkBeginCommandBuffer,
	              .commandBuffer = ID(VkCommandBuffer, BUFFERS + 1),
	              .pBeginInfo = &(VkCommandBufferBeginInfo){ 0 });
	guest_close(&g);
}

static void command_buffers_are_refused(void)
{
	enum { POOL = FREE, BUFFERS, OTHER = FREE + 10 };
	static const char lack[] = "command buffers lack their pool, or their number is 0";
	VkCommandBufferAllocateInfo info = { .commandPool = ID(VkCommandPool, POOL),
		                             .commandBufferCount = 2 };
	uint64_t ids[] = { BUFFERS, BUFFERS + 1 }, twice[] = { BUFFERS, BUFFERS };
	struct guest g;

	guest_open(&g, NULL);
	make_command_pool(&g, DEVICE, POOL);
	info.commandBufferCount = 0;
	CHECK_REFUSED(&g, lack, vkAllocateCommandBuffers, .device = ID(VkDevice, DEVICE),
	              .pAllocateInfo = &info, .pCommandBuffers = ids);
	info.commandBufferCount = 2;
	info.commandPool = NULL;
	CHECK_REFUSED(&g, lack, vkAllocateCommandBuffers, .device = ID(VkDevice, DEVICE),
	              .pAllocateInfo = &info, .pCommandBuffers = ids);
	info.commandPool = ID(VkCommandPool, POOL);
	make_command_pool(&g, DEVICE, POOL);
	CHECK_REFUSED(&g, "a new object's id", vkAllocateCommandBuffers, .device = ID(VkDevice, DEVICE),
	              .pAllocateInfo = &info, .pCommandBuffers = twice);
	/* The pool of another device: its end would not end these. */
	CHECK_EQ(guest_make_device(&g, OTHER, NULL, NULL, 0), VK_SUCCESS);
	make_command_pool(&g, OTHER, POOL);
	CHECK_REFUSED(&g, "its device or pool was destroyed meanwhile", vkAllocateCommandBuffers,
	              .device = ID(VkDevice, DEVICE), .pAllocateInfo = &info, .pCommandBuffers = ids);
	guest_close(&g);
}

static void a_driver_without_room_for_command_buffers(void)
{
	enum { POOL = FREE, BUFFERS };
	const struct guest_setup setup = {
		.driver = "fail=vkAllocateCommandBuffers:VK_ERROR_OUT_OF_DEVICE_MEMORY:after=1:times=2"
	};
	const VkCommandBufferAllocateInfo info = { .commandPool = ID(VkCommandPool, POOL),
		                                   .commandBufferCount = 2 };
	uint64_t ids[] = { BUFFERS, BUFFERS + 1 }, first[] = { BUFFERS + 5 };
	struct guest g;

	guest_open(&g, &setup);
	make_command_pool(&g, DEVICE, POOL);
	CHECK_EQ(allocate_buffers(&g, POOL, first, 1), VK_SUCCESS);
	CHECK_EQ(allocate_buffers(&g, POOL, ids, 2), VK_ERROR_OUT_OF_DEVICE_MEMORY);
	CHECK_OK(SEND(&g, vkAllocateCommandBuffers, .device = ID(VkDevice, DEVICE), .pAllocateInfo = &info,
	              .pCommandBuffers = ids));
	/* They are there, but commands that name them fail. */
	CHECK(BEGIN(&g, BUFFERS) < 0);
	CHECK_EQ(BEGIN(&g, BUFFERS + 5), VK_SUCCESS);
	guest_close(&g);
}

/* --- descriptor sets -------------------------------------------------------------------------------- */

enum { SET_POOL = FREE, LAYOUT, SETS };

static void make_set_pool(struct guest *g)
{
	const VkDescriptorPoolCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
		                                  .maxSets = 8 };

	CHECK_EQ(CALL(g, vkCreateDescriptorPool, .device = ID(VkDevice, DEVICE), .pCreateInfo = &info,
	              .pDescriptorPool = SET_POOL),
	         VK_SUCCESS);
	CHECK_EQ(CALL(g, vkCreateDescriptorSetLayout, .device = ID(VkDevice, DEVICE),
	              .pCreateInfo = &(VkDescriptorSetLayoutCreateInfo){ 0 }, .pSetLayout = LAYOUT),
	         VK_SUCCESS);
}

static const VkDescriptorSetLayout layouts[] = { ID(VkDescriptorSetLayout, LAYOUT),
	                                         ID(VkDescriptorSetLayout, LAYOUT) };
static const VkDescriptorSetAllocateInfo two_sets = { .descriptorPool = ID(VkDescriptorPool, SET_POOL),
	                                              .descriptorSetCount = 2,
	                                              .pSetLayouts = layouts };

#define ALLOCATE_SETS(how, g, ids)                                                                   \
	how(g, vkAllocateDescriptorSets, .device = ID(VkDevice, DEVICE), .pAllocateInfo = &two_sets, \
	    .pDescriptorSets = (ids))

static void descriptor_sets_end_with_their_pool(void)
{
	uint64_t ids[] = { SETS, SETS + 1 }, more[] = { SETS + 2, SETS + 3 };
	const VkDescriptorSet freed[] = { ID(VkDescriptorSet, SETS), NULL };
	const VkDescriptorPool pool = ID(VkDescriptorPool, SET_POOL);
	struct guest g;

	guest_open(&g, NULL);
	make_set_pool(&g);
	CHECK_EQ(ALLOCATE_SETS(CALL, &g, ids), VK_SUCCESS);
	CHECK_EQ(ALLOCATE_SETS(CALL, &g, more), VK_SUCCESS);
	CHECK_EQ(CALL(&g, vkFreeDescriptorSets, .device = ID(VkDevice, DEVICE), .descriptorPool = pool,
	              .descriptorSetCount = 2, .pDescriptorSets = freed),
	         VK_SUCCESS);
	CHECK_EQ(CALL(&g, vkFreeDescriptorSets, .device = ID(VkDevice, DEVICE), .descriptorPool = pool),
	         VK_SUCCESS);
	CHECK_EQ(CALL(&g, vkResetDescriptorPool, .device = ID(VkDevice, DEVICE), .descriptorPool = pool),
	         VK_SUCCESS);
	CHECK_EQ(ALLOCATE_SETS(CALL, &g, ids), VK_SUCCESS);
	CHECK_EQ(ALLOCATE_SETS(CALL, &g, more), VK_SUCCESS);
	CHECK_OK(SEND(&g, vkDestroyDescriptorPool, .device = ID(VkDevice, DEVICE), .descriptorPool = pool));
	CHECK_OK(SEND(&g, vkDestroyDescriptorPool, .device = ID(VkDevice, DEVICE)));
	CHECK_REFUSED(&g, "no such object", vkFreeDescriptorSets, .device = ID(VkDevice, DEVICE),
	              .descriptorPool = pool, .descriptorSetCount = 2, .pDescriptorSets = freed);
	guest_close(&g);
}

static void descriptor_sets_are_refused(void)
{
	static const char lack[] = "descriptor sets lack their pool, or their number is 0";
	VkDescriptorSetAllocateInfo info = { .descriptorPool = ID(VkDescriptorPool, SET_POOL) };
	uint64_t ids[] = { SETS, SETS + 1 }, twice[] = { SETS, SETS };
	struct guest g;

	guest_open(&g, NULL);
	make_set_pool(&g);
	CHECK_REFUSED(&g, lack, vkAllocateDescriptorSets, .device = ID(VkDevice, DEVICE),
	              .pAllocateInfo = &info, .pDescriptorSets = ids);
	make_set_pool(&g);
	info = two_sets;
	info.descriptorPool = NULL;
	CHECK_REFUSED(&g, lack, vkAllocateDescriptorSets, .device = ID(VkDevice, DEVICE),
	              .pAllocateInfo = &info, .pDescriptorSets = ids);
	make_set_pool(&g);
	CHECK_REFUSED(&g, "a new object's id", vkAllocateDescriptorSets, .device = ID(VkDevice, DEVICE),
	              .pAllocateInfo = &two_sets, .pDescriptorSets = twice);
	CHECK_REFUSED(&g, "no pool", vkResetDescriptorPool, .device = ID(VkDevice, DEVICE));
	guest_close(&g);
}

static void a_driver_without_room_for_descriptor_sets(void)
{
	const struct guest_setup setup = {
		.driver = "fail=vkAllocateDescriptorSets:VK_ERROR_OUT_OF_POOL_MEMORY:times=2"
	};
	const VkDescriptorSet freed[] = { ID(VkDescriptorSet, SETS), ID(VkDescriptorSet, SETS + 1) };
	uint64_t ids[] = { SETS, SETS + 1 };
	struct guest g;

	guest_open(&g, &setup);
	make_set_pool(&g);
	CHECK_EQ(ALLOCATE_SETS(CALL, &g, ids), VK_ERROR_OUT_OF_POOL_MEMORY);
	CHECK_OK(ALLOCATE_SETS(SEND, &g, ids));
	/* The ids name failed objects, until their pool is gone. */
	CHECK(CALL(&g, vkFreeDescriptorSets, .device = ID(VkDevice, DEVICE),
	           .descriptorPool = ID(VkDescriptorPool, SET_POOL), .descriptorSetCount = 2,
	           .pDescriptorSets = freed) < 0);
	guest_close(&g);
}

/* --- freed twice in one list ---------------------------------------------------------------------------- */

static uint32_t freed_buffers, freed_sets; /* that the driver saw */

static void count_buffers(VkDevice device, VkCommandPool pool, uint32_t n, const VkCommandBuffer *buffers)
{
	for (uint32_t i = 0; i < n; i++) {
		freed_buffers += buffers[i] != NULL;
	}
	ORIGINAL(vkFreeCommandBuffers)(device, pool, n, buffers);
}

static VkResult count_sets(VkDevice device, VkDescriptorPool pool, uint32_t n, const VkDescriptorSet *sets)
{
	for (uint32_t i = 0; i < n; i++) {
		freed_sets += sets[i] != NULL;
	}
	return ORIGINAL(vkFreeDescriptorSets)(device, pool, n, sets);
}

static void replace_frees(void)
{
	REPLACE(vkFreeCommandBuffers, count_buffers);
	REPLACE(vkFreeDescriptorSets, count_sets);
}

static void the_driver_frees_once(void)
{
	enum { POOL = FREE, BUFFERS };
	const struct guest_setup setup = { .replace = replace_frees };
	uint64_t ids[] = { BUFFERS, BUFFERS + 1 }, sets[] = { SETS, SETS + 1 };
	const VkCommandBuffer twice[] = { ID(VkCommandBuffer, BUFFERS), ID(VkCommandBuffer, BUFFERS) };
	const VkDescriptorSet sets_twice[] = { ID(VkDescriptorSet, SETS), ID(VkDescriptorSet, SETS) };
	struct guest g;

	guest_open(&g, &setup);
	make_command_pool(&g, DEVICE, POOL);
	CHECK_EQ(allocate_buffers(&g, POOL, ids, 2), VK_SUCCESS);
	CHECK_OK(SEND(&g, vkFreeCommandBuffers, .device = ID(VkDevice, DEVICE),
	              .commandPool = ID(VkCommandPool, POOL), .commandBufferCount = 2,
	              .pCommandBuffers = twice));
	CHECK_EQ(freed_buffers, 1);
	CHECK_OK(SEND(&g, vkDestroyCommandPool, .device = ID(VkDevice, DEVICE),
	              .commandPool = ID(VkCommandPool, POOL)));
	guest_close(&g);
	guest_open(&g, &setup);
	make_set_pool(&g);
	CHECK_EQ(ALLOCATE_SETS(CALL, &g, sets), VK_SUCCESS);
	CHECK_EQ(CALL(&g, vkFreeDescriptorSets, .device = ID(VkDevice, DEVICE),
	              .descriptorPool = ID(VkDescriptorPool, SET_POOL), .descriptorSetCount = 2,
	              .pDescriptorSets = sets_twice),
	         VK_SUCCESS);
	CHECK_EQ(freed_sets, 1);
	guest_close(&g);
}

int main(void)
{
	RUN(new_ids);
	RUN(wrong_ids);
	RUN(ids_are_used_again);
	RUN(failed_objects);
	RUN(fences_have_a_budget);
	RUN(command_buffers_end_with_their_pool);
	RUN(command_buffers_are_refused);
	RUN(a_driver_without_room_for_command_buffers);
	RUN(descriptor_sets_end_with_their_pool);
	RUN(descriptor_sets_are_refused);
	RUN(a_driver_without_room_for_descriptor_sets);
	RUN(the_driver_frees_once);
	return 0;
}
