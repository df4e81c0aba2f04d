/* SPDX-License-Identifier: MIT */
#ifndef WEBDAV_CLIENT_H
#define WEBDAV_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "webdav/contents.h"
#include "webdav/lock.h"
#include "webdav/mux.h"
#include "webdav/request.h"
#include "webdav/server.h"
#include "webdav/text.h"

/*
 * What the files of the server share: one client of the guest, and its answers.
 *
 * Thread: the server's.
 */

#define VTR_DAV_METHODS \
	"OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK"

/* Of a LOCK; the rest does not matter. */
#define VTR_DAV_MAX_LOCK_BODY 2048
/* Bytes that wait until an answer is sent. */
#define VTR_DAV_MAX_WAITING 16384

struct vtr_dav {
	struct vtr_dav_folder *folder;
	struct vtr_dav_locks locks;
	struct vtr_dav_mux mux;
	struct vtr_list
		clients; /* struct vtr_dav_client; the one that was silent for the longest time first */
	size_t client_count;
	int64_t turn; /* the number of the client that was written last */
	int64_t now_ns;
	unsigned strange; /* connections in a row that did not begin with a request */
};

struct vtr_dav_answer {
	struct vtr_dav_text text; /* head, and body unless that is a file */
	size_t sent; /* of the text */
	struct vtr_dav_contents *contents; /* NULL: none, or sent */
	uint64_t at, left; /* in the contents */
};

struct vtr_dav_client {
	struct vtr_list node;
	int64_t number;
	int64_t heard_ns;
	struct vtr_dav_request request;
	bool discards; /* the request is answered; the rest of its body does not matter */
	bool broken; /* nothing more can be read, until bytes look like a request */
	struct vtr_dav_contents *upload; /* of a PUT */
	char lock_body[VTR_DAV_MAX_LOCK_BODY + 1];
	size_t lock_body_size;
	bool continue_due; /* the client waits until it may send the body */
	struct vtr_dav_answer answer;
	uint8_t *waiting; /* came while an answer was being sent */
	size_t waiting_size;
};

/* What a request is about. */
struct vtr_dav_place {
	char path[VTR_DAV_MAX_PATH + 1];
	struct vtr_dav_node *node; /* or NULL */
	struct vtr_dav_node *parent; /* a folder; NULL: it does not exist, or the node is the root */
	const char *name; /* in path */
};

static inline int64_t vtr_dav_now_s(const struct vtr_dav *dav)
{
	return dav->now_ns / 1000000000;
}

/* --- methods.c --- */

/* Called for a complete head. Returns: the status of the answer; 0: it comes when the body is complete, or is there. */
unsigned vtr_dav_begin(struct vtr_dav *dav, struct vtr_dav_client *client);

/* Called at the end of a request that is not answered. Returns: the status of the answer; 0: the answer is there. */
unsigned vtr_dav_end(struct vtr_dav *dav, struct vtr_dav_client *client);

/* Finds the place of a target or a Destination. Returns: 0, or the status of the answer. */
unsigned vtr_dav_locate(struct vtr_dav *dav, const char *url, struct vtr_dav_place *place);

/* --- condition.c --- */

/* Checks If, If-Match and If-None-Match. Returns: 0, or the status of the answer. */
unsigned vtr_dav_check(struct vtr_dav *dav, const struct vtr_dav_request *request,
                       const struct vtr_dav_node *node);

/* Writes the ETag of a file, with its quotes. */
#define VTR_DAV_ETAG 40
void vtr_dav_etag(const struct vtr_dav *dav, const struct vtr_dav_node *node, char out[VTR_DAV_ETAG]);

/* --- transfer.c: GET and PUT --- */

unsigned vtr_dav_get(struct vtr_dav *dav, struct vtr_dav_client *client, const struct vtr_dav_place *place);
unsigned vtr_dav_begin_put(struct vtr_dav *dav, struct vtr_dav_client *client,
                           const struct vtr_dav_place *place);
unsigned vtr_dav_end_put(struct vtr_dav *dav, struct vtr_dav_client *client,
                         const struct vtr_dav_place *place);

/* --- properties.c --- */

unsigned vtr_dav_propfind(struct vtr_dav *dav, struct vtr_dav_client *client,
                          const struct vtr_dav_place *place);

/* Adds the property lockdiscovery. `lock`: this one; NULL: those of the node. */
void vtr_dav_add_locks(const struct vtr_dav *dav, struct vtr_dav_text *text, const struct vtr_dav_node *node,
                       const struct vtr_dav_lock *lock);

/* Adds the path of a node as a URL. */
void vtr_dav_add_path(struct vtr_dav_text *text, const struct vtr_dav_node *node);

/* Formats a time for headers. */
#define VTR_DAV_TIME 40
void vtr_dav_format_time(int64_t time_s, char out[VTR_DAV_TIME]);

/* --- answer.c --- */

/* Begins the answer of a client: the status and the headers that each has. */
void vtr_dav_answer_begin(struct vtr_dav_client *client, unsigned status);

/* Ends the head, with the length of the body. */
void vtr_dav_answer_end_head(struct vtr_dav_client *client, uint64_t length);

/* Returns: whether an answer of `size` bytes fits beside the others. Ask it before a long one is made, which takes
 * time: a guest that does not read its answers cannot have more of them made. */
bool vtr_dav_answer_has_room(const struct vtr_dav *dav, size_t size);

/* Adds the end of the head and a body, unless the method is HEAD; `body` is finished. If all answers together would be
 * too large, the answer becomes another one that says so. */
void vtr_dav_answer_text(struct vtr_dav *dav, struct vtr_dav_client *client, const char *type,
                         struct vtr_dav_text *body);

/* A whole answer without a body. */
void vtr_dav_answer_status(struct vtr_dav_client *client, unsigned status);

/* Returns: whether there is one that was not sent completely. */
bool vtr_dav_answer_is_due(const struct vtr_dav_client *client);

/* Drops it. */
void vtr_dav_answer_finish(struct vtr_dav_client *client);

/* Copies the next bytes. Returns: how many; 0: none are left. */
size_t vtr_dav_answer_take(struct vtr_dav_client *client, uint8_t *out, size_t room);

#endif
