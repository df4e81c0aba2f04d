/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "ipc/hang_up.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "test.h"
#include "unit/fake_venus.h"
#include "vk/renderer_config.h"
#include "vtest/vtest.h"

/* The serving loop in a thread, with a renderer that does nothing; the client is this thread. */
static int client;
static int server;
static struct vtr_venus *venus; /* the context of the last handshake */
static struct vtr_os_thread thread;
static enum vtr_err result;

/* How long the serving thread waits, when it does. */
static atomic_int waits_ms;

int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	if (fds->fd == server) {
		atomic_store(&waits_ms, timeout_ms);
	}
	return __real_poll(fds, count, timeout_ms);
}

static void ignore_ring(void *data, uint64_t ring_id, bool created, int fd, uint64_t status_offset)
{
	(void)data;
	(void)ring_id;
	(void)created;
	(void)fd;
	(void)status_offset;
}

static void ignore_ending(void *data, enum vtr_err why)
{
	(void)data;
	(void)why;
}

static void note_context(void *data, struct vtr_venus *made)
{
	(void)data;
	venus = made;
}

static void ignore_device(void *data, const char *name)
{
	(void)data;
	(void)name;
}

static const struct vtr_vtest_events events = {
	.ring = ignore_ring, .device = ignore_device, .context = note_context, .ending = ignore_ending
};

static void serve(void *arg)
{
	const struct vtr_renderer_config config = { .handshake_timeout_ms = *(const uint32_t *)arg };
	const struct vtr_vtest_params params = {
		.fd = server,
		.config = &config,
		.events = &events,
	};
	result = vtr_vtest_serve(&params);
}

static void say(const uint32_t *words, size_t count)
{
	CHECK_EQ(send(client, words, count * 4, MSG_NOSIGNAL), (ssize_t)count * 4);
}

#define SAY(...) say((const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static void hear(uint32_t *words, size_t count)
{
	CHECK_EQ(recv(client, words, count * 4, MSG_WAITALL), (ssize_t)count * 4);
}

static int hear_fd(void)
{
	char byte;
	int fd = -1;
	size_t size;
	size_t fd_count;

	CHECK_OK(vtr_os_sock_recv(client, &byte, 1, &size, &fd, 1, &fd_count));
	CHECK_EQ(fd_count, 1);
	return fd;
}

/* For a handshake; long, so that a busy machine ends none. */
enum { HANDSHAKE_MS = 60000 };
static uint32_t handshake_ms = HANDSHAKE_MS;

static void begin(bool handshake)
{
	static const char name[] = { 2, 0, 0, 0, 8, 0, 0, 0, 'x', 0 };
	uint32_t reply[3];
	int ends[2];

	fake_venus_reset();
	CHECK_OK(vtr_os_sock_pair(ends));
	client = ends[0];
	server = ends[1];
	CHECK_OK(vtr_os_thread_create(&thread, "serve", serve, &handshake_ms));
	if (handshake) {
		CHECK_EQ(write(client, name, sizeof(name)), sizeof(name));
		SAY(1, 11, 4);
		hear(reply, 3);
		CHECK_EQ(reply[2], 4);
		SAY(1, 17, 4);
	}
}

static void end(enum vtr_err wanted)
{
	vtr_os_thread_join(&thread);
	CHECK_ERR(result, wanted);
	CHECK_EQ(fake_venus.contexts, 0);
	CHECK_EQ(fake_venus.resources, 0);
	vtr_close(&client);
	vtr_close(&server);
}

static void ends_with_the_client(void)
{
	begin(true);
	vtr_close(&client);
	end(VTR_OK);
	CHECK(!fake_venus.killed);
}

/* What the worker's watch does when the supervisor dies, in a thread of its own. */
static void ends_when_it_is_hung_up(void)
{
	begin(true);
	uint32_t reply[3];
	SAY(2, 19, 0, 0);
	hear(reply, 3);
	CHECK(venus != NULL);
	vtr_vtest_hang_up(server);
	end(VTR_OK);
	begin(false);
	vtr_vtest_hang_up(server);
	end(VTR_OK);
}

static void ends_with_the_renderer(void)
{
	uint32_t reply[3];

	begin(true);
	SAY(2, 19, 0, 0);
	hear(reply, 3);
	fake_venus_die();
	end(VTR_ERR_PROTOCOL);
	begin(true);
	fake_venus.refuse_submit = true;
	SAY(10, 24, 1, 1, 9, 1, 10, 0, 0, 0, 0, 178);
	end(VTR_ERR_PROTOCOL);
	CHECK_EQ(fake_venus.submitted, 4);
}

/* All that was said before has been handled when this has come back. */
static void round_trip(void)
{
	uint32_t reply[4];

	SAY(1, 15, 1);
	hear(reply, 4);
	CHECK_EQ(reply[1], 15);
}

