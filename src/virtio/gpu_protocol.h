/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_GPU_PROTOCOL_H
#define VIRTIO_GPU_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/transport.h"

/*
 * Messages between a virtio-gpu driver and its device (virtio 1.3, 5.7.4 to 5.7.6; feature bit 5 and
 * blob_alignment are from 1.4). Little-endian on the wire and on every supported host.
 */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structures are used as they arrive");

#define GPU_QUEUE_CONTROL 0u
#define GPU_QUEUE_CURSOR 1u
#define GPU_QUEUE_COUNT 2u

#define GPU_F_VIRGL (UINT64_C(1) << 0)
#define GPU_F_EDID (UINT64_C(1) << 1)
#define GPU_F_RESOURCE_BLOB (UINT64_C(1) << 3)
#define GPU_F_CONTEXT_INIT (UINT64_C(1) << 4)
#define GPU_F_BLOB_ALIGNMENT (UINT64_C(1) << 5)

#define GPU_EVENT_DISPLAY 1u

struct gpu_config {
	uint32_t events_read;
	uint32_t events_clear;
	uint32_t num_scanouts;
	uint32_t num_capsets;
	uint32_t blob_alignment;
};

enum gpu_command_type {
	GPU_GET_DISPLAY_INFO = 0x0100,
	GPU_RESOURCE_CREATE_2D,
	GPU_RESOURCE_UNREF,
	GPU_SET_SCANOUT,
	GPU_RESOURCE_FLUSH,
	GPU_TRANSFER_TO_HOST_2D,
	GPU_RESOURCE_ATTACH_BACKING,
	GPU_RESOURCE_DETACH_BACKING,
	GPU_GET_CAPSET_INFO,
	GPU_GET_CAPSET,
	GPU_GET_EDID,
	GPU_RESOURCE_ASSIGN_UUID, /* not offered */
	GPU_RESOURCE_CREATE_BLOB,
	GPU_SET_SCANOUT_BLOB,

	GPU_CTX_CREATE = 0x0200,
	GPU_CTX_DESTROY,
	GPU_CTX_ATTACH_RESOURCE,
	GPU_CTX_DETACH_RESOURCE,
	GPU_RESOURCE_CREATE_3D, /* for virgl, like the next two */
	GPU_TRANSFER_TO_HOST_3D,
	GPU_TRANSFER_FROM_HOST_3D,
	GPU_SUBMIT_3D,
	GPU_RESOURCE_MAP_BLOB,
	GPU_RESOURCE_UNMAP_BLOB,

	GPU_UPDATE_CURSOR = 0x0300,
	GPU_MOVE_CURSOR,
};

enum gpu_response_type {
	GPU_OK_NODATA = 0x1100,
	GPU_OK_DISPLAY_INFO,
	GPU_OK_CAPSET_INFO,
	GPU_OK_CAPSET,
	GPU_OK_EDID,
	GPU_OK_RESOURCE_UUID,
	GPU_OK_MAP_INFO,

	GPU_ERR_UNSPEC = 0x1200,
	GPU_ERR_OUT_OF_MEMORY,
	GPU_ERR_INVALID_SCANOUT_ID,
	GPU_ERR_INVALID_RESOURCE_ID,
	GPU_ERR_INVALID_CONTEXT_ID,
	GPU_ERR_INVALID_PARAMETER,
};

#define GPU_FLAG_FENCE 1u
#define GPU_FLAG_RING_IDX 2u

struct gpu_header {
	uint32_t type;
	uint32_t flags;
	uint64_t fence_id;
	uint32_t ctx_id;
	uint8_t ring_idx;
	uint8_t padding[3];
};

struct gpu_rect {
	uint32_t x, y, width, height;
};

/* Requests. Each begins with a header. */

struct gpu_resource_create_2d {
	struct gpu_header header;
	uint32_t resource_id, format, width, height;
};

/* RESOURCE_UNREF, RESOURCE_DETACH_BACKING, CTX_ATTACH_RESOURCE, CTX_DETACH_RESOURCE and RESOURCE_UNMAP_BLOB. */
struct gpu_resource_request {
	struct gpu_header header;
	uint32_t resource_id, padding;
};

struct gpu_set_scanout {
	struct gpu_header header;
	struct gpu_rect rect;
	uint32_t scanout_id, resource_id;
};

