/* SPDX-License-Identifier: MIT */
#include "virtio/queue.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "virtio/queue_setup.h"

#define VTR_LOG_MODULE "virtio"

/* virtio 1.3, 2.7: sizes are powers of two up to this. */
#define MAX_SIZE 32768u
/* Entries of an indirect table: 64 MiB of single pages, far more than any driver sends at once. With more, a
 * guest could keep the loop busy with reading tables. */
#define MAX_INDIRECT 16384u

#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define DESC_INDIRECT 4u
#define AVAIL_NO_INTERRUPT 1u

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings are little-endian");

/* The rings as the driver sees them. The u16 after each ring[] is the other side's event index. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct avail {
	_Atomic uint16_t flags;
	_Atomic uint16_t idx;
	_Atomic uint16_t ring[];
};

struct used_entry {
	_Atomic uint32_t id;
	_Atomic uint32_t len;
};

struct used {
	_Atomic uint16_t flags;
	_Atomic uint16_t idx;
	struct used_entry ring[];
};

_Static_assert(sizeof(struct desc) == 16, "virtio 1.3, 2.7.5");

/* Thread: the device's. */
struct vtr_queue {
	struct vtr_log *log;
	uint32_t index;
	const struct vtr_ram *ram;
	int call_fd;
	int err_fd;

	bool running;
	bool broken;     /* until the next reset */
	bool has_begun;  /* it ran since the last reset, so the counters below are valid */
	uint32_t number; /* number of resets; identifies requests from before a reset */
	struct vtr_queue_setup setup;

	/* Valid while the queue runs and is not broken. */
	const uint8_t *desc;
	struct avail *avail;
	struct used *used;

	uint16_t last_avail;
	uint16_t used_idx;
	uint16_t signalled; /* used_idx at the last vtr_queue_notify() */
	uint16_t quiet; /* used_idx at the last interrupt, or when it was certain that none was wanted */
	bool asleep; /* a kick was requested, and no request was seen since */
	bool must_signal; /* interrupt regardless of the driver's event index */
	uint32_t in_flight;
	struct vtr_list parked; /* struct request: answered while the queue was stopped */
	void (*maybe_missed)(void *data);
	void *maybe_missed_data;
};

struct request {
	struct vtr_queue_request base;
	struct vtr_list node;
	uint32_t number; /* vtr_queue.number when it was popped */
	size_t out_room;
	size_t written; /* valid if it is parked */
	/* Of vtr_queue_pop_ranges(): the readable ranges, then the writable ones. */
	uint32_t max_ranges; /* 0: popped by vtr_queue_pop() */
	struct vtr_queue_segment *ranges;
	uint32_t range_count;
	uint32_t range_room;
	uint32_t out_ranges;
};

static struct request *request_of(struct vtr_queue_request *base)
{
	return vtr_container_of(base, struct request, base);
}

static void free_request(struct request *request)
{
	free(request->base.out);
	free(request->ranges);
	free(request);
}

/* Signals the eventfd. A full counter, or an fd that is not an eventfd, is ignored. */
static void signal_fd(int fd)
{
	const uint64_t one = 1;

	if (fd >= 0) {
		ssize_t written = write(fd, &one, sizeof(one));
		(void)written;
	}
}

/* Stops using the queue until it is reset. */
static void break_queue(struct vtr_queue *queue, const char *why)
{
	if (queue->broken) {
		return;
	}
	queue->broken = true;
	vtr_warn_limited(queue->log, "queue %u: %s: it is served no more until the guest resets the device",
	                 queue->index, why);
	signal_fd(queue->err_fd);
}

/* A concurrent write of the driver may not be visible yet. */
static void maybe_missed_kick(const struct vtr_queue *queue)
{
	if (queue->maybe_missed != NULL) {
		queue->maybe_missed(queue->maybe_missed_data);
	}
}

/* --- the transport's side ---------------------------------------------------------------------------- */

enum vtr_err vtr_queue_create(struct vtr_log *log, uint32_t index, const struct vtr_ram *ram,
                              struct vtr_queue **out_queue)
{
	struct vtr_queue *queue = calloc(1, sizeof(*queue));

