/* SPDX-License-Identifier: MIT */
#ifndef CMD_TRIALS_H
#define CMD_TRIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cmd/tuning.h"
#include "venus/known.h"
#include "venus/trial.h"
#include "worker/scout.h"

/* For `vitrine doctor`: how the host's devices do in the sandbox with all that is offered of them. */

#define VTR_TRIALS_MAX_TEXTS 16

struct vtr_trial_list {
	struct vtr_trial items[VTR_KNOWN_MAX_DEVICES];
	size_t count;
};

struct vtr_texts {
	const char *items[VTR_TRIALS_MAX_TEXTS];
	size_t count;
};

struct vtr_trials {
	bool ran;		       /* else the process failed, or was refused */
	struct vtr_trial_list locked;   /* in the sandbox */
	struct vtr_trial_list unlocked; /* outside of it, if one of the above failed */
	struct vtr_texts readable;      /* files that workers may read, since a driver fails without */
	struct vtr_texts refused;       /* files */
	struct vtr_texts refused_calls;
	char answer[VTR_SCOUT_ANSWER]; /* what the texts are parts of */
};

/* Tries them, in processes of their own. `trials` does not move afterwards. Returns: VTR_ERR_OS, VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_trials_run(struct vtr_trials *trials, const struct vtr_tuning *tuning);

/* That of a device, or NULL. */
const struct vtr_trial *vtr_trials_find(const struct vtr_trial_list *list,
                                        const struct vtr_known_device *device);

#endif
