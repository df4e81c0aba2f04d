/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "screen/child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/bell.h"
#include "platform/loop.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "screen/board.h"
#include "screen/client.h"
#include "screen/outputs.h"
#include "screen/protocol.h"

#define MS INT64_C(1000000)

/* How long after its death it is started again: twice as long each time, while it does not live long. */
#define RESTART_MIN_MS 50
#define RESTART_MAX_MS 5000
#define LIVED_LONG_MS 10000
/* What people want is read in handfuls, so that a process gone mad cannot keep the front busy. Two hundred
 * fast mice get through. */
#define MESSAGES_AT_ONCE 64
#define MESSAGES_PAUSE_MS 20
#define MODE_COST 8 /* messages; each is work for the guest */
/* How long it gets to end by itself. */
#define FINISH_MS 1000

/* Of the message that waits for the socket. */
#define QUEUE_BYTES 4096

#define ARGS_MAX 32
#define FDS_MAX VTR_OS_SPAWN_MAX_FDS

enum buffer_state {
	BUFFER_FREE,
	BUFFER_UNSENT,
	BUFFER_SENT,
	BUFFER_GONE, /* was sent; that it is gone was not */
};

struct buffer {
	enum buffer_state state;
	uint32_t id;
	int fd; /* read-only; -1 unless UNSENT or SENT */
	uint64_t size;
};

struct vtr_screen_child {
	struct vtr_screen_child_params params;
	struct buffer buffers[VTR_SCREEN_MAX_BUFFERS];
	size_t buffer_end;  /* behind the last one that is not free */
	struct vtr_os_loop_timer *restart;
	struct vtr_os_loop_timer *pause;
	int64_t delay_ms;
	int64_t started_ns;
	int null_fd;
	bool lived_long; /* one of the processes did */
	bool left;       /* for good */

	pid_t pid; /* 0: none; what follows is valid with one only */
	int death_fd;
	struct vtr_os_loop_fd *death_watch;
	int control_fd;
	struct vtr_os_loop_fd *control_watch; /* NULL once the process has closed it */
	struct vtr_ipc ipc;
	struct vtr_ipc_sender sender; /* holds one message at most, the table has the rest */
	bool pressed;                 /* a key or button: it may be held */
	bool paused;                  /* nothing is read until the pause is over */
	int ring_fd;
};

static void on_control(void *data, unsigned events);
static void on_death(void *data, unsigned events);

static void unwatch(struct vtr_os_loop_fd **watch)
{
	vtr_os_loop_remove(*watch);
	*watch = NULL;
}

static void kill_process(struct vtr_screen_child *child)
{
	/* Not reaped yet, so the number is still its own. */
	kill(child->pid, SIGKILL);
}

/* Its death does the rest. */
static void give_up(struct vtr_screen_child *child, const char *why, enum vtr_err err)
{
	vtr_warn(child->params.log, "killing the %s process, which %s: %s", child->params.command, why,
	         vtr_err_name(err));
	unwatch(&child->control_watch);
	kill_process(child);
}

/* --- buffers ----------------------------------------------------------------------------------------- */

/* Tells the process what it does not know of the buffer. */
static enum vtr_err send_buffer(struct vtr_screen_child *child, struct buffer *buffer)
{
	const struct vtr_screen_buffer message = { .size = buffer->size, .buffer = buffer->id };
	const struct vtr_screen_buffer_gone gone = { .buffer = buffer->id };
	const struct vtr_ipc_parts parts = { .payload = &message, .fds = &buffer->fd, .fd_count = 1 };
	const struct vtr_ipc_parts gone_parts = { .payload = &gone };

	if (buffer->state == BUFFER_UNSENT) {
		buffer->state = BUFFER_SENT;
		return vtr_ipc_sender_send(&child->sender, VTR_SCREEN_BUFFER, &parts);
	}
	buffer->state = BUFFER_FREE;
	return vtr_ipc_sender_send(&child->sender, VTR_SCREEN_BUFFER_GONE, &gone_parts);
}

/* As much as the socket takes, and one message more, which waits. */
static enum vtr_err send_some(struct vtr_screen_child *child)
{
	enum vtr_err err = vtr_ipc_sender_flush(&child->sender);

	for (size_t i = 0; i < child->buffer_end && err == VTR_OK; i++) {
		struct buffer *buffer = &child->buffers[i];
		if (vtr_ipc_sender_waits(&child->sender)) {
			break;
		}
		if (buffer->state == BUFFER_UNSENT || buffer->state == BUFFER_GONE) {
			err = send_buffer(child, buffer);
		}
	}
	return err;
}

