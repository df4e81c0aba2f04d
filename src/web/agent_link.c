/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "agent"
#include "web/agent_link.h"

#include <stdlib.h>

#include "base/mem.h"
#include "platform/thread.h"
#include "web/guest_port.h"
#include "web/viewer_agent.h"

/* The contents that may wait for slow viewers, together. */
#define MAX_WAITING_BYTES (4 * (size_t)VTR_AGENT_MAX_CLIPBOARD)
/* Contents that have waited for longer are dropped if others need the room: a few viewers that do not read would keep
 * it for themselves otherwise. */
#define MAX_WAITING_NS INT64_C(10000000000)

/* Contents that a viewer sends. */
struct offer {
	struct vtr_viewer_agent *viewer; /* NULL: none */
	enum vtr_agent_selection selection;
	enum vtr_agent_format format;
	bool confirms;
	struct vtr_blob *contents;
};

struct vtr_agent_link {
	struct vtr_guest_port port;
	struct vtr_agent *agent;
	struct vtr_list viewers; /* struct vtr_viewer_agent */
	struct offer offer;
	/* The viewer that waits until the agent has seen its offer. */
	struct vtr_viewer_agent *unconfirmed[VTR_AGENT_SELECTIONS];
};

/* --- events of the agent ----------------------------------------------------------------------------- */

static void on_changed(void *data)
{
	struct vtr_agent_link *link = data;
	struct vtr_viewer_agent *viewer;

	vtr_list_for_each (viewer, &link->viewers, node) {
		vtr_viewer_agent_tell_state(viewer);
	}
}

static void on_offered(void *data, enum vtr_agent_selection selection, uint32_t formats)
{
	struct vtr_agent_link *link = data;
	struct vtr_viewer_agent *viewer;

	(void)formats; /* read when they are sent */
	vtr_list_for_each (viewer, &link->viewers, node) {
		vtr_viewer_agent_tell_owner(viewer, selection);
	}
}

static void on_answered(void *data, enum vtr_agent_selection selection, enum vtr_agent_answer answer,
                        enum vtr_agent_format format, struct vtr_blob *contents)
{
	struct vtr_agent_link *link = data;
	struct vtr_viewer_agent *viewer;

	vtr_list_for_each (viewer, &link->viewers, node) {
		vtr_viewer_agent_answer(viewer, selection, answer, format, contents);
	}
}

static void on_confirmed(void *data, enum vtr_agent_selection selection)
{
	struct vtr_agent_link *link = data;
	struct vtr_viewer_agent *viewer = link->unconfirmed[selection];

	link->unconfirmed[selection] = NULL;
	if (viewer) {
		vtr_viewer_agent_tell_result(viewer, selection, VTR_AGENT_MESSAGE_RESULT_OFFERED);
	}
}

static void on_file(void *data, uint32_t id, enum vtr_agent_file_state state, uint64_t value)
{
	struct vtr_agent_link *link = data;
	struct vtr_viewer_agent *viewer;

	vtr_list_for_each (viewer, &link->viewers, node) {
		if (vtr_viewer_agent_tell_file(viewer, id, state, value)) {
			return;
		}
	}
}

static const struct vtr_agent_events agent_events = {
	.changed = on_changed,
	.offered = on_offered,
	.answered = on_answered,
	.confirmed = on_confirmed,
	.file = on_file,
};

/* --- the connection ---------------------------------------------------------------------------------- */

static void on_connected(void *data)
{
	struct vtr_agent_link *link = data;

	vtr_agent_connect(link->agent, vtr_os_now_ns());
	vtr_guest_port_wake(&link->port);
}

static void on_disconnected(void *data)
{
	struct vtr_agent_link *link = data;

	vtr_agent_disconnect(link->agent);
}

static enum vtr_err on_bytes(void *data, const uint8_t **bytes, size_t *size, int64_t now_ns)
{
	struct vtr_agent_link *link = data;
	const uint8_t *all = *bytes;
	const size_t all_size = *size;

