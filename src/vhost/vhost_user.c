/* SPDX-License-Identifier: MIT */
#include "vhost/vhost_user.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/sock.h"
#include "vhost/internal.h"

#define VTR_LOG_MODULE "vhost"

/* The most messages that are read in one turn of the loop. */
#define MAX_MESSAGES 64
/* How long to stop accepting after accept() ran out of fds. */
#define LISTEN_AGAIN_NS INT64_C(1000000000)
/* When to look at queues again. A driver's writes are visible long before. A guest at 60 frames a second
 * causes this less than once a frame; a missed kick, which has to wait for it, occurs once in many minutes. */
#define MISSED_KICK_NS INT64_C(20000000)

/* --- starting and stopping --------------------------------------------------------------------------- */

static bool is_ready(const struct vtr_vring *vring)
{
	return vring->has_rings && vring->kick_fd >= 0;
}

/*
 * Returns: whether the guest was only paused. The protocol does not report it. After a pause each queue
 *          continues where it stopped, and hostmem is still mapped, which QEMU's memory table shows.
 */
static bool is_pause(const struct vtr_vhost_user *server)
{
	bool has_hostmem = server->device.hostmem != NULL;
	bool used = false;

	for (uint32_t i = 0; i < server->device.queue_count; i++) {
		const struct vtr_vring *vring = &server->vrings[i];
		if (vring->has_rings != vring->had_rings ||
		    (vring->has_rings && vring->setup.base != vring->returned_base)) {
			return false;
		}
		used |= vring->has_rings && vring->setup.base != 0;
	}
	if (has_hostmem) {
		return vtr_ram_has_file(&server->ram, server->device.hostmem->fd);
	}
	return used; /* otherwise there is no state to keep */
}

void vtr_vhost_consider_start(struct vtr_vhost_user *server)
{
	bool any = false;

	if (server->running || server->want_start) {
		return;
	}
	for (uint32_t i = 0; i < server->device.queue_count; i++) {
		const struct vtr_vring *vring = &server->vrings[i];
		if (!vring->enabled) {
			return;
		}
		any |= is_ready(vring); /* drivers need not use all queues */
	}
	if (!any) {
		return;
	}
	/* Checked now, since hostmem is not in the table yet. Stays set until the device was started. */
	server->reset_owed |= !is_pause(server);
	server->want_start = true;
}

static void start_device(struct vtr_vhost_user *server)
{
	bool reset = server->reset_owed;

	if (reset) {
		server->config_pending = false; /* a driver that starts reads it anyway */
	}
	server->want_start = false;
	server->reset_owed = false;
	server->running = true;
	server->begun = true;
	for (uint32_t i = 0; i < server->device.queue_count; i++) {
		struct vtr_vring *vring = &server->vrings[i];
		if (reset) {
			vtr_queue_reset(vring->queue);
		}
		if (is_ready(vring)) {
			vring->setup.indirect = (server->features & VTR_VHOST_INDIRECT_DESC) != 0;
			vring->setup.event_index = (server->features & VTR_VHOST_EVENT_IDX) != 0;
			vtr_queue_start(vring->queue, &vring->setup);
			vring->started = true;
		}
	}
	vtr_info_limited(server->log, "%s: %s", server->device.name,
	                 reset ? "the guest's driver starts" : "the guest goes on");
	server->device.start(server->device.data, server->queues, &server->ram, reset);
	/* Requests from before the start, or from the pause, get no kick of their own. */
	for (uint32_t i = 0; i < server->device.queue_count; i++) {
		if (server->vrings[i].started) {
			server->device.kick(server->device.data, i);
		}
	}
}

/* Starts the device if that is due. Takes another turn if hostmem has to be mapped. */
static enum vtr_err try_start(struct vtr_vhost_user *server)
{
	const struct vtr_hostmem *hostmem = server->device.hostmem;

	if (!server->want_start || server->map_pending) {
		return VTR_OK;
	}
	if (hostmem != NULL && !vtr_ram_has_file(&server->ram, hostmem->fd)) {
		return vtr_vhost_back_map(server);
	}
	start_device(server);
	return VTR_OK;
}

