/* SPDX-License-Identifier: MIT */
#ifndef VTEST_IDS_H
#define VTEST_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The resource ids of one client. Ids are small and reused, because Mesa keeps a table indexed by them that
 * never shrinks. A void id stands for a resource that could not be created: the client, which has no reply
 * for that, releases it like any other.
 *
 * Thread: one.
 */

/* Each resource is a file descriptor in the worker. */
#define VTR_IDS_MAX_LIVE 65536
/* Real and void ones. A client that needs more has ignored many failures. */
#define VTR_IDS_MAX 131072

struct vtr_ids {
	uint32_t *slots; /* slots[id - 1]: the next free id (0: none), or a value below */
	uint32_t used;   /* ids 1..used were handed out at least once */
	uint32_t room;
	uint32_t free_head;
	uint32_t live; /* number of real ones */
};

enum vtr_ids_kind {
	VTR_IDS_FREE,
	VTR_IDS_REAL,
	VTR_IDS_VOID,
};

void vtr_ids_init(struct vtr_ids *ids);
void vtr_ids_finish(struct vtr_ids *ids);

/* Takes an unused id, as a void one. Returns: VTR_ERR_LIMIT, VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_ids_take(struct vtr_ids *ids, uint32_t *out_id);

/* Returns: whether one more may become real. */
bool vtr_ids_has_room(const struct vtr_ids *ids);

/* Makes an id that vtr_ids_take() returned a real one. */
void vtr_ids_set_real(struct vtr_ids *ids, uint32_t id);

/* Gives an id back. Returns: what it was. Any number is accepted. */
enum vtr_ids_kind vtr_ids_give(struct vtr_ids *ids, uint32_t id);

#endif
