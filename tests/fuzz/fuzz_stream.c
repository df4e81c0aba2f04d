/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/shm.h"
#include "stream/checker.h"
#include "stream/fields.h"
#include "stream/recording.h"
#include "stream/trunks.h"
#include "venus/venus.h"
#include "venus_events.h"
#include "vk/renderer_config.h"

/*
 * What real programs send, changed by meaning (stream/mutate.c), to a context on a driver that checks what reaches it
 * (stream/checker.h). stream/recording.h describes the input. Rings, and memory for replies and for indirect streams,
 * are made here, because their places say nothing about a program; the target `ring` looks for faults there.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An object whose id another ring has taken meanwhile ends the context, and ends with the worker's process, which is
 * not this one. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:vtr_hand_vkAllocateMemory\nleak:vtr_hand_vkCreateDevice\n";
}

/* Rings may share the place of their replies, as the guest likes. */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:vtr_cs_put\n";
}

enum { REPLY_SIZE = 65536, STREAM_SIZE = 65536, HOSTMEM_SIZE = 64 << 20, PAGE = 4096 };
enum { TAIL_AT = 64, BUFFER_AT = 192, BUFFER_SIZE = 65536, RING_SIZE = BUFFER_AT + BUFFER_SIZE };
/* Above the resources of programs. */
enum { REPLY_RES = 0x7f000000, STREAM_RES, RING_RES };
enum { REPLY_BIT = 1 };
/* Command numbers. */
enum {
	SET_REPLY = 178,
	SEEK_REPLY = 179,
	EXECUTE = 180,
	CREATE_RING = 188,
	DESTROY_RING = 189,
	NOTIFY_RING = 190
};
enum { WAIT_VIRTQUEUE_SEQNO = 252, WAIT_RING_SEQNO = 253 };

struct ring {
	uint8_t *map; /* NULL: does not exist yet */
	uint32_t tail;
	uint32_t waited; /* the tail that the ring has reached */
};

struct run {
	struct vtr_venus *venus;
	struct recording_head head;
	uint8_t *reply, *stream;
	struct step_reply at; /* of the next reply */
	struct ring rings[1 + RECORDING_RINGS];
	uint32_t previous; /* command */
	uint64_t hostmem_used;
	uint32_t stream_used;
	uint32_t stream_begun; /* where the commands begin that no ring has been told of */
	uint32_t stream_ring; /* whose they are */
};

static struct {
	int fd;
	uint8_t *map;
} hostmem = { .fd = -1 };

/* What has run, for those who want to know how long runs are. */
static struct {
	uint64_t runs, commands;
} total;

static void print_total(void)
{
	fprintf(stderr, "stream: %llu runs of %.1f commands on average\n", (unsigned long long)total.runs,
	        (double)total.commands / (double)total.runs);
}

/* --- events ----------------------------------------------------------------------------------------- */

static const struct vtr_venus_events events = {
	.fence = ignore_fence, .ring = ignore_ring, .dead = ignore_death, .released = ignore_release
};

/* --- memory ----------------------------------------------------------------------------------------- */

/* The next free part of hostmem. Returns: false when all of it is in use. */
static bool take_hostmem(struct run *r, uint64_t size, uint64_t *out_offset)
{
	const uint64_t rounded = (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);

	if (size > HOSTMEM_SIZE || rounded > HOSTMEM_SIZE - r->hostmem_used) {
		return false;
	}
	*out_offset = r->hostmem_used;
	r->hostmem_used += rounded;
	return true;
}

/* Memory that this file itself uses as a guest. Returns: its mapping, NULL if the budget is used up. */
static uint8_t *make_shm(struct run *r, uint32_t res, size_t size)
{
	struct vtr_blob blob;
	uint64_t offset;
	void *map;

	if ((r->head.setup & SETUP_HOSTMEM) != 0) {
		return take_hostmem(r, size, &offset) &&
		                       vtr_venus_resource_hostmem(r->venus, res, offset,
		                                                  (size + PAGE - 1) / PAGE * PAGE) == VTR_OK ?
		               hostmem.map + offset :
		               NULL;
	}
	if (vtr_venus_blob_create(r->venus, res, 0, VTR_BLOB_MAPPABLE, size, &blob) != VTR_OK ||
	    vtr_os_shm_map(blob.fd, 0, size, true, &map) != VTR_OK) {
		return NULL;
	}
	return map;
}

