/* SPDX-License-Identifier: MIT */
/* The front process of one VM: only here are transport, device, renderers and screen wired together. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/front.h"
#include "cmd/input.h"
#include "cmd/video.h"
#include "cmd/workers.h"
#include "core/window.h"
#include "platform/loop.h"
#include "platform/proc.h"
#include "platform/sock.h"
#include "present/present.h"
#include "screen/client.h"
#include "venus/venus.h"
#include "vhost/vhost_user.h"
#include "virtio/gpu.h"
#include "worker/render.h"
#include "worker/scout.h"

#define DEFAULT_WINDOW (UINT64_C(8) << 30)
#define DEFAULT_REFRESH 60
#define MAX_REFRESH 255
/* Each context of the guest is a process here. */
#define MAX_CONTEXTS 64
#define LEAVE_TIMEOUT_MS 5000
/* One QEMU, and one more to hear that it is not wanted. */
#define LISTEN_BACKLOG 2
#define REFRESH_UNSET UINT32_MAX

struct options {
	const char *socket;
	struct vtr_opt_list displays;
	uint32_t outputs;
	uint32_t refresh;
	uint64_t window;
	const char *input;
	struct vtr_screen_http http;
	struct vtr_video_options video_options;
	struct vtr_screen_hxfr hxfr;
	struct vtr_screen_desktop desktop;
	const char *log;
	struct vtr_opt_list tuning;
	/* Made of those. */
	char title[NAME_MAX + 1];
	struct vtr_screen_output outputs_made[VTR_SCREEN_MAX_OUTPUTS];
	struct vtr_screen_video video;
};

static const struct vtr_opt opts[] = {
	{ .name = "socket",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, socket),
	  .arg = "PATH",
	  .help = "the socket for QEMU's chardev (required)" },
	{ .name = "display",
	  .kind = VTR_OPT_LIST,
	  .offset = offsetof(struct options, displays),
	  .arg = "WxH[@HZ]",
	  .help = "a display of this size; may be given 16 times; default: 1280x800" },
	{ .name = "outputs",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, outputs),
	  .arg = "N",
	  .help = "displays that can be plugged in while the guest runs, those above included" },
	{ .name = "refresh",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, refresh),
	  .arg = "HZ",
	  .help = "how often a frame is shown; 0: whenever there is one; default: the highest "
	          "@HZ, else 60" },
	{ .name = "hostmem",
	  .kind = VTR_OPT_SIZE,
	  .offset = offsetof(struct options, window),
	  .arg = "SIZE",
	  .help = "GPU memory that the guest can map, a power of two; default: 8G. It is taken "
	          "from the host's RAM as it is used" },
	{ .name = "input",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, input),
	  .arg = "PATH",
	  .help = "a keyboard at PATH.keyboard and a tablet at PATH.tablet, for QEMU's chardevs" },
	{ .name = "http",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, http.address),
	  .arg = "ADDR:PORT",
	  .help = "serve a page there that shows the displays and takes input for them; the links "
	          "to it are printed" },
	{ .name = "http-names",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, http.names),
	  .arg = "NAME,...",
	  .help = "names under which other machines reach it, beside its addresses" },
	{ .name = "token-file",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, http.token_file),
	  .arg = "FILE",
	  .help = "keep the tokens of the links there, for the next time and for scripts; default: "
	          "new ones each time" },
	{ .name = "tls-cert",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, http.tls_cert),
	  .arg = "FILE",
	  .help = "serve the page over TLS, with this certificate (PEM)" },
	{ .name = "tls-key",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, http.tls_key),
	  .arg = "FILE",
	  .help = "the certificate's key (PEM)" },
	{ .name = "hxfr",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, hxfr.address),
	  .arg = "ADDR:PORT",
	  .help = "serve the displays' video there to clients of HXFR (docs/hxfr.md); or at vsock:PORT" },
	{ .name = "hxfr-open",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, hxfr.open),
	  .help = "and let whoever can connect there watch and set modes, without a token" },
	{ .name = "insecure",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, http.insecure),
	  .help = "serve the page without TLS to other machines as well" },
	{ .name = "window",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, desktop.wanted),
	  .help = "show the displays in windows on this machine's desktop, and take input there" },
	{ .name = "window-renderer",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, desktop.renderer),
	  .arg = "NAME",
	  .help = "what draws them: vulkan, software; default: what is best here" },
	{ .name = "window-title",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, desktop.title),
	  .arg = "TEXT",
	  .help = "the machine's name in them; default: the socket's" },
	VTR_VIDEO_OPTS(offsetof(struct options, video_options)),
	VTR_TUNING_OPT(offsetof(struct options, tuning)),
	{ .name = "log",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, log),
	  .arg = "FILTER",
	  .help = "what to log: error, warn, info, debug, or info,vhost=debug" },
};

