/* SPDX-License-Identifier: MIT */
#ifndef CORE_RAM_H
#define CORE_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * A guest's RAM: memory that the VMM shares, as regions of guest-physical addresses. The guest, and devices
 * that do DMA for it, write to it at any time, so two reads of the same bytes may differ.
 *
 * Thread: the device's.
 */

/* vhost-user sends at most 8 without CONFIGURE_MEM_SLOTS, which is never negotiated. */
#define VTR_RAM_MAX_REGIONS 8

struct vtr_ram_region {
	uint64_t gpa; /* guest-physical address */
	uint64_t size;
	uint64_t user_addr; /* the same bytes in the VMM's address space, as used for rings */
	uint64_t fd_offset;
	int fd; /* owned by the region */
	uint8_t *map; /* the region's first byte; set by vtr_ram_set(), never NULL in the table */
	size_t map_size; /* size of the mapping that contains it, which begins at the file's start */
};

struct vtr_ram {
	struct vtr_ram_region regions[VTR_RAM_MAX_REGIONS];
	size_t count;
};

/* A range of guest RAM that other processes can map. */
struct vtr_ram_piece {
	int fd; /* borrowed from the region */
	uint64_t offset;
	uint64_t size;
};

void vtr_ram_init(struct vtr_ram *ram);
void vtr_ram_finish(struct vtr_ram *ram);

/**
 * Replaces the table. A region that is unchanged (address, size, file, offset) keeps its mapping, so that
 * pointers into it stay valid. `map` and `map_size` in `regions` are ignored.
 *
 * Owner:   regions[].fd are consumed, on failure too.
 * Returns: VTR_ERR_INVALID (they overlap, overflow, or lie outside of their file); VTR_ERR_LIMIT (too many);
 *          VTR_ERR_OS. The old table stays on failure.
 */
VTR_MUST_CHECK enum vtr_err vtr_ram_set(struct vtr_ram *ram, const struct vtr_ram_region *regions,
                                        size_t count);

/* Returns: `size` bytes at a guest-physical address, valid until the next vtr_ram_set(). NULL: they do not
 *          lie in one region. */
void *vtr_ram_at(const struct vtr_ram *ram, uint64_t gpa, uint64_t size);

/* Returns: the byte at a guest-physical address; *size is reduced to the bytes that follow in the same
 *          region. NULL: there is no region, or *size was 0. Valid until the next vtr_ram_set(). */
void *vtr_ram_span(const struct vtr_ram *ram, uint64_t gpa, uint64_t *size);

/* Like vtr_ram_at(), for an address of the VMM. */
void *vtr_ram_at_user(const struct vtr_ram *ram, uint64_t user_addr, uint64_t size);

/* Finds the file and offset of `size` bytes at `gpa`. Returns: false if they do not lie in one region. */
bool vtr_ram_locate(const struct vtr_ram *ram, uint64_t gpa, uint64_t size, struct vtr_ram_piece *out_piece);

/* Returns: whether a region is backed by the same file as `fd` (used for hostmem, see vhost/). */
bool vtr_ram_has_file(const struct vtr_ram *ram, int fd);

#endif
