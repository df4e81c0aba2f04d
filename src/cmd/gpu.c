/* SPDX-License-Identifier: MIT */
/* The front process of one VM. Only this file connects transport, device, renderers and display processes. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/gpu_choice.h"
#include "cmd/input.h"
#include "cmd/lock_in.h"
#include "cmd/page_options.h"
#include "cmd/serve_http.h"
#include "cmd/service.h"
#include "cmd/sound.h"
#include "cmd/video.h"
#include "cmd/vtest_server.h"
#include "cmd/workers.h"
#include "core/hostmem.h"
#include "display_host/host.h"
#include "platform/loop.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "pool/prober.h"
#include "pool/worker_pool.h"
#include "present/present.h"
#include "venus/venus.h"
#include "vhost/vhost_user.h"
#include "virtio/gpu.h"
#include "web/web.h"

#define DEFAULT_HOSTMEM (UINT64_C(8) << 30)
#define DEFAULT_REFRESH 60
/* Each context of the guest is a process here. */
#define MAX_CONTEXTS 64
/* One QEMU, and a second one that is refused. */
#define LISTEN_BACKLOG 2
/* A huge page, beyond which places only become fewer. */
#define MAX_BLOB_ALIGNMENT (UINT64_C(2) << 20)
#define REFRESH_UNSET UINT32_MAX

struct options {
	const char *socket;
	struct vtr_opt_list displays;
	uint32_t outputs;
	uint32_t refresh;
	uint64_t hostmem;
	uint64_t blob_alignment;
	const char *input;
	const char *sound;
	const char *agent;
	const char *touch;
	struct vtr_opt_list pads;
	const char *webdav;
	uint64_t webdav_size;
	struct vtr_display_http http;
	struct vtr_video_options video_options;
	struct vtr_display_hxfr hxfr;
	struct vtr_display_desktop desktop;
	const char *log;
	const char *gpu;
	const char *cache;
	struct vtr_opt_list tuning;
	/* Derived from the options above. */
	char title[NAME_MAX + 1];
	struct vtr_display_output outputs_made[VTR_DISPLAY_MAX_OUTPUTS];
	struct vtr_display_video video;
};

