/* SPDX-License-Identifier: MIT */
/* Constant memory is a file without a name: macOS rounds the size of shared memory objects up to whole pages. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/shm.h"

static enum vtr_err write_all(int fd, const void *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		const ssize_t written = write(fd, (const char *)data + done, size - done);

		if (written < 0 && errno != EINTR) {
			return VTR_ERR_OS;
		}
		done += written > 0 ? (size_t)written : 0;
	}
	return VTR_OK;
}

enum vtr_err vtr_os_shm_create_constant(const char *name, const void *data, size_t size, int *out_fd)
{
	char path[] = "/tmp/vitrine-XXXXXX";

	(void)name;
	/* The fd that can write is closed here. Readable only, also for those who find a way to open the file again. */
	vtr_autofd int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0) {
		return VTR_ERR_OS;
	}
	vtr_autofd int readable = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	enum vtr_err err = readable < 0 || fchmod(fd, 0400) < 0 ? VTR_ERR_OS : write_all(fd, data, size);
	if (err == VTR_OK) {
		*out_fd = vtr_take_fd(&readable);
	}
	return err;
}
