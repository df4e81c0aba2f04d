/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "encode/h264_sps.h"
#include "web/agent_message.h"
#include "web/folder_message.h"
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

static void check_name(const struct vtr_message *message)
{
	struct vtr_people people = { 0 };
	struct vtr_person *person = vtr_people_join(&people, VTR_PERSON_WATCHES);

	vtr_assert(message->name.size <= VTR_PERSON_NAME_MAX);
	if (vtr_people_name(&people, person, message->name.utf8, message->name.size)) {
		vtr_assert(person->name_size <= message->name.size);
		for (size_t i = 0; i < person->name_size; i++) {
			vtr_assert((uint8_t)person->name[i] >= ' ' && person->name[i] != 0x7f);
		}
		uint8_t kept[VTR_PERSON_NAME_MAX];
		size_t size = person->name_size;
		memcpy(kept, person->name, size);
		/* What is kept is a name. */
		vtr_assert(vtr_people_name(&people, person, kept, size) && person->name_size == size);
	}
}

/* Encoders are not hostile, but a wrong step here would be in every stream. */
static void check_unit(const uint8_t *bytes, size_t size)
{
	static const struct vtr_h264_rates rates = { .fps = 60, .bitrate = 8000000 };
	uint8_t *copy = malloc(size + VTR_H264_SPS_GROWTH);
	uint8_t *again = malloc(size + 2 * VTR_H264_SPS_GROWTH);

	vtr_assert(copy && again);
	size_t once = vtr_h264_copy_live(bytes, size, &rates, copy);
	vtr_assert(once <= size + VTR_H264_SPS_GROWTH);
	vtr_assert(vtr_h264_copy_live(copy, once, &rates, again) <= once + VTR_H264_SPS_GROWTH);
	free(copy);
	free(again);
}

static void check_message(const uint8_t *bytes, size_t size)
{
	struct vtr_message message;
	struct vtr_agent_message of_agent;
	struct vtr_folder_message of_folder;
	char codec[VTR_CODEC_MAX];

	if (vtr_agent_message_parse(bytes, size, &of_agent) == VTR_OK) {
		vtr_assert(of_agent.bytes_size <= VTR_AGENT_MESSAGE_PIECE_IN);
		vtr_assert(of_agent.type >= VTR_AGENT_MESSAGE_FIRST &&
		           of_agent.type <= VTR_AGENT_MESSAGE_LAST);
		vtr_assert(of_agent.selection < VTR_AGENT_SELECTIONS);
		vtr_assert(of_agent.type != VTR_AGENT_MESSAGE_OFFER ||
		           of_agent.size <= VTR_AGENT_MAX_CLIPBOARD);
	}
	if (vtr_folder_message_parse(bytes, size, &of_folder) == VTR_OK) {
		vtr_assert(of_folder.bytes_size <= VTR_FOLDER_MESSAGE_PIECE_IN);
		vtr_assert(of_folder.type >= VTR_FOLDER_MESSAGE_FIRST &&
		           of_folder.type <= VTR_FOLDER_MESSAGE_LAST);
	}
	if (vtr_message_parse(bytes, size, &message) == VTR_OK) {
		vtr_assert(size <= VTR_MESSAGE_MAX_IN && message.display < VTR_MAX_DISPLAYS);
		vtr_assert(message.type != VTR_MESSAGE_KEY || message.input.code <= VTR_INPUT_MAX_CODE);
		if (message.type == VTR_MESSAGE_NAME) {
			check_name(&message);
		}
	}
	check_unit(bytes, size);
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
