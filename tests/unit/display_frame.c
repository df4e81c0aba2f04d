/* SPDX-License-Identifier: MIT */
#include "display/frame.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "platform/thread.h"
#include "test.h"

#define MS INT64_C(1000000)
#define WIDTH 512u
#define HEIGHT 384u
#define STRIDE (WIDTH * 4 + 64)
#define HALF ((size_t)STRIDE * HEIGHT)

/* What the front has: all of it is shared with writers that are processes of their own. */
static struct vtr_scanout_page *board;
static struct vtr_buffers buffers;
static uint8_t *memory; /* of buffer 7: two halves */

static void begin(void)
{
	void *map;
	int fd;

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(board != MAP_FAILED);
	vtr_buffers_init(&buffers);
	CHECK_OK(vtr_os_shm_create("test", 2 * HALF, &fd));
	CHECK_OK(vtr_os_shm_map(fd, 0, 2 * HALF, true, &map));
	memory = map;
	CHECK_OK(vtr_buffers_add(&buffers, 7, &fd, 2 * HALF));
	CHECK_EQ(fd, -1);
}

static void end(void)
{
	vtr_buffers_finish(&buffers);
	vtr_os_shm_unmap(memory, 2 * HALF);
	munmap(board, sizeof(*board));
}

static struct vtr_scanout_frame make_frame(uint64_t number, uint64_t offset)
{
	return (struct vtr_scanout_frame){
		.frame = number,
		.generation = 1,
		.active = true,
		.scanout = {
			.buffer = 7,
			.offset = offset,
			.width = WIDTH,
			.height = HEIGHT,
			.stride = STRIDE,
			.format = VTR_FORMAT_B8G8R8X8,
		},
	};
}

static void draw(size_t offset, uint64_t number)
{
	for (uint32_t y = 0; y < HEIGHT; y++) {
		uint32_t *row = (uint32_t *)(void *)(memory + offset + (size_t)y * STRIDE);
		for (uint32_t x = 0; x < WIDTH; x++) {
			row[x] = (uint32_t)number;
		}
	}
}

static bool is_uniform(const struct vtr_picture *picture, uint32_t value)
{
	const uint32_t *pixels = (const uint32_t *)(const void *)picture->pixels;

	for (size_t i = 0; i < (size_t)WIDTH * HEIGHT; i++) {
		if (pixels[i] != value) {
			return false;
		}
	}
	return true;
}

static enum vtr_err take(struct vtr_picture *picture, int64_t timeout_ns)
{
	return vtr_picture_take(picture, board, &buffers, 0, vtr_os_now_ns() + timeout_ns);
}

/* As a guest with two buffers does: the one that is not shown is drawn, then shown. */
static void draw_in_turn(uint64_t number)
{
	size_t offset = number % 2 ? HALF : 0;
	struct vtr_scanout_frame frame = make_frame(number, offset);

	draw(offset, number);
	vtr_scanout_page_publish(board, 0, &frame);
}

/* As the front does with a guest that has one: what is shown is changed, and said to be. */
static void draw_in_place(uint64_t number)
{
	struct vtr_scanout_frame frame = make_frame(number, 0);

	vtr_scanout_page_set_writing(board, 0);
	draw(0, number);
	vtr_scanout_page_publish(board, 0, &frame);
}

/* The same without a word: what the check is for. */
static void draw_carelessly(uint64_t number)
{
	struct vtr_scanout_frame frame = make_frame(number, 0);

	draw(0, number);
	vtr_scanout_page_publish(board, 0, &frame);
}

static struct {
	unsigned whole, torn, wrong, tries;
} seen;

/* Takes pictures for a while, of a writer that does nothing but write. On a busy machine it may take longer until one
 * of `wanted` has come. */
