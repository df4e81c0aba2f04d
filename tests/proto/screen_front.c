/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/sound_page.h"
#include "display_host/host.h"
#include "platform/loop.h"
#include "platform/shm.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "test.h"

/*
 * A front without a guest: draws frames, and does what the lines on its standard input say. Each line is
 * answered by one line, which begins with "OK" or with what was asked for; what comes unasked begins
 * with a word in capitals ("MODE", "INPUT", "PLAYED").
 *
 *   screen_front VITRINE [HTTP [token-file=FILE] [tls-cert=FILE] [tls-key=FILE] [names=NAMES] [insecure]
 *                [record=FILE]... [publish=URL]... [encoder=NAME] [fps=N] [hxfr=ADDRESS | hxfr-open=ADDRESS]
 *                [sandbox=report] [sound=on]
 *                [window=RENDERER]]
 *
 *   scanout D FORMAT W H STRIDE where     memory: "window" or the number of a buffer
 *   frame D SEED | solid D SEED | noise D SEED
 *                                         draws a pattern, one colour, or what cannot be compressed, and flushes
 *   play D MICROSECONDS COUNT             solid frames, in two halves of the memory in turn
 *   code D MICROSECONDS COUNT             the same with frames that can be told apart after coding: a moving
 *                                         bar, and the number in CODE_BITS black and white squares
 *   bars D                                red, green, blue, cyan, magenta, yellow; below, 16 greys
 *   stripes D                             columns of red and blue, one pixel each
 *   spot D X Y W H COLOUR                 one rectangle, which alone is flushed; COLOUR: the pixel's word, hexadecimal
 *   redraw D X Y W H COLOUR               the same, but all is flushed, as many guests do
 *   load D FILE                           the file is the memory of all rows
 *   cursor D SEED HOT_X HOT_Y | hide D | move D X Y | mode D CONNECTED W H | dark D
 *   buffer ID BYTES | drop ID
 *   lights N                              of the keyboard: enum vtr_light, or-ed
 *   beeps D COUNT                         every half second, 100 ms of a tone of 1000 Hz and of a white picture, black
 *                                         and silence in between; with "sound=on"
 *   cost                                  what flushing and the loop took:
 *                                         "cost COUNT MEAN_CPU_NS MAX_NS LATE_MAX_US"
 */
#define HOSTMEM_SIZE (UINT64_C(256) << 20)
#define MAX_BUFFERS 64
/* Where a display's memory begins in the window. */
#define WINDOW_SHARE (HOSTMEM_SIZE / VTR_MAX_DISPLAYS)
#define LINE_MAX_BYTES 256
/* Squares in the upper left corner, the lowest bit first; white is 1. */
#define CODE_BITS 24
#define CODE_SIDE 16
/* The strip in which the bar moves. */
#define BAR_TOP 64
#define BAR_ROWS 64
#define BAR_WIDTH 96
/* A piece of sound. */
#define BEEP_FRAMES 480
#define BEEP_NS INT64_C(10000000)

struct buffer {
	uint32_t id;
	struct vtr_hostmem memory;
	uint8_t *map;
	size_t size;
};

struct display {
	struct vtr_scanout scanout;
	uint8_t *pixels; /* of the scanout's first half */
	size_t half;
};

static struct {
	struct vtr_os_loop *loop;
	struct vtr_display_host *client;
	const struct vtr_display_ops *ops;
	struct vtr_hostmem hostmem;
	struct buffer buffers[MAX_BUFFERS];
	struct display displays[VTR_MAX_DISPLAYS];
	char line[LINE_MAX_BYTES];
	size_t line_size;
	struct vtr_os_loop_timer *timer; /* of `play` */
	void (*play_draw)(const struct vtr_scanout *scanout, uint8_t *pixels, uint64_t seed);
	uint32_t play_display;
	int64_t play_ns, play_due_ns;
	uint64_t play_left, play_seed;
	struct vtr_os_loop_timer *beep_timer;
	uint32_t beep_display;
	bool white;
	int64_t beep_begin_ns;
	uint64_t beep_blocks, beep_left; /* pieces of 10 ms */
	uint64_t flushes;
	int64_t flush_cpu_ns, flush_max_ns, late_max_ns;
} front;

