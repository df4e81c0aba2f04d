/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/os.h"
#include "platform/proc.h"

/*
 * Landlock. Debian 12's headers stop at version 2 of its interface, so later constants are defined here
 * (Documentation/userspace-api/landlock.rst). The kernel reports which version it supports.
 */
#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_VERSION_1 ((UINT64_C(1) << 13) - 1)
#define FS_REFER (UINT64_C(1) << 13)     /* version 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)  /* version 3 */
#define NET_BIND UINT64_C(1)             /* version 4: bind of TCP */
#define NET_CONNECT UINT64_C(2)          /* version 4 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* version 5 */
#define SCOPE_ABSTRACT UINT64_C(1)       /* version 6: abstract sockets */
#define SCOPE_SIGNALS UINT64_C(2)        /* version 6 */

/* The rights that a rule for a regular file can have. */
#define FS_OF_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

#define FS_READ (FS_READ_FILE | FS_READ_DIR)
#define FS_DEVICE (FS_READ | FS_WRITE_FILE | FS_IOCTL_DEV)
/* Everything except executing files and creating device nodes. Includes moving files between such
 * directories. */
#define FS_CHANGE ((FS_VERSION_1 & ~FS_EXECUTE & ~FS_MAKE_NODES) | FS_REFER | FS_TRUNCATE)
#define FS_MAKE_NODES ((UINT64_C(1) << 6) | (UINT64_C(1) << 11))

/* Changing files that exist. */
#define FS_UPDATE (FS_READ | FS_WRITE_FILE | FS_TRUNCATE)

#define VERSION_TRUNCATE 3
#define VERSION_NET 4
#define VERSION_IOCTL 5
#define VERSION_SCOPE 6

struct ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

/* Libraries, files that drivers and the Vulkan loader read, and information about the machine. */
static const char *const read_paths[] = {
	"/usr",
	"/lib",
	"/lib32",
	"/lib64",
	"/opt",
	/* Distributions that keep libraries elsewhere. */
	"/nix/store",
	"/gnu/store",
	"/run/opengl-driver",
	"/etc/ld.so.cache",
	"/etc/ld.so.conf",
	"/etc/ld.so.conf.d",
	"/etc/ld.so.preload",
	"/etc/vulkan",
	"/etc/xdg/vulkan",
	"/etc/drirc",
	"/etc/nvidia",
	"/etc/glvnd",
	"/etc/egl",
	/* For getpwuid(), with which drivers look up the home directory. */
	"/etc/nsswitch.conf",
	"/etc/passwd",
	"/etc/localtime",
	"/proc/bus/pci",
	"/proc/cmdline",
	"/proc/cpuinfo",
	"/proc/devices",
	"/proc/driver",
	"/proc/filesystems",
	"/proc/meminfo",
	"/proc/modules",
	"/proc/stat",
	"/proc/sys",
	"/proc/version",
	"/sys/bus",
	"/sys/class",
	"/sys/dev",
	"/sys/devices",
	"/sys/fs/cgroup",
	"/sys/kernel/mm",
	"/sys/module",
};

/* What the look-up of names, TLS libraries and the time zone read besides. */
static const char *const network_paths[] = {
	"/dev/random",
	"/dev/urandom",
	"/etc/ca-certificates",
	"/etc/crypto-policies",
	"/etc/gai.conf",
	"/etc/gnutls",
	"/etc/host.conf",
	"/etc/hostname",
	"/etc/hosts",
	"/etc/pkcs11",
	"/etc/pki",
	"/etc/protocols",
	"/etc/resolv.conf",
	"/etc/services",
	"/etc/ssl",
	/* The files that /etc/resolv.conf is a link to. */
	"/run/NetworkManager",
	"/run/resolvconf",
	"/run/systemd/resolve",
	"/var/lib/ca-certificates",
};

