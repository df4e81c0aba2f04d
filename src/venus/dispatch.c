/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "venus"
#include "venus/dispatch.h"

#include <stdlib.h>

#include "venus/context.h"
#include "venus/resource.h"

/* Streams are copied in pieces of this size, which fit the first-level cache together with the next piece, which is
 * fetched meanwhile, and the objects that the commands name. */
#define SCRATCH_SIZE (8 * 1024)
#define ARENA_FIRST (32 * 1024)
#define NO_COMMAND UINT32_MAX

static void (*runs[VTW_COMMAND_COUNT])(struct vtr_dispatch *d);
/* The commands that may run in any stream and do not wait, so they need no further check. */
static void (*plain_runs[VTW_COMMAND_COUNT])(struct vtr_dispatch *d);
static pthread_once_t runs_once = PTHREAD_ONCE_INIT;

static void fill_runs(void)
{
	vtw_fill_runs(runs);
	for (size_t i = 0; i < VTW_COMMAND_COUNT; i++) {
		if (vtw_command_infos[i].rule == VTW_ON_ANY && !vtw_command_infos[i].may_block) {
			plain_runs[i] = runs[i];
		}
	}
}

void vtr_dispatch_init(struct vtr_dispatch *d, struct vtr_venus *venus, struct vtr_ring *ring)
{
	pthread_once(&runs_once, fill_runs);
	*d = (struct vtr_dispatch){ .venus = venus, .ring = ring, .command = NO_COMMAND };
	vtr_retire_stream_init(&venus->retire, &d->stream);
	vtr_cs_reader_init(&d->r, NULL, 0, &venus->objects.map, &d->arena);
	vtr_arena_init(&d->arena, ARENA_FIRST, &venus->resources.budget);
}

static void free_scratch(struct vtr_dispatch *d, enum vtr_scratch which)
{
	free(d->scratch[which]);
	vtr_budget_give(&d->venus->resources.budget, d->scratch_size[which]);
	d->scratch[which] = NULL;
	d->scratch_size[which] = 0;
}

void vtr_dispatch_finish(struct vtr_dispatch *d)
{
	vtr_retire_stream_finish(&d->venus->retire, &d->stream);
	vtr_resource_unref(d->reply_resource);
	d->reply_resource = NULL;
	vtr_arena_finish(&d->arena);
	for (enum vtr_scratch i = 0; i < VTR_SCRATCHES; i++) {
		free_scratch(d, i);
	}
}

uint8_t *vtr_dispatch_scratch(struct vtr_dispatch *d, enum vtr_scratch which, size_t size)
{
	if (d->scratch_size[which] < size) {
		free_scratch(d, which);
		if (!vtr_budget_take(&d->venus->resources.budget, size)) {
			return NULL;
		}
		d->scratch[which] = malloc(size);
		if (d->scratch[which] == NULL) {
			vtr_budget_give(&d->venus->resources.budget, size);
			return NULL;
		}
		d->scratch_size[which] = size;
	}
	return d->scratch[which];
}

void vtr_dispatch_fail(struct vtr_dispatch *d, const char *why)
{
	vtr_cs_fail(&d->r, why);
}

void vtr_dispatch_missing(struct vtr_dispatch *d)
{
	vtr_dispatch_fail(d, "the host's driver does not have this command");
}

bool vtr_dispatch_names_failed(struct vtr_dispatch *d)
{
	return (d->r.status & VTR_CS_POISONED) == 0;
}

void vtr_dispatch_pause(struct vtr_dispatch *d)
{
	vtr_retire_end(&d->stream);
}

void vtr_dispatch_resume(struct vtr_dispatch *d)
{
	vtr_retire_begin(&d->venus->retire, &d->stream);
}

struct vtr_cs_writer *vtr_dispatch_reply(struct vtr_dispatch *d)
{
	if ((d->r.status & VTR_CS_POISONED) != 0) {
		return NULL;
	}
	if (d->reply_resource == NULL) {
		vtr_dispatch_fail(d, "a reply is asked for, but there is no reply stream");
		return NULL;
	}
	return &d->reply;
}

uint8_t *vtr_dispatch_reply_place(struct vtr_dispatch *d, size_t at, size_t size)
{
	const size_t room = d->reply_resource != NULL ? (size_t)(d->reply.end - d->reply.cur) : 0;

	if (!vtr_dispatch_wants_reply(d) || at > room || size > room - at) {
		return NULL;
	}
	return d->reply.cur + at;
}

void vtr_dispatch_replied(struct vtr_dispatch *d)
{
	if (d->reply.full) {
		vtr_dispatch_fail(d, "a reply does not fit the reply stream");
	}
}

/* Returns: why the command may not run in this stream, or NULL. */
static const char *refuse(const struct vtr_dispatch *d, uint32_t command)
{
	if (command >= VTW_COMMAND_COUNT || runs[command] == NULL) {
		return "no such command";
	}
	switch (vtw_command_infos[command].rule) {
	case VTW_ON_CONTEXT:
		return d->ring != NULL || d->indirect ? "belongs on the context's stream" : NULL;
	case VTW_ON_RING:
		return d->ring == NULL ? "belongs on a ring" : NULL;
	case VTW_ON_ANY:
		break;
	}
	return NULL;
}

/* Checks a command that is not in plain_runs. Returns: its function, or NULL if it must not run now. */
static void (*special(struct vtr_dispatch *d, uint32_t command))(struct vtr_dispatch *d)
{
	const char *why = refuse(d, command);

	if (why != NULL) {
		vtr_cs_fail_value(&d->r, why, command);
		return NULL;
	}
	if (d->borrowed && vtw_command_infos[command].may_block) {
		d->postponed = true;
		return NULL;
	}
	return runs[command];
}

