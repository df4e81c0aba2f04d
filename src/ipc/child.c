/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "ipc"
#include "ipc/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/child_log.h"
#include "ipc/child_refusals.h"
#include "platform/loop.h"
#include "platform/pipe.h"
#include "platform/sock.h"
#include "platform/thread.h"

#define MS INT64_C(1000000)
#define NAME_MAX_BYTES 64
/* Log bytes that are read in one turn of the loop, and the most that a pipe can hold. */
#define LOG_AT_ONCE 16384
#define LOG_LEFT (1u << 20)
/* The pause before the log of a child that writes too much is read again. */
#define LOG_PAUSE_MS 100
/* The time that a killed process has to end. A process that hangs in a driver may take longer. */
#define KILL_MS 2000

/* The deadlines that share the timer. */
enum due { DUE_LEAVE, DUE_PAUSE, DUE_RESTART, DUE_LOG, DUE_COUNT };

struct vtr_child {
	struct vtr_child_params params;
	char name[NAME_MAX_BYTES];
	struct vtr_os_loop_timer *timer;
	int64_t due_ns[DUE_COUNT]; /* -1: not set */
	unsigned delay_ms;         /* before the last restart; 0: none yet */
	int64_t lived_ms;          /* of the last process */
	unsigned depth;            /* callbacks that are running */
	bool in_message;           /* message() is reading a message that `ipc` holds */
	bool destroyed;            /* freed when no callback is running */

	pid_t pid; /* 0: no process; the members below are valid only with a process */
	int64_t started_ns;
	bool killed;
	bool reaped; /* the kernel may reuse the pid */
	int death_fd;
	struct vtr_os_loop_fd *death_watch;
	int log_fd; /* -1: the log is closed */
	struct vtr_os_loop_fd *log_watch;
	struct vtr_child_log log;
	struct vtr_child_refusals refusals;
	int control_fd; /* -1: closed */
	struct vtr_os_loop_fd *control_watch;
	bool paused;      /* messages are not read for now */
	bool watches_in;
	bool watches_out;
	struct vtr_ipc ipc;
	struct vtr_ipc_sender sender;
};

/* --- helpers ------------------------------------------------------------------------------------- */

static void arm(struct vtr_child *child)
{
	int64_t earliest_ns = -1;

	for (size_t i = 0; i < DUE_COUNT; i++) {
		if (child->due_ns[i] >= 0 && (earliest_ns < 0 || child->due_ns[i] < earliest_ns)) {
			earliest_ns = child->due_ns[i];
		}
	}
	int64_t left_ns = earliest_ns - vtr_os_now_ns();
	vtr_os_loop_timer_set(child->timer, earliest_ns < 0 ? -1 : left_ns < 0 ? 0 : left_ns);
}

static void set_due(struct vtr_child *child, enum due what, unsigned after_ms)
{
	child->due_ns[what] = vtr_os_now_ns() + after_ms * MS;
	arm(child);
}

static void free_child(struct vtr_child *child)
{
	vtr_ipc_finish(&child->ipc);
	free(child);
}

/* enter() and leave() enclose callbacks, which may destroy the child. */
static void enter(struct vtr_child *child)
{
	child->depth++;
}

static void leave(struct vtr_child *child)
{
	child->depth--;
	if (child->destroyed && child->depth == 0) {
		free_child(child);
	}
}

/* --- the log ------------------------------------------------------------------------------------- */

static void close_log(struct vtr_child *child)
{
	if (child->log_fd >= 0) {
		vtr_child_log_end(&child->log);
		vtr_os_loop_remove(&child->log_watch);
		vtr_close(&child->log_fd);
	}
}

static void read_log(struct vtr_child *child)
{
	enum vtr_err err = vtr_child_log_read(&child->log, child->log_fd, LOG_AT_ONCE);

	if (err == VTR_ERR_LIMIT) {
		err = vtr_os_loop_modify_fd(child->log_watch, false, false);
		set_due(child, DUE_LOG, LOG_PAUSE_MS);
	}
	if (err != VTR_OK && err != VTR_ERR_AGAIN) {
		close_log(child);
	}
}