static void limits_the_handshake(void)
{
	int64_t start_ns = vtr_os_now_ns();

	handshake_ms = 300;
	begin(false);
	end(VTR_ERR_PROTOCOL);
	CHECK(vtr_os_now_ns() - start_ns >= 300000000);
	CHECK(atomic_load(&waits_ms) > 0);
	handshake_ms = HANDSHAKE_MS;
	/* Then there is no limit. */
	start_ns = vtr_os_now_ns();
	begin(true);
	round_trip();
	while (atomic_load(&waits_ms) != -1) {
		CHECK(vtr_os_now_ns() - start_ns < INT64_C(30000000000));
		vtr_os_yield();
	}
	vtr_close(&client);
	end(VTR_OK);
}

static void refuses_blobs_without_dropping_the_client(void)
{
	static const enum vtr_err errors[] = { VTR_ERR_LIMIT, VTR_ERR_INVALID, VTR_ERR_UNSUPPORTED,
		                               VTR_ERR_NOMEM, VTR_ERR_OS };
	uint32_t reply[3];

	begin(true);
	for (size_t i = 0; i < VTR_ARRAY_LEN(errors); i++) {
		fake_venus.blob_err = errors[i];
		SAY(6, 18, 2, 1, 4096, 0, 0, 0);
		hear(reply, 3);
		CHECK_EQ(reply[1], 18);
		CHECK(reply[2] > 0);
		int fd = hear_fd();
		CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
		vtr_close(&fd);
		SAY(1, 3, reply[2]);
	}
	fake_venus.blob_err = VTR_OK;
	SAY(6, 18, 2, 1, 4096, 0, 0, 0);
	hear(reply, 3);
	int fd = hear_fd();
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	munmap(map, 4096);
	vtr_close(&fd);
	vtr_close(&client);
	end(VTR_OK);
}

/* A fence of a queue, retired by another thread while the client sleeps in poll(). */
static void wakes_waits_by_fences(void)
{
	uint32_t reply[3];

	begin(true);
	fake_venus.hold_fences = true;
	SAY(2, 19, 0, 0);
	hear(reply, 3);
	uint32_t sync = reply[2];
	SAY(12, 24, 1, 1, 9, 0, 9, 1, 5, 0, 0, sync, 1, 0);
	SAY(5, 23, 0, UINT32_MAX, sync, 1, 0);
	hear(reply, 2);
	int fd = hear_fd();
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	round_trip();
	CHECK_EQ(poll(&pollfd, 1, 0), 0);
	CHECK(fake_venus_retire());
	CHECK_EQ(poll(&pollfd, 1, 60000), 1);
	CHECK((pollfd.revents & POLLIN) != 0);
	vtr_close(&fd);
	SAY(12, 24, 1, 1, 9, 0, 9, 1, 5, 0, 0, sync, 2, 0);
	vtr_close(&client); /* with a fence pending */
	end(VTR_OK);
}

/* Longer than the buffer, in pieces of awkward sizes, with something behind it. */
static void takes_long_messages(void)
{
	const uint32_t words = 300000;
	uint32_t *message = calloc(words + 5, sizeof(*message));
	uint32_t reply[4];

	CHECK(message != NULL);
	const uint32_t start[] = { words, 24, 1, 1, 9, words - 9, words, 0, 0, 0, 0 };
	memcpy(message, start, sizeof(start));
	const uint32_t get_param[] = { 1, 15, 1 };
	memcpy(message + words + 2, get_param, sizeof(get_param));
	begin(true);
	const char *at = (const char *)message;
	size_t left = (size_t)(words + 5) * 4;
	for (size_t piece = 1; left > 0; piece = piece * 3 + 1) {
		ssize_t n = send(client, at, vtr_min(left, piece), MSG_NOSIGNAL);
		CHECK(n > 0);
		at += n;
		left -= (size_t)n;
	}
	hear(reply, 4);
	CHECK_EQ(reply[3], 64);
	CHECK_EQ(fake_venus.submitted, (uint64_t)(words - 9) * 4);
	vtr_close(&client);
	end(VTR_OK);
	free(message);
}

static void minds_its_client_closing_in_between(void)
{
	begin(true);
	SAY(6, 18, 2, 1);
	vtr_close(&client);
	end(VTR_OK);
	/* With replies that will not be read */
	begin(true);
	for (int i = 0; i < 100; i++) {
		SAY(2, 16, 4, 0);
	}
	vtr_close(&client);
	end(VTR_OK);
}

int main(void)
{
	int fds = test_count_fds();

	signal(SIGPIPE, SIG_IGN);
	RUN(ends_with_the_client);
	RUN(ends_when_it_is_hung_up);
	RUN(ends_with_the_renderer);
	RUN(limits_the_handshake);
	RUN(refuses_blobs_without_dropping_the_client);
	RUN(wakes_waits_by_fences);
	RUN(takes_long_messages);
	RUN(minds_its_client_closing_in_between);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
