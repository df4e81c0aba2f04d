/* SPDX-License-Identifier: MIT */
#include "screen/stream.h"

#include <semaphore.h>
#include <stdatomic.h>

#include "encode/codec.h"
#include "h264.h"
#include "platform/thread.h"
#include "stream_front.h"
#include "test.h"

#define WIDTH 640
#define HEIGHT 400
/* Takes long enough to convert to be drawn over meanwhile; sanitizers make everything do so. */
#if VTR_ASAN || VTR_TSAN
#define LARGE_WIDTH 640
#define LARGE_HEIGHT 400
#else
#define LARGE_WIDTH 1280
#define LARGE_HEIGHT 800
#endif
#define FPS 60

static struct front front;

static struct vtr_stream_counters count(void)
{
	struct vtr_stream_counters counters;

	vtr_stream_count(vtr_streams_get(front.streams, 0), &counters);
	return counters;
}

static uint8_t luma(uint8_t grey)
{
	return (uint8_t)(16 + (grey * 219 + 127) / 255);
}

/* --- common parts: two halves in turn ---------------------------------------------------------------- */

struct checker {
	struct h264 *decoder;
	uint64_t frame, generation, units, repeated;
	uint64_t uneven; /* of two frames: at most as many as the stream calls torn */
	int64_t latency_ns, latency_max_ns;
};

static uint8_t grey_of(uint64_t frame)
{
	return (uint8_t)(frame * 37);
}

/* Of a plain grey all pixels are the same, but for what coding loses. */
static bool is_even(const struct h264_picture *picture, uint8_t wanted)
{
	for (uint32_t y = 0; y < picture->height; y += 5) {
		const uint8_t *row = picture->planes[0] + y * picture->strides[0];
		for (uint32_t x = 0; x < picture->width; x += 7) {
			if (abs(row[x] - wanted) > 6) {
				return false;
			}
		}
	}
	return true;
}

static void check_unit(void *data, const struct vtr_access_unit *unit)
{
	struct checker *checker = data;
	struct h264_picture picture;
	int64_t latency_ns = unit->coded_ns - unit->captured_ns;

	CHECK(unit->frame >= checker->frame);
	CHECK(unit->generation == checker->generation || unit->key);
	h264_decode(checker->decoder, unit->data, unit->size, &picture);
	CHECK_EQ(picture.width, unit->width + unit->width % 2);
	CHECK_EQ(picture.height, unit->height + unit->height % 2);
	checker->uneven += is_even(&picture, luma(grey_of(unit->frame))) ? 0 : 1;
	if (unit->frame == checker->frame) {
		checker->repeated++;
	} else {
		checker->latency_ns += latency_ns;
		checker->latency_max_ns = latency_ns > checker->latency_max_ns ? latency_ns :
		                                                                 checker->latency_max_ns;
	}
	checker->units++;
	checker->frame = unit->frame;
	checker->generation = unit->generation;
}

static void watch_closely(struct viewer *viewer, struct checker *checker)
{
	*viewer = (struct viewer){ .look = check_unit, .data = checker };
	*checker = (struct checker){ .decoder = h264_create() };
	viewer_watch(viewer, &front);
}

static void stop_watching(struct viewer *viewer, struct checker *checker)
{
	viewer_leave(viewer);
	h264_destroy(checker->decoder);
}

static void show(unsigned half)
{
	front_fill(&front, half, grey_of(front.frame.frame + 1));
	front_flush(&front, half);
}

/* A display that shows something. */
static void begin(void)
{
	front_start(&front, FPS);
	front_resize(&front, WIDTH, HEIGHT);
	show(0);
}

/* At 100 frames a second, of which 60 are wanted. */
static void test_newest_frames_at_the_rate(void)
{
	struct viewer viewer;
	struct checker checker;
	struct vtr_stream_counters counters;

	begin();
	int64_t begin_ns = vtr_os_now_ns();
	watch_closely(&viewer, &checker);
	/* Longer on a machine that codes fewer. */
	for (unsigned i = 1; i <= 150 || viewer_state(&viewer).units <= 20; i++) {
		pause_ms(10);
		show(i % 2);
	}
	counters = count();
	stop_watching(&viewer, &checker);
	double seconds = (double)(vtr_os_now_ns() - begin_ns) / 1e9;
	printf("%llu coded in %.2f s (%.1f a second), %llu dropped, latency mean %.1f ms, max %.1f ms; "
	       "%.2f ms to convert, %.2f ms to code\n",
	       (unsigned long long)checker.units, seconds, (double)checker.units / seconds,
	       (unsigned long long)counters.dropped, (double)checker.latency_ns / (double)checker.units / 1e6,
	       (double)checker.latency_max_ns / 1e6,
	       (double)counters.convert_ns / (double)counters.coded / 1e6,
	       (double)counters.encode_ns / (double)counters.coded / 1e6);
	CHECK(checker.uneven <= counters.torn);
	CHECK(counters.dropped > 0);
	/* Not faster than was said; how much slower is the machine's affair. */
	CHECK((double)checker.units / seconds < FPS * 1.05 + 2);
	front_finish(&front);
}

