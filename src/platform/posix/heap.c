/* SPDX-License-Identifier: MIT */
/* Heaps that cannot be told what to do. */
#include "platform/proc.h"

void vtr_os_heap_share(void)
{
}

void vtr_os_heap_reuse_large(void)
{
}

void vtr_os_heap_split_large(void)
{
}

void vtr_os_heap_trim(void)
{
}
