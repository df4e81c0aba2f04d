/* SPDX-License-Identifier: MIT */
#include "gpu_driver.h"
#include "platform/thread.h"
#include "test.h"

/*
 * When requests with fences are answered, and in which order. A guest takes the answer to one for the
 * answer to all before it on the timeline.
 */

#define GLOBAL 0xff /* instead of a ring */

static const struct driver_options plain = { 0 };

/* What the header of `slot` was, to compare with the answer's. */
static struct gpu_header sent[DRIVER_SLOTS];

static int send_fenced(uint32_t type, uint32_t ctx_id, uint8_t ring)
{
	static uint64_t next_fence_id = UINT64_C(0x100000001);
	const struct gpu_submit_3d request = {
		.header = {
			.type = type,
			.flags = GPU_FLAG_FENCE | (ring == GLOBAL ? 0 : GPU_FLAG_RING_IDX),
			.fence_id = next_fence_id++,
			.ctx_id = ctx_id,
			.ring_idx = ring == GLOBAL ? 0 : ring,
		},
	};
	int slot = driver_send(GPU_QUEUE_CONTROL, &request, sizeof(request), 408);

	sent[slot] = request.header;
	driver_kick();
	return slot;
}

/* An empty SUBMIT_3D: nothing but a fence behind what was sent before. */
static int submit(uint32_t ctx_id, uint8_t ring)
{
	return send_fenced(GPU_SUBMIT_3D, ctx_id, ring);
}

/* Something that has nothing to wait for. */
static int quick(uint32_t ctx_id, uint8_t ring)
{
	return send_fenced(GPU_GET_DISPLAY_INFO, ctx_id, ring);
}

/* The answer's type, if it echoes the fence. */
static uint32_t result(int slot)
{
	size_t size;
	const struct gpu_header *answer = driver_answer(slot, &size);

	CHECK(size >= sizeof(*answer));
	CHECK_EQ(answer->flags, sent[slot].flags);
	CHECK_EQ((int64_t)answer->fence_id, (int64_t)sent[slot].fence_id);
	CHECK_EQ(answer->ctx_id, sent[slot].ctx_id);
	CHECK_EQ(answer->ring_idx, sent[slot].ring_idx);
	return answer->type;
}

#define CHECK_ORDER(...)                                                  \
	do {                                                              \
		const int wanted_[] = { __VA_ARGS__ };                    \
		int got_[DRIVER_SLOTS];                                   \
		int count_ = (int)(sizeof(wanted_) / sizeof(wanted_[0])); \
		CHECK_EQ(driver_order(got_, DRIVER_SLOTS), count_);       \
		for (int i_ = 0; i_ < count_; i_++) {                     \
			CHECK_EQ(got_[i_], wanted_[i_]);                  \
		}                                                         \
	} while (0)

static void check_nothing(void)
{
	int slot;

	CHECK_EQ(driver_order(&slot, 1), 0);
}

static void begin(const struct driver_options *options)
{
	driver_begin(options);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_context(3, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_context(4, 0), GPU_OK_NODATA);
	int slots[DRIVER_SLOTS];
	driver_order(slots, DRIVER_SLOTS);
	driver_interrupts();
	driver_said();
}

/* Seed problem: vkQueueSubmit and vkWaitForFences, an empty submit too. */
static void queue_submit_and_fence_wait(void)
{
	static const uint32_t commands[2] = { 0xfb, 0 };
	struct {
		struct gpu_submit_3d request;
		uint32_t commands[2];
	} both = {
		.request = {
			.header = { GPU_SUBMIT_3D, GPU_FLAG_FENCE | GPU_FLAG_RING_IDX, 9, 2, 1 },
			.size = sizeof(commands),
		},
		.commands = { 0xfb, 0 },
	};

	begin(&plain);
	int slot = driver_send(GPU_QUEUE_CONTROL, &both, sizeof(both), 24);
	sent[slot] = both.request.header;
	driver_kick();
	CHECK_SAID("submit 2: 8 0xfb\nfence 2/1\n");
	CHECK(!driver_is_done(slot));
	int empty = submit(2, 1);
	CHECK_SAID("fence 2/1\n");
	check_nothing();
	render_finish(2, 1);
	CHECK_ORDER(slot);
	CHECK_EQ(result(slot), GPU_OK_NODATA);
	render_finish(2, 1);
	CHECK_ORDER(empty);
	CHECK_EQ(result(empty), GPU_OK_NODATA);
	driver_end();
}

