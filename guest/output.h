/* SPDX-License-Identifier: MIT */
#ifndef GUEST_OUTPUT_H
#define GUEST_OUTPUT_H

#include "frame.h"
#include "picture.h"

/*
 * One display and the Vulkan instance (in a VM: the context) that draws for it.
 * Errors and threads: vkclient.h.
 */

#define OUTPUT_MAX_FRAMES 8

struct output_params {
	const struct frame_format *format;
	uint32_t frames; /* buffers: at least 2, at most OUTPUT_MAX_FRAMES */
	bool import;     /* draw into the kernel's dumb buffers instead of memory of Vulkan */
};

struct output {
	struct vkc c;
	struct kms *k; /* NULL: drawn, but not shown */
	struct kms_output where;
	uint32_t width;
	uint32_t height;
	uint32_t frame_count;
	bool direct;
	bool shown;
	struct picture *picture;
	struct frame frames[OUTPUT_MAX_FRAMES];
	VkCommandBuffer cmds[OUTPUT_MAX_FRAMES];
	VkFence fences[OUTPUT_MAX_FRAMES];
};

/* For a display: its mode's size. */
void output_open(struct output *o, struct kms *k, const struct kms_output *where,
                 const struct output_params *params);

/* Without a display: any size. */
void output_open_hidden(struct output *o, uint32_t width, uint32_t height,
                        const struct output_params *params);
void output_close(struct output *o);

/* Draws a frame into the buffer after the one before. The caller has waited for the frame that was
 * drawn there. */
void output_draw(struct output *o, uint32_t number);

/* Waits until the frame has been drawn. */
void output_wait(struct output *o, uint32_t number);

/* Shows the frame. Returns whether an event of its flip will follow: the first frame has none. */
bool output_show(struct output *o, uint32_t number);

/* A drawn frame's pixels as they are in memory, packed (malloc'ed). Not with a display. */
uint8_t *output_read(struct output *o, uint32_t number);

#endif
