/* SPDX-License-Identifier: MIT */
#ifndef WEB_VIEWER_H
#define WEB_VIEWER_H

#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Somebody at the other end of a WebSocket: shows who they are, watches displays, types and points. What
 * is due to them is a set of facts, not a queue, so that a slow one costs no memory: each is sent as it
 * is when the connection takes it.
 *
 * Thread: the web server's.
 */
struct vtr_session;
struct vtr_viewer;
struct vtr_web;

/* The callback of WebSockets: see libwebsockets' lws_callback_function. */
int vtr_viewer_on_event(struct vtr_session *session, enum lws_callback_reasons reason, void *in, size_t size);

/* Ends what the viewer had; lets go of all keys. Accepts NULL. */
void vtr_viewer_destroy(struct vtr_viewer *viewer);

/* Something may be due: units, displays, cursors. */
void vtr_viewer_look(struct vtr_viewer *viewer, int64_t now_ns);

/* Called several times a second: whether the other end is still there. */
void vtr_viewer_tick(struct vtr_viewer *viewer, int64_t now_ns);

/* The displays have changed. */
void vtr_viewer_tell_displays(struct vtr_viewer *viewer);

/* Once a second: figures are due. */
void vtr_viewer_count(struct vtr_viewer *viewer);

#endif
