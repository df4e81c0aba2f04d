/* SPDX-License-Identifier: MIT */
#include "screen/board.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/proc.h"
#include "platform/thread.h"
#include "test.h"

#define MS INT64_C(1000000)

/* Shared with a process of its own, as in life; zeroed. */
static struct vtr_board *make_board(void)
{
	void *map = mmap(NULL, sizeof(struct vtr_board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                 -1, 0);

	CHECK(map != MAP_FAILED);
	return map;
}

static void free_board(struct vtr_board *board)
{
	munmap(board, sizeof(*board));
}

/* A frame whose every number follows from its own. */
static struct vtr_board_frame make_frame(uint64_t number)
{
	uint32_t small = (uint32_t)number & 0x7fff;

	return (struct vtr_board_frame){
		.generation = number + 1,
		.frame = number,
		.time_ns = (int64_t)number * 7,
		.mark = number - 1,
		.mark_ns = (int64_t)number * 6,
		.lit = number % 2 != 0,
		.scanout = {
			.in_window = number % 3 == 0,
			.buffer = (uint32_t)number * 5,
			.offset = number << 33 | number,
			.width = small,
			.height = small / 2,
			.stride = (uint32_t)number * 9,
			.format = (enum vtr_pixel_format)(number % 135),
		},
		.damage = { small, small / 3, small / 5, small / 7 },
		.damage_since = number / 2,
	};
}

static bool is_consistent(const struct vtr_board_frame *frame)
{
	struct vtr_board_frame wanted = make_frame(frame->frame);

	return frame->generation == wanted.generation && frame->time_ns == wanted.time_ns &&
	       frame->mark == wanted.mark && frame->mark_ns == wanted.mark_ns && frame->lit == wanted.lit &&
	       frame->scanout.in_window == wanted.scanout.in_window &&
	       frame->scanout.buffer == wanted.scanout.buffer &&
	       frame->scanout.offset == wanted.scanout.offset &&
	       frame->scanout.width == wanted.scanout.width &&
	       frame->scanout.height == wanted.scanout.height &&
	       frame->scanout.stride == wanted.scanout.stride &&
	       frame->scanout.format == wanted.scanout.format && frame->damage.x == wanted.damage.x &&
	       frame->damage.y == wanted.damage.y && frame->damage.width == wanted.damage.width &&
	       frame->damage.height == wanted.damage.height && frame->damage_since == wanted.damage_since;
}

static void what_is_published_is_read(void)
{
	struct vtr_board *board = make_board();
	struct vtr_board_frame frame;

	CHECK_OK(vtr_board_read(board, 3, &frame));
	CHECK(!frame.lit && frame.frame == 0);
	for (uint64_t i = 1; i < 1000; i += 37) {
		struct vtr_board_frame wanted = make_frame(i);
		vtr_board_publish(board, 3, &wanted);
		CHECK_OK(vtr_board_read(board, 3, &frame));
		CHECK_EQ(frame.frame, i);
		CHECK(is_consistent(&frame));
		CHECK(vtr_board_is_current(board, 3, &frame));
	}
	CHECK_OK(vtr_board_read(board, 2, &frame));
	CHECK_EQ(frame.frame, 0);
	free_board(board);
}

static void news_is_noticed(void)
{
	struct vtr_board *board = make_board();
	struct vtr_board_frame next = make_frame(1);
	struct vtr_board_frame frame;

	vtr_board_publish(board, 0, &next);
	CHECK_OK(vtr_board_read(board, 0, &frame));
	vtr_board_publish(board, 1, &next);
	CHECK(vtr_board_is_current(board, 0, &frame));
	vtr_board_set_writing(board, 0);
	CHECK(!vtr_board_is_current(board, 0, &frame));
	/* What is read while the pixels change is no better. */
	CHECK_OK(vtr_board_read(board, 0, &frame));
	CHECK_EQ(frame.frame, 1);
	CHECK(!vtr_board_is_current(board, 0, &frame));
	vtr_board_publish(board, 0, &next);
	CHECK(!vtr_board_is_current(board, 0, &frame));
	CHECK_OK(vtr_board_read(board, 0, &frame));
	CHECK(vtr_board_is_current(board, 0, &frame));
	free_board(board);
}

/* A writer that does nothing else, in a process that is killed in the middle of it. */
static void a_torn_slot_is_never_believed(void)
{
	struct vtr_board *board = make_board();
	struct vtr_board_frame frame;
	uint64_t last = 0;
	uint32_t changes = 0;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK_OK(vtr_os_die_with_parent());
	}
	for (uint64_t i = 1; pid == 0; i++) {
		frame = make_frame(i);
		vtr_board_publish(board, 0, &frame);
		/* A front has other things to do, too. */
		for (int spin = 0; spin < (int)(i % 64); spin++) {
			vtr_os_cpu_relax();
		}
	}
	int64_t end_ns = vtr_os_now_ns() + 500 * MS;
	while (vtr_os_now_ns() < end_ns) {
		if (vtr_board_read(board, 0, &frame) == VTR_OK && frame.frame != 0) {
			CHECK(is_consistent(&frame));
			CHECK(frame.frame >= last);
			changes += frame.frame != last;
			last = frame.frame;
		}
	}
	CHECK(changes > 10);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* Wherever it stopped: an answer, or none, but soon. */
	enum vtr_err err = vtr_board_read(board, 0, &frame);
	CHECK(err == VTR_ERR_AGAIN || is_consistent(&frame));
	printf("%u frames seen of %llu\n", changes, (unsigned long long)last);
	free_board(board);
}

