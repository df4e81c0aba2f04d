/* SPDX-License-Identifier: MIT */
/* A sound card, on real queues and in simulated time. */
#include <math.h>

#include "base/mem.h"
#include "sound_driver.h"
#include "test.h"

#define TX SOUND_QUEUE_TX
#define RX SOUND_QUEUE_RX
#define RATE_44100 6
#define CAPTURE 4 /* the first stream that records */
#define STREAMS 6
/* A message of 10 ms: 48 kHz, stereo, 16 bits. */
#define PERIOD 1920u

static uint8_t data[DRIVER_ROOM];

static void begin(void)
{
	driver_begin();
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = (uint8_t)(i * 7);
	}
}

static void prepare(uint32_t stream)
{
	driver_prepare(stream, VTR_SOUND_S16, SOUND_RATE_48000, 2);
}

static uint32_t query(uint32_t code, uint32_t first, uint32_t count, uint32_t size, size_t room)
{
	const struct sound_query request = { code, first, count, size };

	return driver_request(&request, sizeof(request), room);
}

static void a_driver_learns_what_the_card_has(void)
{
	struct sound_config config;
	struct sound_pcm_info pcm[STREAMS];
	struct sound_jack_info jacks[2];

	begin();
	driver_device->read_config(driver_device->data, 0, &config, sizeof(config));
	CHECK_EQ(config.jacks, 2);
	CHECK_EQ(config.streams, STREAMS);
	CHECK_EQ(config.chmaps, 4);
	CHECK_EQ(config.controls, 0);
	CHECK_EQ(query(SOUND_PCM_INFO, 0, STREAMS, sizeof(pcm[0]), 1024), SOUND_OK);
	CHECK_EQ(driver_answer_size, sizeof(pcm));
	memcpy(pcm, driver_answer, sizeof(pcm));
	CHECK_EQ(pcm[0].direction, SOUND_OUTPUT);
	CHECK_EQ(pcm[CAPTURE].direction, SOUND_INPUT);
	CHECK_EQ(pcm[0].rates, 0x1ffe);
	CHECK((pcm[0].formats & 1 << VTR_SOUND_S16) != 0 && (pcm[CAPTURE].formats & 1 << VTR_SOUND_S16) != 0);
	CHECK_EQ(query(SOUND_JACK_INFO, 1, 1, sizeof(jacks[0]), 1024), SOUND_OK);
	memcpy(jacks, driver_answer, sizeof(jacks[0]));
	CHECK_EQ(jacks[0].hda_defaults, SOUND_PIN_MICROPHONE);
	CHECK_EQ(jacks[0].connected, 1);
	CHECK_EQ(query(SOUND_CHMAP_INFO, 0, 4, sizeof(struct sound_chmap_info), 1024), SOUND_OK);
	CHECK_EQ(driver_answer_size, 4 * sizeof(struct sound_chmap_info));
	/* A later version's larger items. */
	CHECK_EQ(query(SOUND_CHMAP_INFO, 3, 1, 64, 1024), SOUND_OK);
	CHECK_EQ(driver_answer_size, 64);
	driver_end();
}