void vtr_vhost_mapped(struct vtr_vhost_user *server)
{
	if (server->want_start) {
		start_device(server);
	}
}

void vtr_vhost_stop(struct vtr_vhost_user *server)
{
	server->want_start = false;
	if (!server->running) {
		return;
	}
	/* It answers what is done before its queues are stopped. */
	server->device.stop(server->device.data);
	server->running = false;
	for (uint32_t i = 0; i < server->device.queue_count; i++) {
		struct vtr_vring *vring = &server->vrings[i];
		vring->had_rings = vring->started; /* not what an earlier driver used */
		if (vring->started) {
			vring->setup.base = vtr_queue_stop(vring->queue);
			vring->started = false;
			vring->returned_base = vring->setup.base;
		}
	}
	vtr_info_limited(server->log, "%s: the guest's driver stopped", server->device.name);
}

/* --- queues ------------------------------------------------------------------------------------------ */

/* Keeps a read of a kick that was already consumed, or a write to a full counter, from blocking. A failure
 * means that the fd is unusable, which shows later. */
void vtr_vhost_unblock(int fd)
{
	int flags = fd >= 0 ? fcntl(fd, F_GETFL) : -1;

	if (flags >= 0 && (flags & O_NONBLOCK) == 0) {
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	}
}

static void clear_kick(struct vtr_vring *vring)
{
	vtr_os_loop_remove(&vring->kick_watch);
	vtr_close(&vring->kick_fd);
}

static void on_kick(void *data, unsigned events)
{
	struct vtr_vring *vring = data;
	struct vtr_vhost_user *server = vring->server;
	uint64_t count;
	ssize_t size = read(vring->kick_fd, &count, sizeof(count));

	(void)events;
	if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
		vtr_warn_limited(server->log, "queue %u: the guest can no longer kick it (%s)", vring->index,
		                 size == 0 ? "closed" : strerror(errno));
		vtr_os_loop_remove(&vring->kick_watch);
		return;
	}
	if (size > 0 && vring->started) {
		server->device.kick(server->device.data, vring->index);
	}
}

/* A queue has requested a kick, or has not interrupted. */
static void on_maybe_missed_kick(void *data)
{
	struct vtr_vhost_user *server = data;

	server->missed_kick_again = server->missed_kick_set;
	if (!server->missed_kick_set) {
		server->missed_kick_set = true;
		vtr_os_loop_timer_set(server->missed_kick_timer, MISSED_KICK_NS);
	}
}

static void on_missed_kick_timer(void *data)
{
	struct vtr_vhost_user *server = data;

	server->missed_kick_set = server->missed_kick_again;
	server->missed_kick_again = false;
	if (server->missed_kick_set) {
		vtr_os_loop_timer_set(server->missed_kick_timer, MISSED_KICK_NS);
	}
	for (uint32_t i = 0; i < server->device.queue_count; i++) {
		struct vtr_vring *vring = &server->vrings[i];
		if (vring->started && vtr_queue_look_again(vring->queue)) {
			server->device.kick(server->device.data, i);
		}
	}
}

enum vtr_err vtr_vhost_set_kick(struct vtr_vring *vring, int take_fd)
{
	clear_kick(vring);
	vring->kick_fd = take_fd;
	vtr_vhost_unblock(take_fd);
	enum vtr_err err = vtr_os_loop_add_fd(vring->server->loop, take_fd, true, false, on_kick, vring,
	                                      &vring->kick_watch);
	if (err != VTR_OK) {
		vtr_close(&vring->kick_fd);
	}
	return err;
}

void vtr_vhost_clear_vring(struct vtr_vring *vring)
{
	clear_kick(vring);
	vtr_queue_set_call(vring->queue, -1);
	vring->has_rings = false;
}

/* --- the connection ---------------------------------------------------------------------------------- */