static void timelines_do_not_wait_for_each_other(void)
{
	begin(&plain);
	int a = submit(2, 1), b = submit(2, 2), c = submit(3, 1), d = submit(2, 63);
	check_nothing();
	render_finish(3, 1);
	render_finish(2, 63);
	render_finish(2, 2);
	CHECK_ORDER(c, d, b);
	render_finish(2, 1);
	CHECK_ORDER(a);
	driver_end();
}

static void a_timeline_is_in_order(void)
{
	begin(&plain);
	int first = submit(2, 1);
	int second = quick(2, 1); /* done at once, but behind the first */
	int third = submit(2, 1);
	check_nothing();
	render_finish(2, 1);
	CHECK_ORDER(first, second);
	CHECK_EQ(result(second), GPU_OK_DISPLAY_INFO); /* the answer was kept */
	render_finish(2, 1);
	CHECK_ORDER(third);
	int fourth = quick(2, 1);
	CHECK_ORDER(fourth);
	driver_end();
}

/* Without a ring, a submit waits for no renderer, which could hold up all the others: as in QEMU. */
static void the_global_timeline_waits_for_no_renderer(void)
{
	begin(&plain);
	int busy = submit(2, 0);
	CHECK_SAID("fence 2/0\n");
	int a = submit(2, GLOBAL);
	int b = quick(0, GLOBAL);
	int c = submit(4, GLOBAL); /* which has no renderer */
	int d = quick(3, GLOBAL);
	CHECK_SAID("");
	CHECK_ORDER(a, b, c, d);
	CHECK(!driver_is_done(busy));
	render_finish(2, 0);
	CHECK_ORDER(busy);
	driver_end();
}

/* Requests without a fence do not wait. */
static void without_a_fence(void)
{
	begin(&plain);
	int waits = submit(2, 1);
	CHECK_EQ(do_submit(2, NULL, 0), GPU_OK_NODATA);
	CHECK_EQ(do_create_2d(5, 32, 32), GPU_OK_NODATA);
	CHECK(!driver_is_done(waits));
	driver_end();
}

static void fences_are_echoed_on_errors(void)
{
	begin(&plain);
	static const struct {
		uint32_t type, ctx_id;
		uint8_t ring;
		uint32_t answer;
	} bad[] = {
		{ GPU_SUBMIT_3D, 99, 1, GPU_ERR_INVALID_CONTEXT_ID },
		{ GPU_SUBMIT_3D, 99, GLOBAL, GPU_ERR_INVALID_CONTEXT_ID },
		{ GPU_RESOURCE_UNREF, 2, 3, GPU_ERR_INVALID_RESOURCE_ID },
		{ GPU_CTX_CREATE, 2, GLOBAL, GPU_ERR_INVALID_PARAMETER },
		{ 0xdead, 2, 5, GPU_ERR_UNSPEC },
		{ 0xdead, 0, GLOBAL, GPU_ERR_UNSPEC },
		{ GPU_GET_DISPLAY_INFO, 2, 64, GPU_OK_DISPLAY_INFO }, /* no such timeline */
		{ GPU_SUBMIT_3D, 2, 254, GPU_OK_NODATA },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int slot = send_fenced(bad[i].type, bad[i].ctx_id, bad[i].ring);
		CHECK_ORDER(slot);
		CHECK_EQ(result(slot), bad[i].answer);
	}
	/* Errors keep to the order too. */
	int first = submit(2, 1);
	int wrong = send_fenced(0xdead, 2, 1);
	check_nothing();
	render_finish(2, 1);
	CHECK_ORDER(first, wrong);
	CHECK_EQ(result(wrong), GPU_ERR_UNSPEC);
	driver_end();
}

