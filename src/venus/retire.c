/* SPDX-License-Identifier: MIT */
#include "venus/retire.h"

#include "base/mem.h"

void vtr_retire_init(struct vtr_retire *retire)
{
	pthread_mutex_init(&retire->lock, NULL);
	vtr_list_init(&retire->items);
	vtr_list_init(&retire->streams);
}

static void free_items(struct vtr_list *items)
{
	while (!vtr_list_empty(items)) {
		struct vtr_retired *item = vtr_container_of(items->next, struct vtr_retired, link);

		vtr_list_remove(&item->link);
		item->free(item);
	}
}

void vtr_retire_finish(struct vtr_retire *retire)
{
	free_items(&retire->items);
	pthread_mutex_destroy(&retire->lock);
}

void vtr_retire_stream_init(struct vtr_retire *retire, struct vtr_retire_stream *stream)
{
	atomic_init(&stream->epoch, VTR_RETIRE_IDLE);
	pthread_mutex_lock(&retire->lock);
	vtr_list_insert(&retire->streams, &stream->link);
	pthread_mutex_unlock(&retire->lock);
}

void vtr_retire_stream_finish(struct vtr_retire *retire, struct vtr_retire_stream *stream)
{
	vtr_retire_end(stream);
	pthread_mutex_lock(&retire->lock);
	vtr_list_remove(&stream->link);
	pthread_mutex_unlock(&retire->lock);
}

uint64_t vtr_retire_advance(struct vtr_retire *retire)
{
	uint64_t oldest = atomic_fetch_add(&retire->epoch, 1) + 1;
	const struct vtr_retire_stream *stream;

	atomic_thread_fence(memory_order_seq_cst);
	vtr_list_for_each (stream, &retire->streams, link) {
		oldest = vtr_min(oldest, atomic_load_explicit(&stream->epoch, memory_order_acquire));
	}
	return oldest;
}

void vtr_retire_look(struct vtr_retire *retire, void (*look)(void *data, struct vtr_retire_stream *stream),
                     void *data)
{
	struct vtr_retire_stream *stream;

	pthread_mutex_lock(&retire->lock);
	vtr_list_for_each (stream, &retire->streams, link) {
		look(data, stream);
	}
	(void)vtr_retire_advance(retire);
	pthread_mutex_unlock(&retire->lock);
}

void vtr_retire_add(struct vtr_retire *retire, struct vtr_retired *item)
{
	pthread_mutex_lock(&retire->lock);
	item->epoch = atomic_load_explicit(&retire->epoch, memory_order_relaxed);
	vtr_list_append(&retire->items, &item->link);
	retire->count++;
	pthread_mutex_unlock(&retire->lock);
}

uint32_t vtr_retire_reclaim(struct vtr_retire *retire)
{
	struct vtr_list free;
	uint64_t oldest;
	uint32_t left;

	vtr_list_init(&free);
	pthread_mutex_lock(&retire->lock);
	oldest = vtr_retire_advance(retire);
	while (!vtr_list_empty(&retire->items)) {
		struct vtr_retired *item = vtr_container_of(retire->items.next, struct vtr_retired, link);

		if (item->epoch >= oldest) {
			break;
		}
		vtr_list_remove(&item->link);
		vtr_list_append(&free, &item->link);
		retire->count--;
	}
	left = retire->count;
	pthread_mutex_unlock(&retire->lock);
	free_items(&free);
	return left;
}