static int64_t cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void flush_rect(uint32_t display, const struct vtr_rect *rect)
{
	int64_t before_ns = vtr_os_now_ns();
	int64_t before_cpu_ns = cpu_ns();

	front.ops->flush(front.client, display, rect);
	front.flush_cpu_ns += cpu_ns() - before_cpu_ns;
	int64_t took_ns = vtr_os_now_ns() - before_ns;
	front.flushes++;
	front.flush_max_ns = took_ns > front.flush_max_ns ? took_ns : front.flush_max_ns;
}

static void flush(uint32_t display)
{
	const struct vtr_scanout *scanout = &front.displays[display].scanout;
	const struct vtr_rect all = { 0, 0, scanout->width, scanout->height };

	flush_rect(display, &all);
}

/* Bytes 0 to 3 of a pixel, whatever they mean in its format. */
static uint32_t pattern(uint32_t x, uint32_t y, uint64_t seed)
{
	return ((x * 3 + (uint32_t)seed) & 0xff) | ((y * 5 + 2 * (uint32_t)seed) & 0xff) << 8 |
	       ((x + y + 7 * (uint32_t)seed) & 0xff) << 16 | ((x ^ y) & 0xff) << 24;
}

static void draw_pattern(uint32_t display, uint64_t seed)
{
	const struct vtr_scanout *scanout = &front.displays[display].scanout;

	for (uint32_t y = 0; y < scanout->height; y++) {
		uint32_t *row =
			(uint32_t *)(void *)(front.displays[display].pixels + (size_t)y * scanout->stride);
		for (uint32_t x = 0; x < scanout->width; x++) {
			row[x] = pattern(x, y, seed);
		}
	}
}

static void draw_noise(uint32_t display, uint64_t seed)
{
	const struct vtr_scanout *scanout = &front.displays[display].scanout;
	uint64_t state = seed;

	for (uint32_t y = 0; y < scanout->height; y++) {
		uint32_t *row =
			(uint32_t *)(void *)(front.displays[display].pixels + (size_t)y * scanout->stride);
		for (uint32_t x = 0; x < scanout->width; x++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			row[x] = (uint32_t)(state >> 32);
		}
	}
}

static void draw_solid(const struct vtr_scanout *scanout, uint8_t *pixels, uint64_t seed)
{
	for (uint32_t y = 0; y < scanout->height; y++) {
		uint32_t *row = (uint32_t *)(void *)(pixels + (size_t)y * scanout->stride);
		for (uint32_t x = 0; x < scanout->width; x++) {
			row[x] = (uint32_t)seed * 2654435761u;
		}
	}
}

/* The part of it that lies within the scanout. */
static void fill(const struct vtr_scanout *scanout, uint8_t *pixels, const struct vtr_rect *rect,
                 uint32_t colour)
{
	for (uint32_t y = rect->y; y < rect->y + rect->height && y < scanout->height; y++) {
		uint32_t *row = (uint32_t *)(void *)(pixels + (size_t)y * scanout->stride);
		for (uint32_t x = rect->x; x < rect->x + rect->width && x < scanout->width; x++) {
			row[x] = colour;
		}
	}
}

static void draw_code(const struct vtr_scanout *scanout, uint8_t *pixels, uint64_t seed)
{
	const struct vtr_rect strip = { 0, BAR_TOP, scanout->width, BAR_ROWS };
	const struct vtr_rect bar = { (uint32_t)(seed * 8) % scanout->width, BAR_TOP, BAR_WIDTH, BAR_ROWS };

	for (uint32_t bit = 0; bit < CODE_BITS; bit++) {
		const struct vtr_rect square = { bit * CODE_SIDE, 0, CODE_SIDE, CODE_SIDE };
		fill(scanout, pixels, &square, (seed >> bit & 1) != 0 ? 0xffffffff : 0xff000000);
	}
	fill(scanout, pixels, &strip, 0xff203040);
	fill(scanout, pixels, &bar, 0xffe0a030);
}

/* For formats with blue in the lowest byte. */
static void draw_bars(uint32_t display)
{
	static const uint32_t colours[] = { 0xff0000, 0x00ff00, 0x0000ff, 0x00ffff, 0xff00ff, 0xffff00 };
	const struct vtr_scanout *scanout = &front.displays[display].scanout;
	uint32_t half = scanout->height / 2;

	for (uint32_t i = 0; i < 6; i++) {
		const struct vtr_rect rect = { scanout->width * i / 6, 0, scanout->width / 6 + 1, half };
		fill(scanout, front.displays[display].pixels, &rect, colours[i]);
	}
	for (uint32_t i = 0; i < 16; i++) {
		const struct vtr_rect rect = { scanout->width * i / 16, half, scanout->width / 16 + 1,
			                       scanout->height - half };
		fill(scanout, front.displays[display].pixels, &rect, i * 0x111111);
	}
}

