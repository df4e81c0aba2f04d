/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "screen/still.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/thread.h"
#include "screen/pixels.h"
#include "screen/png.h"
#include "screen/screen.h"

/* How long a whole picture of a display is tried for. */
#define TAKE_NS INT64_C(250000000)
/* Files larger than this are not kept for the next request. */
#define KEEP_MAX_BYTES ((size_t)16 << 20)

/* The last still of a display, one with and one without cursor. Thread: the stills'. */
struct kept {
	struct vtr_still *still;
	uint32_t cursor_ticket;
	int32_t x, y;
};

struct vtr_stills {
	struct vtr_stills_params params;
	struct vtr_os_thread thread;
	struct vtr_still_counters counters;
	/* Thread: the stills'. */
	struct vtr_picture picture;
	uint8_t *rgb;
	size_t rgb_capacity;
	struct vtr_board_cursor cursor; /* as the picture being made shows it */
	struct kept kept[VTR_MAX_DISPLAYS][2];

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t work;
	struct vtr_list queue; /* of stills, each a reference */
	bool ends;
};

void vtr_still_unref(struct vtr_still *still)
{
	if (still && atomic_fetch_sub(&still->refs, 1) == 1) {
		if (still->owner) {
			vtr_still_unref(still->owner);
		} else {
			free(still->png);
		}
		free(still);
	}
}

static struct vtr_still *ref(struct vtr_still *still)
{
	atomic_fetch_add(&still->refs, 1);
	return still;
}

