/* SPDX-License-Identifier: MIT */
#include "webdav/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* What is between two chunks, and behind the last one. */
#define MAX_BETWEEN 4096
/* Beyond any file; sums cannot overflow. */
#define MAX_LENGTH (UINT64_C(1) << 50)

enum state {
	IN_HEAD,
	HEAD_DONE, /* the body is next */
	IN_BODY,
	IN_CHUNK_SIZE,
	IN_CHUNK_EXTENSION,
	IN_CHUNK,
	AFTER_CHUNK,
	IN_TRAILER,
	AT_END,
};

static const char *const method_names[VTR_DAV_UNKNOWN_METHOD] = {
	[VTR_DAV_OPTIONS] = "OPTIONS",   [VTR_DAV_GET] = "GET",
	[VTR_DAV_HEAD] = "HEAD",         [VTR_DAV_PUT] = "PUT",
	[VTR_DAV_DELETE] = "DELETE",     [VTR_DAV_MKCOL] = "MKCOL",
	[VTR_DAV_COPY] = "COPY",         [VTR_DAV_MOVE] = "MOVE",
	[VTR_DAV_PROPFIND] = "PROPFIND", [VTR_DAV_PROPPATCH] = "PROPPATCH",
	[VTR_DAV_LOCK] = "LOCK",         [VTR_DAV_UNLOCK] = "UNLOCK",
};

static const char *const header_names[VTR_DAV_HEADER_COUNT] = {
	[VTR_DAV_CONNECTION] = "connection",
	[VTR_DAV_CONTENT_LENGTH] = "content-length",
	[VTR_DAV_CONTENT_RANGE] = "content-range",
	[VTR_DAV_DEPTH] = "depth",
	[VTR_DAV_DESTINATION] = "destination",
	[VTR_DAV_EXPECT] = "expect",
	[VTR_DAV_HOST] = "host",
	[VTR_DAV_IF] = "if",
	[VTR_DAV_IF_MATCH] = "if-match",
	[VTR_DAV_IF_NONE_MATCH] = "if-none-match",
	[VTR_DAV_IF_RANGE] = "if-range",
	[VTR_DAV_LOCK_TOKEN] = "lock-token",
	[VTR_DAV_OVERWRITE] = "overwrite",
	[VTR_DAV_RANGE] = "range",
	[VTR_DAV_TIMEOUT] = "timeout",
	[VTR_DAV_TRANSFER_ENCODING] = "transfer-encoding",
};

void vtr_dav_request_finish(struct vtr_dav_request *request)
{
	free(request->head);
	*request = (struct vtr_dav_request){ .state = IN_HEAD };
}

bool vtr_dav_request_is_inside(const struct vtr_dav_request *request)
{
	return request->state != IN_HEAD || request->head_size > 0;
}

bool vtr_dav_request_begins(const uint8_t *bytes, size_t size)
{
	size_t letters = 0;

	while (letters < size && bytes[letters] >= 'A' && bytes[letters] <= 'Z') {
		letters++;
	}
	return letters > 0 && (letters == size || (letters >= 3 && bytes[letters] == ' '));
}

/* --- lines ------------------------------------------------------------------------------------------- */

/* Adds bytes up to and including the next LF. Returns: whether there was one; else all bytes were taken.
 * *out_err: VTR_OK, VTR_ERR_AGAIN, VTR_ERR_LIMIT, VTR_ERR_NOMEM. */
static bool add_line(struct vtr_dav_request *request, const uint8_t **bytes, size_t *size,
                     enum vtr_err *out_err)
{
	const uint8_t *end = *size > 0 ? memchr(*bytes, '\n', *size) : NULL;
	const size_t part = end ? (size_t)(end - *bytes) + 1 : *size;

