/* SPDX-License-Identifier: MIT */
#include <poll.h>

#include "web/session.h"

/*
 * Which connections are read from.
 *
 * While a request is being answered, libwebsockets does not accept more input of the same connection. If input comes
 * nevertheless, it spins until the answer is out, which the peer can delay: unread input in the socket ends each poll()
 * at once, and for input that it has already read it does not even wait. Its flow control prevents that, but with it
 * (seen in 4.1 to 4.3) it does not write to an HTTP connection either. It also asks for writable events when it has
 * read input that it has not used, and then spins on those. So, after each turn of the loop:
 *
 *   - A connection that has something to send is read from while its socket takes more. Then each turn sends.
 *   - A connection whose answer has to wait, for a frame or because a token was wrong, is not read from. If the
 *     library has already read another request of it, the connection ends.
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

/* Returns: whether the library has unprocessed input of a connection that is read from. */
static bool has_input(struct vtr_web *web)
{
	return lws_service_adjust_timeout(web->context, 1, 0) == 0;
}

/* Returns: whether the answer has to wait, and it is not known yet whether more requests came with this one. */
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
		return; /* the next turn processes input of connections that are read from */
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
