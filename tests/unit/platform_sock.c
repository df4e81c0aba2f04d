/* SPDX-License-Identifier: MIT */
#include "platform/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "base/mem.h"
#include "platform/thread.h"
#include "test.h"

static char dir[64];
static char path[128];

static void send_bytes(int fd, const char *text, const int *fds, size_t fd_count)
{
	struct iovec iov = { .iov_base = (void *)text, .iov_len = strlen(text) };

	CHECK_OK(vtr_os_sock_send(fd, &iov, 1, fds, fd_count));
}

static void close_both(int fds[2])
{
	vtr_close(&fds[0]);
	vtr_close(&fds[1]);
}

static void listen_and_connect(void)
{
	int listener = -1;
	int client = -1;
	int server = -1;
	char buf[8];
	size_t size;
	pid_t pid;
	uid_t uid;
	struct stat st;

	CHECK_OK(vtr_os_sock_listen(path, 0600, 4, &listener));
	CHECK_EQ(lstat(path, &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK_ERR(vtr_os_sock_accept(listener, &server), VTR_ERR_AGAIN);
	CHECK_OK(vtr_os_sock_connect(path, &client));
	CHECK_OK(vtr_os_sock_accept(listener, &server));
	CHECK((fcntl(client, F_GETFD) & FD_CLOEXEC) != 0);
	CHECK((fcntl(server, F_GETFD) & FD_CLOEXEC) != 0);
	CHECK((fcntl(server, F_GETFL) & O_NONBLOCK) == 0);
	CHECK_OK(vtr_os_sock_peer(server, &pid, &uid));
	CHECK(pid == getpid() || pid == 0); /* not all systems tell */
	CHECK_EQ(uid, getuid());
	send_bytes(client, "hello", NULL, 0);
	CHECK_OK(vtr_os_sock_recv(server, buf, sizeof(buf), &size, NULL, 0, NULL));
	CHECK(size == 5 && memcmp(buf, "hello", 5) == 0);
	vtr_close(&client);
	CHECK_ERR(vtr_os_sock_recv(server, buf, sizeof(buf), &size, NULL, 0, NULL), VTR_ERR_GONE);
	vtr_close(&server);
	vtr_close(&listener);
}

static void replaces_what_a_dead_server_left(void)
{
	int first = -1;
	int second = -1;

	CHECK_ERR(vtr_os_sock_connect(path, &first), VTR_ERR_GONE); /* left by the test before */
	CHECK_OK(vtr_os_sock_listen(path, 0600, 4, &first));
	CHECK_ERR(vtr_os_sock_listen(path, 0600, 4, &second), VTR_ERR_OS);
	CHECK_EQ(errno, EADDRINUSE);
	vtr_close(&first);
	/* The umask does not matter, neither now nor afterwards. */
	const mode_t mask = umask(077);
	CHECK_OK(vtr_os_sock_listen(path, 0666, 4, &second));
	CHECK_EQ(umask(mask), 077);
	struct stat st;
	CHECK_EQ(lstat(path, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0666);
	vtr_close(&second);
	CHECK_EQ(unlink(path), 0);
	CHECK_ERR(vtr_os_sock_connect(path, &first), VTR_ERR_OS);
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(first, -1);
}

/* Between bind() and a change of the mode by name, another user of a shared folder could put a link to one of our files
 * there. These replace the C library's. */
int chmod(const char *name, mode_t mode)
{
	(void)name;
	(void)mode;
	CHECK(!"chmod() follows a name");
	return 0;
}

int fchmodat(int folder, const char *name, mode_t mode, int flags)
{
	(void)folder;
	(void)name;
	(void)mode;
	(void)flags;
	CHECK(!"fchmodat() follows a name");
	return 0;
}

static void leaves_other_files_alone(void)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	int listener = -1;
	struct stat st;

	CHECK(fd >= 0);
	vtr_close(&fd);
	CHECK_ERR(vtr_os_sock_listen(path, 0600, 4, &listener), VTR_ERR_OS);
	CHECK_EQ(errno, EADDRINUSE);
	CHECK_EQ(lstat(path, &st), 0);
	CHECK(S_ISREG(st.st_mode));
	CHECK_EQ(unlink(path), 0);
	/* Not even through a link. */
	CHECK_EQ(symlink("/nonexistent/target", path), 0);
	CHECK_ERR(vtr_os_sock_listen(path, 0600, 4, &listener), VTR_ERR_OS);
	CHECK_EQ(unlink(path), 0);
}

static void refuses_bad_paths(void)
{
	char longest[200];
	int fd = -1;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	CHECK_ERR(vtr_os_sock_listen(longest, 0600, 4, &fd), VTR_ERR_OS);
	CHECK_EQ(errno, ENAMETOOLONG);
	CHECK_ERR(vtr_os_sock_connect(longest, &fd), VTR_ERR_OS);
	CHECK_ERR(vtr_os_sock_listen("", 0600, 4, &fd), VTR_ERR_OS);
	CHECK_ERR(vtr_os_sock_listen("/nonexistent/x.sock", 0600, 4, &fd), VTR_ERR_OS);
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(fd, -1);
}

static void passes_fds(void)
{
	int ends[2];
	int pipes[2];
	int got[4] = { -1, -1, -1, -1 };
	size_t count = 9;
	size_t size;
	char buf[16];

	CHECK_OK(vtr_os_sock_pair(ends));
	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	send_bytes(ends[0], "fds", pipes, 2);
	CHECK_OK(vtr_os_sock_recv(ends[1], buf, sizeof(buf), &size, got, 4, &count));
	CHECK_EQ(size, 3);
	CHECK_EQ(count, 2);
	CHECK((fcntl(got[0], F_GETFD) & FD_CLOEXEC) != 0);
	CHECK((fcntl(got[1], F_GETFD) & FD_CLOEXEC) != 0);
	CHECK_EQ(write(got[1], "x", 1), 1);
	CHECK_EQ(read(pipes[0], buf, 1), 1);
	send_bytes(ends[0], "none", NULL, 0);
	CHECK_OK(vtr_os_sock_recv(ends[1], buf, sizeof(buf), &size, got, 4, &count));
	CHECK_EQ(count, 0);
	vtr_close(&got[0]);
	vtr_close(&got[1]);
	close_both(pipes);
	close_both(ends);
}

static void closes_fds_it_has_no_room_for(void)
{
	int many[VTR_OS_SOCK_MAX_FDS];
	int before = test_count_fds();
	int ends[2];
	int got[2] = { -1, -1 };
	size_t count = 9;
	size_t size = 9;
	char buf[16];

	CHECK_OK(vtr_os_sock_pair(ends));
	for (size_t i = 0; i < VTR_ARRAY_LEN(many); i++) {
		many[i] = STDERR_FILENO;
	}
	send_bytes(ends[0], "many", many, VTR_ARRAY_LEN(many));
	CHECK_ERR(vtr_os_sock_recv(ends[1], buf, sizeof(buf), &size, got, 2, &count), VTR_ERR_PROTOCOL);
	send_bytes(ends[0], "none", many, 1);
	CHECK_ERR(vtr_os_sock_recv(ends[1], buf, sizeof(buf), &size, NULL, 0, NULL), VTR_ERR_PROTOCOL);
	CHECK_EQ(count, 9);
	CHECK_EQ(size, 9);
	/* Those never read end with the socket. */
	send_bytes(ends[0], "late", many, 2);
	close_both(ends);
	CHECK_EQ(test_count_fds(), before);
}

static void says_when_the_process_is_full(void)
{
	struct rlimit limit;
	int ends[2];
	int got[4];
	int three[3] = { STDERR_FILENO, STDERR_FILENO, STDERR_FILENO };
	size_t count;
	size_t size;
	char buf[16];

	CHECK_OK(vtr_os_sock_pair(ends));
	send_bytes(ends[0], "full", three, 3);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	struct rlimit small = { .rlim_cur = (rlim_t)ends[1] + 2, .rlim_max = limit.rlim_max };
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &small), 0);
	enum vtr_err err = vtr_os_sock_recv(ends[1], buf, sizeof(buf), &size, got, 4, &count);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_ERR(err, VTR_ERR_LIMIT);
	close_both(ends);
}