/* Names in /dev, or prefixes of names. */
static const char *const device_names[] = {
	"dma_heap", "dxg", "full", "kgsl-3d0", "null", "random", "udmabuf", "urandom", "zero",
};
static const char *const device_prefixes[] = { "mali", "nvidia" };
/* Of a GPU's nodes in /dev/dri, drivers open the one for rendering. The other one (card0) controls the displays:
 * the first process that opens it can take them over. */
static const char render_prefix[] = "renderD";

static enum vtr_err allow_fd(int ruleset, int fd, uint64_t access)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return VTR_ERR_OS;
	}
	if (!S_ISDIR(st.st_mode)) {
		access &= FS_OF_FILES;
	}
	const struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0) {
		return VTR_ERR_OS;
	}
	return VTR_OK;
}

/* Allows `access`, all of which the ruleset handles, to `path`, if it exists. */
static enum vtr_err allow(int ruleset, const char *path, uint64_t access)
{
	vtr_autofd int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0) {
		bool absent = errno == ENOENT || errno == ENOTDIR || errno == EACCES;
		return absent ? VTR_OK : VTR_ERR_OS;
	}
	return allow_fd(ruleset, fd, access);
}

static enum vtr_err allow_all(int ruleset, const char *const *paths, uint64_t access)
{
	enum vtr_err err = VTR_OK;

	for (size_t i = 0; err == VTR_OK && paths != NULL && paths[i] != NULL; i++) {
		err = allow(ruleset, paths[i], access);
	}
	return err;
}

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool is_device_name(const char *name)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(device_names); i++) {
		if (strcmp(name, device_names[i]) == 0) {
			return true;
		}
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(device_prefixes); i++) {
		if (has_prefix(name, device_prefixes[i])) {
			return true;
		}
	}
	return false;
}

static bool is_render_node(const char *name)
{
	return has_prefix(name, render_prefix);
}

/* Allows what is in a folder and has a name that fits. */
static enum vtr_err allow_entries(int ruleset, const char *folder, bool (*fits)(const char *name),
                                  uint64_t access)
{
	enum vtr_err err = VTR_OK;
	DIR *dir = opendir(folder);

	if (dir == NULL) {
		return errno == ENOENT || errno == EACCES ? VTR_OK : VTR_ERR_OS;
	}
	for (;;) {
		char path[sizeof("/dev/dri/") + NAME_MAX];
		const struct dirent *entry = readdir(dir);

		if (err != VTR_OK || entry == NULL) {
			break;
		}
		if (fits(entry->d_name)) {
			snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
			err = allow(ruleset, path, access);
		}
	}
	int saved_errno = errno;
	closedir(dir);
	errno = saved_errno;
	return err;
}

static enum vtr_err allow_all_devices(int ruleset, uint64_t access)
{
	enum vtr_err err = allow_entries(ruleset, "/dev", is_device_name, access);

	if (err == VTR_OK) {
		err = allow_entries(ruleset, "/dev/dri", is_render_node, access);
	}
	/* Drivers look there for the nodes. */
	return err == VTR_OK ? allow(ruleset, "/dev/dri", FS_READ_DIR) : err;
}

/*
 * Allows this process's folder in /proc. A rule is tied to an inode, and /proc makes new inodes after it has
 * evicted a folder. An fd that stays open for the life of the process prevents that.
 */
static enum vtr_err allow_self(int ruleset)
{
	vtr_autofd int fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		return errno == ENOENT ? VTR_OK : VTR_ERR_OS;
	}
	enum vtr_err err = allow_fd(ruleset, fd, FS_READ);
	if (err == VTR_OK) {
		(void)vtr_take_fd(&fd);
	}
	return err;
}

static bool is_not_proc(const char *name)
{
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "proc") != 0;
}

/* All folders of the machine, because desktops keep settings, fonts and cursors in many places; except /proc, which has
 * the memory and the variables of other processes. */
static enum vtr_err allow_desktop(int ruleset, uint64_t handled)
{
	enum vtr_err err = allow_entries(ruleset, "/", is_not_proc, FS_READ);

