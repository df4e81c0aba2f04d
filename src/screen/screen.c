/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "screen/screen.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/bell.h"
#include "platform/loop.h"
#include "platform/shm.h"
#include "platform/thread.h"
#include "screen/buffers.h"
#include "screen/outbox.h"
#include "screen/protocol.h"

/* What was taken of a display. */
struct seen {
	uint64_t frame; /* the newest */
	uint64_t count;
	uint64_t replaced;
};

struct vtr_screen {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	enum vtr_err err; /* why the loop ended */
	_Atomic bool stops;
	int control_fd;
	struct vtr_os_loop_fd *control_watch;
	struct vtr_outbox outbox;
	int bell_fd;
	void (*on_flush)(void *data);
	void *on_flush_data;
	struct vtr_ipc ipc;
	const struct vtr_board *board;
	struct vtr_notes *notes;
	struct vtr_buffers buffers;

	pthread_mutex_t seen_lock; /* guards what follows */
	struct seen seen[VTR_MAX_DISPLAYS];
};

static void on_bell(void *data, unsigned events)
{
	struct vtr_screen *screen = data;

	(void)events;
	vtr_os_bell_stop(screen->bell_fd);
	if (screen->on_flush) {
		screen->on_flush(screen->on_flush_data);
	}
}

static enum vtr_err handle_message(struct vtr_screen *screen, const struct vtr_ipc_message *message)
{
	const struct vtr_screen_buffer *buffer = message->payload;
	const struct vtr_screen_buffer_gone *gone = message->payload;

	switch ((enum vtr_screen_op)message->op) {
	case VTR_SCREEN_BUFFER: {
		enum vtr_err err = buffer->buffer != 0 ? vtr_buffers_add(&screen->buffers, buffer->buffer,
		                                                         &message->fds[0], buffer->size) :
		                                         VTR_ERR_GUEST;
		if (err != VTR_OK) {
			/* The displays that show it stay as they are. */
			vtr_warn(screen->log, "cannot map buffer %u of %llu bytes: %s", buffer->buffer,
			         (unsigned long long)buffer->size, vtr_err_name(err));
		}
		return VTR_OK;
	}
	case VTR_SCREEN_BUFFER_GONE:
		vtr_buffers_remove(&screen->buffers, gone->buffer);
		return VTR_OK;
	default:
		return VTR_ERR_GUEST;
	}
}

static void end(struct vtr_screen *screen, enum vtr_err err)
{
	screen->err = err;
	vtr_os_loop_quit(screen->loop);
}

/* What waits to be sent; what the socket does not take is sent when it does. */
static void flush_outbox(struct vtr_screen *screen)
{
	enum vtr_err err = vtr_outbox_flush(&screen->outbox);
	bool waits = err == VTR_ERR_AGAIN;

	if (err == VTR_OK || err == VTR_ERR_AGAIN) {
		err = vtr_os_loop_modify_fd(screen->control_watch, true, waits);
	}
	/* A front that has closed is seen by whoever reads. */
	if (err != VTR_OK && err != VTR_ERR_GONE) {
		vtr_error(screen->log, "cannot send to the front: %s (%s)", vtr_err_name(err),
		          strerror(errno));
		end(screen, err);
	}
}

static void on_wakeup(void *data)
{
	struct vtr_screen *screen = data;

	flush_outbox(screen);
	if (atomic_load(&screen->stops)) {
		end(screen, VTR_OK);
	}
}

/* Thread: any. */
static void wake(void *data)
{
	struct vtr_screen *screen = data;

	vtr_os_loop_wakeup(screen->loop);
}

static void on_control(void *data, unsigned events)
{
	struct vtr_screen *screen = data;
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
		vtr_error(screen->log, "the front sends nonsense: %s", vtr_err_name(err));
		end(screen, err);
	}
}

static enum vtr_err map_page(int fd, size_t size, bool writable, void **out_map)
{
	enum vtr_err err = vtr_os_shm_check(fd, size);

	return err == VTR_OK ? vtr_os_shm_map(fd, 0, size, writable, out_map) : err;
}

static enum vtr_err map_all(struct vtr_screen *screen, struct vtr_screen_params *params)
{
	void *map = NULL;
	enum vtr_err err = map_page(params->board_fd, sizeof(*screen->board), false, &map);

	if (err != VTR_OK) {
		return err;
	}
	screen->board = map;
	err = map_page(params->notes_fd, sizeof(*screen->notes), true, &map);
	if (err != VTR_OK) {
		return err;
	}
	screen->notes = map;
	if (params->window_fd >= 0) {
		err = vtr_buffers_add(&screen->buffers, 0, &params->window_fd, params->window_size);
	}
	return err;
}

static enum vtr_err watch(struct vtr_screen *screen)
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

enum vtr_err vtr_screen_create(const struct vtr_screen_params *params, struct vtr_screen **out_screen)
{
	struct vtr_screen_params own = *params; /* to take fds from */
	struct vtr_screen *screen = calloc(1, sizeof(*screen));
	enum vtr_err err = VTR_ERR_NOMEM;

