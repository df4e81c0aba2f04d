/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "venus"
#include "venus/ring.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "platform/proc.h"
#include "venus/resource.h"

/* Guests create rings of 16 and 128 KiB. */
#define MAX_RING_SIZE (16u << 20)
/* The time of polling with the processor's pause instruction. A guest that waits for an answer sends its next
 * command within this time, and sleeping would cost more. */
#define SPIN_NS 20000
/* The pauses between two reads of the tail. A guest that sends many commands is better read in larger pieces. */
#define SPIN_PAUSES 4
/* Batches smaller than this many bytes are followed by pauses: by the fewest unless the guest keeps sending. */
#define SMALL_BATCH 8192
#define MIN_GATHER_PAUSES 16
#define MAX_GATHER_PAUSES 64
/* After spinning, the thread yields between two reads of the tail, and after NAP_AFTER_NS it naps. Its processor
 * then looks free to threads that wait for another one: the kernel does not move lavapipe's threads to a processor
 * that polls. */
#define NAP_AFTER_NS 100000
#define NAP_NS 50000
#define MAX_IDLE_NS 2000000
/* Guests want a report every 3 s. This limits the load from a guest that asks for far more. */
#define MIN_WATCH_NS 100000000
#define TRIM_NS 2000000000

/* The intervals of a sleeping ring. Before each one, it sets IDLE and reads its tail once more. In the last one, it
 * relies on a notification, and on the thread that watches all rings. Several are necessary because guests may put
 * commands into the ring without a notification:
 * - They store their tail and load the status without a full barrier in between, so they can miss an IDLE that is set
 *   at that moment. Their store becomes visible long before the first interval is over.
 * - They clear ALIVE, which TCG with one processor does by loading and storing the word. An IDLE that is set in between
 *   is lost. The virtual processor may also be preempted in between.
 * - They notify at most once in a millisecond of their clock. That clock stands still while a machine is stopped; ours
 *   does not. */
static const int64_t LOOKS_NS[] = { 1000000, 20000000, -1 };
/* A wait for a ring's seqno polls so often before it waits in another way (progress.c). */
#define SEQNO_PAUSES 200

_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "rings share 32-bit counters with another process");

/* --- the thread ----------------------------------------------------------------------------------- */

static uint32_t pending(const struct vtr_ring *ring)
{
	return atomic_load_explicit(ring->tail, memory_order_acquire) - ring->cur;
}

/* The same without run_lock, while another thread may run commands. */
static bool has_more(const struct vtr_ring *ring)
{
	return atomic_load(ring->tail) != atomic_load(&ring->done);
}

static void on_progress(struct vtr_dispatch *d, size_t done)
{
	struct vtr_ring *ring = d->ring;

	ring->batch_commands++;
	ring->batch_replies |= vtr_dispatch_wants_reply(d);
	vtr_ring_publish(ring, ring->cur + (uint32_t)done, vtr_dispatch_wants_reply(d));
}

/* Runs the commands in the next `n` bytes of the ring. */
static bool consume(struct vtr_ring *ring, uint32_t n)
{
	const uint32_t at = ring->cur & (ring->size - 1);
	const uint32_t first = n < ring->size - at ? n : ring->size - at;
	size_t done;
	uint8_t *copy;

	if (n > ring->size || n % 4 != 0) {
		vtr_venus_fail(ring->venus, "ring", "its tail is invalid", n);
		return false;
	}
	copy = vtr_dispatch_scratch(&ring->dispatch, VTR_SCRATCH_STREAM, ring->size);
	if (copy == NULL) {
		vtr_venus_fail(ring->venus, "ring", "not enough memory to read it", n);
		return false;
	}
	memcpy(copy, ring->buffer + at, first);
	memcpy(copy + first, ring->buffer, n - first);
	ring->batch_commands = 0;
	ring->batch_replies = false;
	if (vtr_dispatch_run(&ring->dispatch, copy, n, on_progress, &done) != VTR_OK) {
		return false;
	}
	ring->cur += (uint32_t)done;
	vtr_trace(ring->venus->log, "ring %" PRIx64 ": ran %zu of %u bytes", ring->id, done, n);
	vtr_ring_rest(ring);
	return true;
}

