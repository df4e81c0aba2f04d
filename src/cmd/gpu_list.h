/* SPDX-License-Identifier: MIT */
#ifndef CMD_GPU_LIST_H
#define CMD_GPU_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vk/probe_cache.h"

/* The host's devices, as `vitrine worker --probe --list` prints them, and how the value of --gpu names one. */

#define VTR_GPUS_MAX 64
/* A UUID in groups of digits, with its NUL. */
#define VTR_GPU_UUID_TEXT 37

struct vtr_gpu {
	char name[256];
	uint8_t device_uuid[VTR_PROBE_CACHE_UUID];
	uint8_t driver_uuid[VTR_PROBE_CACHE_UUID];
	bool is_cpu;
};

struct vtr_gpus {
	struct vtr_gpu items[VTR_GPUS_MAX]; /* by index */
	size_t count;
};

/* As "00112233-4455-6677-8899-aabbccddeeff". */
void vtr_gpu_format_uuid(const uint8_t uuid[VTR_PROBE_CACHE_UUID], char out_text[VTR_GPU_UUID_TEXT]);

/* Prints the line of a device, for vtr_gpus_read(). */
void vtr_gpu_print(const struct vtr_gpu *gpu);

/* Reads the lines of vtr_gpu_print(), and leaves out others. Cuts `text` into pieces. */
void vtr_gpus_read(char *text, struct vtr_gpus *out_gpus);

/* Returns: how many devices `text` names, with the index of the first one in *out_index. A device that is listed twice
 * counts once. */
size_t vtr_gpus_match(const struct vtr_gpus *gpus, const char *text, size_t *out_index);

#endif
