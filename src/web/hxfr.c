/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "hxfr"
#include "web/hxfr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/client.h"
#include "display/tokens.h"
#include "display/types.h"
#include "platform/inet.h"
#include "platform/loop.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "screen/stream.h"
#include "web/backoff.h"
#include "web/hxfr_message.h"
#include "web/viewer_stream.h"

/* For video, in the socket: data that the network has not taken yet is late already. */
#define UNSENT_BYTES (128 << 10)
/* A client must show its token within this time. */
#define AUTH_NS INT64_C(5000000000)
/* How long to stop accepting after accept() ran out of fds. */
#define LISTEN_AGAIN_NS INT64_C(1000000000)
/* Messages to a client that wait for its socket. While there is no room, the client is not read from. */
#define OUT_ROOM (4 * VTR_HXFR_MAX_OUT)
/* The most reads from one client before others are served; a message takes one or two. */
#define READS_AT_ONCE 32
#define DISCARD_BYTES 16384

struct client {
	struct vtr_hxfr *hxfr; /* NULL: unused entry */
	int fd;
	struct vtr_os_loop_fd *watch_fd;
	struct vtr_backoff_address peer;
	enum vtr_token_kind role;
	int64_t since_ns;    /* when it connected */
	int64_t deadline_ns; /* for sending the token */
	bool ends;           /* as soon as all messages are sent */

	/* Received messages. */
	uint8_t in[VTR_HXFR_HEADER + VTR_HXFR_MAX_PAYLOAD];
	size_t in_have;
	size_t skip; /* bytes of a payload to skip */

	/* Messages to send, except frames. */
	uint8_t out[OUT_ROOM];
	size_t out_size;

	/* The video stream, and the frame that is being sent. */
	struct vtr_viewer_stream *stream;
	uint32_t display;
	uint32_t number; /* number of the last frame */
	struct vtr_access_unit *unit;
	uint8_t head[VTR_HXFR_FRAME_HEAD];
	size_t sent; /* bytes of head and unit */
};

struct vtr_hxfr {
	struct vtr_hxfr_params params;
	struct vtr_tokens tokens;
	struct vtr_os_loop *loop;
	struct vtr_os_loop_fd *listen_watch;
	struct vtr_os_loop_timer *listen_timer;
	struct vtr_os_loop_timer *deadline_timer;
	struct vtr_os_thread thread;
	bool started;
	struct client clients[VTR_HXFR_MAX_CLIENTS];
};

/* --- ending connections -------------------------------------------------------------------------------- */

/* Sets the timer to the earliest deadline of a client without a token. */
static void set_deadline(struct vtr_hxfr *hxfr)
{
	int64_t now_ns = vtr_os_now_ns();
	int64_t next_ns = -1;

	for (size_t i = 0; i < VTR_HXFR_MAX_CLIENTS; i++) {
		const struct client *client = &hxfr->clients[i];
		int64_t left_ns = client->deadline_ns > now_ns ? client->deadline_ns - now_ns : 0;
		if (client->hxfr && client->role == VTR_TOKEN_WRONG && (next_ns < 0 || left_ns < next_ns)) {
			next_ns = left_ns;
		}
	}
	vtr_os_loop_timer_set(hxfr->deadline_timer, next_ns);
}

static void unsubscribe(struct client *client)
{
	vtr_viewer_stream_destroy(client->stream);
	client->stream = NULL;
}

static void disconnect(struct client *client)
{
	unsubscribe(client);
	vtr_access_unit_unref(client->unit);
	vtr_os_loop_remove(&client->watch_fd);
	vtr_close(&client->fd);
	*client = (struct client){ .fd = -1 };
}

/* --- sending ------------------------------------------------------------------------------------------- */

/* Reports the bytes that the socket took. Returns: VTR_ERR_AGAIN (it is full), VTR_ERR_GONE, VTR_ERR_OS. */
static enum vtr_err send_some(struct client *client, struct iovec *iov, size_t count, size_t *out_sent)
{
	return vtr_os_sock_send_now(client->fd, iov, count, NULL, 0, out_sent);
}

