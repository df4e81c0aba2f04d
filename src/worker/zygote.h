/* SPDX-License-Identifier: MIT */
#ifndef WORKER_ZYGOTE_H
#define WORKER_ZYGOTE_H

#include "base/err.h"

/*
 * The zygote process: it has loaded the driver's libraries, and workers are forked from it. They start faster than
 * programs that load the libraries themselves, and share the memory that relocating them has written.
 *
 * It has one thread, calls no function of the driver, and has seen no client's data. A worker locks itself in after the
 * fork, as each worker does. The processes share one address layout, and the random values that the C library drew at
 * its start (docs/security.md).
 */

struct vtr_zygote_process {
	int control_fd; /* the starter's socket (ipc/zygote_protocol.h); the zygote ends when it closes */
	/* Runs a worker's command line in a forked process. Returns: its exit status. */
	int (*run)(int argc, char **argv);
};

/**
 * Serves requests to start workers. Does not return in a worker.
 *
 * Returns: VTR_OK (the starter has closed the socket), VTR_ERR_PROTOCOL, VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_zygote_serve(const struct vtr_zygote_process *process);

#endif
