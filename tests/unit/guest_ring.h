/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_GUEST_RING_H
#define TESTS_UNIT_GUEST_RING_H

#include "venus_guest.h"

/* The memory of a ring of a guest, with counters at the distances that Mesa uses. */
enum { HEAD_AT = 0, TAIL_AT = 64, STATUS_AT = 128, BUFFER_AT = 192, BUFFER_SIZE = 16384 };
enum { EXTRA_AT = BUFFER_AT + BUFFER_SIZE, RING_SIZE = EXTRA_AT + 4 };

/* Makes ring 100 + `ring` in a resource of RING_SIZE bytes. */
static inline enum vtr_err guest_create_ring(struct guest *g, unsigned ring, uint32_t res_id)
{
	const VkRingCreateInfoMESA info = {
		.sType = VK_STRUCTURE_TYPE_RING_CREATE_INFO_MESA,
		.resourceId = res_id,
		.size = RING_SIZE,
		.headOffset = HEAD_AT,
		.tailOffset = TAIL_AT,
		.statusOffset = STATUS_AT,
		.bufferOffset = BUFFER_AT,
		.bufferSize = BUFFER_SIZE,
		.extraOffset = EXTRA_AT,
		.extraSize = 4,
		.idleTimeout = 1000000,
	};

	return SEND(g, vkCreateRingMESA, .ring = 100 + ring, .pCreateInfo = &info);
}

#endif
