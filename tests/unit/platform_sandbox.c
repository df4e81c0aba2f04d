/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "test.h"

/*
 * Each case runs in a process of its own, since a sandbox cannot be left. The program starts itself with the
 * case's name; it ends with 77 if the kernel does not support what is tested.
 */
static char self[PATH_MAX];
static char dir[64]; /* a folder for the case, which the first process removes */

static bool opens(const char *path, int flags)
{
	vtr_autofd int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd >= 0;
}

/* Whether it is refused for lack of a right, rather than missing. */
static bool refuses(const char *path, int flags)
{
	return !opens(path, flags) && (errno == EACCES || errno == EPERM);
}

static void need(uint32_t applied, uint32_t bits)
{
	if ((applied & bits) != bits) {
		printf("skipped: this kernel cannot limit %s\n",
		       vtr_os_sandbox_name((enum vtr_os_sandbox)(bits & ~applied)));
		exit(TEST_EXIT_SKIPPED);
	}
}

static void lock_files(const struct vtr_os_sandbox_paths *paths, uint32_t bits)
{
	uint32_t applied = 0;

	CHECK_OK(vtr_os_sandbox_files(VTR_OS_ROLE_DRIVER, paths, &applied));
	need(applied, bits);
}

static void lock_role(enum vtr_os_role role)
{
	const struct vtr_os_syscalls params = { .role = role, .report_fd = -1 };
	uint32_t applied = 0;

	CHECK_OK(vtr_os_sandbox_syscalls(&params, &applied));
	need(applied, VTR_OS_SANDBOX_SYSCALLS);
}

static void lock_syscalls(void)
{
	lock_role(VTR_OS_ROLE_DRIVER);
}

