/* SPDX-License-Identifier: MIT */
#ifndef VENUS_STRATEGY_H
#define VENUS_STRATEGY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vk/probe_cache.h"
#include "vk_gen.h"

struct vtr_log;
struct vtr_physical;
struct vtr_venus_params;

/* Sparse resources are bound by the driver's own description of memory, in which imported memory may not
 * work. So each type has a second strategy for devices that enable sparse binding; only those pay for it.
 * Whether a type can be shared at all does not depend on it. */
struct vtr_memory_strategy {
	enum vtr_share share[VK_MAX_MEMORY_TYPES];
	const char *reason[VK_MAX_MEMORY_TYPES]; /* literals, for messages */
	enum vtr_share sparse_share[VK_MAX_MEMORY_TYPES]; /* on devices that enable sparse binding */
	uint32_t sparse_types; /* types that sparse resources can be bound to; 0: no sparse binding */
	const char *sparse_reason; /* a literal, for messages */
	uint64_t import_alignment; /* of addresses and sizes */
	bool buffers_importable; /* buffers may be declared importable */
	bool images_importable; /* images may be bound to imported memory; otherwise see types.h */
};

/* What the CPU's view of a memory type consists of. */
#define VTR_HOST_FLAGS                                                                \
	(VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | \
	 VK_MEMORY_PROPERTY_HOST_CACHED_BIT)

const char *vtr_share_name(enum vtr_share share);

/**
 * Tests a device: creates it, and imports, exports and maps a page of each type; or adopts params->config->known.
 * Fills physical->strategy and physical->types, and rewrites physical->memory.
 * Returns: VTR_ERR_UNSUPPORTED if no coherent memory can be shared, VTR_ERR_VK.
 */
VTR_MUST_CHECK enum vtr_err vtr_strategy_probe(struct vtr_log *log, const struct vtr_venus_params *params,
                                               struct vtr_physical *physical);

#endif
