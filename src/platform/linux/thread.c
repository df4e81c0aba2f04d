/* SPDX-License-Identifier: MIT */
#include "platform/thread.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
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

int64_t vtr_os_coarse_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
