/* SPDX-License-Identifier: MIT */
#ifndef CMD_SOUND_H
#define CMD_SOUND_H

#include <stdbool.h>

#include "base/err.h"

/* `vitrine gpu --sound`: the sound card of one VM, a vhost-user device at a socket of its own. Thread: the loop's. */
struct vtr_audio_block;
struct vtr_display_host;
struct vtr_log;
struct vtr_os_loop;
struct vtr_service;
struct vtr_sound_device;

struct vtr_sound_device_params {
	const char *path;
	struct vtr_service *service; /* may have passed the socket */
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	struct vtr_display_host *screen; /* with a page for sound */
};

/**
 * Listens at the path. Errors have been logged.
 *
 * Owner:   *out_device is the caller's; what params point to outlives it.
 * Returns: VTR_ERR_ARG, VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_sound_device_create(const struct vtr_sound_device_params *params,
                                                    struct vtr_sound_device **out_device);

/* Removes the socket too. Accepts NULL. */
void vtr_sound_device_destroy(struct vtr_sound_device *device);

/* See vtr_virtio_sound_listen(). */
void vtr_sound_device_listen(struct vtr_sound_device *device, bool listens);

/* See vtr_virtio_sound_hear(). */
void vtr_sound_device_hear(struct vtr_sound_device *device, const struct vtr_audio_block *block);

#endif
