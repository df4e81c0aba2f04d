/* SPDX-License-Identifier: MIT */
#include "venus/submit_queue.h"

#include <stdlib.h>

#include "venus/lane.h"
#include "venus/ring.h"

/* A submit is queued if the ring has no more bytes than this from its begin on, since only decoding it finds its end,
 * and changes the bytes. */
#define MAX_BYTES ((size_t)16 << 10)
/* The limit of queued submits. Guests have a few frames in flight. */
#define MAX_QUEUED 64
#define HEADER_SIZE 8

struct queued {
	struct vtr_list link;
	uint64_t limit; /* it waits for the jobs below this number */
	uint32_t position; /* of its begin in the ring */
	size_t size;
	uint8_t bytes[];
};

static struct queued *first(const struct vtr_dispatch *d)
{
	return vtr_container_of(d->queued.next, struct queued, link);
}

static void drop(struct vtr_dispatch *d, struct queued *q)
{
	vtr_list_remove(&q->link);
	d->queued_count--;
	vtr_budget_give(&d->venus->resources.budget, sizeof(*q) + q->size);
	free(q);
}

bool vtr_submits_begin(struct vtr_dispatch *d)
{
	const size_t size = vtr_cs_left(&d->r) + HEADER_SIZE;
	uint8_t *bytes;

	if (d->ring == NULL || d->indirect || d->borrowed || d->limit != 0 || d->flags != 0 ||
	    size > MAX_BYTES || d->queued_count >= MAX_QUEUED) {
		return false;
	}
	bytes = vtr_dispatch_scratch(d, VTR_SCRATCH_SUBMIT, MAX_BYTES);
	if (bytes == NULL) {
		return false;
	}
	memcpy(bytes, d->r.cur - HEADER_SIZE, size);
	d->queueing = size;
	return true;
}

static bool enqueue(struct vtr_dispatch *d, size_t size)
{
	struct vtr_budget *budget = &d->venus->resources.budget;
	struct queued *q;

	if (!vtr_budget_take(budget, sizeof(*q) + size)) {
		return false;
	}
	q = malloc(sizeof(*q) + size);
	if (q == NULL) {
		vtr_budget_give(budget, sizeof(*q) + size);
		return false;
	}
	q->limit = vtr_lanes_next(d);
	q->position = d->ring->position;
	q->size = size;
	memcpy(q->bytes, d->scratch[VTR_SCRATCH_SUBMIT], size);
	vtr_list_append(&d->queued, &q->link);
	d->queued_count++;
	return true;
}

/* Runs a submit, which waits for the jobs below `limit` only. */
static enum vtr_err run(struct vtr_dispatch *d, const uint8_t *bytes, size_t size, uint64_t limit)
{
	enum vtr_err err;

	d->limit = limit;
	err = vtr_dispatch_run_between(d, bytes, size);
	d->limit = 0;
	return err;
}

void vtr_submits_end(struct vtr_dispatch *d)
{
	const size_t size = d->queueing - vtr_cs_left(&d->r);
	const uint64_t limit = vtr_lanes_next(d);

	d->queueing = 0;
	if ((d->r.status & VTR_CS_POISONED) != 0 || enqueue(d, size)) {
		return;
	}
	if (vtr_submits_run(d, VTR_SUBMITS_ALL) != VTR_OK || vtr_lanes_settle_before(d, limit) != VTR_OK ||
	    run(d, d->scratch[VTR_SCRATCH_SUBMIT], size, limit) != VTR_OK) {
		vtr_dispatch_fail(d, "a submit failed");
	}
}

uint64_t vtr_submits_limit(const struct vtr_dispatch *d)
{
	return first(d)->limit;
}

bool vtr_submits_ready(const struct vtr_dispatch *d)
{
	return vtr_lanes_done(d, vtr_submits_limit(d));
}

enum vtr_err vtr_submits_help(struct vtr_dispatch *d)
{
	return vtr_lanes_help(d, vtr_submits_limit(d));
}

uint32_t vtr_submits_position(const struct vtr_dispatch *d)
{
	return first(d)->position;
}

enum vtr_err vtr_submits_run(struct vtr_dispatch *d, enum vtr_submits_which which)
{
	enum vtr_err err = VTR_OK;

	while (err == VTR_OK && d->queued_count != 0) {
		struct queued *q = first(d);

		if (which == VTR_SUBMITS_READY && !vtr_submits_ready(d)) {
			break;
		}
		err = vtr_lanes_settle_before(d, q->limit);
		if (err == VTR_OK) {
			err = run(d, q->bytes, q->size, q->limit);
		}
		drop(d, q);
		vtr_ring_publish(d->ring);
	}
	return err;
}

void vtr_submits_drop(struct vtr_dispatch *d)
{
	while (d->queued_count != 0) {
		drop(d, first(d));
	}
}
