/* SPDX-License-Identifier: MIT */
#ifndef GUEST_KMS_H
#define GUEST_KMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drmabi.h"

/*
 * The kernel's mode setting, as far as the sample guest needs it: outputs with their preferred mode,
 * buffers, framebuffers, page flips and the hardware cursor.
 * Errors: as in vkclient.h, the program ends with a message, unless a function says otherwise.
 * Thread: one.
 */

#define KMS_MAX_OUTPUTS 16

/* A connected display. */
struct kms_output {
	uint32_t connector;
	uint32_t crtc;
	struct drm_mode_modeinfo mode; /* the preferred one */
};

struct kms {
	int fd;
	int events; /* reports plugged and resized displays; -1: not available */
};

struct kms_buffer {
	uint32_t handle;
	uint32_t pitch;
	size_t size;
	void *map;
};

/* Opens the first card that has outputs. */
void kms_open(struct kms *k);
void kms_close(struct kms *k);

/* The connected outputs, in the order of their connectors; how many. */
uint32_t kms_outputs(struct kms *k, struct kms_output out_outputs[KMS_MAX_OUTPUTS]);

/* Whether a display has been plugged, unplugged or resized since the last call. Never waits. */
bool kms_changed(struct kms *k);

/* A dumb buffer of four bytes a pixel, mapped. */
struct kms_buffer kms_buffer_create(struct kms *k, uint32_t width, uint32_t height);
void kms_buffer_destroy(struct kms *k, struct kms_buffer *b);

/* A buffer as dma-buf, and the other way around; the caller owns the fd. */
int kms_buffer_export(struct kms *k, uint32_t handle);
uint32_t kms_buffer_import(struct kms *k, int fd);
void kms_handle_close(struct kms *k, uint32_t handle);

/* Registers a buffer as framebuffer. Returns 0 and sets *out_fb, or the errno by which the kernel
 * refuses, for instance a format that it does not scan out. */
int kms_framebuffer(struct kms *k, uint32_t width, uint32_t height, uint32_t format, uint32_t handle,
                    uint32_t pitch, uint32_t offset, uint32_t *out_fb);
void kms_framebuffer_remove(struct kms *k, uint32_t fb);

/* Sets the output's mode, showing a framebuffer; 0: switches it off. Returns 0 or an errno. */
int kms_show(struct kms *k, const struct kms_output *output, uint32_t fb);

/* Shows another framebuffer; an event follows. Returns 0 or an errno. */
int kms_flip(struct kms *k, const struct kms_output *output, uint32_t fb);

/* Waits for the events of `count` flips. */
void kms_wait_flips(struct kms *k, uint32_t count);

/* The cursor's picture (64x64, B8G8R8A8; handle 0 hides it) and place. */
void kms_cursor(struct kms *k, const struct kms_output *output, uint32_t handle);
void kms_cursor_move(struct kms *k, const struct kms_output *output, int32_t x, int32_t y);

#endif
