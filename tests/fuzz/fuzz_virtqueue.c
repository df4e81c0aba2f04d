/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/shm.h"
#include "virtio/queue.h"
#include "virtio/queue_setup.h"

/*
 * What a driver can write into its rings. The input is struct plan, then the guest's memory from its
 * start; what comes behind the input is zero. The second half of the memory is elsewhere.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RAM_SIZE 65536u
#define HIGH_GPA ((uint64_t)1 << 32)
#define USER_BASE ((uint64_t)1 << 40)
#define ROUNDS 4
#define HELD_MAX 64

enum { INDIRECT = 1, EVENT_INDEX = 2, ODD_SIZE = 4 };
enum { UNSEEN = 0x80 }; /* in a step; see add_unseen() */

struct plan {
	uint8_t flags;
	uint8_t size_log2;
	uint8_t desc, avail, used; /* in units of 256 bytes */
	uint8_t steps[3];          /* between the rounds, see step() */
	uint16_t base;
	uint16_t odd_size;
};

static struct vtr_ram ram;
static uint8_t *memory; /* both halves */
static struct vtr_queue *queue;
static struct vtr_queue_request *held[HELD_MAX];
static size_t held_count;

static void map_ram(bool high)
{
	struct vtr_ram_region regions[2] = {
		{ .size = RAM_SIZE / 2, .user_addr = USER_BASE },
		{ .gpa = HIGH_GPA,
		  .size = RAM_SIZE / 2,
		  .user_addr = USER_BASE + HIGH_GPA,
		  .fd_offset = RAM_SIZE / 2 },
	};
	static int fd = -1;
	void *map;

	if (fd < 0) {
		vtr_assert(vtr_os_shm_create("fuzz", RAM_SIZE, &fd) == VTR_OK);
		vtr_assert(vtr_os_shm_map(fd, 0, RAM_SIZE, true, &map) == VTR_OK);
		memory = map;
	}
	regions[0].fd = dup(fd);
	regions[1].fd = high ? dup(fd) : -1;
	vtr_assert(vtr_ram_set(&ram, regions, high ? 2 : 1) == VTR_OK);
}

static void start(const struct plan *plan)
{
	struct vtr_queue_setup setup = {
		.size = (plan->flags & ODD_SIZE) != 0 ? plan->odd_size : 1u << (plan->size_log2 % 11),
		.desc_addr = USER_BASE + plan->desc * 256u,
		.avail_addr = USER_BASE + plan->avail * 256u,
		.used_addr = USER_BASE + plan->used * 256u,
		.base = plan->base,
		.indirect = (plan->flags & INDIRECT) != 0,
		.event_index = (plan->flags & EVENT_INDEX) != 0,
	};

	vtr_queue_start(queue, &setup);
}

static void check(const struct vtr_queue_request *request)
{
	size_t in_size = 0;

	vtr_assert(request->in_count <= VTR_QUEUE_MAX_IN && request->out_size <= VTR_QUEUE_MAX_OUT);
	for (uint32_t i = 0; i < request->in_count; i++) {
		in_size += request->in[i].size;
	}
	vtr_assert(in_size == request->in_size);
	/* All of it can be read. */
	const volatile uint8_t *out = request->out;
	for (size_t i = 0; i < request->out_size; i += vtr_min(4096, request->out_size - i)) {
		(void)out[i];
	}
	if (request->out_size > 0) {
		(void)out[request->out_size - 1];
	}
}

static void answer(struct vtr_queue_request *request)
{
	static const uint8_t data[300];

	vtr_queue_push(queue, request, vtr_queue_write(queue, request, data, sizeof(data)));
}

/* Takes what there is and answers the half of it, the newest first. */
static void serve(void)
{
	struct vtr_queue_request *request;

	for (size_t i = 0; held_count < HELD_MAX; i++) {
		if (vtr_queue_pop(queue, &request) != VTR_OK) {
			break;
		}
		check(request);
		if (i % 3 == 0) {
			vtr_queue_forget_out(request);
		}
		held[held_count++] = request;
	}
	for (size_t keep = held_count / 2; held_count > keep;) {
		answer(held[--held_count]);
	}
	vtr_queue_notify(queue);
}

static void drop_all(void)
{
	while (held_count > 0) {
		vtr_queue_drop(held[--held_count]);
	}
}

/* What may happen to a queue that runs. */
static void step(const struct plan *plan, uint8_t what)
{
	switch (what % 4) {
	case 0: /* a pause */
		(void)vtr_queue_stop(queue);
		if (held_count > 0) {
			answer(held[--held_count]);
		}
		start(plan);
		break;
	case 1: /* a reset */
		(void)vtr_queue_stop(queue);
		vtr_queue_reset(queue);
		if (held_count > 0) {
			answer(held[--held_count]);
		}
		drop_all();
		start(plan);
		break;
	default: /* half of the memory goes or comes */
		map_ram(what % 4 == 2);
		vtr_queue_remap(queue);
		break;
	}
}

/* The driver adds a request, and its kick does not come. */
static void add_unseen(const struct plan *plan)
{
	uint16_t *idx = (void *)(memory + plan->avail * 256u + 2);

	++*idx;
	if (vtr_queue_look_again(queue)) {
		serve();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan plan;

	if (size < sizeof(plan) || size > sizeof(plan) + RAM_SIZE) {
		return 0;
	}
	memcpy(&plan, data, sizeof(plan));
	map_ram(true);
	memset(memory, 0, RAM_SIZE);
	memcpy(memory, data + sizeof(plan), size - sizeof(plan));
	vtr_assert(vtr_queue_create(NULL, 0, &ram, &queue) == VTR_OK);
	start(&plan);
	for (int round = 0; round < ROUNDS; round++) {
		serve();
		if (round + 1 < ROUNDS) {
			if ((plan.steps[round] & UNSEEN) != 0) {
				add_unseen(&plan);
			}
			step(&plan, plan.steps[round]);
		}
	}
	vtr_queue_destroy(queue);
	drop_all();
	return 0;
}
