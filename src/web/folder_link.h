/* SPDX-License-Identifier: MIT */
#ifndef WEB_FOLDER_LINK_H
#define WEB_FOLDER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "web/folder_message.h"
#include "webdav/folder.h"

/*
 * The folder that is shared with the guest, the connection through which the guest's programs use it (webdav/server.h),
 * and the viewers that do. The connection's socket is a port (web/guest_port.h).
 *
 * Thread: the web server's; create and destroy: the main one.
 */
struct vtr_log;
struct vtr_folder_link;
struct vtr_web;

/* `bytes`: the most in all files. Owner: the fd, a listening socket, is consumed; *out_link is the caller's.
 * Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_folder_link_create(struct vtr_log *log, int *take_listen_fd, uint64_t bytes,
                                                   struct vtr_folder_link **out_link);

/* Forgets the connection, before the library's context ends. Accepts NULL. */
void vtr_folder_link_stop(struct vtr_folder_link *link);

/* Once the library's context is gone. Accepts NULL. */
void vtr_folder_link_destroy(struct vtr_folder_link *link);

/* Listens. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_folder_link_listen(struct vtr_folder_link *link, struct vtr_web *web);

/* Looks for what is late. Call it a few times each second. Accepts NULL. */
void vtr_folder_link_tick(struct vtr_folder_link *link);

/* --- for viewers (viewer_folder.c) --- */

struct vtr_dav_folder *vtr_folder_link_folder(struct vtr_folder_link *link);
enum vtr_folder_state vtr_folder_link_state(const struct vtr_folder_link *link);

/* Returns: a number that differs after each change of the folder. */
uint32_t vtr_folder_link_changes(const struct vtr_folder_link *link);

void vtr_folder_link_add(struct vtr_folder_link *link, struct vtr_list *viewer_node);

#endif
