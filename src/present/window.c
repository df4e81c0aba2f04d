/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "window"
#include "present/window.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/rect.h"
#include "platform/thread.h"
#include "present/keys.h"
#include "present/window_input.h"

#define MS INT64_C(1000000)

/* The guest is asked for the window's size when that has not changed for this long. */
#define ASK_NS (120 * MS)
/* If a guest changes its size within this time after it was asked, the window is not resized: the new size is
 * the guest's answer, even if it is not exact. */
#define ANSWER_NS (1500 * MS)
/* How long to try to take a whole picture while the guest draws over the frame. */
#define TAKE_NS (100 * MS)
/* When to try again after a picture could not be shown. */
#define AGAIN_NS (5 * MS)
#define HIDDEN_NS (100 * MS)
/* For monitors that do not report a refresh rate. */
#define REFRESH_HZ 60
#define NS_PER_S INT64_C(1000000000)

struct vtr_desk_window {
	struct vtr_desk *desk;
	uint32_t display;
	SDL_Window *window;
	struct vtr_painter *painter;
	struct vtr_window_input input;
	bool inside; /* the pointer is inside */
	bool by_pixel, full_screen, grabbed;

	bool has_picture; /* the painter has a picture */
	bool changed; /* the window must be redrawn */
	uint64_t generation, frame; /* of the picture */
	uint32_t width, height;
	int64_t tried_ns; /* since when a whole picture is tried for; NEVER: not now */
	int64_t due_ns; /* no new picture is taken before this */
	struct vtr_fit fit; /* as last shown */

	int64_t ask_ns; /* when to ask for a mode; NEVER: no request is due */
	int64_t asked_ns; /* time of the last request */
};

/* --- size -------------------------------------------------------------------------------------------- */

static void get_size(const struct vtr_desk_window *window, uint32_t *out_width, uint32_t *out_height)
{
	vtr_painter_get_size(window->painter, out_width, out_height);
}

/* The window's size in pixels, and in the window system's units, which may be more than one pixel each. */
struct scale {
	uint32_t pixels_x, pixels_y;
	int units_x, units_y;
};

static struct scale get_scale(const struct vtr_desk_window *window)
{
	struct scale scale;

	get_size(window, &scale.pixels_x, &scale.pixels_y);
	window->desk->sdl->SDL_GetWindowSize(window->window, &scale.units_x, &scale.units_y);
	return scale;
}

/* Sets the size to `width` by `height` pixels. */
static void set_size(struct vtr_desk_window *window, uint32_t width, uint32_t height)
{
	const struct scale now = get_scale(window);

	if (now.pixels_x == 0 || now.pixels_y == 0 || (now.pixels_x == width && now.pixels_y == height)) {
		return;
	}
	window->desk->sdl->SDL_SetWindowSize(window->window,
	                                     (int)((uint64_t)width * (uint32_t)now.units_x / now.pixels_x),
	                                     (int)((uint64_t)height * (uint32_t)now.units_y / now.pixels_y));
}

static struct vtr_fit fit_by_pixel(const struct vtr_desk_window *window, uint32_t width, uint32_t height)
{
	struct vtr_fit fit = {
		.source_width = (uint32_t)vtr_min(window->width, width),
		.source_height = (uint32_t)vtr_min(window->height, height),
		.full_width = window->width,
		.full_height = window->height,
	};

	fit.width = fit.source_width;
	fit.height = fit.source_height;
	return fit;
}

static struct vtr_fit fit_whole(const struct vtr_desk_window *window, uint32_t width, uint32_t height)
{
	struct vtr_fit fit = {
		.source_width = window->width,
		.source_height = window->height,
		.width = width,
		.height = height,
	};