static const struct vtr_opt opts[] = {
	{ .name = "socket",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, socket),
	  .arg = "PATH",
	  .help = "listen for QEMU's chardev at this socket (required, unless a service manager passes "
	          "one)" },
	{ .name = "display",
	  .kind = VTR_OPT_LIST,
	  .offset = offsetof(struct options, displays),
	  .arg = "WxH[@HZ]",
	  .help = "add a display of this size, up to 16 times; default: one of 1280x800" },
	{ .name = "outputs",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, outputs),
	  .arg = "N",
	  .help = "give the guest N connectors, so that displays can be plugged in later; default: one "
	          "for each display" },
	{ .name = "refresh",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, refresh),
	  .arg = "HZ",
	  .help = "take new frames at this rate; 0: as soon as there is one; default: the highest @HZ, "
	          "else 60" },
	{ .name = "hostmem",
	  .kind = VTR_OPT_SIZE,
	  .offset = offsetof(struct options, hostmem),
	  .arg = "SIZE",
	  .help = "limit the GPU memory that the guest can map, a power of two; the guest's use takes "
	          "host RAM; default: 8G" },
	{ .name = "blob-alignment",
	  .kind = VTR_OPT_SIZE,
	  .offset = offsetof(struct options, blob_alignment),
	  .arg = "SIZE",
	  .help = "ask the guest to place GPU memory at multiples of this, a power of two; default: the "
	          "host's page size" },
	{ .name = "input",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, input),
	  .arg = "PATH",
	  .help = "serve a keyboard at PATH.keyboard and a tablet at PATH.tablet, for QEMU's chardevs" },
	{ .name = "sound",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, sound),
	  .arg = "PATH",
	  .help = "serve a sound card at this socket, for a chardev of QEMU's vhost-user-snd-pci" },
	{ .name = "touch",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, touch),
	  .arg = "PATH",
	  .help = "serve a touch screen at this socket, for a chardev of QEMU" },
	{ .name = "pad",
	  .kind = VTR_OPT_LIST,
	  .offset = offsetof(struct options, pads),
	  .arg = "PATH",
	  .help = "serve a game pad at this socket, for a chardev of QEMU; up to 4 times" },
	VTR_HTTP_OPTS(struct options, http,
	              "serve a web page that shows the displays and takes input; print the links to it"),
	{ .name = "agent",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, agent),
	  .arg = "PATH",
	  .help = "share the clipboard and take files on the page, through spice-vdagent in the guest; "
	          "QEMU's chardev connects at this socket" },
	{ .name = "webdav",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, webdav),
	  .arg = "PATH",
	  .help = "share a folder between the guest and the page, through spice-webdavd in the guest; "
	          "QEMU's chardev connects at this socket" },
	{ .name = "webdav-size",
	  .kind = VTR_OPT_SIZE,
	  .offset = offsetof(struct options, webdav_size),
	  .arg = "SIZE",
	  .help = "limit the files in that folder, which take host RAM; default: 1G" },
	{ .name = "hxfr",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, hxfr.address),
	  .arg = "ADDR:PORT",
	  .help = "serve the displays' video to HXFR clients (docs/hxfr.md)" },
	{ .name = "hxfr-open",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, hxfr.open),
	  .help = "let every HXFR client that can connect watch and set modes without a token" },
	{ .name = "window",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, desktop.wanted),
	  .help = "show the displays in windows on this machine's desktop, take input there and play "
	          "the sound" },
	{ .name = "window-renderer",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, desktop.renderer),
	  .arg = "NAME",
	  .help = "draw the windows with gpu or software; default: the better one here" },
	{ .name = "window-title",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, desktop.title),
	  .arg = "TEXT",
	  .help = "put this name of the VM into the title bars; default: the socket's name" },
	{ .name = "window-microphone",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, desktop.microphone),
	  .help = "with --window and --sound: let the guest record by this machine's microphone" },
	VTR_VIDEO_OPTS(offsetof(struct options, video_options)),
	VTR_GPU_OPT(offsetof(struct options, gpu)),
	VTR_CACHE_OPT(offsetof(struct options, cache), "none"),
	VTR_TUNING_OPT(offsetof(struct options, tuning)),
	VTR_LOG_OPT(offsetof(struct options, log),
	            "choose what to log: error, warn, info, debug, or for instance info,vhost=debug"),
};

/* All parts, in the order of their creation. */
struct gpu {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	struct vtr_service *service;
	struct vtr_listener listener;
	struct vtr_listener agent_listener;
	struct vtr_listener webdav_listener;
	struct vtr_hostmem hostmem;
	struct vtr_workers workers;
	struct vtr_prober *prober;
	struct vtr_worker_pool *worker_pool;
	struct vtr_display_host *screen;
	struct vtr_virtio_gpu *device;
	struct vtr_vhost_user *server;
	struct vtr_input_devices *inputs; /* NULL: not wanted */
	struct vtr_sound_device *sound; /* NULL: not wanted */
	/* The display host is created before the device that handles its events. */
	struct vtr_display_events screen_events;
};

static void on_mode(void *data, uint32_t display, bool connected, uint32_t width, uint32_t height)
{
	struct gpu *gpu = data;

	if (gpu->device) {
		vtr_virtio_gpu_screen_events.mode(gpu->device, display, connected, width, height);
	}
}

static void on_input(void *data, const struct vtr_input *event)
{
	struct gpu *gpu = data;
	struct vtr_input moved = *event;

	bool has_place = event->kind == VTR_INPUT_MOTION || (event->kind == VTR_INPUT_TOUCH && event->down);

	if (!gpu->inputs ||
	    (has_place && !vtr_virtio_gpu_locate(gpu->device, event->display, &moved.x, &moved.y))) {
		return;
	}
	vtr_input_devices_take(gpu->inputs, &moved);
}

static void on_listen(void *data, bool listens)
{
	struct gpu *gpu = data;

	if (gpu->sound) {
		vtr_sound_device_listen(gpu->sound, listens);
	}
}

