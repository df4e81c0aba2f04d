/* SPDX-License-Identifier: MIT */
#ifndef CORE_HOSTMEM_H
#define CORE_HOSTMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"

/* Thread: the device's, for all of this file. */

/**
 * Creates hostmem: sparse memory that takes no space until it is written, mapped into this process.
 *
 * `name`   appears in /proc, for debugging.
 * `size`   a power of two (QEMU aborts on others) and at least a page.
 * Owner:   end it with vtr_hostmem_finish(), after all users of it.
 * Returns: VTR_ERR_ARG (the size), VTR_ERR_OS. *out_hostmem is untouched on failure.
 */
VTR_MUST_CHECK enum vtr_err vtr_hostmem_init(const char *name, uint64_t size,
                                             struct vtr_hostmem *out_hostmem);
void vtr_hostmem_finish(struct vtr_hostmem *hostmem);

#endif
