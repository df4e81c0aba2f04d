/* SPDX-License-Identifier: MIT */
#include "encode/packet_pipe.h"

#include "encode/mux.h"
#include "platform/sock.h"
#include "test.h"

static int ends[2]; /* the writer's, the reader's */
static struct vtr_packet_pipe_sound sound; /* what was received */

static void start(void)
{
	CHECK_OK(vtr_os_sock_pair(ends));
}

static void finish(void)
{
	close(ends[0]);
	close(ends[1]);
}

static struct vtr_access_unit *make_unit(size_t size)
{
	struct vtr_access_unit *unit = malloc(sizeof(*unit) + size);

	CHECK(unit != NULL);
	*unit = (struct vtr_access_unit){ .generation = 7,
		                          .frame = 9,
		                          .captured_ns = 11,
		                          .coded_ns = 13,
		                          .width = 17,
		                          .height = 19,
		                          .key = true,
		                          .size = size };
	atomic_init(&unit->refs, 1);
	memset(unit->data, 0x5a, size);
	return unit;
}

static void test_pictures_arrive_as_they_were(void)
{
	struct vtr_access_unit *sent = make_unit(1000);
	struct vtr_access_unit *got;

	start();
	CHECK_OK(vtr_packet_pipe_send(ends[0], sent));
	CHECK_OK(vtr_packet_pipe_receive(ends[1], &sound, &got));
	CHECK_EQ(got->generation, 7);
	CHECK_EQ(got->frame, 9);
	CHECK_EQ(got->captured_ns, 11);
	CHECK_EQ(got->coded_ns, 13);
	CHECK_EQ(got->width, 17);
	CHECK_EQ(got->height, 19);
	CHECK(got->key);
	CHECK_EQ(got->size, 1000);
	CHECK(memcmp(got->data, sent->data, 1000) == 0);
	vtr_access_unit_unref(sent);
	vtr_access_unit_unref(got);
	finish();
}

static void test_sound_arrives_as_it_was(void)
{
	struct vtr_packet_pipe_sound sent = { .time_ns = 42, .count = VTR_PACKET_PIPE_MAX_SAMPLES };
	struct vtr_access_unit *got;

	memset(sent.samples, 0x5a, sizeof(sent.samples));
	start();
	CHECK_OK(vtr_packet_pipe_send_sound(ends[0], &sent));
	sent.count = 0;
	CHECK_OK(vtr_packet_pipe_send_sound(ends[0], &sent));
	CHECK_OK(vtr_packet_pipe_receive(ends[1], &sound, &got));
	CHECK(!got);
	CHECK_EQ(sound.time_ns, 42);
	CHECK_EQ(sound.count, VTR_PACKET_PIPE_MAX_SAMPLES);
	CHECK(memcmp(sound.samples, sent.samples, sizeof(sent.samples)) == 0);
	CHECK_OK(vtr_packet_pipe_receive(ends[1], &sound, &got));
	CHECK(!got);
	CHECK_EQ(sound.count, 0);
	finish();
}

static void test_key_frames_are_asked_for(void)
{
	start();
	CHECK_ERR(vtr_packet_pipe_key_wanted(ends[0]), VTR_ERR_AGAIN);
	vtr_packet_pipe_want_key(ends[1]);
	vtr_packet_pipe_want_key(ends[1]);
	CHECK_OK(vtr_packet_pipe_key_wanted(ends[0]));
	CHECK_ERR(vtr_packet_pipe_key_wanted(ends[0]), VTR_ERR_AGAIN);
	/* Asking never waits. */
	for (int i = 0; i < 100000; i++) {
		vtr_packet_pipe_want_key(ends[1]);
	}
	close(ends[1]);
	enum vtr_err err = VTR_OK;
	while (err == VTR_OK) {
		err = vtr_packet_pipe_key_wanted(ends[0]);
	}
	CHECK_ERR(err, VTR_ERR_GONE);
	close(ends[0]);
}

