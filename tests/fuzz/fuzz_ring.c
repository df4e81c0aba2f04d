/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "platform/shm.h"
#include "platform/thread.h"
#include "venus/venus.h"
#include "venus_events.h"
#include "vk/renderer_config.h"
#include "vk_gen.h"

/*
 * Command streams for a context that has no driver: where replies go, rings, streams in shared
 * memory, and everything that must be refused.
 *
 * The first word says how: bit 0, the commands come through a ring, else in the context's stream;
 * bit 1, a guest's thread scribbles over the shared memory meanwhile. The rest are commands; a copy
 * of them lies in resource 3, for indirect streams.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 4096
/* Waits for what never happens end by the context's death, as when the guest's process goes. */
#define PATIENCE_NS INT64_C(50000000)

enum { REPLY = 1, RING = 2, STREAM = 3, RESOURCES = 3, RESOURCE_SIZE = 65536 };
enum { IN_RING = 1, SCRIBBLE = 2 };
/* Command numbers. */
enum { CREATE_RING = 188, NOTIFY_RING = 190, WAIT_RING_SEQNO = 253 };
/* Where ring 7 lies in resource 2; what the input makes itself may lie before it. */
enum { OWN_RING = 7, RING_AT = 32768, TAIL_AT = RING_AT + 64, BUFFER_AT = RING_AT + 192, BUFFER_SIZE = 8192 };

static void on_ring(void *data, uint64_t ring_id, bool created, int fd, uint64_t status_offset)
{
	(void)ring_id;
	(void)fd;
	(void)status_offset;
	*(int *)data += created ? 1 : -1;
}

static const struct vtr_venus_events events = { .fence = ignore_fence,
	                                        .ring = on_ring,
	                                        .dead = ignore_death };

struct guest {
	struct vtr_venus *venus;
	uint8_t *map[RESOURCES + 1];
	const uint8_t *data;
	size_t size;
	bool scribble;
	pthread_mutex_t lock; /* guards done */
	pthread_cond_t over;
	bool done;
};

/* Writes what a guest must not, and ends the context when it does not end by itself. */
static void guest_thread(void *data)
{
	struct guest *g = data;
	const int64_t start = vtr_os_now_ns();

	for (size_t i = 0; g->scribble && g->size != 0 && i < 4096; i++) {
		((volatile uint8_t *)g->map[1 + i % RESOURCES])[i * 61 % RESOURCE_SIZE] ^=
			g->data[i % g->size];
	}
	pthread_mutex_lock(&g->lock);
	while (!g->done && vtr_os_now_ns() - start < PATIENCE_NS) {
		(void)vtr_os_cond_wait_ns(&g->over, &g->lock, PATIENCE_NS);
	}
	if (!g->done) {
		vtr_venus_kill(g->venus);
	}
	pthread_mutex_unlock(&g->lock);
}

static void put(uint32_t **at, const void *value, size_t size)
{
	memcpy(*at, value, size);
	*at += size / 4;
}

static void put32(uint32_t **at, uint32_t v)
{
	put(at, &v, sizeof(v));
}

static void put64(uint32_t **at, uint64_t v)
{
	put(at, &v, sizeof(v));
}

/* vkCreateRingMESA, as Mesa writes it. */
static enum vtr_err make_ring(struct guest *g)
{
	const uint64_t layout[] = { RING_AT,
		                    RESOURCE_SIZE - RING_AT,
		                    0,
		                    0,
		                    TAIL_AT - RING_AT,
		                    128,
		                    BUFFER_AT - RING_AT,
		                    BUFFER_SIZE,
		                    BUFFER_AT - RING_AT + BUFFER_SIZE,
		                    12 };
	uint32_t words[64], *at = words;

