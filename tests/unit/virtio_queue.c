/* SPDX-License-Identifier: MIT */
#include "virtio/queue.h"

#include <sys/eventfd.h>

#include "base/mem.h"
#include "platform/shm.h"
#include "test.h"
#include "virtio/queue_setup.h"

/* A driver: rings at the start of its memory, buffers behind. Addresses of the VMM are other ones. */
#define RAM_SIZE ((uint64_t)16 << 20)
#define USER_BASE ((uint64_t)0x7f0000000000)
#define SIZE 8u
#define DESC_AT 0x0
#define AVAIL_AT 0x1000
#define USED_AT 0x2000
#define TABLE_AT 0x10000
#define BUFFER_AT 0x100000

#define NEXT 1
#define WRITE 2
#define INDIRECT 4

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

static struct vtr_ram ram;
static struct vtr_queue *queue;
static struct vtr_queue_setup setup;
static uint8_t *memory;
static int call_fd;
static int err_fd;

static struct desc *descs(uint64_t at)
{
	return (struct desc *)(void *)(memory + at);
}

static uint16_t *avail(void)
{
	return (uint16_t *)(void *)(memory + AVAIL_AT);
}

static uint16_t *used(void)
{
	return (uint16_t *)(void *)(memory + USED_AT);
}

static uint32_t *used_entry(unsigned index)
{
	return (uint32_t *)(void *)(memory + USED_AT + 4 + 8 * (size_t)index);
}

/* The driver's side of the event index: interrupt me when used->idx passes this. */
static uint16_t *used_event(void)
{
	return &avail()[2 + SIZE];
}

static uint16_t avail_event(void)
{
	return used()[2 + 4 * SIZE];
}

static void offer(uint16_t head)
{
	avail()[2 + avail()[1] % SIZE] = head;
	avail()[1]++;
}

static uint64_t events(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) > 0 ? count : 0;
}

static void begin(void)
{
	struct vtr_ram_region region = { .size = RAM_SIZE, .user_addr = USER_BASE };

	CHECK_OK(vtr_os_shm_create("ram", RAM_SIZE, &region.fd));
	vtr_ram_init(&ram);
	CHECK_OK(vtr_ram_set(&ram, &region, 1));
	memory = vtr_ram_at(&ram, 0, RAM_SIZE);
	CHECK_OK(vtr_queue_create(NULL, 0, &ram, &queue));
	call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	err_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vtr_queue_set_call(queue, dup(call_fd));
	vtr_queue_set_err(queue, dup(err_fd));
	CHECK_EQ(events(call_fd), 1);
	setup = (struct vtr_queue_setup){
		.size = SIZE,
		.desc_addr = USER_BASE + DESC_AT,
		.avail_addr = USER_BASE + AVAIL_AT,
		.used_addr = USER_BASE + USED_AT,
		.indirect = true,
		.event_index = true,
	};
	vtr_queue_start(queue, &setup);
}

static void finish(void)
{
	vtr_queue_destroy(queue);
	vtr_ram_finish(&ram);
	vtr_close(&call_fd);
	vtr_close(&err_fd);
}

static struct vtr_queue_request *pop(void)
{
	struct vtr_queue_request *request;

	CHECK_OK(vtr_queue_pop(queue, &request));
	return request;
}

static void pop_nothing(enum vtr_err wanted)
{
	struct vtr_queue_request *request = NULL;

	CHECK_ERR(vtr_queue_pop(queue, &request), wanted);
	CHECK(request == NULL);
}

/* One readable and one writable buffer, the way that Linux sends them. */
static void offer_pair(uint16_t head)
{
	uint64_t table = TABLE_AT + 0x100 * (uint64_t)head;

	descs(table)[0] = (struct desc){ BUFFER_AT + 0x1000 * (uint64_t)head, 24, NEXT, 1 };
	descs(table)[1] = (struct desc){ BUFFER_AT + 0x1000 * (uint64_t)head + 64, 32, WRITE, 0 };
	descs(DESC_AT)[head] = (struct desc){ table, 32, INDIRECT, 0 };
	memset(memory + BUFFER_AT + 0x1000 * (size_t)head, 'a' + head, 24);
	offer(head);
}

