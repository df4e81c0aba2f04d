/* SPDX-License-Identifier: MIT */
#ifndef CMD_DEMO_SAY_H
#define CMD_DEMO_SAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/*
 * What `vitrine demo` tells the person who runs it: sentences, and a state that changes. On a terminal the state is
 * the last line, which is overwritten. In a file it would be a line for each change, so there is none, but for the
 * frame rate, which is a line every ten seconds.
 *
 * Thread: one.
 */
struct vtr_demo_say {
	FILE *out;    /* borrowed */
	FILE *errors; /* borrowed */
	bool terminal;
	char state[64];   /* empty: none */
	double rates_sum; /* since the last line with a rate, in a file */
	unsigned rates;
	int64_t rated_ns; /* when that line was written; 0: never */
};

/* `terminal`: what is written to `out` comes to one. `errors` may be the same one. */
void vtr_demo_say_init(struct vtr_demo_say *say, FILE *out, FILE *errors, bool terminal);

/* Prints lines; the text ends without a newline. The state stays below them. */
void vtr_demo_say(struct vtr_demo_say *say, const char *format, ...) VTR_PRINTF(2, 3);

/* Replaces the state. Does nothing in a file. */
void vtr_demo_say_state(struct vtr_demo_say *say, const char *format, ...) VTR_PRINTF(2, 3);

/* Takes the rate of the last seconds: it is the state; in a file, every ten seconds there is a line with the mean. */
void vtr_demo_say_rate(struct vtr_demo_say *say, double frames_per_second, int64_t now_ns);

/* Takes the state away, also what the terminal has written behind it, for instance "^C". */
void vtr_demo_say_no_state(struct vtr_demo_say *say);

/* Prints a line to `errors`. */
void vtr_demo_say_error(struct vtr_demo_say *say, const char *line);

#endif
