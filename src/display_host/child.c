/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "display_host/child.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/protocol.h"
#include "display/scanout_page.h"
#include "display_host/host.h"
#include "display_host/outputs.h"
#include "ipc/child.h"
#include "ipc/child_refusals.h"
#include "ipc/sandbox_args.h"
#include "platform/bell.h"
#include "platform/shm.h"
#include "platform/thread.h"

/* The delay before a restart. It doubles each time unless the process has lived long. */
#define RESTART_MIN_MS 50
#define RESTART_MAX_MS 5000
#define LIVED_LONG_MS 10000
/* The messages that are read at once, with a pause after them, so that a process out of control cannot keep the
 * front busy. The input of two hundred fast mice is below this rate. */
#define MESSAGES_AT_ONCE 64
#define MESSAGES_PAUSE_MS 20
#define MODE_COST 8 /* in messages, because each mode is work for the guest */
/* The time that the process has to end by itself. */
#define FINISH_MS 1000

/* So long after its last block, a process has ended to speak. */
#define VOICE_NS INT64_C(500000000)

/* For the one message that waits for the socket. */
#define QUEUE_BYTES 4096

#define ARGS_MAX 32
#define NAME_SIZE 32
#define FDS_MAX VTR_OS_SPAWN_MAX_FDS

enum buffer_state {
	BUFFER_FREE,
	BUFFER_UNSENT,
	BUFFER_SENT,
	BUFFER_GONE, /* was sent; its removal was not */
};

struct buffer {
	enum buffer_state state;
	uint32_t id;
	int fd; /* read-only; -1 unless UNSENT or SENT */
	uint64_t size;
};

struct vtr_display_child {
	struct vtr_display_child_params params;
	struct buffer buffers[VTR_SCREEN_MAX_BUFFERS];
	size_t buffer_end; /* index behind the last buffer that is not free */
	struct vtr_child *process;
	bool lived_long; /* at least one process lived long */
	bool crashed; /* see crashed_arg */
	bool left; /* the process will not be restarted */
	bool pressed; /* a key or button may be held down */
	bool listens; /* to the guest's sound */
	int ring_fd; /* our end of the process's bell; -1: there is no process */
};

/* --- buffers ----------------------------------------------------------------------------------------- */

/* Sends the state of the buffer that the process does not know yet. */
static enum vtr_err send_buffer(struct vtr_display_child *child, struct buffer *buffer)
{
	const struct vtr_display_msg_buffer message = { .size = buffer->size, .buffer = buffer->id };
	const struct vtr_display_msg_buffer_gone gone = { .buffer = buffer->id };
	const struct vtr_ipc_parts parts = { .payload = &message, .fds = &buffer->fd, .fd_count = 1 };
	const struct vtr_ipc_parts gone_parts = { .payload = &gone };

	if (buffer->state == BUFFER_UNSENT) {
		buffer->state = BUFFER_SENT;
		return vtr_child_send(child->process, VTR_DISPLAY_MSG_BUFFER, &parts);
	}
	buffer->state = BUFFER_FREE;
	return vtr_child_send(child->process, VTR_DISPLAY_MSG_BUFFER_GONE, &gone_parts);
}

/* Sends as much as the socket takes, and one more message, which waits. */
static enum vtr_err send_some(struct vtr_display_child *child)
{
	enum vtr_err err = VTR_OK;

	for (size_t i = 0; i < child->buffer_end && err == VTR_OK; i++) {
		struct buffer *buffer = &child->buffers[i];
		if (vtr_child_is_behind(child->process)) {
			break;
		}
		if (buffer->state == BUFFER_UNSENT || buffer->state == BUFFER_GONE) {
			err = send_buffer(child, buffer);
		}
	}
	return err;
}

static void send_buffers(struct vtr_display_child *child)
{
	if (vtr_child_is_connected(child->process)) {
		(void)(send_some(child) == VTR_OK); /* after an error, the process is killed */
	}
}

static struct buffer *find_buffer(struct vtr_display_child *child, uint32_t id)
{
	for (size_t i = 0; i < child->buffer_end; i++) {
		struct buffer *buffer = &child->buffers[i];
		if (buffer->id == id && buffer->fd >= 0) {
			return buffer;
		}
	}
	return NULL;
}

static struct buffer *find_room(struct vtr_display_child *child)
{
	for (size_t i = 0; i < VTR_SCREEN_MAX_BUFFERS; i++) {
		if (child->buffers[i].state == BUFFER_FREE) {
			child->buffer_end = vtr_max(child->buffer_end, i + 1);
			return &child->buffers[i];
		}
	}
	return NULL;
}

