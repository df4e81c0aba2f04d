/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/gpu_choice.h"
#include "cmd/guestenv.h"
#include "cmd/program.h"
#include "cmd/sandbox_paths.h"
#include "cmd/vtest_server.h"
#include "platform/loop.h"
#include "platform/proc.h"
#include "platform/thread.h"
#include "pool/prober.h"

/* The same status as env(1), timeout(1) and the shell use. */
#define EXIT_OWN 125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127
#define EXIT_SIGNAL 128

#define MAX_CLIENTS 1024
#define SOCKET_NAME "/vitrine.sock"
/* How long to wait for the result of probing the host's devices. A driver that takes longer counts as hung. */
#define PROBER_MS 20000

struct options {
	const char *log;
	const char *gpu;
	const char *cache;
	struct vtr_opt_list tuning;
};

static const struct vtr_opt opts[] = {
	VTR_GPU_OPT(offsetof(struct options, gpu)),
	VTR_CACHE_OPT(offsetof(struct options, cache), "~/.cache/vitrine/shaders"),
	VTR_TUNING_OPT(offsetof(struct options, tuning)),
	VTR_LOG_OPT(offsetof(struct options, log), "choose what to log: error, warn (default), info, debug"),
};

struct run {
	struct vtr_vtest_server front;
	struct vtr_guestenv env;
	char dir[PATH_MAX];
	char socket[PATH_MAX];
	pid_t pid;
	int death_fd;
	int exit_status;
};

/* Creates a private directory, with a path short enough for a socket. */
static enum vtr_err make_socket_path(struct run *run)
{
	static const char template[] = "/vitrine-XXXXXX";
	const char *base = getenv("XDG_RUNTIME_DIR");
	size_t fixed = sizeof(template) - 1 + sizeof(SOCKET_NAME);

	if (!base || base[0] != '/' ||
	    strlen(base) + fixed > sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		base = "/tmp";
	}
	snprintf(run->dir, sizeof(run->dir), "%s%s", base, template);
	if (!mkdtemp(run->dir)) {
		snprintf(run->dir, sizeof(run->dir), "/tmp%s", template);
		if (!mkdtemp(run->dir)) {
			fprintf(stderr,
			        "vitrine run: cannot make a folder for the socket in /tmp: %s. Free some "
			        "space "
			        "there, or make it writable\n",
			        strerror(errno));
			run->dir[0] = '\0';
			return VTR_ERR_OS;
		}
	}
	size_t length = strlen(run->dir);
	memcpy(run->socket, run->dir, length);
	memcpy(run->socket + length, SOCKET_NAME, sizeof(SOCKET_NAME)); /* fits: see above */
	return VTR_OK;
}

static void remove_folder(struct run *run)
{
	if (run->dir[0] != '\0') {
		rmdir(run->dir);
	}
}

