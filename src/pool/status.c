/* SPDX-License-Identifier: MIT */
#include "pool/status.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define MIB (1024.0 * 1024.0)
/* An escaped byte has four. */
#define MAX_NAME ((size_t)(VTR_STATUS_CGROUP - 4) / 4)

enum vtr_err vtr_status_init(struct vtr_status *out_status, size_t identities, size_t programs)
{
	/* One more of each, because calloc() may return NULL for none. */
	struct vtr_status status = {
		.identities = calloc(identities + 1, sizeof(*status.identities)),
		.programs = calloc(programs + 1, sizeof(*status.programs)),
		.identity_room = identities,
		.program_room = programs,
	};

	if (!status.identities || !status.programs) {
		vtr_status_finish(&status);
		return VTR_ERR_NOMEM;
	}
	*out_status = status;
	return VTR_OK;
}

void vtr_status_finish(struct vtr_status *status)
{
	free(status->identities);
	free(status->programs);
	*status = (struct vtr_status){ 0 };
}

/* Of the control groups in all hierarchies, the longest path says most. Its end names the container. */
static void name_cgroup(const char *cgroups, char out_name[VTR_STATUS_CGROUP])
{
	const char *longest = "";
	size_t length = 0;

	for (const char *line = cgroups; *line != '\0';) {
		const size_t line_length = strcspn(line, "\n");
		const char *colon = memchr(line, ':', line_length);
		const char *path = colon ? memchr(colon + 1, ':', (size_t)(line + line_length - colon - 1)) :
		                           NULL;

		if (path && (size_t)(line + line_length - path - 1) > length) {
			longest = path + 1;
			length = (size_t)(line + line_length - longest);
		}
		line += line_length + (line[line_length] == '\n');
	}
	const size_t cut = length > MAX_NAME ? length - MAX_NAME : 0;
	snprintf(out_name, VTR_STATUS_CGROUP, "%s", cut > 0 ? "..." : "");
	vtr_log_str(out_name + strlen(out_name), VTR_STATUS_CGROUP - strlen(out_name), longest + cut,
	            length - cut);
}

enum vtr_err vtr_status_add_identity(struct vtr_status *status, const struct vtr_status_identity *row,
                                     const char *cgroups)
{
	struct vtr_status_identity *identity = &status->identities[status->identity_count];

	if (status->identity_count == status->identity_room) {
		return VTR_ERR_LIMIT;
	}
	*identity = *row;
	name_cgroup(cgroups, identity->cgroup);
	identity->first_program = status->program_count;
	status->identity_count++;
	return VTR_OK;
}

void vtr_status_add_program(struct vtr_status *status, const struct vtr_status_program *program,
                            const uint64_t refused[VTR_MEMORY_KIND_COUNT])
{
	if (status->identity_count == 0 || status->program_count == status->program_room) {
		return;
	}
	struct vtr_status_identity *identity = &status->identities[status->identity_count - 1];
	status->programs[status->program_count++] = *program;
	identity->program_count++;
	identity->in_ram += program->in_ram;
	for (enum vtr_memory_kind kind = 0; kind < VTR_MEMORY_KIND_COUNT; kind++) {
		identity->memory[kind] += program->memory[kind];
		identity->refused_memory[kind] += refused[kind];
	}
}

static uint64_t refusals(const struct vtr_status_identity *identity)
{
	return identity->refused_connections + identity->lost_connections +
	       identity->refused_memory[VTR_MEMORY_MAPPED] + identity->refused_memory[VTR_MEMORY_DEVICE];
}

/* Those without connections are kept for a while; they are shown if something was refused. */
static bool is_shown(const struct vtr_status_identity *identity)
{
	return identity->connections > 0 || identity->program_count > 0 || refusals(identity) > 0;
}

/* --- for people ------------------------------------------------------------------------------------ */

