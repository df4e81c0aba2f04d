/* SPDX-License-Identifier: MIT */
#include "base/idmap.h"

#include <sys/mman.h>

/* A chunk is 2 MiB of slots. It becomes writable as a whole and is released as a whole. */
#define CHUNK_SHIFT 18
#define CHUNK_SLOTS (UINT64_C(1) << CHUNK_SHIFT)
#define CHUNK_BYTES (CHUNK_SLOTS * sizeof(struct vtr_object *))
#define CHUNK_COUNT (VTR_IDMAP_MAX_IDS >> CHUNK_SHIFT)
#define MAP_BYTES (VTR_IDMAP_MAX_IDS * sizeof(struct vtr_object *))
#define NO_CHUNK UINT64_MAX
/* Each chunk in use splits a kernel mapping, and a process may have about 65,000 of those. Guests allocate
 * ids in ascending order, so only a handful of chunks are in use at once. */
#define MAX_CHUNKS 1024

static enum vtr_err reserve(size_t size, int prot, void **out)
{
	void *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		return VTR_ERR_NOMEM;
	}
	*out = p;
	return VTR_OK;
}

enum vtr_err vtr_idmap_init(struct vtr_idmap *map)
{
	void *slots, *live;

	/* The array is readable and never written here: it costs no memory and counts against no limit, and
	 * an arbitrary id reads NULL. */
	if (reserve(MAP_BYTES, PROT_READ, &slots) != VTR_OK) {
		return VTR_ERR_NOMEM;
	}
	if (reserve(CHUNK_COUNT * sizeof(uint32_t), PROT_READ | PROT_WRITE, &live) != VTR_OK) {
		munmap(slots, MAP_BYTES);
		return VTR_ERR_NOMEM;
	}
	pthread_mutex_init(&map->lock, NULL);
	map->slots = slots;
	map->live = live;
	map->newest = NO_CHUNK;
	map->chunks = 0;
	return VTR_OK;
}

void vtr_idmap_finish(struct vtr_idmap *map)
{
	if (map->slots != NULL) {
		munmap(map->slots, MAP_BYTES);
		munmap(map->live, CHUNK_COUNT * sizeof(uint32_t));
		pthread_mutex_destroy(&map->lock);
		map->slots = NULL;
	}
}

static enum vtr_err open_chunk(struct vtr_idmap *map, uint64_t chunk)
{
	if (map->chunks >= MAX_CHUNKS) {
		return VTR_ERR_LIMIT;
	}
	if (mprotect(&map->slots[chunk << CHUNK_SHIFT], CHUNK_BYTES, PROT_READ | PROT_WRITE) < 0) {
		return VTR_ERR_LIMIT;
	}
	map->chunks++;
	return VTR_OK;
}

static void close_chunk(struct vtr_idmap *map, uint64_t chunk)
{
	void *start = &map->slots[chunk << CHUNK_SHIFT];

	madvise(start, CHUNK_BYTES, MADV_DONTNEED);
	mprotect(start, CHUNK_BYTES, PROT_READ);
	map->chunks--;
}

enum vtr_err vtr_idmap_insert(struct vtr_idmap *map, struct vtr_object *object)
{
	const uint64_t id = object->id;
	const uint64_t chunk = id >> CHUNK_SHIFT;
	enum vtr_err err = VTR_OK;

	if (id == 0 || id >= VTR_IDMAP_MAX_IDS) {
		return VTR_ERR_INVALID;
	}
	pthread_mutex_lock(&map->lock);
	if (vtr_idmap_get(map, id) != NULL) {
		err = VTR_ERR_INVALID;
	} else if (map->live[chunk] == 0 && chunk != map->newest) {
		err = open_chunk(map, chunk);
	}
	if (err == VTR_OK) {
		const uint64_t old = map->newest;

		if (old == NO_CHUNK || chunk > old) {
			map->newest = chunk;
			if (old != NO_CHUNK && map->live[old] == 0) {
				close_chunk(map, old);
			}
		}
		map->live[chunk]++;
		atomic_store_explicit(&map->slots[id], object, memory_order_release);
	}
	pthread_mutex_unlock(&map->lock);
	return err;
}

bool vtr_idmap_remove(struct vtr_idmap *map, const struct vtr_object *object)
{
	const uint64_t id = object->id;
	const uint64_t chunk = id >> CHUNK_SHIFT;
	bool found;

	pthread_mutex_lock(&map->lock);
	found = vtr_idmap_get(map, id) == object;
	if (found) {
		atomic_store_explicit(&map->slots[id], NULL, memory_order_release);
		if (--map->live[chunk] == 0 && chunk != map->newest) {
			close_chunk(map, chunk);
		}
	}
	pthread_mutex_unlock(&map->lock);
	return found;
}
