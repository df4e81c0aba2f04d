/* SPDX-License-Identifier: MIT */
#ifndef IPC_ZYGOTE_PROTOCOL_H
#define IPC_ZYGOTE_PROTOCOL_H

#include <stdint.h>

#include "ipc/ipc.h"
#include "platform/proc.h"

/* The messages between a zygote (worker/zygote.h) and the process that started it. Both are trusted. */

enum vtr_zygote_request {
	VTR_ZYGOTE_LOAD = 1, /* sent once, first; the tail holds paths of libraries, each with its NUL */
	VTR_ZYGOTE_START = 2, /* start a worker; with its fds, and as the last one a pipe for the answer */
	VTR_ZYGOTE_REQUEST_COUNT,
};

/* The most bytes of all paths, and of a worker's arguments, with each NUL. */
#define VTR_ZYGOTE_PATHS 32768
#define VTR_ZYGOTE_ARGUMENTS 8192

/* The tail holds the arguments. */
struct vtr_zygote_start {
	uint32_t argument_count;
	uint32_t fd_count; /* entries of the arrays below */
	uint32_t which[VTR_OS_SPAWN_MAX_FDS]; /* an index of the message's fds */
	uint32_t as[VTR_OS_SPAWN_MAX_FDS]; /* its number in the worker */
};

/* What the pipe gets. Without an answer nothing was started. */
struct vtr_zygote_answer {
	int32_t pid; /* of the worker, a child of the process that asked; 0: none was started */
	int32_t error; /* errno, then */
};

extern const struct vtr_ipc_rule vtr_zygote_request_rules[VTR_ZYGOTE_REQUEST_COUNT];

enum vtr_zygote_op {
	VTR_ZYGOTE_READY = 1, /* the answer to LOAD */
	VTR_ZYGOTE_OP_COUNT,
};

struct vtr_zygote_ready {
	uint32_t loaded; /* libraries */
	uint32_t threads; /* more than 1: it must not be forked */
	uint32_t can_fork; /* whether this system and its C library let it be */
};

extern const struct vtr_ipc_rule vtr_zygote_rules[VTR_ZYGOTE_OP_COUNT];

#endif
