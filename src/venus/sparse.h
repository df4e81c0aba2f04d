/* SPDX-License-Identifier: MIT */
#ifndef VENUS_SPARSE_H
#define VENUS_SPARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "venus/strategy.h"
#include "wire_gen.h"

struct vtr_physical;
struct vtr_attempt;
struct vtr_venus_params;

#define VTR_NO_FAMILY UINT32_MAX

/* Returns: the first queue family that supports sparse binding and copies; VTR_NO_FAMILY: there is none, or
 *          the driver has no sparse binding. */
uint32_t vtr_sparse_family(const struct vtr_physical *physical);

/* Fills in the members of *s about sparse binding, after all others: binds memory of each type as it is
 * shared, writes on one side and reads on the other. */
void vtr_sparse_choose(const struct vtr_venus_params *params, struct vtr_attempt *attempt,
                       struct vtr_memory_strategy *s);

/* Returns: whether the features of a device to be created include sparse binding. */
bool vtr_sparse_enabled(const VkDeviceCreateInfo *info);

/* Removes sparse binding from the driver's features, chains included. */
void vtr_sparse_hide_features(VkPhysicalDeviceFeatures *features);
void vtr_sparse_hide_features2(VkPhysicalDeviceFeatures2 *features);
void vtr_sparse_hide_properties(VkPhysicalDeviceProperties *properties);

#endif
