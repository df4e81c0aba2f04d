/* SPDX-License-Identifier: MIT */
#include "base/idmap.h"

#include <pthread.h>

#include "test.h"

/* What idmap.c opens and gives back as a whole; more of them than this are refused. */
#define CHUNK_IDS (UINT64_C(1) << 18)
#define MAX_CHUNKS 1024

static struct vtr_object object(uint64_t id)
{
	return (struct vtr_object){ .id = id, .handle = ~id, .type = 10 };
}

static void insert_get_remove(void)
{
	struct vtr_idmap map;
	struct vtr_object a = object(1), b = object(2), again = object(1);

	CHECK_OK(vtr_idmap_init(&map));
	CHECK(vtr_idmap_get(&map, 1) == NULL);
	CHECK_OK(vtr_idmap_insert(&map, &a));
	CHECK_OK(vtr_idmap_insert(&map, &b));
	CHECK(vtr_idmap_get(&map, 1) == &a);
	CHECK(vtr_idmap_get(&map, 2) == &b);
	CHECK_ERR(vtr_idmap_insert(&map, &again), VTR_ERR_INVALID);
	CHECK(vtr_idmap_get(&map, 1) == &a);
	CHECK(!vtr_idmap_remove(&map, &again)); /* another one of this id */
	CHECK(vtr_idmap_get(&map, 1) == &a);
	CHECK(vtr_idmap_remove(&map, &a));
	CHECK(!vtr_idmap_remove(&map, &a)); /* what is not there stays so */
	CHECK(vtr_idmap_get(&map, 1) == NULL);
	CHECK(vtr_idmap_get(&map, 2) == &b);
	CHECK_OK(vtr_idmap_insert(&map, &again));
	CHECK(vtr_idmap_get(&map, 1) == &again);
	vtr_idmap_finish(&map);
	vtr_idmap_finish(&map);
}

/* Ids are the guest's: any number may come. */
static void ids_of_any_value(void)
{
	const uint64_t bad[] = { 0, VTR_IDMAP_MAX_IDS, VTR_IDMAP_MAX_IDS + 1, UINT64_MAX, UINT64_C(1) << 63 };
	struct vtr_idmap map;
	struct vtr_object last = object(VTR_IDMAP_MAX_IDS - 1), first = object(1);

	CHECK_OK(vtr_idmap_init(&map));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vtr_object o = object(bad[i]);

		CHECK_ERR(vtr_idmap_insert(&map, &o), VTR_ERR_INVALID);
		CHECK(vtr_idmap_get(&map, bad[i]) == NULL);
		CHECK(!vtr_idmap_remove(&map, &o));
	}
	CHECK_OK(vtr_idmap_insert(&map, &last));
	CHECK(vtr_idmap_get(&map, last.id) == &last);
	CHECK_OK(vtr_idmap_insert(&map, &first));
	CHECK(vtr_idmap_get(&map, 1) == &first);
	CHECK(vtr_idmap_get(&map, last.id - 1) == NULL);
	CHECK(vtr_idmap_get(&map, VTR_IDMAP_MAX_IDS / 2) == NULL);
	vtr_idmap_remove(&map, &last);
	CHECK(vtr_idmap_get(&map, last.id) == NULL);
	CHECK(vtr_idmap_get(&map, 1) == &first);
	vtr_idmap_finish(&map);
}

/* A guest that scatters its ids cannot use up the kernel's mappings; what it drops counts no more. */
static void scattered_ids(void)
{
	static struct vtr_object objects[MAX_CHUNKS * 2];
	struct vtr_idmap map;
	uint32_t n = 0;

	CHECK_OK(vtr_idmap_init(&map));
	for (; n < MAX_CHUNKS * 2; n++) {
		objects[n] = object(1 + 2 * n * CHUNK_IDS);
		if (vtr_idmap_insert(&map, &objects[n]) != VTR_OK) {
			break;
		}
	}
	CHECK(n >= MAX_CHUNKS / 2 && n <= MAX_CHUNKS);
	CHECK_ERR(vtr_idmap_insert(&map, &objects[n]), VTR_ERR_LIMIT);
	for (uint32_t i = 0; i < n; i++) {
		CHECK(vtr_idmap_get(&map, objects[i].id) == &objects[i]);
		CHECK(vtr_idmap_get(&map, objects[i].id + 1) == NULL);
	}
	for (uint32_t i = 0; i < n; i++) {
		vtr_idmap_remove(&map, &objects[i]);
		CHECK(vtr_idmap_get(&map, objects[i].id) == NULL);
	}
	for (uint32_t i = 0; i < n; i++) {
		CHECK_OK(vtr_idmap_insert(&map, &objects[i]));
	}
	vtr_idmap_finish(&map);
}

