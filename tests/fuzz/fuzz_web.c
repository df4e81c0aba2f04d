/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "web/message.h"
#include "web/mode_request.h"
#include "web/origin_check.h"

/*
 * What the web server reads itself of a request: a line that is taken for Host, one for Origin, and the
 * rest for the body of a PUT. What is refused may be anything; what is taken must be what it claims.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINE_MAX_BYTES 128

/* Takes a line, as a string. Returns: how many bytes that was. */
static size_t take_line(const uint8_t *data, size_t size, char line[LINE_MAX_BYTES])
{
	const uint8_t *end = memchr(data, '\n', size);
	size_t length = end ? (size_t)(end - data) : size;
	size_t kept = length < LINE_MAX_BYTES ? length : LINE_MAX_BYTES - 1;

	memcpy(line, data, kept);
	line[kept] = '\0';
	return end ? length + 1 : length;
}

static void check_sender(const char *host, const char *origin)
{
	static const struct vtr_origin_check local = { 0 };
	static const struct vtr_origin_check remote = { .tls = true, .remote = true, .names = "a.example,b" };

	if (vtr_origin_check_host(&local, host)) {
		vtr_assert(vtr_origin_check_host(&remote, host));
		/* No name of anybody else's can look like this. */
		vtr_assert(strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
		           (strlen(host) >= 9 && (host[0] | 0x20) == 'l'));
		vtr_assert(strchr(host, '/') == NULL && strchr(host, '@') == NULL);
	}
	if (vtr_origin_check_host(&remote, host)) {
		vtr_assert(strchr(host, '/') == NULL && strchr(host, '@') == NULL);
	}
	if (vtr_origin_check_origin(&local, origin, host)) {
		vtr_assert(strlen(origin) == strlen("http://") + strlen(host));
	}
}

static void check_message(const uint8_t *bytes, size_t size)
{
	struct vtr_message message;
	char codec[VTR_CODEC_MAX];

	if (vtr_message_parse(bytes, size, &message) == VTR_OK) {
		vtr_assert(size <= VTR_MESSAGE_MAX_IN && message.display < VTR_MAX_DISPLAYS);
		vtr_assert(message.type != VTR_MESSAGE_KEY || message.input.code <= VTR_INPUT_MAX_CODE);
	}
	if (vtr_message_codec(bytes, size, codec) == VTR_OK) {
		vtr_assert(strlen(codec) == VTR_CODEC_MAX - 1 && strncmp(codec, "avc1.", 5) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char host[LINE_MAX_BYTES];
	char origin[LINE_MAX_BYTES];
	struct vtr_mode_request wish;
	size_t at = 0;

	at += take_line(data, size, host);
	at += take_line(data + at, size - at, origin);
	check_sender(host, origin);
	/* In memory of just that size, so that ASan sees the end. */
	char *body = malloc(size - at + 1);
	vtr_assert(body != NULL);
	memcpy(body, data + at, size - at);
	char *exact = realloc(body, size - at > 0 ? size - at : 1);
	vtr_assert(exact != NULL);
	check_message((const uint8_t *)exact, size - at);
	if (vtr_mode_request_parse(exact, size - at, &wish) == VTR_OK) {
		vtr_assert(wish.has_connected || wish.has_width || wish.has_height);
		vtr_assert(wish.width <= 999999999 && wish.height <= 999999999);
	}
	free(exact);
	return 0;
}