static void on_microphone(void *data, const struct vtr_audio_block *block)
{
	struct gpu *gpu = data;

	if (gpu->sound) {
		vtr_sound_device_hear(gpu->sound, block);
	}
}

static void on_lights(void *data, uint32_t lights)
{
	struct gpu *gpu = data;

	vtr_display_host_set_lights(gpu->screen, lights);
}

/* --- options --------------------------------------------------------------------------------------- */

static enum vtr_err parse_display(const char *text, struct vtr_virtio_gpu_display *out_display,
                                  uint32_t *refresh)
{
	struct vtr_virtio_gpu_display display = { .connected = true };
	unsigned hz = 0;
	int end = 0;

	if (sscanf(text, "%5ux%5u%n", &display.width, &display.height, &end) != 2) {
		return VTR_ERR_ARG;
	}
	if (text[end] == '@') {
		int more = 0;
		if (sscanf(text + end, "@%3u%n", &hz, &more) != 1 || hz == 0 ||
		    hz > VTR_VIRTIO_GPU_MAX_REFRESH_HZ) {
			return VTR_ERR_ARG;
		}
		end += more;
	}
	if (text[end] != '\0' || !vtr_mode_fits(display.width, display.height)) {
		return VTR_ERR_ARG;
	}
	if (*refresh < hz) {
		*refresh = hz;
	}
	*out_display = display;
	return VTR_OK;
}

struct displays {
	struct vtr_virtio_gpu_display items[VTR_MAX_DISPLAYS];
	uint32_t count;
	uint32_t refresh;
};

static enum vtr_err parse_displays(const struct options *options, struct displays *out)
{
	struct displays displays = { .count = 0 };

	for (size_t i = 0; i < options->displays.count; i++) {
		const char *text = options->displays.items[i];
		if (parse_display(text, &displays.items[displays.count++], &displays.refresh) != VTR_OK) {
			fprintf(stderr,
			        "vitrine gpu: cannot add display '%s': a display is WIDTHxHEIGHT or "
			        "WIDTHxHEIGHT@HZ, "
			        "from %ux%u to %ux%u and up to %u Hz. Give for instance --display 1280x800\n",
			        text, VTR_MODE_MIN_SIDE, VTR_MODE_MIN_SIDE, VTR_MODE_MAX_SIDE,
			        VTR_MODE_MAX_SIDE, VTR_VIRTIO_GPU_MAX_REFRESH_HZ);
			return VTR_ERR_ARG;
		}
	}
	if (displays.count == 0) {
		displays.items[displays.count++] = (struct vtr_virtio_gpu_display){ true, 1280, 800 };
	}
	if (options->outputs > VTR_MAX_DISPLAYS) {
		fprintf(stderr,
		        "vitrine gpu: --outputs is too large: a guest has at most %d displays. Give a "
		        "smaller number\n",
		        VTR_MAX_DISPLAYS);
		return VTR_ERR_ARG;
	}
	while (displays.count < options->outputs) {
		displays.items[displays.count] = displays.items[0];
		displays.items[displays.count++].connected = false;
	}
	if (options->refresh != REFRESH_UNSET) {
		displays.refresh = options->refresh;
	} else if (displays.refresh == 0) {
		displays.refresh = DEFAULT_REFRESH;
	}
	if (displays.refresh > VTR_VIRTIO_GPU_MAX_REFRESH_HZ) {
		fprintf(stderr,
		        "vitrine gpu: --refresh is too large: the limit is %d Hz. Give a smaller rate, or 0 "
		        "to take each frame at once\n",
		        VTR_VIRTIO_GPU_MAX_REFRESH_HZ);
		return VTR_ERR_ARG;
	}
	*out = displays;
	return VTR_OK;
}

/* --- parts ----------------------------------------------------------------------------------------- */

static enum vtr_err start_hostmem(struct gpu *gpu, uint64_t size)
{
	enum vtr_err err = vtr_hostmem_init("vitrine-hostmem", size, &gpu->hostmem);

	if (err == VTR_ERR_ARG) {
		fprintf(stderr,
		        "vitrine gpu: --hostmem has a wrong size: QEMU maps only powers of two. Give for "
		        "instance --hostmem 4G\n");
	}
	return err;
}

