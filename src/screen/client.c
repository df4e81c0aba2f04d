/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "screen/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/inet.h"
#include "platform/shm.h"
#include "platform/thread.h"
#include "screen/board.h"
#include "screen/child.h"
#include "screen/tokens.h"

/* Connections that wait while the process is being started again. */
#define BACKLOG 64
/* How far apart marks are, see struct vtr_board_frame. */
#define MARK_NS INT64_C(500000000)
#define LINK_MAX (VTR_OS_INET_TEXT + 32 + VTR_TOKEN_LENGTH)

struct display {
	bool pending; /* a scanout that shows at the next flush */
	struct vtr_scanout next;
	struct vtr_board_frame frame; /* as published */
	uint64_t next_mark;           /* becomes frame.mark when it is old enough */
	int64_t next_mark_ns;
};

struct vtr_screen_client {
	struct vtr_log *log;
	struct vtr_board *board;
	struct vtr_notes *notes;
	struct vtr_screen_child *child; /* NULL: nobody is to see anything */
	struct vtr_screen_video video;
	struct vtr_screen_outputs *outputs; /* NULL: there are none */
	struct vtr_screen_child_params child_params;
	char http[VTR_OS_INET_TEXT];
	char hxfr[VTR_OS_INET_TEXT];
	char control_link[LINK_MAX];
	char view_link[LINK_MAX];
	char hxfr_link[LINK_MAX];
	struct display displays[VTR_MAX_DISPLAYS];
};

static void wake(struct vtr_screen_client *client)
{
	if (client->child && vtr_notes_must_ring(client->notes)) {
		vtr_screen_child_ring(client->child);
	}
}

/* The smallest rectangle around both. */
static struct vtr_rect join(const struct vtr_rect *a, const struct vtr_rect *b)
{
	uint32_t left = a->x < b->x ? a->x : b->x;
	uint32_t top = a->y < b->y ? a->y : b->y;
	uint32_t right = a->x + a->width > b->x + b->width ? a->x + a->width : b->x + b->width;
	uint32_t bottom = a->y + a->height > b->y + b->height ? a->y + a->height :
	                                                        b->y + b->height;

	return (struct vtr_rect){ left, top, right - left, bottom - top };
}

/* The part of `rect` that lies within the scanout. */
static struct vtr_rect clip(const struct vtr_rect *rect, const struct vtr_scanout *scanout)
{
	struct vtr_rect result = { 0 };

	if (rect->x < scanout->width && rect->y < scanout->height) {
		result.x = rect->x;
		result.y = rect->y;
		result.width = (uint32_t)vtr_min(rect->width, scanout->width - rect->x);
		result.height = (uint32_t)vtr_min(rect->height, scanout->height - rect->y);
	}
	return result;
}