	if (part > VTR_DAV_MAX_HEAD - request->head_size) {
		*out_err = VTR_ERR_LIMIT;
		return false;
	}
	if (!request->head) {
		request->head = malloc(VTR_DAV_MAX_HEAD + 1);
	}
	if (!request->head) {
		*out_err = VTR_ERR_NOMEM;
		return false;
	}
	if (part > 0) {
		memcpy(request->head + request->head_size, *bytes, part);
	}
	request->head_size += part;
	*bytes += part;
	*size -= part;
	*out_err = end ? VTR_OK : VTR_ERR_AGAIN;
	return end != NULL;
}

/* Ends the line at *at by NUL, without CR LF, and moves to the next one. Returns: the line. */
static char *cut_line(char **at)
{
	char *line = *at;
	char *end = strchr(line, '\n');

	vtr_assert(end != NULL);
	*at = end + 1;
	*end = '\0';
	if (end > line && end[-1] == '\r') {
		end[-1] = '\0';
	}
	return line;
}

/* --- the head ---------------------------------------------------------------------------------------- */

static enum vtr_err parse_first_line(struct vtr_dav_request *request, char *line)
{
	char *target = strchr(line, ' ');
	char *version = target ? strchr(target + 1, ' ') : NULL;

	if (!version || strncmp(version + 1, "HTTP/1.", 7) != 0) {
		return VTR_ERR_PROTOCOL;
	}
	*target++ = '\0';
	*version = '\0';
	request->target = target;
	request->method = VTR_DAV_UNKNOWN_METHOD;
	for (int i = 0; i < VTR_DAV_UNKNOWN_METHOD; i++) {
		if (strcmp(line, method_names[i]) == 0) {
			request->method = (enum vtr_dav_method)i;
		}
	}
	return VTR_OK;
}

static enum vtr_err parse_header(struct vtr_dav_request *request, char *line)
{
	char *value = strchr(line, ':');

	if (!value || value == line || strchr(" \t", line[0]) || strchr(" \t", value[-1])) {
		return VTR_ERR_PROTOCOL;
	}
	*value++ = '\0';
	value += strspn(value, " \t");
	for (size_t size = strlen(value); size > 0 && strchr(" \t", value[size - 1]); size--) {
		value[size - 1] = '\0';
	}
	for (int i = 0; i < VTR_DAV_HEADER_COUNT; i++) {
		if (strcasecmp(line, header_names[i]) == 0) {
			request->headers[i] = value;
		}
	}
	/* Browsers add these for pages, which cannot prevent it. */
	request->from_page |= strcasecmp(line, "origin") == 0 || strncasecmp(line, "sec-fetch-", 10) == 0;
	return VTR_OK;
}

/* Returns: the value of a hexadecimal digit; 16: it is not one. */
static unsigned digit_of(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char lower = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
	const char *found = lower ? strchr(digits, lower) : NULL;

	return found ? (unsigned)(found - digits) : 16;
}

/* Returns: VTR_ERR_PROTOCOL (no decimal number, or too large). */
static enum vtr_err parse_number(const char *text, uint64_t *out_number)
{
	uint64_t number = 0;

	for (const char *at = text; *at; at++) {
		if (digit_of(*at) >= 10 || number > MAX_LENGTH) {
			return VTR_ERR_PROTOCOL;
		}
		number = number * 10 + digit_of(*at);
	}
	*out_number = number;
	return *text ? VTR_OK : VTR_ERR_PROTOCOL;
}

/* Finds out what body there is. */
static enum vtr_err plan_body(struct vtr_dav_request *request)
{
	const char *coding = request->headers[VTR_DAV_TRANSFER_ENCODING];
	const char *length = request->headers[VTR_DAV_CONTENT_LENGTH];

	if (*coding) {
		/* With both, it would not be clear where the body ends. */
		request->left = 0;
		return strcasecmp(coding, "chunked") == 0 && !*length ? VTR_OK : VTR_ERR_PROTOCOL;
	}
	request->has_length = true;
	request->length = 0;
	if (*length && parse_number(length, &request->length) != VTR_OK) {
		return VTR_ERR_PROTOCOL;
	}
	request->left = request->length;
	return VTR_OK;
}

