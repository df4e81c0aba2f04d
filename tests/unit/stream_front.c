/* SPDX-License-Identifier: MIT */
#include "stream_front.h"

#include "base/mem.h"
#include "display/types.h"
#include "platform/bell.h"
#include "platform/shm.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "test.h"

/* Ends tests that hang. */
#define PATIENCE_NS INT64_C(60000000000)

static void *run(void *arg)
{
	struct front *front = arg;

	CHECK_OK(vtr_display_client_run(front->screen));
	return NULL;
}

static int make_memory(const char *name, size_t size, bool read_only, void **out_map)
{
	int fd;
	int view_fd;
	int given;

	CHECK_OK(vtr_os_shm_create_shown(name, size, &fd, &view_fd));
	CHECK_OK(vtr_os_shm_map(fd, 0, size, true, out_map));
	if (!read_only) {
		vtr_close(&view_fd);
		return fd;
	}
	CHECK_OK(vtr_os_shm_read_only(fd, view_fd, &given));
	vtr_close(&view_fd);
	close(fd);
	return given;
}

void front_start(struct front *front, uint32_t fps)
{
	int ends[2];
	int hear_fd;
	void *board;
	void *notes;
	void *window;

	*front = (struct front){ 0 };
	CHECK_OK(vtr_os_sock_pair(ends));
	CHECK_OK(vtr_os_bell_create(&front->ring_fd, &hear_fd));
	front->control_fd = ends[0];
	const struct vtr_display_client_params params = {
		.control_fd = ends[1],
		.page_fd = make_memory("board", sizeof(struct vtr_scanout_page), true, &board),
		.acks_fd = make_memory("notes", sizeof(struct vtr_scanout_acks), false, &notes),
		.bell_fd = hear_fd,
		.hostmem_fd = make_memory("window", FRONT_WINDOW_SIZE, true, &window),
		.hostmem_size = FRONT_WINDOW_SIZE,
	};
	front->board = board;
	front->notes = notes;
	front->window = window;
	CHECK_OK(vtr_display_client_create(&params, &front->screen));
	const struct vtr_streams_params streams_params = {
		.screen = front->screen,
		.encoder = "libx264",
		.fps = fps,
	};
	CHECK_OK(vtr_streams_create(&streams_params, &front->streams));
	CHECK_EQ(pthread_create(&front->thread, NULL, run, front), 0);
}

void front_finish(struct front *front)
{
	close(front->control_fd);
	pthread_join(front->thread, NULL);
	vtr_streams_destroy(front->streams);
	vtr_display_client_destroy(front->screen);
	close(front->ring_fd);
	vtr_os_shm_unmap(front->board, sizeof(*front->board));
	vtr_os_shm_unmap(front->notes, sizeof(*front->notes));
	vtr_os_shm_unmap(front->window, FRONT_WINDOW_SIZE);
}

void front_resize(struct front *front, uint32_t width, uint32_t height)
{
	front->frame.generation++;
	front->frame.scanout = (struct vtr_scanout){
		.in_hostmem = true,
		.width = width,
		.height = height,
		.stride = width * 4,
		.format = VTR_FORMAT_B8G8R8X8,
	};
	CHECK((size_t)width * height * 4 <= FRONT_WINDOW_SIZE / 2);
}

void front_fill(struct front *front, unsigned half, uint8_t grey)
{
	const struct vtr_scanout *scanout = &front->frame.scanout;

	memset(front->window + half * (FRONT_WINDOW_SIZE / 2), grey,
	       (size_t)scanout->stride * scanout->height);
}

static void publish(struct front *front)
{
	vtr_scanout_page_publish(front->board, 0, &front->frame);
	if (vtr_scanout_acks_must_wake(front->notes)) {
		vtr_os_bell_ring(front->ring_fd);
	}
}

static void count_frame(struct front *front, unsigned half)
{
	front->frame.frame++;
	front->frame.active = true;
	front->frame.time_ns = vtr_os_now_ns();
	front->frame.scanout.offset = half * (FRONT_WINDOW_SIZE / 2);
}

void front_flush(struct front *front, unsigned half)
{
	count_frame(front, half);
	publish(front);
}

