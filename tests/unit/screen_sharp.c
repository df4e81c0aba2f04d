/* SPDX-License-Identifier: MIT */
#include "screen/sharp.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pixel_formats.h"
#include "screen/changes.h"
#include "screen/convert.h"
#include "screen/sharp_pixels.h"
#include "test.h"

#define S INT64_C(1000000000)
#define RATE 400000000u

/* A display, and what a viewer has of its patches. */
struct scene {
	uint32_t width, height;
	size_t format; /* of `pixel_formats` */
	struct vtr_frame_view view;
	uint8_t *pixels, *got;
	struct vtr_sharp sharp;
	uint32_t patches;
	size_t bytes;
};

static uint32_t state = 1;

static uint8_t next_byte(void)
{
	state = state * 1664525 + 1013904223;
	return (uint8_t)(state >> 24);
}

/* Rows have an odd gap between them, as any may. */
static void begin(struct scene *scene, uint32_t width, uint32_t height, size_t format)
{
	const uint32_t stride = width * 4 + 3;
	const struct vtr_rect none = { 0 };

	*scene = (struct scene){ .width = width, .height = height, .format = format };
	scene->pixels = calloc(height, stride);
	scene->got = calloc((size_t)width * height, 4);
	CHECK(scene->pixels && scene->got);
	scene->view = (struct vtr_frame_view){ .pixels = scene->pixels };
	scene->view.frame.generation = 5;
	scene->view.frame.frame = 7;
	scene->view.frame.scanout = (struct vtr_scanout){
		.width = width, .height = height, .stride = stride, .format = pixel_formats[format].format
	};
	CHECK_OK(vtr_sharp_damage(&scene->sharp, width, height, &none, &none, 0));
}

static void end(struct scene *scene)
{
	vtr_sharp_finish(&scene->sharp);
	free(scene->pixels);
	free(scene->got);
}

static uint8_t *pixel_at(const struct scene *scene, uint32_t x, uint32_t y)
{
	return scene->pixels + (size_t)y * scene->view.frame.scanout.stride + (size_t)x * 4;
}

static void add_patch(struct scene *scene, const struct vtr_patch *patch)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	uint8_t *back = malloc((size_t)patch->rect.width * patch->rect.height * 4);

	CHECK_EQ(patch->generation, 5);
	CHECK_EQ(patch->frame, 7);
	CHECK(patch->rect.x + patch->rect.width <= scene->width);
	CHECK(patch->rect.y + patch->rect.height <= scene->height);
	CHECK(back && png_image_begin_read_from_memory(&image, patch->png, patch->size));
	CHECK_EQ(image.width, patch->rect.width);
	CHECK_EQ(image.height, patch->rect.height);
	CHECK_EQ(image.format, PNG_FORMAT_RGBA);
	CHECK((image.flags & PNG_IMAGE_FLAG_COLORSPACE_NOT_sRGB) == 0);
	CHECK(png_image_finish_read(&image, NULL, back, 0, NULL));
	for (uint32_t i = 0; i < image.width * image.height; i++) {
		uint32_t x = patch->rect.x + i % image.width;
		uint32_t y = patch->rect.y + i / image.width;
		if (back[(size_t)i * 4 + 3] != 0) {
			memcpy(scene->got + ((size_t)y * scene->width + x) * 4, back + (size_t)i * 4, 4);
		}
	}
	free(back);
	scene->patches++;
	scene->bytes += patch->size;
}

/* Makes all that is due. */
static void make(struct scene *scene, int64_t now_ns)
{
	struct vtr_patch *patch;

	while (vtr_sharp_due(&scene->sharp, RATE, now_ns) <= now_ns) {
		CHECK_OK(vtr_sharp_make(&scene->sharp, &scene->view, now_ns, &patch));
		vtr_sharp_keep(&scene->sharp, patch ? patch->size : 0, now_ns);
		if (patch) {
			add_patch(scene, patch);
		}
		vtr_patch_unref(patch);
	}
}

/* Whether two neighbours within a block differ, pixel by pixel, as its definition says. */
static bool block_has_edge(const struct scene *scene, uint32_t left, uint32_t top)
{
	const uint8_t *places = pixel_formats[scene->format].places;

	for (uint32_t y = top; y < top + VTR_SHARP_BLOCK && y < scene->height; y++) {
		for (uint32_t x = left; x < left + VTR_SHARP_BLOCK && x < scene->width; x++) {
			for (size_t c = 0; c < 3; c++) {
				int value = pixel_at(scene, x, y)[places[c]];
				bool right =
					x % VTR_SHARP_BLOCK + 1 < VTR_SHARP_BLOCK && x + 1 < scene->width &&
					abs(value - pixel_at(scene, x + 1, y)[places[c]]) > VTR_SHARP_EDGE;
				bool below =
					y % VTR_SHARP_BLOCK + 1 < VTR_SHARP_BLOCK && y + 1 < scene->height &&
					abs(value - pixel_at(scene, x, y + 1)[places[c]]) > VTR_SHARP_EDGE;
				if (right || below) {
					return true;
				}
			}
		}
	}
	return false;
}