static void unmap_shm(const struct run *r, uint8_t *map, size_t size)
{
	if ((r->head.setup & SETUP_HOSTMEM) == 0 && map != NULL) {
		vtr_os_shm_unmap(map, size);
	}
}

/* All pages of the blob can be mapped, and they are as many as asked for. */
static void check_blob(const struct vtr_blob *blob, uint64_t size)
{
	struct stat st;

	vtr_assert(vtr_align_up(blob->size, PAGE) >= size);
	vtr_assert(fstat(blob->fd, &st) == 0 && vtr_align_up((uint64_t)st.st_size, PAGE) >= blob->size);
}

static void make_blob(struct run *r, const struct step_blob *b)
{
	struct vtr_blob blob;
	uint64_t offset;

	if ((r->head.setup & SETUP_HOSTMEM) == 0 || b->id != 0) {
		if (vtr_venus_blob_create(r->venus, b->res, b->id, b->flags, b->size, &blob) == VTR_OK) {
			check_blob(&blob, b->size);
		}
	} else if (take_hostmem(r, b->size, &offset)) {
		vtr_assert(vtr_venus_resource_hostmem(r->venus, b->res, offset, b->size) != VTR_ERR_PROTOCOL);
	}
}

/* Every second page of a part of hostmem. */
static void make_pieces(struct run *r, const struct step_blob *b)
{
	struct vtr_os_shm_piece pieces[16];
	const size_t count = b->size / PAGE < 16 ? (size_t)(b->size / PAGE) : 16;
	uint64_t offset;

	if ((r->head.setup & SETUP_HOSTMEM) == 0 || !take_hostmem(r, 2 * count * PAGE, &offset)) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		pieces[i] = (struct vtr_os_shm_piece){ .fd = hostmem.fd,
			                               .offset = offset + 2 * i * PAGE,
			                               .size = PAGE };
	}
	vtr_assert(vtr_venus_resource_pieces(r->venus, b->res, pieces, count) != VTR_ERR_PROTOCOL);
}

/* --- commands --------------------------------------------------------------------------------------- */

struct words {
	uint8_t bytes[256];
	struct vtr_cs_writer w;
};

static struct vtr_cs_writer *begin(struct words *words, uint32_t command)
{
	words->w = (struct vtr_cs_writer){ .cur = words->bytes, .end = words->bytes + sizeof(words->bytes) };
	vtr_cs_put32(&words->w, command);
	vtr_cs_put32(&words->w, 0);
	return &words->w;
}

static size_t words_size(const struct words *words)
{
	return (size_t)(words->w.cur - words->bytes);
}

static void submit(struct run *r, const void *data, size_t size)
{
	const enum vtr_err err = vtr_venus_submit(r->venus, data, size);

	vtr_assert(err == VTR_OK || (err == VTR_ERR_PROTOCOL && vtr_venus_is_dead(r->venus)));
}

static void put_stream(struct vtr_cs_writer *w, uint32_t res, uint64_t offset, uint64_t size)
{
	vtr_cs_put64(w, 1);
	vtr_cs_put32(w, res);
	vtr_cs_put64(w, offset);
	vtr_cs_put64(w, size);
}