static void answers(void)
{
	begin();
	pop_nothing(VTR_ERR_AGAIN);
	offer_pair(3);
	struct vtr_queue_request *request = pop();
	CHECK_EQ(request->out_size, 24);
	CHECK(memcmp(request->out, "dddddddddddddddddddddddd", 24) == 0);
	CHECK_EQ(request->in_size, 32);
	CHECK(!request->cut);
	pop_nothing(VTR_ERR_AGAIN);
	CHECK_EQ(vtr_queue_write(queue, request, "0123456789", 10), 10);
	vtr_queue_push(queue, request, 10);
	CHECK_EQ(events(call_fd), 0);
	vtr_queue_notify(queue);
	CHECK_EQ(events(call_fd), 1);
	CHECK_EQ(used()[1], 1);
	CHECK_EQ(used_entry(0)[0], 3);
	CHECK_EQ(used_entry(0)[1], 10);
	CHECK(memcmp(memory + BUFFER_AT + 0x3000 + 64, "0123456789", 10) == 0);
	finish();
}

/* Buffers of several parts; more parts than are kept; a long indirect table. */
static void gathers(void)
{
	static const char text[] = "abcdefghijklmnopqrstuvwxyz";
	char back[26];

	begin();
	for (unsigned i = 0; i < 4; i++) {
		descs(DESC_AT)[i] = (struct desc){ BUFFER_AT + 0x1000 * (uint64_t)i, i + 1,
			                           NEXT | (i < 2 ? 0 : WRITE), (uint16_t)(i + 1) };
		memset(memory + BUFFER_AT + 0x1000 * (size_t)i, '0' + (int)i, i + 1);
	}
	descs(DESC_AT)[3].flags = WRITE;
	offer(0);
	struct vtr_queue_request *request = pop();
	CHECK_EQ(request->out_size, 3);
	CHECK(memcmp(request->out, "011", 3) == 0);
	CHECK_EQ(request->in_count, 2);
	CHECK_EQ(request->in_size, 7);
	CHECK_EQ(vtr_queue_write(queue, request, text, 26), 7);
	CHECK(memcmp(memory + BUFFER_AT + 0x2000, "abc", 3) == 0);
	CHECK(memcmp(memory + BUFFER_AT + 0x3000, "defg", 4) == 0);
	vtr_queue_push(queue, request, 7);

	const unsigned many = 2000;
	for (unsigned i = 0; i < many; i++) {
		descs(TABLE_AT)[i] = (struct desc){ BUFFER_AT + i % 26, 1, NEXT, (uint16_t)(i + 1) };
	}
	for (unsigned i = many - VTR_QUEUE_MAX_IN - 1; i < many; i++) {
		descs(TABLE_AT)[i].addr = BUFFER_AT + 0x10000 + i;
		descs(TABLE_AT)[i].flags |= WRITE;
	}
	descs(TABLE_AT)[many - 1].flags &= (uint16_t)~NEXT;
	memcpy(memory + BUFFER_AT, text, 26);
	descs(DESC_AT)[5] = (struct desc){ TABLE_AT, many * 16, INDIRECT, 0 };
	offer(5);
	request = pop();
	CHECK_EQ(request->out_size, many - VTR_QUEUE_MAX_IN - 1);
	CHECK(memcmp(request->out + 26 * 50, text, 26) == 0);
	CHECK(request->cut);
	CHECK_EQ(request->in_size, VTR_QUEUE_MAX_IN);
	memcpy(back, request->out, 26);
	CHECK(memcmp(back, text, 26) == 0);
	vtr_queue_forget_out(request);
	CHECK(request->out == NULL && request->out_size == 0);
	vtr_queue_push(queue, request, 0);
	finish();
}

