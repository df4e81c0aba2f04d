/* SPDX-License-Identifier: MIT */
#include "pool/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/child.h"
#include "ipc/worker_protocol.h"
#include "platform/loop.h"
#include "platform/shm.h"
#include "platform/sock.h"
#include "test.h"
#include "vk/renderer_config.h"
#include "vk_gen.h"

/*
 * A worker that was taken over tells the supervisor what it must not. Its program is this one: the variable LIE says
 * what it tells.
 */

#define CLIENT_FD 5
/* More than the supervisor looks at. */
#define RING_COUNT (VTR_SUPERVISOR_MAX_RINGS + 36)

/* --- the worker ---------------------------------------------------------------------------------- */

static void tell(enum vtr_worker_op op, const void *payload, const int *fd)
{
	const struct vtr_ipc_parts parts = { .payload = payload, .fds = fd, .fd_count = fd ? 1 : 0 };

	(void)(vtr_ipc_send(VTR_CHILD_CONTROL_FD, vtr_worker_rules, op, &parts) == VTR_OK);
}

static void tell_ring(int fd, uint64_t ring_id, uint64_t status_offset)
{
	const struct vtr_worker_ring ring = { .ring_id = ring_id, .status_offset = status_offset };

	tell(VTR_WORKER_RING, &ring, &fd);
}

static int make_memory(void)
{
	int fd = -1;

	CHECK_OK(vtr_os_shm_create("rings", RING_COUNT * vtr_os_page_size(), &fd));
	return fd;
}

/* One in each page of memory that the client gets, too. Then it dies. */
static void tell_many_rings(void)
{
	char text = 'x';
	const struct iovec byte = { .iov_base = &text, .iov_len = 1 };
	const int fd = make_memory();

	CHECK_OK(vtr_os_sock_send(CLIENT_FD, &byte, 1, &fd, 1));
	for (uint64_t i = 0; i < RING_COUNT; i++) {
		tell_ring(fd, i, i * vtr_os_page_size() + 8);
	}
	(void)raise(SIGKILL);
}