/* All parts, in the order in which they are made. */
struct gpu {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	int listen_fd;
	struct vtr_window window;
	struct vtr_workers workers;
	struct vtr_scout *scout;
	struct vtr_renders *renders;
	struct vtr_screen_client *screen;
	struct vtr_virtio_gpu *device;
	struct vtr_vhost_user *server;
	struct vtr_input_devices *inputs; /* NULL: nobody asked for any */
	/* The screen is made before the device that its wishes are for. */
	struct vtr_screen_events screen_events;
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

	if (!gpu->inputs || (event->kind == VTR_INPUT_MOTION &&
	                     !vtr_virtio_gpu_locate(gpu->device, event->display, &moved.x, &moved.y))) {
		return;
	}
	vtr_input_devices_take(gpu->inputs, &moved);
}

static void on_lights(void *data, uint32_t lights)
{
	struct gpu *gpu = data;

	vtr_screen_client_set_lights(gpu->screen, lights);
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
		if (sscanf(text + end, "@%3u%n", &hz, &more) != 1 || hz == 0 || hz > MAX_REFRESH) {
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
			        "vitrine gpu: '%s' is no display; give WIDTHxHEIGHT or "
			        "WIDTHxHEIGHT@HZ, from %ux%u to %ux%u and up to %u Hz\n",
			        text, VTR_MODE_MIN_SIDE, VTR_MODE_MIN_SIDE, VTR_MODE_MAX_SIDE,
			        VTR_MODE_MAX_SIDE, MAX_REFRESH);
			return VTR_ERR_ARG;
		}
	}
	if (displays.count == 0) {
		displays.items[displays.count++] = (struct vtr_virtio_gpu_display){ true, 1280, 800 };
	}
	if (options->outputs > VTR_MAX_DISPLAYS) {
		fprintf(stderr, "vitrine gpu: --outputs is at most %d\n", VTR_MAX_DISPLAYS);
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
	if (displays.refresh > MAX_REFRESH) {
		fprintf(stderr, "vitrine gpu: --refresh is at most %d\n", MAX_REFRESH);
		return VTR_ERR_ARG;
	}
	*out = displays;
	return VTR_OK;
}

/* --- parts ----------------------------------------------------------------------------------------- */

static enum vtr_err start_window(struct gpu *gpu, uint64_t size)
{
	enum vtr_err err = vtr_window_init("vitrine-window", size, &gpu->window);

	if (err == VTR_ERR_ARG) {
		fprintf(stderr, "vitrine gpu: --hostmem must be a power of two, such as 4G: QEMU takes no "
		                "other size\n");
	}
	return err;
}

static enum vtr_err start_renders(struct gpu *gpu, const struct vtr_tuning *tuning, const char *log_filter)
{
	enum vtr_err err = vtr_workers_init(&gpu->workers, tuning, log_filter);

