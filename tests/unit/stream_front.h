/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_STREAM_FRONT_H
#define TESTS_UNIT_STREAM_FRONT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/client.h"
#include "display/scanout_page.h"
#include "screen/stream.h"

/*
 * A front and a screen process in one: a scanout page, hostmem with one display, and streams that are
 * notified of its flushes. Errors end the test.
 */
#define FRONT_WINDOW_SIZE ((size_t)64 << 20)

struct front {
	struct vtr_scanout_page *board;
	struct vtr_scanout_acks *notes;
	uint8_t *window;
	struct vtr_display_client *screen;
	struct vtr_streams *streams;
	struct vtr_scanout_frame frame; /* what was published last */
	int control_fd, ring_fd;
	pthread_t thread;
};

void front_start(struct front *front, uint32_t fps);
void front_finish(struct front *front);

/* Another mode; not published before the next flush. */
void front_resize(struct front *front, uint32_t width, uint32_t height);

/* Fills the window's half `half` with one grey. */
void front_fill(struct front *front, unsigned half, uint8_t grey);

/* Publishes that half, as a new frame. */
void front_flush(struct front *front, unsigned half);

/* As front_flush(), but another listener of the screen process begins to await the next flush before the bell rings. */
void front_flush_while_another_awaits(struct front *front, unsigned half);

void front_go_dark(struct front *front);

/* A sink that records the sizes and the last of what it gets. */
struct viewer {
	struct vtr_sink sink;
	struct vtr_stream *stream;
	pthread_mutex_t lock;
	pthread_cond_t news;
	uint64_t units, keys;
	int64_t first_ns; /* of the first unit, after watching began */
	int64_t began_ns;
	bool active;
	struct vtr_access_unit *last;
	/* Called for each unit, in the stream's thread; may be NULL. */
	void (*look)(void *data, const struct vtr_access_unit *unit);
	void *data;
};

void viewer_watch(struct viewer *viewer, struct front *front);
void viewer_leave(struct viewer *viewer);

/* Until `units` have come. There may be more by then: a refinement comes by itself. */
void viewer_wait(struct viewer *viewer, uint64_t units);

/* What a viewer has seen by now. */
struct viewer_state {
	uint64_t units, keys, generation, frame;
	int64_t first_ns;
	uint32_t width, height;
	bool active;
};
struct viewer_state viewer_state(struct viewer *viewer);

/* Until the viewer was told that the display is dark. */
void viewer_wait_dark(struct viewer *viewer);

/* Until the last unit that the viewer has got shows the front's last frame. */
void viewer_wait_newest(struct viewer *viewer, const struct front *front);

/* For a rhythm that a test plays, and for what must not happen meanwhile. */
void pause_ms(int64_t ms);

#endif
