/* SPDX-License-Identifier: MIT */
#ifndef POOL_STATUS_H
#define POOL_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/err.h"
#include "pool/memory_share.h"
#include "pool/stall.h"

/*
 * Who uses what of a supervisor: its identities (pool/identity.h) and their programs, for people and for machines. The
 * names of control groups are texts that users choose, so they are escaped when they come in.
 *
 * Thread: the owner's.
 */

/* The most bytes of a control group's name that are shown, its end; escaped, with NUL. */
#define VTR_STATUS_CGROUP 400
/* The most identities in metrics, where each is a row of a data base: those with the most connections. */
#define VTR_STATUS_MAX_METRICS 256

/* One connection. */
struct vtr_status_program {
	uint32_t number; /* as in the log */
	pid_t pid; /* of the process that connected; 0: unknown */
	pid_t worker; /* 0: it has none */
	uint64_t memory[VTR_MEMORY_KIND_COUNT]; /* bytes */
	struct vtr_pool_stall stall;
	uint64_t in_ram; /* of the worker, its own and shared, as the kernel counts; 0: unknown */
	bool is_unread; /* it has yet to read replies, with which an fd may wait */
};

struct vtr_status_identity {
	uid_t uid;
	char cgroup[VTR_STATUS_CGROUP];
	bool is_container; /* of our own uid, in namespaces of its own */
	uint32_t connections, max_connections;
	uint64_t max_mapped; /* bytes, of all of its user if that is not ours; UINT64_MAX: no limit */
	uint64_t memory[VTR_MEMORY_KIND_COUNT];
	uint64_t in_ram; /* of all its workers */
	/* Connections that were reset, those that had to give way, and allocations that failed. */
	uint64_t refused_connections, lost_connections, refused_memory[VTR_MEMORY_KIND_COUNT];
	size_t first_program, program_count; /* in vtr_status.programs */
};

struct vtr_status {
	uint32_t connections, max_connections;
	uint64_t max_device_memory; /* bytes for each identity; 0: no such limit, as the next */
	uint32_t max_device_percent;
	struct vtr_status_identity *identities;
	size_t identity_count, identity_room;
	struct vtr_status_program *programs;
	size_t program_count, program_room;
};

/* With room for so many. Owner: end *out_status with vtr_status_finish(). Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_status_init(struct vtr_status *out_status, size_t identities,
                                            size_t programs);
void vtr_status_finish(struct vtr_status *status);

/* Adds a row, without what follows from its programs. `cgroups`: as in /proc/PID/cgroup. Returns: VTR_ERR_LIMIT. */
VTR_MUST_CHECK enum vtr_err vtr_status_add_identity(struct vtr_status *status,
                                                    const struct vtr_status_identity *row,
                                                    const char *cgroups);

/* Adds a program of the identity that was added last. Does nothing without room. `refused`: what it adds there. */
void vtr_status_add_program(struct vtr_status *status, const struct vtr_status_program *program,
                            const uint64_t refused[VTR_MEMORY_KIND_COUNT]);

/* The stream reports errors. The metrics are in the text format of Prometheus. */
void vtr_status_print(const struct vtr_status *status, FILE *file);
void vtr_status_print_json(const struct vtr_status *status, FILE *file);
void vtr_status_print_metrics(const struct vtr_status *status, FILE *file);

#endif