	if (err != VTR_OK) {
		return err;
	}
	const struct vtr_scout_params scout_params = {
		.log = gpu->log,
		.loop = gpu->loop,
		.spawner = vtr_workers_spawner(&gpu->workers, NULL),
		.window = true,
		.trial = true,
	};
	err = vtr_scout_start(&scout_params, &gpu->scout);
	if (err != VTR_OK) {
		return err;
	}
	const struct vtr_renders_params params = {
		.log = gpu->log,
		.loop = gpu->loop,
		.window = &gpu->window,
		.spawner = vtr_workers_spawner(&gpu->workers, gpu->scout),
		.max_contexts = MAX_CONTEXTS,
		.leave_timeout_ms = LEAVE_TIMEOUT_MS,
	};
	return vtr_renders_create(&params, &gpu->renders);
}

static enum vtr_err start_screen(struct gpu *gpu, const struct options *options)
{
	gpu->screen_events = (struct vtr_screen_events){ .mode = on_mode, .input = on_input };
	const struct vtr_screen_client_params params = {
		.log = gpu->log,
		.log_filter = options->log,
		.loop = gpu->loop,
		.program = gpu->workers.program,
		.window = &gpu->window,
		.http = options->http,
		.video = options->video,
		.hxfr = options->hxfr,
		.desktop = options->desktop,
		.events = &gpu->screen_events,
		.data = gpu,
	};
	return vtr_screen_client_create(&params, &gpu->screen);
}

static enum vtr_err start_device(struct gpu *gpu, const struct displays *displays)
{
	uint8_t capset[VTR_VENUS_CAPSET_SIZE];

	vtr_venus_capset(true, capset);
	const struct vtr_virtio_gpu_params params = {
		.log = gpu->log,
		.loop = gpu->loop,
		.window = &gpu->window,
		.displays = displays->items,
		.display_count = displays->count,
		.refresh_hz = displays->refresh,
		.capset = capset,
		.render = &vtr_worker_render_ops,
		.render_data = gpu->renders,
		.screen = &vtr_screen_client_ops,
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
		.listen_fd = gpu->listen_fd,
	};
	err = vtr_vhost_user_create(&server_params, &gpu->server);
	if (err == VTR_OK) {
		vtr_virtio_gpu_set_transport(gpu->device, vtr_vhost_user_transport(gpu->server));
	}
	return err;
}

static enum vtr_err start_inputs(struct gpu *gpu, const char *path)
{
	const struct vtr_input_devices_params params = {
		.path = path,
		.log = gpu->log,
		.loop = gpu->loop,
		.lights = on_lights,
		.data = gpu,
	};

	return vtr_input_devices_create(&params, &gpu->inputs);
}

static enum vtr_err start(struct gpu *gpu, const struct options *options, const struct vtr_tuning *tuning,
                          const struct displays *displays)
{
	enum vtr_err err = vtr_os_loop_create(&gpu->loop);

	if (err == VTR_OK) {
		err = vtr_front_quit_on_signals(gpu->loop);
	}
	if (err == VTR_OK) {
		err = start_window(gpu, options->window);
	}
	if (err == VTR_OK) {
		err = start_renders(gpu, tuning, options->log);
	}
	if (err == VTR_OK) {
		err = start_screen(gpu, options);
	}
	if (err == VTR_OK) {
		err = start_device(gpu, displays);
	}
	if (err == VTR_OK && options->input) {
		err = start_inputs(gpu, options->input);
	}
	return err;
}

static void finish(struct gpu *gpu)
{
	if (gpu->device) {
		vtr_virtio_gpu_set_transport(gpu->device, NULL);
	}
	vtr_input_devices_destroy(gpu->inputs);
	vtr_vhost_user_destroy(gpu->server);
	vtr_virtio_gpu_destroy(gpu->device);
	vtr_screen_client_destroy(gpu->screen);
	vtr_renders_destroy(gpu->renders);
	vtr_scout_destroy(gpu->scout);
	vtr_workers_finish(&gpu->workers);
	vtr_window_finish(&gpu->window);
	vtr_os_loop_destroy(gpu->loop);
	vtr_close(&gpu->listen_fd);
	vtr_log_destroy(gpu->log);
}

