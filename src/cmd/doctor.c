/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/checks.h"
#include "cmd/commands.h"
#include "cmd/gpu_list.h"
#include "cmd/trials.h"
#include "cmd/tuning.h"
#include "cmd/vtest_server.h"
#include "encode/encoder.h"
#include "venus/probe.h"
#include "venus/venus.h"

#define MAX_ENCODERS 8
#define GIB (1024.0 * 1024.0 * 1024.0)

struct options {
	bool json;
	const char *log;
	struct vtr_opt_list tuning;
};

static const struct vtr_opt opts[] = {
	{ .name = "json",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, json),
	  .help = "print JSON" },
	VTR_TUNING_OPT(offsetof(struct options, tuning)),
	VTR_LOG_OPT(offsetof(struct options, log), "choose what to log: error, warn (default), info, debug"),
};

/* Shortest distinct names of VkMemoryPropertyFlagBits. */
static const struct {
	uint32_t flag;
	const char *name;
} memory_flags[] = {
	{ 0x1, "DEVICE_LOCAL" }, { 0x2, "HOST_VISIBLE" },      { 0x4, "HOST_COHERENT" },
	{ 0x8, "HOST_CACHED" },  { 0x10, "LAZILY_ALLOCATED" }, { 0x20, "PROTECTED" },
};

static void print_flags(uint32_t flags)
{
	const char *separator = "";

	if (flags == 0) {
		printf("none");
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(memory_flags); i++) {
		if (flags & memory_flags[i].flag) {
			printf("%s%s", separator, memory_flags[i].name);
			separator = " | ";
		}
	}
}

static void version_text(uint32_t version, char *out, size_t size)
{
	/* as VK_API_VERSION_MAJOR and so on */
	snprintf(out, size, "%u.%u.%u", version >> 22 & 0x7f, version >> 12 & 0x3ff, version & 0xfff);
}

static void print_emulated(const struct vtr_probe_device *device)
{
	const struct {
		bool emulated;
		const char *name;
	} features[] = {
		{ device->emulates_dma_buf, "VK_EXT_external_memory_dma_buf" },
		{ device->emulates_modifiers, "VK_EXT_image_drm_format_modifier (linear)" },
		{ device->emulates_queue_foreign, "VK_EXT_queue_family_foreign" },
		{ device->emulates_sync_fd, "SYNC_FD semaphores and fences" },
	};
	const char *separator = "";

	printf("    emulated: ");
	for (size_t i = 0; i < VTR_ARRAY_LEN(features); i++) {
		if (features[i].emulated) {
			printf("%s%s", separator, features[i].name);
			separator = ", ";
		}
	}
	printf("%s\n", separator[0] ? "" : "nothing");
}

static void print_texts(const char *title, const struct vtr_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++) {
		printf("      %s: %s\n", title, texts->items[i]);
	}
}

/* Prints why a device fails in the sandbox. */
static void print_failure(const struct vtr_trials *trials, const struct vtr_trial *trial,
                          const struct vtr_trial *unlocked)
{
	if (trial) {
		printf("fails at %s (VkResult %d)\n", vtr_trial_step_name(trial->failed), trial->result);
	} else {
		printf("%s\n",
		       trials->ran ? "the device is missing in the sandbox" : "the trial could not run");
	}
	if (unlocked && unlocked->failed != VTR_TRIAL_STEPS) {
		printf("      it fails without the sandbox, too, at %s (VkResult %d), so the driver is the "
		       "cause\n",
		       vtr_trial_step_name(unlocked->failed), unlocked->result);
		return;
	}
	if (unlocked) {
		printf("      without the sandbox (-o sandbox=off) it works\n");
	}
	print_texts("the sandbox refuses the file", &trials->refused);
	print_texts("the sandbox refuses the system call", &trials->refused_calls);
}

static void print_trial(const struct vtr_trials *trials, const struct vtr_probed_device *device)
{
	const struct vtr_trial *trial = vtr_trials_find(&trials->locked, device);
	const char *separator = "";

	printf("    everything enabled, in the sandbox: ");
	if (!trial || trial->failed != VTR_TRIAL_STEPS) {
		print_failure(trials, trial, vtr_trials_find(&trials->unlocked, device));
		return;
	}
	printf("works (");
	for (int i = 0; i < VTR_TRIAL_STEPS; i++) {
		if (trial->works & 1u << i) {
			printf("%s%s", separator, vtr_trial_step_name((enum vtr_trial_step)i));
			separator = ", ";
		}
	}
	printf(")\n");
	print_texts("workers need this file and may read it", &trials->readable);
}

