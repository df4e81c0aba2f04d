/* SPDX-License-Identifier: MIT */
#ifndef WEBDAV_SERVER_H
#define WEBDAV_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "webdav/folder.h"

/*
 * A WebDAV server (RFC 4918, classes 1 and 2) for the programs of a guest, which reach it through the port of
 * spice-webdavd. It only turns bytes into bytes and changes of the folder; the connection is the caller's.
 *
 * The guest may send anything, or stop reading: each of its clients has one request and one answer at a time, and what
 * is kept of them is bounded. Names and contents are never logged.
 *
 * Thread: one.
 */
struct vtr_dav;

/* Connections of the guest's clients at the same time. One more ends the one that was silent for the longest time. */
#define VTR_DAV_MAX_CLIENTS 64
/* An upload that is silent for so long is dropped: not every end of a client is announced. */
#define VTR_DAV_SILENCE_S 600
/* All answers that are not files, together. */
#define VTR_DAV_MAX_ANSWERS (16u << 20)

/* The folder is borrowed and outlives the server; its `removes` becomes the server's. `seed` differs at each start.
 * Owner: *out_dav is the caller's. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_dav_create(struct vtr_dav_folder *folder, uint64_t seed,
                                           struct vtr_dav **out_dav);

/* Accepts NULL. */
void vtr_dav_destroy(struct vtr_dav *dav);

/* Forgets all clients, with what they had begun: the port is connected anew, or not any more. */
void vtr_dav_reset(struct vtr_dav *dav);

/* Takes the next bytes of the port, at most those of one frame, so that the caller can do something else in between;
 * advances *bytes and *size. Returns: VTR_ERR_PROTOCOL (these are not frames with HTTP requests: connect anew). */
VTR_MUST_CHECK enum vtr_err vtr_dav_receive(struct vtr_dav *dav, const uint8_t **bytes, size_t *size,
                                            int64_t now_ns);

/* Writes what is due to the port. If a request waited for the end of an answer, it is carried out, too, and the rest
 * comes with the next call. Returns: how many bytes, at most `room`; 0: nothing is due. */
size_t vtr_dav_write(struct vtr_dav *dav, uint8_t *out, size_t room, int64_t now_ns);

/* Drops uploads that are silent. Call it now and then. */
void vtr_dav_tick(struct vtr_dav *dav, int64_t now_ns);

#endif
