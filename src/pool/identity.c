/* SPDX-License-Identifier: MIT */
#include "pool/identity.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* More than come and go at the same time, except to get more log lines than their part. */
#define MAX_IDLE 256

void vtr_identities_init(struct vtr_identities *identities)
{
	vtr_list_init(&identities->all);
	vtr_list_init(&identities->idle);
	vtr_list_init(&identities->waiting);
	identities->idle_count = 0;
	identities->connections = 0;
}

static void destroy(struct vtr_identity *identity)
{
	vtr_list_remove(&identity->node);
	free(identity->cgroups);
	free(identity);
}

void vtr_identities_finish(struct vtr_identities *identities)
{
	struct vtr_identity *identity;
	struct vtr_identity *next;

	vtr_list_for_each_safe (identity, next, &identities->all, node) {
		destroy(identity);
	}
}

static struct vtr_identity *find(const struct vtr_identities *identities, const struct vtr_identity *user,
                                 uid_t uid, const char *cgroups)
{
	struct vtr_identity *identity;

	vtr_list_for_each (identity, &identities->all, node) {
		if (identity->user == user && identity->uid == uid &&
		    strcmp(identity->cgroups, cgroups) == 0) {
			return identity;
		}
	}
	return NULL;
}

/* Finds a user (`user` is NULL then) or a control group of it, or makes one. */
static enum vtr_err get(struct vtr_identities *identities, struct vtr_identity *user, uid_t uid,
                        const char *cgroups, struct vtr_identity **out_identity)
{
	struct vtr_identity *identity = find(identities, user, uid, cgroups);

	if (!identity) {
		identity = calloc(1, sizeof(*identity));
		char *copy = strdup(cgroups);
		if (!identity || !copy) {
			free(identity);
			free(copy);
			return VTR_ERR_NOMEM;
		}
		identity->user = user;
		identity->uid = uid;
		identity->cgroups = copy;
		vtr_list_init(&identity->idle);
		vtr_list_init(&identity->turn);
		vtr_list_init(&identity->waiting);
		vtr_list_append(&identities->all, &identity->node);
		if (user) {
			user->refs++;
		}
	} else if (!vtr_list_empty(&identity->idle)) {
		vtr_list_remove(&identity->idle);
		identities->idle_count--;
	}
	identity->refs++;
	*out_identity = identity;
	return VTR_OK;
}

enum vtr_err vtr_identity_get(struct vtr_identities *identities, uid_t uid, const char *cgroups, bool foreign,
                              struct vtr_identity **out_identity)
{
	struct vtr_identity *user;
	enum vtr_err err = get(identities, NULL, uid, "", &user);

	if (err != VTR_OK) {
		return err;
	}
	err = get(identities, user, uid, cgroups, out_identity);
	if (err == VTR_OK) {
		(*out_identity)->foreign |= foreign;
	}
	vtr_identity_unref(identities, user);
	return err;
}

static void destroy_oldest_idle(struct vtr_identities *identities)
{
	struct vtr_identity *oldest = vtr_container_of(identities->idle.next, struct vtr_identity, idle);
	struct vtr_identity *user = oldest->user;

	vtr_list_remove(&oldest->idle);
	identities->idle_count--;
	destroy(oldest);
	vtr_identity_unref(identities, user);
}

void vtr_identity_unref(struct vtr_identities *identities, struct vtr_identity *identity)
{
	if (!identity || --identity->refs > 0) {
		return;
	}
	if (!identity->user) {
		destroy(identity);
		return;
	}
	vtr_list_append(&identities->idle, &identity->idle);
	if (++identities->idle_count > MAX_IDLE) {
		destroy_oldest_idle(identities);
	}
}

void vtr_identity_count(struct vtr_identities *identities, struct vtr_identity *identity, int connections,
                        int served)
{
	identities->connections += (uint32_t)connections;
	for (; identity; identity = identity->user) {
		identity->connections += (uint32_t)connections;
		identity->served += (uint32_t)served;
	}
}

/* Returns: whether `a` has more connections than `b`, and `spare` besides. */
static bool has_more(const struct vtr_identity *a, const struct vtr_identity *b, uint32_t spare)
{
	if (a->user != b->user) {
		a = a->user;
		b = b->user;
	}
	return a->connections > b->connections + spare;
}

struct vtr_identity *vtr_identities_greediest(const struct vtr_identities *identities,
                                              const struct vtr_identity *identity, bool of_its_user)
{
	struct vtr_identity *greediest = NULL;
	struct vtr_identity *other;

	vtr_list_for_each (other, &identities->all, node) {
		const bool can_give = other->user && other->served > 0;

		/* One more has to leave the newcomer with no more than the other, or the two would drive out each
		 * other's connections without end. */
		if (can_give && (!of_its_user || other->user == identity->user) &&
		    has_more(other, identity, 1) && (!greediest || has_more(other, greediest, 0))) {
			greediest = other;
		}
	}
	return greediest;
}

/* --- turns ---------------------------------------------------------------------------------------- */

static struct vtr_list *list_of(struct vtr_identities *identities, struct vtr_identity *identity)
{
	return identity->user ? &identity->user->waiting : &identities->waiting;
}

void vtr_identity_wait(struct vtr_identities *identities, struct vtr_identity *identity,
                       struct vtr_list *client)
{
	vtr_list_append(&identity->waiting, client);
	for (; identity; identity = identity->user) {
		if (vtr_list_empty(&identity->turn)) {
			vtr_list_append(list_of(identities, identity), &identity->turn);
		}
	}
}

void vtr_identity_leave(struct vtr_identity *identity, struct vtr_list *client)
{
	vtr_list_remove(client);
	for (; identity && vtr_list_empty(&identity->waiting); identity = identity->user) {
		vtr_list_remove(&identity->turn);
	}
}

/* Returns: the first one of a list, which becomes the last one. */
static struct vtr_identity *take_turn(struct vtr_list *waiting)
{
	struct vtr_identity *first = vtr_container_of(waiting->next, struct vtr_identity, turn);

	vtr_list_remove(&first->turn);
	vtr_list_append(waiting, &first->turn);
	return first;
}

struct vtr_list *vtr_identities_next(struct vtr_identities *identities)
{
	if (vtr_list_empty(&identities->waiting)) {
		return NULL;
	}
	struct vtr_identity *identity = take_turn(&take_turn(&identities->waiting)->waiting);
	struct vtr_list *client = identity->waiting.next;

	vtr_identity_leave(identity, client);
	return client;
}
