/* SPDX-License-Identifier: MIT */
#ifndef WEB_AGENT_LINK_H
#define WEB_AGENT_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "base/err.h"
#include "base/list.h"
#include "web/agent_message.h"

/*
 * The connection to the guest's agent (agent/agent.h), and the viewers that use it. Its socket is a port
 * (web/guest_port.h).
 *
 * Thread: the web server's; create and destroy: the main one.
 */
struct vtr_log;
struct vtr_agent_link;
struct vtr_viewer_agent;
struct vtr_web;

/* Owner: the fd, a listening socket, is consumed; *out_link is the caller's. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_agent_link_create(struct vtr_log *log, int *take_listen_fd,
                                                  struct vtr_agent_link **out_link);

/* Forgets the connection, before the library's context ends. Accepts NULL. */
void vtr_agent_link_stop(struct vtr_agent_link *link);

/* Once the library's context is gone. Accepts NULL. */
void vtr_agent_link_destroy(struct vtr_agent_link *link);

/* Listens. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_agent_link_listen(struct vtr_agent_link *link, struct vtr_web *web);

/* Looks for what is late. Call it a few times each second. Accepts NULL. */
void vtr_agent_link_tick(struct vtr_agent_link *link);

/* --- for viewers (viewer_agent.c) --- */

struct vtr_agent *vtr_agent_link_agent(struct vtr_agent_link *link);

void vtr_agent_link_add(struct vtr_agent_link *link, struct vtr_list *viewer_node);

/* What the viewer had begun is dropped. */
void vtr_agent_link_remove(struct vtr_agent_link *link, struct vtr_viewer_agent *viewer);

/* Has what is due to the agent written soon. */
void vtr_agent_link_wake(struct vtr_agent_link *link);

/* Begins contents for the guest; they replace those that another viewer has begun.
 * Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_agent_link_begin_offer(struct vtr_agent_link *link,
                                                       struct vtr_viewer_agent *viewer,
                                                       const struct vtr_agent_message *offer);

/* Ends the viewer's incomplete offer, if there is one. Returns: whether there was; *out_selection is its selection. */
bool vtr_agent_link_drop_offer(struct vtr_agent_link *link, const struct vtr_viewer_agent *viewer,
                               enum vtr_agent_selection *out_selection);

/* Adds bytes to them, and offers them once they are complete. Does nothing if they were replaced.
 * Returns: VTR_ERR_PROTOCOL (more bytes than announced), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_agent_link_add_offered(struct vtr_agent_link *link,
                                                       struct vtr_viewer_agent *viewer, const uint8_t *bytes,
                                                       size_t size);

/* Makes room for `size` more bytes of contents that wait for viewers: what others have not read for too long is
 * dropped. Returns: whether there is room. */
bool vtr_agent_link_make_room(struct vtr_agent_link *link, size_t size);

#endif
