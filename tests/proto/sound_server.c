/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../unit/stream_front.h"
#include "base/log.h"
#include "display/tokens.h"
#include "platform/inet.h"
#include "platform/thread.h"
#include "screen/sound.h"
#include "test.h"
#include "web/web.h"

/*
 * The web server and the encoder with a machine that makes the sound, and the picture, that the lines on standard
 * input say. Each line is answered by one that begins with "OK".
 *
 *   sound_server [deaf]           "deaf": the machine cannot record
 *
 *   tone HERTZ LEVEL              in both channels; LEVEL: the amplitude, 0 to 32767
 *   beeps                         100 ms of 1000 Hz every half second, and the picture is white meanwhile
 *   silence                       the machine plays nothing
 *   jump MILLISECONDS             the machine plays nothing for so long, without saying so
 *   drift PPM                     the machine's clock for sound is faster by that
 *   cost                          "OK cost BLOCKS LISTENS MICROSECONDS": of blocks, of calls of listen(), of CPU time
 *   voice                         "OK voice BLOCKS HERTZ LEVEL": of what people said since the last time
 *
 * "LISTEN 0" and "LISTEN 1" come unasked; so does "LATE MILLISECONDS", when the machine is busy with something else:
 * this program slept for so much longer than it wanted.
 */
#define BLOCK_NS INT64_C(10000000)
#define NS_PER_S INT64_C(1000000000)
#define LATE_NS INT64_C(8000000)
#define BEEP_HZ 1000
#define BEEP_LEVEL 16000
#define BEEP_NS (NS_PER_S / 10)
#define BEEP_EVERY_NS (NS_PER_S / 2)
#define WIDTH 640
#define HEIGHT 480

enum mode { SILENT, TONE, BEEPS };

static struct {
	struct front front;
	struct vtr_sound *sound;
	_Atomic bool listens, ends;
	_Atomic unsigned listen_calls;
	_Atomic unsigned blocks;

	pthread_mutex_t lock; /* guards what follows */
	enum mode mode;
	double hertz, level;
	int64_t pause_ns;
	double ppm;
	unsigned voice_blocks, voice_crossings;
	int voice_peak;
	int16_t voice_last;

	double phase; /* Thread: of the sound; what follows, too */
	bool white;
} machine;

static void listen_to(void *data, bool on)
{
	(void)data;
	atomic_store(&machine.listens, on);
	atomic_fetch_add(&machine.listen_calls, 1);
	printf("LISTEN %d\n", on);
	fflush(stdout);
}

static void hear(void *data, const struct vtr_audio_block *block)
{
	(void)data;
	pthread_mutex_lock(&machine.lock);
	machine.voice_blocks++;
	for (size_t i = 0; i < VTR_AUDIO_BLOCK; i++) {
		const int16_t sample = block->samples[2 * i];
		machine.voice_crossings += machine.voice_last < 0 && sample >= 0;
		machine.voice_peak = abs(sample) > machine.voice_peak ? abs(sample) : machine.voice_peak;
		machine.voice_last = sample;
	}
	pthread_mutex_unlock(&machine.lock);
}

static void show(bool white)
{
	if (white != machine.white) {
		machine.white = white;
		front_fill(&machine.front, white, white ? 255 : 0);
		front_flush(&machine.front, white);
	}
}

static bool beeps_at(int64_t ns)
{
	return ns % BEEP_EVERY_NS < BEEP_NS;
}

static void make_block(struct vtr_audio_block *block, enum mode mode, double hertz, double level)
{
	if (mode == BEEPS) {
		hertz = BEEP_HZ;
		level = beeps_at(block->time) ? BEEP_LEVEL : 0;
		show(beeps_at(block->time + BLOCK_NS));
	}
	for (size_t i = 0; i < VTR_AUDIO_BLOCK; i++) {
		const int16_t sample = (int16_t)lrint(level * sin(machine.phase));
		machine.phase = fmod(machine.phase + 2 * M_PI * hertz / VTR_AUDIO_RATE, 2 * M_PI);
		block->samples[2 * i] = sample;
		block->samples[2 * i + 1] = sample;
	}
}

static void sleep_until(int64_t until_ns)
{
	const int64_t left_ns = until_ns - vtr_os_now_ns();

	if (left_ns > 0) {
		const struct timespec time = { .tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S };
		nanosleep(&time, NULL);
		const int64_t late_ns = vtr_os_now_ns() - until_ns;
		if (late_ns > LATE_NS) {
			printf("LATE %" PRId64 "\n", late_ns / 1000000);
			fflush(stdout);
		}
	}
}