	if (screen) {
		screen->log = own.log;
		screen->control_fd = vtr_take_fd(&own.control_fd);
		screen->bell_fd = vtr_take_fd(&own.bell_fd);
		vtr_ipc_init(&screen->ipc, screen->control_fd, vtr_screen_rules, VTR_SCREEN_OP_COUNT);
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
	vtr_close(&own.board_fd);
	vtr_close(&own.notes_fd);
	vtr_close(&own.window_fd);
	if (err != VTR_OK) {
		vtr_error(own.log, "cannot set up the screen process: %s (%s)", vtr_err_name(err),
		          strerror(errno));
		vtr_screen_destroy(screen);
		return err;
	}
	*out_screen = screen;
	return VTR_OK;
}

enum vtr_err vtr_screen_run(struct vtr_screen *screen)
{
	enum vtr_err err = vtr_os_loop_run(screen->loop);

	return err != VTR_OK ? err : screen->err;
}

void vtr_screen_stop(struct vtr_screen *screen)
{
	atomic_store(&screen->stops, true);
	vtr_os_loop_wakeup(screen->loop);
}

void vtr_screen_destroy(struct vtr_screen *screen)
{
	if (!screen) {
		return;
	}
	vtr_os_loop_destroy(screen->loop);
	vtr_ipc_finish(&screen->ipc);
	vtr_close(&screen->control_fd);
	vtr_close(&screen->bell_fd);
	vtr_os_shm_unmap((void *)screen->board, sizeof(*screen->board));
	vtr_os_shm_unmap(screen->notes, sizeof(*screen->notes));
	vtr_buffers_finish(&screen->buffers);
	vtr_outbox_finish(&screen->outbox);
	pthread_mutex_destroy(&screen->seen_lock);
	free(screen);
}

enum vtr_err vtr_screen_describe(struct vtr_screen *screen, uint32_t display,
                                 struct vtr_screen_info *out_info)
{
	struct vtr_screen_info info = { .mode = vtr_board_read_mode(screen->board, display) };
	enum vtr_err err = vtr_board_read(screen->board, display, &info.frame);

	if (err != VTR_OK) {
		return err;
	}
	pthread_mutex_lock(&screen->seen_lock);
	const struct seen *seen = &screen->seen[display];
	info.seen = seen->count;
	info.replaced = seen->replaced;
	pthread_mutex_unlock(&screen->seen_lock);
	info.rate = vtr_board_rate(&info.frame, vtr_os_now_ns());
	*out_info = info;
	return VTR_OK;
}

void vtr_screen_take_frame(struct vtr_screen *screen, uint32_t display, uint64_t frame)
{
	struct seen *seen = &screen->seen[display];

	pthread_mutex_lock(&screen->seen_lock);
	if (frame > seen->frame) {
		/* A process that is new here has missed nothing. */
		seen->replaced += seen->count > 0 ? frame - seen->frame - 1 : 0;
		seen->count++;
		seen->frame = frame;
	}
	pthread_mutex_unlock(&screen->seen_lock);
	vtr_notes_take(screen->notes, display, frame);
}

enum vtr_err vtr_screen_take_picture(struct vtr_screen *screen, uint32_t display, int64_t deadline_ns,
                                     struct vtr_picture *picture)
{
	enum vtr_err err = vtr_picture_take(picture, screen->board, &screen->buffers, display, deadline_ns);

	if (err == VTR_OK) {
		vtr_screen_take_frame(screen, display, picture->frame.frame);
	}
	return err;
}

enum vtr_err vtr_screen_open_view(struct vtr_screen *screen, uint32_t display,
                                  struct vtr_frame_view *out_view)
{
	return vtr_frame_view_open(out_view, screen->board, &screen->buffers, display);
}

bool vtr_screen_close_view(struct vtr_screen *screen, uint32_t display, struct vtr_frame_view *view,
                           bool taken)
{
	if (taken) {
		vtr_screen_take_frame(screen, display, view->frame.frame);
	}
	return vtr_frame_view_close(view, screen->board, &screen->buffers, display);
}

void vtr_screen_on_flush(struct vtr_screen *screen, void (*fn)(void *data), void *data)
{
	screen->on_flush = fn;
	screen->on_flush_data = data;
}

void vtr_screen_await_flush(struct vtr_screen *screen)
{
	vtr_notes_fall_asleep(screen->notes);
}

enum vtr_err vtr_screen_read_cursor(struct vtr_screen *screen, uint32_t display,
                                    struct vtr_board_cursor *out_cursor)
{
	return vtr_board_read_cursor(screen->board, display, out_cursor);
}

uint32_t vtr_screen_read_lights(struct vtr_screen *screen)
{
	return vtr_board_read_lights(screen->board);
}

enum vtr_err vtr_screen_ask_mode(struct vtr_screen *screen, uint32_t display,
                                 const struct vtr_board_mode *mode)
{
	const struct vtr_screen_mode message = {
		.display = display,
		.connected = mode->connected,
		.width = mode->width,
		.height = mode->height,
	};

	vtr_assert(display < VTR_MAX_DISPLAYS);
	return vtr_outbox_send_mode(&screen->outbox, &message);
}

enum vtr_err vtr_screen_send_input(struct vtr_screen *screen, const struct vtr_input *input)
{
	return vtr_outbox_send_input(&screen->outbox, input);
}
