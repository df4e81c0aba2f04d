/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "display/client.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/buffers.h"
#include "display/outbox.h"
#include "display/protocol.h"
#include "platform/bell.h"
#include "platform/loop.h"
#include "platform/shm.h"
#include "platform/thread.h"

/* Frames that were taken of a display. */
struct seen {
	uint64_t frame; /* the newest frame */
	uint64_t count;
	uint64_t replaced;
};

struct vtr_display_client {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	enum vtr_err err; /* why the loop ended */
	_Atomic bool stops;
	int control_fd;
	struct vtr_os_loop_fd *control_watch;
	struct vtr_outbox outbox;
	int bell_fd;
	struct vtr_list listeners;
	void (*on_sound)(void *data); /* NULL: there is no sound */
	void *on_sound_data;
	struct vtr_ipc ipc;
	const struct vtr_scanout_page *page;
	struct vtr_scanout_acks *acks;
	uint32_t count; /* of published frames, when the listeners were last told of a flush */
	struct vtr_buffers buffers;

	pthread_mutex_t seen_lock; /* guards what follows */
	struct seen seen[VTR_MAX_DISPLAYS];
};

static void on_bell(void *data, unsigned events)
{
	struct vtr_display_client *screen = data;
	struct vtr_flush_listener *listener;

	(void)events;
	vtr_os_bell_stop(screen->bell_fd);
	if (screen->on_sound) {
		screen->on_sound(screen->on_sound_data);
	}
	/* The bell was rung for sound only if both are unchanged. The flag alone does not show it: another listener may
	 * have begun to await the next flush since. Nor does the count: a frame is published before the bell rings. */
	const uint32_t count = vtr_scanout_page_count(screen->page);
	if (count == screen->count && vtr_scanout_acks_are_awaiting(screen->acks)) {
		return;
	}
	screen->count = count;
	vtr_list_for_each (listener, &screen->listeners, node) {
		listener->flushed(listener->data);
	}
}

static enum vtr_err handle_message(struct vtr_display_client *screen, const struct vtr_ipc_message *message)
{
	const struct vtr_display_msg_buffer *buffer = message->payload;
	const struct vtr_display_msg_buffer_gone *gone = message->payload;

	switch ((enum vtr_display_msg)message->op) {
	case VTR_DISPLAY_MSG_BUFFER: {
		enum vtr_err err = buffer->buffer != 0 ? vtr_buffers_add(&screen->buffers, buffer->buffer,
		                                                         &message->fds[0], buffer->size) :
		                                         VTR_ERR_INVALID;
		if (err != VTR_OK) {
			/* The displays that show it keep their last picture. */
			vtr_warn(screen->log,
			         "cannot map buffer %u of %llu bytes: %s. Displays that use it keep their "
			         "last picture",
			         buffer->buffer, (unsigned long long)buffer->size, vtr_err_text(err));
		}
		return VTR_OK;
	}
	case VTR_DISPLAY_MSG_BUFFER_GONE:
		vtr_buffers_remove(&screen->buffers, gone->buffer);
		return VTR_OK;
	default:
		return VTR_ERR_PROTOCOL;
	}
}

static void end(struct vtr_display_client *screen, enum vtr_err err)
{
	screen->err = err;
	vtr_os_loop_quit(screen->loop);
}

/* Sends what waits. What the socket does not take is sent when it is writable again. */
static void flush_outbox(struct vtr_display_client *screen)
{
	enum vtr_err err = vtr_outbox_flush(&screen->outbox);
	bool waits = err == VTR_ERR_AGAIN;

	if (err == VTR_OK || err == VTR_ERR_AGAIN) {
		err = vtr_os_loop_modify_fd(screen->control_watch, true, waits);
	}
	/* A closed front is noticed by the reading side. */
	if (err != VTR_OK && err != VTR_ERR_GONE) {
		vtr_error(screen->log, "cannot send to the front process: %s", vtr_err_text(err));
		end(screen, err);
	}
}

static void on_wakeup(void *data)
{
	struct vtr_display_client *screen = data;

	flush_outbox(screen);
	if (atomic_load(&screen->stops)) {
		end(screen, VTR_OK);
	}
}

/* Thread: any. */
static void wake(void *data)
{
	struct vtr_display_client *screen = data;

	vtr_os_loop_wakeup(screen->loop);
}