static enum vtr_err parse_head(struct vtr_dav_request *request)
{
	char *at = request->head;
	enum vtr_err err;

	for (int i = 0; i < VTR_DAV_HEADER_COUNT; i++) {
		request->headers[i] = "";
	}
	request->has_length = false;
	request->from_page = false;
	if (memchr(at, '\0', request->head_size)) {
		return VTR_ERR_PROTOCOL;
	}
	at[request->head_size] = '\0';
	err = parse_first_line(request, cut_line(&at));
	while (err == VTR_OK) {
		char *line = cut_line(&at);
		if (!*line) {
			break;
		}
		err = parse_header(request, line);
	}
	return err == VTR_OK ? plan_body(request) : err;
}

/* Returns: whether the head ends with an empty line. */
static bool is_head_complete(const struct vtr_dav_request *request)
{
	const char *head = request->head;
	const size_t size = request->head_size;

	return (size >= 2 && memcmp(head + size - 2, "\n\n", 2) == 0) ||
	       (size >= 3 && memcmp(head + size - 3, "\n\r\n", 3) == 0);
}

static enum vtr_err take_head(struct vtr_dav_request *request, const uint8_t **bytes, size_t *size)
{
	enum vtr_err err;

	while (add_line(request, bytes, size, &err)) {
		const char *head = request->head;
		if (request->head_size == 1 || (request->head_size == 2 && head[0] == '\r')) {
			request->head_size = 0; /* an empty line between requests */
		} else if (is_head_complete(request)) {
			request->state = HEAD_DONE;
			return parse_head(request);
		}
	}
	return err;
}

/* --- the body ---------------------------------------------------------------------------------------- */

/* The next character between chunks. Returns: VTR_ERR_PROTOCOL, VTR_ERR_LIMIT. */
static enum vtr_err take_between(struct vtr_dav_request *request, char c)
{
	const bool is_end = c == '\n';

	if (++request->between > MAX_BETWEEN) {
		return VTR_ERR_LIMIT;
	}
	switch (request->state) {
	case IN_CHUNK_SIZE:
		if (digit_of(c) < 16) {
			request->left = request->left * 16 + digit_of(c);
			request->line++;
			return request->left <= MAX_LENGTH ? VTR_OK : VTR_ERR_PROTOCOL;
		}
		request->state = IN_CHUNK_EXTENSION;
		if (request->line == 0 || !strchr("; \t\r\n", c)) {
			return VTR_ERR_PROTOCOL;
		}
		break;
	case AFTER_CHUNK:
		request->state = is_end ? IN_CHUNK_SIZE : AFTER_CHUNK;
		request->line = 0;
		return is_end || c == '\r' ? VTR_OK : VTR_ERR_PROTOCOL;
	case IN_TRAILER:
		request->state = is_end && request->line == 0 ? AT_END : IN_TRAILER;
		request->line = is_end ? 0 : request->line + (c != '\r');
		return VTR_OK;
	default:
		break;
	}
	if (is_end) { /* of the line with the size */
		request->state = request->left > 0 ? IN_CHUNK : IN_TRAILER;
		request->line = 0;
		request->between = request->left > 0 ? 0 : request->between;
	}
	return VTR_OK;
}

/* Takes a piece of the body or of a chunk. Returns: VTR_ERR_AGAIN. */
static enum vtr_err take_piece(struct vtr_dav_request *request, const uint8_t **bytes, size_t *size,
                               const uint8_t **out_bytes, size_t *out_size)
{
	const size_t part = vtr_min(*size, request->left < SIZE_MAX ? (size_t)request->left : SIZE_MAX);

	if (part == 0) {
		return VTR_ERR_AGAIN;
	}
	*out_bytes = *bytes;
	*out_size = part;
	*bytes += part;
	*size -= part;
	request->left -= part;
	if (request->left == 0) {
		request->state = request->state == IN_CHUNK ? AFTER_CHUNK : AT_END;
	}
	return VTR_OK;
}