	/* As wide as the window, unless the picture would be too high. */
	if ((uint64_t)window->height * width <= (uint64_t)height * window->width) {
		fit.height = (uint32_t)((uint64_t)window->height * width / window->width);
	} else {
		fit.width = (uint32_t)((uint64_t)window->width * height / window->height);
	}
	fit.width = fit.width > 0 ? fit.width : 1;
	fit.height = fit.height > 0 ? fit.height : 1;
	fit.full_width = fit.width;
	fit.full_height = fit.height;
	return fit;
}

/* Returns: false if the window has no pixels. */
static bool make_fit(const struct vtr_desk_window *window, struct vtr_fit *out_fit)
{
	uint32_t width;
	uint32_t height;

	get_size(window, &width, &height);
	if (width == 0 || height == 0) {
		return false;
	}
	*out_fit = window->by_pixel ? fit_by_pixel(window, width, height) : fit_whole(window, width, height);
	out_fit->x = (int32_t)((width - out_fit->width) / 2);
	out_fit->y = (int32_t)((height - out_fit->height) / 2);
	return true;
}

/* Asks the guest for the window's size. */
static void ask(struct vtr_desk_window *window, int64_t now_ns)
{
	struct vtr_display_mode mode = { .connected = true };
	struct vtr_display_info info;

	window->ask_ns = VTR_DESK_NEVER;
	get_size(window, &mode.width, &mode.height);
	if (!vtr_mode_fits(mode.width, mode.height)) {
		return;
	}
	if (vtr_display_client_describe(window->desk->screen, window->display, &info) == VTR_OK &&
	    info.mode.width == mode.width && info.mode.height == mode.height) {
		return;
	}
	vtr_debug(window->desk->log, "display %u: asking for %ux%u", window->display, mode.width,
	          mode.height);
	if (vtr_display_client_ask_mode(window->desk->screen, window->display, &mode) == VTR_ERR_AGAIN) {
		window->ask_ns = now_ns + ASK_NS;
	}
	window->asked_ns = now_ns;
}

/* The guest shows another size than before: resizes the window, unless the guest followed the window's own
 * size. */
static void follow_size(struct vtr_desk_window *window, int64_t now_ns)
{
	const uint32_t flags = window->desk->sdl->SDL_GetWindowFlags(window->window);
	const uint32_t given = SDL_WINDOW_MAXIMIZED | SDL_WINDOW_MINIMIZED | SDL_WINDOW_FULLSCREEN;

	if ((flags & given) == 0 && window->ask_ns == VTR_DESK_NEVER &&
	    (window->asked_ns == VTR_DESK_NEVER || now_ns - window->asked_ns > ANSWER_NS)) {
		set_size(window, window->width, window->height);
	}
}

void vtr_desk_window_set_title(struct vtr_desk_window *window)
{
	char title[2 * VTR_DESK_TITLE_MAX];
	const char *name = window->desk->title;

	snprintf(title, sizeof(title), "%s%sdisplay %u%s%s%s", name, name[0] ? ", " : "", window->display + 1,
	         window->has_picture ? "" : " (dark)", window->desk->microphone ? " - microphone is on" : "",
	         window->grabbed ? " - Ctrl+Alt+G gives the keyboard back" : " - vitrine");
	window->desk->sdl->SDL_SetWindowTitle(window->window, title);
}

/* --- pictures ---------------------------------------------------------------------------------------- */

static bool is_new(const struct vtr_desk_window *window, const struct vtr_scanout_frame *frame)
{
	return !window->has_picture || frame->generation != window->generation ||
	       frame->frame != window->frame;
}

/* Returns: what changed since the current picture. */
static struct vtr_rect find_damage(const struct vtr_desk_window *window,
                                   const struct vtr_scanout_frame *frame)
{
	const struct vtr_scanout *scanout = &frame->scanout;

	if (window->has_picture && frame->generation == window->generation &&
	    window->frame >= frame->damage_since) {
		return vtr_rect_clip(&frame->damage, scanout->width, scanout->height);
	}
	return (struct vtr_rect){ 0, 0, scanout->width, scanout->height };
}

