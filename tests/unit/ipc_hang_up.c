/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "ipc/hang_up.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "test.h"

/* Each test is a thing that Mesa's client may be doing; at the end it must have got an error. */
static int ends[2]; /* the client's, ours */

static void begin(void)
{
	CHECK_OK(vtr_os_sock_pair(ends));
}

static void finish(void)
{
	vtr_close(&ends[0]);
	vtr_close(&ends[1]);
}

static void while_a_request_is_unread(void)
{
	char buf[16];

	begin();
	CHECK_EQ(write(ends[0], "request", 7), 7);
	vtr_vtest_hang_up(ends[1]);
	vtr_close(&ends[1]);
	CHECK_EQ(read(ends[0], buf, sizeof(buf)), -1);
	CHECK_EQ(errno, ECONNRESET);
	finish();
}

static void while_it_waits_for_a_reply(void)
{
	char buf[256];

	begin();
	CHECK_EQ(write(ends[0], "request", 7), 7);
	CHECK_EQ(read(ends[1], buf, sizeof(buf)), 7);
	vtr_vtest_hang_up(ends[1]);
	vtr_close(&ends[1]);
	/* The header and body of any reply, all zeros; never end of file before the next write. */
	for (int i = 0; i < 8; i++) {
		memset(buf, 1, sizeof(buf));
		CHECK_EQ(read(ends[0], buf, 8), 8);
		for (int j = 0; j < 8; j++) {
			CHECK_EQ(buf[j], 0);
		}
	}
	CHECK_EQ(write(ends[0], "next", 4), -1);
	CHECK_EQ(errno, EPIPE);
	finish();
}

static void while_it_waits_for_an_fd(void)
{
	char byte = 1;
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};

	begin();
	vtr_vtest_hang_up(ends[1]);
	vtr_close(&ends[1]);
	CHECK_EQ(recvmsg(ends[0], &message, 0), 1);
	CHECK(CMSG_FIRSTHDR(&message) == NULL);
	finish();
}

static void before_it_writes(void)
{
	begin();
	vtr_vtest_hang_up(ends[1]);
	CHECK_EQ(write(ends[0], "x", 1), -1);
	CHECK_EQ(errno, EPIPE);
	finish();
}

struct hang_up {
	sem_t writes;
	int yields; /* before it */
};

static void hang_up(void *data)
{
	struct hang_up *hang_up = data;

	while (sem_wait(&hang_up->writes) != 0) {
	}
	for (int i = 0; i < hang_up->yields; i++) {
		vtr_os_yield();
	}
	vtr_vtest_hang_up(ends[1]);
}

/* The socket is full, so the write ends by the hang-up only. That may come a little before the write, so this is done
 * many times. */
static void while_it_writes(void)
{
	struct vtr_os_thread thread;
	char buf[4096] = { 0 };

	for (int i = 0; i < 200; i++) {
		struct hang_up params = { .yields = i };

		begin();
		CHECK_EQ(sem_init(&params.writes, 0, 0), 0);
		CHECK_OK(vtr_os_thread_create(&thread, "hangup", hang_up, &params));
		while (send(ends[0], buf, sizeof(buf), MSG_DONTWAIT) > 0) {
		}
		CHECK_EQ(errno, EAGAIN);
		sem_post(&params.writes);
		CHECK_EQ(write(ends[0], buf, sizeof(buf)), -1);
		CHECK_EQ(errno, EPIPE);
		vtr_os_thread_join(&thread);
		sem_destroy(&params.writes);
		finish();
	}
}

/* The worker hangs up first, its supervisor again, with the socket held twice. */
static void twice(void)
{
	char buf[256];
	int copy;

	begin();
	copy = dup(ends[1]);
	CHECK(copy >= 0);
	vtr_vtest_hang_up(ends[1]);
	vtr_close(&ends[1]);
	vtr_vtest_hang_up(copy);
	vtr_close(&copy);
	CHECK(read(ends[0], buf, sizeof(buf)) > 0);
	CHECK_EQ(write(ends[0], "x", 1), -1);
	finish();
}

static void does_not_block_or_fail(void)
{
	char buf[4096] = { 0 };

	begin();
	while (send(ends[1], buf, sizeof(buf), MSG_DONTWAIT) > 0) {
	}
	errno = 77;
	vtr_vtest_hang_up(ends[1]);
	vtr_close(&ends[0]);
	vtr_vtest_hang_up(ends[1]);
	CHECK_EQ(errno, 77);
	finish();
}

int main(void)
{
	int fds = test_count_fds();

	signal(SIGPIPE, SIG_IGN);
	RUN(while_a_request_is_unread);
	RUN(while_it_waits_for_a_reply);
	RUN(while_it_waits_for_an_fd);
	RUN(before_it_writes);
	RUN(while_it_writes);
	RUN(twice);
	RUN(does_not_block_or_fail);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
