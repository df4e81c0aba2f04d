/* SPDX-License-Identifier: MIT */
#include "web/pace.h"

#include "base/err.h"

static int64_t *slot(struct vtr_pace *pace, uint32_t number)
{
	return &pace->sent_ns[number % VTR_PACE_UNITS];
}

uint32_t vtr_pace_send(struct vtr_pace *pace, int64_t now_ns)
{
	vtr_assert(pace->sent - pace->acked < VTR_PACE_UNITS);
	pace->sent++;
	*slot(pace, pace->sent) = now_ns;
	return pace->sent;
}

bool vtr_pace_ack(struct vtr_pace *pace, uint32_t number, int64_t now_ns)
{
	/* This form allows numbers to wrap around. */
	if (number - pace->acked > pace->sent - pace->acked) {
		return false;
	}
	if (number != pace->acked) {
		int64_t way_ns = now_ns - *slot(pace, number);
		if (pace->way_ns == 0 || way_ns < pace->way_ns) {
			pace->way_ns = way_ns;
		}
		pace->acked = number;
	}
	return true;
}

bool vtr_pace_is_open(const struct vtr_pace *pace, int64_t now_ns)
{
	uint32_t under_way = pace->sent - pace->acked;
	int64_t way_ns = pace->way_ns < VTR_PACE_WAY_MAX_NS ? pace->way_ns : VTR_PACE_WAY_MAX_NS;

	if (under_way == 0) {
		return true;
	}
	return under_way < VTR_PACE_UNITS &&
	       now_ns - pace->sent_ns[(pace->acked + 1) % VTR_PACE_UNITS] < VTR_PACE_BACKLOG_NS + way_ns;
}

bool vtr_pace_is_idle(const struct vtr_pace *pace)
{
	return pace->sent == pace->acked;
}
