/* SPDX-License-Identifier: MIT */
#ifndef POOL_PROBER_H
#define POOL_PROBER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "pool/spawn.h"

/*
 * Probes the host's devices once, in a process of its own: how they share memory, so that workers need not probe (see
 * vk/probe_cache.h), and which files a driver needs that the sandbox would refuse. Until the answer arrives, and if the
 * driver crashes the process, each worker probes by itself.
 *
 * The process is `vitrine worker --probe`. Its answer has a line for each result, which begins with one of the words
 * below.
 *
 * Thread: the loop's.
 */

#define VTR_PROBER_KNOWN "known "       /* how a device shares memory */
#define VTR_PROBER_TRIAL "trial "       /* the result of its trial (venus/trial.h) */
#define VTR_PROBER_READABLE "readable " /* a file that the device needs; workers may read it */
#define VTR_PROBER_REFUSED "refused "   /* a device fails, and the sandbox refused this file */
/* The sandbox refused this system call to a driver, which may work without it. */
#define VTR_PROBER_REFUSED_CALL "refused-call "

#define VTR_PROBER_LIBRARY "library " /* a library that was loaded */

/* The longest answer. */
#define VTR_PROBER_ANSWER 32768

/* Returns: the text after `word` if `line` begins with it, else NULL. */
const char *vtr_prober_rest(const char *line, const char *word);

struct vtr_log;
struct vtr_os_loop;
struct vtr_prober;

struct vtr_prober_params {
	struct vtr_log *log; /* may be NULL; must outlive the prober, like `loop` */
	struct vtr_os_loop *loop;
	struct vtr_spawner spawner; /* the same as for the workers */
	/* The workers' configuration, to which the results are added between two turns of the loop. Must outlive the
	 * prober. */
	struct vtr_renderer_config *found;
	bool hostmem; /* probe for the workers of a VM's contexts */
	/* Also try whether everything that a device offers works in the sandbox, and which files it needs for that. */
	bool trial;
};

/* Starts the process. Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_prober_start(const struct vtr_prober_params *params,
                                             struct vtr_prober **out_prober);

/* Waits for the answer until the timeout. The loop does not run meanwhile. Accepts NULL. */
void vtr_prober_wait(struct vtr_prober *prober, int timeout_ms);

/* Returns: whether devices were found and all of them are CPUs; false while there is no answer. Accepts NULL. */
bool vtr_prober_found_cpus_only(const struct vtr_prober *prober);

/* Kills the process if it still runs. Accepts NULL. */
void vtr_prober_destroy(struct vtr_prober *prober);

#endif
