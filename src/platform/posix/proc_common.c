/* SPDX-License-Identifier: MIT */
#include "platform/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/os.h"

extern char **environ; /* not in all systems' headers */

/* The arguments of posix_spawn(), and the fds that must stay open until it has returned. */
struct plan {
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int copies[VTR_OS_SPAWN_MAX_FDS];
	size_t copy_count;
	char **env;
};

static enum vtr_err from_errno(int error)
{
	errno = error;
	return error == ENOMEM ? VTR_ERR_NOMEM : VTR_ERR_OS;
}

static int highest_target(const struct vtr_os_spawn *spawn)
{
	int highest = -1;

	for (size_t i = 0; i < spawn->fd_count; i++) {
		highest = spawn->fds[i].as > highest ? spawn->fds[i].as : highest;
	}
	return highest;
}

static bool is_target(const struct vtr_os_spawn *spawn, int fd)
{
	for (size_t i = 0; i < spawn->fd_count; i++) {
		if (spawn->fds[i].as == fd) {
			return true;
		}
	}
	return false;
}

/*
 * Plans which fds the child gets. They are first duplicated above all target numbers, so that a dup2() in the
 * child cannot overwrite an fd that is still to be duplicated.
 */
static enum vtr_err plan_fds(const struct vtr_os_spawn *spawn, struct plan *plan)
{
	int highest = highest_target(spawn);

	for (size_t i = 0; i < spawn->fd_count; i++) {
		int copy = fcntl(spawn->fds[i].fd, F_DUPFD_CLOEXEC, highest + 1);
		if (copy < 0) {
			return VTR_ERR_OS;
		}
		plan->copies[plan->copy_count++] = copy;
		int error = posix_spawn_file_actions_adddup2(&plan->actions, copy, spawn->fds[i].as);
		if (error != 0) {
			return from_errno(error);
		}
	}
	if (vtr_os_spawn_flags != 0) {
		return VTR_OK; /* the child gets only the targets by itself */
	}
	for (int fd = 0; fd < highest; fd++) {
		int error = 0;
		if (!is_target(spawn, fd)) {
			error = posix_spawn_file_actions_addclose(&plan->actions, fd);
		}
		if (error != 0) {
			return from_errno(error);
		}
	}
	return vtr_os_spawn_close_from(&plan->actions, highest + 1);
}

static enum vtr_err plan_signals(const struct vtr_os_spawn *spawn, struct plan *plan)
{
	short flags = (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | vtr_os_spawn_flags);
	sigset_t all;
	sigset_t none;

	sigfillset(&all);
	sigemptyset(&none);
	if (spawn->new_session) {
		flags |= POSIX_SPAWN_SETSID;
	}
	posix_spawnattr_setsigdefault(&plan->attr, &all);
	posix_spawnattr_setsigmask(&plan->attr, &none);
	int error = posix_spawnattr_setflags(&plan->attr, flags);
	return error != 0 ? from_errno(error) : VTR_OK;
}

/* Returns: whether both have the form NAME=... with the same name. */
static bool same_variable(const char *a, const char *b)
{
	size_t length = strcspn(a, "=");

	return strncmp(a, b, length) == 0 && b[length] == '=';
}

static bool is_replaced(const struct vtr_os_spawn *spawn, const char *variable)
{
	for (size_t i = 0; spawn->env_set != NULL && spawn->env_set[i] != NULL; i++) {
		if (same_variable(spawn->env_set[i], variable)) {
			return true;
		}
	}
	return false;
}

static enum vtr_err plan_env(const struct vtr_os_spawn *spawn, struct plan *plan)
{
	size_t count = 1;
	size_t at = 0;

	for (size_t i = 0; environ != NULL && environ[i] != NULL; i++) {
		count++;
	}
	for (size_t i = 0; spawn->env_set != NULL && spawn->env_set[i] != NULL; i++) {
		count++;
	}
	plan->env = calloc(count, sizeof(*plan->env));
	if (plan->env == NULL) {
		return VTR_ERR_NOMEM;
	}
	for (size_t i = 0; environ != NULL && environ[i] != NULL; i++) {
		if (!is_replaced(spawn, environ[i])) {
			plan->env[at++] = environ[i];
		}
	}
	for (size_t i = 0; spawn->env_set != NULL && spawn->env_set[i] != NULL; i++) {
		plan->env[at++] = (char *)spawn->env_set[i];
	}
	return VTR_OK;
}

