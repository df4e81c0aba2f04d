/* SPDX-License-Identifier: MIT */
/* The user's files, and what /proc shows of other processes. */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attack.h"

/* Newer than the headers of Debian 12; the same on all architectures. */
#define NR_FCHMODAT2 452
#define NR_SETXATTRAT 463
#define NR_REMOVEXATTRAT 466
#define NR_OPEN_TREE_ATTR 467
#define NR_FILE_SETATTR 469

#define ATTRIBUTE "user.attack"

static int read_secret(const struct world *world)
{
	return try_open(path_of(world, "secret"), O_RDONLY);
}

static int write_secret(const struct world *world)
{
	return try_open(path_of(world, "secret"), O_WRONLY);
}

static int create_file(const struct world *world)
{
	return try_open(path_of(world, world->locked ? "new-after" : "new-before"), O_WRONLY | O_CREAT);
}

static int create_nameless(const struct world *world)
{
	return try_open(world->dir, O_RDWR | O_TMPFILE);
}

static int list_folder(const struct world *world)
{
	return try_open(world->dir, O_RDONLY | O_DIRECTORY);
}

static int open_by_openat2(const struct world *world)
{
	const uint64_t how[3] = { O_RDONLY | O_CLOEXEC, 0, 0 };

	return outcome(syscall(SYS_openat2, AT_FDCWD, path_of(world, "secret"), how, sizeof(how)));
}

static int open_through_other(const struct world *world)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%d/root%s/secret", world->victim, world->dir);
	return try_open(path, O_RDONLY);
}

static int write_held(const struct world *world)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", world->held_fd);
	return try_open(path, O_RDWR);
}

static int truncate_secret(const struct world *world)
{
	return outcome(truncate(path_of(world, "secret"), 1));
}

static int remove_file(const struct world *world)
{
	int result = outcome(unlink(path_of(world, "gone")));

	(void)try_open(path_of(world, "gone"), O_WRONLY | O_CREAT);
	return result;
}

static int rename_file(const struct world *world)
{
	char other[PATH_MAX];

	snprintf(other, sizeof(other), "%s/other", world->dir);
	int result = outcome(rename(path_of(world, "gone"), other));
	if (result == 0) {
		(void)rename(other, path_of(world, "gone"));
	}
	return result;
}

static int hard_link(const struct world *world)
{
	char other[PATH_MAX];

	snprintf(other, sizeof(other), "%s/link", world->dir);
	int result = outcome(link(path_of(world, "gone"), other));
	(void)unlink(other);
	return result;
}

static int symbolic_link(const struct world *world)
{
	int result = outcome(symlink("/", path_of(world, "symlink")));

	(void)unlink(path_of(world, "symlink"));
	return result;
}

static int make_folder(const struct world *world)
{
	int result = outcome(mkdir(path_of(world, "folder"), 0700));

	(void)rmdir(path_of(world, "folder"));
	return result;
}

static int make_node(const struct world *world)
{
	int result = outcome(mknod(path_of(world, "pipe"), S_IFIFO | 0600, 0));

	(void)unlink(path_of(world, "pipe"));
	return result;
}

static int change_mode(const struct world *world)
{
	return outcome(chmod(path_of(world, "secret"), 0600));
}

static int change_mode_held(const struct world *world)
{
	return outcome(fchmod(world->held_fd, 0600));
}

static int change_mode_at2(const struct world *world)
{
	return outcome(syscall(NR_FCHMODAT2, AT_FDCWD, path_of(world, "secret"), 0600, 0));
}

static int change_owner(const struct world *world)
{
	return outcome(chown(path_of(world, "secret"), getuid(), getgid()));
}

static int change_times(const struct world *world)
{
	return outcome(utimensat(AT_FDCWD, path_of(world, "secret"), NULL, 0));
}

static int set_attribute(const struct world *world)
{
	return outcome(setxattr(path_of(world, "secret"), ATTRIBUTE, "x", 1, 0));
}

static int set_attribute_held(const struct world *world)
{
	return outcome(fsetxattr(world->held_fd, ATTRIBUTE, "x", 1, 0));
}

/* This gave a file of mode 0600 to all users, by an access control list. */
static int set_attribute_at(const struct world *world)
{
	struct {
		uint64_t value;
		uint32_t size, flags;
	} args = { .value = (uintptr_t)"x", .size = 1 };

	return outcome(syscall(NR_SETXATTRAT, AT_FDCWD, path_of(world, "secret"), 0, ATTRIBUTE, &args,
	                       sizeof(args)));
}

static int remove_attribute_at(const struct world *world)
{
	return outcome_or(syscall(NR_REMOVEXATTRAT, AT_FDCWD, path_of(world, "secret"), 0, ATTRIBUTE),
	                  ENODATA);
}

static int set_file_attributes(const struct world *world)
{
	return outcome_or(syscall(NR_FILE_SETATTR, AT_FDCWD, path_of(world, "secret"), NULL, 0, 0), EINVAL);
}

static int set_flags_held(const struct world *world)
{
	int flags = 0;

	(void)ioctl(world->held_fd, FS_IOC_GETFLAGS, &flags);
	return outcome_or(ioctl(world->held_fd, FS_IOC_SETFLAGS, &flags), ENOTTY);
}

static int clone_mount(const struct world *world)
{
	return outcome(syscall(SYS_open_tree, AT_FDCWD, world->dir, O_CLOEXEC));
}

static int clone_mount_attr(const struct world *world)
{
	return outcome_or(syscall(NR_OPEN_TREE_ATTR, AT_FDCWD, world->dir, O_CLOEXEC, NULL, 1), EINVAL);
}

