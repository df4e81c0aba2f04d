/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_RINGS_GUEST_H
#define TESTS_UNIT_RINGS_GUEST_H

#include "base/mem.h"
#include "guest_ring.h"
#include "platform/shm.h"
#include "platform/thread.h"
#include "strict_commands.h"

/* A guest with two rings that records command buffers as Mesa does. Thread: one. */
enum { PATIENCE_MS = 60000, DRAWS = 400 };
/* Resources, and objects of the guest. */
enum { RING_RES = 2, STREAM_RES = 8, STREAM_SIZE = 16 << 20 };
enum { POOL = FREE, POOL2, EVENT, BUFFER, FIRST = 100, OTHER = 200 };

extern struct guest guest;
extern bool strict; /* the driver checks its callers: see strict_commands.h */
extern size_t hostmem; /* its size, for guests that are opened then */
extern uint8_t *streams; /* the memory of streams, of which so many bytes are used */
extern size_t stream_used;
extern struct vtr_cs_writer writer; /* of the stream that is open */

#define ON_DEVICE .device = ID(VkDevice, DEVICE)
#define RING(ring, name, ...) \
	(enc_##name(guest_begin(&guest), 0, &(struct vtw_##name){ __VA_ARGS__ }), write_ring(ring))
#define PUT(name, ...) enc_##name(&writer, 0, &(struct vtw_##name){ __VA_ARGS__ })

uint32_t *word(unsigned ring, size_t at);
void make_ring(unsigned ring);
bool is_broken(unsigned ring);
/* Waits until the ring has no more than `left` bytes. Returns: false if the context has died. */
bool wait_ring(unsigned ring, uint32_t left);
/* Puts what was encoded into a ring. */
void write_ring(unsigned ring);
void open_stream(void);
/* Sends what was written to the stream since, in `parts` pieces of which all but the last have `first` bytes. */
void send_stream(unsigned ring, size_t first);
void put_begin(uint64_t id);
void put_end(uint64_t id);
void put_draws(uint64_t id, uint32_t value, uint32_t count);
/* Records a buffer that shall have the content `value`, as Mesa does if it is long. */
void record(unsigned ring, uint64_t id, uint32_t value);
uint64_t sum_of(uint32_t value, uint32_t count);
void submit_more(unsigned ring, uint64_t first, uint32_t count);
void submit_buffers(unsigned ring, uint64_t first, uint32_t count);
/* The `at`-th of the submitted buffers has this content. */
void check_submitted(uint32_t at, uint32_t value);
void make_buffers(uint64_t pool, uint64_t first, uint32_t count, VkCommandBufferLevel level);
void make_pool(uint64_t id);
void open_memory(uint64_t max_memory);
void open_guest(void);
void close_guest(void);
void wait_held(unsigned count);
void make_buffer(void);
/* The ring has commands that must not run yet. */
void check_stuck(unsigned ring);

#endif