/* --- a producer that draws over what it shows -------------------------------------------------------- */

/* It says so, draws in small steps, and shows it for a while. */
static void draw_over(unsigned i)
{
	uint8_t grey = grey_of(front.frame.frame + 1);

	vtr_scanout_page_set_writing(front.board, 0);
	for (uint32_t row = 0; row < LARGE_HEIGHT; row += 80) {
		memset(front.window + (size_t)row * LARGE_WIDTH * 4, grey, (size_t)LARGE_WIDTH * 4 * 80);
		usleep(200);
	}
	front_flush(&front, 0);
	usleep(i % 8 * 500);
}

/* One buffer, drawn over as soon as something is taken from it; a frame stays for a moment. */
static void test_torn_frames_are_thrown_away(void)
{
	struct viewer viewer;
	struct checker checker;
	struct vtr_stream_counters counters;
	uint64_t torn = 0;

	front_start(&front, FPS);
	front_resize(&front, LARGE_WIDTH, LARGE_HEIGHT);
	show(0);
	watch_closely(&viewer, &checker);
	viewer_wait(&viewer, 1);
	/* A frame is torn if a busy machine does not let writer and reader meet for a quarter of a second. As soon
	 * as the machine is idle for a while, they meet each time. */
	for (unsigned tries = 0; tries < 20; tries++) {
		const uint64_t before = count().torn;

		for (unsigned i = 1; i <= 400; i++) {
			draw_over(i);
		}
		torn = count().torn - before;
		if (torn <= 1 && count().retaken > 0) {
			break;
		}
	}
	viewer_wait_newest(&viewer, &front);
	counters = count();
	stop_watching(&viewer, &checker);
	printf("%llu coded, %llu taken again, %llu torn, %llu uneven\n", (unsigned long long)counters.coded,
	       (unsigned long long)counters.retaken, (unsigned long long)counters.torn,
	       (unsigned long long)checker.uneven);
	/* It did try to. */
	CHECK(counters.retaken > 0);
	CHECK(checker.uneven <= counters.torn);
	CHECK(torn <= 1);
	front_finish(&front);
}

/* One that never leaves it alone is shown all the same. */
static void test_endless_writing_is_shown_torn(void)
{
	struct viewer viewer = { 0 };

	begin();
	vtr_scanout_page_set_writing(front.board, 0);
	viewer_watch(&viewer, &front);
	viewer_wait(&viewer, 1);
	CHECK(count().torn > 0);
	viewer_leave(&viewer);
	front_finish(&front);
}

/* --- nothing moves ----------------------------------------------------------------------------------- */

static void test_idle_after_one_refinement(void)
{
	struct viewer viewer;
	struct checker checker;

	begin();
	watch_closely(&viewer, &checker);
	viewer_wait(&viewer, 2);
	pause_ms(1500);
	struct vtr_stream_counters counters = count();
	printf("static for 2 s: %llu coded, %llu of them refined\n", (unsigned long long)counters.coded,
	       (unsigned long long)counters.refined);
	CHECK_EQ(counters.coded, 2);
	CHECK_EQ(counters.refined, 1);
	CHECK_EQ(checker.repeated, 1);
	/* And it wakes up again. */
	show(1);
	viewer_wait(&viewer, 3);
	stop_watching(&viewer, &checker);
	front_finish(&front);
}