static void case_files_refused(void)
{
	static const char *const of_others[] = { "/proc/self/net",    "/proc/thread-self/net/dev",
		                                 "/proc/self/cgroup", "/proc/self/mountinfo",
		                                 "/proc/sys/net",     "/sys/class/net/lo/address",
		                                 "/proc/1/comm",      "/sys/fs/cgroup",
		                                 "/sys/class/net/",   "/sys/bus/pci/../../kernel/profiling" };
	int kept = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(opens("/etc/hostname", O_RDONLY) || opens("/etc/shadow", O_RDONLY));
	lock_files(NULL, VTR_OS_SANDBOX_FILES);
	CHECK(refuses("/tmp/vitrine-sandbox-test", O_WRONLY | O_CREAT));
	CHECK(refuses("/tmp", O_RDONLY | O_DIRECTORY));
	CHECK(refuses("/dev/shm", O_RDONLY | O_DIRECTORY));
	CHECK(refuses("/home", O_RDONLY | O_DIRECTORY));
	CHECK(refuses("/root", O_RDONLY | O_DIRECTORY));
	CHECK(refuses("/", O_RDONLY | O_DIRECTORY));
	CHECK(refuses("/etc/hosts", O_RDONLY) || errno == ENOENT);
	CHECK(refuses("/etc/shadow", O_RDONLY));
	CHECK(refuses("/usr/lib/os-release", O_WRONLY));
	CHECK(refuses("/usr/vitrine-sandbox-test", O_WRONLY | O_CREAT));
	CHECK(refuses("/proc/self/mem", O_RDWR));
	CHECK(refuses("/proc/self/../1/environ", O_RDONLY));
	for (size_t i = 0; i < VTR_ARRAY_LEN(of_others); i++) {
		CHECK(refuses(of_others[i], O_RDONLY) || errno == ENOENT);
	}
	CHECK(refuses("/dev/tty", O_RDWR) || errno == ENXIO);
	/* An open fd of a folder does not bypass the sandbox. */
	CHECK(openat(kept, "vitrine-sandbox-test", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0);
	CHECK(mkdir("/tmp/vitrine-sandbox-test", 0700) < 0);
	CHECK(symlink("/", "/tmp/vitrine-sandbox-test") < 0);
	CHECK(unlink("/usr/lib/os-release") < 0);
	CHECK(rename("/usr/lib/os-release", "/usr/lib/os-release2") < 0);
}

static void case_files_allowed(void)
{
	char byte;
	vtr_autofd int pipe_end = -1;
	int pipes[2];

	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	pipe_end = pipes[0];
	lock_files(NULL, VTR_OS_SANDBOX_FILES);
	CHECK(opens("/usr/lib", O_RDONLY | O_DIRECTORY));
	CHECK(opens("/usr/lib/os-release", O_RDONLY));
	CHECK(opens("/lib", O_RDONLY | O_DIRECTORY));
	CHECK(opens("/usr/share", O_RDONLY | O_DIRECTORY));
	CHECK(opens("/etc/ld.so.cache", O_RDONLY));
	CHECK(opens("/proc/self/maps", O_RDONLY));
	CHECK(opens("/proc/self/fd", O_RDONLY | O_DIRECTORY));
	CHECK(opens("/proc/self/task", O_RDONLY | O_DIRECTORY));
	CHECK(opens("/proc/cpuinfo", O_RDONLY));
	CHECK(opens("/proc/meminfo", O_RDONLY));
	CHECK(opens("/sys/devices/system/cpu", O_RDONLY | O_DIRECTORY));
	CHECK(opens("/sys/bus/pci/devices", O_RDONLY | O_DIRECTORY) || errno == ENOENT);
	CHECK(opens("/dev/null", O_RDWR));
	CHECK(opens("/dev/urandom", O_RDONLY));
	CHECK(!opens("/usr/nonexistent", O_RDONLY) && errno == ENOENT);
	/* What is open stays usable. */
	CHECK_EQ(write(pipes[1], "x", 1), 1);
	CHECK_EQ(read(pipe_end, &byte, 1), 1);
	vtr_close(&pipes[1]);
}

static void case_extra_paths(void)
{
	char write_dir[80];
	char read_file[80];
	char path[96];

	snprintf(write_dir, sizeof(write_dir), "%s/write", dir);
	snprintf(read_file, sizeof(read_file), "%s/read", dir);
	CHECK_EQ(mkdir(write_dir, 0700), 0);
	CHECK(opens(read_file, O_CREAT | O_WRONLY));
	const char *const read_list[] = { "/nonexistent", read_file, NULL };
	const char *const write_list[] = { "/nonexistent", write_dir, NULL };
	const struct vtr_os_sandbox_paths paths = { .read = read_list, .write = write_list };
	lock_files(&paths, VTR_OS_SANDBOX_FILES);
	CHECK(opens(read_file, O_RDONLY));
	CHECK(refuses(read_file, O_WRONLY));
	CHECK(refuses(dir, O_RDONLY | O_DIRECTORY));
	snprintf(path, sizeof(path), "%s/file", write_dir);
	CHECK(opens(path, O_CREAT | O_RDWR));
	CHECK_EQ(truncate(path, 10), 0);
	CHECK_EQ(unlink(path), 0);
	CHECK(mknod(path, S_IFCHR | 0600, 0) < 0);
}

/* The folder of a shader cache. */
static void case_existing_files(void)
{
	char path[80];
	char other[80];
	struct stat st;

	snprintf(path, sizeof(path), "%s/read", dir);
	snprintf(other, sizeof(other), "%s/write", dir);
	CHECK(opens(path, O_CREAT | O_WRONLY));
	const char *const list[] = { "/nonexistent", dir, NULL };
	const struct vtr_os_sandbox_paths paths = { .update = list };
	lock_files(&paths, VTR_OS_SANDBOX_FILES);
	CHECK(opens(path, O_CREAT | O_RDWR));
	CHECK_EQ(truncate(path, 10), 0);
	CHECK(stat(path, &st) == 0 && st.st_size == 10);
	CHECK(refuses(other, O_CREAT | O_RDWR));
	CHECK(mkdir(other, 0700) < 0 && errno == EACCES);
	CHECK(symlink("/", other) < 0 && errno == EACCES);
	CHECK(link(path, other) < 0);
	CHECK(rename(path, other) < 0);
	CHECK(unlink(path) < 0 && errno == EACCES);
}

static void case_truncate(void)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/read", dir);
	CHECK(opens(path, O_CREAT | O_WRONLY));
	lock_files(NULL, VTR_OS_SANDBOX_FILES | VTR_OS_SANDBOX_TRUNCATE);
	CHECK(truncate(path, 0) < 0 && errno == EACCES);
}

