/* SPDX-License-Identifier: MIT */
#include <poll.h>

#include "web/session.h"

/*
 * Which connections are read from.
 *
 * While a request is answered, libwebsockets does not take more input of the same connection. Input that comes
 * nevertheless makes it spin until the answer is out, which takes as long as the other side likes: what is still in
 * the socket ends each poll() at once, and for what it has read already it does not even wait. The way out is its
 * flow control, but with that (seen in 4.1 to 4.3) it does not write to an HTTP connection either. It also asks to
 * be told when it could write if it has read input that it has not used, and then spins for that. So, after each
 * turn of the loop:
 *
 *   - A connection that has something to send is read from while its socket takes more. Then each turn sends.
 *   - A connection whose answer has to wait, for a frame or because a token was wrong, is not read from. If the
 *     library has read another request of it, the connection ends.
 *   - A connection whose picture is being made is not read from. That takes milliseconds, so it may spin.
 */

static bool takes_more(const struct vtr_session *session)
{
	struct pollfd pollfd = { .fd = lws_get_socket_fd(session->wsi), .events = POLLOUT };

	return poll(&pollfd, 1, 0) > 0;
}

static void stop(struct vtr_session *session, bool stops)
{
	if (session->stopped != stops) {
		session->stopped = stops;
		lws_rx_flow_control(session->wsi, !stops);
	}
}

/* Whether the library has input that it has not looked at, of a connection that is read from. */
static bool has_input(struct vtr_web *web)
{
	return lws_service_adjust_timeout(web->context, 1, 0) == 0;
}

/* Whether the answer has to wait, and it has not been checked yet whether other requests came with this one. */
static bool must_be_alone(const struct vtr_session *session)
{
	return (session->held_until_ns != 0 || session->awaits) && !session->wants_write &&
	       !session->is_alone && !session->ended;
}

void vtr_web_regulate(struct vtr_web *web)
{
	struct vtr_session *session;
	bool unsure = false;

	vtr_list_for_each (session, &web->sessions, node) {
		if (!session->viewer) {
			stop(session, session->answering && !(session->wants_write && takes_more(session)));
			unsure |= must_be_alone(session);
		}
	}
	if (!unsure || has_input(web)) {
		return; /* if it is of those that are read from, the next turn uses it */
	}
	vtr_list_for_each (session, &web->sessions, node) {
		if (must_be_alone(session)) {
			stop(session, false);
			session->is_alone = !has_input(web);
			stop(session, true);
			if (!session->is_alone) {
				vtr_web_end(session, VTR_WEB_REFUSED_REQUEST);
			}
		}
	}
}
