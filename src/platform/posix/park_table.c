/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "base/mem.h"
#include "platform/os.h"
#include "platform/thread.h"

/* Words that share a bucket wake each other's threads, which then look at their word again. */
#define BUCKETS 64

struct bucket {
	pthread_mutex_t lock;
	pthread_cond_t woken;
	_Atomic uint32_t waiting;
};

/* Thread: each bucket has its lock; `waiting` may be read without it. */
static struct bucket buckets[BUCKETS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_buckets(void)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		pthread_mutex_init(&buckets[i].lock, NULL);
		vtr_os_cond_init(&buckets[i].woken);
	}
}

static struct bucket *find_bucket(const _Atomic uint32_t *word)
{
	const uint64_t hash = (uint64_t)(uintptr_t)word * UINT64_C(0x9e3779b97f4a7c15);

	pthread_once(&once, init_buckets);
	return &buckets[(hash >> 32) % BUCKETS];
}

bool vtr_os_park_in_table(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
	struct bucket *bucket = find_bucket(word);
	bool in_time = true;

	pthread_mutex_lock(&bucket->lock);
	atomic_fetch_add(&bucket->waiting, 1);
	/* Pairs with the fence in vtr_os_unpark_in_table(): either this sees the new value, or that sees `waiting`. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(word) == expected) {
		in_time = vtr_os_cond_wait_ns(&bucket->woken, &bucket->lock, timeout_ns);
	}
	atomic_fetch_sub(&bucket->waiting, 1);
	pthread_mutex_unlock(&bucket->lock);
	return in_time;
}

void vtr_os_unpark_in_table(_Atomic uint32_t *word)
{
	struct bucket *bucket = find_bucket(word);

	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&bucket->waiting) > 0) {
		pthread_mutex_lock(&bucket->lock);
		pthread_cond_broadcast(&bucket->woken);
		pthread_mutex_unlock(&bucket->lock);
	}
}