	if (queue == NULL) {
		return VTR_ERR_NOMEM;
	}
	queue->log = log;
	queue->index = index;
	queue->ram = ram;
	queue->call_fd = -1;
	queue->err_fd = -1;
	vtr_list_init(&queue->parked);
	*out_queue = queue;
	return VTR_OK;
}

void vtr_queue_destroy(struct vtr_queue *queue)
{
	if (queue == NULL) {
		return;
	}
	(void)vtr_queue_stop(queue);
	vtr_queue_reset(queue);
	vtr_close(&queue->call_fd);
	vtr_close(&queue->err_fd);
	free(queue);
}

void vtr_queue_reset(struct vtr_queue *queue)
{
	struct request *request;
	struct request *next;

	vtr_assert(!queue->running);
	vtr_list_for_each_safe (request, next, &queue->parked, node) {
		vtr_list_remove(&request->node);
		free_request(request);
	}
	queue->number++;
	queue->in_flight = 0;
	queue->broken = false;
	queue->has_begun = false;
}

void vtr_queue_set_call(struct vtr_queue *queue, int take_fd)
{
	vtr_close(&queue->call_fd);
	queue->call_fd = take_fd;
	signal_fd(take_fd);
}

void vtr_queue_set_err(struct vtr_queue *queue, int take_fd)
{
	vtr_close(&queue->err_fd);
	queue->err_fd = take_fd;
}

void vtr_queue_on_maybe_missed_kick(struct vtr_queue *queue, void (*maybe_missed)(void *data), void *data)
{
	queue->maybe_missed = maybe_missed;
	queue->maybe_missed_data = data;
}

void vtr_queue_remap(struct vtr_queue *queue)
{
	const struct vtr_queue_setup *setup = &queue->setup;
	/* Each with its event index, which takes two bytes whether it is used or not. */
	uint64_t avail_size = sizeof(struct avail) + 2 * (uint64_t)setup->size + 2;
	uint64_t used_size = sizeof(struct used) + sizeof(struct used_entry) * (uint64_t)setup->size + 2;

	if (!queue->running) {
		return;
	}
	queue->desc =
		vtr_ram_at_user(queue->ram, setup->desc_addr, sizeof(struct desc) * (uint64_t)setup->size);
	queue->avail = vtr_ram_at_user(queue->ram, setup->avail_addr, avail_size);
	queue->used = vtr_ram_at_user(queue->ram, setup->used_addr, used_size);
	if (queue->desc == NULL || queue->avail == NULL || queue->used == NULL) {
		break_queue(queue, "its rings are not in the guest's memory");
	} else if (((uintptr_t)queue->desc & 15) != 0 || ((uintptr_t)queue->avail & 1) != 0 ||
	           ((uintptr_t)queue->used & 3) != 0) {
		break_queue(queue, "its rings are not aligned");
	}
}

static void publish(struct vtr_queue *queue, struct request *request, size_t written)
{
	struct used_entry *entry = &queue->used->ring[queue->used_idx & (queue->setup.size - 1)];

	atomic_store_explicit(&entry->id, request->base.head, memory_order_relaxed);
	atomic_store_explicit(&entry->len, (uint32_t)written, memory_order_relaxed);
	queue->used_idx++;
	atomic_store_explicit(&queue->used->idx, queue->used_idx, memory_order_release);
	queue->in_flight--;
	free_request(request);
}

void vtr_queue_start(struct vtr_queue *queue, const struct vtr_queue_setup *setup)
{
	struct request *request;
	struct request *next;

	vtr_assert(!queue->running);
	queue->setup = *setup;
	queue->running = true;
	if (setup->size == 0 || setup->size > MAX_SIZE || (setup->size & (setup->size - 1)) != 0) {
		break_queue(queue, "its size is no power of two up to 32768");
	}
	vtr_queue_remap(queue);
	if (queue->broken) {
		return;
	}
	if (!queue->has_begun) {
		queue->has_begun = true;
		queue->last_avail = setup->base;
		queue->used_idx = atomic_load_explicit(&queue->used->idx, memory_order_relaxed);
		queue->signalled = queue->used_idx;
		queue->quiet = queue->used_idx;
	}
	queue->asleep = false;
	queue->must_signal = true;
	vtr_list_for_each_safe (request, next, &queue->parked, node) {
		vtr_list_remove(&request->node);
		publish(queue, request, request->written);
	}
	vtr_queue_notify(queue);
}

