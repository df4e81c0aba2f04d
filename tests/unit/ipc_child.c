/* SPDX-License-Identifier: MIT */
#include "ipc/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/mem.h"
#include "child_program.h"
#include "ipc/child_log.h"
#include "ipc/child_refusals.h"
#include "platform/loop.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "test.h"

#define TEXT_MAX (4u << 20)
#define EVENTS_MAX 128

static char self[PATH_MAX];
static struct vtr_os_loop *loop;
static struct vtr_log *log_;
static int log_file;
static char text[TEXT_MAX];

/* What a child's owner has heard, and what it does then. */
struct owner {
	struct vtr_child *child;
	char events[EVENTS_MAX]; /* a letter each: message, sent, closed, died, start */
	size_t event_count;
	enum vtr_err closed_by;
	struct vtr_child_end end;
	uint32_t last_number;
	int64_t died_ns;
	unsigned delay_ms; /* before it is started again */
	unsigned cost;
	char destroy_at; /* an event */
	char quit_at;
	bool restart;
	const char *what; /* that the child does */
	int64_t starts_ns[8];
	size_t start_count;
	size_t fail_starts;
	enum vtr_err (*start)(void *data, const struct vtr_os_spawn *spawn, pid_t *out_pid,
	                      int *out_death_fd);
	void *start_data;
	const struct vtr_child_watch *watch;
	struct vtr_child_params params; /* more of them */
};

static void note(struct owner *owner, char event)
{
	if (owner->event_count < EVENTS_MAX - 1) {
		owner->events[owner->event_count++] = event;
	}
	if (event == owner->destroy_at) {
		vtr_child_destroy(owner->child);
		owner->child = NULL;
	}
	if (event == owner->quit_at) {
		vtr_os_loop_quit(loop);
	}
}

static enum vtr_err on_message(void *data, const struct vtr_ipc_message *message, unsigned *cost)
{
	struct owner *owner = data;

	CHECK_EQ(message->op, CHILD_MSG_NUMBER);
	*cost = owner->cost;
	note(owner, 'm');
	/* It is still there when the child is not. */
	owner->last_number = (uint32_t)((const struct child_msg_number *)message->payload)->number;
	return VTR_OK;
}

static void on_sent(void *data)
{
	note(data, 's');
}

static void on_closed(void *data, enum vtr_err why)
{
	struct owner *owner = data;

	CHECK(vtr_child_pid(owner->child) > 0);
	CHECK(!vtr_child_is_connected(owner->child));
	owner->closed_by = why;
	note(owner, 'c');
}

static void on_died(void *data, const struct vtr_child_end *end)
{
	struct owner *owner = data;

	CHECK_EQ(vtr_child_pid(owner->child), 0);
	owner->end = *end;
	owner->died_ns = vtr_os_now_ns();
	note(owner, 'd');
	if (owner->restart && owner->child) {
		owner->delay_ms = vtr_child_start_later(owner->child);
	}
}

static enum vtr_err start(struct owner *owner)
{
	const char *const argv[] = { self, owner->what, NULL };
	const struct vtr_child_spec spec = {
		.program = self,
		.argv = argv,
		.start = owner->start,
		.start_data = owner->start_data,
		.watch = owner->watch,
	};

	return vtr_child_start(owner->child, &spec);
}

static enum vtr_err on_start(void *data)
{
	struct owner *owner = data;

	if (owner->start_count < VTR_ARRAY_LEN(owner->starts_ns)) {
		owner->starts_ns[owner->start_count++] = vtr_os_now_ns();
	}
	note(owner, 'r');
	if (!owner->child) {
		return VTR_OK;
	}
	if (owner->start_count <= owner->fail_starts) {
		errno = ENOENT;
		return VTR_ERR_OS;
	}
	return start(owner);
}

static const struct vtr_child_events events = {
	.message = on_message,
	.sent = on_sent,
	.closed = on_closed,
	.died = on_died,
	.start = on_start,
};

