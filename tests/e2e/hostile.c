/* SPDX-License-Identifier: MIT */
/*
 * vk-hostile memory|contexts|submits: a program that takes all it can get of one thing, and keeps it until it is ended.
 * Prints what it got when no more is to be had; tests read these lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vkclient.h"

#define MIB (1ull << 20)
#define PIECE (64 * MIB)
#define MAX_CONTEXTS 4096
#define FILLS 64

/* Memory that programs can map, all of it written. */
static void take_memory(void)
{
	struct vkc c;
	uint64_t taken = 0;
	void *mapped;
	VkDeviceMemory memory;

	vkc_open(&c, "vk-hostile", false);
	const VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.allocationSize = PIECE,
		.memoryTypeIndex = vkc_memory_type(&c, UINT32_MAX, VK_MEMORY_PROPERTY_HOST_COHERENT_BIT),
	};
	while (c.vk.AllocateMemory(c.device, &info, NULL, &memory) == VK_SUCCESS &&
	       c.vk.MapMemory(c.device, memory, 0, PIECE, 0, &mapped) == VK_SUCCESS) {
		memset(mapped, 1, PIECE);
		taken += PIECE;
	}
	printf("memory %llu\n", (unsigned long long)(taken / MIB));
}

/* Returns: whether a new process has an instance, and keeps it. */
static bool take_context(void)
{
	struct vkc c;
	int ends[2];
	char byte = 0;

	if (pipe(ends) != 0) {
		return false;
	}
	const pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		vkc_instance_open(&c, "vk-hostile");
		(void)!write(ends[1], &byte, 1);
		pause();
		_exit(0);
	}
	close(ends[1]);
	const bool has = pid > 0 && read(ends[0], &byte, 1) == 1;
	close(ends[0]);
	return has;
}

/* Each in a process of its own: one that gets none may end in any way. */
static void take_contexts(void)
{
	int count = 0;

	while (count < MAX_CONTEXTS && take_context()) {
		count++;
	}
	printf("contexts %d\n", count);
}

/* Work that keeps the device busy, submitted without end and without waiting. */
static void submit_endlessly(void)
{
	struct vkc c;
	VkCommandBuffer cmd;

	vkc_open(&c, "vk-hostile", false);
	struct vkc_buffer buffer = vkc_buffer_host(&c, PIECE, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	const VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = c.pool,
		.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
		.commandBufferCount = 1,
	};
	const VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		.flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT,
	};
	vkc_check(c.vk.AllocateCommandBuffers(c.device, &allocate, &cmd));
	vkc_check(c.vk.BeginCommandBuffer(cmd, &begin));
	for (uint32_t i = 0; i < FILLS; i++) {
		c.vk.CmdFillBuffer(cmd, buffer.buffer, 0, VK_WHOLE_SIZE, i);
	}
	vkc_check(c.vk.EndCommandBuffer(cmd));
	const VkSubmitInfo submit = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		                      .commandBufferCount = 1,
		                      .pCommandBuffers = &cmd };
	printf("submits 1\n");
	fflush(stdout);
	while (c.vk.QueueSubmit(c.queue, 1, &submit, VK_NULL_HANDLE) == VK_SUCCESS) {
	}
	printf("end of submits\n");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*take)(void);
	} ways[] = { { "memory", take_memory },
		     { "contexts", take_contexts },
		     { "submits", submit_endlessly } };

	for (size_t i = 0; argc == 2 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(argv[1], ways[i].name) == 0) {
			ways[i].take();
			fflush(stdout);
			pause();
			return 0;
		}
	}
	fprintf(stderr, "usage: vk-hostile memory|contexts|submits\n");
	return 2;
}