static enum vtr_err send_frame(struct client *client)
{
	struct vtr_access_unit *unit = client->unit;
	size_t in_head = vtr_min(client->sent, sizeof(client->head));
	size_t in_unit = client->sent - in_head;
	struct iovec iov[2] = {
		{ .iov_base = client->head + in_head, .iov_len = sizeof(client->head) - in_head },
		{ .iov_base = unit->data + in_unit, .iov_len = unit->size - in_unit },
	};
	size_t sent = 0;
	enum vtr_err err = in_head < sizeof(client->head) ? send_some(client, iov, 2, &sent) :
	                                                    send_some(client, iov + 1, 1, &sent);

	client->sent += sent;
	if (err != VTR_OK || client->sent < sizeof(client->head) + unit->size) {
		return err;
	}
	/* HXFR has no acknowledgments: a sent frame counts as acknowledged. */
	if (client->stream) {
		vtr_viewer_stream_ack(client->stream, client->number, vtr_os_now_ns());
	}
	vtr_access_unit_unref(unit);
	client->unit = NULL;
	return VTR_OK;
}

static enum vtr_err send_out(struct client *client)
{
	struct iovec iov = { .iov_base = client->out, .iov_len = client->out_size };
	size_t sent = 0;
	enum vtr_err err = send_some(client, &iov, 1, &sent);

	client->out_size -= sent;
	memmove(client->out, client->out + sent, client->out_size);
	return err;
}

/* Begins the next frame, if there is one and none is being sent. Frames that are too old are dropped. */
static void next_frame(struct client *client)
{
	int64_t now_ns = vtr_os_now_ns();

	if (!client->stream || !vtr_viewer_stream_look(client->stream, now_ns) || client->unit) {
		return;
	}
	client->unit = vtr_viewer_stream_take(client->stream);
	if (!client->unit) {
		return;
	}
	client->number = vtr_viewer_stream_sent(client->stream, now_ns);
	client->sent = 0;
	(void)vtr_hxfr_frame_head(client->head, client->display, client->unit);
}

/* A client that does not read its answers is not read from. */
static bool listens_to(const struct client *client)
{
	return !client->ends && client->out_size + VTR_HXFR_MAX_OUT <= OUT_ROOM;
}

/* Sends what the socket takes, and updates what the loop polls for. */
static void pump(struct client *client)
{
	enum vtr_err err = VTR_OK;

	while (err == VTR_OK) {
		next_frame(client);
		if (client->unit && client->sent > 0) {
			err = send_frame(client); /* one frame is not interleaved with messages */
		} else if (client->out_size > 0) {
			err = send_out(client);
		} else if (client->unit) {
			err = send_frame(client);
		} else {
			break;
		}
	}
	if (err == VTR_OK && client->ends) {
		disconnect(client);
		return;
	}
	if (err == VTR_OK || err == VTR_ERR_AGAIN) {
		err = vtr_os_loop_modify_fd(client->watch_fd, listens_to(client), err == VTR_ERR_AGAIN);
	}
	if (err != VTR_OK) {
		disconnect(client);
	}
}

/* --- messages of clients ------------------------------------------------------------------------------- */

static uint8_t *room(struct client *client)
{
	vtr_assert(client->out_size + VTR_HXFR_MAX_OUT <= OUT_ROOM);
	return client->out + client->out_size;
}

static void refuse(struct client *client, enum vtr_hxfr_error error, const char *text)
{
	client->out_size += vtr_hxfr_error(room(client), error, text);
	client->ends = true;
	/* It has the same short time as a new client to read the answer. */
	client->role = VTR_TOKEN_WRONG;
	client->deadline_ns = vtr_os_now_ns() + AUTH_NS;
	set_deadline(client->hxfr);
	vtr_info_limited(client->hxfr->params.log, "a client is disconnected: %s", text);
}

