/* SPDX-License-Identifier: MIT */
#include "core/ram.h"

#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "platform/shm.h"

void vtr_ram_init(struct vtr_ram *ram)
{
	memset(ram, 0, sizeof(*ram));
}

static void finish_region(struct vtr_ram_region *region)
{
	if (region->map != NULL) {
		vtr_os_shm_unmap(region->map - region->fd_offset, region->map_size);
		region->map = NULL;
	}
	vtr_close(&region->fd);
}

void vtr_ram_finish(struct vtr_ram *ram)
{
	for (size_t i = 0; i < ram->count; i++) {
		finish_region(&ram->regions[i]);
	}
	ram->count = 0;
}

static bool overlap(uint64_t start, uint64_t size, uint64_t other_start, uint64_t other_size)
{
	return start < other_start + other_size && other_start < start + size;
}

/* Returns: whether a region is valid by itself and does not overlap those before it. */
static bool is_sound(const struct vtr_ram_region *regions, size_t index)
{
	const struct vtr_ram_region *region = &regions[index];
	uint64_t end;

	if (region->size == 0 || region->size > SIZE_MAX ||
	    __builtin_add_overflow(region->gpa, region->size, &end) ||
	    __builtin_add_overflow(region->user_addr, region->size, &end)) {
		return false;
	}
	for (size_t i = 0; i < index; i++) {
		if (overlap(region->gpa, region->size, regions[i].gpa, regions[i].size) ||
		    overlap(region->user_addr, region->size, regions[i].user_addr, regions[i].size)) {
			return false;
		}
	}
	return true;
}

/*
 * Maps the file from its start, in whole blocks: memory of huge pages can be mapped and unmapped only at
 * multiples of a huge page.
 */
static enum vtr_err map_region(struct vtr_ram_region *region)
{
	struct stat st;
	uint64_t file_size;
	uint64_t end;
	size_t map_size;
	void *map;
	enum vtr_err err = vtr_os_shm_size(region->fd, &file_size);

	if (err != VTR_OK) {
		return err;
	}
	if (fstat(region->fd, &st) < 0) {
		return VTR_ERR_OS;
	}
	if (__builtin_add_overflow(region->fd_offset, region->size, &end) || end > file_size) {
		return VTR_ERR_INVALID;
	}
	size_t block = vtr_max(vtr_os_page_size(), st.st_blksize > 0 ? (size_t)st.st_blksize : 0);
	if ((block & (block - 1)) != 0 || !vtr_add(end, block - 1, &map_size)) {
		return VTR_ERR_INVALID;
	}
	map_size &= ~(block - 1);
	err = vtr_os_shm_map(region->fd, 0, map_size, true, &map);
	if (err != VTR_OK) {
		return err;
	}
	region->map = (uint8_t *)map + region->fd_offset;
	region->map_size = map_size;
	return VTR_OK;
}

static struct vtr_ram_region *find_same(struct vtr_ram *ram, const struct vtr_ram_region *region)
{
	for (size_t i = 0; i < ram->count; i++) {
		struct vtr_ram_region *old = &ram->regions[i];
		if (old->gpa == region->gpa && old->size == region->size &&
		    old->fd_offset == region->fd_offset && vtr_os_shm_is_same(old->fd, region->fd)) {
			return old;
		}
	}
	return NULL;
}

/* Builds the new table; regions that are unchanged have no mapping yet. */
static enum vtr_err make_table(struct vtr_ram *ram, const struct vtr_ram_region *regions, size_t count,
                               struct vtr_ram_region *table)
{
	for (size_t i = 0; i < count; i++) {
		if (!is_sound(regions, i)) {
			return VTR_ERR_INVALID;
		}
		if (find_same(ram, &table[i]) != NULL) {
			continue;
		}
		enum vtr_err err = map_region(&table[i]);
		if (err != VTR_OK) {
			return err;
		}
	}
	return VTR_OK;
}

enum vtr_err vtr_ram_set(struct vtr_ram *ram, const struct vtr_ram_region *regions, size_t count)
{
	struct vtr_ram_region table[VTR_RAM_MAX_REGIONS];
	enum vtr_err err;

	if (count > VTR_RAM_MAX_REGIONS) {
		for (size_t i = 0; i < count; i++) {
			int fd = regions[i].fd;
			vtr_close(&fd);
		}
		return VTR_ERR_LIMIT;
	}
	for (size_t i = 0; i < count; i++) {
		table[i] = regions[i];
		table[i].map = NULL;
		table[i].map_size = 0;
	}
	err = make_table(ram, regions, count, table);
	if (err != VTR_OK) {
		for (size_t i = 0; i < count; i++) {
			finish_region(&table[i]);
		}
		return err;
	}
	for (size_t i = 0; i < count; i++) {
		struct vtr_ram_region *old = find_same(ram, &table[i]);
		if (old != NULL) {
			/* The old fd is kept too: it may be borrowed. */
			vtr_close(&table[i].fd);
			table[i].fd = vtr_take_fd(&old->fd);
			table[i].map = old->map;
			table[i].map_size = old->map_size;
			old->map = NULL;
		}
	}
	vtr_ram_finish(ram);
	memcpy(ram->regions, table, count * sizeof(table[0]));
	ram->count = count;
	return VTR_OK;
}

static const struct vtr_ram_region *find(const struct vtr_ram *ram, uint64_t gpa)
{
	for (size_t i = 0; i < ram->count; i++) {
		const struct vtr_ram_region *region = &ram->regions[i];
		if (gpa >= region->gpa && gpa - region->gpa < region->size) {
			return region;
		}
	}
	return NULL;
}

void *vtr_ram_span(const struct vtr_ram *ram, uint64_t gpa, uint64_t *size)
{
	const struct vtr_ram_region *region = find(ram, gpa);

	if (region == NULL || *size == 0) {
		return NULL;
	}
	if (*size > region->size - (gpa - region->gpa)) {
		*size = region->size - (gpa - region->gpa);
	}
	return region->map + (gpa - region->gpa);
}

void *vtr_ram_at(const struct vtr_ram *ram, uint64_t gpa, uint64_t size)
{
	const struct vtr_ram_region *region = find(ram, gpa);

	if (region == NULL || size > region->size - (gpa - region->gpa)) {
		return NULL;
	}
	return region->map + (gpa - region->gpa);
}

void *vtr_ram_at_user(const struct vtr_ram *ram, uint64_t user_addr, uint64_t size)
{
	for (size_t i = 0; i < ram->count; i++) {
		const struct vtr_ram_region *region = &ram->regions[i];
		if (user_addr >= region->user_addr && user_addr - region->user_addr < region->size &&
		    size <= region->size - (user_addr - region->user_addr)) {
			return region->map + (user_addr - region->user_addr);
		}
	}
	return NULL;
}

bool vtr_ram_locate(const struct vtr_ram *ram, uint64_t gpa, uint64_t size, struct vtr_ram_piece *out_piece)
{
	const struct vtr_ram_region *region = find(ram, gpa);

	if (region == NULL || size > region->size - (gpa - region->gpa)) {
		return false;
	}
	*out_piece = (struct vtr_ram_piece){
		.fd = region->fd,
		.offset = region->fd_offset + (gpa - region->gpa),
		.size = size,
	};
	return true;
}

bool vtr_ram_has_file(const struct vtr_ram *ram, int fd)
{
	for (size_t i = 0; i < ram->count; i++) {
		if (vtr_os_shm_is_same(ram->regions[i].fd, fd)) {
			return true;
		}
	}
	return false;
}