static void cuts_what_is_too_long(void)
{
	begin();
	descs(DESC_AT)[0] = (struct desc){ BUFFER_AT, VTR_QUEUE_MAX_OUT - 1, NEXT, 1 };
	descs(DESC_AT)[1] = (struct desc){ BUFFER_AT, 2, NEXT, 2 };
	descs(DESC_AT)[2] = (struct desc){ BUFFER_AT, 16, WRITE, 0 };
	offer(0);
	struct vtr_queue_request *request = pop();
	CHECK_EQ(request->out_size, VTR_QUEUE_MAX_OUT);
	CHECK(request->cut);
	CHECK_EQ(request->in_size, 16);
	vtr_queue_push(queue, request, 0);
	finish();
}

/* A buffer that begins in one region and ends in the next. */
static void crosses_regions(void)
{
	struct vtr_ram_region regions[2] = {
		{ .size = RAM_SIZE, .user_addr = USER_BASE },
		{ .gpa = RAM_SIZE, .size = 4096, .user_addr = 0x1000 },
	};

	begin();
	regions[0].fd = dup(ram.regions[0].fd);
	CHECK_OK(vtr_os_shm_create("more", 4096, &regions[1].fd));
	CHECK_OK(vtr_ram_set(&ram, regions, 2));
	vtr_queue_remap(queue);
	memcpy(memory + RAM_SIZE - 2, "ab", 2);
	memcpy(vtr_ram_at(&ram, RAM_SIZE, 2), "cd", 2);
	descs(DESC_AT)[0] = (struct desc){ RAM_SIZE - 2, 4, NEXT, 1 };
	descs(DESC_AT)[1] = (struct desc){ RAM_SIZE - 2, 4, WRITE, 0 };
	offer(0);
	struct vtr_queue_request *request = pop();
	CHECK_EQ(request->out_size, 4);
	CHECK(memcmp(request->out, "abcd", 4) == 0);
	CHECK_EQ(request->in_size, 4);
	CHECK_EQ(vtr_queue_write(queue, request, "wxyz", 4), 4);
	CHECK(memcmp(memory + RAM_SIZE - 2, "wx", 2) == 0);
	CHECK(memcmp(vtr_ram_at(&ram, RAM_SIZE, 2), "yz", 2) == 0);
	/* Its memory goes away before it is answered. */
	regions[0].fd = dup(ram.regions[0].fd);
	CHECK_OK(vtr_ram_set(&ram, regions, 1));
	vtr_queue_remap(queue);
	CHECK_EQ(vtr_queue_write(queue, request, "wxyz", 4), 0);
	vtr_queue_push(queue, request, 0);
	CHECK_EQ(used()[1], 1);
	finish();
}

static void asks_for_kicks(void)
{
	begin();
	pop_nothing(VTR_ERR_AGAIN);
	CHECK_EQ(avail_event(), 0);
	for (uint16_t i = 0; i < 3; i++) {
		offer_pair(i);
	}
	for (unsigned i = 0; i < 3; i++) {
		vtr_queue_push(queue, pop(), 0);
		CHECK_EQ(avail_event(), 0); /* the driver need not kick while it is looked at */
	}
	pop_nothing(VTR_ERR_AGAIN);
	CHECK_EQ(avail_event(), 3);
	finish();
}

static void interrupts_once_if_wanted(void)
{
	begin();
	for (uint16_t i = 0; i < 4; i++) {
		offer_pair(i);
	}
	*used_event() = 2;
	vtr_queue_push(queue, pop(), 0);
	vtr_queue_notify(queue);
	CHECK_EQ(events(call_fd), 1); /* the first one always */
	vtr_queue_push(queue, pop(), 0);
	vtr_queue_notify(queue);
	CHECK_EQ(events(call_fd), 0);
	vtr_queue_push(queue, pop(), 0);
	vtr_queue_push(queue, pop(), 0);
	vtr_queue_notify(queue);
	CHECK_EQ(events(call_fd), 1);
	vtr_queue_notify(queue);
	CHECK_EQ(events(call_fd), 0);
	finish();
}

static void count_doubt(void *data)
{
	++*(unsigned *)data;
}