/* For formats with blue in the lowest byte. */
static void draw_stripes(uint32_t display)
{
	const struct vtr_scanout *scanout = &front.displays[display].scanout;

	for (uint32_t y = 0; y < scanout->height; y++) {
		uint32_t *row =
			(uint32_t *)(void *)(front.displays[display].pixels + (size_t)y * scanout->stride);
		for (uint32_t x = 0; x < scanout->width; x++) {
			row[x] = x % 2 != 0 ? 0x0000ff : 0xff0000;
		}
	}
}

/* Returns: whether the file has all rows. */
static bool load_file(uint32_t display, const char *path)
{
	const struct vtr_scanout *scanout = &front.displays[display].scanout;
	const size_t size = (size_t)scanout->stride * scanout->height;
	FILE *file = fopen(path, "rb");
	bool complete = file && fread(front.displays[display].pixels, 1, size, file) == size;

	if (file) {
		fclose(file);
	}
	return complete;
}

static struct buffer *find_buffer(uint32_t id)
{
	for (size_t i = 0; i < MAX_BUFFERS; i++) {
		if (front.buffers[i].map && front.buffers[i].id == id) {
			return &front.buffers[i];
		}
	}
	return NULL;
}

static bool do_buffer(uint32_t id, uint32_t size)
{
	for (size_t i = 0; i < MAX_BUFFERS; i++) {
		struct buffer *buffer = &front.buffers[i];
		void *map;
		if (buffer->map) {
			continue;
		}
		CHECK_OK(vtr_os_shm_create_shown("test-buffer", size, &buffer->memory.fd,
		                                 &buffer->memory.view_fd));
		CHECK_OK(vtr_os_shm_map(buffer->memory.fd, 0, size, true, &map));
		buffer->id = id;
		buffer->size = size;
		buffer->map = map;
		buffer->memory.size = size;
		front.ops->add_buffer(front.client, id, &buffer->memory);
		return true;
	}
	return false;
}

static bool do_drop(uint32_t id)
{
	struct buffer *buffer = find_buffer(id);

	if (!buffer) {
		return false;
	}
	front.ops->remove_buffer(front.client, id);
	vtr_os_shm_unmap(buffer->map, buffer->size);
	vtr_close(&buffer->memory.fd);
	vtr_close(&buffer->memory.view_fd);
	buffer->map = NULL;
	return true;
}

static bool do_scanout(const char *args)
{
	struct vtr_scanout scanout = { 0 };
	unsigned display, format;
	char where[16];
	struct buffer *buffer;

	if (sscanf(args, "%u %u %u %u %u %15s", &display, &format, &scanout.width, &scanout.height,
	           &scanout.stride, where) != 6 ||
	    display >= VTR_MAX_DISPLAYS) {
		return false;
	}
	struct display *state = &front.displays[display];
	scanout.format = (enum vtr_pixel_format)format;
	scanout.in_hostmem = strcmp(where, "window") == 0;
	if (scanout.in_hostmem) {
		scanout.offset = display * WINDOW_SHARE;
		state->pixels = front.hostmem.map + scanout.offset;
	} else {
		scanout.buffer = (uint32_t)strtoul(where, NULL, 10);
		buffer = find_buffer(scanout.buffer);
		if (!buffer || buffer->size < (size_t)scanout.stride * scanout.height) {
			return false;
		}
		state->pixels = buffer->map;
	}
	state->half = (size_t)scanout.stride * scanout.height;
	state->scanout = scanout;
	front.ops->set_scanout(front.client, display, &scanout);
	return true;
}

static void do_cursor(uint32_t display, uint32_t seed, uint32_t hot_x, uint32_t hot_y)
{
	struct vtr_cursor cursor = { .hot_x = hot_x, .hot_y = hot_y };

	for (uint32_t y = 0; y < VTR_CURSOR_SIZE; y++) {
		for (uint32_t x = 0; x < VTR_CURSOR_SIZE; x++) {
			/* Opaque on the left, half of a grey in the middle, nothing on the right. */
			cursor.pixels[y * VTR_CURSOR_SIZE + x] = x < 20 ? 0xff000000u | seed :
			                                         x < 40 ? 0x80404040u :
			                                                  0;
		}
	}
	front.ops->set_cursor(front.client, display, &cursor);
}

