/* SPDX-License-Identifier: MIT */
#include "platform/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/os.h"

/* macOS takes names of up to 30 characters. */
#define NAME_SIZE 31
/* Another name is tried if one is taken. */
#define MAX_TRIES 100

const char vtr_os_shm_qemu_object[] = "memory-backend-shm";

/* Makes an object of that name, which is the caller's to unlink. */
static int make_object(mode_t mode, char name[NAME_SIZE])
{
	for (int i = 0; i < MAX_TRIES; i++) {
		uint64_t number;

		if (getentropy(&number, sizeof(number)) < 0) {
			return -1;
		}
		snprintf(name, NAME_SIZE, "/vitrine-%016" PRIx64, number);
		int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, mode);
		if (fd >= 0 || errno != EEXIST) {
			return fd;
		}
	}
	return -1;
}

/* *out_view_fd may be NULL. */
static enum vtr_err create(size_t size, int *out_fd, int *out_view_fd)
{
	char object[NAME_SIZE];
	size_t rounded;

	if (!vtr_add(size, vtr_os_page_size() - 1, &rounded)) {
		errno = EFBIG;
		return VTR_ERR_OS;
	}
	rounded &= ~(vtr_os_page_size() - 1);

	vtr_autofd int fd = make_object(0600, object);
	if (fd < 0) {
		return VTR_ERR_OS;
	}
	vtr_autofd int view_fd = out_view_fd ? shm_open(object, O_RDONLY, 0) : -1;
	shm_unlink(object);
	if ((out_view_fd && view_fd < 0) || ftruncate(fd, (off_t)rounded) < 0) {
		return VTR_ERR_OS;
	}
	vtr_os_shm_guard();
	*out_fd = vtr_take_fd(&fd);
	if (out_view_fd) {
		*out_view_fd = vtr_take_fd(&view_fd);
	}
	return VTR_OK;
}

enum vtr_err vtr_os_shm_create(const char *name, size_t size, int *out_fd)
{
	(void)name; /* no system shows it for memory without a name */
	return create(size, out_fd, NULL);
}

enum vtr_err vtr_os_shm_create_shown(const char *name, size_t size, int *out_fd, int *out_view_fd)
{
	(void)name;
	return create(size, out_fd, out_view_fd);
}

/* By a map: macOS has no read() of such memory. */
enum vtr_err vtr_os_shm_read(int fd, void *out_data, size_t size)
{
	uint64_t have;
	void *map;
	enum vtr_err err = vtr_os_shm_size(fd, &have);

	if (err == VTR_OK && have != size) {
		err = VTR_ERR_ARG;
	}
	if (err == VTR_OK) {
		err = vtr_os_shm_map(fd, 0, size, false, &map);
	}
	if (err == VTR_OK) {
		memcpy(out_data, map, size);
		vtr_os_shm_unmap(map, size);
	}
	return err;
}

static enum vtr_err write_zeros(int fd, uint64_t offset, uint64_t size)
{
	const uint64_t before = offset % vtr_os_page_size();
	void *map;
	enum vtr_err err = vtr_os_shm_map(fd, offset - before, (size_t)(size + before), true, &map);

	if (err == VTR_OK) {
		memset((char *)map + before, 0, (size_t)size);
		vtr_os_shm_unmap(map, (size_t)(size + before));
	}
	return err;
}

/* POSIX can only zero the memory. Holes stay holes. */
enum vtr_err vtr_os_shm_discard(int fd, uint64_t offset, uint64_t size)
{
	const uint64_t end = offset + size;
	uint64_t at = offset;
	enum vtr_err err = VTR_OK;

	while (err == VTR_OK && at < end) {
		err = vtr_os_shm_find_data(fd, at, &at);
		if (err == VTR_OK && at < end) {
			const off_t hole = lseek(fd, (off_t)at, SEEK_HOLE);
			const uint64_t stop = hole < 0 ? end : vtr_min((uint64_t)hole, end);

			err = write_zeros(fd, at, stop - at);
			at = stop;
		}
	}
	return err;
}

enum vtr_err vtr_os_shm_find_data(int fd, uint64_t offset, uint64_t *out_offset)
{
	const off_t found = lseek(fd, (off_t)offset, SEEK_DATA);

	if (found < 0 && errno != ENXIO && errno != EINVAL && errno != ESPIPE) {
		return VTR_ERR_OS;
	}
	/* Where the system cannot tell (macOS), all of it may be there. */
	*out_offset = found >= 0 ? (uint64_t)found : errno == ENXIO ? UINT64_MAX : offset;
	return VTR_OK;
}

enum vtr_err vtr_os_shm_check(int fd, uint64_t min_size)
{
	uint64_t size;

	if (vtr_os_shm_size(fd, &size) != VTR_OK || size < min_size) {
		return VTR_ERR_INVALID;
	}
	vtr_os_shm_guard();
	return VTR_OK;
}

void vtr_os_shm_populate(void *at, size_t size)
{
	(void)at;
	(void)size;
}

bool vtr_os_shm_is_huge(int fd)
{
	(void)fd;
	return false;
}

/* POSIX has no way to open what an fd is of again. */
enum vtr_err vtr_os_shm_read_only(int fd, int view_fd, int *out_fd)
{
	const int from = view_fd >= 0 ? view_fd : fd;
	const int flags = fcntl(from, F_GETFL);

	if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY) {
		errno = ENOTSUP;
		return VTR_ERR_OS;
	}
	const int copy = flags < 0 ? -1 : fcntl(from, F_DUPFD_CLOEXEC, 0);
	if (copy < 0) {
		return VTR_ERR_OS;
	}
	*out_fd = copy;
	return VTR_OK;
}