/* With what the owner's `params` say; others are for all. */
static void create(struct owner *owner, const char *what)
{
	struct vtr_child_params params = owner->params;

	params.log = log_;
	params.loop = loop;
	params.name = "the child";
	params.events = &events;
	params.data = owner;
	params.in_rules = child_msg_rules;
	params.in_rule_count = CHILD_MSG_COUNT;
	params.out_rules = child_msg_rules;
	params.max_queue_fds = 8;
	params.max_queue_bytes = params.max_queue_bytes ? params.max_queue_bytes : 65536;
	params.turn_budget = params.turn_budget ? params.turn_budget : 1000;
	owner->cost = 1;
	owner->what = what;
	CHECK_OK(vtr_child_create(&params, &owner->child));
}

static void run_until(struct owner *owner, char event)
{
	owner->quit_at = event;
	CHECK_OK(vtr_os_loop_run(loop));
	owner->quit_at = 0;
}

static void create_and_start(struct owner *owner, const char *what)
{
	create(owner, what);
	CHECK_OK(start(owner));
	CHECK(vtr_child_pid(owner->child) > 0);
}

/* Until the child has stopped itself. */
static void wait_stopped(const struct owner *owner)
{
	siginfo_t info = { 0 };

	CHECK_EQ(waitid(P_PID, (id_t)vtr_child_pid(owner->child), &info, WSTOPPED), 0);
	CHECK_EQ(info.si_code, CLD_STOPPED);
}

static void go_on(const struct owner *owner)
{
	CHECK_EQ(kill(vtr_child_pid(owner->child), SIGCONT), 0);
}

/* A child's life, from its start to died(). */
static void live(struct owner *owner, const char *what)
{
	create_and_start(owner, what);
	run_until(owner, 'd');
}

static void end(struct owner *owner)
{
	vtr_child_destroy(owner->child);
}

/* What was logged since the last call. */
static const char *logged(void)
{
	ssize_t size = pread(log_file, text, sizeof(text) - 1, 0);

	text[size > 0 ? size : 0] = '\0';
	CHECK_EQ(ftruncate(log_file, 0), 0);
	return text;
}

static size_t count(const char *at, const char *with)
{
	size_t found = 0;

	for (; (at = strstr(at, with)); at++) {
		found++;
	}
	return found;
}

static void send_number(struct owner *owner, uint32_t number, enum vtr_err wanted)
{
	const struct child_msg_number message = { .number = number };
	const struct vtr_ipc_parts parts = { .payload = &message };

	CHECK_ERR(vtr_child_send(owner->child, CHILD_MSG_NUMBER, &parts), wanted);
}

/* --- tests --------------------------------------------------------------------------------------- */

/* A new session, /dev/null, two ends of one pipe, the socket and the fd that is named; although others are open
 * here that programs inherit. */
static void gets_exactly_its_fds(void)
{
	struct owner owner = { .what = "fds" };
	int inherited = open("/dev/zero", O_RDONLY);
	const struct vtr_os_spawn_fd fds[] = { { .fd = inherited, .as = 9 } };
	const char *const argv[] = { self, "fds", NULL };
	const char *const env[] = { "CHILD_SAYS=hello", NULL };
	const struct vtr_child_spec spec = { self, argv, env, fds, VTR_ARRAY_LEN(fds) };
	int before = test_count_fds();

	create(&owner, "fds");
	CHECK_OK(vtr_child_start(owner.child, &spec));
	run_until(&owner, 'd');
	CHECK_STR(logged(),
	          "0 /dev/null\n1 pipe\n2 pipe\n3 socket\n9 /dev/zero\nsession of its own\nhello\n");
	end(&owner);
	CHECK_EQ(test_count_fds(), before);
	close(inherited);
}

static void passes_lines_on(void)
{
	struct owner owner = { 0 };
	char wanted[VTR_CHILD_LOG_LINE + 256] = "";

	live(&owner, "lines");
	strcat(wanted, "one\ntwo ?[31m ?? \xc3\xbc ??\x20?\n\n");
	size_t at = strlen(wanted);
	memset(wanted + at, 'x', VTR_CHILD_LOG_LINE - 4);
	strcat(wanted, "...\nto standard output\nno newline\n");
	CHECK_STR(logged(), wanted);
	end(&owner);
}

