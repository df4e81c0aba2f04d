/* SPDX-License-Identifier: MIT */
#include "cmd/probe.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/gpu_list.h"
#include "platform/pipe.h"
#include "platform/proc.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "platform/watch.h"
#include "pool/prober.h"
#include "venus/probe.h"
#include "venus/venus.h"
#include "vk/probe_cache.h"
#include "worker/server.h"

#define REPORT_FD 3
#define CONFIG_FD 4
#define OUTPUT_MAX 24576
#define MAX_CALLS 8
/* A driver that takes longer counts as hung. */
#define LOOK_MS 60000

/* --- the process that probes ----------------------------------------------------------------------- */

static enum vtr_err lock_in(const struct vtr_probe_params *params)
{
	const struct vtr_worker_lock lock = { .config = params->config,
		                              .report_fd = params->report_fd,
		                              .watched = params->report_fd >= 0 };
	uint32_t applied;
	enum vtr_err err = VTR_OK;

	/* Where that cannot be had, the prober kills this process when it has taken too long, and dies only if it is
	 * killed itself. */
	if (params->report_fd >= 0) {
		err = vtr_os_die_with_parent();
		err = err == VTR_ERR_UNSUPPORTED ? VTR_OK : err;
	}
	return err == VTR_OK ? vtr_worker_lock_in(&lock, &applied) : err;
}

int vtr_probe_run(const struct vtr_probe_params *params)
{
	const struct vtr_venus_hostmem hostmem = { .fd = -1 }; /* not used here */
	const struct vtr_venus_params venus_params = {
		.hostmem = params->hostmem ? &hostmem : NULL,
		.config = params->config,
	};
	struct vtr_probe_report report;

	if (lock_in(params) != VTR_OK) {
		return 1;
	}
	/* The workers will log problems of the devices. */
	if (vtr_probe_host(NULL, &venus_params, params->trial ? VTR_PROBE_TRIAL : VTR_PROBE_EXAMINE,
	                   &report) != VTR_OK) {
		return 1;
	}
	for (uint32_t i = 0; i < report.device_count; i++) {
		char known[VTR_PROBE_CACHE_TEXT];
		char trial[VTR_TRIAL_TEXT];

		if (!report.devices[i].refused) {
			vtr_probe_cache_format(&report.devices[i].known, known);
			printf(VTR_PROBER_KNOWN "%s\n", known);
			if (params->trial) {
				vtr_trial_format(&report.devices[i].trial, trial);
				printf(VTR_PROBER_TRIAL "%s\n", trial);
			}
		}
	}
	for (size_t at = 0; at < report.libraries_size; at += strlen(report.libraries + at) + 1) {
		printf(VTR_PROBER_LIBRARY "%s\n", report.libraries + at);
	}
	vtr_probe_finish(&report);
	return 0;
}

int vtr_probe_list(const struct vtr_renderer_config *config)
{
	const struct vtr_venus_params venus_params = { .config = config };
	struct vtr_probe_report report;

	alarm(LOOK_MS / 1000);
	if (vtr_probe_host(NULL, &venus_params, VTR_PROBE_LIST, &report) != VTR_OK) {
		return 1;
	}
	for (uint32_t i = 0; i < report.device_count; i++) {
		const struct vtr_probe_device *device = &report.devices[i];
		struct vtr_gpu gpu = { .is_cpu = device->is_cpu };

		snprintf(gpu.name, sizeof(gpu.name), "%s", device->name);
		memcpy(gpu.device_uuid, device->device_uuid, VTR_PROBE_CACHE_UUID);
		memcpy(gpu.driver_uuid, device->driver_uuid, VTR_PROBE_CACHE_UUID);
		vtr_gpu_print(&gpu);
	}
	vtr_probe_finish(&report);
	return 0;
}

/* --- the process that watches ----------------------------------------------------------------------- */

struct files {
	char *paths[VTR_PROBE_MAX_FILES];
	size_t count;
};