static void add(_Atomic uint64_t *counter, uint64_t amount)
{
	atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

/* Adds the time since *since_ns, which becomes now. */
static void add_time(_Atomic uint64_t *counter, int64_t *since_ns)
{
	int64_t now_ns = vtr_os_now_ns();

	add(counter, (uint64_t)(now_ns - *since_ns));
	*since_ns = now_ns;
}

static enum vtr_err make_rgb(struct vtr_stills *stills)
{
	const struct vtr_scanout *scanout = &stills->picture.frame.scanout;
	size_t count = (size_t)scanout->width * scanout->height;

	if (stills->rgb_capacity < count * 3) {
		free(stills->rgb);
		stills->rgb_capacity = 0;
		stills->rgb = malloc(count * 3);
		if (!stills->rgb) {
			return VTR_ERR_NOMEM;
		}
		stills->rgb_capacity = count * 3;
	}
	vtr_pixels_to_rgb(stills->rgb, stills->picture.pixels, count, scanout->format);
	return VTR_OK;
}

static void blend_cursor(struct vtr_stills *stills)
{
	const struct vtr_board_cursor *cursor = &stills->cursor;
	const struct vtr_scanout *scanout = &stills->picture.frame.scanout;

	if (cursor->visible) {
		vtr_pixels_blend_cursor(stills->rgb, scanout->width, scanout->height, cursor->image.pixels,
		                        (int64_t)cursor->x - cursor->image.hot_x,
		                        (int64_t)cursor->y - cursor->image.hot_y);
	}
}

/* Makes the still's picture. Its result goes into the still. */
static enum vtr_err make(struct vtr_stills *stills, struct vtr_still *still)
{
	struct vtr_picture *picture = &stills->picture;
	struct vtr_still_counters *counters = &stills->counters;
	const struct vtr_scanout *scanout = &picture->frame.scanout;
	int64_t time_ns = vtr_os_now_ns();
	enum vtr_err err =
		vtr_screen_take_picture(stills->params.screen, still->display, time_ns + TAKE_NS, picture);

	if (err != VTR_OK) {
		return err;
	}
	add(&counters->copies, picture->tries);
	add_time(&counters->copy_ns, &time_ns);
	err = make_rgb(stills);
	if (err != VTR_OK) {
		return err;
	}
	if (still->with_cursor) {
		blend_cursor(stills);
	}
	add_time(&counters->convert_ns, &time_ns);
	err = vtr_png_encode(stills->rgb, scanout->width, scanout->height, &still->png, &still->size);
	add_time(&counters->encode_ns, &time_ns);
	still->frame = picture->frame.frame;
	still->generation = picture->frame.generation;
	still->width = scanout->width;
	still->height = scanout->height;
	still->torn = picture->torn;
	return err;
}

/* Whether `kept` shows just what would be drawn now. */
static bool is_fresh(struct vtr_stills *stills, const struct kept *kept, bool with_cursor)
{
	const struct vtr_board_cursor *cursor = &stills->cursor;
	struct vtr_screen_info info;

	if (!kept->still || kept->still->torn ||
	    vtr_screen_describe(stills->params.screen, kept->still->display, &info) != VTR_OK ||
	    !info.frame.lit || info.frame.frame != kept->still->frame) {
		return false;
	}
	return !with_cursor ||
	       (kept->cursor_ticket == cursor->ticket && kept->x == cursor->x && kept->y == cursor->y);
}

/* Gives the still what an earlier one shows. */
static void share(struct vtr_still *still, struct vtr_still *kept)
{
	still->owner = ref(kept);
	still->png = kept->png;
	still->size = kept->size;
	still->frame = kept->frame;
	still->generation = kept->generation;
	still->width = kept->width;
	still->height = kept->height;
}

static void serve(struct vtr_stills *stills, struct vtr_still *still)
{
	struct kept *kept = &stills->kept[still->display][still->with_cursor];
	struct vtr_still_counters *counters = &stills->counters;

	/* Before the picture, so that what is kept is never newer than what it is kept for. */
	if (still->with_cursor &&
	    vtr_screen_read_cursor(stills->params.screen, still->display, &stills->cursor) != VTR_OK) {
		stills->cursor.visible = false;
	}
	if (is_fresh(stills, kept, still->with_cursor)) {
		share(still, kept->still);
		add(&counters->reused, 1);
	} else {
		still->err = make(stills, still);
		add(still->err == VTR_OK ? &counters->made : &counters->failed, 1);
		add(&counters->torn, still->err == VTR_OK && still->torn);
		vtr_still_unref(kept->still);
		kept->still = NULL;
	}
	if (still->err != VTR_OK) {
		vtr_debug(stills->params.log, "display %u: no picture: %s", still->display,
		          vtr_err_name(still->err));
	} else if (!kept->still && still->size <= KEEP_MAX_BYTES) {
		kept->still = ref(still);
		kept->cursor_ticket = stills->cursor.ticket;
		kept->x = stills->cursor.x;
		kept->y = stills->cursor.y;
	}
	atomic_store_explicit(&still->done, true, memory_order_release);
	stills->params.done(stills->params.data);
}

/* Waits for the next request. Returns: NULL at the end. */
static struct vtr_still *next(struct vtr_stills *stills)
{
	struct vtr_still *still = NULL;

	pthread_mutex_lock(&stills->lock);
	while (!stills->ends && vtr_list_empty(&stills->queue)) {
		pthread_cond_wait(&stills->work, &stills->lock);
	}
	if (!stills->ends) {
		still = vtr_container_of(stills->queue.next, struct vtr_still, node);
		vtr_list_remove(&still->node);
	}
	pthread_mutex_unlock(&stills->lock);
	return still;
}

static void run(void *arg)
{
	struct vtr_stills *stills = arg;
	struct vtr_still *still;

	while ((still = next(stills)) != NULL) {
		serve(stills, still);
		vtr_still_unref(still);
	}
}

enum vtr_err vtr_stills_create(const struct vtr_stills_params *params, struct vtr_stills **out_stills)
{
	struct vtr_stills *stills = calloc(1, sizeof(*stills));

	if (!stills) {
		return VTR_ERR_NOMEM;
	}
	stills->params = *params;
	vtr_picture_init(&stills->picture);
	pthread_mutex_init(&stills->lock, NULL);
	vtr_os_cond_init(&stills->work);
	vtr_list_init(&stills->queue);
	enum vtr_err err = vtr_os_thread_create(&stills->thread, "screen-still", run, stills);
	if (err != VTR_OK) {
		pthread_mutex_destroy(&stills->lock);
		pthread_cond_destroy(&stills->work);
		free(stills);
		return err;
	}
	*out_stills = stills;
	return VTR_OK;
}

void vtr_stills_destroy(struct vtr_stills *stills)
{
	struct vtr_still *still;
	struct vtr_still *following;

	if (!stills) {
		return;
	}
	pthread_mutex_lock(&stills->lock);
	stills->ends = true;
	pthread_cond_signal(&stills->work);
	pthread_mutex_unlock(&stills->lock);
	vtr_os_thread_join(&stills->thread);
	vtr_list_for_each_safe (still, following, &stills->queue, node) {
		vtr_list_remove(&still->node);
		vtr_still_unref(still);
	}
	for (size_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		vtr_still_unref(stills->kept[i][0].still);
		vtr_still_unref(stills->kept[i][1].still);
	}
	vtr_picture_finish(&stills->picture);
	pthread_mutex_destroy(&stills->lock);
	pthread_cond_destroy(&stills->work);
	free(stills->rgb);
	free(stills);
}

/* A request that nobody works on yet. Under the lock. */
static struct vtr_still *find_waiting(struct vtr_stills *stills, uint32_t display, bool with_cursor)
{
	struct vtr_still *still;

	vtr_list_for_each (still, &stills->queue, node) {
		if (still->display == display && still->with_cursor == with_cursor) {
			return still;
		}
	}
	return NULL;
}

enum vtr_err vtr_stills_ask(struct vtr_stills *stills, uint32_t display, bool with_cursor,
                            struct vtr_still **out_still)
{
	enum vtr_err err = VTR_OK;

	vtr_assert(display < VTR_MAX_DISPLAYS);
	pthread_mutex_lock(&stills->lock);
	struct vtr_still *still = find_waiting(stills, display, with_cursor);
	if (!still) {
		still = calloc(1, sizeof(*still));
		if (still) {
			still->display = display;
			still->with_cursor = with_cursor;
			atomic_init(&still->refs, 1); /* the queue's */
			vtr_list_append(&stills->queue, &still->node);
			pthread_cond_signal(&stills->work);
		} else {
			err = VTR_ERR_NOMEM;
		}
	}
	if (still) {
		*out_still = ref(still);
	}
	pthread_mutex_unlock(&stills->lock);
	return err;
}

const struct vtr_still_counters *vtr_stills_counters(const struct vtr_stills *stills)
{
	return &stills->counters;
}
