/* SPDX-License-Identifier: MIT */
#include "venus/submit_queue.h"

#include <stdlib.h>

#include "venus/device.h"
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

/* A wait for one fence behind its header: device, number of fences, size of the array, fence. */
enum { FENCE_COUNT_AT = 8, FENCE_AT = 20, FENCE_WAIT_SIZE = 28 };
/* For one semaphore: device, pointer, structure type, chain, flags, number of semaphores, size of the array, semaphore,
 * size of the array, value. */
enum { SEM_CHAIN_AT = 20, SEM_COUNT_AT = 32, SEM_AT = 44, SEM_VALUE_AT = 60, SEM_WAIT_SIZE = 68 };

/* Returns: NULL if the id is not that of a usable object of this type. */
static const struct vtr_vk_object *find(const struct vtr_dispatch *d, uint64_t id, uint32_t type)
{
	struct vtr_object *o = vtr_idmap_get(&d->venus->objects.map, id);

	return o != NULL && __atomic_load_n(&o->type, __ATOMIC_RELAXED) == type ? vtr_vk(o) : NULL;
}

static bool is_signalled(struct vtr_dispatch *d)
{
	const uint8_t *p = vtr_dispatch_peek(d, FENCE_WAIT_SIZE);
	const struct vtr_vk_object *o = p != NULL && vtr_cs_ld32(p + FENCE_COUNT_AT) == 1 ?
	                                        find(d, vtr_cs_ld64(p + FENCE_AT), VK_OBJECT_TYPE_FENCE) :
	                                        NULL;

	return o != NULL && o->device->procs.vkGetFenceStatus(
				    o->device->handle, (VkFence)(uintptr_t)o->base.handle) == VK_SUCCESS;
}

static bool has_value(struct vtr_dispatch *d)
{
	const uint8_t *p = vtr_dispatch_peek(d, SEM_WAIT_SIZE);
	const struct vtr_vk_object *o = p != NULL && vtr_cs_ld64(p + SEM_CHAIN_AT) == 0 &&
	                                                vtr_cs_ld32(p + SEM_COUNT_AT) == 1 ?
	                                        find(d, vtr_cs_ld64(p + SEM_AT), VK_OBJECT_TYPE_SEMAPHORE) :
	                                        NULL;
	const PFN_vkGetSemaphoreCounterValue get = o != NULL ? o->device->procs.vkGetSemaphoreCounterValue :
	                                                       NULL;
	uint64_t value = 0;

	return get != NULL &&
	       get(o->device->handle, (VkSemaphore)(uintptr_t)o->base.handle, &value) == VK_SUCCESS &&
	       value >= vtr_cs_ld64(p + SEM_VALUE_AT);
}

bool vtr_submits_let_pass(struct vtr_dispatch *d, enum vtw_overtakes overtakes)
{
	if (d->queued_count == 0 && !vtr_holds_any(&d->holds)) {
		return true; /* nothing waits */
	}
	switch (overtakes) {
	case VTW_OVERTAKES_ALWAYS:
		return true;
	case VTW_OVERTAKES_FENCE:
		return is_signalled(d);
	case VTW_OVERTAKES_SEMAPHORE:
		return has_value(d);
	case VTW_OVERTAKES_NEVER:
		break;
	}
	return false;
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
