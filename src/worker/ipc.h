/* SPDX-License-Identifier: MIT */
#ifndef WORKER_IPC_H
#define WORKER_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

/*
 * Messages with file descriptors between a supervisor and a worker, over a SOCK_STREAM socket (not
 * SOCK_SEQPACKET, which macOS lacks). A message is {op, payload bytes, number of fds, 0} and the
 * payload, filled up to a multiple of 16; its fds travel with its first byte. A payload is a fixed
 * part and, where the rules allow one, a tail of any length up to a limit. Neither side trusts the
 * other: sizes and fd count are checked against a table before anything is done with them, and memory
 * is taken as the bytes arrive, not as they are announced.
 */

/* The longest payload and the most fds of any message. */
#define VTR_IPC_MAX_PAYLOAD ((4u << 20) + 4096)
#define VTR_IPC_MAX_FDS 8

/* One row for each op, indexed by it. A row without a name is no message. */
struct vtr_ipc_rule {
	const char *name;
	uint32_t size;      /* of the fixed part; a multiple of 8 where there is a tail */
	uint32_t max_tail;  /* 0: no tail */
	uint32_t tail_step; /* a tail's length is a multiple of this; 0 is 1 */
	uint32_t min_fds;
	uint32_t max_fds;
};

struct vtr_ipc_message {
	uint32_t op;
	const struct vtr_ipc_rule *rule;
	/* The fixed part, aligned for any type; the tail, aligned to 8 bytes. Valid until the next
	 * receive. */
	const void *payload;
	const void *tail;
	size_t tail_size;
	int *fds; /* fd_count; whoever wants to keep one uses vtr_take_fd() */
	size_t fd_count;
};

/* The receiving end. Thread: one. */
struct vtr_ipc {
	int fd; /* borrowed */
	const struct vtr_ipc_rule *rules;
	size_t rule_count;
	uint8_t *buf; /* NULL until something arrives */
	size_t room;
	size_t begin; /* what was received and not handed out: buf[begin..end); begin is a multiple of 16 */
	size_t end;
	size_t consumed; /* bytes of the message handed out last, from begin on */
	/* While a message is incomplete its fds wait here, and those of the next can already come. */
	int fds[2 * VTR_IPC_MAX_FDS];
	size_t fd_have;
	size_t fd_consumed;
};

/* Every rule must keep to the maximums above. */
void vtr_ipc_init(struct vtr_ipc *ipc, int fd, const struct vtr_ipc_rule *rules, size_t rule_count);

/* Closes fds that were received and not taken. */
void vtr_ipc_finish(struct vtr_ipc *ipc);

/**
 * Receives the next message, without blocking. Fds of the message before that were not taken are
 * closed.
 *
 * Returns: VTR_ERR_AGAIN  nothing complete yet
 *          VTR_ERR_GONE   the other side has closed
 *          VTR_ERR_GUEST  the other side broke the rules: give it up
 *          VTR_ERR_LIMIT  there is no room in this process for the fds that came: the same
 *          VTR_ERR_NOMEM, VTR_ERR_OS
 */
VTR_MUST_CHECK enum vtr_err vtr_ipc_receive(struct vtr_ipc *ipc, struct vtr_ipc_message *out_message);

/* What is sent: as the op's rule says. All is borrowed. */
struct vtr_ipc_parts {
	const void *payload;
	const void *tail;
	size_t tail_size;
	const int *fds;
	size_t fd_count;
};

/**
 * Sends one message; blocks while the socket is full. Several threads must take turns.
 *
 * Returns: VTR_ERR_GONE, VTR_ERR_OS. Nothing is sent twice, so the socket is of no use afterwards.
 */
VTR_MUST_CHECK enum vtr_err vtr_ipc_send(int fd, const struct vtr_ipc_rule *rules, uint32_t op,
                                         const struct vtr_ipc_parts *parts);

/* The sending end of whoever must not block: what the socket does not take waits in a queue. Thread: one. */
struct vtr_ipc_sender {
	int fd; /* borrowed */
	const struct vtr_ipc_rule *rules;
	struct vtr_list queue;
	size_t bytes; /* held by the queue, with what it costs to keep them */
	size_t max_bytes;
	size_t fd_count; /* held by the queue */
	size_t max_fds;
	size_t unread_fds;     /* sent, and the peer has not said that it took them */
	size_t max_unread_fds; /* 0: no limit, and none are counted */
};

void vtr_ipc_sender_init(struct vtr_ipc_sender *sender, int fd, const struct vtr_ipc_rule *rules,
                         size_t max_bytes, size_t max_fds);

/**
 * From now on messages with fds wait in the queue, and all behind them, while that many fds would be in the
 * socket: fds that are not taken count against the user of this process. At least one message goes in any
 * case. The peer must say what it has taken: see vtr_ipc_sender_taken().
 */
void vtr_ipc_sender_limit_unread(struct vtr_ipc_sender *sender, size_t max_unread_fds);

/**
 * The peer says that it has taken fds out of the socket; sends what waited for that.
 *
 * Returns: VTR_ERR_GUEST (there are not so many), VTR_ERR_GONE, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_ipc_sender_taken(struct vtr_ipc_sender *sender, size_t fd_count);

/* Drops what is queued. Harmless when done before, and on a zeroed sender. */
void vtr_ipc_sender_finish(struct vtr_ipc_sender *sender);

/**
 * Sends a message, or queues what the socket does not take, behind what is queued already.
 *
 * Returns: VTR_ERR_LIMIT  the queue would hold more than it may; the message is lost
 *          VTR_ERR_GONE, VTR_ERR_NOMEM, VTR_ERR_OS
 *          After any of them the stream may be cut within a message: the socket is of no use.
 */
VTR_MUST_CHECK enum vtr_err vtr_ipc_sender_send(struct vtr_ipc_sender *sender, uint32_t op,
                                                const struct vtr_ipc_parts *parts);

/* Sends of the queue what the socket takes; for when it is writable. Returns: VTR_ERR_GONE, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_ipc_sender_flush(struct vtr_ipc_sender *sender);

/* Whether something is queued, but for what waits for vtr_ipc_sender_taken(), so that the loop should say when
 * the socket is writable. */
bool vtr_ipc_sender_waits(const struct vtr_ipc_sender *sender);

#endif
