/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "agent"
#include "agent/agent.h"

#include <stdlib.h>

#include "agent/session.h"
#include "base/little_endian.h"
#include "base/log.h"
#include "base/mem.h"

#define STUCK_NS (VTR_AGENT_STUCK_MS * INT64_C(1000000))

/* In front of the contents of a clipboard: selection and format. */
#define CLIPBOARD_FRONT 8

/* What is announced to the agent. */
static const uint32_t our_capabilities = VTR_VDAGENT_CAP_REPLY | VTR_VDAGENT_CAP_BY_DEMAND |
                                         VTR_VDAGENT_CAP_SELECTION | VTR_VDAGENT_CAP_DETAILED_ERRORS |
                                         VTR_VDAGENT_CAP_NO_RELEASE_ON_REGRAB;

enum vtr_err vtr_agent_create(struct vtr_log *log, const struct vtr_agent_events *events, void *data,
                              struct vtr_agent **out_agent)
{
	struct vtr_agent *agent = calloc(1, sizeof(*agent));

	if (!agent) {
		return VTR_ERR_NOMEM;
	}
	agent->log = log;
	agent->events = events;
	agent->data = data;
	vtr_vdagent_reader_init(&agent->reader, VTR_AGENT_MAX_CLIPBOARD + CLIPBOARD_FRONT);
	*out_agent = agent;
	return VTR_OK;
}

void vtr_agent_destroy(struct vtr_agent *agent)
{
	if (!agent) {
		return;
	}
	vtr_agent_clipboard_finish(agent);
	for (size_t i = 0; i < VTR_AGENT_MAX_FILES; i++) {
		free(agent->transfers[i].window);
	}
	vtr_vdagent_reader_finish(&agent->reader);
	vtr_vdagent_writer_reset(&agent->writer);
	free(agent);
}

/* --- state ------------------------------------------------------------------------------------------- */

bool vtr_agent_can(const struct vtr_agent *agent, uint32_t capability)
{
	return agent->known && (agent->capabilities & capability) != 0;
}

enum vtr_agent_state vtr_agent_state(const struct vtr_agent *agent)
{
	if (!agent->connected) {
		return VTR_AGENT_ABSENT;
	}
	if (!agent->known) {
		return VTR_AGENT_SILENT;
	}
	return agent->late || agent->blocked ? VTR_AGENT_STUCK : VTR_AGENT_READY;
}

uint32_t vtr_agent_abilities(const struct vtr_agent *agent)
{
	uint32_t abilities = 0;

	if (!agent->known) {
		return 0;
	}
	if (vtr_agent_can(agent, VTR_VDAGENT_CAP_BY_DEMAND)) {
		abilities |= VTR_AGENT_CAN_CLIPBOARD;
		abilities |= vtr_agent_can(agent, VTR_VDAGENT_CAP_SELECTION) ? VTR_AGENT_CAN_PRIMARY : 0;
	}
	if (!vtr_agent_can(agent, VTR_VDAGENT_CAP_FILES_DISABLED)) {
		abilities |= VTR_AGENT_CAN_FILES;
	}
	return abilities | (vtr_agent_can(agent, VTR_VDAGENT_CAP_CRLF) ? VTR_AGENT_HAS_CRLF : 0);
}

static void tell_changes(struct vtr_agent *agent)
{
	static const char *const names[] = { "is not connected", "has not spoken yet", "is ready",
		                             "does not answer" };
	const enum vtr_agent_state state = vtr_agent_state(agent);
	const uint32_t abilities = vtr_agent_abilities(agent);

	if (state == agent->told_state && abilities == agent->told_abilities) {
		return;
	}
	if (state != agent->told_state) {
		vtr_info_limited(agent->log, "the guest's agent %s", names[state]);
	}
	agent->told_state = state;
	agent->told_abilities = abilities;
	agent->events->changed(agent->data);
}

void vtr_agent_set_late(struct vtr_agent *agent)
{
	agent->late = true;
	tell_changes(agent);
}

/* Forgets the agent. What we offer is offered to the next one. */
static void reset(struct vtr_agent *agent)
{
	vtr_vdagent_writer_reset(&agent->writer);
	agent->late = false;
	agent->blocked = false;
	agent->limit_due = false;
	vtr_agent_clipboard_reset(agent);
	vtr_agent_transfer_reset(agent);
}

void vtr_agent_connect(struct vtr_agent *agent, int64_t now_ns)
{
	agent->connected = true;
	agent->announce_due = true;
	agent->heard_ns = now_ns;
	agent->progress_ns = now_ns;
	tell_changes(agent);
}

void vtr_agent_disconnect(struct vtr_agent *agent)
{
	agent->connected = false;
	agent->known = false;
	agent->capabilities = 0;
	agent->announce_due = false;
	vtr_vdagent_reader_reset(&agent->reader);
	reset(agent);
	tell_changes(agent);
}

/* --- from the agent ---------------------------------------------------------------------------------- */

static enum vtr_err take_capabilities(struct vtr_agent *agent, const struct vtr_vdagent_message *message)
{
	const struct vtr_blob *body = message->body;

