/* SPDX-License-Identifier: MIT */
#include "gpu_driver.h"
#include "test.h"

/* What displays and cursors show. */

#define PAGE 4096u

static const struct driver_options two = { .display_count = 2 };

static uint32_t transfer(uint32_t id, struct gpu_rect rect, uint64_t offset)
{
	return DO((struct gpu_transfer_to_host_2d){
		.header = { .type = GPU_TRANSFER_TO_HOST_2D },
		.rect = rect,
		.offset = offset,
		.resource_id = id,
	});
}

static struct gpu_set_scanout_blob blob_scanout(uint32_t display, uint32_t id, uint32_t width,
                                                uint32_t height)
{
	return (struct gpu_set_scanout_blob){
		.header = { .type = GPU_SET_SCANOUT_BLOB },
		.rect = { 0, 0, width, height },
		.scanout_id = display,
		.resource_id = id,
		.width = width,
		.height = height,
		.format = VTR_FORMAT_B8G8R8X8,
		.strides = { width * 4 },
	};
}

static uint32_t show_blob(uint32_t display, uint32_t id, uint32_t width, uint32_t height)
{
	const struct gpu_set_scanout_blob request = blob_scanout(display, id, width, height);

	return DO(request);
}

/* A pixel that encodes its position. */
static uint32_t pixel_at(uint32_t x, uint32_t y, uint32_t seed)
{
	return seed << 24 | y << 12 | x;
}

static void paint(uint64_t gpa, uint32_t width, uint32_t height, uint32_t seed)
{
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++) {
			uint32_t pixel = pixel_at(x, y, seed);
			memcpy(driver_ram(gpa + ((uint64_t)y * width + x) * 4), &pixel, 4);
		}
	}
}

static uint32_t shown(uint32_t display, uint32_t x, uint32_t y)
{
	uint32_t pixel;

	memcpy(&pixel, screen_pixel(display, x, y), 4);
	return pixel;
}

static void a_dumb_buffer_is_shown(void)
{
	/* Three pieces, not in order, and rows that cross them. */
	static const struct gpu_mem_entry entries[] = {
		{ DRIVER_DATA, 2 * PAGE },
		{ DRIVER_DATA + 16 * PAGE, 3 * PAGE },
		{ DRIVER_DATA + 4 * PAGE, 5 * PAGE },
	};
	enum { W = 100, H = 80 };
	static uint32_t pixels[10 * PAGE / 4];

	driver_begin(&two);
	for (uint32_t i = 0; i < W * H; i++) {
		pixels[i] = pixel_at(i % W, i / W, 1);
	}
	memcpy(driver_ram(entries[0].addr), pixels, 2 * PAGE);
	memcpy(driver_ram(entries[1].addr), pixels + 2 * PAGE / 4, 3 * PAGE);
	memcpy(driver_ram(entries[2].addr), pixels + 5 * PAGE / 4, 5 * PAGE);
	CHECK_EQ(do_create_2d(5, W, H), GPU_OK_NODATA);
	CHECK_EQ(transfer(5, (struct gpu_rect){ 0, 0, W, H }, 0), GPU_ERR_INVALID_PARAMETER);
	CHECK_EQ(do_attach_backing(5, entries, 3), GPU_OK_NODATA);
	CHECK_EQ(do_set_scanout(1, 5, (struct gpu_rect){ 0, 0, W, H }), GPU_OK_NODATA);
	CHECK_SAID("scanout 1 image 100x80/400 format 2\n");
	CHECK_EQ(transfer(5, (struct gpu_rect){ 0, 0, W, H }, 0), GPU_OK_NODATA);
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 0, 0, W, H }), GPU_OK_NODATA);
	CHECK_SAID("flush 1 100x80+0+0\n");
	for (uint32_t y = 0; y < H; y++) {
		for (uint32_t x = 0; x < W; x++) {
			CHECK_EQ(shown(1, x, y), pixel_at(x, y, 1));
		}
	}
	/* It is not visible before the first flush; from then on the screen is notified of changed pixels. */
	CHECK_EQ(screen_touches[1], 0);
	CHECK_EQ(transfer(5, (struct gpu_rect){ 0, 0, 1, 1 }, 0), GPU_OK_NODATA);
	CHECK_EQ(screen_touches[1], 1);
	CHECK_EQ(screen_touches[0], 0);
	driver_end();
}