	put32(&at, CREATE_RING);
	put32(&at, 0);
	put64(&at, OWN_RING);
	put64(&at, 1);
	put32(&at, VK_STRUCTURE_TYPE_RING_CREATE_INFO_MESA);
	put64(&at, 0);
	put32(&at, 0);
	put32(&at, RING);
	for (size_t i = 0; i < sizeof(layout) / sizeof(layout[0]); i++) {
		put64(&at, layout[i]);
	}
	return vtr_venus_submit(g->venus, words, (size_t)(at - words) * 4);
}

/* Says that the input is in the ring and waits until it was read, or for the end. */
static void run_in_ring(struct guest *g)
{
	uint32_t words[16], *at = words;

	if (make_ring(g) != VTR_OK) {
		return;
	}
	__atomic_store_n((uint32_t *)(void *)(g->map[RING] + TAIL_AT), (uint32_t)g->size, __ATOMIC_RELEASE);
	put32(&at, NOTIFY_RING);
	put32(&at, 0);
	put64(&at, OWN_RING);
	put32(&at, 0);
	put32(&at, 0);
	put32(&at, WAIT_RING_SEQNO);
	put32(&at, 0);
	put64(&at, OWN_RING);
	put64(&at, g->size);
	const enum vtr_err err = vtr_venus_submit(g->venus, words, (size_t)(at - words) * 4);

	vtr_assert(err == VTR_OK || (err == VTR_ERR_PROTOCOL && vtr_venus_is_dead(g->venus)));
}

static void run(struct guest *g, uint32_t how)
{
	struct vtr_os_thread thread;

	if ((how & IN_RING) != 0) {
		memcpy(g->map[RING] + BUFFER_AT, g->data, g->size); /* before another thread overwrites it */
	}
	vtr_assert(vtr_os_thread_create(&thread, "guest", guest_thread, g) == VTR_OK);
	if ((how & IN_RING) != 0) {
		run_in_ring(g);
	} else {
		const enum vtr_err err = vtr_venus_submit(g->venus, g->data, g->size);

		vtr_assert(err == VTR_OK || (err == VTR_ERR_PROTOCOL && vtr_venus_is_dead(g->venus)));
	}
	pthread_mutex_lock(&g->lock);
	g->done = true;
	pthread_cond_signal(&g->over);
	pthread_mutex_unlock(&g->lock);
	vtr_os_thread_join(&thread);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int rings = 0;
	static const struct vtr_renderer_config config = { .max_memory = 1 << 20 };
	const struct vtr_venus_params params = { .events = &events, .data = &rings, .config = &config };
	struct guest g = { .data = data + 4,
		           .size = (size - 4) & ~(size_t)3,
		           .lock = PTHREAD_MUTEX_INITIALIZER };
	uint32_t how;

	if (size < 4 || size > INPUT_MAX || vtr_venus_create(&params, &g.venus) != VTR_OK) {
		return 0;
	}
	memcpy(&how, data, sizeof(how));
	g.scribble = (how & SCRIBBLE) != 0;
	vtr_os_cond_init(&g.over);
	for (uint32_t i = 1; i <= RESOURCES; i++) {
		struct vtr_blob blob;
		void *map;

		vtr_assert(vtr_venus_blob_create(g.venus, i, 0, VTR_BLOB_MAPPABLE, RESOURCE_SIZE, &blob) ==
		           VTR_OK);
		vtr_assert(vtr_os_shm_map(blob.fd, 0, RESOURCE_SIZE, true, &map) == VTR_OK);
		g.map[i] = map;
	}
	memcpy(g.map[STREAM], g.data, g.size);
	run(&g, how);
	for (uint32_t i = 1; i <= RESOURCES; i++) {
		vtr_venus_resource_destroy(g.venus, i);
	}
	vtr_venus_destroy(g.venus);
	vtr_assert(rings == 0);
	for (uint32_t i = 1; i <= RESOURCES; i++) {
		vtr_os_shm_unmap(g.map[i], RESOURCE_SIZE);
	}
	pthread_cond_destroy(&g.over);
	return 0;
}