uint16_t vtr_queue_stop(struct vtr_queue *queue)
{
	queue->running = false;
	return queue->has_begun ? queue->last_avail : queue->setup.base;
}

/* --- taking requests --------------------------------------------------------------------------------- */

/* The driver may write to it at any time: the compiler must not read it again instead of using the copy. */
static void copy_desc(struct desc *desc, const void *from)
{
	memcpy(desc, from, sizeof(*desc));
	atomic_signal_fence(memory_order_seq_cst);
}

static enum vtr_err make_room(struct request *request, size_t more)
{
	size_t size = request->base.out_size + more; /* at most VTR_QUEUE_MAX_OUT */
	size_t room = vtr_max(request->out_room, 256);

	if (size <= request->out_room) {
		return VTR_OK;
	}
	while (room < size) {
		room *= 2;
	}
	uint8_t *out = realloc(request->base.out, room);
	if (out == NULL) {
		return VTR_ERR_NOMEM;
	}
	request->base.out = out;
	request->out_room = room;
	return VTR_OK;
}

/* Copies what the driver wrote at `gpa`; it may span regions. */
static enum vtr_err add_out(struct vtr_queue *queue, struct request *request, uint64_t gpa, uint64_t size)
{
	struct vtr_queue_request *base = &request->base;

	if (size > VTR_QUEUE_MAX_OUT - base->out_size) {
		base->cut = true;
		size = VTR_QUEUE_MAX_OUT - base->out_size;
	}
	enum vtr_err err = make_room(request, size);
	while (err == VTR_OK && size > 0) {
		uint64_t span = size;
		const void *from = vtr_ram_span(queue->ram, gpa, &span);
		if (from == NULL) {
			break_queue(queue, "a descriptor is outside of the guest's memory");
			return VTR_ERR_PROTOCOL;
		}
		memcpy(base->out + base->out_size, from, span);
		base->out_size += span;
		gpa += span; /* cannot overflow within a region */
		size -= span;
	}
	return err;
}

/* Records where an answer may be written. */
static enum vtr_err add_in(struct vtr_queue *queue, struct vtr_queue_request *base, uint64_t gpa,
                           uint64_t size)
{
	while (size > 0) {
		uint64_t span = size;
		if (vtr_ram_span(queue->ram, gpa, &span) == NULL) {
			break_queue(queue, "a descriptor is outside of the guest's memory");
			return VTR_ERR_PROTOCOL;
		}
		if (base->in_count == VTR_QUEUE_MAX_IN) {
			base->cut = true;
			return VTR_OK;
		}
		base->in[base->in_count++] = (struct vtr_queue_segment){
			.gpa = gpa,
			.size = (uint32_t)span,
		};
		base->in_size += span;
		gpa += span;
		size -= span;
	}
	return VTR_OK;
}

static enum vtr_err grow_ranges(struct request *request)
{
	uint32_t room = request->range_room == 0 ? 8 : 2 * request->range_room;
	struct vtr_queue_segment *ranges = realloc(request->ranges, room * sizeof(*ranges));

	if (ranges == NULL) {
		return VTR_ERR_NOMEM;
	}
	request->ranges = ranges;
	request->range_room = room;
	return VTR_OK;
}

/* Records a descriptor's memory, which may span regions. */
static enum vtr_err add_ranges(struct vtr_queue *queue, struct request *request, const struct desc *desc)
{
	bool writable = (desc->flags & DESC_WRITE) != 0;
	uint64_t gpa = desc->addr;
	uint64_t left = desc->len;

