/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "supervisor"
#include "pool/worker_shares.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/cgroup.h"
#include "pool/identity.h"
#include "pool/memory_share.h"

/* More workers than a system has processes for. */
#define MAX_PARTS 65536
#define NAME_SIZE 32

/* The user's own programs share mapped memory without a limit, as they do natively. */
enum vtr_err vtr_worker_shares_enter(struct vtr_worker_shares *shares, struct vtr_identity *identity,
                                     struct vtr_worker_share *share)
{
	struct vtr_identity *owner = identity->uid == geteuid() ? identity : identity->user;
	enum vtr_err err = VTR_OK;

	if (!owner->memory) {
		err = vtr_memory_share_create(vtr_min(shares->max_workers, MAX_PARTS), &owner->memory);
	}
	if (err == VTR_OK) {
		vtr_memory_share_limit(owner->memory, VTR_MEMORY_MAPPED,
		                       identity->foreign ? shares->memory_limit : UINT64_MAX);
		err = vtr_memory_share_take(owner->memory, &share->index);
	}
	if (err == VTR_OK) {
		share->owner = owner;
		(void)vtr_memory_share_divide(
			owner->memory); /* the others' parts get smaller before it starts */
	}
	return err;
}

/* Two servers may divide the same control group. */
static void name_group(const struct vtr_identity *owner, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "vitrine-%d-%u", (int)getpid(), owner->group);
}

/*
 * Together they may have what they share, and each what a driver needs. The kernel counts more here than
 * RLIMIT_DATA does: shared memory that a worker hides, and files that it reads, which it gives up first. Where it
 * cannot limit this group, the limits of the single workers hold.
 */
static void limit_group(const struct vtr_worker_shares *shares, const struct vtr_identity *owner)
{
	char name[NAME_SIZE];
	size_t workers;
	const uint64_t limit = vtr_memory_share_limits(owner->memory, &workers);

	if (limit < UINT64_MAX / 2) {
		name_group(owner, name);
		(void)(vtr_os_cgroup_limit_memory(shares->cgroup, name,
		                                  limit + workers * VTR_MEMORY_WORKER) == VTR_OK);
	}
}

enum vtr_err vtr_worker_shares_move(struct vtr_worker_shares *shares, const struct vtr_worker_share *share,
                                    pid_t worker)
{
	char name[NAME_SIZE];

	vtr_memory_share_started(share->owner->memory, share->index, worker);
	vtr_os_loop_timer_set(shares->timer, 0);
	if (!shares->cgroup) {
		return VTR_OK;
	}
	if (share->owner->group == 0) {
		share->owner->group = ++shares->next_group;
	}
	name_group(share->owner, name);
	enum vtr_err err = vtr_os_cgroup_join(shares->cgroup, name, worker);
	if (err == VTR_OK) {
		limit_group(shares, share->owner);
	}
	return err;
}

static void end_one(struct vtr_log *log, struct vtr_identity *owner, pid_t worker)
{
	vtr_log_of_client(log, &owner->log_lines, VTR_LOG_WARN,
	                  "worker %d is ended: it has the most memory of those of user %u or its container, "
	                  "who together "
	                  "are over their limit. If they need more, raise -o max-memory",
	                  (int)worker, (unsigned)owner->uid);
	(void)kill(worker, SIGKILL); /* it is a child that has not been waited for */
}

static void divide(void *data)
{
	struct vtr_worker_shares *shares = data;
	struct vtr_identity *owner;
	unsigned next = 0;

	vtr_list_for_each (owner, &shares->identities->all, node) {
		const unsigned ms = owner->memory ? vtr_memory_share_divide(owner->memory) : 0;
		const pid_t worker = ms != 0 ? vtr_memory_share_excess(owner->memory) : 0;

		if (worker != 0) {
			end_one(shares->log, owner, worker);
		}
		if (ms != 0) {
			next = next == 0 ? ms : vtr_min(next, ms);
		}
	}
	if (next != 0) {
		vtr_os_loop_timer_set(shares->timer, next * INT64_C(1000000));
	}
}

enum vtr_err vtr_worker_shares_init(struct vtr_worker_shares *shares, struct vtr_os_loop *loop)
{
	return vtr_os_loop_add_timer(loop, divide, shares, &shares->timer);
}

void vtr_worker_shares_finish(struct vtr_worker_shares *shares)
{
	vtr_os_loop_timer_destroy(shares->timer);
}

void vtr_worker_shares_leave(const struct vtr_worker_shares *shares, struct vtr_identity *identity,
                             struct vtr_worker_share *share)
{
	struct vtr_identity *owner = share->owner;
	char name[NAME_SIZE];

	share->owner = NULL;
	if (owner) {
		vtr_os_loop_timer_set(shares->timer, 0);
	}
	if (!owner || !vtr_memory_share_return(owner->memory, share->index, identity->refused_memory)) {
		return;
	}
	vtr_memory_share_destroy(owner->memory);
	owner->memory = NULL;
	if (owner->group != 0) {
		name_group(owner, name);
		/* If it cannot be removed, the next worker joins it again. */
		(void)(vtr_os_cgroup_remove(shares->cgroup, name) == VTR_OK);
	}
}
