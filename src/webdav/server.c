/* SPDX-License-Identifier: MIT */
#include "webdav/server.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "webdav/client.h"
#include "webdav/mux.h"

/* The bytes of an answer in one frame: others are not held up long. */
#define FRAME_BYTES 16384
/* So many connections in a row that do not begin with a request mean that the frames' borders are lost: the guest was
 * disconnected in the middle of one. */
#define MAX_STRANGE 8

static const char continue_text[] = "HTTP/1.1 100 Continue\r\n\r\n";

/* --- clients ----------------------------------------------------------------------------------------- */

static struct vtr_dav_client *find(const struct vtr_dav *dav, int64_t number)
{
	struct vtr_dav_client *client;

	vtr_list_for_each (client, &dav->clients, node) {
		if (client->number == number) {
			return client;
		}
	}
	return NULL;
}

static void drop_request(struct vtr_dav_client *client)
{
	vtr_dav_request_finish(&client->request);
	vtr_dav_contents_unref(client->upload);
	client->upload = NULL;
	client->discards = false;
	client->continue_due = false;
	client->lock_body_size = 0;
}

static void destroy_client(struct vtr_dav *dav, struct vtr_dav_client *client)
{
	drop_request(client);
	vtr_dav_answer_finish(client);
	vtr_list_remove(&client->node);
	dav->client_count--;
	free(client->waiting);
	free(client);
}

static struct vtr_dav_client *add_client(struct vtr_dav *dav, int64_t number)
{
	struct vtr_dav_client *client = calloc(1, sizeof(*client));

	if (!client) {
		return NULL;
	}
	if (dav->client_count == VTR_DAV_MAX_CLIENTS) {
		destroy_client(dav, vtr_container_of(dav->clients.next, struct vtr_dav_client, node));
	}
	client->number = number;
	vtr_list_append(&dav->clients, &client->node);
	dav->client_count++;
	return client;
}

/* --- requests ---------------------------------------------------------------------------------------- */

/* Nothing more can be read: the answer says so. The guest's daemon does not end a connection for us. */
static void give_up(struct vtr_dav_client *client, unsigned status)
{
	drop_request(client);
	client->broken = true;
	vtr_dav_answer_status(client, status);
}

static void on_head(struct vtr_dav *dav, struct vtr_dav_client *client)
{
	const bool waits = *client->request.headers[VTR_DAV_EXPECT] != '\0';
	const bool has_body = !client->request.has_length || client->request.length > 0;
	const unsigned status = vtr_dav_begin(dav, client);

	if (status == 0) {
		client->continue_due = waits && has_body;
	} else if (waits && has_body) {
		give_up(client, status); /* it is not known whether the body comes */
	} else {
		vtr_dav_answer_status(client, status);
		client->discards = true;
	}
}

static void on_body(struct vtr_dav_client *client, const uint8_t *bytes, size_t size)
{
	if (client->discards) {
		return;
	}
	if (client->upload) {
		client->continue_due = false;
		if (vtr_dav_contents_add(client->upload, bytes, size) != VTR_OK) {
			vtr_dav_contents_unref(client->upload);
			client->upload = NULL;
			client->discards = true;
			vtr_dav_answer_status(client, 507);
		}
	} else if (client->request.method == VTR_DAV_LOCK) {
		const size_t part = vtr_min(size, VTR_DAV_MAX_LOCK_BODY - client->lock_body_size);
		memcpy(client->lock_body + client->lock_body_size, bytes, part);
		client->lock_body_size += part;
	}
}

static void on_end(struct vtr_dav *dav, struct vtr_dav_client *client)
{
	const unsigned status = client->discards ? 0 : vtr_dav_end(dav, client);

	if (status != 0) {
		vtr_dav_answer_status(client, status);
	}
	drop_request(client);
}