void vtr_display_child_add_buffer(struct vtr_display_child *child, uint32_t id,
                                  const struct vtr_hostmem *memory)
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
	enum vtr_err err = vtr_os_shm_read_only(memory->fd, memory->view_fd, &copy);
	if (err != VTR_OK) {
		vtr_warn_limited(child->params.log, "buffer %u will not be shown: %s", id, strerror(errno));
		return;
	}
	*buffer = (struct buffer){ .state = BUFFER_UNSENT, .id = id, .fd = copy, .size = memory->size };
	send_buffers(child);
}

void vtr_display_child_remove_buffer(struct vtr_display_child *child, uint32_t id)
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

/* Marks all buffers as unsent, for a new process. */
static void forget_sent(struct vtr_display_child *child)
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

static enum vtr_err handle_mode(struct vtr_display_child *child, const struct vtr_display_msg_mode *mode)
{
	if (mode->display >= VTR_MAX_DISPLAYS || mode->connected > 1) {
		return VTR_ERR_PROTOCOL;
	}
	if (mode->connected && !vtr_mode_fits(mode->width, mode->height)) {
		return VTR_ERR_PROTOCOL;
	}
	vtr_debug(child->params.log, "display %u: asked for %ux%u, %s", mode->display, mode->width,
	          mode->height, mode->connected ? "connected" : "not connected");
	child->params.events->mode(child->params.data, mode->display, mode->connected != 0, mode->width,
	                           mode->height);
	return VTR_OK;
}

static void pass_input(struct vtr_display_child *child, const struct vtr_input *input)
{
	if (child->params.events->input) {
		child->params.events->input(child->params.data, input);
	}
}

/* Input is not logged: it may be a password. */
static enum vtr_err handle_input(struct vtr_display_child *child, const struct vtr_display_msg_input *message)
{
	struct vtr_input input = {
		.kind = (enum vtr_input_kind)message->kind,
		.display = message->display,
		.code = message->code,
		.down = message->down != 0,
		.x = message->x,
		.y = message->y,
		.wheel_x = message->wheel_x,
		.wheel_y = message->wheel_y,
		.buttons = message->buttons,
	};

	memcpy(input.axes, message->axes, sizeof(input.axes));
	if (!vtr_display_input_check(message)) {
		return VTR_ERR_PROTOCOL;
	}
	child->pressed |= input.kind == VTR_INPUT_KEY || input.kind == VTR_INPUT_TOUCH ||
	                  input.kind == VTR_INPUT_PAD;
	pass_input(child, &input);
	return VTR_OK;
}

static void set_listens(struct vtr_display_child *child, bool listens)
{
	if (child->listens == listens) {
		return;
	}
	child->listens = listens;
	if (child->params.events->listen) {
		child->params.events->listen(child->params.data, listens);
	}
}

static enum vtr_err handle_listen(struct vtr_display_child *child,
                                  const struct vtr_display_msg_listen *message)
{
	if (message->listens > 1) {
		return VTR_ERR_PROTOCOL;
	}
	set_listens(child, message->listens != 0);
	return VTR_OK;
}

static void handle_microphone(struct vtr_display_child *child, const struct vtr_audio_block *block)
{
	struct vtr_display_voice *voice = child->params.voice;
	const int64_t now_ns = vtr_os_now_ns();

	if (!voice || !child->params.events->microphone) {
		return;
	}
	if (child->params.speaks_first) {
		voice->first_ns = now_ns;
	} else if (voice->first_ns != 0 && now_ns - voice->first_ns < VOICE_NS) {
		return;
	}
	child->params.events->microphone(child->params.data, block);
}

static enum vtr_err on_message(void *data, const struct vtr_ipc_message *message, unsigned *cost)
{
	struct vtr_display_child *child = data;

	switch ((enum vtr_display_msg)message->op) {
	case VTR_DISPLAY_MSG_MODE:
		*cost = MODE_COST;
		return handle_mode(child, message->payload);
	case VTR_DISPLAY_MSG_INPUT:
		return handle_input(child, message->payload);
	case VTR_DISPLAY_MSG_MICROPHONE:
		handle_microphone(child, message->payload);
		return VTR_OK;
	case VTR_DISPLAY_MSG_LISTEN:
		return handle_listen(child, message->payload);
	default:
		return VTR_ERR_PROTOCOL;
	}
}

static void on_sent(void *data)
{
	send_buffers(data);
}

/* The process ends, or cannot be used any more. If it may leave, it gets the time to exit with its status. */
static void on_closed(void *data, enum vtr_err why)
{
	struct vtr_display_child *child = data;

	(void)why;
	if (child->params.may_leave) {
		vtr_child_leave(child->process, FINISH_MS);
	} else {
		vtr_child_kill(child->process);
	}
}

/* --- the process ------------------------------------------------------------------------------------- */