static void send_buffers(struct vtr_screen_child *child)
{
	if (!child->control_watch) {
		return;
	}
	enum vtr_err err = send_some(child);
	if (err == VTR_OK) {
		err = vtr_os_loop_modify_fd(child->control_watch, !child->paused,
		                            vtr_ipc_sender_waits(&child->sender));
	}
	/* One that has gone says so by its death. */
	if (err != VTR_OK && err != VTR_ERR_GONE) {
		give_up(child, "does not take a message", err);
	}
}

static struct buffer *find_buffer(struct vtr_screen_child *child, uint32_t id)
{
	for (size_t i = 0; i < child->buffer_end; i++) {
		struct buffer *buffer = &child->buffers[i];
		if (buffer->id == id && buffer->fd >= 0) {
			return buffer;
		}
	}
	return NULL;
}

static struct buffer *find_room(struct vtr_screen_child *child)
{
	for (size_t i = 0; i < VTR_SCREEN_MAX_BUFFERS; i++) {
		if (child->buffers[i].state == BUFFER_FREE) {
			child->buffer_end = vtr_max(child->buffer_end, i + 1);
			return &child->buffers[i];
		}
	}
	return NULL;
}

void vtr_screen_child_add_buffer(struct vtr_screen_child *child, uint32_t id, int fd, uint64_t size)
{
	struct buffer *buffer = find_room(child);
	int copy;

	if (child->left) {
		return;
	}
	if (!buffer) {
		vtr_warn_limited(child->params.log, "buffer %u will not be shown: there are %d", id,
		                 VTR_SCREEN_MAX_BUFFERS);
		return;
	}
	enum vtr_err err = vtr_os_shm_read_only(fd, &copy);
	if (err != VTR_OK) {
		vtr_warn_limited(child->params.log, "buffer %u will not be shown: %s", id, strerror(errno));
		return;
	}
	*buffer = (struct buffer){ .state = BUFFER_UNSENT, .id = id, .fd = copy, .size = size };
	send_buffers(child);
}

void vtr_screen_child_remove_buffer(struct vtr_screen_child *child, uint32_t id)
{
	struct buffer *buffer = find_buffer(child, id);

	if (!buffer) {
		return;
	}
	vtr_close(&buffer->fd);
	if (buffer->state == BUFFER_SENT) {
		buffer->state = BUFFER_GONE;
		send_buffers(child);
	} else {
		buffer->state = BUFFER_FREE;
	}
}

/* For a new process, which knows none of them. */
static void forget_sent(struct vtr_screen_child *child)
{
	for (size_t i = 0; i < child->buffer_end; i++) {
		struct buffer *buffer = &child->buffers[i];
		if (buffer->state == BUFFER_GONE) {
			buffer->state = BUFFER_FREE;
		} else if (buffer->state == BUFFER_SENT) {
			buffer->state = BUFFER_UNSENT;
		}
	}
}

/* --- messages ---------------------------------------------------------------------------------------- */

static enum vtr_err handle_mode(struct vtr_screen_child *child, const struct vtr_screen_mode *mode)
{
	if (mode->display >= VTR_MAX_DISPLAYS || mode->connected > 1) {
		return VTR_ERR_GUEST;
	}
	if (mode->connected && !vtr_mode_fits(mode->width, mode->height)) {
		return VTR_ERR_GUEST;
	}
	vtr_debug(child->params.log, "display %u: asked for %ux%u, %s", mode->display, mode->width,
	          mode->height, mode->connected ? "connected" : "not connected");
	child->params.events->mode(child->params.data, mode->display, mode->connected != 0, mode->width,
	                           mode->height);
	return VTR_OK;
}

static void tell_input(struct vtr_screen_child *child, const struct vtr_input *input)
{
	if (child->params.events->input) {
		child->params.events->input(child->params.data, input);
	}
}

/* Nothing of it is logged: it may be a password. */
static enum vtr_err handle_input(struct vtr_screen_child *child, const struct vtr_screen_input *message)
{
	const struct vtr_input input = {
		.kind = (enum vtr_input_kind)message->kind,
		.display = message->display,
		.code = message->code,
		.down = message->down != 0,
		.x = message->x,
		.y = message->y,
		.wheel_x = message->wheel_x,
		.wheel_y = message->wheel_y,
	};

	if (!vtr_screen_input_check(message)) {
		return VTR_ERR_GUEST;
	}
	child->pressed |= input.kind == VTR_INPUT_KEY;
	tell_input(child, &input);
	return VTR_OK;
}