struct reader {
	int fd;
	size_t total;
	size_t fds;
	bool in_order;
};

static void read_all(void *data)
{
	struct reader *reader = data;
	uint8_t buf[10000];
	int fds[4];
	size_t count;
	size_t size;

	while (vtr_os_sock_recv(reader->fd, buf, sizeof(buf), &size, fds, 4, &count) == VTR_OK) {
		for (size_t i = 0; i < size; i++) {
			reader->in_order &= buf[i] == (uint8_t)((reader->total + i) % 251);
		}
		reader->total += size;
		reader->fds += count;
		while (count > 0) {
			vtr_close(&fds[--count]);
		}
	}
}

/* More than the socket holds, in parts of odd sizes: the fds are sent exactly once. */
static void sends_all(void)
{
	static uint8_t bytes[3000000];
	struct reader reader = { .in_order = true };
	struct vtr_os_thread thread;
	int stderr_fd = STDERR_FILENO;
	int ends[2];

	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(i % 251);
	}
	CHECK_OK(vtr_os_sock_pair(ends));
	reader.fd = ends[1];
	CHECK_OK(vtr_os_thread_create(&thread, "reader", read_all, &reader));
	struct iovec iov[] = {
		{ bytes, 1 },
		{ bytes + 1, 0 },
		{ bytes + 1, 999999 },
		{ bytes + 1000000, 2000000 },
	};
	CHECK_OK(vtr_os_sock_send(ends[0], iov, VTR_ARRAY_LEN(iov), &stderr_fd, 1));
	vtr_close(&ends[0]);
	vtr_os_thread_join(&thread);
	CHECK_EQ(reader.total, sizeof(bytes));
	CHECK_EQ(reader.fds, 1);
	CHECK(reader.in_order);
	CHECK_EQ(iov[3].iov_len, 2000000); /* the caller's parts are not changed */
	vtr_close(&ends[1]);
}

