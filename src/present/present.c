/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "window"
#include "present/present.h"

#include <glob.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/client.h"
#include "platform/bell.h"
#include "platform/thread.h"
#include "present/window.h"
#include "present/x11.h"

#define MS INT64_C(1000000)

struct slot {
	struct vtr_desk_window *window; /* NULL: there is none */
	bool closed; /* by the user: it stays closed until the display has been unplugged */
};

struct vtr_present {
	struct vtr_desk desk;
	struct vtr_sdl sdl;
	const char *renderer;
	struct vtr_flush_listener listener;
	struct slot slots[VTR_MAX_DISPLAYS];
	_Atomic bool quits;
	_Atomic bool microphone; /* is on */
	bool prefers_gpu; /* if the renderer is "auto" */
	bool has_opened; /* a window: the first one decides how all are drawn */
	bool x11;   /* waits by present/x11.h and is woken by the bell; otherwise SDL does both */
	int ring_fd, hear_fd;
	_Atomic bool woken; /* a wake-up was already sent */
};

static const char *const renderers[] = { "auto", "gpu", "software" };

bool vtr_present_is_built(void)
{
	return true;
}

bool vtr_present_knows_renderer(const char *name)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(renderers); i++) {
		if (strcmp(renderers[i], name) == 0) {
			return true;
		}
	}
	return false;
}

/* --- windows ----------------------------------------------------------------------------------------- */

static bool is_renderer(const struct vtr_present *present, const char *name)
{
	return strcmp(present->renderer, name) == 0;
}

static bool has_gpu(void)
{
	glob_t nodes;
	const bool found = glob("/dev/dri/renderD*", GLOB_NOSORT, NULL, &nodes) == 0;

	globfree(&nodes);
	return found || access("/dev/nvidiactl", F_OK) == 0;
}

/* On X11 without a GPU, OpenGL is Mesa's on the CPU: SDL's own software draws with half the work and a quarter of the
 * memory. Other desktops take pictures by OpenGL or Metal only. */
static bool is_gpu_better(const struct vtr_sdl *sdl)
{
	return !vtr_sdl_is_x11(sdl) || has_gpu();
}

/* The first window decides how all are drawn. */
static enum vtr_err open_first(struct vtr_present *present, uint32_t display,
                               const struct vtr_display_mode *mode, struct vtr_desk_window **out_window)
{
	struct vtr_desk *desk = &present->desk;
	enum vtr_err err = VTR_ERR_UNSUPPORTED;

	if (is_renderer(present, "gpu") || (is_renderer(present, "auto") && present->prefers_gpu)) {
		desk->gpu = true;
		err = vtr_desk_window_create(desk, display, mode, out_window);
	}
	if (err == VTR_ERR_UNSUPPORTED && !is_renderer(present, "gpu")) {
		desk->gpu = false;
		err = vtr_desk_window_create(desk, display, mode, out_window);
	}
	if (err == VTR_OK) {
		present->has_opened = true;
		vtr_info(desk->log, "windows are drawn by %s, on %s", vtr_desk_window_drawn_by(*out_window),
		         present->sdl.SDL_GetCurrentVideoDriver());
	} else {
		vtr_error(desk->log, "cannot open a window: nothing can draw into one here. Leave out "
		                     "--window-renderer, or give "
		                     "--log debug to see the reasons");
	}
	return err;
}

static enum vtr_err open_window(struct vtr_present *present, uint32_t display,
                                const struct vtr_display_mode *mode)
{
	struct slot *slot = &present->slots[display];
	enum vtr_err err;

	if (!present->has_opened) {
		err = open_first(present, display, mode, &slot->window);
	} else {
		err = vtr_desk_window_create(&present->desk, display, mode, &slot->window);
		if (err == VTR_ERR_UNSUPPORTED) {
			vtr_warn(present->desk.log, "cannot open a window for display %u", display);
			slot->closed = true;
			return VTR_OK;
		}
	}
	return err;
}

static void close_window(struct vtr_present *present, uint32_t display)
{
	struct slot *slot = &present->slots[display];

	vtr_desk_window_destroy(slot->window);
	slot->window = NULL;
}

/* Opens a window for each connected display, and closes the others. */
static enum vtr_err follow_displays(struct vtr_present *present)
{
	for (uint32_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		struct slot *slot = &present->slots[i];
		struct vtr_display_info info;
		enum vtr_err err = vtr_display_client_describe(present->desk.screen, i, &info);
		if (err != VTR_OK) {
			continue; /* being written: the next wake-up follows soon */
		}
		if (!info.mode.connected) {
			close_window(present, i);
			slot->closed = false;
		} else if (!slot->window && !slot->closed) {
			err = open_window(present, i, &info.mode);
			if (err != VTR_OK) {
				return err;
			}
		}
	}
	return VTR_OK;
}

