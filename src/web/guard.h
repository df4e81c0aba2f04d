/* SPDX-License-Identifier: MIT */
#ifndef WEB_GUARD_H
#define WEB_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Who may ask, before any token. A web page in a browser that can reach the server may send requests to
 * it, under a name of its own that it has pointed here (DNS rebinding) or across origins. What the browser
 * says about that is checked here.
 *
 * Thread: any.
 */

/* The longest Host and Origin that are looked at. */
#define VTR_GUARD_MAX 128

/* How the server is reached. */
struct vtr_guard {
	bool tls;
	bool remote;       /* from other machines, too */
	const char *names; /* under which, with commas between them; NULL: none */
};

/* Whether a Host header names this machine: localhost, 127.x.x.x or [::1], with or without a port. The
 * port may be another one than ours: that is how a tunnel looks. With `remote`, also any address, since
 * only a name can be pointed elsewhere, and the given names. */
bool vtr_guard_host(const struct vtr_guard *guard, const char *host);

/* Whether an Origin header is that of a page which came from the same `host`. */
bool vtr_guard_origin(const struct vtr_guard *guard, const char *origin, const char *host);

/* Whether a Sec-Fetch-Site header says that our own page, or the person at the address bar, asks. */
bool vtr_guard_site(const char *site);

#endif
