/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "agent/session.h"
#include "base/little_endian.h"
#include "base/mem.h"

#define STUCK_NS (VTR_AGENT_STUCK_MS * INT64_C(1000000))

/* --- formats and selections -------------------------------------------------------------------------- */

static const struct {
	enum vtr_agent_format format;
	uint32_t number; /* enum vtr_vdagent_format */
} formats[] = {
	{ VTR_AGENT_TEXT, VTR_VDAGENT_FORMAT_TEXT },
	{ VTR_AGENT_PNG, VTR_VDAGENT_FORMAT_PNG },
};

/* Returns: 0 if the number is unknown here. */
static uint32_t format_of(uint32_t number)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(formats); i++) {
		if (formats[i].number == number) {
			return formats[i].format;
		}
	}
	return 0;
}

static uint32_t number_of(enum vtr_agent_format format)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(formats); i++) {
		if (formats[i].format == format) {
			return formats[i].number;
		}
	}
	return VTR_VDAGENT_FORMAT_NONE;
}

static bool has_selections(const struct vtr_agent *agent)
{
	return vtr_agent_can(agent, VTR_VDAGENT_CAP_SELECTION);
}

/* Begins a message about a selection. */
static void begin(struct vtr_agent *agent, enum vtr_vdagent_type type, enum vtr_agent_selection selection,
                  struct vtr_blob *body)
{
	vtr_vdagent_writer_begin(&agent->writer, type, body);
	if (has_selections(agent)) {
		vtr_vdagent_writer_add32(&agent->writer, selection);
	}
}

static struct vtr_agent_clipboard *clipboard_of(struct vtr_agent *agent, enum vtr_agent_selection selection)
{
	return &agent->clipboards[selection];
}

static bool can_use(const struct vtr_agent *agent, enum vtr_agent_selection selection)
{
	return vtr_agent_can(agent, VTR_VDAGENT_CAP_BY_DEMAND) &&
	       (selection == VTR_AGENT_CLIPBOARD || has_selections(agent));
}

/* --- our requests ------------------------------------------------------------------------------------ */

/* Removes the oldest request. */
static struct vtr_agent_asking pop_asking(struct vtr_agent_clipboard *clipboard)
{
	const struct vtr_agent_asking first = clipboard->asking[0];

	clipboard->asking_count--;
	memmove(clipboard->asking, clipboard->asking + 1, clipboard->asking_count * sizeof(first));
	return first;
}

/* Adds a request. Returns: whether there was room. */
static bool ask(struct vtr_agent_clipboard *clipboard, const struct vtr_agent_asking *asking)
{
	if (clipboard->asking_count == VTR_AGENT_MAX_ASKING) {
		return false;
	}
	clipboard->asking[clipboard->asking_count++] = *asking;
	return true;
}

/* Returns: whether the sight of a newer offer is awaited. */
static bool awaits_sight(const struct vtr_agent_clipboard *clipboard)
{
	for (size_t i = 0; i < clipboard->asking_count; i++) {
		if (clipboard->asking[i].kind == VTR_AGENT_ASKS_SIGHT) {
			return true;
		}
	}
	return false;
}

/* Ends a request, which was removed, without contents. */
static void fail(struct vtr_agent *agent, enum vtr_agent_selection selection,
                 const struct vtr_agent_asking *asking, enum vtr_agent_answer why)
{
	if (asking->kind == VTR_AGENT_ASKS_CONTENTS) {
		agent->events->answered(agent->data, selection, why, asking->format, NULL);
	} else if (asking->kind == VTR_AGENT_ASKS_SIGHT && !awaits_sight(clipboard_of(agent, selection))) {
		agent->events->confirmed(agent->data, selection);
	}
}

/* The contents that we asked for are not those of the guest any more. Their answers still come. */
static void give_up_contents(struct vtr_agent *agent, enum vtr_agent_selection selection)
{
	struct vtr_agent_clipboard *clipboard = clipboard_of(agent, selection);

	for (size_t i = 0; i < clipboard->asking_count; i++) {
		struct vtr_agent_asking *asking = &clipboard->asking[i];
		if (asking->kind == VTR_AGENT_ASKS_CONTENTS) {
			asking->kind = VTR_AGENT_ASKS_NOTHING;
			agent->events->answered(agent->data, selection, VTR_AGENT_EMPTY, asking->format,
			                        NULL);
		}
	}
}