/* Returns: whether the user has closed all windows; displays that guests unplugged do not count. */
static bool all_closed(const struct vtr_present *present)
{
	bool closed = false;

	for (size_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		if (present->slots[i].window) {
			return false;
		}
		closed = closed || present->slots[i].closed;
	}
	return closed;
}

/* --- the loop ---------------------------------------------------------------------------------------- */

static void wake(void *data)
{
	struct vtr_present *present = data;
	SDL_Event event = { .type = SDL_USEREVENT };

	if (atomic_exchange(&present->woken, true)) {
		return;
	}
	if (present->x11) {
		vtr_os_bell_ring(present->ring_fd);
	} else {
		present->sdl.SDL_PushEvent(&event);
	}
}

void vtr_present_quit(struct vtr_present *present)
{
	atomic_store(&present->quits, true);
	atomic_store(&present->woken, false);
	wake(present);
}

void vtr_present_show_microphone(struct vtr_present *present, bool on)
{
	atomic_store(&present->microphone, on);
	wake(present);
}

const struct vtr_sdl *vtr_present_sdl(const struct vtr_present *present)
{
	return &present->sdl;
}

static void follow_microphone(struct vtr_present *present)
{
	const bool on = atomic_load(&present->microphone);

	if (present->desk.microphone == on) {
		return;
	}
	present->desk.microphone = on;
	for (size_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		if (present->slots[i].window) {
			vtr_desk_window_set_title(present->slots[i].window);
		}
	}
}

/* Returns: the slot of the window that an event is for; NULL: none of ours. */
static struct slot *find_slot(struct vtr_present *present, const SDL_Event *event)
{
	uint32_t id;

	switch (event->type) {
	case SDL_KEYDOWN:
	case SDL_KEYUP:
		id = event->key.windowID;
		break;
	case SDL_MOUSEMOTION:
		id = event->motion.windowID;
		break;
	case SDL_MOUSEBUTTONDOWN:
	case SDL_MOUSEBUTTONUP:
		id = event->button.windowID;
		break;
	case SDL_MOUSEWHEEL:
		id = event->wheel.windowID;
		break;
	case SDL_WINDOWEVENT:
		id = event->window.windowID;
		break;
	default:
		return NULL;
	}
	for (size_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		struct slot *slot = &present->slots[i];
		if (slot->window && vtr_desk_window_id(slot->window) == id) {
			return slot;
		}
	}
	return NULL;
}

static void handle(struct vtr_present *present, const SDL_Event *event)
{
	struct slot *slot = find_slot(present, event);

	if (slot && event->type == SDL_WINDOWEVENT && event->window.event == SDL_WINDOWEVENT_CLOSE) {
		close_window(present, (uint32_t)(slot - present->slots));
		slot->closed = true;
	} else if (slot) {
		vtr_desk_window_handle(slot->window, event);
	}
}

/* Returns: whether one of the windows has just been drawn. */
static bool is_early(const struct vtr_present *present)
{
	const int64_t now_ns = vtr_os_now_ns();

	for (size_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		if (present->slots[i].window && now_ns < vtr_desk_window_due_ns(present->slots[i].window)) {
			return true;
		}
	}
	return false;
}

/* *out_next_ns: when to come again at the latest. */
static enum vtr_err update(struct vtr_present *present, int64_t *out_next_ns)
{
	int64_t next_ns = VTR_DESK_NEVER;
	const bool awaits = !is_early(present);

	/* The wake-up is requested before the state is read, so that a change in between causes one. If a
	 * window was just drawn, this comes again soon anyway, without a wake-up for each frame. */
	if (awaits) {
		vtr_display_client_await_flush(present->desk.screen);
	}
	enum vtr_err err = follow_displays(present);
	follow_microphone(present);
	for (size_t i = 0; err == VTR_OK && i < VTR_MAX_DISPLAYS; i++) {
		int64_t at_ns = VTR_DESK_NEVER;
		if (present->slots[i].window) {
			err = vtr_desk_window_update(present->slots[i].window, &at_ns);
		}
		if (at_ns != VTR_DESK_NEVER && (next_ns == VTR_DESK_NEVER || at_ns < next_ns)) {
			next_ns = at_ns;
		}
	}
	/* No wake-up was requested, and all windows are up to date: come again at once, which requests one. */
	if (!awaits && next_ns == VTR_DESK_NEVER) {
		next_ns = vtr_os_now_ns();
	}
	*out_next_ns = next_ns;
	return err;
}