/* A flush is for all who await one: the stream takes the frame, though the web server awaits the next flush by then. */
static void test_a_flush_that_another_awaits_behind(void)
{
	struct viewer viewer = { 0 };

	begin();
	viewer_watch(&viewer, &front);
	viewer_wait(&viewer, 2);
	for (unsigned i = 0; i < 3; i++) {
		pause_ms(600); /* the refinement has come, and the stream sleeps */
		CHECK(vtr_scanout_acks_are_awaiting(front.notes));
		front_flush_while_another_awaits(&front, i % 2);
		viewer_wait_newest(&viewer, &front);
	}
	viewer_leave(&viewer);
	front_finish(&front);
}

/* How soon, the suite `long` measures. */
static void test_joining_a_static_screen(void)
{
	struct viewer first = { 0 };
	struct viewer others[8];
	int64_t worst_ns = 0;

	front_start(&front, FPS);
	front_resize(&front, LARGE_WIDTH, LARGE_HEIGHT);
	show(0);
	viewer_watch(&first, &front);
	viewer_wait(&first, 2);
	for (size_t i = 0; i < 8; i++) {
		others[i] = (struct viewer){ 0 };
		/* Some right after another one, some later. */
		pause_ms(i % 2 == 0 ? 0 : 300);
		viewer_watch(&others[i], &front);
		viewer_wait(&others[i], 1);
		int64_t first_ns = viewer_state(&others[i]).first_ns;
		worst_ns = first_ns > worst_ns ? first_ns : worst_ns;
	}
	printf("first viewer %.1f ms, worst of 8 that joined %.1f ms\n",
	       (double)viewer_state(&first).first_ns / 1e6, (double)worst_ns / 1e6);
	CHECK_EQ(front.frame.frame, 1);
	for (size_t i = 0; i < 8; i++) {
		viewer_leave(&others[i]);
	}
	viewer_leave(&first);
	front_finish(&front);
}

static void test_key_frames_on_demand(void)
{
	struct viewer viewer = { 0 };
	struct vtr_stream *stream;

	front_start(&front, FPS);
	stream = vtr_streams_get(front.streams, 0);
	front_resize(&front, WIDTH, HEIGHT);
	show(0);
	viewer_watch(&viewer, &front);
	viewer_wait(&viewer, 2);
	CHECK_EQ(count().keys, 1);
	/* Several requests are one. */
	for (int i = 0; i < 20; i++) {
		vtr_stream_want_key(stream);
	}
	viewer_wait(&viewer, 3);
	CHECK(viewer_state(&viewer).keys >= 2);
	pause_ms(300);
	CHECK(count().keys <= 3);
	viewer_leave(&viewer);
	front_finish(&front);
}

/* For a recording: without being a key frame, and without more of them afterwards. */
static void test_pictures_on_demand(void)
{
	struct viewer viewer = { 0 };

	begin();
	viewer_watch(&viewer, &front);
	viewer_wait(&viewer, 2);
	vtr_stream_want_picture(viewer.stream);
	viewer_wait(&viewer, 3);
	pause_ms(700);
	CHECK_EQ(count().keys, 1);
	CHECK_EQ(count().coded, 3);
	CHECK_EQ(count().repeated, 1);
	viewer_leave(&viewer);
	front_finish(&front);
}

/* --- encoders that hold units back ------------------------------------------------------------------- */

static void hold(const struct vtr_av *av, const struct vtr_encoder_params *params, AVCodecContext *context,
                 AVDictionary **options)
{
	(void)params;
	context->thread_count = 1;
	av->av_dict_set(options, "preset", "veryfast", 0);
	av->av_dict_set(options, "profile", "baseline", 0);
	av->av_dict_set(options, "forced-idr", "1", 0);
	av->av_dict_set(options, "rc-lookahead", "2", 0);
	av->av_dict_set(options, "x264-params", "scenecut=0:sync-lookahead=0:mbtree=1", 0);
}

/* libx264 that looks ahead, in place of libavcodec's h264_videotoolbox. */
static const struct vtr_encoder_family holding = {
	.name = "libx264",
	.device = AV_HWDEVICE_TYPE_NONE,
	.pixels = AV_PIX_FMT_NV12,
	.holds = true,
	.gop = 1 << 30,
	.configure = hold,
};
static bool holds;

enum vtr_err __real_vtr_codec_open(struct vtr_log *log, const char *name, struct vtr_codec **out_codec);
enum vtr_err __wrap_vtr_codec_open(struct vtr_log *log, const char *name, struct vtr_codec **out_codec);

enum vtr_err __wrap_vtr_codec_open(struct vtr_log *log, const char *name, struct vtr_codec **out_codec)
{
	enum vtr_err err = __real_vtr_codec_open(log, name, out_codec);

