/* SPDX-License-Identifier: MIT */
#include "platform/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"

/* Linux 6.3. It silences the warning of kernels that expect MFD_EXEC or MFD_NOEXEC_SEAL. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* Linux 5.14. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

const char vtr_os_shm_qemu_object[] = "memory-backend-memfd";

static int make_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL) {
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	}
	return fd;
}

enum vtr_err vtr_os_shm_create(const char *name, size_t size, int *out_fd)
{
	size_t rounded;

	if (!vtr_add(size, vtr_os_page_size() - 1, &rounded)) {
		errno = EFBIG;
		return VTR_ERR_OS;
	}
	rounded &= ~(vtr_os_page_size() - 1);

	vtr_autofd int fd = make_memfd(name);
	if (fd < 0) {
		return VTR_ERR_OS;
	}
	if (ftruncate(fd, (off_t)rounded) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		return VTR_ERR_OS;
	}
	*out_fd = vtr_take_fd(&fd);
	return VTR_OK;
}

enum vtr_err vtr_os_shm_create_constant(const char *name, const void *data, size_t size, int *out_fd)
{
	vtr_autofd int fd = make_memfd(name);

	/* One write: to memory it is never cut short by a signal. */
	if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		return VTR_ERR_OS;
	}
	*out_fd = vtr_take_fd(&fd);
	return VTR_OK;
}

enum vtr_err vtr_os_shm_read(int fd, void *out_data, size_t size)
{
	uint64_t have;
	enum vtr_err err = vtr_os_shm_size(fd, &have);

	if (err != VTR_OK) {
		return err;
	}
	if (have != size) {
		return VTR_ERR_ARG;
	}
	return pread(fd, out_data, size, 0) == (ssize_t)size ? VTR_OK : VTR_ERR_OS;
}

enum vtr_err vtr_os_shm_discard(int fd, uint64_t offset, uint64_t size)
{
	int result;

	if (size == 0) {
		return VTR_OK; /* fallocate() refuses a size of 0 */
	}
	do {
		result =
			fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size);
	} while (result < 0 && errno == EINTR);
	return result < 0 ? VTR_ERR_OS : VTR_OK;
}

enum vtr_err vtr_os_shm_find_data(int fd, uint64_t offset, uint64_t *out_offset)
{
	off_t found = lseek(fd, (off_t)offset, SEEK_DATA);

	if (found < 0 && errno != ENXIO) {
		return VTR_ERR_OS;
	}
	*out_offset = found < 0 ? UINT64_MAX : (uint64_t)found;
	return VTR_OK;
}

enum vtr_err vtr_os_shm_check(int fd, uint64_t min_size)
{
	uint64_t size;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
		return VTR_ERR_INVALID;
	}
	/* Checked after the seals: from here on the file cannot shrink. */
	if (vtr_os_shm_size(fd, &size) != VTR_OK || size < min_size) {
		return VTR_ERR_INVALID;
	}
	return VTR_OK;
}

void vtr_os_shm_populate(void *at, size_t size)
{
	char *first = (char *)((uintptr_t)at & ~(uintptr_t)(vtr_os_page_size() - 1));

	(void)madvise(first, size + (size_t)((char *)at - first), MADV_POPULATE_WRITE);
}

bool vtr_os_shm_is_huge(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 && st.f_type == HUGETLBFS_MAGIC;
}

enum vtr_err vtr_os_shm_create_shown(const char *name, size_t size, int *out_fd, int *out_view_fd)
{
	enum vtr_err err = vtr_os_shm_create(name, size, out_fd);

	if (err == VTR_OK) {
		*out_view_fd = -1;
	}
	return err;
}

enum vtr_err vtr_os_shm_read_only(int fd, int view_fd, int *out_fd)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(fd)];

	(void)view_fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int copy = open(path, O_RDONLY | O_CLOEXEC);
	if (copy < 0) {
		return VTR_ERR_OS;
	}
	*out_fd = copy;
	return VTR_OK;
}