static bool is_connected(struct client *client, uint32_t display)
{
	struct vtr_display_info info;

	return display < VTR_MAX_DISPLAYS &&
	       vtr_display_client_describe(client->hxfr->params.screen, display, &info) == VTR_OK &&
	       info.mode.connected;
}

/* Thread: the stream's. */
static void wake(void *data)
{
	vtr_os_loop_wakeup(data);
}

static void subscribe(struct client *client, uint32_t display)
{
	const struct vtr_viewer_stream_params params = {
		.streams = client->hxfr->params.streams,
		.display = display,
		.number = client->number,
		.wake = wake,
		.data = client->hxfr->loop,
	};
	bool success = is_connected(client, display);

	unsubscribe(client);
	if (success) {
		success = vtr_viewer_stream_create(&params, &client->stream) == VTR_OK;
	}
	client->display = display;
	client->out_size += vtr_hxfr_subscribe_resp(room(client), display, success);
}

static void set_scanout(struct client *client, const struct vtr_hxfr_request *request, bool connected)
{
	const struct vtr_display_mode mode = {
		.connected = connected,
		.width = request->width,
		.height = request->height,
	};
	bool success = request->display < VTR_MAX_DISPLAYS &&
	               (!connected || vtr_mode_fits(mode.width, mode.height)) &&
	               vtr_display_client_ask_mode(client->hxfr->params.screen, request->display, &mode) ==
	                       VTR_OK;

	if (connected) {
		client->out_size += vtr_hxfr_scanout_resp(room(client), request->display, success);
	}
}

/* Which clients are meant. */
enum kind {
	KIND_ANY,
	KIND_STRANGER, /* has not shown a token */
	KIND_WATCHER, /* has shown the token for watching */
};

/* `peer`: of that address; NULL: of any. */
static bool is_meant(const struct client *client, const struct vtr_backoff_address *peer, enum kind kind)
{
	return client->hxfr && (!peer || memcmp(&client->peer, peer, sizeof(*peer)) == 0) &&
	       (kind == KIND_ANY ||
	        client->role == (kind == KIND_STRANGER ? VTR_TOKEN_WRONG : VTR_TOKEN_VIEW));
}

static size_t count_of(const struct vtr_hxfr *hxfr, const struct vtr_backoff_address *peer, enum kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < VTR_HXFR_MAX_CLIENTS; i++) {
		count += is_meant(&hxfr->clients[i], peer, kind);
	}
	return count;
}

static void authorise(struct client *client, const struct vtr_hxfr_request *request)
{
	if (client->hxfr->params.tokens) {
		client->role =
			vtr_tokens_check(&client->hxfr->tokens, request->token, sizeof(request->token));
	}
	if (client->role == VTR_TOKEN_WRONG) {
		refuse(client, VTR_HXFR_ERROR_TOKEN, "the token is wrong");
	} else if (client->role == VTR_TOKEN_VIEW &&
	           count_of(client->hxfr, NULL, KIND_WATCHER) > VTR_HXFR_MAX_WATCHERS) {
		client->role = VTR_TOKEN_WRONG; /* it gives way until it has gone */
		refuse(client, VTR_HXFR_ERROR_TOKEN, "too many clients have the token for watching");
	} else {
		client->out_size += vtr_hxfr_auth_resp(room(client), client->role == VTR_TOKEN_CONTROL);
	}
}

/* Returns: whether a client needs the control token for this message. */
static bool controls(uint8_t type)
{
	return type == VTR_HXFR_CONFIG_REQ || type == VTR_HXFR_ENABLE_SCANOUT ||
	       type == VTR_HXFR_DISABLE_SCANOUT;
}

