/* SPDX-License-Identifier: MIT */
#include "vtest/sync.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "platform/pipe.h"
#include "platform/thread.h"

/* Syncs live in pages that never move, because waits link into them. */
#define PAGE_SYNCS 1024
#define PAGE_COUNT (VTR_SYNC_MAX / PAGE_SYNCS)
/* Records with up to this many entries are kept for reuse: Mesa waits for and signals one or two. */
#define SMALL_COUNT 4
/* The most records of each kind that are kept. */
#define CACHE_MAX 64
/* A client stops polling by its own clock; its wait is dropped this much later. */
#define EXPIRY_SLACK_NS 100000000
/* The number of old waits that are checked for each new one: more than one, so that dropping keeps up. */
#define EXPIRY_SCAN 4

struct sync {
	uint64_t value;
	uint32_t generation; /* detects, for a fence, that the id was reused */
	uint32_t next_free;  /* an id, or 0; valid unless live */
	bool live;
	struct vtr_list links; /* wait_link.node of links that are not satisfied yet */
};

struct sync_wait;

struct wait_link {
	struct vtr_list node; /* in sync.links; empty when satisfied */
	struct sync_wait *wait;
	uint64_t value;
};

struct sync_wait {
	struct vtr_list node; /* in syncs.waits, syncs.wait_cache or a list of finished ones */
	int write_fd;
	int64_t deadline_ns; /* INT64_MAX: never */
	bool any;
	bool satisfied; /* valid once finished: whether to signal the client or to hang up */
	uint32_t left;  /* number of links that are not satisfied */
	uint32_t count;
	struct wait_link links[];
};

struct vtr_sync_fence {
	struct vtr_list node; /* in syncs.fence_cache */
	uint32_t count;
	struct {
		uint32_t id;
		uint32_t generation;
		uint64_t value;
	} entries[];
};

struct vtr_syncs {
	int ready_fd; /* a pipe's end that always polls readable */
	int idle_fd;  /* a pipe's end that never polls readable, while idle_write_fd is open */
	int idle_write_fd;
	int void_fd; /* a pipe's end that is hung up */

	pthread_mutex_t lock; /* guards everything below */
	struct sync *pages[PAGE_COUNT];
	uint32_t used; /* ids 1..used were handed out at least once */
	uint32_t free_head;
	struct vtr_list waits; /* in the order of the next check, see drop_expired() */
	uint32_t wait_count;
	size_t wait_links;
	uint32_t fence_count;
	size_t fence_links;
	struct vtr_list wait_cache;
	uint32_t wait_cached;
	struct vtr_list fence_cache;
	uint32_t fence_cached;
};

static enum vtr_err make_pipe(int *out_read_fd, int *out_write_fd)
{
	int fds[2];

	if (vtr_os_pipe(false, fds) != VTR_OK) {
		return VTR_ERR_OS;
	}
	*out_read_fd = fds[0];
	*out_write_fd = fds[1];
	return VTR_OK;
}

static enum vtr_err make_fixed_fds(struct vtr_syncs *syncs)
{
	vtr_autofd int write_fd = -1;
	enum vtr_err err = make_pipe(&syncs->ready_fd, &write_fd);

	if (err != VTR_OK) {
		return err;
	}
	if (write(write_fd, "", 1) != 1) {
		return VTR_ERR_OS;
	}
	vtr_close(&write_fd);
	err = make_pipe(&syncs->void_fd, &write_fd);
	if (err != VTR_OK) {
		return err;
	}
	return make_pipe(&syncs->idle_fd, &syncs->idle_write_fd);
}

enum vtr_err vtr_syncs_create(struct vtr_syncs **out_syncs)
{
	struct vtr_syncs *syncs = calloc(1, sizeof(*syncs));

	if (!syncs) {
		return VTR_ERR_NOMEM;
	}
	syncs->ready_fd = -1;
	syncs->idle_fd = -1;
	syncs->idle_write_fd = -1;
	syncs->void_fd = -1;
	pthread_mutex_init(&syncs->lock, NULL);
	vtr_list_init(&syncs->waits);
	vtr_list_init(&syncs->wait_cache);
	vtr_list_init(&syncs->fence_cache);
	enum vtr_err err = make_fixed_fds(syncs);
	if (err != VTR_OK) {
		vtr_syncs_destroy(syncs);
		return err;
	}
	*out_syncs = syncs;
	return VTR_OK;
}

