/* SPDX-License-Identifier: MIT */
#ifndef IPC_INPUT_H
#define IPC_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "platform/burst.h"

/*
 * Waits for the next input from the peer of a worker: polls for as long as that is cheaper than sleeping, then sleeps.
 * Thread: the one that serves.
 */
struct vtr_ipc_input {
	int fd; /* the fd to sleep on; borrowed */
	/* Takes the input that has arrived, without blocking. VTR_ERR_AGAIN: there is none. */
	enum vtr_err (*take)(void *data);
	/* Called when there is time for other work. `sleeping`: the next call comes only after input has arrived. */
	void (*idle)(void *data, bool sleeping);
	void *data;
	struct vtr_os_burst burst; /* initially zero */
};

/**
 * Waits until take() has taken input or failed.
 *
 * `within`       part of a message has arrived, so the rest follows within a microsecond or two
 * `deadline_ns`  the time (vtr_os_now_ns()) at which sleeping ends; 0: never
 * Returns: the result of take(), with VTR_ERR_AGAIN only at the deadline; VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_ipc_input_take(struct vtr_ipc_input *input, bool within, int64_t deadline_ns);

#endif
