/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "window"
#include "present/try.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/proc.h"
#include "present/gpu.h"
#include "present/painter.h"

#define SIDE 64 /* pixels of the hidden window */
#define TRY_MS 10000

bool vtr_present_any_gpu(const struct vtr_sdl *sdl, const char *renderer)
{
	return strcmp(renderer, "vulkan") == 0 || !vtr_sdl_is_x11(sdl);
}

static enum vtr_err try_window(struct vtr_painter_host *host)
{
	const struct vtr_painter_ops *ops = &vtr_painter_vulkan;
	struct vtr_painter *painter;
	SDL_Window *window =
		vtr_sdl_create_window(host->sdl, 0, 0, SIDE, SIDE, SDL_WINDOW_HIDDEN | ops->window_flags);

	if (!window) {
		vtr_debug(host->log, "no window for Vulkan: %s", host->sdl->SDL_GetError());
		return VTR_ERR_UNSUPPORTED;
	}
	enum vtr_err err = ops->create(host, window, &painter);
	if (err == VTR_OK) {
		ops->destroy(painter);
	}
	vtr_paint_gpu_destroy(host->gpu);
	host->sdl->SDL_DestroyWindow(window);
	return err;
}

enum vtr_err vtr_present_try(struct vtr_log *log, const char *renderer)
{
	struct vtr_sdl sdl;
	char why[256];
	enum vtr_err err = vtr_sdl_start(&sdl, why, sizeof(why));

	if (err != VTR_OK) {
		vtr_debug(log, "no window: %s", why);
		return err;
	}
	struct vtr_painter_host host = {
		.log = log,
		.sdl = &sdl,
		.any_gpu = vtr_present_any_gpu(&sdl, renderer),
	};
	err = try_window(&host);
	sdl.SDL_Quit();
	return err;
}

/* Waits for a child's end. *out_status is undefined if it had to be killed. Returns: whether it ended by
 * itself. */
static bool await_end(pid_t pid, int death_fd, int *out_status)
{
	struct pollfd pollfd = { .fd = death_fd, .events = POLLIN };
	bool ended = poll(&pollfd, 1, TRY_MS) > 0;

	if (!ended) {
		kill(pid, SIGKILL);
	}
	waitpid(pid, out_status, 0);
	return ended;
}

bool vtr_present_try_apart(struct vtr_log *log, const char *program, const char *renderer)
{
	static const struct vtr_os_spawn_fd fds[] = {
		{ .fd = STDIN_FILENO, .as = STDIN_FILENO },
		{ .fd = STDERR_FILENO, .as = STDOUT_FILENO },
		{ .fd = STDERR_FILENO, .as = STDERR_FILENO },
	};
	const char *filter = !log                                           ? "off" :
	                     vtr_log_on(log, VTR_LOG_DEBUG, VTR_LOG_MODULE) ? "debug" :
	                                                                      "error";
	const char *const argv[] = { program, "window", "--try", renderer, "--log", filter, NULL };
	const struct vtr_os_spawn spawn = {
		.path = program,
		.argv = (char **)argv, /* exec() does not change it */
		.fds = fds,
		.fd_count = VTR_ARRAY_LEN(fds),
	};
	vtr_autofd int death_fd = -1;
	int status = 0;
	pid_t pid;

	if (vtr_os_spawn(&spawn, &pid, &death_fd) != VTR_OK) {
		return false;
	}
	if (!await_end(pid, death_fd, &status)) {
		vtr_warn(log,
		         "the Vulkan driver hangs when it draws into a window; the software renderer draws "
		         "instead");
		return false;
	}
	if (WIFSIGNALED(status)) {
		vtr_warn(log,
		         "the Vulkan driver crashes when it draws into a window (signal %d); the software "
		         "renderer draws instead",
		         WTERMSIG(status));
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

enum vtr_err vtr_present_probe(const char *program, char *out_what, size_t size)
{
	struct vtr_sdl sdl;
	enum vtr_err err = vtr_sdl_start(&sdl, out_what, size);

	if (err == VTR_OK) {
		snprintf(out_what, size, "%s, drawn by %s", sdl.SDL_GetCurrentVideoDriver(),
		         vtr_present_try_apart(NULL, program, "auto") ? "vulkan" : "software");
		sdl.SDL_Quit();
	}
	return err;
}
