/* SPDX-License-Identifier: MIT */
/* For systems without RLIMIT_DATA for mappings. */
#include "platform/data_limit.h"

enum vtr_err vtr_os_data_open(pid_t pid, int *out_fd)
{
	(void)pid;
	(void)out_fd;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_os_data_size(int fd, uint64_t *out_bytes)
{
	(void)fd;
	(void)out_bytes;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_os_data_limit(pid_t pid, uint64_t bytes, bool finally)
{
	(void)pid;
	(void)bytes;
	(void)finally;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_os_file_limit(uint64_t bytes)
{
	(void)bytes;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_os_memory_in_ram(pid_t pid, struct vtr_os_in_ram *out_ram)
{
	(void)pid;
	(void)out_ram;
	return VTR_ERR_UNSUPPORTED;
}
