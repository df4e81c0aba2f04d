/* SPDX-License-Identifier: MIT */
/*
 * Hostile code in a real process of vitrine, which LD_PRELOAD brings there. It tries all attacks twice: without a
 * sandbox (before main(), or in a forked worker when it calls mallopt(), which this library provides), and in the
 * moment when the process has entered its sandbox. That is when syscall(), which this library provides, too, has
 * installed the filter of system calls; or, if the calls that it refuses wait for another process, when that process
 * has been sent the fd for this and close() closes it. Then the process goes on as usual.
 *
 * ATTACK_ROLE is the process to attack from (worker, screen, mux), ATTACK_REPORT a file to which the results are
 * appended: "before NAME RESULT" or "after NAME RESULT". ATTACK_WORLD describes the victims. With ATTACK_STORM=N it
 * makes N refused calls instead of the attacks in the sandbox. With ATTACK_FORBID all processes, also others
 * than those of the role, lack what is_forbidden() says.
 */
#include "attack.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Above those that vitrine gives to its processes, and below their limits. */
#define FIRST_FD 50

__attribute__((visibility("default"))) long syscall(long number, ...);
__attribute__((visibility("default"))) int close(int fd);
__attribute__((visibility("default"))) int mallopt(int param, int value);

static struct world world = { .held_fd = -1, .terminal_fd = -1 };
static int report_fd = -1;
static int listen_fd =
	-1; /* by which the process itself could answer its refused calls, until it is closed */

const char *path_of(const struct world *of, const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", of->dir, name);
	return path;
}

int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	int result = outcome(fd);

	if (fd >= 0) {
		close(fd);
	}
	return result;
}

static void run_list(const struct attack_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct attack *attack = &list->attacks[i];
		const int result = attack->run(&world);

		dprintf(report_fd, "%s %s %d %d\n", world.locked ? "after" : "before", attack->name,
		        attack->always, result);
	}
}

static void run_all(void)
{
	run_list(&file_attacks);
	run_list(&process_attacks);
	run_list(&ipc_attacks);
	run_list(&kernel_attacks);
	dprintf(report_fd, "%s end 0 0\n", world.locked ? "after" : "before");
}

static bool is_role(void)
{
	char line[4096];
	const char *role = getenv("ATTACK_ROLE");
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd >= 0 ? read(fd, line, sizeof(line) - 1) : 0;

	close(fd);
	if (size <= 0 || !role) {
		return false;
	}
	line[size] = '\0';
	if (memmem(line, (size_t)size, "--probe", strlen("--probe"))) {
		return false;
	}
	const size_t program = strlen(line) + 1;
	return program < (size_t)size && strcmp(line + program, role) == 0;
}

static int move_up(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);

	close(fd);
	return moved;
}

/* A terminal, as a process has one that was started in it. */
static int open_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
		return -1;
	}
	int fd = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	(void)move_up(master);
	return fd < 0 ? -1 : move_up(fd);
}

__attribute__((constructor)) static void start(void)
{
	static bool started;
	const char *report = getenv("ATTACK_REPORT");
	const char *text = getenv("ATTACK_WORLD");

	if (started || !report || !text || !is_role()) {
		return;
	}
	started = true;
	report_fd = move_up(open(report, O_WRONLY | O_APPEND | O_CLOEXEC));
	int count = sscanf(text, "%d %d %d %d %d %d %2047s", &world.victim, &world.msg, &world.sem,
	                   &world.shm, &world.tcp_port, &world.udp_port, world.dir);
	if (report_fd < 0 || count != 7) {
		abort();
	}
	world.parent = getppid();
	world.held_fd = move_up(open(path_of(&world, "secret"), O_RDONLY | O_CLOEXEC));
	world.terminal_fd = open_terminal();
	run_all();
}

/* Makes the same refused call again and again, and tells how the first and the last ones failed. */
static void storm(int count)
{
	int first = 0;
	int last = 0;

	for (int i = 0; i < count; i++) {
		last = outcome(syscall(SYS_mount, 0, 0, 0, 0, 0));
		first = i == 0 ? last : first;
	}
	dprintf(report_fd, "storm first 1 %d\nstorm last 1 %d\nstorm end 0 0\n", first, last);
}

static void attack_locked(void)
{
	const char *count = getenv("ATTACK_STORM");

	world.locked = true;
	if (count) {
		storm(atoi(count));
	} else {
		run_all();
	}
	close(report_fd);
	report_fd = -1;
}

/* What containers forbid: Landlock, or a second process that learns of refused calls. */
static bool is_forbidden(long number, long flags)
{
	const char *what = getenv("ATTACK_FORBID");

	return what && ((number == SYS_landlock_create_ruleset && strcmp(what, "landlock") == 0) ||
	                (number == SYS_seccomp && strcmp(what, "reports") == 0 &&
	                 (flags & (long)SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0));
}

long syscall(long number, ...)
{
	static long (*next)(long number, ...);
	long args[6];
	va_list list;

	va_start(list, number);
	for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++) {
		args[i] = va_arg(list, long);
	}
	va_end(list);
	if (!next) {
		void *symbol = dlsym(RTLD_NEXT, "syscall");
		memcpy(&next, &symbol, sizeof(next));
	}
	if (is_forbidden(number, args[1])) {
		errno = number == SYS_seccomp ? EBUSY : ENOSYS;
		return -1;
	}
	long result = next(number, args[0], args[1], args[2], args[3], args[4], args[5]);
	if (number == SYS_seccomp && args[0] == SECCOMP_SET_MODE_FILTER && result >= 0 && report_fd >= 0) {
		listen_fd = result > 0 ? (int)result : -1;
		if (listen_fd < 0) {
			attack_locked();
		}
	}
	return result;
}

/* A forked worker has not run the constructor. It calls this before it enters its sandbox. */
int mallopt(int param, int value)
{
	static int (*next)(int param, int value);
	void *symbol = dlsym(RTLD_NEXT, "mallopt");

	memcpy(&next, &symbol, sizeof(next));
	start();
	return next(param, value);
}

int close(int fd)
{
	const int result = (int)syscall(SYS_close, fd);

	if (fd >= 0 && fd == listen_fd) {
		listen_fd = -1;
		attack_locked();
	}
	return result;
}