	if (err == VTR_OK && holds) {
		(*out_codec)->family = &holding;
	}
	return err;
}

/* The unit of the last frame comes though there is no later one. Units are those of the frames that they name. */
static void test_what_is_held_back_comes_out(void)
{
	struct viewer viewer;
	struct checker checker;

	holds = true;
	begin();
	watch_closely(&viewer, &checker);
	viewer_wait(&viewer, 1);
	/* The refinement comes, too, and then nothing. */
	viewer_wait(&viewer, 2);
	uint64_t before;
	do {
		before = viewer_state(&viewer).units;
		pause_ms(1500);
	} while (viewer_state(&viewer).units > before && before < 50);
	printf("static: %llu units\n", (unsigned long long)before);
	CHECK(before < 20);
	CHECK_EQ(viewer_state(&viewer).keys, 1);
	for (unsigned i = 1; i <= 100; i++) {
		pause_ms(10);
		show(i % 2);
	}
	viewer_wait_newest(&viewer, &front);
	stop_watching(&viewer, &checker);
	CHECK_EQ(checker.frame, front.frame.frame);
	CHECK(checker.uneven <= count().torn);
	front_finish(&front);
	holds = false;
}

/* --- changes ----------------------------------------------------------------------------------------- */

static void test_sizes_change(void)
{
	struct viewer viewer;
	struct checker checker;

	begin();
	watch_closely(&viewer, &checker);
	for (unsigned i = 0; i < 100; i++) {
		front_resize(&front, 64 + i * 13, 48 + i * 7);
		show(i % 2);
		if (i % 3 == 0) {
			viewer_wait(&viewer, viewer_state(&viewer).units + 1);
		}
	}
	viewer_wait_newest(&viewer, &front);
	CHECK_EQ(viewer_state(&viewer).width, 64 + 99 * 13);
	CHECK_EQ(viewer_state(&viewer).height, 48 + 99 * 7);
	printf("100 sizes: %llu coded, %llu keys\n", (unsigned long long)count().coded,
	       (unsigned long long)count().keys);
	stop_watching(&viewer, &checker);
	CHECK(checker.uneven <= count().torn);
	front_finish(&front);
}

static void test_dark_and_lit_again(void)
{
	struct viewer viewer = { 0 };
	struct viewer late = { 0 };

	begin();
	viewer_watch(&viewer, &front);
	viewer_wait(&viewer, 1);
	front_go_dark(&front);
	viewer_wait_dark(&viewer);
	viewer_watch(&late, &front);
	viewer_wait_dark(&late);
	uint64_t keys = viewer_state(&viewer).keys;
	show(1);
	viewer_wait_newest(&viewer, &front);
	viewer_wait_newest(&late, &front);
	CHECK(viewer_state(&viewer).active && viewer_state(&late).active);
	CHECK_EQ(viewer_state(&viewer).keys, keys + 1);
	viewer_leave(&viewer);
	viewer_leave(&late);
	front_finish(&front);
}

/* What lies outside of the memory is not read, and what is right afterwards is shown. */
static void test_nonsense_is_refused(void)
{
	struct viewer viewer = { 0 };

	front_start(&front, FPS);
	front_resize(&front, WIDTH, HEIGHT);
	front.frame.scanout.stride = 1u << 31;
	front_flush(&front, 1);
	viewer_watch(&viewer, &front);
	pause_ms(200);
	CHECK_EQ(viewer_state(&viewer).units, 0);
	front_resize(&front, WIDTH, HEIGHT);
	show(0);
	viewer_wait(&viewer, 1);
	CHECK_EQ(viewer_state(&viewer).frame, 2);
	viewer_leave(&viewer);
	front_finish(&front);
}

/* An encoder that has coded a frame, and takes as long as the test wants. */
struct slow {
	sem_t coded, goes_on;
	atomic_bool ends;
	uint64_t frame;
};

static void be_slow(void *data, const struct vtr_access_unit *unit)
{
	struct slow *slow = data;

	if (!atomic_load(&slow->ends)) {
		slow->frame = unit->frame;
		sem_post(&slow->coded);
		while (sem_wait(&slow->goes_on) != 0) {
		}
	}
}

static uint64_t wait_coded(struct slow *slow)
{
	while (sem_wait(&slow->coded) != 0) {
	}
	return slow->frame;
}

