/* SPDX-License-Identifier: MIT */
#include "display/buffers.h"

#include <stdlib.h>

#include "base/mem.h"
#include "platform/shm.h"

void vtr_buffers_init(struct vtr_buffers *buffers)
{
	*buffers = (struct vtr_buffers){ 0 };
	pthread_mutex_init(&buffers->lock, NULL);
}

static void destroy(struct vtr_buffer *buffer)
{
	vtr_os_shm_unmap((void *)buffer->map, buffer->size);
	free(buffer);
}

void vtr_buffers_finish(struct vtr_buffers *buffers)
{
	for (size_t i = 0; i < VTR_BUFFERS_MAX; i++) {
		if (buffers->items[i]) {
			vtr_assert(buffers->items[i]->refs == 1);
			destroy(buffers->items[i]);
		}
	}
	pthread_mutex_destroy(&buffers->lock);
}

/* Returns: the slot of `id`; a free slot if it has none; NULL if all are taken. */
static struct vtr_buffer **find(struct vtr_buffers *buffers, uint32_t id)
{
	struct vtr_buffer **free_slot = NULL;

	for (size_t i = 0; i < VTR_BUFFERS_MAX; i++) {
		struct vtr_buffer **slot = &buffers->items[i];
		if (*slot && (*slot)->id == id) {
			return slot;
		}
		if (!*slot && !free_slot) {
			free_slot = slot;
		}
	}
	return free_slot;
}

static enum vtr_err make(uint32_t id, int fd, uint64_t size, struct vtr_buffer **out_buffer)
{
	void *map;
	enum vtr_err err = size > 0 && size <= SIZE_MAX ? vtr_os_shm_check(fd, size) : VTR_ERR_INVALID;

	if (err == VTR_OK) {
		err = vtr_os_shm_map(fd, 0, (size_t)size, false, &map);
	}
	if (err != VTR_OK) {
		return err;
	}
	struct vtr_buffer *buffer = calloc(1, sizeof(*buffer));
	if (!buffer) {
		vtr_os_shm_unmap(map, (size_t)size);
		return VTR_ERR_NOMEM;
	}
	*buffer = (struct vtr_buffer){ .id = id, .size = size, .map = map, .refs = 1 };
	*out_buffer = buffer;
	return VTR_OK;
}

enum vtr_err vtr_buffers_add(struct vtr_buffers *buffers, uint32_t id, int *take_fd, uint64_t size)
{
	vtr_autofd int fd = vtr_take_fd(take_fd);
	struct vtr_buffer *buffer;
	enum vtr_err err = make(id, fd, size, &buffer);

	if (err != VTR_OK) {
		return err;
	}
	pthread_mutex_lock(&buffers->lock);
	struct vtr_buffer **slot = find(buffers, id);
	if (!slot) {
		err = VTR_ERR_LIMIT;
	} else if (*slot) {
		err = VTR_ERR_INVALID;
	} else {
		*slot = buffer;
	}
	pthread_mutex_unlock(&buffers->lock);
	if (err != VTR_OK) {
		destroy(buffer);
	}
	return err;
}

void vtr_buffers_remove(struct vtr_buffers *buffers, uint32_t id)
{
	struct vtr_buffer *buffer = NULL;

	pthread_mutex_lock(&buffers->lock);
	struct vtr_buffer **slot = find(buffers, id);
	if (slot && *slot) {
		buffer = *slot;
		*slot = NULL;
	}
	pthread_mutex_unlock(&buffers->lock);
	if (buffer) {
		vtr_buffers_unref(buffers, buffer);
	}
}

enum vtr_err vtr_buffers_ref(struct vtr_buffers *buffers, uint32_t id, struct vtr_buffer **out_buffer)
{
	enum vtr_err err = VTR_ERR_AGAIN;

	pthread_mutex_lock(&buffers->lock);
	struct vtr_buffer **slot = find(buffers, id);
	if (slot && *slot) {
		(*slot)->refs++;
		*out_buffer = *slot;
		err = VTR_OK;
	}
	pthread_mutex_unlock(&buffers->lock);
	return err;
}

void vtr_buffers_unref(struct vtr_buffers *buffers, struct vtr_buffer *buffer)
{
	pthread_mutex_lock(&buffers->lock);
	bool last = --buffer->refs == 0;
	pthread_mutex_unlock(&buffers->lock);
	if (last) {
		destroy(buffer);
	}
}
