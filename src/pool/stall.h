/* SPDX-License-Identifier: MIT */
#ifndef POOL_STALL_H
#define POOL_STALL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ipc/worker_protocol.h"

/*
 * What a worker says about something in its driver that does not complete (venus/hang.h), for the log and for
 * `vitrine status`. The texts are checked, since workers are not trusted.
 *
 * Thread: the owner's.
 */

/* Text of a status or a line of the log, with NUL. */
#define VTR_STALL_TEXT 160

struct vtr_pool_stall {
	enum vtr_worker_stall_state state; /* VTR_WORKER_STALL_OVER: there is nothing to tell */
	int64_t since_ns; /* when it began */
	char what[VTR_STALL_TEXT];
	char program[VTR_STALL_TEXT]; /* empty: unknown */
};

/* Returns: VTR_ERR_PROTOCOL. */
VTR_MUST_CHECK enum vtr_err vtr_stall_note(struct vtr_pool_stall *stall,
                                           const struct vtr_worker_stall *message);

/* A sentence about it, for the log: "vkDestroyDevice has not completed for 60 s ...". */
void vtr_stall_line(const struct vtr_pool_stall *stall, char out_text[2 * VTR_STALL_TEXT]);

/* Returns: the seconds that it has taken. */
uint32_t vtr_stall_seconds(const struct vtr_pool_stall *stall);

#endif