static void fail_all(struct vtr_agent *agent, enum vtr_agent_selection selection, enum vtr_agent_answer why)
{
	struct vtr_agent_clipboard *clipboard = clipboard_of(agent, selection);

	for (size_t left = clipboard->asking_count; left > 0 && clipboard->asking_count > 0; left--) {
		const struct vtr_agent_asking asking = pop_asking(clipboard);
		fail(agent, selection, &asking, why);
	}
}

uint32_t vtr_agent_formats(const struct vtr_agent *agent, enum vtr_agent_selection selection)
{
	return agent->clipboards[selection].guest_formats;
}

enum vtr_err vtr_agent_request(struct vtr_agent *agent, enum vtr_agent_selection selection,
                               enum vtr_agent_format format, int64_t now_ns)
{
	struct vtr_agent_clipboard *clipboard = clipboard_of(agent, selection);
	const struct vtr_agent_asking asking = {
		.kind = VTR_AGENT_ASKS_CONTENTS,
		.format = format,
		.since_ns = now_ns,
	};

	if ((clipboard->guest_formats & format) == 0) {
		return VTR_ERR_GONE;
	}
	for (size_t i = 0; i < clipboard->asking_count; i++) {
		if (clipboard->asking[i].kind == VTR_AGENT_ASKS_CONTENTS) {
			return clipboard->asking[i].format == format ? VTR_OK : VTR_ERR_AGAIN;
		}
	}
	return ask(clipboard, &asking) ? VTR_OK : VTR_ERR_AGAIN;
}

enum vtr_err vtr_agent_offer(struct vtr_agent *agent, enum vtr_agent_selection selection,
                             enum vtr_agent_format format, struct vtr_blob *contents, bool confirms,
                             int64_t now_ns)
{
	struct vtr_agent_clipboard *clipboard = clipboard_of(agent, selection);
	const struct vtr_agent_asking sight = {
		.kind = VTR_AGENT_ASKS_SIGHT,
		.format = format,
		.since_ns = now_ns,
	};

	if (!can_use(agent, selection)) {
		return VTR_ERR_GONE;
	}
	vtr_blob_unref(clipboard->contents);
	clipboard->contents = contents;
	clipboard->format = format;
	clipboard->grab_due = true;
	if (clipboard->guest_formats != 0) {
		clipboard->guest_formats = 0;
		agent->events->offered(agent->data, selection, 0);
	}
	give_up_contents(agent, selection);
	if (confirms && !ask(clipboard, &sight)) {
		agent->events->confirmed(agent->data, selection);
	}
	return VTR_OK;
}

/* --- from the agent ---------------------------------------------------------------------------------- */

static void take_grab(struct vtr_agent *agent, enum vtr_agent_selection selection, const uint8_t *bytes,
                      size_t size)
{
	struct vtr_agent_clipboard *clipboard = clipboard_of(agent, selection);

	clipboard->guest_formats = 0;
	for (; size >= 4; size -= 4, bytes += 4) {
		clipboard->guest_formats |= format_of(vtr_get_le32(bytes));
	}
	/* The guest's contents replace ours. */
	vtr_blob_unref(clipboard->contents);
	clipboard->contents = NULL;
	clipboard->grab_due = false;
	agent->events->offered(agent->data, selection, clipboard->guest_formats);
}

static void take_release(struct vtr_agent *agent, enum vtr_agent_selection selection)
{
	struct vtr_agent_clipboard *clipboard = clipboard_of(agent, selection);

	if (clipboard->guest_formats != 0) {
		clipboard->guest_formats = 0;
		agent->events->offered(agent->data, selection, 0);
	}
}