/* Only the rectangle is copied; its first byte is at `offset`, its rows are as far apart as the
 * resource's. */
static void a_transfer_copies_its_rectangle(void)
{
	enum { W = 64, H = 48 };
	static const struct gpu_mem_entry all = { DRIVER_DATA, W * H * 4 };

	driver_begin(&two);
	paint(DRIVER_DATA, W, H, 1);
	CHECK_EQ(do_create_2d(5, W, H), GPU_OK_NODATA);
	CHECK_EQ(do_attach_backing(5, &all, 1), GPU_OK_NODATA);
	CHECK_EQ(do_set_scanout(0, 5, (struct gpu_rect){ 0, 0, W, H }), GPU_OK_NODATA);
	CHECK_EQ(transfer(5, (struct gpu_rect){ 10, 7, 20, 9 }, (7 * W + 10) * 4), GPU_OK_NODATA);
	for (uint32_t y = 0; y < H; y++) {
		for (uint32_t x = 0; x < W; x++) {
			bool inside = x >= 10 && x < 30 && y >= 7 && y < 16;
			CHECK_EQ(shown(0, x, y), inside ? pixel_at(x, y, 1) : 0);
		}
	}
	/* From another place: (x, y) of the rectangle comes from (x - 60, y - 40). */
	CHECK_EQ(transfer(5, (struct gpu_rect){ 60, 40, 4, 8 }, 0), GPU_OK_NODATA);
	CHECK_EQ(shown(0, 60, 40), pixel_at(0, 0, 1));
	CHECK_EQ(shown(0, 63, 47), pixel_at(3, 7, 1));
	CHECK_EQ(shown(0, 59, 40), 0);
	/* Up to the last byte, and no further. */
	CHECK_EQ(transfer(5, (struct gpu_rect){ 0, 0, 1, 1 }, W * H * 4 - 4), GPU_OK_NODATA);
	CHECK_EQ(shown(0, 0, 0), pixel_at(W - 1, H - 1, 1));
	CHECK_EQ(transfer(5, (struct gpu_rect){ 0, 0, 1, 1 }, W * H * 4 - 3), GPU_ERR_INVALID_PARAMETER);
	CHECK_EQ(transfer(5, (struct gpu_rect){ 0, 0, W, H }, 4), GPU_ERR_INVALID_PARAMETER);
	CHECK_EQ(transfer(5, (struct gpu_rect){ 0, 0, 1, 1 }, UINT64_MAX), GPU_ERR_INVALID_PARAMETER);
	static const struct gpu_rect bad[] = {
		{ W, 0, 1, 1 },          { 0, H, 1, 1 },          { 1, 0, W, 1 },          { 0, 1, 1, H },
		{ UINT32_MAX, 0, 2, 1 }, { 1, 0, UINT32_MAX, 1 }, { 0, 1, 1, UINT32_MAX },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(transfer(5, bad[i], 0), GPU_ERR_INVALID_PARAMETER);
	}
	CHECK_EQ(transfer(5, (struct gpu_rect){ W, H, 0, 0 }, 0), GPU_OK_NODATA); /* nothing */
	driver_end();
}

static void a_host_blob_is_shown_where_it_lies(void)
{
	driver_begin(&two);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(2, 5, 1, 64 * 64 * 4), GPU_OK_NODATA);
	struct gpu_set_scanout_blob request = blob_scanout(0, 5, 64, 64);
	CHECK_EQ(DO(request), GPU_ERR_INVALID_PARAMETER); /* it has no place yet */
	CHECK_EQ(do_map(5, 16 * PAGE), GPU_OK_MAP_INFO);
	driver_said();
	CHECK_EQ(DO(request), GPU_OK_NODATA);
	CHECK_SAID("scanout 0 hostmem 64x64/256 format 2\n");
	CHECK(screen_pixel(0, 3, 2) == driver_window.map + 16 * PAGE + 2 * 256 + 12);
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 0, 0, 64, 64 }), GPU_OK_NODATA);
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 8, 9, 10, 11 }), GPU_OK_NODATA);
	CHECK_SAID("flush 0 64x64+0+0\nflush 0 10x11+8+9\n");
	CHECK_EQ(do_unmap(5), GPU_OK_NODATA);
	CHECK_SAID("dark 0\n");
	driver_end();
}

