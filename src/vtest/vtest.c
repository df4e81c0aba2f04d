/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "vtest"
#include "vtest/vtest.h"
#include "ipc/hang_up.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/thread.h"
#include "vk/renderer_config.h"
#include "vtest/message.h"

/* Holds any message except long command streams; more is allocated as it arrives. */
#define BUFFER_SIZE 65536

static enum vtr_err finish_context(struct vtr_vtest *vtest, enum vtr_err err)
{
	if (err != VTR_OK) {
		/* First, because destroying the context may wait for the device. */
		if (vtest->venus) {
			vtr_venus_kill(vtest->venus);
		}
		vtr_vtest_hang_up(vtest->fd);
	}
	vtest->params->events->ending(vtest->params->data, err);
	/* Retires all fences, so it must come before the syncs are destroyed. */
	vtr_venus_destroy(vtest->venus);
	vtr_syncs_destroy(vtest->syncs);
	vtr_ids_finish(&vtest->resources);
	free(vtest->buf);
	return err;
}

/* Makes room behind the received bytes: for the rest of a message of `need` bytes, or for any. */
static enum vtr_err make_room(struct vtr_vtest *vtest, size_t need)
{
	size_t have = vtest->end - vtest->begin;

	if (vtest->begin > 0 && (have == 0 || need > vtest->room - vtest->begin)) {
		memmove(vtest->buf, vtest->buf + vtest->begin, have);
		vtest->begin = 0;
		vtest->end = have;
	}
	size_t room = vtest->room;
	if (vtest->end == vtest->room) {
		/* Grows as the bytes arrive, so that an announced length alone costs nothing. */
		room = vtr_min(vtest->room * 2, need);
	} else if (have == 0) {
		room = BUFFER_SIZE;
	}
	if (room != vtest->room) {
		uint8_t *buf = realloc(vtest->buf, room);
		if (!buf) {
			return VTR_ERR_NOMEM;
		}
		vtest->buf = buf;
		vtest->room = room;
	}
	return VTR_OK;
}

/* Returns: VTR_ERR_AGAIN (no bytes), VTR_ERR_GONE (the client has closed). */
static enum vtr_err take(void *data)
{
	struct vtr_vtest *vtest = data;
	ssize_t n = recv(vtest->fd, vtest->buf + vtest->end, vtest->room - vtest->end, MSG_DONTWAIT);

	if (n > 0) {
		vtest->end += (size_t)n;
		return VTR_OK;
	}
	if (n == 0 || errno == ECONNRESET) {
		return atomic_load(&vtest->dead) ? VTR_ERR_PROTOCOL : VTR_ERR_GONE;
	}
	return errno == EAGAIN || errno == EINTR ? VTR_ERR_AGAIN : VTR_ERR_OS;
}

/* Uses idle time to check fences. */
static void idle(void *data, bool sleeping)
{
	struct vtr_vtest *vtest = data;

	if (vtest->venus) {
		vtr_venus_poll_fences(vtest->venus, sleeping);
	}
}

/* Receives at least a byte; otherwise fails like take(), but not with VTR_ERR_AGAIN. */
static enum vtr_err receive(struct vtr_vtest *vtest, size_t need, int64_t deadline_ns)
{
	bool greeting = vtest->stage != VTR_VTEST_READY;
	enum vtr_err err = make_room(vtest, need);

	if (err == VTR_OK) {
		err = vtr_ipc_input_take(&vtest->input, vtest->end > vtest->begin,
		                         greeting ? deadline_ns : 0);
	}
	if (err == VTR_ERR_AGAIN) {
		vtr_warn(vtest->log, "client did not finish the handshake in time");
		return VTR_ERR_PROTOCOL;
	}
	return err;
}

/* Checks a header. *out_size: bytes of the payload. */
static enum vtr_err check_header(struct vtr_vtest *vtest, const uint32_t header[2],
                                 const struct vtr_vtest_rule **out_rule, size_t *out_size)
{
	const struct vtr_vtest_rule *rule = vtr_vtest_find_rule(header[1]);

	if (!rule) {
		vtr_warn(vtest->log, "unknown message %u", header[1]);
		return VTR_ERR_PROTOCOL;
	}
	/* 32 bits times 1 or 4 in 64 bits: no overflow */
	uint64_t size = (uint64_t)header[0] * rule->unit;
	if (size < rule->min_bytes || size > rule->max_bytes ||
	    (rule->step_bytes != 0 && (size - rule->min_bytes) % rule->step_bytes != 0)) {
		vtr_warn(vtest->log, "%s has a wrong length of %u", rule->name, header[0]);
		return VTR_ERR_PROTOCOL;
	}
	if (vtest->stage < rule->stage) {
		vtr_warn(vtest->log, "%s came too early in the handshake", rule->name);
		return VTR_ERR_PROTOCOL;
	}
	*out_rule = rule;
	*out_size = (size_t)size;
	return VTR_OK;
}

/*
 * Handles one message if it is complete. *out_need: the length of the whole message, or 0 if it was handled.
 */
static enum vtr_err handle_message(struct vtr_vtest *vtest, size_t *out_need)
{
	const struct vtr_vtest_rule *rule;
	uint32_t header[2];
	size_t have = vtest->end - vtest->begin;
	size_t size;

	*out_need = sizeof(header);
	if (have < sizeof(header)) {
		return VTR_OK;
	}
	memcpy(header, vtest->buf + vtest->begin, sizeof(header));
	enum vtr_err err = check_header(vtest, header, &rule, &size);
	if (err != VTR_OK) {
		return err;
	}
	*out_need = sizeof(header) + size;
	if (have < *out_need) {
		return VTR_OK;
	}
	err = rule->handle(vtest, vtest->buf + vtest->begin + sizeof(header), size);
	vtest->begin += *out_need;
	*out_need = 0;
	if (vtest->begin % 4 != 0) {
		/* A name is not padded; the following message must be aligned again. */
		memmove(vtest->buf, vtest->buf + vtest->begin, vtest->end - vtest->begin);
		vtest->end -= vtest->begin;
		vtest->begin = 0;
	}
	if (err == VTR_OK && atomic_load_explicit(&vtest->dead, memory_order_relaxed)) {
		return VTR_ERR_PROTOCOL;
	}
	return err;
}

static enum vtr_err serve(struct vtr_vtest *vtest)
{
	uint32_t limit_ms = vtest->params->config->handshake_timeout_ms;
	int64_t deadline_ns = limit_ms ? vtr_os_now_ns() + (int64_t)limit_ms * 1000000 : 0;

	for (;;) {
		size_t need;
		enum vtr_err err = handle_message(vtest, &need);
		if (err != VTR_OK) {
			return err;
		}
		if (need > 0) {
			err = receive(vtest, need, deadline_ns);
			if (err != VTR_OK) {
				return err;
			}
		}
	}
}

enum vtr_err vtr_vtest_serve(const struct vtr_vtest_params *params)
{
	struct vtr_vtest vtest = {
		.params = params,
		.log = params->log,
		.fd = params->fd,
		.buf = malloc(BUFFER_SIZE),
		.room = BUFFER_SIZE,
		.input = { .fd = params->fd, .take = take, .idle = idle, .data = &vtest },
	};

	if (!vtest.buf) {
		vtr_vtest_hang_up(params->fd);
		return VTR_ERR_NOMEM;
	}
	vtr_ids_init(&vtest.resources);
	enum vtr_err err = serve(&vtest);
	if (err == VTR_ERR_GONE) {
		err = VTR_OK; /* the client closed */
	}
	return finish_context(&vtest, err);
}