static void queries_that_make_no_sense_are_refused(void)
{
	const uint32_t size = sizeof(struct sound_pcm_info);
	const struct sound_query half = { .code = SOUND_PCM_INFO };

	begin();
	CHECK_EQ(query(SOUND_PCM_INFO, 0, STREAMS + 1, size, 4096), SOUND_BAD_MSG);
	CHECK_EQ(query(SOUND_PCM_INFO, STREAMS, 1, size, 4096), SOUND_BAD_MSG);
	CHECK_EQ(query(SOUND_PCM_INFO, UINT32_MAX, 2, size, 4096), SOUND_BAD_MSG);
	CHECK_EQ(query(SOUND_PCM_INFO, 1, UINT32_MAX, size, 4096), SOUND_BAD_MSG);
	CHECK_EQ(query(SOUND_PCM_INFO, 0, 1, size - 1, 4096), SOUND_BAD_MSG);
	CHECK_EQ(query(SOUND_PCM_INFO, 0, 1, UINT32_MAX, 4096), SOUND_BAD_MSG);
	CHECK_EQ(query(SOUND_PCM_INFO, 0, 2, size, 4 + size), SOUND_BAD_MSG);
	CHECK_EQ(query(SOUND_PCM_INFO, 0, 0, size, 4), SOUND_OK);
	CHECK_EQ(query(SOUND_JACK_REMAP, 0, 0, 0, 4), SOUND_NOT_SUPP);
	CHECK_EQ(query(0x300, 0, 0, 0, 4), SOUND_NOT_SUPP);
	CHECK_EQ(driver_request(&half, 8, 64), SOUND_BAD_MSG);
	CHECK_EQ(driver_request(&half, 3, 64), SOUND_NOT_SUPP);
	CHECK_EQ(driver_request(&half, sizeof(half), 3), 0); /* no room for an answer */
	driver_end();
}

static void parameters_are_checked(void)
{
	struct sound_pcm_params params = {
		.head = { SOUND_PCM_SET_PARAMS, 0 },
		.buffer_bytes = 8192,
		.period_bytes = 4096,
		.channels = 2,
		.format = VTR_SOUND_S16,
		.rate = SOUND_RATE_48000,
	};

	begin();
	CHECK_EQ(driver_request(&params, sizeof(params), 4), SOUND_OK);
	for (unsigned format = 0; format < 256; format++) {
		bool known = format != VTR_SOUND_FLOAT64 && vtr_sound_sample_size(format) != 0;
		CHECK_EQ(driver_set_params(0, format, SOUND_RATE_48000, 2, 4096),
		         known ? SOUND_OK : SOUND_NOT_SUPP);
	}
	for (unsigned rate = 0; rate < 256; rate++) {
		CHECK_EQ(driver_set_params(0, VTR_SOUND_S16, rate, 2, 4096),
		         rate >= 1 && rate <= 12 ? SOUND_OK : SOUND_NOT_SUPP);
		CHECK_EQ(driver_set_params(CAPTURE, VTR_SOUND_S16, rate, 2, 4096),
		         rate == SOUND_RATE_48000 ? SOUND_OK : SOUND_NOT_SUPP);
	}
	CHECK_EQ(driver_set_params(0, VTR_SOUND_S16, SOUND_RATE_48000, 0, 4096), SOUND_NOT_SUPP);
	CHECK_EQ(driver_set_params(0, VTR_SOUND_S16, SOUND_RATE_48000, 3, 4096), SOUND_NOT_SUPP);
	CHECK_EQ(driver_set_params(0, VTR_SOUND_S16, SOUND_RATE_48000, 2, 0), SOUND_BAD_MSG);
	CHECK_EQ(driver_set_params(STREAMS, VTR_SOUND_S16, SOUND_RATE_48000, 2, 4096), SOUND_BAD_MSG);
	params.buffer_bytes = 8193;
	CHECK_EQ(driver_request(&params, sizeof(params), 4), SOUND_BAD_MSG);
	params.buffer_bytes = 8192;
	params.features = 1;
	CHECK_EQ(driver_request(&params, sizeof(params), 4), SOUND_NOT_SUPP);
	CHECK_EQ(driver_request(&params, sizeof(params) - 1, 4), SOUND_BAD_MSG);
	driver_end();
}