/* A driver without a barrier: it added a request, and did not see that it must kick. */
static void finds_what_was_not_kicked_for(void)
{
	unsigned doubts = 0;

	begin();
	vtr_queue_on_maybe_missed_kick(queue, count_doubt, &doubts);
	pop_nothing(VTR_ERR_AGAIN);
	pop_nothing(VTR_ERR_AGAIN);
	CHECK_EQ(doubts, 1);
	CHECK(!vtr_queue_look_again(queue));
	offer_pair(0);
	CHECK(vtr_queue_look_again(queue));
	CHECK(!vtr_queue_look_again(queue)); /* said once */
	vtr_queue_push(queue, pop(), 0);
	pop_nothing(VTR_ERR_AGAIN);
	CHECK_EQ(doubts, 2);
	(void)vtr_queue_stop(queue);
	offer_pair(1);
	CHECK(!vtr_queue_look_again(queue));
	finish();
}

/* The same driver: it asked for an interrupt, and did not see that there was something already. */
static void interrupts_for_a_wish_that_came_late(void)
{
	unsigned doubts = 0;

	begin();
	for (uint16_t i = 0; i < 4; i++) {
		offer_pair(i);
	}
	vtr_queue_push(queue, pop(), 0);
	vtr_queue_notify(queue);
	CHECK_EQ(events(call_fd), 1);
	vtr_queue_on_maybe_missed_kick(queue, count_doubt, &doubts);
	*used_event() = 0;
	vtr_queue_push(queue, pop(), 0);
	vtr_queue_notify(queue);
	vtr_queue_push(queue, pop(), 0);
	vtr_queue_notify(queue);
	CHECK_EQ(events(call_fd), 0);
	CHECK_EQ(doubts, 2);
	*used_event() = 1;
	CHECK(!vtr_queue_look_again(queue));
	CHECK_EQ(events(call_fd), 1);
	CHECK(!vtr_queue_look_again(queue));
	CHECK_EQ(events(call_fd), 0);
	/* One that has seen all of it is left alone. */
	vtr_queue_push(queue, pop(), 0);
	vtr_queue_notify(queue);
	*used_event() = 4;
	CHECK(!vtr_queue_look_again(queue));
	CHECK_EQ(events(call_fd), 0);
	finish();
}

static void interrupts_by_flag(void)
{
	begin();
	(void)vtr_queue_stop(queue);
	setup.event_index = false;
	vtr_queue_start(queue, &setup);
	for (uint16_t i = 0; i < 3; i++) {
		offer_pair(i);
	}
	vtr_queue_push(queue, pop(), 0);
	vtr_queue_notify(queue);
	CHECK_EQ(events(call_fd), 1);
	avail()[0] = 1;
	vtr_queue_push(queue, pop(), 0);
	vtr_queue_notify(queue);
	CHECK_EQ(events(call_fd), 0);
	avail()[0] = 0;
	vtr_queue_push(queue, pop(), 0);
	vtr_queue_notify(queue);
	CHECK_EQ(events(call_fd), 1);
	finish();
}

static void answers_in_any_order_around_the_ring(void)
{
	struct vtr_queue_request *held[SIZE];

	begin();
	for (unsigned round = 0; round < 70000 / SIZE; round++) {
		for (uint16_t i = 0; i < SIZE; i++) {
			offer_pair(i);
			held[i] = pop();
			CHECK_EQ(held[i]->head, i);
		}
		for (unsigned i = 0; i < SIZE; i++) {
			vtr_queue_push(queue, held[SIZE - 1 - i], i);
			CHECK_EQ(used_entry(i)[0], SIZE - 1 - i);
			CHECK_EQ(used_entry(i)[1], i);
		}
		CHECK_EQ(used()[1], (uint16_t)((round + 1) * SIZE));
	}
	pop_nothing(VTR_ERR_AGAIN);
	finish();
}