static void case_tcp(void)
{
	const struct sockaddr address = { .sa_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	lock_files(NULL, VTR_OS_SANDBOX_TCP);
	if (fd >= 0) {
		CHECK(bind(fd, &address, 16) < 0 && errno == EACCES);
		CHECK(connect(fd, &address, 16) < 0 && errno == EACCES);
	}
}

static void case_scope(void)
{
	CHECK_EQ(kill(getppid(), 0), 0);
	lock_files(NULL, VTR_OS_SANDBOX_SCOPE);
	CHECK(kill(getppid(), 0) < 0 && errno == EPERM);
	CHECK_EQ(kill(getpid(), 0), 0);
}

/* Whether a system call with these arguments ends in this error. */
static bool fails(int error, long number, long a, long b, long c)
{
	errno = 0;
	return syscall(number, a, b, c, 0, 0, 0) < 0 && errno == error;
}

/* What NVIDIA's driver does before it traces rays; no connection is possible, in either direction. */
static void case_syscalls_listen(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	vtr_autofd int other = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	vtr_autofd int stream = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)offsetof(struct sockaddr_un, sun_path);

	size += (socklen_t)snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "vitrine-%d",
	                            getpid()) +
	        1;
	lock_syscalls();
	vtr_autofd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (const struct sockaddr *)&address, size), 0);
	CHECK_EQ(listen(fd, 4), 0);
	CHECK(accept(fd, NULL, NULL) < 0 && errno == EPERM);
	CHECK(connect(other, (const struct sockaddr *)&address, size) < 0 && errno == ENOENT);
	CHECK(sendto(other, "x", 1, 0, (const struct sockaddr *)&address, size) < 0 && errno == ENOTCONN);
	CHECK(sendto(stream, "x", 1, 0, (const struct sockaddr *)&address, size) < 0);
}

static void case_syscalls_refused(void)
{
	static const long numbers[] = {
		SYS_process_vm_readv, SYS_pidfd_open,  SYS_pidfd_getfd, SYS_mount,
		SYS_unshare,          SYS_setns,       SYS_bpf,         SYS_perf_event_open,
		SYS_keyctl,           SYS_userfaultfd, SYS_init_module, SYS_kexec_load,
		SYS_shmget,           SYS_fchmod,      SYS_setresuid
	};
	char *argv[] = { (char *)"true", NULL };
	int fds[2];

	CHECK(!fails(EPERM, SYS_socket, AF_INET, SOCK_STREAM, 0));
	lock_syscalls();
	CHECK(fails(EPERM, SYS_socket, AF_INET, SOCK_STREAM, 0));
	CHECK(fails(EPERM, SYS_socket, AF_UNIX, SOCK_STREAM, 0));
	CHECK(fails(EPERM, SYS_socket, AF_NETLINK, SOCK_RAW, 0));
	CHECK(fails(EPERM, SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	CHECK(fails(EPERM, SYS_socket, AF_INET, SOCK_SEQPACKET, 0));
	CHECK(fails(ENOENT, SYS_connect, -1, 0, 0));
	CHECK(socketpair(AF_TIPC, SOCK_STREAM, 0, fds) < 0 && errno == EACCES);
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) < 0 && errno == EACCES);
	CHECK(socketpair(AF_UNIX, SOCK_RAW | SOCK_CLOEXEC, 0, fds) < 0 && errno == EACCES);
	CHECK(execv("/bin/true", argv) < 0 && errno == EPERM);
	CHECK(fails(EPERM, SYS_execveat, AT_FDCWD, 0, 0));
	CHECK(fork() < 0 && errno == EPERM);
	CHECK(fails(EPERM, SYS_clone, SIGCHLD, 0, 0));
	CHECK(fails(EPERM, SYS_clone, CLONE_VM | SIGCHLD, 0, 0));
	CHECK(fails(EPERM, SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0));
	CHECK(fails(ENOSYS, SYS_clone3, 0, 0, 0));
	CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 && errno == EPERM);
	CHECK(fails(ENOSYS, SYS_io_uring_setup, 1, 0, 0));
	CHECK(fails(EPERM, SYS_kill, getppid(), 0, 0));
	CHECK(fails(EPERM, SYS_kill, -1, 0, 0));
	CHECK(fails(EPERM, SYS_tgkill, getppid(), getppid(), 0));
	CHECK(fails(EPERM, SYS_ioctl, 0, TIOCSTI, 0));
	CHECK(fails(EPERM, SYS_ioctl, 0, (long)(0x100000000 | TIOCSTI), 0)); /* the kernel sees 32 bits */
	for (size_t i = 0; i < VTR_ARRAY_LEN(numbers); i++) {
		CHECK(fails(EPERM, numbers[i], 0, 0, 0));
	}
	/* Signals that the kernel sends for us. */
	CHECK(fails(EPERM, SYS_fcntl, 0, F_SETOWN, getppid()));
	CHECK(fails(EPERM, SYS_fcntl, 0, F_SETOWN_EX, 0));
	CHECK(fails(EPERM, SYS_fcntl, 0, F_SETSIG, SIGKILL));
	CHECK(fails(EPERM, SYS_ioctl, 0, FIOSETOWN, 0));
	CHECK(fails(EPERM, SYS_ioctl, 0, SIOCSPGRP, 0));
}

