/* SPDX-License-Identifier: MIT */
#ifndef GUEST_CHECKS_H
#define GUEST_CHECKS_H

#include <stdbool.h>

/* Small tests of the Vulkan driver that a guest has: each prints "ok NAME" or "FAIL NAME why". Returns
 * whether all went well. Each runs in a process of its own, so none can keep the next from running. */
bool checks_run(void);

#endif