static SDL_Window *find_any_window(const struct vtr_present *present)
{
	for (size_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		if (present->slots[i].window) {
			return vtr_desk_window_sdl(present->slots[i].window);
		}
	}
	return NULL;
}

/* Waits for an event, then handles all pending ones. */
static void wait_for_events(struct vtr_present *present, int64_t next_ns)
{
	int timeout_ms = -1;
	SDL_Event event;

	if (next_ns != VTR_DESK_NEVER) {
		int64_t left_ns = next_ns - vtr_os_now_ns();
		timeout_ms = left_ns > 0 ? (int)(left_ns / MS) + 1 : 0;
	}
	if (present->x11) {
		vtr_x11_wait(&present->sdl, find_any_window(present), present->hear_fd, timeout_ms);
		vtr_os_bell_stop(present->hear_fd);
	} else if (present->sdl.SDL_WaitEventTimeout(&event, timeout_ms)) {
		handle(present, &event);
	}
	atomic_store(&present->woken, false);
	while (present->sdl.SDL_PollEvent(&event)) {
		handle(present, &event);
	}
}

enum vtr_err vtr_present_run(struct vtr_present *present)
{
	enum vtr_err err = VTR_OK;

	while (err == VTR_OK && !atomic_load(&present->quits) && !all_closed(present)) {
		int64_t next_ns;
		err = update(present, &next_ns);
		if (err == VTR_OK) {
			wait_for_events(present, next_ns);
		}
	}
	if (all_closed(present)) {
		vtr_info(present->desk.log, "the last window was closed; the machine goes on");
	}
	return err;
}

/* --- lifetime ---------------------------------------------------------------------------------------- */

static enum vtr_err connect_desktop(struct vtr_present *present)
{
	char why[256];
	enum vtr_err err = vtr_sdl_start(&present->sdl, why, sizeof(why));

	if (err != VTR_OK) {
		vtr_error(present->desk.log, "cannot open a window: %s", why);
		return err;
	}
	present->prefers_gpu = is_gpu_better(&present->sdl);
	present->x11 = vtr_x11_waits(&present->sdl);
	present->sdl.SDL_StopTextInput(); /* keys are needed, not text */
	present->sdl.SDL_SetHint(SDL_HINT_AUDIO_DEVICE_STREAM_NAME,
	                         present->desk.title[0] ? present->desk.title : "virtual machine");
	return VTR_OK;
}

static void free_present(struct vtr_present *present)
{
	vtr_close(&present->ring_fd);
	vtr_close(&present->hear_fd);
	free(present);
}

enum vtr_err vtr_present_create(const struct vtr_present_params *params, struct vtr_present **out_present)
{
	struct vtr_present *present;
	const char *renderer = params->renderer ? params->renderer : "auto";

	if (!vtr_present_knows_renderer(renderer)) {
		return VTR_ERR_ARG;
	}
	present = calloc(1, sizeof(*present));
	if (!present) {
		return VTR_ERR_NOMEM;
	}
	present->renderer = renderer;
	present->desk = (struct vtr_desk){
		.log = params->log,
		.screen = params->screen,
		.sdl = &present->sdl,
	};
	snprintf(present->desk.title, sizeof(present->desk.title), "%s", params->title ? params->title : "");
	present->ring_fd = -1;
	present->hear_fd = -1;
	enum vtr_err err = vtr_os_bell_create(&present->ring_fd, &present->hear_fd);
	if (err == VTR_OK) {
		err = connect_desktop(present);
	}
	if (err != VTR_OK) {
		free_present(present);
		return err;
	}
	present->listener = (struct vtr_flush_listener){ .flushed = wake, .data = present };
	vtr_display_client_listen(params->screen, &present->listener);
	*out_present = present;
	return VTR_OK;
}

enum vtr_err vtr_present_probe(char *out_what, size_t size)
{
	struct vtr_sdl sdl;
	enum vtr_err err = vtr_sdl_start(&sdl, out_what, size);

	if (err == VTR_OK) {
		snprintf(out_what, size, "%s, drawn by %s", sdl.SDL_GetCurrentVideoDriver(),
		         is_gpu_better(&sdl) ? "the GPU" : "software");
		sdl.SDL_Quit();
	}
	return err;
}

void vtr_present_destroy(struct vtr_present *present)
{
	if (!present) {
		return;
	}
	vtr_display_client_unlisten(&present->listener);
	for (uint32_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		close_window(present, i);
	}
	present->sdl.SDL_Quit();
	free_present(present);
}