/* It lies in a file of its own: gpu_driver.c checks that no renderer gets that of the pictures. */
static void a_blob_that_cannot_be_mapped_is_shown(void)
{
	driver_begin(&two);
	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_2d(4, 64, 64), GPU_OK_NODATA);
	CHECK_EQ(do_set_scanout(0, 4, (struct gpu_rect){ 0, 0, 64, 64 }), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(2, 5, 2, 64 * 64 * 4), GPU_OK_NODATA);
	CHECK_EQ(do_attach(2, 5), GPU_OK_NODATA);
	struct gpu_set_scanout_blob request = blob_scanout(1, 5, 64, 64);
	CHECK_EQ(DO(request), GPU_OK_NODATA);
	CHECK(!screen_scanouts[0].in_hostmem && !screen_scanouts[1].in_hostmem);
	CHECK(screen_scanouts[0].buffer != screen_scanouts[1].buffer);
	driver_end();
}

static void every_format(void)
{
	static const uint32_t formats[] = { 1, 2, 3, 4, 67, 68, 121, 134 };

	driver_begin(&two);
	CHECK_EQ(do_create_guest_blob(5, DRIVER_DATA, 64 * 64 * 4), GPU_OK_NODATA);
	for (uint32_t format = 0; format < 200; format++) {
		bool known = false;
		for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
			known = known || format == formats[i];
		}
		struct gpu_set_scanout_blob request = blob_scanout(0, 5, 64, 64);
		request.format = format;
		CHECK_EQ(DO(request), known ? GPU_OK_NODATA : GPU_ERR_INVALID_PARAMETER);
		if (known) {
			CHECK_EQ(screen_scanouts[0].format, format);
		}
		CHECK_EQ(DO((struct gpu_resource_create_2d){
				 .header = { .type = GPU_RESOURCE_CREATE_2D },
				 .resource_id = 1000 + format,
				 .format = format,
				 .width = 32,
				 .height = 32,
			 }),
		         known ? GPU_OK_NODATA : GPU_ERR_INVALID_PARAMETER);
		if (known) {
			CHECK_EQ(do_set_scanout(1, 1000 + format, (struct gpu_rect){ 0, 0, 32, 32 }),
			         GPU_OK_NODATA);
			CHECK_EQ(screen_scanouts[1].format, format);
		}
	}
	driver_end();
}

/* Guest memory is copied: all of it when it comes to a display, then what is damaged. */
static void a_guest_blob_is_copied_at_flush(void)
{
	enum { W = 64, H = 64 };

	driver_begin(&two);
	paint(DRIVER_DATA, W, H, 1);
	CHECK_EQ(do_create_guest_blob(5, DRIVER_DATA, W * H * 4), GPU_OK_NODATA);
	struct gpu_set_scanout_blob request = blob_scanout(0, 5, W, H);
	CHECK_EQ(DO(request), GPU_OK_NODATA);
	CHECK_SAID("scanout 0 image 64x64/256 format 2\n");
	CHECK_EQ(shown(0, 5, 5), 0);
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 1, 1, 1, 1 }), GPU_OK_NODATA);
	CHECK_SAID("flush 0 64x64+0+0\n"); /* the first one is of all */
	CHECK_EQ(shown(0, 5, 5), pixel_at(5, 5, 1));
	CHECK_EQ(shown(0, 63, 63), pixel_at(63, 63, 1));
	paint(DRIVER_DATA, W, H, 2);
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 4, 6, 3, 2 }), GPU_OK_NODATA);
	CHECK_SAID("flush 0 3x2+4+6\n");
	for (uint32_t y = 0; y < H; y++) {
		for (uint32_t x = 0; x < W; x++) {
			bool inside = x >= 4 && x < 7 && y >= 6 && y < 8;
			CHECK_EQ(shown(0, x, y), pixel_at(x, y, inside ? 2 : 1));
		}
	}
	CHECK_EQ(DO(request), GPU_OK_NODATA); /* the same again is nothing new */
	CHECK_SAID("");
	driver_end();
}

