/* SPDX-License-Identifier: MIT */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A token bucket, which limits how often something happens: `burst` times at once, then once in each interval. A bucket
 * of zeros is full.
 *
 * Thread: the owner's.
 */
struct vtr_bucket {
	unsigned used; /* tokens that are missing */
	int64_t refilled_ns;
};

/* Gives back the tokens of the time that has passed. */
static inline void vtr_bucket_refill(struct vtr_bucket *bucket, int64_t interval_ns, int64_t now_ns)
{
	const int64_t earned = (now_ns - bucket->refilled_ns) / interval_ns;

	if (bucket->used == 0) {
		bucket->refilled_ns = now_ns;
	} else if (earned > 0) {
		bucket->used = earned < bucket->used ? bucket->used - (unsigned)earned : 0;
		bucket->refilled_ns += earned * interval_ns;
	}
}

/* Takes a token. Returns: false if there is none. */
static inline bool vtr_bucket_take(struct vtr_bucket *bucket, unsigned burst, int64_t interval_ns,
                                   int64_t now_ns)
{
	vtr_bucket_refill(bucket, interval_ns, now_ns);
	if (bucket->used >= burst) {
		return false;
	}
	bucket->used++;
	return true;
}

#endif