/* The terminal also sends these signals to the program, if it and we are in the foreground. */
static bool terminal_sends(int signo)
{
	return (signo == SIGINT || signo == SIGQUIT) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void on_signal(void *data, int signo)
{
	struct run *run = data;

	if (!terminal_sends(signo)) {
		kill(run->pid, signo);
	}
}

static void on_death(void *data, unsigned events)
{
	struct run *run = data;
	int status;

	(void)events;
	if (vtr_os_wait(run->pid, &status) != VTR_OK) {
		return;
	}
	run->exit_status = WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
	vtr_os_loop_quit(run->front.loop);
}

/* Starts the program, and serves it until it ends. */
static enum vtr_err run_program(struct run *run, const char *path, char **argv)
{
	static const int signals[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
	static const struct vtr_os_spawn_fd fds[] = {
		{ .fd = STDIN_FILENO, .as = STDIN_FILENO },
		{ .fd = STDOUT_FILENO, .as = STDOUT_FILENO },
		{ .fd = STDERR_FILENO, .as = STDERR_FILENO },
	};
	struct vtr_os_loop_fd *death_watch;
	const struct vtr_os_spawn spawn = {
		.path = path,
		.argv = argv,
		.fds = fds,
		.fd_count = VTR_ARRAY_LEN(fds),
		.env_set = (const char *const *)run->env.set,
	};

	enum vtr_err err = VTR_OK;
	/* Before the program starts, so that none of these signals can end us; they are handled by the loop. */
	for (size_t i = 0; i < VTR_ARRAY_LEN(signals) && err == VTR_OK; i++) {
		err = vtr_os_loop_add_signal(run->front.loop, signals[i], on_signal, run);
	}
	if (err != VTR_OK) {
		return err;
	}
	/* Mesa 25 waits for fences by sleeping, in the program's own threads: this shortens each such wait by
	 * a quarter. */
	vtr_os_thread_set_punctual();
	err = vtr_os_spawn(&spawn, &run->pid, &run->death_fd);
	if (err != VTR_OK) {
		fprintf(stderr, "vitrine run: cannot start %s: %s\n", path, vtr_err_text(err));
		run->exit_status = EXIT_NOT_EXECUTABLE;
		return err;
	}
	err = vtr_os_loop_add_fd(run->front.loop, run->death_fd, true, false, on_death, run, &death_watch);
	if (err == VTR_OK) {
		err = vtr_os_loop_run(run->front.loop);
	}
	return err;
}

/* Whether workers must wait for the prober: a driver outside of the system's folders may need files that lie
 * elsewhere. Other drivers need only files that workers can read anyway. */
static enum vtr_err needs_trial(const struct vtr_tuning *tuning, bool *out_needs)
{
	struct vtr_renderer_config config = tuning->renderer;
	bool outside = false;
	enum vtr_err err = vtr_sandbox_paths_add(&config, tuning->driver, &outside);

	if (err == VTR_OK) {
		*out_needs = outside && (config.sandbox == VTR_OS_SANDBOX_ON ||
		                         config.sandbox == VTR_OS_SANDBOX_REQUIRE);
	}
	return err;
}

/* Starts to serve, and probes the host's devices where something depends on them. */
static enum vtr_err start_front(struct run *run, struct vtr_vtest_server_params *params)
{
	const bool copies_windows = vtr_guestenv_copies_windows();
	enum vtr_err err = needs_trial(params->tuning, &params->trial);

	params->look_ahead = copies_windows || params->trial || params->tuning->zygote == VTR_ZYGOTE_ON;
	if (err == VTR_OK) {
		err = vtr_vtest_server_init(&run->front, params);
	}
	if (err == VTR_OK && params->look_ahead) {
		vtr_prober_wait(run->front.prober, PROBER_MS);
	}
	/* The way windows get their pictures depends on whether there is a GPU. */
	if (err == VTR_OK && copies_windows) {
		err = vtr_guestenv_copy_windows(&run->env, vtr_prober_found_cpus_only(run->front.prober));
		if (err != VTR_OK) {
			vtr_vtest_server_finish(&run->front);
		}
	}
	return err;
}

static int run_with_socket(struct run *run, struct vtr_vtest_server_params *params, const char *path,
                           char **argv)
{
	enum vtr_err err = vtr_guestenv_init(params->command->name, run->socket, &run->env);

	if (err != VTR_OK) {
		return EXIT_OWN;
	}
	err = start_front(run, params);
	if (err == VTR_OK) {
		err = run_program(run, path, argv);
		vtr_close(&run->death_fd);
		vtr_vtest_server_finish(&run->front);
		if (err != VTR_OK && run->exit_status == EXIT_OWN) {
			fprintf(stderr,
			        "vitrine run: cannot serve the program: %s. It was not started, or has lost "
			        "its "
			        "Vulkan device\n",
			        vtr_err_text(err));
		}
	}
	vtr_guestenv_finish(&run->env);
	return run->exit_status;
}

static int run_run(const struct vtr_command *command, int argc, char **argv)
{
	struct run run = { .death_fd = -1, .exit_status = EXIT_OWN };
	struct options options = { .log = "warn" };
	struct vtr_tuning tuning;
	char path[PATH_MAX];
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return err == VTR_ERR_GONE ? 0 : EXIT_OWN;
	}
	if (rest == argc) {
		fprintf(stderr,
		        "vitrine run: the program to run is missing. Name it, for instance: vitrine run -- "
		        "vulkaninfo\n");
		return EXIT_OWN;
	}
	err = vtr_tuning_parse(command, &options.tuning, &tuning);
	if (err != VTR_OK) {
		return EXIT_OWN;
	}
	err = vtr_program_find(argv[rest], path, sizeof(path));
	if (err != VTR_OK) {
		fprintf(stderr, "vitrine run: cannot run '%s': the program is %s\n", argv[rest],
		        err == VTR_ERR_GONE ? "not found in PATH. Install it, or give its path" :
		                              "not executable. Name another, or run 'chmod +x' on it");
		return err == VTR_ERR_GONE ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
	}
	err = make_socket_path(&run);
	if (err != VTR_OK) {
		return EXIT_OWN;
	}
	struct vtr_service none = { .socket_count = 0 }; /* what is passed to this process is the program's */
	struct vtr_vtest_server_params params = {
		.command = command,
		.tuning = &tuning,
		.gpu = options.gpu,
		.cache = options.cache,
		.log_filter = options.log,
		.service = &none,
		.socket_path = run.socket,
		.socket_mode = 0600,
		.max_clients = MAX_CLIENTS,
	};
	int status = run_with_socket(&run, &params, path, argv + rest);
	remove_folder(&run);
	return status;
}

const struct vtr_command vtr_cmd_run = {
	.name = "run",
	.args = "[--] PROGRAM [ARGUMENT ...]",
	.summary = "Run a program with its Vulkan served by vitrine",
	.details = vtr_tuning_help,
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.program_follows = true,
	.ignores_sigpipe = true,
	.run = run_run,
};