static void on_log(void *data, unsigned events)
{
	(void)events;
	read_log(data);
}

static void on_log_pause_over(struct vtr_child *child)
{
	if (child->log_fd < 0) {
		return;
	}
	if (vtr_os_loop_modify_fd(child->log_watch, true, false) == VTR_OK) {
		read_log(child);
	} else {
		close_log(child);
	}
}

/* The child is dead. Reads what it has written, and nothing that others may still write to the pipe. */
static void drain_log(struct vtr_child *child)
{
	if (child->log_fd >= 0) {
		(void)(vtr_child_log_read(&child->log, child->log_fd, LOG_LEFT) == VTR_OK);
		close_log(child);
	}
}

/* --- messages ------------------------------------------------------------------------------------ */

static void close_control(struct vtr_child *child)
{
	vtr_os_loop_remove(&child->control_watch);
	vtr_close(&child->control_fd);
	vtr_ipc_sender_finish(&child->sender);
	child->paused = false;
	child->due_ns[DUE_PAUSE] = -1;
}

/* Tells the loop which events the control socket needs. */
static enum vtr_err update_watch(struct vtr_child *child)
{
	bool in = !child->paused;
	bool out = vtr_ipc_sender_waits(&child->sender);

	if (in == child->watches_in && out == child->watches_out) {
		return VTR_OK;
	}
	child->watches_in = in;
	child->watches_out = out;
	return vtr_os_loop_modify_fd(child->control_watch, in, out);
}

/* Handles messages until none is left (VTR_ERR_AGAIN), or the budget is used up (VTR_OK). */
static enum vtr_err take_messages(struct vtr_child *child)
{
	unsigned used = 0;
	enum vtr_err err = VTR_OK;

	while (err == VTR_OK && child->control_fd >= 0 && used < child->params.turn_budget) {
		struct vtr_ipc_message message;
		unsigned cost = 1;

		err = vtr_ipc_receive(&child->ipc, &message);
		if (err != VTR_OK) {
			return err;
		}
		child->in_message = true;
		err = child->params.events->message(child->params.data, &message, &cost);
		child->in_message = false;
		used += cost;
	}
	if (child->control_fd < 0) {
		return VTR_ERR_AGAIN; /* the callback has hung up */
	}
	return err == VTR_ERR_AGAIN || err == VTR_ERR_GONE ? VTR_ERR_PROTOCOL : err;
}

/* Closes a socket that cannot be used any more. */
static void lose(struct vtr_child *child, enum vtr_err why)
{
	if (why != VTR_ERR_GONE) {
		vtr_error(child->params.log, "%s %d broke the protocol (%s), killing it", child->name,
		          (int)child->pid, vtr_err_text(why));
		vtr_child_kill(child);
	}
	close_control(child);
	if (child->params.events->closed) {
		child->params.events->closed(child->params.data, why);
	}
}

static void receive_messages(struct vtr_child *child)
{
	enum vtr_err err = take_messages(child);

	if (err == VTR_OK && child->params.pause_ms != 0) {
		child->paused = true;
		set_due(child, DUE_PAUSE, child->params.pause_ms);
		err = update_watch(child);
	} else if (err == VTR_OK) {
		err = VTR_ERR_PROTOCOL;
	}
	if (err != VTR_OK && err != VTR_ERR_AGAIN) {
		lose(child, err);
	}
}

/* Sends as much of the queue as the socket takes. */
static void send_queued(struct vtr_child *child)
{
	enum vtr_err err = vtr_ipc_sender_flush(&child->sender);

	if (err == VTR_ERR_GONE) {
		/* Messages that the child sent before are still in the socket; the end of file follows them. */
		vtr_ipc_sender_finish(&child->sender);
		err = VTR_OK;
	}
	if (err == VTR_OK) {
		err = update_watch(child);
	}
	if (err != VTR_OK) {
		lose(child, err);
	} else if (!vtr_ipc_sender_waits(&child->sender) && child->params.events->sent) {
		child->params.events->sent(child->params.data);
	}
}

