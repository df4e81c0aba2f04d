/* SPDX-License-Identifier: MIT */
#include "platform/data_limit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/shm.h"

#define STATUS_SIZE 4096

static enum vtr_err open_file(pid_t pid, const char *name, int *out_fd)
{
	char path[64];

	if (pid == 0) {
		snprintf(path, sizeof(path), "/proc/self/%s", name);
	} else {
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	}
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return VTR_ERR_OS;
	}
	*out_fd = fd;
	return VTR_OK;
}

enum vtr_err vtr_os_data_open(pid_t pid, int *out_fd)
{
	return open_file(pid, "statm", out_fd);
}

enum vtr_err vtr_os_data_size(int fd, uint64_t *out_bytes)
{
	char text[128];
	const char *at = text;
	const ssize_t size = pread(fd, text, sizeof(text) - 1, 0);

	if (size <= 0) {
		return VTR_ERR_OS;
	}
	text[size] = '\0';
	/* The sixth number is data and the first thread's stack (proc_pid_statm(5)). */
	for (int i = 0; at && i < 5; i++) {
		at = strchr(at + (i > 0), ' ');
	}
	if (!at) {
		return VTR_ERR_OS;
	}
	*out_bytes = strtoull(at, NULL, 10) * vtr_os_page_size();
	return VTR_OK;
}

enum vtr_err vtr_os_data_limit(pid_t pid, uint64_t bytes, bool finally)
{
	struct rlimit limit;

	if (prlimit(pid, RLIMIT_DATA, NULL, &limit) < 0) {
		return VTR_ERR_OS;
	}
	/* Infinity is the largest number. */
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	if (finally) {
		limit.rlim_max = limit.rlim_cur;
	}
	return prlimit(pid, RLIMIT_DATA, &limit, NULL) == 0 ? VTR_OK : VTR_ERR_OS;
}

enum vtr_err vtr_os_file_limit(uint64_t bytes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) < 0) {
		return VTR_ERR_OS;
	}
	limit.rlim_cur = limit.rlim_max = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	return setrlimit(RLIMIT_FSIZE, &limit) == 0 ? VTR_OK : VTR_ERR_OS;
}

/* Returns: the number behind a name in /proc/PID/status, in bytes; 0 if it is not there. */
static uint64_t number_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	unsigned long long kib = 0;

	return at && sscanf(at + strlen(name), " %llu", &kib) == 1 ? kib * 1024 : 0;
}

enum vtr_err vtr_os_memory_in_ram(pid_t pid, struct vtr_os_in_ram *out_ram)
{
	char text[STATUS_SIZE];
	vtr_autofd int fd = -1;
	enum vtr_err err = open_file(pid, "status", &fd);

	if (err != VTR_OK) {
		return err;
	}
	const ssize_t size = read(fd, text, sizeof(text) - 1);
	if (size <= 0) {
		return VTR_ERR_OS;
	}
	text[size] = '\0';
	/* A process may have any name, but a line break in it is escaped there. */
	out_ram->own = number_of(text, "\nRssAnon:");
	out_ram->shared = number_of(text, "\nRssShmem:");
	return VTR_OK;
}