static void handle(struct client *client, const struct vtr_hxfr_request *request)
{
	if (request->header.type == VTR_HXFR_AUTH) {
		authorise(client, request);
		return;
	}
	if (client->role == VTR_TOKEN_WRONG) {
		refuse(client, VTR_HXFR_ERROR_TOKEN,
		       "a token is needed: send it first, in a message 0x7e, or serve with --hxfr-open");
		return;
	}
	if (controls(request->header.type) && client->role != VTR_TOKEN_CONTROL) {
		refuse(client, VTR_HXFR_ERROR_TOKEN, "this token is for watching only");
		return;
	}
	switch (request->header.type) {
	case VTR_HXFR_FRAME_REQUEST:
		refuse(client, VTR_HXFR_ERROR_INVALID, "frames of clients are not coded here");
		break;
	case VTR_HXFR_KEYFRAME_REQ:
		if (client->stream) {
			vtr_viewer_stream_want_key(client->stream, vtr_os_now_ns());
		}
		break;
	case VTR_HXFR_CONFIG_REQ:
		if (client->stream && request->bitrate > 0) {
			vtr_viewer_stream_set_bitrate(client->stream, request->bitrate);
		}
		break;
	case VTR_HXFR_PING:
		client->out_size += vtr_hxfr_pong(room(client), request->header.session);
		break;
	case VTR_HXFR_ENABLE_SCANOUT:
		set_scanout(client, request, true);
		break;
	case VTR_HXFR_DISABLE_SCANOUT:
		set_scanout(client, request, false);
		break;
	case VTR_HXFR_SUBSCRIBE:
		subscribe(client, request->display);
		break;
	default: /* unknown messages are skipped */
		break;
	}
}

/* Handles a message, if it is complete. */
static void take_message(struct client *client)
{
	struct vtr_hxfr_header header;
	struct vtr_hxfr_request request;

	if (client->skip > 0 || client->in_have < VTR_HXFR_HEADER) {
		return;
	}
	if (!vtr_hxfr_parse_header(client->in, &header)) {
		refuse(client, VTR_HXFR_ERROR_INVALID, "this is no message");
		return;
	}
	size_t needed = vtr_hxfr_payload_size(header.type);
	if (header.size < needed) {
		refuse(client, VTR_HXFR_ERROR_INVALID, "a message is too short for its type");
		return;
	}
	if (client->in_have < VTR_HXFR_HEADER + needed) {
		return;
	}
	client->skip = header.size - needed;
	client->in_have = 0;
	vtr_hxfr_parse(&header, client->in + VTR_HXFR_HEADER, &request);
	handle(client, &request);
}

/* Returns: how many bytes to read next; no more than belong to this message. */
static size_t wanted(const struct client *client)
{
	if (client->in_have < VTR_HXFR_HEADER) {
		return VTR_HXFR_HEADER - client->in_have;
	}
	return VTR_HXFR_HEADER + vtr_hxfr_payload_size(client->in[4]) - client->in_have;
}

/* Returns: VTR_ERR_AGAIN (there is no more), VTR_ERR_GONE, VTR_ERR_OS. */
static enum vtr_err receive(struct client *client)
{
	uint8_t discarded[DISCARD_BYTES];
	ssize_t size = client->skip > 0 ?
	                       read(client->fd, discarded, vtr_min(client->skip, sizeof(discarded))) :
	                       read(client->fd, client->in + client->in_have, wanted(client));

	if (size == 0) {
		return VTR_ERR_GONE;
	}
	if (size < 0) {
		return errno == EAGAIN || errno == EINTR ? VTR_ERR_AGAIN : VTR_ERR_GONE;
	}
	if (client->skip > 0) {
		client->skip -= (size_t)size;
	} else {
		client->in_have += (size_t)size;
	}
	return VTR_OK;
}

static void on_client(void *data, unsigned events)
{
	struct client *client = data;
	enum vtr_err err = VTR_OK;
	bool reads = (events & (VTR_OS_LOOP_IN | VTR_OS_LOOP_HUP)) != 0;

	if ((events & VTR_OS_LOOP_HUP) != 0 && !listens_to(client)) {
		err = VTR_ERR_GONE;
	}
	for (int i = 0; reads && i < READS_AT_ONCE && err == VTR_OK && listens_to(client); i++) {
		err = receive(client);
		if (err == VTR_OK) {
			take_message(client);
		}
	}
	if (err == VTR_ERR_GONE) {
		disconnect(client);
		return;
	}
	pump(client);
}