/* Calls that the list does not have, whether or not this kernel has them. */
static void case_syscalls_unlisted(void)
{
	/* setxattrat(), removexattrat(), open_tree_attr(), file_setattr(), memfd_secret(), and none */
	static const long numbers[] = { 463, 466, 467, 469, 447, 1000, 0x3fffffff, -2 };
	static const long known[] = { SYS_inotify_init1, SYS_msgsnd,       SYS_msgrcv, SYS_semop,
		                      SYS_semtimedop,    SYS_getxattr,     SYS_setsid, SYS_seccomp,
		                      SYS_io_setup,      SYS_mq_timedsend, SYS_sync };

	lock_syscalls();
	for (size_t i = 0; i < VTR_ARRAY_LEN(numbers); i++) {
		CHECK(fails(ENOSYS, numbers[i], -1, 0, 0));
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(known); i++) {
		CHECK(fails(ENOSYS, known[i], -1, 0, 0));
	}
}

/* Commands that change a terminal, or a file's attributes; and those that every fd has. */
static void case_commands(void)
{
	static const unsigned long refused[] = { TIOCSETD,
		                                 TCSETS,
		                                 TCSETSW,
		                                 TCSETSF,
		                                 TIOCCONS,
		                                 TIOCLINUX,
		                                 TIOCSCTTY,
		                                 TIOCSWINSZ,
		                                 TIOCNOTTY,
		                                 TIOCGPTPEER,
		                                 0x4b3a /* KDSETMODE */,
		                                 0x5606 /* VT_ACTIVATE */,
		                                 0x40086602 /* FS_IOC_SETFLAGS */,
		                                 0x401c5820 /* FS_IOC_FSSETXATTR */,
		                                 SIOCGIFCONF };
	int pipes[2];
	int count;

	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	lock_syscalls();
	for (size_t i = 0; i < VTR_ARRAY_LEN(refused); i++) {
		CHECK(fails(EPERM, SYS_ioctl, pipes[0], (long)refused[i], 0));
	}
	CHECK(fails(ENOTTY, SYS_ioctl, pipes[0], TCGETS, 0));
	CHECK(fails(ENOTTY, SYS_ioctl, pipes[0], (long)0xc0406400 /* DRM_IOCTL_VERSION */, 0));
	CHECK_EQ(ioctl(pipes[0], FIONREAD, &count), 0);
	CHECK(fails(EPERM, SYS_fcntl, pipes[0], F_NOTIFY, 0));
	CHECK(fails(EPERM, SYS_fcntl, pipes[0], F_SETLEASE, F_UNLCK));
	CHECK(fails(EPERM, SYS_fcntl, pipes[0], F_SETPIPE_SZ, 4096));
	CHECK(fails(EPERM, SYS_ioctl, pipes[0], (long)0xc0106d00 /* of nvidia-modeset */, 0));
	CHECK(fcntl(pipes[0], F_GETFL) >= 0);
	CHECK(fails(EPERM, SYS_prctl, PR_SET_DUMPABLE, 1, 0));
	CHECK(fails(EPERM, SYS_prctl, PR_SET_PTRACER, -1, 0));
	CHECK_EQ(prctl(PR_SET_NAME, "name", 0, 0, 0), 0);
	CHECK(fails(EPERM, SYS_setsockopt, pipes[0], SOL_SOCKET, SO_ATTACH_FILTER));
	CHECK(fails(EPERM, SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_NEWNS, 0, 0));
	vtr_close(&pipes[0]);
	vtr_close(&pipes[1]);
}

static void *get_cpus(void *data)
{
	CHECK_EQ(pthread_getaffinity_np(pthread_self(), sizeof(cpu_set_t), data), 0);
	return NULL;
}

