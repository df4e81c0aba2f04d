/* SPDX-License-Identifier: MIT */
#include "vhost/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>

#include "base/mem.h"
#include "platform/sock.h"

_Static_assert(offsetof(struct vtr_vhost_message, payload) == sizeof(struct vtr_vhost_header),
               "header and payload are received as one stretch");

static void close_fds(struct vtr_vhost_channel *channel)
{
	for (size_t i = 0; i < channel->message.fd_count; i++) {
		vtr_close(&channel->message.fds[i]);
	}
	channel->message.fd_count = 0;
}

void vtr_vhost_channel_init(struct vtr_vhost_channel *channel)
{
	memset(channel, 0, sizeof(*channel));
	channel->fd = -1;
}

enum vtr_err vtr_vhost_channel_open(struct vtr_vhost_channel *channel, int take_fd)
{
	vtr_autofd int fd = take_fd;

	vtr_assert(channel->fd < 0);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		return VTR_ERR_OS;
	}
	channel->fd = vtr_take_fd(&fd);
	channel->have = 0;
	return VTR_OK;
}

void vtr_vhost_channel_close(struct vtr_vhost_channel *channel)
{
	close_fds(channel);
	vtr_close(&channel->fd);
}

/* Returns: how many bytes the message has, as far as is known. */
static size_t wanted(const struct vtr_vhost_channel *channel)
{
	if (channel->have < sizeof(channel->message.header)) {
		return sizeof(channel->message.header);
	}
	return sizeof(channel->message.header) + channel->message.header.size;
}

static enum vtr_err receive_more(struct vtr_vhost_channel *channel)
{
	struct vtr_vhost_message *message = &channel->message;
	/* fds that come with the header's bytes belong to this message; later fds belong to none. */
	bool fds_may_come = channel->have < sizeof(message->header);
	size_t fd_count = 0;
	size_t size = 0;
	enum vtr_err err =
		vtr_os_sock_recv(channel->fd, (uint8_t *)message + channel->have,
	                         wanted(channel) - channel->have, &size, message->fds + message->fd_count,
	                         fds_may_come ? VTR_VHOST_MAX_FDS - message->fd_count : 0, &fd_count);

	if (err == VTR_ERR_LIMIT) {
		errno = EMFILE;
		return VTR_ERR_OS;
	}
	if (err != VTR_OK) {
		return err;
	}
	channel->have += size;
	message->fd_count += fd_count;
	if (channel->have >= sizeof(message->header) && message->header.size > VTR_VHOST_MAX_PAYLOAD) {
		return VTR_ERR_PROTOCOL;
	}
	return VTR_OK;
}

enum vtr_err vtr_vhost_channel_receive(struct vtr_vhost_channel *channel,
                                       struct vtr_vhost_message **out_message)
{
	if (channel->have > 0 && channel->have == wanted(channel)) {
		close_fds(channel);
		channel->have = 0;
	}
	do {
		enum vtr_err err = receive_more(channel);
		if (err != VTR_OK) {
			return err;
		}
	} while (channel->have < wanted(channel));
	*out_message = &channel->message;
	return VTR_OK;
}

enum vtr_err vtr_vhost_channel_send(struct vtr_vhost_channel *channel, uint32_t request, uint32_t flags,
                                    const void *payload, size_t size, int fd)
{
	struct vtr_vhost_header header = {
		.request = request,
		.flags = VTR_VHOST_VERSION | flags,
		.size = (uint32_t)size,
	};
	const struct iovec iov[2] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = (void *)payload, .iov_len = size },
	};
	enum vtr_err err = vtr_os_sock_send(channel->fd, iov, size > 0 ? 2 : 1, &fd, fd >= 0 ? 1 : 0);

	if (err == VTR_ERR_AGAIN) {
		errno = EAGAIN;
		return VTR_ERR_OS;
	}
	return err;
}
