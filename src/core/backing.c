/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "gpu"
#include "core/gpu_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "platform/shm.h"

static bool reachable(const struct vtr_gpu *gpu, uint64_t gpa, uint64_t size)
{
	return gpu->ram && vtr_ram_at(gpu->ram, gpa, size) != NULL;
}

/* Appends a range. Merges it with the last one if it follows that directly in the same region. */
static enum vtr_err append(struct vtr_gpu *gpu, struct vtr_gpu_backing *backing,
                           const struct vtr_gpu_extent *extent)
{
	struct vtr_gpu_backing_extent *last = backing->count > 0 ? &backing->extents[backing->count - 1] :
	                                                           NULL;

	if (extent->size == 0 || !reachable(gpu, extent->gpa, extent->size)) {
		vtr_warn_limited(gpu->log,
		                 "guest memory 0x%" PRIx64 "+0x%" PRIx64 " of a resource is not RAM "
		                 "that the VMM shares; the resource gets none",
		                 extent->gpa, extent->size);
		return VTR_ERR_INVALID;
	}
	if (last && last->gpa + last->size == extent->gpa &&
	    reachable(gpu, last->gpa, last->size + extent->size)) {
		last->size += extent->size;
	} else {
		backing->extents[backing->count++] = (struct vtr_gpu_backing_extent){
			.gpa = extent->gpa,
			.size = extent->size,
			.start = backing->size,
		};
	}
	backing->size += extent->size;
	return VTR_OK;
}

enum vtr_err vtr_gpu_backing_init(struct vtr_gpu *gpu, struct vtr_gpu_backing *backing,
                                  enum vtr_gpu_kind kind, const struct vtr_gpu_extent *extents, size_t count)
{
	const uint64_t limit = vtr_gpu_limit_for(kind, VTR_GPU_MAX_EXTENTS);
	struct vtr_gpu_backing made = { 0 };

	vtr_assert(!backing->extents);
	if (count == 0) {
		return VTR_ERR_INVALID;
	}
	if (count > VTR_GPU_MAX_BACKING || gpu->extent_count + count > limit) {
		vtr_info_limited(gpu->log,
		                 "a resource of %zu pieces of guest memory is refused: %u are allowed "
		                 "for one, %" PRIu64 " in all",
		                 count, VTR_GPU_MAX_BACKING, limit);
		return VTR_ERR_LIMIT;
	}
	made.extents = calloc(count, sizeof(*made.extents));
	if (!made.extents) {
		return VTR_ERR_NOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		if (append(gpu, &made, &extents[i]) != VTR_OK) {
			free(made.extents);
			return VTR_ERR_INVALID;
		}
	}
	/* Frees what merging saved. If realloc() fails, the larger block stays. */
	void *smaller = realloc(made.extents, made.count * sizeof(*made.extents));
	made.extents = smaller ? smaller : made.extents;
	gpu->extent_count += (uint32_t)made.count;
	*backing = made;
	return VTR_OK;
}

void vtr_gpu_backing_finish(struct vtr_gpu *gpu, struct vtr_gpu_backing *backing)
{
	if (backing->extents) {
		gpu->extent_count -= (uint32_t)backing->count;
		free(backing->extents);
		*backing = (struct vtr_gpu_backing){ 0 };
	}
}

/* Returns: the extent that contains the byte at `offset`, which lies in the backing. */
static size_t find_extent(const struct vtr_gpu_backing *backing, uint64_t offset)
{
	size_t low = 0;
	size_t high = backing->count - 1;

	while (low < high) {
		size_t middle = low + (high - low + 1) / 2;
		if (backing->extents[middle].start <= offset) {
			low = middle;
		} else {
			high = middle - 1;
		}
	}
	return low;
}

/* Copies bytes that lie in the backing. `*inout_extent` is the extent of the byte at `offset`, or one before
 * it. */
static enum vtr_err read_bytes(const struct vtr_gpu *gpu, const struct vtr_gpu_backing *backing,
                               size_t *inout_extent, uint64_t offset, uint8_t *out, uint64_t size)
{
	size_t i = *inout_extent;

	while (size > 0) {
		const struct vtr_gpu_backing_extent *extent = &backing->extents[i];
		if (offset >= extent->start + extent->size) {
			i++;
			continue;
		}
		uint64_t at = offset - extent->start;
		uint64_t part = vtr_min(extent->size - at, size);
		const void *bytes = gpu->ram ? vtr_ram_at(gpu->ram, extent->gpa + at, part) : NULL;
		if (!bytes) {
			return VTR_ERR_INVALID; /* the VMM has removed it */
		}
		memcpy(out, bytes, part);
		out += part;
		offset += part;
		size -= part;
	}
	*inout_extent = i;
	return VTR_OK;
}

enum vtr_err vtr_gpu_backing_read(const struct vtr_gpu *gpu, const struct vtr_gpu_backing *backing,
                                  uint64_t offset, uint32_t stride, uint8_t *out, uint64_t row_size,
                                  uint32_t rows)
{
	enum vtr_err err = VTR_OK;
	uint64_t end;

	if (rows == 0 || row_size == 0) {
		return VTR_OK;
	}
	/* Cannot overflow: rows and stride have 32 bits each, row_size at most 33. */
	if (__builtin_add_overflow(offset, (uint64_t)(rows - 1) * stride + row_size, &end) ||
	    end > backing->size) {
		return VTR_ERR_INVALID;
	}
	if (row_size == stride) {
		row_size *= rows;
		rows = 1;
	}
	size_t extent = find_extent(backing, offset);
	for (uint32_t i = 0; i < rows && err == VTR_OK; i++) {
		uint64_t skip = (uint64_t)i * stride;
		err = read_bytes(gpu, backing, &extent, offset + skip, out + skip, row_size);
	}
	return err;
}

enum vtr_err vtr_gpu_backing_locate(const struct vtr_gpu *gpu, const struct vtr_gpu_backing *backing,
                                    struct vtr_ram_piece **out_pieces, size_t *out_count)
{
	uint64_t page_mask = vtr_os_page_size() - 1;
	struct vtr_ram_piece *pieces = calloc(backing->count, sizeof(*pieces));

	if (!pieces) {
		return VTR_ERR_NOMEM;
	}
	for (size_t i = 0; i < backing->count; i++) {
		const struct vtr_gpu_backing_extent *extent = &backing->extents[i];
		if (!gpu->ram || !vtr_ram_locate(gpu->ram, extent->gpa, extent->size, &pieces[i]) ||
		    ((pieces[i].offset | pieces[i].size) & page_mask) != 0) {
			free(pieces);
			return VTR_ERR_UNSUPPORTED;
		}
	}
	*out_pieces = pieces;
	*out_count = backing->count;
	return VTR_OK;
}