static void check_block(const struct scene *scene, uint32_t left, uint32_t top, bool wanted)
{
	const uint8_t *places = pixel_formats[scene->format].places;

	for (uint32_t y = top; y < top + VTR_SHARP_BLOCK && y < scene->height; y++) {
		for (uint32_t x = left; x < left + VTR_SHARP_BLOCK && x < scene->width; x++) {
			const uint8_t *pixel = pixel_at(scene, x, y);
			const uint8_t *got = scene->got + ((size_t)y * scene->width + x) * 4;
			CHECK_EQ(got[3], wanted ? 255 : 0);
			CHECK(!wanted || (got[0] == pixel[places[0]] && got[1] == pixel[places[1]] &&
			                  got[2] == pixel[places[2]]));
		}
	}
}

/* Blocks with edges are exact, and others are not there. Returns: how many are there. */
static uint32_t check_blocks(const struct scene *scene)
{
	uint32_t count = 0;

	for (uint32_t y = 0; y < scene->height; y += VTR_SHARP_BLOCK) {
		for (uint32_t x = 0; x < scene->width; x += VTR_SHARP_BLOCK) {
			const bool wanted = block_has_edge(scene, x, y);
			check_block(scene, x, y, wanted);
			count += wanted;
		}
	}
	return count;
}

/* Of what the viewer has. */
static uint32_t count_opaque(const struct scene *scene)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < scene->width * scene->height; i++) {
		count += scene->got[(size_t)i * 4 + 3] == 255;
	}
	return count;
}

/* A gradient; in some blocks one pixel has one colour that is just an edge, or just none. */
static void draw(const struct scene *scene)
{
	const uint8_t *places = pixel_formats[scene->format].places;

	for (uint32_t y = 0; y < scene->height; y++) {
		for (uint32_t x = 0; x < scene->width; x++) {
			uint8_t *pixel = pixel_at(scene, x, y);
			memset(pixel, 100 + (int)((x + y) % 200 / 20), 4);
			for (size_t i = 0; i < 4; i++) { /* alpha differs, which is no edge */
				bool colour = i == places[0] || i == places[1] || i == places[2];
				pixel[i] = colour ? pixel[i] : next_byte();
			}
		}
	}
	for (uint32_t i = 0; i < scene->width * scene->height / 400 + 1; i++) {
		uint32_t x = (uint32_t)next_byte() * 256 + next_byte();
		uint32_t y = (uint32_t)next_byte() * 256 + next_byte();
		pixel_at(scene, x % scene->width, y % scene->height)[places[i % 3]] =
			(uint8_t)(100 + VTR_SHARP_EDGE + next_byte() % 3);
	}
}

static void pixels_are_exact(void)
{
	static const uint32_t sizes[][2] = { { 1, 1 },    { 16, 16 },   { 17, 15 },  { 31, 33 },
		                             { 333, 77 }, { 640, 401 }, { 5000, 40 } };
	struct scene scene;

	for (size_t i = 0; i < VTR_ARRAY_LEN(sizes); i++) {
		for (size_t format = 0; format < VTR_ARRAY_LEN(pixel_formats); format++) {
			begin(&scene, sizes[i][0], sizes[i][1], format);
			draw(&scene);
			make(&scene, S - 1);
			CHECK_EQ(scene.patches, 0);
			make(&scene, S);
			uint32_t count = check_blocks(&scene);
			CHECK(sizes[i][0] * sizes[i][1] < 20000 || (count > 0 && scene.patches > 0));
			CHECK_EQ(vtr_sharp_due(&scene.sharp, RATE, 100 * S), VTR_SHARP_NEVER);
			end(&scene);
		}
	}
}