/* Runs one command. Returns: whether to continue with the next. */
static inline bool run_one(struct vtr_dispatch *d)
{
	const uint8_t *p = vtr_cs_take(&d->r, 8);
	const uint32_t command = vtr_cs_ld32(p);
	void (*run)(struct vtr_dispatch *) = command < VTW_COMMAND_COUNT ? plain_runs[command] : NULL;

	if (__builtin_expect(d->r.status != 0, 0)) {
		return false;
	}
	vtr_retire_step(&d->venus->retire, &d->stream);
	__atomic_store_n(&d->command, command, __ATOMIC_RELAXED);
	d->flags = vtr_cs_ld32(p + 4);
	if (__builtin_expect(run == NULL, 0)) {
		run = special(d, command);
		if (run == NULL) {
			return false;
		}
	}
	run(d);
	vtr_arena_reset(&d->arena);
	if (__builtin_expect(d->r.status != 0, 0)) {
		d->r.failed = NULL;
		d->r.status &= ~(uint32_t)VTR_CS_FAILED;
		return d->r.status == 0;
	}
	return true;
}

static enum vtr_err died(struct vtr_dispatch *d)
{
	const char *name = d->command < VTW_COMMAND_COUNT ? vtw_command_infos[d->command].name : NULL;
	const char *why = (d->r.status & VTR_CS_SHORT) != 0 ? "the command is cut off" : d->r.why;

	vtr_venus_fail(d->venus, name != NULL ? name : "command stream", why, d->r.value);
	return VTR_ERR_PROTOCOL;
}

static enum vtr_err run_all(struct vtr_dispatch *d, const uint8_t *data,
                            void (*progress)(struct vtr_dispatch *d, size_t done), size_t *done)
{
	while (d->r.cur < d->r.end) {
		if (!run_one(d)) {
			return d->postponed ? VTR_OK : died(d);
		}
		*done = (size_t)(d->r.cur - data);
		if (progress != NULL) {
			progress(d, *done);
		}
		if (vtr_venus_is_dead(d->venus)) {
			return VTR_ERR_PROTOCOL;
		}
	}
	return VTR_OK;
}

enum vtr_err vtr_dispatch_run(struct vtr_dispatch *d, uint8_t *data, size_t size,
                              void (*progress)(struct vtr_dispatch *d, size_t done), size_t *out_done)
{
	size_t done = 0;
	enum vtr_err err;

	vtr_cs_reader_init(&d->r, data, size, &d->venus->objects.map, &d->arena);
	d->postponed = false;
	vtr_retire_begin(&d->venus->retire, &d->stream);
	err = run_all(d, data, progress, &done);
	vtr_retire_end(&d->stream);
	if (err == VTR_OK && out_done != NULL) {
		*out_done = done;
	}
	return err;
}

/* Runs the commands that begin in the scratch buffer's `size` bytes, which are a copy of those at `data`. *out_done
 * is the end of the last command. It may lie behind the copy: the reader then has copied the rest into the arena. */
static enum vtr_err run_scratch(struct vtr_dispatch *d, const uint8_t *data, size_t size,
                                const uint8_t *data_end, size_t *out_done)
{
	uint8_t *base = d->scratch[VTR_SCRATCH_INDIRECT];
	const uintptr_t next = (uintptr_t)data + size;

	vtr_cs_reader_init(&d->r, base, size, &d->venus->objects.map, &d->arena);
	vtr_cs_reader_continue(&d->r, data + size, data_end);
	while (d->r.cur < d->r.end && d->r.end == base + size) {
		/* The guest has just written the stream, in another processor's cache. The copy of the next piece would
		 * wait for each line; now commands run meanwhile. The address may lie behind the stream: it is a hint.
		 */
		__builtin_prefetch((const void *)(next + (uintptr_t)(d->r.cur - base)));
		if (!run_one(d)) {
			return died(d);
		}
	}
	*out_done = (size_t)(data_end - data) - vtr_cs_left(&d->r);
	return vtr_venus_is_dead(d->venus) ? VTR_ERR_PROTOCOL : VTR_OK;
}

enum vtr_err vtr_dispatch_run_shared(struct vtr_dispatch *d, const uint8_t *data, size_t size)
{
	size_t done = 0;

	for (size_t at = 0; at < size; at += done) {
		const size_t n = vtr_min(SCRATCH_SIZE, size - at);
		uint8_t *scratch = vtr_dispatch_scratch(d, VTR_SCRATCH_INDIRECT, n);
		enum vtr_err err;

		if (scratch == NULL) {
			vtr_venus_fail(d->venus, "command stream",
			               "there is no room for it in the context's budget (-o max-memory)", n);
			return VTR_ERR_PROTOCOL;
		}
		memcpy(scratch, data + at, n);
		err = run_scratch(d, data + at, n, data + size, &done);
		if (err != VTR_OK) {
			return err;
		}
	}
	return VTR_OK;
}

/* --- pNext chains --------------------------------------------------------------------------------- */

/* All structs of vk_gen.h begin like this. */
struct chained {
	VkStructureType type;
	struct chained *next;
};

void *vtr_chain_find(const void *head, VkStructureType type)
{
	for (struct chained *c = ((const struct chained *)head)->next; c != NULL; c = c->next) {
		if (c->type == type) {
			return c;
		}
	}
	return NULL;
}

void *vtr_chain_unlink(void *head, VkStructureType type)
{
	for (struct chained *prev = head; prev->next != NULL; prev = prev->next) {
		struct chained *c = prev->next;

		if (c->type == type) {
			prev->next = c->next;
			return c;
		}
	}
	return NULL;
}

void vtr_chain_push(void *head, void *item)
{
	((struct chained *)item)->next = ((struct chained *)head)->next;
	((struct chained *)head)->next = item;
}
