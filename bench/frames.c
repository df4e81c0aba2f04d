/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "draws.h"
#include "measure.h"

/*
 * What a program does that draws without waiting for each frame: three frames in flight, whose command buffers
 * are recorded by one thread or by several, each thread with a pool of its own.
 */

#define FRAMES 3
#define BUFFERS 4
#define MAX_BUFFERS 16
#define FRAMES_A_SAMPLE 6

struct frames {
	struct vkc *c;
	const struct draw_setup *setup;
	uint32_t threads;
	uint32_t buffers; /* in a frame */
	uint32_t draws;   /* in a buffer */
	VkCommandPool pools[MAX_BUFFERS];               /* one for each thread */
	VkCommandBuffer commands[FRAMES][MAX_BUFFERS]; /* thread t records t, t + threads, ... */
	VkFence fences[FRAMES];
	pthread_barrier_t barrier; /* passed at the begin and at the end of each frame's recording */
	uint32_t frame;            /* written by the main thread between the barriers */
	bool end;
};

struct recorder {
	struct frames *frames;
	uint32_t number;
	pthread_t thread;
};

static void record_share(struct frames *f, uint32_t thread)
{
	VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
	};
	for (uint32_t i = thread; i < f->buffers; i += f->threads) {
		VkCommandBuffer cmd = f->commands[f->frame][i];
		vkc_check(f->c->vk.BeginCommandBuffer(cmd, &begin));
		draw_record(f->c, f->setup, cmd, f->draws);
		vkc_check(f->c->vk.EndCommandBuffer(cmd));
	}
}

static void *record_frames(void *arg)
{
	struct recorder *r = arg;
	for (;;) {
		pthread_barrier_wait(&r->frames->barrier);
		if (r->frames->end) {
			return NULL;
		}
		record_share(r->frames, r->number);
		pthread_barrier_wait(&r->frames->barrier);
	}
}

static void frames_init(struct frames *f)
{
	struct vkc *c = f->c;
	VkFenceCreateInfo fence = {
		.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
		.flags = VK_FENCE_CREATE_SIGNALED_BIT,
	};
	VkCommandPoolCreateInfo pool = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
		.queueFamilyIndex = c->family,
	};
	for (uint32_t t = 0; t < f->threads; t++) {
		vkc_check(c->vk.CreateCommandPool(c->device, &pool, NULL, &f->pools[t]));
	}
	for (uint32_t i = 0; i < FRAMES; i++) {
		vkc_check(c->vk.CreateFence(c->device, &fence, NULL, &f->fences[i]));
		for (uint32_t k = 0; k < f->buffers; k++) {
			VkCommandBufferAllocateInfo allocate = {
				.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
				.commandPool = f->pools[k % f->threads],
				.commandBufferCount = 1,
			};
			vkc_check(c->vk.AllocateCommandBuffers(c->device, &allocate, &f->commands[i][k]));
		}
	}
	if (pthread_barrier_init(&f->barrier, NULL, f->threads)) {
		vkc_fail("pthread_barrier_init");
	}
}

static void frames_finish(struct frames *f)
{
	vkc_check(f->c->vk.DeviceWaitIdle(f->c->device));
	for (uint32_t t = 0; t < f->threads; t++) {
		f->c->vk.DestroyCommandPool(f->c->device, f->pools[t], NULL);
	}
	for (uint32_t i = 0; i < FRAMES; i++) {
		f->c->vk.DestroyFence(f->c->device, f->fences[i], NULL);
	}
	pthread_barrier_destroy(&f->barrier);
}

static void make_frame(struct frames *f, uint32_t number)
{
	struct vkc *c = f->c;
	f->frame = number % FRAMES;
	vkc_check(c->vk.WaitForFences(c->device, 1, &f->fences[f->frame], VK_TRUE, UINT64_MAX));
	vkc_check(c->vk.ResetFences(c->device, 1, &f->fences[f->frame]));
	pthread_barrier_wait(&f->barrier);
	record_share(f, 0);
	pthread_barrier_wait(&f->barrier);
	VkSubmitInfo submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = f->buffers,
		.pCommandBuffers = f->commands[f->frame],
	};
	vkc_check(c->vk.QueueSubmit(c->queue, 1, &submit, f->fences[f->frame]));
}

