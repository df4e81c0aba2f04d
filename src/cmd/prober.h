/* SPDX-License-Identifier: MIT */
#ifndef CMD_PROBER_H
#define CMD_PROBER_H

#include <stdbool.h>

#include "cmd/readable.h"
#include "worker/server.h"

/*
 * `vitrine worker --probe`: what the host's devices can do for programs, found out by a process that is locked in
 * as workers are, so that other processes need not find out again; see worker/scout.h for what it prints.
 *
 * For --trial a second process is locked in and tries, and the first one watches which files it opens and what is
 * refused. It knows the driver only by that, and handles nothing of a guest's.
 */

/* Files that a driver needs outside of its folder and the system's; more than any is known to have. */
#define VTR_PROBER_MAX_FILES 8

struct vtr_prober_params {
	const struct vtr_worker_params *worker; /* for as what the devices are looked at */
	bool window;			    /* for workers of a VM's contexts */
	bool trial;			     /* the devices are tried, too */
	int report_fd; /* -1, or a socket: its peer is sent the fd to watch this process by */
};

/* Locks this process in and looks at the devices. Returns: the exit status. */
int vtr_prober_look(const struct vtr_prober_params *params);

/**
 * Has devices tried by processes of their own, started like this one: `argv` is this one's, from the command's name
 * on. `readable` is what they may read; it is restored. Returns: the exit status.
 */
int vtr_prober_watch(char *const *argv, struct vtr_readable *readable);

#endif