static void on_control(void *data, unsigned events)
{
	struct vtr_child *child = data;

	enter(child);
	if ((events & VTR_OS_LOOP_OUT) != 0) {
		send_queued(child);
	}
	if (child->control_fd >= 0 && (events & (VTR_OS_LOOP_IN | VTR_OS_LOOP_HUP)) != 0) {
		receive_messages(child);
	}
	leave(child);
}

static void on_pause_over(struct vtr_child *child)
{
	child->paused = false;
	if (child->control_fd < 0) {
		return;
	}
	enum vtr_err err = update_watch(child);
	if (err != VTR_OK) {
		lose(child, err);
	} else {
		receive_messages(child); /* `ipc` may hold complete messages, which the loop cannot see */
	}
}

enum vtr_err vtr_child_send(struct vtr_child *child, uint32_t op, const struct vtr_ipc_parts *parts)
{
	if (child->control_fd < 0) {
		return VTR_ERR_GONE;
	}
	enum vtr_err err = vtr_ipc_sender_send(&child->sender, op, parts);
	if (err == VTR_ERR_GONE) {
		vtr_ipc_sender_finish(&child->sender);
	}
	enum vtr_err watch_err = update_watch(child);
	err = err == VTR_OK ? watch_err : err;
	if (err == VTR_OK || err == VTR_ERR_GONE) {
		return err;
	}
	if (err == VTR_ERR_LIMIT) {
		vtr_error(child->params.log, "%s %d is %zu bytes behind and does not catch up, killing it",
		          child->name, (int)child->pid, child->sender.bytes);
	} else {
		vtr_error(child->params.log, "cannot send to %s %d (%s), killing it", child->name,
		          (int)child->pid, vtr_err_text(err));
	}
	vtr_child_kill(child);
	close_control(child);
	return err;
}

bool vtr_child_is_behind(const struct vtr_child *child)
{
	return child->control_fd >= 0 && vtr_ipc_sender_waits(&child->sender);
}

enum vtr_err vtr_child_fds_taken(struct vtr_child *child, size_t fd_count)
{
	enum vtr_err err = vtr_ipc_sender_taken(&child->sender, fd_count);

	if (err == VTR_ERR_GONE) {
		vtr_ipc_sender_finish(&child->sender);
		err = VTR_OK;
	}
	return err == VTR_OK ? update_watch(child) : err;
}

void vtr_child_hang_up(struct vtr_child *child)
{
	close_control(child);
}

bool vtr_child_is_connected(const struct vtr_child *child)
{
	return child->control_fd >= 0;
}

/* --- the end ------------------------------------------------------------------------------------- */

static void forget_process(struct vtr_child *child)
{
	close_control(child);
	vtr_child_refusals_end(&child->refusals);
	close_log(child);
	vtr_os_loop_remove(&child->death_watch);
	vtr_close(&child->death_fd);
	if (!child->in_message) {
		vtr_ipc_finish(&child->ipc);
	}
	child->due_ns[DUE_LEAVE] = -1;
	child->due_ns[DUE_LOG] = -1;
	child->pid = 0;
}

static void on_death(void *data, unsigned events)
{
	struct vtr_child *child = data;
	struct vtr_child_end end = { .pid = child->pid, .status = -1, .killed = child->killed };

	(void)events;
	/* After an error the process is gone, too. */
	if (vtr_os_wait(child->pid, &end.status) == VTR_ERR_AGAIN) {
		return;
	}
	enter(child);
	child->reaped = true;
	child->lived_ms = end.lived_ms = (vtr_os_now_ns() - child->started_ns) / MS;
	drain_log(child);
	if (child->control_fd >= 0) {
		(void)(take_messages(child) == VTR_OK); /* the child's last messages */
	}
	if (child->pid != 0) {
		forget_process(child);
		if (child->params.events->died) {
			child->params.events->died(child->params.data, &end);
		}
	}
	leave(child);
}

