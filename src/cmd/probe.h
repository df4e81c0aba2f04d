/* SPDX-License-Identifier: MIT */
#ifndef CMD_PROBE_H
#define CMD_PROBE_H

#include <stdbool.h>

#include "vk/renderer_config.h"

/*
 * `vitrine worker --probe`: finds out what the host's devices can do for programs, in a process with a
 * worker's sandbox, so that other processes need not; see pool/prober.h for its output.
 *
 * For --trial, a second sandboxed process tries the devices, and the first one watches which files it opens
 * and which calls are refused. It gets nothing else from the driver, and handles no data of a guest.
 */

/* Files that a driver needs outside of its folder and the system's; more than known for any driver. */
#define VTR_PROBE_MAX_FILES 8

struct vtr_probe_params {
	const struct vtr_renderer_config *config; /* of the workers that the result is for */
	bool hostmem;  /* for workers of a VM's contexts */
	bool trial;    /* also try the devices */
	int report_fd; /* -1, or a socket whose peer gets the fd to watch this process by */
};

/* Prints the host's devices, for cmd/gpu_list.h. No data of a guest is in this process, so it needs no sandbox. It is
 * a process of its own because drivers leave threads behind, and may crash. Returns: the exit status. */
int vtr_probe_list(const struct vtr_renderer_config *config);

/* Enters the sandbox and probes the devices. Returns: the exit status. */
int vtr_probe_run(const struct vtr_probe_params *params);

/* Has the devices tried by separate processes with the same configuration. Returns: the exit status. */
int vtr_probe_watch(const struct vtr_probe_params *params);

#endif