/* From every state, all requests: what the standard's picture allows, and nothing else. */
static void states_follow_the_standard(void)
{
	enum { UNSET, SET, PREPARED, RUNNING, STOPPED, RELEASED, STATES };
	static const uint32_t codes[] = { SOUND_PCM_SET_PARAMS, SOUND_PCM_PREPARE, SOUND_PCM_RELEASE,
		                          SOUND_PCM_START, SOUND_PCM_STOP };
	static const uint32_t ways[STATES][4] = {
		[SET] = { SOUND_PCM_SET_PARAMS },
		[PREPARED] = { SOUND_PCM_SET_PARAMS, SOUND_PCM_PREPARE },
		[RUNNING] = { SOUND_PCM_SET_PARAMS, SOUND_PCM_PREPARE, SOUND_PCM_START },
		[STOPPED] = { SOUND_PCM_SET_PARAMS, SOUND_PCM_PREPARE, SOUND_PCM_START, SOUND_PCM_STOP },
		[RELEASED] = { SOUND_PCM_SET_PARAMS, SOUND_PCM_PREPARE, SOUND_PCM_RELEASE },
	};
	static const char *const allowed[STATES] = { "10000", "11000", "11110", "00001", "00110", "11000" };

	for (int state = 0; state < STATES; state++) {
		for (size_t i = 0; i < VTR_ARRAY_LEN(codes); i++) {
			begin();
			for (int step = 0; step < 4 && ways[state][step] != 0; step++) {
				const struct sound_pcm_params params = {
					{ ways[state][step], 1 }, 8192, 4096, 0, 2, VTR_SOUND_S16,
					SOUND_RATE_48000,         0
				};
				CHECK_EQ(driver_request(&params, sizeof(params), 4), SOUND_OK);
			}
			const struct sound_pcm_params params = {
				{ codes[i], 1 }, 8192, 4096, 0, 2, VTR_SOUND_S16, SOUND_RATE_48000, 0
			};
			CHECK_EQ(driver_request(&params, sizeof(params), 4),
			         allowed[state][i] == '1' ? SOUND_OK : SOUND_BAD_MSG);
			driver_end();
		}
	}
}

static void messages_are_answered_when_they_have_been_played(void)
{
	uint16_t slots[8];

	begin();
	prepare(0);
	for (int i = 0; i < 4; i++) {
		slots[i] = driver_play(0, data, PERIOD);
	}
	driver_pass(SECOND);
	CHECK(!driver_is_answered(TX, slots[0])); /* not started */
	CHECK_EQ(driver_control(SOUND_PCM_START, 0), SOUND_OK);
	const int64_t start_ns = driver_now_ns;
	for (int i = 4; i < 8; i++) {
		slots[i] = driver_play(0, data, PERIOD);
	}
	driver_pass(100 * MS);
	for (int i = 0; i < 8; i++) {
		CHECK_EQ(driver_status(TX, slots[i]), SOUND_OK);
		CHECK_EQ(driver_written(TX, slots[i]), 8);
		CHECK_EQ(driver_answered_ns(TX, slots[i]) - start_ns, (i + 1) * 10 * MS);
	}
	CHECK_EQ(driver_next_ns(), INT64_MAX); /* no timer without work */
	driver_end();
}

/* An hour of a rate that is no whole number of ns or ms: the last answer comes when the clock says so. */
static void an_hour_drifts_by_less_than_a_millisecond(void)
{
	const uint32_t frames = 441 * 8;
	uint16_t last = 0;

	begin();
	driver_prepare(2, VTR_SOUND_S16, RATE_44100, 1);
	for (int i = 0; i < 4; i++) {
		last = driver_play(2, data, 2 * frames);
	}
	CHECK_EQ(driver_control(SOUND_PCM_START, 2), SOUND_OK);
	const int64_t start_ns = driver_now_ns;
	uint64_t messages = 4;
	uint16_t oldest = 0;
	while (driver_now_ns - start_ns < 3600 * SECOND) {
		driver_now_ns += 137000; /* the loop is late, in a pattern that never repeats */
		driver_pass(1 * MS);
		if (driver_is_answered(TX, oldest)) {
			last = driver_play(2, data, 2 * frames);
			CHECK_EQ(last, oldest);
			oldest = (uint16_t)((oldest + 1) % 4);
			messages++;
		}
	}
	while (!driver_is_answered(TX, last)) {
		driver_pass(1 * MS);
	}
	CHECK(messages >= 3600 * 44100ull / frames);
	const int64_t wanted_ns = (int64_t)(messages * frames * 1000000000 / 44100);
	const int64_t drift_ns = driver_answered_ns(TX, last) - start_ns - wanted_ns;
	CHECK(drift_ns >= -MS && drift_ns <= 2 * MS);
	CHECK_EQ(driver_page.underruns, 0);
	driver_end();
}

