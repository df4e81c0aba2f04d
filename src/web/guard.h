/* SPDX-License-Identifier: MIT */
#ifndef WEB_GUARD_H
#define WEB_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Who may ask. The server is reachable from this machine only, but so is every web page in a browser
 * that runs here: it may send requests to 127.0.0.1, under a name of its own that it has pointed there
 * (DNS rebinding) or across origins. What the browser says about that is checked here.
 *
 * Thread: any.
 */

/* The longest Host and Origin that are looked at. */
#define VTR_GUARD_MAX 128

/* Whether a Host header names this machine: localhost, 127.x.x.x or [::1], with or without a port. The
 * port may be another one than ours: that is how a tunnel looks. */
bool vtr_guard_host(const char *host);

/* Whether an Origin header is that of a page which came from the same `host`. */
bool vtr_guard_origin(const char *origin, const char *host);

/* Whether a Sec-Fetch-Site header says that our own page, or the person at the address bar, asks. */
bool vtr_guard_site(const char *site);

#endif