/* Returns: VTR_ERR_AGAIN when there is no more. Takes what it cost from the budget. */
static enum vtr_err handle_next(struct vtr_screen_child *child, int *budget)
{
	struct vtr_ipc_message message;
	enum vtr_err err = vtr_ipc_receive(&child->ipc, &message);

	if (err != VTR_OK) {
		return err;
	}
	switch ((enum vtr_screen_op)message.op) {
	case VTR_SCREEN_MODE:
		*budget -= MODE_COST;
		return handle_mode(child, message.payload);
	case VTR_SCREEN_INPUT:
		*budget -= 1;
		return handle_input(child, message.payload);
	default:
		return VTR_ERR_GUEST;
	}
}

/* Handles what has come, until it has been enough for now. */
static void take_messages(struct vtr_screen_child *child)
{
	enum vtr_err err = VTR_OK;
	int budget = MESSAGES_AT_ONCE;

	while (err == VTR_OK && budget > 0) {
		err = handle_next(child, &budget);
	}
	switch (err) {
	case VTR_ERR_AGAIN:
		return;
	case VTR_OK:
		child->paused = true;
		vtr_os_loop_timer_set(child->pause, MESSAGES_PAUSE_MS * MS);
		send_buffers(child);
		return;
	case VTR_ERR_GONE:
		/* It ends, or is of no use any more. One that may leave gets the time to say so by its status. */
		unwatch(&child->control_watch);
		if (child->params.may_leave) {
			vtr_os_loop_timer_set(child->pause, FINISH_MS * MS);
		} else {
			kill_process(child);
		}
		return;
	default:
		break;
	}
	give_up(child, "broke the rules", err);
}

static void on_control(void *data, unsigned events)
{
	struct vtr_screen_child *child = data;

	if ((events & VTR_OS_LOOP_OUT) != 0) {
		send_buffers(child);
	}
	if (child->control_watch && (events & (VTR_OS_LOOP_IN | VTR_OS_LOOP_HUP)) != 0) {
		take_messages(child);
	}
}

static void on_pause_over(void *data)
{
	struct vtr_screen_child *child = data;

	child->paused = false;
	if (child->control_watch) {
		take_messages(child); /* some may have been read already, so that the loop would not say so */
		send_buffers(child);
	} else {
		kill_process(child);
	}
}

/* --- the process ------------------------------------------------------------------------------------- */

/* What one process gets of its own. */
struct gifts {
	int control_fd, hear_fd;
	int feed_fds[VTR_SCREEN_MAX_OUTPUTS];
	size_t feed_count;
};

/* Fills in the fds that the process gets. Returns: how many. */
static size_t fill_fds(const struct vtr_screen_child *child, const struct gifts *gifts,
                       struct vtr_os_spawn_fd fds[FDS_MAX])
{
	const struct vtr_screen_child_params *params = &child->params;
	const struct vtr_os_spawn_fd all[] = {
		{ .fd = child->null_fd, .as = STDIN_FILENO },
		{ .fd = STDERR_FILENO, .as = STDOUT_FILENO },
		{ .fd = STDERR_FILENO, .as = STDERR_FILENO },
		{ .fd = gifts->control_fd, .as = VTR_SCREEN_FD_CONTROL },
		{ .fd = params->board_fd, .as = VTR_SCREEN_FD_BOARD },
		{ .fd = params->notes_fd, .as = VTR_SCREEN_FD_NOTES },
		{ .fd = gifts->hear_fd, .as = VTR_SCREEN_FD_BELL },
		{ .fd = params->window_fd, .as = VTR_SCREEN_FD_WINDOW },
	};
	size_t count = 0;

	vtr_assert(VTR_ARRAY_LEN(all) + params->fd_count + gifts->feed_count <= FDS_MAX);
	for (size_t i = 0; i < VTR_ARRAY_LEN(all); i++) {
		if (all[i].fd >= 0) {
			fds[count++] = all[i];
		}
	}
	for (size_t i = 0; i < params->fd_count; i++) {
		fds[count++] = params->fds[i];
	}
	for (size_t i = 0; i < gifts->feed_count; i++) {
		fds[count++] = (struct vtr_os_spawn_fd){ .fd = gifts->feed_fds[i],
			                                 .as = VTR_SCREEN_FD_FEEDS + (int)i };
	}
	return count;
}

/* Adds words. `name` NULL: only the value; `value` NULL: nothing. */
static void add_arg(const char *argv[ARGS_MAX], size_t *count, const char *name, const char *value)
{
	vtr_assert(*count + 3 < ARGS_MAX);
	if (value && name) {
		argv[(*count)++] = name;
	}
	if (value) {
		argv[(*count)++] = value;
	}
	argv[*count] = NULL;
}

