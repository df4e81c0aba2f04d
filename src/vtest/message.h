/* SPDX-License-Identifier: MIT */
#ifndef VTEST_MESSAGE_H
#define VTEST_MESSAGE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/input.h"
#include "vtest/ids.h"
#include "vtest/sync.h"
#include "vtest/vtest.h"

/*
 * What the serving loop (vtest.c) and the messages' handlers (message.c) share: one connection, and the table
 * of messages (virglrenderer: vtest_protocol.h).
 */

/* Every message and reply starts with {length, command}. */
#define VTR_VTEST_HEADER_SIZE 8
/* Mesa 25.0.7 uses 3, 26.x uses 4; the batches of SUBMIT_CMD2 differ. */
#define VTR_VTEST_MIN_VERSION 3
#define VTR_VTEST_MAX_VERSION 4
/* The limit of the program's name, which Mesa does not truncate. */
#define VTR_VTEST_MAX_NAME 4096
/* What is kept of it for the log. */
#define VTR_VTEST_LOG_NAME 64
/* The longest message. Mesa puts long streams into blobs and sends only their address. */
#define VTR_VTEST_MAX_MESSAGE (64u << 20)
/* More than any host has; refused before any arithmetic with it. */
#define VTR_VTEST_MAX_BLOB (1ull << 40)
/* Mesa sends one. */
#define VTR_VTEST_MAX_BATCHES 64
/* The longest reply, that to GET_CAPSET, without its header. */
#define VTR_VTEST_REPLY_MAX_WORDS (1 + VTR_CAPSET_VENUS_SIZE / 4)

/* The state of the handshake. A message names the least that it needs. */
enum vtr_vtest_stage {
	VTR_VTEST_NEW,   /* nothing was received */
	VTR_VTEST_NAMED, /* after CREATE_RENDERER */
	VTR_VTEST_READY, /* after CONTEXT_INIT: there is a renderer context */
};

struct vtr_vtest {
	const struct vtr_vtest_params *params;
	struct vtr_log *log;
	int fd;
	enum vtr_vtest_stage stage;
	uint32_t version; /* negotiated; 0: not yet */
	char name[VTR_VTEST_LOG_NAME * 4 + 1]; /* of the program, printable; empty: not known yet */
	struct vtr_venus *venus;
	struct vtr_syncs *syncs;
	struct vtr_ids resources;
	atomic_bool dead; /* the renderer failed in one of its threads */

	/* Received bytes that are not handled yet: buf[begin..end). */
	uint8_t *buf;
	size_t room;
	size_t begin;
	size_t end;
	struct vtr_ipc_input input;
	struct vtr_os_hold hold; /* of the client's waits */
};

/* The rule of one message, checked before a byte of its payload is received or stored. */
struct vtr_vtest_rule {
	const char *name;   /* NULL: no such message */
	uint32_t unit;      /* the unit of the header's length, in bytes */
	uint32_t min_bytes; /* of the payload */
	uint32_t max_bytes;
	uint32_t step_bytes; /* the payload has min_bytes plus a multiple of this; 0: exactly min_bytes */
	enum vtr_vtest_stage stage;
	/* `payload` has `size` bytes and is 4-byte aligned. VTR_OK: continue to serve. */
	enum vtr_err (*handle)(struct vtr_vtest *vtest, const uint8_t *payload, size_t size);
};

/* Returns: the rule of a command number, or NULL. */
const struct vtr_vtest_rule *vtr_vtest_find_rule(uint32_t command);

/**
 * Sends a reply of `count` words, at most VTR_VTEST_REPLY_MAX_WORDS. Blocks while the client has not read
 * earlier replies.
 *
 * Returns: VTR_ERR_PROTOCOL  the client did not read for vtr_renderer_config.reply_timeout_ms (logged)
 *          VTR_ERR_GONE      the client has closed
 *          VTR_ERR_OS
 * Thread:  the serving thread.
 */
VTR_MUST_CHECK enum vtr_err vtr_vtest_reply(struct vtr_vtest *vtest, uint32_t command, const uint32_t *words,
                                            uint32_t count);

/* Sends a reply and an fd (borrowed): the fd in a message of its own, since the client reads the reply with read().
 * Otherwise like vtr_vtest_reply(). */
VTR_MUST_CHECK enum vtr_err vtr_vtest_reply_with_fd(struct vtr_vtest *vtest, uint32_t command,
                                                    const uint32_t *words, uint32_t count, int fd);

#endif
