/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_HOST_HOST_H
#define DISPLAY_HOST_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"
#include "display_host/outputs.h"
#include "platform/proc.h"

/*
 * The front's side of the screen process and of the window process. It implements struct vtr_display_ops with processes
 * that may hang or die at any time. A restarted process finds everything that it needs in the scanout page
 * (display/scanout_page.h) and in the socket; the device does not notice.
 *
 * A flush costs the front a few stores and, if the process sleeps, one byte to wake it. The front touches no pixel and
 * waits for nothing. A frame that the process has not read is replaced, never queued.
 *
 * Thread: the loop's.
 */
struct vtr_log;
struct vtr_os_loop;
struct vtr_display_host;
struct vtr_sound_page;

/* The addresses and settings of the web page. */
struct vtr_display_http {
	const char *address;    /* ADDRESS:PORT; NULL: the page is not served */
	/* The names, separated by commas, under which other machines reach the page; or NULL. */
	const char *names;
	const char *token_file; /* see vtr_tokens_load(); NULL: new tokens at each start */
	const char *tls_cert;   /* PEM file, like tls_key; NULL: no TLS */
	const char *tls_key;
	/* Allow HTTP and HXFR for other machines without TLS. */
	bool insecure;
};

/* How video is encoded, and where it is sent besides the page. */
struct vtr_display_video {
	const char *encoder; /* see vtr_codec_open(); NULL: the first that works */
	uint32_t bitrate;    /* bits per second; 0: chosen by size */
	uint32_t fps;        /* at most, 1 to 240 */
	const struct vtr_display_output *outputs; /* of the first display; borrowed until destroy */
	size_t output_count;
};

/* The address for clients of HXFR (docs/hxfr.md). The tokens are the same as for the page. */
struct vtr_display_hxfr {
	const char *address; /* ADDRESS:PORT; NULL: HXFR is not served */
	bool open;           /* no token is required */
};

/* The windows on this machine's desktop, one for each display. */
struct vtr_display_desktop {
	bool wanted;
	const char *renderer; /* see struct vtr_present_params; NULL: the best */
	const char *title;    /* of the machine; NULL: none */
	bool microphone;      /* the guest may record by this machine's microphone */
};

struct vtr_display_host_params {
	struct vtr_log *log;
	const char *log_filter; /* of the screen process; NULL: the default */
	struct vtr_os_loop *loop;
	const char *program;             /* vitrine, see vtr_os_self_path() */
	const struct vtr_hostmem *hostmem; /* handed over read-only; NULL: no scanout is in_hostmem */
	struct vtr_display_http http;
	struct vtr_display_video video;
	struct vtr_display_hxfr hxfr;
	struct vtr_display_desktop desktop;
	bool has_touch; /* the guest has a touch screen */
	uint32_t pads;  /* game pads that it has: at most VTR_PADS */
	enum vtr_os_sandbox_mode sandbox; /* of all processes */
	/* Metrics of this process (display/metrics_page.h), read-only; borrowed. Only these are served over HTTP then.
	 * -1: none. */
	int metrics_fd;
	bool sound; /* there is a sound device, see vtr_display_host_sound_page() */
	int agent_fd; /* listens for the guest's agent, which the page uses; borrowed; -1: none */
	int webdav_fd; /* the same for the folder that is shared with the guest */
	uint64_t webdav_bytes; /* the most in that folder */
	const struct vtr_display_events *events;
	void *data; /* for the events */
};

/* More buffers than this are not shown. */
#define VTR_SCREEN_MAX_BUFFERS 1024

/**
 * Listens at the addresses, so that errors in them show at once, and starts the processes that are needed. Errors are
 * logged.
 *
 * Owner:   *out_client is the caller's; what params point to outlives it.
 * Returns: VTR_ERR_ARG (the address is invalid, or other machines could reach it),
 *          VTR_ERR_OS (listening failed; memory; processes), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_display_host_create(const struct vtr_display_host_params *params,
                                                    struct vtr_display_host **out_client);

/* Waits a moment for the processes to end, then kills them. Accepts NULL. */
void vtr_display_host_destroy(struct vtr_display_host *client);

/* `data` is the struct vtr_display_host. */
extern const struct vtr_display_ops vtr_display_host_ops;

/* Sets the keyboard lights that are on: enum vtr_light, or-ed. */
void vtr_display_host_set_lights(struct vtr_display_host *client, uint32_t lights);

/* Returns: the page for the guest's sound, which the processes read; NULL without `sound`. Owner: the host. */
struct vtr_sound_page *vtr_display_host_sound_page(struct vtr_display_host *client);

/* Wakes the processes that listen: there is something new in that page. */
void vtr_display_host_wake_sound(struct vtr_display_host *client);

/* Returns: the page's link with a token ("http://127.0.0.1:8080/#token=..."), for controlling the machine or only
 *          for watching; NULL if the page is not served. Do not log it. */
const char *vtr_display_host_link(const struct vtr_display_host *client, bool may_control);

/* The same for clients of HXFR ("hxfr://127.0.0.1:15937/#token=...", or without the token). */
const char *vtr_display_host_hxfr_link(const struct vtr_display_host *client);

#endif