static void goes_on_after_a_pause(void)
{
	begin();
	offer_pair(0);
	offer_pair(1);
	struct vtr_queue_request *held = pop();
	CHECK_EQ(vtr_queue_stop(queue), 1);
	pop_nothing(VTR_ERR_AGAIN);
	CHECK_EQ(vtr_queue_write(queue, held, "later", 5), 5);
	vtr_queue_push(queue, held, 5);
	vtr_queue_notify(queue);
	CHECK_EQ(used()[1], 0);
	CHECK_EQ(events(call_fd), 0);
	setup.base = 1;
	vtr_queue_start(queue, &setup);
	CHECK_EQ(used()[1], 1);
	CHECK_EQ(used_entry(0)[0], 0);
	CHECK_EQ(used_entry(0)[1], 5);
	CHECK_EQ(events(call_fd), 1);
	held = pop();
	CHECK_EQ(held->head, 1);
	vtr_queue_push(queue, held, 0);
	CHECK_EQ(used()[1], 2);
	finish();
}

static void forgets_at_a_reset(void)
{
	begin();
	for (uint16_t i = 0; i < 4; i++) {
		offer_pair(i);
	}
	struct vtr_queue_request *parked = pop();
	struct vtr_queue_request *pushed = pop();
	struct vtr_queue_request *dropped = pop();
	CHECK_EQ(vtr_queue_stop(queue), 3);
	vtr_queue_push(queue, parked, 0);
	vtr_queue_reset(queue);
	memset(memory, 0, BUFFER_AT);
	setup.base = 0;
	vtr_queue_start(queue, &setup);
	vtr_queue_push(queue, pushed, 0);
	CHECK_EQ(used()[1], 0);
	pop_nothing(VTR_ERR_AGAIN);
	/* All entries can be had: none counts as taken. */
	struct vtr_queue_request *held[SIZE];
	for (uint16_t i = 0; i < SIZE; i++) {
		offer_pair(i);
		held[i] = pop();
	}
	for (unsigned i = 0; i < SIZE; i++) {
		vtr_queue_push(queue, held[i], 0);
	}
	finish();
	vtr_queue_drop(dropped);
}

/* A driver that sets its rings up with other counters than 0. */
static void begins_at_any_base(void)
{
	begin();
	(void)vtr_queue_stop(queue);
	vtr_queue_reset(queue);
	avail()[1] = 65534;
	used()[1] = 65533;
	setup.base = 65534;
	vtr_queue_start(queue, &setup);
	pop_nothing(VTR_ERR_AGAIN);
	offer_pair(6);
	vtr_queue_push(queue, pop(), 0);
	CHECK_EQ(used()[1], 65534);
	CHECK_EQ(used_entry(65533 % SIZE)[0], 6);
	CHECK_EQ(vtr_queue_stop(queue), 65535);
	finish();
}

static void moves_with_its_memory(void)
{
	struct vtr_ram_region region = { .size = RAM_SIZE, .user_addr = 0x10000 };

	begin();
	offer_pair(0);
	struct vtr_queue_request *held = pop();
	/* Another mapping of the same memory, then none where the rings are. */
	region.user_addr = USER_BASE;
	region.gpa = 0x100000000;
	region.fd = dup(ram.regions[0].fd);
	CHECK_OK(vtr_ram_set(&ram, &region, 1));
	vtr_queue_remap(queue);
	memory = vtr_ram_at(&ram, 0x100000000, RAM_SIZE);
	CHECK_EQ(vtr_queue_write(queue, held, "x", 1), 0);
	vtr_queue_push(queue, held, 0);
	CHECK_EQ(used()[1], 1);
	region.user_addr = 0x10000;
	region.fd = dup(ram.regions[0].fd);
	CHECK_OK(vtr_ram_set(&ram, &region, 1));
	vtr_queue_remap(queue);
	pop_nothing(VTR_ERR_PROTOCOL);
	finish();
}

