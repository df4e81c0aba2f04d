/* SPDX-License-Identifier: MIT */
/* When the clock of work runs (venus/work.h), in simulated time: a tick is five seconds. */
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "venus/device.h"

#define SECOND INT64_C(1000000000)
#define TICK_S 5
#define SEMAPHORE(n) ((VkSemaphore)(uintptr_t)(0x1000 * (n)))

enum { A, B, QUEUES };

static struct vtr_device *device;
static int64_t longest_s; /* of any queue, at the last tick */

static struct vtr_queue *queue(int n)
{
	return device->queues[n];
}

static void begin(void)
{
	device = calloc(1, sizeof(*device));
	vtr_device_work_init(device);
	device->work.watched = true;
	for (; device->queue_count < QUEUES; device->queue_count++) {
		device->queues[device->queue_count] = calloc(1, sizeof(struct vtr_queue));
		device->queues[device->queue_count]->device = device;
	}
	CHECK(vtr_work_created(device, SEMAPHORE(1), true, 0));
	CHECK(vtr_work_created(device, SEMAPHORE(2), true, 0));
	CHECK(vtr_work_created(device, SEMAPHORE(3), false, 0));
}

static void end(void)
{
	vtr_device_work_finish(device);
	for (int i = 0; i < QUEUES; i++) {
		free(device->queues[i]);
	}
	free(device);
}

/* A batch that waits for and signals timelines, 0: none. Each signals the queue's own. */
static void submit(int n, int wait, uint64_t wait_value, int signal, uint64_t signal_value)
{
	const VkSemaphore semaphores[] = { SEMAPHORE(wait), SEMAPHORE(signal) };
	const VkTimelineSemaphoreSubmitInfo values = {
		.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
		.waitSemaphoreValueCount = 1,
		.pWaitSemaphoreValues = &wait_value,
		.signalSemaphoreValueCount = 1,
		.pSignalSemaphoreValues = &signal_value,
	};
	const VkSubmitInfo info = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.pNext = &values,
		.waitSemaphoreCount = wait != 0,
		.pWaitSemaphores = &semaphores[0],
		.signalSemaphoreCount = signal != 0,
		.pSignalSemaphores = &semaphores[1],
	};

	vtr_work_submit(queue(n), 1, &info, queue(n)->work.signalled + 1);
}

static void complete(int n, uint64_t value)
{
	(void)vtr_work_see(queue(n), value);
}

/* Lets so many seconds pass. Returns: how long a batch of queue A has been running. */
static int64_t pass(int64_t seconds)
{
	int64_t ns[QUEUES] = { 0 };

	longest_s = 0;
	for (; seconds > 0; seconds -= TICK_S) {
		for (int i = 0; i < QUEUES; i++) {
			ns[i] = vtr_work_tick(queue(i), TICK_S * SECOND);
			longest_s = vtr_max(longest_s, ns[i] / SECOND);
		}
	}
	return ns[A] / SECOND;
}

/* The first tick only begins the clock. */
#define RUNS_FOR(found, wanted)                                                     \
	do {                                                                        \
		const int64_t s_ = (found);                                         \
                                                                                    \
		CHECK(s_ <= (int64_t)(wanted) && s_ >= (int64_t)(wanted) - TICK_S); \
	} while (0)
#define HOUR 3600

static void idle_queues(void)
{
	begin();
	CHECK_EQ(pass(HOUR), 0);
	submit(A, 0, 0, 0, 0);
	complete(A, 1);
	CHECK_EQ(pass(HOUR), 0);
	end();
}

static void work_that_runs(void)
{
	begin();
	submit(A, 0, 0, 0, 0);
	RUNS_FOR(pass(600), 600); /* a dispatch of ten minutes */
	complete(A, 1);
	CHECK_EQ(pass(TICK_S), 0);
	end();
}

/* Many batches in the queue: each has the time, not all together. */
static void work_that_gets_on(void)
{
	begin();
	for (int i = 0; i < 1000; i++) {
		submit(A, 0, 0, 0, 0);
	}
	for (uint64_t i = 1; i <= 1000; i++) {
		CHECK(pass(100) <= 100);
		complete(A, i);
	}
	CHECK_EQ(pass(TICK_S), 0);
	end();
}