/* One run of the probing process, and what it did. */
struct look {
	struct vtr_renderer_config config; /* of the process */
	pid_t pid;
	int death_fd;
	int output_fd;
	int report_fd; /* -1 once it has reported */
	struct vtr_os_watch *watch; /* NULL: not watched */
	char output[OUTPUT_MAX];
	size_t output_size;
	struct files files; /* read attempts that can be allowed */
	struct files others; /* write attempts, and reads that are always refused */
	char calls[MAX_CALLS][VTR_OS_WATCH_CALL];
	size_t call_count;
	bool works; /* there are devices, and all of their features work */
};

static void free_files(struct files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->paths[i]);
	}
	files->count = 0;
}

static void add_file(struct files *files, const char *path)
{
	for (size_t i = 0; i < files->count; i++) {
		if (strcmp(files->paths[i], path) == 0) {
			return;
		}
	}
	if (files->count < VTR_PROBE_MAX_FILES) {
		files->paths[files->count] = strdup(path);
		files->count += files->paths[files->count] ? 1 : 0;
	}
}

/* Returns: whether the file belongs to the kernel. These are covered by the fixed rules of the sandbox. */
static bool is_kernels(const struct look *look, const char *path)
{
	char own[32];

	snprintf(own, sizeof(own), "/proc/%d/", look->pid);
	return strncmp(path, "/dev/", strlen("/dev/")) == 0 ||
	       strncmp(path, "/proc/self/", strlen("/proc/self/")) == 0 ||
	       strncmp(path, own, strlen(own)) == 0;
}

/* Records a file that can be opened here but not in the sandbox. Only regular files, for reading, can be
 * allowed. */
static void note_file(struct look *look, const struct vtr_os_watched *watched)
{
	const char *readable[VTR_RENDERER_CONFIG_MAX_PATHS + 1];
	const struct vtr_os_sandbox_paths paths = { .read = readable };
	vtr_autofree char *path = realpath(watched->path, NULL);
	struct stat status;

	(void)vtr_renderer_config_readable(&look->config, readable);
	if (is_kernels(look, watched->path) || strpbrk(watched->path, "\n\r")) {
		return;
	}
	if (watched->writes) {
		add_file(&look->others, watched->path);
	} else if (path && !strpbrk(path, "\n\r") && stat(path, &status) == 0 && access(path, R_OK) == 0 &&
	           !vtr_os_sandbox_reads(&paths, path)) {
		const bool made_up = strncmp(path, "/proc/", strlen("/proc/")) == 0 ||
		                     strncmp(path, "/sys/", strlen("/sys/")) == 0;
		add_file(S_ISREG(status.st_mode) && !made_up ? &look->files : &look->others, path);
	}
}

static void note_call(struct look *look, const char *name)
{
	for (size_t i = 0; i < look->call_count; i++) {
		if (strcmp(look->calls[i], name) == 0) {
			return;
		}
	}
	if (look->call_count < MAX_CALLS) {
		snprintf(look->calls[look->call_count++], VTR_OS_WATCH_CALL, "%s", name);
	}
}

static void stop_watching(struct look *look)
{
	vtr_os_watch_destroy(look->watch);
	look->watch = NULL;
}

static void on_watched(struct look *look)
{
	struct vtr_os_watched watched;

	if (vtr_os_watch_next(look->watch, &watched) != VTR_OK) {
		stop_watching(look); /* it can open no file any more, and ends */
	} else if (watched.path[0] != '\0') {
		note_file(look, &watched);
	} else if (watched.call[0] != '\0') {
		note_call(look, watched.name);
	}
}

static void on_report(struct look *look)
{
	char byte;
	size_t size;
	size_t fd_count;
	vtr_autofd int fd = -1;

	if (vtr_os_sock_recv(look->report_fd, &byte, 1, &size, &fd, 1, &fd_count) == VTR_OK &&
	    fd_count == 1) {
		/* Without memory the process is not watched: its calls fail. */
		(void)(vtr_os_watch_create(VTR_OS_ROLE_DRIVER, VTR_OS_WATCH_OPENS, &fd, &look->watch) ==
		       VTR_OK);
	}
	vtr_close(&look->report_fd);
}