static void print_device(const struct vtr_probe_device *device, const struct vtr_trials *trials,
                         uint32_t number)
{
	char version[32];
	char uuid[VTR_GPU_UUID_TEXT];

	version_text(device->api_version, version, sizeof(version));
	vtr_gpu_format_uuid(device->device_uuid, uuid);
	printf("  %u: %s (%s)\n    UUID: %s\n", number, device->name, device->kind, uuid);
	printf("    driver: %s, Vulkan %s\n", device->driver, version);
	if (device->refused) {
		printf("    NOT offered to programs: %s\n", device->refused);
		return;
	}
	printf("    extensions: %u of the driver, %u offered to programs\n", device->extensions,
	       device->offered_extensions);
	if (device->portability) {
		printf("    portability driver; it lacks these parts of Vulkan: %s\n",
		       device->portability_lacks[0] ? device->portability_lacks : "none");
	}
	print_emulated(device);
	print_trial(trials, &device->known);
	if (device->import_alignment) {
		printf("    host memory is imported in multiples of %llu bytes\n",
		       (unsigned long long)device->import_alignment);
	}
	if (device->hides_linear) {
		printf("    imported memory is for buffers only: images are in the driver's own memory, and "
		       "linear ones "
		       "are hidden\n");
	}
	printf("    sparse binding: %s (%s)\n", device->sparse ? "works" : "hidden", device->sparse_reason);
	for (uint32_t i = 0; i < device->type_count; i++) {
		const struct vtr_probe_type *type = &device->types[i];
		printf("    memory type %u, heap %u (%.1f GiB): ", i, type->heap,
		       (double)type->heap_size / GIB);
		print_flags(type->flags);
		printf("\n      mapped by programs through: %s (%s)\n", type->share, type->reason);
		if (type->guest_flags != type->flags) {
			printf("      programs see: ");
			print_flags(type->guest_flags);
			printf("\n");
		}
		if (device->sparse && (!type->sparse_share || strcmp(type->sparse_share, type->share))) {
			printf("      with sparse binding: %s\n",
			       type->sparse_share ? type->sparse_share : "not bound to sparse resources");
		}
	}
}

/* Results besides the devices. */
struct findings {
	struct vtr_check checks[VTR_CHECK_COUNT];
	size_t check_count;
	struct vtr_encoder_report encoders[MAX_ENCODERS];
	size_t encoder_count;
	struct vtr_trials trials;
};

static void print_text(const struct vtr_probe_report *report, const struct findings *findings)
{
	const struct vtr_check *checks = findings->checks;
	char version[32];

	version_text(report->loader_version, version, sizeof(version));
	printf("Host devices (Vulkan loader %s):\n", report->loader_version ? version : "missing");
	if (report->problem) {
		printf("  none: %s\n", report->problem);
	}
	for (uint32_t i = 0; i < report->device_count; i++) {
		print_device(&report->devices[i], &findings->trials, i);
	}
	printf("\nHost:\n");
	for (size_t i = 0; i < findings->check_count; i++) {
		printf("  %-8s %s: %s\n           %s\n", vtr_check_state_name(checks[i].state),
		       checks[i].title, checks[i].value, checks[i].meaning);
	}
	printf("\nVideo encoders of 'vitrine gpu', best first:\n");
	for (size_t i = 0; i < findings->encoder_count; i++) {
		const struct vtr_encoder_report *encoder = &findings->encoders[i];
		printf("  %-8s %s%s%s\n", encoder->works ? "ok" : "note", encoder->name,
		       encoder->works ? "" : ": ", encoder->why);
	}
}

static void json_texts(struct vtr_json *json, const char *key, const struct vtr_texts *texts)
{
	vtr_json_open(json, key, '[');
	for (size_t i = 0; i < texts->count; i++) {
		vtr_json_text(json, NULL, texts->items[i]);
	}
	vtr_json_close(json, ']');
}

