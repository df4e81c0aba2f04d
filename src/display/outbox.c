/* SPDX-License-Identifier: MIT */
#include "display/outbox.h"

#include <poll.h>
#include <string.h>

void vtr_outbox_init(struct vtr_outbox *outbox, int fd, void (*wake)(void *data), void *data)
{
	outbox->fd = fd;
	outbox->wake = wake;
	outbox->data = data;
	outbox->count = 0;
	outbox->listens = false;
	outbox->sent_listens = false;
	outbox->lossy = false;
	pthread_mutex_init(&outbox->lock, NULL);
}

void vtr_outbox_finish(struct vtr_outbox *outbox)
{
	pthread_mutex_destroy(&outbox->lock);
}

/* Returns: whether a message can be sent without blocking. A local socket polls writable only while it has
 *          room for many messages. */
static bool is_writable(const struct vtr_outbox *outbox)
{
	struct pollfd pollfd = { .fd = outbox->fd, .events = POLLOUT };

	return poll(&pollfd, 1, 0) > 0 && (pollfd.revents & POLLOUT) != 0;
}

enum vtr_err vtr_outbox_send_mode(struct vtr_outbox *outbox, const struct vtr_display_msg_mode *mode)
{
	const struct vtr_ipc_parts parts = { .payload = mode };
	enum vtr_err err = VTR_ERR_AGAIN;

	pthread_mutex_lock(&outbox->lock);
	if (is_writable(outbox)) {
		err = vtr_ipc_send(outbox->fd, vtr_display_msg_rules, VTR_DISPLAY_MSG_MODE, &parts);
	}
	pthread_mutex_unlock(&outbox->lock);
	return err;
}

static struct vtr_display_msg_input pack(const struct vtr_input *input)
{
	struct vtr_display_msg_input message = {
		.kind = input->kind,
		.display = input->display,
		.code = input->code,
		.down = input->down,
		.x = input->x,
		.y = input->y,
		.wheel_x = input->wheel_x,
		.wheel_y = input->wheel_y,
		.buttons = input->buttons,
	};
	memcpy(message.axes, input->axes, sizeof(message.axes));
	return message;
}

static enum vtr_err send_now(struct vtr_outbox *outbox, const struct vtr_input *input)
{
	const struct vtr_display_msg_input message = pack(input);
	const struct vtr_ipc_parts parts = { .payload = &message };

	return vtr_ipc_send(outbox->fd, vtr_display_msg_rules, VTR_DISPLAY_MSG_INPUT, &parts);
}

/* Merges the next event into the last waiting one. Returns: whether that was possible. */
static bool merge(struct vtr_input *last, const struct vtr_input *next)
{
	if (last->kind != next->kind || last->display != next->display) {
		return false;
	}
	if (next->kind == VTR_INPUT_MOTION || vtr_input_replaces(last, next)) {
		*last = *next;
		return true;
	}
	struct vtr_input sum = *last;
	sum.wheel_x += next->wheel_x; /* cannot overflow, see vtr_display_input_check() */
	sum.wheel_y += next->wheel_y;
	if (next->kind != VTR_INPUT_WHEEL || !vtr_display_wheel_fits(sum.wheel_x) ||
	    !vtr_display_wheel_fits(sum.wheel_y)) {
		return false;
	}
	*last = sum;
	return true;
}

/* Queues the input. Returns: VTR_ERR_AGAIN, see vtr_outbox.lossy. */
static enum vtr_err put(struct vtr_outbox *outbox, const struct vtr_input *input)
{
	if (outbox->lossy) {
		return VTR_ERR_AGAIN;
	}
	if (outbox->count > 0 && merge(&outbox->waiting[outbox->count - 1], input)) {
		return VTR_OK;
	}
	if (outbox->count < VTR_OUTBOX_ROOM) {
		outbox->waiting[outbox->count++] = *input;
		return VTR_OK;
	}
	/* A key may be down whose release is lost now. */
	outbox->waiting[0] = (struct vtr_input){ .kind = VTR_INPUT_RELEASE };
	outbox->count = 1;
	outbox->lossy = true;
	return VTR_ERR_AGAIN;
}

enum vtr_err vtr_outbox_send_input(struct vtr_outbox *outbox, const struct vtr_input *input)
{
	const struct vtr_display_msg_input message = pack(input);
	bool must_wake = false;
	enum vtr_err err;

	if (!vtr_display_input_check(&message)) {
		return VTR_ERR_ARG;
	}
	pthread_mutex_lock(&outbox->lock);
	if (outbox->count == 0 && is_writable(outbox)) {
		err = send_now(outbox, input);
	} else {
		must_wake = outbox->count == 0;
		err = put(outbox, input);
	}
	pthread_mutex_unlock(&outbox->lock);
	if (must_wake) {
		outbox->wake(outbox->data);
	}
	return err;
}

enum vtr_err vtr_outbox_send_microphone(struct vtr_outbox *outbox, const struct vtr_audio_block *block)
{
	const struct vtr_ipc_parts parts = { .payload = block };
	enum vtr_err err = VTR_ERR_AGAIN;

	pthread_mutex_lock(&outbox->lock);
	if (outbox->count == 0 && is_writable(outbox)) {
		err = vtr_ipc_send(outbox->fd, vtr_display_msg_rules, VTR_DISPLAY_MSG_MICROPHONE, &parts);
	}
	pthread_mutex_unlock(&outbox->lock);
	return err;
}

void vtr_outbox_set_listens(struct vtr_outbox *outbox, bool listens)
{
	pthread_mutex_lock(&outbox->lock);
	outbox->listens = listens;
	pthread_mutex_unlock(&outbox->lock);
	outbox->wake(outbox->data);
}

/* Call it with the lock held. */
static enum vtr_err send_listens(struct vtr_outbox *outbox)
{
	const struct vtr_display_msg_listen message = { .listens = outbox->listens };
	const struct vtr_ipc_parts parts = { .payload = &message };

	if (outbox->listens == outbox->sent_listens) {
		return VTR_OK;
	}
	if (!is_writable(outbox)) {
		return VTR_ERR_AGAIN;
	}
	outbox->sent_listens = outbox->listens;
	return vtr_ipc_send(outbox->fd, vtr_display_msg_rules, VTR_DISPLAY_MSG_LISTEN, &parts);
}

enum vtr_err vtr_outbox_flush(struct vtr_outbox *outbox)
{
	size_t sent = 0;

	pthread_mutex_lock(&outbox->lock);
	enum vtr_err err = send_listens(outbox);
	while (sent < outbox->count && err == VTR_OK) {
		err = is_writable(outbox) ? send_now(outbox, &outbox->waiting[sent]) : VTR_ERR_AGAIN;
		sent += err == VTR_OK;
	}
	outbox->count -= sent;
	memmove(outbox->waiting, outbox->waiting + sent, outbox->count * sizeof(outbox->waiting[0]));
	if (outbox->count == 0) {
		outbox->lossy = false;
	}
	pthread_mutex_unlock(&outbox->lock);
	return err;
}
