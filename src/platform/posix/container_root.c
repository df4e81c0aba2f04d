/* SPDX-License-Identifier: MIT */
/* Containers are Linux's. */
#include "platform/container_root.h"

enum vtr_err vtr_os_root_open(const char *path, int *out_fd)
{
	(void)path;
	(void)out_fd;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_os_root_read(int root_fd, const char *path, size_t max, char **out_data, size_t *out_size)
{
	(void)root_fd;
	(void)path;
	(void)max;
	(void)out_data;
	(void)out_size;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_os_root_replace(int root_fd, const char *folder, const char *name, const char *data,
                                 size_t size)
{
	(void)root_fd;
	(void)folder;
	(void)name;
	(void)data;
	(void)size;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_os_root_enter(int root_fd, const char *tree, const char *place, const char *scratch,
                               int *out_scratch_fd)
{
	(void)root_fd;
	(void)tree;
	(void)place;
	(void)scratch;
	(void)out_scratch_fd;
	return VTR_ERR_UNSUPPORTED;
}
