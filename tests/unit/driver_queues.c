/* SPDX-License-Identifier: MIT */
#include "driver_queues.h"

#include <string.h>

#include "platform/shm.h"
#include "test.h"

/* The table of a queue, its ring of offered buffers, its ring of used ones. */
static uint16_t *ring(const struct driver_queues *queues, uint32_t queue, unsigned which)
{
	return (uint16_t *)(void *)(queues->memory + queue * (size_t)DRIVER_QUEUE_BYTES +
	                            0x1000 * (size_t)which);
}

void driver_queues_init(struct driver_queues *queues, uint64_t ram_size)
{
	struct vtr_ram_region region = { .size = ram_size };

	*queues = (struct driver_queues){ .memory = NULL };
	CHECK_OK(vtr_os_shm_create("ram", ram_size, &region.fd));
	vtr_ram_init(&queues->ram);
	CHECK_OK(vtr_ram_set(&queues->ram, &region, 1));
	queues->memory = vtr_ram_at(&queues->ram, 0, ram_size);
}

void driver_queues_set_device(struct driver_queues *queues, const struct vtr_virtio_device *device,
                              uint16_t size, bool indirect)
{
	CHECK(device->queue_count <= DRIVER_MAX_QUEUES);
	queues->device = device;
	queues->size = size;
	for (uint32_t i = 0; i < device->queue_count; i++) {
		const uint64_t at = i * (uint64_t)DRIVER_QUEUE_BYTES;
		CHECK_OK(vtr_queue_create(NULL, i, &queues->ram, &queues->queues[i]));
		queues->setups[i] = (struct vtr_queue_setup){
			.size = size,
			.desc_addr = at,
			.avail_addr = at + 0x1000,
			.used_addr = at + 0x2000,
			.indirect = indirect,
		};
	}
}

void driver_queues_finish(struct driver_queues *queues)
{
	for (uint32_t i = 0; i < DRIVER_MAX_QUEUES; i++) {
		vtr_queue_destroy(queues->queues[i]);
	}
	vtr_ram_finish(&queues->ram);
}

void driver_queues_reset(struct driver_queues *queues)
{
	for (uint32_t i = 0; i < queues->device->queue_count; i++) {
		memset(ring(queues, i, 0), 0, DRIVER_QUEUE_BYTES);
		vtr_queue_reset(queues->queues[i]);
		queues->setups[i].base = 0;
		queues->seen[i] = 0;
	}
}

void driver_queues_start(struct driver_queues *queues, bool reset)
{
	for (uint32_t i = 0; i < queues->device->queue_count; i++) {
		vtr_queue_start(queues->queues[i], &queues->setups[i]);
	}
	queues->device->start(queues->device->data, queues->queues, &queues->ram, reset);
}

void driver_queues_stop(struct driver_queues *queues)
{
	queues->device->stop(queues->device->data);
	for (uint32_t i = 0; i < queues->device->queue_count; i++) {
		queues->setups[i].base = vtr_queue_stop(queues->queues[i]);
	}
}

void driver_queues_offer(struct driver_queues *queues, uint32_t queue, uint16_t slot, uint64_t addr,
                         uint32_t size, uint16_t flags)
{
	struct driver_desc *descs = (void *)ring(queues, queue, 0);
	uint16_t *avail = ring(queues, queue, 1);

	descs[slot] = (struct driver_desc){ addr, size, flags, 0 };
	avail[2 + avail[1] % queues->size] = slot;
	avail[1]++;
}

uint16_t driver_queues_offered(const struct driver_queues *queues, uint32_t queue)
{
	return ring(queues, queue, 1)[1];
}

uint16_t driver_queues_used(const struct driver_queues *queues, uint32_t queue)
{
	return ring(queues, queue, 2)[1];
}

bool driver_queues_take(struct driver_queues *queues, uint32_t queue, uint16_t *out_slot,
                        uint32_t *out_written)
{
	const uint16_t *used = ring(queues, queue, 2);
	uint16_t *seen = &queues->seen[queue];
	const uint32_t *entry = (const uint32_t *)(const void *)(used + 2) + 2 * (*seen % queues->size);

	if (*seen == used[1]) {
		return false;
	}
	*out_slot = (uint16_t)entry[0];
	*out_written = entry[1];
	(*seen)++;
	return true;
}
