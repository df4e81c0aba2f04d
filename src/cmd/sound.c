/* SPDX-License-Identifier: MIT */
#include "cmd/sound.h"

#include <stdlib.h>

#include "cmd/service.h"
#include "display_host/host.h"
#include "vhost/vhost_user.h"
#include "virtio/sound.h"

/* One QEMU, and a second one that is refused. */
#define LISTEN_BACKLOG 2

struct vtr_sound_device {
	struct vtr_listener listener;
	struct vtr_display_host *screen;
	struct vtr_virtio_sound *sound;
	struct vtr_vhost_user *server;
};

static void wake(void *data)
{
	struct vtr_sound_device *device = data;

	vtr_display_host_wake_sound(device->screen);
}

static enum vtr_err start(struct vtr_sound_device *device, const struct vtr_sound_device_params *params)
{
	const struct vtr_virtio_sound_params sound_params = {
		.log = params->log,
		.loop = params->loop,
		.page = vtr_display_host_sound_page(params->screen),
		.wake = wake,
		.data = device,
	};
	enum vtr_err err = vtr_service_listen(params->service, "gpu", params->path, 0600, LISTEN_BACKLOG,
	                                      &device->listener);

	if (err == VTR_OK) {
		err = vtr_virtio_sound_create(&sound_params, &device->sound);
	}
	if (err != VTR_OK) {
		return err;
	}
	const struct vtr_vhost_user_params server_params = {
		.log = params->log,
		.loop = params->loop,
		.device = vtr_virtio_sound_device(device->sound),
		.listen_fd = device->listener.fd,
	};
	return vtr_vhost_user_create(&server_params, &device->server);
}

enum vtr_err vtr_sound_device_create(const struct vtr_sound_device_params *params,
                                     struct vtr_sound_device **out_device)
{
	struct vtr_sound_device *device = calloc(1, sizeof(*device));

	if (!device) {
		return VTR_ERR_NOMEM;
	}
	device->listener.fd = -1;
	device->screen = params->screen;
	enum vtr_err err = start(device, params);
	if (err != VTR_OK) {
		vtr_sound_device_destroy(device);
		return err;
	}
	*out_device = device;
	return VTR_OK;
}

void vtr_sound_device_destroy(struct vtr_sound_device *device)
{
	if (!device) {
		return;
	}
	vtr_vhost_user_destroy(device->server);
	vtr_virtio_sound_destroy(device->sound);
	vtr_listener_close(&device->listener);
	free(device);
}

void vtr_sound_device_listen(struct vtr_sound_device *device, bool listens)
{
	vtr_virtio_sound_listen(device->sound, listens);
}

void vtr_sound_device_hear(struct vtr_sound_device *device, const struct vtr_audio_block *block)
{
	vtr_virtio_sound_hear(device->sound, block);
}