static void a_late_guest_is_counted_and_goes_on(void)
{
	begin();
	prepare(0);
	driver_play(0, data, PERIOD);
	CHECK_EQ(driver_control(SOUND_PCM_START, 0), SOUND_OK);
	driver_pass(35 * MS);
	uint16_t slot = driver_play(0, data, PERIOD);
	const int64_t now_ns = driver_now_ns;
	driver_pass(50 * MS);
	CHECK_EQ(driver_answered_ns(TX, slot) - now_ns, 10 * MS);
	CHECK_EQ(driver_page.underruns, 1);
	driver_end();
}

static void a_stopped_stream_goes_on_where_it_was(void)
{
	begin();
	prepare(0);
	uint16_t slot = driver_play(0, data, PERIOD);
	CHECK_EQ(driver_control(SOUND_PCM_START, 0), SOUND_OK);
	driver_pass(4 * MS);
	CHECK_EQ(driver_control(SOUND_PCM_STOP, 0), SOUND_OK);
	driver_pass(SECOND);
	CHECK(!driver_is_answered(TX, slot));
	CHECK_EQ(driver_next_ns(), INT64_MAX);
	CHECK_EQ(driver_control(SOUND_PCM_START, 0), SOUND_OK);
	const int64_t now_ns = driver_now_ns;
	/* The same for a pause of the whole guest. */
	driver_pass(2 * MS);
	driver_stop();
	driver_now_ns += 100 * SECOND;
	CHECK_EQ(driver_next_ns(), INT64_MAX);
	driver_start(false);
	driver_pass(SECOND);
	CHECK_EQ(driver_answered_ns(TX, slot) - now_ns, 100 * SECOND + 6 * MS);
	driver_end();
}

static void release_answers_all_messages_first(void)
{
	uint16_t slots[10];

	begin();
	prepare(0);
	prepare(1);
	for (int i = 0; i < 10; i++) {
		slots[i] = driver_play(0, data, PERIOD);
	}
	uint16_t other = driver_play(1, data, PERIOD);
	CHECK_EQ(driver_control(SOUND_PCM_RELEASE, 0), SOUND_OK); /* the messages are still in their queue */
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(driver_status(TX, slots[i]), SOUND_OK);
	}
	CHECK(!driver_is_answered(TX, other));
	driver_end();
}

static void bad_messages_are_refused_at_once(void)
{
	static const uint8_t zeros[64];

	begin();
	/* Not prepared; streams that do not exist, or that record. */
	uint16_t slots[4] = { driver_play(0, data, PERIOD), driver_play(STREAMS, data, PERIOD),
		              driver_play(UINT32_MAX, data, PERIOD), driver_play(CAPTURE, data, PERIOD) };
	uint16_t wrong_way = driver_record(0, PERIOD);
	driver_turn();
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(driver_status(TX, slots[i]), SOUND_BAD_MSG);
	}
	CHECK_EQ(driver_status(RX, wrong_way), SOUND_BAD_MSG);
	prepare(1);
	uint16_t empty = driver_play(1, zeros, 3); /* less than a frame */
	uint16_t half = driver_put(TX, 2, 8);
	uint16_t no_status = driver_put(TX, 64, 7);
	uint16_t nothing_to_read = driver_put(TX, 0, 64);
	uint16_t nothing_to_write = driver_put(TX, 64, 0);
	driver_turn();
	CHECK_EQ(driver_status(TX, empty), SOUND_BAD_MSG);
	CHECK_EQ(driver_status(TX, half), SOUND_BAD_MSG);
	CHECK_EQ(driver_written(TX, no_status), 0);
	CHECK_EQ(driver_status(TX, nothing_to_read), SOUND_BAD_MSG);
	CHECK_EQ(driver_written(TX, nothing_to_write), 0);
	CHECK(driver_page.refused > 0);
	driver_end();
}