struct gpu_resource_flush {
	struct gpu_header header;
	struct gpu_rect rect;
	uint32_t resource_id, padding;
};

struct gpu_transfer_to_host_2d {
	struct gpu_header header;
	struct gpu_rect rect;
	uint64_t offset;
	uint32_t resource_id, padding;
};

/* A range of guest memory; follows some requests. */
struct gpu_mem_entry {
	uint64_t addr;
	uint32_t length, padding;
};

struct gpu_resource_attach_backing {
	struct gpu_header header;
	uint32_t resource_id, entry_count;
};

struct gpu_get_capset_info {
	struct gpu_header header;
	uint32_t index, padding;
};

struct gpu_get_capset {
	struct gpu_header header;
	uint32_t id, version;
};

struct gpu_get_edid {
	struct gpu_header header;
	uint32_t scanout_id, padding;
};

struct gpu_resource_create_blob {
	struct gpu_header header;
	uint32_t resource_id, blob_mem, blob_flags, entry_count;
	uint64_t blob_id, size;
};

struct gpu_set_scanout_blob {
	struct gpu_header header;
	struct gpu_rect rect;
	uint32_t scanout_id, resource_id, width, height, format, padding;
	uint32_t strides[4], offsets[4];
};

struct gpu_ctx_create {
	struct gpu_header header;
	uint32_t name_length, context_init;
	char name[64];
};

struct gpu_submit_3d {
	struct gpu_header header;
	uint32_t size, in_fence_count;
};

struct gpu_resource_map_blob {
	struct gpu_header header;
	uint32_t resource_id, padding;
	uint64_t offset;
};

struct gpu_cursor {
	struct gpu_header header;
	uint32_t scanout_id, x, y, padding_1;
	uint32_t resource_id, hot_x, hot_y, padding_2;
};

/* Responses. */

#define GPU_MAX_SCANOUTS 16

struct gpu_display_one {
	struct gpu_rect rect;
	uint32_t enabled, flags;
};

struct gpu_display_info {
	struct gpu_header header;
	struct gpu_display_one displays[GPU_MAX_SCANOUTS];
};

struct gpu_capset_info {
	struct gpu_header header;
	uint32_t id, max_version, max_size, padding;
};

struct gpu_capset {
	struct gpu_header header;
	uint8_t data[VTR_CAPSET_VENUS_SIZE];
};

#define GPU_EDID_SIZE 1024

struct gpu_edid {
	struct gpu_header header;
	uint32_t size, padding;
	uint8_t data[GPU_EDID_SIZE];
};

#define GPU_MAP_CACHED 1u

struct gpu_map_info {
	struct gpu_header header;
	uint32_t map_info, padding;
};

_Static_assert(sizeof(struct gpu_config) == 20, "wire format");
_Static_assert(sizeof(struct gpu_header) == 24, "wire format");
_Static_assert(sizeof(struct gpu_resource_create_2d) == 40, "wire format");
_Static_assert(sizeof(struct gpu_resource_request) == 32, "wire format");
_Static_assert(sizeof(struct gpu_set_scanout) == 48, "wire format");
_Static_assert(sizeof(struct gpu_resource_flush) == 48, "wire format");
_Static_assert(sizeof(struct gpu_transfer_to_host_2d) == 56, "wire format");
_Static_assert(sizeof(struct gpu_mem_entry) == 16, "wire format");
_Static_assert(sizeof(struct gpu_resource_attach_backing) == 32, "wire format");
_Static_assert(sizeof(struct gpu_resource_create_blob) == 56, "wire format");
_Static_assert(sizeof(struct gpu_set_scanout_blob) == 96, "wire format");
_Static_assert(sizeof(struct gpu_ctx_create) == 96, "wire format");
_Static_assert(sizeof(struct gpu_submit_3d) == 32, "wire format");
_Static_assert(sizeof(struct gpu_resource_map_blob) == 40, "wire format");
_Static_assert(sizeof(struct gpu_cursor) == 56, "wire format");
_Static_assert(sizeof(struct gpu_display_info) == 24 + 384, "wire format");
_Static_assert(sizeof(struct gpu_edid) == 24 + 8 + 1024, "wire format");

#endif
