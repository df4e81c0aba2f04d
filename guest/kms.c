/* SPDX-License-Identifier: MIT */
#include "kms.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vkclient.h"

#define FLIP_TIMEOUT_MS 20000 /* a busy host has not failed */
#define UEVENT_GROUP 1

static int call(struct kms *k, unsigned long request, void *argument)
{
	int status;
	do {
		status = ioctl(k->fd, request, argument);
	} while (status < 0 && (errno == EINTR || errno == EAGAIN));
	return status < 0 ? errno : 0;
}

static void must(struct kms *k, unsigned long request, void *argument, const char *what)
{
	int error = call(k, request, argument);
	if (error) {
		vkc_fail("%s: %s", what, strerror(error));
	}
}

/* The kernel reports hot-plug in netlink messages; without them only hot-plug is missed. */
static int open_events(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void kms_open(struct kms *k)
{
	char path[32];
	for (int i = 0; i < 8; i++) {
		struct drm_mode_card_res res = { 0 };
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		k->fd = open(path, O_RDWR | O_CLOEXEC);
		if (k->fd >= 0 && !call(k, DRM_IOCTL_MODE_GETRESOURCES, &res) && res.count_connectors) {
			k->events = open_events();
			return;
		}
		if (k->fd >= 0) {
			close(k->fd);
		}
	}
	vkc_fail("no /dev/dri/card has outputs: is there a virtio-gpu, and is its driver loaded?");
}

void kms_close(struct kms *k)
{
	close(k->fd);
	if (k->events >= 0) {
		close(k->events);
	}
}

/* The first CRTC that the connector's encoder can use and that is not taken. */
static uint32_t find_crtc(struct kms *k, uint32_t encoder_id, const uint32_t *crtcs, uint32_t count,
                          uint32_t *taken)
{
	struct drm_mode_get_encoder encoder = { .encoder_id = encoder_id };
	must(k, DRM_IOCTL_MODE_GETENCODER, &encoder, "an encoder");
	for (uint32_t i = 0; i < count; i++) {
		if (encoder.possible_crtcs & ~*taken & 1u << i) {
			*taken |= 1u << i;
			return crtcs[i];
		}
	}
	return 0;
}

/* The preferred mode, or the first. Asking with room for none makes the kernel look again. */
static bool read_connector(struct kms *k, uint32_t id, uint32_t *out_encoder,
                           struct drm_mode_modeinfo *out_mode)
{
	struct drm_mode_modeinfo modes[128];
	uint32_t encoders[8];
	struct drm_mode_get_connector head = { .connector_id = id };
	must(k, DRM_IOCTL_MODE_GETCONNECTOR, &head, "a connector");
	struct drm_mode_get_connector c = {
		.connector_id = id,
		.modes_ptr = (uintptr_t)modes,
		.encoders_ptr = (uintptr_t)encoders,
		.count_modes = head.count_modes < 128 ? head.count_modes : 128,
		.count_encoders = head.count_encoders < 8 ? head.count_encoders : 8,
	};
	if (head.count_modes == 0 || head.connection != DRM_CONNECTED) {
		return false;
	}
	if (head.count_modes > 128) {
		vkc_fail("connector %u has %u modes", id, head.count_modes);
	}
	must(k, DRM_IOCTL_MODE_GETCONNECTOR, &c, "a connector's modes");
	if (c.count_modes == 0 || c.count_encoders == 0) {
		return false;
	}
	*out_mode = modes[0];
	for (uint32_t i = c.count_modes < 128 ? c.count_modes : 128; i-- > 0;) {
		if (modes[i].type & DRM_MODE_TYPE_PREFERRED) {
			*out_mode = modes[i];
		}
	}
	*out_encoder = encoders[0];
	return true;
}

uint32_t kms_outputs(struct kms *k, struct kms_output out_outputs[KMS_MAX_OUTPUTS])
{
	uint32_t crtcs[KMS_MAX_OUTPUTS];
	uint32_t connectors[KMS_MAX_OUTPUTS];
	struct drm_mode_card_res res = {
		.crtc_id_ptr = (uintptr_t)crtcs,
		.connector_id_ptr = (uintptr_t)connectors,
		.count_crtcs = KMS_MAX_OUTPUTS,
		.count_connectors = KMS_MAX_OUTPUTS,
	};
	must(k, DRM_IOCTL_MODE_GETRESOURCES, &res, "outputs");
	if (res.count_crtcs > KMS_MAX_OUTPUTS || res.count_connectors > KMS_MAX_OUTPUTS) {
		vkc_fail("more than %d outputs", KMS_MAX_OUTPUTS);
	}
	uint32_t count = 0;
	uint32_t taken = 0;
	for (uint32_t i = 0; i < res.count_connectors; i++) {
		struct kms_output *output = &out_outputs[count];
		uint32_t encoder;
		if (!read_connector(k, connectors[i], &encoder, &output->mode)) {
			continue;
		}
		output->connector = connectors[i];
		output->crtc = find_crtc(k, encoder, crtcs, res.count_crtcs, &taken);
		count += output->crtc != 0;
	}
	return count;
}

bool kms_changed(struct kms *k)
{
	char text[4096];
	bool changed = false;
	ssize_t size;
	while (k->events >= 0 && (size = recv(k->events, text, sizeof(text) - 1, 0)) > 0) {
		text[size] = 0;
		/* NUL-terminated lines */
		for (char *line = text; line < text + size; line += strlen(line) + 1) {
			changed |= !strcmp(line, "HOTPLUG=1");
		}
	}
	return changed;
}

struct kms_buffer kms_buffer_create(struct kms *k, uint32_t width, uint32_t height)
{
	struct drm_mode_create_dumb create = { .width = width, .height = height, .bpp = 32 };
	must(k, DRM_IOCTL_MODE_CREATE_DUMB, &create, "a dumb buffer");
	struct drm_mode_map_dumb map = { .handle = create.handle };
	must(k, DRM_IOCTL_MODE_MAP_DUMB, &map, "mapping a dumb buffer");
	struct kms_buffer b = { .handle = create.handle, .pitch = create.pitch, .size = create.size };
	b.map = mmap(NULL, b.size, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, (off_t)map.offset);
	if (b.map == MAP_FAILED) {
		vkc_fail("mapping a dumb buffer: %s", strerror(errno));
	}
	return b;
}

void kms_buffer_destroy(struct kms *k, struct kms_buffer *b)
{
	if (b->map) {
		munmap(b->map, b->size);
		kms_handle_close(k, b->handle);
		memset(b, 0, sizeof(*b));
	}
}

int kms_buffer_export(struct kms *k, uint32_t handle)
{
	struct drm_prime_handle prime = { .handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	must(k, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime, "exporting a buffer");
	return prime.fd;
}

uint32_t kms_buffer_import(struct kms *k, int fd)
{
	struct drm_prime_handle prime = { .fd = fd };
	must(k, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime, "importing a dma-buf");
	return prime.handle;
}

void kms_handle_close(struct kms *k, uint32_t handle)
{
	struct drm_gem_close gem = { .handle = handle };
	must(k, DRM_IOCTL_GEM_CLOSE, &gem, "closing a buffer");
}

int kms_framebuffer(struct kms *k, uint32_t width, uint32_t height, uint32_t format, uint32_t handle,
                    uint32_t pitch, uint32_t offset, uint32_t *out_fb)
{
	struct drm_mode_fb_cmd2 fb = {
		.width = width,
		.height = height,
		.pixel_format = format,
		.handles = { handle },
		.pitches = { pitch },
		.offsets = { offset },
	};
	int error = call(k, DRM_IOCTL_MODE_ADDFB2, &fb);
	if (!error) {
		*out_fb = fb.fb_id;
	}
	return error;
}

void kms_framebuffer_remove(struct kms *k, uint32_t fb)
{
	must(k, DRM_IOCTL_MODE_RMFB, &fb, "removing a framebuffer");
}

int kms_show(struct kms *k, const struct kms_output *output, uint32_t fb)
{
	struct drm_mode_crtc crtc = { .crtc_id = output->crtc };
	if (fb) {
		crtc.set_connectors_ptr = (uintptr_t)&output->connector;
		crtc.count_connectors = 1;
		crtc.fb_id = fb;
		crtc.mode_valid = 1;
		crtc.mode = output->mode;
	}
	return call(k, DRM_IOCTL_MODE_SETCRTC, &crtc);
}

int kms_flip(struct kms *k, const struct kms_output *output, uint32_t fb)
{
	struct drm_mode_crtc_page_flip flip = {
		.crtc_id = output->crtc,
		.fb_id = fb,
		.flags = DRM_PAGE_FLIP_EVENT,
	};
	return call(k, DRM_IOCTL_MODE_PAGE_FLIP, &flip);
}

void kms_wait_flips(struct kms *k, uint32_t count)
{
	_Alignas(8) char events[1024];
	while (count > 0) {
		struct pollfd wait = { .fd = k->fd, .events = POLLIN };
		if (poll(&wait, 1, FLIP_TIMEOUT_MS) == 0) {
			vkc_fail("a page flip has not come to an end in %d s", FLIP_TIMEOUT_MS / 1000);
		}
		ssize_t size = read(k->fd, events, sizeof(events));
		for (ssize_t at = 0; at + (ssize_t)sizeof(struct drm_event) <= size;) {
			struct drm_event event;
			memcpy(&event, events + at, sizeof(event));
			count -= event.type == DRM_EVENT_FLIP_COMPLETE && count > 0;
			at += event.length;
		}
	}
}

void kms_cursor(struct kms *k, const struct kms_output *output, uint32_t handle)
{
	struct drm_mode_cursor2 cursor = {
		.flags = DRM_CURSOR_BO,
		.crtc_id = output->crtc,
		.width = 64,
		.height = 64,
		.handle = handle,
	};
	must(k, DRM_IOCTL_MODE_CURSOR2, &cursor, "the cursor");
}

void kms_cursor_move(struct kms *k, const struct kms_output *output, int32_t x, int32_t y)
{
	struct drm_mode_cursor2 cursor = {
		.flags = DRM_CURSOR_MOVE, .crtc_id = output->crtc, .x = x, .y = y
	};
	must(k, DRM_IOCTL_MODE_CURSOR2, &cursor, "moving the cursor");
}