	*bytes += all_size;
	*size = 0;
	return vtr_agent_receive(link->agent, all, all_size, now_ns);
}

static size_t write_bytes(void *data, uint8_t *out, size_t size, int64_t now_ns)
{
	struct vtr_agent_link *link = data;

	return vtr_agent_write(link->agent, out, size, now_ns);
}

static void on_sent(void *data, int64_t now_ns)
{
	struct vtr_agent_link *link = data;

	vtr_agent_note_progress(link->agent, now_ns);
}

static const struct vtr_guest_port_user port_user = {
	.module = VTR_LOG_MODULE,
	.name = "agent",
	.connected = on_connected,
	.disconnected = on_disconnected,
	.receive = on_bytes,
	.write = write_bytes,
	.sent = on_sent,
};

void vtr_agent_link_wake(struct vtr_agent_link *link)
{
	vtr_guest_port_wake(&link->port);
}

void vtr_agent_link_tick(struct vtr_agent_link *link)
{
	if (!link || !vtr_guest_port_is_connected(&link->port)) {
		return;
	}
	if (vtr_agent_tick(link->agent, vtr_guest_port_has_unsent(&link->port), vtr_os_now_ns()) != VTR_OK) {
		vtr_guest_port_disconnect(&link->port);
	}
}

/* --- life -------------------------------------------------------------------------------------------- */

enum vtr_err vtr_agent_link_create(struct vtr_log *log, int *take_listen_fd, struct vtr_agent_link **out_link)
{
	struct vtr_agent_link *link = calloc(1, sizeof(*link));

	if (!link) {
		vtr_close(take_listen_fd);
		return VTR_ERR_NOMEM;
	}
	vtr_guest_port_init(&link->port, log, take_listen_fd, &port_user, link);
	vtr_list_init(&link->viewers);
	enum vtr_err err = vtr_agent_create(log, &agent_events, link, &link->agent);
	if (err != VTR_OK) {
		vtr_agent_link_destroy(link);
		return err;
	}
	*out_link = link;
	return VTR_OK;
}

enum vtr_err vtr_agent_link_listen(struct vtr_agent_link *link, struct vtr_web *web)
{
	return vtr_guest_port_listen(&link->port, web);
}

void vtr_agent_link_stop(struct vtr_agent_link *link)
{
	if (link) {
		vtr_guest_port_stop(&link->port);
	}
}

void vtr_agent_link_destroy(struct vtr_agent_link *link)
{
	if (!link) {
		return;
	}
	vtr_blob_unref(link->offer.contents);
	vtr_agent_destroy(link->agent);
	vtr_guest_port_finish(&link->port);
	free(link);
}

/* --- viewers ----------------------------------------------------------------------------------------- */

struct vtr_agent *vtr_agent_link_agent(struct vtr_agent_link *link)
{
	return link->agent;
}

void vtr_agent_link_add(struct vtr_agent_link *link, struct vtr_list *viewer_node)
{
	vtr_list_append(&link->viewers, viewer_node);
}

static void drop_offer(struct vtr_agent_link *link)
{
	vtr_blob_unref(link->offer.contents);
	link->offer = (struct offer){ .viewer = NULL };
}

void vtr_agent_link_remove(struct vtr_agent_link *link, struct vtr_viewer_agent *viewer)
{
	vtr_list_remove(&viewer->node);
	if (link->offer.viewer == viewer) {
		drop_offer(link);
	}
	for (size_t i = 0; i < VTR_AGENT_SELECTIONS; i++) {
		if (link->unconfirmed[i] == viewer) {
			link->unconfirmed[i] = NULL;
		}
	}
}

bool vtr_agent_link_drop_offer(struct vtr_agent_link *link, const struct vtr_viewer_agent *viewer,
                               enum vtr_agent_selection *out_selection)
{
	if (link->offer.viewer != viewer) {
		return false;
	}
	*out_selection = link->offer.selection;
	drop_offer(link);
	return true;
}

