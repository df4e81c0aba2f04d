/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "display_host/host.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/protocol.h"
#include "display/rect.h"
#include "display/scanout_page.h"
#include "display/sound_page.h"
#include "display_host/child.h"
#include "display_host/endpoints.h"
#include "display_host/outputs.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "platform/thread.h"

/* The interval of marks, see struct vtr_scanout_frame. */
#define MARK_NS INT64_C(500000000)
/* For one process. */
#define MAX_ARGS 32
#define MAX_FDS 12

struct display {
	bool pending; /* `next` becomes visible at the next flush */
	struct vtr_scanout next;
	struct vtr_scanout_frame frame; /* the published state */
	uint64_t next_mark;           /* the future frame.mark */
	int64_t next_mark_ns;
};

/* A display process. */
struct consumer {
	struct vtr_display_child *child; /* NULL: the process is not needed */
	struct vtr_scanout_acks *acks;
	int acks_fd;
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

struct vtr_display_host {
	struct vtr_log *log;
	struct vtr_scanout_page *page;
	int page_fd;  /* read-only, like hostmem_fd */
	struct vtr_sound_page *sound_page; /* NULL: there is no sound device */
	int sound_fd;        /* read-only; -1 then */
	int hostmem_fd; /* -1: there is no hostmem */
	struct vtr_endpoints places;
	struct vtr_display_outputs *outputs; /* NULL: no outputs */
	struct consumer consumers[CONSUMERS];
	struct vtr_display_voice voice;
	char pads[16];
	char bitrate[16];
	char fps[16];
	char webdav_bytes[24];
	struct display displays[VTR_MAX_DISPLAYS];
};

static bool lives(const struct consumer *consumer)
{
	return consumer->child && vtr_display_child_lives(consumer->child);
}

static void wake(struct vtr_display_host *client)
{
	for (size_t i = 0; i < CONSUMERS; i++) {
		const struct consumer *consumer = &client->consumers[i];
		if (lives(consumer) && vtr_scanout_acks_must_wake(consumer->acks)) {
			vtr_display_child_ring(consumer->child);
		}
	}
}

/* Returns: whether all living processes have handled the last published frame. */
static bool is_taken(const struct vtr_display_host *client, uint32_t display)
{
	const uint64_t frame = client->displays[display].frame.frame;
	bool taken = true;

	for (size_t i = 0; i < CONSUMERS; i++) {
		const struct consumer *consumer = &client->consumers[i];
		if (lives(consumer)) {
			taken = taken && atomic_load_explicit(&consumer->acks->taken[display],
			                                      memory_order_acquire) == frame;
		}
	}
	return taken;
}

static void add_damage(struct vtr_display_host *client, uint32_t display, const struct vtr_rect *damage)
{
	struct vtr_scanout_frame *frame = &client->displays[display].frame;
	struct vtr_rect rect = vtr_rect_clip(damage, frame->scanout.width, frame->scanout.height);

	/* A process that has handled the last frame needs only the new damage. A false ack spoils only the picture
	 * of the process that sent it. */
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
	return a->in_hostmem == b->in_hostmem && (a->in_hostmem || a->buffer == b->buffer) &&
	       a->offset == b->offset && a->stride == b->stride;
}

/* Keeps a mark between half a second and a second behind the newest frame. */
static void set_mark(struct display *state)
{
	struct vtr_scanout_frame *frame = &state->frame;
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
	struct vtr_display_host *client = data;
	struct display *state = &client->displays[display];
	struct vtr_scanout_frame *frame = &state->frame;

	if (state->pending) {
		state->pending = false;
		if (!frame->active || !same_shape(&frame->scanout, &state->next)) {
			frame->generation++;
		}
		frame->active = true;
		frame->scanout = state->next;
		frame->damage = (struct vtr_rect){ 0, 0, state->next.width, state->next.height };
		frame->damage_since = 0;
	} else if (!frame->active) {
		return;
	} else {
		add_damage(client, display, damage);
	}
	frame->frame++;
	frame->time_ns = vtr_os_now_ns();
	set_mark(state);
	vtr_scanout_page_publish(client->page, display, frame);
	vtr_trace(client->log, "display %u: frame %" PRIu64 ": flush, %ux%u at %u,%u changed", display,
	          frame->frame, frame->damage.width, frame->damage.height, frame->damage.x, frame->damage.y);
	wake(client);
}

static void touch(void *data, uint32_t display)
{
	struct vtr_display_host *client = data;

	vtr_scanout_page_set_writing(client->page, display);
}

static void set_scanout(void *data, uint32_t display, const struct vtr_scanout *scanout)
{
	struct vtr_display_host *client = data;
	struct display *state = &client->displays[display];
	struct vtr_scanout_frame *frame = &state->frame;

	if (scanout) {
		state->pending = !frame->active || !same_shape(&frame->scanout, scanout) ||
		                 !same_memory(&frame->scanout, scanout);
		state->next = *scanout;
		if (frame->active && state->pending) {
			vtr_scanout_page_set_writing(client->page, display);
		}
		return;
	}
	state->pending = false;
	if (frame->active) {
		frame->active = false;
		frame->generation++;
		vtr_scanout_page_publish(client->page, display, frame);
		wake(client);
	}
}

static void add_buffer(void *data, uint32_t buffer, const struct vtr_hostmem *memory)
{
	struct vtr_display_host *client = data;

	for (size_t i = 0; i < CONSUMERS; i++) {
		if (client->consumers[i].child) {
			vtr_display_child_add_buffer(client->consumers[i].child, buffer, memory);
		}
	}
}

static void remove_buffer(void *data, uint32_t buffer)
{
	struct vtr_display_host *client = data;

	for (size_t i = 0; i < CONSUMERS; i++) {
		if (client->consumers[i].child) {
			vtr_display_child_remove_buffer(client->consumers[i].child, buffer);
		}
	}
}

static void set_cursor(void *data, uint32_t display, const struct vtr_cursor *cursor)
{
	struct vtr_display_host *client = data;

	vtr_scanout_page_set_cursor(client->page, display, cursor);
	wake(client);
}

static void move_cursor(void *data, uint32_t display, int32_t x, int32_t y)
{
	struct vtr_display_host *client = data;

	vtr_scanout_page_move_cursor(client->page, display, x, y);
	wake(client);
}

static void set_mode(void *data, uint32_t display, bool connected, uint32_t width, uint32_t height)
{
	struct vtr_display_host *client = data;
	const struct vtr_display_mode mode = { connected, width, height };

	vtr_scanout_page_set_mode(client->page, display, &mode);
	wake(client);
}

const struct vtr_display_ops vtr_display_host_ops = {
	.add_buffer = add_buffer,
	.remove_buffer = remove_buffer,
	.set_scanout = set_scanout,
	.touch = touch,
	.flush = flush,
	.set_cursor = set_cursor,
	.move_cursor = move_cursor,
	.set_mode = set_mode,
};

/* Creates memory that both processes map. */
static enum vtr_err make_acks(size_t size, int *out_fd, void **out_map)
{
	vtr_autofd int fd = -1;
	enum vtr_err err = vtr_os_shm_create("vitrine-scanout-acks", size, &fd);