	if (!body || body->filled < 4) {
		return VTR_ERR_PROTOCOL;
	}
	if (vtr_get_le32(body->bytes) != 0) {
		/* The agent has just started. It would take the rest of a message for the head of one; a new connection
		 * begins with nothing. */
		if (vtr_vdagent_writer_is_inside(&agent->writer)) {
			return VTR_ERR_PROTOCOL;
		}
		reset(agent);
		agent->announce_due = true;
	}
	const uint32_t capabilities = body->filled >= 8 ? vtr_get_le32(body->bytes + 4) : 0;
	if (agent->known && capabilities != agent->capabilities) {
		vtr_agent_clipboard_reset(
			agent); /* what was asked for may never be answered, or in another form */
	}
	agent->known = true;
	agent->capabilities = capabilities;
	agent->limit_due = vtr_agent_can(agent, VTR_VDAGENT_CAP_MAX_CLIPBOARD);
	return VTR_OK;
}

static enum vtr_err take_message(struct vtr_agent *agent, const struct vtr_vdagent_message *message)
{
	agent->late = false;
	switch (message->type) {
	case VTR_VDAGENT_CAPABILITIES:
		return take_capabilities(agent, message);
	case VTR_VDAGENT_CLIPBOARD:
	case VTR_VDAGENT_CLIPBOARD_GRAB:
	case VTR_VDAGENT_CLIPBOARD_REQUEST:
	case VTR_VDAGENT_CLIPBOARD_RELEASE:
		vtr_agent_clipboard_take(agent, message);
		return VTR_OK;
	case VTR_VDAGENT_FILE_STATUS:
		vtr_agent_transfer_take(agent, message);
		return VTR_OK;
	default:
		return VTR_OK; /* for features that are not used here */
	}
}

enum vtr_err vtr_agent_receive(struct vtr_agent *agent, const uint8_t *bytes, size_t size, int64_t now_ns)
{
	struct vtr_vdagent_message message;
	enum vtr_err err;

	agent->heard_ns = now_ns;
	do {
		err = vtr_vdagent_reader_take(&agent->reader, &bytes, &size, &message);
		if (err == VTR_OK) {
			err = take_message(agent, &message);
		}
	} while (err == VTR_OK);
	tell_changes(agent);
	if (err == VTR_ERR_PROTOCOL) {
		vtr_warn_limited(agent->log, "the guest's agent sent something that is not the protocol of "
		                             "vdagent, or has started again: its connection is closed");
	}
	return err == VTR_ERR_AGAIN ? VTR_OK : err;
}

/* --- to the agent ------------------------------------------------------------------------------------ */

static void write_announcement(struct vtr_agent *agent)
{
	struct vtr_vdagent_writer *writer = &agent->writer;

	agent->announce_due = false;
	vtr_vdagent_writer_begin(writer, VTR_VDAGENT_CAPABILITIES, NULL);
	/* An agent takes what follows only of a client that has asked for its capabilities. */
	vtr_vdagent_writer_add32(writer, 1);
	vtr_vdagent_writer_add32(writer, our_capabilities);
}

static void write_limit(struct vtr_agent *agent)
{
	agent->limit_due = false;
	vtr_vdagent_writer_begin(&agent->writer, VTR_VDAGENT_MAX_CLIPBOARD, NULL);
	vtr_vdagent_writer_add32(&agent->writer, VTR_AGENT_MAX_CLIPBOARD);
}

/* Returns: whether a message has begun. */
static bool begin_message(struct vtr_agent *agent, int64_t now_ns)
{
	if (!agent->connected) {
		return false;
	}
	if (agent->announce_due) {
		write_announcement(agent);
		return true;
	}
	if (agent->limit_due) {
		write_limit(agent);
		return true;
	}
	return agent->known && (vtr_agent_clipboard_write(agent) || vtr_agent_transfer_write(agent, now_ns));
}

size_t vtr_agent_write(struct vtr_agent *agent, uint8_t *out, size_t room, int64_t now_ns)
{
	struct vtr_vdagent_writer *writer = &agent->writer;
	size_t size = 0;

	while (vtr_vdagent_writer_has_message(writer) || begin_message(agent, now_ns)) {
		size += vtr_vdagent_writer_take(writer, out + size, room - size);
		if (vtr_vdagent_writer_has_message(writer)) {
			break; /* the next chunk does not fit */
		}
	}
	if (size > 0) {
		agent->progress_ns = now_ns;
	}
	return size;
}

void vtr_agent_note_progress(struct vtr_agent *agent, int64_t now_ns)
{
	agent->progress_ns = now_ns;
	agent->blocked = false;
	tell_changes(agent);
}

enum vtr_err vtr_agent_tick(struct vtr_agent *agent, bool blocked, int64_t now_ns)
{
	if (!agent->connected) {
		return VTR_OK;
	}
	vtr_agent_clipboard_tick(agent, now_ns);
	vtr_agent_transfer_tick(agent, now_ns);
	agent->blocked = agent->known && blocked && now_ns - agent->progress_ns > STUCK_NS;
	tell_changes(agent);
	if (vtr_vdagent_reader_is_inside(&agent->reader) && now_ns - agent->heard_ns > STUCK_NS) {
		vtr_warn_limited(agent->log, "the guest's agent stopped within a message: its connection is "
		                             "closed");
		return VTR_ERR_PROTOCOL;
	}
	return VTR_OK;
}
