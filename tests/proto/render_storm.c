/* SPDX-License-Identifier: MIT */
/*
 * Contexts of a VM through pool/worker_pool.h with real workers, which are killed at random moments: every
 * fence is done or its context is gone, rings have the FATAL bit, and nothing is left at the end. Arguments:
 * the program, the number of kills.
 */
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/loop.h"
#include "platform/shm.h"
#include "platform/thread.h"
#include "pool/worker_pool.h"
#include "test.h"
#include "vk/renderer_config.h"

#define SLOTS 6
#define SLOT_SIZE (1u << 20)
#define RING_AT 0
#define REPLY_AT 65536
#define BLOBS_AT 131072
#define BLOB_SIZE 65536
#define BLOBS 8
#define BUFFER_SIZE 16384
#define RING_RES 1
#define REPLY_RES 2
#define BLOB_RES 3
#define PIECES_RES 100
#define TIMELINES 3
#define FATAL 2u

struct slot {
	struct vtr_renderer *renderer;
	uint8_t *memory;
	uint32_t ctx_id;
	uint32_t tail;
	bool blobs[BLOBS];
	bool pieces;
	bool gone;
	bool ended;
	const struct vtr_renderer *ending; /* destroyed, and still running */
	unsigned detaching[PIECES_RES + 1];
	bool ring_known; /* a fence behind its creation is done */
	uint64_t asked[TIMELINES];
	uint64_t done[TIMELINES];
};

static struct vtr_os_loop *loop;
static struct vtr_os_loop_timer *timer;
static struct vtr_worker_pool *pool;
static struct vtr_hostmem hostmem;
static struct slot slots[SLOTS];
static int ram_fd;
static bool in_call;
static uint32_t next_ctx = 1;
static unsigned kills;
static unsigned wanted_kills;
static unsigned gone_count;
static unsigned fence_count;
static unsigned detached_count;

static struct slot *find_slot(uint32_t ctx_id)
{
	for (size_t i = 0; i < SLOTS; i++) {
		if (slots[i].renderer && slots[i].ctx_id == ctx_id) {
			return &slots[i];
		}
	}
	return NULL;
}

/* Its memory is not used for another before it has ended. */
static void end(struct slot *slot)
{
	vtr_worker_pool_ops.destroy(slot->renderer);
	slot->ending = slot->ended ? NULL : slot->renderer;
	slot->renderer = NULL;
}

static enum vtr_err on_fence(void *data, uint32_t ctx_id, uint32_t timeline, uint64_t fence_id)
{
	struct slot *slot = find_slot(ctx_id);

	CHECK(data == slots && !in_call && slot && !slot->gone);
	CHECK(timeline < TIMELINES);
	CHECK_EQ(fence_id, ++slot->done[timeline]);
	slot->ring_known |= timeline == 0 && slot->done[0] == 1;
	fence_count++;
	return VTR_OK;
}

static void on_gone(void *data, uint32_t ctx_id)
{
	struct slot *slot = find_slot(ctx_id);

	CHECK(data == slots && !in_call && slot && !slot->gone);
	slot->gone = true;
	gone_count++;
	if (slot->ring_known) {
		CHECK((slot->memory[RING_AT + 128] & FATAL) != 0);
	}
	if (rand() % 2 == 0) {
		end(slot);
	}
}

static void on_detached(void *data, uint32_t ctx_id, uint32_t res_id)
{
	struct slot *slot = find_slot(ctx_id);

	CHECK(data == slots && !in_call && slot && !slot->gone);
	CHECK(res_id <= PIECES_RES && slot->detaching[res_id] > 0);
	slot->detaching[res_id]--;
	detached_count++;
}

static void on_ended(void *data, const struct vtr_renderer *renderer)
{
	CHECK(data == slots && !in_call);
	for (size_t i = 0; i < SLOTS; i++) {
		if (slots[i].ending == renderer) {
			slots[i].ending = NULL;
			return;
		}
		if (slots[i].renderer == renderer) {
			CHECK(slots[i].gone);
			slots[i].ended = true;
			return;
		}
	}
	CHECK(!"ended twice");
}