/* Parks the ring's thread on `wake`. Returns: as vtr_os_park(). */
static bool park(struct vtr_ring *ring, uint32_t word, int64_t timeout_ns)
{
	atomic_store(&ring->parks, true);
	const bool woken = vtr_os_park(&ring->wake, word, timeout_ns);
	atomic_store(&ring->parks, false);
	return woken;
}

/* Polls until there is work or `ring->idle_ns` is over. Returns: whether there is work. */
static bool poll_tail(struct vtr_ring *ring)
{
	/* The thread was just woken and has nothing to do: the context's thread has run the commands, and may need
	 * the processor more. */
	const int64_t spin = ring->gentle ? 0 : SPIN_NS;
	const int64_t start = vtr_os_now_ns();
	int64_t now = start;

	ring->gentle = false;
	while (now - start < (int64_t)ring->idle_ns) {
		const uint32_t word = atomic_load(&ring->wake);

		for (int i = 0; i < 32; i++) {
			if (i % SPIN_PAUSES == 0 && pending(ring) != 0) {
				return true;
			}
			vtr_os_cpu_relax();
		}
		if (atomic_load_explicit(&ring->stop, memory_order_relaxed)) {
			return false;
		}
		if (now - start >= NAP_AFTER_NS) {
			(void)park(ring, word, NAP_NS);
		} else if (now - start >= spin) {
			vtr_os_yield();
		}
		now = vtr_os_now_ns();
	}
	return false;
}

/* Sleeps until there is work. Meanwhile the context's thread may run the ring's commands. */
static void sleep_idle(struct vtr_ring *ring)
{
	const uint32_t word = atomic_load(&ring->wake);
	bool awake = false;

	pthread_mutex_unlock(&ring->run_lock);
	for (size_t i = 0; i < VTR_ARRAY_LEN(LOOKS_NS) && !awake; i++) {
		atomic_fetch_or(ring->status, VK_RING_STATUS_IDLE_BIT_MESA);
		awake = has_more(ring) || atomic_load(&ring->stop) || park(ring, word, LOOKS_NS[i]);
	}
	pthread_mutex_lock(&ring->run_lock);
	ring->gentle = true;
	atomic_fetch_and(ring->status, ~(uint32_t)VK_RING_STATUS_IDLE_BIT_MESA);
}

/* Waits a moment while a guest writes many small commands, to read several at once, from cache lines that the guest
 * has finished. Each read of the tail takes its cache line from the guest, which then waits for it at its next command.
 * A guest that waits for an answer sends one command at a time, and has its answer already. */
static void let_gather(struct vtr_ring *ring)
{
	const bool streams = ring->batch_commands > 2 && !ring->batch_replies;

	ring->gather = streams ? vtr_min(ring->gather * 2, MAX_GATHER_PAUSES) : MIN_GATHER_PAUSES;
	for (uint32_t i = 0; i < ring->gather; i++) {
		vtr_os_cpu_relax();
	}
}

static void ring_thread(void *data)
{
	struct vtr_ring *ring = data;

	if (ring->nice != 0) {
		(void)vtr_os_thread_set_nice(
			ring->nice); /* without permission, the priority stays as it is */
	}
	vtr_os_thread_set_punctual();
	pthread_mutex_lock(&ring->run_lock);
	while (!atomic_load(&ring->stop)) {
		const uint32_t n = pending(ring);

		if (n != 0) {
			if (!consume(ring, n)) {
				break;
			}
			if (n < SMALL_BATCH) {
				let_gather(ring);
			}
		} else if (!poll_tail(ring)) {
			sleep_idle(ring);
		}
	}
	pthread_mutex_unlock(&ring->run_lock);
	/* Threads that wait for this ring check whether the context is dead or the ring is gone. */
	atomic_fetch_add(&ring->progress, 1);
	vtr_os_unpark(&ring->progress);
}

/* Runs new commands in the context's thread while the ring's thread sleeps, which saves waking that thread first.
 * Commands that may take long are left to the ring's thread. The caller wakes it in any case (it may nap), and it
 * goes on polling. */
static void run_borrowed(struct vtr_ring *ring)
{
	uint32_t n;

	if (pthread_mutex_trylock(&ring->run_lock) != 0) {
		return; /* the ring's thread is awake */
	}
	atomic_fetch_and(ring->status, ~(uint32_t)VK_RING_STATUS_IDLE_BIT_MESA);
	ring->dispatch.borrowed = true;
	for (n = pending(ring); n != 0 && consume(ring, n) && !ring->dispatch.postponed; n = pending(ring)) {
	}
	ring->dispatch.borrowed = false;
	pthread_mutex_unlock(&ring->run_lock);
}

