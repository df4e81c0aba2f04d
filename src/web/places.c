/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "web/session.h"
#include "web/viewer.h"

/*
 * Who may have a connection, and who gives way. A session holds a place while it is a viewer with a valid token, or a
 * request with one is being answered. All others may be ended when a new connection needs room. Others than owners
 * hold at most VTR_WEB_MAX_HELD places, so an owner always finds one.
 *
 * Who has more right gets the place of who has less. People of the same right have shares, as identities at
 * `vitrine serve` do: first the links, and then the addresses within a link, because several people may have one link.
 */

enum vtr_person_role vtr_web_role(const struct vtr_session *session)
{
	return session->token != VTR_TOKEN_CONTROL ? VTR_PERSON_WATCHES :
	       session->link != 0                  ? VTR_PERSON_GUEST :
	                                             VTR_PERSON_OWNER;
}

static bool holds(const struct vtr_session *session)
{
	return !session->ended && session->token != VTR_TOKEN_WRONG &&
	       (session->viewer ? vtr_viewer_is_known(session->viewer) : session->answering);
}

static bool is_from(const struct vtr_session *session, const struct vtr_backoff_address *peer)
{
	return memcmp(&session->peer, peer, sizeof(*peer)) == 0;
}

/* The tokens that vitrine has printed are links, too: they have the number 0. */
static bool is_same_link(const struct vtr_session *a, const struct vtr_session *b)
{
	return a->token == b->token && a->link == b->link;
}

/* --- places of those who have shown a token ---------------------------------------------------------- */

struct count {
	size_t link; /* places of the session's link, without its own */
	size_t address; /* of these, from its address */
};

static struct count count_places(const struct vtr_session *session)
{
	const struct vtr_session *other;
	struct count count = { 0 };

	vtr_list_for_each (other, &session->web->sessions, node) {
		if (other != session && holds(other) && is_same_link(other, session)) {
			count.link++;
			count.address += is_from(other, &session->peer);
		}
	}
	return count;
}

/* Returns: whether `session` stands behind the best candidate so far: a lower right, else a link with more places,
 * else an address with more. The list has newer ones later, which win where all is equal. */
static bool is_behind(const struct vtr_session *session, const struct vtr_session *best)
{
	const struct count own = count_places(session);
	const struct count other = count_places(best);

	if (vtr_web_role(session) != vtr_web_role(best)) {
		return vtr_web_role(session) < vtr_web_role(best);
	}
	return own.link != other.link ? own.link > other.link : own.address >= other.address;
}

/* Returns: the one that gives way first: of those with the lowest right the newest of the link and address with most
 * places. Owners do not. `link`: only sessions of its link; NULL: all. NULL if there is none. */
static struct vtr_session *find_last(struct vtr_web *web, const struct vtr_session *link)
{
	struct vtr_session *session;
	struct vtr_session *found = NULL;

	vtr_list_for_each (session, &web->sessions, node) {
		if (holds(session) && session != link && vtr_web_role(session) != VTR_PERSON_OWNER &&
		    (!link || is_same_link(session, link)) && (!found || is_behind(session, found))) {
			found = session;
		}
	}
	return found;
}

static void end_place(struct vtr_session *session)
{
	if (session->viewer) {
		vtr_viewer_give_way(session->viewer);
	} else {
		vtr_web_end(session, VTR_WEB_REFUSED_FULL);
	}
}

/* Takes the place of `last`, if the newcomer has more right, or the same and fewer places even afterwards. */
static bool replace(const struct vtr_session *newcomer, struct vtr_session *last)
{
	if (!last) {
		return false;
	}
	const struct count own = count_places(newcomer);
	const struct count other = count_places(last);
	const bool fewer = is_same_link(newcomer, last) ? own.address < other.address : own.link < other.link;

	if (vtr_web_role(newcomer) < vtr_web_role(last) ||
	    (vtr_web_role(newcomer) == vtr_web_role(last) && !fewer)) {
		return false;
	}
	end_place(last);
	return true;
}

bool vtr_web_take_place(struct vtr_session *newcomer)
{
	struct vtr_web *web = newcomer->web;
	const struct vtr_session *session;
	size_t held = 0;

	if (vtr_web_role(newcomer) == VTR_PERSON_OWNER) {
		return true;
	}
	if (count_places(newcomer).link >= VTR_WEB_MAX_OF_LINK) {
		return replace(newcomer, find_last(web, newcomer));
	}
	vtr_list_for_each (session, &web->sessions, node) {
		held += session != newcomer && holds(session) && vtr_web_role(session) != VTR_PERSON_OWNER;
	}
	return held < VTR_WEB_MAX_HELD || replace(newcomer, find_last(web, NULL));
}

uint32_t vtr_web_count_viewers(const struct vtr_web *web, uint32_t link)
{
	const struct vtr_session *session;
	uint32_t count = 0;

	vtr_list_for_each (session, &web->sessions, node) {
		count += session->viewer && holds(session) && session->link == link;
	}
	return count;
}

/* --- new connections --------------------------------------------------------------------------------- */

/* Returns: the oldest connection of `peer` without a token, if `peer` has reached their limit; otherwise
 *          NULL. */
static struct vtr_session *find_stranger(struct vtr_web *web, const struct vtr_backoff_address *peer)
{
	struct vtr_session *session;
	struct vtr_session *oldest = NULL;
	size_t count = 0;

	vtr_list_for_each (session, &web->sessions, node) {
		if (!session->ended && session->token == VTR_TOKEN_WRONG && is_from(session, peer)) {
			oldest = oldest ? oldest : session;
			count++;
		}
	}
	return count >= VTR_WEB_MAX_STRANGERS ? oldest : NULL;
}

/* Returns: the oldest connection that holds no place, of the address that has most of them; NULL if there is none. */
static struct vtr_session *find_oldest(struct vtr_web *web)
{
	struct vtr_session *session;
	struct vtr_session *other;
	struct vtr_session *found = NULL;
	size_t most = 0;

	vtr_list_for_each (session, &web->sessions, node) {
		size_t count = 0;
		vtr_list_for_each (other, &web->sessions, node) {
			count += !other->ended && !holds(other) && is_from(other, &session->peer);
		}
		if (!session->ended && !holds(session) && count > most) {
			most = count;
			found = session;
		}
	}
	return found;
}

bool vtr_web_make_room(struct vtr_web *web, const struct vtr_backoff_address *peer)
{
	struct vtr_session *session = find_stranger(web, peer);

	if (!session && web->session_count < VTR_WEB_MAX_SESSIONS) {
		return true;
	}
	session = session ? session : find_oldest(web);
	/* All hold a place, many of them owners. The new one may be an owner, too. */
	session = session ? session : find_last(web, NULL);
	if (session) {
		vtr_web_end(session, VTR_WEB_REFUSED_FULL);
	}
	return session != NULL;
}
