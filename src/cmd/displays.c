/* SPDX-License-Identifier: MIT */
#include "cmd/displays.h"

#include <stdio.h>
#include <unistd.h>

#include "cmd/opts.h"
#include "screen/protocol.h"
#include "screen/screen.h"

bool vtr_displays_are_given(const struct vtr_command *command)
{
	/* A board is what no shell would hand over by chance. */
	if (isatty(STDIN_FILENO) || lseek(VTR_SCREEN_FD_BOARD, 0, SEEK_END) <= 0) {
		fprintf(stderr, "vitrine %s: this is what 'vitrine gpu' starts; start that.\n",
		        command->name);
		return false;
	}
	return true;
}

enum vtr_err vtr_displays_open(struct vtr_log *log, uint64_t window_size, struct vtr_screen **out_screen)
{
	const struct vtr_screen_params params = {
		.log = log,
		.control_fd = VTR_SCREEN_FD_CONTROL,
		.board_fd = VTR_SCREEN_FD_BOARD,
		.notes_fd = VTR_SCREEN_FD_NOTES,
		.bell_fd = VTR_SCREEN_FD_BELL,
		.window_fd = window_size > 0 ? VTR_SCREEN_FD_WINDOW : -1,
		.window_size = window_size,
	};

	return vtr_screen_create(&params, out_screen);
}