static void watch(void (*write_frame)(uint64_t number), int64_t timeout_ns, const unsigned *wanted)
{
	struct vtr_picture picture;
	uint64_t last = 0;
	pid_t pid;

	begin();
	memset(&seen, 0, sizeof(seen));
	write_frame(1);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		(void)!vtr_os_die_with_parent(); /* not all systems have that */
		for (uint64_t i = 2;; i++) {
			write_frame(i);
		}
	}
	vtr_picture_init(&picture);
	const int64_t enough_ns = vtr_os_now_ns() + 400 * MS;
	const int64_t late_ns = vtr_os_now_ns() + 30000 * MS;
	while (vtr_os_now_ns() < (*wanted > 0 ? enough_ns : late_ns)) {
		enum vtr_err err = take(&picture, timeout_ns);
		if (err == VTR_ERR_AGAIN) {
			continue; /* the writer does not run, and has stopped while it published */
		}
		CHECK_OK(err);
		CHECK(picture.frame.frame >= last);
		last = picture.frame.frame;
		bool uniform = is_uniform(&picture, (uint32_t)last);
		seen.tries += picture.tries;
		seen.torn += picture.torn;
		seen.whole += !picture.torn;
		seen.wrong += !uniform;
		/* This is all that it is about. */
		CHECK(picture.torn || uniform || write_frame == draw_carelessly);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	printf("  %u whole, %u torn, %u not of one colour, %u tries, up to frame %llu\n", seen.whole,
	       seen.torn, seen.wrong, seen.tries, (unsigned long long)last);
	vtr_picture_finish(&picture);
	end();
}

static void two_buffers_give_whole_pictures(void)
{
	watch(draw_in_turn, 250 * MS, &seen.whole);
	CHECK(seen.whole > 0);
}

static void one_buffer_is_whole_or_owns_up(void)
{
	watch(draw_in_place, 5 * MS, &seen.torn);
	CHECK(seen.torn > 0);
}

/* The writers above do change pixels while they are copied: one that does not say so is caught. */
static void the_test_can_see_torn_pictures(void)
{
	watch(draw_carelessly, 0, &seen.wrong);
	CHECK(seen.wrong > 0);
}

static void a_still_frame_is_copied_once(void)
{
	struct vtr_picture picture;

	begin();
	draw_in_turn(1);
	vtr_picture_init(&picture);
	CHECK_OK(take(&picture, 0));
	CHECK(!picture.torn && is_uniform(&picture, 1));
	CHECK_EQ(picture.tries, 1);
	const uint8_t *pixels = picture.pixels;
	draw_in_turn(2);
	CHECK_OK(take(&picture, 0));
	CHECK(is_uniform(&picture, 2));
	CHECK(picture.pixels == pixels); /* the memory is used again */
	/* A change that does not end: what there is, after the time, with the truth about it. */
	vtr_scanout_page_set_writing(board, 0);
	int64_t before_ns = vtr_os_now_ns();
	CHECK_OK(take(&picture, 20 * MS));
	CHECK(picture.torn && picture.tries > 1);
	CHECK(vtr_os_now_ns() - before_ns >= 20 * MS);
	vtr_picture_finish(&picture);
	end();
}

static void what_cannot_be_is_refused(void)
{
	static const struct {
		uint64_t offset;
		uint32_t width, height, stride, format;
		enum vtr_err err;
	} cases[] = {
		{ 0, WIDTH, HEIGHT, STRIDE, 2, VTR_OK },
		{ 2 * HALF - 4, 1, 1, 4, 2, VTR_OK },
		{ 2 * HALF - 4, 1, 1, UINT32_MAX, 2, VTR_OK },
		{ HALF + 64, WIDTH, HEIGHT, STRIDE, 2, VTR_OK }, /* the last row needs no gap */
		{ HALF + 65, WIDTH, HEIGHT, STRIDE, 2, VTR_ERR_INVALID },
		{ 2 * HALF - 3, 1, 1, 4, 2, VTR_ERR_INVALID },
		{ UINT64_MAX, 1, 1, 4, 2, VTR_ERR_INVALID },
		{ UINT64_MAX - 3, 1, 1, 4, 2, VTR_ERR_INVALID },
		{ 0, 0, 1, 4, 2, VTR_ERR_INVALID },
		{ 0, 1, 0, 4, 2, VTR_ERR_INVALID },
		{ 0, 2, 1, 4, 2, VTR_ERR_INVALID },
		{ 0, 16385, 1, 16385 * 4, 2, VTR_ERR_INVALID },
		{ 0, 1, 16385, 4, 2, VTR_ERR_INVALID },
		{ 0, 1, 2, UINT32_MAX, 2, VTR_ERR_INVALID },
		{ 0, UINT32_MAX, UINT32_MAX, UINT32_MAX, 2, VTR_ERR_INVALID },
		{ 0, 1, 1, 4, 0, VTR_ERR_INVALID },
		{ 0, 1, 1, 4, 5, VTR_ERR_INVALID },
	};
	struct vtr_picture picture;

	begin();
	vtr_picture_init(&picture);
	for (size_t i = 0; i < VTR_ARRAY_LEN(cases); i++) {
		struct vtr_scanout_frame frame = make_frame(i + 1, cases[i].offset);
		frame.scanout.width = cases[i].width;
		frame.scanout.height = cases[i].height;
		frame.scanout.stride = cases[i].stride;
		frame.scanout.format = (enum vtr_pixel_format)cases[i].format;
		vtr_scanout_page_publish(board, 0, &frame);
		CHECK_ERR(take(&picture, 0), cases[i].err);
	}
	struct vtr_scanout_frame frame = make_frame(100, 0);
	frame.active = false;
	vtr_scanout_page_publish(board, 0, &frame);
	CHECK_ERR(take(&picture, 0), VTR_ERR_GONE);
	frame.active = true;
	frame.scanout.buffer = 8;
	vtr_scanout_page_publish(board, 0, &frame);
	CHECK_ERR(take(&picture, 0), VTR_ERR_AGAIN);
	vtr_picture_finish(&picture);
	end();
}

