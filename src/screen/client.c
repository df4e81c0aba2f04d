/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "screen/client.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/rect.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "platform/thread.h"
#include "screen/board.h"
#include "screen/child.h"
#include "screen/outputs.h"
#include "screen/places.h"
#include "screen/protocol.h"

/* How far apart marks are, see struct vtr_board_frame. */
#define MARK_NS INT64_C(500000000)
/* Of one process. */
#define MAX_ARGS 24
#define MAX_FDS 4

struct display {
	bool pending; /* a scanout that shows at the next flush */
	struct vtr_scanout next;
	struct vtr_board_frame frame; /* as published */
	uint64_t next_mark;           /* becomes frame.mark when it is old enough */
	int64_t next_mark_ns;
};

/* A process that sees the displays. */
struct consumer {
	struct vtr_screen_child *child; /* NULL: nobody asked for it */
	struct vtr_notes *notes;
	int notes_fd;
	const char *args[MAX_ARGS]; /* NULL at the end */
	size_t arg_count;
	struct vtr_os_spawn_fd fds[MAX_FDS]; /* borrowed */
	size_t fd_count;
};

enum {
	CONSUMER_SCREEN,
	CONSUMER_WINDOW,
	CONSUMERS,
};

struct vtr_screen_client {
	struct vtr_board *board;
	int board_fd;  /* read-only, as the next one is */
	int window_fd; /* -1: there is no window */
	struct vtr_screen_places places;
	struct vtr_screen_outputs *outputs; /* NULL: there are none */
	struct consumer consumers[CONSUMERS];
	char bitrate[16];
	char fps[16];
	struct display displays[VTR_MAX_DISPLAYS];
};

static bool lives(const struct consumer *consumer)
{
	return consumer->child && vtr_screen_child_lives(consumer->child);
}

static void wake(struct vtr_screen_client *client)
{
	for (size_t i = 0; i < CONSUMERS; i++) {
		const struct consumer *consumer = &client->consumers[i];
		if (lives(consumer) && vtr_notes_must_ring(consumer->notes)) {
			vtr_screen_child_ring(consumer->child);
		}
	}
}

/* Whether all that look have dealt with the frame that was published last. */
static bool is_taken(const struct vtr_screen_client *client, uint32_t display)
{
	const uint64_t frame = client->displays[display].frame.frame;
	bool taken = true;

	for (size_t i = 0; i < CONSUMERS; i++) {
		const struct consumer *consumer = &client->consumers[i];
		if (lives(consumer)) {
			taken = taken && atomic_load_explicit(&consumer->notes->taken[display],
			                                      memory_order_acquire) == frame;
		}
	}
	return taken;
}

static void add_damage(struct vtr_screen_client *client, uint32_t display, const struct vtr_rect *damage)
{
	struct vtr_board_frame *frame = &client->displays[display].frame;
	struct vtr_rect rect = vtr_rect_clip(damage, frame->scanout.width, frame->scanout.height);

	/* Whoever has dealt with the last frame needs to know of this one only. A lie about it spoils
	 * the liar's own picture. */
	if (is_taken(client, display)) {
		frame->damage = rect;
		frame->damage_since = frame->frame;
	} else {
		frame->damage = vtr_rect_join(&frame->damage, &rect);
	}
}

static bool same_shape(const struct vtr_scanout *a, const struct vtr_scanout *b)
{
	return a->width == b->width && a->height == b->height && a->format == b->format;
}

static bool same_memory(const struct vtr_scanout *a, const struct vtr_scanout *b)
{
	return a->in_window == b->in_window && (a->in_window || a->buffer == b->buffer) &&
	       a->offset == b->offset && a->stride == b->stride;
}

