/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_X11_H
#define PRESENT_X11_H

#include <stdbool.h>

#include "present/sdl.h"

/*
 * Keeps X11 windows from missing events. SDL 2 looks for events in Xlib's queue and on the socket, but not in
 * XCB's queue, which has those that OpenGL read while it waited for a reply. So the waiting is done here, after
 * emptying XCB's queue.
 *
 * Thread: the main thread.
 */

/* Returns: whether windows wait by vtr_x11_wait(), and not by SDL. */
bool vtr_x11_waits(const struct vtr_sdl *sdl);

/* Waits for events of the window's connection, for `fd` to be readable, or for `timeout_ms` (< 0: no limit).
 * If the window is NULL or not an X11 window, it waits only for the other two. */
void vtr_x11_wait(const struct vtr_sdl *sdl, SDL_Window *window, int fd, int timeout_ms);

#endif
