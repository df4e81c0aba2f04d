/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/commands.h"
#include "worker/zygote.h"

struct options {
	uint32_t control_fd;
};

static const struct vtr_opt opts[] = {
	{ .name = "control-fd",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, control_fd),
	  .arg = "N",
	  .help = "take requests to start workers from this fd" },
};

/* The name in this process's command line, which the kernel shows to others. */
static char *shown_name;

static int run_forked_worker(int argc, char **argv)
{
	const char *name = vtr_cmd_worker.name;

	if (strlen(name) <= strlen(shown_name)) {
		memset(shown_name, '\0', strlen(shown_name));
		memcpy(shown_name, name, strlen(name));
	}
	return vtr_cmd_worker.run(&vtr_cmd_worker, argc, argv);
}

static int run_zygote(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { 0 };
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	if (options.control_fd == 0 || options.control_fd > INT32_MAX) {
		fprintf(stderr,
		        "vitrine zygote: this command is internal: 'vitrine serve' and 'vitrine gpu' start "
		        "it to fork workers from. Run one of them instead.\n");
		return VTR_EXIT_USAGE;
	}
	shown_name = argv[0];
	const struct vtr_zygote_process process = { .control_fd = (int)options.control_fd,
		                                    .run = run_forked_worker };
	return vtr_zygote_serve(&process) == VTR_OK ? 0 : 1;
}

const struct vtr_command vtr_cmd_zygote = {
	.name = "zygote",
	.args = "",
	.summary = NULL,
	.details = NULL,
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.ignores_sigpipe = true,
	.run = run_zygote,
};
