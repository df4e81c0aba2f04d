/* SPDX-License-Identifier: MIT */
#include "web/rate_limit.h"

#include "test.h"

#define SECOND INT64_C(1000000000)

static struct vtr_backoff_address address(uint32_t number)
{
	struct vtr_backoff_address result = { { 0 } };

	memcpy(result.bytes, &number, sizeof(number));
	return result;
}

/* Returns: how many of `count` are allowed. */
static uint32_t take(struct vtr_rate_limit *limit, uint32_t number, uint32_t count, int64_t now_ns)
{
	const struct vtr_backoff_address peer = address(number);
	uint32_t taken = 0;

	for (uint32_t i = 0; i < count; i++) {
		taken += vtr_rate_limit_take(limit, &peer, now_ns);
	}
	return taken;
}

static void a_burst_and_then_a_rate(void)
{
	static struct vtr_rate_limit limit;
	const uint32_t in_second = (uint32_t)(SECOND / VTR_RATE_LIMIT_INTERVAL_NS);

	CHECK_EQ(take(&limit, 1, 1000, SECOND), VTR_RATE_LIMIT_BURST);
	CHECK_EQ(take(&limit, 1, 1000, SECOND + VTR_RATE_LIMIT_INTERVAL_NS - 1), 0);
	CHECK_EQ(take(&limit, 1, 1000, SECOND + VTR_RATE_LIMIT_INTERVAL_NS), 1);
	CHECK_EQ(take(&limit, 1, 1000, 2 * SECOND), in_second - 1);
	CHECK_EQ(take(&limit, 2, 1000, 2 * SECOND), VTR_RATE_LIMIT_BURST); /* another address */
	CHECK_EQ(take(&limit, 1, 1000, 1000 * SECOND), VTR_RATE_LIMIT_BURST);
}

static void what_is_given_back_does_not_count(void)
{
	static struct vtr_rate_limit limit;
	const struct vtr_backoff_address peer = address(1);

	for (uint32_t i = 0; i < 2 * VTR_RATE_LIMIT_BURST; i++) {
		CHECK(vtr_rate_limit_take(&limit, &peer, SECOND));
		vtr_rate_limit_give_back(&limit, &peer);
	}
	CHECK_EQ(take(&limit, 1, 1000, SECOND), VTR_RATE_LIMIT_BURST);
	vtr_rate_limit_give_back(&limit, &peer);
	CHECK_EQ(take(&limit, 1, 1000, SECOND), 1);
	for (uint32_t i = 0; i < 2 * VTR_RATE_LIMIT_BURST; i++) { /* more than was taken: does not pile up */
		vtr_rate_limit_give_back(&limit, &peer);
	}
	CHECK_EQ(take(&limit, 1, 1000, SECOND), VTR_RATE_LIMIT_BURST);
}

static void who_floods_is_remembered(void)
{
	static struct vtr_rate_limit limit;

	CHECK_EQ(take(&limit, 77777, 1000, SECOND), VTR_RATE_LIMIT_BURST);
	for (uint32_t i = 0; i < 10 * VTR_RATE_LIMIT_ADDRESSES; i++) {
		CHECK_EQ(take(&limit, i, 1, SECOND), 1);
	}
	CHECK_EQ(take(&limit, 77777, 1000, SECOND), 0);
}

int main(void)
{
	RUN(a_burst_and_then_a_rate);
	RUN(what_is_given_back_does_not_count);
	RUN(who_floods_is_remembered);
	return 0;
}
