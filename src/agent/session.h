/* SPDX-License-Identifier: MIT */
#ifndef AGENT_SESSION_H
#define AGENT_SESSION_H

#include "agent/agent.h"
#include "agent/reader.h"
#include "agent/writer.h"

/* What the files of agent/ share. Thread: that of struct vtr_agent. */

/* The guest's requests that wait for an answer; more of them are answered with nothing. */
#define VTR_AGENT_MAX_ASKED 16
/* Our requests that wait for an answer. */
#define VTR_AGENT_MAX_ASKING 4

/* A request of ours, which the agent answers in order. */
struct vtr_agent_asking {
	enum {
		VTR_AGENT_ASKS_CONTENTS,
		VTR_AGENT_ASKS_NOTHING, /* its answer is of no use any more */
		/* For contents that we offer: the agent refuses it once it has seen the offer. */
		VTR_AGENT_ASKS_SIGHT,
	} kind;
	enum vtr_agent_format format;
	bool sent;
	int64_t since_ns;
};

struct vtr_agent_clipboard {
	uint32_t guest_formats; /* what the guest offers */
	struct vtr_blob *contents; /* what we offer; NULL: nothing */
	enum vtr_agent_format format; /* of the contents */
	bool grab_due;
	uint32_t asked[VTR_AGENT_MAX_ASKED]; /* the guest's requests: enum vtr_vdagent_format */
	size_t asked_count;
	struct vtr_agent_asking asking[VTR_AGENT_MAX_ASKING];
	size_t asking_count;
};

struct vtr_agent_transfer {
	uint32_t id; /* 0: not used */
	enum {
		VTR_AGENT_TRANSFER_NEW, /* START is due */
		VTR_AGENT_TRANSFER_STARTED, /* waits for the guest's consent */
		VTR_AGENT_TRANSFER_OPEN,
		VTR_AGENT_TRANSFER_ENDING, /* all is sent, and the guest has to confirm it */
		VTR_AGENT_TRANSFER_CANCELLED, /* the guest is to be told */
	} state;
	uint64_t size;
	uint64_t given; /* bytes that came from the viewer */
	uint64_t sent;
	int64_t since_ns; /* the guest has to answer */
	size_t name_size;
	char name[VTR_AGENT_MAX_NAME];
	uint8_t *window; /* a ring of VTR_AGENT_FILE_WINDOW bytes: sent to given; NULL until bytes come */
};

struct vtr_agent {
	struct vtr_log *log;
	const struct vtr_agent_events *events;
	void *data;
	struct vtr_vdagent_reader reader;
	struct vtr_vdagent_writer writer;
	bool connected;
	bool known; /* an agent has announced its capabilities */
	bool late; /* it has not answered something */
	bool blocked; /* it does not read */
	bool announce_due;
	bool limit_due;
	uint32_t capabilities; /* enum vtr_vdagent_capability */
	int64_t heard_ns;
	int64_t progress_ns;
	struct vtr_agent_clipboard clipboards[VTR_AGENT_SELECTIONS];
	struct vtr_agent_transfer transfers[VTR_AGENT_MAX_FILES];
	enum vtr_agent_state told_state; /* to the listener */
	uint32_t told_abilities;
	size_t turn; /* the transfer that sends next */
	uint32_t last_id;
};

bool vtr_agent_can(const struct vtr_agent *agent, uint32_t capability);

/* It has not answered in time. Tells the listener. */
void vtr_agent_set_late(struct vtr_agent *agent);

/* --- clipboard.c --- */

/* One of the messages of clipboards. */
void vtr_agent_clipboard_take(struct vtr_agent *agent, const struct vtr_vdagent_message *message);
/* Begins a message in the writer. Returns: whether one was due. */
bool vtr_agent_clipboard_write(struct vtr_agent *agent);
void vtr_agent_clipboard_tick(struct vtr_agent *agent, int64_t now_ns);
/* What waited fails; what we offer is offered again. */
void vtr_agent_clipboard_reset(struct vtr_agent *agent);
void vtr_agent_clipboard_finish(struct vtr_agent *agent);

/* --- transfer.c --- */

/* The agent's status of a file. */
void vtr_agent_transfer_take(struct vtr_agent *agent, const struct vtr_vdagent_message *message);
/* Begins a message in the writer. Returns: whether one was due. */
bool vtr_agent_transfer_write(struct vtr_agent *agent, int64_t now_ns);
void vtr_agent_transfer_tick(struct vtr_agent *agent, int64_t now_ns);
/* All files are lost. */
void vtr_agent_transfer_reset(struct vtr_agent *agent);

#endif
