/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "webdav/client.h"

/* --- GET --------------------------------------------------------------------------------------------- */

struct range {
	uint64_t at, size;
};

/* Returns: whether `text` begins with a number; moves behind it. */
static bool take_number(const char **text, uint64_t *out_number)
{
	uint64_t number = 0;
	const char *at = *text;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (number > UINT64_MAX / 100) {
			return false;
		}
		number = number * 10 + (uint64_t)(*at - '0');
	}
	*out_number = number;
	const bool found = at > *text;
	*text = at;
	return found;
}

/* Parses the header Range. Returns: 200: all is wanted (several ranges, or nonsense, are ignored); 206: out_range is
 * set; 416: it lies outside of the file. */
static unsigned parse_range(const char *text, uint64_t size, struct range *out_range)
{
	uint64_t first;
	uint64_t last;

	if (strncasecmp(text, "bytes=", 6) != 0) {
		return 200;
	}
	text += 6;
	const bool has_first = take_number(&text, &first);
	if (*text++ != '-') {
		return 200;
	}
	bool has_last = take_number(&text, &last);
	if (*text || (!has_first && !has_last) || (has_first && has_last && last < first)) {
		return 200;
	}
	if (!has_first) { /* the last ones */
		first = last < size ? size - last : 0;
		has_last = false;
	}
	if (first >= size) {
		return 416;
	}
	if (!has_last || last >= size) {
		last = size - 1;
	}
	*out_range = (struct range){ .at = first, .size = last - first + 1 };
	return 206;
}

unsigned vtr_dav_get(struct vtr_dav *dav, struct vtr_dav_client *client, const struct vtr_dav_place *place)
{
	const struct vtr_dav_request *request = &client->request;
	const char *same = request->headers[VTR_DAV_IF_RANGE];
	const struct vtr_dav_node *node = place->node;
	char etag[VTR_DAV_ETAG];
	char time[VTR_DAV_TIME];

	if (!node || vtr_dav_node_is_folder(node)) {
		return node ? 405 : 404; /* a list in HTML would be for browsers, which are refused */
	}
	const uint64_t size = node->contents->size;
	struct range range = { .at = 0, .size = size };
	unsigned status = 200;
	vtr_dav_etag(dav, node, etag);
	if (!*same || strcmp(same, etag) == 0) {
		status = parse_range(request->headers[VTR_DAV_RANGE], size, &range);
	}
	vtr_dav_answer_begin(client, status);
	struct vtr_dav_text *head = &client->answer.text;
	if (status == 416) {
		vtr_dav_text_format(head, "Content-Range: bytes */%llu\r\n", (unsigned long long)size);
		vtr_dav_answer_end_head(client, 0);
		return 0;
	}
	if (status == 206) {
		vtr_dav_text_format(
			head, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)range.at,
			(unsigned long long)(range.at + range.size - 1), (unsigned long long)size);
	}
	vtr_dav_format_time(node->modified_s, time);
	vtr_dav_text_format(head,
	                    "Content-Type: application/octet-stream\r\nX-Content-Type-Options: nosniff\r\n"
	                    "Accept-Ranges: bytes\r\nETag: %s\r\nLast-Modified: %s\r\n",
	                    etag, time);
	vtr_dav_answer_end_head(client, range.size);
	if (request->method == VTR_DAV_GET && range.size > 0) {
		client->answer.contents = vtr_dav_contents_ref(node->contents);
		client->answer.at = range.at;
		client->answer.left = range.size;
	}
	return 0;
}

/* --- PUT --------------------------------------------------------------------------------------------- */

/* Returns: 0, or the status of the answer. */
static unsigned check_target(const struct vtr_dav_place *place)
{
	if (place->node) {
		return vtr_dav_node_is_folder(place->node) ? 405 : 0;
	}
	return place->parent ? 0 : 409;
}

unsigned vtr_dav_begin_put(struct vtr_dav *dav, struct vtr_dav_client *client,
                           const struct vtr_dav_place *place)
{
	struct vtr_budget *budget = &dav->folder->budget;
	const unsigned status = check_target(place);

	if (status != 0) {
		return status;
	}
	if (*client->request.headers[VTR_DAV_CONTENT_RANGE]) {
		return 400; /* a part would become the whole */
	}
	if ((client->request.has_length && client->request.length > vtr_budget_left(budget, budget->limit)) ||
	    vtr_dav_contents_create(budget, &client->upload) != VTR_OK) {
		return 507;
	}
	return 0;
}

unsigned vtr_dav_end_put(struct vtr_dav *dav, struct vtr_dav_client *client,
                         const struct vtr_dav_place *place)
{
	struct vtr_dav_node *node = place->node;
	const unsigned status = check_target(place);
	char etag[VTR_DAV_ETAG];

	if (status != 0) {
		return status;
	}
	vtr_dav_contents_complete(client->upload);
	if (node) {
		vtr_dav_folder_replace(dav->folder, node, client->upload);
	} else if (vtr_dav_folder_add(dav->folder, place->parent, place->name, strlen(place->name),
	                              client->upload, &node) != VTR_OK) {
		return 507;
	}
	client->upload = NULL;
	vtr_dav_etag(dav, node, etag);
	vtr_dav_answer_begin(client, place->node ? 204 : 201);
	vtr_dav_text_format(&client->answer.text, "ETag: %s\r\n", etag);
	if (place->node) {
		vtr_dav_text_format(&client->answer.text, "\r\n");
	} else {
		vtr_dav_answer_end_head(client, 0);
	}
	return 0;
}