/* Some frames at full speed, and then others while the script looks at the processor time. */
static void run_frames(struct frames *f, const char *name, const struct bench_options *o)
{
	struct samples wall = { 0 };
	const double draws = (double)f->buffers * f->draws;
	uint32_t number = 0;
	uint32_t count = FRAMES_A_SAMPLE * 2 * o->repeat;
	uint64_t start = 0;
	for (uint32_t i = 0; i <= 2 * o->repeat; i++) {
		for (uint32_t k = 0; k < FRAMES_A_SAMPLE; k++) {
			make_frame(f, number++);
		}
		uint64_t now = vkc_now_ns();
		if (i > 0) {
			samples_add(&wall, (double)(now - start) / (draws * FRAMES_A_SAMPLE));
		}
		start = now;
	}
	vkc_check(f->c->vk.DeviceWaitIdle(f->c->device));
	bench_begin(o, name);
	for (uint32_t i = 0; o->pause && i < count; i++) {
		make_frame(f, number++);
	}
	vkc_check(f->c->vk.DeviceWaitIdle(f->c->device));
	bench_end(o, name, "ns/draw", draws * count);
	samples_print(&wall, name, "ns/draw", 1);
}

static void measure_threads(struct vkc *c, const struct draw_setup *setup, uint32_t threads,
                            const struct bench_options *o)
{
	struct frames f = {
		.c = c,
		.setup = setup,
		.threads = threads,
		.buffers = threads > BUFFERS ? threads : BUFFERS,
		.draws = o->draws >= 40 ? o->draws / 40 : 1,
	};
	struct recorder recorders[MAX_BUFFERS];
	char name[32];
	frames_init(&f);
	for (uint32_t t = 1; t < threads; t++) {
		recorders[t] = (struct recorder){ .frames = &f, .number = t };
		if (pthread_create(&recorders[t].thread, NULL, record_frames, &recorders[t])) {
			vkc_fail("pthread_create");
		}
	}
	snprintf(name, sizeof(name), "frames_%u", threads);
	run_frames(&f, name, o);
	f.end = true;
	if (threads > 1) {
		pthread_barrier_wait(&f.barrier);
	}
	for (uint32_t t = 1; t < threads; t++) {
		pthread_join(recorders[t].thread, NULL);
	}
	frames_finish(&f);
}

void measure_frames(struct vkc *c, const struct bench_options *o)
{
	struct draw_setup setup;
	draw_setup_init(c, &setup, 16);
	for (const char *p = o->threads; *p;) {
		char *end;
		unsigned long threads = strtoul(p, &end, 10);
		if (end == p || threads < 1 || threads > MAX_BUFFERS) {
			vkc_fail("--threads: numbers from 1 to %d, joined by commas", MAX_BUFFERS);
		}
		measure_threads(c, &setup, (uint32_t)threads, o);
		p = end + (*end == ',');
	}
	draw_setup_finish(c, &setup);
}

/* A program that draws little 60 times a second and waits for each frame, as games with a limited rate do. */
void measure_rate(struct vkc *c, const struct bench_options *o)
{
	struct samples wall = { 0 };
	struct timespec next;
	if (o->pause) {
		bench_begin(o, "rate_60hz");
	}
	clock_gettime(CLOCK_MONOTONIC, &next);
	uint64_t start = vkc_now_ns();
	for (uint32_t i = 0; i < 60 * o->repeat; i++) {
		VkCommandBuffer cmd = vkc_begin(c);
		vkc_barrier(c, cmd);
		uint64_t begun = vkc_now_ns();
		vkc_end(c, cmd);
		samples_add(&wall, (double)(vkc_now_ns() - begun));
		next.tv_nsec += 16666667;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	/* Percent of one processor. */
	bench_end(o, "rate_60hz", "%", (double)(vkc_now_ns() - start) / 100);
	samples_print(&wall, "rate_60hz", "us", 1e3);
}
