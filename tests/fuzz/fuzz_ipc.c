/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "ipc/ipc.h"
#include "ipc/worker_protocol.h"
#include "platform/sock.h"

/*
 * What a worker gone bad sends to its supervisor, and what a worker would do if its front went bad:
 * the first byte chooses; then pieces of {length, fds, bytes}, with as many fds as the piece says.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIECE_FDS 4
/* They are all sent before one is received: as many as any socket holds, however short they are. */
#define MAX_PIECES 64

static void send_pieces(int fd, const uint8_t *data, size_t size)
{
	static const int fds[PIECE_FDS] = { STDIN_FILENO, STDIN_FILENO, STDIN_FILENO, STDIN_FILENO };

	for (int piece = 0; size > 2 && piece < MAX_PIECES; piece++) {
		size_t length = vtr_min((size_t)data[0] + 1, size - 2);
		struct iovec iov = { .iov_base = (void *)(data + 2), .iov_len = length };
		vtr_assert(vtr_os_sock_send(fd, &iov, 1, fds, data[1] % (PIECE_FDS + 1)) == VTR_OK);
		data += 2 + length;
		size -= 2 + length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vtr_ipc ipc;
	struct vtr_ipc_message message;
	enum vtr_err err;
	uint8_t sum = 0;
	int ends[2];

	if (size == 0 || size > 1024 || vtr_os_sock_pair(ends) != VTR_OK) {
		return 0;
	}
	bool is_worker = (data[0] & 1) == 0;
	send_pieces(ends[0], data + 1, size - 1);
	vtr_close(&ends[0]);
	if (is_worker) {
		vtr_ipc_init(&ipc, ends[1], vtr_worker_rules, VTR_WORKER_OP_COUNT);
	} else {
		vtr_ipc_init(&ipc, ends[1], vtr_context_rules, VTR_CONTEXT_OP_COUNT);
	}
	do {
		err = vtr_ipc_receive(&ipc, &message);
		if (err == VTR_OK) {
			vtr_assert((uintptr_t)message.tail % 8 == 0);
			for (uint32_t i = 0; i < message.rule->size; i++) {
				sum ^= ((const uint8_t *)message.payload)[i];
			}
			for (size_t i = 0; i < message.tail_size; i++) {
				sum ^= ((const uint8_t *)message.tail)[i];
			}
			for (size_t i = 0; i < message.fd_count; i++) {
				vtr_assert(message.fds[i] >= 0);
			}
			if (message.fd_count > 0 && (sum & 1)) {
				int fd = vtr_take_fd(&message.fds[0]);
				vtr_close(&fd);
			}
		}
	} while (err == VTR_OK);
	vtr_assert(err == VTR_ERR_GONE || err == VTR_ERR_PROTOCOL);
	vtr_ipc_finish(&ipc);
	vtr_close(&ends[1]);
	return 0;
}