static void on_output(struct look *look)
{
	char rest[512];
	const size_t room = sizeof(look->output) - 1 - look->output_size;
	const ssize_t n = read(look->output_fd, room ? look->output + look->output_size : rest,
	                       room ? room : sizeof(rest));

	if (n <= 0) {
		vtr_close(&look->output_fd);
	} else if (room) {
		look->output_size += (size_t)n;
	}
}

/* Serves the process until its output and the process itself have ended. */
static void wait_for_end(struct look *look)
{
	const int64_t end_ns = vtr_os_now_ns() + (int64_t)LOOK_MS * 1000000;
	int status = 0;
	bool ended = false;

	while (!ended || look->output_fd >= 0) {
		struct pollfd fds[] = {
			{ .fd = ended ? -1 : look->death_fd, .events = POLLIN },
			{ .fd = look->output_fd, .events = POLLIN },
			{ .fd = look->report_fd, .events = POLLIN },
			{ .fd = ended || !look->watch ? -1 : vtr_os_watch_fd(look->watch), .events = POLLIN },
		};
		const int64_t left_ns = end_ns - vtr_os_now_ns();
		if (left_ns <= 0) {
			kill(look->pid, SIGKILL);
		}
		(void)poll(fds, VTR_ARRAY_LEN(fds), left_ns > 0 ? (int)(left_ns / 1000000) + 1 : -1);
		if (fds[3].revents & POLLIN) {
			on_watched(look);
		}
		if (fds[2].revents) {
			on_report(look);
		}
		if (fds[1].revents) {
			on_output(look);
		}
		ended = ended || fds[0].revents != 0;
	}
	look->works = waitpid(look->pid, &status, 0) == look->pid && WIFEXITED(status) &&
	              WEXITSTATUS(status) == 0;
}

static enum vtr_err start(struct look *look, bool hostmem)
{
	char self[PATH_MAX];
	char report_text[16];
	char config_text[16];
	const char *const argv[] = {
		self,          "worker",      "--probe",
		"--trial",     "--report-fd", report_text,
		"--config-fd", config_text,   hostmem ? "--hostmem" : NULL,
		NULL,
	};
	vtr_autofd int config_fd = -1;
	int report[2];
	int output[2];
	enum vtr_err err = vtr_os_self_path(self, sizeof(self));

	snprintf(report_text, sizeof(report_text), "%d", REPORT_FD);
	snprintf(config_text, sizeof(config_text), "%d", CONFIG_FD);
	if (err == VTR_OK) {
		err = vtr_renderer_config_share(&look->config, &config_fd);
	}
	if (err == VTR_OK) {
		err = vtr_os_sock_pair(report);
	}
	if (err != VTR_OK) {
		return err;
	}
	look->report_fd = report[0];
	vtr_autofd int report_end = report[1];
	if (vtr_os_pipe(true, output) != VTR_OK) {
		return VTR_ERR_OS;
	}
	look->output_fd = output[0];
	vtr_autofd int output_end = output[1];
	const struct vtr_os_spawn_fd fds[] = {
		{ .fd = STDIN_FILENO, .as = STDIN_FILENO },   { .fd = output_end, .as = STDOUT_FILENO },
		{ .fd = STDERR_FILENO, .as = STDERR_FILENO }, { .fd = report_end, .as = REPORT_FD },
		{ .fd = config_fd, .as = CONFIG_FD },
	};
	const struct vtr_os_spawn child = {
		.path = self,
		.argv = (char *const *)argv,
		.fds = fds,
		.fd_count = VTR_ARRAY_LEN(fds),
	};
	return vtr_os_spawn(&child, &look->pid, &look->death_fd);
}