/* Two buffers by turns: what changed in one while the other was shown was never flushed. */
static void two_guest_blobs_by_turns(void)
{
	driver_begin(&two);
	for (uint32_t id = 5; id <= 6; id++) {
		CHECK_EQ(do_create_guest_blob(id, DRIVER_DATA + (id - 5) * 16 * PAGE, 64 * 64 * 4),
		         GPU_OK_NODATA);
	}
	for (uint32_t turn = 0; turn < 4; turn++) {
		uint32_t id = 5 + turn % 2;
		paint(DRIVER_DATA + (id - 5) * 16 * PAGE, 64, 64, turn + 1);
		CHECK_EQ(show_blob(0, id, 64, 64), GPU_OK_NODATA);
		CHECK_EQ(do_flush(id, (struct gpu_rect){ 0, 0, 1, 1 }), GPU_OK_NODATA);
		CHECK_EQ(shown(0, 40, 41), pixel_at(40, 41, turn + 1));
	}
	driver_end();
}

static void strides_offsets_and_parts(void)
{
	driver_begin(&two);
	CHECK_EQ(do_create_guest_blob(5, DRIVER_DATA, 64 * PAGE), GPU_OK_NODATA);
	struct gpu_set_scanout_blob request = blob_scanout(0, 5, 100, 50);
	request.strides[0] = 512;
	request.offsets[0] = 1024;
	request.rect = (struct gpu_rect){ 20, 10, 70, 30 };
	uint32_t magic = 0x12345678;
	memcpy(driver_ram(DRIVER_DATA + 1024 + (10 + 3) * 512 + (20 + 2) * 4), &magic, 4);
	CHECK_EQ(DO(request), GPU_OK_NODATA);
	CHECK_SAID("scanout 0 image 70x30/512 format 2\n");
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 0, 0, 100, 50 }), GPU_OK_NODATA);
	CHECK_EQ(shown(0, 2, 3), magic);
	/* Damage is of the whole picture, the display shows a part. */
	driver_said();
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 0, 0, 25, 12 }), GPU_OK_NODATA);
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 80, 35, UINT32_MAX, UINT32_MAX }), GPU_OK_NODATA);
	CHECK_EQ(do_flush(5, (struct gpu_rect){ UINT32_MAX, 0, UINT32_MAX, 50 }), GPU_OK_NODATA);
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 0, 0, 20, 50 }), GPU_OK_NODATA); /* beside it */
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 30, 20, 0, 5 }), GPU_OK_NODATA);
	CHECK_SAID("flush 0 5x2+0+0\nflush 0 10x5+60+25\n");
	driver_end();
}

static void scanouts_that_lie_outside(void)
{
	enum { W = 64, H = 64 };
	struct gpu_set_scanout_blob good = blob_scanout(0, 5, W, H);

	driver_begin(&two);
	CHECK_EQ(do_create_guest_blob(5, DRIVER_DATA, W * H * 4), GPU_OK_NODATA);
	struct gpu_set_scanout_blob bad[16];
	size_t count = 0;
#define BAD(field, value) (bad[count] = good, bad[count++].field = (value))
	BAD(strides[0], W * 4 + 4);
	BAD(strides[0], W * 4 - 4);
	BAD(strides[0], 0);
	BAD(strides[0], UINT32_MAX & ~3u);
	BAD(offsets[0], 4);
	BAD(offsets[0], UINT32_MAX & ~3u);
	BAD(rect.width, W + 1);
	BAD(rect.x, 1);
	BAD(rect.y, UINT32_MAX);
	BAD(rect.height, 15);
	BAD(rect.width, 0);
	BAD(width, UINT32_MAX);
	BAD(height, 63);
	BAD(strides[0], W * 4 + 2);
#undef BAD
	for (size_t i = 0; i < count; i++) {
		CHECK_EQ(DO(bad[i]), GPU_ERR_INVALID_PARAMETER);
	}
	CHECK_SAID("");
	/* A part of it may lie inside where the whole would not. */
	struct gpu_set_scanout_blob part = good;
	part.strides[0] = 2 * W * 4;
	part.rect.height = 32;
	CHECK_EQ(DO(part), GPU_OK_NODATA);
	CHECK_EQ(do_create_2d(6, W, H), GPU_OK_NODATA);
	good.resource_id = 6;
	CHECK_EQ(DO(good), GPU_ERR_INVALID_PARAMETER); /* not a blob */
	CHECK_EQ(do_set_scanout(0, 5, good.rect), GPU_ERR_INVALID_PARAMETER);
	static const struct gpu_rect rects[] = {
		{ 0, 0, 65, 64 }, { 0, 0, 64, 65 },          { 1, 0, 64, 64 },          { 0, 0, 15, 64 },
		{ 0, 0, 64, 15 }, { UINT32_MAX, 0, 32, 32 }, { 0, 32, 64, UINT32_MAX },
	};
	for (size_t i = 0; i < sizeof(rects) / sizeof(rects[0]); i++) {
		CHECK_EQ(do_set_scanout(0, 6, rects[i]), GPU_ERR_INVALID_PARAMETER);
	}
	driver_end();
}

