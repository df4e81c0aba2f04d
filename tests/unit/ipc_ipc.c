/* SPDX-License-Identifier: MIT */
#include "ipc/ipc.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "test.h"

enum op { EMPTY = 1, NUMBER, BIG, FDS, TAIL, WORDS, SOME_FDS, OP_COUNT };

#define BIG_SIZE 4096
#define MAX_TAIL (4u << 20)

static const struct vtr_ipc_rule rules[OP_COUNT] = {
	[EMPTY] = { .name = "EMPTY" },
	[NUMBER] = { .name = "NUMBER", .size = 8 },
	[BIG] = { .name = "BIG", .size = BIG_SIZE },
	[FDS] = { .name = "FDS", .size = 4, .min_fds = 2, .max_fds = 2 },
	[TAIL] = { .name = "TAIL", .size = 8, .max_tail = MAX_TAIL },
	[WORDS] = { .name = "WORDS", .max_tail = 64, .tail_step = 16 },
	[SOME_FDS] = { .name = "SOME_FDS", .max_tail = MAX_TAIL, .min_fds = 1, .max_fds = 8 },
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

static void send_message(uint32_t op, const void *payload, const int *fds, size_t fd_count)
{
	const struct vtr_ipc_parts parts = { .payload = payload, .fds = fds, .fd_count = fd_count };

	CHECK_OK(vtr_ipc_send(ends[0], rules, op, &parts));
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
	uint8_t big[BIG_SIZE];
	uint64_t number = 42;
	uint32_t word = 7;

	begin();
	for (size_t i = 0; i < sizeof(big); i++) {
		big[i] = (uint8_t)i;
	}
	CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_AGAIN);
	for (int round = 0; round < 3; round++) {
		send_message(EMPTY, NULL, NULL, 0);
		send_message(NUMBER, &number, NULL, 0);
		send_message(BIG, big, NULL, 0);
		send_message(FDS, &word, ends, 2);
		send_message(NUMBER, &number, NULL, 0);
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
	send_message(FDS, &word, ends, 2);
	CHECK_OK(vtr_ipc_receive(&ipc, &message));
	int mine = vtr_take_fd(&message.fds[1]);
	CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_AGAIN);
	CHECK_EQ(test_count_fds(), before + 1);
	vtr_close(&mine);
	send_message(FDS, &word, ends, 2);
	CHECK_OK(vtr_ipc_receive(&ipc, &message));
	vtr_ipc_finish(&ipc);
	CHECK_EQ(test_count_fds(), before);
	finish();
}

static void puts_pieces_together(void)
{
	const uint32_t header[] = { FDS, 4, 2, 0, 99, 0, 0, 0 };

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
		{ TAIL, 7, 0, 0, 0 },
		{ TAIL, 8 + MAX_TAIL + 1, 0, 0, 0 },
		{ TAIL, UINT32_MAX, 0, 0, 0 },
		{ WORDS, 8, 0, 0, 0 },
		{ WORDS, 80, 0, 0, 0 },
		{ SOME_FDS, 0, 0, 0, 0 },
		{ SOME_FDS, 0, 8, 0, 7 },
		{ SOME_FDS, 0, 9, 0, 9 },
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		begin();
		int before = test_count_fds();
		send_header(bad[i].op, bad[i].size, bad[i].header_fds, bad[i].zero, bad[i].fds);
		CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_PROTOCOL);
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
	CHECK_ERR(err, VTR_ERR_PROTOCOL);
	finish();
}

static void tells_a_dead_peer(void)
{
	begin();
	const struct vtr_ipc_parts parts = { 0 };

	vtr_close(&ends[1]);
	CHECK_ERR(vtr_ipc_send(ends[0], rules, EMPTY, &parts), VTR_ERR_GONE);
	finish();
}

/* --- tails --------------------------------------------------------------------------------------- */

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8));
}

static uint8_t *make_tail(size_t size)
{
	uint8_t *tail = malloc(size + 1);

	CHECK(tail);
	for (size_t i = 0; i < size; i++) {
		tail[i] = pattern(i);
	}
	return tail;
}

static void check_tail(size_t size)
{
	const uint8_t *tail = message.tail;

	CHECK_EQ(message.tail_size, size);
	CHECK_EQ((uintptr_t)tail % 8, 0);
	for (size_t i = 0; i < size; i++) {
		CHECK_EQ(tail[i], pattern(i));
	}
}

struct feeder {
	const uint8_t *bytes;
	size_t size;
};

static void feed(void *data)
{
	const struct feeder *feeder = data;
	const uint64_t number = 5;
	const struct vtr_ipc_parts parts = {
		.payload = &number,
		.tail = feeder->bytes,
		.tail_size = feeder->size,
	};

	CHECK_OK(vtr_ipc_send(ends[0], rules, TAIL, &parts));
}

static enum vtr_err receive_waiting(void)
{
	enum vtr_err err;

	do {
		err = vtr_ipc_receive(&ipc, &message);
	} while (err == VTR_ERR_AGAIN);
	return err;
}

