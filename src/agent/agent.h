/* SPDX-License-Identifier: MIT */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/blob.h"
#include "base/err.h"

/*
 * The host's side of a guest's agent (SPICE's vdagent): clipboards in both directions, and files to the guest. It only
 * turns bytes into events and requests into bytes; the connection is the caller's.
 *
 * The guest may send anything, or nothing at all: what is kept of it is bounded, and what waits for it has a time
 * limit. The contents of clipboards and files are never logged, nor are the names of files.
 *
 * Thread: one.
 */
struct vtr_log;
struct vtr_agent;

/* The most bytes of a clipboard, in either direction: several pictures of a large display as PNG. */
#define VTR_AGENT_MAX_CLIPBOARD (32u << 20)
/* Files that are on their way at the same time: of one person, and of all. Each person has places of their own, which
 * others cannot take. */
#define VTR_AGENT_FILES_EACH 4
#define VTR_AGENT_MAX_FILES (64 * VTR_AGENT_FILES_EACH)
/* How much of a file may wait here. */
#define VTR_AGENT_FILE_WINDOW (256u << 10)
#define VTR_AGENT_MAX_NAME 255
/* Beyond any disk of a guest; sums of sizes cannot overflow. */
#define VTR_AGENT_MAX_FILE (UINT64_C(1) << 50)
/* An agent that has not answered for this long is stuck. */
#define VTR_AGENT_STUCK_MS 10000

enum vtr_agent_state {
	VTR_AGENT_ABSENT, /* not connected */
	VTR_AGENT_SILENT, /* connected, but no agent has spoken yet */
	VTR_AGENT_READY,
	VTR_AGENT_STUCK, /* it does not answer, or does not read */
};

/* What the agent can do; or-ed. */
enum vtr_agent_ability {
	VTR_AGENT_CAN_CLIPBOARD = 1,
	VTR_AGENT_CAN_PRIMARY = 2,
	VTR_AGENT_CAN_FILES = 4,
	VTR_AGENT_HAS_CRLF = 8, /* lines of text end with CR LF there */
};

enum vtr_agent_selection {
	VTR_AGENT_CLIPBOARD,
	VTR_AGENT_PRIMARY, /* what is selected, for the middle button */
	VTR_AGENT_SELECTIONS,
};

/* Or-ed where a selection offers several. */
enum vtr_agent_format {
	VTR_AGENT_TEXT = 1,
	VTR_AGENT_PNG = 2,
};

enum vtr_agent_answer {
	VTR_AGENT_ANSWERED,
	VTR_AGENT_EMPTY, /* the guest has nothing in this format any more */
	VTR_AGENT_TOO_LARGE,
	VTR_AGENT_LATE, /* it did not answer in time */
};

enum vtr_agent_file_state {
	VTR_AGENT_FILE_GOING, /* value: up to here, bytes may be given */
	VTR_AGENT_FILE_DONE,
	VTR_AGENT_FILE_CANCELLED, /* in the guest */
	VTR_AGENT_FILE_FAILED,
	VTR_AGENT_FILE_NO_SPACE, /* value: the bytes that are free, 0: not known */
	VTR_AGENT_FILE_LOCKED, /* the guest's session is locked */
	VTR_AGENT_FILE_NO_SESSION, /* no user is logged in at the guest */
	VTR_AGENT_FILE_DISABLED,
	VTR_AGENT_FILE_LOST, /* the agent ended or was started anew */
};

/* Called from the functions below. They may call those again, except for vtr_agent_destroy(). */
struct vtr_agent_events {
	/* The state or the abilities have changed. */
	void (*changed)(void *data);
	/* The guest offers these formats; 0: none any more. */
	void (*offered)(void *data, enum vtr_agent_selection selection, uint32_t formats);
	/* The answer to vtr_agent_request(). `contents` is borrowed; NULL unless ANSWERED. */
	void (*answered)(void *data, enum vtr_agent_selection selection, enum vtr_agent_answer answer,
	                 enum vtr_agent_format format, struct vtr_blob *contents);
	/* The agent has seen what vtr_agent_offer() offers. */
	void (*confirmed)(void *data, enum vtr_agent_selection selection);
	/* After all states but GOING the id is not used any more. */
	void (*file)(void *data, uint32_t id, enum vtr_agent_file_state state, uint64_t value);
};