/* Buffers have sizes of 32 bits. With more, the time of a stream's end could be later than any time. */
static void messages_are_no_larger_than_buffers_can_be(void)
{
	begin();
	driver_prepare(0, VTR_SOUND_U8, 1, 1);
	const uint16_t too_long = driver_play_memory(0, 16u << 20, 256);
	const uint16_t longest = driver_play_memory(0, 16u << 20, 255);
	driver_turn();
	CHECK_EQ(driver_status(TX, too_long), SOUND_BAD_MSG);
	CHECK(!driver_is_answered(TX, longest));
	CHECK_EQ(driver_control(SOUND_PCM_START, 0), SOUND_OK);
	driver_pass(SECOND);
	CHECK(!driver_is_answered(TX, longest));
	driver_end();
}

static void put_control(uint32_t code, uint32_t stream)
{
	const struct sound_pcm_request request = { code, stream };
	const uint16_t slot = driver_put(SOUND_QUEUE_CONTROL, sizeof(request), sizeof(uint32_t));

	memcpy(driver_out(SOUND_QUEUE_CONTROL, slot), &request, sizeof(request));
}

/* A desktop's sound server often ends all streams at once. */
static void the_end_of_recordings_does_not_move_the_end_of_playing(void)
{
	begin();
	vtr_virtio_sound_listen(driver_sound, true);
	for (uint32_t stream = 0; stream < STREAMS; stream++) {
		prepare(stream);
		CHECK_EQ(driver_control(SOUND_PCM_START, stream), SOUND_OK);
	}
	driver_play(0, data, 2 * PERIOD);
	driver_pass(15 * MS);
	for (uint32_t stream = 0; stream < STREAMS; stream++) {
		put_control(SOUND_PCM_STOP, stream);
	}
	driver_turn();
	CHECK_EQ(driver_page.playing, 0);
	CHECK_EQ(driver_page.capturing, 0);
	CHECK(driver_page.horizon_ns >= driver_now_ns && driver_page.horizon_ns <= driver_now_ns + 20 * MS);
	driver_end();
}

static uint32_t wakes;

static void play_nonsense(void)
{
	wakes++;
	while (driver_has_room(TX)) {
		driver_play(STREAMS, data, PERIOD);
	}
}

/* A guest that sends on while it is served does not keep the loop from other things. */
static void a_turn_of_the_loop_has_an_end(void)
{
	begin();
	vtr_virtio_sound_listen(driver_sound, true);
	prepare(0);
	driver_pass(SECOND);
	driver_wake = play_nonsense;
	for (uint32_t i = 0; i < DRIVER_QUEUE_SIZE; i++) {
		put_control(i % 2 == 0 ? SOUND_PCM_START : SOUND_PCM_STOP, 0);
	}
	const uint64_t turns = driver_turns;
	driver_pass(SECOND);
	CHECK(wakes > DRIVER_QUEUE_SIZE / 2);
	CHECK(driver_page.refused > 2000);
	CHECK(driver_page.refused <= (driver_turns - turns) * 512);
	driver_wake = NULL;
	CHECK_EQ(driver_page.playing, 0);
	CHECK_EQ(driver_control(SOUND_PCM_RELEASE, 0), SOUND_OK);
	CHECK(!driver_waits(STREAMS));
	driver_end();
}