/* --- the command ----------------------------------------------------------------------------------- */

static int serve(struct gpu *gpu, const struct options *options)
{
	const char *link = vtr_screen_client_link(gpu->screen, true);

	printf("READY %s%s%s\n", options->socket, link ? " " : "", link ? link : "");
	if (link) {
		printf("VIEW %s\n", vtr_screen_client_link(gpu->screen, false));
	}
	if (vtr_screen_client_hxfr_link(gpu->screen)) {
		printf("HXFR %s\n", vtr_screen_client_hxfr_link(gpu->screen));
	}
	fflush(stdout);
	enum vtr_err err = vtr_os_loop_run(gpu->loop);
	if (err != VTR_OK) {
		fprintf(stderr, "vitrine gpu: the event loop failed: %s\n", vtr_err_name(err));
		return 1;
	}
	return 0;
}

static int run(const struct vtr_command *command, const struct options *options,
               const struct vtr_tuning *tuning, const struct displays *displays)
{
	struct gpu gpu = { .listen_fd = -1, .window.fd = -1 };
	int status = 1;
	enum vtr_err err = vtr_front_create_log(command, options->log, &gpu.log);

	if (err != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	/* One worker that does not read may hold some hundred, and the usual soft limit is 1024. */
	vtr_os_raise_fd_limit();
	err = vtr_os_sock_listen(options->socket, LISTEN_BACKLOG, &gpu.listen_fd);
	if (err != VTR_OK) {
		fprintf(stderr, "vitrine gpu: cannot listen on %s: %s\n", options->socket,
		        err == VTR_ERR_OS ? strerror(errno) : vtr_err_name(err));
		finish(&gpu);
		return 1;
	}
	if (options->desktop.wanted && !options->input) {
		vtr_log_write(gpu.log, VTR_LOG_WARN, "gpu",
		              "keys and the pointer of the windows reach nobody: "
		              "that takes --input, and two devices of QEMU's (docs/qemu.md)");
	}
	err = start(&gpu, options, tuning, displays);
	if (err == VTR_OK) {
		status = serve(&gpu, options);
	} else {
		fprintf(stderr, "vitrine gpu: cannot start: %s\n", vtr_err_name(err));
	}
	unlink(options->socket);
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

static int run_gpu(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { .window = DEFAULT_WINDOW, .refresh = REFRESH_UNSET };
	struct vtr_tuning tuning;
	struct displays displays;
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	if (!options.socket) {
		fprintf(stderr, "vitrine gpu: where will QEMU find it? Give a path: --socket "
		                "/run/vm1.sock\n");
		return VTR_EXIT_USAGE;
	}
	if (options.hxfr.open && !options.hxfr.address) {
		fprintf(stderr, "vitrine gpu: --hxfr-open says who may connect; say where, too: --hxfr "
		                "127.0.0.1:15937\n");
		return VTR_EXIT_USAGE;
	}
	if (options.desktop.renderer && !vtr_present_knows_renderer(options.desktop.renderer)) {
		fprintf(stderr, "vitrine gpu: --window-renderer is auto, vulkan or software\n");
		return VTR_EXIT_USAGE;
	}
	set_title(&options);
	if (parse_displays(&options, &displays) != VTR_OK ||
	    vtr_tuning_parse(command, &options.tuning, &tuning) != VTR_OK ||
	    vtr_video_parse(command, &options.video_options, options.outputs_made, &options.video) !=
	            VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	return run(command, &options, &tuning, &displays);
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
	.summary = "Is the GPU and the displays of one VM, for QEMU at a socket",
	.example = example,
	.details = vtr_tuning_help,
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.ignores_sigpipe = true,
	.run = run_gpu,
};
