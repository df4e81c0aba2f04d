/* SPDX-License-Identifier: MIT */
#ifndef VENUS_ATTEMPT_H
#define VENUS_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "procs_gen.h"
#include "venus/strategy.h"

struct vtr_physical;

/* A device that is created to find out how its memory can be shared. Thread: the one that created it. */
struct vtr_attempt {
	const struct vtr_physical *physical;
	VkDevice device;
	struct vtw_device_procs vk;
	size_t alignment; /* of imported memory, for address and size */
	VkQueue queue;    /* for sparse binding and copies; NULL: sparse binding cannot be tried */
	uint32_t family;  /* of the queue */
};

/* Shared memory, mapped here as for a guest. */
struct vtr_attempt_memory {
	VkDeviceMemory memory;
	uint8_t *map;
	size_t size;
};

/* Fills *attempt. Returns: the result of vkCreateDevice. */
VkResult vtr_attempt_begin(struct vtr_attempt *attempt, const struct vtr_physical *physical,
                           size_t alignment);
void vtr_attempt_end(struct vtr_attempt *attempt);

/* Allocates at least `size` bytes of a type that are shared in this way. Returns: whether that works. */
bool vtr_attempt_allocate(struct vtr_attempt *attempt, enum vtr_share share, uint32_t type, size_t size,
                          struct vtr_attempt_memory *out_memory);
void vtr_attempt_free(struct vtr_attempt *attempt, struct vtr_attempt_memory *memory);

/* Returns: whether images may stay in memory of these types that is imported by address: a linear image can be bound to
 * it. A driver that does not say so is believed if its images have no other memory; otherwise what works counts, since
 * only linear images, which programs map, need imported memory. True if there are no linear images. */
bool vtr_attempt_binds_image(struct vtr_attempt *attempt, uint32_t types);

#endif
