/* SPDX-License-Identifier: MIT */
#ifndef GUEST_PICTURE_H
#define GUEST_PICTURE_H

#include "vkclient.h"

/*
 * What the sample guest shows: a cube that turns, and the frame's number. A frame is a function of its
 * number and its size: the same code draws it in the guest and natively, to compare. All that the CPU
 * computes for it is made of IEEE additions, multiplications and divisions, so that every CPU, also an
 * emulated one, has the same results.
 * Errors and threads: vkclient.h.
 */
struct picture;

/* `format` is an 8-bit UNORM format. With `direct`, frames are drawn into the images that
 * picture_record() is given; without, into an image of its own that is then copied there. */
struct picture *picture_create(struct vkc *c, VkFormat format, uint32_t width, uint32_t height, bool direct);
void picture_destroy(struct vkc *c, struct picture *p);

/* Records frame `number` into `target`, whose contents do not matter, and leaves `target` in
 * `layout`. A direct target has a view and may be an attachment; another may be copied to. */
void picture_record(struct vkc *c, struct picture *p, VkCommandBuffer cmd, const struct vkc_image *target,
                    VkImageLayout layout, uint32_t number);

#endif