static const struct vtr_renderer_events events = {
	.fence = on_fence,
	.gone = on_gone,
	.detached = on_detached,
	.ended = on_ended,
};

/* --- what a guest says --------------------------------------------------------------------------- */

static void put32(uint8_t **at, uint32_t value)
{
	memcpy(*at, &value, 4);
	*at += 4;
}

static void put64(uint8_t **at, uint64_t value)
{
	memcpy(*at, &value, 8);
	*at += 8;
}

static size_t encode_create_ring(uint8_t *bytes)
{
	uint8_t *at = bytes;

	put32(&at, 188);
	put32(&at, 0);
	put64(&at, 0x1000); /* ring */
	put64(&at, 1);
	put32(&at, 1000384000);
	put64(&at, 0);
	put32(&at, 0);
	put32(&at, RING_RES);
	put64(&at, 0);
	put64(&at, 192 + BUFFER_SIZE + 4);
	put64(&at, 1000000);
	put64(&at, 0);
	put64(&at, 64);
	put64(&at, 128);
	put64(&at, 192);
	put64(&at, BUFFER_SIZE);
	put64(&at, 192 + BUFFER_SIZE);
	put64(&at, 4);
	return (size_t)(at - bytes);
}

/* vkSetReplyCommandStreamMESA, vkEnumerateInstanceVersion */
static size_t encode_version(uint8_t *bytes)
{
	uint8_t *at = bytes;

	put32(&at, 178);
	put32(&at, 0);
	put64(&at, 1);
	put32(&at, REPLY_RES);
	put64(&at, 0);
	put64(&at, 4096);
	put32(&at, 137);
	put32(&at, 1);
	put64(&at, 1);
	return (size_t)(at - bytes);
}

static size_t encode_notify_and_wait(uint8_t *bytes, uint32_t seqno)
{
	uint8_t *at = bytes;

	put32(&at, 190);
	put32(&at, 0);
	put64(&at, 0x1000);
	put32(&at, seqno);
	put32(&at, 0);
	put32(&at, 253);
	put32(&at, 0);
	put64(&at, 0x1000);
	put64(&at, seqno);
	return (size_t)(at - bytes);
}

static void check_sent(struct slot *slot, enum vtr_err err)
{
	/* It may have died without our knowing yet. */
	CHECK(err == VTR_OK || err == VTR_ERR_GONE);
	CHECK(!slot->gone || err == VTR_ERR_GONE);
}

static void ask_fence(struct slot *slot, uint32_t timeline)
{
	enum vtr_err err = vtr_worker_pool_ops.fence(slot->renderer, timeline, slot->asked[timeline] + 1);

	check_sent(slot, err);
	slot->asked[timeline] += err == VTR_OK;
}

static void attach(struct slot *slot, uint32_t res_id, uint64_t offset, uint64_t size)
{
	const struct vtr_renderer_memory memory = {
		.size = size,
		.in_hostmem = true,
		.hostmem_offset = (uint64_t)(slot->memory - hostmem.map) + offset,
	};

	check_sent(slot, vtr_worker_pool_ops.attach(slot->renderer, res_id, &memory));
}

static void start(struct slot *slot)
{
	uint8_t bytes[256];
	struct vtr_renderer *renderer;

	*slot = (struct slot){ .memory = slot->memory, .ctx_id = next_ctx++ };
	memset(slot->memory, 0, 4096 * 5);
	CHECK_OK(vtr_worker_pool_ops.create(pool, slot->ctx_id, "storm", &events, slots, &renderer));
	slot->renderer = renderer;
	attach(slot, RING_RES, RING_AT, 65536);
	attach(slot, REPLY_RES, REPLY_AT, 65536);
	check_sent(slot, vtr_worker_pool_ops.submit(renderer, bytes, encode_create_ring(bytes)));
	ask_fence(slot, 0);
}

