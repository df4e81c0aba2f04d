/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_EDID_H
#define VIRTIO_EDID_H

#include <stddef.h>
#include <stdint.h>

/* A base block and, for modes that do not fit into it, a DisplayID block. */
#define VTR_EDID_MAX_SIZE 256

struct vtr_edid_mode {
	uint32_t width, height; /* pixels, 1..8192 */
	uint32_t refresh_hz;    /* 1..255 */
};

/**
 * Describes a display with one preferred mode, as VESA's Enhanced EDID 1.4 does. Modes of more than 4095
 * pixels a side or 655.35 MHz are in a DisplayID 1.2 extension.
 *
 * `number`  distinguishes the displays of one device.
 * Returns: the size, 128 or 256.
 * Thread:  any.
 */
size_t vtr_edid_make(const struct vtr_edid_mode *mode, uint32_t number, uint8_t out_edid[VTR_EDID_MAX_SIZE]);

#endif
