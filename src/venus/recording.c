/* SPDX-License-Identifier: MIT */
/* Recordings of command buffers, and what happens if the driver cannot make one. */
#include "venus/recording.h"

/* The guest does not wait for the result of a recording, so it goes on with the buffer. Commands that name it are left
 * out from now on, and a submit of it loses the device. */
static void check_recording(struct vtr_dispatch *d, struct vtr_object *o, VkResult ret)
{
	if (ret < 0 && !vtr_dispatch_wants_reply(d)) {
		__atomic_fetch_or(&o->type, VTR_OBJECT_FAILED, __ATOMIC_RELAXED);
	}
}

void vtr_hand_vkBeginCommandBuffer(struct vtr_dispatch *d, struct vtw_vkBeginCommandBuffer *a)
{
	a->ret =
		vtr_device_procs(a->commandBuffer_obj)->vkBeginCommandBuffer(a->commandBuffer, a->pBeginInfo);
	check_recording(d, a->commandBuffer_obj, a->ret);
}

void vtr_hand_vkEndCommandBuffer(struct vtr_dispatch *d, struct vtw_vkEndCommandBuffer *a)
{
	a->ret = vtr_device_procs(a->commandBuffer_obj)->vkEndCommandBuffer(a->commandBuffer);
	check_recording(d, a->commandBuffer_obj, a->ret);
}

void vtr_failed_vkCmdExecuteCommands(struct vtr_dispatch *d, struct vtw_vkCmdExecuteCommands *a)
{
	/* A command buffer without the commands of another one must not be executed. */
	if (a->commandBuffer_obj != NULL && vtr_recording_failed(d->r.failed)) {
		check_recording(d, a->commandBuffer_obj, VK_ERROR_UNKNOWN);
	}
}
