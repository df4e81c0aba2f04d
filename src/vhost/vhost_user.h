/* SPDX-License-Identifier: MIT */
#ifndef VHOST_VHOST_USER_H
#define VHOST_VHOST_USER_H

#include "base/err.h"
#include "base/log.h"
#include "platform/loop.h"
#include "virtio/device.h"

/*
 * A virtio device for QEMU, as a vhost-user back end: one socket, one VMM at a time. When a VMM disconnects,
 * all its state is dropped and the next may connect.
 *
 * Limitations of QEMU 11.1 shape the design: it gets no requests unless the device runs, hostmem is one
 * mapping, and the loop never blocks on an answer of QEMU.
 *
 * Thread: the loop's.
 */
struct vtr_vhost_user;

struct vtr_vhost_user_params {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	const struct vtr_virtio_device *device; /* copied */
	int listen_fd;     /* borrowed; does not block */
};

/**
 * Serves from now on. Everything in `params` must outlive it.
 *
 * Owner:   *out_server is the caller's.
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_vhost_user_create(const struct vtr_vhost_user_params *params,
                                                  struct vtr_vhost_user **out_server);

/* Closes the connection; the device is stopped before. Accepts NULL. */
void vtr_vhost_user_destroy(struct vtr_vhost_user *server);

/* The transport for the device; valid as long as the server. */
const struct vtr_virtio_transport *vtr_vhost_user_transport(const struct vtr_vhost_user *server);

#endif
