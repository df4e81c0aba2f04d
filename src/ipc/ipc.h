/* SPDX-License-Identifier: MIT */
#ifndef IPC_IPC_H
#define IPC_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

/*
 * Messages with file descriptors between a supervisor and a worker, over a SOCK_STREAM socket (macOS lacks
 * SOCK_SEQPACKET). A message is {op, payload bytes, number of fds, 0} and the payload, padded to a multiple of 16. Its
 * fds travel with its first byte. A payload is a fixed part and, where the rules allow one, a tail with a limited
 * length. Neither side trusts the other: sizes and fd counts are checked against a table first, and memory is allocated
 * as the bytes arrive, not as they are announced.
 */

/* The longest payload and the most fds of any message. */
#define VTR_IPC_MAX_PAYLOAD ((4u << 20) + 4096)
#define VTR_IPC_MAX_FDS 8

/* The rule of one op; a table of rules is indexed by op. Ops whose rule has no name are invalid. */
struct vtr_ipc_rule {
	const char *name;
	uint32_t size;      /* of the fixed part; a multiple of 8 if a tail is allowed */
	uint32_t max_tail;  /* 0: no tail */
	uint32_t tail_step; /* a tail's length is a multiple of this; 0 means 1 */
	uint32_t min_fds;
	uint32_t max_fds;
};

struct vtr_ipc_message {
	uint32_t op;
	const struct vtr_ipc_rule *rule;
	/* The fixed part is aligned for any type, the tail to 8 bytes. Both are valid until the next receive. */
	const void *payload;
	const void *tail;
	size_t tail_size;
	int *fds; /* fd_count of them; keep one with vtr_take_fd() */
	size_t fd_count;
};

/* The receiving end. Thread: one. */
struct vtr_ipc {
	int fd; /* borrowed */
	const struct vtr_ipc_rule *rules;
	size_t rule_count;
	uint8_t *buf; /* NULL until something arrives */
	size_t room;
	size_t begin; /* buf[begin..end) was received and not handed out; begin is a multiple of 16 */
	size_t end;
	size_t consumed; /* size of the message that was handed out last; it starts at begin */
	/* The fds of an incomplete message wait here. Those of the next message can arrive before they are taken. */
	int fds[2 * VTR_IPC_MAX_FDS];
	size_t fd_have;
	size_t fd_consumed;
};

/* Each rule must respect the maximums above. */
void vtr_ipc_init(struct vtr_ipc *ipc, int fd, const struct vtr_ipc_rule *rules, size_t rule_count);

/* Frees the buffer, and closes fds that were received and not taken. */
void vtr_ipc_finish(struct vtr_ipc *ipc);

/**
 * Receives the next message, without blocking. Closes fds of the previous message that were not taken.
 *
 * Returns: VTR_ERR_AGAIN     no complete message has arrived
 *          VTR_ERR_GONE      the other side has closed the socket
 *          VTR_ERR_PROTOCOL  the other side broke the rules; the socket cannot be used any more
 *          VTR_ERR_LIMIT     this process has no room for the fds that came; the socket cannot be used any more
 *          VTR_ERR_NOMEM, VTR_ERR_OS
 */
VTR_MUST_CHECK enum vtr_err vtr_ipc_receive(struct vtr_ipc *ipc, struct vtr_ipc_message *out_message);

/* The parts of a message, which must match the rule of its op. All are borrowed. */
struct vtr_ipc_parts {
	const void *payload;
	const void *tail;
	size_t tail_size;
	const int *fds;
	size_t fd_count;
};

/**
 * Sends one message; blocks while the socket is full. Only one thread may send at a time.
 *
 * Returns: VTR_ERR_GONE, VTR_ERR_OS. After an error the socket cannot be used any more.
 */
VTR_MUST_CHECK enum vtr_err vtr_ipc_send(int fd, const struct vtr_ipc_rule *rules, uint32_t op,
                                         const struct vtr_ipc_parts *parts);

/* The sending end, for callers that must not block. What the socket does not take waits in a queue. Thread: one. */
struct vtr_ipc_sender {
	int fd; /* borrowed */
	const struct vtr_ipc_rule *rules;
	struct vtr_list queue;
	size_t bytes; /* held by the queue, including its own overhead */
	size_t max_bytes;
	size_t fd_count; /* held by the queue */
	size_t max_fds;
	size_t unread_fds; /* sent, and not yet reported as received by the peer */
	size_t max_unread_fds; /* 0: no limit, and unread_fds is not counted */
};

void vtr_ipc_sender_init(struct vtr_ipc_sender *sender, int fd, const struct vtr_ipc_rule *rules,
                         size_t max_bytes, size_t max_fds);

/**
 * Limits the fds in the socket, because fds that the peer has not received count against the user of this process. A
 * message with fds that would exceed the limit waits in the queue, and with it all messages behind it. While no fd is
 * unread, the next message is always sent. The peer must report how many fds it has received, see
 * vtr_ipc_sender_taken().
 */
void vtr_ipc_sender_limit_unread(struct vtr_ipc_sender *sender, size_t max_unread_fds);

/**
 * The peer reports that it has received fds. Sends the messages that waited for that.
 *
 * Returns: VTR_ERR_PROTOCOL (fewer fds were unread), VTR_ERR_GONE, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_ipc_sender_taken(struct vtr_ipc_sender *sender, size_t fd_count);

/* Drops the queue. May be called again, and on a zeroed sender. */
void vtr_ipc_sender_finish(struct vtr_ipc_sender *sender);

/**
 * Sends a message, or appends to the queue what the socket does not take.
 *
 * Returns: VTR_ERR_LIMIT  the queue would exceed its limits; the message is lost
 *          VTR_ERR_GONE, VTR_ERR_NOMEM, VTR_ERR_OS
 *          After each error a message may be incomplete in the stream, so the socket cannot be used any more.
 */
VTR_MUST_CHECK enum vtr_err vtr_ipc_sender_send(struct vtr_ipc_sender *sender, uint32_t op,
                                                const struct vtr_ipc_parts *parts);

/* Sends as much of the queue as the socket takes. Called when the socket is writable. Returns: VTR_ERR_GONE,
 * VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_ipc_sender_flush(struct vtr_ipc_sender *sender);

/* Returns: whether the queue waits for the socket to become writable, rather than for vtr_ipc_sender_taken(). */
bool vtr_ipc_sender_waits(const struct vtr_ipc_sender *sender);

#endif