static enum vtr_err spawn(struct vtr_screen_child *child, const struct gifts *gifts)
{
	const struct vtr_screen_child_params *params = &child->params;
	struct vtr_os_spawn_fd fds[FDS_MAX];
	char size_text[24];
	char feeds_text[16];
	const char *argv[ARGS_MAX];
	size_t n = 0;

	snprintf(size_text, sizeof(size_text), "%" PRIu64, params->window_size);
	snprintf(feeds_text, sizeof(feeds_text), "%zu", gifts->feed_count);
	add_arg(argv, &n, NULL, params->program);
	add_arg(argv, &n, NULL, params->command);
	add_arg(argv, &n, "--window-size", params->window_fd >= 0 ? size_text : NULL);
	add_arg(argv, &n, "--feeds", gifts->feed_count > 0 ? feeds_text : NULL);
	add_arg(argv, &n, "--log", params->log_filter);
	for (const char *const *arg = params->args; *arg; arg++) {
		add_arg(argv, &n, NULL, *arg);
	}
	const struct vtr_os_spawn spawn = {
		.path = params->program,
		.argv = (char **)argv, /* exec() changes nothing */
		.fds = fds,
		.fd_count = fill_fds(child, gifts, fds),
		.new_session = true,
	};
	return vtr_os_spawn(&spawn, &child->pid, &child->death_fd);
}

static enum vtr_err watch(struct vtr_screen_child *child)
{
	struct vtr_os_loop *loop = child->params.loop;

	vtr_ipc_init(&child->ipc, child->control_fd, vtr_screen_rules, VTR_SCREEN_OP_COUNT);
	vtr_ipc_sender_init(&child->sender, child->control_fd, vtr_screen_rules, QUEUE_BYTES, 1);
	enum vtr_err err = vtr_os_loop_add_fd(loop, child->control_fd, true, false, on_control, child,
	                                      &child->control_watch);
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(loop, child->death_fd, true, false, on_death, child,
		                         &child->death_watch);
	}
	return err;
}

/* Forgets a process that has ended. */
static void clean_up(struct vtr_screen_child *child)
{
	unwatch(&child->control_watch);
	unwatch(&child->death_watch);
	vtr_ipc_finish(&child->ipc);
	vtr_ipc_sender_finish(&child->sender);
	vtr_close(&child->control_fd);
	vtr_close(&child->death_fd);
	vtr_close(&child->ring_fd);
	vtr_os_loop_timer_set(child->pause, -1);
	child->pid = 0;
	child->pressed = false;
	child->paused = false;
}

static void clear_notes(struct vtr_notes *notes)
{
	for (size_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		atomic_store(&notes->taken[i], 0);
	}
	atomic_store(&notes->asleep, 0);
}

static void close_gifts(struct gifts *gifts)
{
	vtr_close(&gifts->control_fd);
	vtr_close(&gifts->hear_fd);
	for (size_t i = 0; i < gifts->feed_count; i++) {
		vtr_close(&gifts->feed_fds[i]);
	}
}

static enum vtr_err start(struct vtr_screen_child *child)
{
	struct gifts gifts = { .control_fd = -1, .hear_fd = -1 };
	int ends[2];
	int status;
	enum vtr_err err = vtr_os_sock_pair(ends);

	if (err != VTR_OK) {
		return err;
	}
	child->control_fd = ends[0];
	gifts.control_fd = ends[1];
	if (fcntl(child->control_fd, F_SETFL, O_NONBLOCK) < 0) {
		err = VTR_ERR_OS;
	}
	if (err == VTR_OK) {
		err = vtr_os_bell_create(&child->ring_fd, &gifts.hear_fd);
	}
	clear_notes(child->params.notes);
	if (err == VTR_OK && child->params.outputs) {
		gifts.feed_count = vtr_screen_outputs_start(child->params.outputs, gifts.feed_fds);
	}
	if (err == VTR_OK) {
		err = spawn(child, &gifts);
	}
	close_gifts(&gifts);
	if (err == VTR_OK) {
		err = watch(child);
	}
	if (err != VTR_OK) {
		if (child->pid != 0) {
			/* Nobody could tell its death: end it here and now. */
			kill_process(child);
			waitpid(child->pid, &status, 0);
		}
		clean_up(child);
		return err;
	}
	child->started_ns = vtr_os_now_ns();
	vtr_debug(child->params.log, "%s process %d", child->params.command, (int)child->pid);
	forget_sent(child);
	send_buffers(child);
	return VTR_OK;
}

static void start_later(struct vtr_screen_child *child)
{
	vtr_os_loop_timer_set(child->restart, child->delay_ms * MS);
}

