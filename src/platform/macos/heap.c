/* SPDX-License-Identifier: MIT */
#include <malloc/malloc.h>

#include "platform/proc.h"

/* The heap has zones for each processor, and gives large blocks pages of their own. */
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
	(void)malloc_zone_pressure_relief(NULL, 0);
}