/* Waits until the child is dead or `fd` is readable. -1: no fd. Returns: true if the deadline passed before that. */
static bool times_out(struct vtr_child *child, int fd, int64_t deadline_ns)
{
	for (;;) {
		struct pollfd fds[3 + VTR_CHILD_REFUSALS_FDS] = {
			{ .fd = child->death_fd, .events = POLLIN },
			{ .fd = fd, .events = POLLIN },
			{ .fd = child->log_fd, .events = POLLIN },
		};
		vtr_child_refusals_fill_fds(&child->refusals, fds + 3);
		int64_t left_ns = deadline_ns - vtr_os_now_ns();
		int timeout_ms = left_ns <= 0 ? 0 : (int)vtr_min((size_t)(left_ns / MS) + 1, 1000000);
		int count = poll(fds, VTR_ARRAY_LEN(fds), timeout_ms);

		if (count > 0 && (fds[0].revents | fds[1].revents) != 0) {
			return false;
		}
		if (count > 0) {
			vtr_child_refusals_serve(&child->refusals, fds + 3);
		}
		if (count > 0 && fds[2].revents != 0 &&
		    vtr_child_log_read(&child->log, child->log_fd, LOG_AT_ONCE) == VTR_ERR_GONE) {
			close_log(child);
		}
		if (left_ns <= 0) {
			return true;
		}
	}
}

/* Returns: whether the child ended by itself. */
static bool end_process(struct vtr_child *child, int64_t deadline_ns)
{
	bool late = !child->reaped && times_out(child, -1, deadline_ns);
	int status;

	if (late) {
		vtr_child_kill(child);
		if (times_out(child, -1, vtr_os_now_ns() + KILL_MS * MS)) {
			vtr_error(child->params.log, "%s %d was killed and does not end: it is left alone",
			          child->name, (int)child->pid);
		}
	}
	if (!child->reaped) {
		(void)(vtr_os_wait(child->pid, &status) == VTR_OK);
	}
	drain_log(child);
	forget_process(child);
	return !late;
}

bool vtr_child_finish(struct vtr_child *child, int64_t deadline_ns)
{
	close_control(child);
	return child->pid == 0 || end_process(child, deadline_ns);
}

bool vtr_child_wait(struct vtr_child *child, int fd, int64_t deadline_ns)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	if (child->pid != 0) {
		(void)times_out(child, fd, deadline_ns);
	}
	return poll(&pollfd, 1, 0) > 0;
}

void vtr_child_kill(struct vtr_child *child)
{
	if (child->pid != 0 && !child->reaped) {
		child->killed = true;
		kill(child->pid, SIGKILL); /* not reaped, so the pid is still its own */
	}
}

void vtr_child_leave(struct vtr_child *child, uint32_t timeout_ms)
{
	if (child->pid != 0 && timeout_ms != 0 && child->due_ns[DUE_LEAVE] < 0) {
		set_due(child, DUE_LEAVE, timeout_ms);
	}
}

static void on_leave_over(struct vtr_child *child)
{
	if (!child->killed) {
		vtr_warn(child->params.log, "%s %d does not end, killing it", child->name, (int)child->pid);
		vtr_child_kill(child);
	}
}

/* --- the start ----------------------------------------------------------------------------------- */

/* The fds of the child's side; -1: none. */
struct ends {
	int null_fd, log_fd, control_fd, refusals_fd;
	int watch_fd; /* this process's end of refusals_fd */
};

static enum vtr_err make_ends(struct vtr_child *child, bool watched, struct ends *ends)
{
	int fds[2];
	enum vtr_err err;

	ends->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (ends->null_fd < 0 || vtr_os_pipe(true, fds) != VTR_OK) {
		return VTR_ERR_OS;
	}
	child->log_fd = fds[0];
	ends->log_fd = fds[1];
	if (fcntl(child->log_fd, F_SETFL, O_NONBLOCK) < 0) {
		return VTR_ERR_OS;
	}
	if (watched) {
		err = vtr_os_sock_pair(fds);
		if (err != VTR_OK) {
			return err;
		}
		ends->watch_fd = fds[0];
		ends->refusals_fd = fds[1];
	}
	if (!child->params.in_rules) {
		return VTR_OK; /* no control socket */
	}
	err = vtr_os_sock_pair(fds);
	if (err == VTR_OK) {
		child->control_fd = fds[0];
		ends->control_fd = fds[1];
	}
	return err;
}

