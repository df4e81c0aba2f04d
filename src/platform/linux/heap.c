/* SPDX-License-Identifier: MIT */
/* The heap of glibc. */
#include <malloc.h>

#include "platform/proc.h"

void vtr_os_heap_share(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	mallopt(M_TOP_PAD, 1 << 20);
}

void vtr_os_heap_split_large(void)
{
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	/* The call above fixes this limit at 128 KiB, and the heap would grow and shrink with each picture that is
	 * sent. */
	mallopt(M_TRIM_THRESHOLD, 8 << 20);
}

void vtr_os_heap_trim(void)
{
	malloc_trim(0);
}
