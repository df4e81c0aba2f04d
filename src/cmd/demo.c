/* SPDX-License-Identifier: MIT */
#include "cmd/demo.h"

#include <stdio.h>

#include "base/mem.h"
#include "cmd/commands.h"

#define DEFAULT_FRAMES 120

static const struct vtr_opt opts[] = {
	{ .name = "exit-after",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct vtr_demo, exit_after),
	  .arg = "SEC",
	  .help = "end after SEC seconds; default: at Ctrl-C" },
	{ .name = "http",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct vtr_demo, http),
	  .arg = "ADDR:PORT",
	  .help = "serve the web page there; default: 127.0.0.1 and the first free port from 8765" },
	{ .name = "display",
	  .kind = VTR_OPT_LIST,
	  .offset = offsetof(struct vtr_demo, displays),
	  .arg = "WxH[@HZ]",
	  .help = "add a display to the guest, may be repeated; default: one of 1280x800" },
	{ .name = "window",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct vtr_demo, window),
	  .help = "show the guest in a window on this machine's desktop as well" },
	{ .name = "record",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct vtr_demo, record),
	  .arg = "FILE",
	  .help = "record the guest's display into a file, .mp4 or .mkv" },
	{ .name = "guest",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct vtr_demo, guest),
	  .arg = "FOLDER",
	  .help = "boot vmlinuz and initramfs.img, with disk.img if there is one, from this folder; "
	          "default: the sample guest, from 'make guest' or the package vitrine-demo" },
	{ .name = "qemu",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct vtr_demo, qemu),
	  .arg = "FILE",
	  .help = "use this qemu-system-x86_64, 11.1 or newer; default: the system's, or the one that "
	          "came with the sample guest" },
	{ .name = "accel",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct vtr_demo, accel),
	  .arg = "NAME",
	  .help = "run the guest with kvm or tcg; default: kvm if the processor has it and you may use "
	          "it" },
	{ .name = "local",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct vtr_demo, local),
	  .help = "draw a picture with a local program instead of a VM, natively and through vitrine" },
	{ .name = "frames",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct vtr_demo, frames),
	  .arg = "N",
	  .help = "with --local: draw N frames each time; default: 120" },
	{ .name = "output",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct vtr_demo, output),
	  .arg = "FILE",
	  .help = "with --local: write the picture to this file; default: demo.png" },
	VTR_TUNING_OPT(offsetof(struct vtr_demo, tuning)),
};

static int run_demo(const struct vtr_command *command, int argc, char **argv)
{
	struct vtr_demo demo = { .frames = DEFAULT_FRAMES, .output = "demo.png" };
	struct vtr_tuning tuning;
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &demo, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	err = vtr_tuning_parse(command, &demo.tuning, &tuning);
	if (err != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	if (demo.frames == 0) {
		fprintf(stderr, "vitrine demo: --frames 0 draws nothing. Give at least 1\n");
		return VTR_EXIT_USAGE;
	}
	return demo.local ? vtr_demo_local(&demo, &tuning) : vtr_demo_vm(&demo);
}

const struct vtr_command vtr_cmd_demo = {
	.name = "demo",
	.args = "",
	.summary = "Boot the sample guest on this machine's GPU",
	.details = vtr_tuning_help,
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.ignores_sigpipe = true,
	.run = run_demo,
};
