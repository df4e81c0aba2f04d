/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "screen/snapshot.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/client.h"
#include "display/frame.h"
#include "display/pixels.h"
#include "platform/thread.h"
#include "screen/png.h"

/* How long to try to copy a whole picture of a display. */
#define TAKE_NS INT64_C(250000000)

/* The largest picture, which consists of noise, fits: its file has at most one byte in 256 more than its rows. */
static_assert(VTR_PICTURE_MAX_BYTES / 4 * 3 / 16 * 17 <= VTR_SNAPSHOT_MAX_BYTES, "each picture fits alone");

/* The last snapshot of a display, one with and one without cursor. Thread: the snapshots'. */
struct kept {
	struct vtr_snapshot *snapshot;
	uint32_t cursor_ticket;
	int32_t x, y;
};

struct vtr_snapshots {
	struct vtr_snapshots_params params;
	struct vtr_os_thread thread;
	struct vtr_snapshot_counters counters;
	/* Thread: the snapshots'. */
	struct vtr_picture picture;
	uint8_t *rgb;
	size_t rgb_capacity;
	struct vtr_scanout_cursor cursor; /* as shown in the current picture */
	struct kept kept[VTR_MAX_DISPLAYS][2];

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t work;
	struct vtr_list queue; /* of snapshots, each a reference */
	bool ends;
};

void vtr_snapshot_unref(struct vtr_snapshot *snapshot)
{
	if (snapshot && atomic_fetch_sub(&snapshot->refs, 1) == 1) {
		if (snapshot->owner) {
			vtr_snapshot_unref(snapshot->owner);
		} else {
			free(snapshot->png);
			atomic_fetch_sub(&snapshot->snapshots->counters.bytes, snapshot->size);
		}
		free(snapshot);
	}
}

static struct vtr_snapshot *ref(struct vtr_snapshot *snapshot)
{
	atomic_fetch_add(&snapshot->refs, 1);
	return snapshot;
}