	if (err == VTR_OK) {
		err = vtr_os_shm_map(fd, 0, size, true, out_map);
	}
	if (err == VTR_OK) {
		*out_fd = vtr_take_fd(&fd);
	}
	return err;
}

/* Creates a page that the processes have read-only. *out_map is set as soon as there is one. */
static enum vtr_err make_page(const char *name, size_t size, int *out_fd, void **out_map)
{
	vtr_autofd int fd = -1;
	vtr_autofd int view_fd = -1;
	enum vtr_err err = vtr_os_shm_create_shown(name, size, &fd, &view_fd);

	if (err == VTR_OK) {
		err = vtr_os_shm_map(fd, 0, size, true, out_map);
	}
	return err == VTR_OK ? vtr_os_shm_read_only(fd, view_fd, out_fd) : err;
}

static enum vtr_err make_pages(struct vtr_display_host *client, bool sound)
{
	void *map = NULL;
	enum vtr_err err = make_page("vitrine-scanout-page", sizeof(*client->page), &client->page_fd, &map);

	client->page = map;
	if (err != VTR_OK || !sound) {
		return err;
	}
	map = NULL;
	err = make_page("vitrine-sound", sizeof(*client->sound_page), &client->sound_fd, &map);
	client->sound_page = map;
	return err;
}

static enum vtr_err make_outputs(struct vtr_display_host *client,
                                 const struct vtr_display_host_params *params)
{
	const struct vtr_display_outputs_params outputs_params = {
		.log = params->log,
		.log_filter = params->log_filter,
		.loop = params->loop,
		.program = params->program,
		.items = params->video.outputs,
		.count = params->video.output_count,
		.sandbox = params->sandbox,
	};

	return vtr_display_outputs_create(&outputs_params, &client->outputs);
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

static void add_fd(struct consumer *consumer, int fd, enum vtr_display_fd as)
{
	vtr_assert(consumer->fd_count < MAX_FDS);
	if (fd >= 0) {
		consumer->fds[consumer->fd_count++] = (struct vtr_os_spawn_fd){ .fd = fd, .as = as };
	}
}

static enum vtr_err start_consumer(struct vtr_display_host *client, struct consumer *consumer,
                                   const char *command, const struct vtr_display_host_params *params)
{
	const bool is_window = consumer == &client->consumers[CONSUMER_WINDOW];
	void *map;
	enum vtr_err err = make_acks(sizeof(*consumer->acks), &consumer->acks_fd, &map);

	if (err != VTR_OK) {
		return err;
	}
	consumer->acks = map;
	const struct vtr_display_child_params child_params = {
		.log = params->log,
		.log_filter = params->log_filter,
		.loop = params->loop,
		.program = params->program,
		.command = command,
		.args = consumer->args,
		.crashed_arg = is_window ? "--crashed" : NULL,
		.fds = consumer->fds,
		.fd_count = consumer->fd_count,
		.may_leave = is_window,
		.page_fd = client->page_fd,
		.acks_fd = consumer->acks_fd,
		.acks = consumer->acks,
		.hostmem_fd = client->hostmem_fd,
		.hostmem_size = params->hostmem ? params->hostmem->size : 0,
		.outputs = is_window ? NULL : client->outputs,
		.role = is_window ? VTR_OS_ROLE_WINDOW : VTR_OS_ROLE_SERVER,
		.sandbox = params->sandbox,
		/* Who opens the microphone on the page does so by hand, and the window's is open all the time. */
		.voice = is_window && !params->desktop.microphone ? NULL : &client->voice,
		.speaks_first = !is_window,
		.events = params->events,
		.data = params->data,
	};
	return vtr_display_child_create(&child_params, &consumer->child);
}

static enum vtr_err start_screen(struct vtr_display_host *client,
                                 const struct vtr_display_host_params *params)
{
	struct consumer *consumer = &client->consumers[CONSUMER_SCREEN];
	const struct vtr_endpoints *places = &client->places;

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
	add_fd(consumer, places->http_fd, VTR_DISPLAY_FD_HTTP);
	add_fd(consumer, places->tokens_fd, VTR_DISPLAY_FD_TOKENS);
	add_fd(consumer, places->hxfr_fd, VTR_DISPLAY_FD_HXFR);
	add_flag(consumer, "--links", places->links_fd >= 0);
	add_fd(consumer, places->links_fd, VTR_DISPLAY_FD_LINKS);
	add_flag(consumer, "--touch", params->has_touch);
	snprintf(client->pads, sizeof(client->pads), "%u", params->pads);
	add_arg(consumer, "--pads", params->pads > 0 ? client->pads : NULL);
	add_flag(consumer, "--metrics", params->metrics_fd >= 0);
	add_fd(consumer, params->metrics_fd, VTR_DISPLAY_FD_METRICS);
	add_flag(consumer, "--sound", client->sound_fd >= 0);
	add_fd(consumer, client->sound_fd, VTR_DISPLAY_FD_SOUND);
	add_flag(consumer, "--agent", params->agent_fd >= 0);
	add_fd(consumer, params->agent_fd, VTR_DISPLAY_FD_AGENT);
	snprintf(client->webdav_bytes, sizeof(client->webdav_bytes), "%llu",
	         (unsigned long long)params->webdav_bytes);
	add_arg(consumer, "--webdav", params->webdav_fd >= 0 ? client->webdav_bytes : NULL);
	add_fd(consumer, params->webdav_fd, VTR_DISPLAY_FD_WEBDAV);
	return start_consumer(client, consumer, "screen", params);
}

static enum vtr_err start_window(struct vtr_display_host *client,
                                 const struct vtr_display_host_params *params)
{
	struct consumer *consumer = &client->consumers[CONSUMER_WINDOW];

	add_arg(consumer, "--title", params->desktop.title);
	add_arg(consumer, "--renderer", params->desktop.renderer);
	add_flag(consumer, "--sound", client->sound_fd >= 0);
	add_flag(consumer, "--microphone", params->desktop.microphone);
	add_fd(consumer, client->sound_fd, VTR_DISPLAY_FD_SOUND);
	return start_consumer(client, consumer, "window", params);
}

static enum vtr_err start(struct vtr_display_host *client, const struct vtr_display_host_params *params)
{
	enum vtr_err err = make_pages(client, params->sound);

	if (err == VTR_OK) {
		err = vtr_endpoints_open(params->log, params, &client->places);
	}
	if (err == VTR_OK && params->video.output_count > 0) {
		err = make_outputs(client, params);
	}
	if (err == VTR_OK && params->hostmem) {
		err = vtr_os_shm_read_only(params->hostmem->fd, params->hostmem->view_fd,
		                           &client->hostmem_fd);
	}
	if (err == VTR_OK && (client->places.tokens_fd >= 0 || client->outputs)) {
		err = start_screen(client, params);
	}
	if (err == VTR_OK && params->desktop.wanted) {
		err = start_window(client, params);
	}
	return err;
}

enum vtr_err vtr_display_host_create(const struct vtr_display_host_params *params,
                                     struct vtr_display_host **out_client)
{
	struct vtr_display_host *client = calloc(1, sizeof(*client));

	if (!client) {
		return VTR_ERR_NOMEM;
	}
	client->log = params->log;
	client->page_fd = -1;
	client->hostmem_fd = -1;
	client->sound_fd = -1;
	client->places =
		(struct vtr_endpoints){ .http_fd = -1, .hxfr_fd = -1, .tokens_fd = -1, .links_fd = -1 };
	for (size_t i = 0; i < CONSUMERS; i++) {
		client->consumers[i].acks_fd = -1;
	}
	enum vtr_err err = start(client, params);
	if (err != VTR_OK) {
		vtr_display_host_destroy(client);
		return err;
	}
	*out_client = client;
	return VTR_OK;
}

void vtr_display_host_destroy(struct vtr_display_host *client)
{
	if (!client) {
		return;
	}
	for (size_t i = 0; i < CONSUMERS; i++) {
		struct consumer *consumer = &client->consumers[i];
		vtr_display_child_destroy(consumer->child);
		vtr_close(&consumer->acks_fd);
		vtr_os_shm_unmap(consumer->acks, sizeof(*consumer->acks));
	}
	vtr_display_outputs_destroy(client->outputs);
	vtr_endpoints_close(&client->places);
	vtr_close(&client->page_fd);
	vtr_close(&client->hostmem_fd);
	vtr_close(&client->sound_fd);
	vtr_os_shm_unmap(client->page, sizeof(*client->page));
	vtr_os_shm_unmap(client->sound_page, sizeof(*client->sound_page));
	free(client);
}

void vtr_display_host_set_lights(struct vtr_display_host *client, uint32_t lights)
{
	vtr_scanout_page_set_lights(client->page, lights);
	wake(client);
}

struct vtr_sound_page *vtr_display_host_sound_page(struct vtr_display_host *client)
{
	return client->sound_page;
}

void vtr_display_host_wake_sound(struct vtr_display_host *client)
{
	for (size_t i = 0; i < CONSUMERS; i++) {
		const struct consumer *consumer = &client->consumers[i];
		if (lives(consumer) && vtr_display_child_listens(consumer->child)) {
			vtr_display_child_ring(consumer->child);
		}
	}
}

const char *vtr_display_host_link(const struct vtr_display_host *client, bool may_control)
{
	const char *link = may_control ? client->places.control_link : client->places.view_link;

	return link[0] ? link : NULL;
}

const char *vtr_display_host_hxfr_link(const struct vtr_display_host *client)
{
	return client->places.hxfr_link[0] ? client->places.hxfr_link : NULL;
}