/* Returns: whether all devices in the output work. */
static bool all_work(const char *output)
{
	size_t count = 0;

	for (const char *line = output; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *result = vtr_prober_rest(line, VTR_PROBER_TRIAL);
		struct vtr_trial trial;
		char text[VTR_TRIAL_TEXT];

		if (!result) {
			continue;
		}
		snprintf(text, sizeof(text), "%.*s", (int)strcspn(result, "\n"), result);
		if (vtr_trial_parse(text, &trial) != VTR_OK || trial.failed != VTR_TRIAL_STEPS) {
			return false;
		}
		count++;
	}
	return count > 0;
}

static void finish_look(struct look *look)
{
	vtr_close(&look->death_fd);
	vtr_close(&look->output_fd);
	vtr_close(&look->report_fd);
	stop_watching(look);
	free_files(&look->files);
	free_files(&look->others);
}

/* Runs once, with `more` readable in addition. End *out_look with finish_look(), also on failure. */
static enum vtr_err look_once(const struct vtr_probe_params *params, const struct files *more,
                              struct look *out_look)
{
	*out_look =
		(struct look){ .config = *params->config, .death_fd = -1, .output_fd = -1, .report_fd = -1 };
	for (size_t i = 0; i < more->count; i++) {
		vtr_renderer_config_add_readable(&out_look->config, more->paths[i]);
	}
	enum vtr_err err = start(out_look, params->hostmem);
	if (err == VTR_OK) {
		wait_for_end(out_look);
		out_look->output[out_look->output_size] = '\0';
		out_look->works = out_look->works && all_work(out_look->output);
	}
	return err;
}

/* Repeats, each time with the files readable that were refused before. */
static enum vtr_err widen(const struct vtr_probe_params *params, struct look *look, struct files *more)
{
	enum vtr_err err = VTR_OK;

	while (err == VTR_OK && !look->works) {
		const size_t before = more->count;

		for (size_t i = 0; i < look->files.count; i++) {
			add_file(more, look->files.paths[i]);
		}
		if (more->count == before) {
			break;
		}
		finish_look(look);
		err = look_once(params, more, look);
	}
	return err;
}

/* Removes the files that are not needed. */
static enum vtr_err narrow(const struct vtr_probe_params *params, struct look *look, struct files *more)
{
	enum vtr_err err = VTR_OK;

	for (size_t i = more->count; err == VTR_OK && i-- > 0;) {
		struct files fewer = *more;
		struct look without;

		fewer.paths[i] = fewer.paths[--fewer.count];
		err = look_once(params, &fewer, &without);
		if (err == VTR_OK && without.works) {
			free(more->paths[i]);
			*more = fewer;
			finish_look(look);
			*look = without;
		} else {
			finish_look(&without);
		}
	}
	return err;
}

static void print_look(const struct look *look, const struct files *more)
{
	printf("%s", look->output);
	for (size_t i = 0; i < more->count; i++) {
		printf("%s%s\n", look->works ? VTR_PROBER_READABLE : VTR_PROBER_REFUSED, more->paths[i]);
	}
	for (size_t i = 0; i < look->others.count && !look->works; i++) {
		printf(VTR_PROBER_REFUSED "%s\n", look->others.paths[i]);
	}
	for (size_t i = 0; i < look->call_count; i++) {
		printf(VTR_PROBER_REFUSED_CALL "%s\n", look->calls[i]);
	}
}

int vtr_probe_watch(const struct vtr_probe_params *params)
{
	struct files more = { .count = 0 };
	struct look look;

	enum vtr_err err = vtr_os_die_with_parent();
	if (err != VTR_OK && err != VTR_ERR_UNSUPPORTED) {
		return 1;
	}
	err = look_once(params, &more, &look);
	if (err == VTR_OK) {
		err = widen(params, &look, &more);
	}
	if (err == VTR_OK && look.works) {
		err = narrow(params, &look, &more);
	}
	if (err == VTR_OK) {
		print_look(&look, &more);
	}
	finish_look(&look);
	free_files(&more);
	return err == VTR_OK ? 0 : 1;
}
