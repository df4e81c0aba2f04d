/* SPDX-License-Identifier: MIT */
#include "vk/probe_cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Indexed by enum vtr_share. */
static const char letters[] = {
	[VTR_SHARE_NONE] = '-',      [VTR_SHARE_HOST_IMPORT] = 'h', [VTR_SHARE_DMA_BUF] = 'd',
	[VTR_SHARE_OPAQUE_FD] = 'o', [VTR_SHARE_FD_IMPORT] = 'f',
};
#define LETTER_NOT_SPARSE 'x'

void vtr_probe_cache_format_uuid(const uint8_t uuid[VTR_PROBE_CACHE_UUID],
                                 char out_text[VTR_PROBE_CACHE_UUID_TEXT])
{
	for (size_t i = 0; i < VTR_PROBE_CACHE_UUID; i++) {
		snprintf(out_text + 2 * i, 3, "%02x", uuid[i]);
	}
}

void vtr_probe_cache_format(const struct vtr_probed_device *device, char out_text[VTR_PROBE_CACHE_TEXT])
{
	char device_text[VTR_PROBE_CACHE_UUID_TEXT];
	char driver_text[VTR_PROBE_CACHE_UUID_TEXT];
	char types[VTR_PROBE_CACHE_MAX_TYPES + 1] = "";
	char sparse[VTR_PROBE_CACHE_MAX_TYPES + 1] = "";

	vtr_probe_cache_format_uuid(device->device_uuid, device_text);
	vtr_probe_cache_format_uuid(device->driver_uuid, driver_text);
	for (uint32_t i = 0; i < device->type_count; i++) {
		types[i] = letters[device->share[i]];
		sparse[i] = device->sparse_share[i] == VTR_PROBE_CACHE_NOT_SPARSE ?
		                    LETTER_NOT_SPARSE :
		                    letters[device->sparse_share[i]];
	}
	snprintf(out_text, VTR_PROBE_CACHE_TEXT, "%s:%s:%" PRIu64 ":%c:%c:%c:%s:%s", device_text, driver_text,
	         device->import_alignment, device->buffers_importable ? 'y' : 'n',
	         device->images_importable ? 'y' : 'n', device->is_cpu ? 'c' : 'g', types, sparse);
}

bool vtr_probe_cache_parse_uuid(const char **text, uint8_t out_uuid[VTR_PROBE_CACHE_UUID])
{
	for (size_t i = 0; i < VTR_PROBE_CACHE_UUID; i++) {
		char pair[3] = "";
		char *end;

		strncpy(pair, *text, 2);
		out_uuid[i] = (uint8_t)strtoul(pair, &end, 16);
		if (end != pair + 2 || pair[0] == '-' || pair[0] == '+' || pair[0] == ' ') {
			return false;
		}
		*text += 2;
	}
	return *(*text)++ == ':';
}

/* Requires exactly one letter for each type. */
static bool parse_sparse(const char *text, struct vtr_probed_device *device)
{
	for (uint32_t i = 0; i < device->type_count; i++, text++) {
		const char *letter = memchr(letters, *text, sizeof(letters));

		if (letter == NULL && *text != LETTER_NOT_SPARSE) {
			return false;
		}
		device->sparse_share[i] = letter != NULL ? (uint8_t)(letter - letters) :
		                                           VTR_PROBE_CACHE_NOT_SPARSE;
	}
	return *text == '\0';
}

static bool parse_types(const char *text, struct vtr_probed_device *device)
{
	for (; *text != ':'; text++) {
		const char *letter = memchr(letters, *text, sizeof(letters));

		if (letter == NULL || device->type_count == VTR_PROBE_CACHE_MAX_TYPES) {
			return false;
		}
		device->share[device->type_count++] = (uint8_t)(letter - letters);
	}
	return parse_sparse(text + 1, device);
}

enum vtr_err vtr_probe_cache_parse(const char *text, struct vtr_probed_device *out_device)
{
	struct vtr_probed_device device = { 0 };
	char *end;

	if (!vtr_probe_cache_parse_uuid(&text, device.device_uuid) ||
	    !vtr_probe_cache_parse_uuid(&text, device.driver_uuid)) {
		return VTR_ERR_ARG;
	}
	device.import_alignment = strtoull(text, &end, 10);
	if (end == text || device.import_alignment == 0 ||
	    (device.import_alignment & (device.import_alignment - 1)) != 0 || end[0] != ':' ||
	    (end[1] != 'y' && end[1] != 'n') || end[2] != ':' || (end[3] != 'y' && end[3] != 'n') ||
	    end[4] != ':' || (end[5] != 'c' && end[5] != 'g') || end[6] != ':') {
		return VTR_ERR_ARG;
	}
	device.buffers_importable = end[1] == 'y';
	device.images_importable = end[3] == 'y';
	device.is_cpu = end[5] == 'c';
	if (!parse_types(end + 7, &device)) {
		return VTR_ERR_ARG;
	}
	*out_device = device;
	return VTR_OK;
}

static bool is_valid(const struct vtr_probed_device *device)
{
	const uint64_t alignment = device->import_alignment;

	if (alignment == 0 || (alignment & (alignment - 1)) != 0 || device->buffers_importable > 1 ||
	    device->images_importable > 1 || device->is_cpu > 1 || device->zero != 0 ||
	    device->type_count > VTR_PROBE_CACHE_MAX_TYPES) {
		return false;
	}
	for (uint32_t i = 0; i < device->type_count; i++) {
		if (device->share[i] >= sizeof(letters) ||
		    (device->sparse_share[i] >= sizeof(letters) &&
		     device->sparse_share[i] != VTR_PROBE_CACHE_NOT_SPARSE)) {
			return false;
		}
	}
	return true;
}

bool vtr_probe_cache_is_valid(const struct vtr_probe_cache *known)
{
	bool valid = known->count <= VTR_PROBE_CACHE_MAX_DEVICES && known->zero == 0;

	for (uint32_t i = 0; valid && i < known->count; i++) {
		valid = is_valid(&known->devices[i]);
	}
	return valid;
}

const struct vtr_probed_device *vtr_probe_cache_find(const struct vtr_probe_cache *known,
                                                     const uint8_t device_uuid[VTR_PROBE_CACHE_UUID],
                                                     const uint8_t driver_uuid[VTR_PROBE_CACHE_UUID])
{
	for (uint32_t i = 0; i < known->count; i++) {
		const struct vtr_probed_device *d = &known->devices[i];

		if (memcmp(d->device_uuid, device_uuid, VTR_PROBE_CACHE_UUID) == 0 &&
		    memcmp(d->driver_uuid, driver_uuid, VTR_PROBE_CACHE_UUID) == 0) {
			return d;
		}
	}
	return NULL;
}
