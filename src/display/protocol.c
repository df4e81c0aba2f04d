/* SPDX-License-Identifier: MIT */
#include "display/protocol.h"

#include "display/audio.h"
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
	[VTR_DISPLAY_MSG_MICROPHONE] = { .name = "MICROPHONE", .size = sizeof(struct vtr_audio_block) },
	[VTR_DISPLAY_MSG_LISTEN] = { .name = "LISTEN", .size = sizeof(struct vtr_display_msg_listen) },
};

bool vtr_display_wheel_fits(int32_t wheel)
{
	return wheel >= -VTR_SCREEN_WHEEL_MAX && wheel <= VTR_SCREEN_WHEEL_MAX;
}

static bool check_pad(const struct vtr_display_msg_input *input)
{
	bool fits = input->code < VTR_PADS && (input->buttons & ~VTR_PAD_BUTTONS) == 0;

	for (size_t i = VTR_PAD_FIRST_TRIGGER; i < VTR_PAD_AXES; i++) {
		fits = fits && input->axes[i] >= 0;
	}
	return fits;
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
	case VTR_INPUT_TOUCH:
		return input->code < VTR_TOUCH_CONTACTS && input->down <= 1 &&
		       input->x <= VTR_INPUT_MAX_PLACE && input->y <= VTR_INPUT_MAX_PLACE;
	case VTR_INPUT_PAD:
		return check_pad(input);
	case VTR_INPUT_RELEASE:
		return true;
	default:
		return false;
	}
}
