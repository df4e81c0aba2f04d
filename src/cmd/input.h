/* SPDX-License-Identifier: MIT */
#ifndef CMD_INPUT_H
#define CMD_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cmd/opts.h"
#include "core/ops.h"

/*
 * `vitrine gpu --input`, `--touch` and `--pad`: the input devices of one VM, each a vhost-user device at a
 * socket of its own. Thread: the loop's.
 */
struct vtr_input_devices;
struct vtr_log;
struct vtr_service;
struct vtr_os_loop;

struct vtr_input_devices_params {
	const char *path;  /* of keyboard and tablet, without the suffixes; NULL: none */
	const char *touch; /* of the touch screen; NULL: none */
	const struct vtr_opt_list *pads; /* paths; at most VTR_PADS */
	struct vtr_service *service; /* may have passed the sockets */
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	/* See struct vtr_virtio_input_params. */
	void (*lights)(void *data, uint32_t lights);
	void *data;
};

/**
 * Listens at the sockets. Errors have been logged.
 *
 * Owner:   *out_devices is the caller's; log and loop outlive it.
 * Returns: VTR_ERR_ARG (a path is too long), VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_input_devices_create(const struct vtr_input_devices_params *params,
                                                     struct vtr_input_devices **out_devices);

/* Removes the sockets too. Accepts NULL. */
void vtr_input_devices_destroy(struct vtr_input_devices *devices);

/* See vtr_virtio_input_take(). */
void vtr_input_devices_take(struct vtr_input_devices *devices, const struct vtr_input *event);

#endif