static enum vtr_err start(const struct vtr_os_spawn *spawn, const struct plan *plan, pid_t *out_pid,
                          int *out_death_fd)
{
	pid_t pid;
	int error = posix_spawn(&pid, spawn->path, &plan->actions, &plan->attr, spawn->argv, plan->env);

	if (error != 0) {
		return from_errno(error);
	}
	enum vtr_err err = vtr_os_death_fd(pid, out_death_fd);
	if (err != VTR_OK) {
		/* Do not keep a child whose end cannot be noticed. */
		int saved_errno = errno;
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
		}
		errno = saved_errno;
		return err;
	}
	*out_pid = pid;
	return VTR_OK;
}

enum vtr_err vtr_os_spawn(const struct vtr_os_spawn *spawn, pid_t *out_pid, int *out_death_fd)
{
	struct plan plan = { .copy_count = 0 };
	enum vtr_err err;

	vtr_assert(spawn->fd_count <= VTR_OS_SPAWN_MAX_FDS);
	if (posix_spawn_file_actions_init(&plan.actions) != 0) {
		return VTR_ERR_NOMEM;
	}
	if (posix_spawnattr_init(&plan.attr) != 0) {
		posix_spawn_file_actions_destroy(&plan.actions);
		return VTR_ERR_NOMEM;
	}
	err = plan_fds(spawn, &plan);
	if (err == VTR_OK) {
		err = plan_signals(spawn, &plan);
	}
	if (err == VTR_OK) {
		err = plan_env(spawn, &plan);
	}
	if (err == VTR_OK) {
		err = start(spawn, &plan, out_pid, out_death_fd);
	}
	while (plan.copy_count > 0) {
		vtr_close(&plan.copies[--plan.copy_count]);
	}
	int saved_errno = errno;
	free(plan.env);
	posix_spawnattr_destroy(&plan.attr);
	posix_spawn_file_actions_destroy(&plan.actions);
	errno = saved_errno;
	return err;
}

enum vtr_err vtr_os_wait(pid_t pid, int *out_status)
{
	pid_t result;
	int status;

	do {
		result = waitpid(pid, &status, WNOHANG);
	} while (result < 0 && errno == EINTR);
	if (result == 0) {
		return VTR_ERR_AGAIN;
	}
	if (result < 0) {
		return VTR_ERR_GONE;
	}
	*out_status = status;
	return VTR_OK;
}

/* Lowers a limit, soft and hard; never raises it. */
static enum vtr_err lower_limit(int resource, uint64_t value)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0) {
		return VTR_ERR_OS;
	}
	if (limit.rlim_max == RLIM_INFINITY || value < limit.rlim_max) {
		limit.rlim_max = value;
	}
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(resource, &limit) == 0 ? VTR_OK : VTR_ERR_OS;
}

void vtr_os_raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

enum vtr_err vtr_os_limits(const struct vtr_os_limits *limits)
{
	enum vtr_err err = VTR_OK;

	if (limits->max_fds != 0) {
		err = lower_limit(RLIMIT_NOFILE, limits->max_fds);
	}
	/* A sanitizer's shadow memory is far larger than any sensible limit. */
	if (err == VTR_OK && limits->max_data_bytes != 0 && !VTR_ASAN && !VTR_TSAN) {
		err = lower_limit(RLIMIT_DATA, limits->max_data_bytes);
	}
	if (err == VTR_OK && limits->max_cpu_seconds != 0) {
		err = lower_limit(RLIMIT_CPU, limits->max_cpu_seconds);
	}
	if (err == VTR_OK && limits->no_core_dumps) {
		err = lower_limit(RLIMIT_CORE, 0);
	}
	return err == VTR_OK && limits->leave_others ? vtr_os_limit_shared() : err;
}