static void carries_tails(void)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 8191, 65536, MAX_TAIL - 1, MAX_TAIL };
	uint8_t *tail = make_tail(MAX_TAIL);
	uint64_t number = 42;

	begin();
	for (size_t i = 0; i < VTR_ARRAY_LEN(sizes); i++) {
		struct feeder feeder = { .bytes = tail, .size = sizes[i] };
		struct vtr_os_thread thread;
		CHECK_OK(vtr_os_thread_create(&thread, "feeder", feed, &feeder));
		CHECK_OK(receive_waiting());
		CHECK_EQ(message.op, TAIL);
		CHECK_EQ(*(const uint64_t *)message.payload, 5);
		check_tail(sizes[i]);
		vtr_os_thread_join(&thread);
		/* What it took to hold it is given back. */
		send_message(NUMBER, &number, NULL, 0);
		CHECK_OK(vtr_ipc_receive(&ipc, &message));
		CHECK_EQ(*(const uint64_t *)message.payload, 42);
		CHECK(ipc.room <= 16384);
	}
	finish();
	free(tail);
}

/* Else a few bytes could cost as much as a message may have. */
static void announcements_cost_nothing(void)
{
	const char zeros[64] = { 0 };

	begin();
	send_header(TAIL, 8 + MAX_TAIL, 0, 0, 0);
	send_raw(zeros, sizeof(zeros), 0);
	CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_AGAIN);
	CHECK(ipc.room <= 16384);
	finish();
}

/* Many small messages in one piece, the last of them cut. */
static void takes_bursts(void)
{
	const uint32_t one[] = { NUMBER, 8, 0, 0, 77, 0, 0, 0 };
	uint8_t burst[sizeof(one) * 500];

	for (size_t i = 0; i < sizeof(burst) / sizeof(one); i++) {
		memcpy(burst + i * sizeof(one), one, sizeof(one));
	}
	begin();
	for (int round = 0; round < 20; round++) {
		send_raw(burst, sizeof(burst) - 24, 0);
		for (int i = 0; i < 499; i++) {
			CHECK_OK(vtr_ipc_receive(&ipc, &message));
			CHECK_EQ(*(const uint64_t *)message.payload, 77);
		}
		CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_AGAIN);
		send_raw(burst + sizeof(burst) - 24, 24, 0);
		CHECK_OK(vtr_ipc_receive(&ipc, &message));
	}
	finish();
}

/* --- the sender that does not block -------------------------------------------------------------- */

static void sends_without_blocking(void)
{
	struct vtr_ipc_sender sender;
	uint8_t *tail = make_tail(MAX_TAIL);
	const struct vtr_ipc_parts with_fds = {
		.tail = tail,
		.tail_size = 300000,
		.fds = ends,
		.fd_count = 2,
	};
	const uint64_t number = 9;
	const struct vtr_ipc_parts small = { .payload = &number };

	begin();
	int before = test_count_fds();
	vtr_ipc_sender_init(&sender, ends[0], rules, 16u << 20, 64);
	CHECK_OK(vtr_ipc_sender_send(&sender, NUMBER, &small));
	CHECK(!vtr_ipc_sender_waits(&sender)); /* it was sent at once */
	for (int i = 0; i < 8; i++) {
		CHECK_OK(vtr_ipc_sender_send(&sender, SOME_FDS, &with_fds));
		CHECK_OK(vtr_ipc_sender_send(&sender, NUMBER, &small));
	}
	CHECK(vtr_ipc_sender_waits(&sender));
	CHECK_OK(vtr_ipc_receive(&ipc, &message));
	for (int i = 0; i < 8; i++) {
		for (;;) {
			enum vtr_err err = vtr_ipc_receive(&ipc, &message);
			if (err == VTR_OK) {
				break;
			}
			CHECK_ERR(err, VTR_ERR_AGAIN);
			CHECK_OK(vtr_ipc_sender_flush(&sender));
		}
		CHECK_EQ(message.op, SOME_FDS);
		CHECK_EQ(message.fd_count, 2);
		CHECK(message.fds[0] > 2 && message.fds[1] > 2);
		check_tail(300000);
		CHECK_OK(vtr_ipc_sender_flush(&sender));
		while (vtr_ipc_receive(&ipc, &message) == VTR_ERR_AGAIN) {
			CHECK_OK(vtr_ipc_sender_flush(&sender));
		}
		CHECK_EQ(message.op, NUMBER);
	}
	CHECK(!vtr_ipc_sender_waits(&sender));
	CHECK_EQ(sender.bytes, 0);
	CHECK_EQ(sender.fd_count, 0);
	CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_AGAIN);
	CHECK_EQ(test_count_fds(), before);
	vtr_ipc_sender_finish(&sender);
	finish();
	free(tail);
}

