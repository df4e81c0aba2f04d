/* SPDX-License-Identifier: MIT */
#ifndef VENUS_TYPES_H
#define VENUS_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "vk/probe_cache.h"
#include "vk_gen.h"

struct vtr_physical;

/*
 * The memory types that a guest sees. Usually they are the driver's, without what cannot be shared.
 *
 * Some drivers bind imported memory to buffers only (KosmicKrisp). There each type whose memory is imported is offered
 * twice: as it is, for buffers, and as a private type, which is not visible to the CPU and whose memory the driver
 * makes, for images and buffers. So the guest's numbers of types are not the driver's.
 */
struct vtr_memory_types {
	uint32_t driver_count;
	uint8_t of_driver[VK_MAX_MEMORY_TYPES]; /* the driver's type, of each type of the guest */
	uint32_t private_bits; /* the guest's types that are private */
};

/* Fills physical->types, and physical->memory from the driver's types, when the strategy is known. */
void vtr_types_offer(struct vtr_physical *physical);

/* Returns: how a type of the guest is shared. `sparse`: on devices that enable sparse binding. */
enum vtr_share vtr_types_share(const struct vtr_physical *physical, uint32_t type, bool sparse);

/* Return: the guest's types for a buffer or an image, for which the driver allows these types of its own. */
uint32_t vtr_types_of_buffer(const struct vtr_physical *physical, uint32_t driver_bits);
uint32_t vtr_types_of_image(const struct vtr_physical *physical, uint32_t driver_bits);

#endif