static void on_play(void *data)
{
	struct display *state = &front.displays[front.play_display];
	struct vtr_scanout scanout = state->scanout;
	int64_t late_ns = vtr_os_now_ns() - front.play_due_ns;

	(void)data;
	front.late_max_ns = late_ns > front.late_max_ns ? late_ns : front.late_max_ns;
	front.play_seed++;
	/* The guest's way: the half that is not shown is drawn, then shown. */
	size_t half = front.play_seed % 2 ? state->half : 0;
	front.play_draw(&scanout, state->pixels + half, front.play_seed);
	scanout.offset += half;
	front.ops->set_scanout(front.client, front.play_display, &scanout);
	flush(front.play_display);
	if (--front.play_left == 0) {
		printf("PLAYED %" PRIu64 "\n", front.play_seed);
		return;
	}
	front.play_due_ns = vtr_os_now_ns() > front.play_due_ns + front.play_ns ?
	                            vtr_os_now_ns() :
	                            front.play_due_ns + front.play_ns;
	int64_t wait_ns = front.play_due_ns - vtr_os_now_ns();
	vtr_os_loop_timer_set(front.timer, wait_ns > 0 ? wait_ns : 0);
}

/* --- beeps ------------------------------------------------------------------------------------------- */

/* The picture goes to the other half of the memory, as in on_play(). */
static void show_grey(bool white)
{
	struct vtr_scanout scanout = front.displays[front.beep_display].scanout;

	front.white = white;
	scanout.offset += white ? front.displays[front.beep_display].half : 0;
	memset(front.displays[front.beep_display].pixels +
	               (white ? front.displays[front.beep_display].half : 0),
	       white ? 255 : 0, (size_t)scanout.stride * scanout.height);
	front.ops->set_scanout(front.client, front.beep_display, &scanout);
	flush(front.beep_display);
}

static void put_piece(int64_t now_ns)
{
	struct vtr_sound_page *page = vtr_display_host_sound_page(front.client);
	struct vtr_sound_piece piece = {
		.start_ns = front.beep_begin_ns,
		.position = front.beep_blocks * BEEP_FRAMES,
		.run = 1,
		.rate = 48000,
		.frames = BEEP_FRAMES,
		.format = VTR_SOUND_S16,
		.channels = 2,
	};
	int16_t *samples = (int16_t *)(void *)piece.data;
	const bool white = front.beep_blocks % 50 < 10;

	for (int i = 0; i < BEEP_FRAMES; i++) {
		/* 1000 Hz: 48 frames a turn, the same in each piece. */
		samples[2 * i] = samples[2 * i + 1] = white ? (i % 48 < 24 ? 12000 : -12000) : 0;
	}
	vtr_sound_page_set_streams(page, 1, 0);
	vtr_sound_page_put(page, &piece);
	vtr_sound_page_set_horizon(page, now_ns);
	vtr_display_host_wake_sound(front.client);
	if (white != front.white) {
		show_grey(white);
	}
}

static void on_beep(void *data)
{
	const int64_t due_ns = front.beep_begin_ns + (int64_t)(front.beep_blocks + 1) * BEEP_NS;

	(void)data;
	if (front.beep_left == 0) {
		vtr_sound_page_set_streams(vtr_display_host_sound_page(front.client), 0, 0);
		vtr_display_host_wake_sound(front.client);
		printf("PLAYED %" PRIu64 "\n", front.beep_blocks);
		return;
	}
	put_piece(due_ns);
	front.beep_blocks++;
	front.beep_left--;
	const int64_t wait_ns = due_ns + BEEP_NS - vtr_os_now_ns();
	vtr_os_loop_timer_set(front.beep_timer, wait_ns > 0 ? wait_ns : 0);
}

static bool do_beeps(uint32_t display, uint32_t count)
{
	if (display >= VTR_MAX_DISPLAYS || !vtr_display_host_sound_page(front.client)) {
		return false;
	}
	front.beep_display = display;
	front.beep_left = (uint64_t)count * 50;
	front.beep_blocks = 0;
	front.beep_begin_ns = vtr_os_now_ns();
	vtr_os_loop_timer_set(front.beep_timer, BEEP_NS);
	return true;
}

