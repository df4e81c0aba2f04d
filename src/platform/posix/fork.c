/* SPDX-License-Identifier: MIT */
#include "platform/fork.h"

#include <dlfcn.h>
#include <unistd.h>

#include "platform/os.h"

bool vtr_os_can_fork_sibling(void)
{
	return false;
}

enum vtr_err vtr_os_fork_sibling(pid_t *out_pid)
{
	(void)out_pid;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_os_close_from(int first)
{
	const int highest = vtr_os_highest_fd();

	for (int fd = first; fd <= highest; fd++) {
		close(fd);
	}
	return VTR_OK;
}

/* dlclose() is never called, so the library stays. */
enum vtr_err vtr_os_pin_library(const char *path)
{
	return dlopen(path, RTLD_NOW | RTLD_LOCAL) ? VTR_OK : VTR_ERR_OS;
}

size_t vtr_os_list_libraries(char *out, size_t size)
{
	(void)out;
	(void)size;
	return 0;
}

uint32_t vtr_os_thread_count(void)
{
	return 0;
}
