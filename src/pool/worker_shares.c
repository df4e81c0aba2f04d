/* SPDX-License-Identifier: MIT */
#include "pool/worker_shares.h"

#include <stdio.h>
#include <unistd.h>

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
	}
	return err;
}

/* Two servers may divide the same control group. */
static void name_group(const struct vtr_identity *owner, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "vitrine-%d-%u", (int)getpid(), owner->group);
}

enum vtr_err vtr_worker_shares_move(struct vtr_worker_shares *shares, const struct vtr_worker_share *share,
                                    pid_t worker)
{
	char name[NAME_SIZE];

	if (!shares->cgroup) {
		return VTR_OK;
	}
	if (share->owner->group == 0) {
		share->owner->group = ++shares->next_group;
	}
	name_group(share->owner, name);
	return vtr_os_cgroup_join(shares->cgroup, name, worker);
}

void vtr_worker_shares_leave(const struct vtr_worker_shares *shares, struct vtr_identity *identity,
                             struct vtr_worker_share *share)
{
	struct vtr_identity *owner = share->owner;
	char name[NAME_SIZE];

	share->owner = NULL;
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
