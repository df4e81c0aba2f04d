/* SPDX-License-Identifier: MIT */
#ifndef CMD_TUNING_H
#define CMD_TUNING_H

#include "cmd/opts.h"
#include "vk/renderer_config.h"

/* Whether workers are forked from a process that has loaded the driver (pool/zygote.h). */
enum vtr_zygote_mode {
	VTR_ZYGOTE_AUTO, /* where that was tried, and pays: for servers of many clients on drivers for CPUs */
	VTR_ZYGOTE_ON,
	VTR_ZYGOTE_OFF,
};

/* The settings of `-o NAME=VALUE`, for all commands that serve clients. */
struct vtr_tuning {
	struct vtr_renderer_config renderer; /* for the processes that load drivers */
	const char *driver; /* manifests for their Vulkan loader; NULL: the loader's default */
	uint8_t zygote; /* enum vtr_zygote_mode */
};

/* The row for a command's table of options. At `offset_`, the command's options have a struct vtr_opt_list. */
#define VTR_TUNING_OPT(offset_) \
	{ .name = "option",     \
	  .letter = 'o',        \
	  .kind = VTR_OPT_LIST, \
	  .offset = (offset_),  \
	  .arg = "NAME=VALUE",  \
	  .help = "tune the renderer, see below" }

/* The row for the folder of compiled shaders, see vtr_workers_open_cache(). `default_` is a literal. */
#define VTR_CACHE_OPT(offset_, default_) \
	{ .name = "cache",               \
	  .kind = VTR_OPT_TEXT,          \
	  .offset = (offset_),           \
	  .arg = "DIR",                  \
	  .help = "keep compiled shaders in this folder, or none; default: " default_ }

/* The section of these commands' help. */
extern const char vtr_tuning_help[];

/* Prints unknown or invalid settings on stderr. Returns: VTR_ERR_ARG; *out_tuning is undefined then. */
VTR_MUST_CHECK enum vtr_err vtr_tuning_parse(const struct vtr_command *command,
                                             const struct vtr_opt_list *list, struct vtr_tuning *out_tuning);

#endif
