/* SPDX-License-Identifier: MIT */
#include "platform/thread.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/os.h"

void vtr_os_name_this_thread(const char *name)
{
	prctl(PR_SET_NAME, name, 0, 0, 0);
}

enum vtr_err vtr_os_thread_set_nice(int nice)
{
	/* On Linux niceness belongs to a thread, although POSIX says otherwise. */
	if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), nice) < 0) {
		return VTR_ERR_UNSUPPORTED;
	}
	return VTR_OK;
}

void vtr_os_thread_set_punctual(void)
{
	prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0); /* nanoseconds */
}