/* The child is slowed down, most is dropped, and the loop does other things meanwhile. */
static void a_flood_is_bounded(void)
{
	struct owner owner = { 0 };
	int64_t started_ns = vtr_os_now_ns();

	live(&owner, "flood");
	int64_t took_s = (vtr_os_now_ns() - started_ns) / 1000000000 + 1;
	const char *all = logged();
	size_t passed = count(all, "flooded ");
	CHECK(passed >= VTR_CHILD_LOG_BURST);
	CHECK(passed <= VTR_CHILD_LOG_BURST + (size_t)took_s * VTR_CHILD_LOG_RATE);
	CHECK(strstr(all, "the child: ") && strstr(all, " lines of its log were dropped\n"));
	CHECK(WIFEXITED(owner.end.status) && WEXITSTATUS(owner.end.status) == 0);
	end(&owner);
	/* Someone who wants to see everything does. */
	struct vtr_log *quiet = log_;
	CHECK_OK(vtr_log_create("debug", log_file, NULL, &log_));
	owner = (struct owner){ 0 };
	live(&owner, "flood");
	CHECK_EQ(count(logged(), "flooded "), CHILD_FLOOD_LINES);
	end(&owner);
	vtr_log_destroy(log_);
	log_ = quiet;
}

static void a_line_without_end_is_bounded(void)
{
	struct owner owner = { 0 };

	live(&owner, "endless");
	CHECK_EQ(strlen(logged()), VTR_CHILD_LOG_LINE);
	end(&owner);
}

static void a_log_that_takes_nothing_stops_nothing(void)
{
	struct owner owner = { 0 };
	struct vtr_log *good = log_;
	char block[4096] = "";
	int fds[2];

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQ(fcntl(fds[1], F_SETPIPE_SZ, sizeof(block)), sizeof(block));
	CHECK_EQ(write(fds[1], block, sizeof(block)), sizeof(block));
	CHECK_OK(vtr_log_create(NULL, fds[1], NULL, &log_));
	int64_t started_ns = vtr_os_now_ns();
	live(&owner, "flood");
	CHECK(vtr_os_now_ns() - started_ns < INT64_C(10000000000));
	end(&owner);
	vtr_log_destroy(log_);
	log_ = good;
	close(fds[0]);
	close(fds[1]);
}

static void death_is_told_once(void)
{
	struct owner owner = { 0 };

	live(&owner, "exit-7");
	CHECK_EQ(count(owner.events, "d"), 1);
	CHECK(WIFEXITED(owner.end.status) && WEXITSTATUS(owner.end.status) == 7 && !owner.end.killed);
	/* Another one, of the same owner. */
	owner.what = "abort";
	CHECK_OK(start(&owner));
	pid_t pid = vtr_child_pid(owner.child);
	run_until(&owner, 'd');
	CHECK_EQ(count(owner.events, "d"), 2);
	CHECK_EQ(owner.end.pid, pid);
	CHECK(WIFSIGNALED(owner.end.status) && WTERMSIG(owner.end.status) == SIGABRT && !owner.end.killed);
	owner.what = "hang";
	CHECK_OK(start(&owner));
	vtr_child_kill(owner.child);
	run_until(&owner, 'd');
	CHECK(WIFSIGNALED(owner.end.status) && WTERMSIG(owner.end.status) == SIGKILL && owner.end.killed);
	end(&owner);
	(void)logged();
}

static void its_last_words_come_before_its_death(void)
{
	for (int i = 0; i < 20; i++) {
		struct owner owner = { 0 };

		live(&owner, "last-words");
		size_t messages = strspn(owner.events, "m");
		CHECK_EQ(messages, CHILD_LAST_WORDS);
		CHECK_EQ(owner.events[owner.event_count - 1], 'd');
		CHECK_STR(logged(), "last words\n");
		end(&owner);
	}
}

static void messages_go_both_ways(void)
{
	struct owner owner = { 0 };

	create_and_start(&owner, "echo");
	CHECK(vtr_child_is_connected(owner.child));
	for (uint32_t i = 1; i <= 100; i++) {
		send_number(&owner, i, VTR_OK);
		run_until(&owner, 'm');
		CHECK_EQ(owner.last_number, i + 1);
	}
	vtr_child_hang_up(owner.child);
	send_number(&owner, 1, VTR_ERR_GONE);
	run_until(&owner, 'd');
	CHECK(!strchr(owner.events, 'c'));
	CHECK(WIFEXITED(owner.end.status) && WEXITSTATUS(owner.end.status) == 0);
	end(&owner);
	CHECK_STR(logged(), "");
}

