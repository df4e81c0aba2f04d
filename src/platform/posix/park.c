/* SPDX-License-Identifier: MIT */
#include "platform/os.h"
#include "platform/thread.h"

bool vtr_os_park(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
	return vtr_os_park_in_table(word, expected, timeout_ns);
}

void vtr_os_unpark(_Atomic uint32_t *word)
{
	vtr_os_unpark_in_table(word);
}