static void keep(struct vtr_desk_window *window, const struct vtr_scanout_frame *frame, int64_t now_ns)
{
	const struct vtr_scanout *scanout = &frame->scanout;
	const bool resized = window->width != scanout->width || window->height != scanout->height;
	const bool had_picture = window->has_picture;

	window->has_picture = true;
	window->changed = true;
	window->generation = frame->generation;
	window->frame = frame->frame;
	window->width = scanout->width;
	window->height = scanout->height;
	window->tried_ns = VTR_DESK_NEVER;
	if (!had_picture) {
		vtr_desk_window_set_title(window);
	}
	if (resized) {
		follow_size(window, now_ns);
	}
}

/* Logs why there is no picture. On an error the last picture stays. */
static enum vtr_err explain(struct vtr_desk_window *window, enum vtr_err err)
{
	if (err == VTR_ERR_AGAIN || err == VTR_ERR_OS) {
		return err;
	}
	if (err != VTR_ERR_GONE) {
		vtr_warn_limited(window->desk->log, "cannot show what display %u does: %s", window->display,
		                 vtr_err_text(err));
	} else if (window->has_picture) {
		window->has_picture = false;
		window->changed = true;
		vtr_desk_window_set_title(window);
	}
	return VTR_OK;
}

/* Copies a new frame, if there is one. A frame that changed meanwhile is not shown, unless it was tried for
 * so long that a torn picture is better than none. Returns: VTR_ERR_AGAIN (try again soon). */
static enum vtr_err take(struct vtr_desk_window *window, int64_t now_ns)
{
	struct vtr_display_client *screen = window->desk->screen;
	struct vtr_frame_view view;
	enum vtr_err err = vtr_display_client_open_view(screen, window->display, &view);

	if (err != VTR_OK) {
		return explain(window, err);
	}
	if (!is_new(window, &view.frame)) {
		(void)vtr_display_client_close_view(screen, window->display, &view, false);
		return VTR_OK;
	}
	const struct vtr_rect damage = find_damage(window, &view.frame);
	err = vtr_painter_take(window->painter, &view, &damage);
	bool whole = vtr_display_client_close_view(screen, window->display, &view, false);
	if (err != VTR_OK) {
		return explain(window, err);
	}
	window->tried_ns = window->tried_ns == VTR_DESK_NEVER ? now_ns : window->tried_ns;
	if (!whole && now_ns - window->tried_ns < TAKE_NS) {
		return VTR_ERR_AGAIN;
	}
	vtr_display_client_take_frame(screen, window->display, view.frame.frame);
	keep(window, &view.frame, now_ns);
	return VTR_OK;
}

static int64_t get_refresh(const struct vtr_desk_window *window)
{
	const struct vtr_sdl *sdl = window->desk->sdl;
	SDL_DisplayMode mode = { 0 };
	int index = sdl->SDL_GetWindowDisplayIndex(window->window);

	if (index < 0 || sdl->SDL_GetCurrentDisplayMode(index, &mode) < 0 || mode.refresh_rate <= 0) {
		return REFRESH_HZ;
	}
	return mode.refresh_rate;
}

static enum vtr_err show(struct vtr_desk_window *window)
{
	struct vtr_fit fit = { 0 };

	if (window->has_picture && !make_fit(window, &fit)) {
		return VTR_ERR_AGAIN;
	}
	enum vtr_err err = vtr_painter_show(window->painter, window->has_picture ? &fit : NULL);
	if (err == VTR_OK) {
		window->changed = false;
		window->fit = fit;
		window->due_ns = vtr_os_now_ns() + NS_PER_S / (2 * get_refresh(window));
	}
	return err;
}

int64_t vtr_desk_window_due_ns(const struct vtr_desk_window *window)
{
	return window->due_ns;
}

enum vtr_err vtr_desk_window_update(struct vtr_desk_window *window, int64_t *out_next_ns)
{
	const int64_t now_ns = vtr_os_now_ns();
	int64_t next_ns = VTR_DESK_NEVER;
	enum vtr_err err = VTR_OK;

