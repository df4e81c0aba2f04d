/* SPDX-License-Identifier: MIT */
#ifndef WORKER_CONTEXT_H
#define WORKER_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The worker's side of a VM's context: executes what the VM's front process sends over a socket
 * (worker/protocol.h), in order. The guest's rings, which carry nearly all commands, lie in the
 * window, which both processes map; the socket has wake-ups, attached memory and fences.
 */

struct vtr_known;
struct vtr_log;

struct vtr_context_params {
	struct vtr_log *log;
	int fd;              /* the socket to the front; borrowed */
	uint64_t max_memory; /* this and what follows: see vtr_venus_params */
	uint32_t min_import_alignment;
	bool no_host_import;
	bool no_export;
	const struct vtr_known *known;
};

/**
 * Serves until the front closes the socket. If the front is gone and the driver does not come back,
 * the process ends by itself.
 *
 * Returns: VTR_OK         the front closed
 *          VTR_ERR_GUEST  the guest broke the protocol, or the front did (logged)
 *          VTR_ERR_LIMIT, VTR_ERR_NOMEM, VTR_ERR_OS
 *          In any case the socket is shut down, which the front takes for this context's end.
 */
VTR_MUST_CHECK enum vtr_err vtr_context_serve(const struct vtr_context_params *params);

#endif
