/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "suite.h"

/* From tests/e2e/shaders, compiled. */
#include "address_comp.h"
#include "bindless_comp.h"
#include "conversion_comp.h"
#include "image_comp.h"
#include "numbers_comp.h"
#include "texel_comp.h"

#define STORAGE VK_DESCRIPTOR_TYPE_STORAGE_BUFFER

/* A compute pipeline with one descriptor set and 16 bytes of push constants. */
struct job {
	VkDescriptorSetLayout set_layout;
	VkPipelineLayout layout;
	VkDescriptorPool pool;
	VkDescriptorSet set;
	VkPipeline pipeline;
};

static void job_init(struct suite *s, struct job *job, struct vkc_code code,
                     const VkSpecializationInfo *specialization, uint32_t count,
                     const VkDescriptorType *types)
{
	struct vkc *c = &s->c;
	job->set_layout = vkc_set_layout(c, count, types, 0);
	job->layout = vkc_pipeline_layout(c, job->set_layout, 16);
	job->pool = vkc_descriptor_pool(c, 1, count);
	job->set = vkc_descriptor_set(c, job->pool, job->set_layout);
	job->pipeline = vkc_compute(c, job->layout, code, specialization);
}

static void job_finish(struct suite *s, struct job *job)
{
	struct vkc *c = &s->c;
	c->vk.DestroyPipeline(c->device, job->pipeline, NULL);
	c->vk.DestroyDescriptorPool(c->device, job->pool, NULL);
	c->vk.DestroyPipelineLayout(c->device, job->layout, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, job->set_layout, NULL);
}

static void job_bind(struct suite *s, const struct job *job, VkCommandBuffer cmd, const void *push)
{
	struct vkc *c = &s->c;
	c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, job->pipeline);
	c->vk.CmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, job->layout, 0, 1, &job->set, 0,
	                            NULL);
	if (push) {
		c->vk.CmdPushConstants(cmd, job->layout, VK_SHADER_STAGE_ALL, 0, 16, push);
	}
}

static void job_run(struct suite *s, const struct job *job, const void *push, uint32_t x, uint32_t y)
{
	VkCommandBuffer cmd = vkc_begin(&s->c);
	job_bind(s, job, cmd, push);
	s->c.vk.CmdDispatch(cmd, x, y, 1);
	vkc_barrier(&s->c, cmd);
	vkc_end(&s->c, cmd);
}

/* What numbers.comp does. */
static uint32_t number(uint32_t x, uint32_t seed, uint32_t i, uint32_t rounds)
{
	x ^= seed;
	for (uint32_t k = 0; k < rounds; k++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		x = x * 1664525u + i;
	}
	return x;
}

#define NUMBERS 100000

static void check_numbers(struct suite *s, const uint32_t *to, uint32_t count, uint32_t seed, uint32_t rounds)
{
	bool ok = true;
	for (uint32_t i = 0; i < count; i++) {
		ok = ok && to[i] == number(i * 7, seed, i, rounds);
	}
	suite_expect(s, ok, "the device's numbers are not the CPU's");
}

static void fill_numbers(struct vkc_buffer *b)
{
	uint32_t *from = b->mapped;
	for (uint32_t i = 0; i < b->size / 4; i++) {
		from[i] = i * 7;
	}
}

