/* SPDX-License-Identifier: MIT */
#include "web/pace.h"

#include "test.h"

#define MS INT64_C(1000000)

static void a_quarter_of_a_second_is_under_way(void)
{
	struct vtr_pace pace = { 0 };

	CHECK(vtr_pace_is_open(&pace, 0));
	CHECK_EQ(vtr_pace_send(&pace, 1000 * MS), 1);
	CHECK_EQ(vtr_pace_send(&pace, 1010 * MS), 2);
	CHECK(vtr_pace_is_open(&pace, 1249 * MS));
	CHECK(!vtr_pace_is_open(&pace, 1250 * MS));
	CHECK(!vtr_pace_is_idle(&pace));
	CHECK(vtr_pace_ack(&pace, 1, 1250 * MS)); /* the way takes 250 ms */
	CHECK(vtr_pace_is_open(&pace, 1509 * MS));
	CHECK(!vtr_pace_is_open(&pace, 1510 * MS));
	CHECK(vtr_pace_ack(&pace, 2, 1510 * MS));
	CHECK(vtr_pace_is_idle(&pace));
	CHECK(vtr_pace_is_open(&pace, 9999 * MS));
}

static void a_long_way_is_no_jam_but_a_very_long_one_is(void)
{
	struct vtr_pace pace = { 0 };

	vtr_pace_send(&pace, 0);
	CHECK(vtr_pace_ack(&pace, 1, 600 * MS));
	vtr_pace_send(&pace, 1000 * MS);
	CHECK(vtr_pace_is_open(&pace, 1849 * MS));
	CHECK(!vtr_pace_is_open(&pace, 1850 * MS));
	CHECK(vtr_pace_ack(&pace, 2, 1850 * MS));
	CHECK_EQ(pace.way_ns, 600 * MS); /* the shortest counts */

	struct vtr_pace slow = { 0 };
	vtr_pace_send(&slow, 0);
	CHECK(vtr_pace_ack(&slow, 1, 60000 * MS));
	vtr_pace_send(&slow, 100000 * MS);
	CHECK(!vtr_pace_is_open(&slow, 101250 * MS));
}

static void what_was_not_sent_cannot_be_acknowledged(void)
{
	struct vtr_pace pace = { 0 };

	CHECK(!vtr_pace_ack(&pace, 1, 0));
	vtr_pace_send(&pace, 0);
	vtr_pace_send(&pace, 0);
	CHECK(!vtr_pace_ack(&pace, 3, 0));
	CHECK(!vtr_pace_ack(&pace, UINT32_MAX, 0));
	CHECK(vtr_pace_ack(&pace, 2, 0));
	CHECK(vtr_pace_ack(&pace, 2, 0)); /* once more */
	CHECK(!vtr_pace_ack(&pace, 1, 0));
	CHECK(vtr_pace_is_idle(&pace));
}

static void there_is_room_for_so_many(void)
{
	struct vtr_pace pace = { .sent = UINT32_MAX - 3, .acked = UINT32_MAX - 3 }; /* they wrap around */

	for (uint32_t i = 0; i < VTR_PACE_UNITS; i++) {
		CHECK(vtr_pace_is_open(&pace, 0));
		vtr_pace_send(&pace, 0);
	}
	CHECK(!vtr_pace_is_open(&pace, 0));
	CHECK(vtr_pace_ack(&pace, UINT32_MAX, 0));
	CHECK(vtr_pace_is_open(&pace, 0));
	CHECK(vtr_pace_ack(&pace, VTR_PACE_UNITS - 4, 0));
	CHECK(vtr_pace_is_idle(&pace));
}

int main(void)
{
	RUN(a_quarter_of_a_second_is_under_way);
	RUN(a_long_way_is_no_jam_but_a_very_long_one_is);
	RUN(what_was_not_sent_cannot_be_acknowledged);
	RUN(there_is_room_for_so_many);
	return 0;
}