static void free_waits(struct vtr_list *list)
{
	struct sync_wait *wait;
	struct sync_wait *next;

	vtr_list_for_each_safe (wait, next, list, node) {
		vtr_close(&wait->write_fd);
		free(wait);
	}
}

void vtr_syncs_destroy(struct vtr_syncs *syncs)
{
	if (!syncs) {
		return;
	}
	int saved_errno = errno;
	vtr_assert(syncs->fence_count == 0);
	free_waits(&syncs->waits);
	free_waits(&syncs->wait_cache);
	struct vtr_sync_fence *fence;
	struct vtr_sync_fence *next;
	vtr_list_for_each_safe (fence, next, &syncs->fence_cache, node) {
		free(fence);
	}
	for (size_t i = 0; i < PAGE_COUNT; i++) {
		free(syncs->pages[i]);
	}
	vtr_close(&syncs->ready_fd);
	vtr_close(&syncs->idle_fd);
	vtr_close(&syncs->idle_write_fd);
	vtr_close(&syncs->void_fd);
	pthread_mutex_destroy(&syncs->lock);
	free(syncs);
	errno = saved_errno;
}

int vtr_syncs_void_fd(const struct vtr_syncs *syncs)
{
	return syncs->void_fd;
}

static struct sync *sync_at(struct vtr_syncs *syncs, uint32_t id)
{
	return &syncs->pages[(id - 1) / PAGE_SYNCS][(id - 1) % PAGE_SYNCS];
}

static struct sync *find_sync(struct vtr_syncs *syncs, uint32_t id)
{
	if (id == 0 || id > syncs->used) {
		return NULL;
	}
	struct sync *sync = sync_at(syncs, id);
	return sync->live ? sync : NULL;
}

static struct wait_link *link_of(struct vtr_list *node)
{
	return vtr_container_of(node, struct wait_link, node);
}

/* Unlinks a wait and puts it on `finished`, for finish_waits(). */
static void end_wait(struct vtr_syncs *syncs, struct sync_wait *wait, bool satisfied,
                     struct vtr_list *finished)
{
	for (uint32_t i = 0; i < wait->count; i++) {
		vtr_list_remove(&wait->links[i].node);
	}
	wait->satisfied = satisfied;
	vtr_list_remove(&wait->node);
	vtr_list_insert(finished, &wait->node);
	syncs->wait_count--;
	syncs->wait_links -= wait->count;
}

/* Signals or hangs up the waits. Call it without the lock. */
static void finish_waits(struct vtr_syncs *syncs, struct vtr_list *finished)
{
	struct sync_wait *wait;
	struct sync_wait *next;

	if (vtr_list_empty(finished)) {
		return;
	}
	vtr_list_for_each (wait, finished, node) {
		if (wait->satisfied) {
			/* EPIPE and the like: the client has abandoned it. SIGPIPE is ignored in workers. */
			ssize_t n = write(wait->write_fd, "", 1);
			(void)n;
		}
		vtr_close(&wait->write_fd);
	}
	pthread_mutex_lock(&syncs->lock);
	vtr_list_for_each_safe (wait, next, finished, node) {
		vtr_list_remove(&wait->node);
		if (wait->count <= SMALL_COUNT && syncs->wait_cached < CACHE_MAX) {
			vtr_list_insert(&syncs->wait_cache, &wait->node);
			syncs->wait_cached++;
		} else {
			free(wait);
		}
	}
	pthread_mutex_unlock(&syncs->lock);
}

static void set_value(struct vtr_syncs *syncs, struct sync *sync, uint64_t value, struct vtr_list *finished)
{
	struct wait_link *link;
	struct wait_link *next;

	sync->value = value;
	vtr_list_for_each_safe (link, next, &sync->links, node) {
		struct sync_wait *wait = link->wait;
		if (link->value > value) {
			continue;
		}
		vtr_list_remove(&link->node);
		wait->left--;
		if (wait->any || wait->left == 0) {
			/* This unlinks all links of the wait; the next link may be one of them. */
			while (&next->node != &sync->links && next->wait == wait) {
				next = link_of(next->node.next);
			}
			end_wait(syncs, wait, true, finished);
		}
	}
}

static enum vtr_err add_page(struct vtr_syncs *syncs)
{
	struct sync *page = calloc(PAGE_SYNCS, sizeof(*page));