static void add_damage(struct vtr_screen_client *client, uint32_t display,
                       const struct vtr_rect *damage)
{
	struct vtr_board_frame *frame = &client->displays[display].frame;
	struct vtr_rect rect = clip(damage, &frame->scanout);
	uint64_t taken = atomic_load_explicit(&client->notes->taken[display], memory_order_acquire);

	/* Whoever has dealt with the last frame needs to know of this one only. A lie about it spoils
	 * the liar's own picture. */
	if (taken == frame->frame) {
		frame->damage = rect;
		frame->damage_since = frame->frame;
	} else if (frame->damage.width == 0 || frame->damage.height == 0) {
		frame->damage = rect;
	} else if (rect.width > 0 && rect.height > 0) {
		frame->damage = join(&frame->damage, &rect);
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

	if (client->child) {
		vtr_screen_child_add_buffer(client->child, buffer, fd, size);
	}
}

static void remove_buffer(void *data, uint32_t buffer)
{
	struct vtr_screen_client *client = data;

	if (client->child) {
		vtr_screen_child_remove_buffer(client->child, buffer);
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

/* Says what is wrong and what to do about it. */
static enum vtr_err check_http(struct vtr_screen_client *client, const struct vtr_screen_http *http,
                               bool remote)
{
	if (!http->tls_cert != !http->tls_key) {
		vtr_error(client->log, "a certificate and its key go together: --tls-cert and --tls-key");
		return VTR_ERR_ARG;
	}
	if (remote && !http->tls_cert && !http->insecure) {
		vtr_error(client->log, "will not serve at %s without TLS: whoever is on the way could "
		          "watch and control the machine. Give --tls-cert and --tls-key; or serve at "
		          "127.0.0.1 or [::1] and use a tunnel such as 'ssh -L' from elsewhere; or, where "
		          "nobody else can listen, --insecure", client->http);
		return VTR_ERR_ARG;
	}
	return VTR_OK;
}

static enum vtr_err parse_address(struct vtr_screen_client *client, const char *address,
                                  struct vtr_os_inet *out_inet)
{
	char escaped[2 * VTR_OS_INET_TEXT];
	enum vtr_err err = vtr_os_inet_parse(address, out_inet);

	if (err != VTR_OK) {
		vtr_error(client->log, "'%s' is no address to serve at: it takes ADDRESS:PORT, for "
		          "instance 127.0.0.1:8080 or [::1]:8080",
		          vtr_log_str(escaped, sizeof(escaped), address, sizeof(escaped)));
	}
	return err;
}

/* `text` becomes the address with the port that was found. */
static enum vtr_err listen_at(struct vtr_screen_client *client, struct vtr_os_inet *inet,
                              char text[VTR_OS_INET_TEXT], int *out_fd)
{
	enum vtr_err err = vtr_os_inet_listen(inet, BACKLOG, out_fd);

	vtr_os_inet_text(inet, text);
	if (err != VTR_OK) {
		vtr_error(client->log, "cannot listen at %s: %s. Is the port taken? With port 0 a "
		          "free one is found", text, strerror(errno));
	}
	return err;
}

static enum vtr_err listen_http(struct vtr_screen_client *client, const struct vtr_screen_http *http,
                                int *out_fd, bool *out_remote)
{
	struct vtr_os_inet inet;
	enum vtr_err err = parse_address(client, http->address, &inet);

	if (err != VTR_OK) {
		return err;
	}
	vtr_os_inet_text(&inet, client->http);
	*out_remote = !vtr_os_inet_is_loopback(&inet);
	err = check_http(client, http, *out_remote);
	return err == VTR_OK ? listen_at(client, &inet, client->http, out_fd) : err;
}

static enum vtr_err listen_hxfr(struct vtr_screen_client *client,
                                const struct vtr_screen_client_params *params, int *out_fd)
{
	struct vtr_os_inet inet;
	enum vtr_err err = parse_address(client, params->hxfr.address, &inet);

	if (err != VTR_OK) {
		return err;
	}
	if (!vtr_os_inet_is_loopback(&inet) && !params->http.insecure) {
		vtr_error(client->log, "will not serve HXFR at %s: it knows no TLS, so whoever is on the way "
		          "could watch. Serve at 127.0.0.1 or [::1] and use a tunnel such as 'ssh -L' from "
		          "elsewhere; or, where nobody else can listen, --insecure",
		          vtr_os_inet_text(&inet, client->hxfr));
		return VTR_ERR_ARG;
	}
	return listen_at(client, &inet, client->hxfr, out_fd);
}

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

/* Makes the tokens, the memory that hands them to the screen process, and the links. */
/* Where people and programs find what is served, and by what right. */
static void make_links(struct vtr_screen_client *client, const struct vtr_screen_client_params *params,
                       const struct vtr_tokens *tokens)
{
	const char *scheme = params->http.tls_cert ? "https" : "http";

	if (params->http.address) {
		snprintf(client->control_link, LINK_MAX, "%s://%s/#token=%.*s", scheme, client->http,
		         VTR_TOKEN_LENGTH, tokens->control);
		snprintf(client->view_link, LINK_MAX, "%s://%s/#token=%.*s", scheme, client->http,
		         VTR_TOKEN_LENGTH, tokens->view);
	}
	if (params->hxfr.address && params->hxfr.open) {
		snprintf(client->hxfr_link, LINK_MAX, "hxfr://%s/", client->hxfr);
	} else if (params->hxfr.address) {
		snprintf(client->hxfr_link, LINK_MAX, "hxfr://%s/#token=%.*s", client->hxfr,
		         VTR_TOKEN_LENGTH, tokens->control);
	}
}

static enum vtr_err make_tokens(struct vtr_screen_client *client,
                                const struct vtr_screen_client_params *params)
{
	const struct vtr_screen_http *http = &params->http;
	vtr_autofd int fd = -1;
	struct vtr_tokens tokens;
	void *map;
	enum vtr_err err = http->token_file ?
	                           vtr_tokens_load(client->log, http->token_file, &tokens) :
	                           vtr_tokens_make(&tokens);

	if (err == VTR_OK) {
		err = make_page("vitrine-tokens", sizeof(tokens), &fd, &map);
	}
	if (err != VTR_OK) {
		return err;
	}
	memcpy(map, &tokens, sizeof(tokens));
	vtr_os_shm_unmap(map, sizeof(tokens));
	make_links(client, params, &tokens);
	return vtr_os_shm_read_only(fd, &client->child_params.tokens_fd);
}

static enum vtr_err make_pages(struct vtr_screen_client *client)
{
	vtr_autofd int board_fd = -1;
	void *map;
	enum vtr_err err = make_page("vitrine-board", sizeof(*client->board), &board_fd, &map);

	if (err != VTR_OK) {
		return err;
	}
	client->board = map;
	err = vtr_os_shm_read_only(board_fd, &client->child_params.board_fd);
	if (err != VTR_OK) {
		return err;
	}
	err = make_page("vitrine-notes", sizeof(*client->notes), &client->child_params.notes_fd,
	                &map);
	if (err == VTR_OK) {
		client->notes = map;
		client->child_params.notes = map;
	}
	return err;
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

static enum vtr_err start(struct vtr_screen_client *client,
                          const struct vtr_screen_client_params *params)
{
	struct vtr_screen_child_params *child = &client->child_params;
	enum vtr_err err = make_pages(client);

	bool serves = params->http.address || params->hxfr.address;

	if (err != VTR_OK || (!serves && params->video.output_count == 0)) {
		return err;
	}
	if (params->http.address) {
		err = listen_http(client, &params->http, &child->http_fd, &child->http_is_remote);
	}
	if (err == VTR_OK && params->hxfr.address) {
		err = listen_hxfr(client, params, &child->hxfr_fd);
	}
	if (err == VTR_OK && serves) {
		err = make_tokens(client, params);
	}
	if (err == VTR_OK && params->video.output_count > 0) {
		err = make_outputs(client, params);
	}
	if (err == VTR_OK && params->window) {
		child->window_size = params->window->size;
		err = vtr_os_shm_read_only(params->window->fd, &child->window_fd);
	}
	if (err != VTR_OK) {
		return err;
	}
	child->log = params->log;
	child->log_filter = params->log_filter;
	child->loop = params->loop;
	child->program = params->program;
	child->http = client->http;
	child->http_names = params->http.names;
	child->tls_cert = params->http.tls_cert;
	child->tls_key = params->http.tls_key;
	client->video = params->video;
	child->video = &client->video;
	child->outputs = client->outputs;
	child->hxfr_is_open = params->hxfr.open;
	child->events = params->events;
	child->data = params->data;
	return vtr_screen_child_create(child, &client->child);
}

enum vtr_err vtr_screen_client_create(const struct vtr_screen_client_params *params,
                                      struct vtr_screen_client **out_client)
{
	struct vtr_screen_client *client = calloc(1, sizeof(*client));

	if (!client) {
		return VTR_ERR_NOMEM;
	}
	client->log = params->log;
	client->child_params.board_fd = -1;
	client->child_params.notes_fd = -1;
	client->child_params.window_fd = -1;
	client->child_params.http_fd = -1;
	client->child_params.hxfr_fd = -1;
	client->child_params.tokens_fd = -1;
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
	vtr_screen_child_destroy(client->child);
	vtr_screen_outputs_destroy(client->outputs);
	vtr_close(&client->child_params.board_fd);
	vtr_close(&client->child_params.notes_fd);
	vtr_close(&client->child_params.window_fd);
	vtr_close(&client->child_params.http_fd);
	vtr_close(&client->child_params.hxfr_fd);
	vtr_close(&client->child_params.tokens_fd);
	vtr_os_shm_unmap(client->board, sizeof(*client->board));
	vtr_os_shm_unmap(client->notes, sizeof(*client->notes));
	free(client);
}

const char *vtr_screen_client_link(const struct vtr_screen_client *client, bool may_control)
{
	const char *link = may_control ? client->control_link : client->view_link;

	return link[0] ? link : NULL;
}

const char *vtr_screen_client_hxfr_link(const struct vtr_screen_client *client)
{
	return client->hxfr_link[0] ? client->hxfr_link : NULL;
}