void front_flush_while_another_awaits(struct front *front, unsigned half)
{
	count_frame(front, half);
	vtr_scanout_page_publish(front->board, 0, &front->frame);
	CHECK(vtr_scanout_acks_must_wake(front->notes));
	vtr_display_client_await_flush(front->screen);
	vtr_os_bell_ring(front->ring_fd);
}

void front_go_dark(struct front *front)
{
	front->frame.active = false;
	front->frame.generation++;
	publish(front);
}

static void on_unit(void *data, struct vtr_access_unit *unit)
{
	struct viewer *viewer = data;

	CHECK(viewer->units > 0 || unit->key);
	if (viewer->look) {
		viewer->look(viewer->data, unit);
	}
	pthread_mutex_lock(&viewer->lock);
	if (viewer->units++ == 0) {
		viewer->first_ns = vtr_os_now_ns() - viewer->began_ns;
	}
	viewer->keys += unit->key ? 1 : 0;
	vtr_access_unit_unref(viewer->last);
	viewer->last = vtr_access_unit_ref(unit);
	pthread_cond_broadcast(&viewer->news);
	pthread_mutex_unlock(&viewer->lock);
}

static void on_active(void *data, bool active)
{
	struct viewer *viewer = data;

	pthread_mutex_lock(&viewer->lock);
	viewer->active = active;
	pthread_cond_broadcast(&viewer->news);
	pthread_mutex_unlock(&viewer->lock);
}

void viewer_watch(struct viewer *viewer, struct front *front)
{
	viewer->sink = (struct vtr_sink){ .unit = on_unit, .active = on_active, .data = viewer };
	viewer->active = true;
	viewer->stream = vtr_streams_get(front->streams, 0);
	pthread_mutex_init(&viewer->lock, NULL);
	vtr_os_cond_init(&viewer->news);
	viewer->began_ns = vtr_os_now_ns();
	CHECK_OK(vtr_stream_subscribe(viewer->stream, &viewer->sink));
}

void viewer_leave(struct viewer *viewer)
{
	vtr_stream_unsubscribe(viewer->stream, &viewer->sink);
	vtr_access_unit_unref(viewer->last);
	pthread_cond_destroy(&viewer->news);
	pthread_mutex_destroy(&viewer->lock);
}

/* Waits, with the lock held, for the next unit or change. */
static void wait_for_news(struct viewer *viewer, int64_t end_ns)
{
	const int64_t left_ns = end_ns - vtr_os_now_ns();

	CHECK(left_ns > 0);
	(void)vtr_os_cond_wait_ns(&viewer->news, &viewer->lock, left_ns);
}

void viewer_wait(struct viewer *viewer, uint64_t units)
{
	const int64_t end_ns = vtr_os_now_ns() + PATIENCE_NS;

	pthread_mutex_lock(&viewer->lock);
	while (viewer->units < units) {
		wait_for_news(viewer, end_ns);
	}
	pthread_mutex_unlock(&viewer->lock);
}

void viewer_wait_dark(struct viewer *viewer)
{
	const int64_t end_ns = vtr_os_now_ns() + PATIENCE_NS;

	pthread_mutex_lock(&viewer->lock);
	while (viewer->active) {
		wait_for_news(viewer, end_ns);
	}
	pthread_mutex_unlock(&viewer->lock);
}

void viewer_wait_newest(struct viewer *viewer, const struct front *front)
{
	const int64_t end_ns = vtr_os_now_ns() + PATIENCE_NS;

	pthread_mutex_lock(&viewer->lock);
	while (!viewer->last || viewer->last->frame != front->frame.frame) {
		wait_for_news(viewer, end_ns);
	}
	pthread_mutex_unlock(&viewer->lock);
}

struct viewer_state viewer_state(struct viewer *viewer)
{
	pthread_mutex_lock(&viewer->lock);
	struct viewer_state state = {
		.units = viewer->units,
		.keys = viewer->keys,
		.first_ns = viewer->first_ns,
		.active = viewer->active,
	};
	if (viewer->last) {
		state.generation = viewer->last->generation;
		state.frame = viewer->last->frame;
		state.width = viewer->last->width;
		state.height = viewer->last->height;
	}
	pthread_mutex_unlock(&viewer->lock);
	return state;
}

void pause_ms(int64_t ms)
{
	usleep((useconds_t)ms * 1000);
}
