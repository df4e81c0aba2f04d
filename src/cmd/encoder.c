/* SPDX-License-Identifier: MIT */
/* Tests whether a video encoder works. This runs in a process of its own, because the encoder's driver may
 * crash. */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/commands.h"
#include "encode/encoder.h"

struct options {
	const char *name;
};

static const struct vtr_opt opts[] = {
	{ .name = "name",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, name),
	  .arg = "NAME",
	  .help = "try this encoder" },
};

static int run_encoder(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { 0 };
	struct vtr_log *log = NULL;
	struct vtr_codec *codec;
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	if (vtr_log_create("error", STDERR_FILENO, NULL, &log) != VTR_OK) {
		return 1;
	}
	err = vtr_codec_open(log, options.name, &codec);
	if (err == VTR_OK) {
		printf("works\n");
		vtr_codec_close(codec);
	}
	vtr_log_destroy(log);
	return err == VTR_OK ? 0 : 1;
}

const struct vtr_command vtr_cmd_encoder = {
	.name = "encoder",
	.args = "",
	.summary = NULL,
	.details = NULL,
	.opts = opts,
	.opt_count = 1,
	.run = run_encoder,
};
