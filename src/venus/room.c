/* SPDX-License-Identifier: MIT */
#include "venus/room.h"

#include <sys/resource.h>

#include "platform/data_limit.h"

/* The largest piece that an allocator or a driver is likely to have failed to get. */
#define SHORT_BYTES (UINT64_C(16) << 20)
/* The supervisor changes an amount now and then; a worker that was taken over could do so all the time. */
#define MAX_TRIES 3

void vtr_room_open(struct vtr_room *room, uint64_t budget, const struct vtr_budget_part *part)
{
	*room = (struct vtr_room){
		.lock = PTHREAD_MUTEX_INITIALIZER, .data_fd = -1, .budget = budget, .part = *part
	};
	/* A sanitizer's shadow memory is far larger than any sensible limit. */
	if (!VTR_ASAN && !VTR_TSAN && vtr_os_data_open(0, &room->data_fd) != VTR_OK) {
		room->data_fd = -1;
	}
}

void vtr_room_close(struct vtr_room *room)
{
	vtr_close(&room->data_fd);
}

/* Returns: the private memory that counts now. */
static uint64_t private_bytes(const struct vtr_room *room)
{
	uint64_t size = 0;

	/* Reading one's own figure does not fail; if it did, the kernel's limit would still hold. */
	if (vtr_os_data_size(room->data_fd, &size) != VTR_OK || size < room->base) {
		return 0;
	}
	return size - room->base;
}

static struct vtr_budget_slot *slot_of(const struct vtr_room *room)
{
	return room->part.shared ? &room->part.shared->parts[room->part.index] : NULL;
}

/* Returns: how much private memory there may be, of which the supervisor allows `amount` with what is taken. What
 * there is already stays, but does not grow. */
static uint64_t left_of(const struct vtr_room *room, uint64_t amount)
{
	const uint64_t own = room->budget - room->taken;
	const uint64_t granted = amount - vtr_min(amount, room->taken);

	return granted < own ? vtr_min(own, vtr_max(granted, private_bytes(room))) : own;
}

/* Called with the lock held. The supervisor may change the amount meanwhile, and sets the kernel's limit then;
 * whoever is last sets what fits both. */
static void apply(struct vtr_room *room)
{
	const struct vtr_budget_slot *slot = slot_of(room);

	for (int i = 0; i < MAX_TRIES; i++) {
		const uint64_t amount = slot ? atomic_load(&slot->amount) : UINT64_MAX;

		(void)(vtr_os_data_limit(0, room->base + left_of(room, amount), false) == VTR_OK);
		if (!slot || atomic_load(&slot->amount) == amount) {
			return;
		}
	}
}

void vtr_room_begin(struct vtr_room *room, uint64_t budgeted)
{
	uint64_t size;

	if (!room || room->data_fd < 0) {
		return;
	}
	pthread_mutex_lock(&room->lock);
	if (room->base == 0 && vtr_os_data_size(room->data_fd, &size) == VTR_OK) {
		const uint64_t kept = budgeted - vtr_min(budgeted, room->taken);

		room->base = size + VTR_ROOM_EXTRA - vtr_min(kept, size);
		(void)(vtr_os_data_limit(0, room->base + room->budget, true) == VTR_OK);
		(void)(vtr_os_file_limit(room->budget + VTR_ROOM_EXTRA) == VTR_OK);
		if (slot_of(room)) {
			atomic_store(&slot_of(room)->base, room->base);
		}
		apply(room);
	}
	pthread_mutex_unlock(&room->lock);
}

/* Called with the lock held. */
static void set_taken(struct vtr_room *room, uint64_t taken)
{
	room->taken = taken;
	if (slot_of(room)) {
		atomic_store(&slot_of(room)->taken, taken);
	}
	if (room->base != 0) {
		apply(room);
	}
}

bool vtr_room_take(struct vtr_room *room, uint64_t size)
{
	if (!room || room->data_fd < 0) {
		return true;
	}
	pthread_mutex_lock(&room->lock);
	const uint64_t before = room->taken;
	bool fits = size <= room->budget - before;
	if (fits) {
		set_taken(room, before + size);
		/* From here on private memory cannot grow into that. It may have before. */
		fits = room->base == 0 || private_bytes(room) <= room->budget - room->taken;
		if (!fits) {
			set_taken(room, before);
		}
	}
	pthread_mutex_unlock(&room->lock);
	return fits;
}

void vtr_room_give(struct vtr_room *room, uint64_t size)
{
	if (room && room->data_fd >= 0) {
		pthread_mutex_lock(&room->lock);
		set_taken(room, room->taken - size);
		pthread_mutex_unlock(&room->lock);
	}
}

bool vtr_room_is_short(const struct vtr_room *room)
{
	struct rlimit limit;
	uint64_t size;

	return room && room->data_fd >= 0 && room->base != 0 && getrlimit(RLIMIT_DATA, &limit) == 0 &&
	       vtr_os_data_size(room->data_fd, &size) == VTR_OK &&
	       size + vtr_max(SHORT_BYTES, limit.rlim_cur / 16) >= limit.rlim_cur;
}