/* Limits and priorities: of this process only. */
static void case_own_process(void)
{
	const pid_t parent = getppid();
	const struct sched_param normal = { 0 };
	pthread_attr_t attr;
	pthread_t thread;
	struct rlimit limit;
	cpu_set_t all, now, one;

	CHECK_EQ(prlimit(parent, RLIMIT_CORE, NULL, &limit), 0);
	CHECK_EQ(sched_getaffinity(parent, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++) {
		if (CPU_ISSET(i, &all)) {
			CPU_SET(i, &one);
		}
	}
	lock_syscalls();
	CHECK(prlimit(parent, RLIMIT_CORE, NULL, &limit) < 0 && errno == EPERM);
	CHECK_EQ(prlimit(getpid(), RLIMIT_CORE, NULL, &limit), 0);
	CHECK_EQ(getrlimit(RLIMIT_CORE, &limit), 0);
	CHECK_EQ(setrlimit(RLIMIT_CORE, &limit), 0);
	CHECK(fails(EPERM, SYS_setpriority, PRIO_USER, 0, 0));
	CHECK(fails(EPERM, SYS_setpriority, PRIO_PGRP, 0, 0));
	CHECK(fails(EPERM, SYS_ioprio_set, 3, 0, 0));
	CHECK(fails(EPERM, SYS_move_pages, parent, 0, 0));
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 19), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
	/* This has no effect. */
	CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)parent, 18), 0);
	CHECK(getpriority(PRIO_PROCESS, (id_t)parent) != 18);
	CHECK_EQ(sched_setaffinity(parent, sizeof(one), &one), 0);
	CHECK(sched_getaffinity(parent, sizeof(now), &now) == 0 && CPU_EQUAL(&now, &all));
	/* Drivers create threads like this. */
	CHECK_EQ(pthread_attr_init(&attr), 0);
	CHECK_EQ(pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED), 0);
	CHECK_EQ(pthread_attr_setschedpolicy(&attr, SCHED_OTHER), 0);
	CHECK_EQ(pthread_attr_setschedparam(&attr, &normal), 0);
#ifdef __GLIBC__ /* musl does not have it */
	CHECK_EQ(pthread_attr_setaffinity_np(&attr, sizeof(one), &one), 0);
#endif
	CHECK_EQ(pthread_create(&thread, &attr, get_cpus, &now), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(CPU_EQUAL(&now, &all));
	CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
	get_cpus(&now);
	CHECK(CPU_EQUAL(&now, &one));
}

#define SOME_USER 65534

