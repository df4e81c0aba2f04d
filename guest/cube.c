/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "checks.h"
#include "counter.h"
#include "output.h"

/*
 * The sample guest's program: draws with Vulkan into memory that its displays show through the kernel's
 * mode setting. An ordinary Vulkan program: it knows nothing of vitrine.
 */

struct options {
	struct output_params frames;
	const char *format;
	uint32_t first;
	uint32_t count;   /* of frames; 0: no limit */
	uint32_t seconds; /* 0: no limit */
	uint32_t rate;    /* frames per second; 0: no limit, UINT32_MAX: the mode's */
	uint32_t displays;
	uint32_t hold; /* seconds to stay after the last frame */
	bool cursor;
	bool check;
	uint32_t blobs; /* 0: draws */
	uint32_t width; /* 0: on displays */
	uint32_t height;
	const char *save;
};

static const char usage[] =
	"usage: cube [option]...\n"
	"  --frames N      ends after N frames\n"
	"  --seconds N     ends after N seconds\n"
	"  --first N       number of the first frame (0)\n"
	"  --rate N        frames per second (the display's); 0: as many as possible\n"
	"  --displays N    how many displays, each with a Vulkan context of its own (1)\n"
	"  --buffers N     2 to 8 (3: what has just left the screen rests for a frame)\n"
	"  --format F      XR24, AR24, XB24 or AB24 (XR24)\n"
	"  --import        draw into the kernel's dumb buffers, not into memory of Vulkan\n"
	"  --cursor        moves a cursor\n"
	"  --hold N        shows the last frame for N seconds\n"
	"  --hidden WxH    draws without a display\n"
	"  --save FILE     with --hidden: writes the last frame's pixels, four bytes each\n"
	"  --check         tests the Vulkan driver: prints 'ok NAME' or 'FAIL NAME why'\n"
	"  --blobs N       allocates and maps N pieces of memory, and keeps them for --hold\n";

struct state {
	const struct options *o;
	struct kms kms;
	struct output outputs[KMS_MAX_OUTPUTS];
	uint32_t count;
	struct kms_buffer cursor;
	uint64_t period_ns; /* 0: no limit */
	uint64_t next_ns;
	uint64_t start_ns;
	uint64_t report_ns;
	uint32_t report_frame;
	bool reported;
};

/* --- speed ------------------------------------------------------------------------------------------ */

static double uptime(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Called when frame `number` has just been shown. */
static void report(struct state *s, uint32_t number)
{
	uint64_t now = vkc_now_ns();
	if (!s->reported) {
		printf("cube: first frame %.2f s after the start of the system\n", uptime());
		s->reported = true;
		s->report_ns = now;
		s->report_frame = number;
	} else if (now - s->report_ns >= 2000000000u) {
		double seconds = (double)(now - s->report_ns) / 1e9;
		printf("cube: %.1f frames/s, frame %u\n", (double)(number - s->report_frame) / seconds,
		       number);
		s->report_ns = now;
		s->report_frame = number;
	}
}

/* Waits until the next frame is due; one that is late moves those after it. */
static void pace(struct state *s)
{
	uint64_t now = vkc_now_ns();
	if (s->period_ns == 0) {
		return;
	}
	if (now < s->next_ns) {
		struct timespec until = { (time_t)(s->next_ns / 1000000000u),
			                  (long)(s->next_ns % 1000000000u) };
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
		}
		s->next_ns += s->period_ns;
	} else {
		s->next_ns = now + s->period_ns;
	}
}

static bool is_over(const struct state *s, uint32_t number)
{
	const struct options *o = s->o;
	return (o->count && number - o->first >= o->count) ||
	       (o->seconds && vkc_now_ns() - s->start_ns >= (uint64_t)o->seconds * 1000000000u);
}

/* --- displays --------------------------------------------------------------------------------------- */

/* An arrow of white with a black edge. */
static void draw_cursor(struct kms_buffer *b)
{
	memset(b->map, 0, b->size);
	for (uint32_t y = 0; y < 40; y++) {
		uint32_t *row = (uint32_t *)((char *)b->map + y * b->pitch);
		uint32_t width = y < 28 ? y : 2 * (40 - y);
		for (uint32_t x = 0; x <= width; x++) {
			bool edge = x < 2 || x + 2 > width || y + 2 > 40;
			row[x] = edge ? 0xff000000u : 0xffffffffu;
		}
	}
}

