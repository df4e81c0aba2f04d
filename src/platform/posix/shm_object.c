/* SPDX-License-Identifier: MIT */
#include <sys/stat.h>

#include "platform/shm.h"

enum vtr_err vtr_os_shm_size(int fd, uint64_t *out_size)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return VTR_ERR_OS;
	}
	if (!S_ISREG(st.st_mode) || st.st_size < 0) {
		return VTR_ERR_INVALID;
	}
	*out_size = (uint64_t)st.st_size;
	return VTR_OK;
}

bool vtr_os_shm_is_same(int fd, int other_fd)
{
	struct stat st;
	struct stat other;

	return fstat(fd, &st) == 0 && fstat(other_fd, &other) == 0 && st.st_dev == other.st_dev &&
	       st.st_ino == other.st_ino;
}
