/* SPDX-License-Identifier: MIT */
#include "cmd/demo_say.h"

#include "test.h"

#define SECOND_NS 1000000000LL

static char *text;
static size_t size;
static struct vtr_demo_say say;

static void begin(bool terminal)
{
	FILE *out = open_memstream(&text, &size);

	CHECK(out != NULL);
	vtr_demo_say_init(&say, out, out, terminal);
}

static void end(const char *wanted)
{
	fclose(say.out);
	CHECK_STR(text, wanted);
	free(text);
}

static void overwrites_the_state_on_a_terminal(void)
{
	begin(true);
	vtr_demo_say_state(&say, "boots: %d s", 9);
	vtr_demo_say_state(&say, "boots: %d s", 10);
	vtr_demo_say_rate(&say, 60, SECOND_NS);
	vtr_demo_say_rate(&say, 59.94, 2 * SECOND_NS);
	end("boots: 9 s"
	    "\r\033[Kboots: 10 s"
	    "\r\033[KThe guest shows 60.0 frames/s"
	    "\r\033[KThe guest shows 59.9 frames/s");
}

static void keeps_the_state_below_lines(void)
{
	begin(true);
	vtr_demo_say(&say, "first");
	vtr_demo_say_state(&say, "state");
	vtr_demo_say(&say, "second, %s", "longer");
	vtr_demo_say_no_state(&say);
	vtr_demo_say(&say, "third");
	end("first\n"
	    "state"
	    "\r\033[Ksecond, longer\nstate"
	    "\r\033[Kthird\n");
}

/* The two streams may be one terminal: the state is erased before the line, and back after it. */
static void errors_do_not_meet_the_state(void)
{
	begin(true);
	vtr_demo_say_error(&say, "first");
	vtr_demo_say_state(&say, "state");
	vtr_demo_say_error(&say, "second");
	end("first\nstate\r\033[Ksecond\nstate");
}

static void writes_a_rate_every_ten_seconds_into_a_file(void)
{
	begin(false);
	vtr_demo_say_state(&say, "boots: 9 s");
	vtr_demo_say(&say, "line");
	vtr_demo_say_rate(&say, 30, 2 * SECOND_NS);
	for (int second = 4; second < 12; second += 2) {
		vtr_demo_say_rate(&say, 60, second * SECOND_NS);
	}
	vtr_demo_say_rate(&say, 50, 12 * SECOND_NS);
	vtr_demo_say_rate(&say, 60, 14 * SECOND_NS);
	vtr_demo_say_no_state(&say);
	end("line\n"
	    "The guest shows 30.0 frames/s\n"
	    "The guest shows 58.0 frames/s\n");
}

int main(void)
{
	RUN(overwrites_the_state_on_a_terminal);
	RUN(keeps_the_state_below_lines);
	RUN(errors_do_not_meet_the_state);
	RUN(writes_a_rate_every_ten_seconds_into_a_file);
	return 0;
}