	if (!page) {
		return VTR_ERR_NOMEM;
	}
	for (size_t i = 0; i < PAGE_SYNCS; i++) {
		vtr_list_init(&page[i].links);
	}
	syncs->pages[syncs->used / PAGE_SYNCS] = page;
	return VTR_OK;
}

enum vtr_err vtr_sync_create(struct vtr_syncs *syncs, uint64_t value, uint32_t *out_id)
{
	enum vtr_err err = VTR_OK;
	uint32_t id = 0;

	pthread_mutex_lock(&syncs->lock);
	if (syncs->free_head != 0) {
		id = syncs->free_head;
		syncs->free_head = sync_at(syncs, id)->next_free;
	} else if (syncs->used == VTR_SYNC_MAX) {
		err = VTR_ERR_LIMIT;
	} else {
		if (syncs->used % PAGE_SYNCS == 0) {
			err = add_page(syncs);
		}
		if (err == VTR_OK) {
			id = ++syncs->used;
		}
	}
	if (id != 0) {
		struct sync *sync = sync_at(syncs, id);
		sync->value = value;
		sync->live = true;
		*out_id = id;
	}
	pthread_mutex_unlock(&syncs->lock);
	return err;
}

enum vtr_err vtr_sync_destroy(struct vtr_syncs *syncs, uint32_t id)
{
	struct vtr_list finished;

	if (id == 0) {
		return VTR_OK;
	}
	vtr_list_init(&finished);
	pthread_mutex_lock(&syncs->lock);
	struct sync *sync = find_sync(syncs, id);
	if (sync) {
		while (!vtr_list_empty(&sync->links)) {
			struct wait_link *link = link_of(sync->links.next);
			struct sync_wait *wait = link->wait;
			vtr_list_remove(&link->node);
			wait->left--;
			if (!wait->any || wait->left == 0) {
				end_wait(syncs, wait, false, &finished);
			}
		}
		sync->live = false;
		sync->generation++;
		sync->next_free = syncs->free_head;
		syncs->free_head = id;
	}
	pthread_mutex_unlock(&syncs->lock);
	finish_waits(syncs, &finished);
	return sync ? VTR_OK : VTR_ERR_INVALID;
}

enum vtr_err vtr_sync_read(struct vtr_syncs *syncs, uint32_t id, uint64_t *out_value)
{
	if (id == 0) {
		*out_value = 0;
		return VTR_OK;
	}
	pthread_mutex_lock(&syncs->lock);
	const struct sync *sync = find_sync(syncs, id);
	if (sync) {
		*out_value = sync->value;
	}
	pthread_mutex_unlock(&syncs->lock);
	return sync ? VTR_OK : VTR_ERR_INVALID;
}

enum vtr_err vtr_sync_write(struct vtr_syncs *syncs, uint32_t id, uint64_t value)
{
	struct vtr_list finished;

	if (id == 0) {
		return VTR_OK;
	}
	vtr_list_init(&finished);
	pthread_mutex_lock(&syncs->lock);
	struct sync *sync = find_sync(syncs, id);
	if (sync) {
		set_value(syncs, sync, value, &finished);
	}
	pthread_mutex_unlock(&syncs->lock);
	finish_waits(syncs, &finished);
	return sync ? VTR_OK : VTR_ERR_INVALID;
}

/*
 * A client whose poll timed out does not report it. Checking a few old waits for each new one drops them as
 * fast as they accumulate, without a timer.
 */
static void drop_expired(struct vtr_syncs *syncs, int64_t now_ns, struct vtr_list *finished)
{
	for (int i = 0; i < EXPIRY_SCAN && !vtr_list_empty(&syncs->waits); i++) {
		struct sync_wait *wait = vtr_container_of(syncs->waits.next, struct sync_wait, node);
		if (wait->deadline_ns <= now_ns) {
			end_wait(syncs, wait, false, finished);
		} else {
			vtr_list_remove(&wait->node);
			vtr_list_append(&syncs->waits, &wait->node);
		}
	}
}

