/* SPDX-License-Identifier: MIT */
#ifndef VENUS_QUERY_H
#define VENUS_QUERY_H

#include "vk_gen.h"

struct vtr_physical;

/* Translates the emulated parts of an image's description for the driver. */
void vtr_query_image_info(const struct vtr_physical *p, VkImageCreateInfo *info);

#endif