	while (left > 0) {
		uint64_t span = left;
		if (vtr_ram_span(queue->ram, gpa, &span) == NULL) {
			break_queue(queue, "a descriptor is outside of the guest's memory");
			return VTR_ERR_PROTOCOL;
		}
		if (request->range_count == request->max_ranges) {
			request->base.cut = true;
			return VTR_OK;
		}
		if (request->range_count == request->range_room && grow_ranges(request) != VTR_OK) {
			return VTR_ERR_NOMEM;
		}
		request->ranges[request->range_count++] = (struct vtr_queue_segment){
			.gpa = gpa,
			.size = (uint32_t)span,
		};
		*(writable ? &request->base.in_size : &request->base.out_size) += span;
		request->out_ranges += !writable;
		gpa += span;
		left -= span;
	}
	return VTR_OK;
}

static enum vtr_err add_buffer(struct vtr_queue *queue, struct request *request, const struct desc *desc)
{
	if (desc->len == 0) {
		break_queue(queue, "a descriptor of no bytes");
		return VTR_ERR_PROTOCOL;
	}
	if ((desc->flags & DESC_WRITE) == 0 && request->base.in_size > 0) {
		break_queue(queue, "a readable descriptor behind a writable one");
		return VTR_ERR_PROTOCOL;
	}
	if (request->max_ranges > 0) {
		return add_ranges(queue, request, desc);
	}
	if ((desc->flags & DESC_WRITE) != 0) {
		return add_in(queue, &request->base, desc->addr, desc->len);
	}
	return add_out(queue, request, desc->addr, desc->len);
}

static enum vtr_err walk_indirect(struct vtr_queue *queue, struct request *request, const struct desc *table)
{
	uint32_t count = table->len / sizeof(struct desc);
	uint32_t at = 0;
	struct desc desc;

	if (table->len % sizeof(struct desc) != 0 || count == 0 || count > MAX_INDIRECT) {
		break_queue(queue, "an indirect table of an impossible size");
		return VTR_ERR_PROTOCOL;
	}
	for (uint32_t seen = 0; seen < count; seen++) {
		const void *entry = NULL;
		uint64_t gpa;
		if (!__builtin_add_overflow(table->addr, (uint64_t)at * sizeof(desc), &gpa)) {
			entry = vtr_ram_at(queue->ram, gpa, sizeof(desc));
		}
		if (entry == NULL) {
			break_queue(queue, "an indirect table outside of the guest's memory");
			return VTR_ERR_PROTOCOL;
		}
		copy_desc(&desc, entry);
		if ((desc.flags & DESC_INDIRECT) != 0) {
			break_queue(queue, "an indirect table in an indirect table");
			return VTR_ERR_PROTOCOL;
		}
		enum vtr_err err = add_buffer(queue, request, &desc);
		if (err != VTR_OK || (desc.flags & DESC_NEXT) == 0) {
			return err;
		}
		at = desc.next;
		if (at >= count) {
			break_queue(queue, "a descriptor outside of its indirect table");
			return VTR_ERR_PROTOCOL;
		}
	}
	break_queue(queue, "an indirect table with a loop");
	return VTR_ERR_PROTOCOL;
}

static enum vtr_err walk(struct vtr_queue *queue, struct request *request)
{
	uint32_t at = request->base.head;
	struct desc desc;

	for (uint32_t seen = 0; seen < queue->setup.size; seen++) {
		if (at >= queue->setup.size) {
			break_queue(queue, "a descriptor outside of the table");
			return VTR_ERR_PROTOCOL;
		}
		copy_desc(&desc, queue->desc + at * sizeof(desc));
		if ((desc.flags & DESC_INDIRECT) != 0) {
			if (!queue->setup.indirect || (desc.flags & DESC_NEXT) != 0) {
				break_queue(queue, "an indirect descriptor where none may be");
				return VTR_ERR_PROTOCOL;
			}
			return walk_indirect(queue, request, &desc);
		}
		enum vtr_err err = add_buffer(queue, request, &desc);
		if (err != VTR_OK || (desc.flags & DESC_NEXT) == 0) {
			return err;
		}
		at = desc.next;
	}
	break_queue(queue, "descriptors with a loop");
	return VTR_ERR_PROTOCOL;
}

