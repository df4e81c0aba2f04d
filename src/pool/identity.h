/* SPDX-License-Identifier: MIT */
#ifndef POOL_IDENTITY_H
#define POOL_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bucket.h"
#include "base/err.h"
#include "base/list.h"
#include "pool/memory_share.h"

/*
 * Who the clients of one socket are, so that budgets can be shared between them: a user (a uid) and, within a user, a
 * control group, because containers often share a uid. Users come before control groups, since a user may be able to
 * make any number of control groups for its processes.
 *
 * Connections are shared like this: each user may have all of them until another one wants some. Then the user with
 * the most gives way, and of this user the control group with the most; each newest connection first.
 *
 * Thread: the supervisor's.
 */
struct vtr_identity {
	struct vtr_list node;      /* in vtr_identities.all */
	struct vtr_list idle;      /* in vtr_identities.idle, while it has no reference */
	struct vtr_identity *user; /* a counted reference; NULL: this stands for a user */
	uid_t uid;
	char *cgroups; /* as in /proc/PID/cgroup; "": unknown, which is one identity of its user */
	bool foreign;  /* of another uid than ours, or in namespaces of its own */
	uint32_t refs;
	uint32_t connections; /* that count; a user's are those of all its control groups */
	uint32_t served; /* those of them that could give way: the others have ended, with unread replies */
	struct vtr_bucket log_lines; /* see vtr_log_share() */
	/* How often something was refused; not of a user. Of memory: by workers that have ended. */
	uint64_t refused_connections, lost_connections;
	uint64_t refused_memory[VTR_MEMORY_KIND_COUNT];
	struct vtr_memory_share *memory; /* what its workers share; NULL: there is no worker */
	uint32_t group; /* names the control group of its workers; 0: none yet */

	/* Turns at starting a worker: the control groups that wait, or the clients that do. */
	struct vtr_list turn; /* in the `waiting` of the user, or in vtr_identities.waiting */
	struct vtr_list waiting;
};

struct vtr_identities {
	struct vtr_list all;
	/* Those without a client. They are kept for a while, or each client would bring a full log_lines. */
	struct vtr_list idle;
	uint32_t idle_count;
	struct vtr_list waiting; /* users */
	uint32_t connections;
};

void vtr_identities_init(struct vtr_identities *identities);
/* All references must have been given back. */
void vtr_identities_finish(struct vtr_identities *identities);

/* Finds an identity or makes one. `cgroups` is copied. Owner: *out_identity is a counted reference of the caller's.
 * Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_identity_get(struct vtr_identities *identities, uid_t uid,
                                             const char *cgroups, bool foreign,
                                             struct vtr_identity **out_identity);
/* Accepts NULL. */
void vtr_identity_unref(struct vtr_identities *identities, struct vtr_identity *identity);

/* Adds to the counts of an identity, its user and all. */
void vtr_identity_count(struct vtr_identities *identities, struct vtr_identity *identity, int connections,
                        int served);

/**
 * Finds who has to give way to one more connection of `identity`: of all users, or of its own user only.
 *
 * Returns: NULL if none that could give way has clearly more than `identity`, which is then to be refused.
 */
struct vtr_identity *vtr_identities_greediest(const struct vtr_identities *identities,
                                              const struct vtr_identity *identity, bool of_its_user);

/* Has `client`, a node of a client's, wait for its turn. */
void vtr_identity_wait(struct vtr_identities *identities, struct vtr_identity *identity,
                       struct vtr_list *client);
/* The client does not wait any more. Does nothing if it did not. */
void vtr_identity_leave(struct vtr_identity *identity, struct vtr_list *client);
/* Returns: the node of the client whose turn it is, which waits no more; NULL if none waits. Users take turns, and
 *          within a user the control groups. */
struct vtr_list *vtr_identities_next(struct vtr_identities *identities);

#endif
