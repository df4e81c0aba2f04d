/* SPDX-License-Identifier: MIT */
#include "core/hostmem.h"

#include "base/mem.h"
#include "platform/shm.h"

enum vtr_err vtr_hostmem_init(const char *name, uint64_t size, struct vtr_hostmem *out_hostmem)
{
	vtr_autofd int fd = -1;
	vtr_autofd int view_fd = -1;
	void *map;

	if (size < vtr_os_page_size() || (size & (size - 1)) != 0 || size > SIZE_MAX / 2) {
		return VTR_ERR_ARG;
	}
	enum vtr_err err = vtr_os_shm_create_shown(name, size, &fd, &view_fd);
	if (err == VTR_OK) {
		err = vtr_os_shm_map(fd, 0, size, true, &map);
	}
	if (err != VTR_OK) {
		return err;
	}
	*out_hostmem = (struct vtr_hostmem){
		.fd = vtr_take_fd(&fd),
		.view_fd = vtr_take_fd(&view_fd),
		.size = size,
		.map = map,
	};
	return VTR_OK;
}

void vtr_hostmem_finish(struct vtr_hostmem *hostmem)
{
	if (hostmem->map) {
		vtr_os_shm_unmap(hostmem->map, hostmem->size);
		hostmem->map = NULL;
		vtr_close(&hostmem->fd);
		vtr_close(&hostmem->view_fd);
	}
}