static void wake_thread(struct vtr_ring *ring)
{
	/* Both are sequentially consistent: if the thread is about to park, then either its flag is seen here, or it
	 * sees the new word and does not park. */
	atomic_fetch_add(&ring->wake, 1);
	if (atomic_load(&ring->parks)) {
		vtr_os_unpark(&ring->wake);
	}
}

static void wake(struct vtr_ring *ring)
{
	wake_thread(ring);
	atomic_fetch_add(&ring->virtqueue_word, 1);
	vtr_os_unpark(&ring->virtqueue_word);
	atomic_fetch_add(&ring->progress, 1);
	vtr_os_unpark(&ring->progress);
}

/* --- creation and destruction --------------------------------------------------------------------- */

struct span {
	size_t begin, size;
};

/* Returns: whether the span lies inside the ring's memory, is aligned, and overlaps no earlier span. */
static bool span_ok(const struct span *spans, size_t n, size_t hostmem)
{
	const struct span *s = &spans[n];

	if (s->begin % 4 != 0 || s->begin > hostmem || s->size > hostmem - s->begin) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (s->begin < spans[i].begin + spans[i].size && spans[i].begin < s->begin + s->size) {
			return false;
		}
	}
	return true;
}

static const char *check_layout(const VkRingCreateInfoMESA *info, const struct vtr_resource *res)
{
	const struct span spans[] = {
		{ info->headOffset, 4 },
		{ info->tailOffset, 4 },
		{ info->statusOffset, 4 },
		{ info->bufferOffset, info->bufferSize },
		{ info->extraOffset, info->extraSize },
	};

	if (res == NULL || !res->stream || res->map == NULL) {
		return "a ring's resource is no shared memory";
	}
	if (info->offset % 4 != 0 || info->offset > res->size || info->size > res->size - info->offset) {
		return "a ring lies outside its resource";
	}
	if (info->bufferSize == 0 || info->bufferSize > MAX_RING_SIZE ||
	    (info->bufferSize & (info->bufferSize - 1)) != 0) {
		return "a ring's buffer has a bad size";
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(spans); i++) {
		if (spans[i].size != 0 && !span_ok(spans, i, info->size)) {
			return "a ring's parts overlap or lie outside it";
		}
	}
	return NULL;
}

static void ring_fill(struct vtr_ring *ring, const VkRingCreateInfoMESA *info)
{
	const VkRingMonitorInfoMESA *monitor = vtr_chain_find(info, VK_STRUCTURE_TYPE_RING_MONITOR_INFO_MESA);
	const VkRingPriorityInfoMESA *priority =
		vtr_chain_find(info, VK_STRUCTURE_TYPE_RING_PRIORITY_INFO_MESA);
	uint8_t *base = ring->resource->map + info->offset;

	ring->head = (_Atomic uint32_t *)(void *)(base + info->headOffset);
	ring->tail = (_Atomic uint32_t *)(void *)(base + info->tailOffset);
	ring->status = (_Atomic uint32_t *)(void *)(base + info->statusOffset);
	ring->status_offset = ring->resource->offset + info->offset + info->statusOffset;
	ring->buffer = base + info->bufferOffset;
	ring->size = (uint32_t)info->bufferSize;
	ring->extra = info->extraSize != 0 ? base + info->extraOffset : NULL;
	ring->extra_size = info->extraSize;
	ring->idle_ns = info->idleTimeout < MAX_IDLE_NS ? info->idleTimeout : MAX_IDLE_NS;
	ring->monitor_ns = monitor != NULL ? monitor->maxReportingPeriodMicroseconds * UINT64_C(1000) : 0;
	ring->nice = priority != NULL ? priority->priority : 0;
	ring->gather = MIN_GATHER_PAUSES;
}

static struct vtr_ring *find(struct vtr_venus *venus, uint64_t id)
{
	for (uint32_t i = 0; i < venus->ring_count; i++) {
		if (venus->rings[i].id == id) {
			return venus->rings[i].ring;
		}
	}
	return NULL;
}

static void watch_thread(void *data);

