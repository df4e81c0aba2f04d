/* SPDX-License-Identifier: MIT */
#ifndef VENUS_PROBE_H
#define VENUS_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "venus/portability.h"
#include "venus/trial.h"
#include "vk/probe_cache.h"

struct vtr_log;
struct vtr_venus_params;

#define VTR_PROBE_LIBRARIES 16384

/* What this host can serve, for `vitrine doctor`. Strings belong to the report or are literals. */
struct vtr_probe_type {
	uint32_t flags;        /* VkMemoryPropertyFlags of the driver's type */
	uint32_t guest_flags;  /* of the type as guests see it */
	uint32_t heap;
	uint64_t heap_size;
	const char *share;     /* host-import, fd-import, dma-buf, opaque-fd or none */
	const char
		*sparse_share; /* the same on devices that enable sparse binding; NULL: not usable for it */
	const char *reason;
};

struct vtr_probe_device {
	char name[256];
	uint8_t device_uuid[VTR_PROBE_CACHE_UUID], driver_uuid[VTR_PROBE_CACHE_UUID];
	bool is_cpu;
	char driver[256]; /* name and version, from the driver */
	const char *kind; /* discrete, integrated, virtual, cpu, other */
	uint32_t api_version;
	uint32_t vendor_id, device_id;
	const char *refused; /* why it is not offered to guests, or NULL */
	uint64_t import_alignment;
	uint32_t extensions; /* of the driver */
	uint32_t offered_extensions; /* to guests */
	bool emulates_dma_buf, emulates_modifiers, emulates_queue_foreign, emulates_sync_fd;
	bool hides_linear; /* images are not in memory that guests can map, since it is imported for buffers only */
	bool portability; /* it has VK_KHR_portability_subset */
	char portability_lacks
		[VTR_PORTABILITY_TEXT]; /* the names of that extension's features which it lacks */
	bool sparse; /* guests get sparse binding */
	const char *sparse_reason; /* how it works, or why it is not offered */
	uint32_t type_count;
	struct vtr_probe_type types[32];
	struct vtr_probed_device known; /* for contexts of other processes, unless refused */
	struct vtr_trial trial; /* if requested, and unless refused */
};

struct vtr_probe_report {
	uint32_t loader_version; /* 0: no loader */
	const char *problem; /* why there is no device, or NULL */
	uint32_t device_count;
	struct vtr_probe_device *devices;
	char libraries[VTR_PROBE_LIBRARIES]; /* paths of what is loaded now, each with its NUL */
	size_t libraries_size;
};

enum vtr_probe_depth {
	VTR_PROBE_LIST, /* only who the devices are: creates no VkDevice */
	VTR_PROBE_EXAMINE, /* as a context does */
	VTR_PROBE_TRIAL, /* and tries them with all of their features */
};

/**
 * Loads the host's drivers in this process and queries every device.
 * Owner: *out_report is the caller's; end it with vtr_probe_finish(). Returns: VTR_ERR_NOMEM.
 * Thread: any; a driver may crash the process, so not in one that must survive.
 */
VTR_MUST_CHECK enum vtr_err vtr_probe_host(struct vtr_log *log, const struct vtr_venus_params *params,
                                           enum vtr_probe_depth depth, struct vtr_probe_report *out_report);
void vtr_probe_finish(struct vtr_probe_report *report);

#endif
