/* SPDX-License-Identifier: MIT */
#include "platform/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/os.h"
#include "platform/sock.h"

/* A thread that only waits needs little. */
#define WATCHER_STACK ((size_t)256 << 10)

const short vtr_os_spawn_flags = 0;

enum vtr_err vtr_os_self_path(char *buf, size_t size)
{
	/* POSIX has no way; these are links of file systems that many systems have. */
	static const char *const links[] = { "/proc/self/exe", "/proc/curproc/exe", "/proc/curproc/file" };
	ssize_t length = -1;

	for (size_t i = 0; length < 0 && i < VTR_ARRAY_LEN(links); i++) {
		length = readlink(links[i], buf, size);
	}
	if (length < 0) {
		return VTR_ERR_OS;
	}
	if ((size_t)length >= size) {
		errno = ENAMETOOLONG;
		return VTR_ERR_OS;
	}
	buf[length] = '\0';
	return VTR_OK;
}

/* Thread: that of watch_child(), which frees it. */
struct watched {
	pid_t pid;
	int fd; /* closed when the child has ended, which the other end of the socket pair notices */
};

/* Does not reap the child. If another thread has done so first, the child has ended, too. */
static void *watch_child(void *data)
{
	struct watched *watched = data;
	siginfo_t info;
	int result;

	do {
		result = waitid(P_PID, (id_t)watched->pid, &info, WEXITED | WNOWAIT);
	} while (result < 0 && errno == EINTR);
	vtr_close(&watched->fd);
	free(watched);
	return NULL;
}

/* Starts a thread that no other joins, and that receives no signals. */
static int start_watcher(struct watched *watched)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all;
	sigset_t before;
	int error = pthread_attr_init(&attr);

	if (error != 0) {
		return error;
	}
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, WATCHER_STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attr, watch_child, watched);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return error;
}

/* A thread for each child: one thread for all would find a child that is not reaped yet again and again. A pipe that
 * the child holds would be one fd more in the child, which it could close or pass on. */
enum vtr_err vtr_os_death_fd(pid_t pid, int *out_fd)
{
	struct watched *watched = calloc(1, sizeof(*watched));
	int ends[2];

	if (!watched) {
		return VTR_ERR_NOMEM;
	}
	/* The end of a pipe's other side is only POLLHUP on some systems; that of a socket's is readable on all. */
	enum vtr_err err = vtr_os_sock_pair(ends);
	if (err != VTR_OK) {
		free(watched);
		return err;
	}
	*watched = (struct watched){ .pid = pid, .fd = ends[1] };
	const int error = start_watcher(watched);
	if (error != 0) {
		vtr_close(&ends[0]);
		vtr_close(&ends[1]);
		free(watched);
		errno = error;
		return VTR_ERR_OS;
	}
	*out_fd = ends[0];
	return VTR_OK;
}

enum vtr_err vtr_os_hide(void)
{
	return VTR_ERR_UNSUPPORTED;
}