	if (now_ns >= window->due_ns) {
		err = take(window, now_ns);
	} else {
		next_ns = window->due_ns;
	}
	vtr_window_input_flush(&window->input);
	if (window->inside) {
		vtr_window_input_show_cursor(&window->input);
	}
	if (err == VTR_ERR_AGAIN) {
		next_ns = now_ns + AGAIN_NS;
	} else if (err != VTR_OK) {
		return err;
	}
	if (window->ask_ns != VTR_DESK_NEVER && now_ns >= window->ask_ns) {
		ask(window, now_ns);
		/* The size may have been the old one at the event: SDL 3, which sdl2-compat uses, gives the event to
		 * us before its renderer. */
		window->changed = true;
	}
	if (window->changed) {
		err = show(window);
		if (err == VTR_ERR_AGAIN) {
			next_ns = now_ns + HIDDEN_NS;
		} else if (err != VTR_OK) {
			return err;
		}
	}
	if (window->ask_ns != VTR_DESK_NEVER && (next_ns == VTR_DESK_NEVER || window->ask_ns < next_ns)) {
		next_ns = window->ask_ns;
	}
	*out_next_ns = next_ns;
	return VTR_OK;
}

/* --- input ------------------------------------------------------------------------------------------- */

static void grab(struct vtr_desk_window *window, bool wanted)
{
	window->grabbed = wanted;
	window->desk->sdl->SDL_SetWindowKeyboardGrab(window->window, wanted ? SDL_TRUE : SDL_FALSE);
	vtr_desk_window_set_title(window);
}