/* Returns: whether there are requests; if not, requests a kick from the driver. */
static bool has_more(struct vtr_queue *queue, uint16_t *out_avail_idx)
{
	*out_avail_idx = atomic_load_explicit(&queue->avail->idx, memory_order_acquire);
	if (*out_avail_idx == queue->last_avail && queue->setup.event_index) {
		_Atomic uint16_t *avail_event = (void *)&queue->used->ring[queue->setup.size];
		atomic_store_explicit(avail_event, queue->last_avail, memory_order_relaxed);
		/* Either the driver sees the request for a kick when it adds an entry, or we see that entry. */
		atomic_thread_fence(memory_order_seq_cst);
		*out_avail_idx = atomic_load_explicit(&queue->avail->idx, memory_order_acquire);
		if (*out_avail_idx == queue->last_avail && !queue->asleep) {
			queue->asleep = true;
			maybe_missed_kick(queue);
		}
	}
	return *out_avail_idx != queue->last_avail;
}

static enum vtr_err pop(struct vtr_queue *queue, uint32_t max_ranges, struct vtr_queue_request **out_request)
{
	uint16_t avail_idx;

	if (!queue->running) {
		return VTR_ERR_AGAIN;
	}
	if (queue->broken) {
		return VTR_ERR_PROTOCOL;
	}
	if (!has_more(queue, &avail_idx)) {
		return VTR_ERR_AGAIN;
	}
	if ((uint16_t)(avail_idx - queue->last_avail) > queue->setup.size ||
	    queue->in_flight >= queue->setup.size) {
		break_queue(queue, "more requests than it has entries");
		return VTR_ERR_PROTOCOL;
	}
	struct request *request = calloc(1, sizeof(*request));
	if (request == NULL) {
		return VTR_ERR_NOMEM;
	}
	request->number = queue->number;
	request->max_ranges = max_ranges;
	request->base.head = atomic_load_explicit(
		&queue->avail->ring[queue->last_avail & (queue->setup.size - 1)], memory_order_relaxed);
	enum vtr_err err = walk(queue, request);
	if (err != VTR_OK) {
		free_request(request);
		return err;
	}
	queue->last_avail++;
	queue->in_flight++;
	queue->asleep = false;
	*out_request = &request->base;
	return VTR_OK;
}

enum vtr_err vtr_queue_pop(struct vtr_queue *queue, struct vtr_queue_request **out_request)
{
	return pop(queue, 0, out_request);
}

enum vtr_err vtr_queue_pop_ranges(struct vtr_queue *queue, uint32_t max_ranges,
                                  struct vtr_queue_request **out_request)
{
	vtr_assert(max_ranges > 0);
	return pop(queue, max_ranges, out_request);
}

/* Copies between `data` and the ranges [first, end). `writes`: to the guest. */
static size_t copy_ranges(struct vtr_queue *queue, const struct request *request, uint32_t first,
                          uint32_t end, size_t offset, uint8_t *data, size_t size, bool writes)
{
	size_t done = 0;

	for (uint32_t i = first; i < end && done < size; i++) {
		const struct vtr_queue_segment *range = &request->ranges[i];
		if (offset >= range->size) {
			offset -= range->size;
			continue;
		}
		size_t part = vtr_min(range->size - offset, size - done);
		/* It was in one region when the request was popped, but the memory table may have changed. */
		uint8_t *at = vtr_ram_at(queue->ram, range->gpa + offset, part);
		if (at == NULL) {
			break;
		}
		memcpy(writes ? at : data + done, writes ? data + done : at, part);
		done += part;
		offset = 0;
	}
	return done;
}

size_t vtr_queue_read_at(struct vtr_queue *queue, const struct vtr_queue_request *base, size_t offset,
                         void *data, size_t size)
{
	const struct request *request = vtr_container_of(base, const struct request, base);

	return copy_ranges(queue, request, 0, request->out_ranges, offset, data, size, false);
}

