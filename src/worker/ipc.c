/* SPDX-License-Identifier: MIT */
#include "worker/ipc.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "platform/sock.h"

struct header {
	uint32_t op;
	uint32_t size;
	uint32_t fd_count;
	uint32_t zero; /* keeps the payload aligned */
};

_Static_assert(sizeof(struct header) == 16, "payloads start at a multiple of 16");

void vtr_ipc_init(struct vtr_ipc *ipc, int fd, const struct vtr_ipc_rule *rules, size_t rule_count)
{
	memset(ipc, 0, sizeof(*ipc));
	ipc->fd = fd;
	ipc->rules = rules;
	ipc->rule_count = rule_count;
	for (size_t i = 0; i < rule_count; i++) {
		vtr_assert(rules[i].size <= VTR_IPC_MAX_PAYLOAD);
		vtr_assert(rules[i].fd_count <= VTR_IPC_MAX_FDS);
	}
}

void vtr_ipc_finish(struct vtr_ipc *ipc)
{
	for (size_t i = 0; i < ipc->fd_have; i++) {
		vtr_close(&ipc->fds[i]);
	}
	ipc->fd_have = 0;
}

/* Forgets the message that was handed out last. */
static void consume(struct vtr_ipc *ipc)
{
	for (size_t i = 0; i < ipc->fd_consumed; i++) {
		vtr_close(&ipc->fds[i]);
	}
	ipc->fd_have -= ipc->fd_consumed;
	memmove(ipc->fds, ipc->fds + ipc->fd_consumed, ipc->fd_have * sizeof(ipc->fds[0]));
	ipc->fd_consumed = 0;
	ipc->have -= ipc->consumed;
	memmove(ipc->buf, ipc->buf + ipc->consumed, ipc->have);
	ipc->consumed = 0;
}

/* Looks for a complete message at the start of the buffer. */
static enum vtr_err take_message(struct vtr_ipc *ipc, struct vtr_ipc_message *out_message)
{
	struct header header;

	if (ipc->have == 0 && ipc->fd_have > 0) {
		return VTR_ERR_GUEST; /* fds that belong to no message */
	}
	if (ipc->have < sizeof(header)) {
		return VTR_ERR_AGAIN;
	}
	memcpy(&header, ipc->buf, sizeof(header));
	if (header.op >= ipc->rule_count || !ipc->rules[header.op].name) {
		return VTR_ERR_GUEST;
	}
	const struct vtr_ipc_rule *rule = &ipc->rules[header.op];
	if (header.size != rule->size || header.fd_count != rule->fd_count || header.zero != 0) {
		return VTR_ERR_GUEST;
	}
	/* They came with the header's first byte, or never will. */
	if (ipc->fd_have < header.fd_count) {
		return VTR_ERR_GUEST;
	}
	if (ipc->have < sizeof(header) + header.size) {
		return VTR_ERR_AGAIN;
	}
	ipc->consumed = sizeof(header) + header.size;
	ipc->fd_consumed = header.fd_count;
	*out_message = (struct vtr_ipc_message){
		.op = header.op,
		.rule = rule,
		.payload = ipc->buf + sizeof(header),
		.fds = ipc->fds,
	};
	return VTR_OK;
}

enum vtr_err vtr_ipc_receive(struct vtr_ipc *ipc, struct vtr_ipc_message *out_message)
{
	consume(ipc);
	for (;;) {
		enum vtr_err err = take_message(ipc, out_message);
		if (err != VTR_ERR_AGAIN) {
			return err;
		}
		struct pollfd pollfd = { .fd = ipc->fd, .events = POLLIN };
		int n = poll(&pollfd, 1, 0);
		if (n < 0) {
			if (errno == EINTR) {
				continue;
			}
			return VTR_ERR_OS;
		}
		if (n == 0) {
			return VTR_ERR_AGAIN;
		}
		size_t fd_count = 0;
		size_t size = 0;
		/* A message fits, so there is room while none is complete. */
		err = vtr_os_sock_recv(ipc->fd, ipc->buf + ipc->have, sizeof(ipc->buf) - ipc->have,
		                       &size, ipc->fds + ipc->fd_have,
		                       VTR_IPC_MAX_FDS - ipc->fd_have, &fd_count);
		if (err != VTR_OK) {
			return err;
		}
		ipc->have += size;
		ipc->fd_have += fd_count;
	}
}

enum vtr_err vtr_ipc_send(int fd, const struct vtr_ipc_rule *rules, uint32_t op,
                          const void *payload, const int *fds)
{
	struct header header = {
		.op = op,
		.size = rules[op].size,
		.fd_count = rules[op].fd_count,
	};
	struct iovec iov[2] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = (void *)payload, .iov_len = header.size },
	};

	return vtr_os_sock_send(fd, iov, header.size > 0 ? 2 : 1, fds, header.fd_count);
}
