/* SPDX-License-Identifier: MIT */
#include "venus/deferred.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "platform/thread.h"
#include "venus/device.h"
#include "venus/ring.h"
#include "wire_gen.h"

/* More are not deferred. A guest has a few frames in flight. */
#define MAX_ITEMS 1024
/* Of vkWaitRingSeqnoMESA, vkSubmitVirtqueueSeqnoMESA and vkNotifyRingMESA: the number, the flags, the ring, 8 bytes. */
#define COMMAND_SIZE 24

struct item {
	struct vtr_list link;
	uint32_t position; /* of the ring */
	bool is_fence;
	uint32_t timeline;
	uint64_t value; /* the fence's id, or the virtqueue's seqno */
};

void vtr_deferred_init(struct vtr_deferred *deferred)
{
	pthread_mutex_init(&deferred->lock, NULL);
	vtr_list_init(&deferred->items);
}

bool vtr_deferred_allows(const void *commands, size_t size)
{
	uint32_t words[2];

	if (size != COMMAND_SIZE) {
		return false;
	}
	memcpy(words, commands, sizeof(words));
	return words[0] < VTW_COMMAND_COUNT && vtw_command_infos[words[0]].defers && words[1] == 0;
}

static void report(struct vtr_venus *venus, const struct item *item)
{
	venus->params.events->fence(venus->params.data, item->timeline, item->value);
}

/* Returns: the first item, or NULL. Called with the lock held, like the next one. */
static struct item *first(struct vtr_deferred *deferred)
{
	return vtr_list_empty(&deferred->items) ? NULL :
	                                          vtr_container_of(deferred->items.next, struct item, link);
}

static void drop_first(struct vtr_deferred *deferred)
{
	struct item *item = first(deferred);

	vtr_list_remove(&item->link);
	free(item);
	item = first(deferred);
	if (item != NULL) {
		atomic_store(&deferred->next, item->position);
	}
	atomic_fetch_sub(&deferred->count, 1);
}

static void do_item(struct vtr_ring *ring, const struct item *item)
{
	struct vtr_venus *venus = ring->venus;

	if (!item->is_fence) {
		vtr_ring_set_virtqueue_seqno(ring, item->value);
	} else if (item->timeline == 0 || vtr_venus_is_dead(venus)) {
		report(venus, item);
	} else if (vtr_timeline_fence(venus, item->timeline, item->value) != VTR_OK) {
		vtr_venus_fail(venus, "fence", "there is no memory or no thread for it", item->timeline);
		report(venus, item);
	}
}

void vtr_deferred_run(struct vtr_ring *ring)
{
	struct vtr_deferred *deferred = &ring->deferred;
	const struct item *item;

	pthread_mutex_lock(&deferred->lock);
	while ((item = first(deferred)) != NULL && vtr_ring_has_reached(ring, item->position)) {
		do_item(ring, item);
		drop_first(deferred);
	}
	pthread_mutex_unlock(&deferred->lock);
}

void vtr_deferred_check(struct vtr_venus *venus)
{
	struct vtr_ring *ring = venus->awaited;

	if (ring == NULL) {
		return;
	}
	if (atomic_load(&ring->deferred.count) != 0) {
		vtr_deferred_run(ring);
	}
	if (atomic_load(&ring->deferred.count) == 0 && vtr_ring_has_reached(ring, venus->awaited_position)) {
		venus->awaited = NULL;
	}
}

void vtr_deferred_settle(struct vtr_venus *venus)
{
	struct vtr_ring *ring = venus->awaited;

	if (ring != NULL) {
		vtr_ring_await(ring, venus->awaited_position);
		vtr_deferred_run(ring);
		venus->awaited = NULL;
	}
}

/* A ring that only has to wake up and submit is awaited: the client's next request mostly waits for the fence, and is
 * answered with a wake-up less if that is done (src/vtest/message.c). */
static bool gets_there_soon(const struct vtr_ring *ring, uint32_t position)
{
	const int64_t hold_ns = vtr_os_hold_ns(&ring->venus->hold);
	const int64_t start_ns = vtr_os_now_ns();
	bool reached = vtr_ring_has_reached(ring, position);

	while (!reached && vtr_os_now_ns() - start_ns < hold_ns) {
		vtr_os_yield();
		reached = vtr_ring_has_reached(ring, position);
	}
	if (hold_ns > 0) {
		vtr_os_hold_note(&ring->venus->hold, reached);
	}
	return reached;
}

bool vtr_deferred_begin(struct vtr_ring *ring, uint32_t seqno)
{
	struct vtr_venus *venus = ring->venus;

	if (venus->awaited != NULL && venus->awaited != ring) {
		vtr_deferred_settle(venus);
	}
	if (!venus->may_defer) {
		return false;
	}
	if (gets_there_soon(ring, seqno)) {
		return true;
	}
	if (venus->awaited == NULL || (int32_t)(seqno - venus->awaited_position) > 0) {
		venus->awaited_position = seqno;
	}
	venus->awaited = ring;
	return true;
}

/* Returns: false if it must be done now. */
static bool defer(struct vtr_venus *venus, const struct item *what)
{
	struct vtr_ring *ring = venus->awaited;
	struct vtr_deferred *deferred = ring != NULL ? &ring->deferred : NULL;
	struct item *item = NULL;

	if (ring != NULL && atomic_load(&deferred->count) < MAX_ITEMS) {
		item = malloc(sizeof(*item));
	}
	if (item == NULL) {
		vtr_deferred_settle(venus);
		return false;
	}
	*item = *what;
	item->position = venus->awaited_position;
	pthread_mutex_lock(&deferred->lock);
	vtr_list_append(&deferred->items, &item->link);
	atomic_store(&deferred->next, first(deferred)->position);
	atomic_fetch_add(&deferred->count, 1);
	pthread_mutex_unlock(&deferred->lock);
	vtr_deferred_check(venus);
	return true;
}

bool vtr_deferred_fence(struct vtr_venus *venus, uint32_t timeline, uint64_t fence_id)
{
	return defer(venus, &(struct item){ .is_fence = true, .timeline = timeline, .value = fence_id });
}

bool vtr_deferred_virtqueue_seqno(struct vtr_ring *ring, uint64_t seqno)
{
	if (ring->venus->awaited != ring) {
		vtr_deferred_settle(ring->venus);
		return false;
	}
	return defer(ring->venus, &(struct item){ .value = seqno });
}

void vtr_deferred_finish(struct vtr_ring *ring)
{
	struct vtr_deferred *deferred = &ring->deferred;
	const struct item *item;

	if (ring->venus->awaited == ring) {
		ring->venus->awaited = NULL;
	}
	while ((item = first(deferred)) != NULL) {
		if (item->is_fence) {
			report(ring->venus, item);
		}
		drop_first(deferred);
	}
	pthread_mutex_destroy(&deferred->lock);
}
