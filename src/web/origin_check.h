/* SPDX-License-Identifier: MIT */
#ifndef WEB_ORIGIN_CHECK_H
#define WEB_ORIGIN_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Checks where a request comes from, before its token. A web page in a browser that can reach the server may
 * send requests to it across origins, or under a name of its own that resolves to this address (DNS
 * rebinding). These functions check the browser's headers about that.
 *
 * Thread: any.
 */

/* The longest Host and Origin that are accepted. */
#define VTR_ORIGIN_CHECK_MAX 128

/* How the server is reached. */
struct vtr_origin_check {
	bool tls;
	bool remote;       /* other machines can reach it, too */
	const char *names; /* host names that they use, separated by commas; NULL: none */
};

/* Returns: whether a Host header names this machine: localhost, 127.x.x.x or [::1], with or without a port.
 *          The port may differ from ours, as in a tunnel. With `remote`, any address is accepted too, since
 *          only a name can be rebound, and so are the given names. */
bool vtr_origin_check_host(const struct vtr_origin_check *guard, const char *host);

/* Returns: whether an Origin header belongs to a page from the same `host`. */
bool vtr_origin_check_origin(const struct vtr_origin_check *guard, const char *origin, const char *host);

/* Returns: whether a Sec-Fetch-Site header shows that our own page, or the user in the address bar, sent the
 *          request. */
bool vtr_origin_check_site(const char *site);

#endif
