/* SPDX-License-Identifier: MIT */
#include "web/backoff.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

struct vtr_backoff_address vtr_backoff_peer(int fd)
{
	struct vtr_backoff_address result = { { 0 } };
	struct sockaddr_storage storage;
	socklen_t size = sizeof(storage);

	if (getpeername(fd, (struct sockaddr *)&storage, &size) < 0) {
		return result; /* the connection is gone already */
	}
	if (storage.ss_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, &storage, sizeof(v4));
		memcpy(result.bytes, &v4.sin_addr, 4);
	} else if (storage.ss_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, &storage, sizeof(v6));
		memcpy(result.bytes, &v6.sin6_addr, 8);
		result.bytes[15] = 6;
	}
	return result;
}

int64_t vtr_backoff_fail(struct vtr_backoff *backoff, const struct vtr_backoff_address *address,
                         int64_t now_ns)
{
	size_t at = 0;

	for (size_t i = 0; i < VTR_BACKOFF_ADDRESSES; i++) {
		if (backoff->entries[i].last_ns != 0 &&
		    memcmp(&backoff->entries[i].address, address, sizeof(*address)) == 0) {
			at = i;
			break;
		}
		if (backoff->entries[i].last_ns < backoff->entries[at].last_ns) {
			at = i;
		}
	}
	if (memcmp(&backoff->entries[at].address, address, sizeof(*address)) != 0 ||
	    now_ns - backoff->entries[at].last_ns > VTR_BACKOFF_FORGET_NS) {
		backoff->entries[at].count = 0;
	}
	backoff->entries[at].address = *address;
	backoff->entries[at].last_ns = now_ns;
	uint32_t count = ++backoff->entries[at].count;
	int64_t wait_ns = VTR_BACKOFF_FIRST_NS;
	if (count <= VTR_BACKOFF_FREE) {
		return 0;
	}
	for (uint32_t i = VTR_BACKOFF_FREE + 1; i < count && wait_ns < VTR_BACKOFF_MAX_NS; i++) {
		wait_ns *= 2;
	}
	return wait_ns < VTR_BACKOFF_MAX_NS ? wait_ns : VTR_BACKOFF_MAX_NS;
}