static void use_ring(struct slot *slot)
{
	_Atomic uint32_t *tail = (_Atomic uint32_t *)(void *)(slot->memory + RING_AT + 64);
	uint8_t bytes[256];
	size_t size = encode_version(bytes);

	for (size_t i = 0; i < size; i++) {
		slot->memory[RING_AT + 192 + ((slot->tail + i) & (BUFFER_SIZE - 1))] = bytes[i];
	}
	slot->tail += (uint32_t)size;
	atomic_store(tail, slot->tail);
	size = encode_notify_and_wait(bytes, slot->tail);
	check_sent(slot, vtr_worker_pool_ops.submit(slot->renderer, bytes, size));
	ask_fence(slot, (uint32_t)(rand() % TIMELINES));
}

static void use_blob(struct slot *slot)
{
	uint32_t i = (uint32_t)(rand() % BLOBS);

	if (slot->blobs[i]) {
		slot->detaching[BLOB_RES + i]++;
		vtr_worker_pool_ops.detach(slot->renderer, BLOB_RES + i);
	} else {
		attach(slot, BLOB_RES + i, BLOBS_AT + i * BLOB_SIZE, BLOB_SIZE);
	}
	slot->blobs[i] = !slot->blobs[i];
}

static void use_pieces(struct slot *slot)
{
	struct vtr_ram_piece pieces[200];
	const struct vtr_renderer_memory memory = {
		.size = sizeof(pieces) / sizeof(pieces[0]) * 4096,
		.pieces = pieces,
		.piece_count = sizeof(pieces) / sizeof(pieces[0]),
	};

	if (slot->pieces) {
		slot->detaching[PIECES_RES]++;
		vtr_worker_pool_ops.detach(slot->renderer, PIECES_RES);
	} else {
		for (size_t i = 0; i < memory.piece_count; i++) {
			pieces[i] = (struct vtr_ram_piece){
				.fd = ram_fd,
				.offset = (uint64_t)(rand() % 200) * 4096,
				.size = 4096,
			};
		}
		check_sent(slot, vtr_worker_pool_ops.attach(slot->renderer, PIECES_RES, &memory));
	}
	slot->pieces = !slot->pieces;
}

/* --- what happens to workers --------------------------------------------------------------------- */

/* One of our children; 0: there is none. */
static pid_t pick_child(void)
{
	char path[64];
	pid_t pids[64];
	size_t count = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/children", syscall(SYS_gettid));
	FILE *file = fopen(path, "r");
	CHECK(file);
	while (count < VTR_ARRAY_LEN(pids) && fscanf(file, "%d", &pids[count]) == 1) {
		count++;
	}
	fclose(file);
	return count > 0 ? pids[(size_t)rand() % count] : 0;
}

static void act(struct slot *slot)
{
	if (!slot->renderer) {
		if (!slot->ending) {
			start(slot);
		}
		return;
	}
	if (slot->gone || rand() % 400 == 0) {
		end(slot);
		return;
	}
	switch (rand() % 4) {
	case 0:
	case 1:
		use_ring(slot);
		break;
	case 2:
		use_blob(slot);
		break;
	default:
		use_pieces(slot);
		break;
	}
}

static void on_timer(void *data)
{
	(void)data;
	in_call = true;
	for (int i = rand() % 8; i >= 0; i--) {
		act(&slots[rand() % SLOTS]);
	}
	in_call = false;
	if (rand() % 60 == 0) {
		pid_t pid = pick_child();
		if (pid > 0) {
			kill(pid, SIGKILL);
			kills++;
		}
	}
	if (kills < wanted_kills) {
		vtr_os_loop_timer_set(timer, rand() % 2000 * 1000);
	} else {
		vtr_os_loop_quit(loop);
	}
}

static void on_end_timer(void *data)
{
	int64_t *deadline_ns = data;

	if (vtr_worker_pool_process_count(pool) == 0) {
		vtr_os_loop_quit(loop);
		return;
	}
	CHECK(vtr_os_now_ns() < *deadline_ns);
	vtr_os_loop_timer_set(timer, 1000000);
}

static bool is_waiting(const struct slot *slot)
{
	static const unsigned none[PIECES_RES + 1];

	return memcmp(slot->asked, slot->done, sizeof(slot->asked)) != 0 ||
	       memcmp(slot->detaching, none, sizeof(none)) != 0;
}