/* No signal follows each of these: together they have the time of all. */
static void batches_without_signals(void)
{
	VkSubmitInfo infos[10];

	memset(infos, 0, sizeof(infos));
	for (size_t i = 0; i < VTR_ARRAY_LEN(infos); i++) {
		infos[i].sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
	}
	begin();
	vtr_work_submit(queue(A), 10, infos, 0);
	CHECK(vtr_work_see(queue(A), 0)); /* a signal is wanted */
	RUNS_FOR(pass(1000), 100);
	vtr_work_signal(queue(A), 1);
	CHECK(!vtr_work_see(queue(A), 0));
	RUNS_FOR(pass(1000), 200);
	end();
}

static void an_open_wait(void)
{
	begin();
	submit(A, 1, 5, 0, 0);
	CHECK_EQ(pass(HOUR), 0);
	vtr_work_promise(device, SEMAPHORE(1), 4);
	CHECK_EQ(pass(HOUR), 0);
	vtr_work_promise(device, SEMAPHORE(1), 5);
	RUNS_FOR(pass(100), 100);
	end();
}

/* What is before an open wait runs, and has its time. */
static void work_before_an_open_wait(void)
{
	begin();
	submit(A, 0, 0, 0, 0);
	submit(A, 1, 5, 0, 0);
	RUNS_FOR(pass(100), 100);
	complete(A, 1);
	CHECK_EQ(pass(HOUR), 0);
	end();
}

/* B waits for A, which waits for the host. */
static void work_behind_another_queue(void)
{
	begin();
	submit(B, 1, 1, 2, 1);
	submit(A, 2, 1, 0, 0);
	CHECK_EQ(pass(HOUR), 0);
	CHECK_EQ(longest_s, 0);
	vtr_work_promise(device, SEMAPHORE(1), 1);
	CHECK_EQ(pass(100), 0);
	RUNS_FOR(longest_s, 100); /* of B */
	complete(B, 1);
	CHECK(pass(100) >= 80);
	end();
}

/* A binary semaphore is waited for: its signal was submitted before, perhaps in the other queue. */
static void a_binary_wait(void)
{
	begin();
	submit(B, 0, 0, 3, 0);
	submit(A, 3, 0, 0, 0);
	CHECK_EQ(pass(600), 0);
	RUNS_FOR(longest_s, 600);
	complete(B, 1);
	/* The other queue is never idle from now on, and its new work is of no interest. */
	for (uint64_t i = 0; i < 20; i++) {
		submit(B, 0, 0, 0, 0);
		(void)pass(TICK_S);
		complete(B, 1 + i);
	}
	CHECK(pass(TICK_S) >= 80);
	end();
}

static void more_open_waits_than_fit(void)
{
	begin();
	for (uint64_t i = 0; i < VTR_WORK_MAX_OPEN + 4; i++) {
		submit(A, 1, 5, 0, 0);
	}
	CHECK_EQ(pass(HOUR), 0);
	vtr_work_promise(device, SEMAPHORE(1), 5);
	CHECK_EQ(pass(HOUR), 0); /* it is not known which are left */
	complete(A, VTR_WORK_MAX_OPEN + 4);
	CHECK_EQ(pass(TICK_S), 0);
	submit(A, 0, 0, 0, 0);
	RUNS_FOR(pass(100), 100);
	end();
}

static void what_cannot_be_followed(void)
{
	begin();
	submit(A, 0, 0, 0, 0);
	vtr_work_unsure(device);
	CHECK_EQ(pass(HOUR), 0);
	end();
}

static void many_timelines(void)
{
	begin();
	for (int i = 10; i < 5000; i++) {
		CHECK(vtr_work_created(device, SEMAPHORE(i), true, 7));
	}
	submit(A, 4999, 7, 0, 0);
	RUNS_FOR(pass(100), 100);
	complete(A, 1);
	submit(A, 1234, 8, 0, 0);
	CHECK_EQ(pass(HOUR), 0);
	CHECK(vtr_work_created(device, SEMAPHORE(1234), false, 0)); /* the handle of a binary one now */
	RUNS_FOR(pass(100), 100);
	for (int i = 5000; i < 70000; i++) {
		CHECK(vtr_work_created(device, SEMAPHORE(i), true, 0));
	}
	CHECK_EQ(pass(HOUR), 0); /* too many: nothing is judged */
	end();
}

int main(void)
{
	RUN(idle_queues);
	RUN(work_that_runs);
	RUN(work_that_gets_on);
	RUN(batches_without_signals);
	RUN(an_open_wait);
	RUN(work_before_an_open_wait);
	RUN(work_behind_another_queue);
	RUN(a_binary_wait);
	RUN(more_open_waits_than_fit);
	RUN(what_cannot_be_followed);
	RUN(many_timelines);
	return 0;
}