void vtr_status_print(const struct vtr_status *status, FILE *file)
{
	fprintf(file, "%u of %u connections\n", status->connections, status->max_connections);
	if (status->max_device_percent != 0) {
		fprintf(file, "Each user or container may have %u %% of a GPU's memory.\n",
		        status->max_device_percent);
	} else if (status->max_device_memory != 0) {
		fprintf(file, "Each user or container may have %.0f MiB of the GPUs' memory.\n",
		        (double)status->max_device_memory / MIB);
	}
	for (size_t i = 0; i < status->identity_count; i++) {
		const struct vtr_status_identity *identity = &status->identities[i];

		if (!is_shown(identity)) {
			continue;
		}
		fprintf(file,
		        "\nuser %u, control group %s%s\n"
		        "  %u of %u connections, %.1f MiB mapped, %.1f MiB of GPUs, %.1f MiB in RAM; "
		        "refused: "
		        "%llu\n",
		        (unsigned)identity->uid, identity->cgroup[0] ? identity->cgroup : "unknown",
		        identity->is_container ? " (container)" : "", identity->connections,
		        identity->max_connections, (double)identity->memory[VTR_MEMORY_MAPPED] / MIB,
		        (double)identity->memory[VTR_MEMORY_DEVICE] / MIB, (double)identity->in_ram / MIB,
		        (unsigned long long)refusals(identity));
		for (size_t n = 0; n < identity->program_count; n++) {
			const struct vtr_status_program *program =
				&status->programs[identity->first_program + n];

			fprintf(file,
			        "  client %u: program %d, worker %d, %.1f MiB mapped, %.1f MiB of GPUs, "
			        "%.1f MiB in RAM%s",
			        program->number, (int)program->pid, (int)program->worker,
			        (double)program->memory[VTR_MEMORY_MAPPED] / MIB,
			        (double)program->memory[VTR_MEMORY_DEVICE] / MIB,
			        (double)program->in_ram / MIB,
			        program->is_unread ? ", replies are unread" : "");
			if (program->stall.state != VTR_WORKER_STALL_OVER) {
				fprintf(file, "; %s: %s has not completed for %u s", program->stall.program,
				        program->stall.what, vtr_stall_seconds(&program->stall));
			}
			fputc('\n', file);
		}
	}
}

/* --- for machines ---------------------------------------------------------------------------------- */

/* A limit that may be missing. */
static void json_limit(struct vtr_json *json, const char *key, uint64_t limit, uint64_t none)
{
	if (limit == none) {
		vtr_json_text(json, key, NULL);
	} else {
		vtr_json_number(json, key, limit);
	}
}

static void json_stall(struct vtr_json *json, const struct vtr_pool_stall *stall)
{
	if (stall->state != VTR_WORKER_STALL_OVER) {
		vtr_json_open(json, "stalled", '{');
		vtr_json_text(json, "what", stall->what);
		vtr_json_text(json, "program", stall->program);
		vtr_json_number(json, "seconds", vtr_stall_seconds(stall));
		vtr_json_close(json, '}');
	}
}

static void json_identity(struct vtr_json *json, const struct vtr_status *status,
                          const struct vtr_status_identity *identity)
{
	vtr_json_open(json, NULL, '{');
	vtr_json_number(json, "uid", identity->uid);
	vtr_json_text(json, "cgroup", identity->cgroup);
	vtr_json_bool(json, "container", identity->is_container);
	vtr_json_number(json, "connections", identity->connections);
	vtr_json_number(json, "max_connections", identity->max_connections);
	vtr_json_number(json, "mapped_bytes", identity->memory[VTR_MEMORY_MAPPED]);
	json_limit(json, "max_mapped_bytes", identity->max_mapped, UINT64_MAX);
	vtr_json_number(json, "device_bytes", identity->memory[VTR_MEMORY_DEVICE]);
	vtr_json_number(json, "ram_bytes", identity->in_ram);
	vtr_json_open(json, "refused", '{');
	vtr_json_number(json, "connection", identity->refused_connections);
	vtr_json_number(json, "place", identity->lost_connections);
	vtr_json_number(json, "mapped", identity->refused_memory[VTR_MEMORY_MAPPED]);
	vtr_json_number(json, "device", identity->refused_memory[VTR_MEMORY_DEVICE]);
	vtr_json_close(json, '}');
	vtr_json_open(json, "programs", '[');
	for (size_t n = 0; n < identity->program_count; n++) {
		const struct vtr_status_program *program = &status->programs[identity->first_program + n];

		vtr_json_open(json, NULL, '{');
		vtr_json_number(json, "client", program->number);
		vtr_json_number(json, "pid", (uint64_t)program->pid);
		vtr_json_number(json, "worker", (uint64_t)program->worker);
		vtr_json_number(json, "mapped_bytes", program->memory[VTR_MEMORY_MAPPED]);
		vtr_json_number(json, "device_bytes", program->memory[VTR_MEMORY_DEVICE]);
		vtr_json_number(json, "ram_bytes", program->in_ram);
		vtr_json_bool(json, "unread", program->is_unread);
		json_stall(json, &program->stall);
		vtr_json_close(json, '}');
	}
	vtr_json_close(json, ']');
	vtr_json_close(json, '}');
}