static void too_large_is_a_limit(void)
{
	const uint64_t size = UINT64_C(16384) * 16384 * 4;
	struct vtr_picture picture;
	int fd;

	begin();
	vtr_picture_init(&picture);
	CHECK_OK(vtr_os_shm_create("test", size, &fd));
	CHECK_OK(vtr_buffers_add(&buffers, 9, &fd, size));
	struct vtr_scanout_frame frame = make_frame(1, 0);
	frame.scanout.buffer = 9;
	frame.scanout.width = frame.scanout.height = 16384;
	frame.scanout.stride = 16384 * 4;
	vtr_scanout_page_publish(board, 0, &frame);
	CHECK_ERR(take(&picture, 0), VTR_ERR_LIMIT);
	vtr_picture_finish(&picture);
	end();
}

static void buffers_are_checked(void)
{
	struct vtr_buffer *buffer;
	struct vtr_buffer *none;
	int fd;

	begin();
	CHECK_OK(vtr_os_shm_create("test", 8192, &fd));
	CHECK_ERR(vtr_buffers_add(&buffers, 7, &fd, 8192), VTR_ERR_INVALID); /* there is one */
	CHECK_EQ(fd, -1);
	CHECK_OK(vtr_os_shm_create("test", 8192, &fd));
	CHECK_ERR(vtr_buffers_add(&buffers, 8, &fd, 8193), VTR_ERR_INVALID); /* shorter than said */
	CHECK_OK(vtr_os_shm_create("test", 8192, &fd));
	CHECK_ERR(vtr_buffers_add(&buffers, 8, &fd, 0), VTR_ERR_INVALID);
	CHECK_ERR(vtr_buffers_ref(&buffers, 8, &none), VTR_ERR_AGAIN);
	/* Gone, but not from under a reader. */
	draw(0, 5);
	CHECK_OK(vtr_buffers_ref(&buffers, 7, &buffer));
	vtr_buffers_remove(&buffers, 7);
	vtr_buffers_remove(&buffers, 7);
	CHECK_ERR(vtr_buffers_ref(&buffers, 7, &none), VTR_ERR_AGAIN);
	CHECK_EQ(buffer->map[0], 5);
	vtr_buffers_unref(&buffers, buffer);
	end();
}

static void buffers_that_can_shrink_are_refused(void)
{
	int fd = memfd_create("can-shrink", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	begin();
	CHECK_EQ(ftruncate(fd, 8192), 0);
	CHECK_ERR(vtr_buffers_add(&buffers, 8, &fd, 8192), VTR_ERR_INVALID);
	end();
}

int main(void)
{
	int fds = test_count_fds();

	RUN(two_buffers_give_whole_pictures);
	RUN(one_buffer_is_whole_or_owns_up);
	RUN(the_test_can_see_torn_pictures);
	RUN(a_still_frame_is_copied_once);
	RUN(what_cannot_be_is_refused);
	RUN(too_large_is_a_limit);
	RUN(buffers_are_checked);
	RUN(buffers_that_can_shrink_are_refused);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
