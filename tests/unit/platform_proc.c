/* SPDX-License-Identifier: MIT */
#include "platform/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "test.h"

/* This program starts itself: its first argument says what to do then. */
static char self[PATH_MAX];
static int null_fd;

/* Waits for the child's end, reaps it, and closes the death fd. */
static int wait_for(pid_t pid, int *death_fd)
{
	struct pollfd pollfd = { .fd = *death_fd, .events = POLLIN };
	int status = -1;

	CHECK_EQ(poll(&pollfd, 1, 20000), 1);
	CHECK_OK(vtr_os_wait(pid, &status));
	CHECK_ERR(vtr_os_wait(pid, &status), VTR_ERR_GONE);
	vtr_close(death_fd);
	return status;
}

static pid_t start(const char *what, const struct vtr_os_spawn_fd *fds, size_t fd_count,
                   const char *const *env, bool new_session, int *out_death_fd)
{
	char *argv[] = { self, (char *)what, NULL };
	const struct vtr_os_spawn spawn = {
		.path = self,
		.argv = argv,
		.fds = fds,
		.fd_count = fd_count,
		.new_session = new_session,
		.env_set = env,
	};
	pid_t pid = -1;

	CHECK_OK(vtr_os_spawn(&spawn, &pid, out_death_fd));
	CHECK(pid > 0);
	return pid;
}

static void child_status(void)
{
	const struct vtr_os_spawn_fd fds[] = { { 2, 2 } };
	int death_fd = -1;
	pid_t pid = start("exit-7", fds, 1, NULL, false, &death_fd);
	int status = wait_for(pid, &death_fd);

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	pid = start("hang", fds, 1, NULL, false, &death_fd);
	CHECK_ERR(vtr_os_wait(pid, &status), VTR_ERR_AGAIN);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	status = wait_for(pid, &death_fd);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void no_such_program(void)
{
	char *argv[] = { (char *)"x", NULL };
	const struct vtr_os_spawn spawn = { .path = "/nonexistent", .argv = argv };
	int before = test_count_fds();
	int death_fd = -1;
	pid_t pid = -1;

	CHECK_ERR(vtr_os_spawn(&spawn, &pid, &death_fd), VTR_ERR_OS);
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(pid, -1);
	CHECK_EQ(death_fd, -1);
	CHECK_EQ(test_count_fds(), before);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

/* What a child says of itself, on its fd 1. */
static const char *ask(const char *what, const struct vtr_os_spawn_fd *more, size_t more_count,
                       const char *const *env, bool new_session)
{
	static char answer[1024];
	struct vtr_os_spawn_fd fds[8] = { { 2, 2 } };
	size_t total = 0;
	size_t size;
	int death_fd = -1;
	int ends[2];

	CHECK_OK(vtr_os_sock_pair(ends));
	fds[1] = (struct vtr_os_spawn_fd){ ends[1], 1 };
	for (size_t i = 0; i < more_count; i++) {
		fds[2 + i] = more[i];
	}
	pid_t pid = start(what, fds, 2 + more_count, env, new_session, &death_fd);
	vtr_close(&ends[1]);
	while (vtr_os_sock_recv(ends[0], answer + total, sizeof(answer) - 1 - total, &size, NULL, 0, NULL) ==
	       VTR_OK) {
		total += size;
	}
	answer[total] = '\0';
	vtr_close(&ends[0]);
	CHECK_EQ(wait_for(pid, &death_fd), 0);
	return answer;
}

static void child_gets_its_fds_and_no_others(void)
{
	int inherited = open("/dev/null", O_RDONLY); /* without close-on-exec */
	int high = fcntl(inherited, F_DUPFD, 600);

	CHECK(inherited >= 0 && high >= 600);
	CHECK_STR(ask("fds", NULL, 0, NULL, false), "1 2 ");
	const struct vtr_os_spawn_fd some[] = { { null_fd, 0 }, { null_fd, 5 }, { high, 3 } };
	CHECK_STR(ask("fds", some, 3, NULL, false), "0 1 2 3 5 ");
	vtr_close(&inherited);
	vtr_close(&high);
}

/* The numbers of the two ends are swapped in the child: neither may overwrite the other. */
static void fds_may_cross(void)
{
	int pipes[2];
	char byte = 0;

	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	const struct vtr_os_spawn_fd crossed[] = { { pipes[0], pipes[1] }, { pipes[1], pipes[0] } };
	char variable[32];
	snprintf(variable, sizeof(variable), "FDS=%d", pipes[0]);
	const char *const env[] = { variable, NULL };
	CHECK_STR(ask("write", crossed, 2, env, false), "wrote");
	CHECK_EQ(read(pipes[0], &byte, 1), 1);
	CHECK_EQ(byte, 'w');
	vtr_close(&pipes[0]);
	vtr_close(&pipes[1]);
}

static void child_gets_an_environment(void)
{
	CHECK_EQ(setenv("VTR_TEST_A", "old", 1), 0);
	CHECK_EQ(setenv("VTR_TEST_AB", "kept", 1), 0);
	CHECK_STR(ask("env", NULL, 0, NULL, false), "A=old AB=kept B= ");
	const char *const env[] = { "VTR_TEST_A=new", "VTR_TEST_B=added", NULL };
	CHECK_STR(ask("env", NULL, 0, env, false), "A=new AB=kept B=added ");
}

static void child_has_default_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_STR(ask("signals", NULL, 0, NULL, false), "none blocked, none ignored");
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGPIPE, SIG_DFL);
}

static void child_gets_a_session(void)
{
	CHECK_STR(ask("session", NULL, 0, NULL, false), "not leader");
	CHECK_STR(ask("session", NULL, 0, NULL, true), "leader");
}