static void tells_a_dead_peer(void)
{
	struct iovec iov = { .iov_base = (void *)"x", .iov_len = 1 };
	int ends[2];
	char buf[4];
	size_t size;

	CHECK_OK(vtr_os_sock_pair(ends));
	vtr_close(&ends[1]);
	CHECK_ERR(vtr_os_sock_send(ends[0], &iov, 1, NULL, 0), VTR_ERR_GONE); /* and no SIGPIPE */
	vtr_close(&ends[0]);
	/* A peer that closes with something unread resets the connection. */
	CHECK_OK(vtr_os_sock_pair(ends));
	send_bytes(ends[0], "unread", NULL, 0);
	vtr_close(&ends[1]);
	CHECK_ERR(vtr_os_sock_recv(ends[0], buf, sizeof(buf), &size, NULL, 0, NULL), VTR_ERR_GONE);
	vtr_close(&ends[0]);
}

static void does_not_wait_where_told(void)
{
	static char big[1 << 20];
	struct iovec iov = { .iov_base = big, .iov_len = sizeof(big) };
	struct timeval timeout = { .tv_usec = 5000 };
	int ends[2];
	char buf[4];
	size_t size;

	CHECK_OK(vtr_os_sock_pair(ends));
	CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)), 0);
	CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
	CHECK_ERR(vtr_os_sock_recv(ends[0], buf, sizeof(buf), &size, NULL, 0, NULL), VTR_ERR_AGAIN);
	CHECK_ERR(vtr_os_sock_send(ends[0], &iov, 1, NULL, 0), VTR_ERR_AGAIN);
	close_both(ends);
}