static void a_reset_drops_all_state(void)
{
	begin();
	prepare(0);
	driver_play(0, data, PERIOD);
	CHECK_EQ(driver_control(SOUND_PCM_START, 0), SOUND_OK);
	vtr_virtio_sound_listen(driver_sound, true);
	driver_pass(3 * MS);
	CHECK_EQ(vtr_sound_page_playing(&driver_page), 1);
	driver_stop();
	CHECK_EQ(vtr_sound_page_playing(&driver_page), 0);
	driver_start(true);
	driver_pass(SECOND);
	CHECK_EQ(driver_next_ns(), INT64_MAX);
	CHECK_EQ(driver_control(SOUND_PCM_START, 0), SOUND_BAD_MSG);
	prepare(0);
	CHECK_EQ(driver_control(SOUND_PCM_START, 0), SOUND_OK);
	driver_end();
}

/* --- what is heard ------------------------------------------------------------------------------------ */

static uint64_t read_pieces(uint64_t from, uint8_t *to, size_t room)
{
	struct vtr_sound_piece piece;
	size_t size = 0;

	for (; from < vtr_sound_page_head(&driver_page); from++) {
		CHECK_OK(vtr_sound_page_get(&driver_page, from, &piece));
		const size_t part = piece.frames * piece.channels * vtr_sound_sample_size(piece.format);
		CHECK(size + part <= room);
		memcpy(to + size, piece.data, part);
		size += part;
	}
	return size;
}

static void samples_are_read_as_late_as_possible(void)
{
	uint8_t heard[2 * PERIOD];

	begin();
	vtr_virtio_sound_listen(driver_sound, true);
	prepare(0);
	uint16_t first = driver_play(0, data, PERIOD);
	uint16_t second = driver_play(0, data, PERIOD);
	CHECK_EQ(driver_control(SOUND_PCM_START, 0), SOUND_OK);
	const int64_t start_ns = driver_now_ns;
	/* Old drivers fill a message after they have sent it. */
	memset(driver_out(TX, first) + 4, 0x11, PERIOD);
	driver_pass(10 * MS);
	memset(driver_out(TX, second) + 4, 0x22, PERIOD);
	driver_pass(10 * MS);
	CHECK_EQ(read_pieces(0, heard, sizeof(heard)), 2 * PERIOD);
	for (size_t i = 0; i < sizeof(heard); i++) {
		CHECK_EQ(heard[i], i < PERIOD ? 0x11 : 0x22);
	}
	CHECK_EQ(vtr_sound_page_horizon(&driver_page), start_ns + 20 * MS);
	driver_end();
}

static void without_a_listener_nothing_is_read(void)
{
	uint8_t heard[2 * PERIOD];

	begin();
	prepare(0);
	for (int i = 0; i < 4; i++) {
		driver_play(0, data, PERIOD);
	}
	CHECK_EQ(driver_control(SOUND_PCM_START, 0), SOUND_OK);
	driver_pass(25 * MS);
	CHECK_EQ(vtr_sound_page_head(&driver_page), 0);
	vtr_virtio_sound_listen(driver_sound, true);
	driver_pass(20 * MS);
	/* From now on, in the middle of a message. */
	CHECK_EQ(read_pieces(0, heard, sizeof(heard)), 3 * PERIOD / 2);
	CHECK(memcmp(heard, data + PERIOD / 2, PERIOD / 2) == 0 &&
	      memcmp(heard + PERIOD / 2, data, PERIOD) == 0);
	vtr_virtio_sound_listen(driver_sound, false);
	const uint64_t head = vtr_sound_page_head(&driver_page);
	driver_pass(SECOND);
	CHECK_EQ(vtr_sound_page_head(&driver_page), head);
	driver_end();
}

/* --- what is recorded --------------------------------------------------------------------------------- */

