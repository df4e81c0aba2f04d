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
#include <sys/sysmacros.h>
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

/* Libraries, and settings of drivers and the Vulkan loader. */
static const char *const system_paths[] = {
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
};

/*
 * What drivers ask the kernel about the machine. These are files, because folders of /proc and /sys also tell about the
 * network, control groups and other processes. The few folders here each have a reason.
 */
static const char *const machine_paths[] = {
	"/proc/bus/pci/devices",
	"/proc/cpuinfo",
	"/proc/devices",
	"/proc/meminfo",
	"/proc/modules",
	"/proc/stat",
	"/proc/sys/dev/i915/perf_stream_paranoid",
	"/proc/sys/dev/xe/observation_paranoid",
	"/proc/sys/kernel/ngroups_max",
	"/proc/sys/kernel/osrelease",
	"/proc/sys/kernel/rtsig-max",
	"/proc/sys/vm/max_map_count",
	"/proc/sys/vm/mmap_min_addr",
	"/proc/sys/vm/overcommit_memory",
	"/proc/version",
	/* NVIDIA's driver: the names in it have the GPUs' addresses. */
	"/proc/driver/nvidia",
	"/proc/driver/nvidia-caps",
	"/proc/driver/nvidia-nvlink",
	"/proc/driver/nvidia-uvm",
	"/sys/module/nvidia",
	"/sys/module/nvidia_drm",
	"/sys/module/nvidia_uvm",
	/* A GPU of phones, which has no PCI device. */
	"/sys/class/kgsl/kgsl-3d0",
	/* One folder for each processor and node of memory. */
	"/sys/devices/system/cpu",
	"/sys/devices/system/node",
	/* Sizes of pages; some names have the size. */
	"/sys/kernel/mm/hugepages",
	"/sys/kernel/mm/transparent_hugepage",
};

/* Folders of links, whose names drivers list. What the links lead to has its own rules. */
static const char *const listed_paths[] = { "/dev/dri", "/sys/bus/pci/devices", "/sys/class/drm" };

/* Of a process's own folder in /proc: `net` there shows the network of the machine, `root` and `cwd` lead out. */
static const char *const own_files[] = { "auxv", "cmdline", "comm", "environ", "limits",
	                                 "maps", "smaps",   "stat", "statm",   "status" };
/* Names only: of fds, and of threads. */
static const char *const own_folders[] = { "fd", "task" };

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
	"/proc/cpuinfo",
	"/proc/sys/crypto/fips_enabled",
	"/sys/devices/system/cpu",
	/* The files that /etc/resolv.conf is a link to. */
	"/run/NetworkManager",
	"/run/resolvconf",
	"/run/systemd/resolve",
	"/var/lib/ca-certificates",
};

/* Names in /dev. nvidia-caps is a folder, in which the modes of the nodes say who may open them. */
static const char *const device_names[] = { "dma_heap",  "dxg",         "full",          "kgsl-3d0",
	                                    "null",      "nvidia-caps", "nvidia-nvlink", "nvidia-uvm",
	                                    "nvidiactl", "random",      "udmabuf",       "urandom",
	                                    "zero" };
/* With a number behind it. */
static const char *const device_prefixes[] = { "mali", "nvidia" };
/* It controls the displays, as card0 does. NVIDIA's driver needs it to show pictures in windows, and works without it
 * otherwise. */
static const char window_device[] = "nvidia-modeset";
/* Of a GPU's nodes in /dev/dri, drivers open the one for rendering. The other one (card0) controls the displays:
 * the first process that opens it can take them over. */
static const char render_prefix[] = "renderD";

/* One look at all paths that a role may open. */
struct visit {
	/* Returns: whether to go on. */
	bool (*on_path)(struct visit *visit, const char *path, uint64_t access);
	enum vtr_os_role role;
	pid_t pid; /* of the process that opens; 0: this one */
	/* To make rules: */
	int ruleset;
	uint64_t handled;
	enum vtr_err err;
	/* To compare: */
	const char *path;
	uint64_t wanted;
	bool found;
};

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

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

/*
 * Allows `access` to `path`, if it exists. A rule is tied to an inode, and /proc makes new inodes after it has evicted
 * old ones. An fd that stays open for the life of the process prevents that.
 */