static void do_play(uint32_t display, uint32_t microseconds, uint32_t count)
{
	front.play_display = display;
	front.play_ns = (int64_t)microseconds * 1000;
	front.play_left = count;
	front.play_due_ns = vtr_os_now_ns();
	front.play_seed = 0;
	front.flushes = 0;
	front.flush_cpu_ns = front.flush_max_ns = front.late_max_ns = 0;
	vtr_os_loop_timer_set(front.timer, count > 0 ? 0 : -1);
}

static void say_cost(void)
{
	printf("cost %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", front.flushes,
	       front.flushes ? front.flush_cpu_ns / (int64_t)front.flushes : 0, front.flush_max_ns,
	       front.late_max_ns / 1000);
}

/* Orders that change the pixels of one display. Returns: whether the line is one. */
static bool draw_line(const char *line)
{
	struct vtr_rect spot;
	unsigned display = VTR_MAX_DISPLAYS, seed;
	char path[LINE_MAX_BYTES];

	if (sscanf(line, "%*s %u", &display) != 1 || display >= VTR_MAX_DISPLAYS) {
		return false;
	}
	if (strncmp(line, "bars ", 5) == 0) {
		draw_bars(display);
	} else if (strncmp(line, "stripes ", 8) == 0) {
		draw_stripes(display);
	} else if (sscanf(line, "frame %*u %u", &seed) == 1) {
		draw_pattern(display, seed);
	} else if (sscanf(line, "noise %*u %u", &seed) == 1) {
		draw_noise(display, seed);
	} else if (sscanf(line, "solid %*u %u", &seed) == 1) {
		draw_solid(&front.displays[display].scanout, front.displays[display].pixels, seed);
	} else if (sscanf(line, "spot %*u %u %u %u %u %x", &spot.x, &spot.y, &spot.width, &spot.height,
	                  &seed) == 5) {
		fill(&front.displays[display].scanout, front.displays[display].pixels, &spot, seed);
		flush_rect(display, &spot);
		return true;
	} else if (sscanf(line, "redraw %*u %u %u %u %u %x", &spot.x, &spot.y, &spot.width, &spot.height,
	                  &seed) == 5) {
		fill(&front.displays[display].scanout, front.displays[display].pixels, &spot, seed);
	} else if (sscanf(line, "load %*u %255s", path) != 1 || !load_file(display, path)) {
		return false;
	}
	flush(display);
	return true;
}

/* Returns: whether the line made sense. */
static bool run_line(const char *line)
{
	unsigned a = 0, b = 0, c = 0, d = 0;
	int x, y;

	if (strncmp(line, "scanout ", 8) == 0) {
		return do_scanout(line + 8);
	}
	if (sscanf(line, "buffer %u %u", &a, &b) == 2) {
		return do_buffer(a, b);
	}
	if (sscanf(line, "beeps %u %u", &a, &b) == 2) {
		return do_beeps(a, b);
	}
	if (sscanf(line, "drop %u", &a) == 1) {
		return do_drop(a);
	}
	if (sscanf(line, "play %u %u %u", &a, &b, &c) == 3 && a < VTR_MAX_DISPLAYS) {
		front.play_draw = draw_solid;
		do_play(a, b, c);
	} else if (sscanf(line, "code %u %u %u", &a, &b, &c) == 3 && a < VTR_MAX_DISPLAYS) {
		front.play_draw = draw_code;
		do_play(a, b, c);
	} else if (sscanf(line, "cursor %u %u %u %u", &a, &b, &c, &d) == 4) {
		do_cursor(a, b, c, d);
	} else if (sscanf(line, "move %u %d %d", &a, &x, &y) == 3) {
		front.ops->move_cursor(front.client, a, x, y);
	} else if (sscanf(line, "mode %u %u %u %u", &a, &b, &c, &d) == 4) {
		front.ops->set_mode(front.client, a, b != 0, c, d);
	} else if (sscanf(line, "hide %u", &a) == 1) {
		front.ops->set_cursor(front.client, a, NULL);
	} else if (sscanf(line, "lights %u", &a) == 1) {
		vtr_display_host_set_lights(front.client, a);
	} else if (sscanf(line, "dark %u", &a) == 1) {
		front.ops->set_scanout(front.client, a, NULL);
	} else {
		return draw_line(line);
	}
	return true;
}

