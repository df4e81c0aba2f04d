/* SPDX-License-Identifier: MIT */
/* In place of the rest of this folder in a build without windows (meson option "window"). The commands refuse the
 * options that need them. */
#include <stdio.h>

#include "present/host_audio.h"
#include "present/present.h"

bool vtr_present_is_built(void)
{
	return false;
}

bool vtr_present_knows_renderer(const char *name)
{
	(void)name;
	return false;
}

enum vtr_err vtr_present_create(const struct vtr_present_params *params, struct vtr_present **out_present)
{
	(void)params;
	(void)out_present;
	return VTR_ERR_UNSUPPORTED;
}

void vtr_present_destroy(struct vtr_present *present)
{
	(void)present;
}

enum vtr_err vtr_present_run(struct vtr_present *present)
{
	(void)present;
	return VTR_ERR_UNSUPPORTED;
}

void vtr_present_quit(struct vtr_present *present)
{
	(void)present;
}

void vtr_present_show_microphone(struct vtr_present *present, bool on)
{
	(void)present;
	(void)on;
}

const struct vtr_sdl *vtr_present_sdl(const struct vtr_present *present)
{
	(void)present;
	return NULL;
}

enum vtr_err vtr_host_audio_create(const struct vtr_host_audio_params *params,
                                   struct vtr_host_audio **out_audio)
{
	(void)params;
	(void)out_audio;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_host_audio_destroy(struct vtr_host_audio *audio)
{
	(void)audio;
	return VTR_OK;
}

void vtr_host_audio_play(struct vtr_host_audio *audio, const struct vtr_audio_block *block)
{
	(void)audio;
	(void)block;
}

void vtr_host_audio_idle(struct vtr_host_audio *audio)
{
	(void)audio;
}

void vtr_host_audio_record(struct vtr_host_audio *audio, bool on)
{
	(void)audio;
	(void)on;
}

enum vtr_err vtr_present_probe(char *out_what, size_t size)
{
	snprintf(out_what, size, "this vitrine was built without windows");
	return VTR_ERR_UNSUPPORTED;
}
