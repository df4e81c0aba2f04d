/* SPDX-License-Identifier: MIT */
/* Rings of a context without a driver: how they begin and end. */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/shm.h"
#include "platform/thread.h"
#include "test.h"
#include "venus/venus.h"
#include "venus_events.h"
#include "vk/renderer_config.h"
#include "vk_gen.h"

/* Where the parts of a ring lie in its resource. */
enum { HEAD_AT = 0, TAIL_AT = 64, STATUS_AT = 128, BUFFER_AT = 192, BUFFER_SIZE = 4096 };
enum { EXTRA_AT = BUFFER_AT + BUFFER_SIZE, RING_SIZE = EXTRA_AT + 4 };
/* Command numbers. */
enum { SET_REPLY = 178, CREATE_RING = 188, DESTROY_RING = 189 };

struct guest {
	struct vtr_venus *venus;
	uint8_t *map; /* of the ring made last */
	int rings;    /* that were reported */
	bool dead;
};

/* How many threads of rings were started, and whether there can be none. */
static int threads;
static bool no_threads;

enum vtr_err __real_vtr_os_thread_create(struct vtr_os_thread *out_thread, const char *name,
                                         void (*fn)(void *arg), void *arg);
enum vtr_err __wrap_vtr_os_thread_create(struct vtr_os_thread *out_thread, const char *name,
                                         void (*fn)(void *arg), void *arg);

enum vtr_err __wrap_vtr_os_thread_create(struct vtr_os_thread *out_thread, const char *name,
                                         void (*fn)(void *arg), void *arg)
{
	CHECK_STR(name, "venus-ring");
	if (no_threads) {
		return VTR_ERR_LIMIT;
	}
	threads++;
	return __real_vtr_os_thread_create(out_thread, name, fn, arg);
}

static uint32_t load(const struct guest *g, size_t at)
{
	return __atomic_load_n((uint32_t *)(void *)(g->map + at), __ATOMIC_SEQ_CST);
}

static void on_ring(void *data, uint64_t ring_id, bool created, int fd, uint64_t status_offset)
{
	struct guest *g = data;

	(void)ring_id;
	(void)fd;
	(void)status_offset;
	g->rings += created ? 1 : -1;
	if (created) {
		CHECK_EQ(threads, 0);
		CHECK_EQ(load(g, HEAD_AT), 0);
	}
}

static void on_dead(void *data)
{
	((struct guest *)data)->dead = true;
}

static const struct vtr_venus_events events = { .fence = ignore_fence, .ring = on_ring, .dead = on_dead };

static void begin(struct guest *g)
{
	static const struct vtr_renderer_config config = { .max_memory = 16 << 20 };
	const struct vtr_venus_params params = { .events = &events, .data = g, .config = &config };

	*g = (struct guest){ 0 };
	CHECK_OK(vtr_venus_create(&params, &g->venus));
}

static void end(struct guest *g)
{
	vtr_venus_destroy(g->venus);
	vtr_os_shm_unmap(g->map, RING_SIZE);
	CHECK_EQ(g->rings, 0);
}

static void make_memory(struct guest *g, uint32_t res_id)
{
	struct vtr_blob blob;
	void *map;

	vtr_os_shm_unmap(g->map, RING_SIZE);
	CHECK_OK(vtr_venus_blob_create(g->venus, res_id, 0, VTR_BLOB_MAPPABLE, RING_SIZE, &blob));
	CHECK_OK(vtr_os_shm_map(blob.fd, 0, RING_SIZE, true, &map));
	g->map = map;
}

static uint32_t *put(uint32_t *at, uint64_t value, size_t size)
{
	memcpy(at, &value, size);
	return at + size / 4;
}

/* vkCreateRingMESA, as Mesa writes it. */
static enum vtr_err make_ring(struct guest *g, uint64_t id, uint32_t res_id)
{
	const uint64_t layout[] = { 0,         RING_SIZE, 0,           HEAD_AT,  TAIL_AT,
		                    STATUS_AT, BUFFER_AT, BUFFER_SIZE, EXTRA_AT, 4 };
	uint32_t words[64], *at = words;

	at = put(at, CREATE_RING, 8);
	at = put(at, id, 8);
	at = put(at, 1, 8);
	at = put(at, VK_STRUCTURE_TYPE_RING_CREATE_INFO_MESA, 4);
	at = put(at, 0, 8);
	at = put(at, 0, 4);
	at = put(at, res_id, 4);
	for (size_t i = 0; i < VTR_ARRAY_LEN(layout); i++) {
		at = put(at, layout[i], 8);
	}
	return vtr_venus_submit(g->venus, words, (size_t)(at - words) * 4);
}

static enum vtr_err destroy_ring(struct guest *g, uint64_t id)
{
	uint32_t words[4], *at = put(words, DESTROY_RING, 8);

	at = put(at, id, 8);
	return vtr_venus_submit(g->venus, words, (size_t)(at - words) * 4);
}

/* A ring's commands, there before the ring is: 16 times where its replies go. */
static void fill(struct guest *g, uint32_t res_id)
{
	uint32_t *at = (uint32_t *)(void *)(g->map + BUFFER_AT);

	for (int i = 0; i < 16; i++) {
		at = put(at, SET_REPLY, 8);
		at = put(at, 1, 8);
		at = put(at, res_id, 4);
		at = put(at, 0, 8);
		at = put(at, 4, 8);
	}
	__atomic_store_n((uint32_t *)(void *)(g->map + TAIL_AT),
	                 (uint32_t)((uint8_t *)at - g->map - BUFFER_AT), __ATOMIC_SEQ_CST);
}

static void wait_until_read(const struct guest *g)
{
	for (int i = 0; i < 60000 && load(g, HEAD_AT) != load(g, TAIL_AT); i++) {
		usleep(1000);
	}
	CHECK_EQ(load(g, HEAD_AT), load(g, TAIL_AT));
}

/* Who hears of a ring can say when the process is gone: nothing of it may be done before. */
static void reported_before_it_runs(void)
{
	struct guest g;

	begin(&g);
	make_memory(&g, 1);
	fill(&g, 1);
	CHECK_OK(make_ring(&g, 7, 1));
	CHECK_EQ(g.rings, 1);
	CHECK_EQ(threads, 1);
	wait_until_read(&g);
	CHECK_OK(destroy_ring(&g, 7));
	CHECK_EQ(g.rings, 0);
	end(&g);
}

/* Without a thread for it, the ring says so by itself, and is not there any more. */
static void no_thread(void)
{
	struct guest g;

	begin(&g);
	make_memory(&g, 1);
	fill(&g, 1);
	no_threads = true;
	CHECK_ERR(make_ring(&g, 7, 1), VTR_ERR_PROTOCOL);
	no_threads = false;
	CHECK(g.dead);
	CHECK_EQ(g.rings, 0);
	CHECK_EQ(load(&g, STATUS_AT) & VK_RING_STATUS_FATAL_BIT_MESA, VK_RING_STATUS_FATAL_BIT_MESA);
	CHECK_EQ(load(&g, HEAD_AT), 0);
	end(&g);
}

int main(void)
{
	RUN(no_thread);
	RUN(reported_before_it_runs);
	return 0;
}