static void on_control(void *data, unsigned events)
{
	struct vtr_display_client *screen = data;
	struct vtr_ipc_message message;
	enum vtr_err err;

	if ((events & VTR_OS_LOOP_OUT) != 0) {
		flush_outbox(screen);
	}
	do {
		err = vtr_ipc_receive(&screen->ipc, &message);
		if (err == VTR_OK) {
			err = handle_message(screen, &message);
		}
	} while (err == VTR_OK);
	if (err == VTR_ERR_GONE) {
		end(screen, VTR_OK);
	} else if (err != VTR_ERR_AGAIN) {
		vtr_error(screen->log, "cannot handle a message of the front process: %s", vtr_err_text(err));
		end(screen, err);
	}
}

static enum vtr_err map_page(int fd, size_t size, bool writable, void **out_map)
{
	enum vtr_err err = vtr_os_shm_check(fd, size);

	return err == VTR_OK ? vtr_os_shm_map(fd, 0, size, writable, out_map) : err;
}

static enum vtr_err map_all(struct vtr_display_client *screen, struct vtr_display_client_params *params)
{
	void *map = NULL;
	enum vtr_err err = map_page(params->page_fd, sizeof(*screen->page), false, &map);

	if (err != VTR_OK) {
		return err;
	}
	screen->page = map;
	err = map_page(params->acks_fd, sizeof(*screen->acks), true, &map);
	if (err != VTR_OK) {
		return err;
	}
	screen->acks = map;
	if (params->hostmem_fd >= 0) {
		err = vtr_buffers_add(&screen->buffers, 0, &params->hostmem_fd, params->hostmem_size);
	}
	return err;
}

static enum vtr_err watch(struct vtr_display_client *screen)
{
	enum vtr_err err = vtr_os_loop_create(&screen->loop);

	if (err == VTR_OK) {
		vtr_os_loop_set_wakeup(screen->loop, on_wakeup, screen);
		err = vtr_os_loop_add_fd(screen->loop, screen->control_fd, true, false, on_control, screen,
		                         &screen->control_watch);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(screen->loop, screen->bell_fd, true, false, on_bell, screen, NULL);
	}
	return err;
}

enum vtr_err vtr_display_client_create(const struct vtr_display_client_params *params,
                                       struct vtr_display_client **out_screen)
{
	struct vtr_display_client_params own = *params; /* a copy, to take fds from */
	struct vtr_display_client *screen = calloc(1, sizeof(*screen));
	enum vtr_err err = VTR_ERR_NOMEM;

	if (screen) {
		screen->log = own.log;
		screen->control_fd = vtr_take_fd(&own.control_fd);
		screen->bell_fd = vtr_take_fd(&own.bell_fd);
		vtr_list_init(&screen->listeners);
		vtr_ipc_init(&screen->ipc, screen->control_fd, vtr_display_msg_rules, VTR_DISPLAY_MSG_COUNT);
		vtr_outbox_init(&screen->outbox, screen->control_fd, wake, screen);
		vtr_buffers_init(&screen->buffers);
		pthread_mutex_init(&screen->seen_lock, NULL);
		err = map_all(screen, &own);
	}
	if (err == VTR_OK) {
		err = watch(screen);
	}
	vtr_close(&own.control_fd);
	vtr_close(&own.bell_fd);
	vtr_close(&own.page_fd);
	vtr_close(&own.acks_fd);
	vtr_close(&own.hostmem_fd);
	if (err != VTR_OK) {
		vtr_error(own.log, "cannot set up this process: %s", vtr_err_text(err));
		vtr_display_client_destroy(screen);
		return err;
	}
	*out_screen = screen;
	return VTR_OK;
}

enum vtr_err vtr_display_client_run(struct vtr_display_client *screen)
{
	enum vtr_err err = vtr_os_loop_run(screen->loop);

	return err != VTR_OK ? err : screen->err;
}

void vtr_display_client_stop(struct vtr_display_client *screen)
{
	atomic_store(&screen->stops, true);
	vtr_os_loop_wakeup(screen->loop);
}

void vtr_display_client_destroy(struct vtr_display_client *screen)
{
	if (!screen) {
		return;
	}
	vtr_os_loop_destroy(screen->loop);
	vtr_ipc_finish(&screen->ipc);
	vtr_close(&screen->control_fd);
	vtr_close(&screen->bell_fd);
	vtr_os_shm_unmap((void *)screen->page, sizeof(*screen->page));
	vtr_os_shm_unmap(screen->acks, sizeof(*screen->acks));
	vtr_buffers_finish(&screen->buffers);
	vtr_outbox_finish(&screen->outbox);
	pthread_mutex_destroy(&screen->seen_lock);
	free(screen);
}