/* What does not wait, whatever the socket is like. */
static void sends_and_receives_now(void)
{
	static char bytes[1 << 20];
	struct iovec part = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	char got[4096];
	int fds[4] = { -1, -1, -1, -1 };
	size_t fd_count = 0;
	size_t size;
	size_t sent;
	int ends[2];

	CHECK_OK(vtr_os_sock_pair(ends));
	CHECK_ERR(vtr_os_sock_recv_now(ends[1], got, sizeof(got), &size, NULL, 0, NULL), VTR_ERR_AGAIN);
	CHECK_OK(vtr_os_sock_send_now(ends[0], &part, 1, ends, 2, &sent));
	CHECK(sent > 0 && sent < sizeof(bytes));
	size_t in_all = sent;
	while (vtr_os_sock_send_now(ends[0], &part, 1, NULL, 0, &sent) == VTR_OK) {
		in_all += sent;
	}
	CHECK_ERR(vtr_os_sock_send_now(ends[0], &part, 1, ends, 2, &sent), VTR_ERR_AGAIN);
	CHECK_OK(vtr_os_sock_recv_now(ends[1], got, sizeof(got), &size, fds, 4, &fd_count));
	CHECK_EQ(fd_count, 2);
	vtr_close(&fds[0]);
	vtr_close(&fds[1]);
	size_t received = size;
	while (vtr_os_sock_recv_now(ends[1], got, sizeof(got), &size, fds, 4, &fd_count) == VTR_OK) {
		CHECK_EQ(fd_count, 0); /* those of the send that took nothing did not go */
		received += size;
	}
	CHECK_EQ(received, in_all);
	vtr_close(&ends[1]);
	CHECK_ERR(vtr_os_sock_send_now(ends[0], &part, 1, NULL, 0, &sent), VTR_ERR_GONE);
	CHECK_ERR(vtr_os_sock_recv_now(ends[0], got, sizeof(got), &size, NULL, 0, NULL), VTR_ERR_GONE);
	vtr_close(&ends[0]);
}

static void knows_what_is_unread(void)
{
	char got[4];
	int ends[2];
	size_t unread;
	size_t size;

	CHECK_OK(vtr_os_sock_pair(ends));
	CHECK_OK(vtr_os_sock_unread(ends[0], &unread));
	CHECK_EQ(unread, 0);
	send_bytes(ends[0], "x", NULL, 0);
	send_bytes(ends[0], "y", ends, 1);
	CHECK_OK(vtr_os_sock_unread(ends[0], &unread));
	CHECK(unread >= 2);
	/* A peer that shuts down keeps what it has not read. */
	CHECK_EQ(shutdown(ends[1], SHUT_RDWR), 0);
	CHECK_OK(vtr_os_sock_unread(ends[0], &unread));
	CHECK(unread >= 2);
	CHECK_EQ(recv(ends[1], got, 1, 0), 1);
	CHECK_EQ(recv(ends[1], got, 1, 0), 1);
	CHECK_OK(vtr_os_sock_unread(ends[0], &unread));
	CHECK_EQ(unread, 0);
	CHECK_ERR(vtr_os_sock_recv(ends[0], got, 1, &size, NULL, 0, NULL), VTR_ERR_GONE);
	close_both(ends);

	CHECK_OK(vtr_os_sock_pair(ends));
	send_bytes(ends[0], "x", NULL, 0);
	vtr_close(&ends[1]);
	CHECK_OK(vtr_os_sock_unread(ends[0], &unread));
	CHECK_EQ(unread, 0);
	vtr_close(&ends[0]);
}

int main(void)
{
	int fds = test_count_fds();

	test_make_dir(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/test.sock", dir);
	RUN(listen_and_connect);
	RUN(replaces_what_a_dead_server_left);
	RUN(leaves_other_files_alone);
	RUN(refuses_bad_paths);
	RUN(passes_fds);
	RUN(closes_fds_it_has_no_room_for);
	RUN(says_when_the_process_is_full);
	RUN(sends_all);
	RUN(tells_a_dead_peer);
	RUN(does_not_wait_where_told);
	RUN(sends_and_receives_now);
	RUN(knows_what_is_unread);
	CHECK_EQ(rmdir(dir), 0);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