/* What the socket does not take waits, up to the limit. */
static void a_child_that_does_not_read(void)
{
	struct owner owner = { .params = { .max_queue_bytes = 1 << 20 } };
	const struct child_msg_number message = { .number = 1 };
	const struct vtr_ipc_parts parts = { .payload = &message };
	enum vtr_err err = VTR_OK;
	int sent = 0;

	create_and_start(&owner, "read-late");
	wait_stopped(&owner);
	while (!vtr_child_is_behind(owner.child)) {
		send_number(&owner, 1, VTR_OK);
		sent++;
	}
	go_on(&owner);
	run_until(&owner, 's');
	CHECK(!vtr_child_is_behind(owner.child));
	CHECK(sent > 10);
	CHECK(vtr_child_finish(owner.child, vtr_os_now_ns() + INT64_C(10000000000)));
	CHECK_STR(logged(), "");
	owner.what = "hang";
	CHECK_OK(start(&owner));
	while (err == VTR_OK) {
		err = vtr_child_send(owner.child, CHILD_MSG_NUMBER, &parts);
	}
	CHECK_ERR(err, VTR_ERR_LIMIT);
	send_number(&owner, 1, VTR_ERR_GONE);
	run_until(&owner, 'd');
	CHECK(owner.end.killed && !strchr(owner.events, 'c'));
	CHECK(strstr(logged(), "bytes behind and does not catch up, killing it"));
	end(&owner);
}

static void closing_is_told(void)
{
	struct owner owner = { 0 };

	create_and_start(&owner, "close");
	run_until(&owner, 'c');
	CHECK_ERR(owner.closed_by, VTR_ERR_GONE);
	vtr_child_leave(owner.child, 0); /* no limit */
	int64_t left_ns = vtr_os_now_ns();
	vtr_child_leave(owner.child, 50);
	vtr_child_leave(owner.child, 60000); /* the first limit counts */
	run_until(&owner, 'd');
	CHECK(owner.end.killed);
	CHECK(vtr_os_now_ns() - left_ns >= INT64_C(50000000));
	CHECK_STR(owner.events, "cd");
	CHECK(strstr(logged(), "does not end, killing it"));
	end(&owner);
}

static void breaking_the_protocol_is_death(void)
{
	struct owner owner = { 0 };

	live(&owner, "bad-message");
	CHECK_STR(owner.events, "cd");
	CHECK_ERR(owner.closed_by, VTR_ERR_PROTOCOL);
	CHECK(owner.end.killed);
	CHECK(strstr(logged(), "broke the protocol ("));
	end(&owner);
	/* Saying too much at once is, too, where there is no pause. */
	owner = (struct owner){ .params = { .turn_budget = 10 } };
	create_and_start(&owner, "chatter");
	wait_stopped(&owner); /* it has said all by then */
	run_until(&owner, 'd');
	CHECK_EQ(strspn(owner.events, "m"), 10);
	CHECK_STR(owner.events + 10, "cd");
	CHECK(owner.end.killed);
	CHECK(strstr(logged(), "broke the protocol"));
	end(&owner);
}

static void a_child_that_says_much_is_heard_later(void)
{
	struct owner owner = { .params = { .turn_budget = 10, .pause_ms = 20 } };

	create_and_start(&owner, "chatter");
	wait_stopped(&owner); /* it has said all by then */
	int64_t started_ns = vtr_os_now_ns();
	while (owner.last_number != CHILD_CHATTER) {
		run_until(&owner, 'm');
	}
	CHECK(vtr_os_now_ns() - started_ns >= (CHILD_CHATTER / 10 - 1) * INT64_C(20000000));
	go_on(&owner);
	run_until(&owner, 'd');
	CHECK_EQ(strspn(owner.events, "m"), CHILD_CHATTER);
	CHECK(!owner.end.killed);
	end(&owner);
	(void)logged();
}

