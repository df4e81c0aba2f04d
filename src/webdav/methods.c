/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "webdav/client.h"

/* Returns: the status of an answer to what failed. */
static unsigned explain(enum vtr_err err)
{
	return err == VTR_ERR_INVALID ? 400 : 507;
}

unsigned vtr_dav_locate(struct vtr_dav *dav, const char *url, struct vtr_dav_place *place)
{
	const enum vtr_err err = vtr_dav_decode_path(url, place->path);

	if (err != VTR_OK) {
		return err == VTR_ERR_LIMIT ? 414 : 400;
	}
	place->node = &dav->folder->root;
	place->parent = NULL;
	place->name = place->path;
	while (*place->name) {
		const size_t size = strcspn(place->name, "/");
		place->parent = place->node && vtr_dav_node_is_folder(place->node) ? place->node : NULL;
		place->node = place->parent ? vtr_dav_node_child(place->parent, place->name, size) : NULL;
		if (!place->name[size]) {
			break;
		}
		place->name += size + 1;
	}
	return 0;
}

/* Returns: whether a lock that the client does not name forbids to change a node, or its parent if that is so. */
static bool is_locked(const struct vtr_dav *dav, const struct vtr_dav_client *client,
                      const struct vtr_dav_node *node, bool below)
{
	return node && vtr_dav_locks_find(&dav->locks, node, below, client->request.headers[VTR_DAV_IF],
	                                  vtr_dav_now_s(dav));
}

/* For a request that removes a node, or adds one that does not exist. Returns: 0, or 423: it is locked. */
static unsigned check_locks(const struct vtr_dav *dav, const struct vtr_dav_client *client,
                            const struct vtr_dav_place *place, bool members_change)
{
	return is_locked(dav, client, place->node, members_change) ||
	                       ((members_change || !place->node) &&
	                        is_locked(dav, client, place->parent, false)) ?
	               423 :
	               0;
}

/* --- small methods ----------------------------------------------------------------------------------- */

static unsigned answer_options(struct vtr_dav_client *client)
{
	vtr_dav_answer_begin(client, 200);
	vtr_dav_text_format(&client->answer.text,
	                    "DAV: 1, 2\r\nMS-Author-Via: DAV\r\nAccept-Ranges: bytes\r\n"
	                    "Allow: " VTR_DAV_METHODS "\r\n");
	vtr_dav_answer_end_head(client, 0);
	return 0;
}

static unsigned remove_node(struct vtr_dav *dav, struct vtr_dav_client *client,
                            const struct vtr_dav_place *place)
{
	if (!place->node || !place->parent) {
		return place->node ? 403 : 404;
	}
	const unsigned status = check_locks(dav, client, place, true);
	if (status == 0) {
		vtr_dav_folder_remove(dav->folder, place->node);
	}
	return status != 0 ? status : 204;
}

static unsigned make_folder(struct vtr_dav *dav, struct vtr_dav_client *client,
                            const struct vtr_dav_place *place)
{
	struct vtr_dav_node *node;

	if (place->node || !place->parent) {
		return place->node ? 405 : 409;
	}
	if (!client->request.has_length || client->request.length > 0) {
		return 415;
	}
	const unsigned status = check_locks(dav, client, place, true);
	if (status != 0) {
		return status;
	}
	const enum vtr_err err =
		vtr_dav_folder_add(dav->folder, place->parent, place->name, strlen(place->name), NULL, &node);
	return err == VTR_OK ? 201 : explain(err);
}

/* --- COPY and MOVE ----------------------------------------------------------------------------------- */

/* Returns: 0, or the status of the answer. */
static unsigned check_destination(struct vtr_dav *dav, struct vtr_dav_client *client,
                                  const struct vtr_dav_place *from, struct vtr_dav_place *to)
{
	const struct vtr_dav_request *request = &client->request;

	if (!*request->headers[VTR_DAV_DESTINATION]) {
		return 400;
	}
	if (!vtr_dav_url_is_local(request->headers[VTR_DAV_DESTINATION])) {
		return 502; /* it is on another server */
	}
	const unsigned status = vtr_dav_locate(dav, request->headers[VTR_DAV_DESTINATION], to);
	if (status != 0) {
		return status;
	}
	if (!to->parent) {
		return to->node ? 403 : 409;
	}
	if (vtr_dav_node_is_in(to->node ? to->node : to->parent, from->node) ||
	    (to->node && vtr_dav_node_is_in(from->node, to->node))) {
		return 403; /* onto itself, into itself, or onto a folder that contains it */
	}
	if (to->node && strcasecmp(request->headers[VTR_DAV_OVERWRITE], "F") == 0) {
		return 412;
	}
	return check_locks(dav, client, to, true);
}