/* Owner: *out_agent is the caller's. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_agent_create(struct vtr_log *log, const struct vtr_agent_events *events,
                                             void *data, struct vtr_agent **out_agent);

/* Accepts NULL. */
void vtr_agent_destroy(struct vtr_agent *agent);

/* --- the connection --- */

void vtr_agent_connect(struct vtr_agent *agent, int64_t now_ns);

/* What waited for the agent fails. */
void vtr_agent_disconnect(struct vtr_agent *agent);

/* Takes bytes of the agent. Returns: VTR_ERR_PROTOCOL (the connection is to be closed). */
VTR_MUST_CHECK enum vtr_err vtr_agent_receive(struct vtr_agent *agent, const uint8_t *bytes, size_t size,
                                              int64_t now_ns);

/* Writes the next bytes for the agent; `room` is at least 4 KiB. Returns: their number; 0: none are due. */
size_t vtr_agent_write(struct vtr_agent *agent, uint8_t *out, size_t room, int64_t now_ns);

/* Bytes that were written have left this process. */
void vtr_agent_note_progress(struct vtr_agent *agent, int64_t now_ns);

/* Looks for what is late; `blocked`: written bytes have not left this process. Call it a few times each second.
 * Returns: VTR_ERR_PROTOCOL (the connection is to be closed). */
VTR_MUST_CHECK enum vtr_err vtr_agent_tick(struct vtr_agent *agent, bool blocked, int64_t now_ns);

/* --- requests; the caller then calls vtr_agent_write() --- */

enum vtr_agent_state vtr_agent_state(const struct vtr_agent *agent);
/* enum vtr_agent_ability, or-ed. */
uint32_t vtr_agent_abilities(const struct vtr_agent *agent);
/* enum vtr_agent_format, or-ed: what the guest offers. */
uint32_t vtr_agent_formats(const struct vtr_agent *agent, enum vtr_agent_selection selection);

/**
 * Offers contents to the guest, which gets them when it asks. `confirms`: report when the agent has seen the offer.
 *
 * Owner:   `contents` is consumed on success; it is complete.
 * Returns: VTR_ERR_GONE (the agent is missing or does not take it).
 */
VTR_MUST_CHECK enum vtr_err vtr_agent_offer(struct vtr_agent *agent, enum vtr_agent_selection selection,
                                            enum vtr_agent_format format, struct vtr_blob *contents,
                                            bool confirms, int64_t now_ns);

/* Asks for what the guest offers; a request that is the same as one that waits is part of that one.
 * Returns: VTR_ERR_GONE (the guest does not offer it), VTR_ERR_AGAIN (another request waits). */
VTR_MUST_CHECK enum vtr_err vtr_agent_request(struct vtr_agent *agent, enum vtr_agent_selection selection,
                                              enum vtr_agent_format format, int64_t now_ns);

/* Begins a file. `name` has no NUL.
 * Returns: VTR_ERR_INVALID (the name or the size), VTR_ERR_GONE (the agent takes no files), VTR_ERR_LIMIT (too many
 *          files), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_agent_file_start(struct vtr_agent *agent, const char *name, size_t name_size,
                                                 uint64_t size, int64_t now_ns, uint32_t *out_id);

/* Gives the next bytes. Those of a file that has ended are dropped.
 * Returns: VTR_ERR_PROTOCOL (more bytes than the file has, or than may be given). */
VTR_MUST_CHECK enum vtr_err vtr_agent_file_give(struct vtr_agent *agent, uint32_t id, const void *bytes,
                                                size_t size);

/* Ends a file before its end, without an event. Does nothing if it has ended. */
void vtr_agent_file_cancel(struct vtr_agent *agent, uint32_t id);

#endif