static void take_request(struct vtr_agent_clipboard *clipboard, const uint8_t *bytes, size_t size)
{
	if (size >= 4 && clipboard->asked_count < VTR_AGENT_MAX_ASKED) {
		clipboard->asked[clipboard->asked_count++] = vtr_get_le32(bytes);
	}
}

/* The contents come without the numbers in front of them. Returns: NULL if memory is short. */
static struct vtr_blob *cut_front(const struct vtr_blob *body, size_t front)
{
	struct vtr_blob *contents;

	if (vtr_blob_create(body->filled - front, &contents) != VTR_OK) {
		return NULL;
	}
	if (vtr_blob_add(contents, body->bytes + front, body->filled - front) != VTR_OK) {
		vtr_blob_unref(contents);
		return NULL;
	}
	return contents;
}

/* An answer; `front` is where its format is. */
static void take_contents(struct vtr_agent *agent, enum vtr_agent_selection selection,
                          const struct vtr_blob *body, size_t front)
{
	struct vtr_agent_clipboard *clipboard = clipboard_of(agent, selection);

	if (clipboard->asking_count == 0 || !clipboard->asking[0].sent || body->filled < front + 4) {
		return; /* unasked */
	}
	const struct vtr_agent_asking asking = pop_asking(clipboard);
	const uint32_t number = vtr_get_le32(body->bytes + front);
	if (asking.kind != VTR_AGENT_ASKS_CONTENTS || number != number_of(asking.format)) {
		fail(agent, selection, &asking, VTR_AGENT_EMPTY);
		return;
	}
	struct vtr_blob *contents = cut_front(body, front + 4);
	agent->events->answered(agent->data, selection, contents ? VTR_AGENT_ANSWERED : VTR_AGENT_TOO_LARGE,
	                        asking.format, contents);
	vtr_blob_unref(contents);
}

/* It was dropped, and with it the selection that it belongs to. */
static void take_oversize(struct vtr_agent *agent)
{
	for (int i = 0; i < VTR_AGENT_SELECTIONS; i++) {
		struct vtr_agent_clipboard *clipboard = &agent->clipboards[i];
		if (clipboard->asking_count > 0 && clipboard->asking[0].sent &&
		    clipboard->asking[0].kind == VTR_AGENT_ASKS_CONTENTS) {
			const struct vtr_agent_asking asking = pop_asking(clipboard);
			fail(agent, (enum vtr_agent_selection)i, &asking, VTR_AGENT_TOO_LARGE);
			return;
		}
	}
}

void vtr_agent_clipboard_take(struct vtr_agent *agent, const struct vtr_vdagent_message *message)
{
	const struct vtr_blob *body = message->body;
	const size_t front = has_selections(agent) ? VTR_VDAGENT_SELECTION_SIZE : 0;
	enum vtr_agent_selection selection = VTR_AGENT_CLIPBOARD;

	if (!body) {
		if (message->type == VTR_VDAGENT_CLIPBOARD) {
			take_oversize(agent);
		}
		return;
	}
	if (body->filled < front || !vtr_agent_can(agent, VTR_VDAGENT_CAP_BY_DEMAND)) {
		return;
	}
	if (front > 0) {
		if (body->bytes[0] >= VTR_AGENT_SELECTIONS) {
			return; /* X11's secondary selection, which programs do not use */
		}
		selection = (enum vtr_agent_selection)body->bytes[0];
	}
	const uint8_t *rest = body->filled > front ? body->bytes + front : NULL;
	const size_t size = body->filled - front;
	switch (message->type) {
	case VTR_VDAGENT_CLIPBOARD_GRAB:
		take_grab(agent, selection, rest, size);
		break;
	case VTR_VDAGENT_CLIPBOARD_RELEASE:
		take_release(agent, selection);
		break;
	case VTR_VDAGENT_CLIPBOARD_REQUEST:
		take_request(clipboard_of(agent, selection), rest, size);
		break;
	default:
		take_contents(agent, selection, body, front);
		break;
	}
}

/* --- to the agent ------------------------------------------------------------------------------------ */

