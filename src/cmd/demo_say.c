/* SPDX-License-Identifier: MIT */
#include "cmd/demo_say.h"

#include <stdarg.h>

#define RATE_LINE_NS (10 * 1000000000LL)

/* To the first column, and erases the line. */
#define ERASE "\r\033[K"

void vtr_demo_say_init(struct vtr_demo_say *say, FILE *out, FILE *errors, bool terminal)
{
	*say = (struct vtr_demo_say){ .out = out, .errors = errors, .terminal = terminal };
}

static void hide_state(struct vtr_demo_say *say)
{
	if (say->state[0] != '\0') {
		fputs(ERASE, say->out);
	}
}

static void show_state(struct vtr_demo_say *say)
{
	fputs(say->state, say->out);
	fflush(say->out);
}

void vtr_demo_say(struct vtr_demo_say *say, const char *format, ...)
{
	va_list args;

	hide_state(say);
	va_start(args, format);
	vfprintf(say->out, format, args);
	va_end(args);
	fputc('\n', say->out);
	show_state(say);
}

void vtr_demo_say_state(struct vtr_demo_say *say, const char *format, ...)
{
	va_list args;

	if (!say->terminal) {
		return;
	}
	hide_state(say);
	va_start(args, format);
	vsnprintf(say->state, sizeof(say->state), format, args);
	va_end(args);
	show_state(say);
}

void vtr_demo_say_rate(struct vtr_demo_say *say, double frames_per_second, int64_t now_ns)
{
	vtr_demo_say_state(say, "The guest shows %.1f frames/s", frames_per_second);
	if (say->terminal) {
		return;
	}
	say->rates_sum += frames_per_second;
	say->rates++;
	if (say->rated_ns == 0 || now_ns - say->rated_ns >= RATE_LINE_NS) {
		vtr_demo_say(say, "The guest shows %.1f frames/s", say->rates_sum / say->rates);
		say->rates_sum = 0;
		say->rates = 0;
		say->rated_ns = now_ns;
	}
}

void vtr_demo_say_no_state(struct vtr_demo_say *say)
{
	hide_state(say);
	fflush(say->out);
	say->state[0] = '\0';
}

void vtr_demo_say_error(struct vtr_demo_say *say, const char *line)
{
	hide_state(say);
	fflush(say->out);
	fprintf(say->errors, "%s\n", line);
	fflush(say->errors);
	show_state(say);
}