enum vtr_err vtr_display_client_describe(struct vtr_display_client *screen, uint32_t display,
                                         struct vtr_display_info *out_info)
{
	struct vtr_display_info info = { .mode = vtr_scanout_page_read_mode(screen->page, display) };
	enum vtr_err err = vtr_scanout_page_read(screen->page, display, &info.frame);

	if (err != VTR_OK) {
		return err;
	}
	pthread_mutex_lock(&screen->seen_lock);
	const struct seen *seen = &screen->seen[display];
	info.seen = seen->count;
	info.replaced = seen->replaced;
	pthread_mutex_unlock(&screen->seen_lock);
	info.rate = vtr_scanout_page_rate(&info.frame, vtr_os_now_ns());
	*out_info = info;
	return VTR_OK;
}

void vtr_display_client_take_frame(struct vtr_display_client *screen, uint32_t display, uint64_t frame)
{
	struct seen *seen = &screen->seen[display];

	pthread_mutex_lock(&screen->seen_lock);
	if (frame > seen->frame) {
		/* The first frame of a new process replaces none. */
		seen->replaced += seen->count > 0 ? frame - seen->frame - 1 : 0;
		seen->count++;
		seen->frame = frame;
	}
	pthread_mutex_unlock(&screen->seen_lock);
	vtr_scanout_acks_take(screen->acks, display, frame);
}

enum vtr_err vtr_display_client_take_picture(struct vtr_display_client *screen, uint32_t display,
                                             int64_t deadline_ns, struct vtr_picture *picture)
{
	enum vtr_err err = vtr_picture_take(picture, screen->page, &screen->buffers, display, deadline_ns);

	if (err == VTR_OK) {
		vtr_display_client_take_frame(screen, display, picture->frame.frame);
	}
	return err;
}

enum vtr_err vtr_display_client_open_view(struct vtr_display_client *screen, uint32_t display,
                                          struct vtr_frame_view *out_view)
{
	return vtr_frame_view_open(out_view, screen->page, &screen->buffers, display);
}

bool vtr_display_client_close_view(struct vtr_display_client *screen, uint32_t display,
                                   struct vtr_frame_view *view, bool taken)
{
	if (taken) {
		vtr_display_client_take_frame(screen, display, view->frame.frame);
	}
	return vtr_frame_view_close(view, screen->page, &screen->buffers, display);
}

void vtr_display_client_listen(struct vtr_display_client *screen, struct vtr_flush_listener *listener)
{
	vtr_list_append(&screen->listeners, &listener->node);
}

void vtr_display_client_unlisten(struct vtr_flush_listener *listener)
{
	vtr_list_remove(&listener->node);
}

void vtr_display_client_await_flush(struct vtr_display_client *screen)
{
	vtr_scanout_acks_await_flush(screen->acks);
}

enum vtr_err vtr_display_client_read_cursor(struct vtr_display_client *screen, uint32_t display,
                                            struct vtr_scanout_cursor *out_cursor)
{
	return vtr_scanout_page_read_cursor(screen->page, display, out_cursor);
}

uint32_t vtr_display_client_read_lights(struct vtr_display_client *screen)
{
	return vtr_scanout_page_read_lights(screen->page);
}

void vtr_display_client_on_sound(struct vtr_display_client *screen, void (*woken)(void *data), void *data)
{
	screen->on_sound = woken;
	screen->on_sound_data = data;
}

void vtr_display_client_listen_to_sound(struct vtr_display_client *screen, bool listens)
{
	vtr_outbox_set_listens(&screen->outbox, listens);
}

enum vtr_err vtr_display_client_send_microphone(struct vtr_display_client *screen,
                                                const struct vtr_audio_block *block)
{
	return vtr_outbox_send_microphone(&screen->outbox, block);
}

enum vtr_err vtr_display_client_ask_mode(struct vtr_display_client *screen, uint32_t display,
                                         const struct vtr_display_mode *mode)
{
	const struct vtr_display_msg_mode message = {
		.display = display,
		.connected = mode->connected,
		.width = mode->width,
		.height = mode->height,
	};

	vtr_assert(display < VTR_MAX_DISPLAYS);
	return vtr_outbox_send_mode(&screen->outbox, &message);
}

enum vtr_err vtr_display_client_send_input(struct vtr_display_client *screen, const struct vtr_input *input)
{
	return vtr_outbox_send_input(&screen->outbox, input);
}