static void test_hostile_headers(void)
{
	const struct vtr_packet_pipe_header good = { .size = 4, .key = 1, .width = 2, .height = 2 };
	const int64_t far_ns = (INT64_C(1) << 60) + 1; /* no machine runs for 36 years */
	struct vtr_packet_pipe_header bad[16];
	struct vtr_access_unit *got;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bad[i] = good;
	}
	bad[0].size = 0;
	bad[1].size = VTR_PACKET_PIPE_MAX_BYTES + 1;
	bad[2].key = 2;
	bad[3].width = 0;
	bad[4].width = UINT32_MAX;
	bad[5].height = 0;
	bad[6].height = 16385;
	bad[7].captured_ns = -1;
	bad[8].captured_ns = INT64_MAX;
	bad[9].kind = 2;
	bad[10] = (struct vtr_packet_pipe_header){ .kind = VTR_PACKET_PIPE_SOUND, .size = 2 };
	bad[11] = (struct vtr_packet_pipe_header){ .kind = VTR_PACKET_PIPE_SOUND, .size = 1924 };
	bad[12] = (struct vtr_packet_pipe_header){ .kind = VTR_PACKET_PIPE_SOUND, .captured_ns = -1 };
	bad[13] = (struct vtr_packet_pipe_header){ .kind = VTR_PACKET_PIPE_SOUND, .captured_ns = far_ns };
	bad[14].coded_ns = far_ns;
	bad[15].captured_ns = bad[15].coded_ns = far_ns;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start();
		CHECK_EQ(write(ends[0], &bad[i], sizeof(bad[i])), sizeof(bad[i]));
		CHECK_ERR(vtr_packet_pipe_receive(ends[1], &sound, &got), VTR_ERR_PROTOCOL);
		finish();
	}
	/* A good one, of which the rest never comes. */
	start();
	CHECK_EQ(write(ends[0], &good, sizeof(good)), sizeof(good));
	CHECK_EQ(write(ends[0], "abc", 3), 3);
	close(ends[0]);
	CHECK_ERR(vtr_packet_pipe_receive(ends[1], &sound, &got), VTR_ERR_GONE);
	close(ends[1]);
}

static void test_kinds(void)
{
	enum vtr_mux_kind kind;

	CHECK_OK(vtr_mux_kind_of_file("a.MP4", &kind));
	CHECK_EQ(kind, VTR_MUX_MP4);
	CHECK_OK(vtr_mux_kind_of_file("/x/y.z.mkv", &kind));
	CHECK_EQ(kind, VTR_MUX_MKV);
	CHECK_ERR(vtr_mux_kind_of_file(".mp4", &kind), VTR_ERR_ARG);
	CHECK_ERR(vtr_mux_kind_of_file("mp4", &kind), VTR_ERR_ARG);
	CHECK_ERR(vtr_mux_kind_of_file("", &kind), VTR_ERR_ARG);
	CHECK_OK(vtr_mux_kind_of_url("RTSP://a", &kind));
	CHECK_EQ(kind, VTR_MUX_RTSP);
	CHECK_OK(vtr_mux_kind_of_url("rtmps://a", &kind));
	CHECK_EQ(kind, VTR_MUX_RTMP);
	CHECK_OK(vtr_mux_kind_of_url("srt://a", &kind));
	CHECK_EQ(kind, VTR_MUX_SRT);
	CHECK_ERR(vtr_mux_kind_of_url("srt://", &kind), VTR_ERR_ARG);
	CHECK_ERR(vtr_mux_kind_of_url("file:///etc/passwd", &kind), VTR_ERR_ARG);
}

/* What says that it is a key frame and is none begins no file. */
static void test_nonsense_begins_no_file(void)
{
	static const uint8_t odd[][12] = { { 0 },
		                           { 0, 0, 1 },
		                           { 0, 0, 1, 7 },
		                           { 0, 0, 0, 1, 7, 0, 0, 1, 8 },
		                           { 1, 2, 3, 0, 0, 1, 7, 1, 0, 0, 1, 7 } };
	struct vtr_mux *mux;
	struct vtr_muxer *muxer;

	CHECK_OK(vtr_mux_load(NULL, VTR_MUX_MP4, &mux));
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct vtr_access_unit *unit = make_unit(sizeof(odd[0]));
		FILE *file = tmpfile();
		CHECK(file != NULL);
		memcpy(unit->data, odd[i], sizeof(odd[0]));
		CHECK_ERR(vtr_muxer_open(mux, fileno(file), NULL, unit, NULL, &muxer), VTR_ERR_INVALID);
		vtr_access_unit_unref(unit);
		fclose(file);
	}
	vtr_mux_unload(mux);
}

int main(void)
{
	RUN(test_pictures_arrive_as_they_were);
	RUN(test_sound_arrives_as_it_was);
	RUN(test_key_frames_are_asked_for);
	RUN(test_hostile_headers);
	RUN(test_kinds);
	RUN(test_nonsense_begins_no_file);
	return 0;
}