static void on_line(const char *line)
{
	if (strcmp(line, "cost") == 0) {
		say_cost();
	} else {
		printf("%s %s\n", run_line(line) ? "OK" : "WRONG", line);
	}
}

static void on_input(void *data, unsigned events)
{
	char byte;

	(void)data;
	(void)events;
	if (read(STDIN_FILENO, &byte, 1) != 1) {
		vtr_os_loop_quit(front.loop);
		return;
	}
	if (byte != '\n' && front.line_size < sizeof(front.line) - 1) {
		front.line[front.line_size++] = byte;
		return;
	}
	front.line[front.line_size] = '\0';
	front.line_size = 0;
	on_line(front.line);
}

static void on_mode(void *data, uint32_t display, bool connected, uint32_t width, uint32_t height)
{
	(void)data;
	printf("MODE %u %d %u %u\n", display, connected, width, height);
}

static void on_person(void *data, const struct vtr_input *input)
{
	static const char *const kinds[] = { "key", "motion", "wheel", "release", "touch", "pad" };

	(void)data;
	if (input->kind == VTR_INPUT_PAD) {
		printf("INPUT pad %u %x", input->code, input->buttons);
		for (size_t i = 0; i < VTR_PAD_AXES; i++) {
			printf(" %d", input->axes[i]);
		}
		printf("\n");
		return;
	}
	printf("INPUT %s %u %u %d %u %u %d %d\n", kinds[input->kind], input->display, input->code,
	       input->down, input->x, input->y, input->wheel_x, input->wheel_y);
}

/* Reads "ADDRESS:PORT [NAME=VALUE]...". */
static struct vtr_display_http parse_http(int argc, char **argv)
{
	struct vtr_display_http http = { .address = argc > 0 && !strchr(argv[0], '=') ? argv[0] : NULL };
	const struct {
		const char *name;
		const char **value;
	} options[] = {
		{ "names=", &http.names },
		{ "token-file=", &http.token_file },
		{ "tls-cert=", &http.tls_cert },
		{ "tls-key=", &http.tls_key },
	};

	for (int i = 1; i < argc; i++) {
		http.insecure |= strcmp(argv[i], "insecure") == 0;
		for (size_t j = 0; j < VTR_ARRAY_LEN(options); j++) {
			size_t length = strlen(options[j].name);
			if (strncmp(argv[i], options[j].name, length) == 0) {
				*options[j].value = argv[i] + length;
			}
		}
	}
	return http;
}

/* Reads "record=FILE", "publish=URL", "encoder=NAME" and "fps=N" among them. */
static struct vtr_display_video parse_video(int argc, char **argv, struct vtr_display_output *outputs)
{
	struct vtr_display_video video = { .fps = 60, .outputs = outputs };

	for (int i = 0; i < argc; i++) {
		const char *value = strchr(argv[i], '=');
		if (strncmp(argv[i], "record=", 7) == 0 || strncmp(argv[i], "publish=", 8) == 0) {
			outputs[video.output_count++] =
				(struct vtr_display_output){ .target = value + 1,
				                             .is_url = argv[i][0] == 'p' };
		} else if (strncmp(argv[i], "encoder=", 8) == 0) {
			video.encoder = value + 1;
		} else if (strncmp(argv[i], "fps=", 4) == 0) {
			video.fps = (uint32_t)atoi(value + 1);
		}
	}
	return video;
}

static struct vtr_display_hxfr parse_hxfr(int argc, char **argv)
{
	struct vtr_display_hxfr hxfr = { 0 };

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "hxfr=", 5) == 0) {
			hxfr.address = argv[i] + 5;
		} else if (strncmp(argv[i], "hxfr-open=", 10) == 0) {
			hxfr.address = argv[i] + 10;
			hxfr.open = true;
		}
	}
	return hxfr;
}

static bool parse_sound(int argc, char **argv)
{
	bool sound = false;

	for (int i = 0; i < argc; i++) {
		sound = sound || strcmp(argv[i], "sound=on") == 0;
	}
	return sound;
}

/* Reads "touch" and "pads=N" among them. */
static void parse_devices(int argc, char **argv, struct vtr_display_host_params *params)
{
	for (int i = 0; i < argc; i++) {
		params->has_touch |= strcmp(argv[i], "touch") == 0;
		if (strncmp(argv[i], "pads=", 5) == 0) {
			params->pads = (uint32_t)atoi(argv[i] + 5);
		}
	}
}

