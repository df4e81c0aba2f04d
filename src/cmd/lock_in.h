/* SPDX-License-Identifier: MIT */
#ifndef CMD_LOCK_IN_H
#define CMD_LOCK_IN_H

#include "cmd/opts.h"
#include "platform/proc.h"

/* How the processes of a VM's displays and videos lock themselves in, by the arguments that ipc/sandbox_args.h
 * makes. */
struct vtr_lock_in {
	uint32_t sandbox; /* enum vtr_os_sandbox_mode */
	uint32_t refusals_fd; /* 0: none. Closed when the process is locked in */
};

/* The rows for a command's table of options, which has a struct vtr_lock_in at `offset_`. */
#define VTR_LOCK_IN_OPTS(offset_)                                                  \
	{ .name = "sandbox",                                                       \
	  .kind = VTR_OPT_NUMBER,                                                  \
	  .offset = (offset_) + offsetof(struct vtr_lock_in, sandbox),             \
	  .arg = "MODE",                                                           \
	  .help = "0: on, 1: off, 2: report, 3: require" },                        \
		{ .name = "refusals-fd",                                           \
		  .kind = VTR_OPT_NUMBER,                                          \
		  .offset = (offset_) + offsetof(struct vtr_lock_in, refusals_fd), \
		  .arg = "N",                                                      \
		  .help = "report refused system calls to the parent process through this fd" }

/**
 * Locks this process in, before it has other threads, and logs what fails.
 *
 * `params`  the mode and the fd are filled in here.
 * Returns:  VTR_ERR_UNSUPPORTED, VTR_ERR_NOMEM, VTR_ERR_OS: the process must end.
 */
struct vtr_log;
VTR_MUST_CHECK enum vtr_err vtr_lock_in(struct vtr_log *log, const char *module, struct vtr_lock_in *options,
                                        const struct vtr_os_sandbox_params *params);

/* Says on stderr which parts of the sandbox this host lacks, if the mode requires them. Returns:
 * VTR_ERR_UNSUPPORTED. */
VTR_MUST_CHECK enum vtr_err vtr_lock_in_check(const struct vtr_command *command,
                                              enum vtr_os_sandbox_mode mode);

/* Warns of a mode that does not protect. */
void vtr_lock_in_warn(struct vtr_log *log, enum vtr_os_sandbox_mode mode);

#endif