/* Keeps a mark between half a second and a second behind the newest frame. */
static void set_mark(struct display *state)
{
	struct vtr_board_frame *frame = &state->frame;
	int64_t age_ns = frame->time_ns - state->next_mark_ns;

	if (age_ns < MARK_NS) {
		return;
	}
	bool paused = age_ns > 2 * MARK_NS;
	frame->mark = paused ? frame->frame : state->next_mark;
	frame->mark_ns = paused ? frame->time_ns : state->next_mark_ns;
	state->next_mark = frame->frame;
	state->next_mark_ns = frame->time_ns;
}

static void flush(void *data, uint32_t display, const struct vtr_rect *damage)
{
	struct vtr_screen_client *client = data;
	struct display *state = &client->displays[display];
	struct vtr_board_frame *frame = &state->frame;

	if (state->pending) {
		state->pending = false;
		if (!frame->lit || !same_shape(&frame->scanout, &state->next)) {
			frame->generation++;
		}
		frame->lit = true;
		frame->scanout = state->next;
		frame->damage = (struct vtr_rect){ 0, 0, state->next.width, state->next.height };
		frame->damage_since = 0;
	} else if (!frame->lit) {
		return;
	} else {
		add_damage(client, display, damage);
	}
	frame->frame++;
	frame->time_ns = vtr_os_now_ns();
	set_mark(state);
	vtr_board_publish(client->board, display, frame);
	wake(client);
}

static void touch(void *data, uint32_t display)
{
	struct vtr_screen_client *client = data;

	vtr_board_set_writing(client->board, display);
}

static void set_scanout(void *data, uint32_t display, const struct vtr_scanout *scanout)
{
	struct vtr_screen_client *client = data;
	struct display *state = &client->displays[display];
	struct vtr_board_frame *frame = &state->frame;

	if (scanout) {
		state->pending = !frame->lit || !same_shape(&frame->scanout, scanout) ||
		                 !same_memory(&frame->scanout, scanout);
		state->next = *scanout;
		if (frame->lit && state->pending) {
			vtr_board_set_writing(client->board, display);
		}
		return;
	}
	state->pending = false;
	if (frame->lit) {
		frame->lit = false;
		frame->generation++;
		vtr_board_publish(client->board, display, frame);
		wake(client);
	}
}

static void add_buffer(void *data, uint32_t buffer, int fd, uint64_t size)
{
	struct vtr_screen_client *client = data;

	for (size_t i = 0; i < CONSUMERS; i++) {
		if (client->consumers[i].child) {
			vtr_screen_child_add_buffer(client->consumers[i].child, buffer, fd, size);
		}
	}
}

static void remove_buffer(void *data, uint32_t buffer)
{
	struct vtr_screen_client *client = data;

	for (size_t i = 0; i < CONSUMERS; i++) {
		if (client->consumers[i].child) {
			vtr_screen_child_remove_buffer(client->consumers[i].child, buffer);
		}
	}
}

static void set_cursor(void *data, uint32_t display, const struct vtr_cursor *cursor)
{
	struct vtr_screen_client *client = data;

	vtr_board_set_cursor(client->board, display, cursor);
	wake(client);
}

static void move_cursor(void *data, uint32_t display, int32_t x, int32_t y)
{
	struct vtr_screen_client *client = data;

	vtr_board_move_cursor(client->board, display, x, y);
	wake(client);
}

static void set_mode(void *data, uint32_t display, bool connected, uint32_t width, uint32_t height)
{
	struct vtr_screen_client *client = data;
	const struct vtr_board_mode mode = { connected, width, height };

	vtr_board_set_mode(client->board, display, &mode);
	wake(client);
}

const struct vtr_screen_ops vtr_screen_client_ops = {
	.add_buffer = add_buffer,
	.remove_buffer = remove_buffer,
	.set_scanout = set_scanout,
	.touch = touch,
	.flush = flush,
	.set_cursor = set_cursor,
	.move_cursor = move_cursor,
	.set_mode = set_mode,
};

/* Memory that both processes map, and an fd of it. */
static enum vtr_err make_page(const char *name, size_t size, int *out_fd, void **out_map)
{
	vtr_autofd int fd = -1;
	enum vtr_err err = vtr_os_shm_create(name, size, &fd);