static void tell_lie(const char *lie)
{
	const struct vtr_worker_ring ring = { .status_offset = 0 };
	const struct vtr_worker_fence_done done = { .fence_id = 1 };
	const uint64_t size = RING_COUNT * vtr_os_page_size();
	int read_only = -1;
	int ends[2];

	if (strcmp(lie, "many") == 0) {
		tell_many_rings();
	} else if (strcmp(lie, "odd") == 0) {
		tell_ring(make_memory(), 1, 2);
	} else if (strcmp(lie, "outside") == 0) {
		tell_ring(make_memory(), 1, size);
	} else if (strcmp(lie, "far") == 0) {
		tell_ring(make_memory(), 1, UINT64_MAX - 3);
	} else if (strcmp(lie, "shrinking") == 0) {
		const int fd = memfd_create("shrinks", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		CHECK_EQ(ftruncate(fd, (off_t)size), 0);
		tell_ring(fd, 1, 0);
	} else if (strcmp(lie, "pipe") == 0) {
		CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
		tell_ring(ends[0], 1, 0);
	} else if (strcmp(lie, "read-only") == 0) {
		int fd;
		int view_fd;

		CHECK_OK(vtr_os_shm_create_shown("test", size, &fd, &view_fd));
		CHECK_OK(vtr_os_shm_read_only(fd, view_fd, &read_only));
		tell_ring(read_only, 1, 0);
	} else if (strcmp(lie, "hostmem") == 0) {
		tell(VTR_WORKER_HOSTMEM_RING, &ring, NULL);
	} else if (strcmp(lie, "fence") == 0) {
		tell(VTR_WORKER_FENCE_DONE, &done, NULL);
	} else if (strcmp(lie, "garbage") == 0) {
		CHECK_EQ(write(VTR_CHILD_CONTROL_FD, "nonsense, and more of it", 24), 24);
	}
}

/* Whatever comes of it, it stays until it is killed. */
VTR_NORETURN static void lie(void)
{
	alarm(60);
	tell_lie(getenv("LIE"));
	for (;;) {
		pause();
	}
}

/* --- the supervisor and its client --------------------------------------------------------------- */

static struct vtr_os_loop *loop;
static char path[64];
static int client_fd;
static int memory_fd; /* what the worker gave to the client */

static void on_client(void *data, unsigned events)
{
	char bytes[64];
	size_t size;
	size_t count = 0;
	int fd = -1;

	(void)data;
	(void)events;
	enum vtr_err err = vtr_os_sock_recv_now(client_fd, bytes, sizeof(bytes), &size, &fd, 1, &count);
	if (err == VTR_OK && count == 1) {
		memory_fd = fd;
	} else if (err != VTR_OK && err != VTR_ERR_AGAIN) {
		vtr_os_loop_quit(loop);
	}
}

/* A client connects, and its worker tells that lie. Until the client is disconnected. Returns: the log. */
static const char *run(const char *name)
{
	static char text[1 << 16];
	static const struct vtr_renderer_config config;
	struct vtr_supervisor *supervisor;
	struct vtr_os_loop_fd *watch;
	struct vtr_log *log;
	char variable[32];
	const char *const env[] = { variable, NULL };
	int listen_fd = -1;
	int pipe_fds[2];

	printf("  %s\n", name);
	snprintf(variable, sizeof(variable), "LIE=%s", name);
	memory_fd = -1;
	CHECK_EQ(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	CHECK_OK(vtr_log_create(NULL, pipe_fds[1], NULL, &log));
	CHECK_OK(vtr_os_loop_create(&loop));
	CHECK_OK(vtr_os_sock_listen(path, 0600, 4, &listen_fd));
	const struct vtr_supervisor_params params = {
		.log = log,
		.loop = loop,
		.spawner = { .program = "/proc/self/exe", .env = env, .config = &config },
		.max_clients = 1,
		.memory_limit = 1 << 20,
	};
	CHECK_OK(vtr_supervisor_create(&params, &supervisor));
	CHECK_OK(vtr_supervisor_listen(supervisor, listen_fd));
	CHECK_OK(vtr_os_sock_connect(path, &client_fd));
	CHECK_EQ(write(client_fd, "x", 1), 1);
	CHECK_OK(vtr_os_loop_add_fd(loop, client_fd, true, false, on_client, NULL, &watch));
	CHECK_OK(vtr_os_loop_run(loop));
	vtr_os_loop_remove(&watch);
	vtr_close(&client_fd);
	vtr_supervisor_destroy(supervisor);
	vtr_os_loop_destroy(loop);
	vtr_log_destroy(log);
	vtr_close(&listen_fd);
	ssize_t size = read(pipe_fds[0], text, sizeof(text) - 1);
	text[size > 0 ? size : 0] = '\0';
	vtr_close(&pipe_fds[0]);
	vtr_close(&pipe_fds[1]);
	return text;
}

static void check_liar(const char *lie)
{
	const char *log = run(lie);

	if (!strstr(log, "broke the protocol") || strstr(log, "died of signal")) {
		test_fail(__FILE__, __LINE__, log);
	}
}

/* At once: nothing else would end them before their alarm. */
static void liars_are_killed(void)
{
	static const char *const lies[] = { "odd",       "outside", "far",   "pipe",
		                            "read-only", "hostmem", "fence", "garbage" };

	for (size_t i = 0; i < VTR_ARRAY_LEN(lies); i++) {
		check_liar(lies[i]);
	}
}

static void memory_that_can_shrink_is_a_lie(void)
{
	check_liar("shrinking");
}

/* Its client's rings report that they are broken, but the supervisor maps no more than it promises. */
static void few_rings_of_many_are_looked_at(void)
{
	const size_t page = vtr_os_page_size();
	void *map;

	CHECK(strstr(run("many"), "died of signal 9") != NULL);
	CHECK(memory_fd >= 0);
	CHECK_OK(vtr_os_shm_map(memory_fd, 0, RING_COUNT * page, false, &map));
	for (size_t i = 0; i < RING_COUNT; i++) {
		const uint32_t wanted = i < VTR_SUPERVISOR_MAX_RINGS ? VK_RING_STATUS_FATAL_BIT_MESA : 0;
		CHECK_EQ(*(const uint32_t *)(const void *)((const char *)map + i * page + 8), wanted);
	}
	vtr_os_shm_unmap(map, RING_COUNT * page);
	vtr_close(&memory_fd);
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/vitrine-test-XXXXXX";

	if (argc > 1 && strcmp(argv[1], "worker") == 0) {
		lie();
	}
	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/sock", dir);
	RUN(liars_are_killed);
	RUN(memory_that_can_shrink_is_a_lie);
	RUN(few_rings_of_many_are_looked_at);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(rmdir(dir), 0);
	return 0;
}