/* Returns: whether the ring exists now. */
static bool need_ring(struct run *r, uint32_t number)
{
	/* In a race, ring threads poll. Otherwise they sleep, and the context's thread runs their commands. */
	const uint64_t idle_ns = (r->head.setup & SETUP_RACE) != 0 ? 1000000 : 0;
	const uint64_t layout[] = { 0, RING_SIZE, idle_ns, 0, TAIL_AT, 128, BUFFER_AT, BUFFER_SIZE, 0, 0 };
	struct ring *ring = &r->rings[number];
	struct words words;
	struct vtr_cs_writer *w = begin(&words, CREATE_RING);

	if (ring->map == NULL) {
		ring->map = make_shm(r, RING_RES + number, RING_SIZE);
		if (ring->map == NULL) {
			return false;
		}
		memset(ring->map, 0, BUFFER_AT);
		vtr_cs_put64(w, number);
		vtr_cs_put64(w, 1);
		vtr_cs_put32(w, VK_STRUCTURE_TYPE_RING_CREATE_INFO_MESA);
		vtr_cs_put64(w, 0);
		vtr_cs_put32(w, 0);
		vtr_cs_put32(w, RING_RES + number);
		for (size_t i = 0; i < sizeof(layout) / sizeof(layout[0]); i++) {
			vtr_cs_put64(w, layout[i]);
		}
		submit(r, words.bytes, words_size(&words));
	}
	return !vtr_venus_is_dead(r->venus);
}

/* Tells a ring that it has commands. */
static void notify(struct run *r, uint32_t number)
{
	struct words words;
	struct vtr_cs_writer *w = begin(&words, NOTIFY_RING);

	vtr_cs_put64(w, number);
	vtr_cs_put32(w, 0);
	vtr_cs_put32(w, 0);
	submit(r, words.bytes, words_size(&words));
}

/* Waits until a ring has run all of its commands: the context's stream does not stop for the wait
 * (venus/deferred.h), but the next commands may come in another ring, and are not to race. */
static void wait_ring(struct run *r, uint32_t number)
{
	struct ring *ring = &r->rings[number];
	struct words words;
	struct vtr_cs_writer *w = begin(&words, WAIT_RING_SEQNO);

	if (ring->waited != ring->tail) {
		vtr_cs_put64(w, number);
		vtr_cs_put64(w, ring->tail);
		submit(r, words.bytes, words_size(&words));
		while (!vtr_venus_is_dead(r->venus) &&
		       __atomic_load_n((uint32_t *)(void *)ring->map, __ATOMIC_ACQUIRE) != ring->tail) {
			sched_yield();
		}
		ring->waited = ring->tail;
	}
}

static void wait_rings(struct run *r)
{
	for (uint32_t i = 1; i <= RECORDING_RINGS; i++) {
		wait_ring(r, i);
	}
}

static void put_in_ring(struct run *r, uint32_t number, const uint8_t *data, size_t size)
{
	struct ring *ring = &r->rings[number];

	if (size > BUFFER_SIZE - (ring->tail - ring->waited)) {
		wait_ring(r, number);
	}
	for (size_t done = 0; done < size;) {
		const size_t at = (ring->tail + done) % BUFFER_SIZE;
		const size_t n = size - done < BUFFER_SIZE - at ? size - done : BUFFER_SIZE - at;

		memcpy(ring->map + BUFFER_AT + at, data + done, n);
		done += n;
	}
	ring->tail += (uint32_t)size;
	__atomic_store_n((uint32_t *)(void *)(ring->map + TAIL_AT), ring->tail, __ATOMIC_RELEASE);
}

static void send(struct run *r, uint32_t ring, const uint8_t *data, size_t size)
{
	if (ring == 0 || (r->head.setup & SETUP_FLAT) != 0 || size > BUFFER_SIZE) {
		submit(r, data, size);
	} else if (need_ring(r, ring)) {
		put_in_ring(r, ring, data, size);
		if ((r->head.setup & SETUP_RACE) == 0) {
			notify(r, ring);
			wait_ring(r, ring);
		}
	}
}

/* Replies go to the beginning of their memory unless a step says otherwise, as with Mesa. */
static void send_reply_place(struct run *r, uint32_t ring)
{
	struct words words;

	if (r->reply == NULL) {
		r->reply = make_shm(r, REPLY_RES, REPLY_SIZE);
	}
	put_stream(begin(&words, SET_REPLY), REPLY_RES, r->at.offset, r->at.size);
	send(r, ring, words.bytes, words_size(&words));
}