/* --- connections --------------------------------------------------------------------------------------- */

/* Returns: the address's oldest client of the kind; NULL if it has none. */
static struct client *find_oldest(struct vtr_hxfr *hxfr, const struct vtr_backoff_address *peer,
                                  enum kind kind)
{
	struct client *oldest = NULL;

	for (size_t i = 0; i < VTR_HXFR_MAX_CLIENTS; i++) {
		struct client *client = &hxfr->clients[i];
		if (is_meant(client, peer, kind) && (!oldest || client->since_ns < oldest->since_ns)) {
			oldest = client;
		}
	}
	return oldest;
}

/* Returns: a client of the address that has most of the kind, if it has more than `least`; otherwise NULL. */
static struct client *find_busiest(struct vtr_hxfr *hxfr, enum kind kind, size_t least)
{
	struct client *busiest = NULL;
	size_t most = least;

	for (size_t i = 0; i < VTR_HXFR_MAX_CLIENTS; i++) {
		struct client *client = &hxfr->clients[i];
		size_t count = client->hxfr ? count_of(hxfr, &client->peer, kind) : 0;
		if (count > most) {
			most = count;
			busiest = client;
		}
	}
	return busiest;
}

/* Returns: an unused place, or one whose client has to go for a new one of `peer`; NULL if there is none. */
static struct client *find_place(struct vtr_hxfr *hxfr, const struct vtr_backoff_address *peer)
{
	enum kind kind = KIND_STRANGER;

	if (count_of(hxfr, peer, KIND_STRANGER) >= VTR_HXFR_MAX_OF_PEER) {
		return find_oldest(hxfr, peer, KIND_STRANGER);
	}
	for (size_t i = 0; i < VTR_HXFR_MAX_CLIENTS; i++) {
		if (!hxfr->clients[i].hxfr) {
			return &hxfr->clients[i];
		}
	}
	struct client *client = find_busiest(hxfr, kind, 0);
	if (!client && count_of(hxfr, peer, KIND_ANY) < VTR_HXFR_MAX_OF_PEER) {
		kind = KIND_ANY;
		client = find_busiest(hxfr, kind, VTR_HXFR_MAX_OF_PEER);
	}
	if (!client) {
		/* The new one may control, and then comes before those who watch. */
		kind = KIND_WATCHER;
		client = find_busiest(hxfr, kind, 0);
	}
	return client ? find_oldest(hxfr, &client->peer, kind) : NULL;
}

static void connect_client(struct vtr_hxfr *hxfr, int take_fd)
{
	vtr_autofd int fd = take_fd;
	const struct vtr_backoff_address peer = vtr_backoff_peer(fd);
	struct client *client = find_place(hxfr, &peer);

	if (!client) {
		vtr_warn_limited(hxfr->params.log, "one more client is refused: there are %d",
		                 VTR_HXFR_MAX_CLIENTS);
		return;
	}
	if (client->hxfr) {
		disconnect(client);
	}
	vtr_os_inet_hurry(fd, UNSENT_BYTES);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
	    vtr_os_loop_add_fd(hxfr->loop, fd, true, false, on_client, client, &client->watch_fd) != VTR_OK) {
		return;
	}
	client->hxfr = hxfr;
	client->fd = vtr_take_fd(&fd);
	client->peer = peer;
	client->role = hxfr->params.tokens ? VTR_TOKEN_WRONG : VTR_TOKEN_CONTROL;
	client->since_ns = vtr_os_now_ns();
	client->deadline_ns = client->since_ns + AUTH_NS;
	set_deadline(hxfr);
}

static void on_listen(void *data, unsigned events)
{
	struct vtr_hxfr *hxfr = data;
	int fd = -1;
	enum vtr_err err = vtr_os_sock_accept(hxfr->params.listen_fd, &fd);

	(void)events;
	if (err == VTR_OK) {
		connect_client(hxfr, fd);
	} else if (err != VTR_ERR_AGAIN &&
	           vtr_os_loop_modify_fd(hxfr->listen_watch, false, false) == VTR_OK) {
		/* The connection is still pending: without a pause this would be called again at once. */
		vtr_os_loop_timer_set(hxfr->listen_timer, LISTEN_AGAIN_NS);
	}
}

