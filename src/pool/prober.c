/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "worker"
#include "pool/prober.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/child.h"
#include "platform/loop.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "pool/zygote.h"
#include "vk/probe_cache.h"
#include "vk/renderer_config.h"
#include "vk/trial.h"

/* The fd number of the configuration in the process. */
#define PROBER_CONFIG_FD 3

struct vtr_prober {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	struct vtr_child *child;
	int answer_fd; /* -1: the answer has ended */
	struct vtr_os_loop_fd *answer_watch;
	char answer[VTR_PROBER_ANSWER + 1]; /* lines, later cut into strings */
	size_t answer_size;
	struct vtr_renderer_config *found;
	struct vtr_zygote *zygote;
};

const char *vtr_prober_rest(const char *line, const char *word)
{
	const size_t length = strlen(word);

	return strncmp(line, word, length) == 0 ? line + length : NULL;
}

static void add_device(struct vtr_prober *prober, const struct vtr_probed_device *device)
{
	struct vtr_probe_cache *known = &prober->found->known;

	if (known->count < VTR_PROBE_CACHE_MAX_DEVICES) {
		known->devices[known->count++] = *device;
	}
}

static void read_line(struct vtr_prober *prober, const char *line)
{
	const char *known = vtr_prober_rest(line, VTR_PROBER_KNOWN);
	const char *readable = vtr_prober_rest(line, VTR_PROBER_READABLE);
	const char *trial_text = vtr_prober_rest(line, VTR_PROBER_TRIAL);
	const char *call = vtr_prober_rest(line, VTR_PROBER_REFUSED_CALL);
	const char *library = vtr_prober_rest(line, VTR_PROBER_LIBRARY);
	struct vtr_probed_device device;
	struct vtr_trial trial;

	if (known && vtr_probe_cache_parse(known, &device) == VTR_OK) {
		add_device(prober, &device);
	} else if (readable) {
		vtr_renderer_config_add_readable(prober->found, readable);
		vtr_info(prober->log, "a driver works only if it can read %s, so workers may read it",
		         readable);
	} else if (library && prober->zygote) {
		vtr_zygote_add_library(prober->zygote, library);
	} else if (call) {
		vtr_renderer_config_add_refused_call(prober->found, call);
	} else if (trial_text && vtr_trial_parse(trial_text, &trial) == VTR_OK &&
	           trial.failed != VTR_TRIAL_STEPS) {
		vtr_warn(prober->log,
		         "a device fails in the sandbox with everything enabled that it offers, at %s: "
		         "programs that use this will fail. 'vitrine doctor' shows the details",
		         vtr_trial_step_name(trial.failed));
	}
}

static void read_answer(struct vtr_prober *prober)
{
	char *state = NULL;

	for (char *line = strtok_r(prober->answer, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		read_line(prober, line);
	}
	vtr_debug(prober->log, "memory of %u devices is known", prober->found->known.count);
	if (prober->zygote) {
		vtr_zygote_open(prober->zygote, vtr_prober_found_cpus_only(prober));
	}
}

static void on_answer(void *data, unsigned events)
{
	struct vtr_prober *prober = data;
	size_t n = 0;
	enum vtr_err err = VTR_ERR_PROTOCOL;

	(void)events;
	if (prober->answer_size < VTR_PROBER_ANSWER) {
		err = vtr_os_sock_recv(prober->answer_fd, prober->answer + prober->answer_size,
		                       VTR_PROBER_ANSWER - prober->answer_size, &n, NULL, 0, NULL);
	}
	prober->answer_size += n;
	if (err == VTR_OK) {
		return;
	}
	/* The process has sent its answer, or its answer is invalid. */
	vtr_child_kill(prober->child);
	vtr_os_loop_remove(&prober->answer_watch);
	vtr_close(&prober->answer_fd);
	if (err == VTR_ERR_GONE) {
		read_answer(prober);
	}
}

/* The end of the answer is the only event that matters. */
static const struct vtr_child_events child_events = { 0 };

static enum vtr_err spawn(struct vtr_prober *prober, const struct vtr_prober_params *params, int worker_end)
{
	vtr_autofd int config_fd = -1;
	char config_text[16];
	const char *argv[8] = { params->spawner.program, "worker", "--probe", "--config-fd", config_text };
	size_t at = 5;

	enum vtr_err err = vtr_renderer_config_share(params->spawner.config, &config_fd);
	if (err != VTR_OK) {
		return err;
	}
	snprintf(config_text, sizeof(config_text), "%d", PROBER_CONFIG_FD);
	if (params->hostmem) {
		argv[at++] = "--hostmem";
	}
	if (params->trial) {
		argv[at++] = "--trial";
	}
	const struct vtr_os_spawn_fd fds[] = {
		{ .fd = worker_end, .as = STDOUT_FILENO },
		{ .fd = config_fd, .as = PROBER_CONFIG_FD },
	};
	const struct vtr_child_spec spec = {
		.program = params->spawner.program,
		.argv = argv,
		.env = params->spawner.env,
		.fds = fds,
		.fd_count = VTR_ARRAY_LEN(fds),
	};
	return vtr_child_start(prober->child, &spec);
}

enum vtr_err vtr_prober_start(const struct vtr_prober_params *params, struct vtr_prober **out_prober)
{
	struct vtr_prober *prober = calloc(1, sizeof(*prober));
	vtr_autofd int worker_end = -1;
	int ends[2];

	if (!prober) {
		return VTR_ERR_NOMEM;
	}
	prober->log = params->log;
	prober->loop = params->loop;
	prober->found = params->found;
	prober->zygote = params->spawner.zygote;
	prober->answer_fd = -1;
	const struct vtr_child_params child_params = {
		.log = params->log,
		.loop = params->loop,
		.name = "prober",
		.events = &child_events,
		.data = prober,
	};
	enum vtr_err err = vtr_child_create(&child_params, &prober->child);
	if (err == VTR_OK) {
		err = vtr_os_sock_pair(ends);
	}
	if (err == VTR_OK) {
		prober->answer_fd = ends[0];
		worker_end = ends[1];
		err = spawn(prober, params, worker_end);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(prober->loop, prober->answer_fd, true, false, on_answer, prober,
		                         &prober->answer_watch);
	}
	if (err != VTR_OK) {
		vtr_prober_destroy(prober);
		return err;
	}
	*out_prober = prober;
	return VTR_OK;
}

void vtr_prober_wait(struct vtr_prober *prober, int timeout_ms)
{
	const int64_t end_ns = vtr_os_now_ns() + timeout_ms * INT64_C(1000000);

	while (prober && prober->answer_fd >= 0 && vtr_child_wait(prober->child, prober->answer_fd, end_ns)) {
		on_answer(prober, 0);
	}
}

bool vtr_prober_found_cpus_only(const struct vtr_prober *prober)
{
	const struct vtr_probe_cache *known = prober ? &prober->found->known : NULL;

	for (size_t i = 0; known && i < known->count; i++) {
		if (!known->devices[i].is_cpu) {
			return false;
		}
	}
	return known && known->count > 0;
}

void vtr_prober_destroy(struct vtr_prober *prober)
{
	if (!prober) {
		return;
	}
	vtr_child_destroy(prober->child);
	vtr_os_loop_remove(&prober->answer_watch);
	vtr_close(&prober->answer_fd);
	free(prober);
}