static void garbage_descriptor(struct desc first, struct desc second)
{
	begin();
	memory[0xfff000] = 1;
	descs(DESC_AT)[0] = first;
	descs(DESC_AT)[1] = second;
	offer(0);
	pop_nothing(VTR_ERR_PROTOCOL);
	CHECK_EQ(events(err_fd), 1);
	pop_nothing(VTR_ERR_PROTOCOL);
	CHECK_EQ(events(err_fd), 0);
	CHECK_EQ(used()[1], 0);
	/* As good as new after a reset. */
	(void)vtr_queue_stop(queue);
	vtr_queue_reset(queue);
	memset(memory, 0, BUFFER_AT);
	vtr_queue_start(queue, &setup);
	offer_pair(0);
	vtr_queue_push(queue, pop(), 0);
	CHECK_EQ(used()[1], 1);
	finish();
}

static void refuses_garbage_descriptors(void)
{
	static const struct desc bad[][2] = {
		{ { BUFFER_AT, 0, 0, 0 }, { 0 } },
		{ { BUFFER_AT, 8, NEXT, 1 }, { BUFFER_AT, 0, WRITE, 0 } },
		{ { RAM_SIZE, 1, 0, 0 }, { 0 } },
		{ { RAM_SIZE - 1, 2, 0, 0 }, { 0 } },
		{ { RAM_SIZE - 1, 2, WRITE, 0 }, { 0 } },
		{ { BUFFER_AT, UINT32_MAX, WRITE, 0 }, { 0 } },
		{ { UINT64_MAX, 8, 0, 0 }, { 0 } },
		{ { UINT64_MAX - 7, 8, WRITE, 0 }, { 0 } },
		{ { BUFFER_AT, 8, NEXT, SIZE }, { 0 } },
		{ { BUFFER_AT, 8, NEXT, 0xffff }, { 0 } },
		{ { BUFFER_AT, 8, NEXT, 0 }, { 0 } },
		{ { BUFFER_AT, 8, NEXT, 1 }, { BUFFER_AT, 8, NEXT, 0 } },
		{ { BUFFER_AT, 8, NEXT | WRITE, 1 }, { BUFFER_AT, 8, 0, 0 } },
		{ { TABLE_AT, 0, INDIRECT, 0 }, { 0 } },
		{ { TABLE_AT, 8, INDIRECT, 0 }, { 0 } },
		{ { TABLE_AT, 17, INDIRECT, 0 }, { 0 } },
		{ { TABLE_AT, 0xfffffff0, INDIRECT, 0 }, { 0 } },
		{ { TABLE_AT, 16, INDIRECT | NEXT, 1 }, { BUFFER_AT, 8, 0, 0 } },
		{ { RAM_SIZE - 8, 16, INDIRECT, 0 }, { 0 } },
		{ { UINT64_MAX - 7, 32, INDIRECT, 0 }, { 0 } },
		{ { UINT64_MAX, 16, INDIRECT, 0 }, { 0 } },
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		garbage_descriptor(bad[i][0], bad[i][1]);
	}
}

static void refuses_garbage_tables(void)
{
	static const struct desc bad[][2] = {
		{ { TABLE_AT, 16, INDIRECT, 0 }, { 0 } },
		{ { BUFFER_AT, 8, NEXT, 1 }, { TABLE_AT, 16, INDIRECT, 0 } },
		{ { BUFFER_AT, 8, NEXT, 2 }, { 0 } },
		{ { BUFFER_AT, 8, NEXT, 0xffff }, { 0 } },
		{ { BUFFER_AT, 8, NEXT, 0 }, { 0 } },
		{ { BUFFER_AT, 8, NEXT, 1 }, { BUFFER_AT, 8, NEXT, 0 } },
		{ { BUFFER_AT, 8, NEXT, 1 }, { RAM_SIZE, 8, 0, 0 } },
		{ { BUFFER_AT, 8, NEXT | WRITE, 1 }, { BUFFER_AT, 8, 0, 0 } },
		{ { BUFFER_AT, 0, 0, 0 }, { 0 } },
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		begin();
		descs(TABLE_AT)[0] = bad[i][0];
		descs(TABLE_AT)[1] = bad[i][1];
		descs(DESC_AT)[0] = (struct desc){ TABLE_AT, 32, INDIRECT, 0 };
		offer(0);
		pop_nothing(VTR_ERR_PROTOCOL);
		CHECK_EQ(events(err_fd), 1);
		finish();
	}
	/* Not negotiated, so it means nothing. */
	begin();
	(void)vtr_queue_stop(queue);
	setup.indirect = false;
	vtr_queue_start(queue, &setup);
	offer_pair(0);
	pop_nothing(VTR_ERR_PROTOCOL);
	finish();
}