static void on_listen_timer(void *data)
{
	struct vtr_hxfr *hxfr = data;

	if (vtr_os_loop_modify_fd(hxfr->listen_watch, true, false) != VTR_OK) {
		vtr_os_loop_timer_set(hxfr->listen_timer, LISTEN_AGAIN_NS);
	}
}

static void on_deadline(void *data)
{
	struct vtr_hxfr *hxfr = data;
	int64_t now_ns = vtr_os_now_ns();

	for (size_t i = 0; i < VTR_HXFR_MAX_CLIENTS; i++) {
		struct client *client = &hxfr->clients[i];
		if (client->hxfr && client->role == VTR_TOKEN_WRONG && client->deadline_ns <= now_ns) {
			disconnect(client);
		}
	}
	set_deadline(hxfr);
}

/* A stream has something new. */
static void on_wakeup(void *data)
{
	struct vtr_hxfr *hxfr = data;

	for (size_t i = 0; i < VTR_HXFR_MAX_CLIENTS; i++) {
		if (hxfr->clients[i].hxfr) {
			pump(&hxfr->clients[i]);
		}
	}
}

/* --- the server ---------------------------------------------------------------------------------------- */

static void run(void *arg)
{
	struct vtr_hxfr *hxfr = arg;
	enum vtr_err err = vtr_os_loop_run(hxfr->loop);

	if (err != VTR_OK) {
		vtr_error(hxfr->params.log,
		          "the HXFR server has stopped: %s. Restart vitrine gpu to serve clients again",
		          vtr_err_text(err));
	}
}

static enum vtr_err start(struct vtr_hxfr *hxfr)
{
	enum vtr_err err = vtr_os_loop_create(&hxfr->loop);

	if (err == VTR_OK) {
		vtr_os_loop_set_wakeup(hxfr->loop, on_wakeup, hxfr);
		err = vtr_os_loop_add_timer(hxfr->loop, on_listen_timer, hxfr, &hxfr->listen_timer);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_add_timer(hxfr->loop, on_deadline, hxfr, &hxfr->deadline_timer);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(hxfr->loop, hxfr->params.listen_fd, true, false, on_listen, hxfr,
		                         &hxfr->listen_watch);
	}
	if (err == VTR_OK) {
		err = vtr_os_thread_create(&hxfr->thread, "hxfr", run, hxfr);
		hxfr->started = err == VTR_OK;
	}
	return err;
}

enum vtr_err vtr_hxfr_create(const struct vtr_hxfr_params *params, struct vtr_hxfr **out_hxfr)
{
	struct vtr_hxfr *hxfr = calloc(1, sizeof(*hxfr));

	if (!hxfr) {
		return VTR_ERR_NOMEM;
	}
	hxfr->params = *params;
	if (params->tokens) {
		hxfr->tokens = *params->tokens;
		hxfr->params.tokens = &hxfr->tokens;
	}
	for (size_t i = 0; i < VTR_HXFR_MAX_CLIENTS; i++) {
		hxfr->clients[i].fd = -1;
	}
	enum vtr_err err = start(hxfr);
	if (err != VTR_OK) {
		vtr_hxfr_destroy(hxfr);
		return err;
	}
	*out_hxfr = hxfr;
	return VTR_OK;
}

void vtr_hxfr_destroy(struct vtr_hxfr *hxfr)
{
	if (!hxfr) {
		return;
	}
	if (hxfr->started) {
		vtr_os_loop_quit(hxfr->loop);
		vtr_os_thread_join(&hxfr->thread);
	}
	for (size_t i = 0; i < VTR_HXFR_MAX_CLIENTS; i++) {
		if (hxfr->clients[i].hxfr) {
			disconnect(&hxfr->clients[i]);
		}
	}
	vtr_os_loop_destroy(hxfr->loop);
	free(hxfr);
}