/* Keeps bytes until the answer is sent. */
static void keep(struct vtr_dav_client *client, const uint8_t *bytes, size_t size)
{
	if (!client->waiting) {
		client->waiting = malloc(VTR_DAV_MAX_WAITING);
	}
	if (!client->waiting || size > VTR_DAV_MAX_WAITING - client->waiting_size) {
		free(client->waiting);
		client->waiting = NULL;
		client->waiting_size = 0;
		client->broken = true; /* after the answer that is being sent */
		return;
	}
	memcpy(client->waiting + client->waiting_size, bytes, size);
	client->waiting_size += size;
}

static void feed(struct vtr_dav *dav, struct vtr_dav_client *client, const uint8_t *bytes, size_t size)
{
	while (size > 0 && !client->broken) {
		const uint8_t *body;
		size_t body_size;
		enum vtr_dav_part part;
		enum vtr_err err = VTR_OK;
		if (!vtr_dav_request_is_inside(&client->request) && vtr_dav_answer_is_due(client)) {
			keep(client, bytes, size);
			return;
		}
		while (err == VTR_OK && !client->broken) {
			err = vtr_dav_request_take(&client->request, &bytes, &size, &part, &body, &body_size);
			if (err != VTR_OK) {
				break;
			}
			if (part == VTR_DAV_PART_HEAD) {
				on_head(dav, client);
			} else if (part == VTR_DAV_PART_BODY) {
				on_body(client, body, body_size);
			} else {
				on_end(dav, client);
				break;
			}
		}
		if (err != VTR_OK && err != VTR_ERR_AGAIN) {
			give_up(client, err == VTR_ERR_LIMIT ? 431 : err == VTR_ERR_NOMEM ? 503 : 400);
		}
	}
}

/* Bytes that come while a file is being sent are of another client: no program sends a request before it has the answer
 * to the one before, but spice-webdavd reuses numbers, and does not always tell the end of a client. */
static void renew(struct vtr_dav_client *client, const struct vtr_dav_mux_piece *piece)
{
	const bool begins = piece->begins && vtr_dav_request_begins(piece->bytes, piece->size);

	if (client->answer.contents && !vtr_dav_request_is_inside(&client->request)) {
		vtr_dav_answer_finish(client);
	}
	if (client->broken && begins && !vtr_dav_answer_is_due(client)) {
		client->broken = false;
	}
}

/* Returns: VTR_ERR_PROTOCOL. */
static enum vtr_err take_piece(struct vtr_dav *dav, const struct vtr_dav_mux_piece *piece)
{
	struct vtr_dav_client *client = find(dav, piece->number);

	if (piece->size == 0) {
		if (client) {
			destroy_client(dav, client);
		}
		return VTR_OK;
	}
	if (!client) {
		const bool is_request = vtr_dav_request_begins(piece->bytes, piece->size);
		dav->strange = is_request ? 0 : dav->strange + 1;
		if (dav->strange > MAX_STRANGE) {
			return VTR_ERR_PROTOCOL;
		}
		client = add_client(dav, piece->number);
		if (!client) {
			return VTR_OK; /* memory is short: the guest's client gets no answer */
		}
	}
	vtr_list_remove(&client->node);
	vtr_list_append(&dav->clients, &client->node);
	client->heard_ns = dav->now_ns;
	renew(client, piece);
	feed(dav, client, piece->bytes, piece->size);
	return VTR_OK;
}

enum vtr_err vtr_dav_receive(struct vtr_dav *dav, const uint8_t **bytes, size_t *size, int64_t now_ns)
{
	struct vtr_dav_mux_piece piece;

	dav->now_ns = now_ns;
	enum vtr_err err = vtr_dav_mux_take(&dav->mux, bytes, size, &piece);
	if (err == VTR_OK) {
		err = take_piece(dav, &piece);
	}
	return err == VTR_ERR_AGAIN ? VTR_OK : err;
}

/* --- answers ----------------------------------------------------------------------------------------- */

static bool is_due(const struct vtr_dav_client *client)
{
	return client->continue_due || vtr_dav_answer_is_due(client);
}

