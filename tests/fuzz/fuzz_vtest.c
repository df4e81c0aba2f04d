/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "../unit/fake_venus.h"
#include "base/mem.h"
#include "platform/sock.h"
#include "venus_events.h"
#include "vk/renderer_config.h"
#include "vtest/vtest.h"

/*
 * The bytes of one connection, as the real serving loop gets them, behind a byte of enum how.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* So that many replies fit into the socket, since they are not read. */
#define INPUT_MAX 2048
#define SOCKET_SIZE (1 << 20)

enum how {
	GREET = 1, /* the handshake comes for free, so that the fuzzer need not find it */
	HOLD_FENCES = 2,
	REFUSE_SUBMIT = 4, /* the renderer breaks down at the first stream */
	FILL = 8, /* replies, which are not read, soon fill the socket, as with a worker */
	DIE = 16, /* the renderer breaks down at once */
};

static const uint32_t handshake[] = {
	2, 8, /* CREATE_RENDERER; its name is two bytes, see below */
};
static const uint8_t name[] = { 'f', 0 };
static const uint32_t handshake_rest[] = {
	1, 11, 4,     /* PROTOCOL_VERSION 4 */
	1, 17, 4,     /* CONTEXT_INIT Venus */
	2, 19, 7, 0,                /* SYNC_CREATE 7 */
	6, 18, 2, 1, 4096, 0, 0, 0, /* RESOURCE_CREATE_BLOB of 4 KiB */
};

static void on_context(void *data, struct vtr_venus *venus)
{
	(void)venus;
	if ((*(const uint8_t *)data & DIE) != 0) {
		fake_venus_die();
	}
}

static void ignore_ending(void *data, enum vtr_err why)
{
	(void)data;
	(void)why;
}

static void ignore_device(void *data, const char *device)
{
	(void)data;
	(void)device;
}

static const struct vtr_vtest_events events = {
	.ring = ignore_ring,
	.device = ignore_device,
	.context = on_context,
	.ending = ignore_ending,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int ends[2];
	int buffer_size = SOCKET_SIZE;

	if (size < 2 || size > INPUT_MAX || vtr_os_sock_pair(ends) != VTR_OK) {
		return 0;
	}
	fake_venus_reset();
	fake_venus.hold_fences = (data[0] & HOLD_FENCES) != 0;
	fake_venus.refuse_submit = (data[0] & REFUSE_SUBMIT) != 0;
	if ((data[0] & FILL) != 0) {
		vtr_assert(vtr_vtest_limit_unread(ends[1]) == VTR_OK);
	} else {
		/* cut to what the system allows, which is enough */
		(void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &buffer_size, sizeof(buffer_size));
	}
	struct iovec iov[4] = {
		{ (void *)handshake, sizeof(handshake) },
		{ (void *)name, sizeof(name) },
		{ (void *)handshake_rest, sizeof(handshake_rest) },
		{ (void *)(data + 1), size - 1 },
	};
	size_t first = data[0] & GREET ? 0 : 3;
	vtr_assert(vtr_os_sock_send(ends[0], iov + first, 4 - first, NULL, 0) == VTR_OK);
	vtr_assert(shutdown(ends[0], SHUT_WR) == 0);
	/* ends what has more replies than fit */
	const struct vtr_renderer_config config = { .reply_timeout_ms = 1 };
	const struct vtr_vtest_params params = {
		.fd = ends[1],
		.config = &config,
		.events = &events,
		.data = (void *)data,
	};
	enum vtr_err err = vtr_vtest_serve(&params);
	/* The only possible results. */
	vtr_assert(err == VTR_OK || err == VTR_ERR_PROTOCOL || err == VTR_ERR_LIMIT);
	vtr_assert(err == VTR_OK || fake_venus.killed || fake_venus.submitted == 0);
	vtr_assert(fake_venus.contexts == 0 && fake_venus.resources == 0);
	vtr_close(&ends[0]);
	vtr_close(&ends[1]);
	return 0;
}
