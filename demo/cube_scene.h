/* SPDX-License-Identifier: MIT */
#ifndef DEMO_CUBE_SCENE_H
#define DEMO_CUBE_SCENE_H

#include "vkclient.h"

/*
 * The demo's picture: a tiled cube that turns in a studio, drawn offscreen with multisampling. A
 * frame depends on its number and on the driver, on nothing else. Errors and threads: vkclient.h.
 */
struct cube_scene;

/* Frames that may be recorded before the first of them has been waited for. */
#define CUBE_FRAMES_IN_FLIGHT 2

struct cube_scene *cube_scene_create(struct vkc *c, uint32_t width, uint32_t height);
void cube_scene_destroy(struct vkc *c, struct cube_scene *s);

/* Records frame `number` in slot `slot` (< CUBE_FRAMES_IN_FLIGHT), whose last use is over. */
void cube_scene_record(struct vkc *c, struct cube_scene *s, VkCommandBuffer cmd, uint32_t slot,
                       uint32_t number);

/* The picture (R8G8B8A8, sRGB), in TRANSFER_SRC_OPTIMAL once a recorded frame has been executed. */
const struct vkc_image *cube_scene_picture(const struct cube_scene *s);

/* Samples per pixel: 4 where the device offers it, else 1. */
uint32_t cube_scene_samples(const struct cube_scene *s);

#endif