static bool names(const struct vtr_child_spec *spec, int number)
{
	for (size_t i = 0; i < spec->fd_count; i++) {
		if (spec->fds[i].as == number) {
			return true;
		}
	}
	return false;
}

static enum vtr_err spawn(struct vtr_child *child, const struct vtr_child_spec *spec, const struct ends *ends)
{
	struct vtr_os_spawn_fd fds[VTR_OS_SPAWN_MAX_FDS] = {
		{ .fd = ends->null_fd, .as = STDIN_FILENO },
		{ .fd = ends->log_fd, .as = STDERR_FILENO },
	};
	size_t count = 2;

	vtr_assert(spec->fd_count + 5 <= VTR_ARRAY_LEN(fds));
	vtr_assert(!names(spec, STDIN_FILENO) && !names(spec, STDERR_FILENO));
	if (!names(spec, STDOUT_FILENO)) {
		fds[count++] = (struct vtr_os_spawn_fd){ .fd = ends->log_fd, .as = STDOUT_FILENO };
	}
	if (ends->control_fd >= 0) {
		vtr_assert(!names(spec, VTR_CHILD_CONTROL_FD));
		fds[count++] = (struct vtr_os_spawn_fd){ .fd = ends->control_fd, .as = VTR_CHILD_CONTROL_FD };
	}
	if (ends->refusals_fd >= 0) {
		vtr_assert(!names(spec, VTR_CHILD_REFUSALS_FD));
		fds[count++] =
			(struct vtr_os_spawn_fd){ .fd = ends->refusals_fd, .as = VTR_CHILD_REFUSALS_FD };
	}
	for (size_t i = 0; i < spec->fd_count; i++) {
		fds[count++] = spec->fds[i];
	}
	const struct vtr_os_spawn os_spawn = {
		.path = spec->program,
		.argv = (char *const *)spec->argv, /* exec() changes nothing */
		.fds = fds,
		.fd_count = count,
		.new_session = true, /* no terminal, and no Ctrl-C from ours */
		.env_set = spec->env,
	};
	return spec->start ? spec->start(spec->start_data, &os_spawn, &child->pid, &child->death_fd) :
	                     vtr_os_spawn(&os_spawn, &child->pid, &child->death_fd);
}

static enum vtr_err watch(struct vtr_child *child, const struct vtr_child_spec *spec, struct ends *ends)
{
	const struct vtr_child_params *params = &child->params;

	vtr_child_log_init(&child->log, params->log, child->name, params->log_share);
	enum vtr_err err = vtr_os_loop_add_fd(params->loop, child->log_fd, true, false, on_log, child,
	                                      &child->log_watch);
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(params->loop, child->death_fd, true, false, on_death, child,
		                         &child->death_watch);
	}
	if (err == VTR_OK && ends->watch_fd >= 0) {
		err = vtr_child_refusals_start(&child->refusals, child->pid, spec->watch, &ends->watch_fd);
	}
	if (err != VTR_OK || child->control_fd < 0) {
		return err;
	}
	vtr_ipc_finish(&child->ipc); /* the last process may have ended during message() */
	vtr_ipc_init(&child->ipc, child->control_fd, params->in_rules, params->in_rule_count);
	vtr_ipc_sender_init(&child->sender, child->control_fd, params->out_rules, params->max_queue_bytes,
	                    params->max_queue_fds);
	vtr_ipc_sender_limit_unread(&child->sender, params->max_unread_fds);
	child->watches_in = true;
	child->watches_out = false;
	return vtr_os_loop_add_fd(params->loop, child->control_fd, true, false, on_control, child,
	                          &child->control_watch);
}

enum vtr_err vtr_child_start(struct vtr_child *child, const struct vtr_child_spec *spec)
{
	struct ends ends = { -1, -1, -1, -1, -1 };

