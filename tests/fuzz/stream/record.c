/* SPDX-License-Identifier: MIT */
/*
 * Makes `vitrine-record` of vitrine's own objects: its workers write what their clients send to files, command by
 * command, in the form of recording.h. record.py uses it. The linker sends calls of the functions below
 * here first (--wrap). Workers must run without the sandbox, and create the files
 * VTR_RECORD/PID; without that variable they record nothing.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fields.h"
#include "recording.h"
#include "venus/dispatch.h"
#include "venus/ring.h"
#include "venus/venus.h"

#define WRAP(ret, name, ...)            \
	ret __real_##name(__VA_ARGS__); \
	ret __wrap_##name(__VA_ARGS__); \
	ret __wrap_##name(__VA_ARGS__)

/* Longer commands are left out. */
enum { MAX_COMMAND = 32768, MAX_FILE = 8 << 20, MAX_RING_IDS = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static int file = -1;
static size_t written;
static uint64_t ring_ids[MAX_RING_IDS];
static uint32_t ring_count;

typedef void progress_fn(struct vtr_dispatch *d, size_t done);

/* The run of this thread: where its next command begins, and who else wants to know of its progress. */
static _Thread_local const uint8_t *run_data;
static _Thread_local size_t run_done;
static _Thread_local progress_fn *run_progress;

static void open_file(void)
{
	const struct recording_head head = { .setup = 0 };
	const char *folder = getenv("VTR_RECORD");
	char path[PATH_MAX];

	if (folder == NULL || file >= 0) {
		return;
	}
	snprintf(path, sizeof(path), "%s/%d", folder, (int)getpid());
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (file >= 0 && write(file, &head, sizeof(head)) != sizeof(head)) {
		close(file);
		file = -1;
	}
}

static void put(enum step_op op, uint8_t ring, const void *payload, size_t size)
{
	uint8_t bytes[sizeof(struct step_head) + MAX_COMMAND];
	const struct step_head head = { .op = (uint8_t)op, .ring = ring, .words = (uint16_t)(size / 4) };

	if (size > MAX_COMMAND) {
		return;
	}
	memcpy(bytes, &head, sizeof(head));
	if (size != 0) {
		memcpy(bytes + sizeof(head), payload, size);
	}
	pthread_mutex_lock(&lock);
	open_file();
	if (file >= 0 && written < MAX_FILE && write(file, bytes, sizeof(head) + size) > 0) {
		written += sizeof(head) + size;
	}
	pthread_mutex_unlock(&lock);
}

/* Rings get numbers in the order of their first commands. */
static uint8_t number_of(const struct vtr_ring *ring)
{
	uint32_t i = 0;

	if (ring == NULL) {
		return 0;
	}
	pthread_mutex_lock(&lock);
	while (i < ring_count && ring_ids[i] != ring->id) {
		i++;
	}
	if (i == ring_count && ring_count < MAX_RING_IDS) {
		ring_ids[ring_count++] = ring->id;
	}
	pthread_mutex_unlock(&lock);
	return (uint8_t)(1 + i % RECORDING_RINGS);
}

static void on_progress(struct vtr_dispatch *d, size_t done)
{
	put(STEP_COMMAND, number_of(d->ring), run_data + run_done, done - run_done);
	run_done = done;
	if (run_progress != NULL) {
		run_progress(d, done);
	}
}

WRAP(enum vtr_err, vtr_dispatch_run, struct vtr_dispatch *d, const uint8_t *data, size_t size,
     progress_fn *progress, size_t *out_done)
{
	const uint8_t *outer_data = run_data;
	const size_t outer_done = run_done;
	progress_fn *outer_progress = run_progress;
	enum vtr_err err;

	run_data = data;
	run_done = 0;
	run_progress = progress;
	err = __real_vtr_dispatch_run(d, data, size, on_progress, out_done);
	run_data = outer_data; /* a context's thread runs a ring's commands inside one of its own */
	run_done = outer_done;
	run_progress = outer_progress;
	return err;
}

/* The commands of a stream in shared memory come before the command that executes it. */
WRAP(enum vtr_err, vtr_dispatch_run_shared, struct vtr_dispatch *d, const uint8_t *data, size_t size)
{
	static _Thread_local struct fields fields;
	size_t n;

	for (size_t at = 0; at < size; at += n) {
		n = fields_find(data + at, size - at, &fields);
		if (n == 0) {
			break;
		}
		put(STEP_INDIRECT, number_of(d->ring), data + at, n);
	}
	return __real_vtr_dispatch_run_shared(d, data, size);
}

WRAP(enum vtr_err, vtr_venus_blob_create, struct vtr_venus *venus, uint32_t res_id, uint64_t blob_id,
     uint32_t flags, uint64_t size, struct vtr_blob *out_blob)
{
	const struct step_blob step = { .res = res_id, .flags = flags, .id = blob_id, .size = size };

	put(STEP_BLOB, 0, &step, sizeof(step));
	return __real_vtr_venus_blob_create(venus, res_id, blob_id, flags, size, out_blob);
}

WRAP(bool, vtr_venus_resource_destroy, struct vtr_venus *venus, uint32_t res_id)
{
	const struct step_unref step = { .res = res_id };

	put(STEP_UNREF, 0, &step, sizeof(step));
	return __real_vtr_venus_resource_destroy(venus, res_id);
}

WRAP(enum vtr_err, vtr_venus_fence, struct vtr_venus *venus, uint32_t timeline, uint64_t fence_id)
{
	const struct step_fence step = { .timeline = timeline };

	put(STEP_FENCE, 0, &step, sizeof(step));
	return __real_vtr_venus_fence(venus, timeline, fence_id);
}

/* In tests, a process has several contexts. */
WRAP(enum vtr_err, vtr_venus_create, const struct vtr_venus_params *params, struct vtr_venus **out_venus)
{
	put(STEP_OPS, 0, NULL, 0);
	return __real_vtr_venus_create(params, out_venus);
}

WRAP(enum vtr_err, vtr_venus_resource_hostmem, struct vtr_venus *venus, uint32_t res_id, uint64_t offset,
     uint64_t size)
{
	const struct step_blob step = { .res = res_id, .size = size };

	put(STEP_BLOB, RECORDED_HOSTMEM, &step, sizeof(step));
	return __real_vtr_venus_resource_hostmem(venus, res_id, offset, size);
}

WRAP(enum vtr_err, vtr_venus_resource_pieces, struct vtr_venus *venus, uint32_t res_id,
     const struct vtr_os_shm_piece *pieces, size_t count)
{
	const struct step_blob step = { .res = res_id, .size = count * 4096 };

	put(STEP_PIECES, RECORDED_HOSTMEM, &step, sizeof(step));
	return __real_vtr_venus_resource_pieces(venus, res_id, pieces, count);
}