static enum vtr_err start_worker_pool(struct gpu *gpu, const struct vtr_tuning *tuning,
                                      const struct options *options)
{
	enum vtr_err err = vtr_workers_init(&gpu->workers, tuning, options->log);

	if (err == VTR_OK) {
		err = vtr_workers_choose_gpu(&gpu->workers, "gpu", options->gpu, gpu->log);
	}
	if (err != VTR_OK) {
		return err;
	}
	const struct vtr_workers_cache_params cache_params = {
		.command = "gpu",
		.option = options->cache,
		.log = gpu->log,
		.loop = gpu->loop,
	};
	err = vtr_workers_open_cache(&gpu->workers, &cache_params);
	if (err == VTR_OK) {
		err = vtr_workers_open_zygote(&gpu->workers, (enum vtr_zygote_mode)tuning->zygote, true,
		                              gpu->log, gpu->loop);
	}
	if (err != VTR_OK) {
		return err;
	}
	const struct vtr_prober_params prober_params = {
		.log = gpu->log,
		.loop = gpu->loop,
		.spawner = vtr_workers_spawner(&gpu->workers),
		.found = &gpu->workers.config,
		.hostmem = true,
		.trial = true,
	};
	err = vtr_prober_start(&prober_params, &gpu->prober);
	if (err != VTR_OK) {
		return err;
	}
	const struct vtr_worker_pool_params params = {
		.log = gpu->log,
		.loop = gpu->loop,
		.hostmem = &gpu->hostmem,
		.spawner = vtr_workers_spawner(&gpu->workers),
		.max_contexts = MAX_CONTEXTS,
		.leave_timeout_ms = VTR_WORKER_LEAVE_MS,
		.detach_timeout_ms = VTR_WORKER_POOL_DETACH_MS,
	};
	return vtr_worker_pool_create(&params, &gpu->worker_pool);
}

static enum vtr_err start_screen(struct gpu *gpu, const struct options *options)
{
	gpu->screen_events = (struct vtr_display_events){
		.mode = on_mode,
		.input = on_input,
		.listen = on_listen,
		.microphone = on_microphone,
	};
	const struct vtr_display_host_params params = {
		.log = gpu->log,
		.log_filter = options->log,
		.loop = gpu->loop,
		.program = gpu->workers.program,
		.hostmem = &gpu->hostmem,
		.http = options->http,
		.video = options->video,
		.hxfr = options->hxfr,
		.desktop = options->desktop,
		.has_touch = options->touch != NULL,
		.pads = (uint32_t)options->pads.count,
		.sandbox = (enum vtr_os_sandbox_mode)gpu->workers.config.sandbox,
		.metrics_fd = -1,
		.sound = options->sound != NULL,
		.agent_fd = gpu->agent_listener.fd,
		.webdav_fd = gpu->webdav_listener.fd,
		.webdav_bytes = options->webdav_size,
		.events = &gpu->screen_events,
		.data = gpu,
	};
	return vtr_display_host_create(&params, &gpu->screen);
}

static enum vtr_err start_device(struct gpu *gpu, const struct options *options,
                                 const struct displays *displays)
{
	uint8_t capset[VTR_CAPSET_VENUS_SIZE];

	vtr_venus_capset(true, capset);
	const struct vtr_virtio_gpu_params params = {
		.log = gpu->log,
		.loop = gpu->loop,
		.hostmem = &gpu->hostmem,
		.blob_alignment = (uint32_t)options->blob_alignment,
		.displays = displays->items,
		.display_count = displays->count,
		.refresh_hz = displays->refresh,
		.capset = capset,
		.renderer_ops = &vtr_worker_pool_ops,
		.renderer_data = gpu->worker_pool,
		.screen = &vtr_display_host_ops,
		.screen_data = gpu->screen,
	};
	enum vtr_err err = vtr_virtio_gpu_create(&params, &gpu->device);
	if (err != VTR_OK) {
		return err;
	}
	const struct vtr_vhost_user_params server_params = {
		.log = gpu->log,
		.loop = gpu->loop,
		.device = vtr_virtio_gpu_device(gpu->device),
		.listen_fd = gpu->listener.fd,
	};
	err = vtr_vhost_user_create(&server_params, &gpu->server);
	if (err == VTR_OK) {
		vtr_virtio_gpu_set_transport(gpu->device, vtr_vhost_user_transport(gpu->server));
	}
	return err;
}

