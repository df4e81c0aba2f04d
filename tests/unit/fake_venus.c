/* SPDX-License-Identifier: MIT */
#include "fake_venus.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "platform/shm.h"

#define MAX_RESOURCES 4096
#define MAX_FENCES 4096
#define MAX_BLOB (1u << 20)

struct vtr_venus {
	struct vtr_venus_params params;
	struct {
		uint32_t res_id;
		int fd;
	} resources[MAX_RESOURCES];
	size_t resource_count;
	atomic_bool dead;
	pthread_mutex_t lock; /* guards the fences */
	struct {
		uint32_t timeline;
		uint64_t id;
	} fences[MAX_FENCES];
	size_t fence_count;
};

struct fake_venus fake_venus;
/* Held while another thread is in the newest context: the real one joins its threads instead. */
static pthread_mutex_t newest_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vtr_venus *newest;

void fake_venus_reset(void)
{
	vtr_assert(fake_venus.contexts == 0 && fake_venus.resources == 0);
	fake_venus = (struct fake_venus){ 0 };
}

enum vtr_err vtr_venus_create(const struct vtr_venus_params *params, struct vtr_venus **out_venus)
{
	struct vtr_venus *venus = calloc(1, sizeof(*venus));

	if (!venus) {
		return VTR_ERR_NOMEM;
	}
	venus->params = *params;
	pthread_mutex_init(&venus->lock, NULL);
	fake_venus.contexts++;
	pthread_mutex_lock(&newest_lock);
	newest = venus;
	pthread_mutex_unlock(&newest_lock);
	*out_venus = venus;
	return VTR_OK;
}

static bool retire_one(struct vtr_venus *venus)
{
	pthread_mutex_lock(&venus->lock);
	bool has = venus->fence_count > 0;
	uint32_t timeline = venus->fences[0].timeline;
	uint64_t id = venus->fences[0].id;
	if (has) {
		venus->fence_count--;
		memmove(venus->fences, venus->fences + 1, venus->fence_count * sizeof(venus->fences[0]));
	}
	pthread_mutex_unlock(&venus->lock);
	if (has) {
		venus->params.events->fence(venus->params.data, timeline, id);
	}
	return has;
}

bool fake_venus_retire(void)
{
	pthread_mutex_lock(&newest_lock);
	bool has = newest && retire_one(newest);
	pthread_mutex_unlock(&newest_lock);
	return has;
}

void fake_venus_die(void)
{
	pthread_mutex_lock(&newest_lock);
	atomic_store(&newest->dead, true);
	newest->params.events->dead(newest->params.data);
	pthread_mutex_unlock(&newest_lock);
}

void vtr_venus_destroy(struct vtr_venus *venus)
{
	if (!venus) {
		return;
	}
	while (retire_one(venus)) {
	}
	for (size_t i = 0; i < venus->resource_count; i++) {
		vtr_close(&venus->resources[i].fd);
		fake_venus.resources--;
	}
	fake_venus.contexts--;
	pthread_mutex_lock(&newest_lock);
	newest = NULL;
	pthread_mutex_unlock(&newest_lock);
	pthread_mutex_destroy(&venus->lock);
	free(venus);
}

void vtr_venus_capset(bool use_guest_vram, uint8_t out_capset[VTR_CAPSET_VENUS_SIZE])
{
	memset(out_capset, use_guest_vram ? 0xa5 : 0x5a, VTR_CAPSET_VENUS_SIZE);
}

bool vtr_venus_is_dead(const struct vtr_venus *venus)
{
	return atomic_load(&venus->dead);
}

void vtr_venus_kill(struct vtr_venus *venus)
{
	atomic_store(&venus->dead, true);
	fake_venus.killed = true;
}

enum vtr_err vtr_venus_submit(struct vtr_venus *venus, const void *commands, size_t size)
{
	/* Every byte must be there. */
	for (size_t i = 0; i < size; i++) {
		fake_venus.submitted += 1 + 0 * ((const volatile uint8_t *)commands)[i];
	}
	if (fake_venus.refuse_submit) {
		atomic_store(&venus->dead, true);
		return VTR_ERR_PROTOCOL;
	}
	return VTR_OK;
}

enum vtr_err vtr_venus_blob_create(struct vtr_venus *venus, uint32_t res_id, uint64_t blob_id, uint32_t flags,
                                   uint64_t size, struct vtr_blob *out_blob)
{
	int fd;

	if (fake_venus.blob_err != VTR_OK) {
		return fake_venus.blob_err;
	}
	if (blob_id != 0 || flags != VTR_BLOB_MAPPABLE) {
		return VTR_ERR_INVALID;
	}
	if (size > MAX_BLOB || venus->resource_count == MAX_RESOURCES) {
		return VTR_ERR_LIMIT;
	}
	for (size_t i = 0; i < venus->resource_count; i++) {
		vtr_assert(venus->resources[i].res_id != res_id);
	}
	enum vtr_err err = vtr_os_shm_create("fake", (size_t)size, &fd);
	if (err != VTR_OK) {
		return err;
	}
	venus->resources[venus->resource_count].res_id = res_id;
	venus->resources[venus->resource_count].fd = fd;
	venus->resource_count++;
	fake_venus.resources++;
	*out_blob = (struct vtr_blob){ .fd = fd, .size = size, .cache = VTR_BLOB_CACHED };
	return VTR_OK;
}

bool vtr_venus_resource_destroy(struct vtr_venus *venus, uint32_t res_id)
{
	for (size_t i = 0; i < venus->resource_count; i++) {
		if (venus->resources[i].res_id == res_id) {
			vtr_close(&venus->resources[i].fd);
			venus->resources[i] = venus->resources[--venus->resource_count];
			fake_venus.resources--;
			return true;
		}
	}
	vtr_assert(!"vtest must name resources that exist");
	return false;
}

enum vtr_err vtr_venus_fence(struct vtr_venus *venus, uint32_t timeline, uint64_t fence_id)
{
	enum vtr_err err = VTR_OK;

	if (timeline == 0 || !fake_venus.hold_fences) {
		venus->params.events->fence(venus->params.data, timeline, fence_id);
		return VTR_OK;
	}
	pthread_mutex_lock(&venus->lock);
	if (venus->fence_count == MAX_FENCES) {
		err = VTR_ERR_LIMIT;
	} else {
		venus->fences[venus->fence_count].timeline = timeline;
		venus->fences[venus->fence_count].id = fence_id;
		venus->fence_count++;
	}
	pthread_mutex_unlock(&venus->lock);
	return err;
}

void vtr_venus_poll_fences(struct vtr_venus *venus, bool sleeping)
{
	(void)venus;
	(void)sleeping;
}

int vtr_venus_check_ms(const struct vtr_renderer_config *config)
{
	(void)config;
	return -1;
}

bool vtr_venus_check(struct vtr_venus *venus)
{
	(void)venus;
	return fake_venus.hangs;
}
