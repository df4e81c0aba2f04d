/* SPDX-License-Identifier: MIT */
#include "cmd/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "base/mem.h"
#include "cmd/service.h"
#include "vhost/vhost_user.h"
#include "virtio/input.h"

/* One QEMU, and a second one that is refused. */
#define LISTEN_BACKLOG 2

struct device {
	struct vtr_listener listener;
	struct vtr_virtio_input *input;
	struct vtr_vhost_user *server;
};

/* Keyboard, tablet, touch screen and pads. */
#define MAX_DEVICES (3 + VTR_PADS)

struct vtr_input_devices {
	struct device items[MAX_DEVICES];
	size_t count;
};

static enum vtr_err listen_at(struct device *device, struct vtr_service *service, const char *option,
                              const char *base, const char *suffix)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int length = snprintf(path, sizeof(path), "%s%s", base, suffix);

	if (length < 0 || (size_t)length >= sizeof(path)) {
		fprintf(stderr,
		        "vitrine gpu: --%s %s is too long: the path of a socket has at most 107 "
		        "characters. Choose a shorter one\n",
		        option, base);
		return VTR_ERR_ARG;
	}
	return vtr_service_listen(service, "gpu", path, 0600, LISTEN_BACKLOG, &device->listener);
}

static enum vtr_err start_device(struct device *device, enum vtr_virtio_input_kind kind, uint32_t number,
                                 const struct vtr_input_devices_params *params)
{
	const struct vtr_virtio_input_params input_params = {
		.log = params->log,
		.loop = params->loop,
		.kind = kind,
		.number = number,
		.lights = params->lights,
		.data = params->data,
	};
	enum vtr_err err = vtr_virtio_input_create(&input_params, &device->input);

	if (err != VTR_OK) {
		return err;
	}
	const struct vtr_vhost_user_params server_params = {
		.log = params->log,
		.loop = params->loop,
		.device = vtr_virtio_input_device(device->input),
		.listen_fd = device->listener.fd,
	};
	return vtr_vhost_user_create(&server_params, &device->server);
}

/* Where a device listens: the option's value and a suffix. */
struct place {
	enum vtr_virtio_input_kind kind;
	uint32_t number;
	const char *option, *base, *suffix;
};

static enum vtr_err add(struct vtr_input_devices *devices, const struct place *place,
                        const struct vtr_input_devices_params *params)
{
	if (!place->base) {
		return VTR_OK;
	}
	struct device *device = &devices->items[devices->count++];
	device->listener.fd = -1;
	enum vtr_err err = listen_at(device, params->service, place->option, place->base, place->suffix);
	return err == VTR_OK ? start_device(device, place->kind, place->number, params) : err;
}

static enum vtr_err add_all(struct vtr_input_devices *devices, const struct vtr_input_devices_params *params)
{
	const struct place places[] = {
		{ VTR_VIRTIO_KEYBOARD, 0, "input", params->path, ".keyboard" },
		{ VTR_VIRTIO_TABLET, 0, "input", params->path, ".tablet" },
		{ VTR_VIRTIO_TOUCH, 0, "touch", params->touch, "" },
	};
	enum vtr_err err = VTR_OK;

	for (size_t i = 0; i < VTR_ARRAY_LEN(places) && err == VTR_OK; i++) {
		err = add(devices, &places[i], params);
	}
	for (uint32_t i = 0; i < params->pads->count && err == VTR_OK; i++) {
		err = add(devices, &(struct place){ VTR_VIRTIO_PAD, i, "pad", params->pads->items[i], "" },
		          params);
	}
	return err;
}

enum vtr_err vtr_input_devices_create(const struct vtr_input_devices_params *params,
                                      struct vtr_input_devices **out_devices)
{
	struct vtr_input_devices *devices = calloc(1, sizeof(*devices));

	if (!devices) {
		return VTR_ERR_NOMEM;
	}
	enum vtr_err err = add_all(devices, params);
	if (err != VTR_OK) {
		vtr_input_devices_destroy(devices);
		return err;
	}
	*out_devices = devices;
	return VTR_OK;
}

void vtr_input_devices_destroy(struct vtr_input_devices *devices)
{
	if (!devices) {
		return;
	}
	for (size_t i = 0; i < devices->count; i++) {
		struct device *device = &devices->items[i];
		vtr_vhost_user_destroy(device->server);
		vtr_virtio_input_destroy(device->input);
		vtr_listener_close(&device->listener);
	}
	free(devices);
}

void vtr_input_devices_take(struct vtr_input_devices *devices, const struct vtr_input *event)
{
	for (size_t i = 0; i < devices->count; i++) {
		vtr_virtio_input_take(devices->items[i].input, event);
	}
}
