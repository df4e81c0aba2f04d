/* SPDX-License-Identifier: MIT */
#include "platform/container_root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

/* Of <sys/mount.h>, which cannot be included together with <linux/mount.h>. */
extern int mount(const char *source, const char *target, const char *type, unsigned long flags,
                 const void *data);
#define PRIVATE_RECURSIVE ((1ul << 14) | (1ul << 18)) /* MS_REC | MS_PRIVATE */

#define MAX_NAME 64
/* What an image cannot guess is not needed: nothing of it runs while the file exists. */
#define NEW_SUFFIX ".vitrine-new"

/* A path in a root. Other mounts are refused, too: /proc has links that lead to the host, and volumes are not the
 * image's. Returns: an fd, or -1 with errno. */
static int open_inside(int root_fd, const char *path, uint64_t flags)
{
	const struct open_how how = { .flags = flags | O_CLOEXEC,
		                      .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV };

	return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
}

static enum vtr_err error_of_opening(void)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return VTR_ERR_GONE;
	case EXDEV:
	case ELOOP:
		return VTR_ERR_INVALID;
	default:
		return VTR_ERR_OS;
	}
}

/* The folder of this process's fds in /proc, which stays of use when the root has changed. */
static int fds_fd = -1;

enum vtr_err vtr_os_root_open(const char *path, int *out_fd)
{
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, PRIVATE_RECURSIVE, NULL) != 0) {
		return VTR_ERR_OS;
	}
	fds_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fds_fd < 0) {
		return VTR_ERR_OS;
	}
	*out_fd = fd;
	return VTR_OK;
}

/* Opening a device can be an order to it: a watchdog restarts the machine when it is closed again. So the file is
 * looked at before it is opened. */
static enum vtr_err open_plain(int root_fd, const char *path, int *out_fd, size_t *out_size)
{
	char name[16];
	struct stat info;
	vtr_autofd int path_fd = open_inside(root_fd, path, O_PATH);

	if (path_fd < 0) {
		return error_of_opening();
	}
	if (fstat(path_fd, &info) != 0 || !S_ISREG(info.st_mode)) {
		return VTR_ERR_INVALID;
	}
	snprintf(name, sizeof(name), "%d", path_fd);
	const int fd = openat(fds_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return VTR_ERR_OS;
	}
	*out_fd = fd;
	*out_size = (size_t)info.st_size;
	return VTR_OK;
}

static enum vtr_err read_all(int fd, size_t max, char **out_data, size_t *out_size)
{
	char *data = malloc(max > 0 ? max : 1);
	size_t size = 0;

	if (!data) {
		return VTR_ERR_NOMEM;
	}
	while (size < max) {
		const ssize_t got = read(fd, data + size, max - size);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			free(data);
			return VTR_ERR_OS;
		}
		if (got == 0) {
			break;
		}
		size += (size_t)got;
	}
	*out_data = data;
	*out_size = size;
	return VTR_OK;
}

enum vtr_err vtr_os_root_read(int root_fd, const char *path, size_t max, char **out_data, size_t *out_size)
{
	vtr_autofd int fd = -1;
	size_t size = 0;
	const enum vtr_err err = open_plain(root_fd, path, &fd, &size);

	return err == VTR_OK ? read_all(fd, vtr_min(max, size), out_data, out_size) : err;
}

/* Returns: the fd of a folder, which is made if it is missing; -1 with errno. */
static int open_folder(int root_fd, const char *folder)
{
	char parent[MAX_NAME];
	const char *slash = strrchr(folder, '/');
	int fd = open_inside(root_fd, folder, O_PATH | O_DIRECTORY);

	if (fd >= 0 || errno != ENOENT || !slash) {
		return fd;
	}
	vtr_assert((size_t)(slash - folder) < sizeof(parent));
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - folder), folder);
	vtr_autofd int parent_fd = open_inside(root_fd, parent, O_PATH | O_DIRECTORY);
	if (parent_fd < 0 || mkdirat(parent_fd, slash + 1, 0755) != 0) {
		return -1;
	}
	fd = open_inside(root_fd, folder, O_PATH | O_DIRECTORY);
	return fd;
}

