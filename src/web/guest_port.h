/* SPDX-License-Identifier: MIT */
#ifndef WEB_GUEST_PORT_H
#define WEB_GUEST_PORT_H

#include <libwebsockets.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

/*
 * A port of the guest: a socket that listens for QEMU's chardev, and one connection, whose bytes its owner reads and
 * writes. A connection beside the current one is refused.
 *
 * Thread: the web server's; init and finish: the main one.
 */
struct vtr_log;
struct vtr_web;

/* The owner's side. */
struct vtr_guest_port_user {
	const char *module; /* of lines in the log */
	const char *name; /* who is at the guest's end, for these lines */
	void (*connected)(void *data); /* NULL: not wanted */
	void (*disconnected)(void *data);
	/* Takes bytes, at least one, and advances *bytes and *size. What it leaves comes again, after other connections
	 * had their turn if it has taken long. Any error ends the connection. */
	enum vtr_err (*receive)(void *data, const uint8_t **bytes, size_t *size, int64_t now_ns);
	/* Returns: how many bytes it has written; 0: none are due. */
	size_t (*write)(void *data, uint8_t *out, size_t size, int64_t now_ns);
	/* The guest has taken some of them. NULL: not wanted. */
	void (*sent)(void *data, int64_t now_ns);
};

#define VTR_GUEST_PORT_BYTES 65536

struct vtr_guest_port {
	struct vtr_list node; /* the server's; in no list before vtr_guest_port_listen() */
	struct vtr_log *log;
	const struct vtr_guest_port_user *user;
	void *data;
	int listen_fd; /* -1 once the library owns it */
	struct vtr_web *web;
	struct lws *listen_wsi;
	struct lws *wsi; /* the connection; NULL: none */
	lws_sorted_usec_list_t wake;
	uint8_t in[VTR_GUEST_PORT_BYTES];
	uint8_t out[VTR_GUEST_PORT_BYTES];
	size_t in_begin, in_end; /* bytes that the owner has not taken */
	size_t out_begin, out_end; /* unsent bytes */
};

/* The names of its protocols in the library's table. */
#define VTR_GUEST_PORT_LISTENER "guest-listen"
#define VTR_GUEST_PORT_CONNECTION "guest"

/* Owner: the fd, a listening socket, is consumed. `port` is zeroed. */
void vtr_guest_port_init(struct vtr_guest_port *port, struct vtr_log *log, int *take_listen_fd,
                         const struct vtr_guest_port_user *user, void *data);

/* Once the library's context is gone. */
void vtr_guest_port_finish(struct vtr_guest_port *port);

/* Listens. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_guest_port_listen(struct vtr_guest_port *port, struct vtr_web *web);

/* Forgets the connection without a word to the owner, before the library's context ends. */
void vtr_guest_port_stop(struct vtr_guest_port *port);

/* Has what is due written soon. */
void vtr_guest_port_wake(struct vtr_guest_port *port);

/* Ends the connection soon. */
void vtr_guest_port_disconnect(struct vtr_guest_port *port);

bool vtr_guest_port_is_connected(const struct vtr_guest_port *port);

/* Returns: whether there are bytes that the guest has not taken. */
bool vtr_guest_port_has_unsent(const struct vtr_guest_port *port);

/* Callbacks of the library, for the sockets that listen and for the connections. */
int vtr_guest_port_on_listen(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                             size_t size);
int vtr_guest_port_on_connection(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                                 size_t size);

#endif
