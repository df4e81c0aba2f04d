/* SPDX-License-Identifier: MIT */
#include "vtest/ids.h"

#include "test.h"

static void come_again(void)
{
	struct vtr_ids ids;
	uint32_t a;
	uint32_t b;

	vtr_ids_init(&ids);
	CHECK_OK(vtr_ids_take(&ids, &a));
	CHECK_OK(vtr_ids_take(&ids, &b));
	CHECK(a > 0 && b > 0 && a != b);
	vtr_ids_set_real(&ids, b);
	CHECK_EQ(vtr_ids_give(&ids, a), VTR_IDS_VOID);
	CHECK_EQ(vtr_ids_give(&ids, b), VTR_IDS_REAL);
	CHECK_EQ(vtr_ids_give(&ids, b), VTR_IDS_FREE);
	CHECK_OK(vtr_ids_take(&ids, &a));
	CHECK_EQ(a, b);
	vtr_ids_finish(&ids);
}

static void bear_any_number(void)
{
	struct vtr_ids ids;
	uint32_t id;

	vtr_ids_init(&ids);
	CHECK_EQ(vtr_ids_give(&ids, 0), VTR_IDS_FREE);
	CHECK_EQ(vtr_ids_give(&ids, 1), VTR_IDS_FREE);
	CHECK_OK(vtr_ids_take(&ids, &id));
	CHECK_EQ(vtr_ids_give(&ids, UINT32_MAX), VTR_IDS_FREE);
	CHECK_EQ(vtr_ids_give(&ids, id + 1), VTR_IDS_FREE);
	vtr_ids_finish(&ids);
}

static void have_limits(void)
{
	struct vtr_ids ids;
	uint32_t id;

	vtr_ids_init(&ids);
	for (uint32_t i = 0; i < VTR_IDS_MAX; i++) {
		CHECK_OK(vtr_ids_take(&ids, &id));
		if (vtr_ids_has_room(&ids)) {
			vtr_ids_set_real(&ids, id);
		}
	}
	CHECK_EQ(ids.live, VTR_IDS_MAX_LIVE);
	CHECK_ERR(vtr_ids_take(&ids, &id), VTR_ERR_LIMIT);
	CHECK_EQ(vtr_ids_give(&ids, 5), VTR_IDS_REAL);
	CHECK(vtr_ids_has_room(&ids));
	CHECK_OK(vtr_ids_take(&ids, &id));
	CHECK_EQ(id, 5);
	vtr_ids_finish(&ids);
}

int main(void)
{
	RUN(come_again);
	RUN(bear_any_number);
	RUN(have_limits);
	return 0;
}
