/* SPDX-License-Identifier: MIT */
#include "web/rate_limit.h"

#include <string.h>

/* Returns: the address's entry; otherwise the one that was free first, and *out_found is false. */
static size_t find(const struct vtr_rate_limit *limit, const struct vtr_backoff_address *address,
                   bool *out_found)
{
	size_t first = 0;

	*out_found = true;
	for (size_t i = 0; i < VTR_RATE_LIMIT_ADDRESSES; i++) {
		if (limit->entries[i].free_ns != 0 &&
		    memcmp(&limit->entries[i].address, address, sizeof(*address)) == 0) {
			return i;
		}
		if (limit->entries[i].free_ns < limit->entries[first].free_ns) {
			first = i;
		}
	}
	*out_found = false;
	return first;
}

bool vtr_rate_limit_take(struct vtr_rate_limit *limit, const struct vtr_backoff_address *address,
                         int64_t now_ns)
{
	bool found;
	size_t at = find(limit, address, &found);
	int64_t *free_ns = &limit->entries[at].free_ns;

	if (!found || *free_ns < now_ns) {
		limit->entries[at].address = *address;
		*free_ns = now_ns;
	}
	if (*free_ns - now_ns > (VTR_RATE_LIMIT_BURST - 1) * VTR_RATE_LIMIT_INTERVAL_NS) {
		return false;
	}
	*free_ns += VTR_RATE_LIMIT_INTERVAL_NS;
	return true;
}

void vtr_rate_limit_give_back(struct vtr_rate_limit *limit, const struct vtr_backoff_address *address)
{
	bool found;
	size_t at = find(limit, address, &found);

	if (found) {
		limit->entries[at].free_ns -= VTR_RATE_LIMIT_INTERVAL_NS;
	}
}