static void without_a_microphone_silence_is_recorded(void)
{
	static const uint8_t zeros[PERIOD];

	begin();
	prepare(CAPTURE);
	uint16_t first = driver_record(CAPTURE, PERIOD);
	memset(driver_in(RX, first), 0x55, PERIOD);
	CHECK_EQ(driver_control(SOUND_PCM_START, CAPTURE), SOUND_OK);
	const int64_t start_ns = driver_now_ns;
	uint16_t second = driver_record(CAPTURE, PERIOD - 1); /* not whole frames */
	driver_pass(25 * MS);
	CHECK_EQ(driver_answered_ns(RX, first) - start_ns, 10 * MS);
	CHECK_EQ(driver_written(RX, first), PERIOD + 8);
	CHECK_EQ(driver_status(RX, first), SOUND_OK);
	CHECK(memcmp(driver_in(RX, first), zeros, PERIOD) == 0);
	CHECK_EQ(driver_written(RX, second), PERIOD - 4 + 8);
	CHECK_EQ(driver_page.capturing, 1);
	driver_end();
}

#define MIC_SECONDS 200

/* Minutes of a microphone whose clock is wrong by `ppm`, and whose blocks come up to 25 ms late. */
static void record_from_a_clock_that_is_wrong_by(int ppm)
{
	const int64_t block_ns = 10 * MS + 10 * ppm;
	struct vtr_audio_block block = { 0 };
	uint64_t sent = 0, heard = 0, crossings = 0;
	int16_t last = 0;
	uint16_t slots[4];

	begin();
	prepare(CAPTURE);
	for (int i = 0; i < 4; i++) {
		slots[i] = driver_record(CAPTURE, 2 * PERIOD);
	}
	CHECK_EQ(driver_control(SOUND_PCM_START, CAPTURE), SOUND_OK);
	const int64_t start_ns = driver_now_ns;
	for (int number = 0; number < MIC_SECONDS * 50; number++) {
		while (!driver_is_answered(RX, slots[number % 4])) {
			const int64_t late_ns = (int64_t)(sent * 7919 % 25) * MS;
			while (start_ns + (int64_t)sent * block_ns + late_ns <= driver_now_ns) {
				for (size_t i = 0; i < VTR_AUDIO_BLOCK; i++) {
					const uint64_t frame = sent * VTR_AUDIO_BLOCK + i;
					block.samples[2 * i] =
						(int16_t)(16384 * sin((double)(frame % 48000) * 440 *
					                              (2 * 3.14159265358979 / 48000)));
					block.samples[2 * i + 1] = block.samples[2 * i];
				}
				vtr_virtio_sound_hear(driver_sound, &block);
				sent++;
			}
			driver_pass(1 * MS);
		}
		int16_t got[PERIOD];
		memcpy(got, driver_in(RX, slots[number % 4]), sizeof(got));
		slots[number % 4] = driver_record(CAPTURE, 2 * PERIOD);
		/* In the first seconds it finds its speed. */
		for (size_t i = 0; i < PERIOD && number > 500; i += 2) {
			CHECK(abs(got[i] - last) < 1100 ||
			      heard == 0); /* a click is more than the tone's slope */
			crossings += heard > 0 && last < 0 && got[i] >= 0;
			last = got[i];
			heard++;
		}
	}
	const double pitch = (double)crossings * 48000 / (double)heard;
	CHECK(fabs(pitch - 440 * (1 - ppm * 1e-6)) < 0.05);
	CHECK_EQ(driver_page.overruns, 0);
	driver_end();
}

static void a_microphone_of_another_clock_is_recorded_without_a_gap(void)
{
	record_from_a_clock_that_is_wrong_by(0);
	record_from_a_clock_that_is_wrong_by(300);
	record_from_a_clock_that_is_wrong_by(-300);
}

