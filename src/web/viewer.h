/* SPDX-License-Identifier: MIT */
#ifndef WEB_VIEWER_H
#define WEB_VIEWER_H

#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The peer of a WebSocket: it shows a token, views displays, sends input. What must be sent to it is kept as
 * state, not as a queue, so that a slow peer costs no memory: each item is sent in its current state when the
 * connection takes it.
 *
 * Thread: the web server's.
 */
struct vtr_session;
struct vtr_viewer;
struct vtr_web;

/* The callback of WebSockets: see libwebsockets' lws_callback_function. */
int vtr_viewer_on_event(struct vtr_session *session, enum lws_callback_reasons reason, void *in, size_t size);

/* Frees the viewer and releases its keys. Accepts NULL. */
void vtr_viewer_destroy(struct vtr_viewer *viewer);

/* There may be something to send: units, displays, cursors. */
void vtr_viewer_look(struct vtr_viewer *viewer, int64_t now_ns);

/* There may be sound to send. */
void vtr_viewer_look_at_sound(struct vtr_viewer *viewer);

/* Checks whether the peer still answers. Call it several times a second. */
void vtr_viewer_tick(struct vtr_viewer *viewer, int64_t now_ns);

/* The displays have changed. */
void vtr_viewer_tell_displays(struct vtr_viewer *viewer);

/* Its link has ended: so does the connection. */
void vtr_viewer_end_link(struct vtr_viewer *viewer);

/* Returns: whether it has shown a valid token, and stays. */
bool vtr_viewer_is_known(const struct vtr_viewer *viewer);

/* Its place goes to another one: the connection ends. */
void vtr_viewer_give_way(struct vtr_viewer *viewer);

/* Statistics are due. Call it once a second. */
void vtr_viewer_count(struct vtr_viewer *viewer);

#endif