/* Ids counted up for long, as a guest does: the parts behind are given back. */
static void ids_counted_up(void)
{
	struct vtr_idmap map;
	struct vtr_object ring[64], kept = object(5);

	CHECK_OK(vtr_idmap_init(&map));
	CHECK_OK(vtr_idmap_insert(&map, &kept));
	/* Steps of a prime, so that many parts are crossed at no special place. */
	for (uint64_t i = 0, id = 6; i < 300000; i++, id += 1009) {
		struct vtr_object *o = &ring[i % 64];

		if (i >= 64) {
			vtr_idmap_remove(&map, o);
		}
		*o = object(id);
		CHECK_OK(vtr_idmap_insert(&map, o));
	}
	CHECK(map.chunks <= 3);
	CHECK(vtr_idmap_get(&map, 5) == &kept);
	vtr_idmap_finish(&map);
}

enum { WRITERS = 3, READERS = 2, SLOTS = 512, ROUNDS = 3000 };

/* Each writer has ids of its own, in parts that all of them share. */
struct shared {
	struct vtr_idmap map;
	struct vtr_object objects[WRITERS][SLOTS];
	_Atomic bool stop;
	_Atomic uint64_t found;
};

struct worker {
	struct shared *shared;
	uint32_t number;
};

static uint64_t slot_id(uint32_t writer, uint32_t slot)
{
	/* Some at the border of two parts, some far away. */
	return CHUNK_IDS * (1 + slot % 4) - 100 + (uint64_t)slot * WRITERS + writer;
}

static void *write_thread(void *data)
{
	const struct worker *w = data;
	struct shared *s = w->shared;
	bool present[SLOTS] = { false };
	uint32_t seed = w->number + 1;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		seed = seed * 1664525 + 1013904223;
		const uint32_t slot = (seed >> 8) % SLOTS;
		struct vtr_object *o = &s->objects[w->number][slot];

		if (present[slot]) {
			CHECK(vtr_idmap_get(&s->map, o->id) == o);
			vtr_idmap_remove(&s->map, o);
			CHECK(vtr_idmap_get(&s->map, o->id) == NULL);
		} else {
			CHECK_OK(vtr_idmap_insert(&s->map, o));
		}
		present[slot] = !present[slot];
	}
	return NULL;
}

static void *read_thread(void *data)
{
	const struct worker *w = data;
	struct shared *s = w->shared;
	uint64_t found = 0;
	bool last;

	/* Once more when the writers are done: what they left is there then, however slow this thread is. */
	do {
		last = atomic_load(&s->stop);
		for (uint32_t slot = 0; slot < SLOTS; slot++) {
			const uint32_t writer = (slot + w->number) % WRITERS;
			const uint64_t id = slot_id(writer, slot);
			const struct vtr_object *o = vtr_idmap_get(&s->map, id);

			/* There or not, but never another one, and whole. */
			CHECK(o == NULL ||
			      (o == &s->objects[writer][slot] && o->id == id && o->handle == ~id));
			found += o != NULL;
		}
	} while (!last);
	atomic_fetch_add(&s->found, found);
	return NULL;
}

static void many_threads(void)
{
	static struct shared s;
	pthread_t threads[WRITERS + READERS];
	struct worker workers[WRITERS + READERS];

	CHECK_OK(vtr_idmap_init(&s.map));
	for (uint32_t w = 0; w < WRITERS; w++) {
		for (uint32_t slot = 0; slot < SLOTS; slot++) {
			s.objects[w][slot] = object(slot_id(w, slot));
		}
	}
	for (uint32_t i = 0; i < WRITERS + READERS; i++) {
		workers[i] = (struct worker){ &s, i < WRITERS ? i : i - WRITERS };
		CHECK_EQ(pthread_create(&threads[i], NULL, i < WRITERS ? write_thread : read_thread,
		                        &workers[i]),
		         0);
	}
	for (uint32_t i = 0; i < WRITERS; i++) {
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	}
	atomic_store(&s.stop, true);
	for (uint32_t i = WRITERS; i < WRITERS + READERS; i++) {
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	}
	CHECK(s.found > 0);
	vtr_idmap_finish(&s.map);
}

/* All threads want the same id: one gets it. */
static void *claim_thread(void *data)
{
	struct vtr_idmap *map = data;
	static struct vtr_object objects[4000];
	static _Atomic uint32_t next;
	uintptr_t won = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		struct vtr_object *o = &objects[atomic_fetch_add(&next, 1)];

		*o = object(77 + i);
		won += vtr_idmap_insert(map, o) == VTR_OK;
	}
	return (void *)won;
}

static void one_wins(void)
{
	struct vtr_idmap map;
	pthread_t threads[4];
	uintptr_t total = 0;

	CHECK_OK(vtr_idmap_init(&map));
	for (size_t i = 0; i < 4; i++) {
		CHECK_EQ(pthread_create(&threads[i], NULL, claim_thread, &map), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		void *won;

		CHECK_EQ(pthread_join(threads[i], &won), 0);
		total += (uintptr_t)won;
	}
	CHECK_EQ(total, 1000);
	vtr_idmap_finish(&map);
}

int main(void)
{
	RUN(insert_get_remove);
	RUN(ids_of_any_value);
	RUN(scattered_ids);
	RUN(ids_counted_up);
	RUN(many_threads);
	RUN(one_wins);
	return 0;
}