static void write_grab(struct vtr_agent *agent, enum vtr_agent_selection selection)
{
	struct vtr_agent_clipboard *clipboard = clipboard_of(agent, selection);

	clipboard->grab_due = false;
	begin(agent, VTR_VDAGENT_CLIPBOARD_GRAB, selection, NULL);
	vtr_vdagent_writer_add32(&agent->writer, number_of(clipboard->format));
}

/* Returns: whether a request was due. */
static bool write_asking(struct vtr_agent *agent, enum vtr_agent_selection selection)
{
	struct vtr_agent_clipboard *clipboard = clipboard_of(agent, selection);

	for (size_t i = 0; i < clipboard->asking_count; i++) {
		struct vtr_agent_asking *asking = &clipboard->asking[i];
		if (!asking->sent) {
			asking->sent = true;
			begin(agent, VTR_VDAGENT_CLIPBOARD_REQUEST, selection, NULL);
			vtr_vdagent_writer_add32(&agent->writer, number_of(asking->format));
			return true;
		}
	}
	return false;
}

/* Answers the guest's oldest request. */
static void write_contents(struct vtr_agent *agent, enum vtr_agent_selection selection)
{
	struct vtr_agent_clipboard *clipboard = clipboard_of(agent, selection);
	const uint32_t number = clipboard->asked[0];
	const bool has = clipboard->contents && number == number_of(clipboard->format);

	clipboard->asked_count--;
	memmove(clipboard->asked, clipboard->asked + 1, clipboard->asked_count * sizeof(clipboard->asked[0]));
	begin(agent, VTR_VDAGENT_CLIPBOARD, selection, has ? vtr_blob_ref(clipboard->contents) : NULL);
	vtr_vdagent_writer_add32(&agent->writer, has ? number : VTR_VDAGENT_FORMAT_NONE);
}

bool vtr_agent_clipboard_write(struct vtr_agent *agent)
{
	for (int i = 0; i < VTR_AGENT_SELECTIONS; i++) {
		const enum vtr_agent_selection selection = (enum vtr_agent_selection)i;
		struct vtr_agent_clipboard *clipboard = &agent->clipboards[i];
		if (!can_use(agent, selection)) {
			continue;
		}
		/* In this order: the request for the sight of an offer comes after it. */
		if (clipboard->grab_due) {
			write_grab(agent, selection);
			return true;
		}
		if (write_asking(agent, selection)) {
			return true;
		}
		if (clipboard->asked_count > 0) {
			write_contents(agent, selection);
			return true;
		}
	}
	return false;
}

/* --- time and ends ----------------------------------------------------------------------------------- */

void vtr_agent_clipboard_tick(struct vtr_agent *agent, int64_t now_ns)
{
	for (int i = 0; i < VTR_AGENT_SELECTIONS; i++) {
		struct vtr_agent_clipboard *clipboard = &agent->clipboards[i];
		if (clipboard->asking_count == 0) {
			continue;
		}
		/* A request that has not been sent is not late, nor is a large answer that is arriving. */
		if (!clipboard->asking[0].sent || agent->reader.in_message) {
			clipboard->asking[0].since_ns = now_ns;
		} else if (now_ns - clipboard->asking[0].since_ns > STUCK_NS) {
			fail_all(agent, (enum vtr_agent_selection)i, VTR_AGENT_LATE);
			vtr_agent_set_late(agent);
		}
	}
}

void vtr_agent_clipboard_reset(struct vtr_agent *agent)
{
	for (int i = 0; i < VTR_AGENT_SELECTIONS; i++) {
		const enum vtr_agent_selection selection = (enum vtr_agent_selection)i;
		struct vtr_agent_clipboard *clipboard = &agent->clipboards[i];
		clipboard->asked_count = 0;
		clipboard->grab_due = clipboard->contents != NULL;
		fail_all(agent, selection, VTR_AGENT_EMPTY);
		take_release(agent, selection);
	}
}

void vtr_agent_clipboard_finish(struct vtr_agent *agent)
{
	for (int i = 0; i < VTR_AGENT_SELECTIONS; i++) {
		vtr_blob_unref(agent->clipboards[i].contents);
	}
}