static void add(_Atomic uint64_t *counter, uint64_t amount)
{
	atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

/* Adds the time since *since_ns to the counter and sets *since_ns to now. */
static void add_time(_Atomic uint64_t *counter, int64_t *since_ns)
{
	int64_t now_ns = vtr_os_now_ns();

	add(counter, (uint64_t)(now_ns - *since_ns));
	*since_ns = now_ns;
}

static enum vtr_err make_rgb(struct vtr_snapshots *snapshots)
{
	const struct vtr_scanout *scanout = &snapshots->picture.frame.scanout;
	size_t count = (size_t)scanout->width * scanout->height;

	if (snapshots->rgb_capacity < count * 3) {
		free(snapshots->rgb);
		snapshots->rgb_capacity = 0;
		snapshots->rgb = malloc(count * 3);
		if (!snapshots->rgb) {
			return VTR_ERR_NOMEM;
		}
		snapshots->rgb_capacity = count * 3;
	}
	vtr_pixels_to_rgb(snapshots->rgb, snapshots->picture.pixels, count, scanout->format);
	return VTR_OK;
}

static void blend_cursor(struct vtr_snapshots *snapshots)
{
	const struct vtr_scanout_cursor *cursor = &snapshots->cursor;
	const struct vtr_scanout *scanout = &snapshots->picture.frame.scanout;

	if (cursor->visible) {
		vtr_pixels_blend_cursor(snapshots->rgb, scanout->width, scanout->height, cursor->image.pixels,
		                        (int64_t)cursor->x - cursor->image.hot_x,
		                        (int64_t)cursor->y - cursor->image.hot_y);
	}
}

/* Returns: how large the next file may become. Only this thread makes files, so it may rely on that. Drops files of
 * earlier requests that no connection reads, as far as is needed for `wanted` bytes. */
static size_t find_room(struct vtr_snapshots *snapshots, size_t wanted)
{
	size_t room = VTR_SNAPSHOT_MAX_BYTES - atomic_load(&snapshots->counters.bytes);

	for (size_t i = 0; i < 2 * VTR_MAX_DISPLAYS && room < wanted; i++) {
		struct kept *kept = &snapshots->kept[i / 2][i % 2];
		if (kept->snapshot && atomic_load(&kept->snapshot->refs) == 1) {
			vtr_snapshot_unref(kept->snapshot);
			kept->snapshot = NULL;
			room = VTR_SNAPSHOT_MAX_BYTES - atomic_load(&snapshots->counters.bytes);
		}
	}
	return room;
}

static enum vtr_err encode(struct vtr_snapshots *snapshots, struct vtr_snapshot *snapshot)
{
	const struct vtr_scanout *scanout = &snapshots->picture.frame.scanout;
	size_t room = find_room(snapshots, vtr_png_max_size(scanout->width, scanout->height));
	enum vtr_err err = vtr_png_encode(snapshots->rgb, scanout->width, scanout->height, room,
	                                  &snapshot->png, &snapshot->size);

	if (err == VTR_OK) {
		atomic_fetch_add(&snapshots->counters.bytes, snapshot->size);
	}
	return err;
}

/* Makes the picture and stores the result in `snapshot`. */
static enum vtr_err make(struct vtr_snapshots *snapshots, struct vtr_snapshot *snapshot)
{
	struct vtr_picture *picture = &snapshots->picture;
	struct vtr_snapshot_counters *counters = &snapshots->counters;
	const struct vtr_scanout *scanout = &picture->frame.scanout;
	int64_t time_ns = vtr_os_now_ns();
	enum vtr_err err = vtr_display_client_take_picture(snapshots->params.screen, snapshot->display,
	                                                   time_ns + TAKE_NS, picture);

	if (err != VTR_OK) {
		return err;
	}
	add(&counters->copies, picture->tries);
	add_time(&counters->copy_ns, &time_ns);
	err = make_rgb(snapshots);
	if (err != VTR_OK) {
		return err;
	}
	if (snapshot->with_cursor) {
		blend_cursor(snapshots);
	}
	add_time(&counters->convert_ns, &time_ns);
	err = encode(snapshots, snapshot);
	add_time(&counters->encode_ns, &time_ns);
	snapshot->frame = picture->frame.frame;
	snapshot->generation = picture->frame.generation;
	snapshot->width = scanout->width;
	snapshot->height = scanout->height;
	snapshot->torn = picture->torn;
	return err;
}

/* Returns: whether `kept` is identical to a new snapshot. */
static bool is_fresh(struct vtr_snapshots *snapshots, const struct kept *kept, bool with_cursor)
{
	const struct vtr_scanout_cursor *cursor = &snapshots->cursor;
	struct vtr_display_info info;

	if (!kept->snapshot || kept->snapshot->torn ||
	    vtr_display_client_describe(snapshots->params.screen, kept->snapshot->display, &info) != VTR_OK ||
	    !info.frame.active || info.frame.frame != kept->snapshot->frame) {
		return false;
	}
	return !with_cursor ||
	       (kept->cursor_ticket == cursor->ticket && kept->x == cursor->x && kept->y == cursor->y);
}

/* Makes the snapshot refer to the picture of an earlier one. */
static void share(struct vtr_snapshot *snapshot, struct vtr_snapshot *kept)
{
	snapshot->owner = ref(kept);
	snapshot->png = kept->png;
	snapshot->size = kept->size;
	snapshot->frame = kept->frame;
	snapshot->generation = kept->generation;
	snapshot->width = kept->width;
	snapshot->height = kept->height;
}

static void serve(struct vtr_snapshots *snapshots, struct vtr_snapshot *snapshot)
{
	struct kept *kept = &snapshots->kept[snapshot->display][snapshot->with_cursor];
	struct vtr_snapshot_counters *counters = &snapshots->counters;

	/* The cursor is read before the picture, so that the stored cursor is never newer than the picture. */
	if (snapshot->with_cursor &&
	    vtr_display_client_read_cursor(snapshots->params.screen, snapshot->display, &snapshots->cursor) !=
	            VTR_OK) {
		snapshots->cursor.visible = false;
	}
	if (is_fresh(snapshots, kept, snapshot->with_cursor)) {
		share(snapshot, kept->snapshot);
		add(&counters->reused, 1);
	} else {
		vtr_snapshot_unref(kept->snapshot);
		kept->snapshot = NULL;
		snapshot->err = make(snapshots, snapshot);
		add(snapshot->err == VTR_OK ? &counters->made : &counters->failed, 1);
		add(&counters->torn, snapshot->err == VTR_OK && snapshot->torn);
	}
	if (snapshot->err != VTR_OK) {
		vtr_debug(snapshots->params.log, "display %u: no picture: %s", snapshot->display,
		          vtr_err_text(snapshot->err));
	} else if (!kept->snapshot) {
		kept->snapshot = ref(snapshot);
		kept->cursor_ticket = snapshots->cursor.ticket;
		kept->x = snapshots->cursor.x;
		kept->y = snapshots->cursor.y;
	}
	atomic_store_explicit(&snapshot->done, true, memory_order_release);
	snapshots->params.done(snapshots->params.data);
}

/* Waits for the next request. Returns: NULL at the end. */
static struct vtr_snapshot *next(struct vtr_snapshots *snapshots)
{
	struct vtr_snapshot *snapshot = NULL;

	pthread_mutex_lock(&snapshots->lock);
	while (!snapshots->ends && vtr_list_empty(&snapshots->queue)) {
		pthread_cond_wait(&snapshots->work, &snapshots->lock);
	}
	if (!snapshots->ends) {
		snapshot = vtr_container_of(snapshots->queue.next, struct vtr_snapshot, node);
		vtr_list_remove(&snapshot->node);
	}
	pthread_mutex_unlock(&snapshots->lock);
	return snapshot;
}

static void run(void *arg)
{
	struct vtr_snapshots *snapshots = arg;
	struct vtr_snapshot *snapshot;

	while ((snapshot = next(snapshots)) != NULL) {
		/* It has left the queue, so no reference is added: if this is the only one, the requests were
		 * given up. */
		if (atomic_load(&snapshot->refs) > 1) {
			serve(snapshots, snapshot);
		}
		vtr_snapshot_unref(snapshot);
	}
}

enum vtr_err vtr_snapshots_create(const struct vtr_snapshots_params *params,
                                  struct vtr_snapshots **out_snapshots)
{
	struct vtr_snapshots *snapshots = calloc(1, sizeof(*snapshots));

	if (!snapshots) {
		return VTR_ERR_NOMEM;
	}
	snapshots->params = *params;
	vtr_picture_init(&snapshots->picture);
	pthread_mutex_init(&snapshots->lock, NULL);
	vtr_os_cond_init(&snapshots->work);
	vtr_list_init(&snapshots->queue);
	enum vtr_err err = vtr_os_thread_create(&snapshots->thread, "screen-still", run, snapshots);
	if (err != VTR_OK) {
		pthread_mutex_destroy(&snapshots->lock);
		pthread_cond_destroy(&snapshots->work);
		free(snapshots);
		return err;
	}
	*out_snapshots = snapshots;
	return VTR_OK;
}

void vtr_snapshots_stop(struct vtr_snapshots *snapshots)
{
	if (snapshots) {
		pthread_mutex_lock(&snapshots->lock);
		snapshots->ends = true;
		pthread_cond_signal(&snapshots->work);
		pthread_mutex_unlock(&snapshots->lock);
		vtr_os_thread_join(&snapshots->thread);
	}
}

void vtr_snapshots_destroy(struct vtr_snapshots *snapshots)
{
	struct vtr_snapshot *snapshot;
	struct vtr_snapshot *following;

	if (!snapshots) {
		return;
	}
	vtr_list_for_each_safe (snapshot, following, &snapshots->queue, node) {
		vtr_list_remove(&snapshot->node);
		vtr_snapshot_unref(snapshot);
	}
	for (size_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		vtr_snapshot_unref(snapshots->kept[i][0].snapshot);
		vtr_snapshot_unref(snapshots->kept[i][1].snapshot);
	}
	vtr_assert(atomic_load(&snapshots->counters.bytes) == 0);
	vtr_picture_finish(&snapshots->picture);
	pthread_mutex_destroy(&snapshots->lock);
	pthread_cond_destroy(&snapshots->work);
	free(snapshots->rgb);
	free(snapshots);
}

/* Finds a request that is not being processed yet. Call it with the lock held. */
static struct vtr_snapshot *find_waiting(struct vtr_snapshots *snapshots, uint32_t display, bool with_cursor)
{
	struct vtr_snapshot *snapshot;

	vtr_list_for_each (snapshot, &snapshots->queue, node) {
		if (snapshot->display == display && snapshot->with_cursor == with_cursor) {
			return snapshot;
		}
	}
	return NULL;
}

enum vtr_err vtr_snapshots_request(struct vtr_snapshots *snapshots, uint32_t display, bool with_cursor,
                                   struct vtr_snapshot **out_snapshot)
{
	enum vtr_err err = VTR_OK;

	vtr_assert(display < VTR_MAX_DISPLAYS);
	pthread_mutex_lock(&snapshots->lock);
	struct vtr_snapshot *snapshot = find_waiting(snapshots, display, with_cursor);
	if (!snapshot) {
		snapshot = calloc(1, sizeof(*snapshot));
		if (snapshot) {
			snapshot->snapshots = snapshots;
			snapshot->display = display;
			snapshot->with_cursor = with_cursor;
			atomic_init(&snapshot->refs, 1); /* the queue's reference */
			vtr_list_append(&snapshots->queue, &snapshot->node);
			pthread_cond_signal(&snapshots->work);
		} else {
			err = VTR_ERR_NOMEM;
		}
	}
	if (snapshot) {
		*out_snapshot = ref(snapshot);
	}
	pthread_mutex_unlock(&snapshots->lock);
	return err;
}

const struct vtr_snapshot_counters *vtr_snapshots_counters(const struct vtr_snapshots *snapshots)
{
	return &snapshots->counters;
}