/* A dead renderer's fences are signalled; its context answers with errors, the others continue. */
static void a_renderer_dies(void)
{
	static const uint32_t commands[2] = { 1 };

	begin(&plain);
	CHECK_EQ(do_create_host_blob(2, 9, 1, 4096), GPU_OK_NODATA);
	CHECK_EQ(do_map(9, 0), GPU_OK_MAP_INFO);
	CHECK_EQ(do_attach(2, 9), GPU_OK_NODATA);
	CHECK_EQ(do_attach(3, 9), GPU_OK_NODATA);
	int slots[DRIVER_SLOTS];
	driver_order(slots, DRIVER_SLOTS);
	int a = submit(2, 1), b = submit(2, 2), other = submit(3, 1);
	int c = submit(2, 5), d = quick(2, 5);
	driver_said();
	check_nothing();
	render_die(2);
	CHECK_ORDER(a, b, c, d);
	CHECK_EQ(result(a), GPU_OK_NODATA);
	render_die(2); /* once more */
	CHECK_ERR(render_signal(2, 1, 1), VTR_ERR_PROTOCOL);

	int e = submit(2, 1);
	CHECK_ORDER(e);
	CHECK_EQ(result(e), GPU_ERR_UNSPEC);
	CHECK_EQ(do_submit(2, commands, 8), GPU_ERR_UNSPEC);
	CHECK_EQ(do_create_host_blob(2, 10, 1, 4096), GPU_ERR_UNSPEC);
	CHECK_EQ(do_create_2d(11, 32, 32), GPU_OK_NODATA);
	CHECK_EQ(do_attach(2, 11), GPU_ERR_UNSPEC);
	CHECK_EQ(do_detach(2, 9), GPU_OK_NODATA);
	CHECK_SAID(""); /* nothing is asked of it any more */
	driver_order(slots, DRIVER_SLOTS);
	render_finish(3, 1);
	CHECK_ORDER(other);
	CHECK_EQ(do_submit(3, commands, 8), GPU_OK_NODATA);
	CHECK_SAID("submit 3: 8 0x1\n");
	CHECK_EQ(do_destroy_context(2), GPU_OK_NODATA);
	CHECK_SAID("destroy 2\n");
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA); /* a new one works */
	CHECK_EQ(do_submit(2, commands, 8), GPU_OK_NODATA);
	CHECK_SAID("create 2 cube\nsubmit 2: 8 0x1\n");
	driver_end();
}

static void a_context_is_destroyed_with_fences(void)
{
	begin(&plain);
	int a = submit(3, 1), b = quick(3, 1), c = submit(2, 1), d = quick(2, 1);
	const struct gpu_header destroy = { .type = GPU_CTX_DESTROY, .ctx_id = 2 };
	int slot = driver_send(GPU_QUEUE_CONTROL, &destroy, sizeof(destroy), 24);
	driver_kick();
	CHECK_ORDER(c, d, slot);
	render_finish(3, 1);
	CHECK_ORDER(a, b);
	driver_end();
}

/* A fence on the timeline of a context that the same request ends. */
static void a_fence_on_what_it_destroys(void)
{
	begin(&plain);
	int slot = send_fenced(GPU_CTX_DESTROY, 2, 1);
	CHECK_ORDER(slot);
	CHECK_EQ(result(slot), GPU_OK_NODATA);
	driver_end();
}

/* Ids are counted from 1 in each device. */
static void a_renderer_that_lies(void)
{
	begin(&plain);
	const uint64_t first = 1;
	int a = submit(2, 1), b = submit(2, 2), c = submit(2, 1);
	CHECK_ERR(render_signal(99, 1, first), VTR_ERR_PROTOCOL); /* no such context */
	CHECK_ERR(render_signal(3, 1, first), VTR_ERR_PROTOCOL); /* another's */
	CHECK_ERR(render_signal(2, 2, first), VTR_ERR_PROTOCOL); /* on another timeline */
	CHECK_ERR(render_signal(2, 3, first), VTR_ERR_PROTOCOL); /* on one without any */
	CHECK_ERR(render_signal(2, UINT32_MAX, first), VTR_ERR_PROTOCOL); /* on none */
	CHECK_ERR(render_signal(2, 1, 0), VTR_ERR_PROTOCOL); /* never asked for */
	CHECK_ERR(render_signal(2, 1, first + 3), VTR_ERR_PROTOCOL);
	CHECK_ERR(render_signal(2, 1, UINT64_MAX), VTR_ERR_PROTOCOL);
	CHECK_ERR(render_signal(2, 1, first + 2), VTR_ERR_PROTOCOL); /* before an older one */
	check_nothing();
	CHECK_OK(render_signal(2, 1, first));
	CHECK_ORDER(a);
	CHECK_ERR(render_signal(2, 1, first), VTR_ERR_PROTOCOL); /* twice */
	check_nothing();
	CHECK_OK(render_signal(2, 2, first + 1));
	CHECK_OK(render_signal(2, 1, first + 2));
	CHECK_ORDER(b, c);
	CHECK_ERR(render_signal(2, 1, first + 2), VTR_ERR_PROTOCOL);
	driver_end();
}

static void a_renderer_that_cannot_be_asked(void)
{
	begin(&plain);
	render_fence_error = VTR_ERR_GONE;
	int slot = submit(2, 1);
	CHECK_ORDER(slot);
	CHECK_EQ(result(slot), GPU_OK_NODATA);
	driver_end();
}

static void one_interrupt_for_many_fences(void)
{
	int slots[8];

	begin(&plain);
	for (int i = 0; i < 8; i++) {
		slots[i] = submit(2, 1);
	}
	CHECK_EQ(driver_interrupts(), 0);
	for (int i = 0; i < 8; i++) {
		render_finish(2, 1);
	}
	CHECK(driver_wait(slots[7])); /* the turn ends */
	CHECK_EQ(driver_interrupts(), 1);
	driver_end();
}

