/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/child.h"
#include "cmd/demo.h"
#include "cmd/program.h"
#include "cmd/vtest_server.h"
#include "platform/proc.h"

#define CUBE "vitrine-cube"
#define OUTPUT_MAX 4096
#define NAME_MAX_LENGTH 256

/* What the cube program prints about one run. */
struct result {
	char device[NAME_MAX_LENGTH];
	double rate;
};

/* Next to this program, as in the build folder, or where it is installed. */
static enum vtr_err find_cube(const char *self, char *out_path, size_t size)
{
	static const char *const places[] = { CUBE, "demo/" CUBE, "../libexec/vitrine/" CUBE };
	char path[PATH_MAX];
	const char *slash = strrchr(self, '/');
	int length = slash ? (int)(slash - self) : 0;

	for (size_t i = 0; i < VTR_ARRAY_LEN(places); i++) {
		int n = snprintf(path, sizeof(path), "%.*s/%s", length, self, places[i]);
		if (n > 0 && (size_t)n < sizeof(path) && vtr_program_find(path, out_path, size) == VTR_OK) {
			return VTR_OK;
		}
	}
	fprintf(stderr,
	        "vitrine demo: cannot find %s, the program that draws the picture: it belongs beside "
	        "vitrine or into ../libexec/vitrine. Run 'make', or install vitrine again\n",
	        CUBE);
	return VTR_ERR_GONE;
}

/* Finds "key: value" at the start of a line. */
static const char *find_value(const char *output, const char *key)
{
	size_t length = strlen(key);

	while (*output) {
		if (strncmp(output, key, length) == 0 && strncmp(output + length, ": ", 2) == 0) {
			return output + length + 2;
		}
		output += strcspn(output, "\n");
		output += *output == '\n';
	}
	return NULL;
}

static enum vtr_err read_result(const char *output, struct result *out_result)
{
	const char *device = find_value(output, "device");
	const char *rate = find_value(output, "frames/s");

	if (!device || !rate) {
		return VTR_ERR_INVALID;
	}
	snprintf(out_result->device, sizeof(out_result->device), "%.*s", (int)strcspn(device, "\n"), device);
	out_result->rate = strtod(rate, NULL);
	return VTR_OK;
}

/* Runs argv and parses its output. */
static enum vtr_err run_once(char *const *argv, const char *const *env, struct result *out_result)
{
	char output[OUTPUT_MAX];
	enum vtr_err err = vtr_child_run(argv, env, -1, output, sizeof(output));

	if (err == VTR_OK) {
		err = read_result(output, out_result);
	}
	if (err != VTR_OK) {
		fprintf(stderr, "vitrine demo: %s ended with an error\n", argv[0]);
	}
	return err;
}

static enum vtr_err run_native(const char *cube, const struct vtr_tuning *tuning, char *frames,
                               struct result *out_result)
{
	vtr_autofree char *path = strdup(cube);
	char frames_opt[] = "--frames";
	char *argv[] = { path, frames_opt, frames, NULL };
	struct vtr_driver_env env;

	if (!path) {
		return VTR_ERR_NOMEM;
	}
	enum vtr_err err = vtr_driver_env_init(tuning, &env);
	if (err == VTR_OK) {
		err = run_once(argv, (const char *const *)env.set, out_result);
		vtr_driver_env_finish(&env);
	}
	return err;
}

/* vitrine run [-o ...] -- vitrine-cube --frames N --png FILE */
static enum vtr_err run_through(const char *self, const char *cube, const struct vtr_demo *options,
                                char *frames, struct result *out_result)
{
	const char *argv[2 + 2 * VTR_OPT_LIST_MAX + 8];
	size_t count = 0;

	argv[count++] = self;
	argv[count++] = "run";
	for (size_t i = 0; i < options->tuning.count; i++) {
		argv[count++] = "-o";
		argv[count++] = options->tuning.items[i];
	}
	argv[count++] = "--";
	argv[count++] = cube;
	argv[count++] = "--frames";
	argv[count++] = frames;
	argv[count++] = "--png";
	argv[count++] = options->output;
	argv[count] = NULL;
	/* exec() takes char **, and does not change it */
	return run_once((char **)argv, NULL, out_result);
}

int vtr_demo_local(const struct vtr_demo *demo, const struct vtr_tuning *tuning)
{
	struct result native;
	struct result through;
	char self[PATH_MAX];
	char cube[PATH_MAX];
	char frames[16];
	enum vtr_err err = vtr_os_self_path(self, sizeof(self));

	if (err == VTR_OK) {
		err = find_cube(self, cube, sizeof(cube));
	}
	if (err != VTR_OK) {
		return 1;
	}
	snprintf(frames, sizeof(frames), "%u", demo->frames);
	err = run_native(cube, tuning, frames, &native);
	if (err == VTR_OK) {
		err = run_through(self, cube, demo, frames, &through);
	}
	if (err != VTR_OK) {
		fprintf(stderr,
		        "vitrine demo: no picture was drawn: %s. Run 'vitrine doctor' to see what is "
		        "missing\n",
		        vtr_err_text(err));
		return 1;
	}
	printf("%s: %s, %.1f frames/s native, %.1f through vitrine (%.2f)\n", demo->output, through.device,
	       native.rate, through.rate, through.rate / native.rate);
	return 0;
}