static void sender_has_limits(void)
{
	struct vtr_ipc_sender sender;
	uint8_t *tail = make_tail(MAX_TAIL);
	const struct vtr_ipc_parts big = { .tail = tail, .tail_size = MAX_TAIL, .payload = tail };
	const struct vtr_ipc_parts with_fds = { .fds = ends, .fd_count = 2 };
	int before;

	/* Bytes. */
	begin();
	vtr_ipc_sender_init(&sender, ends[0], rules, 10u << 20, 64);
	CHECK_OK(vtr_ipc_sender_send(&sender, TAIL, &big));
	CHECK_OK(vtr_ipc_sender_send(&sender, TAIL, &big));
	CHECK_ERR(vtr_ipc_sender_send(&sender, TAIL, &big), VTR_ERR_LIMIT);
	CHECK(sender.bytes <= 10u << 20);
	vtr_ipc_sender_finish(&sender);
	CHECK_EQ(sender.bytes, 0);
	finish();

	/* Fds. */
	begin();
	before = test_count_fds();
	vtr_ipc_sender_init(&sender, ends[0], rules, 10u << 20, 5);
	CHECK_OK(vtr_ipc_sender_send(&sender, TAIL, &big));
	CHECK_OK(vtr_ipc_sender_send(&sender, SOME_FDS, &with_fds));
	CHECK_OK(vtr_ipc_sender_send(&sender, SOME_FDS, &with_fds));
	CHECK_ERR(vtr_ipc_sender_send(&sender, SOME_FDS, &with_fds), VTR_ERR_LIMIT);
	CHECK_EQ(test_count_fds(), before + 4);
	vtr_ipc_sender_finish(&sender);
	CHECK_EQ(test_count_fds(), before);
	vtr_ipc_sender_finish(&sender);
	finish();

	/* A peer that is gone. */
	begin();
	vtr_ipc_sender_init(&sender, ends[0], rules, 10u << 20, 5);
	CHECK_OK(vtr_ipc_sender_send(&sender, TAIL, &big));
	vtr_close(&ends[1]);
	CHECK_ERR(vtr_ipc_sender_flush(&sender), VTR_ERR_GONE);
	vtr_ipc_sender_finish(&sender);
	finish();
	free(tail);
}

/* What the peer has not taken holds back messages with fds, and what is behind them. */
static void sender_holds_back_fds(void)
{
	struct vtr_ipc_sender sender;
	const struct vtr_ipc_parts with_fds = { .fds = ends, .fd_count = 2 };
	const uint64_t number = 9;
	const struct vtr_ipc_parts small = { .payload = &number };

	begin();
	int before = test_count_fds();
	vtr_ipc_sender_init(&sender, ends[0], rules, 10u << 20, 64);
	vtr_ipc_sender_limit_unread(&sender, 5);
	CHECK_OK(vtr_ipc_sender_send(&sender, SOME_FDS, &with_fds));
	CHECK_OK(vtr_ipc_sender_send(&sender, NUMBER, &small));
	CHECK_OK(vtr_ipc_sender_send(&sender, SOME_FDS, &with_fds));
	CHECK_OK(vtr_ipc_sender_send(&sender, SOME_FDS, &with_fds));
	CHECK_OK(vtr_ipc_sender_send(&sender, NUMBER, &small));
	CHECK_OK(vtr_ipc_sender_send(&sender, SOME_FDS, &with_fds));
	CHECK_EQ(sender.fd_count, 4);
	CHECK(!vtr_ipc_sender_waits(&sender)); /* for the socket */
	CHECK_OK(vtr_ipc_sender_flush(&sender));
	for (int i = 0; i < 3; i++) {
		CHECK_OK(vtr_ipc_receive(&ipc, &message));
		CHECK_EQ(message.op, i == 1 ? NUMBER : SOME_FDS);
	}
	CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_AGAIN);
	CHECK_ERR(vtr_ipc_sender_taken(&sender, 5), VTR_ERR_PROTOCOL);
	CHECK_OK(vtr_ipc_sender_taken(&sender, 2));
	CHECK_OK(vtr_ipc_receive(&ipc, &message));
	CHECK_EQ(message.op, SOME_FDS);
	CHECK_EQ(message.fd_count, 2);
	CHECK_OK(vtr_ipc_receive(&ipc, &message));
	CHECK_EQ(message.op, NUMBER);
	CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_AGAIN);
	CHECK_OK(vtr_ipc_sender_taken(&sender, 4));
	CHECK_OK(vtr_ipc_receive(&ipc, &message));
	CHECK_EQ(message.fd_count, 2);
	CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_AGAIN);
	CHECK_EQ(sender.fd_count, 0);
	/* One message goes, however many fds it has. */
	CHECK_OK(vtr_ipc_sender_taken(&sender, 2));
	vtr_ipc_sender_limit_unread(&sender, 1);
	CHECK_OK(vtr_ipc_sender_send(&sender, SOME_FDS, &with_fds));
	CHECK_OK(vtr_ipc_receive(&ipc, &message));
	CHECK_ERR(vtr_ipc_receive(&ipc, &message), VTR_ERR_AGAIN);
	CHECK_EQ(test_count_fds(), before);
	vtr_ipc_sender_finish(&sender);
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
	RUN(carries_tails);
	RUN(announcements_cost_nothing);
	RUN(takes_bursts);
	RUN(sends_without_blocking);
	RUN(sender_has_limits);
	RUN(sender_holds_back_fds);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