	if (err == VTR_OK) {
		err = vtr_os_shm_map(fd, 0, size, true, out_map);
	}
	if (err == VTR_OK) {
		*out_fd = vtr_take_fd(&fd);
	}
	return err;
}

/* The board, which every process has read-only. */
static enum vtr_err make_board(struct vtr_screen_client *client)
{
	vtr_autofd int fd = -1;
	void *map;
	enum vtr_err err = make_page("vitrine-board", sizeof(*client->board), &fd, &map);

	if (err != VTR_OK) {
		return err;
	}
	client->board = map;
	return vtr_os_shm_read_only(fd, &client->board_fd);
}

static enum vtr_err make_outputs(struct vtr_screen_client *client,
                                 const struct vtr_screen_client_params *params)
{
	const struct vtr_screen_outputs_params outputs_params = {
		.log = params->log,
		.log_filter = params->log_filter,
		.loop = params->loop,
		.program = params->program,
		.items = params->video.outputs,
		.count = params->video.output_count,
	};

	return vtr_screen_outputs_create(&outputs_params, &client->outputs);
}

static void add_arg(struct consumer *consumer, const char *name, const char *value)
{
	vtr_assert(consumer->arg_count + 3 <= MAX_ARGS);
	if (value) {
		consumer->args[consumer->arg_count++] = name;
		consumer->args[consumer->arg_count++] = value;
	}
}

static void add_flag(struct consumer *consumer, const char *name, bool wanted)
{
	vtr_assert(consumer->arg_count + 2 <= MAX_ARGS);
	if (wanted) {
		consumer->args[consumer->arg_count++] = name;
	}
}

static void add_fd(struct consumer *consumer, int fd, enum vtr_screen_fd as)
{
	vtr_assert(consumer->fd_count < MAX_FDS);
	if (fd >= 0) {
		consumer->fds[consumer->fd_count++] = (struct vtr_os_spawn_fd){ .fd = fd, .as = as };
	}
}

static enum vtr_err start_consumer(struct vtr_screen_client *client, struct consumer *consumer,
                                   const char *command, const struct vtr_screen_client_params *params)
{
	void *map;
	enum vtr_err err = make_page("vitrine-notes", sizeof(*consumer->notes), &consumer->notes_fd, &map);

	if (err != VTR_OK) {
		return err;
	}
	consumer->notes = map;
	const struct vtr_screen_child_params child_params = {
		.log = params->log,
		.log_filter = params->log_filter,
		.loop = params->loop,
		.program = params->program,
		.command = command,
		.args = consumer->args,
		.fds = consumer->fds,
		.fd_count = consumer->fd_count,
		.may_leave = consumer == &client->consumers[CONSUMER_WINDOW],
		.board_fd = client->board_fd,
		.notes_fd = consumer->notes_fd,
		.notes = consumer->notes,
		.window_fd = client->window_fd,
		.window_size = params->window ? params->window->size : 0,
		.outputs = consumer == &client->consumers[CONSUMER_SCREEN] ? client->outputs : NULL,
		.events = params->events,
		.data = params->data,
	};
	return vtr_screen_child_create(&child_params, &consumer->child);
}

