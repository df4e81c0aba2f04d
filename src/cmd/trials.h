/* SPDX-License-Identifier: MIT */
#ifndef CMD_TRIALS_H
#define CMD_TRIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cmd/tuning.h"
#include "pool/prober.h"
#include "vk/probe_cache.h"
#include "vk/trial.h"

/* For `vitrine doctor`: whether the host's devices work in the sandbox with all of their features. */

#define VTR_TRIALS_MAX_TEXTS 16

struct vtr_trial_list {
	struct vtr_trial items[VTR_PROBE_CACHE_MAX_DEVICES];
	size_t count;
};

struct vtr_texts {
	const char *items[VTR_TRIALS_MAX_TEXTS];
	size_t count;
};

struct vtr_trials {
	bool ran;         /* otherwise the process failed, or was refused */
	struct vtr_trial_list locked;   /* in the sandbox */
	struct vtr_trial_list unlocked; /* outside of it, if one of the above failed */
	struct vtr_texts readable; /* files that workers may read because a driver fails without them */
	struct vtr_texts refused; /* files that were refused */
	struct vtr_texts refused_calls;
	char answer[VTR_PROBER_ANSWER]; /* the text that the members above point into */
};

/* Tries the devices, in separate processes. `trials` must not move afterwards. Returns: VTR_ERR_OS,
 * VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_trials_run(struct vtr_trials *trials, const struct vtr_tuning *tuning);

/* Returns: the entry of a device, or NULL. */
const struct vtr_trial *vtr_trials_find(const struct vtr_trial_list *list,
                                        const struct vtr_probed_device *device);

#endif