static bool make_rule(struct visit *visit, const char *path, uint64_t access)
{
	vtr_autofd int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0) {
		const bool absent = errno == ENOENT || errno == ENOTDIR || errno == EACCES;

		visit->err = absent ? VTR_OK : VTR_ERR_OS;
		return absent;
	}
	visit->err = allow_fd(visit->ruleset, fd, access & visit->handled);
	if (visit->err == VTR_OK && has_prefix(path, "/proc/")) {
		(void)vtr_take_fd(&fd);
	}
	return visit->err == VTR_OK;
}

static bool visit_list(struct visit *visit, const char *const *paths, size_t count, uint64_t access)
{
	bool goes_on = true;

	for (size_t i = 0; goes_on && i < count; i++) {
		goes_on = visit->on_path(visit, paths[i], access);
	}
	return goes_on;
}

static bool is_device(const struct visit *visit, const char *name)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(device_names); i++) {
		if (strcmp(name, device_names[i]) == 0) {
			return true;
		}
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(device_prefixes); i++) {
		const size_t length = strlen(device_prefixes[i]);

		if (has_prefix(name, device_prefixes[i]) && name[length] >= '0' && name[length] <= '9') {
			return true;
		}
	}
	return visit->role == VTR_OS_ROLE_WINDOW && strcmp(name, window_device) == 0;
}

static bool is_not_kernels(const struct visit *visit, const char *name)
{
	(void)visit;
	return strcmp(name, "proc") != 0 && strcmp(name, "sys") != 0;
}

static bool is_render_node(const struct visit *visit, const char *name)
{
	(void)visit;
	return has_prefix(name, render_prefix);
}

static bool is_node(const struct visit *visit, const char *name)
{
	(void)visit;
	return has_prefix(name, render_prefix) || has_prefix(name, "card");
}

static bool is_any(const struct visit *visit, const char *name)
{
	(void)visit;
	(void)name;
	return true;
}

/* A path for an entry of a folder. Returns: whether there is one. */
typedef bool path_of(const char *folder, const char *name, char path[PATH_MAX]);

static bool join(const char *folder, const char *name, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

/* The folder of the device of a node. */
static bool find_device(const char *folder, const char *name, char path[PATH_MAX])
{
	struct stat st;

	if (!join(folder, name, path) || stat(path, &st) < 0 || !S_ISCHR(st.st_mode)) {
		return false;
	}
	snprintf(path, PATH_MAX, "/sys/dev/char/%u:%u/device", major(st.st_rdev), minor(st.st_rdev));
	return true;
}

static bool find_pci(const char *folder, const char *name, char path[PATH_MAX])
{
	(void)folder;
	return join("/sys/bus/pci/devices", name, path);
}

/* Visits a path for each entry of a folder that has a name that fits. */
static bool visit_entries(struct visit *visit, const char *folder,
                          bool (*fits)(const struct visit *visit, const char *name), path_of *find,
                          uint64_t access)
{
	bool goes_on = true;
	DIR *dir = opendir(folder);

	if (dir == NULL) {
		return true;
	}
	for (const struct dirent *entry = readdir(dir); goes_on && entry != NULL; entry = readdir(dir)) {
		char path[PATH_MAX];

		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    fits(visit, entry->d_name) && find(folder, entry->d_name, path)) {
			goes_on = visit->on_path(visit, path, access);
		}
	}
	closedir(dir);
	return goes_on;
}

static bool visit_own(struct visit *visit, const char *const *names, size_t count, uint64_t access)
{
	bool goes_on = true;

	for (size_t i = 0; goes_on && i < count; i++) {
		char path[64];

		if (visit->pid == 0) {
			snprintf(path, sizeof(path), "/proc/self/%s", names[i]);
		} else {
			snprintf(path, sizeof(path), "/proc/%d/%s", (int)visit->pid, names[i]);
		}
		goes_on = visit->on_path(visit, path, access);
	}
	return goes_on;
}

