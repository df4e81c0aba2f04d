/* SPDX-License-Identifier: MIT */
/*
 * Pools, and command buffers. What is recorded is kept only where its outcome can be seen without a shader:
 * bytes that are moved between buffers, events, results of queries (all 0, and available). Mesa's Venus
 * driver learns from such bytes that its fences, semaphores and queries are ready.
 */
#include <stdlib.h>
#include <string.h>

#include "driver.h"

enum op_kind { OP_FILL, OP_UPDATE, OP_COPY, OP_RESULTS, OP_EVENT, OP_EXECUTE };

struct op {
	enum op_kind kind;
	const void *from; /* buffer, query pool, bytes of our own, event, or command buffer */
	const struct vtd_buffer *to;
	VkDeviceSize from_offset;
	VkDeviceSize to_offset;
	VkDeviceSize size; /* OP_RESULTS: the stride */
	uint32_t value;    /* OP_FILL: the word; OP_RESULTS: how many; OP_EVENT: whether it is set */
	VkQueryResultFlags flags;
};

struct pool {
	struct vtr_list members; /* struct vtd_command_buffer or struct set */
};

struct set {
	struct vtr_list link;
};

struct vtd_command_buffer {
	struct vtd_dispatchable base;
	struct vtr_list link;
	struct op *ops;
	uint32_t count;
	uint32_t room;
	bool failed; /* no memory for all of it */
};

/* --- doing ------------------------------------------------------------------------------------------ */

static void do_fill(const struct op *op)
{
	const VkDeviceSize left = op->to->size > op->to_offset ? op->to->size - op->to_offset : 0;
	const VkDeviceSize size = (op->size == VK_WHOLE_SIZE ? left : op->size) & ~(VkDeviceSize)3;
	uint8_t *to = vtd_buffer_bytes(op->to, op->to_offset, size);

	for (VkDeviceSize i = 0; to != NULL && i < size; i += sizeof(op->value)) {
		memcpy(to + i, &op->value, sizeof(op->value));
	}
}

static void do_copy(const struct op *op)
{
	const uint8_t *from = vtd_buffer_bytes(op->from, op->from_offset, op->size);
	uint8_t *to = vtd_buffer_bytes(op->to, op->to_offset, op->size);

	if (from != NULL && to != NULL) {
		memmove(to, from, op->size);
	}
}

/* A result: `values` zeros and, if asked for, that it is available. Returns its size. */
static size_t write_result(uint8_t *to, uint32_t values, VkQueryResultFlags flags)
{
	const uint64_t one = 1;
	const size_t word = (flags & VK_QUERY_RESULT_64_BIT) != 0 ? 8 : 4;
	const bool available = (flags & VK_QUERY_RESULT_WITH_AVAILABILITY_BIT) != 0;

	if (to != NULL) {
		memset(to, 0, values * word);
		if (available) {
			memcpy(to + values * word, &one, word); /* little-endian */
		}
	}
	return (values + available) * word;
}

static void do_results(const struct op *op)
{
	const struct vtd_query_pool *pool = op->from;
	const size_t each = write_result(NULL, pool->values, op->flags);

	for (uint32_t i = 0; i < op->value; i++) {
		(void)write_result(vtd_buffer_bytes(op->to, op->to_offset + i * op->size, each), pool->values,
		                   op->flags);
	}
}

static void do_update(const struct op *op)
{
	uint8_t *to = vtd_buffer_bytes(op->to, op->to_offset, op->size);

	if (to != NULL) {
		memcpy(to, op->from, op->size);
	}
}

void vtd_execute(struct vtd_command_buffer *cmd)
{
	for (uint32_t i = 0; i < cmd->count; i++) {
		const struct op *op = &cmd->ops[i];

		switch (op->kind) {
		case OP_FILL:
			do_fill(op);
			break;
		case OP_UPDATE:
			do_update(op);
			break;
		case OP_COPY:
			do_copy(op);
			break;
		case OP_RESULTS:
			do_results(op);
			break;
		case OP_EVENT:
			atomic_store(&((struct vtd_event *)(uintptr_t)op->from)->set, op->value != 0);
			break;
		case OP_EXECUTE:
			vtd_execute((struct vtd_command_buffer *)(uintptr_t)op->from);
			break;
		}
	}
}

/* --- recording -------------------------------------------------------------------------------------- */