static void ends_by_a_deadline(void)
{
	struct owner owner = { 0 };
	const int64_t second_ns = INT64_C(1000000000);

	create_and_start(&owner, "echo");
	CHECK(vtr_child_finish(owner.child, vtr_os_now_ns() + 20 * second_ns));
	CHECK_EQ(vtr_child_pid(owner.child), 0);
	CHECK(vtr_child_finish(owner.child, 0));
	/* One that does not end, and is stopped. */
	owner.what = "stop";
	CHECK_OK(start(&owner));
	int64_t started_ns = vtr_os_now_ns();
	CHECK(!vtr_child_finish(owner.child, started_ns + second_ns / 5));
	CHECK(vtr_os_now_ns() - started_ns >= second_ns / 5);
	CHECK(vtr_os_now_ns() - started_ns < 20 * second_ns);
	/* One whose end takes more lines than a pipe holds: it does not wait for us while we wait for it. */
	owner.what = "talks-when-it-ends";
	CHECK_OK(start(&owner));
	CHECK(vtr_child_finish(owner.child, vtr_os_now_ns() + 20 * second_ns));
	CHECK(strstr(logged(), "flooded "));
	CHECK_STR(owner.events, "");
	end(&owner);
}

/* Also while this process waits for the child, which waits for the answer to its call. */
static void refused_calls_are_answered_and_logged(void)
{
	const struct vtr_child_watch watch = { .role = VTR_OS_ROLE_SERVER };
	struct owner owner = { .watch = &watch };

	if ((vtr_os_sandbox_supported() & VTR_OS_SANDBOX_SYSCALLS) == 0) {
		return;
	}
	create_and_start(&owner, "sandbox");
	run_until(&owner, 'm');
	CHECK_EQ(owner.last_number, 1);
	vtr_child_set_driver(owner.child, "a\ndriver", sizeof("a\ndriver"));
	CHECK(vtr_child_finish(owner.child, vtr_os_now_ns() + INT64_C(20000000000)));
	const char *log = logged();
	const char *mount = strstr(log, ": the sandbox refuses the system call mount (");
	CHECK(mount != NULL && strstr(mount + 50, "system call mount") == NULL);
	CHECK(strstr(mount, ": the sandbox refuses the system call ptrace (") != NULL);
	CHECK(strstr(log, "call 1") == NULL); /* be_refused() */
	CHECK_EQ(count(log, ": the sandbox refuses the system call "), VTR_CHILD_REFUSALS_LOGGED);
	CHECK_EQ(WEXITSTATUS(owner.end.status), 0);
	end(&owner);
}

static void is_started_again_ever_later(void)
{
	struct owner owner = {
		.restart = true,
		.params = { .restart_min_ms = 30, .restart_max_ms = 120, .lived_long_ms = 10000 },
	};
	const int64_t wanted_ms[] = { 30, 60, 120, 120 };

	create_and_start(&owner, "exit-7");
	for (size_t i = 0; i < VTR_ARRAY_LEN(wanted_ms); i++) {
		run_until(&owner, 'd');
		CHECK_EQ(owner.delay_ms, wanted_ms[i]);
		run_until(&owner, 'r');
		CHECK(owner.starts_ns[i] - owner.died_ns >= wanted_ms[i] * 1000000);
	}
	end(&owner);
	/* A start that fails is tried again, as late as can be; one that has lived long is started at once. */
	owner = (struct owner){
		.restart = true,
		.fail_starts = 2,
		.params = { .restart_min_ms = 10, .restart_max_ms = 100, .lived_long_ms = 1 },
	};
	create_and_start(&owner, "live-a-little");
	run_until(&owner, 'd');
	run_until(&owner, 'd');
	CHECK_EQ(owner.start_count, 3);
	CHECK(owner.starts_ns[1] - owner.starts_ns[0] >= 100000000);
	CHECK(strstr(logged(),
	             "cannot start the child: No such file or directory. The next attempt is in 100 ms"));
	CHECK_EQ(owner.delay_ms, 10);
	run_until(&owner, 'r');
	CHECK_EQ(owner.start_count, 4);
	end(&owner);
	(void)logged();
}

static void what_cannot_be_started(void)
{
	struct owner owner = { 0 };
	const char *const argv[] = { "x", NULL };
	const struct vtr_child_spec spec = { .program = "/nonexistent", .argv = argv };
	int before = test_count_fds();

	create(&owner, "exit-7");
	CHECK_ERR(vtr_child_start(owner.child, &spec), VTR_ERR_OS);
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(vtr_child_pid(owner.child), 0);
	CHECK_EQ(test_count_fds(), before);
	CHECK_OK(start(&owner));
	run_until(&owner, 'd');
	end(&owner);
	(void)logged();
}