/* A pass over a large buffer, with a specialization constant, from plain and indirect dispatches. */
static void scene_compute(struct suite *s)
{
	static const VkDescriptorType types[2] = { STORAGE, STORAGE };
	struct vkc *c = &s->c;
	uint32_t rounds = 11;
	VkSpecializationMapEntry entry = { 0, 0, sizeof(rounds) };
	VkSpecializationInfo constant = { 1, &entry, sizeof(rounds), &rounds };
	struct job job;
	job_init(s, &job, VKC_CODE(numbers_comp), &constant, 2, types);
	struct vkc_buffer from = vkc_buffer_host(c, NUMBERS * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	struct vkc_buffer to = vkc_buffer_host(c, NUMBERS * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	struct vkc_buffer indirect = vkc_buffer_host(c, 64, VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT);
	fill_numbers(&from);
	vkc_write_buffer(c, job.set, 0, STORAGE, from.buffer);
	vkc_write_buffer(c, job.set, 1, STORAGE, to.buffer);
	uint32_t push[4] = { NUMBERS, 42 };
	job_run(s, &job, push, (NUMBERS + 63) / 64, 1);
	check_numbers(s, to.mapped, NUMBERS, 42, rounds);
	suite_put(s, "direct", to.mapped, to.size);

	uint32_t groups[3] = { 100, 1, 1 };
	memcpy((char *)indirect.mapped + 16, groups, sizeof(groups));
	push[1] = 43;
	VkCommandBuffer cmd = vkc_begin(c);
	job_bind(s, &job, cmd, push);
	c->vk.CmdDispatchIndirect(cmd, indirect.buffer, 16);
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
	check_numbers(s, to.mapped, 6400, 43, rounds);
	suite_put(s, "indirect", to.mapped, to.size);
	vkc_buffer_destroy(c, &indirect);
	vkc_buffer_destroy(c, &to);
	vkc_buffer_destroy(c, &from);
	job_finish(s, &job);
}

static void scene_storage_image(struct suite *s)
{
	static const VkDescriptorType types[2] = {
		VK_DESCRIPTOR_TYPE_STORAGE_IMAGE,
		VK_DESCRIPTOR_TYPE_STORAGE_IMAGE,
	};
	struct vkc *c = &s->c;
	struct job job;
	job_init(s, &job, VKC_CODE(image_comp), NULL, 2, types);
	struct vkc_image_params params = {
		.format = VK_FORMAT_R8G8B8A8_UNORM,
		.width = 200,
		.height = 150,
		.usage = VK_IMAGE_USAGE_STORAGE_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
		         VK_IMAGE_USAGE_TRANSFER_DST_BIT,
	};
	struct vkc_image picture = vkc_image_create(c, &params);
	params.format = VK_FORMAT_R32_UINT;
	params.width = 64;
	params.height = 1;
	struct vkc_image counts = vkc_image_create(c, &params);
	VkClearColorValue zero = { { 0 } };
	VkImageSubresourceRange range = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1 };
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_layout(c, cmd, &picture, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
	vkc_layout(c, cmd, &counts, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
	c->vk.CmdClearColorImage(cmd, counts.image, VK_IMAGE_LAYOUT_GENERAL, &zero, 1, &range);
	vkc_end(c, cmd);
	vkc_write_image(c, job.set, 0, types[0], VK_NULL_HANDLE, picture.view, VK_IMAGE_LAYOUT_GENERAL);
	vkc_write_image(c, job.set, 1, types[1], VK_NULL_HANDLE, counts.view, VK_IMAGE_LAYOUT_GENERAL);
	job_run(s, &job, NULL, 25, 19);
	suite_put_image(s, "picture", &picture, VK_IMAGE_LAYOUT_GENERAL, 4);
	suite_put_image(s, "counts", &counts, VK_IMAGE_LAYOUT_GENERAL, 4);
	vkc_image_destroy(c, &counts);
	vkc_image_destroy(c, &picture);
	job_finish(s, &job);
}

static void scene_texel_buffer(struct suite *s)
{
	static const VkDescriptorType types[2] = { VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, STORAGE };
	struct vkc *c = &s->c;
	struct job job;
	job_init(s, &job, VKC_CODE(texel_comp), NULL, 2, types);
	struct vkc_buffer from = vkc_buffer_host(c, 64 * 4, VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT);
	struct vkc_buffer to = vkc_buffer_host(c, 64 * 16, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	for (int i = 0; i < 64 * 4; i++) {
		((uint8_t *)from.mapped)[i] = (uint8_t)i;
	}
	VkBufferViewCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
		.buffer = from.buffer,
		.format = VK_FORMAT_R8G8B8A8_SNORM,
		.range = VK_WHOLE_SIZE,
	};
	VkBufferView view;
	vkc_check(c->vk.CreateBufferView(c->device, &info, NULL, &view));
	VkWriteDescriptorSet write = {
		.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
		.dstSet = job.set,
		.descriptorCount = 1,
		.descriptorType = types[0],
		.pTexelBufferView = &view,
	};
	c->vk.UpdateDescriptorSets(c->device, 1, &write, 0, NULL);
	vkc_write_buffer(c, job.set, 1, STORAGE, to.buffer);
	job_run(s, &job, NULL, 1, 1);
	suite_put(s, "values", to.mapped, to.size);
	c->vk.DestroyBufferView(c->device, view, NULL);
	vkc_buffer_destroy(c, &to);
	vkc_buffer_destroy(c, &from);
	job_finish(s, &job);
}

static void scene_push_descriptor(struct suite *s)
{
	static const VkDescriptorType types[2] = { STORAGE, STORAGE };
	struct vkc *c = &s->c;
	if (!c->vk.CmdPushDescriptorSet) {
		suite_skip(s, "no VK_KHR_push_descriptor");
		return;
	}
	VkDescriptorSetLayout set_layout =
		vkc_set_layout(c, 2, types, VK_DESCRIPTOR_SET_LAYOUT_CREATE_PUSH_DESCRIPTOR_BIT);
	VkPipelineLayout layout = vkc_pipeline_layout(c, set_layout, 16);
	VkPipeline pipeline = vkc_compute(c, layout, VKC_CODE(numbers_comp), NULL);
	struct vkc_buffer from = vkc_buffer_host(c, 4096, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	struct vkc_buffer to = vkc_buffer_host(c, 4096, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	fill_numbers(&from);
	VkDescriptorBufferInfo infos[2] = {
		{ from.buffer, 0, VK_WHOLE_SIZE },
		{ to.buffer, 0, VK_WHOLE_SIZE },
	};
	VkWriteDescriptorSet write = {
		.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
		.descriptorCount = 2,
		.descriptorType = STORAGE,
		.pBufferInfo = infos,
	};
	uint32_t push[4] = { 1024, 5 };
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
	c->vk.CmdPushDescriptorSet(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &write);
	c->vk.CmdPushConstants(cmd, layout, VK_SHADER_STAGE_ALL, 0, 16, push);
	c->vk.CmdDispatch(cmd, 16, 1, 1);
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
	check_numbers(s, to.mapped, 1024, 5, 3);
	suite_put(s, "values", to.mapped, to.size);
	vkc_buffer_destroy(c, &to);
	vkc_buffer_destroy(c, &from);
	c->vk.DestroyPipeline(c->device, pipeline, NULL);
	c->vk.DestroyPipelineLayout(c->device, layout, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, set_layout, NULL);
}

/* An update template whose data has gaps, and a copy from one set to another. */
static void scene_update_template(struct suite *s)
{
	static const VkDescriptorType types[2] = { STORAGE, STORAGE };
	struct vkc *c = &s->c;
	struct job job;
	job_init(s, &job, VKC_CODE(numbers_comp), NULL, 2, types);
	struct vkc_buffer from = vkc_buffer_host(c, 4096, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	struct vkc_buffer to = vkc_buffer_host(c, 4096, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	fill_numbers(&from);
	struct {
		uint64_t gap;
		VkDescriptorBufferInfo infos[2];
	} data = { 1, { { from.buffer, 0, VK_WHOLE_SIZE }, { to.buffer, 0, 4096 } } };
	VkDescriptorUpdateTemplateEntry entry = { 0, 0, 2, STORAGE, 8, sizeof(data.infos[0]) };
	VkDescriptorUpdateTemplateCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_UPDATE_TEMPLATE_CREATE_INFO,
		.descriptorUpdateEntryCount = 1,
		.pDescriptorUpdateEntries = &entry,
		.descriptorSetLayout = job.set_layout,
	};
	VkDescriptorUpdateTemplate template;
	vkc_check(c->vk.CreateDescriptorUpdateTemplate(c->device, &info, NULL, &template));
	VkDescriptorPool pool = vkc_descriptor_pool(c, 1, 2);
	VkDescriptorSet other = vkc_descriptor_set(c, pool, job.set_layout);
	c->vk.UpdateDescriptorSetWithTemplate(c->device, other, template, &data);
	VkCopyDescriptorSet copy = {
		.sType = VK_STRUCTURE_TYPE_COPY_DESCRIPTOR_SET,
		.srcSet = other,
		.dstSet = job.set,
		.descriptorCount = 2,
	};
	c->vk.UpdateDescriptorSets(c->device, 0, NULL, 1, &copy);
	uint32_t push[4] = { 1000, 77 };
	job_run(s, &job, push, 16, 1);
	check_numbers(s, to.mapped, 1000, 77, 3);
	suite_put(s, "values", to.mapped, 4000);
	vkc_check(c->vk.FreeDescriptorSets(c->device, pool, 1, &other));
	c->vk.DestroyDescriptorPool(c->device, pool, NULL);
	c->vk.DestroyDescriptorUpdateTemplate(c->device, template, NULL);
	vkc_buffer_destroy(c, &to);
	vkc_buffer_destroy(c, &from);
	job_finish(s, &job);
}

struct node {
	VkDeviceAddress next;
	uint32_t value;
	uint32_t seen;
};

static void scene_buffer_address(struct suite *s)
{
	struct vkc *c = &s->c;
	if (!c->features.v12.bufferDeviceAddress) {
		suite_skip(s, "no buffer device addresses");
		return;
	}
	VkBufferUsageFlags usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
	                           VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;
	struct vkc_buffer nodes[4];
	VkDeviceAddress addresses[4];
	for (int i = 0; i < 4; i++) {
		nodes[i] = vkc_buffer_host(c, 4096, usage);
		VkBufferDeviceAddressInfo info = {
			.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
			.buffer = nodes[i].buffer,
		};
		addresses[i] = c->vk.GetBufferDeviceAddress(c->device, &info);
		suite_expect(s, addresses[i] != 0, "a buffer has the address 0");
	}
	for (int i = 0; i < 4; i++) {
		*(struct node *)nodes[i].mapped =
			(struct node){ addresses[(i + 1) % 4], 100 + (uint32_t)i, 0 };
	}
	VkPipelineLayout layout = vkc_pipeline_layout(c, VK_NULL_HANDLE, 16);
	VkPipeline pipeline = vkc_compute(c, layout, VKC_CODE(address_comp), NULL);
	struct {
		VkDeviceAddress first;
		uint32_t steps;
		uint32_t pad;
	} push = { addresses[0], 10, 0 };
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
	c->vk.CmdPushConstants(cmd, layout, VK_SHADER_STAGE_ALL, 0, sizeof(push), &push);
	c->vk.CmdDispatch(cmd, 1, 1, 1);
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
	uint32_t seen[4];
	uint32_t sum = 0;
	for (uint32_t i = 0; i < 10; i++) {
		sum = sum * 31 + 100 + i % 4;
	}
	for (int i = 0; i < 4; i++) {
		seen[i] = ((struct node *)nodes[i].mapped)->seen;
	}
	suite_expect(s, seen[1] == sum, "the walk through addresses went wrong");
	suite_put(s, "seen", seen, sizeof(seen));
	c->vk.DestroyPipeline(c->device, pipeline, NULL);
	c->vk.DestroyPipelineLayout(c->device, layout, NULL);
	for (int i = 0; i < 4; i++) {
		vkc_buffer_destroy(c, &nodes[i]);
	}
}

#define ITEMS 16

static VkDescriptorSetLayout bindless_layout(struct vkc *c)
{
	VkDescriptorBindingFlags flags = VK_DESCRIPTOR_BINDING_PARTIALLY_BOUND_BIT |
	                                 VK_DESCRIPTOR_BINDING_VARIABLE_DESCRIPTOR_COUNT_BIT |
	                                 VK_DESCRIPTOR_BINDING_UPDATE_AFTER_BIND_BIT;
	VkDescriptorSetLayoutBindingFlagsCreateInfo more = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_BINDING_FLAGS_CREATE_INFO,
		.bindingCount = 1,
		.pBindingFlags = &flags,
	};
	VkDescriptorSetLayoutBinding binding = { 0, STORAGE, 64, VK_SHADER_STAGE_COMPUTE_BIT, NULL };
	VkDescriptorSetLayoutCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
		.pNext = &more,
		.flags = VK_DESCRIPTOR_SET_LAYOUT_CREATE_UPDATE_AFTER_BIND_POOL_BIT,
		.bindingCount = 1,
		.pBindings = &binding,
	};
	VkDescriptorSetLayout layout;
	vkc_check(c->vk.CreateDescriptorSetLayout(c->device, &info, NULL, &layout));
	return layout;
}

/* A set of ITEMS descriptors, and the pool that it comes from. */
static VkDescriptorSet bindless_set(struct vkc *c, VkDescriptorSetLayout layout, VkDescriptorPool *out_pool)
{
	VkDescriptorPoolSize size = { STORAGE, ITEMS };
	VkDescriptorPoolCreateInfo pool_info = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
		.flags = VK_DESCRIPTOR_POOL_CREATE_UPDATE_AFTER_BIND_BIT,
		.maxSets = 1,
		.poolSizeCount = 1,
		.pPoolSizes = &size,
	};
	vkc_check(c->vk.CreateDescriptorPool(c->device, &pool_info, NULL, out_pool));
	uint32_t count = ITEMS;
	VkDescriptorSetVariableDescriptorCountAllocateInfo variable = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_VARIABLE_DESCRIPTOR_COUNT_ALLOCATE_INFO,
		.descriptorSetCount = 1,
		.pDescriptorCounts = &count,
	};
	VkDescriptorSetAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
		.pNext = &variable,
		.descriptorPool = *out_pool,
		.descriptorSetCount = 1,
		.pSetLayouts = &layout,
	};
	VkDescriptorSet set;
	vkc_check(c->vk.AllocateDescriptorSets(c->device, &allocate, &set));
	return set;
}

/* A set of variable length whose descriptors are written after it was bound. */
static void scene_descriptor_indexing(struct suite *s)
{
	struct vkc *c = &s->c;
	const VkPhysicalDeviceVulkan12Features *f = &c->features.v12;
	if (!f->runtimeDescriptorArray || !f->descriptorBindingVariableDescriptorCount ||
	    !f->descriptorBindingStorageBufferUpdateAfterBind || !f->descriptorBindingPartiallyBound ||
	    !f->shaderStorageBufferArrayNonUniformIndexing) {
		suite_skip(s, "no descriptor indexing");
		return;
	}
	VkDescriptorSetLayout set_layout = bindless_layout(c);
	VkPipelineLayout layout = vkc_pipeline_layout(c, set_layout, 0);
	VkPipeline pipeline = vkc_compute(c, layout, VKC_CODE(bindless_comp), NULL);
	VkDescriptorPool pool;
	VkDescriptorSet set = bindless_set(c, set_layout, &pool);
	struct vkc_buffer items = vkc_buffer_host(c, ITEMS * 256, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	memset(items.mapped, 0, ITEMS * 256);
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
	c->vk.CmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &set, 0, NULL);
	c->vk.CmdDispatch(cmd, 1, 1, 1);
	vkc_barrier(c, cmd);
	VkDescriptorBufferInfo infos[ITEMS];
	for (uint32_t i = 0; i < ITEMS; i++) {
		infos[i] = (VkDescriptorBufferInfo){ items.buffer, 256 * (ITEMS - 1 - i), 256 };
		*(uint32_t *)((char *)items.mapped + 256 * i) = 1000 + i;
	}
	VkWriteDescriptorSet write = {
		.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
		.dstSet = set,
		.descriptorCount = ITEMS,
		.descriptorType = STORAGE,
		.pBufferInfo = infos,
	};
	c->vk.UpdateDescriptorSets(c->device, 1, &write, 0, NULL);
	vkc_end(c, cmd);
	suite_put(s, "items", items.mapped, ITEMS * 256);
	vkc_buffer_destroy(c, &items);
	c->vk.DestroyDescriptorPool(c->device, pool, NULL);
	c->vk.DestroyPipeline(c->device, pipeline, NULL);
	c->vk.DestroyPipelineLayout(c->device, layout, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, set_layout, NULL);
}

/* Filters and address modes, seen as numbers. */
static void scene_samplers(struct suite *s)
{
	static const VkDescriptorType types[2] = { VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, STORAGE };
	static const VkSamplerAddressMode modes[4] = {
		VK_SAMPLER_ADDRESS_MODE_REPEAT,
		VK_SAMPLER_ADDRESS_MODE_MIRRORED_REPEAT,
		VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_EDGE,
		VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_BORDER,
	};
	struct vkc *c = &s->c;
	struct job job;
	job_init(s, &job, VKC_CODE(conversion_comp), NULL, 2, types);
	struct vkc_image_params params = {
		.format = VK_FORMAT_R8G8B8A8_UNORM,
		.width = 5,
		.height = 3,
		.usage = VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT,
	};
	struct vkc_image image = vkc_image_create(c, &params);
	struct vkc_buffer staging = vkc_buffer_host(c, 60, VK_BUFFER_USAGE_TRANSFER_SRC_BIT);
	for (int i = 0; i < 60; i++) {
		((uint8_t *)staging.mapped)[i] = (uint8_t)(i * 37);
	}
	VkBufferImageCopy region = {
		.imageSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.imageExtent = { 5, 3, 1 },
	};
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_layout(c, cmd, &image, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
	c->vk.CmdCopyBufferToImage(cmd, staging.buffer, image.image, VK_IMAGE_LAYOUT_GENERAL, 1, &region);
	vkc_end(c, cmd);
	struct vkc_buffer to = vkc_buffer_host(c, 8 * 64 * 16, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	uint8_t *all = vkc_alloc(8, 1024);
	vkc_write_buffer(c, job.set, 1, STORAGE, to.buffer);
	for (uint32_t i = 0; i < 8; i++) {
		VkSampler sampler =
			vkc_sampler(c, i & 1 ? VK_FILTER_LINEAR : VK_FILTER_NEAREST, modes[i / 2]);
		vkc_write_image(c, job.set, 0, types[0], sampler, image.view, VK_IMAGE_LAYOUT_GENERAL);
		job_run(s, &job, NULL, 1, 1);
		memcpy(all + 1024 * i, to.mapped, 1024);
		c->vk.DestroySampler(c->device, sampler, NULL);
	}
	suite_put(s, "values", all, 8192);
	free(all);
	vkc_buffer_destroy(c, &to);
	vkc_buffer_destroy(c, &staging);
	vkc_image_destroy(c, &image);
	job_finish(s, &job);
}

const struct suite_scene suite_compute_scenes[] = {
	{ "compute", scene_compute },
	{ "storage_image", scene_storage_image },
	{ "texel_buffer", scene_texel_buffer },
	{ "push_descriptor", scene_push_descriptor },
	{ "update_template", scene_update_template },
	{ "buffer_address", scene_buffer_address },
	{ "descriptor_indexing", scene_descriptor_indexing },
	{ "samplers", scene_samplers },
	{ NULL, NULL },
};