static void a_writer_that_stops_halfway_keeps_nobody(void)
{
	struct vtr_board *board = make_board();
	struct vtr_board_frame frame;
	struct vtr_board_cursor cursor;

	atomic_fetch_add(&board->slots[0].count, 1);
	atomic_fetch_add(&board->slots[0].cursor_count, 1);
	CHECK_ERR(vtr_board_read(board, 0, &frame), VTR_ERR_AGAIN);
	CHECK_ERR(vtr_board_read_cursor(board, 0, &cursor), VTR_ERR_AGAIN);
	free_board(board);
}

static void modes(void)
{
	struct vtr_board *board = make_board();
	struct vtr_board_mode mode = { .connected = true, .width = 16384, .height = 65535 };

	CHECK(!vtr_board_read_mode(board, 15).connected);
	vtr_board_set_mode(board, 15, &mode);
	mode = vtr_board_read_mode(board, 15);
	CHECK(mode.connected);
	CHECK_EQ(mode.width, 16384);
	CHECK_EQ(mode.height, 65535);
	mode = (struct vtr_board_mode){ .width = 1, .height = 2 };
	vtr_board_set_mode(board, 15, &mode);
	mode = vtr_board_read_mode(board, 15);
	CHECK(!mode.connected && mode.width == 1 && mode.height == 2);
	free_board(board);
}

static void cursors(void)
{
	static struct vtr_cursor image;
	struct vtr_board *board = make_board();
	struct vtr_board_cursor cursor;

	CHECK_OK(vtr_board_read_cursor(board, 0, &cursor));
	CHECK(!cursor.visible);
	image.hot_x = 3;
	image.hot_y = 5;
	for (size_t i = 0; i < VTR_CURSOR_SIZE * VTR_CURSOR_SIZE; i++) {
		image.pixels[i] = (uint32_t)i * 2654435761u;
	}
	vtr_board_set_cursor(board, 0, &image);
	vtr_board_move_cursor(board, 0, -7, INT32_MAX);
	CHECK_OK(vtr_board_read_cursor(board, 0, &cursor));
	CHECK(cursor.visible && cursor.x == -7 && cursor.y == INT32_MAX);
	CHECK(memcmp(&cursor.image, &image, sizeof(image)) == 0);
	uint32_t ticket = cursor.ticket;
	vtr_board_move_cursor(board, 0, 1, 2);
	CHECK_OK(vtr_board_read_cursor(board, 0, &cursor));
	CHECK_EQ(cursor.ticket, ticket);
	vtr_board_set_cursor(board, 0, NULL);
	CHECK_OK(vtr_board_read_cursor(board, 0, &cursor));
	CHECK(!cursor.visible && cursor.ticket != ticket);
	free_board(board);
}

static void rates(void)
{
	const int64_t second = 1000 * MS;
	struct vtr_board_frame frame = {
		.frame = 161, .time_ns = 100 * second, .mark = 101, .mark_ns = 99 * second
	};

	CHECK_EQ(vtr_board_rate(&frame, 100 * second) * 10, 600);
	CHECK_EQ(vtr_board_rate(&frame, 101 * second) * 10, 600);
	CHECK_EQ(vtr_board_rate(&frame, 101 * second + 1), 0);
	frame.mark = frame.frame;
	frame.mark_ns = frame.time_ns;
	CHECK_EQ(vtr_board_rate(&frame, 100 * second), 1);
	frame.frame = 0;
	CHECK_EQ(vtr_board_rate(&frame, 100 * second), 0);
}

static void lights(void)
{
	struct vtr_board *board = make_board();

	CHECK_EQ(vtr_board_read_lights(board), 0);
	vtr_board_set_lights(board, VTR_LIGHT_CAPS | VTR_LIGHT_SCROLL);
	CHECK_EQ(vtr_board_read_lights(board), VTR_LIGHT_CAPS | VTR_LIGHT_SCROLL);
	free_board(board);
}

static void whoever_sleeps_is_rung_once(void)
{
	static struct vtr_notes notes;

	CHECK(!vtr_notes_must_ring(&notes));
	vtr_notes_fall_asleep(&notes);
	vtr_notes_fall_asleep(&notes);
	CHECK(vtr_notes_must_ring(&notes));
	CHECK(!vtr_notes_must_ring(&notes));
}

int main(void)
{
	RUN(what_is_published_is_read);
	RUN(news_is_noticed);
	RUN(a_torn_slot_is_never_believed);
	RUN(a_writer_that_stops_halfway_keeps_nobody);
	RUN(modes);
	RUN(cursors);
	RUN(rates);
	RUN(lights);
	RUN(whoever_sleeps_is_rung_once);
	return 0;
}