static enum vtr_err start_inputs(struct gpu *gpu, const struct options *options)
{
	const struct vtr_input_devices_params params = {
		.path = options->input,
		.touch = options->touch,
		.pads = &options->pads,
		.service = gpu->service,
		.log = gpu->log,
		.loop = gpu->loop,
		.lights = on_lights,
		.data = gpu,
	};

	return vtr_input_devices_create(&params, &gpu->inputs);
}

static enum vtr_err start_sound(struct gpu *gpu, const char *path)
{
	const struct vtr_sound_device_params params = {
		.path = path,
		.service = gpu->service,
		.log = gpu->log,
		.loop = gpu->loop,
		.screen = gpu->screen,
	};

	return vtr_sound_device_create(&params, &gpu->sound);
}

static enum vtr_err start(struct gpu *gpu, const struct options *options, const struct vtr_tuning *tuning,
                          const struct displays *displays)
{
	enum vtr_err err = vtr_os_loop_create(&gpu->loop);

	if (err == VTR_OK) {
		err = vtr_cmd_quit_on_signals(gpu->loop);
	}
	if (err == VTR_OK) {
		err = start_hostmem(gpu, options->hostmem);
	}
	if (err == VTR_OK) {
		err = start_worker_pool(gpu, tuning, options);
	}
	if (err == VTR_OK && options->agent) {
		err = vtr_service_listen(gpu->service, "gpu", options->agent, 0600, LISTEN_BACKLOG,
		                         &gpu->agent_listener);
	}
	if (err == VTR_OK && options->webdav) {
		err = vtr_service_listen(gpu->service, "gpu", options->webdav, 0600, LISTEN_BACKLOG,
		                         &gpu->webdav_listener);
	}
	if (err == VTR_OK) {
		err = start_screen(gpu, options);
	}
	if (err == VTR_OK) {
		err = start_device(gpu, options, displays);
	}
	if (err == VTR_OK && (options->input || options->touch || options->pads.count > 0)) {
		err = start_inputs(gpu, options);
	}
	if (err == VTR_OK && options->sound) {
		err = start_sound(gpu, options->sound);
	}
	if (err == VTR_OK) {
		err = vtr_service_check_taken(gpu->service, "gpu");
	}
	return err;
}

static void finish(struct gpu *gpu)
{
	if (gpu->device) {
		vtr_virtio_gpu_set_transport(gpu->device, NULL);
	}
	vtr_input_devices_destroy(gpu->inputs);
	vtr_sound_device_destroy(gpu->sound);
	gpu->sound = NULL; /* the screen process that ends below may listen */
	vtr_vhost_user_destroy(gpu->server);
	vtr_virtio_gpu_destroy(gpu->device);
	vtr_display_host_destroy(gpu->screen);
	vtr_worker_pool_destroy(gpu->worker_pool);
	vtr_prober_destroy(gpu->prober);
	vtr_workers_finish(&gpu->workers);
	vtr_hostmem_finish(&gpu->hostmem);
	vtr_os_loop_destroy(gpu->loop);
	vtr_listener_close(&gpu->listener);
	vtr_listener_close(&gpu->agent_listener);
	vtr_listener_close(&gpu->webdav_listener);
	vtr_log_destroy(gpu->log);
}

/* --- the command ----------------------------------------------------------------------------------- */

