/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

#include "vkclient.h"

/*
 * The measurements of bench-client. Each prints lines of "name unit p50 min n", separated by tabs;
 * bench/run.py reads them. A measurement leaves nothing behind in the device.
 */

/* Samples of one figure, in nanoseconds. */
struct samples {
	double *values;
	size_t count;
	size_t capacity;
};

void samples_add(struct samples *s, double value);

/* Prints the line (every sample divided by `divisor`) and frees the samples. */
void samples_print(struct samples *s, const char *name, const char *unit, double divisor);

/* Waits until a renderer has executed all commands of this thread that are not a queue's. A fence says less: Mesa 26
 * can signal that of an empty submit while the renderer is still busy with earlier updates of descriptors. */
void bench_drain(struct vkc *c);

struct bench_options {
	uint32_t draws; /* in one command buffer */
	uint32_t repeat; /* scales how often the short things are done */
	const char *threads; /* numbers of threads that record frames, joined by commas */
	bool pause; /* whether a script waits at the marks */
};

/*
 * Marks around a section, at which a script can read the processor time of the processes that execute it. Both
 * wait for a line of input; without --pause they do nothing. The script divides by `divisor`, as samples_print().
 */
void bench_begin(const struct bench_options *o, const char *name);
void bench_end(const struct bench_options *o, const char *name, const char *unit, double divisor);

void measure_draws(struct vkc *c, const struct bench_options *o);
void measure_commands(struct vkc *c, const struct bench_options *o);
void measure_frames(struct vkc *c, const struct bench_options *o);
void measure_rate(struct vkc *c, const struct bench_options *o);
void measure_submit(struct vkc *c, const struct bench_options *o);
void measure_descriptors(struct vkc *c, const struct bench_options *o);
void measure_allocate(struct vkc *c, const struct bench_options *o);
void measure_timeline(struct vkc *c, const struct bench_options *o);
void measure_bandwidth(struct vkc *c, const struct bench_options *o);
void measure_pipelines(struct vkc *c, const struct bench_options *o);
/* Makes instances and devices of its own; `c` may be closed. */
void measure_startup(struct vkc *c, const struct bench_options *o);

#endif
