/* SPDX-License-Identifier: MIT */
#include "platform/fork.h"

#include <dirent.h>
#include <dlfcn.h>
#include <link.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/os.h"

/*
 * Returns: where the C library keeps the number of its only thread, or NULL. *out_clear is what the kernel clears when
 * the thread ends. Up to glibc 2.41 both are the same. Since then the kernel clears another word, and the number is
 * found two words before the thread's list of robust mutexes, where all versions of glibc have it.
 */
static pid_t *find_own_tid(pid_t **out_clear)
{
	const pid_t pid = getpid();
	void **robust = NULL;
	size_t size;

	*out_clear = NULL;
	if (prctl(PR_GET_TID_ADDRESS, out_clear) < 0 || !*out_clear) {
		return NULL;
	}
	if (**out_clear == pid) {
		return *out_clear;
	}
	if (syscall(SYS_get_robust_list, 0, &robust, &size) < 0 || !robust) {
		return NULL;
	}
	pid_t *own_tid = (pid_t *)(robust - 2);
	return *own_tid == pid ? own_tid : NULL;
}

bool vtr_os_can_fork_sibling(void)
{
	pid_t *clear;

	return vtr_os_thread_count() == 1 && find_own_tid(&clear);
}

enum vtr_err vtr_os_fork_sibling(pid_t *out_pid)
{
	pid_t *clear;
	/* fork() cannot choose the parent. What else it does for one thread is to store the thread's new number. */
	pid_t *own_tid = vtr_os_thread_count() == 1 ? find_own_tid(&clear) : NULL;

	if (!own_tid) {
		return VTR_ERR_UNSUPPORTED;
	}
	/* The last two arguments are the place and an unused one, in an order that depends on the machine. */
	long pid = syscall(SYS_clone, CLONE_PARENT | CLONE_CHILD_SETTID, 0, NULL, own_tid, own_tid);
	if (pid < 0) {
		return VTR_ERR_OS;
	}
	if (pid == 0) {
		(void)syscall(SYS_set_tid_address, clear);
	}
	*out_pid = (pid_t)pid;
	return VTR_OK;
}

enum vtr_err vtr_os_close_from(int first)
{
	return syscall(SYS_close_range, (unsigned)first, ~0U, 0) == 0 ? VTR_OK : VTR_ERR_OS;
}

enum vtr_err vtr_os_pin_library(const char *path)
{
	return dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) ? VTR_OK : VTR_ERR_OS;
}

struct list {
	char *out;
	size_t size;
	size_t used;
};

static int add_library(struct dl_phdr_info *info, size_t info_size, void *data)
{
	struct list *list = data;
	const size_t size = strlen(info->dlpi_name) + 1;

	(void)info_size;
	/* The program itself has no name, and the kernel's own library no path. */
	if (info->dlpi_name[0] == '/' && size <= list->size - list->used) {
		memcpy(list->out + list->used, info->dlpi_name, size);
		list->used += size;
	}
	return 0;
}

size_t vtr_os_list_libraries(char *out, size_t size)
{
	struct list list = { .out = out, .size = size };

	dl_iterate_phdr(add_library, &list);
	return list.used;
}

uint32_t vtr_os_thread_count(void)
{
	DIR *dir = opendir("/proc/self/task");
	uint32_t count = 0;

	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
		count += entry->d_name[0] != '.';
	}
	if (dir) {
		closedir(dir);
	}
	return count;
}
