/* SPDX-License-Identifier: MIT */
/* Pipelines are created in arrays: each element can fail on its own. */
#include "venus/device.h"

struct array {
	struct vtr_vk_object **objects;
	VkPipeline *handles;
	uint32_t n;
};

static bool begin(struct vtr_dispatch *d, struct vtr_object *device, uint64_t *ids, uint32_t count,
                  struct array *out, VkResult *out_ret)
{
	*out = (struct array){ .n = 0 };
	if (count == 0 || ids == NULL) {
		vtr_dispatch_fail(d, "the number of pipelines is 0");
		return false;
	}
	out->objects = vtr_dispatch_alloc(d, count, sizeof(*out->objects));
	out->handles = vtr_dispatch_alloc(d, count, sizeof(VkPipeline));
	if (out->objects == NULL || out->handles == NULL) {
		return false;
	}
	for (; out->n < count; out->n++) {
		out->objects[out->n] =
			vtr_object_reserve(d, device, VK_OBJECT_TYPE_PIPELINE, ids[out->n], out_ret);
		if (out->objects[out->n] == NULL) {
			for (uint32_t i = 0; i < out->n; i++) {
				vtr_object_publish(d, out->objects[i], 0, *out_ret);
			}
			memset(ids, 0, count * sizeof(*ids));
			return false;
		}
	}
	return true;
}

/* Destroys a pipeline that has no object, because a guest gave two pipelines of an array the same id. */
static void drop(struct vtr_device *device, VkPipeline pipeline)
{
	pthread_mutex_lock(&device->lock);
	if (!device->gone) {
		device->procs.vkDestroyPipeline(device->handle, pipeline, NULL);
	}
	pthread_mutex_unlock(&device->lock);
}

/* An id of 0 in the reply tells the guest that this element failed. */
static void end(struct vtr_dispatch *d, struct array *a, uint64_t *ids, VkResult ret)
{
	for (uint32_t i = 0; i < a->n; i++) {
		struct vtr_device *device = a->objects[i]->device;
		const bool made = a->handles[i] != NULL;
		const VkResult result = made ? VK_SUCCESS : ret < 0 ? ret : VK_ERROR_UNKNOWN;

		if (!vtr_object_publish(d, a->objects[i], (uintptr_t)a->handles[i], result)) {
			drop(device, a->handles[i]);
		}
		if (!made) {
			ids[i] = 0;
		}
	}
}

void vtr_hand_vkCreateGraphicsPipelines(struct vtr_dispatch *d, struct vtw_vkCreateGraphicsPipelines *a)
{
	struct array array;

	if (begin(d, a->device_obj, a->pPipelines, a->createInfoCount, &array, &a->ret)) {
		a->ret = vtr_device_procs(a->device_obj)
		                 ->vkCreateGraphicsPipelines(a->device, a->pipelineCache, a->createInfoCount,
		                                             a->pCreateInfos, NULL, array.handles);
		end(d, &array, a->pPipelines, a->ret);
	}
}

void vtr_hand_vkCreateComputePipelines(struct vtr_dispatch *d, struct vtw_vkCreateComputePipelines *a)
{
	struct array array;

	if (begin(d, a->device_obj, a->pPipelines, a->createInfoCount, &array, &a->ret)) {
		a->ret = vtr_device_procs(a->device_obj)
		                 ->vkCreateComputePipelines(a->device, a->pipelineCache, a->createInfoCount,
		                                            a->pCreateInfos, NULL, array.handles);
		end(d, &array, a->pPipelines, a->ret);
	}
}

void vtr_hand_vkCreateRayTracingPipelinesKHR(struct vtr_dispatch *d,
                                             struct vtw_vkCreateRayTracingPipelinesKHR *a)
{
	const struct vtw_device_procs *vk = vtr_device_procs(a->device_obj);
	struct array array;

	if (vk->vkCreateRayTracingPipelinesKHR == NULL || a->deferredOperation != NULL) {
		vtr_dispatch_fail(d, "the driver cannot create ray tracing pipelines, or they are deferred");
		return;
	}
	if (begin(d, a->device_obj, a->pPipelines, a->createInfoCount, &array, &a->ret)) {
		a->ret = vk->vkCreateRayTracingPipelinesKHR(a->device, NULL, a->pipelineCache,
		                                            a->createInfoCount, a->pCreateInfos, NULL,
		                                            array.handles);
		end(d, &array, a->pPipelines, a->ret);
	}
}