static struct sync_wait *alloc_wait(struct vtr_syncs *syncs, size_t count)
{
	if (count <= SMALL_COUNT && syncs->wait_cached > 0) {
		struct sync_wait *wait = vtr_container_of(syncs->wait_cache.next, struct sync_wait, node);
		vtr_list_remove(&wait->node);
		syncs->wait_cached--;
		return wait;
	}
	size_t room = count > SMALL_COUNT ? count : SMALL_COUNT;
	/* count is at most VTR_SYNC_MAX_LIST: no overflow */
	return malloc(sizeof(struct sync_wait) + room * sizeof(struct wait_link));
}

/* Returns: whether the values are reached already. Sets *out_lost if one of the syncs is the failed one. */
static enum vtr_err check_values(struct vtr_syncs *syncs, const struct vtr_sync_value *values, size_t count,
                                 bool any, bool *out_ready, bool *out_lost)
{
	size_t reached = 0;
	bool lost = false;

	for (size_t i = 0; i < count; i++) {
		if (values[i].id == 0) {
			lost = true;
			continue;
		}
		const struct sync *sync = find_sync(syncs, values[i].id);
		if (!sync) {
			return VTR_ERR_INVALID;
		}
		reached += sync->value >= values[i].value;
	}
	*out_lost = lost;
	*out_ready = !lost && (any && count > 0 ? reached > 0 : reached == count);
	return VTR_OK;
}

static struct sync_wait *add_wait(struct vtr_syncs *syncs, const struct vtr_sync_value *values, size_t count,
                                  bool any, int64_t deadline_ns)
{
	struct sync_wait *wait = alloc_wait(syncs, count);

	if (!wait) {
		return NULL;
	}
	wait->any = any;
	wait->left = 0;
	wait->count = (uint32_t)count;
	wait->deadline_ns = deadline_ns;
	wait->write_fd = -1;
	for (size_t i = 0; i < count; i++) {
		struct sync *sync = sync_at(syncs, values[i].id);
		wait->links[i].wait = wait;
		wait->links[i].value = values[i].value;
		vtr_list_init(&wait->links[i].node);
		if (sync->value < values[i].value) {
			vtr_list_insert(&sync->links, &wait->links[i].node);
			wait->left++;
		}
	}
	vtr_list_append(&syncs->waits, &wait->node);
	syncs->wait_count++;
	syncs->wait_links += count;
	return wait;
}

static enum vtr_err wait_locked(struct vtr_syncs *syncs, const struct vtr_sync_value *values, size_t count,
                                bool any, uint32_t timeout_ms, struct vtr_sync_fd *out_fd,
                                struct vtr_list *finished)
{
	bool ready;
	bool lost;
	enum vtr_err err = check_values(syncs, values, count, any, &ready, &lost);

	if (err != VTR_OK) {
		return err;
	}
	*out_fd = (struct vtr_sync_fd){ .fd = syncs->void_fd };
	if (ready) {
		out_fd->fd = syncs->ready_fd;
		return VTR_OK;
	}
	if (lost) {
		return VTR_OK;
	}
	if (timeout_ms == 0) {
		out_fd->fd = syncs->idle_fd;
		return VTR_OK;
	}
	int64_t now_ns = vtr_os_now_ns();
	drop_expired(syncs, now_ns, finished);
	if (syncs->wait_count >= VTR_SYNC_MAX_WAITS || syncs->wait_links + count > VTR_SYNC_MAX_LINKS) {
		return VTR_OK;
	}
	int64_t deadline_ns = timeout_ms == UINT32_MAX ?
	                              INT64_MAX :
	                              now_ns + (int64_t)timeout_ms * 1000000 + EXPIRY_SLACK_NS;
	int read_fd;
	int write_fd;
	if (make_pipe(&read_fd, &write_fd) != VTR_OK) {
		return VTR_OK;
	}
	struct sync_wait *wait = add_wait(syncs, values, count, any, deadline_ns);
	if (!wait) {
		vtr_close(&read_fd);
		vtr_close(&write_fd);
		return VTR_OK;
	}
	wait->write_fd = write_fd;
	*out_fd = (struct vtr_sync_fd){ .fd = read_fd, .owned = true };
	return VTR_OK;
}

bool vtr_syncs_are_pending(struct vtr_syncs *syncs, const struct vtr_sync_value *values, size_t count,
                           bool any)
{
	bool ready = false;
	bool lost = false;

	pthread_mutex_lock(&syncs->lock);
	enum vtr_err err = check_values(syncs, values, count, any, &ready, &lost);
	pthread_mutex_unlock(&syncs->lock);
	return err == VTR_OK && !ready && !lost;
}