/* While it codes, flushes do not wait for it. Then it gets the newest frame; the others are dropped in front of it. */
static void test_a_slow_encoder_gets_the_newest(void)
{
	enum { ROUNDS = 10, FLUSHES = 20 };
	struct slow slow = { .ends = false };
	struct viewer viewer = { .look = be_slow, .data = &slow };

	CHECK_EQ(sem_init(&slow.coded, 0, 0), 0);
	CHECK_EQ(sem_init(&slow.goes_on, 0, 0), 0);
	begin();
	viewer_watch(&viewer, &front);
	CHECK_EQ(wait_coded(&slow), 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < FLUSHES; i++) {
			front_flush(&front, i % 2);
		}
		sem_post(&slow.goes_on);
		CHECK_EQ(wait_coded(&slow), front.frame.frame);
	}
	atomic_store(&slow.ends, true);
	sem_post(&slow.goes_on);
	viewer_wait_newest(&viewer, &front);
	CHECK_EQ(count().dropped, ROUNDS * (FLUSHES - 1));
	viewer_leave(&viewer);
	front_finish(&front);
	sem_destroy(&slow.coded);
	sem_destroy(&slow.goes_on);
}

static void test_bitrate(void)
{
	struct viewer viewer = { 0 };

	begin();
	viewer_watch(&viewer, &front);
	viewer_wait(&viewer, 1);
	CHECK_EQ(count().bitrate, 2000000 + WIDTH * HEIGHT * 6);
	CHECK_STR(count().encoder, "libx264");
	vtr_stream_set_bitrate(viewer.stream, &viewer.sink, 700000);
	show(1);
	viewer_wait(&viewer, 2);
	CHECK_EQ(count().bitrate, 700000);
	CHECK_EQ(count().keys, 1);
	CHECK_EQ(count().viewers, 1);
	viewer_leave(&viewer);
	CHECK_EQ(count().viewers, 0);
	front_finish(&front);
}

static void check_bitrate(struct viewer *viewer, uint32_t wanted)
{
	uint64_t units = viewer_state(viewer).units;

	show((unsigned)(units % 2));
	viewer_wait(viewer, units + 1);
	for (int64_t i = 0; i < 20000 && count().bitrate != wanted; i++) {
		pause_ms(1);
	}
	CHECK_EQ(count().bitrate, wanted);
}

/* The last sink that has asked decides, within limits, and only while it is there. */
static void test_bitrate_ends_with_its_sink(void)
{
	const uint32_t by_size = 2000000 + WIDTH * HEIGHT * 6;
	struct viewer viewer = { 0 };
	struct viewer first = { 0 };
	struct viewer last = { 0 };

	begin();
	viewer_watch(&viewer, &front);
	viewer_wait(&viewer, 1);
	viewer_watch(&first, &front);
	viewer_watch(&last, &front);
	vtr_stream_set_bitrate(first.stream, &first.sink, 700000);
	vtr_stream_set_bitrate(last.stream, &last.sink, UINT32_MAX);
	check_bitrate(&viewer, VTR_STREAM_MAX_BITRATE);
	vtr_stream_set_bitrate(last.stream, &last.sink, 1);
	check_bitrate(&viewer, VTR_STREAM_MIN_BITRATE);
	vtr_stream_set_bitrate(last.stream, &last.sink, 0);
	check_bitrate(&viewer, by_size);
	viewer_leave(&last);
	check_bitrate(&viewer, 700000);
	viewer_leave(&first);
	check_bitrate(&viewer, by_size);
	viewer_leave(&viewer);
	front_finish(&front);
}

int main(void)
{
	RUN(test_newest_frames_at_the_rate);
	RUN(test_torn_frames_are_thrown_away);
	RUN(test_endless_writing_is_shown_torn);
	RUN(test_idle_after_one_refinement);
	RUN(test_a_flush_that_another_awaits_behind);
	RUN(test_joining_a_static_screen);
	RUN(test_key_frames_on_demand);
	RUN(test_pictures_on_demand);
	RUN(test_what_is_held_back_comes_out);
	RUN(test_sizes_change);
	RUN(test_dark_and_lit_again);
	RUN(test_nonsense_is_refused);
	RUN(test_a_slow_encoder_gets_the_newest);
	RUN(test_bitrate);
	RUN(test_bitrate_ends_with_its_sink);
	return 0;
}
