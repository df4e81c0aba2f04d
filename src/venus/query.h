/* SPDX-License-Identifier: MIT */
#ifndef VENUS_QUERY_H
#define VENUS_QUERY_H

#include "vk_gen.h"

struct vtr_physical;

/* Turns what is emulated in an image's description into what the driver knows. */
void vtr_query_image_info(const struct vtr_physical *p, VkImageCreateInfo *info);

#endif
