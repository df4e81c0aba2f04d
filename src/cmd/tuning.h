/* SPDX-License-Identifier: MIT */
#ifndef CMD_TUNING_H
#define CMD_TUNING_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/opts.h"

/* What `-o NAME=VALUE` sets, for all commands that serve clients; handed on to their workers. */
struct vtr_tuning {
	uint64_t max_memory;
	uint32_t import_alignment;
	uint32_t handshake_ms;
	uint32_t reply_ms;
	bool no_host_import;
	bool no_export;
	bool no_sandbox;
	const char *driver;
};

/* The row for a command's table of options; `into` has a struct vtr_opt_list at `offset_`. */
#define VTR_TUNING_OPT(offset_) \
	{ .name = "option",     \
	  .letter = 'o',        \
	  .kind = VTR_OPT_LIST, \
	  .offset = (offset_),  \
	  .arg = "NAME=VALUE",  \
	  .help = "tune the renderer, see below" }

/* For the help of those commands. */
extern const char vtr_tuning_help[];

/* Complains on stderr about what it does not know. Returns: VTR_ERR_ARG. */
VTR_MUST_CHECK enum vtr_err vtr_tuning_parse(const struct vtr_command *command,
                                             const struct vtr_opt_list *list, struct vtr_tuning *out_tuning);

#endif
