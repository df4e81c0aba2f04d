/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SCOUT_H
#define WORKER_SCOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "worker/spawn.h"

/*
 * Finds out once, in a process of its own, how the host's devices share memory, so that workers need not (see
 * venus/known.h), and which files a driver needs that the sandbox would refuse. Without its answer (it is not there
 * yet, or the driver crashed it) workers find out by themselves.
 *
 * The process is `vitrine worker --probe`. Each thing that it found is a line that begins with one of these words.
 *
 * Thread: the loop's.
 */

#define VTR_SCOUT_KNOWN "known "       /* how a device shares memory, for --known of workers */
#define VTR_SCOUT_TRIAL "trial "       /* how it did with all that is offered of it (venus/trial.h) */
#define VTR_SCOUT_READABLE "readable " /* a file without which it fails, for --readable of workers */
/* There is a device that fails, and the sandbox refused it this: */
#define VTR_SCOUT_REFUSED "refused "           /* a file */
#define VTR_SCOUT_REFUSED_CALL "refused-call " /* a system call */

/* The longest answer. */
#define VTR_SCOUT_ANSWER 16384

/* What follows `word` if `line` begins with it, else NULL. */
const char *vtr_scout_rest(const char *line, const char *word);

struct vtr_log;
struct vtr_os_loop;
struct vtr_scout;

struct vtr_scout_params {
	struct vtr_log *log; /* may be NULL; must outlive the scout, like `loop` */
	struct vtr_os_loop *loop;
	struct vtr_spawner_params spawner; /* as for the workers to come; its scout is ignored */
	bool window;		       /* for workers of a VM's contexts */
	bool trial; /* also whether all that is offered works there, and which files that takes */
};

/* Starts to find out. Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_scout_start(const struct vtr_scout_params *params,
                                            struct vtr_scout **out_scout);

/* Waits for its answer, for so long at most; the loop waits, too. Accepts NULL. */
void vtr_scout_wait(struct vtr_scout *scout, int timeout_ms);

/* Whether it found devices, and all of them are CPUs. False as long as nothing is known. Accepts NULL. */
bool vtr_scout_found_cpus_only(const struct vtr_scout *scout);

/* Ends it, if it still runs. Accepts NULL. */
void vtr_scout_destroy(struct vtr_scout *scout);

/* What to add to a worker's arguments; valid until vtr_scout_destroy(). Accepts NULL. Returns: how many,
 * 0 as long as nothing is known. */
size_t vtr_scout_args(const struct vtr_scout *scout, const char *const **out_args);

#endif