static int name_by_handle(const struct world *world)
{
	char handle[256] = { 0 };
	int mount_id;

	return outcome_or(
		syscall(SYS_name_to_handle_at, AT_FDCWD, path_of(world, "secret"), handle, &mount_id, 0),
		EOVERFLOW);
}

static int watch_folder(const struct world *world)
{
	int fd = inotify_init1(IN_CLOEXEC);
	int result = fd < 0 ? errno : outcome(inotify_add_watch(fd, world->dir, IN_ALL_EVENTS));

	if (fd >= 0) {
		close(fd);
	}
	return result;
}

static int notify_folder(const struct world *world)
{
	int result;
	int fd = open(world->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		return errno;
	}
	result = outcome(fcntl(fd, F_NOTIFY, DN_CREATE));
	close(fd);
	return result;
}

static int lease_held(const struct world *world)
{
	int result = outcome(fcntl(world->held_fd, F_SETLEASE, F_RDLCK));

	(void)fcntl(world->held_fd, F_SETLEASE, F_UNLCK);
	return result;
}

static int open_of(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return try_open(path, flags);
}

static int memory_of_victim(const struct world *world)
{
	return open_of(world->victim, "mem", O_RDWR);
}

static int environment_of_victim(const struct world *world)
{
	return open_of(world->victim, "environ", O_RDONLY);
}

static int memory_of_parent(const struct world *world)
{
	return open_of(world->parent, "mem", O_RDWR);
}

static int environment_of_parent(const struct world *world)
{
	return open_of(world->parent, "environ", O_RDONLY);
}

/* What the host's kernel tells about others. */
static int connections(const struct world *world)
{
	(void)world;
	return try_open("/proc/self/net/tcp", O_RDONLY);
}

static int names_of_sockets(const struct world *world)
{
	(void)world;
	return try_open("/proc/thread-self/net/unix", O_RDONLY);
}

static int addresses(const struct world *world)
{
	(void)world;
	return try_open("/proc/self/net/fib_trie", O_RDONLY);
}

static int list_network_settings(const struct world *world)
{
	(void)world;
	return try_open("/proc/sys/net/ipv4/conf", O_RDONLY | O_DIRECTORY);
}

static int list_network_devices(const struct world *world)
{
	(void)world;
	return try_open("/sys/class/net", O_RDONLY | O_DIRECTORY);
}

static int traffic(const struct world *world)
{
	(void)world;
	return try_open("/sys/class/net/lo/statistics/rx_bytes", O_RDONLY);
}

static int list_control_groups(const struct world *world)
{
	(void)world;
	return try_open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY);
}

static int pids_of_control_group(const struct world *world)
{
	(void)world;
	return try_open("/sys/fs/cgroup/cgroup.procs", O_RDONLY);
}

static int list_mounts(const struct world *world)
{
	(void)world;
	return try_open("/proc/self/mountinfo", O_RDONLY);
}

static int name_of_stranger(const struct world *world)
{
	return open_of(world->victim, "comm", O_RDONLY);
}

static const struct attack attacks[] = {
	{ "read-file", read_secret, true },
	{ "write-file", write_secret, true },
	{ "create-file", create_file, true },
	{ "create-nameless-file", create_nameless, false },
	{ "list-folder", list_folder, true },
	{ "openat2", open_by_openat2, false },
	{ "open-through-proc", open_through_other, false },
	{ "write-file-opened-to-be-read", write_held, true },
	{ "truncate", truncate_secret, true },
	{ "unlink", remove_file, true },
	{ "rename", rename_file, true },
	{ "hard-link", hard_link, true },
	{ "symbolic-link", symbolic_link, true },
	{ "mkdir", make_folder, true },
	{ "mknod", make_node, true },
	{ "chmod", change_mode, true },
	{ "fchmod", change_mode_held, true },
	{ "fchmodat2", change_mode_at2, false },
	{ "chown", change_owner, true },
	{ "utimensat", change_times, true },
	{ "setxattr", set_attribute, false },
	{ "fsetxattr", set_attribute_held, false },
	{ "finding-2-setxattrat", set_attribute_at, false },
	{ "finding-2-removexattrat", remove_attribute_at, false },
	{ "finding-2-file_setattr", set_file_attributes, false },
	{ "finding-2-open_tree_attr", clone_mount_attr, false },
	{ "set-flags-of-file", set_flags_held, true },
	{ "open_tree", clone_mount, false },
	{ "name_to_handle_at", name_by_handle, false },
	{ "finding-11-inotify", watch_folder, true },
	{ "dnotify", notify_folder, false },
	{ "lease", lease_held, false },
	{ "finding-4-connections", connections, false },
	{ "finding-4-names-of-sockets", names_of_sockets, false },
	{ "finding-4-addresses", addresses, false },
	{ "finding-4-settings-of-network", list_network_settings, false },
	{ "finding-4-network-devices", list_network_devices, false },
	{ "finding-4-traffic", traffic, false },
	{ "finding-4-control-groups", list_control_groups, false },
	{ "finding-4-pids-of-control-group", pids_of_control_group, false },
	{ "list-mounts", list_mounts, true },
	{ "proc-comm-of-stranger", name_of_stranger, false },
	{ "proc-mem-of-stranger", memory_of_victim, false },
	{ "proc-environ-of-stranger", environment_of_victim, false },
	{ "proc-mem-of-parent", memory_of_parent, false },
	{ "proc-environ-of-parent", environment_of_parent, false },
};

const struct attack_list file_attacks = { attacks, sizeof(attacks) / sizeof(attacks[0]) };
