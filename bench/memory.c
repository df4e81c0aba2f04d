/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "measure.h"

#define MIB ((size_t)1 << 20)

static double time_allocate(struct vkc *c, uint32_t type, VkDeviceSize size, bool touch)
{
	VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.allocationSize = size,
		.memoryTypeIndex = type,
	};
	VkDeviceMemory memory;
	void *mapped;
	uint64_t start = vkc_now_ns();
	vkc_check(c->vk.AllocateMemory(c->device, &info, NULL, &memory));
	vkc_check(c->vk.MapMemory(c->device, memory, 0, VK_WHOLE_SIZE, 0, &mapped));
	if (touch) {
		*(volatile char *)mapped = 1;
	}
	c->vk.UnmapMemory(c->device, memory);
	c->vk.FreeMemory(c->device, memory, NULL);
	return (double)(vkc_now_ns() - start);
}

static uint32_t host_type(struct vkc *c)
{
	uint32_t type = vkc_memory_type(
		c, ~0u, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
	if (type == UINT32_MAX) {
		vkc_fail("no memory type can be mapped");
	}
	return type;
}

/* What a program does while it loads: the memory stays. */
static void measure_held(struct vkc *c, uint32_t type, uint32_t count)
{
	VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.allocationSize = MIB / 16,
		.memoryTypeIndex = type,
	};
	VkDeviceMemory *held = vkc_alloc(count, sizeof(*held));
	struct samples s = { 0 };
	for (uint32_t i = 0; i < count; i++) {
		void *mapped;
		uint64_t start = vkc_now_ns();
		vkc_check(c->vk.AllocateMemory(c->device, &info, NULL, &held[i]));
		vkc_check(c->vk.MapMemory(c->device, held[i], 0, VK_WHOLE_SIZE, 0, &mapped));
		samples_add(&s, (double)(vkc_now_ns() - start));
	}
	for (uint32_t i = 0; i < count; i++) {
		c->vk.FreeMemory(c->device, held[i], NULL);
	}
	free(held);
	samples_print(&s, "allocate_map_held_64k", "us", 1e3);
}

void measure_allocate(struct vkc *c, const struct bench_options *o)
{
	static const struct {
		const char *name;
		VkDeviceSize size;
		bool touch;
	} cases[] = {
		{ "allocate_map_free_4k", 4096, false },
		{ "allocate_map_free_64m", 64 * MIB, false },
		{ "allocate_touch_free_4k", 4096, true },
		{ "allocate_touch_free_64m", 64 * MIB, true },
	};
	uint32_t type = host_type(c);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct samples s = { 0 };
		for (uint32_t k = 0; k < 50 * o->repeat; k++) {
			samples_add(&s, time_allocate(c, type, cases[i].size, cases[i].touch));
		}
		samples_print(&s, cases[i].name, "us", 1e3);
	}
	measure_held(c, type, 100 * o->repeat);
}

static uint64_t sum(const uint64_t *values, size_t count)
{
	uint64_t total[4] = { 0 };
	for (size_t i = 0; i + 4 <= count; i += 4) {
		for (size_t k = 0; k < 4; k++) {
			total[k] += values[i + k];
		}
	}
	return total[0] + total[1] + total[2] + total[3];
}

static double time_copy(struct vkc *c, const struct vkc_buffer *from, const struct vkc_buffer *to)
{
	VkBufferCopy region = { 0, 0, from->size };
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdCopyBuffer(cmd, from->buffer, to->buffer, 1, &region);
	uint64_t start = vkc_now_ns();
	vkc_end(c, cmd);
	return (double)(vkc_now_ns() - start);
}

/* Nanoseconds become GB/s: bytes / ns. Samples are turned around so that larger is better. */
void measure_bandwidth(struct vkc *c, const struct bench_options *o)
{
	const size_t size = 64 * MIB;
	VkBufferUsageFlags usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
	struct vkc_buffer from = vkc_buffer_host(c, size, usage);
	struct vkc_buffer to = vkc_buffer_host(c, size, usage);
	struct samples write = { 0 };
	struct samples read = { 0 };
	struct samples copy = { 0 };
	memset(from.mapped, 1, size); /* pages are made now, not while measuring */
	time_copy(c, &from, &to);
	uint64_t total = 0;
	for (uint32_t i = 0; i < 4 + 2 * o->repeat; i++) {
		uint64_t start = vkc_now_ns();
		memset(from.mapped, (int)i, size);
		samples_add(&write, (double)size / (double)(vkc_now_ns() - start));
		start = vkc_now_ns();
		total += sum(from.mapped, size / sizeof(uint64_t));
		samples_add(&read, (double)size / (double)(vkc_now_ns() - start));
		samples_add(&copy, (double)size / time_copy(c, &from, &to));
	}
	if (memcmp(from.mapped, to.mapped, size) || total == 0) {
		vkc_fail("the device copied something else");
	}
	samples_print(&write, "mapped_write", "GB/s", 1);
	samples_print(&read, "mapped_read", "GB/s", 1);
	samples_print(&copy, "device_copy", "GB/s", 1);
	vkc_buffer_destroy(c, &from);
	vkc_buffer_destroy(c, &to);
}

void measure_startup(struct vkc *c, const struct bench_options *o)
{
	(void)c;
	struct samples instance = { 0 };
	struct samples device = { 0 };
	struct samples submit = { 0 };
	for (uint32_t i = 0; i < 4 + o->repeat; i++) {
		struct vkc own;
		uint64_t start = vkc_now_ns();
		vkc_instance_open(&own, "vitrine-bench");
		vkc_physical_open(&own, 0);
		uint64_t opened = vkc_now_ns();
		vkc_device_open(&own, false);
		uint64_t made = vkc_now_ns();
		vkc_end(&own, vkc_begin(&own));
		uint64_t end = vkc_now_ns();
		vkc_close(&own);
		samples_add(&instance, (double)(opened - start));
		samples_add(&device, (double)(made - opened));
		samples_add(&submit, (double)(end - start));
	}
	samples_print(&instance, "instance_create", "us", 1e3);
	samples_print(&device, "device_create", "us", 1e3);
	samples_print(&submit, "first_submit", "us", 1e3);
}