/* The nodes, and the folders of the GPUs in /sys: what is in these differs between kernels and drivers. */
static bool visit_gpus(struct visit *visit)
{
	return visit_entries(visit, "/dev", is_device, join, FS_DEVICE) &&
	       visit_entries(visit, "/dev/dri", is_render_node, join, FS_DEVICE) &&
	       visit_entries(visit, "/dev/dri", is_node, find_device, FS_READ) &&
	       visit_entries(visit, "/proc/driver/nvidia/gpus", is_any, find_pci, FS_READ);
}

/* All that a role may open by itself. A window reads all folders of the machine, because desktops keep settings, fonts
 * and cursors in many places; except /proc and /sys, which tell about other processes, control groups and the
 * network. */
static bool visit_role(struct visit *visit)
{
	if (visit->role == VTR_OS_ROLE_SERVER) {
		return true;
	}
	if (!visit_list(visit, system_paths, VTR_ARRAY_LEN(system_paths), FS_READ)) {
		return false;
	}
	if (visit->role == VTR_OS_ROLE_PUBLISHER) {
		return visit_list(visit, network_paths, VTR_ARRAY_LEN(network_paths), FS_READ);
	}
	if (visit->role == VTR_OS_ROLE_WINDOW && (!visit_entries(visit, "/", is_not_kernels, join, FS_READ) ||
	                                          !visit->on_path(visit, "/dev/shm", FS_CHANGE))) {
		return false;
	}
	return visit_list(visit, machine_paths, VTR_ARRAY_LEN(machine_paths), FS_READ) &&
	       visit_list(visit, listed_paths, VTR_ARRAY_LEN(listed_paths), FS_READ_DIR) &&
	       visit_own(visit, own_files, VTR_ARRAY_LEN(own_files), FS_READ_FILE) &&
	       visit_own(visit, own_folders, VTR_ARRAY_LEN(own_folders), FS_READ_DIR) && visit_gpus(visit);
}

static bool visit_texts(struct visit *visit, const char *const *paths, uint64_t access)
{
	size_t count = 0;

	while (paths != NULL && paths[count] != NULL) {
		count++;
	}
	return visit_list(visit, paths, count, access);
}

static enum vtr_err fill_ruleset(int ruleset, enum vtr_os_role role, const struct vtr_os_sandbox_paths *paths,
                                 uint64_t handled)
{
	struct visit visit = {
		.on_path = make_rule, .role = role, .ruleset = ruleset, .handled = handled, .err = VTR_OK
	};

	if (visit_role(&visit) && paths != NULL && visit_texts(&visit, paths->read, FS_READ) &&
	    visit_texts(&visit, paths->write, FS_CHANGE)) {
		visit_texts(&visit, paths->update, FS_UPDATE);
	}
	return visit.err;
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

	for (size_t i = 0; !found && i < VTR_ARRAY_LEN(system_paths); i++) {
		found = is_below(path, system_paths[i]);
	}
	for (size_t i = 0; !found && i < VTR_ARRAY_LEN(machine_paths); i++) {
		found = is_below(path, machine_paths[i]);
	}
	for (size_t i = 0; !found && paths != NULL && paths->read != NULL && paths->read[i] != NULL; i++) {
		found = is_below(path, paths->read[i]);
	}
	return found;
}

/* Looks for a path among those that are allowed. */
static bool compare(struct visit *visit, const char *path, uint64_t access)
{
	visit->found = (access & visit->wanted) == visit->wanted && is_below(visit->path, path);
	return !visit->found;
}

bool vtr_os_sandbox_opens(enum vtr_os_role role, pid_t pid, const char *path, bool writes)
{
	char own[PATH_MAX + 32];
	struct stat st;

	/* Here, /proc/self would be another process. */
	if (has_prefix(path, "/proc/self/")) {
		snprintf(own, sizeof(own), "/proc/%d/%s", (int)pid, path + strlen("/proc/self/"));
		path = own;
	}
	vtr_autofree char *real = realpath(path, NULL);
	if (role == VTR_OS_ROLE_SERVER) {
		return false;
	}
	if (real == NULL) {
		return !writes;
	}
	struct visit visit = { .on_path = compare, .role = role, .pid = pid, .path = real };
	const bool is_folder = stat(real, &st) == 0 && S_ISDIR(st.st_mode);
	visit.wanted = writes ? FS_WRITE_FILE : is_folder ? FS_READ_DIR : FS_READ_FILE;
	visit_role(&visit);
	return visit.found;
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
