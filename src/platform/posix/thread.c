/* SPDX-License-Identifier: MIT */
#include "platform/thread.h"

#include "platform/os.h"

/* POSIX has no names of threads. */
void vtr_os_name_this_thread(const char *name)
{
	(void)name;
}

/* Niceness belongs to the process, so a thread cannot have its own. */
enum vtr_err vtr_os_thread_set_nice(int nice)
{
	(void)nice;
	return VTR_ERR_UNSUPPORTED;
}

void vtr_os_thread_set_punctual(void)
{
}

int64_t vtr_os_coarse_ns(void)
{
	return vtr_os_now_ns();
}