static int serve(struct gpu *gpu)
{
	const char *link = vtr_display_host_link(gpu->screen, true);

	printf("READY %s%s%s\n", gpu->listener.path, link ? " " : "", link ? link : "");
	if (link) {
		printf("VIEW %s\n", vtr_display_host_link(gpu->screen, false));
	}
	if (vtr_display_host_hxfr_link(gpu->screen)) {
		printf("HXFR %s\n", vtr_display_host_hxfr_link(gpu->screen));
	}
	fflush(stdout);
	vtr_service_ready(gpu->service, gpu->listener.path);
	enum vtr_err err = vtr_os_loop_run(gpu->loop);
	vtr_service_stopping(gpu->service);
	if (err != VTR_OK) {
		fprintf(stderr,
		        "vitrine gpu: the event loop failed: %s. The VM has lost its GPU: restart vitrine "
		        "gpu, then the VM\n",
		        vtr_err_text(err));
		return 1;
	}
	return 0;
}

/* A part that refuses a value has said which and why. */
static void explain_start(enum vtr_err err)
{
	if (err == VTR_ERR_ARG) {
		fprintf(stderr, "vitrine gpu: not started, for the reason above\n");
	} else {
		fprintf(stderr,
		        "vitrine gpu: not started: %s. The VM has no GPU. See the messages above, and "
		        "'vitrine doctor' for this host\n",
		        vtr_err_text(err));
	}
}