/* fbcon shows one buffer on all displays. */
static void one_resource_on_two_displays(void)
{
	driver_begin(&two);
	CHECK_EQ(do_create_2d(5, 64, 32), GPU_OK_NODATA);
	CHECK_EQ(do_set_scanout(0, 5, (struct gpu_rect){ 0, 0, 32, 32 }), GPU_OK_NODATA);
	CHECK_EQ(do_set_scanout(1, 5, (struct gpu_rect){ 16, 0, 48, 32 }), GPU_OK_NODATA);
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 0, 0, 64, 32 }), GPU_OK_NODATA);
	driver_said();
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 20, 2, 8, 4 }), GPU_OK_NODATA);
	CHECK_SAID("flush 0 8x4+20+2\nflush 1 8x4+4+2\n");
	CHECK_EQ(do_set_scanout(0, 0, (struct gpu_rect){ 0, 0, 32, 32 }), GPU_OK_NODATA);
	CHECK_SAID("dark 0\n");
	CHECK_EQ(do_flush(5, (struct gpu_rect){ 20, 2, 8, 4 }), GPU_OK_NODATA);
	CHECK_SAID("flush 1 8x4+4+2\n");
	CHECK_EQ(do_unref(5), GPU_OK_NODATA);
	CHECK_SAID("dark 1\n");
	struct gpu_set_scanout_blob off = blob_scanout(1, 0, 64, 64);
	CHECK_EQ(DO(off), GPU_OK_NODATA); /* already inactive */
	off.scanout_id = 2;
	CHECK_EQ(DO(off), GPU_ERR_INVALID_SCANOUT_ID);
	CHECK_SAID("");
	driver_end();
}

/* What an image held must not be seen in the next one. */
static void images_are_empty_at_first(void)
{
	static const struct gpu_mem_entry all = { DRIVER_DATA, 32 * 32 * 4 };

	driver_begin(&two);
	paint(DRIVER_DATA, 32, 32, 1);
	for (uint32_t id = 5; id <= 6; id++) {
		CHECK_EQ(do_create_2d(id, 32, 32), GPU_OK_NODATA);
		CHECK_EQ(do_set_scanout(0, id, (struct gpu_rect){ 0, 0, 32, 32 }), GPU_OK_NODATA);
		for (uint32_t i = 0; i < 32; i++) {
			CHECK_EQ(shown(0, i, 31 - i), 0);
		}
		CHECK_EQ(do_attach_backing(id, &all, 1), GPU_OK_NODATA);
		CHECK_EQ(transfer(id, (struct gpu_rect){ 0, 0, 32, 32 }, 0), GPU_OK_NODATA);
		CHECK_EQ(shown(0, 3, 4), pixel_at(3, 4, 1));
		CHECK_EQ(do_unref(id), GPU_OK_NODATA);
	}
	driver_end();
}