static void record(VkCommandBuffer handle, const struct op *op)
{
	VTD_OBJECT(command_buffer, cmd, handle);

	if (cmd->count == cmd->room) {
		const uint32_t room = cmd->room != 0 ? cmd->room * 2 : 8;
		struct op *ops = realloc(cmd->ops, room * sizeof(*ops));

		if (ops == NULL) {
			cmd->failed = true;
			return;
		}
		cmd->ops = ops;
		cmd->room = room;
	}
	cmd->ops[cmd->count++] = *op;
}

static void forget(struct vtd_command_buffer *cmd)
{
	for (uint32_t i = 0; i < cmd->count; i++) {
		if (cmd->ops[i].kind == OP_UPDATE) {
			free((void *)(uintptr_t)cmd->ops[i].from);
		}
	}
	cmd->count = 0;
	cmd->failed = false;
}

static const struct vtd_buffer *buffer_of(VkBuffer handle)
{
	return (const struct vtd_buffer *)(void *)handle;
}

void vtd_vkCmdFillBuffer(VkCommandBuffer cmd, VkBuffer to, VkDeviceSize offset, VkDeviceSize size,
                         uint32_t data)
{
	record(cmd, &(struct op){ OP_FILL, .to = buffer_of(to), .to_offset = offset, .size = size,
	                          .value = data });
}

void vtd_vkCmdUpdateBuffer(VkCommandBuffer handle, VkBuffer to, VkDeviceSize offset, VkDeviceSize size,
                           const void *data)
{
	VTD_OBJECT(command_buffer, cmd, handle);
	void *copy = malloc(size);

	if (copy == NULL) {
		cmd->failed = true;
		return;
	}
	memcpy(copy, data, size);
	record(handle, &(struct op){ OP_UPDATE, copy, buffer_of(to), .to_offset = offset, .size = size });
	if (cmd->failed) {
		free(copy);
	}
}

void vtd_vkCmdCopyBuffer(VkCommandBuffer cmd, VkBuffer from, VkBuffer to, uint32_t count,
                         const VkBufferCopy *regions)
{
	for (uint32_t i = 0; i < count; i++) {
		record(cmd, &(struct op){ OP_COPY, buffer_of(from), buffer_of(to), regions[i].srcOffset,
		                          regions[i].dstOffset, regions[i].size });
	}
}

void vtd_vkCmdCopyBuffer2(VkCommandBuffer cmd, const VkCopyBufferInfo2 *info)
{
	for (uint32_t i = 0; i < info->regionCount; i++) {
		const VkBufferCopy2 *r = &info->pRegions[i];

		record(cmd, &(struct op){ OP_COPY, buffer_of(info->srcBuffer), buffer_of(info->dstBuffer),
		                          r->srcOffset, r->dstOffset, r->size });
	}
}

void vtd_vkCmdCopyQueryPoolResults(VkCommandBuffer cmd, VkQueryPool pool, uint32_t first, uint32_t count,
                                   VkBuffer to, VkDeviceSize offset, VkDeviceSize stride,
                                   VkQueryResultFlags flags)
{
	(void)first;
	record(cmd, &(struct op){ OP_RESULTS, (const void *)pool, buffer_of(to), .to_offset = offset,
	                          .size = stride, .value = count, .flags = flags });
}

static void record_event(VkCommandBuffer cmd, VkEvent event, bool set)
{
	record(cmd, &(struct op){ OP_EVENT, (const void *)event, .value = set });
}

void vtd_vkCmdSetEvent(VkCommandBuffer cmd, VkEvent event, VkPipelineStageFlags stages)
{
	(void)stages;
	record_event(cmd, event, true);
}

void vtd_vkCmdSetEvent2(VkCommandBuffer cmd, VkEvent event, const VkDependencyInfo *info)
{
	(void)info;
	record_event(cmd, event, true);
}

void vtd_vkCmdResetEvent(VkCommandBuffer cmd, VkEvent event, VkPipelineStageFlags stages)
{
	(void)stages;
	record_event(cmd, event, false);
}

void vtd_vkCmdResetEvent2(VkCommandBuffer cmd, VkEvent event, VkPipelineStageFlags2 stages)
{
	(void)stages;
	record_event(cmd, event, false);
}

void vtd_vkCmdExecuteCommands(VkCommandBuffer cmd, uint32_t count, const VkCommandBuffer *list)
{
	for (uint32_t i = 0; i < count; i++) {
		record(cmd, &(struct op){ OP_EXECUTE, (const void *)list[i] });
	}
}

