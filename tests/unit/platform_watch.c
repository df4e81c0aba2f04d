/* SPDX-License-Identifier: MIT */
#include "platform/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/sock.h"
#include "test.h"

static bool opens(const char *path, int flags)
{
	vtr_autofd int fd = open(path, flags | O_CLOEXEC);

	return fd >= 0;
}

/* Whether a system call with these arguments ends in this error. */
static bool fails(int error, long number, long a, long b, long c)
{
	errno = 0;
	return syscall(number, a, b, c, 0, 0, 0) < 0 && errno == error;
}

/* Starts a process that reports to another one, runs `act` in its sandbox, and ends. */
static pid_t start_watched(const struct vtr_os_syscalls *params, void (*act)(void), int *out_fd)
{
	uint32_t applied = 0;
	size_t size;
	size_t fd_count = 0;
	char byte;
	int status;
	int ends[2];

	CHECK_OK(vtr_os_sock_pair(ends));
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		struct vtr_os_syscalls own = *params;
		own.report_fd = ends[1];
		vtr_close(&ends[0]);
		CHECK_OK(vtr_os_sandbox_syscalls(&own, &applied));
		vtr_close(&ends[1]);
		act();
		_exit(0);
	}
	vtr_close(&ends[1]);
	const enum vtr_err err = vtr_os_sock_recv(ends[0], &byte, 1, &size, out_fd, 1, &fd_count);
	vtr_close(&ends[0]);
	if (err != VTR_OK) {
		printf("skipped: this kernel or container cannot report what a process does\n");
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		exit(TEST_EXIT_SKIPPED);
	}
	CHECK_EQ(fd_count, 1);
	return pid;
}

