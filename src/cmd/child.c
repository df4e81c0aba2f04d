/* SPDX-License-Identifier: MIT */
#include "cmd/child.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/pipe.h"
#include "platform/proc.h"

/* Reads `fd` to its end; keeps the beginning of the output. */
static void read_output(int fd, char *out, size_t size)
{
	size_t have = 0;
	char rest[512];

	for (;;) {
		bool full = have == size - 1;
		ssize_t n = read(fd, full ? rest : out + have, full ? sizeof(rest) : size - 1 - have);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			break;
		}
		have += full ? 0 : (size_t)n;
	}
	out[have] = '\0';
}

/* Starts it with `output_fd` as its standard output. */
static enum vtr_err start(char *const *argv, const char *const *env, int fd, int output_fd, pid_t *out_pid)
{
	vtr_autofd int death_fd = -1;
	const struct vtr_os_spawn_fd child_fds[] = {
		{ .fd = STDIN_FILENO, .as = STDIN_FILENO },
		{ .fd = output_fd, .as = STDOUT_FILENO },
		{ .fd = STDERR_FILENO, .as = STDERR_FILENO },
		{ .fd = fd, .as = VTR_CHILD_FD }, /* the last: not for all */
	};
	const struct vtr_os_spawn spawn = {
		.path = argv[0],
		.argv = argv,
		.fds = child_fds,
		.fd_count = VTR_ARRAY_LEN(child_fds) - (fd < 0),
		.env_set = env,
	};

	return vtr_os_spawn(&spawn, out_pid, &death_fd);
}

static enum vtr_err wait_for_end(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			return VTR_ERR_OS;
		}
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? VTR_OK : VTR_ERR_GONE;
}

enum vtr_err vtr_child_run(char *const *argv, const char *const *env, int fd, char *out_text, size_t size)
{
	vtr_autofd int read_fd = -1;
	vtr_autofd int write_fd = -1;
	int fds[2];
	pid_t pid;

	if (vtr_os_pipe(true, fds) != VTR_OK) {
		return VTR_ERR_OS;
	}
	read_fd = fds[0];
	write_fd = fds[1];
	enum vtr_err err = start(argv, env, fd, write_fd, &pid);
	if (err != VTR_OK) {
		return err;
	}
	vtr_close(&write_fd);
	read_output(read_fd, out_text, size);
	return wait_for_end(pid);
}

enum vtr_err vtr_child_show(char *const *argv)
{
	pid_t pid;
	enum vtr_err err = start(argv, NULL, -1, STDOUT_FILENO, &pid);

	return err == VTR_OK ? wait_for_end(pid) : err;
}