VkResult vtd_vkBeginCommandBuffer(VkCommandBuffer cmd, const VkCommandBufferBeginInfo *info)
{
	(void)info;
	forget((struct vtd_command_buffer *)(void *)cmd);
	return VK_SUCCESS;
}

VkResult vtd_vkEndCommandBuffer(VkCommandBuffer handle)
{
	VTD_OBJECT(command_buffer, cmd, handle);

	return cmd->failed ? VK_ERROR_OUT_OF_HOST_MEMORY : VK_SUCCESS;
}

VkResult vtd_vkResetCommandBuffer(VkCommandBuffer cmd, VkCommandBufferResetFlags flags)
{
	(void)flags;
	forget((struct vtd_command_buffer *)(void *)cmd);
	return VK_SUCCESS;
}

/* --- pools of command buffers ----------------------------------------------------------------------- */

static VkResult make_pool(void *out_handle)
{
	struct pool *pool = malloc(sizeof(*pool));

	if (pool == NULL) {
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
	vtr_list_init(&pool->members);
	memcpy(out_handle, &pool, sizeof(pool));
	return VK_SUCCESS;
}

VkResult vtd_vkCreateCommandPool(VkDevice device, const VkCommandPoolCreateInfo *info,
                                 const VkAllocationCallbacks *allocator, VkCommandPool *out)
{
	(void)device;
	(void)info;
	(void)allocator;
	return make_pool(out);
}

static void free_command_buffer(struct vtd_command_buffer *cmd)
{
	forget(cmd);
	vtr_list_remove(&cmd->link);
	free(cmd->ops);
	free(cmd);
}

void vtd_vkFreeCommandBuffers(VkDevice device, VkCommandPool pool, uint32_t count,
                              const VkCommandBuffer *list)
{
	(void)device;
	(void)pool;
	for (uint32_t i = 0; i < count; i++) {
		if (list[i] != NULL) {
			free_command_buffer((struct vtd_command_buffer *)(void *)list[i]);
		}
	}
}

VkResult vtd_vkAllocateCommandBuffers(VkDevice handle, const VkCommandBufferAllocateInfo *info,
                                      VkCommandBuffer *out)
{
	VTD_OBJECT(device, device, handle);
	struct pool *pool = (struct pool *)(void *)info->commandPool;

	for (uint32_t i = 0; i < info->commandBufferCount; i++) {
		struct vtd_command_buffer *cmd = calloc(1, sizeof(*cmd));

		if (cmd == NULL) {
			vtd_vkFreeCommandBuffers(handle, info->commandPool, i, out);
			return VK_ERROR_OUT_OF_HOST_MEMORY;
		}
		cmd->base = device->base;
		vtr_list_append(&pool->members, &cmd->link);
		out[i] = (VkCommandBuffer)(void *)cmd;
	}
	return VK_SUCCESS;
}

VkResult vtd_vkResetCommandPool(VkDevice device, VkCommandPool handle, VkCommandPoolResetFlags flags)
{
	struct pool *pool = (struct pool *)(void *)handle;
	struct vtd_command_buffer *cmd;

	(void)device;
	(void)flags;
	vtr_list_for_each (cmd, &pool->members, link) {
		forget(cmd);
	}
	return VK_SUCCESS;
}

void vtd_vkDestroyCommandPool(VkDevice device, VkCommandPool handle, const VkAllocationCallbacks *allocator)
{
	struct pool *pool = (struct pool *)(void *)handle;

	(void)device;
	(void)allocator;
	while (pool != NULL && !vtr_list_empty(&pool->members)) {
		free_command_buffer(vtr_container_of(pool->members.next, struct vtd_command_buffer, link));
	}
	free(pool);
}

/* --- pools of descriptor sets ----------------------------------------------------------------------- */

VkResult vtd_vkCreateDescriptorPool(VkDevice device, const VkDescriptorPoolCreateInfo *info,
                                    const VkAllocationCallbacks *allocator, VkDescriptorPool *out)
{
	(void)device;
	(void)info;
	(void)allocator;
	return make_pool(out);
}

VkResult vtd_vkFreeDescriptorSets(VkDevice device, VkDescriptorPool pool, uint32_t count,
                                  const VkDescriptorSet *list)
{
	(void)device;
	(void)pool;
	for (uint32_t i = 0; i < count; i++) {
		struct set *set = (struct set *)(void *)list[i];

		if (set != NULL) {
			vtr_list_remove(&set->link);
			free(set);
		}
	}
	return VK_SUCCESS;
}

VkResult vtd_vkAllocateDescriptorSets(VkDevice device, const VkDescriptorSetAllocateInfo *info,
                                      VkDescriptorSet *out)
{
	struct pool *pool = (struct pool *)(void *)info->descriptorPool;

	for (uint32_t i = 0; i < info->descriptorSetCount; i++) {
		struct set *set = malloc(sizeof(*set));

		if (set == NULL) {
			(void)vtd_vkFreeDescriptorSets(device, info->descriptorPool, i, out);
			return VK_ERROR_OUT_OF_HOST_MEMORY;
		}
		vtr_list_append(&pool->members, &set->link);
		out[i] = (VkDescriptorSet)(void *)set;
	}
	return VK_SUCCESS;
}

VkResult vtd_vkResetDescriptorPool(VkDevice device, VkDescriptorPool handle, VkDescriptorPoolResetFlags flags)
{
	struct pool *pool = (struct pool *)(void *)handle;

	(void)device;
	(void)flags;
	while (!vtr_list_empty(&pool->members)) {
		struct set *set = vtr_container_of(pool->members.next, struct set, link);

		vtr_list_remove(&set->link);
		free(set);
	}
	return VK_SUCCESS;
}

void vtd_vkDestroyDescriptorPool(VkDevice device, VkDescriptorPool pool,
                                 const VkAllocationCallbacks *allocator)
{
	(void)allocator;
	if (pool != NULL) {
		(void)vtd_vkResetDescriptorPool(device, pool, 0);
		free(pool);
	}
}

/* --- queries and pipeline caches -------------------------------------------------------------------- */

VkResult vtd_vkCreateQueryPool(VkDevice device, const VkQueryPoolCreateInfo *info,
                               const VkAllocationCallbacks *allocator, VkQueryPool *out)
{
	struct vtd_query_pool *pool = malloc(sizeof(*pool));

	(void)device;
	(void)allocator;
	if (pool == NULL) {
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
	pool->values = 1;
	if (info->queryType == VK_QUERY_TYPE_PIPELINE_STATISTICS) {
		pool->values = (uint32_t)__builtin_popcount(info->pipelineStatistics);
	} else if (info->queryType == VK_QUERY_TYPE_TRANSFORM_FEEDBACK_STREAM_EXT) {
		pool->values = 2;
	}
	*out = (VkQueryPool)(void *)pool;
	return VK_SUCCESS;
}

VkResult vtd_vkGetQueryPoolResults(VkDevice handle, VkQueryPool pool, uint32_t first, uint32_t count,
                                   size_t size, void *data, VkDeviceSize stride, VkQueryResultFlags flags)
{
	VTD_OBJECT(device, device, handle);
	const uint32_t values = ((struct vtd_query_pool *)(void *)pool)->values;
	const size_t each = write_result(NULL, values, flags);

	(void)first;
	for (uint32_t i = 0; i < count && i * stride + each <= size; i++) {
		(void)write_result((uint8_t *)data + i * stride, values, flags);
	}
	return atomic_load(&device->lost) ? VK_ERROR_DEVICE_LOST : VK_SUCCESS;
}

VkResult vtd_vkGetPipelineCacheData(VkDevice handle, VkPipelineCache cache, size_t *size, void *data)
{
	/* Size, version, vendor, device, and VkPhysicalDeviceProperties::pipelineCacheUUID. */
	VTD_OBJECT(device, device, handle);
	const struct {
		uint32_t numbers[4];
		char uuid[VK_UUID_SIZE];
	} head = { { sizeof(head), 1, 0x10000, 1 + device->physical->number },
		   { 'v', 'i', 't', 'r', 'i', 'n', 'e', ' ', 't', 'e', 's', 't', ' ', 'd', 'r',
		     'i' } }; /* without its end */

	(void)cache;
	if (data != NULL && *size < sizeof(head)) {
		*size = 0;
		return VK_INCOMPLETE;
	}
	*size = sizeof(head);
	if (data != NULL) {
		memcpy(data, &head, sizeof(head));
	}
	return VK_SUCCESS;
}
