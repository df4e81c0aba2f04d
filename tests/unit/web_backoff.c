/* SPDX-License-Identifier: MIT */
#include "web/backoff.h"

#include "test.h"

#define SECOND INT64_C(1000000000)

static struct vtr_backoff_address address(uint32_t number)
{
	struct vtr_backoff_address result = { { 0 } };

	memcpy(result.bytes, &number, sizeof(number));
	return result;
}

static void answers_come_ever_later(void)
{
	static struct vtr_backoff backoff;
	const struct vtr_backoff_address a = address(1);
	const struct vtr_backoff_address b = address(2);
	int64_t last_ns = 0;

	for (int i = 0; i < VTR_BACKOFF_FREE; i++) {
		CHECK_EQ(vtr_backoff_fail(&backoff, &a, SECOND), 0);
	}
	CHECK_EQ(vtr_backoff_fail(&backoff, &a, SECOND), VTR_BACKOFF_FIRST_NS);
	CHECK_EQ(vtr_backoff_fail(&backoff, &a, SECOND), 2 * VTR_BACKOFF_FIRST_NS);
	for (int i = 0; i < 1000; i++) {
		last_ns = vtr_backoff_fail(&backoff, &a, SECOND);
	}
	CHECK_EQ(last_ns, VTR_BACKOFF_MAX_NS);
	CHECK_EQ(vtr_backoff_fail(&backoff, &b, SECOND), 0);
	CHECK_EQ(vtr_backoff_fail(&backoff, &a, SECOND + VTR_BACKOFF_FORGET_NS), VTR_BACKOFF_MAX_NS);
	CHECK_EQ(vtr_backoff_fail(&backoff, &a, 2 * SECOND + 2 * VTR_BACKOFF_FORGET_NS), 0);
}

static void the_longest_ago_makes_room(void)
{
	static struct vtr_backoff backoff;
	struct vtr_backoff_address guesser = address(77777);

	for (uint32_t i = 0; i < VTR_BACKOFF_FREE; i++) {
		vtr_backoff_fail(&backoff, &guesser, 1);
	}
	for (uint32_t i = 0; i < VTR_BACKOFF_ADDRESSES - 1; i++) {
		const struct vtr_backoff_address other = address(i);
		CHECK_EQ(vtr_backoff_fail(&backoff, &other, 2), 0);
	}
	CHECK(vtr_backoff_fail(&backoff, &guesser, 3) > 0); /* still known */
	for (uint32_t i = 1000; i < 1000 + VTR_BACKOFF_ADDRESSES; i++) {
		const struct vtr_backoff_address other = address(i);
		CHECK_EQ(vtr_backoff_fail(&backoff, &other, 4), 0);
	}
	CHECK_EQ(vtr_backoff_fail(&backoff, &guesser, 5), 0);
}

int main(void)
{
	RUN(answers_come_ever_later);
	RUN(the_longest_ago_makes_room);
	return 0;
}