static enum vtr_err start_screen(struct vtr_screen_client *client,
                                 const struct vtr_screen_client_params *params)
{
	struct consumer *consumer = &client->consumers[CONSUMER_SCREEN];
	const struct vtr_screen_places *places = &client->places;

	if (places->http_fd >= 0) {
		add_arg(consumer, "--http", places->http);
		add_arg(consumer, "--http-names", params->http.names);
		add_arg(consumer, "--tls-cert", params->http.tls_cert);
		add_arg(consumer, "--tls-key", params->http.tls_key);
		add_flag(consumer, "--http-remote", places->http_is_remote);
	}
	if (places->hxfr_fd >= 0) {
		add_flag(consumer, params->hxfr.open ? "--hxfr-open" : "--hxfr", true);
	}
	snprintf(client->bitrate, sizeof(client->bitrate), "%u", params->video.bitrate);
	snprintf(client->fps, sizeof(client->fps), "%u", params->video.fps);
	add_arg(consumer, "--encoder", params->video.encoder);
	add_arg(consumer, "--bitrate", client->bitrate);
	add_arg(consumer, "--fps", client->fps);
	add_fd(consumer, places->http_fd, VTR_SCREEN_FD_HTTP);
	add_fd(consumer, places->tokens_fd, VTR_SCREEN_FD_TOKENS);
	add_fd(consumer, places->hxfr_fd, VTR_SCREEN_FD_HXFR);
	return start_consumer(client, consumer, "screen", params);
}

static enum vtr_err start_window(struct vtr_screen_client *client,
                                 const struct vtr_screen_client_params *params)
{
	struct consumer *consumer = &client->consumers[CONSUMER_WINDOW];

	add_arg(consumer, "--title", params->desktop.title);
	add_arg(consumer, "--renderer", params->desktop.renderer);
	return start_consumer(client, consumer, "window", params);
}

static enum vtr_err start(struct vtr_screen_client *client, const struct vtr_screen_client_params *params)
{
	enum vtr_err err = make_board(client);

	if (err == VTR_OK) {
		err = vtr_screen_places_open(params->log, params, &client->places);
	}
	if (err == VTR_OK && params->video.output_count > 0) {
		err = make_outputs(client, params);
	}
	if (err == VTR_OK && params->window) {
		err = vtr_os_shm_read_only(params->window->fd, &client->window_fd);
	}
	if (err == VTR_OK && (client->places.tokens_fd >= 0 || client->outputs)) {
		err = start_screen(client, params);
	}
	if (err == VTR_OK && params->desktop.wanted) {
		err = start_window(client, params);
	}
	return err;
}

enum vtr_err vtr_screen_client_create(const struct vtr_screen_client_params *params,
                                      struct vtr_screen_client **out_client)
{
	struct vtr_screen_client *client = calloc(1, sizeof(*client));

	if (!client) {
		return VTR_ERR_NOMEM;
	}
	client->board_fd = -1;
	client->window_fd = -1;
	client->places = (struct vtr_screen_places){ .http_fd = -1, .hxfr_fd = -1, .tokens_fd = -1 };
	for (size_t i = 0; i < CONSUMERS; i++) {
		client->consumers[i].notes_fd = -1;
	}
	enum vtr_err err = start(client, params);
	if (err != VTR_OK) {
		vtr_screen_client_destroy(client);
		return err;
	}
	*out_client = client;
	return VTR_OK;
}

void vtr_screen_client_destroy(struct vtr_screen_client *client)
{
	if (!client) {
		return;
	}
	for (size_t i = 0; i < CONSUMERS; i++) {
		struct consumer *consumer = &client->consumers[i];
		vtr_screen_child_destroy(consumer->child);
		vtr_close(&consumer->notes_fd);
		vtr_os_shm_unmap(consumer->notes, sizeof(*consumer->notes));
	}
	vtr_screen_outputs_destroy(client->outputs);
	vtr_screen_places_close(&client->places);
	vtr_close(&client->board_fd);
	vtr_close(&client->window_fd);
	vtr_os_shm_unmap(client->board, sizeof(*client->board));
	free(client);
}

void vtr_screen_client_set_lights(struct vtr_screen_client *client, uint32_t lights)
{
	vtr_board_set_lights(client->board, lights);
	wake(client);
}

const char *vtr_screen_client_link(const struct vtr_screen_client *client, bool may_control)
{
	const char *link = may_control ? client->places.control_link : client->places.view_link;

	return link[0] ? link : NULL;
}

const char *vtr_screen_client_hxfr_link(const struct vtr_screen_client *client)
{
	return client->places.hxfr_link[0] ? client->places.hxfr_link : NULL;
}