static void a_microphone_that_bursts_does_not_grow_old(void)
{
	struct vtr_audio_block block = { 0 };

	begin();
	prepare(CAPTURE);
	CHECK_EQ(driver_control(SOUND_PCM_START, CAPTURE), SOUND_OK);
	for (int i = 0; i < 100; i++) {
		block.samples[0] = (int16_t)i;
		vtr_virtio_sound_hear(driver_sound, &block);
	}
	uint16_t slot = driver_record(CAPTURE, 14 * PERIOD);
	driver_pass(SECOND);
	/* What is heard first is less than 180 ms old. */
	int16_t first = 0;
	for (size_t i = 0; i < 14 * PERIOD / 2 && first == 0; i++) {
		memcpy(&first, driver_in(RX, slot) + 2 * i, sizeof(first));
	}
	CHECK(first >= 100 - 18);
	driver_end();
}

static void all_formats_are_recorded(void)
{
	struct vtr_audio_block block;
	static const struct {
		enum vtr_sound_format format;
		unsigned channels;
		uint32_t size;
	} kinds[] = {
		{ VTR_SOUND_S16, 1, 2 }, { VTR_SOUND_S16, 2, 4 },   { VTR_SOUND_S32, 1, 4 },
		{ VTR_SOUND_S32, 2, 8 }, { VTR_SOUND_FLOAT, 1, 4 }, { VTR_SOUND_FLOAT, 2, 8 },
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(block.samples); i++) {
		block.samples[i] = i % 2 == 0 ? 8192 : -16384;
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(kinds); i++) {
		double got[2];
		begin();
		driver_prepare(CAPTURE + 1, kinds[i].format, SOUND_RATE_48000, kinds[i].channels);
		CHECK_EQ(driver_control(SOUND_PCM_START, CAPTURE + 1), SOUND_OK);
		uint16_t slot = driver_record(CAPTURE + 1, 480 * kinds[i].size);
		for (int j = 0; j < 10; j++) {
			vtr_virtio_sound_hear(driver_sound, &block);
		}
		driver_pass(10 * MS);
		CHECK_EQ(driver_written(RX, slot), 480 * kinds[i].size + 8);
		for (unsigned channel = 0; channel < kinds[i].channels; channel++) {
			const uint8_t *at = driver_in(RX, slot) + 100 * kinds[i].size +
			                    channel * kinds[i].size / kinds[i].channels;
			int16_t narrow;
			int32_t wide;
			float real;
			memcpy(&narrow, at, sizeof(narrow));
			memcpy(&wide, at, sizeof(wide));
			memcpy(&real, at, sizeof(real));
			got[channel] = kinds[i].format == VTR_SOUND_S16 ? narrow / 0x1p15 :
			               kinds[i].format == VTR_SOUND_S32 ? wide / 0x1p31 :
			                                                  (double)real;
		}
		CHECK(fabs(got[0] - (kinds[i].channels == 2 ? 0.25 : -0.125)) < 1e-4);
		CHECK(kinds[i].channels == 1 || fabs(got[1] + 0.5) < 1e-4);
		driver_end();
	}
}

int main(void)
{
	RUN(a_driver_learns_what_the_card_has);
	RUN(queries_that_make_no_sense_are_refused);
	RUN(parameters_are_checked);
	RUN(states_follow_the_standard);
	RUN(messages_are_answered_when_they_have_been_played);
	RUN(an_hour_drifts_by_less_than_a_millisecond);
	RUN(a_late_guest_is_counted_and_goes_on);
	RUN(a_stopped_stream_goes_on_where_it_was);
	RUN(release_answers_all_messages_first);
	RUN(bad_messages_are_refused_at_once);
	RUN(messages_are_no_larger_than_buffers_can_be);
	RUN(the_end_of_recordings_does_not_move_the_end_of_playing);
	RUN(a_turn_of_the_loop_has_an_end);
	RUN(a_reset_drops_all_state);
	RUN(samples_are_read_as_late_as_possible);
	RUN(without_a_listener_nothing_is_read);
	RUN(without_a_microphone_silence_is_recorded);
	RUN(a_microphone_of_another_clock_is_recorded_without_a_gap);
	RUN(a_microphone_that_bursts_does_not_grow_old);
	RUN(all_formats_are_recorded);
	return 0;
}
