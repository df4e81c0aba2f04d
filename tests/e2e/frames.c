/* SPDX-License-Identifier: MIT */
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counter.h"
#include "picture.h"

/*
 * vk-frames: pictures of the sample guest's display, compared with the same frames drawn natively.
 *
 *     vk-frames FILE.png...
 *
 * For each file a line: "FILE frame N difference D pixels P", D being the largest of a channel and P how
 * many pixels differ by more than 1; or "FILE no number" for a picture without a frame's number, or with
 * parts of two.
 */

struct native {
	struct vkc c;
	struct picture *picture;
	struct vkc_image image;
	uint32_t width;
	uint32_t height;
};

static uint8_t *read_png(const char *path, uint32_t *out_width, uint32_t *out_height)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	if (!png_image_begin_read_from_file(&image, path)) {
		vkc_fail("%s: %s", path, image.message);
	}
	image.format = PNG_FORMAT_RGBA;
	uint8_t *pixels = vkc_alloc(1, PNG_IMAGE_SIZE(image));
	if (!png_image_finish_read(&image, NULL, pixels, 0, NULL)) {
		vkc_fail("%s: %s", path, image.message);
	}
	*out_width = image.width;
	*out_height = image.height;
	return pixels;
}

static void set_size(struct native *n, uint32_t width, uint32_t height)
{
	struct vkc_image_params params = {
		.format = VK_FORMAT_R8G8B8A8_UNORM,
		.width = width,
		.height = height,
		.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
	};
	if (n->width == width && n->height == height) {
		return;
	}
	if (n->picture) {
		picture_destroy(&n->c, n->picture);
		vkc_image_destroy(&n->c, &n->image);
	}
	n->width = width;
	n->height = height;
	n->image = vkc_image_create(&n->c, &params);
	n->picture = picture_create(&n->c, params.format, width, height, true);
}

static uint8_t *draw(struct native *n, uint32_t number)
{
	size_t size;
	VkCommandBuffer cmd = vkc_begin(&n->c);
	picture_record(&n->c, n->picture, cmd, &n->image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, number);
	vkc_end(&n->c, cmd);
	return vkc_image_read(&n->c, &n->image, VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 4, &size);
}

/* Alpha is nothing that a display shows. */
static void compare(const uint8_t *a, const uint8_t *b, size_t pixels, int *out_largest, size_t *out_count)
{
	int largest = 0;
	size_t count = 0;
	for (size_t i = 0; i < pixels; i++) {
		int worst = 0;
		for (size_t k = i * 4; k < i * 4 + 3; k++) {
			int d = abs(a[k] - b[k]);
			worst = d > worst ? d : worst;
		}
		largest = worst > largest ? worst : largest;
		count += worst > 1;
	}
	*out_largest = largest;
	*out_count = count;
}

int main(int argc, char **argv)
{
	struct native n = { .picture = NULL };
	vkc_open(&n.c, "vk-frames", false);
	for (int i = 1; i < argc; i++) {
		uint32_t width, height, number;
		int largest;
		size_t count;
		uint8_t *pixels = read_png(argv[i], &width, &height);
		if (!counter_read(pixels, (size_t)width * 4, width, height, &number)) {
			printf("%s no number\n", argv[i]);
			free(pixels);
			continue;
		}
		set_size(&n, width, height);
		uint8_t *native = draw(&n, number);
		compare(pixels, native, (size_t)width * height, &largest, &count);
		printf("%s frame %u difference %d pixels %zu\n", argv[i], number, largest, count);
		free(native);
		free(pixels);
	}
	if (n.picture) {
		picture_destroy(&n.c, n.picture);
		vkc_image_destroy(&n.c, &n.image);
	}
	vkc_close(&n.c);
	return 0;
}