/* The old node is removed last: if something fails, nothing is lost. */
static unsigned copy_or_move(struct vtr_dav *dav, struct vtr_dav_client *client,
                             const struct vtr_dav_place *from)
{
	const bool moves = client->request.method == VTR_DAV_MOVE;
	const bool deep = strcmp(client->request.headers[VTR_DAV_DEPTH], "0") != 0;
	struct vtr_dav_place to;
	enum vtr_err err;

	if (!from->node || !from->parent) {
		return from->node ? 403 : 404;
	}
	unsigned status = check_destination(dav, client, from, &to);
	if (status == 0 && moves) {
		status = check_locks(dav, client, from, true);
	}
	if (status != 0) {
		return status;
	}
	if (moves) {
		err = vtr_dav_folder_move(dav->folder, from->node, to.parent, to.name, strlen(to.name));
	} else {
		err = vtr_dav_folder_copy(dav->folder, from->node, to.parent, to.name, strlen(to.name), deep);
	}
	if (err != VTR_OK) {
		return explain(err);
	}
	if (to.node) {
		vtr_dav_folder_remove(dav->folder, to.node);
	}
	return to.node ? 204 : 201;
}

/* --- LOCK and UNLOCK --------------------------------------------------------------------------------- */

static int64_t take_timeout(const struct vtr_dav_client *client)
{
	const char *text = client->request.headers[VTR_DAV_TIMEOUT];
	const long seconds = strncasecmp(text, "Second-", 7) == 0 ? strtol(text + 7, NULL, 10) : 0;

	return seconds > 0 && seconds < VTR_DAV_MAX_LOCK_S ? seconds : VTR_DAV_MAX_LOCK_S;
}

static unsigned answer_lock(struct vtr_dav *dav, struct vtr_dav_client *client, unsigned status,
                            const struct vtr_dav_lock *lock)
{
	struct vtr_dav_text body = { .bytes = NULL };

	vtr_dav_text_format(&body, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:prop xmlns:D=\"DAV:\">");
	vtr_dav_add_locks(dav, &body, lock->node, lock);
	vtr_dav_text_format(&body, "</D:prop>\n");
	vtr_dav_answer_begin(client, status);
	vtr_dav_text_format(&client->answer.text, "Lock-Token: <%s>\r\n", lock->token);
	vtr_dav_answer_text(dav, client, "application/xml; charset=utf-8", &body);
	return 0;
}

static unsigned refresh_lock(struct vtr_dav *dav, struct vtr_dav_client *client,
                             const struct vtr_dav_place *place)
{
	const char *text = strchr(client->request.headers[VTR_DAV_IF], '(');
	const char *token = text ? strchr(text, '<') : NULL;
	struct vtr_dav_lock *lock = NULL;

	if (token && place->node) {
		lock = vtr_dav_locks_get(&dav->locks, place->node, token + 1, strcspn(token + 1, ">"),
		                         vtr_dav_now_s(dav));
	}
	if (!lock) {
		return 412;
	}
	lock->ends_s = vtr_dav_now_s(dav) + take_timeout(client);
	return answer_lock(dav, client, 200, lock);
}

/* A lock of a name that is free makes an empty file there. */
static enum vtr_err add_empty_file(struct vtr_dav *dav, struct vtr_dav_place *place)
{
	struct vtr_dav_contents *contents;
	enum vtr_err err = vtr_dav_contents_create(&dav->folder->budget, &contents);

	if (err == VTR_OK) {
		err = vtr_dav_folder_add(dav->folder, place->parent, place->name, strlen(place->name),
		                         contents, &place->node);
		if (err != VTR_OK) {
			vtr_dav_contents_unref(contents);
		}
	}
	return err;
}