/* Starts the thread that reports ALIVE, for the first ring that wants reports. */
static void watch_start(struct vtr_venus *venus, uint64_t monitor_ns)
{
	uint64_t period = monitor_ns / 3;

	if (period < MIN_WATCH_NS) {
		period = MIN_WATCH_NS;
	}
	pthread_mutex_lock(&venus->rings_lock);
	if (period < venus->watch_period_ns) {
		venus->watch_period_ns = period;
	}
	pthread_cond_signal(&venus->watch_wake);
	pthread_mutex_unlock(&venus->rings_lock);
	if (!venus->watch_runs) {
		venus->watch_runs = vtr_os_thread_create(&venus->watch, "venus-watch", watch_thread, venus) ==
		                    VTR_OK;
	}
}

static void report(const struct vtr_ring *ring, bool created)
{
	const struct vtr_venus_params *params = &ring->venus->params;

	params->events->ring(params->data, ring->id, created, ring->resource->fd, ring->status_offset);
}

/* Adds the ring to the context's list. Returns: false without memory. */
static bool list_add(struct vtr_venus *venus, struct vtr_ring *ring)
{
	bool ok = true;

	pthread_mutex_lock(&venus->rings_lock);
	if (venus->ring_count == venus->ring_room) {
		const uint32_t room = venus->ring_room != 0 ? venus->ring_room * 2 : 8;
		struct vtr_ring_entry *bigger = realloc(venus->rings, room * sizeof(*bigger));

		ok = bigger != NULL;
		if (ok) {
			venus->rings = bigger;
			venus->ring_room = room;
		}
	}
	if (ok) {
		venus->rings[venus->ring_count++] = (struct vtr_ring_entry){ ring->id, ring };
	}
	pthread_mutex_unlock(&venus->rings_lock);
	return ok;
}

static void list_remove(struct vtr_venus *venus, const struct vtr_ring *ring)
{
	pthread_mutex_lock(&venus->rings_lock);
	for (uint32_t i = 0; i < venus->ring_count; i++) {
		if (venus->rings[i].ring == ring) {
			venus->rings[i] = venus->rings[--venus->ring_count];
		}
	}
	pthread_mutex_unlock(&venus->rings_lock);
}

static const char *ring_start(struct vtr_venus *venus, struct vtr_ring *ring)
{
	if (atomic_load(ring->head) != 0 || atomic_load(ring->status) != 0) {
		return "a new ring's head or status is not zero";
	}
	if (ring->monitor_ns != 0) {
		atomic_fetch_or(ring->status, VK_RING_STATUS_ALIVE_BIT_MESA);
		watch_start(venus, ring->monitor_ns);
	}
	if (!list_add(venus, ring)) {
		return "no memory for a ring";
	}
	vtr_dispatch_init(&ring->dispatch, venus, ring);
	/* Report the ring before its thread starts: then a guest that sees the ring work can rely on FATAL if this
	 * process dies. */
	report(ring, true);
	if (vtr_os_thread_create(&ring->thread, "venus-ring", ring_thread, ring) != VTR_OK) {
		atomic_fetch_or(ring->status, VK_RING_STATUS_FATAL_BIT_MESA);
		report(ring, false);
		list_remove(venus, ring);
		vtr_dispatch_finish(&ring->dispatch);
		return "no thread for a ring";
	}
	return NULL;
}

/* Returns: NULL without memory, or without room in the budget. */
static struct vtr_ring *ring_alloc(struct vtr_venus *venus, uint64_t id)
{
	struct vtr_ring *ring;

	if (!vtr_budget_take(&venus->resources.budget, VTR_RING_BYTES)) {
		return NULL;
	}
	ring = calloc(1, sizeof(*ring));
	if (ring == NULL) {
		vtr_budget_give(&venus->resources.budget, VTR_RING_BYTES);
		return NULL;
	}
	ring->venus = venus;
	ring->id = id;
	pthread_mutex_init(&ring->run_lock, NULL);
	vtr_deferred_init(&ring->deferred);
	return ring;
}

/* Accepts NULL. */
static void ring_free(struct vtr_ring *ring)
{
	if (ring != NULL) {
		vtr_deferred_finish(ring);
		vtr_budget_give(&ring->venus->resources.budget, VTR_RING_BYTES);
		pthread_mutex_destroy(&ring->run_lock);
		free(ring);
	}
}

