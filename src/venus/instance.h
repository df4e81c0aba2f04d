/* SPDX-License-Identifier: MIT */
#ifndef VENUS_INSTANCE_H
#define VENUS_INSTANCE_H

#include "venus/context.h"
#include "venus/physical.h"

/* Destroys the instance with all of its objects. */
void vtr_instance_finish(struct vtr_venus *venus);

#endif
