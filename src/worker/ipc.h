/* SPDX-License-Identifier: MIT */
#ifndef WORKER_IPC_H
#define WORKER_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Messages with file descriptors between a supervisor and a worker, over a SOCK_STREAM socket (not
 * SOCK_SEQPACKET, which macOS lacks). A message is {op, payload bytes, number of fds, 0} and the
 * payload; its fds travel with its first byte. Neither side trusts the other: size and fd count
 * are checked against a table before anything is done with them.
 */

/* The longest payload and the most fds of any message: what a receiver holds, fixed. */
#define VTR_IPC_MAX_PAYLOAD 4096
#define VTR_IPC_MAX_FDS 8

/* One row for each op, indexed by it. A row without a name is no message. */
struct vtr_ipc_rule {
	const char *name;
	uint32_t size; /* exactly */
	uint32_t fd_count;
};

struct vtr_ipc_message {
	uint32_t op;
	const struct vtr_ipc_rule *rule;
	const void
		*payload; /* rule->size bytes, aligned for any type; valid until the next receive */
	int *fds;         /* rule->fd_count; whoever wants to keep one uses vtr_take_fd() */
};

/* The receiving end. Thread: one. */
struct vtr_ipc {
	int fd; /* borrowed */
	const struct vtr_ipc_rule *rules;
	size_t rule_count;
	_Alignas(16) uint8_t buf[16 + VTR_IPC_MAX_PAYLOAD];
	size_t have;
	size_t consumed; /* bytes of the message handed out last, at the start of buf */
	int fds[VTR_IPC_MAX_FDS];
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
 *          VTR_ERR_OS
 */
VTR_MUST_CHECK enum vtr_err vtr_ipc_receive(struct vtr_ipc *ipc,
                                            struct vtr_ipc_message *out_message);

/**
 * Sends one message; blocks while the socket is full. `payload` and `fds` must be as `rules` say.
 *
 * Owner:   the fds stay the caller's.
 * Returns: VTR_ERR_GONE, VTR_ERR_OS. Nothing is sent twice, so the socket is of no use afterwards.
 */
VTR_MUST_CHECK enum vtr_err vtr_ipc_send(int fd, const struct vtr_ipc_rule *rules, uint32_t op,
                                         const void *payload, const int *fds);

#endif
