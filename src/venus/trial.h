/* SPDX-License-Identifier: MIT */
#ifndef VENUS_TRIAL_H
#define VENUS_TRIAL_H

#include "vk/trial.h"

struct vtr_physical;

/* Tries a device. Takes tens of milliseconds to a second. Thread: any. */
void vtr_trial_run(const struct vtr_physical *physical, struct vtr_trial *out_trial);

#endif
