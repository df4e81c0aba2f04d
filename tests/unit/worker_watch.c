/* SPDX-License-Identifier: MIT */
#include "worker/watch.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "test.h"
#include "unit/fake_venus.h"

/* Each case is a process: what is watched ends it. */

#if VTR_TSAN
/* A process ends while its thread still watches, as a worker does. The function's name is fixed by the sanitizer. */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
	return "report_thread_leaks=0";
}
#endif

#define CHECK_MS 10

static int starter; /* the other end of the control socket */
static int control;
static int client;
static int connection;

static void ignore_dead(void *data)
{
	(void)data;
}

static const struct vtr_venus_events events = { .dead = ignore_dead };

static struct vtr_venus *make_context(void)
{
	const struct vtr_venus_params params = { .events = &events };
	struct vtr_venus *venus;

	CHECK_OK(vtr_venus_create(&params, &venus));
	return venus;
}

static void begin(struct vtr_worker_watch *watch)
{
	int ends[2];

	CHECK_OK(vtr_os_sock_pair(ends));
	starter = ends[0];
	control = ends[1];
	CHECK_OK(vtr_os_sock_pair(ends));
	client = ends[0];
	connection = ends[1];
	CHECK_OK(vtr_worker_watch_start(watch, control, connection, CHECK_MS));
}

/* Whether the connection is hung up: there is nothing to be read from the client any more. */
static void wait_hung_up(void)
{
	struct pollfd pollfd = { .fd = connection, .events = POLLIN };
	char byte;

	CHECK_EQ(poll(&pollfd, 1, 60000), 1);
	CHECK_EQ(recv(connection, &byte, 1, MSG_DONTWAIT), 0);
}

static int64_t start_ns;

static int run(int (*body)(struct vtr_worker_watch *watch))
{
	struct vtr_worker_watch watch;
	int status;

	fflush(stdout);
	start_ns = vtr_os_now_ns();
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		begin(&watch);
		_exit(body(&watch));
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static double seconds(void)
{
	return (double)(vtr_os_now_ns() - start_ns) / 1e9;
}

/* The serving thread never comes back from the driver. */
static int hang(struct vtr_worker_watch *watch)
{
	vtr_worker_watch_context(watch, make_context());
	vtr_close(&starter);
	wait_hung_up();
	CHECK(fake_venus.killed); /* before that: a client that sees one of the two sees both */
	for (;;) {
		pause();
	}
}

/* The context hangs in the driver, while the starter lives. */
static int hang_in_the_driver(struct vtr_worker_watch *watch)
{
	vtr_worker_watch_context(watch, make_context());
	usleep(10 * CHECK_MS * 1000);
	CHECK(!fake_venus.killed);
	atomic_store(&fake_venus.hangs, true);
	wait_hung_up();
	CHECK(fake_venus.killed);
	for (;;) {
		pause();
	}
}

static int end_in_time(struct vtr_worker_watch *watch)
{
	vtr_worker_watch_context(watch, make_context());
	vtr_close(&starter);
	wait_hung_up();
	CHECK(vtr_worker_watch_end(watch, false));
	vtr_worker_watch_finish(watch);
	return 5;
}

static int die_before_there_is_a_context(struct vtr_worker_watch *watch)
{
	vtr_close(&starter);
	wait_hung_up();
	CHECK(!fake_venus.killed);
	vtr_worker_watch_context(watch, make_context());
	CHECK(fake_venus.killed);
	return 6;
}

static int end_by_itself(struct vtr_worker_watch *watch)
{
	struct vtr_venus *venus = make_context();
	char byte = 1;

	vtr_worker_watch_context(watch, venus);
	CHECK_EQ(send(starter, &byte, 1, 0), 1); /* what is said there is not its business */
	usleep(50000); /* enough on most machines for a watch that takes this for the end, which would be found below */
	CHECK(!vtr_worker_watch_end(watch, true));
	vtr_venus_destroy(venus);
	vtr_close(&starter); /* it does not touch the context any more */
	vtr_worker_watch_finish(watch);
	CHECK(!fake_venus.killed);
	return 7;
}

static int destroy_for_ever_in_order(struct vtr_worker_watch *watch)
{
	CHECK(!vtr_worker_watch_end(watch, true));
	for (;;) {
		pause();
	}
}

static int destroy_for_ever(struct vtr_worker_watch *watch)
{
	CHECK(!vtr_worker_watch_end(watch, false));
	for (;;) {
		pause();
	}
}

static void orphans_end(void)
{
	CHECK_EQ(run(hang), 0);
	CHECK(seconds() > VTR_WORKER_LEAVE_SECONDS - 0.1 && seconds() < VTR_WORKER_LEAVE_SECONDS + 30);
	CHECK_EQ(run(hang_in_the_driver), 1);
	CHECK(seconds() > VTR_WORKER_LEAVE_SECONDS - 0.1 && seconds() < VTR_WORKER_LEAVE_SECONDS + 30);
	CHECK_EQ(run(end_in_time), 5);
	CHECK_EQ(run(die_before_there_is_a_context), 6);
}

static void others_end_by_themselves(void)
{
	CHECK_EQ(run(end_by_itself), 7);
	CHECK_EQ(run(destroy_for_ever_in_order), 0);
	CHECK_EQ(run(destroy_for_ever), 1);
}

int main(void)
{
	RUN(orphans_end);
	RUN(others_end_by_themselves);
	return 0;
}