static enum vtr_os_sandbox_mode parse_sandbox(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "sandbox=report") == 0) {
			return VTR_OS_SANDBOX_REPORT;
		}
	}
	return VTR_OS_SANDBOX_ON;
}

/* At the socket of an argument like "agent=PATH"; `name` has the "=". */
static int listen_named(int argc, char **argv, const char *name)
{
	int fd = -1;

	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], name, strlen(name)) == 0) {
			CHECK_OK(vtr_os_sock_listen(argv[i] + strlen(name), 0600, 2, &fd));
		}
	}
	return fd;
}

/* The size of "webdav-size=MIB". */
static uint64_t parse_folder_size(int argc, char **argv)
{
	static const char name[] = "webdav-size=";
	uint64_t mib = 256;

	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], name, strlen(name)) == 0) {
			mib = strtoull(argv[i] + strlen(name), NULL, 10);
		}
	}
	return mib << 20;
}

static struct vtr_display_desktop parse_desktop(int argc, char **argv)
{
	struct vtr_display_desktop desktop = { .title = "test" };

	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "window=", 7) == 0) {
			desktop.wanted = true;
			desktop.renderer = argv[i] + 7;
		}
	}
	return desktop;
}

int main(int argc, char **argv)
{
	static const struct vtr_display_events events = { .mode = on_mode, .input = on_person };
	struct vtr_display_output outputs[VTR_DISPLAY_MAX_OUTPUTS];
	struct vtr_log *log;
	void *map;

	CHECK(argc >= 2);
	setvbuf(stdout, NULL, _IOLBF, 0);
	CHECK_OK(vtr_log_create("debug", STDERR_FILENO, NULL, &log));
	CHECK_OK(vtr_os_loop_create(&front.loop));
	front.hostmem.size = HOSTMEM_SIZE;
	CHECK_OK(vtr_os_shm_create_shown("test-hostmem", HOSTMEM_SIZE, &front.hostmem.fd,
	                                 &front.hostmem.view_fd));
	CHECK_OK(vtr_os_shm_map(front.hostmem.fd, 0, HOSTMEM_SIZE, true, &map));
	front.hostmem.map = map;
	struct vtr_display_host_params params = {
		.log = log,
		.log_filter = "debug",
		.loop = front.loop,
		.program = argv[1],
		.hostmem = &front.hostmem,
		.http = parse_http(argc - 2, argv + 2),
		.video = parse_video(argc - 2, argv + 2, outputs),
		.hxfr = parse_hxfr(argc - 2, argv + 2),
		.desktop = parse_desktop(argc - 2, argv + 2),
		.sandbox = parse_sandbox(argc - 2, argv + 2),
		.metrics_fd = -1,
		.sound = parse_sound(argc - 2, argv + 2),
		.agent_fd = listen_named(argc - 2, argv + 2, "agent="),
		.webdav_fd = listen_named(argc - 2, argv + 2, "webdav="),
		.webdav_bytes = parse_folder_size(argc - 2, argv + 2),
		.events = &events,
	};
	parse_devices(argc - 2, argv + 2, &params);
	enum vtr_err err = vtr_display_host_create(&params, &front.client);
	if (err != VTR_OK) {
		vtr_os_loop_destroy(front.loop);
		vtr_log_destroy(log);
		return err == VTR_ERR_ARG ? 2 : 1;
	}
	front.ops = &vtr_display_host_ops;
	CHECK_OK(vtr_os_loop_add_timer(front.loop, on_play, NULL, &front.timer));
	CHECK_OK(vtr_os_loop_add_timer(front.loop, on_beep, NULL, &front.beep_timer));
	CHECK_OK(vtr_os_loop_add_fd(front.loop, STDIN_FILENO, true, false, on_input, NULL, NULL));
	const char *control = vtr_display_host_link(front.client, true);
	const char *view = vtr_display_host_link(front.client, false);
	const char *hxfr = vtr_display_host_hxfr_link(front.client);
	printf("READY %s %s %s\n", control ? control : "-", view ? view : "-", hxfr ? hxfr : "-");
	CHECK_OK(vtr_os_loop_run(front.loop));
	vtr_display_host_destroy(front.client);
	vtr_os_loop_destroy(front.loop);
	vtr_log_destroy(log);
	return 0;
}