static void json_trial(struct vtr_json *json, const struct vtr_trials *trials,
                       const struct vtr_probed_device *device)
{
	const struct vtr_trial *trial = vtr_trials_find(&trials->locked, device);
	const struct vtr_trial *unlocked = vtr_trials_find(&trials->unlocked, device);
	const bool failed = trial && trial->failed != VTR_TRIAL_STEPS;

	vtr_json_open(json, "sandbox", '{');
	vtr_json_bool(json, "found", trial != NULL);
	vtr_json_bool(json, "works", trial && !failed);
	vtr_json_open(json, "worked", '[');
	for (int i = 0; trial && i < VTR_TRIAL_STEPS; i++) {
		if (trial->works & 1u << i) {
			vtr_json_text(json, NULL, vtr_trial_step_key((enum vtr_trial_step)i));
		}
	}
	vtr_json_close(json, ']');
	vtr_json_text(json, "failed", failed ? vtr_trial_step_key(trial->failed) : NULL);
	vtr_json_signed(json, "result", failed ? trial->result : 0);
	vtr_json_bool(json, "works_without", unlocked && unlocked->failed == VTR_TRIAL_STEPS);
	vtr_json_close(json, '}');
}

static void json_device(struct vtr_json *json, const struct vtr_probe_device *device,
                        const struct vtr_trials *trials, uint32_t number)
{
	char version[32];
	char uuid[VTR_GPU_UUID_TEXT];

	version_text(device->api_version, version, sizeof(version));
	vtr_gpu_format_uuid(device->device_uuid, uuid);
	vtr_json_open(json, NULL, '{');
	vtr_json_number(json, "index", number);
	vtr_json_text(json, "uuid", uuid);
	vtr_json_text(json, "name", device->name);
	vtr_json_text(json, "kind", device->kind);
	vtr_json_text(json, "driver", device->driver);
	vtr_json_text(json, "api_version", version);
	vtr_json_number(json, "vendor_id", device->vendor_id);
	vtr_json_number(json, "device_id", device->device_id);
	vtr_json_text(json, "refused", device->refused);
	vtr_json_number(json, "import_alignment", device->import_alignment);
	vtr_json_number(json, "driver_extensions", device->extensions);
	vtr_json_number(json, "offered_extensions", device->offered_extensions);
	vtr_json_open(json, "emulated", '{');
	vtr_json_bool(json, "dma_buf", device->emulates_dma_buf);
	vtr_json_bool(json, "drm_format_modifier", device->emulates_modifiers);
	vtr_json_bool(json, "queue_family_foreign", device->emulates_queue_foreign);
	vtr_json_bool(json, "sync_fd", device->emulates_sync_fd);
	vtr_json_close(json, '}');
	vtr_json_text(json, "portability_lacks", device->portability ? device->portability_lacks : NULL);
	if (!device->refused) {
		json_trial(json, trials, &device->known);
	}
	vtr_json_bool(json, "hides_linear", device->hides_linear);
	vtr_json_bool(json, "sparse", device->sparse);
	vtr_json_text(json, "sparse_reason", device->sparse_reason);
	vtr_json_open(json, "memory_types", '[');
	for (uint32_t i = 0; i < device->type_count; i++) {
		const struct vtr_probe_type *type = &device->types[i];
		vtr_json_open(json, NULL, '{');
		vtr_json_number(json, "flags", type->flags);
		vtr_json_number(json, "guest_flags", type->guest_flags);
		vtr_json_number(json, "heap", type->heap);
		vtr_json_number(json, "heap_size", type->heap_size);
		vtr_json_text(json, "share", type->share);
		vtr_json_text(json, "sparse_share", type->sparse_share);
		vtr_json_text(json, "reason", type->reason);
		vtr_json_close(json, '}');
	}
	vtr_json_close(json, ']');
	vtr_json_close(json, '}');
}

