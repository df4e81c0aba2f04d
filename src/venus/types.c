/* SPDX-License-Identifier: MIT */
#include "venus/types.h"

#include "venus/physical.h"

/* A type of the guest while the list is made. */
struct row {
	VkMemoryType type;
	uint8_t of_driver;
	bool is_private;
};

static bool is_imported(const struct vtr_physical *p, uint32_t driver_type)
{
	return p->strategy.share[driver_type] == VTR_SHARE_HOST_IMPORT;
}

static uint32_t add_private(const struct vtr_physical *p, struct row *rows)
{
	const uint32_t n = p->memory.memoryTypeCount;
	uint32_t count = 0;

	for (uint32_t i = 0; i < n && n + count < VK_MAX_MEMORY_TYPES; i++) {
		if (is_imported(p, i)) {
			rows[count] = (struct row){ p->memory.memoryTypes[i], (uint8_t)i, true };
			rows[count++].type.propertyFlags &= ~(VkFlags)VTR_HOST_FLAGS;
		}
	}
	return count;
}

/* Vulkan orders types: one with a part of the flags of another comes first. Programs take the first that suits. */
static void sort(struct row *rows, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		const struct row row = rows[i];
		uint32_t at = i;

		while (at > 0 && __builtin_popcount(rows[at - 1].type.propertyFlags) >
		                         __builtin_popcount(row.type.propertyFlags)) {
			rows[at] = rows[at - 1];
			at--;
		}
		rows[at] = row;
	}
}

void vtr_types_offer(struct vtr_physical *p)
{
	const uint32_t n = p->memory.memoryTypeCount;
	struct row rows[VK_MAX_MEMORY_TYPES];
	uint32_t count = p->strategy.images_importable ? 0 : add_private(p, rows);

	p->types = (struct vtr_memory_types){ .driver_count = n };
	for (uint32_t i = 0; i < n; i++) {
		rows[count + i] = (struct row){ p->memory.memoryTypes[i], (uint8_t)i, false };
	}
	if (count > 0) {
		sort(rows, n + count);
	}
	p->memory.memoryTypeCount = n + count;
	for (uint32_t i = 0; i < n + count; i++) {
		p->memory.memoryTypes[i] = rows[i].type;
		p->types.of_driver[i] = rows[i].of_driver;
		p->types.private_bits |= rows[i].is_private ? 1u << i : 0;
	}
}

enum vtr_share vtr_types_share(const struct vtr_physical *p, uint32_t type, bool sparse)
{
	const uint32_t driver_type = p->types.of_driver[type];

	if ((p->types.private_bits >> type & 1) != 0) {
		return VTR_SHARE_NONE;
	}
	return sparse ? p->strategy.sparse_share[driver_type] : p->strategy.share[driver_type];
}

uint32_t vtr_types_of_buffer(const struct vtr_physical *p, uint32_t driver_bits)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < p->memory.memoryTypeCount; i++) {
		bits |= (driver_bits >> p->types.of_driver[i] & 1) << i;
	}
	return bits;
}

uint32_t vtr_types_of_image(const struct vtr_physical *p, uint32_t driver_bits)
{
	uint32_t bits = vtr_types_of_buffer(p, driver_bits);

	for (uint32_t i = 0; !p->strategy.images_importable && i < p->memory.memoryTypeCount; i++) {
		if (vtr_types_share(p, i, false) == VTR_SHARE_HOST_IMPORT) {
			bits &= ~(1u << i);
		}
	}
	return bits;
}
