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
} groups[] = {
	{ "draws", measure_draws },
	{ "submit", measure_submit },
	{ "descriptors", measure_descriptors },
	{ "allocate", measure_allocate },
	{ "timeline", measure_timeline },
	{ "bandwidth", measure_bandwidth },
	{ "pipelines", measure_pipelines },
	{ "startup", measure_startup },
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

static const char usage[] =
	"usage: bench-client [--only GROUP[,GROUP]...] [--draws N] [--repeat N] [--idle]\n"
	"  --only    draws submit descriptors allocate timeline bandwidth pipelines startup\n"
	"  --draws   draw calls in one command buffer (100000)\n"
	"  --repeat  scales how often the short things are done (4)\n"
	"  --idle    opens a device, prints READY and waits for the end of its input\n";

static bool chosen(const char *only, const char *name)
{
	if (!only) {
		return true;
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

/* A client that has worked and now does nothing: the driver script looks at what that costs. */
static void idle(struct vkc *c)
{
	struct bench_options few = { .draws = 100, .repeat = 1 };
	measure_draws(c, &few);
	printf("READY\n");
	fflush(stdout);
	char byte;
	while (read(STDIN_FILENO, &byte, 1) > 0) {
	}
}

int main(int argc, char **argv)
{
	struct bench_options options = { .draws = 100000, .repeat = 4 };
	const char *only = NULL;
	bool wait = false;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--only") && i + 1 < argc) {
			only = argv[++i];
		} else if (!strcmp(argv[i], "--draws") && i + 1 < argc) {
			options.draws = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else if (!strcmp(argv[i], "--repeat") && i + 1 < argc) {
			options.repeat = (uint32_t)strtoul(argv[++i], NULL, 10);
		} else if (!strcmp(argv[i], "--idle")) {
			wait = true;
		} else {
			fputs(usage, stderr);
			return 2;
		}
	}
	if (!options.draws || !options.repeat) {
		fputs(usage, stderr);
		return 2;
	}

	struct vkc c;
	vkc_open(&c, "vitrine-bench", false);
	printf("device\t%s\t%u.%u.%u\n", c.props.deviceName, VK_API_VERSION_MAJOR(c.props.apiVersion),
	       VK_API_VERSION_MINOR(c.props.apiVersion), VK_API_VERSION_PATCH(c.props.apiVersion));
	fflush(stdout);
	if (wait) {
		idle(&c);
	} else {
		for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
			if (chosen(only, groups[i].name)) {
				groups[i].measure(&c, &options);
			}
		}
	}
	vkc_close(&c);
	return 0;
}
