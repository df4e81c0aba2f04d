/* SPDX-License-Identifier: MIT */
#include "cmd/gpu_list.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE "device " /* begins the line of a device */
/* What nvidia-smi writes before a UUID. */
#define UUID_PREFIX "GPU-"
#define UUID_DIGITS ((size_t)2 * VTR_PROBE_CACHE_UUID)

void vtr_gpu_format_uuid(const uint8_t uuid[VTR_PROBE_CACHE_UUID], char out_text[VTR_GPU_UUID_TEXT])
{
	char digits[VTR_PROBE_CACHE_UUID_TEXT];

	vtr_probe_cache_format_uuid(uuid, digits);
	snprintf(out_text, VTR_GPU_UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12,
	         digits + 16, digits + 20);
}

void vtr_gpu_print(const struct vtr_gpu *gpu)
{
	char device[VTR_PROBE_CACHE_UUID_TEXT];
	char driver[VTR_PROBE_CACHE_UUID_TEXT];

	vtr_probe_cache_format_uuid(gpu->device_uuid, device);
	vtr_probe_cache_format_uuid(gpu->driver_uuid, driver);
	printf(LINE "%s:%s:%c:%s\n", device, driver, gpu->is_cpu ? 'c' : 'g', gpu->name);
}

static bool read_gpu(const char *text, struct vtr_gpu *out_gpu)
{
	struct vtr_gpu gpu = { .name = "" };

	if (!vtr_probe_cache_parse_uuid(&text, gpu.device_uuid) ||
	    !vtr_probe_cache_parse_uuid(&text, gpu.driver_uuid) || (text[0] != 'c' && text[0] != 'g') ||
	    text[1] != ':') {
		return false;
	}
	gpu.is_cpu = text[0] == 'c';
	snprintf(gpu.name, sizeof(gpu.name), "%s", text + 2);
	*out_gpu = gpu;
	return true;
}

void vtr_gpus_read(char *text, struct vtr_gpus *out_gpus)
{
	char *state = NULL;

	out_gpus->count = 0;
	for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		const bool is_device = strncmp(line, LINE, strlen(LINE)) == 0;

		if (is_device && out_gpus->count < VTR_GPUS_MAX &&
		    read_gpu(line + strlen(LINE), &out_gpus->items[out_gpus->count])) {
			out_gpus->count++;
		}
	}
}

/* --- which devices a text names --------------------------------------------------------------------- */

/* Returns: whether the text is a UUID, whose digits are in out_digits then. */
static bool read_uuid(const char *text, char out_digits[VTR_PROBE_CACHE_UUID_TEXT])
{
	size_t n = 0;

	if (strncasecmp(text, UUID_PREFIX, strlen(UUID_PREFIX)) == 0) {
		text += strlen(UUID_PREFIX);
	}
	for (; *text; text++) {
		if (*text == '-') {
			continue;
		}
		if (n == UUID_DIGITS || !isxdigit((unsigned char)*text)) {
			return false;
		}
		out_digits[n++] = (char)tolower((unsigned char)*text);
	}
	out_digits[n] = '\0';
	return n == UUID_DIGITS;
}

enum way { WAY_INDEX, WAY_UUID, WAY_WHOLE_NAME, WAY_PART_OF_NAME };

struct wanted {
	enum way way;
	size_t index;
	char uuid[VTR_PROBE_CACHE_UUID_TEXT];
	const char *name;
};

static bool is_wanted(const struct wanted *wanted, const struct vtr_gpus *gpus, size_t i)
{
	const struct vtr_gpu *gpu = &gpus->items[i];
	char uuid[VTR_PROBE_CACHE_UUID_TEXT];

	switch (wanted->way) {
	case WAY_INDEX:
		return i == wanted->index;
	case WAY_UUID:
		vtr_probe_cache_format_uuid(gpu->device_uuid, uuid);
		return strcmp(uuid, wanted->uuid) == 0;
	case WAY_WHOLE_NAME:
		return strcasecmp(gpu->name, wanted->name) == 0;
	case WAY_PART_OF_NAME:
		return strcasestr(gpu->name, wanted->name) != NULL;
	}
	return false;
}

static bool are_same(const struct vtr_gpu *a, const struct vtr_gpu *b)
{
	return memcmp(a->device_uuid, b->device_uuid, VTR_PROBE_CACHE_UUID) == 0 &&
	       memcmp(a->driver_uuid, b->driver_uuid, VTR_PROBE_CACHE_UUID) == 0;
}

static size_t count_wanted(const struct wanted *wanted, const struct vtr_gpus *gpus, size_t *out_index)
{
	size_t count = 0;

	for (size_t i = 0; i < gpus->count; i++) {
		bool again = false;

		if (!is_wanted(wanted, gpus, i)) {
			continue;
		}
		for (size_t earlier = 0; earlier < i && !again; earlier++) {
			again = is_wanted(wanted, gpus, earlier) &&
			        are_same(&gpus->items[earlier], &gpus->items[i]);
		}
		if (count == 0) {
			*out_index = i;
		}
		count += !again;
	}
	return count;
}

size_t vtr_gpus_match(const struct vtr_gpus *gpus, const char *text, size_t *out_index)
{
	struct wanted wanted = { .way = WAY_WHOLE_NAME, .name = text };

	if (text[0] == '\0') {
		return 0;
	}
	if (read_uuid(text, wanted.uuid)) {
		wanted.way = WAY_UUID;
	} else if (strspn(text, "0123456789") == strlen(text)) {
		wanted.way = WAY_INDEX;
		wanted.index = strtoul(text, NULL,
		                       10); /* a number that is too large becomes one that is not there */
	}
	size_t count = count_wanted(&wanted, gpus, out_index);
	if (count == 0 && wanted.way == WAY_WHOLE_NAME) {
		wanted.way = WAY_PART_OF_NAME;
		count = count_wanted(&wanted, gpus, out_index);
	}
	return count;
}