void vtr_hand_vkCreateRingMESA(struct vtr_dispatch *d, struct vtw_vkCreateRingMESA *a)
{
	struct vtr_venus *venus = d->venus;
	struct vtr_resource *res = vtr_resource_get(&venus->resources, a->pCreateInfo->resourceId);
	const char *why = check_layout(a->pCreateInfo, res);
	struct vtr_ring *ring = NULL;

	if (why == NULL && (venus->ring_count >= VTR_MAX_RINGS || find(venus, a->ring) != NULL)) {
		why = "too many rings, or one of this id exists";
	}
	if (why == NULL && (ring = ring_alloc(venus, a->ring)) == NULL) {
		why = "no memory for a ring, or none in the context's budget (-o max-memory)";
	}
	if (why == NULL) {
		ring->resource = res;
		ring_fill(ring, a->pCreateInfo);
		why = ring_start(venus, ring);
	}
	if (why != NULL) {
		vtr_resource_unref(res);
		ring_free(ring);
		vtr_dispatch_fail(d, why);
	}
}

void vtr_ring_be_gentle(struct vtr_ring *ring)
{
	if (ring != NULL) {
		ring->gentle = true;
	}
}

void vtr_ring_destroy(struct vtr_ring *ring)
{
	struct vtr_venus *venus = ring->venus;

	list_remove(venus, ring);
	atomic_store(&ring->stop, true);
	wake(ring);
	vtr_os_thread_join(&ring->thread);
	report(ring, false);
	vtr_dispatch_finish(&ring->dispatch);
	vtr_resource_unref(ring->resource);
	ring_free(ring);
}

void vtr_rings_destroy(struct vtr_venus *venus)
{
	while (venus->ring_count > 0) {
		vtr_ring_destroy(venus->rings[venus->ring_count - 1].ring);
	}
	if (venus->watch_runs) {
		pthread_mutex_lock(&venus->rings_lock);
		venus->watch_stop = true;
		pthread_cond_signal(&venus->watch_wake);
		pthread_mutex_unlock(&venus->rings_lock);
		vtr_os_thread_join(&venus->watch);
		venus->watch_runs = false;
	}
}

void vtr_rings_set_status(struct vtr_venus *venus, uint32_t bits)
{
	pthread_mutex_lock(&venus->rings_lock);
	for (uint32_t i = 0; i < venus->ring_count; i++) {
		atomic_fetch_or(venus->rings[i].ring->status, bits);
	}
	pthread_mutex_unlock(&venus->rings_lock);
}

void vtr_rings_wake(struct vtr_venus *venus)
{
	pthread_mutex_lock(&venus->rings_lock);
	for (uint32_t i = 0; i < venus->ring_count; i++) {
		wake(venus->rings[i].ring);
	}
	pthread_mutex_unlock(&venus->rings_lock);
}

/* Sets ALIVE, because waiting guests give up when it stays clear. Also wakes sleeping rings that got commands
 * without a notification. */
static void watch_thread(void *data)
{
	struct vtr_venus *venus = data;
	uint64_t before = 0;
	bool busy = true;

	pthread_mutex_lock(&venus->rings_lock);
	while (!venus->watch_stop) {
		uint64_t now = venus->ring_count;
		bool rest;

		for (uint32_t i = 0; i < venus->ring_count; i++) {
			struct vtr_ring *ring = venus->rings[i].ring;

			now += atomic_load(&ring->done);
			if (ring->monitor_ns != 0) {
				atomic_fetch_or(ring->status, VK_RING_STATUS_ALIVE_BIT_MESA);
			}
			if (has_more(ring)) {
				wake_thread(ring);
			}
		}
		rest = busy && now == before; /* the context has just become idle */
		busy = now != before;
		before = now;
		pthread_mutex_unlock(&venus->rings_lock);
		if (rest) {
			vtr_os_heap_trim();
		}
		vtr_shm_trim(&venus->resources, (uint64_t)vtr_os_now_ns() - TRIM_NS);
		pthread_mutex_lock(&venus->rings_lock);
		if (!venus->watch_stop) {
			(void)vtr_os_cond_wait_ns(&venus->watch_wake, &venus->rings_lock,
			                          (int64_t)venus->watch_period_ns);
		}
	}
	pthread_mutex_unlock(&venus->rings_lock);
}

/* --- commands about rings ------------------------------------------------------------------------- */

