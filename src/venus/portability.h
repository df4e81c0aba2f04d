/* SPDX-License-Identifier: MIT */
#ifndef VENUS_PORTABILITY_H
#define VENUS_PORTABILITY_H

#include <stddef.h>

#include "vk_gen.h"

struct vtr_physical;

/*
 * Drivers that are layers over another system's graphics, such as MoltenVK, have VK_KHR_portability_subset: parts of
 * Vulkan that every other driver has are features there. Guests do not know this extension, so they rely on these
 * parts. Each device enables all that the driver has.
 */

/* Room for the names of all features. */
#define VTR_PORTABILITY_TEXT 512

/* Queries the features of a device that has the extension. */
void vtr_portability_query(const struct vtr_physical *physical,
                           VkPhysicalDevicePortabilitySubsetFeaturesKHR *out_features);

/* Enables what the driver has on a device to be created; the extension is enabled elsewhere. `own` outlives *info.
 * Does nothing if the driver does not have the extension. */
void vtr_portability_enable(const struct vtr_physical *physical, VkDeviceCreateInfo *info,
                            VkPhysicalDevicePortabilitySubsetFeaturesKHR *own);

/* Writes the names of the features that the driver lacks, joined by ", "; empty: none. */
void vtr_portability_lacks(const struct vtr_physical *physical, char out_text[VTR_PORTABILITY_TEXT]);

#endif
