/* SPDX-License-Identifier: MIT */
#ifndef VENUS_STRATEGY_H
#define VENUS_STRATEGY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vk_gen.h"

struct vtr_log;
struct vtr_physical;
struct vtr_venus_params;

/* How memory of a type gets to the guest. */
enum vtr_share {
	VTR_SHARE_NONE,        /* it does not: the type is not HOST_VISIBLE for the guest */
	VTR_SHARE_HOST_IMPORT, /* our shared memory, imported by VK_EXT_external_memory_host */
	VTR_SHARE_DMA_BUF,     /* exported as a dma-buf that can be mapped */
	VTR_SHARE_OPAQUE_FD,   /* exported as an opaque fd that happens to be mappable */
	VTR_SHARE_FD_IMPORT,   /* our shared memory, imported as if it were a dma-buf */
};

/* Sparse resources are bound by the driver's own idea of what memory is, in which imported memory may have no
 * place. So each type has a second way for devices that enable sparse binding, which pay for it alone; that a
 * type can be shared at all does not depend on it. */
struct vtr_memory_strategy {
	enum vtr_share share[VK_MAX_MEMORY_TYPES];
	const char *reason[VK_MAX_MEMORY_TYPES]; /* literals, for people */
	enum vtr_share sparse_share[VK_MAX_MEMORY_TYPES]; /* on devices that enable sparse binding */
	uint32_t sparse_types; /* that sparse resources can be bound to; 0: no sparse binding */
	const char *sparse_reason; /* a literal, for people */
	uint64_t import_alignment; /* of addresses and sizes */
	bool buffers_importable; /* buffers may say that imported memory is theirs */
};

const char *vtr_share_name(enum vtr_share share);

/**
 * Finds out by doing: makes a device, imports, exports and maps a page of each type; or takes over what
 * params->known says.
 * Fills physical->strategy and rewrites physical->memory.
 * Returns: VTR_ERR_UNSUPPORTED when no coherent memory can be shared, VTR_ERR_VK.
 */
VTR_MUST_CHECK enum vtr_err vtr_strategy_probe(struct vtr_log *log, const struct vtr_venus_params *params,
                                               struct vtr_physical *physical);

#endif