	return err == VTR_OK ? allow(ruleset, "/dev/shm", FS_CHANGE & handled) : err;
}

/* What the role may open by itself. */
static enum vtr_err allow_role(int ruleset, enum vtr_os_role role, uint64_t handled)
{
	if (role == VTR_OS_ROLE_SERVER) {
		return VTR_OK;
	}
	enum vtr_err err = role == VTR_OS_ROLE_WINDOW ? allow_desktop(ruleset, handled) : VTR_OK;
	for (size_t i = 0; err == VTR_OK && i < VTR_ARRAY_LEN(read_paths); i++) {
		err = allow(ruleset, read_paths[i], FS_READ);
	}
	for (size_t i = 0; err == VTR_OK && role == VTR_OS_ROLE_PUBLISHER && i < VTR_ARRAY_LEN(network_paths);
	     i++) {
		err = allow(ruleset, network_paths[i], FS_READ);
	}
	if (err == VTR_OK) {
		err = allow_self(ruleset);
	}
	if (err == VTR_OK && role != VTR_OS_ROLE_PUBLISHER) {
		err = allow_all_devices(ruleset, FS_DEVICE & handled);
	}
	return err;
}

static enum vtr_err fill_ruleset(int ruleset, enum vtr_os_role role, const struct vtr_os_sandbox_paths *paths,
                                 uint64_t handled)
{
	enum vtr_err err = allow_role(ruleset, role, handled);

	if (err == VTR_OK && paths != NULL) {
		err = allow_all(ruleset, paths->read, FS_READ);
	}
	if (err == VTR_OK && paths != NULL) {
		err = allow_all(ruleset, paths->write, FS_CHANGE & handled);
	}
	if (err == VTR_OK && paths != NULL) {
		err = allow_all(ruleset, paths->update, FS_UPDATE & handled);
	}
	return err;
}

/* Returns: the version of the interface, 0 if it is missing or disabled. */
static int landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? 0 : (int)version;
}

/* Fills in what a kernel of this version can restrict. Publishers and windows connect, windows also to the X server's
 * abstract socket. Returns: the enum vtr_os_sandbox bits that this gives. */
static uint32_t fill_attr(int version, enum vtr_os_role role, struct ruleset_attr *out_attr, size_t *out_size)
{
	uint32_t applied = VTR_OS_SANDBOX_FILES;

	*out_attr = (struct ruleset_attr){ .handled_access_fs = FS_VERSION_1 };
	*out_size = offsetof(struct ruleset_attr, handled_access_net);
	if (version > 1) {
		out_attr->handled_access_fs |= FS_REFER;
	}
	if (version >= VERSION_TRUNCATE) {
		out_attr->handled_access_fs |= FS_TRUNCATE;
		applied |= VTR_OS_SANDBOX_TRUNCATE;
	}
	if (version >= VERSION_NET) {
		out_attr->handled_access_net = NET_BIND;
		if (role == VTR_OS_ROLE_DRIVER || role == VTR_OS_ROLE_SERVER) {
			out_attr->handled_access_net |= NET_CONNECT;
		}
		*out_size = offsetof(struct ruleset_attr, scoped);
		applied |= VTR_OS_SANDBOX_TCP;
	}
	if (version >= VERSION_IOCTL) {
		out_attr->handled_access_fs |= FS_IOCTL_DEV;
		applied |= VTR_OS_SANDBOX_DEVICES;
	}
	if (version >= VERSION_SCOPE) {
		out_attr->scoped = role == VTR_OS_ROLE_WINDOW ? SCOPE_SIGNALS :
		                                                SCOPE_SIGNALS | SCOPE_ABSTRACT;
		*out_size = sizeof(*out_attr);
		applied |= VTR_OS_SANDBOX_SCOPE;
	}
	return applied;
}