static struct vtr_ring *lookup(struct vtr_dispatch *d, uint64_t id)
{
	struct vtr_ring *ring = find(d->venus, id);

	if (ring == NULL) {
		vtr_cs_fail_value(&d->r, "no such ring", id);
	}
	return ring;
}

void vtr_hand_vkDestroyRingMESA(struct vtr_dispatch *d, struct vtw_vkDestroyRingMESA *a)
{
	struct vtr_ring *ring = lookup(d, a->ring);

	if (ring != NULL) {
		vtr_ring_destroy(ring);
	}
}

void vtr_hand_vkNotifyRingMESA(struct vtr_dispatch *d, struct vtw_vkNotifyRingMESA *a)
{
	struct vtr_ring *ring = lookup(d, a->ring);

	if (ring != NULL) {
		vtr_dispatch_pause(d);
		run_borrowed(ring);
		vtr_dispatch_resume(d);
		wake_thread(ring);
	}
}

void vtr_hand_vkWriteRingExtraMESA(struct vtr_dispatch *d, struct vtw_vkWriteRingExtraMESA *a)
{
	struct vtr_ring *ring = lookup(d, a->ring);

	if (ring == NULL) {
		return;
	}
	if (a->offset % 4 != 0 || ring->extra_size < 4 || a->offset > ring->extra_size - 4) {
		vtr_dispatch_fail(d, "an offset lies outside the ring's extra bytes");
		return;
	}
	atomic_store_explicit((_Atomic uint32_t *)(void *)(ring->extra + a->offset), a->value,
	                      memory_order_release);
}

void vtr_ring_set_virtqueue_seqno(struct vtr_ring *ring, uint64_t seqno)
{
	atomic_store(&ring->virtqueue_seqno, seqno);
	atomic_fetch_add(&ring->virtqueue_word, 1);
	vtr_os_unpark(&ring->virtqueue_word);
}

void vtr_hand_vkSubmitVirtqueueSeqnoMESA(struct vtr_dispatch *d, struct vtw_vkSubmitVirtqueueSeqnoMESA *a)
{
	struct vtr_ring *ring = lookup(d, a->ring);

	if (ring == NULL) {
		return;
	}
	vtr_dispatch_pause(d);
	if (!vtr_deferred_virtqueue_seqno(ring, a->seqno)) {
		vtr_ring_set_virtqueue_seqno(ring, a->seqno);
	}
	vtr_dispatch_resume(d);
}

void vtr_hand_vkWaitVirtqueueSeqnoMESA(struct vtr_dispatch *d, struct vtw_vkWaitVirtqueueSeqnoMESA *a)
{
	struct vtr_ring *ring = d->ring;

	vtr_dispatch_pause(d);
	for (;;) {
		const uint32_t word = atomic_load(&ring->virtqueue_word);

		vtr_ring_run_deferred(ring);
		if (atomic_load(&ring->virtqueue_seqno) >= a->seqno || atomic_load(&ring->stop) ||
		    vtr_venus_is_dead(d->venus)) {
			break;
		}
		(void)vtr_os_park(&ring->virtqueue_word, word, -1);
	}
	vtr_dispatch_resume(d);
}

void vtr_hand_vkWaitRingSeqnoMESA(struct vtr_dispatch *d, struct vtw_vkWaitRingSeqnoMESA *a)
{
	struct vtr_ring *ring = lookup(d, a->ring);
	const uint32_t seqno = (uint32_t)a->seqno;
	const int32_t way = ring != NULL ? vtr_ring_way_to(ring, seqno) : 0;

	if (way <= 0) {
		return;
	}
	if ((uint32_t)way > ring->size) {
		vtr_cs_fail_value(&d->r, "a ring's seqno is where it cannot get", a->seqno);
		return;
	}
	vtr_dispatch_pause(d);
	/* The guest sends no notification for the commands that it waits for here. */
	run_borrowed(ring);
	wake_thread(ring);
	for (int i = 0; i < SEQNO_PAUSES && vtr_ring_way_to(ring, seqno) > 0; i++) {
		vtr_os_cpu_relax();
	}
	if (vtr_ring_way_to(ring, seqno) > 0 && !vtr_deferred_begin(ring, seqno)) {
		vtr_ring_await(ring, seqno);
	}
	vtr_dispatch_resume(d);
}
