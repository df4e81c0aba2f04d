/* SPDX-License-Identifier: MIT */
#include "display/scanout_page.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/proc.h"
#include "platform/thread.h"
#include "test.h"

#define MS INT64_C(1000000)

/* Shared with a process of its own, as in life; zeroed. */
static struct vtr_scanout_page *make_board(void)
{
	void *map = mmap(NULL, sizeof(struct vtr_scanout_page), PROT_READ | PROT_WRITE,
	                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(map != MAP_FAILED);
	return map;
}

static void free_board(struct vtr_scanout_page *board)
{
	munmap(board, sizeof(*board));
}

/* A frame whose every number follows from its own. */
static struct vtr_scanout_frame make_frame(uint64_t number)
{
	uint32_t small = (uint32_t)number & 0x7fff;

	return (struct vtr_scanout_frame){
		.generation = number + 1,
		.frame = number,
		.time_ns = (int64_t)number * 7,
		.mark = number - 1,
		.mark_ns = (int64_t)number * 6,
		.active = number % 2 != 0,
		.scanout = {
			.in_hostmem = number % 3 == 0,
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

static bool is_consistent(const struct vtr_scanout_frame *frame)
{
	struct vtr_scanout_frame wanted = make_frame(frame->frame);

	return frame->generation == wanted.generation && frame->time_ns == wanted.time_ns &&
	       frame->mark == wanted.mark && frame->mark_ns == wanted.mark_ns &&
	       frame->active == wanted.active && frame->scanout.in_hostmem == wanted.scanout.in_hostmem &&
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
	struct vtr_scanout_page *board = make_board();
	struct vtr_scanout_frame frame;

	CHECK_OK(vtr_scanout_page_read(board, 3, &frame));
	CHECK(!frame.active && frame.frame == 0);
	for (uint64_t i = 1; i < 1000; i += 37) {
		struct vtr_scanout_frame wanted = make_frame(i);
		vtr_scanout_page_publish(board, 3, &wanted);
		CHECK_OK(vtr_scanout_page_read(board, 3, &frame));
		CHECK_EQ(frame.frame, i);
		CHECK(is_consistent(&frame));
		CHECK(vtr_scanout_page_is_current(board, 3, &frame));
	}
	CHECK_OK(vtr_scanout_page_read(board, 2, &frame));
	CHECK_EQ(frame.frame, 0);
	free_board(board);
}

static void news_is_noticed(void)
{
	struct vtr_scanout_page *board = make_board();
	struct vtr_scanout_frame next = make_frame(1);
	struct vtr_scanout_frame frame;

	vtr_scanout_page_publish(board, 0, &next);
	CHECK_OK(vtr_scanout_page_read(board, 0, &frame));
	vtr_scanout_page_publish(board, 1, &next);
	CHECK(vtr_scanout_page_is_current(board, 0, &frame));
	vtr_scanout_page_set_writing(board, 0);
	CHECK(!vtr_scanout_page_is_current(board, 0, &frame));
	/* A frame that is read while its pixels change is not current, either. */
	CHECK_OK(vtr_scanout_page_read(board, 0, &frame));
	CHECK_EQ(frame.frame, 1);
	CHECK(!vtr_scanout_page_is_current(board, 0, &frame));
	vtr_scanout_page_publish(board, 0, &next);
	CHECK(!vtr_scanout_page_is_current(board, 0, &frame));
	CHECK_OK(vtr_scanout_page_read(board, 0, &frame));
	CHECK(vtr_scanout_page_is_current(board, 0, &frame));
	free_board(board);
}

/* A writer that does nothing else, in a process that is killed in the middle of it. */
static void a_torn_slot_is_never_believed(void)
{
	struct vtr_scanout_page *board = make_board();
	struct vtr_scanout_frame frame;
	uint64_t last = 0;
	uint32_t changes = 0;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		(void)!vtr_os_die_with_parent(); /* not all systems have that */
		for (uint64_t i = 1;; i++) {
			frame = make_frame(i);
			vtr_scanout_page_publish(board, 0, &frame);
			/* A front has other things to do, too. */
			for (int spin = 0; spin < (int)(i % 64); spin++) {
				vtr_os_cpu_relax();
			}
		}
	}
	/* On a busy machine the two may run by turns, long ones. */
	const int64_t enough_ns = vtr_os_now_ns() + 500 * MS;
	const int64_t late_ns = vtr_os_now_ns() + 20000 * MS;
	while (vtr_os_now_ns() < (changes > 10 ? enough_ns : late_ns)) {
		if (vtr_scanout_page_read(board, 0, &frame) == VTR_OK && frame.frame != 0) {
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
	enum vtr_err err = vtr_scanout_page_read(board, 0, &frame);
	CHECK(err == VTR_ERR_AGAIN || is_consistent(&frame));
	printf("%u frames seen of %llu\n", changes, (unsigned long long)last);
	free_board(board);
}

static void a_writer_that_stops_halfway_blocks_no_reader(void)
{
	struct vtr_scanout_page *board = make_board();
	struct vtr_scanout_frame frame;
	struct vtr_scanout_cursor cursor;

	atomic_fetch_add(&board->slots[0].count, 1);
	atomic_fetch_add(&board->slots[0].cursor_count, 1);
	CHECK_ERR(vtr_scanout_page_read(board, 0, &frame), VTR_ERR_AGAIN);
	CHECK_ERR(vtr_scanout_page_read_cursor(board, 0, &cursor), VTR_ERR_AGAIN);
	free_board(board);
}

static void modes(void)
{
	struct vtr_scanout_page *board = make_board();
	struct vtr_display_mode mode = { .connected = true, .width = 16384, .height = 65535 };

	CHECK(!vtr_scanout_page_read_mode(board, 15).connected);
	vtr_scanout_page_set_mode(board, 15, &mode);
	mode = vtr_scanout_page_read_mode(board, 15);
	CHECK(mode.connected);
	CHECK_EQ(mode.width, 16384);
	CHECK_EQ(mode.height, 65535);
	mode = (struct vtr_display_mode){ .width = 1, .height = 2 };
	vtr_scanout_page_set_mode(board, 15, &mode);
	mode = vtr_scanout_page_read_mode(board, 15);
	CHECK(!mode.connected && mode.width == 1 && mode.height == 2);
	free_board(board);
}

static void cursors(void)
{
	static struct vtr_cursor image;
	struct vtr_scanout_page *board = make_board();
	struct vtr_scanout_cursor cursor;

	CHECK_OK(vtr_scanout_page_read_cursor(board, 0, &cursor));
	CHECK(!cursor.visible);
	image.hot_x = 3;
	image.hot_y = 5;
	for (size_t i = 0; i < VTR_CURSOR_SIZE * VTR_CURSOR_SIZE; i++) {
		image.pixels[i] = (uint32_t)i * 2654435761u;
	}
	vtr_scanout_page_set_cursor(board, 0, &image);
	vtr_scanout_page_move_cursor(board, 0, -7, INT32_MAX);
	CHECK_OK(vtr_scanout_page_read_cursor(board, 0, &cursor));
	CHECK(cursor.visible && cursor.x == -7 && cursor.y == INT32_MAX);
	CHECK(memcmp(&cursor.image, &image, sizeof(image)) == 0);
	uint32_t ticket = cursor.ticket;
	vtr_scanout_page_move_cursor(board, 0, 1, 2);
	CHECK_OK(vtr_scanout_page_read_cursor(board, 0, &cursor));
	CHECK_EQ(cursor.ticket, ticket);
	vtr_scanout_page_set_cursor(board, 0, NULL);
	CHECK_OK(vtr_scanout_page_read_cursor(board, 0, &cursor));
	CHECK(!cursor.visible && cursor.ticket != ticket);
	free_board(board);
}

static void rates(void)
{
	const int64_t second = 1000 * MS;
	struct vtr_scanout_frame frame = {
		.frame = 161, .time_ns = 100 * second, .mark = 101, .mark_ns = 99 * second
	};

	CHECK_EQ(vtr_scanout_page_rate(&frame, 100 * second) * 10, 600);
	CHECK_EQ(vtr_scanout_page_rate(&frame, 101 * second) * 10, 600);
	CHECK_EQ(vtr_scanout_page_rate(&frame, 101 * second + 1), 0);
	frame.mark = frame.frame;
	frame.mark_ns = frame.time_ns;
	CHECK_EQ(vtr_scanout_page_rate(&frame, 100 * second), 1);
	frame.frame = 0;
	CHECK_EQ(vtr_scanout_page_rate(&frame, 100 * second), 0);
}

static void lights(void)
{
	struct vtr_scanout_page *board = make_board();

	CHECK_EQ(vtr_scanout_page_read_lights(board), 0);
	vtr_scanout_page_set_lights(board, VTR_LIGHT_CAPS | VTR_LIGHT_SCROLL);
	CHECK_EQ(vtr_scanout_page_read_lights(board), VTR_LIGHT_CAPS | VTR_LIGHT_SCROLL);
	free_board(board);
}

static void a_sleeping_reader_is_rung_once(void)
{
	static struct vtr_scanout_acks notes;

	CHECK(!vtr_scanout_acks_must_wake(&notes));
	vtr_scanout_acks_await_flush(&notes);
	vtr_scanout_acks_await_flush(&notes);
	CHECK(vtr_scanout_acks_must_wake(&notes));
	CHECK(!vtr_scanout_acks_must_wake(&notes));
}

int main(void)
{
	RUN(what_is_published_is_read);
	RUN(news_is_noticed);
	RUN(a_torn_slot_is_never_believed);
	RUN(a_writer_that_stops_halfway_blocks_no_reader);
	RUN(modes);
	RUN(cursors);
	RUN(rates);
	RUN(lights);
	RUN(a_sleeping_reader_is_rung_once);
	return 0;
}
