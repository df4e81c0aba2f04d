/* SPDX-License-Identifier: MIT */
#ifndef VK_PROBE_CACHE_H
#define VK_PROBE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * How a device's memory can be shared, as found out by another process with the same driver and the same
 * parameters (vtr_probe_host()). Probing needs a VkDevice, which costs tens of milliseconds and leaves some
 * MiB in the driver's heap. So servers probe once, in a separate process, and pass the result to their
 * workers.
 *
 * The prober passes it as text: device and driver UUID in hex, import alignment, whether buffers can use imported
 * memory, whether images can, whether it is a CPU, a letter for each memory type, and one more for each on
 * devices that enable sparse binding. Workers get it with their configuration (renderer_config.h).
 */
#define VTR_PROBE_CACHE_UUID 16
#define VTR_PROBE_CACHE_MAX_TYPES 32
#define VTR_PROBE_CACHE_NOT_SPARSE 0xff /* no sparse resource can be bound to the type */

/* How memory of a type is shared with the guest. */
enum vtr_share {
	VTR_SHARE_NONE,        /* not shared: the type is not HOST_VISIBLE for the guest */
	VTR_SHARE_HOST_IMPORT, /* our shared memory, imported by VK_EXT_external_memory_host */
	VTR_SHARE_DMA_BUF,     /* exported as a dma-buf that can be mapped */
	VTR_SHARE_OPAQUE_FD,   /* exported as an opaque fd that happens to be mappable */
	VTR_SHARE_FD_IMPORT,   /* our shared memory, imported like a dma-buf */
};

struct vtr_probed_device {
	uint8_t device_uuid[VTR_PROBE_CACHE_UUID];
	uint8_t driver_uuid[VTR_PROBE_CACHE_UUID];
	uint64_t import_alignment;
	uint8_t buffers_importable; /* 0 or 1, as the next two */
	uint8_t images_importable;
	uint8_t is_cpu;
	uint8_t zero;
	uint32_t type_count;
	uint8_t share[VTR_PROBE_CACHE_MAX_TYPES]; /* enum vtr_share */
	uint8_t sparse_share[VTR_PROBE_CACHE_MAX_TYPES]; /* the same, or VTR_PROBE_CACHE_NOT_SPARSE */
};

#define VTR_PROBE_CACHE_MAX_DEVICES 16

/* Part of struct vtr_renderer_config, whose bytes travel: no pointers, no padding. */
struct vtr_probe_cache {
	uint32_t count;
	uint32_t zero;
	struct vtr_probed_device devices[VTR_PROBE_CACHE_MAX_DEVICES];
};

/* The longest text, with its NUL. */
#define VTR_PROBE_CACHE_TEXT 192

/* A UUID in hex, with its NUL. */
#define VTR_PROBE_CACHE_UUID_TEXT (2 * VTR_PROBE_CACHE_UUID + 1)

void vtr_probe_cache_format_uuid(const uint8_t uuid[VTR_PROBE_CACHE_UUID],
                                 char out_text[VTR_PROBE_CACHE_UUID_TEXT]);

/* Parses a UUID and the colon behind it at the beginning of *text and advances *text. Returns: whether they
 * are there. */
bool vtr_probe_cache_parse_uuid(const char **text, uint8_t out_uuid[VTR_PROBE_CACHE_UUID]);

void vtr_probe_cache_format(const struct vtr_probed_device *device, char out_text[VTR_PROBE_CACHE_TEXT]);

/* Returns: VTR_ERR_ARG if the text is malformed; *out_device is untouched then. */
VTR_MUST_CHECK enum vtr_err vtr_probe_cache_parse(const char *text, struct vtr_probed_device *out_device);

/* Returns: whether all values are in their range. */
bool vtr_probe_cache_is_valid(const struct vtr_probe_cache *known);

/* Returns: the entry of a device, or NULL. */
const struct vtr_probed_device *vtr_probe_cache_find(const struct vtr_probe_cache *known,
                                                     const uint8_t device_uuid[VTR_PROBE_CACHE_UUID],
                                                     const uint8_t driver_uuid[VTR_PROBE_CACHE_UUID]);

#endif
