/* SPDX-License-Identifier: MIT */
#ifndef VENUS_RECORDING_H
#define VENUS_RECORDING_H

#include "venus/device.h"

/* Returns: whether this is a command buffer that exists, but which the driver could not record. Accepts NULL. */
static inline bool vtr_recording_failed(const struct vtr_object *o)
{
	return o != NULL &&
	       __atomic_load_n(&o->type, __ATOMIC_RELAXED) ==
	               (VK_OBJECT_TYPE_COMMAND_BUFFER | VTR_OBJECT_FAILED) &&
	       o->handle != 0;
}

#endif
