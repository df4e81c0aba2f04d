/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_SNAPSHOT_H
#define SCREEN_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

/*
 * Pictures as files, made on request by a separate thread, since encoding takes too long for other threads.
 * Equal requests that are not being processed yet share one picture, so there are at most two for each
 * display. A picture that still shows the newest frame is reused.
 *
 * All files together, whether they are being made, sent, or kept for the next request, take at most
 * VTR_SNAPSHOT_MAX_BYTES. Each possible picture fits into that if no other file is in use.
 */
struct vtr_log;
struct vtr_display_client;
struct vtr_snapshots;

#define VTR_SNAPSHOT_MAX_BYTES ((size_t)128 << 20)

struct vtr_snapshot {
	struct vtr_list node; /* in the queue; guarded by its lock */
	struct vtr_snapshots *snapshots;
	atomic_uint refs;
	atomic_bool done; /* all members below the request are valid and constant */

	uint32_t display; /* the request */
	bool with_cursor;

	/* VTR_OK; or why the picture is missing, see vtr_picture_take(). VTR_ERR_NOMEM also means that the file would
	 * exceed the limit. */
	enum vtr_err err;
	uint8_t *png;
	size_t size;
	struct vtr_snapshot *owner; /* a reference to the snapshot that owns png; NULL: this one */
	uint64_t frame;
	uint64_t generation;
	uint32_t width, height;
	bool torn; /* see struct vtr_picture */
};

/* Sums since the process started. */
struct vtr_snapshot_counters {
	_Atomic uint64_t made;
	_Atomic uint64_t reused;
	_Atomic uint64_t failed;
	_Atomic uint64_t bytes; /* of all files that exist now */
	_Atomic uint64_t torn;
	_Atomic uint64_t copies; /* of whole frames */
	_Atomic uint64_t copy_ns;
	_Atomic uint64_t convert_ns;
	_Atomic uint64_t encode_ns;
};

struct vtr_snapshots_params {
	struct vtr_log *log;
	struct vtr_display_client *screen;
	/* A snapshot is done. Thread: the snapshots'. */
	void (*done)(void *data);
	void *data;
};

/* Starts the thread. Owner: *out_snapshots is the caller's. Returns: VTR_ERR_NOMEM, VTR_ERR_LIMIT.
 * Thread: main. */
VTR_MUST_CHECK enum vtr_err vtr_snapshots_create(const struct vtr_snapshots_params *params,
                                                 struct vtr_snapshots **out_snapshots);

/* Ends the thread; requests that wait are not processed. Accepts NULL. Thread: main. */
void vtr_snapshots_stop(struct vtr_snapshots *snapshots);

/* The thread must have been stopped, and all snapshots given back. Accepts NULL. Thread: main. */
void vtr_snapshots_destroy(struct vtr_snapshots *snapshots);

/* Owner: *out_snapshot is a reference, to be given back. Returns: VTR_ERR_NOMEM. Thread: any. */
VTR_MUST_CHECK enum vtr_err vtr_snapshots_request(struct vtr_snapshots *snapshots, uint32_t display,
                                                  bool with_cursor, struct vtr_snapshot **out_snapshot);

static inline bool vtr_snapshot_is_done(const struct vtr_snapshot *snapshot)
{
	return atomic_load_explicit(&snapshot->done, memory_order_acquire);
}

/* Accepts NULL. Thread: any. */
void vtr_snapshot_unref(struct vtr_snapshot *snapshot);

const struct vtr_snapshot_counters *vtr_snapshots_counters(const struct vtr_snapshots *snapshots);

#endif