enum vtr_err vtr_os_sandbox_files(enum vtr_os_role role, const struct vtr_os_sandbox_paths *paths,
                                  uint32_t *out_applied)
{
	struct ruleset_attr attr;
	size_t attr_size;
	int version = landlock_version();

	if (version == 0) {
		*out_applied = 0;
		return VTR_OK;
	}
	uint32_t applied = fill_attr(version, role, &attr, &attr_size);
	vtr_autofd int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_size, 0);
	if (ruleset < 0) {
		return VTR_ERR_OS;
	}
	enum vtr_err err = fill_ruleset(ruleset, role, paths, attr.handled_access_fs);
	if (err != VTR_OK) {
		return err;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) {
		return VTR_ERR_OS;
	}
	*out_applied = applied;
	return VTR_OK;
}

/* Returns: whether `path` is `allowed` or lies below it. */
static bool is_below(const char *path, const char *allowed)
{
	vtr_autofree char *real = realpath(allowed, NULL);

	if (real == NULL) {
		return false;
	}
	const size_t length = strlen(real);
	return strncmp(path, real, length) == 0 &&
	       (path[length] == '\0' || path[length] == '/' || real[length - 1] == '/');
}

bool vtr_os_sandbox_reads(const struct vtr_os_sandbox_paths *paths, const char *path)
{
	bool found = false;

	for (size_t i = 0; !found && i < VTR_ARRAY_LEN(read_paths); i++) {
		found = is_below(path, read_paths[i]);
	}
	for (size_t i = 0; !found && paths != NULL && paths->read != NULL && paths->read[i] != NULL; i++) {
		found = is_below(path, paths->read[i]);
	}
	return found;
}

/* Returns: whether it is one of the nodes that drivers and windows may use. */
static bool is_device(const char *path)
{
	if (has_prefix(path, "/dev/dri/")) {
		return is_render_node(path + strlen("/dev/dri/"));
	}
	return has_prefix(path, "/dev/") && is_device_name(path + strlen("/dev/"));
}

static bool is_own(const char *path, pid_t pid)
{
	char own[32];

	snprintf(own, sizeof(own), "/proc/%d/", (int)pid);
	return has_prefix(path, own) || has_prefix(path, "/proc/self/") ||
	       has_prefix(path, "/proc/thread-self/");
}

static bool reads_network_path(const char *path)
{
	bool found = false;

	for (size_t i = 0; !found && i < VTR_ARRAY_LEN(network_paths); i++) {
		found = is_below(path, network_paths[i]);
	}
	return found;
}

bool vtr_os_sandbox_opens(enum vtr_os_role role, pid_t pid, const char *path, bool writes)
{
	vtr_autofree char *real = realpath(path, NULL);

	if (role == VTR_OS_ROLE_SERVER) {
		return false;
	}
	if (real == NULL) {
		return !writes;
	}
	const bool uses_devices = role != VTR_OS_ROLE_PUBLISHER;
	if (writes) {
		return uses_devices &&
		       (is_device(real) || (role == VTR_OS_ROLE_WINDOW && has_prefix(real, "/dev/shm/")));
	}
	return (role == VTR_OS_ROLE_WINDOW && !has_prefix(real, "/proc/")) || is_own(path, pid) ||
	       is_own(real, pid) || vtr_os_sandbox_reads(NULL, real) || (uses_devices && is_device(real)) ||
	       (uses_devices && strcmp(real, "/dev/dri") == 0) || (!uses_devices && reads_network_path(real));
}

int vtr_os_sandbox_files_version(void)
{
	return landlock_version();
}

uint32_t vtr_os_sandbox_supported(void)
{
	const int version = landlock_version();
	struct ruleset_attr attr;
	size_t size;

	return (version > 0 ? fill_attr(version, VTR_OS_ROLE_DRIVER, &attr, &size) : 0) |
	       (vtr_os_sandbox_have_filters() ? VTR_OS_SANDBOX_SYSCALLS : 0);
}