/* Along a rectangle inside of the display, also a bit out of it. */
static void move_cursor(struct state *s, struct output *out, uint32_t number)
{
	int32_t w = (int32_t)out->width;
	int32_t h = (int32_t)out->height;
	int32_t at = (int32_t)(number * 5 % (uint32_t)(2 * (w + h)));
	int32_t x = at < w ? at : at < w + h ? w : at < 2 * w + h ? 2 * w + h - at : 0;
	int32_t y = at < w ? 0 : at < w + h ? at - w : at < 2 * w + h ? h : 2 * (w + h) - at;
	kms_cursor_move(&s->kms, &out->where, x - 16, y - 16);
}

static void describe(const struct state *s, const struct output *out)
{
	const struct options *o = s->o;
	printf("cube: %s, %ux%u@%u %s, %s %s, %u buffers\n", out->c.props.deviceName, out->width, out->height,
	       out->k ? out->where.mode.vrefresh : 0, o->frames.format->name,
	       out->direct && !out->frames[0].copy.buffer ? "drawn into" : "copied into",
	       o->frames.import ? "dumb buffers" : "exported memory", o->frames.frames);
}

static void open_displays(struct state *s)
{
	struct kms_output found[KMS_MAX_OUTPUTS];
	uint32_t count = kms_outputs(&s->kms, found);
	s->count = count < s->o->displays ? count : s->o->displays;
	for (uint32_t i = 0; i < s->count; i++) {
		output_open(&s->outputs[i], &s->kms, &found[i], &s->o->frames);
		describe(s, &s->outputs[i]);
		if (s->cursor.map) {
			kms_cursor(&s->kms, &found[i], s->cursor.handle);
		}
	}
	if (s->count < s->o->displays) {
		printf("cube: %u displays are wanted, %u are connected\n", s->o->displays, count);
	}
	if (s->o->rate) {
		uint32_t hz = s->o->rate;
		if (hz == UINT32_MAX) {
			hz = s->count && found[0].mode.vrefresh ? found[0].mode.vrefresh : 60;
		}
		s->period_ns = 1000000000u / hz;
	}
}

static void close_displays(struct state *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		kms_show(&s->kms, &s->outputs[i].where, 0);
		output_close(&s->outputs[i]);
	}
	s->count = 0;
}

/* Displays that came, went or changed their size. */
static void follow_displays(struct state *s)
{
	struct kms_output found[KMS_MAX_OUTPUTS];
	if (!kms_changed(&s->kms)) {
		return;
	}
	uint32_t count = kms_outputs(&s->kms, found);
	bool same = (count < s->o->displays ? count : s->o->displays) == s->count;
	for (uint32_t i = 0; same && i < s->count; i++) {
		same = found[i].connector == s->outputs[i].where.connector &&
		       found[i].mode.hdisplay == s->outputs[i].width &&
		       found[i].mode.vdisplay == s->outputs[i].height;
	}
	if (!same) {
		printf("cube: the displays have changed\n");
		close_displays(s);
		open_displays(s);
	}
}

static void show_frame(struct state *s, uint32_t number)
{
	uint32_t flips = 0;
	for (uint32_t i = 0; i < s->count; i++) {
		output_draw(&s->outputs[i], number);
	}
	for (uint32_t i = 0; i < s->count; i++) {
		output_wait(&s->outputs[i], number);
	}
	pace(s);
	for (uint32_t i = 0; i < s->count; i++) {
		flips += output_show(&s->outputs[i], number);
		if (s->cursor.map) {
			move_cursor(s, &s->outputs[i], number);
		}
	}
	kms_wait_flips(&s->kms, flips);
	report(s, number);
}

static void run_shown(struct state *s)
{
	kms_open(&s->kms);
	if (s->o->cursor) {
		s->cursor = kms_buffer_create(&s->kms, 64, 64);
		draw_cursor(&s->cursor);
	}
	open_displays(s);
	s->start_ns = vkc_now_ns();
	uint32_t number = s->o->first;
	while (!is_over(s, number)) {
		if (s->count == 0) { /* until one is plugged in */
			struct pollfd wait = { .fd = s->kms.events, .events = POLLIN };
			poll(&wait, 1, 1000);
		} else {
			show_frame(s, number++);
		}
		follow_displays(s);
	}
	printf("cube: %u frames\n", number - s->o->first);
	struct timespec hold = { (time_t)s->o->hold, 0 };
	clock_nanosleep(CLOCK_MONOTONIC, 0, &hold, NULL);
	close_displays(s);
	kms_buffer_destroy(&s->kms, &s->cursor);
	kms_close(&s->kms);
}