static unsigned lock_node(struct vtr_dav *dav, struct vtr_dav_client *client, struct vtr_dav_place *place)
{
	const bool deep = strcmp(client->request.headers[VTR_DAV_DEPTH], "0") != 0;
	const bool is_new = !place->node;
	struct vtr_dav_lock *lock;

	if (client->lock_body_size == 0) {
		return refresh_lock(dav, client, place);
	}
	client->lock_body[client->lock_body_size] = '\0';
	if (strstr(client->lock_body, "shared")) {
		return 501;
	}
	if (is_new && !place->parent) {
		return 409;
	}
	/* An exclusive one, so those that the client has forbid it, too. */
	if (place->node && vtr_dav_locks_find(&dav->locks, place->node, deep, "", vtr_dav_now_s(dav))) {
		return 423;
	}
	if (is_new && is_locked(dav, client, place->parent, false)) {
		return 423;
	}
	enum vtr_err err = is_new ? add_empty_file(dav, place) : VTR_OK;
	if (err == VTR_OK) {
		err = vtr_dav_locks_add(&dav->locks, place->node, deep, vtr_dav_now_s(dav),
		                        vtr_dav_now_s(dav) + take_timeout(client), &lock);
		if (err != VTR_OK && is_new) {
			vtr_dav_folder_remove(dav->folder, place->node);
		}
	}
	return err == VTR_OK ? answer_lock(dav, client, is_new ? 201 : 200, lock) : explain(err);
}

static unsigned unlock_node(struct vtr_dav *dav, struct vtr_dav_client *client,
                            const struct vtr_dav_place *place)
{
	const char *text = client->request.headers[VTR_DAV_LOCK_TOKEN];
	struct vtr_dav_lock *lock;

	if (!place->node || *text != '<') {
		return place->node ? 400 : 404;
	}
	lock = vtr_dav_locks_get(&dav->locks, place->node, text + 1, strcspn(text + 1, ">"),
	                         vtr_dav_now_s(dav));
	if (!lock) {
		return 409;
	}
	lock->number = 0;
	return 204;
}

/* --- dispatch ---------------------------------------------------------------------------------------- */

unsigned vtr_dav_begin(struct vtr_dav *dav, struct vtr_dav_client *client)
{
	struct vtr_dav_place place;

	if (client->request.from_page || !vtr_dav_host_is_local(client->request.headers[VTR_DAV_HOST])) {
		return 403;
	}
	if (client->request.method == VTR_DAV_UNKNOWN_METHOD) {
		return 501;
	}
	if (client->request.method != VTR_DAV_PUT) {
		return 0; /* the body is short, or of no interest */
	}
	unsigned status = vtr_dav_locate(dav, client->request.target, &place);
	if (status == 0) {
		status = vtr_dav_check(dav, &client->request, place.node);
	}
	if (status == 0) {
		status = check_locks(dav, client, &place, false);
	}
	return status == 0 ? vtr_dav_begin_put(dav, client, &place) : status;
}

static unsigned run(struct vtr_dav *dav, struct vtr_dav_client *client, struct vtr_dav_place *place)
{
	switch (client->request.method) {
	case VTR_DAV_GET:
	case VTR_DAV_HEAD:
		return vtr_dav_get(dav, client, place);
	case VTR_DAV_PUT: {
		/* Others may have locked it meanwhile. */
		const unsigned status = check_locks(dav, client, place, false);
		return status == 0 ? vtr_dav_end_put(dav, client, place) : status;
	}
	case VTR_DAV_DELETE:
		return remove_node(dav, client, place);
	case VTR_DAV_MKCOL:
		return make_folder(dav, client, place);
	case VTR_DAV_COPY:
	case VTR_DAV_MOVE:
		return copy_or_move(dav, client, place);
	case VTR_DAV_PROPFIND:
		return vtr_dav_propfind(dav, client, place);
	case VTR_DAV_PROPPATCH: /* properties cannot be set */
		return !place->node ? 404 : is_locked(dav, client, place->node, false) ? 423 : 403;
	case VTR_DAV_LOCK:
		return lock_node(dav, client, place);
	case VTR_DAV_UNLOCK:
		return unlock_node(dav, client, place);
	default:
		return 501;
	}
}

unsigned vtr_dav_end(struct vtr_dav *dav, struct vtr_dav_client *client)
{
	struct vtr_dav_place place;

	if (client->request.method == VTR_DAV_OPTIONS) {
		return answer_options(client);
	}
	unsigned status = vtr_dav_locate(dav, client->request.target, &place);
	if (status == 0) {
		status = vtr_dav_check(dav, &client->request, place.node);
	}
	return status == 0 ? run(dav, client, &place) : status;
}