enum vtr_err vtr_agent_link_begin_offer(struct vtr_agent_link *link, struct vtr_viewer_agent *viewer,
                                        const struct vtr_agent_message *offer)
{
	if (link->offer.viewer && link->offer.viewer != viewer) {
		vtr_viewer_agent_tell_result(link->offer.viewer, link->offer.selection,
		                             VTR_AGENT_MESSAGE_RESULT_REPLACED);
	}
	drop_offer(link);
	enum vtr_err err = vtr_blob_create((size_t)offer->size, &link->offer.contents);
	if (err == VTR_OK) {
		link->offer.viewer = viewer;
		link->offer.selection = offer->selection;
		link->offer.format = offer->format;
		link->offer.confirms = offer->confirms;
	}
	return err;
}

/* Offers the contents, which are complete. */
static void finish_offer(struct vtr_agent_link *link)
{
	const struct offer offer = link->offer;
	struct vtr_viewer_agent **unconfirmed = &link->unconfirmed[offer.selection];

	link->offer = (struct offer){ .viewer = NULL };
	if (*unconfirmed && *unconfirmed != offer.viewer) {
		vtr_viewer_agent_tell_result(*unconfirmed, offer.selection,
		                             VTR_AGENT_MESSAGE_RESULT_REPLACED);
	}
	*unconfirmed = offer.confirms ? offer.viewer : NULL;
	if (vtr_agent_offer(link->agent, offer.selection, offer.format, offer.contents, offer.confirms,
	                    vtr_os_now_ns()) != VTR_OK) {
		*unconfirmed = NULL;
		vtr_blob_unref(offer.contents);
		vtr_viewer_agent_tell_result(offer.viewer, offer.selection, VTR_AGENT_MESSAGE_RESULT_REFUSED);
	} else if (!offer.confirms) {
		vtr_viewer_agent_tell_result(offer.viewer, offer.selection, VTR_AGENT_MESSAGE_RESULT_OFFERED);
	}
	vtr_agent_link_wake(link);
}

enum vtr_err vtr_agent_link_add_offered(struct vtr_agent_link *link, struct vtr_viewer_agent *viewer,
                                        const uint8_t *bytes, size_t size)
{
	struct vtr_blob *contents = link->offer.contents;

	if (link->offer.viewer != viewer) {
		return VTR_OK;
	}
	if (size > contents->size - contents->filled) {
		return VTR_ERR_PROTOCOL;
	}
	enum vtr_err err = vtr_blob_add(contents, bytes, size);
	if (err != VTR_OK) {
		drop_offer(link);
	} else if (contents->filled == contents->size) {
		finish_offer(link);
	}
	return err;
}

static bool has_room(const struct vtr_agent_link *link, size_t size)
{
	const struct vtr_viewer_agent *viewer;
	size_t waiting = size;

	vtr_list_for_each (viewer, &link->viewers, node) {
		waiting += vtr_viewer_agent_waiting(viewer);
	}
	return waiting <= MAX_WAITING_BYTES;
}

/* Drops the contents that have waited for the longest time, if that is too long. Returns: whether there were some. */
static bool drop_oldest(struct vtr_agent_link *link)
{
	struct vtr_viewer_agent *viewer;
	struct vtr_viewer_agent *slowest = NULL;
	struct vtr_viewer_answer *oldest = NULL;
	int64_t before_ns = vtr_os_now_ns() - MAX_WAITING_NS;

	vtr_list_for_each (viewer, &link->viewers, node) {
		struct vtr_viewer_answer *answer = vtr_viewer_agent_oldest(viewer);
		if (answer && answer->since_ns < before_ns) {
			before_ns = answer->since_ns;
			slowest = viewer;
			oldest = answer;
		}
	}
	if (oldest) {
		vtr_viewer_agent_give_way(slowest, oldest);
	}
	return oldest != NULL;
}

bool vtr_agent_link_make_room(struct vtr_agent_link *link, size_t size)
{
	while (!has_room(link, size)) {
		if (!drop_oldest(link)) {
			return false;
		}
	}
	return true;
}