/* --- without a display ------------------------------------------------------------------------------ */

static void save_frame(struct output *out, uint32_t number, const char *path)
{
	uint8_t *pixels = output_read(out, number);
	uint32_t read = 0;
	if (!counter_read(pixels, (size_t)out->width * 4, out->width, out->height, &read) || read != number) {
		vkc_fail("frame %u does not show its number", number);
	}
	FILE *file = fopen(path, "wb");
	size_t size = (size_t)out->width * out->height * 4;
	if (!file || fwrite(pixels, 1, size, file) != size || fclose(file) != 0) {
		vkc_fail("%s: %s", path, strerror(errno));
	}
	free(pixels);
}

static void run_hidden(struct state *s)
{
	struct output *out = &s->outputs[0];
	output_open_hidden(out, s->o->width, s->o->height, &s->o->frames);
	describe(s, out);
	s->start_ns = vkc_now_ns();
	uint32_t number = s->o->first;
	do {
		output_draw(out, number);
		output_wait(out, number);
		report(s, number++);
	} while (!is_over(s, number));
	double seconds = (double)(vkc_now_ns() - s->start_ns) / 1e9;
	printf("cube: %u frames, %.1f frames/s\n", number - s->o->first, (number - s->o->first) / seconds);
	if (s->o->save) {
		save_frame(out, number - 1, s->o->save);
	}
	output_close(out);
}

/* --- options ---------------------------------------------------------------------------------------- */

static bool parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	if (end == text || *end || value < min || value > max) {
		return false;
	}
	*out = (uint32_t)value;
	return true;
}

static bool parse_size(const char *text, struct options *o)
{
	char excess;
	return sscanf(text, "%ux%u%c", &o->width, &o->height, &excess) == 2 &&
	       o->width >= COUNTER_MIN_WIDTH && o->height >= COUNTER_MIN_HEIGHT && o->width <= 8192 &&
	       o->height <= 8192;
}

static bool parse_flag(struct options *o, const char *name)
{
	static const struct {
		const char *name;
		size_t offset;
	} flags[] = {
		{ "--import", offsetof(struct options, frames.import) },
		{ "--cursor", offsetof(struct options, cursor) },
		{ "--check", offsetof(struct options, check) },
	};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (!strcmp(name, flags[i].name)) {
			*(bool *)((char *)o + flags[i].offset) = true;
			return true;
		}
	}
	return false;
}

static bool parse_value(struct options *o, const char *name, const char *value)
{
	const struct {
		const char *name;
		uint32_t min, max;
		uint32_t *out;
	} numbers[] = {
		{ "--frames", 1, 1000000000, &o->count },
		{ "--seconds", 1, 1000000, &o->seconds },
		{ "--first", 0, 1000000000, &o->first },
		{ "--rate", 0, 1000, &o->rate },
		{ "--displays", 1, KMS_MAX_OUTPUTS, &o->displays },
		{ "--hold", 0, 1000000, &o->hold },
		{ "--blobs", 1, 1000000, &o->blobs },
		{ "--buffers", 2, OUTPUT_MAX_FRAMES, &o->frames.frames },
	};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (!strcmp(name, numbers[i].name)) {
			return parse_number(value, numbers[i].min, numbers[i].max, numbers[i].out);
		}
	}
	if (!strcmp(name, "--format")) {
		o->frames.format = frame_format_find(value);
		return o->frames.format != NULL;
	}
	if (!strcmp(name, "--save")) {
		o->save = value;
		return true;
	}
	return !strcmp(name, "--hidden") && parse_size(value, o);
}

static bool parse(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (parse_flag(o, argv[i])) {
			continue;
		}
		if (i + 1 >= argc || !parse_value(o, argv[i], argv[i + 1])) {
			return false;
		}
		i++;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct options o = {
		.frames = { .format = frame_format_find("XR24"), .frames = 3 },
		.rate = UINT32_MAX,
		.displays = 1,
	};
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!parse(&o, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
	if (o.check) {
		return checks_run() ? 0 : 1;
	}
	if (o.blobs) {
		checks_hold_blobs(o.blobs, o.hold);
		return 0;
	}
	struct state *s = vkc_alloc(1, sizeof(*s));
	s->o = &o;
	if (o.width) {
		run_hidden(s);
	} else {
		run_shown(s);
	}
	free(s);
	return 0;
}
