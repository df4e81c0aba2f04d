/* SPDX-License-Identifier: MIT */
#include "display/protocol.h"

#include "display/types.h"

const struct vtr_ipc_rule vtr_display_msg_rules[VTR_DISPLAY_MSG_COUNT] = {
	[VTR_DISPLAY_MSG_BUFFER] = { .name = "BUFFER",
	                             .size = sizeof(struct vtr_display_msg_buffer),
	                             .min_fds = 1,
	                             .max_fds = 1 },
	[VTR_DISPLAY_MSG_BUFFER_GONE] = { .name = "BUFFER_GONE",
	                                  .size = sizeof(struct vtr_display_msg_buffer_gone) },
	[VTR_DISPLAY_MSG_MODE] = { .name = "MODE", .size = sizeof(struct vtr_display_msg_mode) },
	[VTR_DISPLAY_MSG_INPUT] = { .name = "INPUT", .size = sizeof(struct vtr_display_msg_input) },
};

bool vtr_display_wheel_fits(int32_t wheel)
{
	return wheel >= -VTR_SCREEN_WHEEL_MAX && wheel <= VTR_SCREEN_WHEEL_MAX;
}

bool vtr_display_input_check(const struct vtr_display_msg_input *input)
{
	if (input->display >= VTR_MAX_DISPLAYS) {
		return false;
	}
	switch (input->kind) {
	case VTR_INPUT_KEY:
		return input->code > 0 && input->code <= VTR_INPUT_MAX_CODE && input->down <= 1;
	case VTR_INPUT_MOTION:
		return input->x <= VTR_INPUT_MAX_PLACE && input->y <= VTR_INPUT_MAX_PLACE;
	case VTR_INPUT_WHEEL:
		return vtr_display_wheel_fits(input->wheel_x) && vtr_display_wheel_fits(input->wheel_y);
	case VTR_INPUT_RELEASE:
		return true;
	default:
		return false;
	}
}