/* Handles our own key combinations, with Ctrl and Alt. Returns: whether it was one. */
static bool handle_own_key(struct vtr_desk_window *window, const SDL_KeyboardEvent *key)
{
	if ((key->keysym.mod & KMOD_CTRL) == 0 || (key->keysym.mod & KMOD_ALT) == 0) {
		return false;
	}
	switch (key->keysym.scancode) {
	case SDL_SCANCODE_F:
		window->full_screen = !window->full_screen;
		window->desk->sdl->SDL_SetWindowFullscreen(
			window->window, window->full_screen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
		grab(window, window->full_screen);
		break;
	case SDL_SCANCODE_G:
		grab(window, !window->grabbed);
		break;
	case SDL_SCANCODE_S:
		window->by_pixel = !window->by_pixel;
		window->changed = true;
		break;
	default:
		return false;
	}
	vtr_window_input_release(&window->input); /* Ctrl and Alt were not meant for the guest */
	return true;
}

static void handle_key(struct vtr_desk_window *window, const SDL_KeyboardEvent *key)
{
	bool down = key->type == SDL_KEYDOWN;

	if (down && (key->repeat != 0 || handle_own_key(window, key))) {
		return;
	}
	vtr_window_input_press(&window->input, vtr_keys_from_scancode(key->keysym.scancode), down);
}

static void handle_motion(struct vtr_desk_window *window, int32_t x, int32_t y)
{
	const struct scale scale = get_scale(window);

	if (window->has_picture && scale.units_x > 0 && scale.units_y > 0) {
		vtr_window_input_move(&window->input, &window->fit,
		                      (int32_t)((int64_t)x * scale.pixels_x / scale.units_x),
		                      (int32_t)((int64_t)y * scale.pixels_y / scale.units_y));
	}
}

static void handle_change(struct vtr_desk_window *window, const SDL_WindowEvent *event)
{
	switch (event->event) {
	case SDL_WINDOWEVENT_SIZE_CHANGED:
		window->ask_ns = vtr_os_now_ns() + ASK_NS;
		window->changed = true;
		break;
	case SDL_WINDOWEVENT_EXPOSED:
	case SDL_WINDOWEVENT_SHOWN:
	case SDL_WINDOWEVENT_RESTORED:
		window->changed = true;
		break;
	case SDL_WINDOWEVENT_FOCUS_LOST:
		vtr_window_input_release(&window->input);
		break;
	case SDL_WINDOWEVENT_ENTER:
		window->inside = true;
		vtr_window_input_enter(&window->input);
		break;
	case SDL_WINDOWEVENT_LEAVE:
		window->inside = false;
		break;
	default:
		break;
	}
}

void vtr_desk_window_handle(struct vtr_desk_window *window, const SDL_Event *event)
{
	switch (event->type) {
	case SDL_KEYDOWN:
	case SDL_KEYUP:
		handle_key(window, &event->key);
		break;
	case SDL_MOUSEMOTION:
		handle_motion(window, event->motion.x, event->motion.y);
		break;
	case SDL_MOUSEBUTTONDOWN:
	case SDL_MOUSEBUTTONUP:
		handle_motion(window, event->button.x, event->button.y);
		vtr_window_input_press(&window->input, vtr_keys_from_button(event->button.button),
		                       event->type == SDL_MOUSEBUTTONDOWN);
		break;
	case SDL_MOUSEWHEEL:
		vtr_window_input_turn(&window->input, &event->wheel);
		break;
	case SDL_WINDOWEVENT:
		handle_change(window, &event->window);
		break;
	default:
		break;
	}
}

/* --- lifetime ---------------------------------------------------------------------------------------- */

const char *vtr_desk_window_drawn_by(const struct vtr_desk_window *window)
{
	return vtr_painter_name(window->painter);
}

SDL_Window *vtr_desk_window_sdl(const struct vtr_desk_window *window)
{
	return window->window;
}

uint32_t vtr_desk_window_id(const struct vtr_desk_window *window)
{
	return window->desk->sdl->SDL_GetWindowID(window->window);
}

static enum vtr_err open_window(struct vtr_desk_window *window, const struct vtr_display_mode *mode)
{
	struct vtr_desk *desk = window->desk;

	window->window = desk->sdl->SDL_CreateWindow(
		"", (int)SDL_WINDOWPOS_UNDEFINED, (int)SDL_WINDOWPOS_UNDEFINED, (int)mode->width,
		(int)mode->height, SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
	if (!window->window) {
		vtr_warn(desk->log, "no window: %s", desk->sdl->SDL_GetError());
		return VTR_ERR_UNSUPPORTED;
	}
	enum vtr_err err =
		vtr_painter_create(desk->log, desk->sdl, window->window, desk->gpu, &window->painter);
	if (err != VTR_OK) {
		desk->sdl->SDL_DestroyWindow(window->window);
	}
	return err;
}

enum vtr_err vtr_desk_window_create(struct vtr_desk *desk, uint32_t display,
                                    const struct vtr_display_mode *mode, struct vtr_desk_window **out_window)
{
	struct vtr_desk_window *window = calloc(1, sizeof(*window));

	if (!window) {
		return VTR_ERR_NOMEM;
	}
	window->desk = desk;
	window->display = display;
	window->changed = true;
	window->tried_ns = VTR_DESK_NEVER;
	window->ask_ns = VTR_DESK_NEVER;
	window->asked_ns = VTR_DESK_NEVER;
	enum vtr_err err = open_window(window, mode);
	if (err != VTR_OK) {
		free(window);
		return err;
	}
	vtr_window_input_init(&window->input, desk->sdl, desk->screen, display);
	set_size(window, mode->width, mode->height); /* again, since a unit may be more than a pixel */
	vtr_desk_window_set_title(window);
	*out_window = window;
	return VTR_OK;
}

void vtr_desk_window_destroy(struct vtr_desk_window *window)
{
	if (!window) {
		return;
	}
	vtr_window_input_finish(&window->input);
	vtr_painter_destroy(window->painter);
	window->desk->sdl->SDL_DestroyWindow(window->window);
	free(window);
}
