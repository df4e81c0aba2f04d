/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "platform/thread.h"
#include "vhost/internal.h"

#define VTR_LOG_MODULE "vhost"

/*
 * The requests that we send to the VMM. QEMU 11.1 crashes on any of them while the device does not run, and
 * it handles this channel and the guest's resets in different threads. So nothing is sent while a message on
 * the front channel is unread, since it may report that the device stopped. A message can still cross a reset
 * that has not been reported yet, within some milliseconds. While hostmem is being mapped, a driver gets no
 * answers, so it cannot reset yet; configuration changes are rare.
 */

/* The least time between two configuration changes. Resizing a window causes dozens a second. */
#define CONFIG_INTERVAL_NS INT64_C(100000000)

#define CONFIG_CHANGE 2u
#define SHMEM_MAP 9u

#define SHMEM_HOSTMEM 1
#define SHMEM_WRITABLE 1u

struct shmem_map {
	uint8_t region;
	uint8_t padding[7];
	uint64_t fd_offset;
	uint64_t offset;
	uint64_t size;
	uint64_t flags;
};

_Static_assert(sizeof(struct shmem_map) == 40, "as sent");

static void on_back(void *data, unsigned events)
{
	struct vtr_vhost_user *server = data;

	(void)events;
	if (vtr_vhost_back_receive(server) != VTR_OK) {
		vtr_vhost_disconnect(server);
	}
}

enum vtr_err vtr_vhost_back_open(struct vtr_vhost_user *server, int take_fd)
{
	enum vtr_err err = vtr_vhost_channel_open(&server->back, take_fd);

	if (err != VTR_OK) {
		return err;
	}
	err = vtr_os_loop_add_fd(server->loop, server->back.fd, true, false, on_back, server,
	                         &server->back_watch);
	if (err != VTR_OK) {
		vtr_vhost_channel_close(&server->back);
	}
	return err;
}

void vtr_vhost_back_close(struct vtr_vhost_user *server)
{
	vtr_os_loop_remove(&server->back_watch);
	vtr_vhost_channel_close(&server->back);
}

enum vtr_err vtr_vhost_back_map(struct vtr_vhost_user *server)
{
	const struct vtr_hostmem *hostmem = server->device.hostmem;
	const struct shmem_map map = {
		.region = SHMEM_HOSTMEM,
		.size = hostmem->size,
		.flags = SHMEM_WRITABLE,
	};

	if (server->back.fd < 0) {
		vtr_error(server->log,
		          "the VMM opened no back-end channel, so the guest cannot map GPU memory; the "
		          "connection is closed");
		return VTR_ERR_UNSUPPORTED;
	}
	vtr_trace(server->log, "the VMM is asked to map hostmem");
	enum vtr_err err = vtr_vhost_channel_send(&server->back, SHMEM_MAP, VTR_VHOST_NEED_REPLY, &map,
	                                          sizeof(map), hostmem->fd);
	if (err != VTR_OK) {
		vtr_warn(server->log,
		         "the VMM cannot be asked for hostmem: %s; the connection "
		         "is closed",
		         vtr_err_text(err));
		return err;
	}
	server->map_pending = true;
	return VTR_OK;
}

static enum vtr_err handle_answer(struct vtr_vhost_user *server, const struct vtr_vhost_message *message)
{
	const struct vtr_vhost_header *header = &message->header;
	uint64_t result;

	if (!server->map_pending || header->request != SHMEM_MAP || message->fd_count > 0 ||
	    header->flags != (VTR_VHOST_VERSION | VTR_VHOST_REPLY) || header->size != sizeof(result)) {
		vtr_warn_limited(server->log,
		                 "the VMM sent something on the back channel that is no answer "
		                 "(message %u, flags 0x%x, %u bytes); the connection is closed",
		                 header->request, header->flags, header->size);
		return VTR_ERR_PROTOCOL;
	}
	memcpy(&result, message->payload, sizeof(result));
	server->map_pending = false;
	if (result != 0) {
		vtr_error(server->log,
		          "the VMM refused to map hostmem of %" PRIu64 " MiB into the "
		          "guest (its own log may say why); the connection is closed",
		          server->device.hostmem->size >> 20);
		return VTR_ERR_UNSUPPORTED;
	}
	vtr_vhost_mapped(server);
	return VTR_OK;
}

enum vtr_err vtr_vhost_back_receive(struct vtr_vhost_user *server)
{
	struct vtr_vhost_message *message;

	while (server->back.fd >= 0) {
		enum vtr_err err = vtr_vhost_channel_receive(&server->back, &message);
		if (err == VTR_ERR_AGAIN) {
			break;
		}
		if (err == VTR_OK) {
			err = handle_answer(server, message);
		} else if (err == VTR_ERR_GONE && !server->map_pending) {
			vtr_debug(server->log, "the VMM closed the back channel");
			vtr_vhost_back_close(server);
			break;
		} else {
			vtr_warn_limited(server->log,
			                 "the back channel failed (%s); the connection is closed",
			                 vtr_err_text(err));
		}
		if (err != VTR_OK) {
			return err;
		}
	}
	return VTR_OK;
}

/* Returns: whether there are unread messages of the VMM. */
static bool has_unread(const struct vtr_vhost_user *server)
{
	struct pollfd pollfd = { .fd = server->front.fd, .events = POLLIN };

	return poll(&pollfd, 1, 0) != 0;
}

enum vtr_err vtr_vhost_back_flush(struct vtr_vhost_user *server)
{
	if (!server->config_pending || !server->running || server->back.fd < 0 || has_unread(server)) {
		return VTR_OK; /* called again when the unread messages were read, and at the start */
	}
	int64_t now = vtr_os_now_ns();
	if (now < server->config_next_ns) {
		vtr_os_loop_timer_set(server->config_timer, server->config_next_ns - now);
		return VTR_OK;
	}
	server->config_pending = false;
	server->config_next_ns = now + CONFIG_INTERVAL_NS;
	vtr_trace(server->log, "the VMM is told of a change");
	enum vtr_err err = vtr_vhost_channel_send(&server->back, CONFIG_CHANGE, 0, NULL, 0, -1);
	if (err != VTR_OK && err != VTR_ERR_GONE) {
		vtr_warn_limited(server->log,
		                 "the VMM cannot be told of changes (%s); the connection is closed",
		                 strerror(errno));
	}
	return err;
}