/* The fds that are created for each start. */
struct child_fds {
	int hear_fd;
	int feed_fds[VTR_DISPLAY_MAX_OUTPUTS];
	size_t feed_count;
};

/* Fills in the fds that the process gets. Returns: their number. */
static size_t fill_fds(const struct vtr_display_child *child, const struct child_fds *child_fds,
                       struct vtr_os_spawn_fd fds[FDS_MAX])
{
	const struct vtr_display_child_params *params = &child->params;
	const struct vtr_os_spawn_fd all[] = {
		{ .fd = params->page_fd, .as = VTR_DISPLAY_FD_PAGE },
		{ .fd = params->acks_fd, .as = VTR_DISPLAY_FD_ACKS },
		{ .fd = child_fds->hear_fd, .as = VTR_DISPLAY_FD_BELL },
		{ .fd = params->hostmem_fd, .as = VTR_DISPLAY_FD_HOSTMEM },
	};
	size_t count = 0;

	vtr_assert(VTR_ARRAY_LEN(all) + params->fd_count + child_fds->feed_count <= FDS_MAX);
	for (size_t i = 0; i < VTR_ARRAY_LEN(all); i++) {
		if (all[i].fd >= 0) {
			fds[count++] = all[i];
		}
	}
	for (size_t i = 0; i < params->fd_count; i++) {
		fds[count++] = params->fds[i];
	}
	for (size_t i = 0; i < child_fds->feed_count; i++) {
		fds[count++] = (struct vtr_os_spawn_fd){ .fd = child_fds->feed_fds[i],
			                                 .as = VTR_DISPLAY_FD_FEEDS + (int)i };
	}
	return count;
}

/* Adds an option. `name` NULL: only the value; `value` NULL: nothing. */
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

static enum vtr_err spawn(struct vtr_display_child *child, const struct child_fds *child_fds)
{
	const struct vtr_display_child_params *params = &child->params;
	struct vtr_os_spawn_fd fds[FDS_MAX];
	char size_text[24];
	char feeds_text[16];
	struct vtr_sandbox_args sandbox;
	const struct vtr_child_watch watch = { .role = params->role,
		                               .permits = params->sandbox == VTR_OS_SANDBOX_REPORT };
	const char *argv[ARGS_MAX];
	size_t n = 0;

	snprintf(size_text, sizeof(size_text), "%" PRIu64, params->hostmem_size);
	snprintf(feeds_text, sizeof(feeds_text), "%zu", child_fds->feed_count);
	add_arg(argv, &n, NULL, params->program);
	add_arg(argv, &n, NULL, params->command);
	add_arg(argv, &n, "--hostmem-size", params->hostmem_fd >= 0 ? size_text : NULL);
	add_arg(argv, &n, "--feeds", child_fds->feed_count > 0 ? feeds_text : NULL);
	add_arg(argv, &n, "--log", params->log_filter);
	vtr_sandbox_args_fill(params->sandbox, &sandbox);
	for (size_t i = 0; i < VTR_SANDBOX_ARGS; i++) {
		add_arg(argv, &n, NULL, sandbox.args[i]);
	}
	for (const char *const *arg = params->args; *arg; arg++) {
		add_arg(argv, &n, NULL, *arg);
	}
	add_arg(argv, &n, NULL, child->crashed ? params->crashed_arg : NULL);
	const struct vtr_child_spec spec = {
		.program = params->program,
		.argv = argv,
		.fds = fds,
		.fd_count = fill_fds(child, child_fds, fds),
		.watch = params->sandbox != VTR_OS_SANDBOX_OFF ? &watch : NULL,
	};
	return vtr_child_start(child->process, &spec);
}

static void clear_acks(struct vtr_scanout_acks *acks)
{
	for (size_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		atomic_store(&acks->taken[i], 0);
	}
	atomic_store(&acks->asleep, 0);
}

static void close_child_fds(struct child_fds *child_fds)
{
	vtr_close(&child_fds->hear_fd);
	for (size_t i = 0; i < child_fds->feed_count; i++) {
		vtr_close(&child_fds->feed_fds[i]);
	}
}

static enum vtr_err on_start(void *data)
{
	struct vtr_display_child *child = data;
	struct child_fds child_fds = { .hear_fd = -1 };
	enum vtr_err err = vtr_os_bell_create(&child->ring_fd, &child_fds.hear_fd);

	if (err != VTR_OK) {
		return err;
	}
	clear_acks(child->params.acks);
	if (child->params.outputs) {
		child_fds.feed_count = vtr_display_outputs_start(child->params.outputs, child_fds.feed_fds);
	}
	err = spawn(child, &child_fds);
	close_child_fds(&child_fds);
	if (err != VTR_OK) {
		vtr_close(&child->ring_fd);
		return err;
	}
	vtr_debug(child->params.log, "%s process %d", child->params.command,
	          (int)vtr_child_pid(child->process));
	forget_sent(child);
	send_buffers(child);
	return VTR_OK;
}