static void *play(void *arg)
{
	struct vtr_audio_block block;
	enum mode last = SILENT;
	int64_t next_ns = vtr_os_now_ns();

	(void)arg;
	/* On the same grid as the beeps. */
	next_ns += BLOCK_NS - next_ns % BLOCK_NS;
	while (!atomic_load(&machine.ends)) {
		sleep_until(next_ns);
		pthread_mutex_lock(&machine.lock);
		const enum mode mode = machine.mode;
		const double hertz = machine.hertz;
		const double level = machine.level;
		const double ppm = machine.ppm;
		next_ns += machine.pause_ns;
		machine.pause_ns = 0;
		pthread_mutex_unlock(&machine.lock);
		if (mode != SILENT && atomic_load(&machine.listens)) {
			/* A block is there when its last sample has been played. */
			block.time = next_ns - BLOCK_NS;
			make_block(&block, mode, hertz, level);
			vtr_sound_block(machine.sound, &block);
			atomic_fetch_add(&machine.blocks, 1);
		} else if (mode == SILENT && last != SILENT) {
			vtr_sound_idle(machine.sound);
		}
		last = mode;
		next_ns += (int64_t)((double)BLOCK_NS * (1 - ppm / 1e6));
	}
	return NULL;
}

static void tell_cost(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	const int64_t us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
	                   usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
	printf("OK cost %u %u %" PRId64 "\n", atomic_load(&machine.blocks),
	       atomic_load(&machine.listen_calls), us);
}

/* Call it with the lock held. */
static void tell_voice(void)
{
	const double s = machine.voice_blocks * 0.01;

	printf("OK voice %u %.1f %d\n", machine.voice_blocks, s > 0 ? machine.voice_crossings / s : 0.0,
	       machine.voice_peak);
	machine.voice_blocks = machine.voice_crossings = 0;
	machine.voice_peak = 0;
}

/* Call it with the lock held. */
static void obey(const char *line)
{
	double ms;

	if (sscanf(line, "tone %lf %lf", &machine.hertz, &machine.level) == 2) {
		machine.mode = TONE;
	} else if (strcmp(line, "beeps") == 0) {
		machine.mode = BEEPS;
	} else if (strcmp(line, "silence") == 0) {
		machine.mode = SILENT;
	} else if (sscanf(line, "jump %lf", &ms) == 1) {
		machine.pause_ns = (int64_t)(ms * 1e6);
	} else if (sscanf(line, "drift %lf", &machine.ppm) != 1) {
		CHECK(strcmp(line, "cost") == 0 || strcmp(line, "voice") == 0);
		if (line[0] == 'c') {
			tell_cost();
		} else {
			tell_voice();
		}
		fflush(stdout);
		return;
	}
	printf("OK %s\n", line);
	fflush(stdout);
}

static struct vtr_web *start_web(struct vtr_log *log, struct vtr_tokens *tokens)
{
	struct vtr_os_inet inet;
	struct vtr_web *web;
	char text[VTR_OS_INET_TEXT];
	struct vtr_web_params params = {
		.log = log,
		.screen = machine.front.screen,
		.streams = machine.front.streams,
		.sound = machine.sound,
		.tokens = tokens,
	};

	CHECK_OK(vtr_os_inet_parse("127.0.0.1:0", &inet));
	CHECK_OK(vtr_os_inet_listen(&inet, 16, &params.listen_fd));
	CHECK_OK(vtr_web_create(&params, &web));
	CHECK_OK(vtr_web_start(web));
	vtr_os_inet_text(&inet, text);
	printf("READY http://%s/#token=%.*s http://%s/#token=%.*s\n", text, VTR_TOKEN_LENGTH, tokens->control,
	       text, VTR_TOKEN_LENGTH, tokens->view);
	fflush(stdout);
	return web;
}

int main(int argc, char **argv)
{
	const bool deaf = argc > 1 && strcmp(argv[1], "deaf") == 0;
	const struct vtr_sound_source source = { .listen = listen_to, .speak = deaf ? NULL : hear };
	struct vtr_tokens tokens;
	struct vtr_log *log;
	pthread_t thread;
	char line[128];

	pthread_mutex_init(&machine.lock, NULL);
	CHECK_OK(vtr_log_create("warn", 2, NULL, &log));
	CHECK_OK(vtr_sound_create(NULL, &machine.sound));
	vtr_sound_connect(machine.sound, &source);
	CHECK_OK(vtr_tokens_make(&tokens));
	front_start(&machine.front, 60);
	front_resize(&machine.front, WIDTH, HEIGHT);
	front_fill(&machine.front, 0, 0);
	front_flush(&machine.front, 0);
	struct vtr_web *web = start_web(log, &tokens);
	CHECK_EQ(pthread_create(&thread, NULL, play, NULL), 0);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		pthread_mutex_lock(&machine.lock);
		obey(line);
		pthread_mutex_unlock(&machine.lock);
	}
	atomic_store(&machine.ends, true);
	pthread_join(thread, NULL);
	close(machine.front.control_fd);
	pthread_join(machine.front.thread, NULL);
	vtr_web_destroy(web);
	vtr_log_destroy(log);
	return 0;
}