/* Two programs, each with its buffer on a display of its own, flipping. */
static void two_contexts_on_two_displays(void)
{
	driver_begin(&two);
	for (uint32_t i = 0; i < 2; i++) {
		CHECK_EQ(do_create_context(2 + i, 4), GPU_OK_NODATA);
		for (uint32_t k = 0; k < 2; k++) {
			uint32_t id = 10 + 2 * i + k;
			CHECK_EQ(do_create_host_blob(2 + i, id, 3, 64 * 64 * 4), GPU_OK_NODATA);
			CHECK_EQ(do_map(id, (uint64_t)id * 16 * PAGE), GPU_OK_MAP_INFO);
			CHECK_EQ(do_attach(2 + i, id), GPU_OK_NODATA);
		}
	}
	driver_said();
	for (uint32_t frame = 0; frame < 6; frame++) {
		for (uint32_t i = 0; i < 2; i++) {
			uint32_t id = 10 + 2 * i + frame % 2;
			uint32_t pixel = pixel_at(frame, i, 7);
			memcpy(driver_window.map + (size_t)id * 16 * PAGE, &pixel, 4);
			CHECK_EQ(show_blob(i, id, 64, 64), GPU_OK_NODATA);
			CHECK_EQ(do_flush(id, (struct gpu_rect){ 0, 0, 64, 64 }), GPU_OK_NODATA);
			CHECK_EQ(shown(i, 0, 0), pixel);
		}
	}
	render_die(2);
	CHECK_EQ(shown(0, 0, 0), pixel_at(5, 0, 7)); /* its last picture stays */
	CHECK_EQ(do_flush(12, (struct gpu_rect){ 0, 0, 64, 64 }), GPU_OK_NODATA);
	driver_end();
}

/* --- cursor -------------------------------------------------------------------------------------------- */

static void cursor(uint32_t type, uint32_t display, uint32_t id, int32_t x, int32_t y)
{
	const struct gpu_cursor request = {
		.header = { .type = type },
		.scanout_id = display,
		.x = (uint32_t)x,
		.y = (uint32_t)y,
		.resource_id = id,
		.hot_x = 3,
		.hot_y = 4,
	};
	int slot = driver_send(GPU_QUEUE_CURSOR, &request, sizeof(request), 0);
	size_t size;

	driver_kick();
	driver_answer(slot, &size);
	CHECK_EQ(size, 0); /* Linux leaves no room for an answer */
}

static void cursor_moves_and_hides(void)
{
	driver_begin(&two);
	CHECK_EQ(do_create_2d(5, 64, 64), GPU_OK_NODATA);
	cursor(GPU_UPDATE_CURSOR, 1, 5, 100, 200);
	cursor(GPU_MOVE_CURSOR, 1, 5, -20, -1);
	cursor(GPU_MOVE_CURSOR, 1, 99, 30, INT32_MAX); /* moving asks for no resource */
	CHECK_SAID("cursor 1 hot 3,4\nmove 1 100,200\nmove 1 -20,-1\nmove 1 30,2147483647\n");
	cursor(GPU_UPDATE_CURSOR, 1, 0, 0, 0);
	CHECK_SAID("no cursor 1\nmove 1 0,0\n");
	cursor(GPU_UPDATE_CURSOR, 2, 5, 0, 0); /* no such display */
	cursor(GPU_MOVE_CURSOR, UINT32_MAX, 5, 0, 0);
	cursor(GPU_UPDATE_CURSOR, 0, 99, 0, 0); /* no such resource */
	CHECK_SAID("");
	driver_end();
}

/* Linux reuses the buffer for the next picture at once. */
static void cursor_pixels_are_those_of_the_update(void)
{
	static const struct gpu_mem_entry all = { DRIVER_DATA, 64 * 64 * 4 };

	driver_begin(&two);
	CHECK_EQ(do_create_2d(5, 64, 64), GPU_OK_NODATA);
	CHECK_EQ(do_attach_backing(5, &all, 1), GPU_OK_NODATA);
	paint(DRIVER_DATA, 64, 64, 0x80);
	CHECK_EQ(transfer(5, (struct gpu_rect){ 0, 0, 64, 64 }, 0), GPU_OK_NODATA);
	cursor(GPU_UPDATE_CURSOR, 0, 5, 0, 0);
	paint(DRIVER_DATA, 64, 64, 0x90);
	CHECK_EQ(transfer(5, (struct gpu_rect){ 0, 0, 64, 64 }, 0), GPU_OK_NODATA);
	CHECK_EQ(do_unref(5), GPU_OK_NODATA);
	for (uint32_t i = 0; i < 64 * 64; i++) {
		CHECK_EQ(screen_cursor.pixels[i], pixel_at(i % 64, i / 64, 0x80));
	}
	driver_end();
}

