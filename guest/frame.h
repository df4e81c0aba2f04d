/* SPDX-License-Identifier: MIT */
#ifndef GUEST_FRAME_H
#define GUEST_FRAME_H

#include "kms.h"
#include "vkclient.h"

/*
 * Images in memory that a display can show: linear, known to Vulkan and to the kernel's mode setting. Where the device
 * has no linear images, a frame is an image of the driver's own, and the display shows a copy of it in a buffer.
 * Errors and threads: vkclient.h.
 */

/* A format as both sides know it. */
struct frame_format {
	const char *name;
	uint32_t drm;
	VkFormat vulkan;
};

/* By its four letters (XR24), or NULL. */
const struct frame_format *frame_format_find(const char *name);

/* The device extensions that frames need. */
#define FRAME_EXTENSIONS                                                                                     \
	{ "VK_KHR_external_memory_fd", "VK_EXT_external_memory_dma_buf", "VK_EXT_image_drm_format_modifier", \
	  "VK_EXT_queue_family_foreign" }
#define FRAME_EXTENSION_COUNT 4

struct frame {
	struct vkc_image image;
	struct vkc_buffer copy; /* what is shown of an image that is not linear; otherwise none */
	struct kms_buffer dumb; /* of imported frames */
	uint32_t handle;        /* of exported frames; 0 without a display */
	uint32_t pitch;
	uint32_t offset;
	uint32_t fb;
};

/* Whether the device draws into the images of frames; else they can only be copied to. */
bool frame_direct(struct vkc *c, VkFormat format);

/* Memory of Vulkan, exported as dma-buf. `k` NULL: not shown, only exported and closed again. */
struct frame frame_export(struct vkc *c, struct kms *k, const struct frame_format *format, uint32_t width,
                          uint32_t height, bool direct);

/* A dumb buffer of the kernel, imported into Vulkan. */
struct frame frame_import(struct vkc *c, struct kms *k, const struct frame_format *format, uint32_t width,
                          uint32_t height, bool direct);

/* Records what makes a drawn frame visible; its image has the layout GENERAL. */
void frame_finish(struct vkc *c, VkCommandBuffer cmd, const struct frame *f);

/* The memory that the display shows. */
VkDeviceMemory frame_memory(const struct frame *f);

void frame_destroy(struct vkc *c, struct kms *k, struct frame *f);

#endif