/* Tells the ring of the commands that are in the indirect stream. */
static void end_indirect(struct run *r)
{
	const uint32_t size = r->stream_used - r->stream_begun;
	struct words words;
	struct vtr_cs_writer *w = begin(&words, EXECUTE);

	if (size == 0) {
		return;
	}
	vtr_cs_put32(w, 1);
	put_stream(w, STREAM_RES, r->stream_begun, size);
	vtr_cs_put64(w, 0);
	vtr_cs_put32(w, 0);
	vtr_cs_put64(w, 0);
	vtr_cs_put32(w, 0);
	r->stream_begun = r->stream_used;
	send(r, r->stream_ring, words.bytes, words_size(&words));
}

static void put_indirect(struct run *r, uint32_t ring, const uint8_t *data, size_t size)
{
	if (ring != r->stream_ring) {
		end_indirect(r);
	}
	if (r->stream == NULL) {
		r->stream = make_shm(r, STREAM_RES, STREAM_SIZE);
	}
	if (r->stream == NULL || size > STREAM_SIZE - r->stream_used) {
		return;
	}
	memcpy(r->stream + r->stream_used, data, size);
	r->stream_used += (uint32_t)size;
	r->stream_ring = ring;
}

static void run_command(struct run *r, const struct step *s)
{
	const uint32_t ring = s->head.ring % (1 + RECORDING_RINGS);
	const size_t size = step_size(s);
	const uint32_t command = size >= 8 ? vtr_cs_ld32(s->payload) : WAIT_RING_SEQNO;
	uint8_t *copy;

	if (command == WAIT_RING_SEQNO || command == WAIT_VIRTQUEUE_SEQNO) {
		return; /* they would wait for what never comes */
	}
	if (s->head.op == STEP_COMMAND) {
		end_indirect(r);
	}
	/* The input may choose the place itself. */
	if ((vtr_cs_ld32(s->payload + 4) & REPLY_BIT) != 0 && r->previous != SET_REPLY &&
	    r->previous != SEEK_REPLY && r->at.size != REPLY_NOWHERE) {
		send_reply_place(r, ring);
	}
	r->previous = command;
	total.commands++;
	copy = malloc(size); /* so that a sanitizer sees each byte read too much */
	vtr_assert(copy != NULL);
	memcpy(copy, s->payload, size);
	if (s->head.op == STEP_INDIRECT) {
		put_indirect(r, ring, copy, size);
	} else {
		send(r, ring, copy, size);
	}
	free(copy);
}

/* --- steps ------------------------------------------------------------------------------------------ */

static void end_ring(struct run *r, uint32_t number)
{
	struct ring *ring = &r->rings[number];
	struct words words;

	if (ring->map != NULL) {
		wait_ring(r, number);
		vtr_cs_put64(begin(&words, DESTROY_RING), number);
		submit(r, words.bytes, words_size(&words));
		(void)vtr_venus_resource_destroy(r->venus, RING_RES + number);
		unmap_shm(r, ring->map, RING_SIZE);
		*ring = (struct ring){ 0 };
	}
}

static void run_fence(struct run *r, uint32_t timeline)
{
	if (vtr_venus_fence(r->venus, timeline % 64, 1) == VTR_OK) {
		vtr_venus_poll_fences(r->venus, timeline % 2 == 0);
	}
}

