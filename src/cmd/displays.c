/* SPDX-License-Identifier: MIT */
#include "cmd/displays.h"

#include <stdio.h>
#include <unistd.h>

#include "display/client.h"
#include "display/protocol.h"

bool vtr_displays_are_given(const struct vtr_command *command)
{
	/* A shell does not pass a scanout page at this fd. */
	if (isatty(STDIN_FILENO) || lseek(VTR_DISPLAY_FD_PAGE, 0, SEEK_END) <= 0) {
		fprintf(stderr,
		        "vitrine %s: this command is internal: 'vitrine gpu' starts it. Run 'vitrine gpu' "
		        "instead.\n",
		        command->name);
		return false;
	}
	return true;
}

enum vtr_err vtr_displays_open(struct vtr_log *log, uint64_t hostmem_size,
                               struct vtr_display_client **out_screen)
{
	const struct vtr_display_client_params params = {
		.log = log,
		.control_fd = VTR_DISPLAY_FD_CONTROL,
		.page_fd = VTR_DISPLAY_FD_PAGE,
		.acks_fd = VTR_DISPLAY_FD_ACKS,
		.bell_fd = VTR_DISPLAY_FD_BELL,
		.hostmem_fd = hostmem_size > 0 ? VTR_DISPLAY_FD_HOSTMEM : -1,
		.hostmem_size = hostmem_size,
	};

	return vtr_display_client_create(&params, out_screen);
}