/* Returns: the client whose turn it is: that with the next larger number; NULL: nothing is due. */
static struct vtr_dav_client *choose(const struct vtr_dav *dav)
{
	struct vtr_dav_client *client;
	struct vtr_dav_client *next = NULL;
	struct vtr_dav_client *first = NULL;

	vtr_list_for_each (client, &dav->clients, node) {
		if (!is_due(client)) {
			continue;
		}
		if (client->number > dav->turn && (!next || client->number < next->number)) {
			next = client;
		}
		if (!first || client->number < first->number) {
			first = client;
		}
	}
	return next ? next : first;
}

/* Writes the next bytes of an answer. Returns: how many. */
static size_t write_answer(struct vtr_dav_client *client, uint8_t *out, size_t room)
{
	if (client->continue_due) {
		const size_t size = sizeof(continue_text) - 1;
		client->continue_due = false;
		memcpy(out, continue_text, size);
		return size;
	}
	return vtr_dav_answer_take(client, out, vtr_min(room, FRAME_BYTES));
}

/* Takes what came while an answer was being sent, if that is complete. Returns: whether there was something. */
static bool take_waiting(struct vtr_dav *dav, struct vtr_dav_client *client)
{
	uint8_t *waiting = client->waiting;
	const size_t size = client->waiting_size;

	if (!waiting || vtr_dav_answer_is_due(client)) {
		return false;
	}
	client->waiting = NULL;
	client->waiting_size = 0;
	feed(dav, client, waiting, size);
	free(waiting);
	return true;
}

size_t vtr_dav_write(struct vtr_dav *dav, uint8_t *out, size_t room, int64_t now_ns)
{
	size_t written = 0;
	struct vtr_dav_client *client;
	bool has_worked = false;

	dav->now_ns = now_ns;
	while (!has_worked && room - written >= VTR_DAV_MUX_HEAD + sizeof(continue_text) &&
	       (client = choose(dav))) {
		uint8_t *frame = out + written;
		dav->turn = client->number;
		const size_t size =
			write_answer(client, frame + VTR_DAV_MUX_HEAD, room - written - VTR_DAV_MUX_HEAD);
		vtr_dav_mux_put_head(frame, client->number, size);
		written += VTR_DAV_MUX_HEAD + size;
		has_worked = take_waiting(dav, client);
	}
	return written;
}

void vtr_dav_tick(struct vtr_dav *dav, int64_t now_ns)
{
	struct vtr_dav_client *client;
	struct vtr_dav_client *next;
	const int64_t before_ns = now_ns - VTR_DAV_SILENCE_S * INT64_C(1000000000);

	vtr_list_for_each_safe (client, next, &dav->clients, node) {
		if (client->upload && client->heard_ns < before_ns) {
			destroy_client(dav, client);
		}
	}
}

/* --- life -------------------------------------------------------------------------------------------- */

static void on_removed(void *data, const struct vtr_dav_node *node)
{
	struct vtr_dav *dav = data;

	vtr_dav_locks_forget(&dav->locks, node);
}

enum vtr_err vtr_dav_create(struct vtr_dav_folder *folder, uint64_t seed, struct vtr_dav **out_dav)
{
	struct vtr_dav *dav = calloc(1, sizeof(*dav));

	if (!dav) {
		return VTR_ERR_NOMEM;
	}
	dav->folder = folder;
	dav->locks.seed = seed;
	vtr_list_init(&dav->clients);
	folder->removes = on_removed;
	folder->removes_data = dav;
	*out_dav = dav;
	return VTR_OK;
}

void vtr_dav_reset(struct vtr_dav *dav)
{
	while (!vtr_list_empty(&dav->clients)) {
		destroy_client(dav, vtr_container_of(dav->clients.next, struct vtr_dav_client, node));
	}
	dav->mux = (struct vtr_dav_mux){ .head_size = 0 };
	dav->strange = 0;
}

void vtr_dav_destroy(struct vtr_dav *dav)
{
	if (dav) {
		vtr_dav_reset(dav);
		dav->folder->removes = NULL;
		free(dav);
	}
}