/* Returns: whether the process is not to be restarted. */
static bool leaves(const struct vtr_display_child *child, int status)
{
	if (!child->params.may_leave || !WIFEXITED(status)) {
		return false;
	}
	/* A process that has worked before may work again, for instance after the desktop is restarted. */
	return WEXITSTATUS(status) == 0 ||
	       (WEXITSTATUS(status) == VTR_SCREEN_EXIT_USELESS && !child->lived_long);
}

/* Returns: whether the process died of a fault, for instance of a driver, before it was of much use. */
static bool is_crash(const struct vtr_child_end *end)
{
	return WIFSIGNALED(end->status) && WTERMSIG(end->status) != SIGKILL &&
	       WTERMSIG(end->status) != SIGTERM && end->lived_ms < LIVED_LONG_MS;
}

static void on_died(void *data, const struct vtr_child_end *end)
{
	struct vtr_display_child *child = data;
	int status = end->status;

	vtr_close(&child->ring_fd);
	set_listens(child, false);
	if (child->pressed) {
		child->pressed = false;
		pass_input(child, &(struct vtr_input){ .kind = VTR_INPUT_RELEASE });
	}
	child->lived_long = child->lived_long || end->lived_ms >= LIVED_LONG_MS;
	child->crashed = child->crashed || is_crash(end);
	child->left = leaves(child, status);
	if (!child->left) {
		unsigned delay_ms = vtr_child_start_later(child->process);
		vtr_warn(child->params.log,
		         "the %s process ended (%s %d) after %" PRId64 " ms: the guest goes on, "
		         "and the process is started again in %u ms",
		         child->params.command, WIFSIGNALED(status) ? "signal" : "status",
		         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), end->lived_ms,
		         delay_ms);
	}
}

static const struct vtr_child_events child_events = {
	.message = on_message,
	.sent = on_sent,
	.closed = on_closed,
	.died = on_died,
	.start = on_start,
};

enum vtr_err vtr_display_child_create(const struct vtr_display_child_params *params,
                                      struct vtr_display_child **out_child)
{
	struct vtr_display_child *child = calloc(1, sizeof(*child));
	char name[NAME_SIZE];
	const struct vtr_child_params child_params = {
		.log = params->log,
		.loop = params->loop,
		.name = name,
		.events = &child_events,
		.data = child,
		.in_rules = vtr_display_msg_rules,
		.in_rule_count = VTR_DISPLAY_MSG_COUNT,
		.out_rules = vtr_display_msg_rules,
		.max_queue_bytes = QUEUE_BYTES,
		.max_queue_fds = 1,
		.turn_budget = MESSAGES_AT_ONCE,
		.pause_ms = MESSAGES_PAUSE_MS,
		.restart_min_ms = RESTART_MIN_MS,
		.restart_max_ms = RESTART_MAX_MS,
		.lived_long_ms = LIVED_LONG_MS,
	};

	if (!child) {
		return VTR_ERR_NOMEM;
	}
	child->params = *params;
	child->ring_fd = -1;
	for (size_t i = 0; i < VTR_SCREEN_MAX_BUFFERS; i++) {
		child->buffers[i].fd = -1;
	}
	snprintf(name, sizeof(name), "the %s process", params->command);
	enum vtr_err err = vtr_child_create(&child_params, &child->process);
	if (err == VTR_OK) {
		err = on_start(child);
	}
	if (err != VTR_OK) {
		vtr_error(params->log, "cannot start the %s process: %s. 'vitrine doctor' examines this host",
		          params->command, vtr_err_text(err));
		vtr_display_child_destroy(child);
		return err;
	}
	*out_child = child;
	return VTR_OK;
}

void vtr_display_child_destroy(struct vtr_display_child *child)
{
	if (!child) {
		return;
	}
	if (child->process) {
		(void)vtr_child_finish(child->process, vtr_os_now_ns() + FINISH_MS * INT64_C(1000000));
	}
	vtr_child_destroy(child->process);
	vtr_close(&child->ring_fd);
	for (size_t i = 0; i < child->buffer_end; i++) {
		vtr_close(&child->buffers[i].fd);
	}
	free(child);
}

bool vtr_display_child_lives(const struct vtr_display_child *child)
{
	return !child->left;
}

bool vtr_display_child_listens(const struct vtr_display_child *child)
{
	return child->listens;
}

void vtr_display_child_ring(struct vtr_display_child *child)
{
	if (child->ring_fd >= 0) {
		vtr_os_bell_ring(child->ring_fd);
	}
}
