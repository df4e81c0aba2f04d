/* SPDX-License-Identifier: MIT */
#ifndef GUEST_CHECKS_H
#define GUEST_CHECKS_H

#include <stdbool.h>
#include <stdint.h>

/* Small tests of the Vulkan driver that a guest has: each prints "ok NAME" or "FAIL NAME why". Returns
 * whether all went well. Each runs in a process of its own, so none can keep the next from running. */
bool checks_run(void);

/* Allocates and maps so many pieces of memory, checks them, says so, and keeps them for some seconds. */
void checks_hold_blobs(uint32_t count, uint32_t seconds);

#endif
