/* SPDX-License-Identifier: MIT */
#ifndef WEB_VIEWER_AGENT_H
#define WEB_VIEWER_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"
#include "base/err.h"
#include "base/list.h"
#include "web/agent_message.h"

/*
 * What one viewer with control does with the guest's agent: its part of the WebSocket. Contents are sent only to
 * viewers that ask for them.
 *
 * Thread: the web server's.
 */
struct vtr_agent_link;
struct lws;

/* An answer on its way to the page. */
struct vtr_viewer_answer {
	bool asked; /* the page waits for one; it may not ask again before it has it */
	enum vtr_agent_format format;
	bool due; /* known; its head was not sent */
	uint8_t answer;
	struct vtr_blob *contents; /* or NULL */
	size_t sent;
	int64_t since_ns; /* the contents wait */
};

/* A file of the page. */
struct vtr_viewer_file {
	bool used;
	bool due; /* a state is to be sent */
	bool ended; /* after that state it is forgotten */
	uint32_t page_id, id; /* the page's own number, the agent's */
	uint8_t state;
	uint64_t value;
};

/* With room for those that are refused at once. */
#define VTR_VIEWER_FILES (8 * VTR_AGENT_FILES_EACH)

struct vtr_viewer_agent {
	struct vtr_list node; /* the link's */
	struct vtr_agent_link *link;
	struct lws *wsi;
	bool state_due;
	bool owner_due[VTR_AGENT_SELECTIONS];
	bool result_due[VTR_AGENT_SELECTIONS];
	enum vtr_agent_message_result results[VTR_AGENT_SELECTIONS];
	struct vtr_viewer_answer answers[VTR_AGENT_SELECTIONS];
	struct vtr_viewer_file files[VTR_VIEWER_FILES];
	bool yielded; /* to video, the last time */
};

/* Owner: *out_viewer is the caller's. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_viewer_agent_create(struct vtr_agent_link *link, struct lws *wsi,
                                                    struct vtr_viewer_agent **out_viewer);

/* Its files are cancelled. Accepts NULL. */
void vtr_viewer_agent_destroy(struct vtr_viewer_agent *viewer);

/* --- the WebSocket --- */

/* The viewer has lost the control: contents and files for the guest that are not complete are dropped. */
void vtr_viewer_agent_lose_control(struct vtr_viewer_agent *viewer);

/* Takes a message; `controls`: the viewer may give the guest something.
 * Returns: VTR_ERR_PROTOCOL (it is invalid), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_viewer_agent_receive(struct vtr_viewer_agent *viewer, const uint8_t *bytes,
                                                     size_t size, bool controls);

/* Returns: whether a message is due to the page. Accepts NULL. */
bool vtr_viewer_agent_is_due(const struct vtr_viewer_agent *viewer);

/* Writes the next message, with room for VTR_AGENT_MESSAGE_PIECE_OUT + 16 bytes; `yields`: long contents take turns
 * with what else is due. Returns: its size; 0: none. Accepts NULL. */
size_t vtr_viewer_agent_write(struct vtr_viewer_agent *viewer, uint8_t *out, bool yields);

/* --- for the link --- */

void vtr_viewer_agent_tell_state(struct vtr_viewer_agent *viewer);
void vtr_viewer_agent_tell_owner(struct vtr_viewer_agent *viewer, enum vtr_agent_selection selection);
void vtr_viewer_agent_tell_result(struct vtr_viewer_agent *viewer, enum vtr_agent_selection selection,
                                  enum vtr_agent_message_result result);
/* Does nothing unless this viewer has asked for it. */
void vtr_viewer_agent_answer(struct vtr_viewer_agent *viewer, enum vtr_agent_selection selection,
                             enum vtr_agent_answer answer, enum vtr_agent_format format,
                             struct vtr_blob *contents);
/* Returns: whether the file is of this viewer. */
bool vtr_viewer_agent_tell_file(struct vtr_viewer_agent *viewer, uint32_t id, enum vtr_agent_file_state state,
                                uint64_t value);
/* Returns: how many bytes of contents wait for it, its share of those that others wait for, too. */
size_t vtr_viewer_agent_waiting(const struct vtr_viewer_agent *viewer);
/* Returns: its answer whose contents have waited for the longest time; NULL: none. */
struct vtr_viewer_answer *vtr_viewer_agent_oldest(struct vtr_viewer_agent *viewer);
/* Drops the contents; the page is told to ask again. */
void vtr_viewer_agent_give_way(struct vtr_viewer_agent *viewer, struct vtr_viewer_answer *answer);

#endif
