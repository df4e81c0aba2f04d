/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"

/* bench-client: measures one Vulkan driver, whichever the environment's loader finds. */

static const struct {
	const char *name;
	void (*measure)(struct vkc *c, const struct bench_options *o);
	bool asked; /* only when it is named: these need a script, or long */
} groups[] = {
	{ "draws", measure_draws },
	{ "submit", measure_submit },
	{ "descriptors", measure_descriptors },
	{ "allocate", measure_allocate },
	{ "timeline", measure_timeline },
	{ "bandwidth", measure_bandwidth },
	{ "pipelines", measure_pipelines },
	{ "startup", measure_startup },
	{ "commands", measure_commands, true },
	{ "frames", measure_frames, true },
	{ "rate", measure_rate, true },
};

static int compare_values(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

void samples_add(struct samples *s, double value)
{
	if (s->count == s->capacity) {
		s->capacity = s->capacity ? 2 * s->capacity : 64;
		s->values = realloc(s->values, s->capacity * sizeof(*s->values));
		if (!s->values) {
			vkc_fail("out of memory");
		}
	}
	s->values[s->count++] = value;
}

void samples_print(struct samples *s, const char *name, const char *unit, double divisor)
{
	if (s->count > 0) {
		qsort(s->values, s->count, sizeof(*s->values), compare_values);
		printf("%s\t%s\t%.3f\t%.3f\t%zu\n", name, unit, s->values[s->count / 2] / divisor,
		       s->values[0] / divisor, s->count);
		fflush(stdout);
	}
	free(s->values);
	memset(s, 0, sizeof(*s));
}

void bench_drain(struct vkc *c)
{
	VkPipelineCacheCreateInfo info = { .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO };
	VkPipelineCache cache;
	size_t size = 0;
	vkc_check(c->vk.CreatePipelineCache(c->device, &info, NULL, &cache));
	/* No guest can know the answer. */
	vkc_check(c->vk.GetPipelineCacheData(c->device, cache, &size, NULL));
	c->vk.DestroyPipelineCache(c->device, cache, NULL);
}

static void wait_for_line(void)
{
	char byte = 0;
	while (byte != '\n') {
		if (read(STDIN_FILENO, &byte, 1) <= 0) {
			vkc_fail("the input ended at a mark");
		}
	}
}

void bench_begin(const struct bench_options *o, const char *name)
{
	if (o->pause) {
		printf("begin\t%s\n", name);
		fflush(stdout);
		wait_for_line();
	}
}

void bench_end(const struct bench_options *o, const char *name, const char *unit, double divisor)
{
	if (o->pause) {
		printf("end\t%s\t%s\t%.3f\n", name, unit, divisor);
		fflush(stdout);
		wait_for_line();
	}
}

static const char usage[] =
	"usage: bench-client [--only GROUP[,GROUP]...] [--draws N] [--repeat N] [--threads LIST] [--pause]\n"
	"       bench-client --idle | --idle-open | --first-look\n"
	"  --only        draws submit descriptors allocate timeline bandwidth pipelines startup commands "
	"frames\n"
	"                rate\n"
	"  --draws       draw calls in one command buffer, commands of a kind (100000)\n"
	"  --repeat      scales how often the short things are done (4)\n"
	"  --threads     how many threads record frames: numbers, joined by commas (1,4,8)\n"
	"  --pause       prints marks around sections and waits for a line of input at each\n"
	"  --idle        draws, prints READY and waits for the end of its input\n"
	"  --idle-open   the same with one submit and without a pipeline, whose compiler needs memory of its "
	"own\n"
	"  --first-look  the time from the instance to the first submit of this process\n";

static bool chosen(const char *only, const char *name, bool asked)
{
	if (!only) {
		return !asked;
	}
	size_t length = strlen(name);
	for (const char *p = only; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (!strncmp(p, name, length) && (p[length] == ',' || !p[length])) {
			return true;
		}
	}
	return false;
}

/* A client that now does nothing: the script looks at what that costs. */
static void idle(struct vkc *c, bool draws)
{
	struct bench_options few = { .draws = 100, .repeat = 1 };
	if (draws) {
		measure_draws(c, &few);
	} else {
		vkc_end(c, vkc_begin(c));
	}
	printf("READY\n");
	fflush(stdout);
	char byte;
	while (read(STDIN_FILENO, &byte, 1) > 0) {
	}
}

struct mode {
	struct bench_options options;
	const char *only;
	bool idle;
	bool idle_open;
	bool first_look;
};

static bool parse(int argc, char **argv, struct mode *m)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--only") && i + 1 < argc) {
			m->only = argv[++i];
		} else if (!strcmp(argv[i], "--draws") && i + 1 < argc) {
			m->options.draws = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else if (!strcmp(argv[i], "--repeat") && i + 1 < argc) {
			m->options.repeat = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else if (!strcmp(argv[i], "--threads") && i + 1 < argc) {
			m->options.threads = argv[++i];
		} else if (!strcmp(argv[i], "--pause")) {
			m->options.pause = true;
		} else if (!strcmp(argv[i], "--first-look")) {
			m->first_look = true;
		} else if (!strcmp(argv[i], "--idle")) {
			m->idle = true;
		} else if (!strcmp(argv[i], "--idle-open")) {
			m->idle_open = true;
		} else {
			return false;
		}
	}
	return m->options.draws && m->options.repeat;
}

/* A driver is loaded once in a process: only the first look shows what that takes. */
static void first_look(void)
{
	struct vkc c;
	uint64_t start = vkc_now_ns();
	vkc_open(&c, "vitrine-bench", false);
	vkc_end(&c, vkc_begin(&c));
	printf("first_look\tms\t%.3f\n", (double)(vkc_now_ns() - start) / 1e6);
	vkc_close(&c);
}

int main(int argc, char **argv)
{
	struct mode mode = { .options = { .draws = 100000, .repeat = 4, .threads = "1,4,8" } };
	if (!parse(argc, argv, &mode)) {
		fputs(usage, stderr);
		return 2;
	}
	if (mode.first_look) {
		first_look();
		return 0;
	}

	struct vkc c;
	vkc_open(&c, "vitrine-bench", false);
	printf("device\t%s\t%u.%u.%u\n", c.props.deviceName, VK_API_VERSION_MAJOR(c.props.apiVersion),
	       VK_API_VERSION_MINOR(c.props.apiVersion), VK_API_VERSION_PATCH(c.props.apiVersion));
	fflush(stdout);
	if (mode.idle || mode.idle_open) {
		idle(&c, mode.idle);
	} else {
		for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
			if (chosen(mode.only, groups[i].name, groups[i].asked)) {
				groups[i].measure(&c, &mode.options);
			}
		}
	}
	vkc_close(&c);
	return 0;
}