static void cursors_of_every_kind_of_memory(void)
{
	driver_begin(&two);
	paint(DRIVER_DATA, 64, 64, 2);
	CHECK_EQ(do_create_guest_blob(5, DRIVER_DATA, 64 * 64 * 4), GPU_OK_NODATA);
	cursor(GPU_UPDATE_CURSOR, 0, 5, 0, 0);
	CHECK_EQ(screen_cursor.pixels[64 * 9 + 8], pixel_at(8, 9, 2));

	CHECK_EQ(do_create_context(2, 4), GPU_OK_NODATA);
	CHECK_EQ(do_create_host_blob(2, 6, 1, 64 * 64 * 4), GPU_OK_NODATA);
	cursor(GPU_UPDATE_CURSOR, 0, 6, 0, 0); /* not mapped: an empty picture */
	CHECK_EQ(screen_cursor.pixels[64 * 9 + 8], 0);
	CHECK_EQ(do_map(6, 0), GPU_OK_MAP_INFO);
	memcpy(driver_window.map, driver_ram(DRIVER_DATA), 64 * 64 * 4);
	cursor(GPU_UPDATE_CURSOR, 0, 6, 0, 0);
	CHECK_EQ(screen_cursor.pixels[64 * 63 + 63], pixel_at(63, 63, 2));

	/* Smaller and larger than a cursor. */
	static const struct gpu_mem_entry all = { DRIVER_DATA, 100 * 100 * 4 };
	CHECK_EQ(do_create_2d(7, 20, 10), GPU_OK_NODATA);
	CHECK_EQ(do_attach_backing(7, &all, 1), GPU_OK_NODATA);
	paint(DRIVER_DATA, 20, 10, 3);
	CHECK_EQ(transfer(7, (struct gpu_rect){ 0, 0, 20, 10 }, 0), GPU_OK_NODATA);
	cursor(GPU_UPDATE_CURSOR, 0, 7, 0, 0);
	CHECK_EQ(screen_cursor.pixels[64 * 9 + 19], pixel_at(19, 9, 3));
	CHECK_EQ(screen_cursor.pixels[64 * 9 + 20], 0);
	CHECK_EQ(screen_cursor.pixels[64 * 10], 0);
	CHECK_EQ(do_create_2d(8, 100, 100), GPU_OK_NODATA);
	CHECK_EQ(do_attach_backing(8, &all, 1), GPU_OK_NODATA);
	paint(DRIVER_DATA, 100, 100, 4);
	CHECK_EQ(transfer(8, (struct gpu_rect){ 0, 0, 100, 100 }, 0), GPU_OK_NODATA);
	cursor(GPU_UPDATE_CURSOR, 0, 8, 0, 0);
	CHECK_EQ(screen_cursor.pixels[64 * 63 + 63], pixel_at(63, 63, 4));
	CHECK_EQ(do_create_guest_blob(9, DRIVER_DATA, PAGE), GPU_OK_NODATA);
	cursor(GPU_UPDATE_CURSOR, 0, 9, 0, 0); /* too small for a blob, whose width is unknown */
	CHECK_EQ(screen_cursor.pixels[0], 0);
	driver_end();
}

int main(void)
{
	RUN(a_dumb_buffer_is_shown);
	RUN(a_transfer_copies_its_rectangle);
	RUN(a_host_blob_is_shown_where_it_lies);
	RUN(a_blob_that_cannot_be_mapped_is_shown);
	RUN(every_format);
	RUN(a_guest_blob_is_copied_at_flush);
	RUN(two_guest_blobs_by_turns);
	RUN(strides_offsets_and_parts);
	RUN(scanouts_that_lie_outside);
	RUN(one_resource_on_two_displays);
	RUN(images_are_empty_at_first);
	RUN(two_contexts_on_two_displays);
	RUN(cursor_moves_and_hides);
	RUN(cursor_pixels_are_those_of_the_update);
	RUN(cursors_of_every_kind_of_memory);
	return 0;
}
