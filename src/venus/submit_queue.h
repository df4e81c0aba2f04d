/* SPDX-License-Identifier: MIT */
#ifndef VENUS_SUBMIT_QUEUE_H
#define VENUS_SUBMIT_QUEUE_H

#include "venus/dispatch.h"

/*
 * Submits that wait for the lanes' jobs while their ring goes on (docs/threads.md, "Lanes"), so that the recordings of
 * the next frame reach the lanes early. The submits of a ring stay in their order, and the ring's head does not pass
 * the first of them: a guest that waits for a position knows that everything before it was executed.
 *
 * Thread: the one that runs the ring, which owns the queue. Only a ring's own thread queues submits, and it does not
 * sleep before they have run.
 */

enum vtr_submits_which {
	VTR_SUBMITS_READY, /* those whose jobs have ended */
	VTR_SUBMITS_ALL,   /* waits for jobs */
};

/* Begins to queue the current command, of which the reader has taken the header. The command is decoded then, to find
 * its end, but its handler leaves it. Returns: false if it has to run now. */
bool vtr_submits_begin(struct vtr_dispatch *d);
/* The command was decoded. Queues it, or runs it if memory is short. */
void vtr_submits_end(struct vtr_dispatch *d);

/* Returns: whether the current command, of which the reader has taken the header, may run before queued submits, and
 * while recordings are not copied. A wait may if it is over: Mesa 25 sends one for each fence that it has seen
 * signalled. */
bool vtr_submits_let_pass(struct vtr_dispatch *d, enum vtw_overtakes overtakes);

/* Runs queued submits in their order. Returns: VTR_ERR_PROTOCOL; the context is dead then. */
VTR_MUST_CHECK enum vtr_err vtr_submits_run(struct vtr_dispatch *d, enum vtr_submits_which which);
/* Returns: whether the first queued submit can run. There is one. */
bool vtr_submits_ready(const struct vtr_dispatch *d);
/* While the first queued submit cannot run: does a part of what it waits for, or waits a moment. */
VTR_MUST_CHECK enum vtr_err vtr_submits_help(struct vtr_dispatch *d);
/* Returns: the number of the first job that is behind the first queued submit. There is one. */
uint64_t vtr_submits_limit(const struct vtr_dispatch *d);
/* Returns: the position in the ring of the first queued submit. There is one. */
uint32_t vtr_submits_position(const struct vtr_dispatch *d);
/* Frees what is queued, at the end of the stream. */
void vtr_submits_drop(struct vtr_dispatch *d);

#endif