static void run_step(struct run *r, const struct step *s)
{
	union {
		struct step_blob blob;
		struct step_unref unref;
		struct step_fence fence;
		struct step_reply reply;
	} u = { .blob = { 0 } };

	if (s->head.op > STEP_INDIRECT) {
		memcpy(&u, s->payload, step_size(s) < sizeof(u) ? step_size(s) : sizeof(u));
	}
	if (s->head.op % STEP_OPS > STEP_INDIRECT) {
		end_indirect(r);
	}
	switch (s->head.op % STEP_OPS) {
	case STEP_COMMAND:
	case STEP_INDIRECT:
		run_command(r, s);
		break;
	case STEP_BLOB:
		make_blob(r, &u.blob);
		break;
	case STEP_PIECES:
		make_pieces(r, &u.blob);
		break;
	case STEP_UNREF:
		(void)vtr_venus_resource_destroy(r->venus, u.unref.res);
		break;
	case STEP_FENCE:
		run_fence(r, u.fence.timeline);
		break;
	case STEP_REPLY:
		r->at = u.reply;
		break;
	case STEP_END_RING:
		end_ring(r, s->head.ring % (1 + RECORDING_RINGS));
		break;
	default:
		break;
	}
}

/* Returns: whether the context is alive to the end. */
static bool finish(struct run *r)
{
	bool alive;

	if (!vtr_venus_is_dead(r->venus)) {
		end_indirect(r);
		wait_rings(r);
	}
	alive = !vtr_venus_is_dead(r->venus);
	vtr_venus_destroy(r->venus);
	checker_end();
	for (uint32_t i = 1; i <= RECORDING_RINGS; i++) {
		unmap_shm(r, r->rings[i].map, RING_SIZE);
	}
	unmap_shm(r, r->reply, REPLY_SIZE);
	unmap_shm(r, r->stream, STREAM_SIZE);
	return alive;
}

static void configure(struct vtr_renderer_config *config, uint8_t setup)
{
	vtr_renderer_config_init(config);
	config->no_host_import = (setup & SETUP_NO_HOST_IMPORT) != 0;
	config->no_export = (setup & SETUP_NO_EXPORT) != 0;
	config->max_memory = (setup & SETUP_SMALL) != 0 ? 1 << 20 : 64 << 20;
}

/* With STREAM_FLAT in the environment, all commands come in the context's stream. Then no thread depends on another
 * one, and equal runs reach equal edges. */
static bool is_flat(void)
{
	static int flat = -1;

	if (flat < 0) {
		flat = getenv("STREAM_FLAT") != NULL;
	}
	return flat == 1;
}

/* What a context maps from hostmem, it maps as shared memory. */
static void need_hostmem(void)
{
	void *map;

	if (hostmem.fd < 0) {
		vtr_assert(vtr_os_shm_create("hostmem", HOSTMEM_SIZE, &hostmem.fd) == VTR_OK);
		vtr_assert(vtr_os_shm_map(hostmem.fd, 0, HOSTMEM_SIZE, true, &map) == VTR_OK);
		hostmem.map = map;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct recording rec;
	static struct vtr_renderer_config config;
	struct run r = { .at = { .size = REPLY_SIZE } };
	struct vtr_venus_hostmem memory;
	const uint64_t before = total.commands;

	if (!recording_read(&rec, data, size)) {
		return 0;
	}
	need_hostmem();
	if (total.runs++ == 0) {
		(void)atexit(print_total);
	}
	r.head = rec.head;
	if (is_flat()) {
		r.head.setup = (uint8_t)((r.head.setup | SETUP_FLAT) & ~SETUP_RACE);
	}
	memory = (struct vtr_venus_hostmem){ .fd = hostmem.fd, .size = HOSTMEM_SIZE };
	configure(&config, r.head.setup);
	const struct vtr_venus_params params = { .events = &events,
		                                 .data = &r,
		                                 .hostmem = (r.head.setup & SETUP_HOSTMEM) != 0 ? &memory :
		                                                                                  NULL,
		                                 .config = &config };

	checker_begin((r.head.setup & SETUP_RACE) == 0);
	if (vtr_venus_create(&params, &r.venus) != VTR_OK) {
		return 0;
	}
	for (uint32_t i = 0; i < rec.count && !vtr_venus_is_dead(r.venus); i++) {
		if (i == r.head.fail_from) {
			checker_fail(r.head.fail_every);
		}
		run_step(&r, &rec.steps[i]);
	}
	if (finish(&r) && r.head.fail_every == 0) {
		trunks_note(data, size, total.commands - before);
	}
	return 0;
}
