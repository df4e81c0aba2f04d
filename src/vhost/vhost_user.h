/* SPDX-License-Identifier: MIT */
#ifndef VHOST_VHOST_USER_H
#define VHOST_VHOST_USER_H

#include "base/err.h"
#include "base/log.h"
#include "platform/loop.h"
#include "virtio/device.h"

/*
 * A virtio device for QEMU, as a vhost-user back end: one socket, one VMM at a time. When that VMM goes,
 * whatever way, all that it had is forgotten and the next may connect.
 *
 * What QEMU 11.1 cannot stand decides how this is built: nothing is asked of it unless the device runs,
 * the window is one mapping, and no answer of QEMU is ever waited for.
 *
 * Thread: the loop's.
 */
struct vtr_vhost_user;

struct vtr_vhost_user_params {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	const struct vtr_virtio_device *device; /* copied */
	int listen_fd;			  /* borrowed; does not block */
};

/**
 * Serves from now on. All that `params` names must outlive it.
 *
 * Owner:   *out_server is the caller's.
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_vhost_user_create(const struct vtr_vhost_user_params *params,
                                                  struct vtr_vhost_user **out_server);

/* Closes the connection; the device is stopped before. Accepts NULL. */
void vtr_vhost_user_destroy(struct vtr_vhost_user *server);

/* What the device needs of it; valid as long as the server. */
const struct vtr_virtio_transport *vtr_vhost_user_transport(const struct vtr_vhost_user *server);

#endif