/* What a process that is hidden can still do, and what others of its user cannot. */
static void case_hidden(void)
{
	char path[64];
	int shm = -1;
	int ends[2];
	int status;
	char byte;

	if (geteuid() == 0) {
		CHECK_EQ(setresgid(SOME_USER, SOME_USER, SOME_USER), 0);
		CHECK_EQ(setresuid(SOME_USER, SOME_USER, SOME_USER), 0);
		CHECK_EQ(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
	}
	CHECK_OK(vtr_os_sock_pair(ends));
	const pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		vtr_close(&ends[0]);
		CHECK_OK(vtr_os_hide());
		CHECK(opens("/proc/self/maps", O_RDONLY));
		CHECK(opens("/proc/self/status", O_RDONLY));
		CHECK(opens("/proc/self/cmdline", O_RDONLY));
		CHECK(opens("/proc/self/fd", O_RDONLY | O_DIRECTORY));
		CHECK(readlink("/proc/self/exe", path, sizeof(path)) > 0);
		CHECK_OK(vtr_os_shm_create("test", 4096, &shm));
		snprintf(path, sizeof(path), "/proc/self/fd/%d", shm);
		CHECK(opens(path, O_RDWR));
		CHECK_EQ(write(ends[1], "x", 1), 1);
		CHECK_EQ(read(ends[1], &byte, 1), 0);
		_exit(0);
	}
	vtr_close(&ends[1]);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	CHECK(refuses(path, O_RDONLY));
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	CHECK(refuses(path, O_RDWR));
	CHECK(ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 && errno == EPERM);
	vtr_close(&ends[0]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* Of the nodes in /dev/dri, only those for rendering. */
static void case_render_nodes(void)
{
	const int flags = geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS;

	/* An ordinary user would also have to map a user id. */
	if (unshare(flags) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/dev", "tmpfs", 0, NULL) < 0 || mkdir("/dev/dri", 0700) < 0) {
		printf("skipped: no namespace of mounts can be made here\n");
		exit(TEST_EXIT_SKIPPED);
	}
	CHECK(opens("/dev/dri/card0", O_CREAT | O_RDWR));
	CHECK(opens("/dev/dri/renderD128", O_CREAT | O_RDWR));
	CHECK(opens("/dev/nvidia0", O_CREAT | O_RDWR) && opens("/dev/kfd", O_CREAT | O_RDWR) &&
	      opens("/dev/nvidia-modeset", O_CREAT | O_RDWR));
	CHECK(vtr_os_sandbox_opens(VTR_OS_ROLE_WINDOW, getpid(), "/dev/nvidia-modeset", true));
	CHECK(!vtr_os_sandbox_opens(VTR_OS_ROLE_DRIVER, getpid(), "/dev/nvidia-modeset", true));
	lock_files(NULL, VTR_OS_SANDBOX_FILES);
	CHECK(opens("/dev/dri", O_RDONLY | O_DIRECTORY));
	CHECK(opens("/dev/dri/renderD128", O_RDWR));
	CHECK(opens("/dev/nvidia0", O_RDWR) && refuses("/dev/nvidia-modeset", O_RDWR));
	CHECK(refuses("/dev/dri/card0", O_RDWR));
	CHECK(refuses("/dev/dri/card0", O_RDONLY));
	CHECK(refuses("/dev/kfd", O_RDWR));
}

static void set_flag(void *data)
{
	*(bool *)data = true;
}

static void case_drivers_work(void)
{
	struct vtr_os_thread thread;
	bool ran = false;
	int fds[2];
	int shm = -1;
	void *map;
	cpu_set_t cpus;

	lock_files(NULL, 0);
	lock_syscalls();
	CHECK_OK(vtr_os_thread_create(&thread, "thread", set_flag, &ran));
	vtr_os_thread_join(&thread);
	CHECK(ran);
	CHECK_OK(vtr_os_shm_create("memory", 4096, &shm));
	CHECK_OK(vtr_os_shm_map(shm, 0, 4096, true, &map));
	vtr_os_shm_unmap(map, 4096);
	CHECK_OK(vtr_os_sock_pair(fds));
	struct iovec iov = { .iov_base = (void *)"x", .iov_len = 1 };
	CHECK_OK(vtr_os_sock_send(fds[0], &iov, 1, &shm, 1));
	int got[1];
	char byte;
	size_t size;
	size_t count;
	CHECK_OK(vtr_os_sock_recv(fds[1], &byte, 1, &size, got, 1, &count));
	CHECK_EQ(count, 1);
	/* Compilers write code and then make it executable. */
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(map != MAP_FAILED);
	CHECK_EQ(mprotect(map, 4096, PROT_READ | PROT_EXEC), 0);
	CHECK_EQ(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	CHECK(sysconf(_SC_NPROCESSORS_ONLN) > 0);
	CHECK(dlopen("libpthread.so.0", RTLD_NOW) != NULL);
	CHECK_EQ(raise(0), 0);
	CHECK_EQ(kill(getpid(), 0), 0);
	/* The memory of a memfd may be named again by its number. */
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", shm);
	CHECK(opens(path, O_RDONLY));
	vtr_close(&got[0]);
	vtr_close(&fds[0]);
	vtr_close(&fds[1]);
	vtr_close(&shm);
}

/* A thread from before the lock is locked in as well. */
struct early {
	_Atomic uint32_t go;
	bool refused;
};

static void try_late(void *data)
{
	struct early *early = data;

	while (atomic_load(&early->go) == 0) {
		vtr_os_park(&early->go, 0, -1);
	}
	early->refused = fails(EPERM, SYS_socket, AF_UNIX, SOCK_STREAM, 0);
}

/* What the list of readable files says is what Landlock does. */
static void case_reads(void)
{
	char path[80];
	const char *read[] = { path, NULL };
	const struct vtr_os_sandbox_paths paths = { .read = read };
	vtr_autofree char *real = NULL;

	snprintf(path, sizeof(path), "%s/read", dir);
	CHECK(opens(path, O_CREAT | O_WRONLY));
	real = realpath(path, NULL);
	CHECK(real != NULL);
	CHECK(!vtr_os_sandbox_reads(NULL, real));
	CHECK(vtr_os_sandbox_reads(&paths, real));
	CHECK(!vtr_os_sandbox_reads(&paths, dir));
	CHECK(vtr_os_sandbox_reads(NULL, "/usr/lib/x"));
	CHECK(vtr_os_sandbox_reads(NULL, "/usr"));
	CHECK(!vtr_os_sandbox_reads(NULL, "/usrlib"));
	CHECK(!vtr_os_sandbox_reads(NULL, "/etc/shadow"));
	CHECK(vtr_os_sandbox_opens(VTR_OS_ROLE_DRIVER, getppid(), "/proc/self/maps", false));
	CHECK(!vtr_os_sandbox_opens(VTR_OS_ROLE_DRIVER, getpid(), "/proc/self/mountinfo", false));
	CHECK(vtr_os_sandbox_opens(VTR_OS_ROLE_DRIVER, getpid(), "/dev/null", true));
	lock_files(&paths, VTR_OS_SANDBOX_FILES);
	CHECK(opens(path, O_RDONLY));
}

static void case_all_threads(void)
{
	struct early early = { .refused = false };
	struct vtr_os_thread thread;

	CHECK_OK(vtr_os_thread_create(&thread, "early", try_late, &early));
	lock_syscalls();
	atomic_store(&early.go, 1);
	vtr_os_unpark(&early.go);
	vtr_os_thread_join(&thread);
	CHECK(early.refused);
}

static void lock_server(uint32_t bits)
{
	uint32_t applied = 0;

	if ((bits & VTR_OS_SANDBOX_FILES) != 0) {
		CHECK_OK(vtr_os_sandbox_files(VTR_OS_ROLE_SERVER, NULL, &applied));
		need(applied, bits & VTR_OS_SANDBOX_FILES);
	}
	lock_role(VTR_OS_ROLE_SERVER);
}

static void case_server_files(void)
{
	lock_server(VTR_OS_SANDBOX_FILES);
	CHECK(refuses("/usr/lib/os-release", O_RDONLY));
	CHECK(refuses("/proc/self/maps", O_RDONLY));
	CHECK(refuses("/dev/null", O_RDONLY));
	CHECK(refuses("/tmp", O_RDONLY | O_DIRECTORY));
}

/* What Landlock does not cover: an fd that was given for reading, turned back through /proc. */
static void case_server_memory(void)
{
	char path[32];
	int fd;
	int copy;

	CHECK_OK(vtr_os_shm_create("test", 4096, &fd));
	CHECK_OK(vtr_os_shm_read_only(fd, -1, &copy));
	vtr_close(&fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", copy);
	CHECK(opens(path, O_RDWR));
	lock_server(VTR_OS_SANDBOX_SYSCALLS);
	CHECK(refuses(path, O_RDWR));
	CHECK(refuses(path, O_WRONLY));
#ifdef SYS_creat /* newer processors have only openat() */
	CHECK_EQ(syscall(SYS_creat, path, 0600), -1);
	CHECK_EQ(errno, EACCES);
#endif
	CHECK_EQ(syscall(SYS_openat2, AT_FDCWD, path, NULL, 0), -1);
	CHECK_EQ(errno, ENOSYS);
	vtr_close(&copy);
}

static void case_server_accepts(void)
{
	char path[80];
	int fd, client;
	int accepted = -1;

	snprintf(path, sizeof(path), "%s/read", dir);
	CHECK_OK(vtr_os_sock_listen(path, 0600, 4, &fd));
	CHECK_OK(vtr_os_sock_connect(path, &client));
	lock_server(VTR_OS_SANDBOX_SYSCALLS);
	CHECK_OK(vtr_os_sock_accept(fd, &accepted));
	CHECK_EQ(socket(AF_UNIX, SOCK_STREAM, 0), -1);
	CHECK_EQ(socket(AF_INET, SOCK_STREAM, 0), -1);
	CHECK_EQ(listen(fd, 1), -1);
	CHECK_EQ(kill(getppid(), 0), -1);
	CHECK(fails(ENOSYS, SYS_mkdirat, AT_FDCWD, (long)path, 0700));
	CHECK(fails(ENOSYS, SYS_unlinkat, AT_FDCWD, (long)path, 0));
	vtr_close(&accepted);
	vtr_close(&client);
	vtr_close(&fd);
}

static bool makes_socket(int domain, int type, int protocol)
{
	vtr_autofd int fd = socket(domain, type | SOCK_CLOEXEC, protocol);

	return fd >= 0 || errno == EAFNOSUPPORT; /* a kernel without IPv6 */
}

static void case_publisher(void)
{
	uint32_t applied = 0;

	CHECK_OK(vtr_os_sandbox_files(VTR_OS_ROLE_PUBLISHER, NULL, &applied));
	lock_role(VTR_OS_ROLE_PUBLISHER);
	CHECK(makes_socket(AF_INET, SOCK_STREAM, 0));
	CHECK(makes_socket(AF_INET, SOCK_DGRAM, 0));
	CHECK(makes_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	CHECK(!makes_socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT));
	CHECK(!makes_socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK(fails(EBADF, SYS_connect, -1, 0, 0));
	CHECK(fails(EPERM, SYS_accept4, -1, 0, 0));
	CHECK(fails(ENOSYS, SYS_listen, -1, 0, 0));
	CHECK(fails(EPERM, SYS_execve, 0, 0, 0));
	need(applied, VTR_OS_SANDBOX_FILES);
	CHECK(opens("/usr/lib/os-release", O_RDONLY));
	CHECK(opens("/etc/hosts", O_RDONLY) || errno == ENOENT);
	CHECK(refuses("/etc/shadow", O_RDONLY));
	CHECK(refuses("/root", O_RDONLY | O_DIRECTORY));
	CHECK(refuses("/tmp/vitrine-sandbox-test", O_WRONLY | O_CREAT));
	CHECK(refuses("/dev/null", O_RDWR));
}

static void case_window(void)
{
	uint32_t applied = 0;

	CHECK_OK(vtr_os_sandbox_files(VTR_OS_ROLE_WINDOW, NULL, &applied));
	lock_role(VTR_OS_ROLE_WINDOW);
	CHECK(makes_socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK(makes_socket(AF_INET, SOCK_STREAM, 0));
	CHECK(!makes_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	CHECK(fails(EBADF, SYS_connect, -1, 0, 0));
	const int shm = (int)syscall(SYS_shmget, IPC_PRIVATE, 4096, 0600);
	CHECK(shm >= 0);
	CHECK_EQ(syscall(SYS_shmctl, shm, IPC_RMID, NULL), 0);
	CHECK(fails(EPERM, SYS_execve, 0, 0, 0));
	CHECK(fork() < 0 && errno == EPERM);
	CHECK(fails(EPERM, SYS_kill, getppid(), 0, 0));
	CHECK(fails(EPERM, SYS_process_vm_readv, getppid(), 0, 0));
	need(applied, VTR_OS_SANDBOX_FILES);
	CHECK(opens("/etc/passwd", O_RDONLY));
	CHECK(opens("/root", O_RDONLY | O_DIRECTORY) || geteuid() != 0);
	CHECK(opens("/proc/self/maps", O_RDONLY));
	CHECK(refuses("/proc/1/status", O_RDONLY) && refuses("/sys/class", O_RDONLY | O_DIRECTORY));
	CHECK(opens("/dev/shm/vitrine-sandbox-test", O_RDWR | O_CREAT));
	CHECK_EQ(unlink("/dev/shm/vitrine-sandbox-test"), 0);
	CHECK(refuses("/tmp/vitrine-sandbox-test", O_WRONLY | O_CREAT));
	CHECK(refuses("/usr/lib/os-release", O_WRONLY));
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "files_refused", case_files_refused },
	{ "files_allowed", case_files_allowed },
	{ "extra_paths", case_extra_paths },
	{ "existing_files", case_existing_files },
	{ "truncate", case_truncate },
	{ "tcp", case_tcp },
	{ "scope", case_scope },
	{ "syscalls_refused", case_syscalls_refused },
	{ "syscalls_unlisted", case_syscalls_unlisted },
	{ "syscalls_listen", case_syscalls_listen },
	{ "commands", case_commands },
	{ "own_process", case_own_process },
	{ "hidden", case_hidden },
	{ "render_nodes", case_render_nodes },
	{ "publisher", case_publisher },
	{ "window", case_window },
	{ "reads", case_reads },
	{ "drivers_work", case_drivers_work },
	{ "all_threads", case_all_threads },
	{ "server_files", case_server_files },
	{ "server_memory", case_server_memory },
	{ "server_accepts", case_server_accepts },
};

/* Returns: the case's exit status. */
static int run_case(const char *name)
{
	static const struct vtr_os_spawn_fd fds[] = { { 0, 0 }, { 1, 1 }, { 2, 2 } };
	char *argv[] = { self, (char *)name, dir, NULL };
	const struct vtr_os_spawn spawn = { .path = self, .argv = argv, .fds = fds, .fd_count = 3 };
	int death_fd = -1;
	int status;
	pid_t pid;

	CHECK_OK(vtr_os_spawn(&spawn, &pid, &death_fd));
	struct pollfd pollfd = { .fd = death_fd, .events = POLLIN };
	CHECK_EQ(poll(&pollfd, 1, 20000), 1);
	CHECK_OK(vtr_os_wait(pid, &status));
	vtr_close(&death_fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void remove_dir(void)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/read", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/write", dir);
	rmdir(path);
	CHECK_EQ(rmdir(dir), 0);
}

int main(int argc, char **argv)
{
	size_t skipped = 0;

	CHECK_OK(vtr_os_self_path(self, sizeof(self)));
	for (size_t i = 0; argc > 2 && i < VTR_ARRAY_LEN(cases); i++) {
		if (strcmp(argv[1], cases[i].name) == 0) {
			snprintf(dir, sizeof(dir), "%s", argv[2]);
			cases[i].run();
			return 0;
		}
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(cases); i++) {
		printf("%s\n", cases[i].name);
		fflush(stdout);
		test_make_dir(dir, sizeof(dir));
		int status = run_case(cases[i].name);
		remove_dir();
		CHECK(status == 0 || status == TEST_EXIT_SKIPPED);
		skipped += status == TEST_EXIT_SKIPPED;
	}
	return skipped == VTR_ARRAY_LEN(cases) ? TEST_EXIT_SKIPPED : 0;
}
