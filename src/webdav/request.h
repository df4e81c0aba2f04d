/* SPDX-License-Identifier: MIT */
#ifndef WEBDAV_REQUEST_H
#define WEBDAV_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "webdav/folder.h"

/*
 * Reads the HTTP requests of one of the guest's clients from its bytes: head, body by length or in chunks. The guest
 * may send anything; a head that is too long or malformed ends the reading.
 *
 * Thread: one.
 */

/* The longest head of a request. The paths of the deepest folders take a third of it when all is percent-encoded. */
#define VTR_DAV_MAX_HEAD 32768
/* The longest path, decoded: that of the deepest node. */
#define VTR_DAV_MAX_PATH ((VTR_DAV_MAX_DEPTH + 1) * (VTR_DAV_MAX_NAME + 1))

enum vtr_dav_method {
	VTR_DAV_OPTIONS,
	VTR_DAV_GET,
	VTR_DAV_HEAD,
	VTR_DAV_PUT,
	VTR_DAV_DELETE,
	VTR_DAV_MKCOL,
	VTR_DAV_COPY,
	VTR_DAV_MOVE,
	VTR_DAV_PROPFIND,
	VTR_DAV_PROPPATCH,
	VTR_DAV_LOCK,
	VTR_DAV_UNLOCK,
	VTR_DAV_UNKNOWN_METHOD,
};

/* The headers that are used. Each is "" if it is not there; of several of a name the last one counts. */
enum vtr_dav_header {
	VTR_DAV_CONNECTION,
	VTR_DAV_CONTENT_LENGTH,
	VTR_DAV_CONTENT_RANGE,
	VTR_DAV_DEPTH,
	VTR_DAV_DESTINATION,
	VTR_DAV_EXPECT,
	VTR_DAV_HOST,
	VTR_DAV_IF,
	VTR_DAV_IF_MATCH,
	VTR_DAV_IF_NONE_MATCH,
	VTR_DAV_IF_RANGE,
	VTR_DAV_LOCK_TOKEN,
	VTR_DAV_OVERWRITE,
	VTR_DAV_RANGE,
	VTR_DAV_TIMEOUT,
	VTR_DAV_TRANSFER_ENCODING,
	VTR_DAV_HEADER_COUNT,
};

enum vtr_dav_part {
	VTR_DAV_PART_HEAD, /* complete: the fields below are set */
	VTR_DAV_PART_BODY, /* some bytes of the body */
	VTR_DAV_PART_END, /* of the request, whose fields are valid until vtr_dav_request_finish(), which is next */
};

struct vtr_dav_request {
	/* Of the current request, from VTR_DAV_PART_HEAD on. */
	enum vtr_dav_method method;
	const char *target; /* the path as the client wrote it */
	const char *headers[VTR_DAV_HEADER_COUNT];
	bool has_length;
	uint64_t length; /* of the body, if it is known */
	bool from_page; /* a page in a browser has sent it */
	/* The reader's state. */
	int state;
	char *head; /* what has come of it, later the strings above; NULL: nothing */
	size_t head_size;
	uint64_t left; /* bytes of the body, or of the current chunk */
	size_t line; /* characters of the current line between chunks */
	size_t between; /* characters of all these lines */
};

/* Frees what it has read. The next request begins, as the first one does with zeros. */
void vtr_dav_request_finish(struct vtr_dav_request *request);

/* Returns: whether a request is incomplete. */
bool vtr_dav_request_is_inside(const struct vtr_dav_request *request);

/* Takes bytes up to the end of a part; advances *bytes and *size. Of a body, out_bytes is set, which are the caller's.
 * Returns: VTR_OK (*out_part is set), VTR_ERR_AGAIN (all were taken), VTR_ERR_PROTOCOL (nothing more can be read),
 * VTR_ERR_LIMIT (the same: the head is too long), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_dav_request_take(struct vtr_dav_request *request, const uint8_t **bytes,
                                                 size_t *size, enum vtr_dav_part *out_part,
                                                 const uint8_t **out_bytes, size_t *out_size);

/* Returns: whether bytes look like the begin of a request: a method in capital letters. */
bool vtr_dav_request_begins(const uint8_t *bytes, size_t size);

/* Returns: whether the host of a header Host, or of a URL, is local: no host, an address, a name without dots, or one
 * of .localhost or .local. All other names are of the DNS, whose owners can let them lead to the guest's own addresses:
 * then pages in the guest's browser could use the folder. */
bool vtr_dav_host_is_local(const char *host);
bool vtr_dav_url_is_local(const char *url);

/* Decodes a target, or the URL of a Destination, into a path without its first "/", with room for VTR_DAV_MAX_PATH + 1
 * bytes. Names in it are separated by one "/" each.
 * Returns: VTR_ERR_INVALID (a name in it is not valid), VTR_ERR_LIMIT (too long). */
VTR_MUST_CHECK enum vtr_err vtr_dav_decode_path(const char *url, char *out_path);

#endif