static void is_destroyed_in_any_event(void)
{
	const struct {
		char event;
		const char *what;
	} cases[] = {
		{ 'm', "chatter" }, { 's', "read-late" },  { 'c', "bad-message" },
		{ 'c', "close" },   { 'd', "last-words" }, { 'r', "exit-7" },
	};
	int before = test_count_fds();

	for (size_t i = 0; i < VTR_ARRAY_LEN(cases); i++) {
		struct owner owner = {
			.destroy_at = cases[i].event,
			.restart = cases[i].event == 'r',
			.params = { .restart_min_ms = 1, .restart_max_ms = 1 },
		};

		create_and_start(&owner, cases[i].what);
		if (cases[i].event == 's') {
			wait_stopped(&owner);
			while (!vtr_child_is_behind(owner.child)) {
				send_number(&owner, 1, VTR_OK);
			}
			go_on(&owner);
		}
		run_until(&owner, cases[i].event);
		CHECK(!owner.child);
		CHECK_EQ(owner.events[owner.event_count - 1], cases[i].event);
		CHECK_EQ(test_count_fds(), before);
		CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1); /* none is left */
	}
	(void)logged();
}

/* Of those that a child leaves behind, none keeps us waiting. */
static void grandchildren_lose_the_log(void)
{
	struct owner owner = { 0 };
	int before = test_count_fds();
	int64_t started_ns = vtr_os_now_ns();

	live(&owner, "grandchild");
	CHECK(vtr_os_now_ns() - started_ns < INT64_C(10000000000));
	end(&owner);
	CHECK_EQ(test_count_fds(), before);
	(void)logged();
}

/* --- a child that is started in another way --------------------------------------------------------- */

static enum vtr_err start_otherwise(void *data, const struct vtr_os_spawn *spawn, pid_t *out_pid,
                                    int *out_death_fd)
{
	int *left = data;

	CHECK_STR(spawn->argv[0], self);
	if ((*left)-- > 0) {
		return vtr_os_spawn(spawn, out_pid, out_death_fd);
	}
	errno = EAGAIN;
	return VTR_ERR_OS;
}

static void it_may_be_started_otherwise(void)
{
	int left = 1;
	struct owner owner = { .start = start_otherwise, .start_data = &left };

	live(&owner, "last-words");
	CHECK_EQ(left, 0);
	CHECK_EQ(strspn(owner.events, "m"), CHILD_LAST_WORDS);
	CHECK_STR(logged(), "last words\n");
	CHECK_ERR(start(&owner), VTR_ERR_OS);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(vtr_child_pid(owner.child), 0);
	end(&owner);
}

int main(int argc, char **argv)
{
	char name[] = "/tmp/vitrine-test-XXXXXX";

	if (argc > 1) {
		return child_program(argv[1]);
	}
	CHECK_OK(vtr_os_self_path(self, sizeof(self)));
	log_file = mkostemp(name, O_CLOEXEC | O_APPEND);
	CHECK(log_file >= 0 && unlink(name) == 0);
	CHECK_OK(vtr_log_create(NULL, log_file, NULL, &log_));
	CHECK_OK(vtr_os_loop_create(&loop));
	RUN(gets_exactly_its_fds);
	RUN(passes_lines_on);
	RUN(a_flood_is_bounded);
	RUN(a_line_without_end_is_bounded);
	RUN(a_log_that_takes_nothing_stops_nothing);
	RUN(death_is_told_once);
	RUN(its_last_words_come_before_its_death);
	RUN(messages_go_both_ways);
	RUN(a_child_that_does_not_read);
	RUN(closing_is_told);
	RUN(breaking_the_protocol_is_death);
	RUN(a_child_that_says_much_is_heard_later);
	RUN(ends_by_a_deadline);
	RUN(refused_calls_are_answered_and_logged);
	RUN(is_started_again_ever_later);
	RUN(what_cannot_be_started);
	RUN(is_destroyed_in_any_event);
	RUN(grandchildren_lose_the_log);
	RUN(it_may_be_started_otherwise);
	vtr_os_loop_destroy(loop);
	vtr_log_destroy(log_);
	return 0;
}