static void refuses_garbage_rings(void)
{
	begin();
	avail()[1] = SIZE + 1;
	pop_nothing(VTR_ERR_PROTOCOL);
	finish();

	begin();
	offer(SIZE);
	pop_nothing(VTR_ERR_PROTOCOL);
	finish();

	/* The same head again and again, without waiting for answers. */
	struct vtr_queue_request *held[SIZE];
	begin();
	for (unsigned i = 0; i < SIZE; i++) {
		offer_pair(0);
		held[i] = pop();
	}
	offer_pair(0);
	pop_nothing(VTR_ERR_PROTOCOL);
	for (unsigned i = 0; i < SIZE; i++) {
		vtr_queue_push(queue, held[i], 0);
	}
	CHECK_EQ(used()[1], 0);
	finish();
}

static void refuses_impossible_setups(void)
{
	static const struct vtr_queue_setup bad[] = {
		{ 0, USER_BASE, USER_BASE, USER_BASE, 0, false, false },
		{ 3, USER_BASE, USER_BASE, USER_BASE, 0, false, false },
		{ 65536, USER_BASE, USER_BASE, USER_BASE, 0, false, false },
		{ UINT32_MAX, USER_BASE, USER_BASE, USER_BASE, 0, false, false },
		{ 8, 0, USER_BASE, USER_BASE, 0, false, false },
		{ 8, USER_BASE, 0, USER_BASE, 0, false, false },
		{ 8, USER_BASE, USER_BASE, 0, 0, false, false },
		{ 8, USER_BASE + 8, USER_BASE, USER_BASE, 0, false, false },
		{ 8, USER_BASE, USER_BASE + 1, USER_BASE, 0, false, false },
		{ 8, USER_BASE, USER_BASE, USER_BASE + 2, 0, false, false },
		{ 8, USER_BASE + RAM_SIZE - 112, USER_BASE, USER_BASE, 0, false, false },
		{ 8, USER_BASE, USER_BASE + RAM_SIZE - 20, USER_BASE, 0, false, false },
		{ 8, USER_BASE, USER_BASE, USER_BASE + RAM_SIZE - 68, 0, false, false },
		{ 8, UINT64_MAX - 15, USER_BASE, USER_BASE, 0, false, false },
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		begin();
		(void)vtr_queue_stop(queue);
		vtr_queue_reset(queue);
		vtr_queue_start(queue, &bad[i]);
		CHECK_EQ(events(err_fd), 1);
		pop_nothing(VTR_ERR_PROTOCOL);
		vtr_queue_notify(queue);
		vtr_queue_remap(queue);
		CHECK_EQ(vtr_queue_stop(queue), 0);
		finish();
	}
}

int main(void)
{
	int fds = test_count_fds();

	RUN(answers);
	RUN(gathers);
	RUN(cuts_what_is_too_long);
	RUN(crosses_regions);
	RUN(asks_for_kicks);
	RUN(interrupts_once_if_wanted);
	RUN(finds_what_was_not_kicked_for);
	RUN(interrupts_for_a_wish_that_came_late);
	RUN(interrupts_by_flag);
	RUN(answers_in_any_order_around_the_ring);
	RUN(goes_on_after_a_pause);
	RUN(forgets_at_a_reset);
	RUN(begins_at_any_base);
	RUN(moves_with_its_memory);
	RUN(refuses_garbage_descriptors);
	RUN(refuses_garbage_tables);
	RUN(refuses_garbage_rings);
	RUN(refuses_impossible_setups);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
