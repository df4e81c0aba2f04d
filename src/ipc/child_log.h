/* SPDX-License-Identifier: MIT */
#ifndef IPC_CHILD_LOG_H
#define IPC_CHILD_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bucket.h"
#include "base/err.h"

/*
 * Copies the log of one child process, line by line, from its pipe to the log of this process. The child may be
 * hostile: lines are cut at VTR_CHILD_LOG_LINE bytes, control characters become '?', and the rate of lines is limited
 * unless this process's own log is at debug or trace, for each child and for all of them together (vtr_log_share()).
 *
 * Thread: one.
 */
struct vtr_log;

/* The longest line, with its newline. The rest of a longer line is dropped. */
#define VTR_CHILD_LOG_LINE 1024
/* The most lines at once, and the rate of further lines for each second. A sanitizer's report must fit. */
#define VTR_CHILD_LOG_BURST 1000
#define VTR_CHILD_LOG_RATE 50

struct vtr_child_log {
	struct vtr_log *log; /* borrowed; NULL: nothing is passed on */
	const char *name;    /* of the child, borrowed */
	struct vtr_bucket *own; /* see vtr_log_share(); borrowed, may be NULL */
	char line[VTR_CHILD_LOG_LINE];
	size_t length;
	bool cut; /* the rest of the line is dropped */
	struct vtr_bucket bucket;
	bool over; /* the tokens ran out, and have not reached one second's worth since */
	unsigned dropped; /* lines since the last one that was passed on */
};

void vtr_child_log_init(struct vtr_child_log *child_log, struct vtr_log *log, const char *name,
                        struct vtr_bucket *own);

/**
 * Reads at most about `max` bytes from the pipe, which must not block.
 *
 * Returns: VTR_OK         there may be more
 *          VTR_ERR_AGAIN  the pipe is empty
 *          VTR_ERR_LIMIT  the child writes more than is passed on. Read again a moment later: bytes that are read now
 *                         would only be dropped
 *          VTR_ERR_GONE   the pipe's other end is closed
 */
VTR_MUST_CHECK enum vtr_err vtr_child_log_read(struct vtr_child_log *child_log, int pipe_fd, size_t max);

/* Ends the log: passes on an unfinished line, and logs how many lines were dropped. */
void vtr_child_log_end(struct vtr_child_log *child_log);

#endif