static void death_with_the_parent(void)
{
	char byte;
	int pipes[2];
	int death_fd = -1;

	/* The grandchild holds the pipe for as long as it lives. */
	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	const struct vtr_os_spawn_fd fds[] = { { 2, 2 }, { pipes[1], 3 } };
	pid_t pid = start("orphan", fds, 2, NULL, false, &death_fd);
	vtr_close(&pipes[1]);
	CHECK_EQ(read(pipes[0], &byte, 1), 1); /* it has asked for it */
	if (byte == 'u') {
		printf("this system cannot\n");
	}
	CHECK_EQ(kill(pid, SIGKILL), 0);
	wait_for(pid, &death_fd);
	CHECK_EQ(read(pipes[0], &byte, 1), 0);
	vtr_close(&pipes[0]);
}

static void limits(void)
{
	CHECK_STR(ask("limits", NULL, 0, NULL, false), "ok");
}

static int child_limits(void)
{
	const struct vtr_os_limits some = {
		.max_fds = 20,
		.max_data_bytes = 1 << 30,
		.no_core_dumps = true,
	};
	const struct vtr_os_limits more = { .max_fds = 1000 };
	struct rlimit fds;
	struct rlimit data;
	struct rlimit core;

	CHECK_OK(vtr_os_limits(&some));
	CHECK_OK(vtr_os_limits(&more)); /* never up again */
	getrlimit(RLIMIT_NOFILE, &fds);
	getrlimit(RLIMIT_DATA, &data);
	getrlimit(RLIMIT_CORE, &core);
	CHECK(fds.rlim_max == 20 && fds.rlim_cur == 20);
	if (!VTR_ASAN && !VTR_TSAN) {
		CHECK(data.rlim_max == 1 << 30 && data.rlim_cur == 1 << 30);
	}
	CHECK(core.rlim_max == 0 && core.rlim_cur == 0);
	dprintf(1, "ok");
	return 0;
}

static int child_fds(void)
{
	for (int fd = 0; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) >= 0) {
			dprintf(1, "%d ", fd);
		}
	}
	return 0;
}

static const char *value(const char *name)
{
	const char *text = getenv(name);

	return text != NULL ? text : "";
}

static int child_signals(void)
{
	sigset_t mask;
	const char *ignored = "none";
	const char *blocked = "none";

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int signo = 1; signo < 32; signo++) {
		struct sigaction action;
		sigaction(signo, NULL, &action);
		if (action.sa_handler == SIG_IGN) {
			ignored = "some";
		}
		if (sigismember(&mask, signo)) {
			blocked = "some";
		}
	}
	dprintf(1, "%s blocked, %s ignored", blocked, ignored);
	return 0;
}

/* Starts one that ends with us, and waits to be killed. */
static int child_orphan(void)
{
	const struct vtr_os_spawn_fd fds[] = { { 2, 2 }, { 3, 3 } };
	int death_fd = -1;

	start("bound", fds, 2, NULL, false, &death_fd);
	int mine = 3;
	vtr_close(&mine);
	pause();
	return 0;
}

static int child(const char *what)
{
	if (strcmp(what, "exit-7") == 0) {
		return 7;
	} else if (strcmp(what, "hang") == 0) {
		pause();
	} else if (strcmp(what, "fds") == 0) {
		return child_fds();
	} else if (strcmp(what, "write") == 0) {
		/* fd FDS is the writing end here. */
		CHECK_EQ(write(atoi(value("FDS")), "w", 1), 1);
		dprintf(1, "wrote");
	} else if (strcmp(what, "env") == 0) {
		dprintf(1, "A=%s AB=%s B=%s ", value("VTR_TEST_A"), value("VTR_TEST_AB"),
		        value("VTR_TEST_B"));
	} else if (strcmp(what, "signals") == 0) {
		return child_signals();
	} else if (strcmp(what, "session") == 0) {
		dprintf(1, "%s", getsid(0) == getpid() ? "leader" : "not leader");
	} else if (strcmp(what, "orphan") == 0) {
		return child_orphan();
	} else if (strcmp(what, "bound") == 0) {
		const enum vtr_err err = vtr_os_die_with_parent();
		CHECK(err == VTR_OK || err == VTR_ERR_UNSUPPORTED);
		CHECK_EQ(write(3, err == VTR_OK ? "x" : "u", 1), 1);
		if (err == VTR_OK) {
			pause();
		}
	} else if (strcmp(what, "limits") == 0) {
		return child_limits();
	}
	return 0;
}

static void own_path(void)
{
	char small[4] = "abc";

	CHECK(self[0] == '/');
	CHECK_EQ(access(self, X_OK), 0);
	CHECK_ERR(vtr_os_self_path(small, sizeof(small)), VTR_ERR_OS);
	CHECK_EQ(errno, ENAMETOOLONG);
}

static void bits_have_names(void)
{
	for (uint32_t bit = 1; bit <= VTR_OS_SANDBOX_ALL; bit <<= 1) {
		CHECK(strcmp(vtr_os_sandbox_name((enum vtr_os_sandbox)bit), "?") != 0);
	}
}

int main(int argc, char **argv)
{
	CHECK_OK(vtr_os_self_path(self, sizeof(self)));
	if (argc > 1) {
		return child(argv[1]);
	}
	int fds = test_count_fds();
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	CHECK(null_fd >= 0);
	RUN(bits_have_names);
	RUN(own_path);
	RUN(child_status);
	RUN(no_such_program);
	RUN(child_gets_its_fds_and_no_others);
	RUN(fds_may_cross);
	RUN(child_gets_an_environment);
	RUN(child_has_default_signals);
	RUN(child_gets_a_session);
	RUN(death_with_the_parent);
	RUN(limits);
	vtr_close(&null_fd);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