static void begin_body(struct vtr_dav_request *request)
{
	request->line = 0;
	request->between = 0;
	if (!request->has_length) {
		request->state = IN_CHUNK_SIZE;
	} else {
		request->state = request->left > 0 ? IN_BODY : AT_END;
	}
}

enum vtr_err vtr_dav_request_take(struct vtr_dav_request *request, const uint8_t **bytes, size_t *size,
                                  enum vtr_dav_part *out_part, const uint8_t **out_bytes, size_t *out_size)
{
	enum vtr_err err = VTR_OK;

	if (request->state == IN_HEAD) {
		*out_part = VTR_DAV_PART_HEAD;
		return take_head(request, bytes, size);
	}
	if (request->state == HEAD_DONE) {
		begin_body(request);
	}
	while (err == VTR_OK && request->state != AT_END) {
		if (request->state == IN_BODY || request->state == IN_CHUNK) {
			*out_part = VTR_DAV_PART_BODY;
			return take_piece(request, bytes, size, out_bytes, out_size);
		}
		if (*size == 0) {
			return VTR_ERR_AGAIN;
		}
		err = take_between(request, (char)**bytes);
		*bytes += 1;
		*size -= 1;
	}
	if (err == VTR_OK) {
		*out_part = VTR_DAV_PART_END;
	}
	return err;
}

/* --- paths ------------------------------------------------------------------------------------------- */

/* Returns: the host in a URL; NULL: it has none. */
static const char *find_host(const char *url)
{
	const char *host = strstr(url, "://");

	return url[0] == '/' || !host ? NULL : host + 3;
}

static const char *skip_host(const char *url)
{
	const char *host = find_host(url);

	return host ? host + strcspn(host, "/?#") : url;
}

static bool ends_with(const char *name, size_t size, const char *end)
{
	const size_t end_size = strlen(end);

	return size >= end_size && strncasecmp(name + size - end_size, end, end_size) == 0;
}

bool vtr_dav_host_is_local(const char *host)
{
	size_t size = strcspn(host, ":/?#");

	if (host[0] == '[' || strspn(host, "0123456789.") == size) {
		return true; /* an address */
	}
	size -= host[size - 1] == '.';
	return !memchr(host, '.', size) || ends_with(host, size, ".local") ||
	       ends_with(host, size, ".localhost");
}

bool vtr_dav_url_is_local(const char *url)
{
	const char *host = find_host(url);

	return !host || vtr_dav_host_is_local(host);
}

/* Decodes one character. Returns: how many of the text it takes; 0: it is malformed. */
static size_t decode(const char *at, char *out)
{
	if (*at != '%') {
		*out = *at;
		return 1;
	}
	const unsigned high = digit_of(at[1]);
	const unsigned low = high < 16 ? digit_of(at[2]) : 16;
	*out = (char)(high * 16 + low);
	return high < 16 && low < 16 ? 3 : 0;
}

enum vtr_err vtr_dav_decode_path(const char *url, char *out_path)
{
	const char *at = skip_host(url);
	size_t size = 0;
	size_t begin = 0; /* of the current name */

	while (*at && !strchr("?#", *at)) {
		const bool separates = *at == '/';
		char c;
		const size_t step = decode(at, &c);
		if (step == 0 || (c == '/' && !separates)) {
			return VTR_ERR_INVALID;
		}
		at += step;
		if (separates && size == begin) {
			continue; /* the first one, or several */
		}
		if (separates && !vtr_dav_name_is_valid(out_path + begin, size - begin)) {
			return VTR_ERR_INVALID;
		}
		if (size >= VTR_DAV_MAX_PATH) {
			return VTR_ERR_LIMIT;
		}
		out_path[size++] = c;
		begin = separates ? size : begin;
	}
	if (size > begin && !vtr_dav_name_is_valid(out_path + begin, size - begin)) {
		return VTR_ERR_INVALID;
	}
	out_path[size > begin || size == 0 ? size : size - 1] = '\0';
	return VTR_OK;
}