void vtr_status_print_json(const struct vtr_status *status, FILE *file)
{
	/* Each identity has one line. */
	struct vtr_json json = { .file = file, .lines = 2 };

	vtr_json_open(&json, NULL, '{');
	vtr_json_number(&json, "connections", status->connections);
	vtr_json_number(&json, "max_connections", status->max_connections);
	json_limit(&json, "max_device_bytes", status->max_device_memory, 0);
	json_limit(&json, "max_device_percent", status->max_device_percent, 0);
	vtr_json_open(&json, "identities", '[');
	for (size_t i = 0; i < status->identity_count; i++) {
		if (is_shown(&status->identities[i])) {
			json_identity(&json, status, &status->identities[i]);
		}
	}
	vtr_json_close(&json, ']');
	vtr_json_close(&json, '}');
}

/* The labels of an identity, whose name has no control characters any more. */
static void print_labels(const struct vtr_status_identity *identity, FILE *file)
{
	fprintf(file, "uid=\"%u\",cgroup=\"", (unsigned)identity->uid);
	for (const char *at = identity->cgroup; *at != '\0'; at++) {
		if (*at == '"' || *at == '\\') {
			fputc('\\', file);
		}
		fputc(*at, file);
	}
	fputc('"', file);
}

static const struct {
	const char *name, *type, *help;
	struct {
		const char *labels;
		size_t offset;
		bool narrow; /* uint32_t, not uint64_t */
	} rows[4];
} metrics[] = {
#define AT(member) offsetof(struct vtr_status_identity, member)
	{ "vitrine_serve_connections",
	  "gauge",
	  "Connections, each of which is a Vulkan instance.",
	  { { "", AT(connections), true } } },
	{ "vitrine_serve_connections_max",
	  "gauge",
	  "The most connections that it may have.",
	  { { "", AT(max_connections), true } } },
	{ "vitrine_serve_memory_bytes",
	  "gauge",
	  "Memory that programs can map, memory of GPUs, and all of the workers as the kernel counts it.",
	  { { ",kind=\"mapped\"", AT(memory[VTR_MEMORY_MAPPED]), false },
	    { ",kind=\"device\"", AT(memory[VTR_MEMORY_DEVICE]), false },
	    { ",kind=\"ram\"", AT(in_ram), false } } },
	{ "vitrine_serve_refused_total",
	  "counter",
	  "Connections that were reset or had to give way, and allocations beyond a limit.",
	  { { ",reason=\"connection\"", AT(refused_connections), false },
	    { ",reason=\"place\"", AT(lost_connections), false },
	    { ",reason=\"mapped\"", AT(refused_memory[VTR_MEMORY_MAPPED]), false },
	    { ",reason=\"device\"", AT(refused_memory[VTR_MEMORY_DEVICE]), false } } },
#undef AT
};

static void print_metric(const struct vtr_status *status, const bool *shown, size_t which, FILE *file)
{
	fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", metrics[which].name, metrics[which].help,
	        metrics[which].name, metrics[which].type);
	for (size_t i = 0; i < status->identity_count; i++) {
		const struct vtr_status_identity *identity = &status->identities[i];

		for (size_t row = 0; shown[i] && row < VTR_ARRAY_LEN(metrics[which].rows); row++) {
			const void *at = (const char *)identity + metrics[which].rows[row].offset;

			if (!metrics[which].rows[row].labels) {
				break;
			}
			fprintf(file, "%s{", metrics[which].name);
			print_labels(identity, file);
			fprintf(file, "%s} %llu\n", metrics[which].rows[row].labels,
			        metrics[which].rows[row].narrow ? *(const uint32_t *)at :
			                                          *(const unsigned long long *)at);
		}
	}
}

/* Marks the identities to show: as many as may be, those with the most connections first. */
static void choose(const struct vtr_status *status, bool *shown)
{
	for (size_t count = 0; count < VTR_STATUS_MAX_METRICS; count++) {
		size_t best = SIZE_MAX;

		for (size_t i = 0; i < status->identity_count; i++) {
			if (!shown[i] && is_shown(&status->identities[i]) &&
			    (best == SIZE_MAX ||
			     status->identities[i].connections > status->identities[best].connections)) {
				best = i;
			}
		}
		if (best == SIZE_MAX) {
			return;
		}
		shown[best] = true;
	}
}

void vtr_status_print_metrics(const struct vtr_status *status, FILE *file)
{
	vtr_autofree bool *shown = calloc(status->identity_count + 1, sizeof(*shown));

	if (!shown) {
		return;
	}
	choose(status, shown);
	for (size_t i = 0; i < VTR_ARRAY_LEN(metrics); i++) {
		print_metric(status, shown, i, file);
	}
}