void vtr_vhost_disconnect(struct vtr_vhost_user *server)
{
	if (server->front.fd < 0) {
		return;
	}
	vtr_vhost_stop(server);
	for (uint32_t i = 0; i < server->device.queue_count; i++) {
		struct vtr_vring *vring = &server->vrings[i];
		vtr_vhost_clear_vring(vring);
		vtr_queue_set_err(vring->queue, -1);
		vtr_queue_reset(vring->queue);
		memset(&vring->setup, 0, sizeof(vring->setup));
		vring->enabled = false;
		vring->had_rings = false;
	}
	vtr_ram_finish(&server->ram);
	if (server->begun) {
		server->device.ram_changed(server->device.data);
	}
	vtr_vhost_back_close(server);
	vtr_os_loop_remove(&server->front_watch);
	vtr_vhost_channel_close(&server->front);
	server->features = 0;
	server->protocol_features = 0;
	server->begun = false;
	server->reset_owed = true;
	server->map_pending = false;
	vtr_info_limited(server->log, "%s: the VMM is disconnected", server->device.name);
}

/* Handles the VMM's requests. Returns: an error if the connection has to be closed. */
static enum vtr_err serve(struct vtr_vhost_user *server)
{
	struct vtr_vhost_message *message;

	for (int i = 0; i < MAX_MESSAGES; i++) {
		enum vtr_err err = vtr_vhost_channel_receive(&server->front, &message);
		if (err == VTR_ERR_AGAIN) {
			break;
		}
		if (err == VTR_OK) {
			err = vtr_vhost_handle(server, message);
		} else if (err == VTR_ERR_PROTOCOL) {
			vtr_warn_limited(server->log, "what the VMM sent is no vhost-user message; the "
			                              "connection is closed");
		} else if (err != VTR_ERR_GONE) {
			vtr_error(server->log,
			          "the VMM's socket failed (%s), so the connection is closed; the VM can "
			          "connect again "
			          "after a restart",
			          strerror(errno));
		}
		if (err != VTR_OK) {
			return err;
		}
	}
	enum vtr_err err = try_start(server);
	return err == VTR_OK ? vtr_vhost_back_flush(server) : err;
}

static void on_front(void *data, unsigned events)
{
	struct vtr_vhost_user *server = data;

	(void)events;
	if (serve(server) != VTR_OK) {
		vtr_vhost_disconnect(server);
	}
}

static enum vtr_err connect_front(struct vtr_vhost_user *server, int take_fd)
{
	enum vtr_err err = vtr_vhost_channel_open(&server->front, take_fd);

	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(server->loop, server->front.fd, true, false, on_front, server,
		                         &server->front_watch);
	}
	if (err != VTR_OK) {
		vtr_vhost_channel_close(&server->front);
		return err;
	}
	vtr_info_limited(server->log, "%s: a VMM connected", server->device.name);
	return VTR_OK;
}

/* Returns: whether the VMM has closed its end, although messages may still be unread. */
static bool front_is_gone(const struct vtr_vhost_user *server)
{
	struct pollfd pollfd = { .fd = server->front.fd };

	return poll(&pollfd, 1, 0) > 0 && (pollfd.revents & (POLLHUP | POLLERR)) != 0;
}

static void on_listen(void *data, unsigned events)
{
	struct vtr_vhost_user *server = data;
	vtr_autofd int fd = -1;
	enum vtr_err err = vtr_os_sock_accept(server->listen_fd, &fd);

	(void)events;
	if (err == VTR_ERR_AGAIN) {
		return;
	}
	if (err == VTR_OK && server->front.fd >= 0) {
		if (!front_is_gone(server)) {
			vtr_warn_limited(server->log,
			                 "%s: a second VMM connected and was refused: "
			                 "each VM has devices, and so sockets, of its own",
			                 server->device.name);
			return;
		}
		vtr_vhost_disconnect(server);
	}
	if (err == VTR_OK) {
		err = connect_front(server, vtr_take_fd(&fd));
	}
	if (err != VTR_OK) {
		vtr_error(server->log,
		          "cannot serve a VMM: %s. Its connection is closed; it can connect again after a "
		          "restart",
		          vtr_err_text(err));
		/* The connection may still be pending: without a pause this would be called again at once. */
		if (vtr_os_loop_modify_fd(server->listen_watch, false, false) == VTR_OK) {
			vtr_os_loop_timer_set(server->listen_timer, LISTEN_AGAIN_NS);
		}
	}
}

