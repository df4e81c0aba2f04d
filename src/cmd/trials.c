/* SPDX-License-Identifier: MIT */
#include "cmd/trials.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/child.h"
#include "cmd/workers.h"
#include "platform/proc.h"

static void add_text(struct vtr_texts *texts, const char *text)
{
	if (texts->count < VTR_TRIALS_MAX_TEXTS) {
		texts->items[texts->count++] = text;
	}
}

static void add_trial(struct vtr_trial_list *list, const char *text)
{
	if (list->count < VTR_ARRAY_LEN(list->items) &&
	    vtr_trial_parse(text, &list->items[list->count]) == VTR_OK) {
		list->count++;
	}
}

static void read_line(struct vtr_trials *trials, struct vtr_trial_list *list, const char *line)
{
	const struct {
		const char *word;
		struct vtr_texts *texts;
	} rows[] = {
		{ VTR_PROBER_READABLE, &trials->readable },
		{ VTR_PROBER_REFUSED, &trials->refused },
		{ VTR_PROBER_REFUSED_CALL, &trials->refused_calls },
	};
	const char *text = vtr_prober_rest(line, VTR_PROBER_TRIAL);

	if (text) {
		add_trial(list, text);
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(rows); i++) {
		text = vtr_prober_rest(line, rows[i].word);
		if (text) {
			add_text(rows[i].texts, text);
		}
	}
}

/* Runs the prober; the texts in *trials point into `answer`. */
static enum vtr_err probe(struct vtr_trials *trials, const struct vtr_workers *workers,
                          struct vtr_trial_list *list, char answer[VTR_PROBER_ANSWER])
{
	char fd_text[16];
	const char *const argv[] = { workers->program, "worker", "--probe", "--trial",
		                     "--config-fd",    fd_text,  NULL };
	vtr_autofd int config_fd = -1;
	char *state = NULL;

	snprintf(fd_text, sizeof(fd_text), "%d", VTR_CHILD_FD);
	enum vtr_err err = vtr_renderer_config_share(&workers->config, &config_fd);
	if (err == VTR_OK) {
		err = vtr_child_run((char *const *)argv, (const char *const *)workers->env.set, config_fd,
		                    answer, VTR_PROBER_ANSWER);
	}
	for (char *line = strtok_r(answer, "\n", &state); err == VTR_OK && line;
	     line = strtok_r(NULL, "\n", &state)) {
		read_line(trials, list, line);
	}
	return err;
}

static bool all_work(const struct vtr_trial_list *list)
{
	bool work = list->count > 0;

	for (size_t i = 0; i < list->count; i++) {
		work = work && list->items[i].failed == VTR_TRIAL_STEPS;
	}
	return work;
}

enum vtr_err vtr_trials_run(struct vtr_trials *trials, const struct vtr_tuning *tuning)
{
	struct vtr_workers workers;
	char answer[VTR_PROBER_ANSWER];

	*trials = (struct vtr_trials){ .ran = false };
	enum vtr_err err = vtr_workers_init(&workers, tuning, NULL);
	if (err != VTR_OK) {
		return err;
	}
	trials->ran = probe(trials, &workers, &trials->locked, trials->answer) == VTR_OK;
	if (tuning->renderer.sandbox != VTR_OS_SANDBOX_OFF && !all_work(&trials->locked)) {
		workers.config.sandbox = VTR_OS_SANDBOX_OFF;
		/* This may fail, too; then there is no comparison. */
		(void)probe(trials, &workers, &trials->unlocked, answer);
	}
	vtr_workers_finish(&workers);
	return VTR_OK;
}

const struct vtr_trial *vtr_trials_find(const struct vtr_trial_list *list,
                                        const struct vtr_probed_device *device)
{
	for (size_t i = 0; i < list->count; i++) {
		if (memcmp(list->items[i].device_uuid, device->device_uuid, VTR_PROBE_CACHE_UUID) == 0 &&
		    memcmp(list->items[i].driver_uuid, device->driver_uuid, VTR_PROBE_CACHE_UUID) == 0) {
			return &list->items[i];
		}
	}
	return NULL;
}
