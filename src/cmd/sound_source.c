/* SPDX-License-Identifier: MIT */
#include "cmd/sound_source.h"

#include "base/mem.h"
#include "display/client.h"
#include "display/protocol.h"
#include "display/sound_page.h"
#include "platform/shm.h"
#include "screen/mixer.h"

static void listen_to_front(void *data, bool on)
{
	vtr_display_client_listen_to_sound(data, on);
}

static void speak(void *data, const struct vtr_audio_block *block)
{
	/* A block that cannot be sent now is too late afterwards. */
	(void)(vtr_display_client_send_microphone(data, block) == VTR_OK);
}

enum vtr_err vtr_sound_source_open(struct vtr_log *log, struct vtr_display_client *screen,
                                   const struct vtr_sound_page **out_page, struct vtr_audio_mixer **out_mixer)
{
	vtr_autofd int fd = VTR_DISPLAY_FD_SOUND;
	struct vtr_audio_mixer_params params = {
		.log = log,
		.listen = listen_to_front,
		.speak = speak,
		.data = screen,
	};
	void *map;
	enum vtr_err err = vtr_os_shm_check(fd, sizeof(*params.page));

	if (err == VTR_OK) {
		err = vtr_os_shm_map(fd, 0, sizeof(*params.page), false, &map);
	}
	if (err == VTR_OK) {
		params.page = map;
		err = vtr_audio_mixer_create(&params, out_mixer);
	}
	if (err == VTR_OK) {
		*out_page = params.page;
	}
	return err;
}