static void damaged_blocks_come_again(void)
{
	const struct vtr_rect spot = { 37, 20, 2, 2 };
	const struct vtr_rect cursor = { 160, 100, 8, 16 };
	struct scene scene;

	begin(&scene, 320, 200, 1);
	for (uint32_t i = 0; i < 320 * 200; i++) {
		memset(pixel_at(&scene, i % 320, i / 320), i % 2 ? 0xff : 0, 4);
	}
	/* Something blinks: it alone is never due, and the rest is. */
	for (int64_t now_ns = S / 2; now_ns < 10 * S; now_ns += S / 2) {
		CHECK_OK(vtr_sharp_damage(&scene.sharp, 320, 200, &cursor, &cursor, now_ns));
		make(&scene, now_ns);
	}
	const uint8_t *inside = scene.got + (110 * 320 + 165) * 4;
	const uint8_t *beside = scene.got + (110 * 320 + 180) * 4;
	CHECK(inside[3] == 0 && beside[3] == 255);
	const uint32_t made = scene.patches;
	make(&scene, 11 * S);
	CHECK_EQ(scene.patches, made + 1);
	CHECK_EQ(inside[3], 255);
	/* Damage within a block: the block, and nothing else. */
	memset(scene.got, 0, 320 * 200 * 4);
	CHECK_OK(vtr_sharp_damage(&scene.sharp, 320, 200, &spot, &spot, 20 * S));
	make(&scene, 22 * S);
	CHECK_EQ(count_opaque(&scene), 256);
	CHECK(scene.got[(16 * 320 + 32) * 4 + 3] == 255 && scene.got[(31 * 320 + 47) * 4 + 3] == 255);
	/* All again, for another viewer; but not what has just changed. */
	memset(scene.got, 0, 320 * 200 * 4);
	CHECK_OK(vtr_sharp_damage(&scene.sharp, 320, 200, &spot, &spot, 22 * S));
	vtr_sharp_repeat(&scene.sharp);
	make(&scene, 22 * S);
	CHECK(scene.got[(16 * 320 + 32) * 4 + 3] == 0 && scene.got[3] == 255);
	end(&scene);
}

/* Whole pictures are flushed, and little or nothing has changed. */
static void only_what_differs_comes_again(void)
{
	const struct vtr_rect all = { 0, 0, 320, 200 };
	const struct vtr_rect none = { 0 };
	const struct vtr_rect changed = { 64, 64, 32, 16 };
	struct scene scene;

	begin(&scene, 320, 200, 1);
	for (uint32_t i = 0; i < 320 * 200; i++) {
		memset(pixel_at(&scene, i % 320, i / 320), i % 2 ? 0xff : 0, 4);
	}
	CHECK_OK(vtr_sharp_damage(&scene.sharp, 320, 200, &all, &none, S / 2));
	make(&scene, S);
	CHECK_EQ(check_blocks(&scene), 20 * 13);
	const uint32_t made = scene.patches;
	CHECK_OK(vtr_sharp_damage(&scene.sharp, 320, 200, &all, &none, 2 * S));
	make(&scene, 3 * S);
	CHECK_EQ(scene.patches, made);
	/* Viewers have lost a part. */
	memset(scene.got, 0, 320 * 200 * 4);
	CHECK_OK(vtr_sharp_damage(&scene.sharp, 320, 200, &all, &changed, 4 * S));
	make(&scene, 5 * S);
	CHECK_EQ(count_opaque(&scene), 32 * 16);
	CHECK(scene.got[(64 * 320 + 64) * 4 + 3] == 255 && scene.got[(79 * 320 + 95) * 4 + 3] == 255);
	/* A change that was not noticed; the block has no edges any more. */
	memset(scene.got, 0, 320 * 200 * 4);
	for (uint32_t i = 0; i < 256; i++) {
		memset(pixel_at(&scene, 160 + i % 16, 96 + i / 16), 0x55, 4);
	}
	CHECK_OK(vtr_sharp_damage(&scene.sharp, 320, 200, &all, &none, 6 * S));
	make(&scene, 7 * S);
	for (uint32_t i = 0; i < 320 * 200; i++) {
		const bool inside = i % 320 / 16 == 10 && i / 320 / 16 == 6;
		CHECK_EQ(scene.got[(size_t)i * 4 + 3], inside ? 255 : 0);
		CHECK(!inside || scene.got[(size_t)i * 4] == 0x55);
	}
	end(&scene);
}

