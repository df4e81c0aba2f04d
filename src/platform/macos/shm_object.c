/* SPDX-License-Identifier: MIT */
/* fstat() of a shared memory object has neither a type nor a number, unlike that of a file, which other processes may
 * use as memory, too. */
#include <errno.h>
#include <libproc.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/shm.h"

enum vtr_err vtr_os_shm_size(int fd, uint64_t *out_size)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return VTR_ERR_OS;
	}
	if ((!S_ISREG(st.st_mode) && (st.st_mode & S_IFMT) != 0) || st.st_size < 0) {
		return VTR_ERR_INVALID;
	}
	*out_size = (uint64_t)st.st_size;
	return VTR_OK;
}

/* Returns: whether it is a shared memory object, which keeps its name when it is unlinked. */
static bool get_object(int fd, struct pshm_fdinfo *out_info)
{
	return proc_pidfdinfo(getpid(), fd, PROC_PIDFDPSHMINFO, out_info, sizeof(*out_info)) ==
	       (int)sizeof(*out_info);
}

bool vtr_os_shm_is_same(int fd, int other_fd)
{
	struct pshm_fdinfo object;
	struct pshm_fdinfo other_object;
	struct stat st;
	struct stat other;

	if (get_object(fd, &object) && get_object(other_fd, &other_object)) {
		return strncmp(object.pshminfo.pshm_name, other_object.pshminfo.pshm_name,
		               sizeof(object.pshminfo.pshm_name)) == 0;
	}
	return fstat(fd, &st) == 0 && fstat(other_fd, &other) == 0 && S_ISREG(st.st_mode) &&
	       S_ISREG(other.st_mode) && st.st_dev == other.st_dev && st.st_ino == other.st_ino;
}
