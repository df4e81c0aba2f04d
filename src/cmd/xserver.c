/* SPDX-License-Identifier: MIT */
#include "cmd/xserver.h"

#include <stdlib.h>
#include <string.h>
#include <xcb/xcb.h>

/*
 * Kept until this process ends: an X server without a window manager, as in CI, resets when its last client
 * leaves, and would refuse the program that connects right after.
 */
static xcb_connection_t *connection;

enum vtr_xserver vtr_xserver_ask(void)
{
	static const char name[] = "DRI3";
	const char *display = getenv("DISPLAY");
	enum vtr_xserver answer = VTR_XSERVER_ABSENT;

	if (!display || display[0] == '\0') {
		return VTR_XSERVER_NONE;
	}
	if (!connection) {
		connection = xcb_connect(NULL, NULL);
	}
	if (!xcb_connection_has_error(connection)) {
		xcb_query_extension_cookie_t cookie = xcb_query_extension(connection, sizeof(name) - 1, name);
		xcb_query_extension_reply_t *reply = xcb_query_extension_reply(connection, cookie, NULL);
		if (reply) {
			answer = reply->present ? VTR_XSERVER_DRI3 : VTR_XSERVER_PLAIN;
			free(reply);
		}
	}
	return answer;
}
