/* SPDX-License-Identifier: MIT */
#ifndef BENCH_DRAWS_H
#define BENCH_DRAWS_H

#include <stdint.h>

#include "vkclient.h"

/* Draws that cost a driver little beside the commands themselves: their primitives are discarded. */

#define DRAW_SETS 4

/* What a draw needs; the descriptor sets take turns so that no bind repeats the one before. */
struct draw_setup {
	VkDescriptorSetLayout set_layout;
	VkPipelineLayout layout;
	VkDescriptorPool pool;
	VkDescriptorSet sets[DRAW_SETS];
	VkPipeline pipeline;
	struct vkc_buffer uniforms; /* 256 bytes; can be a vertex buffer, too */
	struct vkc_image color;
};

void draw_setup_init(struct vkc *c, struct draw_setup *s, uint32_t push_size);
void draw_setup_finish(struct vkc *c, struct draw_setup *s);

/* One more pipeline like that of `s`; the caller destroys it. */
VkPipeline draw_pipeline(struct vkc *c, const struct draw_setup *s);

/* Records a pass with that many draws, each with a bind and push constants. Any thread, with the pool of `cmd`. */
void draw_record(struct vkc *c, const struct draw_setup *s, VkCommandBuffer cmd, uint32_t draws);

#endif
