/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_CLIENT_H
#define SCREEN_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"
#include "screen/outputs.h"

/*
 * The front's side of the screen process and of the window process: struct vtr_screen_ops, put into effect
 * by processes of their own that may hang or die at any time. They are started again then, and find on the
 * board (screen/board.h) and in the socket all that they have to know; the device does not notice.
 *
 * A flush costs the front a few stores and, if the process sleeps, one byte to wake it. No pixel is
 * touched, nothing is waited for, and what the process has not looked at is replaced, never queued.
 *
 * Thread: the loop's.
 */
struct vtr_log;
struct vtr_os_loop;
struct vtr_screen_client;

/* Where and how the page is served. */
struct vtr_screen_http {
	const char *address;    /* ADDRESS:PORT; NULL: not at all */
	const char *names;      /* under which other machines reach it, with commas between; or NULL */
	const char *token_file; /* see vtr_tokens_load(); NULL: new tokens each time */
	const char *tls_cert;   /* PEM files; NULL: no TLS, and then */
	const char *tls_key;
	bool insecure; /* only this machine may reach it, unless this is set */
};

/* How video is made, and where it goes beside the page. */
struct vtr_screen_video {
	const char *encoder; /* see vtr_codec_open(); NULL: the first that works */
	uint32_t bitrate;    /* bits per second; 0: chosen by size */
	uint32_t fps;        /* at most, 1 to 240 */
	const struct vtr_screen_output *outputs; /* of the first display; borrowed until destroy */
	size_t output_count;
};

/* Where clients of HXFR (docs/hxfr.md) connect; by the same tokens. */
struct vtr_screen_hxfr {
	const char *address; /* ADDRESS:PORT, or vsock:PORT; NULL: not at all */
	bool open;           /* without any token */
};

/* A window for each display, on this machine's desktop. */
struct vtr_screen_desktop {
	bool wanted;
	const char *renderer; /* see struct vtr_present_params; NULL: the best */
	const char *title;    /* of the machine; NULL: none */
};

struct vtr_screen_client_params {
	struct vtr_log *log;
	const char *log_filter; /* of the screen process; NULL: the default */
	struct vtr_os_loop *loop;
	const char *program;             /* vitrine, see vtr_os_self_path() */
	const struct vtr_window *window; /* handed over read-only; NULL: no scanout is in_window */
	struct vtr_screen_http http;
	struct vtr_screen_video video;
	struct vtr_screen_hxfr hxfr;
	struct vtr_screen_desktop desktop;
	const struct vtr_screen_events *events;
	void *data; /* for the events */
};

/* More buffers than this are not shown. */
#define VTR_SCREEN_MAX_BUFFERS 1024

/**
 * Listens at the addresses, so that what is wrong with them is known at once, and starts the processes that
 * have something to do. What goes wrong is logged.
 *
 * Owner:   *out_client is the caller's; what params point to outlives it.
 * Returns: VTR_ERR_ARG (the address makes no sense, or others than this machine could reach it),
 *          VTR_ERR_OS (nobody can listen there; memory; processes), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_screen_client_create(const struct vtr_screen_client_params *params,
                                                     struct vtr_screen_client **out_client);

/* Ends the process, for which it waits a moment. Accepts NULL. */
void vtr_screen_client_destroy(struct vtr_screen_client *client);

/* To be called with the client as `data`. */
extern const struct vtr_screen_ops vtr_screen_client_ops;

/* The lights of the machine's keyboard that are on: enum vtr_light, or-ed. */
void vtr_screen_client_set_lights(struct vtr_screen_client *client, uint32_t lights);

/* Where people find the page, and by what right ("http://127.0.0.1:8080/#token=..."), to control the machine
 * or to watch only; NULL if nothing is served. Not for the log. */
const char *vtr_screen_client_link(const struct vtr_screen_client *client, bool may_control);

/* The same for clients of HXFR ("hxfr://127.0.0.1:15937/#token=...", "hxfr+vsock://2:15937/#token=...", or
 * without the token). */
const char *vtr_screen_client_hxfr_link(const struct vtr_screen_client *client);

#endif