	vtr_assert(child->pid == 0 && !child->in_message);
	child->killed = false;
	child->reaped = false;
	child->due_ns[DUE_RESTART] = -1;
	enum vtr_err err = make_ends(child, spec->watch != NULL, &ends);
	if (err == VTR_OK) {
		err = spawn(child, spec, &ends);
	}
	vtr_close(&ends.null_fd);
	vtr_close(&ends.log_fd);
	vtr_close(&ends.control_fd);
	vtr_close(&ends.refusals_fd);
	child->started_ns = vtr_os_now_ns();
	if (err == VTR_OK) {
		err = watch(child, spec, &ends);
	}
	vtr_close(&ends.watch_fd);
	if (err != VTR_OK) {
		int saved_errno = errno;
		if (child->pid != 0) {
			/* No event would report its death, so end it now. */
			(void)end_process(child, 0);
		} else {
			vtr_close(&child->log_fd);
			vtr_close(&child->control_fd);
		}
		errno = saved_errno;
	}
	return err;
}

unsigned vtr_child_start_later(struct vtr_child *child)
{
	const struct vtr_child_params *params = &child->params;

	if (child->delay_ms == 0 || child->lived_ms >= params->lived_long_ms) {
		child->delay_ms = params->restart_min_ms;
	} else {
		child->delay_ms = (unsigned)vtr_min(child->delay_ms * (size_t)2, params->restart_max_ms);
	}
	set_due(child, DUE_RESTART, child->delay_ms);
	return child->delay_ms;
}

static void on_restart(struct vtr_child *child)
{
	enum vtr_err err = child->params.events->start(child->params.data);

	if (err != VTR_OK && !child->destroyed) {
		child->delay_ms = child->params.restart_max_ms;
		vtr_error(child->params.log, "cannot start %s: %s. The next attempt is in %u ms", child->name,
		          vtr_err_text(err), child->delay_ms);
		set_due(child, DUE_RESTART, child->delay_ms);
	}
}

static void on_timer(void *data)
{
	static void (*const on_due[DUE_COUNT])(struct vtr_child *child) = {
		[DUE_LEAVE] = on_leave_over,
		[DUE_PAUSE] = on_pause_over,
		[DUE_RESTART] = on_restart,
		[DUE_LOG] = on_log_pause_over,
	};
	struct vtr_child *child = data;
	int64_t now_ns = vtr_os_now_ns();

	enter(child);
	for (size_t i = 0; i < DUE_COUNT && !child->destroyed; i++) {
		if (child->due_ns[i] >= 0 && child->due_ns[i] <= now_ns) {
			child->due_ns[i] = -1;
			on_due[i](child);
		}
	}
	if (!child->destroyed) {
		arm(child);
	}
	leave(child);
}

pid_t vtr_child_pid(const struct vtr_child *child)
{
	return child->pid;
}

void vtr_child_set_driver(struct vtr_child *child, const char *text, size_t max)
{
	vtr_child_refusals_set_driver(&child->refusals, text, max);
}

enum vtr_err vtr_child_create(const struct vtr_child_params *params, struct vtr_child **out_child)
{
	struct vtr_child *child = calloc(1, sizeof(*child));

	if (!child) {
		return VTR_ERR_NOMEM;
	}
	vtr_assert(!params->in_rules || params->turn_budget > 0);
	child->params = *params;
	snprintf(child->name, sizeof(child->name), "%s", params->name);
	child->death_fd = child->log_fd = child->control_fd = -1;
	vtr_child_refusals_init(&child->refusals, params->log, params->log_share, params->loop, child->name);
	for (size_t i = 0; i < DUE_COUNT; i++) {
		child->due_ns[i] = -1;
	}
	enum vtr_err err = vtr_os_loop_add_timer(params->loop, on_timer, child, &child->timer);
	if (err != VTR_OK) {
		free(child);
		return err;
	}
	*out_child = child;
	return VTR_OK;
}

void vtr_child_destroy(struct vtr_child *child)
{
	if (!child) {
		return;
	}
	if (child->pid != 0) {
		vtr_child_kill(child);
		(void)end_process(child, vtr_os_now_ns());
	}
	vtr_os_loop_timer_destroy(child->timer);
	child->timer = NULL;
	child->destroyed = true;
	if (child->depth == 0) {
		free_child(child);
	}
}
