/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "webdav/client.h"

static const struct {
	unsigned status;
	const char *text;
} texts[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 204, "No Content" },
	{ 206, "Partial Content" },
	{ 207, "Multi-Status" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 409, "Conflict" },
	{ 412, "Precondition Failed" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 416, "Range Not Satisfiable" },
	{ 423, "Locked" },
	{ 431, "Request Header Fields Too Large" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 507, "Insufficient Storage" },
};

static const char *text_of(unsigned status)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(texts); i++) {
		if (texts[i].status == status) {
			return texts[i].text;
		}
	}
	return "Error";
}

void vtr_dav_answer_begin(struct vtr_dav_client *client, unsigned status)
{
	struct vtr_dav_text *text = &client->answer.text;
	char date[VTR_DAV_TIME];

	vtr_dav_answer_finish(client);
	vtr_dav_format_time(time(NULL), date);
	vtr_dav_text_format(text, "HTTP/1.1 %u %s\r\nDate: %s\r\nServer: vitrine\r\n", status,
	                    text_of(status), date);
	if (client->broken) {
		vtr_dav_text_format(text, "Connection: close\r\n");
	}
}

void vtr_dav_answer_end_head(struct vtr_dav_client *client, uint64_t length)
{
	vtr_dav_text_format(&client->answer.text, "Content-Length: %llu\r\n\r\n", (unsigned long long)length);
}

bool vtr_dav_answer_has_room(const struct vtr_dav *dav, size_t size)
{
	const struct vtr_dav_client *client;
	size_t all = size;

	vtr_list_for_each (client, &dav->clients, node) {
		all += client->answer.text.size;
	}
	return all <= VTR_DAV_MAX_ANSWERS;
}

void vtr_dav_answer_text(struct vtr_dav *dav, struct vtr_dav_client *client, const char *type,
                         struct vtr_dav_text *body)
{
	if (body->failed || !vtr_dav_answer_has_room(dav, body->size)) {
		vtr_dav_answer_status(client, 503);
	} else {
		vtr_dav_text_format(&client->answer.text, "Content-Type: %s\r\n", type);
		vtr_dav_answer_end_head(client, body->size);
		if (client->request.method != VTR_DAV_HEAD) {
			vtr_dav_text_add(&client->answer.text, body->bytes, body->size);
		}
	}
	vtr_dav_text_finish(body);
}

void vtr_dav_answer_status(struct vtr_dav_client *client, unsigned status)
{
	vtr_dav_answer_begin(client, status);
	if (status == 405) {
		vtr_dav_text_format(&client->answer.text, "Allow: " VTR_DAV_METHODS "\r\n");
	}
	if (status == 204 || status == 304) {
		vtr_dav_text_format(&client->answer.text, "\r\n"); /* these have no body */
	} else {
		vtr_dav_answer_end_head(client, 0);
	}
}

bool vtr_dav_answer_is_due(const struct vtr_dav_client *client)
{
	return client->answer.sent < client->answer.text.size || client->answer.contents;
}

void vtr_dav_answer_finish(struct vtr_dav_client *client)
{
	vtr_dav_text_finish(&client->answer.text);
	vtr_dav_contents_unref(client->answer.contents);
	client->answer = (struct vtr_dav_answer){ .sent = 0 };
}

size_t vtr_dav_answer_take(struct vtr_dav_client *client, uint8_t *out, size_t room)
{
	struct vtr_dav_answer *answer = &client->answer;
	size_t part = vtr_min(answer->text.size - answer->sent, room);

	if (part > 0) {
		memcpy(out, answer->text.bytes + answer->sent, part);
		answer->sent += part;
	} else if (answer->contents) {
		part = answer->left < room ? (size_t)answer->left : room;
		vtr_dav_contents_read(answer->contents, answer->at, out, part);
		answer->at += part;
		answer->left -= part;
	}
	if (answer->sent == answer->text.size && answer->left == 0) {
		vtr_dav_answer_finish(client);
	}
	return part;
}