static void print_json(const struct vtr_probe_report *report, const struct findings *findings)
{
	const struct vtr_check *checks = findings->checks;
	struct vtr_json json = { .file = stdout, .lines = VTR_JSON_MAX_DEPTH };
	char version[32];

	version_text(report->loader_version, version, sizeof(version));
	vtr_json_open(&json, NULL, '{');
	vtr_json_text(&json, "vitrine", VTR_VERSION);
	vtr_json_text(&json, "loader_version", report->loader_version ? version : NULL);
	vtr_json_text(&json, "problem", report->problem);
	vtr_json_open(&json, "devices", '[');
	for (uint32_t i = 0; i < report->device_count; i++) {
		json_device(&json, &report->devices[i], &findings->trials, i);
	}
	vtr_json_close(&json, ']');
	vtr_json_open(&json, "sandbox", '{');
	json_texts(&json, "readable", &findings->trials.readable);
	json_texts(&json, "refused_files", &findings->trials.refused);
	json_texts(&json, "refused_calls", &findings->trials.refused_calls);
	vtr_json_close(&json, '}');
	vtr_json_open(&json, "checks", '{');
	for (size_t i = 0; i < findings->check_count; i++) {
		vtr_json_open(&json, checks[i].name, '{');
		vtr_json_text(&json, "state", vtr_check_state_name(checks[i].state));
		vtr_json_text(&json, "value", checks[i].value);
		vtr_json_text(&json, "meaning", checks[i].meaning);
		vtr_json_close(&json, '}');
	}
	vtr_json_close(&json, '}');
	vtr_json_open(&json, "encoders", '[');
	for (size_t i = 0; i < findings->encoder_count; i++) {
		const struct vtr_encoder_report *encoder = &findings->encoders[i];
		vtr_json_open(&json, NULL, '{');
		vtr_json_text(&json, "name", encoder->name);
		vtr_json_bool(&json, "works", encoder->works);
		vtr_json_text(&json, "why", encoder->works ? NULL : encoder->why);
		vtr_json_close(&json, '}');
	}
	vtr_json_close(&json, ']');
	vtr_json_close(&json, '}');
}

/* Returns: whether a program would get a device. */
static bool is_usable(const struct vtr_probe_report *report, const struct findings *findings)
{
	bool has_device = false;

	for (uint32_t i = 0; i < report->device_count; i++) {
		has_device = has_device || !report->devices[i].refused;
	}
	for (size_t i = 0; i < findings->check_count; i++) {
		if (findings->checks[i].state == VTR_CHECK_MISSING) {
			return false;
		}
	}
	return has_device;
}

/* Most checks run here and not in a worker's sandbox, which would hide problems of the host. */
static int examine(const struct options *options, const struct vtr_tuning *tuning, struct vtr_log *log)
{
	const struct vtr_venus_params params = {
		.log = log,
		.config = &tuning->renderer,
	};
	struct findings findings;
	struct vtr_probe_report report;

	findings.check_count = vtr_checks_run(findings.checks);
	findings.encoder_count = vtr_encoder_probe(findings.encoders, MAX_ENCODERS);
	enum vtr_err err = vtr_trials_run(&findings.trials, tuning);
	if (err == VTR_OK) {
		err = vtr_probe_host(log, &params, VTR_PROBE_EXAMINE, &report);
	}
	if (err != VTR_OK) {
		fprintf(stderr,
		        "vitrine doctor: cannot examine the Vulkan devices: %s. Run it again with --log "
		        "debug for details\n",
		        vtr_err_text(err));
		return 1;
	}
	if (options->json) {
		print_json(&report, &findings);
	} else {
		print_text(&report, &findings);
	}
	bool usable = is_usable(&report, &findings);
	if (!options->json) {
		printf("\n%s\n",
		       usable ? "Programs can use vitrine here: vitrine run -- vulkaninfo --summary" :
		                "Programs cannot use vitrine here. The lines marked 'missing' or 'NOT "
		                "offered' above "
		                "say why.");
	}
	vtr_probe_finish(&report);
	return usable ? 0 : 1;
}

static int run_doctor(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { .log = "warn" };
	struct vtr_tuning tuning;
	struct vtr_log *log = NULL;
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	err = vtr_tuning_parse(command, &options.tuning, &tuning);
	if (err != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	err = vtr_cmd_create_log(command, options.log, &log);
	if (err != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	/* Drivers run with the same fd 0 as in a worker, one that cannot be mapped: lavapipe mistakes it for
	 * imported memory when it binds that to sparse buffers. */
	if (!freopen("/dev/null", "r", stdin)) {
		vtr_log_destroy(log);
		return 1;
	}
	struct vtr_driver_env env;
	err = vtr_driver_env_init(&tuning, &env);
	for (size_t i = 0; err == VTR_OK && env.set[i]; i++) {
		putenv(env.set[i]); /* stays ours, and valid to the end */
	}
	int status = err == VTR_OK ? examine(&options, &tuning, log) : 1;
	vtr_log_destroy(log);
	return status;
}

const struct vtr_command vtr_cmd_doctor = {
	.name = "doctor",
	.args = "",
	.summary = "Says what this host can do, and what is missing",
	.details = vtr_tuning_help,
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.run = run_doctor,
};