/* Waits until all fences are signalled or their contexts are gone, then ends all contexts. */
static void finish_all(void)
{
	int64_t deadline_ns = vtr_os_now_ns() + INT64_C(20000000000);

	vtr_os_loop_timer_destroy(timer);
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &slots[i];
		while (slot->renderer && !slot->gone && is_waiting(slot)) {
			CHECK(vtr_os_now_ns() < deadline_ns);
			CHECK_OK(vtr_os_loop_add_timer(loop, (vtr_os_loop_fn)vtr_os_loop_quit, loop, &timer));
			vtr_os_loop_timer_set(timer, 1000000);
			CHECK_OK(vtr_os_loop_run(loop));
			vtr_os_loop_timer_destroy(timer);
		}
		if (slot->renderer) {
			end(slot);
		}
	}
	CHECK_OK(vtr_os_loop_add_timer(loop, on_end_timer, &deadline_ns, &timer));
	vtr_os_loop_timer_set(timer, 0);
	CHECK_OK(vtr_os_loop_run(loop));
	vtr_os_loop_timer_destroy(timer);
}

static long private_kib(void)
{
	long total = 0;
	long value;
	char line[256];
	FILE *file = fopen("/proc/self/smaps_rollup", "r");

	CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Private_Dirty: %ld", &value) == 1) {
			total += value;
		}
	}
	fclose(file);
	return total;
}

static void storm(const char *program, unsigned count)
{
	const struct vtr_renderer_config config = { .log_filter = "error" };
	const struct vtr_worker_pool_params params = {
		.loop = loop,
		.hostmem = &hostmem,
		.spawner = { .program = program, .config = &config },
		.max_contexts = SLOTS,
		.leave_timeout_ms = VTR_WORKER_LEAVE_MS,
		.detach_timeout_ms = VTR_WORKER_POOL_DETACH_MS,
	};

	CHECK_OK(vtr_worker_pool_create(&params, &pool));
	kills = 0;
	wanted_kills = count;
	CHECK_OK(vtr_os_loop_add_timer(loop, on_timer, NULL, &timer));
	vtr_os_loop_timer_set(timer, 0);
	CHECK_OK(vtr_os_loop_run(loop));
	finish_all();
	CHECK_EQ(pick_child(), 0);
	for (size_t i = 0; i < SLOTS; i++) {
		CHECK(!slots[i].ending);
	}
	vtr_worker_pool_destroy(pool);
}

int main(int argc, char **argv)
{
	unsigned seed = argc > 3 ? (unsigned)atoi(argv[3]) : (unsigned)time(NULL);
	void *map;

	CHECK(argc >= 3);
	printf("seed %u\n", seed);
	srand(seed);
	hostmem.size = 64u << 20;
	CHECK_OK(vtr_os_shm_create("hostmem", hostmem.size, &hostmem.fd));
	CHECK_OK(vtr_os_shm_map(hostmem.fd, 0, hostmem.size, true, &map));
	hostmem.map = map;
	CHECK_OK(vtr_os_shm_create("ram", 200 * 4096, &ram_fd));
	for (size_t i = 0; i < SLOTS; i++) {
		slots[i].memory = hostmem.map + i * SLOT_SIZE;
	}
	CHECK_OK(vtr_os_loop_create(&loop));
	storm(argv[1], 5);
	int fds = test_count_fds();
	long memory = private_kib();
	storm(argv[1], (unsigned)atoi(argv[2]));
	CHECK_EQ(test_count_fds(), fds);
	long grown = private_kib() - memory;
	printf("%u killed, %u contexts gone of %u, %u fences, %u detached, %ld KiB more\n", kills, gone_count,
	       next_ctx - 1, fence_count, detached_count, grown);
	CHECK(grown < 1024 || VTR_ASAN);
	/* Only killed workers die; some of those were destroyed already. */
	CHECK(gone_count <= kills + 5 && gone_count >= wanted_kills / 2);
	vtr_os_loop_destroy(loop);
	return 0;
}