static void on_restart(void *data)
{
	struct vtr_screen_child *child = data;
	enum vtr_err err = start(child);

	if (err != VTR_OK) {
		child->delay_ms = RESTART_MAX_MS;
		vtr_error(child->params.log, "cannot start the %s process: %s (%s); trying again in %d s",
		          child->params.command, vtr_err_name(err), strerror(errno), RESTART_MAX_MS / 1000);
		start_later(child);
	}
}

/* Whether it is not to be started again. */
static bool leaves(const struct vtr_screen_child *child, int status)
{
	if (!child->params.may_leave || !WIFEXITED(status)) {
		return false;
	}
	/* What was of use once may be again: a desktop is started anew, too. */
	return WEXITSTATUS(status) == 0 ||
	       (WEXITSTATUS(status) == VTR_SCREEN_EXIT_USELESS && !child->lived_long);
}

static void on_death(void *data, unsigned events)
{
	struct vtr_screen_child *child = data;
	int64_t lived_ms = (vtr_os_now_ns() - child->started_ns) / MS;
	int status = 0;

	(void)events;
	if (vtr_os_wait(child->pid, &status) == VTR_ERR_AGAIN) {
		return;
	}
	if (child->pressed) {
		tell_input(child, &(struct vtr_input){ .kind = VTR_INPUT_RELEASE });
	}
	child->lived_long = child->lived_long || lived_ms >= LIVED_LONG_MS;
	child->left = leaves(child, status);
	if (!child->left) {
		child->delay_ms = lived_ms >= LIVED_LONG_MS || child->delay_ms == 0 ?
		                          RESTART_MIN_MS :
		                          (int64_t)vtr_min((size_t)child->delay_ms * 2, RESTART_MAX_MS);
		vtr_warn(child->params.log,
		         "the %s process ended (%s %d) after %" PRId64 " ms; the guest goes on, "
		         "starting it again in %" PRId64 " ms",
		         child->params.command, WIFSIGNALED(status) ? "signal" : "status",
		         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), lived_ms,
		         child->delay_ms);
		start_later(child);
	}
	clean_up(child);
}

enum vtr_err vtr_screen_child_create(const struct vtr_screen_child_params *params,
                                     struct vtr_screen_child **out_child)
{
	struct vtr_screen_child *child = calloc(1, sizeof(*child));
	enum vtr_err err;

	if (!child) {
		return VTR_ERR_NOMEM;
	}
	child->params = *params;
	child->death_fd = -1;
	child->control_fd = -1;
	child->ring_fd = -1;
	for (size_t i = 0; i < VTR_SCREEN_MAX_BUFFERS; i++) {
		child->buffers[i].fd = -1;
	}
	child->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	err = child->null_fd >= 0 ? VTR_OK : VTR_ERR_OS;
	if (err == VTR_OK) {
		err = vtr_os_loop_add_timer(params->loop, on_restart, child, &child->restart);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_add_timer(params->loop, on_pause_over, child, &child->pause);
	}
	if (err == VTR_OK) {
		err = start(child);
	}
	if (err != VTR_OK) {
		vtr_error(params->log, "cannot start the %s process: %s (%s)", params->command,
		          vtr_err_name(err), strerror(errno));
		vtr_screen_child_destroy(child);
		return err;
	}
	*out_child = child;
	return VTR_OK;
}

/* Waits for the process's end, or some time and then kills it. */
static void finish_process(struct vtr_screen_child *child)
{
	struct pollfd pollfd = { .fd = child->death_fd, .events = POLLIN };
	int status;

	unwatch(&child->control_watch);
	vtr_close(&child->control_fd);
	if (poll(&pollfd, 1, FINISH_MS) <= 0) {
		kill_process(child);
	}
	waitpid(child->pid, &status, 0);
}

void vtr_screen_child_destroy(struct vtr_screen_child *child)
{
	if (!child) {
		return;
	}
	if (child->pid != 0) {
		finish_process(child);
		clean_up(child);
	}
	vtr_os_loop_timer_destroy(child->restart);
	vtr_os_loop_timer_destroy(child->pause);
	for (size_t i = 0; i < child->buffer_end; i++) {
		vtr_close(&child->buffers[i].fd);
	}
	vtr_close(&child->null_fd);
	free(child);
}

bool vtr_screen_child_lives(const struct vtr_screen_child *child)
{
	return !child->left;
}

void vtr_screen_child_ring(struct vtr_screen_child *child)
{
	if (child->ring_fd >= 0) {
		vtr_os_bell_ring(child->ring_fd);
	}
}
