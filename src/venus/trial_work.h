/* SPDX-License-Identifier: MIT */
#ifndef VENUS_TRIAL_WORK_H
#define VENUS_TRIAL_WORK_H

#include "procs_gen.h"
#include "venus/physical.h"

/* The work that a device is tried with (trial.h). Thread: the trial's. */

#define VTR_TRIAL_MAX_BUFFERS 8

struct vtr_trial_buffer {
	VkBuffer handle;
	VkDeviceMemory memory;
	VkDeviceAddress address;
	void *bytes; /* NULL: the CPU cannot access it */
};

/* The device and all of its objects, which are destroyed together. */
struct vtr_trial_device {
	const struct vtr_physical *physical;
	VkDevice handle;
	struct vtw_device_procs vk;
	VkQueue queue;
	uint32_t family;
	VkPipelineLayout layout;
	VkRenderPass pass;
	VkFramebuffer framebuffer;
	VkCommandPool pool;
	VkCommandBuffer commands;
	VkFence fence;
	VkPipeline pipeline; /* the newest one */
	VkAccelerationStructureKHR structure;
	struct vtr_trial_buffer buffers[VTR_TRIAL_MAX_BUFFERS];
	uint32_t buffer_count;
};

/* Creates what all steps need. Returns: the driver's result. */
VkResult vtr_trial_prepare(struct vtr_trial_device *device);

/* Each creates a pipeline or a structure, has a queue use it, and waits. Returns: the driver's result. */
VkResult vtr_trial_compute(struct vtr_trial_device *device);
VkResult vtr_trial_graphics(struct vtr_trial_device *device);
VkResult vtr_trial_mesh(struct vtr_trial_device *device);
VkResult vtr_trial_ray_tracing(struct vtr_trial_device *device);
VkResult vtr_trial_structure(struct vtr_trial_device *device);

/* Destroys the device, if there is one, and all of its objects. */
void vtr_trial_finish(struct vtr_trial_device *device);

#endif
