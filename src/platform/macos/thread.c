/* SPDX-License-Identifier: MIT */
#include "platform/thread.h"

#include "platform/os.h"

void vtr_os_name_this_thread(const char *name)
{
	pthread_setname_np(name);
}

/* Niceness belongs to the process. Classes of quality of service would be a thread's own, but a lower class also moves
 * it to the slow cores. */
enum vtr_err vtr_os_thread_set_nice(int nice)
{
	(void)nice;
	return VTR_ERR_UNSUPPORTED;
}

/* Timers of foreground processes are not delayed. */
void vtr_os_thread_set_punctual(void)
{
}

int64_t vtr_os_coarse_ns(void)
{
	return vtr_os_now_ns();
}