static void end_watched(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

/* The next report that says something. */
static struct vtr_os_watched next_report(struct vtr_os_watch *watch)
{
	struct vtr_os_watched watched;

	do {
		CHECK_OK(vtr_os_watch_next(watch, &watched));
	} while (watched.path[0] == '\0' && watched.call[0] == '\0');
	return watched;
}

static void act_for_prober(void)
{
	CHECK(opens("/proc/version", O_RDONLY));
	CHECK_EQ(chdir("/proc"), 0);
	CHECK(opens("version", O_RDWR) == (access("version", W_OK) == 0));
	CHECK(fails(EPERM, SYS_socket, AF_INET, SOCK_STREAM, 0));
	CHECK(fails(ENOENT, SYS_connect, -1, 0, 0));
	CHECK(fails(ENOSYS, SYS_clone3, 0, 0, 0));
	CHECK(opens("/proc/self/maps", O_RDONLY));
}

static void opened_files_and_refused_calls_are_reported(void)
{
	const struct vtr_os_syscalls params = { .role = VTR_OS_ROLE_DRIVER, .files = true };
	struct vtr_os_watched watched;
	struct vtr_os_watch *watch;
	int fd = -1;
	const pid_t pid = start_watched(&params, act_for_prober, &fd);

	CHECK_OK(vtr_os_watch_create(VTR_OS_ROLE_DRIVER, VTR_OS_WATCH_OPENS, &fd, &watch));
	watched = next_report(watch);
	CHECK(strcmp(watched.path, "/proc/version") == 0 && !watched.writes);
	watched = next_report(watch);
	CHECK(strcmp(watched.path, "/proc/version") == 0 && watched.writes);
	watched = next_report(watch);
	CHECK(strcmp(watched.call, "socket(0x2, 0x1)") == 0 && watched.path[0] == '\0');
	CHECK(strcmp(watched.name, "socket") == 0);
	watched = next_report(watch);
	CHECK(strcmp(watched.call, "connect") == 0);
	watched = next_report(watch);
	CHECK(strcmp(watched.path, "/proc/self/maps") ==
	      0); /* of clone3() nothing is said: callers know what to do */
	end_watched(pid);
	vtr_os_watch_destroy(watch);
}

static void act_refused(void)
{
	CHECK_EQ(prctl(PR_SET_NAME, "acting", 0, 0, 0), 0);
	CHECK(fails(EPERM, SYS_mount, 0, 0, 0));
	CHECK(fails(EPERM, SYS_ioctl, 0, TIOCSTI, 0));
	CHECK(fails(ENOSYS, 1000, 0, 0, 0));
	CHECK(fails(EACCES, SYS_openat, AT_FDCWD, (long)"/proc/version", 0));
	/* The watching process goes away now. */
	CHECK(fails(ENOSYS, SYS_mount, 0, 0, 0));
	CHECK(fails(ENOSYS, SYS_openat, AT_FDCWD, (long)"/proc/version", 0));
	CHECK(opens("/proc/version", O_RDONLY) == false);
}

/* Each report is answered with the error that the filter has without a report. Even opening is not permitted. */
static void refused_calls_fail_as_without_a_report(void)
{
	const struct vtr_os_syscalls params = { .role = VTR_OS_ROLE_SERVER };
	static const char *const calls[] = { "mount", "ioctl(_, 0x5412)", "call 1000", "openat" };
	struct vtr_os_watched watched;
	struct vtr_os_watch *watch;
	int fd = -1;
	const pid_t pid = start_watched(&params, act_refused, &fd);

	CHECK_OK(vtr_os_watch_create(VTR_OS_ROLE_SERVER, VTR_OS_WATCH_REFUSES, &fd, &watch));
	for (size_t i = 0; i < VTR_ARRAY_LEN(calls); i++) {
		watched = next_report(watch);
		CHECK(strcmp(watched.call, calls[i]) == 0);
		CHECK(strcmp(watched.thread, "acting") == 0);
		CHECK(watched.path[0] == '\0');
	}
	vtr_os_watch_destroy(watch);
	end_watched(pid);
}

static void act_permitted(void)
{
	vtr_autofd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	CHECK(opens("/proc/version", O_RDONLY));
}

static void everything_can_be_permitted(void)
{
	const struct vtr_os_syscalls params = { .role = VTR_OS_ROLE_SERVER,
		                                .files = true,
		                                .permissive = true };
	struct vtr_os_watched watched;
	struct vtr_os_watch *watch;
	int fd = -1;
	const pid_t pid = start_watched(&params, act_permitted, &fd);

	CHECK_OK(vtr_os_watch_create(VTR_OS_ROLE_SERVER, VTR_OS_WATCH_PERMITS, &fd, &watch));
	watched = next_report(watch);
	CHECK(strcmp(watched.call, "socket") == 0);
	watched = next_report(watch);
	CHECK(strcmp(watched.path, "/proc/version") == 0);
	end_watched(pid);
	vtr_os_watch_destroy(watch);
}

/* What is left of the limits where calls cannot be reported: all of them, or none if that was the wish. */
static void without_reports_the_filter_decides_alone(void)
{
	const struct vtr_os_syscalls permissive = { .role = VTR_OS_ROLE_DRIVER,
		                                    .report_fd = -1,
		                                    .permissive = true };
	const struct vtr_os_syscalls strict = { .role = VTR_OS_ROLE_DRIVER, .report_fd = -1 };
	uint32_t applied = VTR_OS_SANDBOX_SYSCALLS;
	const pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid != 0) {
		end_watched(pid);
		return;
	}
	CHECK_OK(vtr_os_sandbox_syscalls(&permissive, &applied));
	CHECK_EQ(applied, 0);
	CHECK(!fails(EPERM, SYS_socket, AF_INET, SOCK_STREAM, 0));
	CHECK_OK(vtr_os_sandbox_syscalls(&strict, &applied));
	CHECK(fails(EPERM, SYS_socket, AF_INET, SOCK_STREAM, 0));
	_exit(0);
}

int main(void)
{
	if ((vtr_os_sandbox_supported() & VTR_OS_SANDBOX_SYSCALLS) == 0) {
		printf("skipped: system calls cannot be filtered here\n");
		return TEST_EXIT_SKIPPED;
	}
	RUN(without_reports_the_filter_decides_alone);
	RUN(opened_files_and_refused_calls_are_reported);
	RUN(refused_calls_fail_as_without_a_report);
	RUN(everything_can_be_permitted);
	return 0;
}
