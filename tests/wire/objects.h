/* SPDX-License-Identifier: MIT */
#ifndef WIRE_OBJECTS_H
#define WIRE_OBJECTS_H

#include "wire/cs.h"

/*
 * An object map with one object of each type, in the order of venus.reg's handle lines: object i has
 * id i + 1, and its driver's handle is its id, so that what is decoded encodes to the same bytes.
 * oracle.py counts in the same way.
 */
enum { WIRE_OBJECT_COUNT = 33 };

struct wire_objects {
	struct vtr_idmap map;
	struct vtr_object objects[WIRE_OBJECT_COUNT];
};

static const uint32_t wire_object_types[WIRE_OBJECT_COUNT] = {
	/* VkInstance .. VkCommandBuffer, the dispatchable ones */
	1,
	2,
	3,
	4,
	6,
	/* VkDeviceMemory .. VkPipelineCache */
	8,
	25,
	9,
	13,
	10,
	14,
	15,
	19,
	17,
	21,
	23,
	20,
	22,
	7,
	5,
	11,
	12,
	24,
	18,
	16,
	/* VkDescriptorUpdateTemplate .. VkTensorARM, VkSurfaceKHR, VkSwapchainKHR */
	1000085000,
	1000156000,
	1000150000,
	1000268000,
	1000295000,
	1000460000,
	1000000000,
	1000001000,
};

static inline bool wire_objects_init(struct wire_objects *o)
{
	if (vtr_idmap_init(&o->map) != VTR_OK) {
		return false;
	}
	for (uint32_t i = 0; i < WIRE_OBJECT_COUNT; i++) {
		o->objects[i] =
			(struct vtr_object){ .id = i + 1, .handle = i + 1, .type = wire_object_types[i] };
		if (vtr_idmap_insert(&o->map, &o->objects[i]) != VTR_OK) {
			return false;
		}
	}
	return true;
}

#endif
