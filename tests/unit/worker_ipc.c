/* SPDX-License-Identifier: MIT */
#include "worker/ipc.h"

#include <sys/socket.h>

#include "base/mem.h"
#include "platform/sock.h"
#include "test.h"

enum op { EMPTY = 1, NUMBER, BIG, FDS, OP_COUNT };

static const struct vtr_ipc_rule rules[OP_COUNT] = {
	[EMPTY] = { .name = "EMPTY" },
	[NUMBER] = { .name = "NUMBER", .size = 8 },
	[BIG] = { .name = "BIG", .size = VTR_IPC_MAX_PAYLOAD },
	[FDS] = { .name = "FDS", .size = 4, .fd_count = 2 },
};

static int ends[2];
static struct vtr_ipc ipc;
static struct vtr_ipc_message message;

static void begin(void)
{
	CHECK_OK(vtr_os_sock_pair(ends));
	vtr_ipc_init(&ipc, ends[1], rules, OP_COUNT);
}

static void finish(void)
{
	vtr_ipc_finish(&ipc);
	vtr_close(&ends[0]);
	vtr_close(&ends[1]);
}

static void send_raw(const void *bytes, size_t size, size_t fd_count)
{
	const int fds[16] = { 0 };
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = size };

	CHECK_OK(vtr_os_sock_send(ends[0], &iov, 1, fds, fd_count));
}

static void send_header(uint32_t op, uint32_t size, uint32_t header_fds, uint32_t zero, size_t fds)
{
	const uint32_t header[] = { op, size, header_fds, zero };

	send_raw(header, sizeof(header), fds);
}

static void carries_messages(void)
{
	uint8_t big[VTR_IPC_MAX_PAYLOAD];
	uint64_t number = 42;
	uint32_t word = 7;

	begin();
	for (size_t i = 0; i < sizeof(big); i++) {
		big[i] = (uint8_t)i;
	}
	CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_AGAIN);
	for (int round = 0; round < 3; round++) {
		CHECK_OK(vtr_ipc_send(ends[0], rules, EMPTY, NULL, NULL));
		CHECK_OK(vtr_ipc_send(ends[0], rules, NUMBER, &number, NULL));
		CHECK_OK(vtr_ipc_send(ends[0], rules, BIG, big, NULL));
		CHECK_OK(vtr_ipc_send(ends[0], rules, FDS, &word, ends));
		CHECK_OK(vtr_ipc_send(ends[0], rules, NUMBER, &number, NULL));
		CHECK_OK(vtr_ipc_receive(&ipc, &message));
		CHECK_EQ(message.op, EMPTY);
		CHECK_OK(vtr_ipc_receive(&ipc, &message));
		CHECK_EQ(message.op, NUMBER);
		CHECK_EQ(*(const uint64_t *)message.payload, 42);
		CHECK_OK(vtr_ipc_receive(&ipc, &message));
		CHECK_EQ(message.op, BIG);
		CHECK(memcmp(message.payload, big, sizeof(big)) == 0);
		CHECK_OK(vtr_ipc_receive(&ipc, &message));
		CHECK_EQ(message.op, FDS);
		CHECK(message.fds[0] > 2 && message.fds[1] > 2);
		CHECK_OK(vtr_ipc_receive(&ipc, &message));
		CHECK_EQ(message.op, NUMBER);
		CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_AGAIN);
	}
	vtr_close(&ends[0]);
	CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_GONE);
	finish();
}

static void leaves_fds_to_who_takes_them(void)
{
	uint32_t word = 0;

	begin();
	int before = test_count_fds();
	CHECK_OK(vtr_ipc_send(ends[0], rules, FDS, &word, ends));
	CHECK_OK(vtr_ipc_receive(&ipc, &message));
	int mine = vtr_take_fd(&message.fds[1]);
	CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_AGAIN);
	CHECK_EQ(test_count_fds(), before + 1);
	vtr_close(&mine);
	CHECK_OK(vtr_ipc_send(ends[0], rules, FDS, &word, ends));
	CHECK_OK(vtr_ipc_receive(&ipc, &message));
	vtr_ipc_finish(&ipc);
	CHECK_EQ(test_count_fds(), before);
	finish();
}

static void puts_pieces_together(void)
{
	const uint32_t header[] = { FDS, 4, 2, 0, 99 };

	begin();
	send_raw(header, 1, 2);
	for (size_t i = 1; i < sizeof(header); i++) {
		CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_AGAIN);
		send_raw((const char *)header + i, 1, 0);
	}
	CHECK_OK(vtr_ipc_receive(&ipc, &message));
	CHECK_EQ(*(const uint32_t *)message.payload, 99);
	finish();
}

static void refuses(void)
{
	static const struct {
		uint32_t op, size, header_fds, zero;
		size_t fds;
	} bad[] = {
		{ 0, 0, 0, 0, 0 },
		{ OP_COUNT, 0, 0, 0, 0 },
		{ UINT32_MAX, 0, 0, 0, 0 },
		{ EMPTY, 1, 0, 0, 0 },
		{ EMPTY, UINT32_MAX, 0, 0, 0 },
		{ NUMBER, 7, 0, 0, 0 },
		{ NUMBER, 9, 0, 0, 0 },
		{ EMPTY, 0, 1, 0, 1 },
		{ EMPTY, 0, 0, 1, 0 },
		{ FDS, 4, 2, 0, 0 },
		{ FDS, 4, 2, 0, 1 },
		{ FDS, 4, 0, 0, 2 },
		{ FDS, 4, UINT32_MAX, 0, 2 },
		{ EMPTY, 0, 0, 0, 9 },
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		begin();
		int before = test_count_fds();
		send_header(bad[i].op, bad[i].size, bad[i].header_fds, bad[i].zero, bad[i].fds);
		CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_GUEST);
		vtr_ipc_finish(&ipc);
		CHECK_EQ(test_count_fds(), before);
		finish();
	}
}

/* Fds that no message counts must not end up as another message's. */
static void refuses_stray_fds(void)
{
	begin();
	send_header(EMPTY, 0, 0, 0, 1);
	enum vtr_err err = vtr_ipc_receive(&ipc, &message);
	if (err == VTR_OK) {
		err = vtr_ipc_receive(&ipc, &message);
	}
	CHECK_ERR(err, VTR_ERR_GUEST);
	finish();
}

static void tells_a_dead_peer(void)
{
	begin();
	vtr_close(&ends[1]);
	CHECK_ERR(vtr_ipc_send(ends[0], rules, EMPTY, NULL, NULL), VTR_ERR_GONE);
	finish();
}

int main(void)
{
	int fds = test_count_fds();

	RUN(carries_messages);
	RUN(leaves_fds_to_who_takes_them);
	RUN(puts_pieces_together);
	RUN(refuses);
	RUN(refuses_stray_fds);
	RUN(tells_a_dead_peer);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
