/* SPDX-License-Identifier: MIT */
#include "platform/fork.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "test.h"

/* This program starts itself as "zygote", which forks siblings and writes their pids to its fd 3. */
static char self[PATH_MAX];

struct answer {
	int32_t err;
	pid_t pid;
};

static volatile sig_atomic_t signals;

static void on_signal(int signo)
{
	(void)signo;
	signals++;
}

/* The forked process. Returns: its exit status, which says what is wrong with it. */
static int sibling(pid_t zygote, const char *what)
{
	const struct vtr_os_spawn_fd fds[] = { { .fd = 3, .as = 5 },
		                               { .fd = 2, .as = 2 },
		                               { .fd = 3, .as = 0 } };
	pthread_mutexattr_t attr;
	pthread_mutex_t mutex;

	if (strcmp(what, "abort") == 0) {
		abort();
	}
	/* The parent is the zygote's, and the C library knows the new number. */
	if (getpid() == zygote || getppid() == zygote || (pid_t)syscall(SYS_gettid) != getpid()) {
		return 10;
	}
	signal(SIGUSR1, on_signal);
	if (raise(SIGUSR1) != 0 || signals != 1 || pthread_kill(pthread_self(), SIGUSR1) != 0 ||
	    signals != 2) {
		return 11;
	}
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&mutex, &attr);
	if (pthread_mutex_lock(&mutex) != 0 || pthread_mutex_lock(&mutex) != EDEADLK) {
		return 12;
	}
	if (vtr_os_replace_fds(fds, VTR_ARRAY_LEN(fds)) != VTR_OK || test_count_fds() != 3 ||
	    fcntl(5, F_GETFD) != 0 || fcntl(0, F_GETFD) != 0) {
		return 13;
	}
	return 7;
}

static void *run_thread(void *data)
{
	char byte;

	return read(*(int *)data, &byte, 1) == 1 ? data : NULL;
}

static int zygote(const char *what)
{
	struct answer answer = { 0 };
	int ends[2];
	int end;
	pthread_t thread;
	const pid_t own = getpid();

	if (strcmp(what, "threads") == 0) {
		CHECK_EQ(vtr_os_thread_count(), 1);
		CHECK_EQ(pipe(ends), 0);
		end = ends[0];
		CHECK_EQ(pthread_create(&thread, NULL, run_thread, &end), 0);
		CHECK_EQ(vtr_os_thread_count(), 2);
	}
	answer.err = vtr_os_fork_sibling(&answer.pid);
	if (answer.err == VTR_OK && answer.pid == 0) {
		_exit(sibling(own, what));
	}
	CHECK_EQ(write(3, &answer, sizeof(answer)), sizeof(answer));
	_exit(0); /* the sibling lives on */
}

/* Starts a zygote that forks one sibling, and waits for the zygote's end. */
static struct answer ask(const char *what)
{
	struct answer answer = { 0 };
	int ends[2];
	int death_fd;
	pid_t pid;
	int status;

	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	const struct vtr_os_spawn_fd fds[] = { { .fd = 2, .as = 1 },
		                               { .fd = 2, .as = 2 },
		                               { .fd = ends[1], .as = 3 } };
	char *argv[] = { self, (char *)what, NULL };
	const struct vtr_os_spawn spawn = {
		.path = self, .argv = argv, .fds = fds, .fd_count = VTR_ARRAY_LEN(fds)
	};
	CHECK_OK(vtr_os_spawn(&spawn, &pid, &death_fd));
	close(ends[1]);
	CHECK_EQ(read(ends[0], &answer, sizeof(answer)), sizeof(answer));
	close(ends[0]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(death_fd);
	return answer;
}

/* Returns: the status of a sibling, learnt as the status of any child is. */
static int wait_sibling(pid_t pid)
{
	struct pollfd pollfd = { .events = POLLIN };
	int status = -1;

	CHECK_OK(vtr_os_watch_child(pid, &pollfd.fd));
	CHECK_EQ(poll(&pollfd, 1, 20000), 1);
	CHECK_OK(vtr_os_wait(pid, &status));
	CHECK_ERR(vtr_os_watch_child(pid, &pollfd.fd), VTR_ERR_GONE);
	return status;
}

static void a_sibling_is_our_child(void)
{
	struct answer answer = ask("exit");

	/* The thread sanitizer has a thread of its own. */
	if (VTR_TSAN) {
		CHECK_EQ(answer.err, VTR_ERR_UNSUPPORTED);
		return;
	}
	CHECK_EQ(answer.err, VTR_OK);
	int status = wait_sibling(answer.pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 7);
	answer = ask("abort");
	CHECK_EQ(answer.err, VTR_OK);
	status = wait_sibling(answer.pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void threads_prevent_it(void)
{
	CHECK_EQ(ask("threads").err, VTR_ERR_UNSUPPORTED);
}

static void strangers_are_not_watched(void)
{
	int fd = -1;

	CHECK_ERR(vtr_os_watch_child(getppid(), &fd), VTR_ERR_GONE);
	CHECK_ERR(vtr_os_watch_child(getpid(), &fd), VTR_ERR_GONE);
	CHECK_EQ(fd, -1);
}

static void libraries_are_listed(void)
{
	char list[16384];
	const size_t size = vtr_os_list_libraries(list, sizeof(list));
	bool has_libc = false;

	CHECK(size > 0 && list[size - 1] == '\0');
	for (size_t at = 0; at < size; at += strlen(list + at) + 1) {
		CHECK_EQ(list[at], '/');
		CHECK_EQ(access(list + at, R_OK), 0);
		has_libc |= strstr(list + at, "libc.so") != NULL;
		CHECK_OK(vtr_os_pin_library(list + at));
	}
	CHECK(has_libc);
	CHECK_EQ(vtr_os_list_libraries(list, 3), 0);
	CHECK_ERR(vtr_os_pin_library("/nonexistent/lib.so"), VTR_ERR_OS);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		return zygote(argv[1]);
	}
	CHECK_OK(vtr_os_self_path(self, sizeof(self)));
	RUN(a_sibling_is_our_child);
	RUN(threads_prevent_it);
	RUN(strangers_are_not_watched);
	RUN(libraries_are_listed);
	return 0;
}