static void fences_over_a_pause(void)
{
	begin(&plain);
	int a = submit(2, 1), b = submit(2, 1), c = submit(2, 2);
	render_finish(2, 1);
	driver_stop(); /* with an interrupt for what is done */
	CHECK_EQ(driver_interrupts(), 1);
	CHECK_ORDER(a);
	render_finish(2, 1);
	check_nothing();
	driver_restart(false);
	CHECK_ORDER(b);
	render_finish(2, 2);
	CHECK_ORDER(c);
	driver_end();
}

static void fences_over_a_reset(void)
{
	begin(&(struct driver_options){ .refresh_hz = 1 });
	submit(2, 1);
	submit(2, 2);
	quick(2, 2);
	driver_stop();
	driver_restart(true);
	check_nothing();
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	int order[4];
	driver_order(order, 4);
	int slot = submit(2, 0);
	render_finish(2, 0);
	CHECK_ORDER(slot);
	driver_end();
}

/* --- pacing -------------------------------------------------------------------------------------------- */

static int flush_fenced(uint32_t resource)
{
	const struct gpu_resource_flush request = {
		.header = { .type = GPU_RESOURCE_FLUSH, .flags = GPU_FLAG_FENCE, .fence_id = 5 },
		.rect = { 0, 0, 32, 32 },
		.resource_id = resource,
	};
	int slot = driver_send(GPU_QUEUE_CONTROL, &request, sizeof(request), 24);

	sent[slot] = request.header;
	driver_kick();
	return slot;
}

static void show(uint32_t resource)
{
	int slots[DRIVER_SLOTS];

	CHECK_EQ(do_create_2d(resource, 32, 32), GPU_OK_NODATA);
	CHECK_EQ(do_set_scanout(0, resource, (struct gpu_rect){ 0, 0, 32, 32 }), GPU_OK_NODATA);
	driver_order(slots, DRIVER_SLOTS);
	driver_said();
}

static void a_flush_waits_for_the_tick(void)
{
	begin(&(struct driver_options){ .refresh_hz = 50 });
	show(5);
	CHECK(driver_wait(flush_fenced(5))); /* on the grid from here */
	int64_t start = vtr_os_now_ns();
	for (int i = 0; i < 5; i++) {
		int slot = flush_fenced(5);
		CHECK(driver_wait(slot));
		CHECK_EQ(result(slot), GPU_OK_NODATA);
	}
	/* Each at a tick of its own. The first may come at once. */
	CHECK(vtr_os_now_ns() - start > 80000000);
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 0, 0, 32, 32 }), GPU_OK_NODATA);
	driver_end();
}

/* One second per tick is enough to detect a request that does not wait. */
static void who_does_not_wait_for_the_tick(void)
{
	begin(&(struct driver_options){ .refresh_hz = 1 });
	show(5);
	CHECK_EQ(do_create_2d(6, 32, 32), GPU_OK_NODATA);
	int order[2];
	driver_order(order, 2);
	int hidden = flush_fenced(6); /* not on a display */
	CHECK_ORDER(hidden);
	int shown = flush_fenced(5);
	int behind = quick(0, GLOBAL);
	check_nothing();
	int other = quick(2, 1);
	CHECK_ORDER(other);
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 0, 0, 32, 32 }), GPU_OK_NODATA); /* no fence */
	driver_order(order, 2);
	CHECK(driver_wait(behind));
	CHECK_ORDER(shown, behind);
	driver_end();
}

static void no_refresh_rate_no_waiting(void)
{
	begin(&plain);
	show(5);
	int slot = flush_fenced(5);
	CHECK_ORDER(slot);
	driver_end();
}

int main(void)
{
	RUN(queue_submit_and_fence_wait);
	RUN(timelines_do_not_wait_for_each_other);
	RUN(a_timeline_is_in_order);
	RUN(the_global_timeline_waits_for_no_renderer);
	RUN(without_a_fence);
	RUN(fences_are_echoed_on_errors);
	RUN(a_renderer_dies);
	RUN(a_context_is_destroyed_with_fences);
	RUN(a_fence_on_what_it_destroys);
	RUN(a_renderer_that_lies);
	RUN(a_renderer_that_cannot_be_asked);
	RUN(one_interrupt_for_many_fences);
	RUN(fences_over_a_pause);
	RUN(fences_over_a_reset);
	RUN(a_flush_waits_for_the_tick);
	RUN(who_does_not_wait_for_the_tick);
	RUN(no_refresh_rate_no_waiting);
	return 0;
}