size_t vtr_queue_write_at(struct vtr_queue *queue, const struct vtr_queue_request *base, size_t offset,
                          const void *data, size_t size)
{
	const struct request *request = vtr_container_of(base, const struct request, base);

	return copy_ranges(queue, request, request->out_ranges, request->range_count, offset, (uint8_t *)data,
	                   size, true);
}

/* --- answering --------------------------------------------------------------------------------------- */

size_t vtr_queue_write(struct vtr_queue *queue, const struct vtr_queue_request *request, const void *data,
                       size_t size)
{
	const uint8_t *from = data;
	size_t written = 0;

	for (uint32_t i = 0; i < request->in_count && written < size; i++) {
		const struct vtr_queue_segment *segment = &request->in[i];
		size_t part = vtr_min(segment->size, size - written);
		/* It was in one region when the request was popped, but the memory table may have changed. */
		void *to = vtr_ram_at(queue->ram, segment->gpa, part);
		if (to == NULL) {
			return 0;
		}
		memcpy(to, from + written, part);
		written += part;
	}
	return written;
}

void vtr_queue_push(struct vtr_queue *queue, struct vtr_queue_request *base, size_t written)
{
	struct request *request = request_of(base);

	vtr_assert(written <= base->in_size);
	if (request->number != queue->number) {
		free_request(request);
	} else if (queue->broken) {
		queue->in_flight--;
		free_request(request);
	} else if (!queue->running) {
		vtr_queue_forget_out(base);
		request->written = written;
		vtr_list_append(&queue->parked, &request->node);
	} else {
		publish(queue, request, written);
	}
}

void vtr_queue_forget_out(struct vtr_queue_request *base)
{
	free(base->out);
	base->out = NULL;
	base->out_size = 0;
	request_of(base)->out_room = 0;
}

void vtr_queue_drop(struct vtr_queue_request *request)
{
	free_request(request_of(request));
}

/* Returns: whether the driver's event index asks for an interrupt for an entry between `from` and used_idx. */
static bool is_awaited(const struct vtr_queue *queue, uint16_t from)
{
	uint16_t used_event =
		atomic_load_explicit(&queue->avail->ring[queue->setup.size], memory_order_relaxed);
	return (uint16_t)(queue->used_idx - used_event - 1) < (uint16_t)(queue->used_idx - from);
}

/* Returns: whether the driver wants an interrupt for used entries up to used_idx. */
static bool wants_interrupt(const struct vtr_queue *queue)
{
	if (queue->must_signal) {
		return true;
	}
	/* The entries must be visible before the driver's event index is read: the driver does it in the
	 * opposite order. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!queue->setup.event_index) {
		uint16_t flags = atomic_load_explicit(&queue->avail->flags, memory_order_relaxed);
		return (flags & AVAIL_NO_INTERRUPT) == 0;
	}
	return is_awaited(queue, queue->signalled);
}

static void interrupt(struct vtr_queue *queue)
{
	signal_fd(queue->call_fd);
	queue->quiet = queue->used_idx;
}

void vtr_queue_notify(struct vtr_queue *queue)
{
	if (!queue->running || queue->broken || queue->used_idx == queue->signalled) {
		return;
	}
	if (wants_interrupt(queue)) {
		interrupt(queue);
	} else if (queue->setup.event_index) {
		maybe_missed_kick(queue);
	}
	queue->signalled = queue->used_idx;
	queue->must_signal = false;
}

bool vtr_queue_look_again(struct vtr_queue *queue)
{
	if (!queue->running || queue->broken || !queue->setup.event_index) {
		return false;
	}
	if (queue->signalled != queue->quiet) {
		if (is_awaited(queue, queue->quiet)) {
			interrupt(queue);
		}
		queue->quiet = queue->used_idx;
	}
	bool missed = queue->asleep &&
	              atomic_load_explicit(&queue->avail->idx, memory_order_acquire) != queue->last_avail;
	queue->asleep = queue->asleep && !missed;
	return missed;
}
