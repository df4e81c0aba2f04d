/* SPDX-License-Identifier: MIT */
#ifndef WEB_VIEWER_FOLDER_H
#define WEB_VIEWER_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "web/folder_message.h"
#include "webdav/contents.h"

/*
 * What one viewer with control does with the folder that is shared with the guest: its part of the WebSocket.
 *
 * Thread: the web server's.
 */
struct vtr_folder_link;
struct lws;

/* A file on its way to or from the page. */
struct vtr_viewer_transfer {
	bool used;
	uint32_t id; /* the page's own number */
	bool comes; /* from the page */
	struct vtr_dav_contents *contents; /* NULL: it has ended */
	uint64_t at; /* sent */
	uint64_t size; /* announced, if it comes */
	uint32_t folder; /* if it comes: where to */
	char *name;
	bool due; /* the state is to be sent; of one that has ended, it is then forgotten */
	enum vtr_folder_transfer state;
	uint64_t value;
};

#define VTR_VIEWER_TRANSFERS 8
/* The mean interval of messages about the folder's state, however often the guest changes it; some may come at once. */
#define VTR_VIEWER_FOLDER_NS INT64_C(200000000)
#define VTR_VIEWER_FOLDER_AT_ONCE 5

struct vtr_viewer_folder {
	struct vtr_list node; /* the link's */
	struct vtr_folder_link *link;
	struct lws *wsi;
	bool state_due;
	int64_t paid_until_ns; /* each message about the state takes VTR_VIEWER_FOLDER_NS of it */
	bool lists; /* a list is on its way */
	uint32_t listed; /* this folder's */
	bool listed_is_gone;
	struct vtr_dav_text entries;
	size_t entries_sent;
	struct vtr_viewer_transfer transfers[VTR_VIEWER_TRANSFERS];
	size_t turn; /* the transfer that was written last */
	bool yielded; /* to video, the last time */
};

/* Owner: *out_viewer is the caller's. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_viewer_folder_create(struct vtr_folder_link *link, struct lws *wsi,
                                                     struct vtr_viewer_folder **out_viewer);

/* What it had begun to send is dropped. Accepts NULL. */
void vtr_viewer_folder_destroy(struct vtr_viewer_folder *viewer);

/* --- the WebSocket --- */

/* Takes a message; `controls`: the viewer may change the folder.
 * Returns: VTR_ERR_PROTOCOL (it is invalid), VTR_ERR_UNSUPPORTED (nothing was done: another viewer has the control),
 * VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_viewer_folder_receive(struct vtr_viewer_folder *viewer, const uint8_t *bytes,
                                                      size_t size, bool controls);

/* Returns: whether a message is due to the page. Accepts NULL. */
bool vtr_viewer_folder_is_due(const struct vtr_viewer_folder *viewer);

/* Writes the next message, with room for VTR_FOLDER_MESSAGE_PIECE_OUT + 32 bytes; `yields`: what is long takes turns
 * with what else is due. Returns: its size; 0: none. Accepts NULL. */
size_t vtr_viewer_folder_write(struct vtr_viewer_folder *viewer, uint8_t *out, bool yields);

/* --- for the link --- */

void vtr_viewer_folder_tell_state(struct vtr_viewer_folder *viewer);

#endif
