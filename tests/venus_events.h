/* SPDX-License-Identifier: MIT */
#ifndef TESTS_VENUS_EVENTS_H
#define TESTS_VENUS_EVENTS_H

#include "venus/venus.h"

/* Events of a context (struct vtr_venus_events) that a test does not look at. */

static inline void ignore_fence(void *data, uint32_t timeline, uint64_t fence_id)
{
	(void)data;
	(void)timeline;
	(void)fence_id;
}

static inline void ignore_ring(void *data, uint64_t ring_id, bool created, int fd, uint64_t status_offset)
{
	(void)data;
	(void)ring_id;
	(void)created;
	(void)fd;
	(void)status_offset;
}

static inline void ignore_death(void *data)
{
	(void)data;
}

static inline void ignore_release(void *data, uint32_t res_id)
{
	(void)data;
	(void)res_id;
}

#endif