static void on_listen_timer(void *data)
{
	struct vtr_vhost_user *server = data;

	if (vtr_os_loop_modify_fd(server->listen_watch, true, false) != VTR_OK) {
		vtr_os_loop_timer_set(server->listen_timer, LISTEN_AGAIN_NS);
	}
}

/* --- for the device and its owner -------------------------------------------------------------------- */

/* Sent from the loop: the device may be in the middle of a call from here. */
static void config_changed(void *data)
{
	struct vtr_vhost_user *server = data;

	server->config_pending = true;
	vtr_os_loop_timer_set(server->config_timer, 0);
}

static void on_config_timer(void *data)
{
	struct vtr_vhost_user *server = data;

	if (vtr_vhost_back_flush(server) != VTR_OK) {
		vtr_vhost_disconnect(server);
	}
}

static enum vtr_err make_queues(struct vtr_vhost_user *server)
{
	uint32_t count = server->device.queue_count;

	server->vrings = calloc(count, sizeof(server->vrings[0]));
	server->queues = calloc(count, sizeof(server->queues[0]));
	if (server->vrings == NULL || server->queues == NULL) {
		return VTR_ERR_NOMEM;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct vtr_vring *vring = &server->vrings[i];
		vring->server = server;
		vring->index = i;
		vring->kick_fd = -1;
		enum vtr_err err = vtr_queue_create(server->log, i, &server->ram, &vring->queue);
		if (err != VTR_OK) {
			return err;
		}
		server->queues[i] = vring->queue;
		vtr_queue_on_maybe_missed_kick(vring->queue, on_maybe_missed_kick, server);
	}
	return VTR_OK;
}

static enum vtr_err watch(struct vtr_vhost_user *server)
{
	enum vtr_err err =
		vtr_os_loop_add_timer(server->loop, on_listen_timer, server, &server->listen_timer);
	if (err == VTR_OK) {
		err = vtr_os_loop_add_timer(server->loop, on_config_timer, server, &server->config_timer);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_add_timer(server->loop, on_missed_kick_timer, server,
		                            &server->missed_kick_timer);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(server->loop, server->listen_fd, true, false, on_listen, server,
		                         &server->listen_watch);
	}
	return err;
}

enum vtr_err vtr_vhost_user_create(const struct vtr_vhost_user_params *params,
                                   struct vtr_vhost_user **out_server)
{
	struct vtr_vhost_user *server = calloc(1, sizeof(*server));

	if (server == NULL) {
		return VTR_ERR_NOMEM;
	}
	server->log = params->log;
	server->loop = params->loop;
	server->device = *params->device;
	server->listen_fd = params->listen_fd;
	server->transport = (struct vtr_virtio_transport){
		.data = server,
		.config_changed = config_changed,
	};
	server->reset_owed = true;
	vtr_vhost_channel_init(&server->front);
	vtr_vhost_channel_init(&server->back);
	vtr_ram_init(&server->ram);
	enum vtr_err err = make_queues(server);
	if (err == VTR_OK) {
		err = watch(server);
	}
	if (err != VTR_OK) {
		vtr_vhost_user_destroy(server);
		return err;
	}
	*out_server = server;
	return VTR_OK;
}

void vtr_vhost_user_destroy(struct vtr_vhost_user *server)
{
	if (server == NULL) {
		return;
	}
	vtr_vhost_disconnect(server);
	vtr_os_loop_remove(&server->listen_watch);
	vtr_os_loop_timer_destroy(server->listen_timer);
	vtr_os_loop_timer_destroy(server->config_timer);
	vtr_os_loop_timer_destroy(server->missed_kick_timer);
	for (uint32_t i = 0; server->vrings != NULL && i < server->device.queue_count; i++) {
		vtr_queue_destroy(server->vrings[i].queue);
	}
	free(server->vrings);
	free(server->queues);
	free(server);
}

const struct vtr_virtio_transport *vtr_vhost_user_transport(const struct vtr_vhost_user *server)
{
	return &server->transport;
}
