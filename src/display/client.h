/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_CLIENT_H
#define DISPLAY_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "display/audio.h"
#include "display/frame.h"
#include "display/scanout_page.h"
#include "display/types.h"

/*
 * A display process's view of the front: the state of the displays, ready for the code that shows it
 * (snapshots, web, windows). The process may be killed at any time; the front can restore all of its state.
 *
 * Thread: create and destroy: the main thread. vtr_display_client_run(): one thread, which also calls the
 *         listeners. All others: any, between create and destroy.
 */
struct vtr_log;
struct vtr_display_client;

/* The fds are consumed, on failure too. */
struct vtr_display_client_params {
	struct vtr_log *log;
	int control_fd;
	int page_fd;
	int acks_fd;
	int bell_fd;
	int hostmem_fd; /* -1: no hostmem */
	uint64_t hostmem_size;
};

/* Owner: *out_screen is the caller's. Returns: VTR_ERR_INVALID (the memory has the wrong size or can shrink),
 *        VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_display_client_create(const struct vtr_display_client_params *params,
                                                      struct vtr_display_client **out_screen);

/* A user of the displays that wants to know of flushes. Memory of the caller's. */
struct vtr_flush_listener {
	struct vtr_list node; /* the client's */
	/* A display has been flushed: called once after vtr_display_client_await_flush(), which any listener may have
	 * called. Must not block. */
	void (*flushed)(void *data);
	void *data;
};

/* Not while vtr_display_client_run() runs. */
void vtr_display_client_listen(struct vtr_display_client *screen, struct vtr_flush_listener *listener);

/* Not while vtr_display_client_run() runs. */
void vtr_display_client_unlisten(struct vtr_flush_listener *listener);

/* Ends when the front closes the socket, or by vtr_display_client_stop().
 * Returns: VTR_OK; VTR_ERR_PROTOCOL, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_display_client_run(struct vtr_display_client *screen);

/* Makes vtr_display_client_run() return. */
void vtr_display_client_stop(struct vtr_display_client *screen);

/* Accepts NULL. */
void vtr_display_client_destroy(struct vtr_display_client *screen);

/* The state of a display. */
struct vtr_display_info {
	struct vtr_display_mode mode;
	struct vtr_scanout_frame frame;
	uint64_t seen; /* frames of which a picture was taken here */
	uint64_t replaced; /* frames in between, which newer ones replaced before a picture was taken */
	double rate; /* frames per second, averaged over the last second or half of it */
};

/* Returns: VTR_ERR_AGAIN (see vtr_scanout_page_read()). */
VTR_MUST_CHECK enum vtr_err vtr_display_client_describe(struct vtr_display_client *screen, uint32_t display,
                                                        struct vtr_display_info *out_info);

/* See vtr_picture_take(). */
VTR_MUST_CHECK enum vtr_err vtr_display_client_take_picture(struct vtr_display_client *screen,
                                                            uint32_t display, int64_t deadline_ns,
                                                            struct vtr_picture *picture);

/* See vtr_frame_view_open(). */
VTR_MUST_CHECK enum vtr_err vtr_display_client_open_view(struct vtr_display_client *screen, uint32_t display,
                                                         struct vtr_frame_view *out_view);

/* See vtr_frame_view_close(). `taken`: the frame was used, so its damage has been handled. */
bool vtr_display_client_close_view(struct vtr_display_client *screen, uint32_t display,
                                   struct vtr_frame_view *view, bool taken);

/* Marks the frame of a view that was closed with `taken` false as used. */
void vtr_display_client_take_frame(struct vtr_display_client *screen, uint32_t display, uint64_t frame);

/**
 * Has all listeners called once, after the next flush of any display. Check the scanout page once more after this
 * call. Without a request, flushes wake no process.
 */
void vtr_display_client_await_flush(struct vtr_display_client *screen);

/* See vtr_scanout_page_read_cursor(). */
VTR_MUST_CHECK enum vtr_err vtr_display_client_read_cursor(struct vtr_display_client *screen,
                                                           uint32_t display,
                                                           struct vtr_scanout_cursor *out_cursor);

/* Returns: the keyboard lights that are on: enum vtr_light, or-ed. A change also triggers
 *          vtr_display_client_await_flush(). */
uint32_t vtr_display_client_read_lights(struct vtr_display_client *screen);

/* Has `woken` called whenever the front has changed the page of sound (display/sound_page.h), while this process
 * listens. Not while vtr_display_client_run() runs. */
void vtr_display_client_on_sound(struct vtr_display_client *screen, void (*woken)(void *data), void *data);

/* Asks the front for the guest's sound from now on, or for none. Does not wait for it. */
void vtr_display_client_listen_to_sound(struct vtr_display_client *screen, bool listens);

/* Sends 10 ms of a user's microphone to the front, without blocking. Returns: VTR_ERR_AGAIN (the socket is full: the
 * block is lost), VTR_ERR_GONE, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_display_client_send_microphone(struct vtr_display_client *screen,
                                                               const struct vtr_audio_block *block);

/**
 * Asks the front for another mode. Does not wait for it.
 *
 * `display` is less than VTR_MAX_DISPLAYS; the mode fits (vtr_mode_fits()), unless it is not connected.
 * Returns: VTR_ERR_AGAIN (the socket is full), VTR_ERR_GONE, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_display_client_ask_mode(struct vtr_display_client *screen, uint32_t display,
                                                        const struct vtr_display_mode *mode);

/**
 * Sends a user's input to the front, in order and without blocking. While the socket is full, input waits
 * here; motion and wheel events are merged.
 *
 * Returns: VTR_ERR_ARG    a value is out of range (see struct vtr_input; the wheel: 256 notches)
 *          VTR_ERR_AGAIN  too much input waits: this event and all that waited are lost; all keys and buttons
 *          will be
 *                         released
 *          VTR_ERR_GONE, VTR_ERR_OS
 */
VTR_MUST_CHECK enum vtr_err vtr_display_client_send_input(struct vtr_display_client *screen,
                                                          const struct vtr_input *input);

#endif