static bool write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		const ssize_t done = write(fd, data, size);

		if (done < 0 && errno != EINTR) {
			return false;
		}
		data += done > 0 ? done : 0;
		size -= done > 0 ? (size_t)done : 0;
	}
	return true;
}

enum vtr_err vtr_os_root_replace(int root_fd, const char *folder, const char *name, const char *data,
                                 size_t size)
{
	char new_name[MAX_NAME];
	vtr_autofd int folder_fd = open_folder(root_fd, folder);

	if (folder_fd < 0) {
		return errno == EXDEV || errno == ELOOP ? VTR_ERR_INVALID : VTR_ERR_OS;
	}
	const int length = snprintf(new_name, sizeof(new_name), "%s" NEW_SUFFIX, name);
	vtr_assert(length > 0 && (size_t)length < sizeof(new_name));
	unlinkat(folder_fd, new_name, 0);
	vtr_autofd int fd =
		openat(folder_fd, new_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0) {
		return VTR_ERR_OS;
	}
	if (write_all(fd, data, size) && fchmod(fd, 0644) == 0 &&
	    renameat(folder_fd, new_name, folder_fd, name) == 0) {
		return VTR_OK;
	}
	const int number = errno;
	unlinkat(folder_fd, new_name, 0);
	errno = number;
	return VTR_ERR_OS;
}

/* --- entering ------------------------------------------------------------------------------------------ */

/* Returns: a mount of this folder that is nowhere yet, without the mounts in it; -1 with errno. */
static int clone_mount(int dir_fd, const char *path)
{
	return (int)syscall(SYS_open_tree, dir_fd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
}

static bool protect(int mount_fd, uint64_t more)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | more };

	return syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0;
}

static bool attach(int mount_fd, int place_fd)
{
	return syscall(SYS_move_mount, mount_fd, "", place_fd, "",
	               MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0;
}

/* Returns: a mount of an empty folder in memory; -1 with errno. */
static int make_scratch(void)
{
	vtr_autofd int fs_fd = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);

	if (fs_fd < 0 || syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_STRING, "size", "64M", 0) != 0 ||
	    syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_STRING, "mode", "0755", 0) != 0 ||
	    syscall(SYS_fsconfig, fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0) {
		return -1;
	}
	return (int)syscall(SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

/* Puts `mount_fd` into the root that `at_fd` belongs to. */
static enum vtr_err attach_inside(int mount_fd, int at_fd, const char *path)
{
	vtr_autofd int place_fd = open_inside(at_fd, path, O_PATH | O_DIRECTORY);

	if (place_fd < 0) {
		return errno == EXDEV || errno == ELOOP ? VTR_ERR_INVALID : VTR_ERR_OS;
	}
	return attach(mount_fd, place_fd) ? VTR_OK : VTR_ERR_OS;
}

enum vtr_err vtr_os_root_enter(int root_fd, const char *tree, const char *place, const char *scratch,
                               int *out_scratch_fd)
{
	vtr_autofd int image_fd = clone_mount(root_fd, "");
	vtr_autofd int tree_fd = clone_mount(AT_FDCWD, tree);
	vtr_autofd int scratch_fd = make_scratch();

	/* /proc would lead out of the root, and is not in the clone. */
	if (image_fd < 0 || tree_fd < 0 || scratch_fd < 0 || !protect(image_fd, MOUNT_ATTR_RDONLY) ||
	    !protect(tree_fd, MOUNT_ATTR_RDONLY) || !attach(image_fd, root_fd)) {
		return VTR_ERR_OS;
	}
	enum vtr_err err = attach_inside(tree_fd, image_fd, place);
	if (err == VTR_OK) {
		err = attach_inside(scratch_fd, tree_fd, scratch);
	}
	if (err != VTR_OK) {
		return err;
	}
	/* The programs that this process starts are root, and could send signals to other processes of root. */
	if (unshare(CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC) != 0) {
		return VTR_ERR_OS;
	}
	/* Without these bits, a program that root starts would have all capabilities. */
	if (fchdir(image_fd) != 0 || chroot(".") != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0) != 0 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
		return VTR_ERR_OS;
	}
	*out_scratch_fd = vtr_take_fd(&scratch_fd);
	return VTR_OK;
}