enum vtr_err vtr_syncs_wait(struct vtr_syncs *syncs, const struct vtr_sync_value *values, size_t count,
                            bool any, uint32_t timeout_ms, struct vtr_sync_fd *out_fd)
{
	struct vtr_list finished;

	vtr_assert(count <= VTR_SYNC_MAX_LIST);
	vtr_list_init(&finished);
	pthread_mutex_lock(&syncs->lock);
	enum vtr_err err = wait_locked(syncs, values, count, any, timeout_ms, out_fd, &finished);
	pthread_mutex_unlock(&syncs->lock);
	finish_waits(syncs, &finished);
	return err;
}

static struct vtr_sync_fence *alloc_fence(struct vtr_syncs *syncs, size_t count)
{
	if (count <= SMALL_COUNT && syncs->fence_cached > 0) {
		struct vtr_sync_fence *fence =
			vtr_container_of(syncs->fence_cache.next, struct vtr_sync_fence, node);
		vtr_list_remove(&fence->node);
		syncs->fence_cached--;
		return fence;
	}
	size_t room = count > SMALL_COUNT ? count : SMALL_COUNT;
	struct vtr_sync_fence *fence;
	/* count is at most VTR_SYNC_MAX_LIST: no overflow */
	fence = malloc(sizeof(*fence) + room * sizeof(fence->entries[0]));
	return fence;
}

static void free_fence(struct vtr_syncs *syncs, struct vtr_sync_fence *fence)
{
	syncs->fence_count--;
	syncs->fence_links -= fence->count;
	if (fence->count <= SMALL_COUNT && syncs->fence_cached < CACHE_MAX) {
		vtr_list_insert(&syncs->fence_cache, &fence->node);
		syncs->fence_cached++;
	} else {
		free(fence);
	}
}

static enum vtr_err fence_create_locked(struct vtr_syncs *syncs, const struct vtr_sync_value *values,
                                        size_t count, struct vtr_sync_fence **out_fence)
{
	for (size_t i = 0; i < count; i++) {
		if (values[i].id != 0 && !find_sync(syncs, values[i].id)) {
			return VTR_ERR_INVALID;
		}
	}
	if (syncs->fence_count >= VTR_SYNC_MAX_FENCES || syncs->fence_links + count > VTR_SYNC_MAX_LINKS) {
		return VTR_ERR_LIMIT;
	}
	struct vtr_sync_fence *fence = alloc_fence(syncs, count);
	if (!fence) {
		return VTR_ERR_NOMEM;
	}
	fence->count = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		fence->entries[i].id = values[i].id;
		fence->entries[i].value = values[i].value;
		fence->entries[i].generation = values[i].id != 0 ? sync_at(syncs, values[i].id)->generation :
		                                                   0;
	}
	syncs->fence_count++;
	syncs->fence_links += count;
	*out_fence = fence;
	return VTR_OK;
}

enum vtr_err vtr_sync_fence_create(struct vtr_syncs *syncs, const struct vtr_sync_value *values, size_t count,
                                   struct vtr_sync_fence **out_fence)
{
	vtr_assert(count <= VTR_SYNC_MAX_LIST);
	pthread_mutex_lock(&syncs->lock);
	enum vtr_err err = fence_create_locked(syncs, values, count, out_fence);
	pthread_mutex_unlock(&syncs->lock);
	return err;
}

void vtr_sync_fence_retire(struct vtr_syncs *syncs, struct vtr_sync_fence *take_fence)
{
	struct vtr_list finished;

	vtr_list_init(&finished);
	pthread_mutex_lock(&syncs->lock);
	for (uint32_t i = 0; i < take_fence->count; i++) {
		struct sync *sync = find_sync(syncs, take_fence->entries[i].id);
		uint64_t value = take_fence->entries[i].value;
		if (sync && sync->generation == take_fence->entries[i].generation && sync->value < value) {
			set_value(syncs, sync, value, &finished);
		}
	}
	free_fence(syncs, take_fence);
	pthread_mutex_unlock(&syncs->lock);
	finish_waits(syncs, &finished);
}

void vtr_sync_fence_cancel(struct vtr_syncs *syncs, struct vtr_sync_fence *take_fence)
{
	pthread_mutex_lock(&syncs->lock);
	free_fence(syncs, take_fence);
	pthread_mutex_unlock(&syncs->lock);
}