static void changes_are_found(void)
{
	struct vtr_yuv_buffer old = { 0 };
	struct vtr_yuv_buffer now = { 0 };
	const struct vtr_rect all = { 0, 0, 333, 77 };
	const struct vtr_rect part = { 40, 20, 1, 1 };

	CHECK_OK(vtr_yuv_buffer_resize(&old, 333, 77));
	CHECK_OK(vtr_yuv_buffer_resize(&now, 333, 77));
	memset(old.memory, 7, old.capacity);
	for (uint32_t i = 0; i < 334 * 78; i += 17) {
		const uint32_t x = i % 334;
		const uint32_t y = i / 334;
		memset(now.memory, 7, now.capacity);
		(i % 3 != 0 ? now.yuv.y + y * now.yuv.y_stride : now.yuv.uv + y / 2 * now.yuv.uv_stride)[x]++;
		struct vtr_rect found = vtr_changes_find(&old.yuv, &now.yuv, &all);
		CHECK(found.x == x / 16 * 16 && found.y == y / 16 * 16 && found.width == 16 &&
		      found.height == 16);
		found = vtr_changes_find(&old.yuv, &now.yuv, &part);
		CHECK_EQ(found.width, x / 16 == 2 && y / 16 == 1 ? 16 : 0);
	}
	memset(now.memory, 7, now.capacity);
	CHECK_EQ(vtr_changes_find(&old.yuv, &now.yuv, &all).width, 0);
	now.yuv.y[20 * now.yuv.y_stride + 5] = 0;
	now.yuv.uv[0 * now.yuv.uv_stride + 300] = 0;
	struct vtr_rect found = vtr_changes_find(&old.yuv, &now.yuv, &all);
	CHECK(found.x == 0 && found.y == 0 && found.width == 304 && found.height == 32);
	vtr_yuv_buffer_finish(&old);
	vtr_yuv_buffer_finish(&now);
}

static void what_changed_meanwhile_stays_due(void)
{
	struct scene scene;
	struct vtr_patch *patch;

	begin(&scene, 64, 64, 1);
	*pixel_at(&scene, 3, 3) = 0xff;
	CHECK_OK(vtr_sharp_make(&scene.sharp, &scene.view, S, &patch));
	CHECK(patch != NULL);
	vtr_patch_unref(patch);
	CHECK(vtr_sharp_due(&scene.sharp, RATE, S) <= S);
	make(&scene, S);
	CHECK_EQ(scene.patches, 1);
	end(&scene);
}

static void another_size_begins_anew(void)
{
	const struct vtr_rect spot = { 0, 0, 1, 1 };
	struct scene small, large;

	begin(&small, 64, 64, 1);
	begin(&large, 6400, 64, 1);
	vtr_sharp_finish(&large.sharp);
	large.sharp = small.sharp;
	small.sharp = (struct vtr_sharp){ 0 };
	draw(&large);
	CHECK_OK(vtr_sharp_damage(&large.sharp, 6400, 64, &spot, &spot, 5 * S));
	make(&large, 6 * S);
	CHECK(check_blocks(&large) > 0);
	end(&small);
	end(&large);
}

/* The longest time between two patches of noise, and their bytes in each second, within the budget. */
static void the_budget_holds(void)
{
	const uint32_t bitrate = 1600000; /* 100,000 bytes of patches a second */
	struct scene scene;
	size_t largest = 0;
	size_t bytes = 0;
	int64_t now_ns = 100 * S;

	begin(&scene, 640, 480, 1);
	for (uint32_t i = 0; i < 640 * 480 * 4; i++) {
		pixel_at(&scene, i / 4 % 640, i / 4 / 640)[i % 4] = next_byte();
	}
	const int64_t begin_ns = now_ns;
	while (now_ns < begin_ns + 60 * S) {
		struct vtr_patch *patch;
		int64_t due_ns = vtr_sharp_due(&scene.sharp, bitrate, now_ns);
		if (due_ns > now_ns) {
			CHECK(due_ns != VTR_SHARP_NEVER);
			now_ns = due_ns;
			continue;
		}
		CHECK_OK(vtr_sharp_make(&scene.sharp, &scene.view, now_ns, &patch));
		vtr_sharp_keep(&scene.sharp, patch ? patch->size : 0, now_ns);
		bytes += patch ? patch->size : 0;
		largest = patch && patch->size > largest ? patch->size : largest;
		CHECK(bytes <= 100000 * (size_t)((now_ns - begin_ns) / S + 2) + largest);
		vtr_patch_unref(patch);
		vtr_sharp_repeat(&scene.sharp);
	}
	CHECK(bytes >= 100000 * 59);
	end(&scene);
}

int main(void)
{
	RUN(pixels_are_exact);
	RUN(damaged_blocks_come_again);
	RUN(only_what_differs_comes_again);
	RUN(changes_are_found);
	RUN(what_changed_meanwhile_stays_due);
	RUN(another_size_begins_anew);
	RUN(the_budget_holds);
	return 0;
}
