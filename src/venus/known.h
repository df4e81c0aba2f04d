/* SPDX-License-Identifier: MIT */
#ifndef VENUS_KNOWN_H
#define VENUS_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * How a device's memory is shared, found out by another process with the same driver and the same
 * parameters (vtr_probe_host()). To find out takes a VkDevice, which costs tens of milliseconds and leaves
 * some MiB in the driver's heap; so servers have it done once, apart, and tell their workers.
 *
 * It travels as text, in the workers' command lines: device and driver UUID in hex, import alignment,
 * whether buffers can be of imported memory, whether it is a CPU, a letter for each memory type, and one for each
 * on devices that enable sparse binding.
 */
#define VTR_KNOWN_UUID 16
#define VTR_KNOWN_MAX_TYPES 32
#define VTR_KNOWN_NOT_SPARSE 0xff /* no sparse resource can be bound to the type */

struct vtr_known_device {
	uint8_t device_uuid[VTR_KNOWN_UUID];
	uint8_t driver_uuid[VTR_KNOWN_UUID];
	uint64_t import_alignment;
	bool buffers_importable;
	bool is_cpu;
	uint32_t type_count;
	uint8_t share[VTR_KNOWN_MAX_TYPES]; /* enum vtr_share */
	uint8_t sparse_share[VTR_KNOWN_MAX_TYPES]; /* the same, or VTR_KNOWN_NOT_SPARSE */
};

#define VTR_KNOWN_MAX_DEVICES 16

struct vtr_known {
	uint32_t count;
	struct vtr_known_device devices[VTR_KNOWN_MAX_DEVICES];
};

/* The longest text, with its NUL. */
#define VTR_KNOWN_TEXT 192

/* A UUID in hex, with its NUL. */
#define VTR_KNOWN_UUID_TEXT (2 * VTR_KNOWN_UUID + 1)

void vtr_known_format_uuid(const uint8_t uuid[VTR_KNOWN_UUID], char out_text[VTR_KNOWN_UUID_TEXT]);

/* Takes a UUID and the colon behind it from the beginning of *text. Returns: whether they are there. */
bool vtr_known_parse_uuid(const char **text, uint8_t out_uuid[VTR_KNOWN_UUID]);

void vtr_known_format(const struct vtr_known_device *device, char out_text[VTR_KNOWN_TEXT]);

/* Returns: VTR_ERR_ARG if that is no such text; *out_device is untouched then. */
VTR_MUST_CHECK enum vtr_err vtr_known_parse(const char *text, struct vtr_known_device *out_device);

/* What is known of a device, or NULL. Accepts NULL for `known`. */
const struct vtr_known_device *vtr_known_find(const struct vtr_known *known,
                                              const uint8_t device_uuid[VTR_KNOWN_UUID],
                                              const uint8_t driver_uuid[VTR_KNOWN_UUID]);

#endif
