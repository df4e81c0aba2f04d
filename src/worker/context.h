/* SPDX-License-Identifier: MIT */
#ifndef WORKER_CONTEXT_H
#define WORKER_CONTEXT_H

#include "base/err.h"

/*
 * The worker's side of a VM's context: executes the messages of the VM's front process (ipc/worker_protocol.h), in
 * order. The guest's rings, which carry nearly all commands, are in hostmem, which both processes map. The socket
 * carries wake-ups, attached memory and fences.
 */

struct vtr_worker_params;
struct vtr_worker_watch;

/**
 * Serves until the front closes the control socket, which `watch` watches.
 *
 * Returns: VTR_OK            the front closed the socket
 *          VTR_ERR_PROTOCOL  the guest or the front broke the protocol (logged)
 *          VTR_ERR_LIMIT, VTR_ERR_NOMEM, VTR_ERR_OS
 *          In each case the socket is shut down, which tells the front that the context has ended.
 */
VTR_MUST_CHECK enum vtr_err vtr_context_serve(const struct vtr_worker_params *params,
                                              struct vtr_worker_watch *watch);

#endif
