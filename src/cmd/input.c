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

/* In the order of their creation. */
static const struct {
	enum vtr_virtio_input_kind kind;
	const char *suffix;
} kinds[] = {
	{ VTR_VIRTIO_KEYBOARD, ".keyboard" },
	{ VTR_VIRTIO_TABLET, ".tablet" },
};

struct vtr_input_devices {
	struct device items[VTR_ARRAY_LEN(kinds)];
};

static enum vtr_err listen_at(struct device *device, struct vtr_service *service, const char *base,
                              const char *suffix)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int length = snprintf(path, sizeof(path), "%s%s", base, suffix);

	if (length < 0 || (size_t)length >= sizeof(path)) {
		fprintf(stderr,
		        "vitrine gpu: --input %s is too long: the path of a socket has at most 107 "
		        "characters. Choose a shorter one\n",
		        base);
		return VTR_ERR_ARG;
	}
	return vtr_service_listen(service, "gpu", path, 0600, LISTEN_BACKLOG, &device->listener);
}

static enum vtr_err start_device(struct device *device, enum vtr_virtio_input_kind kind,
                                 const struct vtr_input_devices_params *params)
{
	const struct vtr_virtio_input_params input_params = {
		.log = params->log,
		.loop = params->loop,
		.kind = kind,
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

enum vtr_err vtr_input_devices_create(const struct vtr_input_devices_params *params,
                                      struct vtr_input_devices **out_devices)
{
	struct vtr_input_devices *devices = calloc(1, sizeof(*devices));
	enum vtr_err err = VTR_OK;

	if (!devices) {
		return VTR_ERR_NOMEM;
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(kinds); i++) {
		devices->items[i].listener.fd = -1;
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(kinds) && err == VTR_OK; i++) {
		err = listen_at(&devices->items[i], params->service, params->path, kinds[i].suffix);
		if (err == VTR_OK) {
			err = start_device(&devices->items[i], kinds[i].kind, params);
		}
	}
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
	for (size_t i = 0; i < VTR_ARRAY_LEN(kinds); i++) {
		struct device *device = &devices->items[i];
		vtr_vhost_user_destroy(device->server);
		vtr_virtio_input_destroy(device->input);
		vtr_listener_close(&device->listener);
	}
	free(devices);
}

void vtr_input_devices_take(struct vtr_input_devices *devices, const struct vtr_input *event)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(kinds); i++) {
		vtr_virtio_input_take(devices->items[i].input, event);
	}
}
