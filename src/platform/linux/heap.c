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

/* What glibc itself raises its limit of 128 KiB to at most, when larger blocks are freed. It no longer does so once a
 * limit was set, as above. */
#define LARGE_BLOCK (4 * 1024 * 1024 * (int)sizeof(long))

void vtr_os_heap_reuse_large(void)
{
	mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
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