static int run(const struct vtr_command *command, const struct options *options,
               const struct vtr_tuning *tuning, const struct displays *displays, struct vtr_service *service)
{
	struct gpu gpu = { .service = service,
		           .listener.fd = -1,
		           .agent_listener.fd = -1,
		           .webdav_listener.fd = -1,
		           .hostmem.fd = -1 };
	int status = 1;
	enum vtr_err err = vtr_cmd_create_log(command, options->log, &gpu.log);

	if (err != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	vtr_lock_in_warn(gpu.log, (enum vtr_os_sandbox_mode)tuning->renderer.sandbox);
	/* One worker that does not read may hold some hundred fds, and the usual soft limit is 1024. */
	vtr_os_raise_fd_limit();
	err = vtr_service_listen(service, command->name, options->socket, 0600, LISTEN_BACKLOG,
	                         &gpu.listener);
	if (err != VTR_OK) {
		finish(&gpu);
		return 1;
	}
	if (options->desktop.wanted && !options->input) {
		vtr_log_write(gpu.log, VTR_LOG_WARN, "gpu",
		              "windows show the displays, but keys and pointer do not reach the guest: give "
		              "--input PATH, and two input devices to QEMU (docs/qemu.md)");
	}
	err = start(&gpu, options, tuning, displays);
	if (err == VTR_OK) {
		status = serve(&gpu);
	} else {
		explain_start(err);
	}
	finish(&gpu);
	return status;
}

/* Windows are named after the socket: /run/vm1.sock is vm1. */
static void set_title(struct options *options)
{
	const char *slash = strrchr(options->socket, '/');

	if (!options->desktop.title) {
		snprintf(options->title, sizeof(options->title), "%s", slash ? slash + 1 : options->socket);
		char *dot = strrchr(options->title, '.');
		if (dot && dot != options->title) {
			*dot = '\0';
		}
		options->desktop.title = options->title;
	}
}

static bool check_blob_alignment(uint64_t size)
{
	if (size == 0 ||
	    (size >= vtr_os_page_size() && size <= MAX_BLOB_ALIGNMENT && (size & (size - 1)) == 0)) {
		return true;
	}
	fprintf(stderr,
	        "vitrine gpu: --blob-alignment has a wrong size: it is a power of two from this host's page "
	        "size, %zu "
	        "bytes, to 2M. Give for instance --blob-alignment 16K\n",
	        vtr_os_page_size());
	return false;
}

/* Whether this build has what the options need; says on stderr what it lacks. */
static bool check_built(const struct options *options)
{
	const struct {
		bool wanted, built;
		const char *option, *what, *feature;
	} needs[] = {
		{ options->http.address, vtr_web_is_built(), "--http", "the web server", "web" },
		{ options->hxfr.address, vtr_web_is_built(), "--hxfr", "the web server", "web" },
		{ options->desktop.wanted, vtr_present_is_built(), "--window", "window support", "window" },
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(needs); i++) {
		if (needs[i].wanted && !needs[i].built) {
			fprintf(stderr,
			        "vitrine gpu: %s needs %s, and this vitrine was built without it. Leave the "
			        "option out, or build vitrine with 'meson configure -D%s=enabled'.\n",
			        needs[i].option, needs[i].what, needs[i].feature);
			return false;
		}
	}
	return true;
}

static int run_options(const struct vtr_command *command, struct options *options,
                       struct vtr_service *service)
{
	struct vtr_tuning tuning;
	struct displays displays;

	if (!options->socket) {
		options->socket = vtr_service_socket(service);
	}
	if (!options->socket) {
		fprintf(stderr,
		        "vitrine gpu: --socket is missing: QEMU connects to a socket. Give a path, for "
		        "instance --socket /run/vm1.sock\n");
		return VTR_EXIT_USAGE;
	}
	if (options->hxfr.open && !options->hxfr.address) {
		fprintf(stderr,
		        "vitrine gpu: --hxfr-open works only with --hxfr, which says where to listen. Add "
		        "for instance --hxfr 127.0.0.1:15937\n");
		return VTR_EXIT_USAGE;
	}
	if (options->desktop.microphone && !(options->desktop.wanted && options->sound)) {
		fprintf(stderr,
		        "vitrine gpu: --window-microphone works only with --window, which has the "
		        "microphone, "
		        "and --sound, which gives the guest a sound card. Add the one that is missing\n");
		return VTR_EXIT_USAGE;
	}
	if (options->pads.count > VTR_PADS) {
		fprintf(stderr,
		        "vitrine gpu: there are too many --pad: a guest has at most %d. Leave some out\n",
		        VTR_PADS);
		return VTR_EXIT_USAGE;
	}
	if (!vtr_page_options_check(options->http.address != NULL, options->agent, options->webdav,
	                            options->webdav_size) ||
	    !check_blob_alignment(options->blob_alignment) || !check_built(options)) {
		return VTR_EXIT_USAGE;
	}
	if (options->desktop.renderer && !vtr_present_knows_renderer(options->desktop.renderer)) {
		fprintf(stderr,
		        "vitrine gpu: --window-renderer has an unknown value. Give auto, gpu or software\n");
		return VTR_EXIT_USAGE;
	}
	set_title(options);
	if (parse_displays(options, &displays) != VTR_OK ||
	    vtr_tuning_parse(command, &options->tuning, &tuning) != VTR_OK ||
	    vtr_video_parse(command, &options->video_options, options->outputs_made, &options->video) !=
	            VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	if (vtr_lock_in_check(command, (enum vtr_os_sandbox_mode)tuning.renderer.sandbox) != VTR_OK) {
		return 1;
	}
	return run(command, options, &tuning, &displays, service);
}

static int run_gpu(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = {
		.hostmem = DEFAULT_HOSTMEM,
		.refresh = REFRESH_UNSET,
		.webdav_size = VTR_DEFAULT_FOLDER,
	};
	struct vtr_service service;
	int status = VTR_EXIT_USAGE;
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	if (vtr_service_init(command->name, &service) == VTR_OK) {
		status = run_options(command, &options, &service);
	}
	vtr_service_finish(&service);
	return status;
}

static const char example[] =
	"Example, for QEMU 11.1 or newer (docs/qemu.md has more):\n"
	"  qemu-system-x86_64 ... -object memory-backend-memfd,id=mem,size=2G,share=on \\\n"
	"      -machine q35,memory-backend=mem -chardev socket,id=gpu,path=PATH \\\n"
	"      -device vhost-user-test-device-pci,chardev=gpu,virtio-id=16,num_vqs=2,\\\n"
	"          vq_size=256,config_size=24 \\\n"
	"      -chardev socket,id=keyboard,path=INPUT.keyboard \\\n"
	"      -device vhost-user-input-pci,chardev=keyboard ... and the same with tablet\n";

const struct vtr_command vtr_cmd_gpu = {
	.name = "gpu",
	.args = "",
	.summary = "Serve a GPU and displays to one VM, for QEMU at a socket",
	.example = example,
	.details = vtr_tuning_help,
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.ignores_sigpipe = true,
	.run = run_gpu,
};
